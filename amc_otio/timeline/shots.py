"""What sounds on one side of a cut: a clip, or the one clip inside a nested stack that is heard there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import opentimelineio as otio

from amc_otio.timeline.metadata import items_of, lookup, mapping_get
from amc_otio.timeline.rational import RationalTime, TimeRange, end, exact_rate, seconds
from amc_otio.timeline.walk import (
    Path,
    Prober,
    available_range,
    check_nesting,
    clip_range,
    is_disabled,
    length_of,
    place_items,
    retime_of,
    target_url,
)

ALL_STREAMS = -1
"""Stream number in `Shot.channels` for a channel that is counted through all streams of the file."""


@dataclass(frozen=True)
class Shot:
    """One side of a cut.

    Attributes
    ----------
    path
        Child indexes from ``timeline.tracks`` to the item on the track (for a nested one: the stack).
    name
        Its name; for a nested one, the name of the clip that is heard.
    target_url
        The media as the timeline names it; None where there is none or no one clip is heard.
    source_range
        What is played, absolute on the media's own clock; None where it is unknown.
    available_range
        What the media holds (of a nested clip: what its stack lets through); None where it is unknown.
    channels
        (stream, channel) of the media for each channel of the clip, both from 0, where the timeline says so. Stream
        -1: the channel is counted through all streams of the file.
    enabled
        Whether it is switched on.
    kind
        "clip", "gap", "stack" (nested), "generator" or "missing".
    """

    path: Path
    name: str
    target_url: str | None
    source_range: TimeRange | None
    available_range: TimeRange | None
    channels: tuple[tuple[int, int], ...] | None
    enabled: bool
    kind: str

    @property
    def head_handle(self) -> RationalTime | None:
        """Media before the shot, at the source range's rate; None where it is unknown."""
        if self.source_range is None or self.available_range is None:
            return None
        room = seconds(self.source_range.start_time) - seconds(self.available_range.start_time)
        return _like(max(room, Fraction(0)), self.source_range.start_time)

    @property
    def tail_handle(self) -> RationalTime | None:
        """Media after the shot, at the source range's rate; None where it is unknown."""
        if self.source_range is None or self.available_range is None:
            return None
        room = end(self.available_range) - end(self.source_range)
        return _like(max(room, Fraction(0)), self.source_range.duration)


@dataclass(frozen=True)
class Heard:
    """A shot and what speaks against using it."""

    shot: Shot
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Inner:
    """A clip inside a container, in the container's own time; `start` and `end` are what its nests let through."""

    clip: Any
    origin: Fraction
    start: Fraction
    end: Fraction
    retimed: str | None


def plays_sound(item: Any) -> bool:
    """Whether an item of an audio track is something that can be heard."""
    if isinstance(item, otio.schema.Clip):
        return True
    if not isinstance(item, otio.core.Composition):
        return False
    todo = [item]
    while todo:
        for child in _sounding_children(todo.pop()):
            if isinstance(child, otio.schema.Clip):
                return True
            if isinstance(child, otio.core.Composition):
                todo.append(child)
    return False


def shot_of(item: Any, path: Path, prober: Prober, *, at_end: bool) -> Heard | None:
    """Describe an item of a track as one side of a cut.

    Parameters
    ----------
    item
        A clip, a gap, or a nested stack or track.
    path
        Child indexes from ``timeline.tracks``.
    prober
        Asked for the range of media that the timeline does not say.
    at_end
        True: the cut is at the item's end (it is the outgoing one). False: at its start.

    Returns
    -------
    Heard or None
        None when a nested outgoing item is silent at the cut.
    """
    if isinstance(item, otio.schema.Clip):
        return _clip_shot(item, path, prober)
    enabled = not is_disabled(item)
    if isinstance(item, otio.core.Composition):
        return _nested_shot(item, path, prober, enabled, at_end)
    shot = Shot(path, str(item.name), None, item.source_range, None, None, enabled, "gap")
    return Heard(shot)


def channels_of(clip: otio.schema.Clip) -> tuple[tuple[int, int], ...] | None:
    """Return the (stream, channel) pairs a clip plays, where Resolve or Final Cut Pro 7 XML says so."""
    found = []
    for entry in items_of(lookup(clip, "Resolve_OTIO", "Channels")):
        pair = (mapping_get(entry, "Source Track ID"), mapping_get(entry, "Source Channel ID"))
        if not all(isinstance(n, int) and 0 <= n < 1024 for n in pair):
            return None
        found.append(pair)
    if found:
        return tuple(found)
    number = str(lookup(clip, "fcp_xml", "sourcetrack", "trackindex"))
    if lookup(clip, "fcp_xml", "sourcetrack", "mediatype") == "audio" and number.isdigit() and 0 < int(number) <= 1024:
        return ((ALL_STREAMS, int(number) - 1),)
    return None


