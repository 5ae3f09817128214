"""Walking a timeline: every track with the exact place of every item in it.

Positions are exact Fractions of seconds, because mixed rates make sums of RationalTimes drift. The walk holds every
object it names: an OTIO child whose parent is gone reads as empty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import opentimelineio as otio

from amc_otio.errors import AmcError, TimelineError
from amc_otio.timeline.metadata import is_false, is_true, items_of, lookup, mapping_get
from amc_otio.timeline.rational import TimeRange, exact_rate, seconds

MAX_NESTING: Final = 100
"""How deep stacks and tracks may lie in each other."""

MOST_FRAMES: Final = 1e15
"""A larger count of frames or samples is damage: a float no longer counts them one by one."""

Path = tuple[int, ...]
Probe = Callable[[str], Any]


@dataclass(frozen=True)
class Place:
    """How a container's own time lies on the timeline.

    Attributes
    ----------
    offset
        Record seconds of the container's own time 0; None where that is unknown.
    first, last
        Record seconds between which it is seen; None: no limit.
    nested
        Whether it lies inside an item of a track.
    """

    offset: Fraction | None
    first: Fraction | None = None
    last: Fraction | None = None
    nested: bool = False

    def inside(self, start: Fraction | None, source_start: Fraction, length: Fraction | None, nested: bool) -> Place:
        """Return the place of a child whose own time `source_start` lies at `start` here, seen for `length`."""
        if self.offset is None or start is None:
            return Place(None, self.first, self.last, self.nested or nested)
        at = self.offset + start
        first = at if self.first is None else max(self.first, at)
        last = self.last
        if length is not None:
            last = at + length if last is None else min(last, at + length)
        return Place(at - source_start, first, last, self.nested or nested)

    def record(self, local: Fraction | None) -> Fraction | None:
        """Record seconds of a cut at `local`, or None where it is unknown or not seen from outside."""
        if self.offset is None or local is None:
            return None
        at = self.offset + local
        if self.first is not None and at < self.first:
            return None
        if self.last is not None and (at > self.last or (self.nested and at == self.last)):
            return None
        return at


@dataclass(frozen=True)
class PlacedItem:
    """A child of a track (a transition too) and where it lies in the track's own time, in seconds."""

    item: otio.core.Composable
    index: int
    start: Fraction | None
    duration: Fraction | None

    @property
    def end(self) -> Fraction | None:
        """The item's end in the track's own time; None where its length is unknown."""
        return None if self.start is None or self.duration is None else self.start + self.duration


@dataclass(frozen=True)
class PlacedTrack:
    """A track, its children and what its containers do to it.

    Attributes
    ----------
    path
        Child indexes from ``timeline.tracks``.
    label
        "A1": the first audio track of its stack; "A1/2.A1": the first one in the stack that is child 2 (counted
        from 1) of A1.
    transitions
        Those of its items that are transitions.
    locked, disabled, retimed
        Whether it, or something that holds it, is locked, disabled or retimed.
    """

    track: otio.schema.Track
    path: Path
    label: str
    kind: str
    place: Place
    items: tuple[PlacedItem, ...]
    transitions: tuple[PlacedItem, ...]
    locked: bool
    disabled: bool
    retimed: bool


class Prober:
    """Asks for a media file's range once a file; a file that cannot be probed gives None."""

    def __init__(self, probe: Probe | None = None) -> None:
        self._probe = probe
        self._known: dict[str, Any] = {}

    def __call__(self, url: str | None) -> Any:
        """Return the file's TimeRange on its own clock, or None."""
        if not url or self._probe is None:
            return None
        if url not in self._known:
            try:
                found = self._probe(url)
            except AmcError:
                # The media stage reports an offline file, once; here its length is only unknown.
                found = None
            self._known[url] = found if usable_range(found) else None
        return self._known[url]


def usable_range(found: Any) -> bool:
    """Whether a range is finite, with a positive rate and a positive duration."""
    if found is None:
        return False
    return possible_rate(found.start_time) and possible_rate(found.duration) and 0 < found.duration.value <= MOST_FRAMES


def possible_rate(time: Any) -> bool:
    """Whether a time is finite and its rate is one that film or sound can have."""
    return bool(1e-3 <= time.rate <= 1e9 and abs(time.value) <= MOST_FRAMES)


def target_url(clip: otio.schema.Clip) -> str | None:
    """Return the file that a clip plays, or None."""
    reference = clip.media_reference
    if isinstance(reference, otio.schema.ExternalReference) and reference.target_url:
        return str(reference.target_url)
    return None


