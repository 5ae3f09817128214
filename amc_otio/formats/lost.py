"""What a format did not keep of the sound, told by what is read back from the file."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio

from amc_otio.formats.base import Format
from amc_otio.timeline.walk import is_disabled


def what_was_lost(
    timeline: otio.schema.Timeline, read: otio.core.SerializableObject, form: Format, file: Path
) -> tuple[str, ...]:
    """Say in words what of the sound a format dropped, by what is read back from its file."""
    return (*sound_lost(timeline, read, form.suffix), *gains_lost(timeline, read, form, file))


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


def sound_lost(timeline: otio.schema.Timeline, read: otio.core.SerializableObject, suffix: str) -> tuple[str, ...]:
    """Say what it dropped of tracks, crossfades and switched off clips."""
    if not hasattr(read, "find_children"):
        return (f"{suffix} files do not read back as a timeline, so nobody checked what was kept",)
    before, after = _sound(timeline), _sound(read)
    lost = []
    if before and not after:
        lost.append(f"{suffix} dropped the audio tracks: only the picture cuts are in the file")
    elif sum(after) < sum(before):
        lost.append(f"{suffix} kept {sum(after)} of {sum(before)} audio crossfades")
    missing = _missing(read) - _missing(timeline)
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


def _switched_off(container: otio.core.SerializableObject) -> int:
    """Clips that are switched off."""
    return sum(is_disabled(clip) for clip in container.find_clips())


def _sound(container: otio.core.SerializableObject) -> list[int]:
    """Crossfades of each audio track."""
    tracks = [t for t in container.find_children(descended_from_type=otio.schema.Track) if t.kind == "Audio"]
    return [sum(isinstance(child, otio.schema.Transition) for child in track) for track in tracks]
