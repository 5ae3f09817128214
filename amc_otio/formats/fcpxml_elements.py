"""Story elements become clips on tracks: every element brings a picture, a sound, or both.

Time in FCPXML is nested: an element's `offset` counts in its parent's time, and its own time begins at `start`. Here
every element gets the time at which it plays in the timeline being read, and what is nested in it the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Final
from xml.etree import ElementTree as ET

import opentimelineio as otio

from amc_otio.errors import TimelineError
from amc_otio.formats import fcpxml_media as media
from amc_otio.formats.fcpxml_document import Document
from amc_otio.formats.fcpxml_tracks import PRIMARY, Fade, Placed, Strip, runs, tracks_of
from amc_otio.timeline.rational import TimeRange, from_seconds, seconds

VIDEO: Final = str(otio.schema.TrackKind.Video)
AUDIO: Final = str(otio.schema.TrackKind.Audio)
_STORY: Final = frozenset(
    {"asset-clip", "clip", "video", "audio", "title", "ref-clip", "sync-clip", "mc-clip", "audition", "gap"}
)
_HOLDERS: Final = frozenset({"clip", "sync-clip"})
_DEEPEST: Final = 40
_MOST_ELEMENTS: Final = 200_000


@dataclass
class Budget:
    """What a file may still unfold to: compound clips in compound clips grow fast."""

    elements: int = _MOST_ELEMENTS
    notes: Counter[str] = field(default_factory=Counter)
    links: int = 0


@dataclass(frozen=True)
class _Piece:
    """What a story element brings to a storyline."""

    picture: Any = None
    sound: Any = None


class Elements:
    """Reads the storylines of one timeline: a project, a compound clip, or what a clip holds.

    Parameters
    ----------
    document
        Where references lead.
    rate
        In which everything is counted.
    budget
        Shared by all that one file unfolds to.
    inside
        The compound clips that this lies in.

    Attributes
    ----------
    pictures, sounds
        What was read, with times in seconds.
    markers
        Those of gaps, with their time in seconds.
    """

    def __init__(
        self, document: Document, rate: Fraction, budget: Budget, inside: tuple[str, ...] = (), depth: int = 0
    ) -> None:
        self._document = document
        self._rate = rate
        self._budget = budget
        self._inside = inside
        self._depth = depth
        self._anchors = 0
        self.pictures: list[Strip] = []
        self.sounds: list[Strip] = []
        self.markers: list[tuple[Fraction, otio.schema.Marker]] = []
        self._check_depth(depth)

    def spine(
        self, children: Iterable[ET.Element], at: Fraction, lane: int = PRIMARY, name: str = "", whole: bool = False
    ) -> None:
        """Read a storyline whose own time 0 lies at `at`.

        Parameters
        ----------
        whole
            Keep its picture in one piece, gaps too.
        """
        picture, sound = Strip(lane, name), Strip(lane, name)
        fades: list[ET.Element] = []
        end: Fraction | None = None
        for element in children:
            if element.tag == "transition":
                fades.append(element)
                continue
            if element.tag not in _STORY:
                self._ignore(element)
                continue
            offset = media.time_of(element, "offset")
            length = self._length(element)
            first = at + offset if offset is not None else (end if end is not None else at)
            if length <= 0:
                continue
            if end is not None and first > end:
                for strip in (picture, sound):
                    strip.items.append(Placed(None, end, first))
            elif end is not None and first < end:
                self._cut_short(picture, sound, first)
            piece = self._piece(element, first, length, lane)
            end = first + length
            picture.items.append(Placed(piece.picture, first, end))
            sound.items.append(Placed(piece.sound, first, end))
        for element in fades:
            self._fade(element, at, picture, sound)
        if whole:
            self.pictures.append(picture)
        else:
            self.pictures.extend(runs(picture))
        self.sounds.extend(runs(sound))

    def _cut_short(self, picture: Strip, sound: Strip, first: Fraction) -> None:
        """A storyline is sequential: what runs into the next element ends there, as in Final Cut Pro."""
        self._budget.notes["a clip that runs into the next one of its storyline ends there"] += 1
        for strip in (picture, sound):
            while strip.items and strip.items[-1].first >= first:
                strip.items.pop()
            if strip.items and strip.items[-1].last > first:
                last = strip.items[-1]
                if last.item is not None:
                    range_ = last.item.source_range
                    last.item.source_range = TimeRange(range_.start_time, from_seconds(first - last.first, self._rate))
                strip.items[-1] = replace(last, last=first)

    def _fade(self, element: ET.Element, at: Fraction, picture: Strip, sound: Strip) -> None:
        offset, length = media.time_of(element, "offset"), media.time_of(element, "duration")
        if offset is None or length is None or length <= 0 or not picture.items:
            self._budget.notes["a transition without a place is left out"] += 1
            return
        first, last = at + offset, at + offset + length
        cuts = [picture.items[0].first, *(placed.last for placed in picture.items)]
        cut = min(cuts, key=lambda c: abs(c - (first + last) / 2))
        if not first <= cut <= last:
            self._budget.notes["a transition that lies on no cut is left out"] += 1
            return
        fade = Fade(cut, first, last, element.get("name", ""), media.metadata_of(element))
        video, audio = element.find("filter-video"), element.find("filter-audio")
        for strip, wanted in ((picture, video is not None or audio is None), (sound, audio is not None)):
            beside = [p for p in strip.items if cut in (p.first, p.last) and p.item is not None]
            if not (wanted and beside):
                continue
            if any(other.cut == cut for other in strip.fades):
                self._budget.notes["a second transition on one cut is left out"] += 1
            else:
                strip.fades.append(fade)

    def _length(self, element: ET.Element) -> Fraction:
        """How long an element is in its parent's time."""
        chosen = _chosen(element)
        if chosen is None:
            return Fraction(0)
        stated = media.time_of(chosen, "duration")
        if stated is None:
            asset = self._document.resource(chosen.get("ref"), "asset")
            stated = media.time_of(asset, "duration") if asset is not None else None
        return stated if stated is not None else Fraction(0)

    def _piece(self, element: ET.Element, first: Fraction, length: Fraction, lane: int) -> _Piece:
        """Read a story element that plays from `first` for `length`, and what is connected to it."""
        self._budget.elements -= 1
        if self._budget.elements < 0:
            raise TimelineError(
                self._document.path,
                f"unfolds to more than {_MOST_ELEMENTS} clips, compound clips in each other",
                "break the compound clips apart, or split it into reels",
            )
        chosen = _chosen(element)
        if chosen is None:
            return _Piece()
        start = media.time_of(chosen, "start")
        if start is None:
            start = self._start_of(chosen)
        for child in chosen:
            if child.tag == "caption":
                self._ignore(child)
            elif child.get("lane") is not None or (child.tag == "spine" and chosen.tag not in _HOLDERS):
                self._anchored(child, first - start, lane)
        if chosen.tag == "gap":
            for marker in media.markers_of(chosen, start, length, first - start, self._rate):
                self.markers.append((seconds(marker.marked_range.start_time), marker))
            return _Piece()
        if chosen.find("conform-rate") is not None:
            self._budget.notes["a clip is conformed to the timeline's rate: its sound may lie a frame off"] += 1
        piece = self._content(chosen, start, length)
        return self._finished(chosen, piece, first, start, length, lane)

    def _start_of(self, element: ET.Element) -> Fraction:
        """Where an element's own time begins that does not say it: where its media does."""
        reference = element.get("ref")
        asset = self._document.resource(reference, "asset")
        if asset is not None:
            return media.time_of(asset, "start") or Fraction(0)
        held = self._document.resource(reference, "media")
        if held is not None and len(held):
            return media.time_of(held[0], "tcStart") or Fraction(0)
        return media.time_of(element, "tcStart") or Fraction(0)

    def _anchored(self, child: ET.Element, zero: Fraction, lane: int) -> None:
        """Read what is connected to an element whose own time 0 lies at `zero`."""
        self._anchors += 1
        self._check_depth(self._depth + self._anchors)
        own = media.lane_of(child) + lane
        at = zero + (media.time_of(child, "offset") or Fraction(0))
        if child.tag == "spine":
            self.spine(child, at, own, child.get("name", ""))
        elif child.tag in _STORY:
            length = self._length(child)
            if length > 0:
                piece = self._piece(child, at, length, own)
                for strips, item in ((self.pictures, piece.picture), (self.sounds, piece.sound)):
                    if item is not None:
                        strips.append(Strip(own, "", [Placed(item, at, at + length)]))
        else:
            self._ignore(child)
        self._anchors -= 1

    def _check_depth(self, depth: int) -> None:
        if depth > _DEEPEST:
            raise TimelineError(
                self._document.path, f"holds clips nested deeper than {_DEEPEST}", "flatten them in Final Cut Pro"
            )

    def _content(self, element: ET.Element, start: Fraction, length: Fraction) -> _Piece:
        """The picture and the sound of an element from its own time `start` on."""
        enable = element.get("srcEnable", "all")
        tag = element.tag
        if tag == "title":
            return _Piece(picture=self._generator(element, start, length))
        if tag in ("asset-clip", "video", "audio"):
            return self._media(element, start, length, enable)
        if tag == "ref-clip":
            return self._compound(element, start, length, enable)
        if tag == "mc-clip":
            return self._multicam(element, start, length, enable)
        return self._holder(element, start, length)

    def _media(self, element: ET.Element, start: Fraction, length: Fraction, enable: str) -> _Piece:
        asset = self._document.resource(element.get("ref"), "asset")
        if asset is None and element.tag == "video":
            return _Piece(picture=self._generator(element, start, length))
        if asset is None:
            self._budget.notes["a clip has no media: what it refers to is not in the file"] += 1
        picture = element.tag != "audio" and enable != "audio" and (asset is None or media.has(asset, "hasVideo"))
        sound = element.tag != "video" and enable != "video" and (asset is None or media.has(asset, "hasAudio"))
        return _Piece(
            self._clip(element, asset, start, length) if picture else None,
            self._clip(element, asset, start, length) if sound else None,
        )

    def _clip(
        self, element: ET.Element, asset: ET.Element | None, start: Fraction, length: Fraction
    ) -> otio.schema.Clip:
        place, effect = media.retime_of(element, start)
        clip = otio.schema.Clip(
            name=element.get("name") or (asset.get("name", "") if asset is not None else ""),
            media_reference=media.reference_of(asset, self._rate),
            source_range=self._range(place, length),
        )
        if effect is not None:
            clip.effects.append(effect)
        channels = [c.strip() for c in element.get("srcCh", "").split(",")]
        if element.tag == "audio" and len(channels) == 1 and channels[0].isdigit() and len(channels[0]) < 4:
            # As Final Cut Pro 7 XML says it, which `timeline.shots` reads: counted through the file.
            clip.metadata["fcp_xml"] = {"sourcetrack": {"mediatype": "audio", "trackindex": channels[0]}}
        return clip

    def _generator(self, element: ET.Element, start: Fraction, length: Fraction) -> otio.schema.Clip:
        effect = self._document.resource(element.get("ref"), "effect")
        kind = effect.get("name", "") if effect is not None else element.tag
        return otio.schema.Clip(
            name=element.get("name") or kind,
            media_reference=otio.schema.GeneratorReference(name=kind, generator_kind=kind),
            source_range=self._range(start, length),
        )

    def _compound(self, element: ET.Element, start: Fraction, length: Fraction, enable: str) -> _Piece:
        reference = element.get("ref", "")
        held = self._document.resource(reference, "media")
        sequence = held.find("sequence") if held is not None else None
        if sequence is None:
            self._budget.notes["a compound clip is empty: what it refers to is not in the file"] += 1
            return _Piece(*(self._missing(element, start, length) if enable in ("all", k) else None for k in _KINDS))
        inner = self._below(reference)
        origin = read_sequence(inner, sequence)
        return _Piece(
            inner._nest(VIDEO, element, origin, start, length) if enable != "audio" else None,
            inner._nest(AUDIO, element, origin, start, length) if enable != "video" else None,
        )

    def _multicam(self, element: ET.Element, start: Fraction, length: Fraction, enable: str) -> _Piece:
        reference = element.get("ref", "")
        held = self._document.resource(reference, "media")
        multicam = held.find("multicam") if held is not None else None
        angles = {a.get("angleID"): a for a in multicam.findall("mc-angle")} if multicam is not None else {}
        if multicam is None or not angles:
            self._budget.notes["a multicam clip is empty: what it refers to is not in the file"] += 1
            return _Piece(*(self._missing(element, start, length) if enable in ("all", k) else None for k in _KINDS))
        chosen: dict[str, list[ET.Element]] = {"video": [], "audio": []}
        for source in element.findall("mc-source"):
            angle = angles.get(source.get("angleID"))
            for kind, found in chosen.items():
                if angle is not None and source.get("srcEnable", "all") in ("all", kind):
                    found.append(angle)
        if not element.findall("mc-source"):
            chosen = {kind: [next(iter(angles.values()))] for kind in chosen}
        begin = media.time_of(multicam, "tcStart") or Fraction(0)
        made = []
        for kind, track in (("video", VIDEO), ("audio", AUDIO)):
            inner = self._below(reference)
            for lane, angle in enumerate(chosen[kind]):
                offset = next((o for c in angle if (o := media.time_of(c, "offset")) is not None), Fraction(0))
                # Angles count from the multicam's timecode, or from 0.
                inner.spine(angle, begin if offset < begin else Fraction(0), -lane, angle.get("name", ""))
            single = enable in ("all", kind)
            made.append(inner._collapsed(track, element, start, length) if single else None)
        return _Piece(*made)

    def _holder(self, element: ET.Element, start: Fraction, length: Fraction) -> _Piece:
        """A clip or a synchronized clip: what it contains, and what is connected inside it."""
        inner = self._below(None)
        silent = {s.get("sourceID") for s in element.findall("sync-source") if media.is_silent(s)}
        for child in element:
            if child.tag == "spine" and child.get("lane") is None:
                inner.spine(child, media.time_of(child, "offset") or Fraction(0))
            elif child.tag in _STORY and child.get("lane") is None:
                size = inner._length(child)
                at = media.time_of(child, "offset") or Fraction(0)
                if size > 0:
                    piece = inner._piece(child, at, size, PRIMARY)
                    for strips, item in ((inner.pictures, piece.picture), (inner.sounds, piece.sound)):
                        if item is not None:
                            strips.append(Strip(PRIMARY, "", [Placed(item, at, at + size)]))
        if "storyline" in silent:
            inner.sounds = [s for s in inner.sounds if s.lane != PRIMARY]
        if "connected" in silent:
            inner.sounds = [s for s in inner.sounds if s.lane == PRIMARY]
        return _Piece(inner._collapsed(VIDEO, element, start, length), inner._collapsed(AUDIO, element, start, length))

    def _collapsed(self, kind: str, element: ET.Element, start: Fraction, length: Fraction) -> Any:
        """One clip where only one is seen or heard from `start` for `length`, a nest where there are more."""
        strips = self.pictures if kind == VIDEO else self.sounds
        stop = start + length
        seen = [
            placed
            for strip in strips
            for placed in strip.items
            if placed.item is not None and placed.first < stop and placed.last > start
        ]
        alone = seen[:1] if all(_same_sound(seen[0], other) for other in seen) else seen
        faded = any(f.first < stop and f.last > start for strip in strips for f in strip.fades)
        # Sound may end a frame before its picture: exports count it in its own ticks.
        slack = 1 / self._rate
        if len(alone) == 1 and not faded and alone[0].first <= start + slack and alone[0].last >= stop - slack:
            placed = alone[0]
            item = placed.item
            if len(seen) > 1 and "fcp_xml" in item.metadata:
                del item.metadata["fcp_xml"]
            begin = seconds(item.source_range.start_time) + start - placed.first
            item.source_range = self._range(begin, length)
            item.name = element.get("name") or item.name
            return item
        if not seen:
            return None
        first = min([start, *(strip.first for strip in strips if strip.items)])
        return self._nest(kind, element, first, start, length)

    def _nest(
        self, kind: str, element: ET.Element, origin: Fraction, start: Fraction, length: Fraction
    ) -> otio.schema.Stack | None:
        """What was read of a kind as a nest; None where there is none. `origin` is its own time 0."""
        strips = self.pictures if kind == VIDEO else self.sounds
        if all(placed.item is None for strip in strips for placed in strip.items):
            return None
        stack = otio.schema.Stack(element.get("name", ""), source_range=self._range(start - origin, length))
        stack.extend(tracks_of(strips, kind, origin, self._rate))
        return stack

    def _finished(
        self, element: ET.Element, piece: _Piece, first: Fraction, start: Fraction, length: Fraction, lane: int
    ) -> _Piece:
        """Add what both sides share: state, names, links and markers; and let split edits be split."""
        made = [item for item in (piece.picture, piece.sound) if item is not None]
        kept = media.metadata_of(element)
        if len(made) == 2 and "link" not in kept.get("amc_otio", {}):
            self._budget.links += 1
            kept.setdefault("amc_otio", {})["link"] = f"fcpxml-{self._budget.links}"
        for number, item in enumerate(made):
            item.enabled = media.flag(element, "enabled", True) and item.enabled
            for key, value in kept.items():
                item.metadata[key] = value
            if isinstance(item, otio.schema.Stack):
                effect = media.retime_of(element, start)[1]
                if effect is not None:
                    item.effects.append(effect)
            if number == 0:
                shift = seconds(item.source_range.start_time) - start
                item.markers.extend(media.markers_of(element, start, length, shift, self._rate))
        audio_start = media.time_of(element, "audioStart")
        audio_length = media.time_of(element, "audioDuration")
        if piece.sound is not None and (audio_start is not None or audio_length is not None):
            begin = start if audio_start is None else audio_start
            size = length if audio_length is None else audio_length
            if size <= 0:
                return replace(piece, sound=None)
            source = seconds(piece.sound.source_range.start_time) + begin - start
            piece.sound.source_range = self._range(source, size)
            at = first + begin - start
            self.sounds.append(Strip(lane, "", [Placed(piece.sound, at, at + size)]))
            return replace(piece, sound=None)
        return piece

    def _missing(self, element: ET.Element, start: Fraction, length: Fraction) -> otio.schema.Clip:
        return otio.schema.Clip(element.get("name", ""), otio.schema.MissingReference(), self._range(start, length))

    def _below(self, reference: str | None) -> Elements:
        if reference is not None and reference in self._inside:
            raise TimelineError(self._document.path, "holds a compound clip that contains itself", "export it again")
        inside = self._inside if reference is None else (*self._inside, reference)
        return Elements(self._document, self._rate, self._budget, inside, self._depth + self._anchors + 1)

    def _range(self, start: Fraction, length: Fraction) -> TimeRange:
        return TimeRange(from_seconds(start, self._rate), from_seconds(length, self._rate))

    def _ignore(self, element: ET.Element) -> None:
        self._budget.notes[f"a {element.tag[:30]} is left out"] += 1