def available_range(clip: otio.schema.Clip, prober: Prober) -> TimeRange | None:
    """Return what a clip's media holds, as the timeline says it or else as the file does; None if neither does."""
    reference = clip.media_reference
    stated = reference.available_range if reference is not None else None
    return stated if usable_range(stated) else prober(target_url(clip))


def clip_range(clip: otio.schema.Clip, prober: Prober) -> TimeRange | None:
    """Return the range a clip plays, absolute on its media's clock; None where it is unknown."""
    return clip.source_range if clip.source_range is not None else available_range(clip, prober)


def length_of(item: otio.core.Composable, prober: Prober, depth: int = 0) -> Fraction | None:
    """Return how long an item is on its track, in seconds; None where that is unknown."""
    if isinstance(item, otio.schema.Transition):
        return Fraction(0)
    source_range = getattr(item, "source_range", None)
    if source_range is not None:
        return seconds(source_range.duration)
    if isinstance(item, otio.schema.Clip):
        found = clip_range(item, prober)
        return None if found is None else seconds(found.duration)
    if not isinstance(item, otio.core.Composition):
        return Fraction(0)
    check_nesting(depth)
    lengths = [length_of(child, prober, depth + 1) for child in item]
    known = [length for length in lengths if length is not None]
    if len(known) < len(lengths):
        return None
    if isinstance(item, otio.schema.Track):
        return sum(known, Fraction(0))
    return max(known, default=Fraction(0))


def check_nesting(depth: int) -> None:
    """Raise `TimelineError` where stacks and tracks are nested deeper than `MAX_NESTING`."""
    if depth > MAX_NESTING:
        raise TimelineError("the timeline", f"is nested deeper than {MAX_NESTING} stacks", "flatten it in the editor")


def place_items(track: otio.schema.Track, prober: Prober, depth: int = 0) -> tuple[PlacedItem, ...]:
    """Return a track's children with their places in its own time."""
    placed = []
    at: Fraction | None = Fraction(0)
    for index, item in enumerate(track):
        length = length_of(item, prober, depth + 1)
        placed.append(PlacedItem(item, index, at, length))
        at = None if at is None or length is None else at + length
    return tuple(placed)


def walk_tracks(timeline: otio.schema.Timeline, prober: Prober | None = None) -> Iterator[PlacedTrack]:
    """Yield every track of a timeline, a track before the tracks nested in it, in the order of the file.

    Parameters
    ----------
    timeline
        Hold it for as long as the yielded objects are used.
    prober
        Asked where neither a clip nor its media reference says how long it is.

    Raises
    ------
    TimelineError
        When stacks and tracks are nested too deep.
    """
    prober = prober or Prober()
    stack = timeline.tracks
    place = Place(Fraction(0))
    if stack.source_range is not None:
        place = place.inside(Fraction(0), _source_start(stack), seconds(stack.source_range.duration), False)
    starts = [edl_record_start(t, prober) for t in stack if isinstance(t, otio.schema.Track)]
    first = min((s for s in starts if s is not None), default=Fraction(0))
    yield from _walk_stack(stack, (), "", place, (False, not stack.enabled, False), prober, 0, first)


def edl_record_start(track: otio.schema.Track, prober: Prober) -> Fraction | None:
    """Return the record timecode at which an EDL's track starts, in seconds, or None for any other track.

    OTIO's EDL reader leaves it, negative, as the start of the track's source range, with the duration of what the
    track holds; taken literally that would trim everything away.
    """
    source_range = track.source_range
    if source_range is None or source_range.start_time.value >= 0:
        return None
    lengths = [length_of(child, prober, 1) for child in track]
    if any(length is None for length in lengths):
        return None
    content = sum((length for length in lengths if length is not None), Fraction(0))
    if abs(content - seconds(source_range.duration)) > Fraction(1, 2) / exact_rate(source_range.duration.rate):
        return None
    return -seconds(source_range.start_time)


def is_locked(track: otio.schema.Track) -> bool:
    """Whether an editor locked a track (Resolve, Final Cut Pro 7 XML)."""
    return is_true(lookup(track, "Resolve_OTIO", "Locked")) or is_true(lookup(track, "fcp_xml", "locked"))


def is_disabled(item: otio.core.Item) -> bool:
    """Whether an item is switched off, by OTIO's own flag or by the one its editor left in metadata."""
    return not item.enabled or is_false(lookup(item, "fcp_xml", "enabled"))


