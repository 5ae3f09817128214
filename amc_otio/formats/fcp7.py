"""Final Cut Pro 7 XML, which Premiere Pro, DaVinci Resolve and others read too."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from amc_otio.formats.any_adapter import AdapterFormat
from amc_otio.formats.fcp7_levels import count_levels, put_levels
from amc_otio.timeline.level_match import Recipe


class FinalCutPro7(AdapterFormat):
    """Written by OpenTimelineIO's adapter."""

    def gain_recipe(self, timeline: otio.schema.Timeline, rate: Fraction) -> Recipe:
        """Keyframes of the filter "Audio Levels"."""
        return put_levels

    def count_gains(self, timeline: otio.schema.Timeline) -> int:
        """How many clips have the filter."""
        return count_levels(timeline)

    def count_written_gains(self, read: otio.core.SerializableObject, file: Path) -> int:
        """How many clips that were read back have it."""
        return count_levels(read)
