"""Bouncing the edits of a run: files beside the timeline, tracks on it, what they replace silenced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from amc_otio.bounce.files import check_files, file_name, url_like
from amc_otio.bounce.plan import Bounce, Chosen, plan_bounces
from amc_otio.bounce.render import Rendered, render_together
from amc_otio.bounce.sides import Facts
from amc_otio.codec import encode
from amc_otio.config import MUTES
from amc_otio.errors import MediaError, UsageError
from amc_otio.formats.mute import keeps_mute
from amc_otio.media.bwf import Broadcast, write_bwf
from amc_otio.media.locate import Locator
from amc_otio.proposals import Proposals, ShotRecord
from amc_otio.timeline.apply import Applied
from amc_otio.timeline.audio_rate import stated_audio_rate
from amc_otio.timeline.beside import Beside
from amc_otio.timeline.bounce_track import BOUNCE, BounceClip, add_bounce_track, bounce_label
from amc_otio.timeline.clock import start_seconds
from amc_otio.timeline.muting import mute_span
from amc_otio.timeline.undo import Record
from amc_otio.timeline.walk import target_url


@dataclass(frozen=True)
class BounceFile:
    """A bounce as it was written: for people, for the sidecar and for the clip's metadata.

    Samples count from the file's first, at its own rate, but for `slip_samples` at 48 kHz.

    Attributes
    ----------
    path
        The file.
    edit_point, track
        "A1:3", and the track that it plays for.
    rate, channels, layout
        Of the file; FFmpeg's name of the layout.
    time_reference
        Samples from midnight of the timeline's timecode to the first one.
    samples
        Its length.
    plays_first_sample, plays_samples
        What of it the timeline plays; the rest is handles.
    point_sample
        Where the two sounds meet.
    fade_first_sample, fade_last_sample
        Of the fade; None for a plain cut.
    fade_law, gain_db, glide_samples, slip_samples
        As in the join; what was not possible is 0.
    lowered_db
        By how much peaks of the blend were lowered to stay below full scale.
    muted
        ``off`` where what it replaces is switched off on the timeline, ``gap`` where a gap is left.
    outgoing, incoming
        The files it was made of; None where nothing plays.
    outgoing_sample, incoming_sample
        Sample at this rate of each of them that the file's sample 0 stands for.
    """

    path: str
    edit_point: str
    track: str
    rate: int
    channels: int
    layout: str
    time_reference: int
    samples: int
    plays_first_sample: int
    plays_samples: int
    point_sample: int
    fade_first_sample: int | None
    fade_last_sample: int | None
    fade_law: str
    gain_db: float
    glide_samples: int
    slip_samples: int
    lowered_db: float
    muted: str
    outgoing: str | None
    incoming: str | None
    outgoing_sample: int
    incoming_sample: int


@dataclass(frozen=True)
class Bounces:
    """What bouncing made: facts on the files, undo records, notes.

    `media` are the files by target URL, where they are before they are in place.
    """

    files: tuple[BounceFile, ...] = ()
    records: tuple[Record, ...] = ()
    notes: tuple[str, ...] = ()
    media: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class _Made:
    """A bounce and its file."""

    bounce: Bounce
    url: str
    facts: BounceFile


def bounced(
    before: otio.schema.Timeline,
    applied: Applied,
    chosen: Sequence[Chosen],
    proposals: Proposals,
    output: Path,
    mute: str,
    force: bool,
    files: Beside | None,
) -> Bounces:
    """Render the bounces of edits, and put them on the new timeline.

    Parameters
    ----------
    before
        The timeline as it was: its files have a say in the rate.
    applied
        The new timeline, which is changed.
    output
        The new timeline's file; the bounces lie beside it.
    mute
        One of `amc_otio.config.MUTES`.
    force
        Replace files of the bounces' names.
    files
        Takes the files; None renders them, and writes nothing.

    Raises
    ------
    AmcError
    """
    if mute not in MUTES:
        raise UsageError("mute", f"'{mute}' is unknown", f"choose from {', '.join(MUTES)}")
    if not chosen:
        return Bounces()
    timeline, rate = applied.timeline, proposals.timeline.rate
    paths, earlier = _sound_files(before, proposals, output.parent)
    facts = Facts()
    rates = (stated_audio_rate(timeline), facts.rates(paths))
    groups, notes = plan_bounces(timeline, chosen, applied.cuts, proposals, rates, facts, start_seconds(timeline))
    gap = mute == "gap" or (mute == "auto" and not keeps_mute(output.suffix))
    if groups:
        notes.append(_how_muted(output.suffix, mute, gap))
    names = [[file_name(output, b.edit_point, b.site.label, b is group[0]) for b in group] for group in groups]
    media_files = [
        *paths,
        *earlier,
        *(side.path for g in groups for b in g for side in (b.outgoing, b.incoming) if side.path),
    ]
    check_files((output.parent / name for group in names for name in group), media_files, force)
    made: list[_Made] = []
    media: dict[str, Path] = {}
    for group, its_names in zip(groups, names, strict=True):
        for bounce, name, rendered in zip(group, its_names, render_together(group), strict=True):
            path = output.parent / name
            one = _Made(bounce, url_like(bounce.site.target_url, path), _facts(bounce, rendered, path, gap))
            made.append(one)
            notes += _heard_notes(one, rendered)
            if files is not None:
                media[one.url] = files.new(name)
                write_bwf(media[one.url], rendered.samples, bounce.clock.rate, bounce.layout, _about(one))
    records = _put_on(timeline, made, gap, rate)
    return Bounces(tuple(m.facts for m in made), tuple(records), tuple(dict.fromkeys(notes)), media)


def _sound_files(timeline: otio.schema.Timeline, proposals: Proposals, base: Path) -> tuple[list[Path], list[Path]]:
    """The files that the timeline's sound tracks play, as far as they are found, and those of the proposals.

    Earlier bounces come by themselves: they have no say in the rate, but may be overwritten no more than the others.
    """
    found: list[Path] = []
    bounces: list[Path] = []
    locator = Locator(base=base)
    for track in timeline.tracks:
        if track.kind != otio.schema.TrackKind.Audio:
            continue
        for clip in track.find_clips():
            url = target_url(clip)
            if url is None:
                continue
            with suppress(MediaError):
                (found if bounce_label(clip) is None else bounces).append(locator.locate(url))
    for proposal in proposals.proposals:
        point = proposal.point
        shots: list[ShotRecord | None] = [point.outgoing, point.incoming]
        shots += [shot for sound in point.linked for shot in (sound.outgoing, sound.incoming)]
        found += [Path(shot.path) for shot in shots if shot is not None and shot.path is not None]
    return list(dict.fromkeys(found)), bounces


def _how_muted(suffix: str, mute: str, gap: bool) -> str:
    if not gap:
        return (
            "what the bounces replace stays on its track, switched off; for a player that plays it all the same, use "
            "--mute gap"
        )
    if mute == "gap":
        return "gaps are left where the bounces play"
    return f"gaps are left where the bounces play: {suffix} files do not keep that a clip is switched off"


def _facts(bounce: Bounce, rendered: Rendered, path: Path, gap: bool) -> BounceFile:
    spans, clock, cover = bounce.spans, bounce.clock, bounce.cover
    faded = spans.fade_stop > spans.fade_first
    plays = clock.sample(cover.start)
    sides = [str(side.path) if side.path is not None else None for side in (bounce.outgoing, bounce.incoming)]
    return BounceFile(
        path=str(path),
        edit_point=bounce.edit_point,
        track=bounce.site.label,
        rate=clock.rate,
        channels=bounce.channels,
        layout=bounce.layout,
        time_reference=spans.first,
        samples=spans.stop - spans.first,
        plays_first_sample=plays - spans.first,
        plays_samples=clock.sample(cover.end) - plays,
        point_sample=spans.point - spans.first,
        fade_first_sample=spans.fade_first - spans.first if faded else None,
        fade_last_sample=spans.fade_stop - spans.first - 1 if faded else None,
        fade_law=bounce.how.law,
        gain_db=round(bounce.how.gain_db, 3),
        glide_samples=spans.glide if bounce.how.gain_db else 0,
        slip_samples=bounce.slip,
        lowered_db=round(rendered.lowered_db, 2),
        muted="gap" if gap else "off",
        outgoing=sides[0],
        incoming=sides[1],
        outgoing_sample=spans.first + spans.out_offset,
        incoming_sample=spans.first + spans.in_offset,
    )


def _heard_notes(made: _Made, rendered: Rendered) -> list[str]:
    where = f"{made.facts.edit_point} on {made.facts.track}"
    notes = []
    if rendered.lowered_db >= 0.005:
        notes.append(
            f"{where}: the two sounds together go over full scale by {rendered.lowered_db:.2f} dB; "
            "lowered inside the fade"
        )
    if rendered.over:
        notes.append(
            f"{where}: {rendered.over} samples of the sources themselves are over full scale, which 24 bits cannot "
            "hold; they are held at it"
        )
    return notes


def _about(made: _Made) -> Broadcast:
    facts = made.facts
    names = [Path(path).name if path is not None else "silence" for path in (facts.outgoing, facts.incoming)]
    return Broadcast(
        description=f"Audio match cut {facts.edit_point} on {facts.track}: {' > '.join(names)}",
        reference=f"{facts.edit_point} {facts.track}",
        time_reference=facts.time_reference,
    )


def _put_on(timeline: otio.schema.Timeline, made: Sequence[_Made], gap: bool, rate: Fraction) -> list[Record]:
    """Silence what the bounces replace, and add their tracks."""
    records: list[Record] = []
    by_track: dict[tuple[int, ...], list[_Made]] = defaultdict(list)
    for one in made:
        bounce = one.bounce
        first, last = bounce.cover.start - bounce.site.to_record, bounce.cover.end - bounce.site.to_record
        records.append(mute_span(timeline, bounce.site.path, first, last, bounce.edit_point, gap, rate))
        by_track[bounce.site.path].append(one)
    for path, its in sorted(by_track.items()):
        clips = [_clip(one) for one in sorted(its, key=lambda m: m.bounce.cover.start)]
        records.append(add_bounce_track(timeline, path, its[0].facts.track, clips, rate))
    return records


def _clip(made: _Made) -> BounceClip:
    bounce, facts = made.bounce, made.facts
    own = facts.edit_point.rpartition(":")[0] == facts.track
    metadata = encode(facts)
    metadata["path"] = Path(facts.path).name
    return BounceClip(
        name=f"{facts.edit_point} {BOUNCE}" if own else f"{facts.edit_point} {facts.track} {BOUNCE}",
        target_url=made.url,
        start=bounce.cover.start,
        duration=bounce.cover.end - bounce.cover.start,
        media_start=bounce.clock.start + bounce.spans.start,
        media_duration=bounce.spans.duration,
        source_start=bounce.clock.start + bounce.cover.start,
        metadata=metadata,
    )
