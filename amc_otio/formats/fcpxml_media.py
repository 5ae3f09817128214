"""An asset, or a part of one, as an OTIO clip; what a story element keeps in metadata, markers and effects."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final
from xml.etree import ElementTree as ET

import opentimelineio as otio

from amc_otio.formats.fcpxml_resources import LINK, METADATA, MISSING, SPACE
from amc_otio.formats.fcpxml_time import parse_time
from amc_otio.timeline.rational import TimeRange, from_seconds

_LONGEST_METADATA: Final = 100_000
_DEEPEST_METADATA: Final = 50
_MARKERS: Final = frozenset({"marker", "chapter-marker"})


def flag(element: ET.Element, name: str, otherwise: bool) -> bool:
    """Return a 0 or 1 attribute."""
    text = element.get(name)
    return otherwise if text is None else text.strip() == "1"


def time_of(element: ET.Element, name: str) -> Fraction | None:
    """Return a time attribute in seconds, or None where it is not there."""
    text = element.get(name)
    return None if text is None else parse_time(text, f"{name} of {label(element)}")


def label(element: ET.Element) -> str:
    """Name an element for a message."""
    name = element.get("name")
    return f"{element.tag} '{name}'" if name else f"a {element.tag}"


def asset_src(asset: ET.Element) -> str | None:
    """Return where the media of an asset is: of its ``media-rep``, or of itself in FCPXML 1.8 and before."""
    found = [rep for rep in asset.findall("media-rep") if rep.get("src")]
    originals = [rep for rep in found if rep.get("kind", "original-media") == "original-media"]
    return (originals or found)[0].get("src") if found else asset.get("src")


def has(asset: ET.Element, kind: str) -> bool:
    """Whether an asset has picture ("hasVideo") or sound ("hasAudio"); one that says neither may have both."""
    if asset.get("hasVideo") is None and asset.get("hasAudio") is None:
        return True
    return flag(asset, kind, False)


def reference_of(asset: ET.Element | None, rate: Fraction) -> otio.core.MediaReference:
    """Return the media reference of an asset; what it holds is counted at `rate`."""
    if asset is None:
        return otio.schema.MissingReference()
    available = None
    start, length = time_of(asset, "start") or Fraction(0), time_of(asset, "duration")
    if length is not None and length > 0:
        available = TimeRange(from_seconds(start, rate), from_seconds(length, rate))
    src = asset_src(asset)
    kept = {k: asset.get(k) for k in ("audioSources", "audioChannels", "audioRate") if asset.get(k)}
    metadata = {SPACE: kept} if kept else {}
    name = asset.get("name", "")
    if not src or values_of(asset).get(MISSING) == "1":
        return otio.schema.MissingReference(name=name, available_range=available, metadata=metadata)
    reference = otio.schema.ExternalReference(target_url=src, available_range=available, metadata=metadata)
    reference.name = name
    return reference


def values_of(element: ET.Element) -> dict[str, str]:
    """Return the plain values of an element's metadata."""
    return {
        str(md.get("key")): str(md.get("value"))
        for md in element.findall("metadata/md")
        if md.get("key") and md.get("value") is not None
    }


def metadata_of(element: ET.Element) -> dict[str, Any]:
    """Return what amc-otio and Final Cut Pro keep with an element, for OTIO's metadata."""
    values = values_of(element)
    found: dict[str, Any] = {}
    text = values.get(METADATA, "")
    if text and len(text) <= _LONGEST_METADATA:
        try:
            read = json.loads(text, parse_constant=lambda _: None)
        except (ValueError, RecursionError):
            read = None
        if isinstance(read, dict) and _is_plain(read, 0):
            read.pop("link", None)
            found["amc_otio"] = read
    link = values.get(LINK)
    if link is not None and re.fullmatch(r"\d{1,9}", link, re.ASCII):
        found.setdefault("amc_otio", {})["link"] = link
    role = element.get("audioRole") or element.get("role")
    if role:
        found[SPACE] = {"audioRole": role}
    return found


def _is_plain(value: Any, depth: int) -> bool:
    """Whether OTIO can hold a value: no deep nesting, no integer beyond 64 bits."""
    if depth > _DEEPEST_METADATA:
        return False
    if isinstance(value, dict):
        return all(_is_plain(one, depth + 1) for one in value.values())
    if isinstance(value, list):
        return all(_is_plain(one, depth + 1) for one in value)
    return not isinstance(value, int) or abs(value) < 2**63


def markers_of(
    element: ET.Element, start: Fraction, length: Fraction, shift: Fraction, rate: Fraction
) -> list[otio.schema.Marker]:
    """Return the markers that are seen on an element.

    Parameters
    ----------
    start, length
        What is seen of the element's own time, in seconds.
    shift
        What is added to a marker's time.
    """
    found = []
    for marker in element:
        if marker.tag not in _MARKERS:
            continue
        at = time_of(marker, "start")
        if at is None or not start <= at < start + length:
            continue
        found.append(
            otio.schema.Marker(
                name=marker.get("value", ""),
                color=_colour(marker),
                marked_range=TimeRange(from_seconds(at + shift, rate), from_seconds(Fraction(0), rate)),
                comment=marker.get("note", ""),
            )
        )
    return found


def _colour(marker: ET.Element) -> str:
    """As Final Cut Pro shows them: chapters orange, what is to do red and then green, the others blue."""
    if marker.tag == "chapter-marker":
        return str(otio.schema.MarkerColor.ORANGE)
    done = marker.get("completed")
    if done is None:
        return str(otio.schema.MarkerColor.BLUE)
    return str(otio.schema.MarkerColor.GREEN if done == "1" else otio.schema.MarkerColor.RED)


def retime_of(element: ET.Element, start: Fraction) -> tuple[Fraction, otio.schema.TimeEffect | None]:
    """Return where the media is at an element's own time `start`, and the effect that says how its time is bent."""
    points = []
    for point in element.findall("timeMap/timept"):
        at, value = time_of(point, "time"), time_of(point, "value")
        if at is not None and value is not None:
            points.append((at, value))
    if len(points) < 2:
        return start, None
    points.sort(key=lambda pair: pair[0])
    speeds = {(value - before) / (at - earlier) for (earlier, before), (at, value) in pairwise(points) if at > earlier}
    if speeds == {Fraction(1)}:
        return start + points[0][1] - points[0][0], None
    place = max((i for i, (at, _) in enumerate(points[:-1]) if at <= start), default=0)
    (earlier, before), (at, value) = points[place], points[place + 1]
    media = before + (value - before) / (at - earlier) * (start - earlier) if at > earlier else before
    if speeds == {Fraction(0)}:
        return media, otio.schema.FreezeFrame()
    if len(speeds) == 1:
        return media, otio.schema.LinearTimeWarp(time_scalar=float(speeds.pop()))
    return media, otio.schema.TimeEffect("Retime", "timeMap")


def lane_of(element: ET.Element) -> int:
    """Return the lane of a connected element; a storyline that says none is above."""
    text = element.get("lane", "1" if element.tag == "spine" else "0").strip()
    return int(text) if text.lstrip("-").isdigit() and len(text) < 8 else 1


def is_silent(source: ET.Element) -> bool:
    """Whether all that a synchronized clip's source brings is switched off."""
    roles = source.findall("audio-role-source")
    return bool(roles) and all(not flag(r, "active", True) or not flag(r, "enabled", True) for r in roles)
