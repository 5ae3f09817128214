"""Equality of OTIO objects field by field, but for the last bit of a float.

OTIO's JSON reader is not correctly rounded: about one double in eleven comes back one unit in the last place off
(measured on OTIO 0.18.1). ``is_equivalent_to`` calls such an object changed; nobody edited it.
"""

from __future__ import annotations

import json
import math
from typing import Any

import opentimelineio as otio

_RELATIVE = 1e-12


def fields(item: otio.core.SerializableObject) -> Any:
    """All fields of an object as JSON values."""
    return json.loads(item.to_json_string(indent=0))


def same_fields(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, floats but for rounding (relative 1e-12)."""
    todo = [(one, other)]
    while todo:
        a, b = todo.pop()
        if isinstance(a, dict) and isinstance(b, dict):
            if a.keys() != b.keys():
                return False
            todo.extend((a[key], b[key]) for key in a)
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            todo.extend(zip(a, b, strict=True))
        elif isinstance(a, float) and isinstance(b, float):
            if not (math.isclose(a, b, rel_tol=_RELATIVE, abs_tol=1e-300) or (math.isnan(a) and math.isnan(b))):
                return False
        elif type(a) is not type(b) or a != b:
            return False
    return True
