"""Reading MLT XML of the kind that `mlt_write` writes, to say what of a timeline it keeps.

It reads Shotcut's own files as far as they are made of the same things. A mix that does not say where its cut lies, as
those of other writers do not, is cut in its middle.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import opentimelineio as otio

from amc_otio.errors import TimelineError
from amc_otio.formats.mlt_arrange import COLOUR_NAMES
from amc_otio.formats.mlt_xml import CUT, LAW, LEAD
from amc_otio.timeline.guard import check_before_parsing
from amc_otio.timeline.rational import TimeRange, from_frames

Element = ElementTree.Element
_CLOCK: Final = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:[.,]\d+)?)")
_DEEPEST: Final = 50
_MOST: Final = 100_000
"""Items of a file, with nests counted as often as they are played."""


def read(path: Path) -> otio.schema.Timeline:
    """Read an MLT XML file as a timeline.

    Parameters
    ----------
    path
        Of the file; it is checked before it is parsed.

    Returns
    -------
    otio.schema.Timeline
        Times are whole frames at the file's rate.

    Raises
    ------
    TimelineError
        The file is unsafe, is no MLT XML, or plays something that it does not hold.
    """
    check_before_parsing(path)
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, OSError, ValueError) as error:
        raise TimelineError(path, f"is not well-formed XML ({error})", "export it again") from error
    if root.tag != "mlt":
        raise TimelineError(path, f"is no MLT XML: its root is <{root.tag}>", "give a file of Shotcut's or melt's")
    return _Reader(path, root).timeline()


class _Reader:
    def __init__(self, path: Path, root: Element) -> None:
        self.path = path
        self.root = root
        self.by_id = {element.get("id", ""): element for element in root.iter() if element.get("id")}
        self.rate = self.frame_rate()
        self.count = 0
        self.last_mix = root

    def wrong(self, what: str) -> TimelineError:
        return TimelineError(self.path, what, "export it again")

    def frame_rate(self) -> Fraction:
        profile = self.root.find("profile")
        try:
            if profile is None:
                raise ValueError
            rate = Fraction(int(profile.get("frame_rate_num", "")), int(profile.get("frame_rate_den", "")))
        except (ValueError, ZeroDivisionError):
            raise self.wrong("does not say its frame rate") from None
        if not 1 <= rate <= 1000:
            raise self.wrong(f"has {float(rate):g} frames a second, which no film has")
        return rate

    def frames(self, text: str | None, otherwise: int = 0) -> int:
        """Frames of a time that is a count or a clock."""
        if not text:
            return otherwise
        clock = _CLOCK.fullmatch(text.strip())
        try:
            if clock:
                hours, minutes, second = clock.groups()
                time = int(hours or 0) * 3600 + int(minutes) * 60 + Fraction(second.replace(",", "."))
                found = math.floor(time * self.rate + Fraction(1, 2))
            else:
                found = int(text)
        except ValueError:
            raise self.wrong(f"'{text}' is no time") from None
        if abs(found) > 10**9:
            raise self.wrong(f"'{text}' is beyond any timeline")
        return found

    def span(self, element: Element) -> tuple[int, int]:
        """First frame and number of frames of an entry or a track."""
        first = self.frames(element.get("in"))
        producer = self.producer(element)
        last = self.frames(element.get("out") or producer.get("out"), first)
        if last < first:
            raise self.wrong("an entry ends before it starts")
        return first, last - first + 1

    def producer(self, element: Element) -> Element:
        found = self.by_id.get(element.get("producer", ""))
        if found is None:
            raise self.wrong(f"plays '{element.get('producer')}', which it does not hold")
        return found

    def range(self, first: int, frames: int) -> TimeRange:
        return TimeRange(from_frames(first, self.rate), from_frames(frames, self.rate))

    def timeline(self) -> otio.schema.Timeline:
        tractors = [element for element in self.root if element.tag == "tractor"]
        ours = [element for element in tractors if _property(element, "shotcut") == "1"]
        if not tractors:
            raise self.wrong("holds no tractor, so no timeline")
        main = (ours or tractors)[-1]
        timeline = otio.schema.Timeline(self.root.get("title") or "")
        timeline.tracks.extend(self.tracks(main, 0))
        for held in main.findall("properties"):
            if held.get("name") == "shotcut:markers":
                timeline.tracks.markers.extend(self.markers(held))
        return timeline

    def markers(self, held: Element) -> Iterator[otio.schema.Marker]:
        for one in held.findall("properties"):
            first = self.frames(_property(one, "start"))
            last = max(self.frames(_property(one, "end"), first), first)
            colour = COLOUR_NAMES.get((_property(one, "color") or "").upper(), "GREEN")
            yield otio.schema.Marker(_property(one, "text") or "", self.range(first, last - first), color=colour)

    def tracks(self, tractor: Element, depth: int) -> list[otio.schema.Track]:
        if depth > _DEEPEST:
            raise self.wrong(f"is nested deeper than {_DEEPEST} tractors")
        made = []
        for held in tractor.findall("track"):
            playlist = self.producer(held)
            if playlist.get("id") == "background" or playlist.tag != "playlist":
                continue
            sound = _property(playlist, "shotcut:audio") == "1" or held.get("hide") == "video"
            track = otio.schema.Track(
                _property(playlist, "shotcut:name") or "",
                kind=otio.schema.TrackKind.Audio if sound else otio.schema.TrackKind.Video,
            )
            track.enabled = held.get("hide") != "both"
            self.fill(track, playlist, depth)
            made.append(track)
        return made

    def fill(self, track: otio.schema.Track, playlist: Element, depth: int) -> None:
        """Add a playlist's entries to a track: a mix lengthens the clips on both sides up to its cut."""
        waiting = 0  # frames of the incoming clip that a mix has played already
        for element in playlist:
            self.count += 1
            if self.count > _MOST:
                raise self.wrong(f"plays more than {_MOST} items")
            if element.tag == "blank":
                length = self.frames(element.get("length")) + waiting
                track.append(otio.schema.Gap(source_range=self.range(0, length)))
                waiting = 0
            elif element.tag == "entry":
                mix = self.producer(element)
                if _property(mix, "shotcut:transition") is not None:
                    if waiting:
                        self.append_side(track, self.last_mix, 1, waiting)
                    waiting = self.mix(track, mix)
                    continue
                first, frames = self.span(element)
                track.append(self.item(mix, first - waiting, frames + waiting, depth))
                waiting = 0
        if waiting:
            self.append_side(track, self.last_mix, 1, waiting)

    def mix(self, track: otio.schema.Track, mix: Element) -> int:
        """Add a transition; returns how many of its frames belong to the incoming clip."""
        frames = self.frames(mix.get("out")) + 1
        cut = min(max(self.frames(_property(mix, CUT), frames // 2), 0), frames)
        lead = min(max(self.frames(_property(mix, LEAD), 0), 0), cut)
        self.last_mix = mix
        if cut:
            before = track[-1] if len(track) else None
            # The outgoing clip goes on into the mix, unless nothing of it was alone before.
            if before is None or isinstance(before, otio.schema.Transition) or not self.goes_on(before, mix):
                self.append_side(track, mix, 0, cut)
            else:
                span = before.source_range
                before.source_range = self.range(round(span.start_time.value), round(span.duration.value) + cut)
        transition = otio.schema.Transition(
            "",
            otio.schema.TransitionTypes.SMPTE_Dissolve,
            from_frames(cut - lead, self.rate),
            from_frames(frames - cut, self.rate),
        )
        law = _property(mix, LAW)
        if law:
            transition.metadata["amc_otio"] = {"fade_law": law}
        track.append(transition)
        return frames - cut

    def goes_on(self, item: otio.core.Item, mix: Element) -> bool:
        """Whether the outgoing side of a mix is the item before it, going on."""
        _, producer, first = self.side(mix, 0)
        if producer is None:
            return isinstance(item, otio.schema.Gap)
        same = isinstance(item, otio.core.Item) and item.metadata.get("mlt") == producer.get("id")
        return bool(same and round(item.source_range.end_time_exclusive().value) == first)

    def side(self, mix: Element, number: int) -> tuple[int, Element | None, int]:
        """Blank frames at the start of a mix's side, the producer behind them (None: all blank), its first frame."""
        held = mix.findall("track")
        if len(held) != 2:
            raise self.wrong("a transition does not have two sides")
        producer = self.producer(held[number])
        if producer.tag != "playlist":
            return 0, producer, self.frames(held[number].get("in"))
        blank = 0
        for element in producer:
            if element.tag == "blank":
                blank += self.frames(element.get("length"))
            elif element.tag == "entry":
                return blank, self.producer(element), self.frames(element.get("in"))
        return blank, None, 0

    def append_side(self, track: otio.schema.Track, mix: Element, number: int, frames: int) -> None:
        """Add what a mix plays on one side of its cut, where no entry of its own does."""
        blank, producer, first = self.side(mix, number)
        if producer is None:
            track.append(otio.schema.Gap(source_range=self.range(0, frames)))
            return
        if number:
            first += self.frames(mix.get("out")) + 1 - frames
        track.append(self.item(producer, first - blank, frames, 0))

    def item(self, producer: Element, first: int, frames: int, depth: int) -> otio.core.Item:
        """A clip, or a stack for a nested tractor."""
        name = _property(producer, "shotcut:caption") or ""
        if producer.tag == "tractor":
            stack = otio.schema.Stack(name, source_range=self.range(first, frames))
            stack.extend(self.tracks(producer, depth + 1))
            stack.metadata["mlt"] = producer.get("id", "")
            return stack
        resource = _property(producer, "warp_resource") or _property(producer, "resource") or ""
        speed = _number(_property(producer, "warp_speed"))
        length = self.frames(_property(producer, "length"), first + frames)
        scale = Fraction(speed).limit_denominator(1_000_000)
        available = TimeRange(from_frames(0, self.rate), from_frames(round(length * scale), self.rate))
        clip = otio.schema.Clip(
            name,
            otio.schema.ExternalReference(resource, available),
            self.range(round(first * scale), frames),
        )
        if speed != 1:
            clip.effects.append(otio.schema.LinearTimeWarp(time_scalar=speed))
        clip.metadata["mlt"] = producer.get("id", "")
        return clip


def _property(element: Element, name: str) -> str | None:
    for one in element.findall("property"):
        if one.get("name") == name:
            return one.text or ""
    return None


def _number(text: str | None) -> float:
    try:
        found = float(text or 1)
    except ValueError:
        return 1.0
    return found if math.isfinite(found) and 0.001 <= found <= 1000 else 1.0
