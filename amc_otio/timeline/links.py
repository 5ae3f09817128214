"""Which clips belong together: picture with its sound, the channels of a pair, the stems of a take.

A stated link wins over an inferred one: Resolve's Link Group ID, the <link> elements of Final Cut Pro 7 XML, or
``metadata["amc_otio"]["link"]``. Clips without one belong together when they play the same stretch of the same media
at the same record time on different tracks of one stack.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import opentimelineio as otio

from amc_otio.timeline.metadata import items_of, lookup, mapping_get
from amc_otio.timeline.rational import exact_rate, seconds
from amc_otio.timeline.walk import Path, PlacedItem, PlacedTrack, Prober, clip_range, target_url, walk_tracks


@dataclass(frozen=True)
class Member:
    """An item that is linked to others: its track, and its place on it."""

    track: PlacedTrack
    placed: PlacedItem

    @property
    def path(self) -> Path:
        """Child indexes from ``timeline.tracks``."""
        return (*self.track.path, self.placed.index)


class Links:
    """The partners of every item.

    Parameters
    ----------
    tracks
        What `walk.walk_tracks` yields; hold the timeline too.
    prober
        Asked for the range of clips that do not say one.
    """

    def __init__(self, tracks: Iterable[PlacedTrack], prober: Prober | None = None) -> None:
        self._groups: dict[Path, list[Member]] = {}
        prober = prober or Prober()
        members = [
            Member(track, placed)
            for track in tracks
            for placed in track.items
            if isinstance(placed.item, (otio.schema.Clip, otio.schema.Stack, otio.schema.Track))
        ]
        fcp_groups = _fcp_groups(members)
        stated: dict[Hashable, list[Member]] = defaultdict(list)
        alike: dict[Hashable, list[Member]] = defaultdict(list)
        for member in members:
            key = _stated_key(member, fcp_groups)
            if key is not None:
                stated[member.track.path[:-1], key].append(member)
            elif (media := _media_of(member.placed.item)) is not None:
                alike[member.track.path[:-1], media].append(member)
        for group in stated.values():
            for member in group:
                self._groups[member.path] = group
        for group in alike.values():
            self._infer(group, prober)

    def partners(self, path: Path) -> tuple[Member, ...]:
        """Return the items linked to the one at `path`, on other tracks, in track order."""
        track = path[:-1]
        others = [m for m in self._groups.get(path, ()) if m.track.path != track]
        return tuple(sorted(others, key=lambda m: m.path))

    def _infer(self, members: list[Member], prober: Prober) -> None:
        """Group members of the same media that play the same stretch at the same time."""
        known = []
        for member in members:
            span = _span(member, prober)
            if span is not None:
                known.append((span, member))
        known.sort(key=lambda pair: (pair[0].record, pair[1].path))
        for position, (span, member) in enumerate(known):
            for other_span, other in known[position + 1 :]:
                if other_span.record - span.record > span.half_frame:
                    break
                if other.track.path != member.track.path and span.equals(other_span):
                    group = self._groups.setdefault(member.path, [member])
                    if other.path not in self._groups:
                        group.append(other)
                        self._groups[other.path] = group


def find_links(timeline: otio.schema.Timeline) -> dict[Path, tuple[Path, ...]]:
    """Return the paths of the partners of every linked item, by the path of the item.

    A path is the child indexes from ``timeline.tracks``.
    """
    tracks = tuple(walk_tracks(timeline))
    links = Links(tracks)
    found = {}
    for track in tracks:
        for placed in track.items:
            path = (*track.path, placed.index)
            partners = tuple(m.path for m in links.partners(path))
            if partners:
                found[path] = partners
    return found


@dataclass(frozen=True)
class _Span:
    record: Fraction
    source: Fraction
    length: Fraction
    half_frame: Fraction

    def equals(self, other: _Span) -> bool:
        return all(
            abs(a - b) <= self.half_frame
            for a, b in ((self.record, other.record), (self.source, other.source), (self.length, other.length))
        )


def _span(member: Member, prober: Prober) -> _Span | None:
    placed = member.placed
    if placed.start is None or placed.duration is None:
        return None
    item = placed.item
    played = clip_range(item, prober) if isinstance(item, otio.schema.Clip) else item.source_range
    source = seconds(played.start_time) if played is not None else Fraction(0)
    rate = exact_rate(played.duration.rate) if played is not None else Fraction(24)
    # Sound at 48000 a second is cut on picture frames all the same.
    return _Span(placed.start, source, placed.duration, Fraction(1, 2) / min(rate, Fraction(60)))


def _media_of(item: Any) -> Hashable | None:
    if not isinstance(item, otio.schema.Clip):
        return ("nest", str(item.name)) if item.name else None
    url = target_url(item)
    if url is not None:
        return ("url", url)
    reference = item.media_reference
    if isinstance(reference, otio.schema.GeneratorReference):
        return ("generator", str(item.name))
    name = (reference.name if reference is not None else "") or item.name
    return ("name", str(name)) if name else None


def _stated_key(member: Member, fcp_groups: dict[Path, int]) -> Hashable | None:
    item = member.placed.item
    resolve = lookup(item, "Resolve_OTIO", "Link Group ID")
    if isinstance(resolve, (int, float, str)) and not isinstance(resolve, bool):
        return ("resolve", str(resolve))
    if member.path in fcp_groups:
        return ("fcp", fcp_groups[member.path])
    own = lookup(item, "amc_otio", "link")
    return ("amc", str(own)) if isinstance(own, (int, float, str)) else None


def _fcp_groups(members: list[Member]) -> dict[Path, int]:
    """Number the groups that Final Cut Pro 7 XML's <link> elements make; a clip linked to itself alone has none."""
    by_id: dict[str, list[Member]] = defaultdict(list)
    refs: list[tuple[Member, list[str]]] = []
    for member in members:
        found = lookup(member.placed.item, "fcp_xml")
        own = mapping_get(found, "@id")
        if isinstance(own, str):
            by_id[own].append(member)
        named = [mapping_get(link, "linkclipref") for link in items_of(mapping_get(found, "link"))]
        if named:
            refs.append((member, [name for name in named if isinstance(name, str)]))
    group_of: dict[Path, int] = {}
    for number, (member, names) in enumerate(refs):
        linked = [m for name in names for m in by_id.get(name, ()) if m.track.path[:-1] == member.track.path[:-1]]
        if all(m.path == member.path for m in linked):
            continue
        everyone = {m.path for m in linked} | {member.path}
        merged = {group_of[path] for path in everyone if path in group_of}
        target = min(merged, default=number)
        for path, group in list(group_of.items()) if len(merged) > 1 else ():
            if group in merged:
                group_of[path] = target
        group_of.update(dict.fromkeys(everyone, target))
    return group_of
