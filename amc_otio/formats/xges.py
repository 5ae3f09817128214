"""XGES, the project files of GStreamer Editing Services."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from amc_otio.formats.any_adapter import AdapterFormat
from amc_otio.formats.base import Prepared, Target
from amc_otio.formats.media_urls import make_absolute
from amc_otio.formats.whole import without_loose_transitions
from amc_otio.formats.xges_levels import bind, count_bound, count_carried, put_volume
from amc_otio.timeline.level_match import Recipe
from amc_otio.timeline.rational import TimeRange, exact_rate, from_seconds, seconds


class Xges(AdapterFormat):
    """Written by OpenTimelineIO's adapter; what that lacks is done here."""

    def prepare(self, timeline: otio.schema.Timeline, target: Target) -> Prepared:
        """Let all media start at 0 and have absolute URLs, and leave out transitions that lie between no two clips."""
        copy = _on_file_clocks(timeline)
        make_absolute(copy, target.path.parent)
        gone = without_loose_transitions(copy)
        note = f"{self.suffix} left out {gone} transitions that do not lie between two clips"
        return Prepared(copy, (note,) if gone else ())

    def write(self, timeline: otio.schema.Timeline, file: Path, target: Target) -> tuple[str, ...]:
        """Write it, with bindings for clip gains."""
        super().write(timeline, file, target)
        bind(file)
        return ()

    def gain_recipe(self, timeline: otio.schema.Timeline, rate: Fraction) -> Recipe:
        """Keyframes of the clip's volume."""
        return put_volume

    def count_gains(self, timeline: otio.schema.Timeline) -> int:
        """How many clips carry keyframes to the file."""
        return count_carried(timeline)

    def count_written_gains(self, read: otio.core.SerializableObject, file: Path) -> int:
        """How many the file holds; its adapter does not read them back."""
        return count_bound(file)


def _on_file_clocks(timeline: otio.schema.Timeline) -> otio.schema.Timeline:
    """A copy whose media all start at 0: XGES counts from a file's first sample, and its adapter takes nothing away."""
    copy = timeline.clone()
    for clip in copy.find_clips():
        available = clip.media_reference.available_range if clip.media_reference is not None else None
        if available is None or not available.start_time.value:
            continue
        if clip.source_range is not None:
            at = clip.source_range.start_time
            start = seconds(at) - seconds(available.start_time)
            clip.source_range = TimeRange(from_seconds(start, exact_rate(at.rate)), clip.source_range.duration)
        zero = from_seconds(Fraction(0), exact_rate(available.start_time.rate))
        clip.media_reference.available_range = TimeRange(zero, available.duration)
    return copy
