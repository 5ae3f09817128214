"""The resources of an FCPXML file: formats, assets, effects and compound clips, each with an id of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PureWindowsPath
from typing import Any, Final
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET

import opentimelineio as otio

from amc_otio.formats.fcpxml_time import format_time, frame_duration
from amc_otio.formats.media_urls import absolute_url
from amc_otio.formats.xml_text import clean
from amc_otio.timeline.metadata import lookup
from amc_otio.timeline.rational import end, exact_rate, seconds
from amc_otio.timeline.walk import Prober, available_range, clip_range, target_url

CROSS_DISSOLVE: Final = ("Cross Dissolve", "FxPlug:4731E73A-8DAC-4113-9A30-AE85B1761265")
AUDIO_CROSSFADE: Final = ("Audio Crossfade", "FFAudioTransition")
"""Name and uid of Final Cut Pro's own transitions, as its exports have them (docs/fcpxml.md)."""

MISSING: Final = "org.amc-otio.missing"
METADATA: Final = "org.amc-otio.metadata"
LINK: Final = "org.amc-otio.link"
"""Keys of metadata that only amc-otio reads; FCPXML allows any key."""

SPACE: Final = "fcpxml"
"""Where what Final Cut Pro wrote is kept in OTIO's metadata."""

_NAMED_RATES: Final = {
    Fraction(24000, 1001): "2398",
    Fraction(24): "24",
    Fraction(25): "25",
    Fraction(30000, 1001): "2997",
    Fraction(30): "30",
    Fraction(50): "50",
    Fraction(60000, 1001): "5994",
    Fraction(60): "60",
}
_NAMED_HEIGHTS: Final = {(1920, 1080): "1080", (1280, 720): "720"}
_MOVIES: Final = frozenset({".mov", ".mp4", ".m4v", ".mxf", ".mts", ".m2ts", ".avi", ".mpg", ".mkv", ".webm"})


@dataclass
class Asset:
    """A media file as the timeline uses it; times are exact seconds on its own clock."""

    id: str
    name: str
    src: str
    first: Fraction
    last: Fraction
    known: bool
    missing: bool
    rate: Fraction
    kept: Mapping[str, str]
    has_video: bool = False
    has_audio: bool = False


