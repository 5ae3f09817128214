"""Readers of the package's own for formats that OTIO's adapters read badly; the package registers them.

`timeline` knows no format, so a room above it tells it how one is read (``amc_otio/__init__.py`` does).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Reader: TypeAlias = Callable[[Path], Sequence[Any]]
"""Given a file, returns its timelines or raises an `AmcError`. What it has to say of one lies in that timeline's
metadata, under the suffix without its dot and ``notes``."""

_READERS: dict[str, Callable[[], Reader]] = {}


def register(suffix: str, load: Callable[[], Reader]) -> None:
    """Let files of a suffix (".fcpxml") be read by what `load` returns; it is called when the first one is read."""
    _READERS[suffix.lower()] = load


def own_reader(suffix: str) -> Reader | None:
    """Return the package's own reader of a suffix, or None where an OTIO adapter reads it."""
    load = _READERS.get(suffix.lower())
    return None if load is None else load()


def own_suffixes() -> frozenset[str]:
    """The suffixes that have one, with their dots."""
    return frozenset(_READERS)
