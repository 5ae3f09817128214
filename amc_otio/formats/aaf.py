"""AAF, for Avid Media Composer and Pro Tools."""

from __future__ import annotations

import uuid
from typing import Any, Final

import opentimelineio as otio

from amc_otio.formats.any_adapter import AdapterFormat
from amc_otio.formats.base import Prepared, Target
from amc_otio.formats.media_urls import make_absolute
from amc_otio.formats.whole import frames_note, on_frames, say_ranges, tracks_of, wrap_tracks
from amc_otio.timeline.crossfade import AUDIO_DISSOLVE, PICTURE_DISSOLVE, aaf_dissolve, has_aaf
from amc_otio.timeline.metadata import lookup, plain
from amc_otio.timeline.rational import TimeRange, from_frames

_KINDS: Final = (otio.schema.TrackKind.Video, otio.schema.TrackKind.Audio)
_NAMESPACE: Final = uuid.UUID("6a1f0c9e-58f5-5c0a-8f43-1f4f1c2f2d6b")
"""Mobs of the same media get the same identity in every file: it is made from this, the URL and the name."""


class Aaf(AdapterFormat):
    """Written by OpenTimelineIO's adapter, from a copy with one rate and everything that it insists on."""

    def arguments(self, target: Target) -> dict[str, Any]:
        """A clip without media gets a mob of its own."""
        return {"use_empty_mob_ids": True}

    def prepare(self, timeline: otio.schema.Timeline, target: Target) -> Prepared:
        """Count in frames of the edit rate, and give dissolves their operation; see docs/formats.md."""
        copy = timeline.clone()
        notes = []
        for index in reversed(range(len(copy.tracks))):
            track = copy.tracks[index]
            if not isinstance(track, otio.schema.Track) or track.kind not in _KINDS:
                notes.append(f"{self.suffix} holds picture and sound: track '{track.name}' is left out")
                del copy.tracks[index]
        make_absolute(copy, target.path.parent)
        wrap_tracks(copy)
        drawn = _generators_to_gaps(copy)
        if drawn:
            notes.append(f"{self.suffix} has no generators here: {drawn} became gaps")
        unknown = say_ranges(copy, widen=True)
        if unknown:
            notes.append(f"{unknown} clips do not say how long their media is: {self.suffix} says what they play")
        notes.extend(frames_note(self.suffix, *on_frames(copy, target.rate)))
        say_ranges(copy, widen=True)
        if copy.global_start_time is not None:
            copy.global_start_time = copy.global_start_time.rescaled_to(float(target.rate)).round()
        for track in tracks_of(copy.tracks):
            operation = AUDIO_DISSOLVE if track.kind == otio.schema.TrackKind.Audio else PICTURE_DISSOLVE
            for child in track:
                if isinstance(child, otio.schema.Transition):
                    _dissolve(child, operation)
        for clip in copy.find_clips():
            _name_mob(clip)
        return Prepared(copy, tuple(notes))


def _dissolve(transition: otio.schema.Transition, operation: tuple[str, str, str]) -> None:
    before = round(transition.in_offset.value)
    if has_aaf(transition):
        transition.metadata["AAF"] = {**plain(transition.metadata["AAF"]), "CutPoint": before}
    else:
        transition.metadata["AAF"] = aaf_dissolve(before, operation)
    # The adapter leaves out any other type in silence.
    transition.transition_type = otio.schema.TransitionTypes.SMPTE_Dissolve


def _generators_to_gaps(timeline: otio.schema.Timeline) -> int:
    """The adapter refuses all generators but "Slug", which it takes for a gap."""
    count = 0
    for track in tracks_of(timeline.tracks):
        for index, child in enumerate(list(track)):
            reference = child.media_reference if isinstance(child, otio.schema.Clip) else None
            if isinstance(reference, otio.schema.GeneratorReference):
                count += reference.generator_kind != "Slug"
                span = child.trimmed_range()
                zero = from_frames(0, span.duration.rate)
                track[index] = otio.schema.Gap(child.name, source_range=TimeRange(zero, span.duration))
    return count


def _name_mob(clip: otio.schema.Clip) -> None:
    """Let clips of one name and of the same stretch of the same file share a master mob: editors show its name."""
    reference = clip.media_reference
    held = [lookup(thing, "AAF", key) for thing in (clip, reference) for key in ("MobID", "SourceID")]
    url = getattr(reference, "target_url", None)
    if any(held) or not url:
        return
    span = reference.available_range
    material = uuid.uuid5(_NAMESPACE, f"{url} {span.start_time.value:g} {span.duration.value:g} {clip.name}").hex
    own = plain(lookup(clip, "AAF"))
    clip.metadata["AAF"] = {**(own if isinstance(own, dict) else {}), "MobID": _urn(material)}


def _urn(material: str) -> str:
    """A SMPTE UMID (SMPTE 330M) with this material number, as the adapter reads one."""
    digits = "060a2b340101010501010f1013000000" + material
    return "urn:smpte:umid:" + ".".join(digits[i : i + 8] for i in range(0, 64, 8))
