"""Carrying out edits on a copy of a timeline.

Each edit replaces a run of children on each of its tracks and leaves everything else as it was. Edits are carried
out from the end of the timeline to its start, so that earlier child indexes stay true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

import opentimelineio as otio

from amc_otio.errors import TimelineError
from amc_otio.timeline.clip_effects import start_keyframes_later
from amc_otio.timeline.conflicts import Conflicts, footprint
from amc_otio.timeline.crossfade import crossfade_metadata
from amc_otio.timeline.edits import Edit, RetrievedShot, TrackCut
from amc_otio.timeline.gain_ramp import Ramp
from amc_otio.timeline.level_match import Outcome, Recipe, notes_of, nowhere, put
from amc_otio.timeline.rational import RationalTime, TimeRange, exact_rate, from_seconds, seconds
from amc_otio.timeline.ripple import record_length, shift_after
from amc_otio.timeline.shots import ALL_STREAMS, channels_of
from amc_otio.timeline.slots import SAME_TIME, slot_at, track_at
from amc_otio.timeline.undo import METADATA_KEY, Record, add_marker, replace_children

_AUDIO: Final = otio.schema.TrackKind.Audio


@dataclass(frozen=True)
class Applied:
    """A new timeline, the records that undo it, and what an editor should know.

    `cuts` says where the cuts of each edit lie now, in seconds on each track: first as what follows a ripple, then
    where it stays if its track could not follow. `levels` say what became of level matches: the edit, its gain in dB
    and the outcome, once for each track; `edit_notes` are what else there is to say.
    """

    timeline: otio.schema.Timeline
    records: tuple[Record, ...]
    edit_notes: tuple[str, ...]
    levels: tuple[tuple[str, float, Outcome], ...]
    cuts: dict[str, dict[tuple[int, ...], tuple[Fraction, Fraction]]]

    @property
    def notes(self) -> tuple[str, ...]:
        """All notes, where nothing is bounced."""
        return (*self.edit_notes, *notes_of(self.levels))


@dataclass(frozen=True)
class _Levels:
    """How the format carries a level match, and what became of each."""

    recipe: Recipe
    outcomes: list[tuple[str, float, Outcome]] = field(default_factory=list)

    def match(self, edit: Edit, item: otio.core.Item) -> None:
        """Put the edit's gain on its incoming item, which is a copy."""
        cut = seconds(item.source_range.start_time)
        ramp = Ramp.around(cut, edit.fade_before, edit.fade_after, edit.gain_db, edit.glide)
        self.outcomes.append((edit.name, edit.gain_db, put(self.recipe, item, ramp)))


def apply_edits(
    timeline: otio.schema.Timeline, edits: Sequence[Edit], rate: Fraction, recipe: Recipe = nowhere
) -> Applied:
    """Carry out `edits` on a copy of `timeline`.

    Parameters
    ----------
    rate
        The timeline's edit rate, for markers and keyframes.
    recipe
        How the format that it is going to be written to carries a level match (`amc_otio.formats`).

    Raises
    ------
    TimelineError
        When two edits change the same clip in ways that exclude each other, or an edit does not fit.
    """
    _check_conflicts(timeline, edits)
    new = timeline.clone()
    records: list[Record] = []
    notes: list[str] = []
    in_order = sorted(edits, key=lambda e: (e.record_time, e.name))
    levels = _Levels(recipe)
    now = {e.name: {c.track_path: _cut_time(new, c) + e.cut_shift for c in e.cuts} for e in in_order}
    changes = {edit.name: _apply_one(new, edit, levels, records, notes) for edit in reversed(in_order)}
    moved = Fraction(0)
    cuts = {}
    for edit in in_order:
        cuts[edit.name] = {path: (time + moved, time) for path, time in now[edit.name].items()}
        records.append(add_marker(new, _marker(edit, edit.record_time + edit.cut_shift + moved, rate)))
        if edit.ripple and len(edit.cuts[0].track_path) == 1:
            moved += changes[edit.name]
    # Edits were made from the last to the first; an editor reads of them in the timeline's order.
    return Applied(new, tuple(records), tuple(notes), tuple(levels.outcomes[::-1]), cuts)


def _cut_time(timeline: otio.schema.Timeline, cut: TrackCut) -> Fraction:
    """Where a cut is, in seconds on its track."""
    return record_length(list(track_at(timeline, cut.track_path))[: cut.index + 1])


