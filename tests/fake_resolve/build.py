"""A project from an OTIO timeline and the media that it names."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from amc_otio.errors import AmcError
from amc_otio.media.probe import probe
from fake_resolve.model import Bin, Marker, Media, Project, Timeline
from fake_resolve.reading import read


def medium(path: Path, rate: Fraction, start: int = 0) -> Media | None:
    """A media pool clip of a real file, or None where there is none; sound alone takes the project's rate."""
    try:
        info = probe(path)
    except AmcError:
        return None
    own = info.frame_rate or rate
    if info.start_s is not None and not start:
        start = round(info.start_s * own)
    kind = ("Video + Audio" if info.streams else "Video") if info.has_picture else "Audio"
    channels = info.streams[0].channels if info.streams else 0
    return Media(str(path), path.name, Fraction(own), start, int(info.duration * own), channels, kind)


def project_of(edit: Path, gallery: Iterable[Path] = (), name: str = "Film") -> Project:
    """A project whose one timeline is `edit`, with the files of `gallery` in a bin "Sounds"."""
    timeline = otio.adapters.read_from_file(str(edit))
    known: dict[str, Media] = {}
    rate = Fraction(timeline.global_start_time.rate).limit_denominator(1001)
    for clip in timeline.find_clips():
        reference: Any = clip.media_reference
        path = Path(reference.target_url)
        path = path if path.is_absolute() else edit.parent / path
        available = reference.available_range
        own = Fraction(available.start_time.rate).limit_denominator(1001)
        media = medium(path, own)
        if media is not None:
            media.rate, media.start, media.frames = own, int(available.start_time.value), int(available.duration.value)
            known.setdefault(reference.target_url, media)
    sounds = [m for p in sorted(gallery) if (m := medium(p, rate)) is not None]
    made = Project(name, Bin("Master", list(known.values()), [Bin("Sounds", sounds)]))
    held = read(edit, timeline.name, known.get, False, 0)
    made.timelines, made.current = [held], held
    for marker in timeline.tracks.markers:
        held.markers[marker.marked_range.start_time.value] = Marker(
            marker.color.capitalize(), marker.name, "", marker.marked_range.duration.value, ""
        )
    return made


def blank(name: str = "Film", timelines: Iterable[Timeline] = ()) -> Project:
    """A project without media."""
    listed = list(timelines)
    return Project(name, Bin("Master"), listed, listed[0] if listed else None)
