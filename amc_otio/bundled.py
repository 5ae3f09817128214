"""The folders that stand beside the package in a checkout, and inside it once it is installed."""

from __future__ import annotations

from pathlib import Path

from amc_otio.errors import AmcError


def bundled_folder(name: str, holds: str) -> Path:
    """Return where ``examples``, ``adapters`` or ``resolve_script`` lies.

    Parameters
    ----------
    name
        Its name in a checkout; in an installed package an underscore stands before it.
    holds
        A file that must be in it.

    Raises
    ------
    AmcError
        When it is in neither place.
    """
    here = Path(__file__).resolve().parent
    for folder in (here / f"_{name}", here.parent / name):
        if (folder / holds).is_file():
            return folder
    raise AmcError(f"the bundled folder '{name}'", "is not in this installation", "install amc-otio again")
