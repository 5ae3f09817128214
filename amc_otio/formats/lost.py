"""What a format did not keep of the sound, told by what is read back from the file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import opentimelineio as otio

from amc_otio.formats.base import Format, Target
from amc_otio.timeline.slots import duration_of
from amc_otio.timeline.walk import is_disabled, target_url

_SAME: Final = Fraction(1, 40_000)


def what_was_lost(
    timeline: otio.schema.Timeline, read: otio.core.SerializableObject, form: Format, file: Path, target: Target
) -> tuple[str, ...]:
    """Say in words what of the sound a format dropped, by what is read back from its file."""
    missing = _without_file(timeline, target) if target.rehearsal else _missing(read) - _missing(timeline)
    return (*sound_lost(timeline, read, form.suffix, missing), *gains_lost(timeline, read, form, file))


def gains_lost(
    timeline: otio.schema.Timeline, read: otio.core.SerializableObject, form: Format, file: Path
) -> tuple[str, ...]:
    """Say how many clip gains the format's writer dropped."""
    before = form.count_gains(timeline)
    if not before or not hasattr(read, "find_clips"):
        return ()
    after = form.count_written_gains(read, file)
    if after >= before:
        return ()
    return (f"{form.suffix} kept {after} of {before} clip gains: what is missing is only in a bounce (--bounce)",)


def sound_lost(
    timeline: otio.schema.Timeline, read: otio.core.SerializableObject, suffix: str, missing: int = 0
) -> tuple[str, ...]:
    """Say what it dropped of tracks, crossfades and switched off clips."""
    if not hasattr(read, "find_children"):
        return (f"{suffix} files do not read back as a timeline, so nobody checked what was kept",)
    before, after = _sound(timeline), _sound(read)
    lost = []
    if before and not after:
        lost.append(f"{suffix} dropped the audio tracks: only the picture cuts are in the file")
    elif sum(after) < sum(before):
        lost.append(f"{suffix} kept {sum(after)} of {sum(before)} audio crossfades")
    elif (moved := _moved(timeline, read)) and max(moved) > _SAME:
        farthest = round(max(moved) * 48_000)
        count = sum(by > _SAME for by in moved)
        lost.append(f"{suffix} moved the cut of {count} crossfades of sound, by at most {farthest} samples of 48 kHz")
    noted, kept = _markers(timeline), _markers(read)
    if kept < noted:
        lost.append(f"{suffix} kept {kept} of {noted} markers")
    if suffix in (".otioz", ".otiod") and missing > 0:
        lost.append(f"{suffix} does not hold the media of {missing} clips, whose files were not found")
    off = _switched_off(timeline) - _switched_off(read)
    if after and off > 0:
        lost.append(f"{suffix} switches {off} clips on again that are switched off")
    if lost:
        lost.append("the sidecar holds every join; write .otio to keep them")
    return tuple(lost)


def _missing(container: otio.core.SerializableObject) -> int:
    """Clips without media."""
    return sum(isinstance(clip.media_reference, otio.schema.MissingReference) for clip in container.find_clips())


def _without_file(timeline: otio.schema.Timeline, target: Target) -> int:
    """Clips whose file a bundle would not find."""
    found = 0
    for clip in timeline.find_clips():
        url = target_url(clip)
        if url is not None and url not in target.media:
            path = unquote(urlsplit(url).path) if url.startswith("file:") else url
            found += not any((target.path.parent / spelling).is_file() for spelling in (path, unquote(path)))
    return found


def _switched_off(container: otio.core.SerializableObject) -> int:
    """Clips that are switched off."""
    return sum(is_disabled(clip) for clip in container.find_clips())


def _sound(container: otio.core.SerializableObject) -> list[int]:
    """Crossfades of each audio track."""
    tracks = [t for t in container.find_children(descended_from_type=otio.schema.Track) if t.kind == "Audio"]
    return [sum(isinstance(child, otio.schema.Transition) for child in track) for track in tracks]


def _markers(container: Any) -> int:
    holders: list[Any] = [getattr(container, "tracks", container), *container.find_children()]
    return sum(len(holder.markers) for holder in holders if isinstance(holder, otio.core.Item))


def _moved(one: Any, other: Any) -> list[Fraction]:
    """How far each cut with a crossfade of sound lies from where it was; empty where they cannot be paired."""
    before, after = _cuts(one), _cuts(other)
    return [abs(a - b) for a, b in zip(before, after, strict=True)] if len(before) == len(after) else []


def _cuts(container: Any) -> list[Fraction]:
    found = []
    for track in container.find_children(descended_from_type=otio.schema.Track):
        at = Fraction(0)
        for child in track if track.kind == "Audio" else ():
            if isinstance(child, otio.schema.Transition):
                found.append(at)
            else:
                at += duration_of(child) or Fraction(0)
    return found