class Resources:
    """The resources that are used, in the order in which they are first asked for.

    Parameters
    ----------
    rate
        The sequence's frame rate.
    base
        The folder in which relative media lies.
    size
        Width and height of the picture.
    """

    def __init__(self, rate: Fraction, base: Path, size: tuple[int, int], prober: Prober) -> None:
        self._rate = rate
        self._base = base
        self._size = size
        self._prober = prober
        self._count = 0
        self._formats: dict[tuple[Fraction, tuple[int, int] | None], tuple[str, ET.Element]] = {}
        self._effects: dict[str, tuple[str, ET.Element]] = {}
        self._assets: dict[tuple[str, Fraction | None], Asset] = {}
        self._media: list[ET.Element] = []
        self.format = self._format(rate, size)

    def new_id(self) -> str:
        """Return an id that nothing has."""
        self._count += 1
        return f"r{self._count}"

    def effect(self, effect: tuple[str, str]) -> str:
        """Return the id of an effect, by its name and uid."""
        name, uid = effect
        if uid not in self._effects:
            made = self.new_id()
            self._effects[uid] = (made, ET.Element("effect", {"id": made, "name": name, "uid": uid}))
        return self._effects[uid][0]

    def add_media(self, name: str, sequence: ET.Element) -> str:
        """Add a compound clip and return its id."""
        made = self.new_id()
        media = ET.Element("media", {"id": made, "name": clean(name) or "Compound Clip"})
        media.append(sequence)
        self._media.append(media)
        return made

    def asset(self, clip: otio.schema.Clip) -> Asset:
        """Return the asset of a clip; one file on one clock has one."""
        stated = available_range(clip, self._prober)
        played = clip_range(clip, self._prober)
        url = target_url(clip)
        reference = clip.media_reference
        name = (reference.name if reference is not None else "") or clip.name or "clip"
        src = absolute_url(url, self._base) if url is not None else missing_src(str(name))
        holds = stated or played
        assert holds is not None  # `plan_track` refuses a clip without a length
        first, last = seconds(holds.start_time), end(holds)
        key = (src, first if stated is not None else None)
        known = next((a for (where, _), a in self._assets.items() if where == src and a.known), None)
        if stated is None and known is not None:
            return known
        found = self._assets.get(key)
        if found is None:
            kept = lookup(reference, SPACE)
            found = Asset(
                id=self.new_id(),
                name=clean(_file_name(url) if url is not None else name),
                src=src,
                first=first,
                last=last,
                known=stated is not None,
                missing=url is None,
                rate=_frame_rate(holds.duration.rate, self._rate),
                kept={str(k): str(kept[k]) for k in kept} if hasattr(kept, "keys") else {},
            )
            found.has_video = url is not None and PureWindowsPath(url).suffix.lower() in _MOVIES
            self._assets[key] = found
        found.first, found.last = min(found.first, first), max(found.last, last)
        return found

    def element(self) -> ET.Element:
        """Return the finished ``resources`` element."""
        assets = [self._asset_element(asset) for asset in self._assets.values()]
        resources = ET.Element("resources")
        resources.extend(element for _, element in self._formats.values())
        resources.extend(assets)
        resources.extend(element for _, element in self._effects.values())
        resources.extend(self._media)
        return resources

    def _format(self, rate: Fraction, size: tuple[int, int] | None) -> str:
        key = (rate, size)
        if key not in self._formats:
            made = self.new_id()
            length, scale = frame_duration(rate)
            attributes = {"id": made}
            if size in _NAMED_HEIGHTS and rate in _NAMED_RATES:
                attributes["name"] = f"FFVideoFormat{_NAMED_HEIGHTS[size]}p{_NAMED_RATES[rate]}"
            attributes["frameDuration"] = f"{length}/{scale}s"
            if size is not None:
                attributes |= {"width": str(size[0]), "height": str(size[1])}
            self._formats[key] = (made, ET.Element("format", attributes))
        return self._formats[key][0]

    def _asset_element(self, asset: Asset) -> ET.Element:
        attributes = {
            "id": asset.id,
            "name": asset.name,
            "start": format_time(asset.first, asset.rate),
            "duration": format_time(asset.last - asset.first, asset.rate),
        }
        if asset.has_video:
            same = asset.rate == self._rate
            attributes |= {"hasVideo": "1", "format": self._format(asset.rate, self._size if same else None)}
            attributes["videoSources"] = "1"
        if asset.has_audio:
            attributes |= {"hasAudio": "1", "audioSources": "1"}
            attributes |= {k: asset.kept[k] for k in ("audioSources", "audioChannels", "audioRate") if k in asset.kept}
        element = ET.Element("asset", attributes)
        ET.SubElement(element, "media-rep", {"kind": "original-media", "src": asset.src})
        if asset.missing:
            add_metadata(element, {MISSING: "1"})
        return element


def add_metadata(element: ET.Element, values: Mapping[str, str]) -> None:
    """Append a ``metadata`` element, where there is anything to say."""
    if values:
        metadata = ET.SubElement(element, "metadata")
        for key, value in values.items():
            ET.SubElement(metadata, "md", {"key": key, "value": clean(value)})


def missing_src(name: str) -> str:
    """Return the address of an offline asset: ``media-rep`` must have one."""
    return "file:///offline/" + quote(clean(name), safe="")


def _file_name(url: Any) -> str:
    name = re.split(r"[\\/]", str(url).rstrip("\\/"))[-1]
    return unquote(name) if "%" in name else name


def _frame_rate(rate: float, otherwise: Fraction) -> Fraction:
    """The rate of a picture; a clip that counts samples says none."""
    found = exact_rate(rate)
    return found if 1 <= found <= 1000 else otherwise
