"""The environment variables that amc-otio reads: one table, from which docs/commands.md is written too.

The command line wins over them, they win over ``amc.toml``, and that wins over the defaults. A variable that is empty
counts as unset.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Variable:
    """A variable, what it does in words (Markdown), and the option that wins over it."""

    name: str
    what: str
    option: str = ""


VARIABLES: Final = (
    Variable("AMC_CONFIG", "the settings file, instead of an `amc.toml` that is found", "`--config`"),
    Variable("AMC_LIBRARY", "the library's folder, instead of `library.folder` of `amc.toml`", "`--library`"),
    Variable("AMC_LOG", "a file to which every command appends what it does", "`--log`"),
    Variable("AMC_DEBUG", "when set, an error's traceback stands before its line on stderr"),
    Variable("AMC_MODELS", "the model folder, instead of the user's ([models.md](models.md))"),
    Variable("XDG_CACHE_HOME", "Linux: the user's cache; .otioz bundles are unpacked below it"),
    Variable("XDG_DATA_HOME", "Linux: where the user's model folder and the folder of `resolve watch` lie"),
    Variable("LOCALAPPDATA", "Windows: the user's cache and model folder"),
    Variable("APPDATA", "Windows: below it lie DaVinci Resolve's script folders and the folder of `resolve watch`"),
    Variable("HOME", "Linux and macOS: the same"),
    Variable("DISPLAY", "Linux: the screen on which `audition` opens the page; without one it only prints the address"),
    Variable("WAYLAND_DISPLAY", "Linux: the same"),
)
_NAMES: Final = frozenset(variable.name for variable in VARIABLES)


def value(name: str) -> str | None:
    """Return what a variable of the table says; None where it is unset or empty."""
    if name not in _NAMES:
        raise KeyError(name)
    return os.environ.get(name) or None


def given() -> dict[str, str]:
    """Return every variable of the table that is set."""
    return {name: found for name in sorted(_NAMES) if (found := value(name)) is not None}


def path(name: str) -> Path | None:
    """Return the path that a variable of the table says; ``~`` is the home folder."""
    found = value(name)
    return Path(found).expanduser() if found else None
