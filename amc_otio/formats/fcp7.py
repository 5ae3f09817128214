"""Final Cut Pro 7 XML, which Premiere Pro, DaVinci Resolve and others read too."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import opentimelineio as otio

from amc_otio.formats.any_adapter import AdapterFormat
from amc_otio.formats.base import Prepared, Target
from amc_otio.formats.fcp7_levels import count_levels, put_levels
from amc_otio.formats.media_urls import make_absolute
from amc_otio.formats.whole import SOUND_RATE, frames_note, on_frames, say_ranges, tracks_of, wrap_tracks
from amc_otio.formats.xml_text import clean
from amc_otio.timeline.clip_effects import FCP
from amc_otio.timeline.crossfade import FCP_CROSSFADE
from amc_otio.timeline.level_match import Recipe
from amc_otio.timeline.links import find_links
from amc_otio.timeline.metadata import items_of, lookup, plain
from amc_otio.timeline.rational import from_frames
from amc_otio.timeline.shots import channels_of
from amc_otio.timeline.slots import track_at

_AUDIO: Final = otio.schema.TrackKind.Audio


class FinalCutPro7(AdapterFormat):
    """Written by OpenTimelineIO's adapter, from a copy that it understands."""

    def prepare(self, timeline: otio.schema.Timeline, target: Target) -> Prepared:
        """Say what the adapter asks for, in whole frames; see docs/formats.md for each step."""
        links = find_links(timeline)
        copy = timeline.clone()
        notes = []
        if copy.global_start_time is None:
            copy.global_start_time = from_frames(0, target.rate)
        wrap_tracks(copy)
        sequences = _plain_references(copy)
        if sequences:
            notes.append(f"{self.suffix} refers to {sequences} image sequences by their first file")
        make_absolute(copy, target.path.parent)
        _clean_names(copy)
        say_ranges(copy, files_only=True)
        notes.extend(frames_note(self.suffix, *on_frames(copy, target.rate, lambda rate: rate >= SOUND_RATE)))
        for track in tracks_of(copy.tracks):
            if track.kind == _AUDIO:
                _audio_transitions(track)
        _name_clips(copy, links)
        return Prepared(copy, tuple(notes))

    def write(self, timeline: otio.schema.Timeline, file: Path, target: Target) -> tuple[str, ...]:
        """Write it through the adapter, then add the links, which it leaves out."""
        super().write(timeline, file, target)
        _add_links(timeline, file)
        return ()

    def gain_recipe(self, timeline: otio.schema.Timeline, rate: Fraction) -> Recipe:
        """Keyframes of the filter "Audio Levels"."""
        return put_levels

    def count_gains(self, timeline: otio.schema.Timeline) -> int:
        """How many clips have the filter."""
        return count_levels(timeline)

    def count_written_gains(self, read: otio.core.SerializableObject, file: Path) -> int:
        """How many clips that were read back have it."""
        return count_levels(read)


def _plain_references(timeline: otio.schema.Timeline) -> int:
    """The adapter knows no image sequences: let them be external references to their first file."""
    count = 0
    for clip in timeline.find_clips():
        reference = clip.media_reference
        if not isinstance(reference, otio.schema.ImageSequenceReference):
            continue
        try:
            url = reference.target_url_for_image_number(0)
        except (IndexError, RuntimeError, ValueError):
            url = reference.target_url_base
        clip.media_reference = otio.schema.ExternalReference(url, reference.available_range, plain(reference.metadata))
        count += 1
    return count


def _clean_names(timeline: otio.schema.Timeline) -> None:
    """The adapter writes characters that XML cannot hold as they are."""
    timeline.name = clean(timeline.name)
    for item in (timeline.tracks, *timeline.find_children()):
        item.name = clean(item.name)
        for marker in item.markers if isinstance(item, otio.core.Item) else ():
            marker.name, marker.comment = clean(marker.name), clean(marker.comment)


def _audio_transitions(track: otio.schema.Track) -> None:
    """A crossfade of sound is "Cross Fade (+3dB)", unless it says another audio transition itself."""
    for child in track:
        if not isinstance(child, otio.schema.Transition):
            continue
        effect = plain(lookup(child, FCP, "effect"))
        if isinstance(effect, dict) and effect.get("mediatype") == "audio":
            continue
        held = plain(lookup(child, FCP))
        held = held if isinstance(held, dict) else {}
        child.metadata[FCP] = {**held, "effect": dict(FCP_CROSSFADE)}