def _clip_shot(clip: Any, path: Path, prober: Prober) -> Heard:
    reference = clip.media_reference
    kind, problem = "clip", None
    if isinstance(reference, otio.schema.GeneratorReference):
        kind, problem = "generator", "is made by a generator, not by a media file"
    elif isinstance(reference, otio.schema.ImageSequenceReference):
        kind, problem = "missing", "is an image sequence, which has no sound"
    elif target_url(clip) is None:
        kind, problem = "missing", "names no media file"
    played = clip_range(clip, prober)
    holds = available_range(clip, prober)
    shot = Shot(path, str(clip.name), target_url(clip), played, holds, channels_of(clip), not is_disabled(clip), kind)
    problems = [problem] if problem else []
    if not shot.enabled:
        problems.append("is disabled")
    retime = retime_of(clip)
    if retime:
        problems.append(retime)
    if played is None:
        problems.append("has no known length: its media cannot be read")
    elif kind == "clip" and holds is not None and retime is None:
        problems.extend(_outside(played, holds))
    return Heard(shot, tuple(problems))


def _outside(played: TimeRange, holds: TimeRange) -> Iterator[str]:
    # Decoders pad AAC and MP3 by up to 0.05 s a side, and mixed rates round to a frame.
    tolerance = Fraction(1, 10)
    before = seconds(holds.start_time) - seconds(played.start_time)
    after = end(played) - end(holds)
    if before > tolerance:
        yield f"starts {float(before):.2f} s before its media does"
    if after > tolerance:
        yield f"runs {float(after):.2f} s past the end of its media"


def _nested_shot(item: Any, path: Path, prober: Prober, enabled: bool, at_end: bool) -> Heard | None:
    name = str(item.name)
    plain = Shot(path, name, None, item.source_range, None, None, enabled, "stack")
    problems = [] if enabled else ["is disabled"]
    retime = retime_of(item)
    if retime:
        problems.append(retime)
    start = seconds(item.source_range.start_time) if item.source_range is not None else Fraction(0)
    inside = _inner_clips(item, prober, 0)
    if inside is None:
        return Heard(plain, (*problems, "holds a clip of unknown length"))
    length = length_of(item, prober)
    if length is None:
        return Heard(plain, (*problems, "holds a clip of unknown length"))
    stop = start + length
    if at_end:
        heard = [i for i in inside if i.start < stop <= i.end]
    else:
        heard = [i for i in inside if i.start <= start < i.end]
    if not heard:
        return None if at_end else Heard(plain, tuple(problems))
    if len(heard) > 1:
        return Heard(plain, (*problems, f"is a nest in which {len(heard)} clips sound at the cut"))
    inner = heard[0]
    found = _clip_shot(inner.clip, path, prober)
    problems.extend(found.problems)
    if inner.retimed:
        problems.append(f"holds a nest that {inner.retimed}")
    shot = replace(found.shot, kind="stack", enabled=enabled, available_range=None)
    played = found.shot.source_range
    if played is not None:
        # What the nest lets through is all that a transition on the nest can reach.
        shot = replace(
            shot,
            source_range=_part(played, inner, max(inner.start, start), min(inner.end, stop)),
            available_range=_part(played, inner, inner.start, inner.end),
        )
    return Heard(shot, tuple(problems))


def _part(played: TimeRange, inner: _Inner, start: Fraction, stop: Fraction) -> TimeRange:
    at = seconds(played.start_time) + (start - inner.origin)
    return TimeRange(_like(at, played.start_time), _like(stop - start, played.duration))


def _sounding_children(container: Any) -> list[Any]:
    """A stack's audio tracks if it has any, else all it holds; a track's children."""
    children = list(container)
    if isinstance(container, otio.schema.Track):
        return children
    audio = [c for c in children if isinstance(c, otio.schema.Track) and c.kind == otio.schema.TrackKind.Audio]
    return audio or children


def _inner_clips(container: Any, prober: Prober, depth: int) -> list[_Inner] | None:
    """Every enabled clip heard in a container, in the container's own time; None when a length is unknown."""
    check_nesting(depth)
    if isinstance(container, otio.schema.Track):
        placed = [(p.item, p.start, p.duration) for p in place_items(container, prober, depth)]
    else:
        placed = [(child, Fraction(0), None) for child in _sounding_children(container)]
    found: list[_Inner] = []
    for child, at, length in placed:
        if isinstance(child, (otio.schema.Transition, otio.schema.Gap)) or is_disabled(child):
            continue
        if at is None:
            return None
        if isinstance(child, otio.schema.Clip):
            played = clip_range(child, prober)
            if played is None:
                return None
            stop = at + seconds(played.duration)
            found.append(_Inner(child, at, at, stop, None))
            continue
        inside = _inner_clips(child, prober, depth + 1)
        if inside is None:
            return None
        found.extend(_lifted(child, inside, at, length))
    return found


def _lifted(child: Any, inside: list[_Inner], at: Fraction, length: Fraction | None) -> Iterator[_Inner]:
    """Move clips from a nest's time to that of what holds it, cut to what the nest shows."""
    source_start, source_stop = Fraction(0), None
    if child.source_range is not None:
        source_start = seconds(child.source_range.start_time)
        source_stop = source_start + seconds(child.source_range.duration)
    elif length is not None:
        source_stop = length
    shift = at - source_start
    for inner in inside:
        start = max(inner.start, source_start)
        stop = inner.end if source_stop is None else min(inner.end, source_stop)
        if start < stop:
            retimed = inner.retimed or retime_of(child)
            yield _Inner(inner.clip, inner.origin + shift, start + shift, stop + shift, retimed)


def _like(value: Fraction, time: RationalTime) -> RationalTime:
    """Return seconds as a time at the very rate that another one has."""
    return RationalTime(float(value * exact_rate(time.rate)), time.rate)
