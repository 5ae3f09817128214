"""One line of the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GROUPS: Final = ("package", "timeline", "plugin", "model", "program")
STATES: Final = ("ok", "optional", "missing")


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes
    ----------
    name
        What was looked at.
    state
        ``ok``, ``optional`` (absent, and that is fine) or ``missing``.
    found
        Version or path, or what is wrong.
    remedy
        The line that gets it, or an empty text.
    group
        One of `GROUPS`.
    """

    name: str
    state: str
    found: str
    remedy: str = ""
    group: str = "package"
