"""How much record time an edit at a point has to work with, read from the track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import opentimelineio as otio

from amc_otio.errors import TimelineError
from amc_otio.timeline.rational import seconds

Path = tuple[int, ...]

SAME_TIME: Final = Fraction(1, 1_000_000)
"""Times nearer than this, in seconds, are one: sums of floats in several rates differ by less, samples by more."""


@dataclass(frozen=True)
class Slot:
    """The record room on both sides of an edit point, in exact seconds.

    Attributes
    ----------
    outgoing
        Record length of the outgoing clip.
    outgoing_busy
        How much of its head an earlier transition uses.
    incoming
        Record length of the incoming item; None at the end of the track.
    incoming_busy
        How much of the incoming item's tail a later transition uses.
    tail_needed
        How much sound after its end that later transition needs.
    fills_gap
        The incoming item is a gap, or there is none.
    incoming_index
        Child index of the incoming item; None at the end of the track.
    """

    outgoing: Fraction
    outgoing_busy: Fraction
    incoming: Fraction | None
    incoming_busy: Fraction
    tail_needed: Fraction
    fills_gap: bool
    incoming_index: int | None


def duration_of(item: otio.core.Composable) -> Fraction | None:
    """Record length of a child of a track in seconds; None where neither it nor its media says one."""
    try:
        return seconds(item.duration())
    except (NotImplementedError, otio.exceptions.OTIOError):
        return None


def stack_at(timeline: otio.schema.Timeline, path: Sequence[int]) -> otio.schema.Stack:
    """Return the stack at child indexes `path` from ``timeline.tracks``; hold the timeline while you use it."""
    item = timeline.tracks
    for index in path:
        item = item[index]
    return item


def track_at(timeline: otio.schema.Timeline, path: Sequence[int]) -> otio.schema.Track:
    """Return the track at child indexes `path` from ``timeline.tracks``; hold the timeline while you use it."""
    item: otio.core.SerializableObject = timeline.tracks
    for index in path:
        try:
            item = item[index]
        except (IndexError, TypeError) as error:
            raise TimelineError(f"track {list(path)}", "is not in this timeline", "propose again") from error
    if not isinstance(item, otio.schema.Track):
        raise TimelineError(f"track {list(path)}", "is not a track in this timeline", "propose again")
    return item


def slot_at(track: otio.schema.Track, index: int) -> Slot:
    """Read the slot around the boundary after child `index` of a track."""
    count = len(track)
    if not 0 <= index < count or isinstance(track[index], otio.schema.Transition):
        raise TimelineError(f"clip {index} of track '{track.name}'", "is not in this timeline", "propose again")
    before = track[index - 1] if index else None
    incoming_index = index + 1 if index + 1 < count else None
    incoming = track[incoming_index] if incoming_index is not None else None
    if isinstance(incoming, otio.schema.Transition):
        raise TimelineError(f"track '{track.name}'", "a transition is already at this cut", "remove it first")
    lengths = duration_of(track[index]), duration_of(incoming) if incoming is not None else Fraction(0)
    if lengths[0] is None or lengths[1] is None:
        raise TimelineError(f"track '{track.name}'", "a clip at this cut has no known length", "relink its media")
    later = track[index + 2] if index + 2 < count else None
    transition = later if isinstance(later, otio.schema.Transition) else None
    return Slot(
        outgoing=lengths[0],
        outgoing_busy=seconds(before.out_offset) if isinstance(before, otio.schema.Transition) else Fraction(0),
        incoming=lengths[1] if incoming is not None else None,
        incoming_busy=seconds(transition.in_offset) if transition is not None else Fraction(0),
        tail_needed=seconds(transition.out_offset) if transition is not None else Fraction(0),
        fills_gap=incoming is None or isinstance(incoming, otio.schema.Gap),
        incoming_index=incoming_index,
    )
