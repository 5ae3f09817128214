"""EDL (CMX 3600): one picture track; joins of sound are said in comments."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import opentimelineio as otio

from amc_otio.errors import OutputError
from amc_otio.formats.any_adapter import AdapterFormat
from amc_otio.formats.base import Prepared, Target
from amc_otio.formats.whole import frames_note, on_frames, say_ranges, without_loose_transitions
from amc_otio.timeline.clock import start_seconds
from amc_otio.timeline.metadata import items_of, lookup, plain
from amc_otio.timeline.rational import from_seconds, seconds
from amc_otio.timeline.slots import duration_of
from amc_otio.timeline.timecode import format_timecode

_BREAKS: Final = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]+")


class Edl(AdapterFormat):
    """Written by OpenTimelineIO's adapter."""

    def prepare(self, timeline: otio.schema.Timeline, target: Target) -> Prepared:
        """Leave the lowest picture track with clips, and say the joins of sound as comments of its events."""
        copy = timeline.clone()
        pictures = [
            track
            for track in copy.tracks
            if isinstance(track, otio.schema.Track) and track.kind == otio.schema.TrackKind.Video and track.enabled
        ]
        picture = next((t for t in pictures if any(isinstance(c, otio.schema.Clip) for c in t)), None)
        if picture is None:
            raise OutputError(target.path, "an EDL holds picture cuts, and there is none", "write .otio instead")
        notes = []
        if len(pictures) > 1:
            notes.append(f"{self.suffix} holds one picture track: '{picture.name}' of {len(pictures)} is written")
        joins = _joins(copy, target.rate)
        for index in reversed(range(len(copy.tracks))):
            if copy.tracks[index] is not picture:
                del copy.tracks[index]
        nests = _nests_to_gaps(picture)
        if nests:
            notes.append(f"{self.suffix} has no nests: {nests} became gaps")
        say_ranges(copy)
        gone = without_loose_transitions(copy)
        if gone:
            notes.append(f"{self.suffix} left out {gone} transitions that do not lie between two shots")
        notes.extend(frames_note(self.suffix, *on_frames(copy, target.rate)))
        copy.name = _one_line(copy.name)
        for clip in copy.find_clips():
            _one_line_each(clip)
            _plain_reel(clip)
        named = _comment(picture, joins, start_seconds(timeline), target.rate)
        if named:
            notes.append(f"{self.suffix} says {named} joins of sound in comments (* AMC-OTIO) at their events")
        return Prepared(copy, tuple(notes))

    def arguments(self, target: Target) -> dict[str, Any]:
        """The rate that timecode counts at."""
        return {"rate": float(target.rate)}

    def read(self, file: Path, target: Target) -> otio.core.SerializableObject:
        """Read it at the rate that it was written at, which it does not say itself."""
        return otio.adapters.read_from_file(str(file), rate=float(target.rate))


def _joins(timeline: otio.schema.Timeline, rate: Fraction) -> list[tuple[Fraction, str]]:
    """Crossfades of each top-level audio track: the cut in seconds from the timeline's start, and the words."""
    found, number = [], 0
    for track in timeline.tracks:
        if not isinstance(track, otio.schema.Track) or track.kind != otio.schema.TrackKind.Audio:
            continue
        number += 1
        at = Fraction(0)
        for child in track:
            if not isinstance(child, otio.schema.Transition):
                at += duration_of(child) or Fraction(0)
                continue
            before, after = (float(seconds(time) * rate) for time in (child.in_offset, child.out_offset))
            found.append((at, f"A{number} CROSSFADE, {before:g} FRAMES BEFORE AND {after:g} AFTER"))
    return found


def _comment(picture: otio.schema.Track, joins: list[tuple[Fraction, str]], origin: Fraction, rate: Fraction) -> int:
    """Put each join on the shot that begins at it, or plays there; return how many found one."""
    placed, at = [], Fraction(0)
    for child in picture:
        if not child.overlapping():
            length = duration_of(child) or Fraction(0)
            if isinstance(child, otio.schema.Clip):
                placed.append((at, at + length, child))
            at += length
    half, named = Fraction(1, 2) / rate, 0
    for time, words in joins:
        clip = next((c for first, last, c in reversed(placed) if first - half <= time < last + half), None)
        if clip is None:
            continue
        held = plain(lookup(clip, "cmx_3600"))
        held = held if isinstance(held, dict) else {}
        stamp = format_timecode(from_seconds(origin + time, rate), rate)
        held["comments"] = [*items_of(held.get("comments")), f"AMC-OTIO: {words} {stamp}"]
        clip.metadata["cmx_3600"] = held
        named += 1
    return named


def _nests_to_gaps(track: otio.schema.Track) -> int:
    count = 0
    for index, child in enumerate(list(track)):
        if isinstance(child, otio.core.Composition):
            track[index] = otio.schema.Gap(source_range=child.trimmed_range())
            count += 1
    return count


def _one_line_each(clip: otio.schema.Clip) -> None:
    """A line break in a name would begin a line of the EDL, which could be an event."""
    clip.name = _one_line(clip.name)
    for marker in clip.markers:
        marker.name, marker.comment = _one_line(marker.name), _one_line(marker.comment)
    reference = clip.media_reference
    if reference is not None:
        reference.name = _one_line(reference.name)
    if isinstance(reference, otio.schema.ExternalReference):
        reference.target_url = _one_line(reference.target_url)


def _one_line(text: str) -> str:
    return _BREAKS.sub(" ", text)


def _plain_reel(clip: otio.schema.Clip) -> None:
    """A reel with a space in it would be two columns; the adapter makes one of the clip's name."""
    reel = lookup(clip, "cmx_3600", "reel")
    name = reel if isinstance(reel, str) and reel.strip() else clip.name
    if re.search(r"\s", name.strip()):
        held = plain(lookup(clip, "cmx_3600"))
        short = re.sub(r"[^A-Za-z0-9_]+", "", name.strip() if name is reel else Path(name).stem)
        clip.metadata["cmx_3600"] = {**(held if isinstance(held, dict) else {}), "reel": short[:8] or "AX"}
