"""The adapters ``amc_fcpxml`` and ``amc_mlt``: formats that amc-otio writes itself, for OpenTimelineIO's programs."""

from __future__ import annotations

import re
from pathlib import Path

import opentimelineio as otio

from amc_otio.errors import TimelineError
from amc_otio.formats.base import Target
from amc_otio.formats.registry import format_for
from amc_otio.formats.write import write_timeline
from amc_otio.otio_hooks.failing import as_otio_errors, say
from amc_otio.timeline.guard import check_before_parsing
from amc_otio.timeline.read import edit_rate

_SIDECAR = re.compile("; the sidecar holds every join|the sidecar holds every join; ")
"""What the writers say where something is not kept; an adapter has no sidecar."""


def read_file(filepath: str, suffix: str) -> otio.core.SerializableObject:
    """Read a file, whatever its name, as the format of `suffix`."""
    with as_otio_errors(""):
        path = Path(filepath)
        check_before_parsing(path)
        found = format_for(suffix)
        return found.read(path, Target(path, edit_rate(otio.schema.Timeline())))


def write_file(timeline: otio.core.SerializableObject, filepath: str, suffix: str) -> str:
    """Write a timeline in the format of `suffix`; what it does not keep is said on stderr."""
    with as_otio_errors(""):
        path = Path(filepath)
        if not isinstance(timeline, otio.schema.Timeline):
            raise TimelineError(path, f"is made from a {type(timeline).__name__}", "convert one timeline")
        if path.suffix.lower() != suffix:
            raise TimelineError(path, f"does not end in {suffix}", f"name it {path.stem}{suffix}")
        for note in write_timeline(timeline, path):
            say(f"note: {_SIDECAR.sub('', note)}")
        return filepath
