"""Where DaVinci Resolve looks for menu scripts, and where files are exchanged with it. Nothing is read or made here.

The script folders are those of Blackmagic Design's scripting README, the user's own of each system.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from amc_otio.errors import UsageError

PAGES: Final = {"utility": "Utility", "edit": "Edit"}
"""Menu folder by page: what is in ``Utility`` shows on every page, what is in ``Edit`` on the edit page."""
_RESOLVE: Final = ("Blackmagic Design", "DaVinci Resolve")


def scripts_folder(system: str, environment: Mapping[str, str], page: str = "utility") -> Path:
    """Return the user's folder of menu scripts.

    Parameters
    ----------
    system
        As `sys.platform` says: ``linux``, ``darwin``, ``win32``.
    environment
        As `environment.given` gives it: ``HOME``, on Windows ``APPDATA``.
    page
        A key of `PAGES`.

    Raises
    ------
    UsageError
        Where the environment does not say, or the system is one on which Resolve does not run.
    """
    return resolve_folder(system, environment) / "Fusion" / "Scripts" / PAGES[page]


def resolve_folder(system: str, environment: Mapping[str, str]) -> Path:
    """Return the user's folder of Resolve, below which its scripts are; raise as `scripts_folder`."""
    if system == "win32":
        return _variable(environment, "APPDATA").joinpath(*_RESOLVE, "Support")
    if system == "darwin":
        return _variable(environment, "HOME").joinpath("Library", "Application Support", *_RESOLVE)
    if system.startswith("linux"):
        return _variable(environment, "HOME") / ".local" / "share" / "DaVinciResolve"
    raise UsageError(f"system '{system}'", "DaVinci Resolve does not run on it", "name the menu folder with --folder")


def exchange_folder(system: str, environment: Mapping[str, str]) -> Path:
    """Return the folder through which files go to Resolve and back when no ``--exchange`` names one."""
    if system == "win32":
        return _variable(environment, "APPDATA") / "amc-otio" / "resolve"
    if system == "darwin":
        return _variable(environment, "HOME") / "Library" / "Application Support" / "amc-otio" / "resolve"
    data = environment.get("XDG_DATA_HOME", "")
    base = Path(data) if data.startswith("/") else _variable(environment, "HOME") / ".local" / "share"
    return base / "amc-otio" / "resolve"


def _variable(environment: Mapping[str, str], name: str) -> Path:
    value = environment.get(name, "")
    if not value:
        raise UsageError(f"${name}", "is not set, so the user's folders are not known", "name a folder with --folder")
    return Path(value)
