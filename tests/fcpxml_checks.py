"""What Final Cut Pro asks of an FCPXML 1.10 file, as far as the elements that are written: a check without Apple's DTD.

The order and the attributes are those of the document type that Apple's documentation prints; the rest is what its
page on timing attributes says, and what a published import with Final Cut Pro showed of transitions (docs/fcpxml.md).
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

from amc_otio.formats.fcpxml_time import parse_time

_ANCHORED = {"spine", "asset-clip", "clip", "ref-clip"}
# Groups of children, each group before the next; a group with "!" comes at most once.
_ORDER = {
    "fcpxml": [{"resources", "!"}, {"event"}],
    "resources": [{"format", "asset", "effect", "media"}],
    "event": [{"project"}],
    "project": [{"sequence", "!"}],
    "media": [{"sequence", "!"}],
    "sequence": [{"spine", "!"}],
    "asset": [{"media-rep"}, {"metadata", "!"}],
    "media-rep": [],
    "format": [],
    "effect": [],
    "spine": [{"asset-clip", "clip", "ref-clip", "gap", "transition"}],
    "asset-clip": [_ANCHORED, {"marker"}, {"metadata", "!"}],
    "ref-clip": [_ANCHORED, {"marker"}, {"metadata", "!"}],
    "clip": [_ANCHORED | {"audio"}, {"marker"}, {"metadata", "!"}],
    "gap": [_ANCHORED, {"marker"}],
    "audio": [],
    "transition": [{"filter-video", "!"}, {"filter-audio", "!"}, {"metadata", "!"}],
    "filter-video": [{"param"}],
    "filter-audio": [],
    "param": [],
    "marker": [],
    "metadata": [{"md"}],
    "md": [],
}
_REQUIRED = {
    "fcpxml": {"version"},
    "format": {"id", "frameDuration"},
    "asset": {"id", "start", "duration"},
    "media-rep": {"src"},
    "effect": {"id", "uid"},
    "media": {"id"},
    "sequence": {"format", "duration", "tcStart", "tcFormat"},
    "asset-clip": {"ref", "offset", "start", "duration"},
    "ref-clip": {"ref", "offset", "start", "duration"},
    "clip": {"offset", "start", "duration"},
    "audio": {"ref", "offset", "duration"},
    "gap": {"offset", "start", "duration"},
    "transition": {"offset", "duration"},
    "filter-video": {"ref"},
    "filter-audio": {"ref"},
    "marker": {"start", "duration", "value"},
    "md": {"key", "value"},
    "param": {"name"},
}
_ALLOWED = {
    "format": {"name", "width", "height"},
    "asset": {
        *("name", "hasVideo", "hasAudio", "format", "videoSources", "audioSources", "audioChannels", "audioRate"),
    },
    "media-rep": {"kind"},
    "effect": {"name"},
    "media": {"name"},
    "event": {"name"},
    "project": {"name"},
    "sequence": {"audioLayout", "audioRate"},
    "spine": {"lane", "offset", "name"},
    "asset-clip": {"name", "enabled", "srcEnable", "audioRole"},
    "ref-clip": {"name", "enabled", "srcEnable"},
    "clip": {"name", "enabled"},
    "audio": {"start", "role", "srcCh"},
    "gap": {"name"},
    "transition": {"name"},
    "filter-video": {"name"},
    "filter-audio": {"name"},
    "param": {"key", "value"},
    "marker": {"note"},
}
_REFERS = {
    "asset-clip": "asset",
    "audio": "asset",
    "ref-clip": "media",
    "filter-video": "effect",
    "filter-audio": "effect",
}


def check_structure(path: Path) -> ET.Element:
    """Assert that a file is as Final Cut Pro wants it, and return its root."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n')
    root = ET.fromstring(text)
    assert root.get("version") == "1.10"
    elements = list(root.iter())
    ids = {e.get("id"): e for e in elements if e.get("id")}
    assert len(ids) == sum(e.get("id") is not None for e in elements)
    for element in elements:
        _check_element(element, ids)
    lengths = {e.get("id"): _time(e, "frameDuration") for e in root.iter("format")}
    for sequence in root.iter("sequence"):
        _check_sequence(sequence, lengths[sequence.get("format")])
    return root


def _check_element(element: ET.Element, ids: dict[str | None, ET.Element]) -> None:
    tag = element.tag
    groups = _ORDER[tag]
    place = 0
    counts = [0] * len(groups)
    for child in element:
        found = next((i for i in range(place, len(groups)) if child.tag in groups[i]), None)
        assert found is not None, f"{child.tag} in {tag} is out of order"
        place = found
        counts[found] += 1
        assert "!" not in groups[found] or counts[found] == 1, f"{child.tag} is there twice in {tag}"
    names = set(element.attrib)
    assert _REQUIRED.get(tag, set()) <= names, f"{tag} lacks {_REQUIRED[tag] - names}"
    extra = names - _REQUIRED.get(tag, set()) - _ALLOWED.get(tag, set())
    assert not extra, f"{tag} has {extra}"
    if tag in _REFERS:
        assert ids[element.get("ref")].tag == _REFERS[tag]
    if element.get("format") is not None:
        assert ids[element.get("format")].tag == "format"
    for name in ("offset", "start", "duration", "tcStart"):
        if (text := element.get(name)) is not None:
            value = parse_time(text, name)
            assert value.denominator < 2**31 and abs(value.numerator) < 2**63


def _check_sequence(sequence: ET.Element, frame: Fraction) -> None:
    start = _time(sequence, "tcStart")
    assert (start / frame).denominator == 1
    spine = sequence.find("spine")
    assert spine is not None
    end = _check_spine(spine, start, frame)
    assert end - start == _time(sequence, "duration") or end - start == frame
    for parent in sequence.iter():
        for child in parent.findall("spine"):
            if parent.tag == "sequence":
                continue
            assert int(child.get("lane", "0")) != 0
            offset = _time(child, "offset") - _time(parent, "start")
            assert 0 <= offset < _time(parent, "duration")
            assert (offset / frame).denominator == 1
            _check_spine(child, Fraction(0), frame)
        for marker in parent.findall("marker"):
            at = _time(marker, "start") - _time(parent, "start")
            assert 0 <= at < _time(parent, "duration")
            assert (at / frame).denominator == 1
            assert _time(marker, "duration") == frame


def _check_spine(spine: ET.Element, at: Fraction, frame: Fraction) -> Fraction:
    """Clips abut from `at` on; transitions are centred on cuts, or inside the clip at a free end."""
    begin = at
    clips = [child for child in spine if child.tag != "transition"]
    assert clips
    for child in clips:
        assert _time(child, "offset") == at
        length = _time(child, "duration")
        assert length > 0
        assert (length / frame).denominator == 1
        at += length
    last = -Fraction(1)
    for before, child in pairwise([None, *spine]):
        if child is None or child.tag != "transition":
            continue
        first, length = _time(child, "offset"), _time(child, "duration")
        assert (first / frame).denominator == 1 and (length / frame).denominator == 1 and length > 0
        assert first >= last and first >= begin and first + length <= at
        last = first + length
        if before is None:
            assert first == begin
        elif child is spine[-1]:
            assert last == at
        else:
            assert first + length / 2 == _time(before, "offset") + _time(before, "duration")
            assert first >= _time(before, "offset")
        assert child.find("filter-video") is not None or child.find("filter-audio") is not None
    return at


def _time(element: ET.Element, name: str) -> Fraction:
    return parse_time(element.attrib[name], name)
