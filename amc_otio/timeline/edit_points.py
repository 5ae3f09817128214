"""Edit points: every place on an audio track where one sound ends and may be carried into another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import opentimelineio as otio

from amc_otio.timeline.bounce_track import Bounced, bounce_refusal, bounced_spans, runs_into_bounce
from amc_otio.timeline.clock import drop_of, start_seconds
from amc_otio.timeline.links import Links
from amc_otio.timeline.rational import RationalTime, TimeRange, exact_rate, from_frames, seconds
from amc_otio.timeline.shots import Heard, Shot, plays_sound, shot_of
from amc_otio.timeline.timecode import format_timecode
from amc_otio.timeline.walk import Path, PlacedItem, PlacedTrack, Prober, retime_of, walk_tracks

__all__ = ["EditPoint", "LinkedCut", "Shot", "find_edit_points"]

_ON_FRAME: Final = Fraction(1, 100_000)
"""A time this near a frame, in frames, is on it: adapters compute in floats. One sample is farther off."""


@dataclass(frozen=True)
class LinkedCut:
    """The same cut on a linked track.

    Attributes
    ----------
    track_path
        Child indexes from ``timeline.tracks``.
    index
        Child index of the item that ends at the cut on that track.
    kind
        "Video" or "Audio".
    side
        Which clip links them: "outgoing", "incoming" or "both".
    refusal
        Why that track cannot be cut here, in words; None where it can. It does not refuse the edit point: the sound
        alone may still be cut.
    """

    track_path: Path
    index: int
    kind: str
    side: str = "both"
    refusal: str | None = None


@dataclass(frozen=True)
class EditPoint:
    """A cut on an audio track.

    Attributes
    ----------
    id
        "A1:3": the third edit point on track A1.
    track_path
        Child indexes from ``timeline.tracks``.
    track_label
        "A1"; of a nested track "A1/2.A1": the first audio track in the stack that is item 2 of A1.
    track_name
        The name the editor gave the track.
    index
        Child index of the outgoing item in its track.
    record_time
        From 0, the start of the timeline; at the timeline's rate where it falls on a frame, else at the outgoing
        item's. None where it is unknown or a nest does not show it.
    timecode
        `record_time` with the global start, as timecode; "" where it is None.
    outgoing
        What ends here.
    incoming
        What begins here; None at the end of the track.
    linked
        The same cut on linked tracks.
    refusal
        Why nothing can be cut here, in words; None where it can.
    into_bounce
        Whether the incoming clip goes on in a bounce, so that no other may take its place.
    """

    id: str
    track_path: Path
    track_label: str
    track_name: str
    index: int
    record_time: RationalTime | None
    timecode: str
    outgoing: Shot | None
    incoming: Shot | None
    linked: tuple[LinkedCut, ...] = ()
    refusal: str | None = None
    into_bounce: bool = False


def find_edit_points(
    timeline: otio.schema.Timeline,
    rate: Fraction,
    *,
    probe: Callable[[str], TimeRange | None] | None = None,
) -> tuple[EditPoint, ...]:
    """List the edit points of every audio track, nested ones too.

    An edit point lies where something with sound ends: before a clip, before a gap, or at the end of the track.

    Parameters
    ----------
    timeline
        A validated timeline.
    rate
        Its edit rate (`read.edit_rate`).
    probe
        Given a target_url, returns the file's range on its own clock, or None; asked once a file, and only where
        the timeline does not say the range.

    Returns
    -------
    tuple of EditPoint
        In record order, then track order; those without a record time come last.

    Raises
    ------
    TimelineError
        When stacks are nested too deep.
    """
    prober = Prober(probe)
    tracks = tuple(walk_tracks(timeline, prober))
    links = Links(tracks, prober)
    by_path = {track.path: track for track in tracks}
    bounces = bounced_spans(tracks)
    drop = drop_of(timeline, rate)
    start = start_seconds(timeline)
    found: list[tuple[bool, Fraction, int, EditPoint]] = []
    for order, track in enumerate(tracks):
        if track.kind != otio.schema.TrackKind.Audio:
            continue
        for number, (placed, outgoing) in enumerate(_outgoing_items(track, prober), 1):
            at = track.place.record(placed.end)
            time = None if at is None else _record_time(at, rate, placed.item)
            point = EditPoint(
                id=f"{track.label}:{number}",
                track_path=track.path,
                track_label=track.label,
                track_name=str(track.track.name),
                index=placed.index,
                record_time=time,
                timecode="" if at is None else format_timecode(_on_grid(at + start, rate), rate, drop),
                outgoing=outgoing.shot,
                incoming=None,
            )
            point = _with_incoming(point, track, placed, outgoing, at, prober, links, by_path, bounces)
            found.append((at is None, at or Fraction(0), order, point))
    found.sort(key=lambda entry: (entry[0], entry[1], entry[2], entry[3].index))
    return tuple(entry[3] for entry in found)


def _with_incoming(
    point: EditPoint,
    track: PlacedTrack,
    placed: PlacedItem,
    outgoing: Heard,
    at: Fraction | None,
    prober: Prober,
    links: Links,
    by_path: dict[Path, PlacedTrack],
    bounces: tuple[Bounced, ...],
) -> EditPoint:
    following = _neighbour(track, placed, 1)
    incoming = None
    if following is not None:
        incoming = shot_of(following.item, (*track.path, following.index), prober, at_end=False)
    after = following.end if following is not None else None
    runs_to = None if at is None or after is None or placed.end is None else at + after - placed.end
    bounced = bounce_refusal(bounces, track.label, placed.item, at)
    refusals = [
        *([bounced] if bounced else []),
        *_track_refusals(track),
        *_transition_refusals(track, placed),
        *(f"the outgoing clip '{outgoing.shot.name}' {problem}" for problem in outgoing.problems),
        *_incoming_refusals(following, incoming),
        *_time_refusals(track, placed, at),
    ]
    return replace(
        point,
        incoming=incoming.shot if incoming is not None else None,
        linked=tuple(_linked_cuts(track, placed, following, links, by_path)),
        refusal="; ".join(refusals) or None,
        into_bounce=runs_into_bounce(bounces, track.label, runs_to),
    )


def _outgoing_items(track: PlacedTrack, prober: Prober) -> Iterator[tuple[PlacedItem, Heard]]:
    for placed in track.items:
        if not plays_sound(placed.item) or placed.duration == 0:
            continue
        heard = shot_of(placed.item, (*track.path, placed.index), prober, at_end=True)
        if heard is not None:
            yield placed, heard


def _neighbour(track: PlacedTrack, placed: PlacedItem, step: int) -> PlacedItem | None:
    """The nearest item before (-1) or after (1) one, transitions passed over."""
    index = placed.index + step
    while 0 <= index < len(track.items):
        if not isinstance(track.items[index].item, otio.schema.Transition):
            return track.items[index]
        index += step
    return None


def _on_grid(at: Fraction, rate: Fraction) -> RationalTime:
    return from_frames(round(at * rate), rate)


def _record_time(at: Fraction, rate: Fraction, item: Any) -> RationalTime:
    frames = at * rate
    if abs(frames - round(frames)) <= _ON_FRAME:
        return from_frames(round(frames), rate)
    source_range = getattr(item, "source_range", None)
    own = source_range.duration.rate if source_range is not None else float(rate)
    value = at * exact_rate(own)
    if abs(value - round(value)) <= _ON_FRAME:
        value = Fraction(round(value))
    return RationalTime(float(value), own)


def _track_refusals(track: PlacedTrack) -> Iterator[str]:
    if track.locked:
        yield f"track {track.label} is locked"
    if track.disabled:
        yield f"track {track.label} is disabled"
    if track.retimed:
        yield f"track {track.label} lies in something retimed"


def _transition_refusals(track: PlacedTrack, placed: PlacedItem) -> Iterator[str]:
    next_index = placed.index + 1
    if next_index < len(track.items) and isinstance(track.items[next_index].item, otio.schema.Transition):
        yield "a transition is already there"
        return
    cut = placed.end
    if cut is None:
        return
    for other in track.transitions:
        if other.start is not None:
            first = other.start - seconds(other.item.in_offset)
            last = other.start + seconds(other.item.out_offset)
            if first < cut < last:
                yield "it lies within a transition"
                return


def _incoming_refusals(following: PlacedItem | None, incoming: Heard | None) -> Iterator[str]:
    if following is None:
        return
    if following.duration == 0:
        yield "an item of no length follows"
    if incoming is None:
        return
    for problem in incoming.problems:
        # Missing or disabled incoming media may be replaced; bent time would be shifted.
        if problem.startswith(("plays ", "is a freeze", "has a retime", "holds a nest that")):
            yield f"the incoming clip '{incoming.shot.name}' {problem}"


def _time_refusals(track: PlacedTrack, placed: PlacedItem, at: Fraction | None) -> Iterator[str]:
    if at is not None:
        return
    if placed.end is None or track.place.offset is None:
        yield "where it lies is unknown: a clip before it has no known length"
    elif track.place.nested and track.place.offset + placed.end == track.place.last:
        yield "the nest that holds it ends here too: cut outside the nest"
    else:
        yield f"track {track.label} does not show it: it is trimmed away"


def _linked_cuts(
    track: PlacedTrack,
    placed: PlacedItem,
    following: PlacedItem | None,
    links: Links,
    by_path: dict[Path, PlacedTrack],
) -> Iterator[LinkedCut]:
    if placed.end is None:
        return
    played = getattr(placed.item, "source_range", None)
    rate = exact_rate(played.duration.rate) if played is not None else Fraction(24)
    tolerance = Fraction(1, 2) / min(rate, Fraction(60))
    sides: dict[tuple[Path, int], set[str]] = {}
    for member in links.partners((*track.path, placed.index)):
        if member.placed.end is not None and abs(member.placed.end - placed.end) <= tolerance:
            sides.setdefault((member.track.path, member.placed.index), set()).add("outgoing")
    if following is not None:
        for member in links.partners((*track.path, following.index)):
            before = _neighbour(by_path[member.track.path], member.placed, -1)
            if before is None or member.placed.start is None or abs(member.placed.start - placed.end) > tolerance:
                continue
            sides.setdefault((member.track.path, before.index), set()).add("incoming")
    for (path, index), found in sorted(sides.items()):
        side = "both" if len(found) > 1 else found.pop()
        other = by_path[path]
        yield LinkedCut(path, index, other.kind, side, _linked_refusal(other, other.items[index]))


def _linked_refusal(track: PlacedTrack, placed: PlacedItem) -> str | None:
    refusals = [f"track {track.label} is locked"] if track.locked else []
    refusals += [f"on track {track.label} {reason}" for reason in _transition_refusals(track, placed)]
    following = _neighbour(track, placed, 1)
    for side in (placed, following):
        retime = retime_of(side.item) if side is not None else None
        if side is not None and retime is not None:
            refusals.append(f"'{side.item.name}' on track {track.label} {retime}")
    return "; ".join(refusals) or None
