"""A copy of a timeline in which everything is said that adapters take for granted.

OTIO lets a clip leave out its range, its media's range and a nest's range; the adapters for other formats read them
without asking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Final

import opentimelineio as otio

from amc_otio.timeline.rational import TimeRange, exact_rate, from_frames, from_seconds, seconds
from amc_otio.timeline.slots import duration_of

SOUND_RATE: Final = 1000
"""A rate from here on counts samples, not frames."""


def tracks_of(container: Any) -> Iterator[otio.schema.Track]:
    """Every track, outer ones first."""
    todo = [container]
    while todo:
        for child in list(todo.pop(0)):
            if isinstance(child, otio.schema.Track):
                yield child
            if isinstance(child, otio.core.Composition):
                todo.append(child)


def wrap_tracks(timeline: otio.schema.Timeline) -> None:
    """Put every track that lies directly in a track into a stack of its own."""
    for track in list(tracks_of(timeline.tracks)):
        for index, child in enumerate(list(track)):
            if isinstance(child, otio.schema.Track):
                stack = otio.schema.Stack(child.name, source_range=child.trimmed_range())
                inner = child.clone()
                stack.append(inner)
                track[index] = stack


def say_ranges(timeline: otio.schema.Timeline, widen: bool = False, files_only: bool = False) -> int:
    """Give every item its range and every clip's media one.

    Parameters
    ----------
    widen
        Also let a media's range hold all that transitions use of it.
    files_only
        Leave references alone that are no files.

    Returns
    -------
    int
        How many clips do not say what their media holds: what they play is taken for it.
    """
    unknown = 0
    for track in tracks_of(timeline.tracks):
        children = list(track)
        for index, item in enumerate(children):
            if item.overlapping() or not isinstance(item, otio.core.Item):
                continue
            if item.source_range is None:
                item.source_range = item.trimmed_range()
            if not isinstance(item, otio.schema.Clip) or item.media_reference is None:
                continue
            if files_only and not isinstance(item.media_reference, otio.schema.ExternalReference):
                continue
            before = children[index - 1] if index else None
            after = children[index + 1] if index + 1 < len(children) else None
            played = _played(item, before, after)
            available = item.media_reference.available_range
            if available is None or not available.duration.value:
                unknown += 1
                item.media_reference.available_range = played
            elif widen:
                item.media_reference.available_range = available.extended_by(played)
    return unknown


def _played(item: otio.core.Item, before: Any, after: Any) -> TimeRange:
    start, length = item.source_range.start_time, item.source_range.duration
    first, last = seconds(start), seconds(start) + seconds(length)
    if isinstance(before, otio.schema.Transition):
        first -= seconds(before.in_offset)
    if isinstance(after, otio.schema.Transition):
        last += seconds(after.out_offset)
    rate = exact_rate(start.rate)
    return TimeRange(from_seconds(first, rate), from_seconds(last - first, rate))


def on_frames(
    timeline: otio.schema.Timeline, rate: Fraction, which: Callable[[Fraction], bool] | None = None
) -> tuple[int, Fraction]:
    """Count everything in whole frames of one rate; cuts stay where they are to half a frame, nothing adds up.

    Parameters
    ----------
    which
        Tells the rates that are changed; all, when None. Offsets of transitions are always changed.

    Returns
    -------
    tuple
        How many cuts moved, and the farthest that one did, in seconds.
    """
    moved, farthest = 0, Fraction(0)
    for track in tracks_of(timeline.tracks):
        at, frame = Fraction(0), 0
        for child in list(track):
            if isinstance(child, otio.schema.Transition):
                child.in_offset = _whole(child.in_offset, rate)
                child.out_offset = _whole(child.out_offset, rate)
                continue
            length = duration_of(child)
            if length is None or child.source_range is None:
                continue
            at += length
            after = round(at * rate)
            if which is None or which(exact_rate(child.source_range.duration.rate)):
                off = abs(Fraction(after) / rate - at)
                if off:
                    moved, farthest = moved + 1, max(farthest, off)
                start = _whole(child.source_range.start_time, rate)
                child.source_range = TimeRange(start, from_frames(max(after - frame, 1), rate))
                _media_on_frames(child, rate)
            frame = after
    return moved, farthest


def _media_on_frames(item: otio.core.Item, rate: Fraction) -> None:
    reference = item.media_reference if isinstance(item, otio.schema.Clip) else None
    available = reference.available_range if reference is not None else None
    if reference is None or available is None:
        return
    first = _whole(available.start_time, rate)
    last = int((seconds(available.start_time) + seconds(available.duration)) * rate)
    played = item.source_range
    last = max(last, round(played.start_time.value + played.duration.value))
    reference.available_range = TimeRange(first, from_frames(max(last - round(first.value), 1), rate))


def _whole(time: Any, rate: Fraction) -> Any:
    return from_frames(round(seconds(time) * rate), rate)


def without_loose_transitions(timeline: otio.schema.Timeline) -> int:
    """Take out transitions that do not lie between two items, or have no length; return how many."""
    gone = 0
    for track in tracks_of(timeline.tracks):
        for index in reversed(range(len(track))):
            child = track[index]
            if not isinstance(child, otio.schema.Transition):
                continue
            beside = [track[i] if 0 <= i < len(track) else None for i in (index - 1, index + 1)]
            solid = all(b is not None and not isinstance(b, (otio.schema.Gap, otio.schema.Transition)) for b in beside)
            if not solid or child.in_offset.value + child.out_offset.value <= 0:
                del track[index]
                gone += 1
    return gone


def frames_note(suffix: str, moved: int, farthest: Fraction) -> tuple[str, ...]:
    """Say that cuts had to move to whole frames."""
    if not moved:
        return ()
    samples = round(farthest * 48_000)
    return (f"{suffix} counts whole frames: {moved} cuts of sound moved, by at most {samples} samples of 48 kHz",)