def retime_of(item: otio.core.Item) -> str | None:
    """Say how an item's time is bent ("plays at 50 % speed"), or return None."""
    for effect in item.effects:
        if isinstance(effect, otio.schema.FreezeFrame):
            return "is a freeze frame"
        if isinstance(effect, otio.schema.LinearTimeWarp):
            scalar = effect.time_scalar
            if scalar == 1.0:
                continue
            if not math.isfinite(scalar):
                return "has a retime that is no number"
            return "plays backwards" if scalar < 0 else f"plays at {scalar * 100:.4g} % speed"
        if isinstance(effect, otio.schema.TimeEffect):
            return "has a retime"
        if _fcp_retimed(effect):
            return "has a retime"
    return None


def _fcp_retimed(effect: Any) -> bool:
    """Final Cut Pro 7 XML keeps a speed change as a filter "timeremap"; 100 % forwards is none."""
    found = lookup(effect, "fcp_xml")
    for block in (found, mapping_get(found, "effect")):
        if mapping_get(block, "effectid") != "timeremap":
            continue
        values = {
            mapping_get(p, "parameterid"): mapping_get(p, "value") for p in items_of(mapping_get(block, "parameter"))
        }
        try:
            plain = float(str(values.get("speed", 100))) == 100.0
        except ValueError:
            plain = False
        return not plain or is_true(values.get("reverse")) or is_true(values.get("variablespeed"))
    return False


def _source_start(item: otio.core.Item) -> Fraction:
    return seconds(item.source_range.start_time) if item.source_range is not None else Fraction(0)


_States = tuple[bool, bool, bool]


def _walk_stack(
    stack: otio.schema.Stack,
    path: Path,
    prefix: str,
    place: Place,
    states: _States,
    prober: Prober,
    depth: int,
    edl_start: Fraction = Fraction(0),
) -> Iterator[PlacedTrack]:
    check_nesting(depth)
    numbers: dict[str, int] = {}
    for index, child in enumerate(stack):
        child_path = (*path, index)
        if isinstance(child, otio.schema.Track):
            letter = str(child.kind)[:1].upper() or "T"
            numbers[letter] = numbers.get(letter, 0) + 1
            label = f"{prefix}{letter}{numbers[letter]}"
            record_start = edl_record_start(child, prober) if depth == 0 else None
            if record_start is None:
                here = place.inside(Fraction(0), _source_start(child), _length_if_trimmed(child), False)
            else:
                here = place.inside(record_start - edl_start, Fraction(0), None, False)
            yield from _walk_track(child, child_path, label, here, states, prober, depth + 1)
        elif isinstance(child, otio.schema.Stack):
            inner = place.inside(Fraction(0), _source_start(child), _length_if_trimmed(child), False)
            yield from _walk_stack(
                child, child_path, f"{prefix}{index + 1}.", inner, _with(states, child), prober, depth + 1
            )


def _walk_track(
    track: otio.schema.Track, path: Path, label: str, place: Place, states: _States, prober: Prober, depth: int
) -> Iterator[PlacedTrack]:
    """Yield a track whose `place` is that of its own time, and the tracks nested in it."""
    check_nesting(depth)
    states = _with(states, track)
    items = place_items(track, prober, depth)
    transitions = tuple(p for p in items if isinstance(p.item, otio.schema.Transition))
    yield PlacedTrack(track, path, label, str(track.kind), place, items, transitions, *states)
    for placed in items:
        item = placed.item
        child_path = (*path, placed.index)
        if isinstance(item, (otio.schema.Track, otio.schema.Stack)):
            inner = place.inside(placed.start, _source_start(item), placed.duration, True)
            if isinstance(item, otio.schema.Stack):
                prefix = f"{label}/{placed.index + 1}."
                yield from _walk_stack(item, child_path, prefix, inner, _with(states, item), prober, depth + 1)
            else:
                name = f"{label}/{placed.index + 1}.{str(item.kind)[:1].upper() or 'T'}1"
                yield from _walk_track(item, child_path, name, inner, states, prober, depth + 1)


def _length_if_trimmed(item: otio.core.Item) -> Fraction | None:
    return seconds(item.source_range.duration) if item.source_range is not None else None


def _with(states: _States, item: otio.core.Item) -> _States:
    locked, disabled, retimed = states
    return (
        locked or is_locked(item),
        disabled or is_disabled(item),
        retimed or retime_of(item) is not None,
    )