def _name_clips(timeline: otio.schema.Timeline, links: dict[tuple[int, ...], tuple[tuple[int, ...], ...]]) -> None:
    """Give every clip an id of its own, and links by these ids.

    The adapter writes what equals an earlier clip as a mere reference to it: sound would take its picture's ends, and
    lose its handles. An id makes them different and is nowhere to be seen.
    """
    paths = _clip_paths(timeline)
    numbers = {path: f"clipitem-{number}" for number, path in enumerate(paths, 1)}
    places: dict[tuple[int, ...], tuple[str, int, int]] = {}
    tracks: dict[tuple[tuple[int, ...], str], int] = defaultdict(int)
    seen: dict[tuple[int, ...], int] = {}
    clips: dict[tuple[int, ...], int] = defaultdict(int)
    for path in paths:
        track = track_at(timeline, path[:-1])
        if path[:-1] not in seen:
            tracks[path[:-2], track.kind] += 1
            seen[path[:-1]] = tracks[path[:-2], track.kind]
        clips[path[:-1]] += 1
        places[path] = ("audio" if track.kind == _AUDIO else "video", seen[path[:-1]], clips[path[:-1]])
    for path in paths:
        item = track_at(timeline, path[:-1])[path[-1]]
        held = plain(lookup(item, FCP))
        held = held if isinstance(held, dict) else {}
        held.pop("link", None)
        held["@id"] = numbers[path]
        alike = [p for p in links.get(path, ()) if p in places and places[p][0] == places[path][0] == "audio"]
        if "sourcetrack" not in held and places[path][0] == "audio":
            held.update(_source_track(item, sorted([path, *alike]).index(path) if alike else None))
        group = sorted({path, *(p for p in links.get(path, ()) if p in numbers)})
        if len(group) > 1:
            held["link"] = [_link(numbers[p], *places[p]) for p in group]
        item.metadata[FCP] = held


def _source_track(item: otio.core.Item, place: int | None) -> dict[str, Any]:
    """Which of the file's channels a clip plays: as it says, else by its place among the clips linked to it."""
    own = channels_of(item) if isinstance(item, otio.schema.Clip) else None
    if own is not None:
        place = own[0][1] if len(own) == 1 else None
    return {} if place is None else {"sourcetrack": {"mediatype": "audio", "trackindex": str(place + 1)}}


def _add_links(timeline: otio.schema.Timeline, file: Path) -> None:
    wanted: dict[str, list[Any]] = {}
    for track in tracks_of(timeline.tracks):
        for child in track:
            name = lookup(child, FCP, "@id")
            found = plain(lookup(child, FCP, "link")) if isinstance(child, otio.core.Item) else None
            if isinstance(name, str) and found:
                wanted[name] = items_of(found)
    if not wanted:
        return
    root = ElementTree.parse(file).getroot()  # our own file, as the adapter has just written it
    for item in root.iter("clipitem"):
        # A mere reference to an earlier clip has nothing in it.
        for link in wanted.get(item.get("id", ""), ()) if len(item) else ():
            element = ElementTree.SubElement(item, "link")
            for key in ("linkclipref", "mediatype", "trackindex", "clipindex"):
                ElementTree.SubElement(element, key).text = str(link[key])
    ElementTree.indent(root, "    ")
    text = ElementTree.tostring(root, encoding="unicode")
    file.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n{text}\n', encoding="utf-8")


def _link(name: str, kind: str, track: int, clip: int) -> dict[str, str]:
    return {"linkclipref": name, "mediatype": kind, "trackindex": str(track), "clipindex": str(clip)}


def _clip_paths(timeline: otio.schema.Timeline) -> list[tuple[int, ...]]:
    """Child indexes from ``timeline.tracks`` of everything that the adapter writes as a <clipitem>."""
    found = []
    todo: list[tuple[tuple[int, ...], Any]] = [((), timeline.tracks)]
    while todo:
        path, container = todo.pop(0)
        for index, child in enumerate(container):
            here = (*path, index)
            if isinstance(container, otio.schema.Track) and isinstance(child, (otio.schema.Clip, otio.schema.Stack)):
                found.append(here)
            if isinstance(child, otio.core.Composition):
                todo.append((here, child))
    return found