def _check_conflicts(timeline: otio.schema.Timeline, edits: Sequence[Edit]) -> None:
    chosen = Conflicts()
    for edit in edits:
        new = footprint(timeline, edit)
        rival = chosen.rival(new)
        if rival is not None:
            raise TimelineError(
                f"edit points {rival.name} and {edit.name}",
                "share a shot that one edit takes from the other",
                "choose one of them, then run again on the new timeline for the other",
            )
        chosen.add(new)


def _apply_one(
    timeline: otio.schema.Timeline, edit: Edit, levels: _Levels, records: list[Record], notes: list[str]
) -> Fraction:
    """Carry out one edit; return how many seconds longer its tracks are."""
    link = _new_link_group(timeline, edit)
    change = Fraction(0)
    own = edit.cuts[0]
    # Local to the stack that holds the track: its tracks share one time.
    cut_time = record_length(list(track_at(timeline, own.track_path))[: own.index + 1])
    place = slot_at(track_at(timeline, own.track_path), own.index).incoming
    length = edit.length if edit.length is not None or place is None else place - edit.cut_shift
    sounds = sorted(c.track_path for c in edit.cuts if track_at(timeline, c.track_path).kind == _AUDIO)
    edited: set[tuple[int, ...]] = set()
    for cut in edit.cuts:
        track = track_at(timeline, cut.track_path)
        is_audio = track.kind == _AUDIO
        if not is_audio and edit.shot is not None and not edit.shot.has_picture:
            notes.append(
                f"{edit.name}: {edit.shot.name} has no picture; track '{track.name}' keeps its cut (a J- or L-cut)"
            )
            continue
        edited.add(cut.track_path)
        before = record_length(track)
        position = sounds.index(cut.track_path) if is_audio else None
        records.append(_cut_track(timeline, cut, edit, length, position, link, levels))
        change = record_length(track) - before
    if edit.ripple and abs(change) > SAME_TIME:
        shifted, warnings = shift_after(timeline, own.track_path[:-1], edited, cut_time, change)
        records.extend(shifted)
        notes.extend(f"{edit.name}: {warning}" for warning in warnings)
    return change


def _cut_track(
    timeline: otio.schema.Timeline,
    cut: TrackCut,
    edit: Edit,
    own_length: Fraction | None,
    position: int | None,
    link: int | None,
    levels: _Levels,
) -> Record:
    """Make the cut on one track.

    `own_length` is the retrieved shot's record length on the edit point's own track; `position` counts the audio
    tracks of the edit from 0 and is None on others.
    """
    track = track_at(timeline, cut.track_path)
    slot = slot_at(track, cut.index)
    outgoing = track[cut.index]
    incoming = track[slot.incoming_index] if slot.incoming_index is not None else None
    shift = edit.cut_shift
    new: list[otio.core.Composable] = [_trimmed(outgoing, Fraction(0), slot.outgoing + shift)]
    if position is not None and (edit.fade_before or edit.fade_after):
        new.append(_transition(edit, _rate_of(outgoing)))
    arriving = len(new)

    if edit.mode == "align":
        if incoming is None:
            raise TimelineError(edit.name, "there is no incoming clip to align", "use replace or insert")
        assert slot.incoming is not None
        length = slot.incoming - (edit.in_shift if edit.ripple else shift)
        new.append(_trimmed(incoming, edit.in_shift, length))
    else:
        if edit.shot is None:
            raise TimelineError(edit.name, "the edit names no shot", "propose again")
        room = slot.incoming - shift if slot.incoming is not None else None
        wanted = room if edit.length is None and room is not None else own_length
        if wanted is None:
            raise TimelineError(edit.name, "has no record length at the end of the track", "propose again")
        length = room if room is not None and abs(room - wanted) < SAME_TIME else wanted
        new.append(_retrieved(timeline, edit, edit.shot, length, position, link, outgoing))
        if incoming is not None and edit.mode == "insert" and edit.ripple:
            new.append(incoming.clone())
        elif room is not None and incoming is not None and not (edit.mode == "replace" and edit.ripple):
            rest = room - length
            if rest < 0:
                raise TimelineError(edit.name, "the retrieved shot is longer than the room for it", "propose again")
            if rest > 0:
                assert slot.incoming is not None
                new.append(_trimmed(incoming, slot.incoming - rest, rest))
    if position is not None:
        levels.match(edit, new[arriving])
    count = 1 if incoming is None else 2
    return replace_children(timeline, cut.track_path, cut.index, count, new)


