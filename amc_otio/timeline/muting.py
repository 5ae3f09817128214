"""Silencing a stretch of a track that sounds elsewhere: switched off where the format keeps that, else a gap."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

import opentimelineio as otio

from amc_otio.errors import TimelineError
from amc_otio.timeline.clip_effects import start_keyframes_later
from amc_otio.timeline.metadata import lookup
from amc_otio.timeline.rational import TimeRange, exact_rate, from_seconds, seconds
from amc_otio.timeline.slots import SAME_TIME, duration_of, track_at
from amc_otio.timeline.undo import METADATA_KEY, Record, replace_children

_NOT_FOR_A_SECOND: Final = ("@id", "link")
"""What names one clip of Final Cut Pro 7 XML: only the first part of a clip that is split keeps it."""


def mute_span(
    timeline: otio.schema.Timeline,
    path: tuple[int, ...],
    first: Fraction,
    last: Fraction,
    name: str,
    gap: bool,
    rate: Fraction,
) -> Record:
    """Silence what plays on a track between two times, splitting clips at its ends.

    Parameters
    ----------
    path
        Of the track.
    first, last
        In seconds on the track. Neither may lie inside a transition.
    name
        Which edit point's bounce sounds instead; kept in the metadata of what is silenced.
    gap
        Put a gap there. Otherwise the clips stay, switched off, with the transitions between them.
    rate
        The timeline's edit rate, for keyframes that count frames from a clip's start.

    Returns
    -------
    Record
        What undoes it.

    Raises
    ------
    TimelineError
        Where the track has nothing there.
    """
    track = track_at(timeline, path)
    at = Fraction(0)
    new: list[tuple[otio.core.Composable, bool]] = []
    indexes: list[int] = []
    for index, child in enumerate(list(track)):
        length = Fraction(0) if child.overlapping() else duration_of(child)
        if length is None or at > last:
            break
        start, end = at, at + length
        at = end
        inside = (
            first + SAME_TIME < start < last - SAME_TIME
            if child.overlapping()
            else (start < last - SAME_TIME and end > first + SAME_TIME)
        )
        if not inside:
            continue
        indexes.append(index)
        if child.overlapping():
            new.append((child.clone(), True))
        else:
            new.extend(_parts(child, start, length, first, last, rate))
    if not indexes:
        raise TimelineError(f"track '{track.name}'", "has nothing where the bounce plays", "propose again")
    parts = _with_gap(new, last - first, name) if gap else [silenced(part, name) if off else part for part, off in new]
    return replace_children(timeline, path, indexes[0], indexes[-1] - indexes[0] + 1, parts)


def _parts(
    item: otio.core.Item, start: Fraction, length: Fraction, first: Fraction, last: Fraction, rate: Fraction
) -> list[tuple[otio.core.Item, bool]]:
    """An item cut at the ends of a span, and which parts lie inside it."""
    cuts = [start, start + length]
    cuts[1:1] = [time for time in (first, last) if start + SAME_TIME < time < start + length - SAME_TIME]
    parts = []
    for one, other in pairwise(cuts):
        part = item.clone() if len(cuts) == 2 else _part(item, one - start, other - one, rate)
        if one > start:
            _without(part, _NOT_FOR_A_SECOND)
        parts.append((part, first - SAME_TIME <= one and other <= last + SAME_TIME))
    return parts


def _part(item: otio.core.Item, offset: Fraction, length: Fraction, edit_rate: Fraction) -> otio.core.Item:
    """A stretch of an item, with the markers that lie in it and its keyframes where they were."""
    part = item.clone()
    present = item.trimmed_range()
    start_rate, rate = exact_rate(present.start_time.rate), exact_rate(present.duration.rate)
    start = seconds(present.start_time) + offset
    part.source_range = TimeRange(
        from_seconds(start, start_rate) if offset else present.start_time, from_seconds(length, rate)
    )
    for index in reversed(range(len(part.markers))):
        at = seconds(part.markers[index].marked_range.start_time)
        if not start <= at < start + length:
            del part.markers[index]
    if offset:
        start_keyframes_later(part, round(offset * edit_rate))
    return part


def silenced(item: otio.core.Composable, name: str) -> otio.core.Composable:
    """The item itself, switched off; what makes no sound by itself stays as it is."""
    if not isinstance(item, (otio.schema.Gap, otio.schema.Transition)):
        item.enabled = False
        _put(item, METADATA_KEY, "bounced", name)
        # The Final Cut Pro 7 XML adapter writes a clip's state from here alone.
        _put(item, "fcp_xml", "enabled", "FALSE")
    return item


def _put(item: otio.core.Item, space: str, key: str, value: Any) -> None:
    held = lookup(item, space)
    item.metadata[space] = {**(dict(held) if hasattr(held, "keys") else {}), key: value}


def _without(item: otio.core.Item, keys: tuple[str, ...]) -> None:
    held = lookup(item, "fcp_xml")
    if hasattr(held, "keys"):
        item.metadata["fcp_xml"] = {key: value for key, value in dict(held).items() if key not in keys}


def _with_gap(parts: list[tuple[otio.core.Composable, bool]], length: Fraction, name: str) -> list[Any]:
    """One gap in the place of everything that is silenced."""
    rate = next(exact_rate(part.trimmed_range().duration.rate) for part, _ in parts if not part.overlapping())
    gap = otio.schema.Gap(source_range=TimeRange(from_seconds(Fraction(0), rate), from_seconds(length, rate)))
    gap.metadata[METADATA_KEY] = {"bounced": name}
    kept: list[Any] = []
    for part, off in parts:
        if not off:
            kept.append(part)
        elif all(one is not gap for one in kept):
            kept.append(gap)
    return kept
