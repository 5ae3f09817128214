"""Keeping other tracks in sync when an edit changes a track's length."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import opentimelineio as otio

from amc_otio.timeline.rational import TimeRange, exact_rate, from_seconds, seconds
from amc_otio.timeline.slots import duration_of
from amc_otio.timeline.undo import Record, replace_children


def shift_after(
    timeline: otio.schema.Timeline,
    stack_path: tuple[int, ...],
    edited: set[tuple[int, ...]],
    time: Fraction,
    change: Fraction,
) -> tuple[list[Record], list[str]]:
    """Move what lies after `time` on every other track of a stack by `change` seconds.

    A longer edit opens a gap there (a clip that plays across `time` is split, as an insert edit does). A shorter
    one closes a gap where there is one; a track whose sound or picture is in the way stays, and a warning says
    how far it is out of sync.

    Returns
    -------
    tuple
        Undo records, and warnings in words.
    """
    stack = timeline.tracks
    for index in stack_path:
        stack = stack[index]
    records: list[Record] = []
    warnings: list[str] = []
    for number in range(len(stack)):
        path = (*stack_path, number)
        track = stack[number]
        if path in edited or not isinstance(track, otio.schema.Track) or len(track) == 0:
            continue
        record = _open(timeline, path, time, change) if change > 0 else _close(timeline, path, time, -change)
        if record is not None:
            records.append(record)
        elif time < record_length(track) or any(duration_of(child) is None for child in track):
            warnings.append(
                f"track '{track.name or number}' could not follow the ripple and is out of sync "
                f"by {float(change):+.3f} s after the cut"
            )
    return records, warnings


def record_length(children: Iterable[otio.core.Composable]) -> Fraction:
    """Record time of a run of children of a track, in seconds; transitions and unknown lengths take none."""
    return sum((duration_of(child) or Fraction(0) for child in children if not child.overlapping()), Fraction(0))


def _item_at(track: otio.schema.Track, time: Fraction) -> tuple[int, Fraction] | None:
    """Index of the item that plays at `time`, and how far into it that is; None past the end, or unknown."""
    at = Fraction(0)
    for index, child in enumerate(list(track)):
        if child.overlapping():
            continue
        length = duration_of(child)
        if length is None:
            return None
        if at <= time < at + length:
            return index, time - at
        at += length
    return None


def _gap(length: Fraction, like: otio.core.Item) -> otio.schema.Gap:
    rate = exact_rate(like.trimmed_range().duration.rate)
    return otio.schema.Gap(source_range=TimeRange(from_seconds(Fraction(0), rate), from_seconds(length, rate)))


def _open(timeline: otio.schema.Timeline, path: tuple[int, ...], time: Fraction, change: Fraction) -> Record | None:
    track = _track(timeline, path)
    place = _item_at(track, time)
    if place is None:
        return None
    index, into = place
    item = list(track)[index]
    before = list(track)[index - 1] if index else None
    if into == 0:
        if isinstance(before, otio.schema.Transition):
            return None
        return replace_children(timeline, path, index, 0, [_gap(change, item)])
    head, tail = item.clone(), item.clone()
    present = item.trimmed_range()
    rate = exact_rate(present.duration.rate)
    start_rate = exact_rate(present.start_time.rate)
    head.source_range = TimeRange(present.start_time, from_seconds(into, rate))
    tail.source_range = TimeRange(
        from_seconds(seconds(present.start_time) + into, start_rate),
        from_seconds(seconds(present.duration) - into, rate),
    )
    return replace_children(timeline, path, index, 1, [head, _gap(change, item), tail])


def _close(timeline: otio.schema.Timeline, path: tuple[int, ...], time: Fraction, less: Fraction) -> Record | None:
    track = _track(timeline, path)
    place = _item_at(track, time)
    if place is None:
        return None
    index, into = place
    item = list(track)[index]
    length = seconds(item.duration())
    if not isinstance(item, otio.schema.Gap) or length - into < less:
        return None
    rest = length - less
    return replace_children(timeline, path, index, 1, [_gap(rest, item)] if rest else [])


def _track(timeline: otio.schema.Timeline, path: tuple[int, ...]) -> otio.schema.Track:
    item = timeline.tracks
    for index in path:
        item = item[index]
    return item