_KINDS: Final = ("video", "audio")


def read_sequence(elements: Elements, sequence: ET.Element) -> Fraction:
    """Read a sequence's storylines and return the time of its first frame, in seconds.

    Its storyline begins at its timecode; where the first element says another time, the sequence begins there.
    """
    begin = media.time_of(sequence, "tcStart") or Fraction(0)
    spine = sequence.find("spine")
    if spine is None:
        return begin
    first = next((o for c in spine if c.tag in _STORY and (o := media.time_of(c, "offset")) is not None), begin)
    elements.spine(spine, Fraction(0), whole=True)
    return first


def _chosen(element: ET.Element) -> ET.Element | None:
    """Of an audition the take that plays, which is the first; else the element itself."""
    for _ in range(_DEEPEST):
        if element.tag != "audition":
            return element
        inside = next((child for child in element if child.tag in _STORY), None)
        if inside is None:
            return None
        element = inside
    return None


def _same_sound(one: Placed, other: Placed) -> bool:
    """Whether two channels of one file play the same stretch."""
    return one is other or (
        isinstance(one.item, otio.schema.Clip)
        and isinstance(other.item, otio.schema.Clip)
        and one.item.media_reference.is_equivalent_to(other.item.media_reference)
        and seconds(one.item.source_range.start_time) - one.first
        == seconds(other.item.source_range.start_time) - other.first
    )
