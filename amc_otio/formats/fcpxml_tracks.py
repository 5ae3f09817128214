"""Runs of clips with their place in time become OTIO tracks: each lane a track, or more where runs overlap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

import opentimelineio as otio

from amc_otio.timeline.rational import TimeRange, from_seconds

PRIMARY: Final = 0
"""The lane of the primary storyline."""


@dataclass(frozen=True)
class Fade:
    """A transition: its cut and its ends in seconds, and what is kept of it."""

    cut: Fraction
    first: Fraction
    last: Fraction
    name: str
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Placed:
    """An item between two times, in seconds; None is a gap."""

    item: Any
    first: Fraction
    last: Fraction


@dataclass
class Strip:
    """Items that abut, on a lane, with the transitions between them."""

    lane: int
    name: str
    items: list[Placed] = field(default_factory=list)
    fades: list[Fade] = field(default_factory=list)

    @property
    def first(self) -> Fraction:
        """Where it starts, in seconds."""
        return self.items[0].first

    @property
    def last(self) -> Fraction:
        """Where it ends."""
        return self.items[-1].last


def runs(strip: Strip) -> list[Strip]:
    """Split a strip at its gaps; a transition goes with the clip that it touches."""
    found: list[Strip] = []
    for placed in strip.items:
        if placed.item is None:
            continue
        if found and found[-1].last == placed.first:
            found[-1].items.append(placed)
        else:
            found.append(Strip(strip.lane, strip.name, [placed]))
    for fade in strip.fades:
        cuts = [run for run in found if run.first <= fade.cut <= run.last]
        if cuts:
            cuts[-1].fades.append(fade)
    return found


def tracks_of(strips: Iterable[Strip], kind: str, origin: Fraction, rate: Fraction) -> list[otio.schema.Track]:
    """Lay strips on tracks, the primary storyline first, then the lanes below it, then those above.

    Parameters
    ----------
    origin
        The time at which the tracks start, in seconds.
    rate
        In which everything is counted.
    """
    by_lane: dict[int, list[Strip]] = {}
    for strip in strips:
        if strip.items:
            by_lane.setdefault(strip.lane, []).append(strip)
    laid: list[list[Strip]] = []
    for lane in sorted(by_lane, key=lambda n: (n != PRIMARY, n > 0, abs(n))):
        rows: list[list[Strip]] = []
        for strip in sorted(by_lane[lane], key=lambda s: s.first):
            row = next((r for r in rows if r[-1].last <= strip.first), None)
            if row is None:
                rows.append([strip])
            else:
                row.append(strip)
        laid.extend(rows)
    return [_track(row, kind, origin, rate) for row in laid]


def _track(row: list[Strip], kind: str, origin: Fraction, rate: Fraction) -> otio.schema.Track:
    track = otio.schema.Track(name=next((s.name for s in row if s.name), ""), kind=kind)
    at = origin
    reach = origin
    for strip in row:
        if strip.first > at:
            track.append(gap(strip.first - at, rate))
        waiting = sorted(strip.fades, key=lambda f: f.cut)
        for placed in strip.items:
            while waiting and waiting[0].cut <= placed.first:
                track.append(_transition(waiting.pop(0), rate))
            track.append(gap(placed.last - placed.first, rate) if placed.item is None else placed.item)
        for fade in waiting:
            track.append(_transition(fade, rate))
        at = strip.last
        reach = max([at, *(fade.last for fade in waiting)])
    if reach > at:
        # A transition into nothing needs something after it.
        track.append(gap(reach - at, rate))
    return track


def gap(length: Fraction, rate: Fraction) -> otio.schema.Gap:
    """Return a gap of a length in seconds."""
    return otio.schema.Gap(source_range=TimeRange(from_seconds(Fraction(0), rate), from_seconds(length, rate)))


def _transition(fade: Fade, rate: Fraction) -> otio.schema.Transition:
    return otio.schema.Transition(
        name=fade.name,
        transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve,
        in_offset=from_seconds(max(fade.cut - fade.first, Fraction(0)), rate),
        out_offset=from_seconds(max(fade.last - fade.cut, Fraction(0)), rate),
        metadata=fade.metadata,
    )
