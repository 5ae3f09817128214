"""Kdenlive's project file, whose adapter writes no crossfades; Kdenlive itself opens .otio from 25.04 on."""

from __future__ import annotations

import opentimelineio as otio

from amc_otio.formats.any_adapter import AdapterFormat
from amc_otio.formats.base import Prepared, Target


class Kdenlive(AdapterFormat):
    """Written by OpenTimelineIO's adapter, which drops crossfades."""

    advice = "write .otio, which Kdenlive opens itself from 25.04 on"

    def prepare(self, timeline: otio.schema.Timeline, target: Target) -> Prepared:
        """Say what would serve better."""
        return Prepared(timeline, (f"{self.suffix} is written without crossfades: {self.advice}",))
