"""A format that amc-otio writes and reads by itself."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import opentimelineio as otio

from amc_otio.formats.any_adapter import AdapterFormat
from amc_otio.formats.base import EQUAL_FRAMES, Format, Target


class OwnFormat(Format):
    """Written by ``amc_otio.formats.<module>_write`` and read by ``amc_otio.formats.<module>_read``.

    ``write(timeline, path, rate, base)`` writes to exactly that path and returns notes; relative media is looked for
    in the folder `base`. ``read(path)`` gives a timeline.
    They are imported when they are needed.
    """

    written_by = "amc-otio"

    def __init__(self, suffix: str, label: str, module: str, offsets: str) -> None:
        super().__init__(suffix, label, offsets=offsets)
        self._module = f"amc_otio.formats.{module}"

    @property
    def is_available(self) -> bool:
        """Always."""
        return True

    def _part(self, name: str) -> Any:
        return getattr(importlib.import_module(f"{self._module}_{name}"), name)

    def write(self, timeline: otio.schema.Timeline, file: Path, target: Target) -> tuple[str, ...]:
        """Write it."""
        notes: tuple[str, ...] = self._part("write")(timeline, file, target.rate, base=target.path.parent)
        return notes

    def read(self, file: Path, target: Target) -> otio.core.SerializableObject:
        """Read it back."""
        return self._part("read")(file)


def own_or_adapter(suffix: str, label: str, module: str, package: str, offsets: str = EQUAL_FRAMES) -> Format:
    """Our own writer where there is one, else OpenTimelineIO's adapter from `package`."""
    if importlib.util.find_spec(f"amc_otio.formats.{module}_write") is not None:
        return OwnFormat(suffix, label, module, offsets)
    return AdapterFormat(suffix, label, package)