def _trimmed(item: otio.core.Item, head: Fraction, length: Fraction) -> otio.core.Item:
    """A copy of an item with its in point moved by `head` seconds and its record length set to `length`."""
    if length <= 0:
        raise TimelineError(f"clip '{item.name}'", "the edit leaves nothing of it", "choose another candidate")
    present = item.trimmed_range()
    copy = item.clone()
    start, duration = present.start_time, present.duration
    copy.source_range = TimeRange(
        start if not head else from_seconds(seconds(start) + head, exact_rate(start.rate)),
        duration if length == seconds(duration) else from_seconds(length, exact_rate(duration.rate)),
    )
    if head:
        start_keyframes_later(copy, round(head * exact_rate(duration.rate)))
    return copy


def _retrieved(
    timeline: otio.schema.Timeline,
    edit: Edit,
    shot: RetrievedShot,
    length: Fraction,
    position: int | None,
    link: int | None,
    outgoing: otio.core.Item,
) -> otio.schema.Clip:
    media_rate = exact_rate(shot.in_time.rate)
    metadata: dict[str, Any] = {METADATA_KEY: dict(edit.metadata)}
    resolve: dict[str, Any] = {}
    if link is not None:
        resolve["Link Group ID"] = link
    own = channels_of(outgoing) if isinstance(outgoing, otio.schema.Clip) else None
    if position is not None and own is not None and len(own) == 1 and shot.channels > 1:
        # Dual mono and stems keep one channel a track, in the words that the outgoing clip has for it.
        channel = position % shot.channels
        if own[0][0] == ALL_STREAMS:
            metadata["fcp_xml"] = {"sourcetrack": {"mediatype": "audio", "trackindex": str(channel + 1)}}
        else:
            resolve["Channels"] = [{"Source Channel ID": channel, "Source Track ID": 0}]
    if resolve:
        metadata["Resolve_OTIO"] = resolve
    return otio.schema.Clip(
        name=shot.name,
        media_reference=_reference(timeline, shot),
        source_range=TimeRange(shot.in_time, from_seconds(length, media_rate)),
        metadata=metadata,
    )


def _reference(timeline: otio.schema.Timeline, shot: RetrievedShot) -> otio.schema.ExternalReference:
    """As the timeline refers to the file already, where its clock is the one that the shot was found on."""
    for clip in timeline.find_clips():
        reference = clip.media_reference
        if not isinstance(reference, otio.schema.ExternalReference) or reference.target_url != shot.target_url:
            continue
        available = reference.available_range
        if available is not None and seconds(available.start_time) == seconds(shot.media_start):
            return reference.clone()
    return otio.schema.ExternalReference(
        target_url=shot.target_url, available_range=TimeRange(shot.media_start, shot.media_duration)
    )


def _transition(edit: Edit, rate: Fraction) -> otio.schema.Transition:
    return otio.schema.Transition(
        name="Cross Fade",
        transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve,
        in_offset=from_seconds(edit.fade_before, rate),
        out_offset=from_seconds(edit.fade_after, rate),
        metadata={METADATA_KEY: dict(edit.metadata), **crossfade_metadata(round(edit.fade_before * rate))},
    )


def _rate_of(item: otio.core.Item) -> Fraction:
    return exact_rate(item.trimmed_range().duration.rate)


def _marker(edit: Edit, at: Fraction, rate: Fraction) -> otio.schema.Marker:
    return otio.schema.Marker(
        name=f"Match cut {edit.name}",
        color=otio.schema.MarkerColor.GREEN,
        marked_range=TimeRange(from_seconds(at, rate), RationalTime(0, float(rate))),
        metadata={METADATA_KEY: {"edit_point": edit.name, "summary": edit.summary}},
        comment=edit.summary,
    )


def _resolve_metadata(item: otio.core.Composable) -> Any:
    found = item.metadata.get("Resolve_OTIO")
    return found if hasattr(found, "get") else {}


def _new_link_group(timeline: otio.schema.Timeline, edit: Edit) -> int | None:
    """A Link Group ID that nothing has, where the editor that wrote the timeline uses them."""
    used = [
        value
        for clip in timeline.find_clips()
        if isinstance(value := _resolve_metadata(clip).get("Link Group ID"), int)
    ]
    return max(used) + 1 if used and len(edit.cuts) > 1 else None
