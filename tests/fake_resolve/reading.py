"""An OTIO file becomes a timeline, as strictly as Resolve is documented and reported to read one."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from amc_otio.timeline.rational import exact_rate, seconds
from fake_resolve.model import Marker, Media, Shot, Timeline, Track, Transition

CROSS_FADE = "Cross Fade 0 dB"


class RefusedError(Exception):
    """No timeline is made."""


def read(path: Path, name: str, find: Callable[[str], Media | None], drops_crossfades: bool, moved: int) -> Timeline:
    """Read a file.

    Parameters
    ----------
    find
        Gives the medium of a path, or None: the item is then offline.
    drops_crossfades, moved
        Faults (`faults.Faults`).

    Raises
    ------
    RefusedError
        A source in point that is not on the medium's own timecode, no track, not OTIO.
    """
    try:
        read_in = otio.adapters.read_from_file(str(path), "otio_json")
    except Exception as error:
        raise RefusedError(str(error)) from error
    if not isinstance(read_in, otio.schema.Timeline):
        raise RefusedError("not a timeline")
    start = read_in.global_start_time
    tracks = [t for t in read_in.tracks if isinstance(t, otio.schema.Track)]
    rate = exact_rate(start.rate) if start is not None else _rate_of(tracks)
    made = Timeline(name or read_in.name, rate, round(start.value) if start is not None else 0)
    for track in tracks:
        made.tracks.append(_track(track, rate, find, drops_crossfades, moved))
    for marker in read_in.tracks.markers:  # metadata of others is discarded, customData with it
        frame = float(round(seconds(marker.marked_range.start_time) * rate))
        made.markers[frame] = Marker(marker.color.capitalize(), marker.name, "", 1.0, "")
    return made


def _rate_of(tracks: list[Any]) -> Fraction:
    for track in tracks:
        for item in track:
            return exact_rate(item.duration().rate)
    raise RefusedError("no items")


def _track(track: Any, rate: Fraction, find: Callable[[str], Media | None], drops: bool, moved: int) -> Track:
    said = dict(track.metadata.get("Resolve_OTIO", {}))
    made = Track(track.kind.lower(), track.name, locked=bool(said.get("Locked")), enabled=track.enabled)
    made.layout = str(said.get("Audio Type", "Stereo")).lower()
    shots = 0
    for item in track:
        if isinstance(item, otio.schema.Transition):
            if drops:
                continue
            name = CROSS_FADE if made.kind == "audio" else item.name or "Cross Dissolve"
            made.items.append(
                Transition(name, round(seconds(item.in_offset) * rate), round(seconds(item.out_offset) * rate))
            )
            continue
        frames = round(seconds(item.duration()) * rate)
        if isinstance(item, otio.schema.Gap):
            made.items.append(Shot(frames))
            continue
        shots += 1
        if moved and made.kind == "audio" and shots in (2, 3):
            frames += moved if shots == 2 else -moved
        link = dict(item.metadata.get("Resolve_OTIO", {})).get("Link Group ID")
        if isinstance(item, otio.schema.Stack):
            inner = [_track(t, rate, find, drops, 0) for t in item]
            first = float(item.source_range.start_time.value) if item.source_range else 0.0
            made.items.append(Shot(frames, Media("", item.name, rate, 0, frames, kind="Compound"), item.name, first))
            made.items[-1].nested = inner  # type: ignore[union-attr]
            continue
        made.items.append(_shot(item, frames, link, find))
    while made.items and isinstance(made.items[-1], Shot) and made.items[-1].media is None:
        made.items.pop()
    return made


def _shot(clip: Any, frames: int, link: int | None, find: Callable[[str], Media | None]) -> Shot:
    reference = clip.media_reference
    url = getattr(reference, "target_url", "") or ""
    media = find(url)
    used = clip.source_range or reference.available_range
    if media is None:
        own = exact_rate(used.start_time.rate)
        media = Media(url, clip.name, own, 0, round(used.duration.value), online=False)
    first = seconds(used.start_time) * media.rate
    if media.online and not media.start <= first < media.start + media.frames:
        raise RefusedError(f"{clip.name}: the source in point {first} is outside its timecode")
    return Shot(frames, media, clip.name, float(first), link, enabled=clip.enabled)
