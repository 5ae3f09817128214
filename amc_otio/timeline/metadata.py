"""Looking into the metadata that editors leave, whatever shape it has."""

from __future__ import annotations

import math
from typing import Any


def lookup(thing: Any, *keys: str) -> Any:
    """Return ``thing.metadata[keys[0]][keys[1]]…``, or None where any step is missing or of another shape."""
    value = getattr(thing, "metadata", None)
    for key in keys:
        if value is None or not hasattr(value, "keys"):
            return None
        try:
            value = value[key]
        except (KeyError, TypeError, ValueError):
            return None
    return value


def mapping_get(value: Any, key: str) -> Any:
    """Return ``value[key]`` where `value` is a mapping that holds it, else None."""
    if not hasattr(value, "keys"):
        return None
    try:
        return value[key]
    except KeyError:
        return None


def items_of(value: Any) -> list[Any]:
    """Return the entries of a list, one thing as a list of one, None as an empty list."""
    if value is None:
        return []
    if hasattr(value, "keys") or isinstance(value, (str, int, float, bool)):
        return [value]
    try:
        return list(value)
    except TypeError:
        return []


def is_true(value: Any) -> bool:
    """Whether a flag is set, written as a boolean (Resolve) or as TRUE (Final Cut Pro 7 XML)."""
    return value is True or (isinstance(value, str) and value.strip().upper() == "TRUE")


def is_false(value: Any) -> bool:
    """Whether a flag is explicitly unset."""
    return value is False or (isinstance(value, str) and value.strip().upper() == "FALSE")


def plain(value: Any) -> Any:
    """Metadata as dicts and lists of its own, so that changing them changes nothing else."""
    if hasattr(value, "keys"):
        return {key: plain(value[key]) for key in value}
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    try:
        return [plain(one) for one in value]
    except TypeError:
        return value


def number_or(value: Any, otherwise: float) -> float:
    """Return a finite number that metadata holds in any spelling, else `otherwise`."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return otherwise
    return found if math.isfinite(found) else otherwise
