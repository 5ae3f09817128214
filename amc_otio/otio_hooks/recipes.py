"""What a format's writer needs of a timeline that OpenTimelineIO writes itself after the hook."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio

from amc_otio.formats.base import Prepared, Target
from amc_otio.formats.own_writer import OwnFormat
from amc_otio.formats.registry import format_for
from amc_otio.timeline.read import edit_rate


def ready_for(timeline: otio.schema.Timeline, output: Path) -> Prepared:
    """The timeline, or a copy with what its format needs, and what was changed for it.

    Raises
    ------
    OutputError
        Where the format cannot hold the timeline.
    """
    found = format_for(output.suffix)
    if isinstance(found, OwnFormat):
        name = f"amc_{output.suffix[1:]}"
        return Prepared(timeline, (f"crossfades are in {output.suffix} files only with -O {name}",))
    return found.prepare(timeline, Target(output, edit_rate(timeline)))
