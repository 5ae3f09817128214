"""Keeping other tracks in sync when an edit changes a track's length."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import opentimelineio as otio

from amc_otio.timeline.clip_effects import start_keyframes_later
from amc_otio.timeline.rational import TimeRange, exact_rate, from_seconds, seconds
from amc_otio.timeline.slots import SAME_TIME, duration_of, stack_at, track_at
from amc_otio.timeline.undo import Record, replace_children
from amc_otio.timeline.walk import is_locked, retime_of


def shift_after(
    timeline: otio.schema.Timeline,
    stack_path: tuple[int, ...],
    edited: set[tuple[int, ...]],
    time: Fraction,
    change: Fraction,
) -> tuple[list[Record], list[str]]:
    """Move what lies after `time` on every other track of a stack by `change` seconds.

    A longer edit opens a gap there (a clip that plays across `time` is split, as an insert edit does). A shorter
    one closes a gap where there is one. A track stays that is locked, or whose sound, picture, retime or transition is
    in the way, and a warning says how far it is out of sync.

    Returns
    -------
    tuple
        Undo records, and warnings in words.
    """
    stack = stack_at(timeline, stack_path)
    records: list[Record] = []
    warnings: list[str] = []
    for number in range(len(stack)):
        path = (*stack_path, number)
        track = stack[number]
        if path in edited or not isinstance(track, otio.schema.Track) or len(track) == 0:
            continue
        record = None
        if not is_locked(track):
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


@dataclass(frozen=True)
class _Found:
    """The item that plays at a time: its index, how far into it that is, and what transitions use of its ends."""

    index: int
    item: otio.core.Item
    into: Fraction
    length: Fraction
    head_busy: Fraction
    tail_busy: Fraction


def _item_at(track: otio.schema.Track, time: Fraction) -> _Found | None:
    at = Fraction(0)
    children = list(track)
    for index, child in enumerate(children):
        if child.overlapping():
            continue
        length = duration_of(child)
        if length is None:
            return None
        if at - SAME_TIME <= time < at + length - SAME_TIME:
            into = time - at if time - at > SAME_TIME else Fraction(0)
            before = children[index - 1] if index else None
            after = children[index + 1] if index + 1 < len(children) else None
            head = seconds(before.out_offset) if isinstance(before, otio.schema.Transition) else Fraction(0)
            tail = seconds(after.in_offset) if isinstance(after, otio.schema.Transition) else Fraction(0)
            return _Found(index, child, into, length, head, tail)
        at += length
    return None


def items_beside(track: otio.schema.Track, time: Fraction) -> set[int]:
    """Indexes of the items that play at `time`, end there or begin there: what a ripple there may change."""
    found, at = set(), Fraction(0)
    for index, child in enumerate(list(track)):
        if child.overlapping():
            continue
        length = duration_of(child)
        if length is None:
            break  # nothing after it has a known place
        end = at + length
        if at - SAME_TIME <= time <= end + SAME_TIME:
            found.add(index)
        elif at > time:
            break
        at = end
    return found


def _gap(length: Fraction, like: otio.core.Item) -> otio.schema.Gap:
    rate = exact_rate(like.trimmed_range().duration.rate)
    return otio.schema.Gap(source_range=TimeRange(from_seconds(Fraction(0), rate), from_seconds(length, rate)))


def _open(timeline: otio.schema.Timeline, path: tuple[int, ...], time: Fraction, change: Fraction) -> Record | None:
    track = track_at(timeline, path)
    found = _item_at(track, time)
    if found is None:
        return None
    index, item, into = found.index, found.item, found.into
    if into == 0:
        if index and isinstance(track[index - 1], otio.schema.Transition):
            return None
        return replace_children(timeline, path, index, 0, [_gap(change, item)])
    if into < found.head_busy or found.length - into < found.tail_busy or retime_of(item):
        return None
    head, tail = item.clone(), item.clone()
    present = item.trimmed_range()
    rate = exact_rate(present.duration.rate)
    start_rate = exact_rate(present.start_time.rate)
    head.source_range = TimeRange(present.start_time, from_seconds(into, rate))
    tail.source_range = TimeRange(
        from_seconds(seconds(present.start_time) + into, start_rate),
        from_seconds(seconds(present.duration) - into, rate),
    )
    start_keyframes_later(tail, round(into * rate))
    return replace_children(timeline, path, index, 1, [head, _gap(change, item), tail])


def _close(timeline: otio.schema.Timeline, path: tuple[int, ...], time: Fraction, less: Fraction) -> Record | None:
    track = track_at(timeline, path)
    found = _item_at(track, time)
    if found is None or not isinstance(found.item, otio.schema.Gap) or found.length - found.into < less:
        return None
    index, item, rest = found.index, found.item, found.length - less
    neighbours = (index - 1, index + 1)
    faded = any(0 <= i < len(track) and isinstance(track[i], otio.schema.Transition) for i in neighbours)
    if faded and (rest == 0 or rest < found.head_busy + found.tail_busy):
        return None
    return replace_children(timeline, path, index, 1, [_gap(rest, item)] if rest else [])
