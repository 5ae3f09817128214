"""A format that amc-otio writes and reads by itself."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Protocol, TypeAlias

import opentimelineio as otio

from amc_otio.formats.base import Format, Target


class Writer(Protocol):
    """Writes to exactly `path` and returns what was not kept, in words; relative media begins in the folder `base`."""

    def __call__(
        self, timeline: otio.schema.Timeline, path: Path, rate: Fraction, base: Path | None = None
    ) -> tuple[str, ...]: ...


Reader: TypeAlias = Callable[[Path], otio.schema.Timeline]


class OwnFormat(Format):
    """Written and read by functions of ours.

    Parameters
    ----------
    load
        Imports and returns them; called when the first file is written or read.
    """

    written_by = "amc-otio"

    def __init__(self, suffix: str, label: str, load: Callable[[], tuple[Writer, Reader]], offsets: str) -> None:
        super().__init__(suffix, label, offsets=offsets)
        self._load = load

    @property
    def is_available(self) -> bool:
        """Always."""
        return True

    def write(self, timeline: otio.schema.Timeline, file: Path, target: Target) -> tuple[str, ...]:
        """Write it."""
        write, _ = self._load()
        return write(timeline, file, target.rate, base=target.path.parent)

    def read(self, file: Path, target: Target) -> otio.core.SerializableObject:
        """Read it back."""
        _, read = self._load()
        return read(file)
