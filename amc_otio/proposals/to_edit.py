"""From a chosen candidate to an edit in the timeline's own words."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from amc_otio.config import ANALYSIS_RATE, Settings
from amc_otio.joining.fades import Room
from amc_otio.proposals.records import Candidate, Proposal
from amc_otio.timeline.edits import Edit, RetrievedShot
from amc_otio.timeline.rational import from_seconds

_OFFSETS: Final = ("exact", "frames", "equal frames")


def edit_of(proposal: Proposal, candidate: Candidate, settings: Settings, rate: Fraction, offsets: str) -> Edit:
    """Turn a chosen candidate into an edit.

    Parameters
    ----------
    rate
        The timeline's edit rate.
    offsets
        "exact" keeps the fade's offsets as they are, "frames" rounds each to whole frames, "equal frames" also makes
        them equal, by moving the cut to the middle of the fade, as formats need that re-centre what is not
        (docs/formats.md).

    Raises
    ------
    ValueError
        When `offsets` is none of these.
    """
    if offsets not in _OFFSETS:
        raise ValueError(f"offsets {offsets!r} are none of {', '.join(_OFFSETS)}")
    join = candidate.join
    before = Fraction(join.fade_before, ANALYSIS_RATE)
    after = Fraction(join.fade_after, ANALYSIS_RATE)
    move = Fraction(0)
    if offsets == "frames":
        before, after = whole(before, after, rate, candidate.room)
    elif offsets == "equal frames":
        before, after, move = symmetric(before, after, rate, candidate.room)
    media = candidate.media
    edit = settings.edit
    shot = None
    if edit.mode != "align":
        shot = RetrievedShot(
            name=media.name,
            target_url=media.target_url,
            media_start=from_seconds(media.start, media.rate),
            media_duration=from_seconds(media.duration, media.rate),
            in_time=from_seconds(candidate.in_time + move, media.rate),
            has_picture=media.has_picture,
            channels=media.channels,
        )
    point = proposal.point
    similarity = candidate.scores.similarity
    fade_ms = float(before + after) * 1000
    moved_out, moved_in = join.moved_ms
    return Edit(
        name=point.id,
        mode=edit.mode,
        cuts=point.cuts,
        record_time=point.record_time,
        cut_shift=candidate.cut_shift + move,
        shot=shot,
        in_shift=candidate.in_shift + move,
        length=None if candidate.length is None else candidate.length - move,
        fade_before=before,
        fade_after=after,
        ripple=edit.ripple,
        gain_db=join.gain_db,
        glide=Fraction(join.glide, ANALYSIS_RATE),
        summary=(
            f"{media.name} at {float(candidate.in_time - media.start):.3f} s, "
            f"similarity {similarity:.3f}, fade {fade_ms:.0f} ms"
        ),
        metadata={
            "edit_point": point.id,
            "mode": edit.mode,
            "rank": candidate.rank,
            "source": media.path,
            "similarity": round(similarity, 6),
            "method": join.method,
            "sample_rate": ANALYSIS_RATE,
            "out_sample": candidate.query_start + join.out_point,
            "in_sample": candidate.window_start + join.in_point,
            "exact_out_sample": candidate.query_start + join.exact_out,
            "exact_in_sample": candidate.window_start + join.exact_in,
            "grid_moved_ms": [round(moved_out, 3), round(moved_in, 3)],
            "fade_before_samples": join.fade_before,
            "fade_after_samples": join.fade_after,
            "fade_law": join.fade_law,
            "slip_samples": join.slip,
            "gain_db": round(join.gain_db, 3),
            "glide_samples": join.glide,
            "clamped_by": list(join.clamped_by),
            "cut_moved_for_format_s": str(move),
        },
    )


def symmetric(before: Fraction, after: Fraction, rate: Fraction, room: Room) -> tuple[Fraction, Fraction, Fraction]:
    """Make a fade's offsets equal whole frames, keeping its place and length as nearly as frames allow.

    Returns
    -------
    tuple of Fraction
        Offset before, offset after (equal), and how far the cut moves to the fade's middle; all in seconds.
    """
    if not before and not after:
        return before, after, Fraction(0)
    move = Fraction(round((after - before) / 2 * rate), 1) / rate
    half = round((before + after) / 2 * rate)
    widest_before = Fraction(room.before, ANALYSIS_RATE) + move
    widest_after = Fraction(room.after, ANALYSIS_RATE) - move
    half = min(half, int(widest_before * rate), int(widest_after * rate))
    if half <= 0:
        # Shorter than two frames: a plain cut at the point that was found.
        return Fraction(0), Fraction(0), Fraction(0)
    offset = Fraction(half, 1) / rate
    return offset, offset, move


def whole(before: Fraction, after: Fraction, rate: Fraction, room: Room) -> tuple[Fraction, Fraction]:
    """Round a fade's offsets to whole frames that the handles hold; both in seconds."""
    most_before, most_after = Fraction(room.before, ANALYSIS_RATE), Fraction(room.after, ANALYSIS_RATE)
    one, other = min(round(before * rate), int(most_before * rate)), min(round(after * rate), int(most_after * rate))
    return Fraction(max(one, 0)) / rate, Fraction(max(other, 0)) / rate
