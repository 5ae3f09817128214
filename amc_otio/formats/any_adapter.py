"""A format that an OpenTimelineIO adapter writes, without anything that we know of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import opentimelineio as otio

from amc_otio.formats.base import Format, Target


class AdapterFormat(Format):
    """Written and read by OpenTimelineIO's adapter for the suffix."""

    @property
    def is_available(self) -> bool:
        """Whether an adapter that writes it is installed."""
        return self.suffix[1:] in otio.adapters.suffixes_with_defined_adapters(write=True)

    def arguments(self, target: Target) -> dict[str, Any]:
        """What the adapter is told."""
        return {}

    def write(self, timeline: otio.schema.Timeline, file: Path, target: Target) -> tuple[str, ...]:
        """Write through the adapter."""
        otio.adapters.write_to_file(timeline, str(file), **self.arguments(target))
        return ()

    def read(self, file: Path, target: Target) -> otio.core.SerializableObject:
        """Read through the adapter."""
        return otio.adapters.read_from_file(str(file))


def any_format(suffix: str) -> AdapterFormat:
    """The format of a suffix that is in no list of ours."""
    return AdapterFormat(suffix, suffix.lstrip(".").upper())
