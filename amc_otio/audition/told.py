"""From proposals to what the page is told. No media is read: positions come from the file, sounds from `stretch`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import PurePath
from typing import Final

from amc_otio import __version__
from amc_otio.audition.reasons import reasons_of
from amc_otio.audition.records import (
    PAGE_VERSION,
    EditPointTold,
    Meeting,
    Now,
    Refused,
    Stretch,
    Take,
    Told,
)
from amc_otio.config import ANALYSIS_RATE, METHODS
from amc_otio.joining.fades import FADE_LAWS
from amc_otio.proposals.decisions import content_hash
from amc_otio.proposals.records import Candidate, MediaRecord, Proposal, Proposals, Refusal, ShotRecord
from amc_otio.timeline.rational import from_seconds
from amc_otio.timeline.timecode import can_drop, format_timecode, infer_drop, nominal

_FASTEST: Final = 240
"""Frames a second up to which timecode is read by anybody."""
Stretches = Callable[[str], Stretch | None]
"""The stretch of a segment's id, or None where there is no such sound."""


def told(
    proposals: Proposals,
    stretch: Stretches,
    *,
    file: str,
    live: bool,
    no_timeline: str | None = None,
    excludes: Mapping[int, tuple[int, ...]] | None = None,
    sha256: str | None = None,
) -> Told:
    """Return what the page lists.

    Parameters
    ----------
    stretch
        Gives the stretch of an id such as ``"3.out"`` (`amc_otio.audition.records.Stretch`).
    file
        Name of the proposals file.
    live
        Whether a server answers; else the page is a file.
    no_timeline
        Why joins cannot be found anew and nothing can be written, in words; None where both can.
    excludes
        Which edit points cannot be cut together (`amc_otio.choices.rivals`); None where nobody knows.
    sha256
        What `content_hash` gives for the proposals, where it is known already.
    """
    against = excludes or {}
    timeline, join = proposals.timeline, proposals.settings.join
    return Told(
        version=PAGE_VERSION,
        tool=__version__,
        name=timeline.name or PurePath(timeline.path).stem,
        file=file,
        rate=timeline.rate,
        fixed_fade=round(join.fade_s * ANALYSIS_RATE),
        method=join.method,
        methods=METHODS,
        laws=FADE_LAWS,
        proposals_sha256=content_hash(proposals) if sha256 is None else sha256,
        timeline_sha256=timeline.sha256,
        live=live,
        no_timeline=no_timeline,
        points=tuple(
            replace(_point(number, proposal, timeline.rate, stretch), excludes=against.get(number, ()))
            for number, proposal in enumerate(proposals.proposals, 1)
        ),
    )


def meeting_of(candidate: Candidate) -> Meeting:
    """A candidate's join on the clocks of the two files."""
    join = candidate.join
    return Meeting(
        method=join.method,
        out_at=candidate.query_start + join.out_point,
        in_at=candidate.window_start + join.in_point,
        fade_before=join.fade_before,
        fade_after=join.fade_after,
        law=join.fade_law,
        gain_db=join.gain_db,
        glide=join.glide,
        slip=join.slip,
        room=candidate.room,
        length=None if candidate.length is None else round(candidate.length * ANALYSIS_RATE),
        moved_ms=join.moved_ms,
    )


def source_time(time: Fraction, media: MediaRecord) -> str:
    """A moment of a file as editors write it: timecode where it has a picture, else hours to milliseconds.

    Parameters
    ----------
    time
        On the media's clock, in seconds.
    """
    if not media.has_picture or media.rate > _FASTEST or nominal(media.rate) is None:
        return clock_time(time)
    drop = infer_drop(media.rate, from_seconds(media.start, media.rate)) if can_drop(media.rate) else False
    return format_timecode(from_seconds(time, media.rate), media.rate, drop)


def clock_time(time: Fraction) -> str:
    """``hh:mm:ss.mmm``."""
    thousandths = round(abs(time) * 1000)
    seconds, rest = divmod(thousandths, 1000)
    sign = "-" if time < 0 and thousandths else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"


def _point(number: int, proposal: Proposal, rate: Fraction, stretch: Stretches) -> EditPointTold:
    point = proposal.point
    shared = stretch(f"{number}.out")
    own = {shot.path for shot in (point.outgoing, point.incoming) if shot is not None}
    takes = (_take(number, candidate, rate, shared, stretch, own) for candidate in proposal.candidates)
    return EditPointTold(
        number=number,
        id=point.id,
        timecode=point.timecode,
        track=point.track,
        outgoing=point.outgoing.name,
        incoming=point.incoming.name if point.incoming is not None else None,
        out_from=_sample(point.outgoing.used_from, point.outgoing),
        refusal=proposal.refusal,
        sound=shared,
        present=_now(number, proposal, stretch),
        takes=tuple(take for take in takes if take is not None),
        refused=tuple(_refused(one) for one in proposal.refused),
    )


def _take(
    number: int, candidate: Candidate, rate: Fraction, shared: Stretch | None, stretch: Stretches, own: set[str | None]
) -> Take | None:
    name = f"{number}.{candidate.rank}"
    outgoing, incoming = stretch(f"{name}.out") or shared, stretch(f"{name}.in")
    if outgoing is None or incoming is None:
        return None
    media, scores = candidate.media, candidate.scores
    return Take(
        rank=candidate.rank,
        name=media.name,
        path=media.path,
        source_time=source_time(candidate.in_time, media),
        similarity=scores.similarity,
        score=scores.score,
        bars=reasons_of(scores, rate),
        level_step_lu=scores.level_step_lu,
        level_step_db=scores.level_step_db,
        spectral_step_db=scores.spectral_step_db,
        head_handle_frames=scores.head_handle_frames,
        tail_handle_frames=scores.tail_handle_frames,
        reasons=candidate.reasons,
        outgoing=outgoing,
        incoming=incoming,
        meeting=meeting_of(candidate),
        same_source=media.path in own,
    )


def _now(number: int, proposal: Proposal, stretch: Stretches) -> Now | None:
    present, point = proposal.present, proposal.point
    if present is None or point.incoming is None:
        return None
    return Now(
        name=present.name,
        similarity=present.similarity,
        score=present.score,
        level_step_lu=present.level_step_lu,
        out_at=_sample(point.outgoing.used_to, point.outgoing),
        in_at=_sample(point.incoming.used_from, point.incoming),
        incoming=stretch(f"{number}.present"),
    )


def _refused(one: Refusal) -> Refused:
    time = clock_time(Fraction(one.window_start, ANALYSIS_RATE))
    return Refused(one.name, one.path, time, one.similarity, one.reason, one.missing_frames)


def _sample(time: Fraction, shot: ShotRecord) -> int:
    """A moment of a shot on its file's sound, in samples at 48 kHz."""
    return round((time - shot.media_start) * ANALYSIS_RATE)
