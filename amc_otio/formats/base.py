"""What a format is to those who write timelines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final

import opentimelineio as otio

from amc_otio.formats.gain import none_in
from amc_otio.timeline.level_match import Recipe

EXACT: Final = "exact"
"""A crossfade's offsets stay as they are, sub-frame and unequal."""
FRAMES: Final = "frames"
"""They stay where they are whole frames."""
EQUAL_FRAMES: Final = "equal frames"
"""They stay where they are equal whole frames."""


@dataclass(frozen=True)
class Target:
    """Where a timeline goes.

    Attributes
    ----------
    path
        The file's place in the end; it is written under a temporary name first.
    rate
        The timeline's edit rate, in frames a second.
    media
        Files by target URL that are not in their place yet: a bundle takes them from where they are.
    rehearsal
        It is going to be thrown away: a bundle takes no media along.
    """

    path: Path
    rate: Fraction
    media: Mapping[str, Path] = field(default_factory=dict)
    rehearsal: bool = False


@dataclass(frozen=True)
class Prepared:
    """What is handed to a format's writer: a copy where anything had to change, and what was changed, in words."""

    timeline: otio.schema.Timeline
    notes: tuple[str, ...] = ()


class Format(ABC):
    """One file format.

    `written_by` says who writes it where `package` is empty; `advice` what to do where it cannot be written here.

    Parameters
    ----------
    suffix
        Of its files, with the dot, in small letters.
    label
        What people call it.
    package
        What pip installs for it; empty where OpenTimelineIO or amc-otio itself writes it.
    offsets
        `EXACT`, `FRAMES` or `EQUAL_FRAMES`.
    """

    written_by = "OpenTimelineIO"
    advice = "write .otio, or pip install 'amc-otio[formats]'"

    def __init__(self, suffix: str, label: str, package: str = "", offsets: str = EQUAL_FRAMES) -> None:
        self.suffix = suffix
        self.label = label
        self.package = package
        self.offsets = offsets

    @property
    @abstractmethod
    def is_available(self) -> bool:
        """Whether it can be written here."""

    def prepare(self, timeline: otio.schema.Timeline, target: Target) -> Prepared:
        """Give what the writer needs; the timeline itself is not changed.

        Raises
        ------
        OutputError
            Where the format cannot hold the timeline, in words.
        """
        return Prepared(timeline)

    @abstractmethod
    def write(self, timeline: otio.schema.Timeline, file: Path, target: Target) -> tuple[str, ...]:
        """Write what `prepare` gave to a file, and return what was not kept, in words, as far as the writer knows."""

    @abstractmethod
    def read(self, file: Path, target: Target) -> otio.core.SerializableObject:
        """Read a file of this format back."""

    def check(  # noqa: B027 - most formats have nothing to check
        self, timeline: otio.schema.Timeline, read: otio.core.SerializableObject, path: Path
    ) -> None:
        """Refuse what was read back where the format promises more than it gave.

        Raises
        ------
        OutputError
        """

    def gain_recipe(self, timeline: otio.schema.Timeline, rate: Fraction) -> Recipe:
        """How it carries a clip's gain.

        Parameters
        ----------
        timeline
            What is written: only one that came from DaVinci Resolve takes Resolve's own clip volume.
        rate
            The timeline's edit rate.
        """
        return partial(none_in, self.suffix)

    def count_gains(self, timeline: otio.schema.Timeline) -> int:
        """How many clips of a timeline, as `gain_recipe` left it, have a gain to be written."""
        return 0

    def count_written_gains(self, read: otio.core.SerializableObject, file: Path) -> int:
        """How many of them a written file holds."""
        return 0
