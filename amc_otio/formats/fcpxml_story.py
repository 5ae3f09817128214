"""The story elements of an FCPXML sequence: clips, gaps, transitions, markers and connected storylines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from typing import Any, Final
from xml.etree import ElementTree as ET

import opentimelineio as otio

from amc_otio.formats.fcpxml_item import filled, own_metadata, role_of, source_channels, tracks_in
from amc_otio.formats.fcpxml_plan import Fade, Piece, Plan, plan_track
from amc_otio.formats.fcpxml_resources import (
    AUDIO_CROSSFADE,
    CROSS_DISSOLVE,
    LINK,
    Resources,
    add_metadata,
)
from amc_otio.formats.fcpxml_time import format_time, to_frame
from amc_otio.formats.xml_text import clean
from amc_otio.timeline.rational import end, seconds
from amc_otio.timeline.shots import channels_of
from amc_otio.timeline.walk import (
    Path,
    Prober,
    available_range,
    check_nesting,
    clip_range,
    is_disabled,
    retime_of,
)

_AUDIO: Final = otio.schema.TrackKind.Audio
_GAP_START: Final = Fraction(3600)
"""Where Final Cut Pro lets the own time of a gap begin, on the nearest frame."""
_DISSOLVE: Final = (
    ("Look", "1", "11 (Video)"),
    ("Amount", "2", "50"),
    ("Ease", "50", "2 (In & Out)"),
    ("Ease Amount", "51", "0"),
)
"""The parameters with which Final Cut Pro writes a Cross Dissolve that nobody changed."""


@dataclass
class Losses:
    """What was written otherwise than the timeline has it: `counts` of each kind, `plans` of tracks by label."""

    counts: Counter[str] = field(default_factory=Counter)
    plans: list[tuple[str, Plan]] = field(default_factory=list)


@dataclass(frozen=True)
class _Base:
    """An element of the primary storyline, for what is connected to it; `start` is its own time at frame `first`."""

    element: ET.Element
    first: int
    last: int
    start: Fraction


class Story:
    """Writes stacks of tracks as sequences.

    Parameters
    ----------
    resources
        Gets the assets, effects and compound clips.
    rate
        Frames a second.
    links
        Number of the link group by the path of an item.
    losses
        Is added to.
    """

    def __init__(
        self, resources: Resources, rate: Fraction, prober: Prober, links: Mapping[Path, int], losses: Losses
    ) -> None:
        self._resources = resources
        self._rate = rate
        self._prober = prober
        self._links = links
        self._losses = losses
        self._nests: dict[str, tuple[str, int]] = {}
        self._gap_start = to_frame(_GAP_START, rate) / rate

    def sequence(
        self,
        stack: otio.schema.Stack,
        start: Fraction,
        drop: bool,
        markers: Iterable[tuple[Fraction, Any]] = (),
        *,
        path: Path | None = (),
        depth: int = 0,
        mixed: bool = False,
    ) -> tuple[ET.Element, int]:
        """Return a ``sequence`` element and its length in frames.

        Parameters
        ----------
        start
            Its timecode at the first frame, in seconds; a whole frame.
        drop
            Whether its timecode drops frames.
        markers
            Markers of the sequence, each with its time in seconds from the first frame.
        path
            Of the stack, to find links by; None inside a nest.
        mixed
            Whether the clips of picture tracks bring their sound along.
        """
        check_nesting(depth)
        tracks = tracks_in(stack)
        pictures = [(i, t) for i, t in tracks if t.kind != _AUDIO]
        sounds = [(i, t) for i, t in tracks if t.kind == _AUDIO]
        nest = "" if path is not None and depth == 0 else f"nest '{stack.name}', "
        names = {i: f"{nest}V{n}" for n, (i, _) in enumerate(pictures, 1)}
        names |= {i: f"{nest}A{n}" for n, (i, _) in enumerate(sounds, 1)}
        connected = [*pictures[1:], *sounds]
        plans = {i: plan_track(t, self._rate, self._prober, free_ends=True) for i, t in connected}
        if pictures:
            index, track = pictures[0]
            reach = max((p.last for plan in plans.values() for p in plan.pieces), default=0) / self._rate
            pictures[0] = index, filled(track, reach, self._rate, self._prober)
            plans[index] = plan_track(pictures[0][1], self._rate, self._prober, free_ends=False)
        self._losses.plans += [(names[index], plans[index]) for index, _ in [*pictures, *sounds]]
        length = max((p.last for plan in plans.values() for p in plan.pieces), default=0)
        attributes = {
            "format": self._resources.format,
            "duration": self._time(length),
            "tcStart": format_time(start, self._rate),
            "tcFormat": "DF" if drop else "NDF",
            "audioLayout": "stereo",
            "audioRate": "48k",
        }
        sequence = ET.Element("sequence", attributes)
        spine = ET.SubElement(sequence, "spine")
        first = pictures[0] if pictures else None
        bases = self._primary(spine, first, plans, length, start, path, depth, mixed)
        lanes = [(lane, i, t) for lane, (i, t) in enumerate(pictures[1:], 1)]
        lanes += [(-lane, i, t) for lane, (i, t) in enumerate(sounds, 1)]
        for lane, index, track in lanes:
            self._connect(bases, plans[index], track, index, lane, path, depth, mixed)
        for at, marker in markers:
            self._mark(bases, at, marker)
        for base in bases:
            _in_order(base.element)
        return sequence, length

    def _primary(
        self,
        spine: ET.Element,
        first: tuple[int, otio.schema.Track] | None,
        plans: Mapping[int, Plan],
        length: int,
        start: Fraction,
        path: Path | None,
        depth: int,
        mixed: bool,
    ) -> list[_Base]:
        """Fill the primary storyline; gaps fill what the picture leaves."""
        bases: list[_Base] = []
        at = 0
        if first is not None:
            index, track = first
            plan = plans[index]
            off = not track.enabled
            for number, piece in enumerate(plan.pieces):
                self._fades(spine, plan, number, start, audio=False)
                offset = start + piece.first / self._rate
                element, own = self._element(piece, offset, track, _below(path, index), off, depth, mixed)
                spine.append(element)
                bases.append(_Base(element, piece.first, piece.last, own))
                at = piece.last
            self._fades(spine, plan, len(plan.pieces), start, audio=False)
        if at < length or not bases:
            gap = self._gap(start + at / self._rate, max(length - at, 1))
            spine.append(gap)
            bases.append(_Base(gap, at, max(length, at + 1), self._gap_start))
        return bases

    def _connect(
        self,
        bases: list[_Base],
        plan: Plan,
        track: otio.schema.Track,
        index: int,
        lane: int,
        path: Path | None,
        depth: int,
        mixed: bool,
    ) -> None:
        """Connect a track: a storyline for each run of clips between gaps."""
        numbered = list(enumerate(plan.pieces))
        for gap, group in groupby(numbered, key=lambda pair: pair[1].is_gap):
            run = list(group)
            if gap:
                continue
            origin = run[0][1].first
            base = next((b for b in bases if b.first <= origin < b.last), bases[-1])
            at = base.start + (origin - base.first) / self._rate
            spine = ET.SubElement(
                base.element, "spine", {"lane": str(lane), "offset": format_time(at, self._rate), "name": _name(track)}
            )
            if not track.name:
                del spine.attrib["name"]
            before = -origin / self._rate
            for number, piece in run:
                self._fades(spine, plan, number, before, audio=lane < 0, after=number == run[0][0])
                offset = (piece.first - origin) / self._rate
                off = not track.enabled
                element, _ = self._element(piece, offset, track, _below(path, index), off, depth, mixed)
                _in_order(element)
                spine.append(element)
            self._fades(spine, plan, run[-1][0] + 1, before, audio=lane < 0, before=True)

    def _fades(
        self,
        spine: ET.Element,
        plan: Plan,
        number: int,
        start: Fraction,
        *,
        audio: bool,
        after: bool = False,
        before: bool = False,
    ) -> None:
        """Append the transition at the cut before piece `number`.

        `after`: this is the start of a storyline, and only a transition inside the piece after the cut is its own;
        `before`: its end.
        """
        for fade in plan.fades:
            if fade.cut != number:
                continue
            cut = plan.pieces[number].first if number < len(plan.pieces) else plan.pieces[-1].last
            if (after and fade.first < cut) or (before and fade.last > cut):
                continue
            spine.append(self._transition(fade, start + fade.first / self._rate, audio))

    def _transition(self, fade: Fade, offset: Fraction, audio: bool) -> ET.Element:
        name = AUDIO_CROSSFADE[0] if audio else CROSS_DISSOLVE[0]
        element = ET.Element(
            "transition",
            {"name": name, "offset": format_time(offset, self._rate), "duration": self._time(fade.last - fade.first)},
        )
        effect = AUDIO_CROSSFADE if audio else CROSS_DISSOLVE
        child = ET.SubElement(
            element, "filter-audio" if audio else "filter-video", {"ref": self._resources.effect(effect), "name": name}
        )
        if not audio:
            for label, key, value in _DISSOLVE:
                ET.SubElement(child, "param", {"name": label, "key": key, "value": value})
            if fade.transition.transition_type != otio.schema.TransitionTypes.SMPTE_Dissolve:
                self._losses.counts["wipe"] += 1
        add_metadata(element, own_metadata(fade.transition))
        return element

    def _element(
        self,
        piece: Piece,
        offset: Fraction,
        track: otio.schema.Track,
        path: Path | None,
        off: bool,
        depth: int,
        mixed: bool,
    ) -> tuple[ET.Element, Fraction]:
        """Return a story element with its markers, and its own time at its first frame."""
        item = piece.item
        audio = track.kind == _AUDIO
        if isinstance(item, otio.schema.Gap):
            return self._gap(offset, piece.last - piece.first), self._gap_start
        if isinstance(item, otio.core.Composition):
            element, start = self._nest(piece, audio, depth)
        elif isinstance(item, otio.schema.Clip):
            reference = item.media_reference
            if isinstance(reference, otio.schema.GeneratorReference):
                self._losses.counts["generator"] += 1
                return self._gap(offset, piece.last - piece.first), self._gap_start
            if isinstance(reference, otio.schema.ImageSequenceReference):
                self._losses.counts["image sequence"] += 1
            element, start = self._clip(piece, item, audio, track, mixed)
        else:
            self._losses.counts["unknown"] += 1
            return self._gap(offset, piece.last - piece.first), self._gap_start
        element.attrib = {
            **{k: element.attrib[k] for k in ("ref",) if k in element.attrib},
            "offset": format_time(offset, self._rate),
            "name": clean(item.name) or "clip",
            "start": format_time(start, self._rate),
            "duration": self._time(piece.last - piece.first),
            **{k: v for k, v in element.attrib.items() if k != "ref"},
        }
        if off or is_disabled(item):
            element.set("enabled", "0")
        if retime_of(item) is not None:
            self._losses.counts["retime"] += 1
        elif len(item.effects):
            self._losses.counts["effect"] += 1
        self._item_markers(element, piece, start)
        values = own_metadata(item)
        if path is not None and (group := self._links.get((*path, piece.index))) is not None:
            values[LINK] = str(group)
        add_metadata(element, values)
        return element, start

    def _clip(
        self, piece: Piece, clip: otio.schema.Clip, audio: bool, track: otio.schema.Track, mixed: bool
    ) -> tuple[ET.Element, Fraction]:
        played = clip_range(clip, self._prober)
        assert played is not None
        start = seconds(played.start_time) + piece.head
        asset = self._resources.asset(clip)
        asset.first, asset.last = min(asset.first, start), max(asset.last, start + self._span(piece))
        asset.has_audio |= audio or mixed
        asset.has_video |= not audio
        channels = source_channels(clip) if audio else None
        if channels is not None:
            holds = available_range(clip, self._prober)
            first, last = (seconds(holds.start_time), end(holds)) if holds is not None else (asset.first, asset.last)
            element = ET.Element("clip")
            own = {"ref": asset.id, "offset": format_time(first, self._rate), "start": format_time(first, self._rate)}
            own |= {"duration": format_time(last - first, self._rate), "role": f"{role_of(clip, track)}.1"}
            ET.SubElement(element, "audio", {**own, "srcCh": ", ".join(map(str, channels))})
            return element, start
        if audio and channels_of(clip) is not None:
            self._losses.counts["channels"] += 1
        attributes = {"ref": asset.id}
        if not mixed:
            attributes["srcEnable"] = "audio" if audio else "video"
        if audio or mixed:
            attributes["audioRole"] = role_of(clip, track)
        return ET.Element("asset-clip", attributes), start

    def _nest(self, piece: Piece, audio: bool, depth: int) -> tuple[ET.Element, Fraction]:
        """A compound clip; what is nested twice in the same way is one."""
        item = piece.item
        inner = item.clone()
        source_range, inner.source_range, inner.name = item.source_range, None, ""
        del inner.markers[:]
        mixed = audio and not any(
            isinstance(t, otio.schema.Track) and t.kind == _AUDIO
            for t in [inner, *inner.find_children(descended_from_type=otio.schema.Track)]
        )
        key = f"{mixed} {inner.to_json_string(indent=0)}"
        if key not in self._nests:
            inner.name = item.name
            if isinstance(inner, otio.schema.Track):
                stack = otio.schema.Stack(item.name)
                stack.append(inner)
            else:
                stack = inner
            sequence, length = self.sequence(stack, Fraction(0), False, path=None, depth=depth + 1, mixed=mixed)
            self._nests[key] = self._resources.add_media(item.name, sequence), length
        start = seconds(source_range.start_time) if source_range is not None else Fraction(0)
        attributes = {"ref": self._nests[key][0], "srcEnable": "audio" if audio else "video"}
        return ET.Element("ref-clip", attributes), start + piece.head

    def _gap(self, offset: Fraction, frames: int) -> ET.Element:
        return ET.Element(
            "gap",
            {
                "name": "Gap",
                "offset": format_time(offset, self._rate),
                "start": format_time(self._gap_start, self._rate),
                "duration": self._time(frames),
            },
        )

    def _item_markers(self, element: ET.Element, piece: Piece, start: Fraction) -> None:
        first = start - piece.head
        for marker in piece.item.markers:
            at = seconds(marker.marked_range.start_time)
            # Some editors count a clip's markers from its start.
            local = at if first <= at <= first + self._span(piece) else first + at
            frame = round((local - start) * self._rate)
            if 0 <= frame < piece.last - piece.first:
                self._marker(element, start + frame / self._rate, marker)
            else:
                self._losses.counts["marker"] += 1

    def _mark(self, bases: list[_Base], at: Fraction, marker: Any) -> None:
        """Put a marker of the sequence on the element that is seen there."""
        frame = min(max(round(at * self._rate), 0), bases[-1].last - 1)
        base = next(b for b in bases if b.first <= frame < b.last)
        self._marker(base.element, base.start + (frame - base.first) / self._rate, marker)

    def _marker(self, element: ET.Element, at: Fraction, marker: Any) -> None:
        attributes = {"start": format_time(at, self._rate), "duration": self._time(1)}
        attributes["value"] = clean(marker.name) or "Marker"
        comment = getattr(marker, "comment", "") or ""
        if comment:
            attributes["note"] = clean(comment)
        ET.SubElement(element, "marker", attributes)

    def _time(self, frames: int) -> str:
        return format_time(frames / self._rate, self._rate)

    def _span(self, piece: Piece) -> Fraction:
        return (piece.last - piece.first) / self._rate


_ORDER: Final = {"note": 0, "audio": 1, "spine": 1, "marker": 2, "metadata": 3}


def _in_order(element: ET.Element) -> None:
    """Anchored items, markers, metadata: the order of the DTD."""
    element[:] = sorted(element, key=lambda child: _ORDER[child.tag])


def _below(path: Path | None, index: int) -> Path | None:
    return None if path is None else (*path, index)


def _name(track: otio.schema.Track) -> str:
    return clean(track.name)
