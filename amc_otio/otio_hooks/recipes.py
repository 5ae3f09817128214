"""What a format's writer needs of a timeline that OTIO writes itself after the hook."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio

from amc_otio.timeline.write import _on_file_clocks


def ready_for(timeline: otio.schema.Timeline, output: Path) -> otio.schema.Timeline:
    """The timeline, or a copy with what its format needs."""
    return _on_file_clocks(timeline) if output.suffix.lower() == ".xges" else timeline
