"""Imports one module out of a package whose other parts need what is not installed, or reach for the network.

Bare modules stand in for the package's top and for imports that the wanted module never uses, while the import runs;
``sys.modules`` is as before afterwards.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

_LOCK = threading.Lock()


def package_folder(name: str) -> Path | None:
    """Where a top-level package is installed, or ``None``; nothing of it is run."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def bare(name: str, folder: Path | None = None, **attributes: Any) -> ModuleType:
    """A module with these attributes and nothing else.

    Parameters
    ----------
    name
        Its full name.
    folder
        Where submodules are looked for; none are found when ``None``.
    """
    module = ModuleType(name)
    module.__path__ = [] if folder is None else [str(folder)]
    vars(module).update(attributes)
    return module


def import_among(name: str, stand_ins: Mapping[str, ModuleType]) -> ModuleType:
    """Import a module while others stand in.

    Parameters
    ----------
    name
        The module.
    stand_ins
        Modules by full name. Nothing that belongs to their top-level packages is left in ``sys.modules``, and what was
        there comes back.

    Raises
    ------
    ImportError
        When the module, or something else that it needs, cannot be imported.
    """
    tops = {stand_in.partition(".")[0] for stand_in in stand_ins}

    def theirs() -> list[str]:
        return [module for module in sys.modules if module.partition(".")[0] in tops]

    with _LOCK:
        held = {module: sys.modules[module] for module in theirs()}
        for module in held:
            del sys.modules[module]
        sys.modules.update(stand_ins)
        try:
            return import_module(name)
        finally:
            for module in theirs():
                del sys.modules[module]
            sys.modules.update(held)
