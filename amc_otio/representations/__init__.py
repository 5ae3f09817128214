"""Representations: named maps from one second of sound to a unit vector.

``create("sfx").embed(windows)`` is all that the rest of the house needs. Importing this package is cheap; NumPy and
onnxruntime are loaded when a representation is made and first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amc_otio.representations.registry import create, names, register

if TYPE_CHECKING:
    from amc_otio.representations.base import Representation

__all__ = ["Representation", "create", "names", "register"]


def __getattr__(name: str) -> Any:
    if name == "Representation":
        from amc_otio.representations.base import Representation

        return Representation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
