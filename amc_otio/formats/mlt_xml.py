"""The plan of an MLT file as XML, as melt 7 and Shotcut read it (docs/mlt.md names where each fact is from)."""

from __future__ import annotations

import math
import re
from typing import Final
from xml.etree import ElementTree

from amc_otio.formats.mlt_plan import Blank, Fade, Lane, Piece, Project, Source
from amc_otio.formats.mlt_ramp import end_value, make_up_db
from amc_otio.formats.xml_text import clean

CUT: Final = "amc_otio:cut"
LEAD: Final = "amc_otio:lead"
LAW: Final = "amc_otio:law"
"""Properties of a transition that only our reader knows: MLT has an overlap and no cut in it."""
_STILLS: Final = re.compile(r"\.(png|jpe?g|tiff?|bmp|gif|webp|svg|tga|exr|dpx)$", re.IGNORECASE)
_UNKNOWN_LENGTH: Final = 24 * 3600
"""Seconds that media of unknown length are said to hold, where nothing on the timeline says more."""

Element = ElementTree.Element


def document(project: Project) -> bytes:
    """Return the file's bytes: UTF-8, with every producer before what plays it."""
    return _Writer(project).document()


class _Writer:
    def __init__(self, project: Project) -> None:
        self.project = project
        self.root = ElementTree.Element(
            "mlt", {"LC_NUMERIC": "C", "version": "7.12.0", "title": clean(project.name), "producer": "timeline"}
        )
        self.ids: dict[tuple[int, bool], str] = {}
        self.counts: dict[str, int] = {}
        self.used = _lengths(project.lanes)
        # Two clips may be equal and still are two: what they play is told apart by identity.
        self.sources: dict[int, Source] = {}

    def document(self) -> bytes:
        project = self.project
        width, height = project.picture
        shape = math.gcd(width, height)
        ElementTree.SubElement(
            self.root,
            "profile",
            {
                "description": "",
                "width": str(width),
                "height": str(height),
                "progressive": "1",
                "sample_aspect_num": "1",
                "sample_aspect_den": "1",
                "display_aspect_num": str(width // shape),
                "display_aspect_den": str(height // shape),
                "frame_rate_num": str(project.rate.numerator),
                "frame_rate_den": str(project.rate.denominator),
                "colorspace": "709",
            },
        )
        main = self.tractor(project.lanes, "timeline", max(project.frames, 1), background=True)
        _set(main, "shotcut", 1, first=True)
        if project.marks:
            held = ElementTree.SubElement(main, "properties", {"name": "shotcut:markers"})
            for number, mark in enumerate(project.marks):
                one = ElementTree.SubElement(held, "properties", {"name": str(number)})
                _set(one, "text", mark.name)
                _set(one, "start", mark.first)
                _set(one, "end", mark.first + mark.frames)
                _set(one, "color", mark.colour)
        ElementTree.indent(self.root, " ")
        text: str = ElementTree.tostring(self.root, encoding="unicode")
        return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()

    def id(self, stem: str) -> str:
        number = self.counts.get(stem, 0)
        self.counts[stem] = number + 1
        return f"{stem}{number}"

    def tractor(self, lanes: tuple[Lane, ...], name: str, frames: int, background: bool) -> Element:
        """Tracks over each other, their sound added up."""
        black = None
        if background:
            black = self.background(frames)
        playlists = [(lane, self.playlist(lane)) for lane in lanes]
        tractor = ElementTree.SubElement(self.root, "tractor", {"id": name, "in": "0", "out": str(frames - 1)})
        if black is not None:
            ElementTree.SubElement(tractor, "track", {"producer": black})
        own_sound = any(lane.sound for lane in lanes)
        for lane, playlist in playlists:
            hide = "both" if not lane.enabled else "video" if lane.sound else "audio" if own_sound else ""
            ElementTree.SubElement(tractor, "track", {"producer": playlist, **({"hide": hide} if hide else {})})
        for number in range(0 if black is not None else 1, len(lanes)):
            track = number + 1 if black is not None else number
            added = ElementTree.SubElement(tractor, "transition", {"id": self.id("transition")})
            for key, value in (("a_track", 0), ("b_track", track), ("mlt_service", "mix")):
                _set(added, key, value)
            _set(added, "always_active", 1)
            _set(added, "sum", 1)
        return tractor

    def background(self, frames: int) -> str:
        """Black and silence as long as the timeline: Shotcut's lowest track, and what all sound is added to."""
        producer = ElementTree.SubElement(self.root, "producer", {"id": "black", "in": "0", "out": str(frames - 1)})
        for key, value in (
            ("length", frames),
            ("eof", "pause"),
            ("resource", 0),
            ("aspect_ratio", 1),
            ("mlt_service", "color"),
            ("mlt_image_format", "rgba"),
            ("set.test_audio", 0),
        ):
            _set(producer, key, value)
        playlist = ElementTree.SubElement(self.root, "playlist", {"id": "background"})
        ElementTree.SubElement(playlist, "entry", {"producer": "black", "in": "0", "out": str(frames - 1)})
        return "background"

    def playlist(self, lane: Lane) -> str:
        parts = [self.part(entry, lane.sound) for entry in lane.entries]
        name = self.id("playlist")
        playlist = ElementTree.SubElement(self.root, "playlist", {"id": name})
        _set(playlist, "shotcut:audio" if lane.sound else "shotcut:video", 1)
        _set(playlist, "shotcut:name", lane.name)
        if lane.locked:
            _set(playlist, "shotcut:lock", 1)
        playlist.extend(parts)
        return name

    def part(self, entry: Piece | Blank | Fade, sound: bool) -> Element:
        """An entry of a playlist; what it plays is written before."""
        if isinstance(entry, Blank):
            return ElementTree.Element("blank", {"length": str(entry.frames)})
        if isinstance(entry, Fade):
            return ElementTree.Element(
                "entry", {"producer": self.fade(entry, sound), "in": "0", "out": str(entry.frames - 1)}
            )
        return _span(ElementTree.Element("entry"), self.source(entry.source, sound), entry.first, entry.frames)

    def source(self, source: Source, sound: bool) -> str:
        """The producer of a clip, made once."""
        key = (id(source), sound)
        if key in self.ids:
            return self.ids[key]
        self.sources[id(source)] = source
        length = self.used.get(id(source), 1)
        if source.lanes:
            name = self.id("nest")
            tractor = self.tractor(source.lanes, name, max(length, source.frames or 1), background=False)
            _set(tractor, "shotcut:caption", source.name, first=True)
        else:
            name = self.id("chain" if source.speed == 1 else "producer")
            if source.frames is None:
                length = max(length, math.ceil(_UNKNOWN_LENGTH * self.project.rate))
            length = max(length, source.frames or 1)
            made = ElementTree.SubElement(self.root, name.rstrip("0123456789"), {"id": name, "out": str(length - 1)})
            for property_name, value in _media(source, length, sound):
                _set(made, property_name, value)
        self.ids[key] = name
        return name

    def fade(self, fade: Fade, sound: bool) -> str:
        """Two clips at once, as Shotcut keeps a transition within a track."""
        sides = [self.side(parts, sound) for parts in (fade.outgoing, fade.incoming)]
        name = self.id("tractor")
        tractor = ElementTree.SubElement(self.root, "tractor", {"id": name, "in": "0", "out": str(fade.frames - 1)})
        _set(tractor, "shotcut:transition", "lumaMix")
        _set(tractor, LEAD, fade.lead)
        _set(tractor, CUT, fade.cut)
        if fade.law:
            _set(tractor, LAW, fade.law)
        for producer, first in sides:
            _span(ElementTree.SubElement(tractor, "track"), producer, first, fade.frames)
        if not sound:
            luma = self.transition(tractor, "luma", fade.frames)
            _set(luma, "factory", "loader")
            _set(luma, "alpha_over", 1)
            _set(luma, "fix_background_alpha", 1)
        mix = self.transition(tractor, "mix", fade.frames)
        _set(mix, "accepts_blanks", 1)
        _set(mix, "start", 0)
        _set(mix, "end", f"{end_value(max(fade.frames, 2)):.15g}")
        gains = make_up_db(max(fade.frames, 2), fade.law)
        if any(gains):
            volume = ElementTree.SubElement(
                tractor, "filter", {"id": self.id("filter"), "in": "0", "out": str(fade.frames - 1)}
            )
            _set(volume, "mlt_service", "volume")
            _set(volume, "level", ";".join(f"{k}={gain:.6f}" for k, gain in enumerate(gains)))
        return name

    def transition(self, tractor: Element, service: str, frames: int) -> Element:
        made = ElementTree.SubElement(
            tractor, "transition", {"id": self.id("transition"), "in": "0", "out": str(frames - 1)}
        )
        for key, value in (("a_track", 0), ("b_track", 1), ("mlt_service", service)):
            _set(made, key, value)
        return made

    def side(self, parts: tuple[Piece | Blank, ...], sound: bool) -> tuple[str, int]:
        """Producer and first frame of a side of a fade; a playlist where the media does not hold all of it."""
        if len(parts) == 1 and isinstance(parts[0], Piece):
            return self.source(parts[0].source, sound), parts[0].first
        made = [self.part(part, sound) for part in parts]
        name = self.id("side")
        ElementTree.SubElement(self.root, "playlist", {"id": name}).extend(made)
        return name, 0


def _media(source: Source, length: int, sound: bool) -> list[tuple[str, object]]:
    """Properties of a media file's producer."""
    path = clean(source.resource)
    values: list[tuple[str, object]] = [("length", length), ("eof", "pause")]
    if source.speed != 1:
        speed = f"{source.speed:.9g}"
        values += [
            ("resource", f"{speed}:{path}"),
            ("warp_speed", speed),
            ("warp_resource", path),
            ("mlt_service", "timewarp"),
            ("shotcut:producer", "avformat"),
        ]
    else:
        values.append(("resource", path))
        if not _STILLS.search(path):  # MLT's loader picks a still's reader by what is installed
            values += [("mlt_service", "avformat-novalidate"), ("seekable", 1)]
    if sound:
        values.append(("video_index", -1))
    values.append(("shotcut:caption", source.name))
    return values


def _lengths(lanes: tuple[Lane, ...]) -> dict[int, int]:
    """How many frames of each source are played at most, by identity."""
    found: dict[int, int] = {}

    def see(part: Piece | Blank) -> None:
        if isinstance(part, Piece):
            found[id(part.source)] = max(found.get(id(part.source), 0), part.first + part.frames)
            if part.source.lanes:
                for key, value in _lengths(part.source.lanes).items():
                    found[key] = max(found.get(key, 0), value)

    for lane in lanes:
        for entry in lane.entries:
            for part in (*entry.outgoing, *entry.incoming) if isinstance(entry, Fade) else (entry,):
                see(part)
    return found


def _span(element: Element, producer: str, first: int, frames: int) -> Element:
    element.set("producer", producer)
    element.set("in", str(first))
    element.set("out", str(first + frames - 1))
    return element


def _set(element: Element, name: str, value: object, first: bool = False) -> None:
    made = ElementTree.Element("property", {"name": name})
    made.text = clean(str(value))
    element.insert(0 if first else len(element), made)
