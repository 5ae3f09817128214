"""What the items and tracks of a timeline say of themselves, in FCPXML's words: roles, channels, metadata."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any, Final

import opentimelineio as otio

from amc_otio.formats.fcpxml_resources import METADATA, SPACE
from amc_otio.formats.xml_text import clean
from amc_otio.timeline.metadata import lookup
from amc_otio.timeline.rational import TimeRange, from_seconds
from amc_otio.timeline.shots import ALL_STREAMS, channels_of
from amc_otio.timeline.walk import Prober, place_items

_LONGEST_METADATA: Final = 16_000


def tracks_in(stack: otio.schema.Stack) -> list[tuple[int, otio.schema.Track]]:
    """The tracks of a stack; what lies beside them gets one of its own."""
    found = []
    for index, child in enumerate(stack):
        if not isinstance(child, otio.schema.Track):
            track = otio.schema.Track(kind=otio.schema.TrackKind.Video)
            track.append(child.clone())
            child = track
        found.append((index, child))
    return found


def filled(track: otio.schema.Track, reach: Fraction, rate: Fraction, prober: Prober) -> otio.schema.Track:
    """The track itself, or a copy with a gap at its end, so that it reaches as far as the others."""
    length = sum((p.duration or Fraction(0) for p in place_items(track, prober)), Fraction(0))
    if length >= reach:
        return track
    copy = track.clone()
    span = TimeRange(from_seconds(Fraction(0), rate), from_seconds(reach - length, rate))
    copy.append(otio.schema.Gap(source_range=span))
    return copy


def role_of(clip: otio.schema.Clip, track: otio.schema.Track) -> str:
    """The role of a clip's sound: what Final Cut Pro called it, or what the track's name says; dialogue as it does."""
    stated = lookup(clip, SPACE, "audioRole")
    if isinstance(stated, str) and stated:
        return clean(stated).split(".")[0]
    name = str(track.name).lower()
    if "music" in name or name.startswith("mx"):
        return "music"
    return "effects" if any(word in name for word in ("sfx", "effect", "fx", "foley", "ambien")) else "dialogue"


def source_channels(clip: otio.schema.Clip) -> tuple[int, ...] | None:
    """The channels a clip plays, counted from 1 through the file; None for all of them, or where that is unknown."""
    found = channels_of(clip)
    if not found or any(stream not in (0, ALL_STREAMS) for stream, _ in found):
        return None
    return tuple(sorted({channel + 1 for _, channel in found}))


def own_metadata(item: Any) -> dict[str, str]:
    """What amc-otio wrote on an item, as JSON."""
    found = lookup(item, "amc_otio")
    if not hasattr(found, "keys"):
        return {}
    text = json.dumps(_plain({k: found[k] for k in found if k != "link"}), ensure_ascii=False)
    return {METADATA: text} if 2 < len(text) <= _LONGEST_METADATA else {}


def _plain(value: Any) -> Any:
    if hasattr(value, "keys"):
        return {str(key): _plain(value[key]) for key in value}
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    try:
        return [_plain(one) for one in value]
    except TypeError:
        return str(value)
