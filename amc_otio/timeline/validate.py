"""Is a timeline that was read fit to work on?

OTIO accepts NaN rates, negative durations and transitions longer than their clips in silence. What would make every
later time wrong is an error; what touches one place only is a warning, and the edit points there are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import opentimelineio as otio

from amc_otio.errors import TimelineError
from amc_otio.timeline.rational import seconds
from amc_otio.timeline.walk import PlacedItem, Prober, check_nesting, place_items, possible_rate

MAX_ITEMS: Final = 500_000
"""How many items a timeline may hold."""
_REMEDY: Final = "export the timeline again from the editor, or mend that place"


def validate(timeline: otio.schema.Timeline) -> tuple[str, ...]:
    """Check a timeline and return warnings.

    Raises
    ------
    TimelineError
        For a rate that is NaN, infinite, zero or negative, a time that is not finite, a negative duration, nesting
        that is too deep, or too many items: going on would give wrong times.
    """
    warnings: list[str] = []
    if not isinstance(timeline.tracks, otio.schema.Stack):
        raise TimelineError("the timeline", "holds no stack of tracks", _REMEDY)
    _check_time(timeline.global_start_time, "the timeline's start")
    everything = list(_walk(timeline))
    for place, item in everything:
        _check_item(place, item)
    for place, item in everything:
        if isinstance(item, otio.schema.Track):
            warnings.extend(_transition_warnings(place, item))
        elif isinstance(item, otio.schema.Clip) and item.source_range is None and _stated_range(item) is None:
            warnings.append(f"{place} says no length: it is asked of the media file")
    if not timeline.tracks:
        warnings.append("the timeline holds no track")
    for index, child in enumerate(timeline.tracks):
        if not isinstance(child, (otio.schema.Track, otio.schema.Stack)):
            warnings.append(f"item {index + 1} '{child.name}' lies beside the tracks, not on one: it is left alone")
    return tuple(warnings)


def _stated_range(clip: otio.schema.Clip) -> Any:
    reference = clip.media_reference
    return reference.available_range if reference is not None else None


def _walk(timeline: otio.schema.Timeline) -> Iterator[tuple[str, Any]]:
    """Every composable with a readable place, without recursion."""
    todo: list[tuple[str, Any, int]] = [("the stack of tracks", timeline.tracks, 0)]
    count = 0
    while todo:
        place, item, depth = todo.pop()
        count += 1
        if count > MAX_ITEMS:
            raise TimelineError("the timeline", f"holds more than {MAX_ITEMS} items", "split it into reels")
        yield place, item
        if isinstance(item, otio.core.Composition):
            check_nesting(depth)
            children = list(enumerate(item))
            for index, child in reversed(children):
                kind = f"{child.kind.lower()} track" if isinstance(child, otio.schema.Track) else "item"
                where = f"{kind} {index + 1}" + (f" '{child.name}'" if child.name else "")
                outer = f"{place}, " if depth else ""
                todo.append((f"{outer}{where}", child, depth + 1))


def _check_item(place: str, item: Any) -> None:
    if isinstance(item, otio.schema.Transition):
        _check_time(item.in_offset, f"the in offset of {place}")
        _check_time(item.out_offset, f"the out offset of {place}")
        return
    _check_range(getattr(item, "source_range", None), f"the source range of {place}")
    if isinstance(item, otio.schema.Clip):
        _check_range(_stated_range(item), f"the available range of {place}")


def _check_range(found: Any, what: str) -> None:
    if found is None:
        return
    _check_time(found.start_time, f"the start of {what}")
    _check_time(found.duration, f"the duration of {what}")
    if found.duration.value < 0:
        raise TimelineError(what, f"has a negative duration ({found.duration.value:g} frames)", _REMEDY)


def _check_time(time: Any, what: str) -> None:
    if time is None:
        return
    if not 1e-3 <= time.rate <= 1e9:
        raise TimelineError(what, f"has the impossible rate {time.rate}", _REMEDY)
    if not possible_rate(time):
        raise TimelineError(what, f"has the impossible value {time.value}", _REMEDY)


def _transition_warnings(place: str, track: otio.schema.Track) -> Iterator[str]:
    if not any(isinstance(child, otio.schema.Transition) for child in track):
        return
    items = place_items(track, Prober())
    for placed in items:
        if not isinstance(placed.item, otio.schema.Transition):
            continue
        problem = _transition_problem(placed, items)
        if problem is not None:
            name = f" '{placed.item.name}'" if placed.item.name else ""
            yield f"{place}: transition{name} (item {placed.index + 1}) {problem}; edit points there are refused"


def _transition_problem(placed: PlacedItem, items: tuple[PlacedItem, ...]) -> str | None:
    transition = placed.item
    before = items[placed.index - 1] if placed.index else None
    after = items[placed.index + 1] if placed.index + 1 < len(items) else None
    if transition.in_offset.value < 0 or transition.out_offset.value < 0:
        return "has a negative offset"
    if any(n is not None and isinstance(n.item, otio.schema.Transition) for n in (before, after)):
        return "lies next to another transition"
    into, out = seconds(transition.in_offset), seconds(transition.out_offset)
    if before is None and into > 0:
        return "reaches back before the first item of its track"
    if after is None and out > 0:
        return "reaches past the last item of its track"
    if before is not None and before.duration is not None and _room(before, items, -1) < into:
        return "is longer than the item before it has room for"
    if after is not None and after.duration is not None and _room(after, items, 1) < out:
        return "is longer than the item after it has room for"
    return None


def _room(neighbour: PlacedItem, items: tuple[PlacedItem, ...], step: int) -> Fraction:
    """Record length of a neighbour that the transition on its other side leaves."""
    length = neighbour.duration if neighbour.duration is not None else Fraction(0)
    beyond = neighbour.index + step
    if 0 <= beyond < len(items) and isinstance(items[beyond].item, otio.schema.Transition):
        other = items[beyond].item
        length -= seconds(other.out_offset if step < 0 else other.in_offset)
    return length
