"""Where the items of a track lie in a storyline: on whole frames, with transitions centred on their cuts.

In a storyline the clips abut, and a transition lies half before and half after the cut between two of them: its
offset is the cut less half its duration (an import and export of such files with Final Cut Pro 12.3 that was
published shows both, and its own exports never show another place). OTIO's transitions may reach unequally
far. So a crossfade keeps its span, and the cut under it moves to the middle: the same sound plays before, in and after
it. At the free end of a storyline a transition lies inside its one clip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

import opentimelineio as otio

from amc_otio.errors import TimelineError
from amc_otio.formats.fcpxml_time import to_frame
from amc_otio.timeline.rational import end, seconds
from amc_otio.timeline.walk import PlacedItem, Prober, available_range, clip_range, place_items

_FLOAT: Final = Fraction(1, 1_000_000)
"""Seconds within which two times are the same: adapters compute in floats."""
_NO_END: Final = 1 << 40


@dataclass(frozen=True)
class Piece:
    """An item of a track on the frames of its storyline.

    Attributes
    ----------
    item, index
        The item and its place among the track's children.
    first, last
        Frames from the sequence's start; `last` is exclusive.
    head
        How many seconds later than the item itself the piece begins.
    """

    item: Any
    index: int
    first: int
    last: int
    head: Fraction

    @property
    def is_gap(self) -> bool:
        """Whether nothing is seen or heard."""
        return isinstance(self.item, otio.schema.Gap)


@dataclass(frozen=True)
class Fade:
    """A transition on the frames of its storyline; `cut` is the number of the piece after its cut."""

    transition: Any
    cut: int
    first: int
    last: int


@dataclass(frozen=True)
class Move:
    """A cut that had to move: where it was, and by how many seconds."""

    at: Fraction
    by: Fraction


@dataclass
class Plan:
    """A track as it will be written.

    `centred` are the cuts that moved to the middle of their crossfade, `shortened` the crossfades whose span changed
    by more than half a frame, `dropped` those that were left out, `rounded` the cuts that moved onto a frame.
    """

    pieces: list[Piece] = field(default_factory=list)
    fades: list[Fade] = field(default_factory=list)
    centred: list[Move] = field(default_factory=list)
    shortened: list[Move] = field(default_factory=list)
    dropped: list[Fraction] = field(default_factory=list)
    rounded: list[Move] = field(default_factory=list)


def plan_track(track: otio.schema.Track, rate: Fraction, prober: Prober, *, free_ends: bool) -> Plan:
    """Place the items of a track on frames.

    Parameters
    ----------
    rate
        Frames a second of the sequence.
    free_ends
        Whether the storyline ends at gaps (a connected one), or gaps are part of it (the primary one).

    Raises
    ------
    TimelineError
        When an item has no known length.
    """
    placed = [p for p in place_items(track, prober) if p.duration is None or p.duration > 0 or _is_fade(p)]
    items = [p for p in placed if not _is_fade(p)]
    for one in items:
        if one.start is None or one.duration is None:
            raise TimelineError(
                f"clip '{one.item.name}'", "has no known length", "relink it so that its media can be read"
            )
    exact = [p.start or Fraction(0) for p in items]
    if items:
        exact.append(items[-1].end or Fraction(0))
    plan = Plan()
    cuts = [to_frame(at, rate) for at in exact]
    plan.rounded = [
        Move(at, cut / rate - at) for at, cut in zip(exact, cuts, strict=True) if abs(cut / rate - at) > _FLOAT
    ]
    fades: list[Fade] = []
    for one in placed:
        if _is_fade(one):
            _place_fade(plan, one, items, exact, cuts, fades, rate, prober, free_ends)
    plan.fades = fades
    plan.rounded = [m for m in plan.rounded if all(m.at != exact[f.cut] for f in fades)]
    for number, one in enumerate(items):
        if cuts[number + 1] <= cuts[number]:
            continue  # shorter than half a frame: its neighbours meet
        head = cuts[number] / rate - exact[number]
        plan.pieces.append(Piece(one.item, one.index, cuts[number], cuts[number + 1], head))
    return _numbered(plan, cuts, rate)


def _is_fade(placed: PlacedItem) -> bool:
    return isinstance(placed.item, otio.schema.Transition)


def _place_fade(
    plan: Plan,
    fade: PlacedItem,
    items: Sequence[PlacedItem],
    exact: Sequence[Fraction],
    cuts: list[int],
    fades: list[Fade],
    rate: Fraction,
    prober: Prober,
    free_ends: bool,
) -> None:
    """Give a transition its frames and move the cut under it; `cuts` and `fades` are changed."""
    number = sum(1 for item in items if item.index < fade.index)
    at = exact[number] if exact else Fraction(0)
    first, last = at - seconds(fade.item.in_offset), at + seconds(fade.item.out_offset)
    before = items[number - 1] if number else None
    after = items[number] if number < len(items) else None
    open_before = before is None or (free_ends and _is_gap(before))
    open_after = after is None or (free_ends and _is_gap(after))
    # What a neighbour has left: up to its own start, or to the end of the transition at its other side.
    lowest = max([cuts[number - 1] if number else 0, *(f.last for f in fades if f.cut == number - 1)])
    highest = cuts[number + 1] if after is not None else None
    taken = any(f.cut == number for f in fades)
    if (open_before and open_after) or last <= first or taken:
        plan.dropped.append(at)
        return
    if open_before or open_after:
        start, stop = to_frame(first, rate), to_frame(last, rate)
        if open_before and after is not None:
            # A frame of a gap between clips stays: without one the storyline would not end here.
            start = max(start, lowest + (number > 1), _first_frame(after, at, rate, prober))
            stop = max(stop, start + 1)
            stop = stop if highest is None else min(stop, highest)
        elif before is not None:
            stop = min(stop, _last_frame(before, rate, prober))
            if highest is not None and number + 1 < len(items):
                stop = min(stop, highest - 1)
            start = min(max(start, lowest), stop - 1)
        if stop <= start or start < lowest:
            plan.dropped.append(at)
            return
        cuts[number] = start if open_before else stop
    else:
        assert before is not None and after is not None
        middle, half = _centred(first, last, at, rate)
        half = min(half, _last_frame(before, rate, prober) - middle, middle - lowest)
        half = min(half, middle - _first_frame(after, at, rate, prober))
        if highest is not None:
            half = min(half, highest - middle)
        if half < 1:
            plan.dropped.append(at)
            return
        start, stop = middle - half, middle + half
        cuts[number] = middle
    moved = cuts[number] / rate - at
    if abs(moved) > _FLOAT:
        plan.centred.append(Move(at, moved))
    change = max(abs(start / rate - first), abs(stop / rate - last))
    if change > _FLOAT:
        plan.shortened.append(Move(at, change))
    fades.append(Fade(fade.item, number, start, stop))


def _centred(first: Fraction, last: Fraction, at: Fraction, rate: Fraction) -> tuple[int, int]:
    """The frame in the middle of a span, and how many whole frames lie nearest to its ends on each side."""
    half = max(1, math.ceil((last - first) * rate / 2 - Fraction(1, 2) - _FLOAT))
    # Of two frames that are equally near the middle, the one that moves the cut less.
    low = int((first + last) * rate / 2 // 1)
    middle = min((low, low + 1), key=lambda frame: (_miss(frame, half, first, last, rate), abs(frame / rate - at)))
    return middle, half


def _miss(middle: int, half: int, first: Fraction, last: Fraction, rate: Fraction) -> Fraction:
    return abs((middle - half) / rate - first) + abs((middle + half) / rate - last)


def _last_frame(item: PlacedItem, rate: Fraction, prober: Prober) -> int:
    """The frame up to which an outgoing clip can play on; beyond any where that is unknown."""
    room = _room(item, prober, tail=True)
    return _NO_END if room is None or item.end is None else int((item.end + room + _FLOAT) * rate)


def _first_frame(item: PlacedItem, at: Fraction, rate: Fraction, prober: Prober) -> int:
    """The frame from which an incoming clip, cut at `at`, can play already; before any where that is unknown."""
    room = _room(item, prober, tail=False)
    return -_NO_END if room is None else math.ceil((at - room - _FLOAT) * rate)


def _room(item: PlacedItem, prober: Prober, *, tail: bool) -> Fraction | None:
    """Media beyond a clip's end or before its start, in seconds; None where it is unknown or no media is played."""
    clip = item.item
    if not isinstance(clip, otio.schema.Clip):
        return None
    played, holds = clip_range(clip, prober), available_range(clip, prober)
    if played is None or holds is None:
        return None
    room = end(holds) - end(played) if tail else seconds(played.start_time) - seconds(holds.start_time)
    return max(room, Fraction(0))


def _is_gap(item: PlacedItem) -> bool:
    return isinstance(item.item, otio.schema.Gap)


def _numbered(plan: Plan, cuts: Sequence[int], rate: Fraction) -> Plan:
    """Let fades name the pieces that are left, and leave out those whose cut is gone."""
    kept = []
    for fade in plan.fades:
        at = cuts[fade.cut]
        number = next((i for i, piece in enumerate(plan.pieces) if piece.first == at), len(plan.pieces))
        if number == len(plan.pieces) and (not plan.pieces or plan.pieces[-1].last != at):
            plan.dropped.append(at / rate)
            continue
        kept.append(Fade(fade.transition, number, fade.first, fade.last))
    plan.fades = kept
    return plan
