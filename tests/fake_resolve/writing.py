"""A timeline as the OTIO file that Resolve writes."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

from fake_resolve.model import Media, Shot, Timeline, Track, Transition

# OTIO's marker colours are capitals; Resolve's own name stays in the metadata.
_COLOURS = {"Red", "Pink", "Orange", "Yellow", "Green", "Cyan", "Blue", "Purple", "Magenta", "Black", "White"}


def time(value: float, rate: Fraction) -> dict[str, Any]:
    """A RationalTime."""
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": float(rate), "value": float(value)}


def span(start: float, frames: float, rate: Fraction) -> dict[str, Any]:
    """A TimeRange."""
    return {"OTIO_SCHEMA": "TimeRange.1", "duration": time(frames, rate), "start_time": time(start, rate)}


def _reference(media: Media) -> dict[str, Any]:
    if not media.path:
        return {
            "OTIO_SCHEMA": "MissingReference.1",
            "metadata": {},
            "name": media.name,
            "available_range": None,
            "available_image_bounds": None,
        }
    return {
        "OTIO_SCHEMA": "ExternalReference.1",
        "metadata": {},
        "name": media.name,
        "available_range": span(media.start, media.frames, media.rate),
        "available_image_bounds": None,
        "target_url": media.path,  # a bare path, not a file URL
    }


def _metadata(shot: Shot, audio: bool) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if shot.link is not None:
        said["Link Group ID"] = shot.link
    if audio and shot.media is not None:
        said["Channels"] = [{"Source Channel ID": n, "Source Track ID": 0} for n in range(shot.media.channels)]
    return {"Resolve_OTIO": said}


def _item(item: Shot | Transition, track: Track, rate: Fraction) -> dict[str, Any]:
    common = {"name": getattr(item, "name", ""), "effects": [], "markers": [], "enabled": True}
    if isinstance(item, Transition):
        return {
            "OTIO_SCHEMA": "Transition.1",
            "metadata": {"Resolve_OTIO": {"Effects": {"Effect Name": item.name}}},
            "name": item.name,
            "in_offset": time(item.before, rate),
            "out_offset": time(item.after, rate),
            "transition_type": "SMPTE_Dissolve",
        }
    if item.nested:
        return {
            **common,
            "OTIO_SCHEMA": "Stack.1",
            "metadata": _metadata(item, track.kind == "audio"),
            "source_range": span(item.first, item.frames, rate),
            "children": [_track(inner, rate) for inner in item.nested],
        }
    if item.media is None:
        return {**common, "OTIO_SCHEMA": "Gap.1", "metadata": {}, "source_range": span(0, item.frames, rate)}
    media = item.media
    return {
        **common,
        "enabled": item.enabled,
        "OTIO_SCHEMA": "Clip.2",
        "metadata": _metadata(item, track.kind == "audio"),
        "source_range": span(item.first, float(item.frames * media.rate / rate), media.rate),
        "media_references": {"DEFAULT_MEDIA": _reference(media)},
        "active_media_reference_key": "DEFAULT_MEDIA",
    }


def _track(track: Track, rate: Fraction, length: int = 0) -> dict[str, Any]:
    used = sum(item.frames for item in track.items if isinstance(item, Shot))
    items = [*track.items, Shot(length - used)] if used < length else track.items
    said: dict[str, Any] = {"Locked": track.locked}
    if track.kind == "audio":
        said = {"Audio Type": track.layout.capitalize(), "Locked": track.locked, "SoloOn": False}
    return {
        "OTIO_SCHEMA": "Track.1",
        "metadata": {"Resolve_OTIO": said},
        "name": track.name,
        "source_range": None,
        "effects": [],
        "markers": [],
        "enabled": track.enabled,
        "children": [_item(item, track, rate) for item in items],
        "kind": track.kind.capitalize(),
    }


def document(timeline: Timeline) -> dict[str, Any]:
    """The whole file as JSON values; every track is padded to the end of the longest."""
    length = max((sum(i.frames for i in t.items if isinstance(i, Shot)) for t in timeline.tracks), default=0)
    markers = [
        {
            "OTIO_SCHEMA": "Marker.2",
            "metadata": {"Resolve_OTIO": {"Keywords": [], "Note": marker.note}},
            "name": marker.name,
            "color": marker.color.upper() if marker.color in _COLOURS else "PINK",
            "marked_range": span(frame, marker.duration, timeline.rate),
            "comment": "",
        }
        for frame, marker in sorted(timeline.markers.items())
    ]
    return {
        "OTIO_SCHEMA": "Timeline.1",
        "metadata": {"Resolve_OTIO": {"Resolve OTIO Meta Version": "1.0"}},
        "name": timeline.name,
        "global_start_time": time(timeline.start, timeline.rate),
        "tracks": {
            "OTIO_SCHEMA": "Stack.1",
            "metadata": {},
            "name": "",
            "source_range": None,
            "effects": [],
            "markers": markers,
            "enabled": True,
            "children": [_track(track, timeline.rate, length) for track in timeline.tracks],
        },
    }


def write(timeline: Timeline, path: Path) -> None:
    """Write the file."""
    path.write_text(json.dumps(document(timeline), indent=4), encoding="utf-8")
