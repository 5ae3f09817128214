"""Choosing edit points by time, track, number, marker or range."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import opentimelineio as otio

from amc_otio.errors import NoMatchError, UsageError
from amc_otio.timeline.clock import drop_of, start_seconds, timeline_start
from amc_otio.timeline.edit_points import EditPoint
from amc_otio.timeline.rational import from_frames, seconds
from amc_otio.timeline.timecode import format_timecode, parse_time
from amc_otio.timeline.walk import Place, Prober, length_of, possible_rate, walk_tracks

WITHIN_S: Final = Fraction(1, 2)
"""How far from a given time or marker an edit point is still taken, in seconds."""


@dataclass(frozen=True)
class Selection:
    """Which edit points a person asked for.

    `at`, `indexes` and `markers` pick edit points, and what each picks is added up; `tracks` and `range` limit them.
    Where nothing picks, every edit point within the limits is taken.

    Attributes
    ----------
    at
        Times as `timecode.parse_time` reads them: the nearest edit point on each track is taken.
    tracks
        Labels ("A1") or names of tracks.
    indexes
        Edit points by their id ("A1:3"), or by their number on every chosen track ("3").
    markers
        Names or colours of markers: the nearest edit point on each track is taken.
    range
        Two times; both ends belong to it.
    all
        Every edit point within the limits, whatever else is asked for.
    """

    at: tuple[str, ...] = ()
    tracks: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()
    range: tuple[str, str] | None = None
    all: bool = False


_Timed = tuple[Fraction, EditPoint]


@dataclass(frozen=True)
class MarkerPlace:
    """A marker and the record time it points at, in seconds from the start of the timeline."""

    name: str
    color: str
    at: Fraction


def select(
    points: Sequence[EditPoint],
    selection: Selection,
    timeline: otio.schema.Timeline,
    rate: Fraction,
    within: Fraction = WITHIN_S,
) -> tuple[EditPoint, ...]:
    """Return the edit points that a selection names, linked ones once (`fold_linked`).

    Parameters
    ----------
    points
        From `edit_points.find_edit_points`.
    selection
        What was asked for.
    timeline, rate
        The timeline they came from and its edit rate.
    within
        How far from a time or marker an edit point may lie, in seconds.

    Raises
    ------
    UsageError
        When a time cannot be read or a range ends before it starts.
    NoMatchError
        When nothing is left; it lists what there is.
    """
    if not points:
        raise NoMatchError(
            "the timeline",
            "has no edit point: no clip with sound ends on an audio track",
            "put clips with sound on an audio track",
        )
    drop = drop_of(timeline, rate)
    eligible = _in_range(_on_tracks(points, selection.tracks), selection.range, timeline, rate, drop)
    if selection.all or not (selection.at or selection.indexes or selection.markers):
        return fold_linked(eligible)
    chosen: set[str] = set()
    timed = [(seconds(p.record_time), p) for p in eligible if p.record_time is not None]
    for text in selection.at:
        at = seconds(parse_time(text, rate, start=timeline_start(timeline), drop=drop))
        near = _nearest(timed, at, within)
        if not near:
            raise _none_near(f"time '{text}'", timed, at, within)
        chosen |= near
    for text in selection.indexes:
        numbered = {p.id for p in eligible if text.casefold() in (p.id.casefold(), p.id.rpartition(":")[2])}
        if not numbered:
            raise NoMatchError(f"edit point '{text}'", "does not exist here", f"there are {_listed(eligible)}")
        chosen |= numbered
    if selection.markers:
        known = markers_of(timeline)
        for text in selection.markers:
            chosen |= _at_marker(text, known, timed, within, _marker_times(known, timeline, rate, drop))
    return fold_linked([p for p in eligible if p.id in chosen])


def fold_linked(points: Sequence[EditPoint]) -> tuple[EditPoint, ...]:
    """Leave out every edit point that an earlier one already stands for.

    Two edit points are the same cut when their outgoing clips are linked; the first track is the representative,
    and its `linked` names the others. A cut that only its incoming clip shares stays on its own: its sound differs.
    """
    order = sorted(points, key=lambda p: (p.track_path, p.index))
    standing: set[tuple[tuple[int, ...], int]] = set()
    absorbed: set[tuple[tuple[int, ...], int]] = set()
    for point in order:
        place = (point.track_path, point.index)
        if place in absorbed:
            continue
        standing.add(place)
        absorbed |= {(c.track_path, c.index) for c in point.linked if c.side != "incoming"} - standing
    return tuple(p for p in points if (p.track_path, p.index) not in absorbed)


def markers_of(timeline: otio.schema.Timeline) -> tuple[MarkerPlace, ...]:
    """Return the markers of a timeline, its tracks and their items, with the record time each points at.

    A marker on a clip lies on the media's clock; one that lies outside the clip there, as Final Cut's do, is taken as
    counted from the clip's start. What a nest does not show is left out.
    """
    prober = Prober()
    tracks = tuple(walk_tracks(timeline, prober))
    stack = timeline.tracks
    found = []
    length = max((t.items[-1].end or Fraction(0) for t in tracks if len(t.path) == 1 and t.items), default=Fraction(0))
    start = start_seconds(timeline)
    offset = seconds(stack.source_range.start_time) if stack.source_range is not None else Fraction(0)
    for marker, at in _usable(stack.markers):
        # Some editors count a timeline's markers from its timecode.
        found.append(MarkerPlace(marker.name, marker.color, at - start if at >= start and at > length else at - offset))
    for track in tracks:
        for marker, at in _usable(track.track.markers):
            found.extend(_seen(marker, track.place, at))
        for placed in track.items:
            if placed.start is None or isinstance(placed.item, otio.schema.Transition):
                continue
            first, shown = _shown(placed.item, prober)
            for marker, at in _usable(placed.item.markers):
                inside = at - first if first <= at <= first + shown else at
                if Fraction(0) <= inside <= shown:
                    found.extend(_seen(marker, track.place, placed.start + inside))
    return tuple(found)


def _usable(markers: Any) -> Iterator[tuple[Any, Fraction]]:
    for marker in markers:
        time = marker.marked_range.start_time
        if possible_rate(time):
            yield marker, seconds(time)


def _shown(item: Any, prober: Prober) -> tuple[Fraction, Fraction]:
    source_range = item.source_range
    if source_range is None and isinstance(item, otio.schema.Clip) and item.media_reference is not None:
        source_range = item.media_reference.available_range
    first = seconds(source_range.start_time) if source_range is not None else Fraction(0)
    return first, length_of(item, prober) or Fraction(0)


def _seen(marker: Any, place: Place, local: Fraction) -> Iterator[MarkerPlace]:
    at = place.record(local)
    if at is not None:
        yield MarkerPlace(marker.name, marker.color, at)


def _on_tracks(points: Sequence[EditPoint], tracks: Sequence[str]) -> list[EditPoint]:
    if not tracks:
        return list(points)
    kept: set[tuple[int, ...]] = set()
    for text in tracks:
        wanted = text.strip().casefold()
        # A label wins: a track may be named "A2" and be the first.
        found = [p for p in points if p.track_label.casefold() == wanted]
        found = found or [p for p in points if p.track_name.casefold() == wanted]
        if not found:
            there = sorted({(p.track_path, f"{p.track_label} '{p.track_name}'") for p in points})
            raise NoMatchError(
                f"track '{text}'", "has no edit point", f"tracks with some are {_some([name for _, name in there])}"
            )
        kept.update(p.track_path for p in found)
    return [p for p in points if p.track_path in kept]


def _in_range(
    points: list[EditPoint],
    limits: tuple[str, str] | None,
    timeline: otio.schema.Timeline,
    rate: Fraction,
    drop: bool | None,
) -> list[EditPoint]:
    if limits is None:
        return points
    first, last = (seconds(parse_time(text, rate, start=timeline_start(timeline), drop=drop)) for text in limits)
    if last < first:
        raise UsageError(f"range {limits[0]} to {limits[1]}", "ends before it starts", "swap the two times")
    half = Fraction(1, 2) / rate
    kept = [p for p in points if p.record_time is not None and first - half <= seconds(p.record_time) <= last + half]
    if not kept:
        raise NoMatchError(f"range {limits[0]} to {limits[1]}", "holds no edit point", f"there are {_listed(points)}")
    return kept


def _nearest(points: Sequence[_Timed], at: Fraction, within: Fraction) -> set[str]:
    """Ids of the nearest edit point on each track, of two equally near ones the earlier."""
    best: dict[tuple[int, ...], tuple[Fraction, EditPoint]] = {}
    for time, point in points:
        distance = abs(time - at)
        if distance <= within and (point.track_path not in best or distance < best[point.track_path][0]):
            best[point.track_path] = (distance, point)
    return {point.id for _, point in best.values()}


def _none_near(thing: str, points: Sequence[_Timed], at: Fraction, within: Fraction) -> NoMatchError:
    nearest = [p for _, p in sorted(points, key=lambda pair: abs(pair[0] - at))[:3]]
    return NoMatchError(
        thing, f"has no edit point within {float(within):g} s", f"the nearest are {_listed(nearest)}" if nearest else ""
    )


def _at_marker(
    text: str, known: Sequence[MarkerPlace], points: Sequence[_Timed], within: Fraction, times: Sequence[str]
) -> set[str]:
    wanted = text.strip().casefold()
    found = [m for m in known if m.name.casefold() == wanted] or [m for m in known if m.color.casefold() == wanted]
    if not found:
        there = [f"'{m.name}' ({m.color}) at {time}" for m, time in zip(known, times, strict=True)]
        raise NoMatchError(
            f"marker '{text}'",
            "is neither the name nor the colour of a marker",
            f"there are {_some(there)}" if there else "the timeline has no marker",
        )
    chosen: set[str] = set()
    for marker in found:
        chosen |= _nearest(points, marker.at, within)
    if not chosen:
        raise _none_near(f"marker '{text}'", points, found[0].at, within)
    return chosen


def _marker_times(
    known: Sequence[MarkerPlace], timeline: otio.schema.Timeline, rate: Fraction, drop: bool | None
) -> list[str]:
    start = start_seconds(timeline)
    return [format_timecode(from_frames(round((m.at + start) * rate), rate), rate, drop) for m in known]


def _listed(points: Sequence[EditPoint]) -> str:
    return _some([f"{p.id} at {p.timecode}" if p.timecode else p.id for p in points])


def _some(names: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
