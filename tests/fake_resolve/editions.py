"""Editions and versions of DaVinci Resolve, and what each of them gates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Edition:
    """One installation.

    Attributes
    ----------
    version
        Major, minor, patch.
    studio
        The paid edition.
    ui_manager
        Whether `Fusion.UIManager` answers: Studio only from 19.1; False for a Studio that runs without windows.
    export_base
        Number of the first EXPORT_* constant; they differ by build.
    """

    version: tuple[int, int, int]
    studio: bool
    ui_manager: bool
    export_base: float = 0.0

    @property
    def python(self) -> bool:
        """Whether Python scripts run: from 21.1 in Studio only."""
        return self.studio or self.version < (21, 1, 0)

    @property
    def external(self) -> bool:
        """Whether a process outside may connect: as `python`."""
        return self.python

    @property
    def product(self) -> str:
        """As Resolve.GetProductName says it."""
        return "DaVinci Resolve Studio" if self.studio else "DaVinci Resolve"


STUDIO = Edition((20, 3, 2), True, True, 17.0)
STUDIO_NO_UI = Edition((20, 3, 2), True, False, 17.0)
STUDIO_21_1 = Edition((21, 1, 0), True, True, 40.0)
FREE_PYTHON = Edition((20, 3, 2), False, False, 23.0)
FREE_LUA = Edition((21, 1, 0), False, False, 31.0)
OLD = Edition((18, 1, 4), True, True, 3.0)
