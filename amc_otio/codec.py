"""Frozen dataclasses to JSON and back, strictly; and the JSON schema that says what the file holds.

Only the types that amc-otio's files use: dataclasses, tuples, dict[str, ...], str, bool, int, float, Fraction and
"or None". A Fraction is written as the string ``"numerator/denominator"``, so that times stay exact.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from fractions import Fraction
from typing import Any, TypeVar

from amc_otio.errors import ProposalsError

T = TypeVar("T")


def encode(value: Any) -> Any:
    """Return `value` as JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, (tuple, list)):
        return [encode(v) for v in value]
    if isinstance(value, dict):
        return {str(k): encode(v) for k, v in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} cannot be written as JSON")
    return value


def decode(kind: type[T], value: Any, where: str) -> T:
    """Read JSON values as `kind`.

    Raises
    ------
    ProposalsError
        Naming the place in the file and what was expected there.
    """
    return typing.cast(T, _decode(kind, value, where))


def _decode(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _decode(next(a for a in arguments if a is not type(None)), value, where)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _decode_dataclass(kind, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise _bad(where, "a list", value)
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_decode(arguments[0], v, f"{where}[{i}]") for i, v in enumerate(value))
        if len(value) != len(arguments):
            raise _bad(where, f"a list of {len(arguments)}", value)
        return tuple(_decode(a, v, f"{where}[{i}]") for i, (a, v) in enumerate(zip(arguments, value, strict=True)))
    if origin is dict:
        if not isinstance(value, dict):
            raise _bad(where, "an object", value)
        return {k: _decode(arguments[1], v, f"{where}.{k}") for k, v in value.items()}
    if kind is Fraction:
        return _decode_fraction(value, where)
    if kind is float:
        return _decode_float(value, where)
    if type(value) is not kind:
        raise _bad(where, {"str": "a text", "int": "a whole number", "bool": "true or false"}[kind.__name__], value)
    return value


def _decode_float(value: Any, where: str) -> float:
    try:
        number = float(value) if type(value) in (int, float) else math.nan
    except OverflowError:  # an int beyond what a float holds
        number = math.inf
    if not math.isfinite(number):
        raise _bad(where, "a finite number", value)
    return number


def _decode_dataclass(kind: type[Any], value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _bad(where, "an object", value)
    hints = _hints(kind)
    names = list(hints)
    for extra in value.keys() - set(names):
        raise ProposalsError(where, f"'{extra}' is not known here", "the file is of another version, or damaged")
    for name in names:
        if name not in value:
            raise ProposalsError(where, f"'{name}' is missing", "the file is of another version, or damaged")
    return kind(**{name: _decode(hints[name], value[name], f"{where}.{name}") for name in names})


@functools.cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    """The types of a dataclass's fields, in their order; worked out once, as a file holds thousands of them."""
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _decode_fraction(value: Any, where: str) -> Fraction:
    if isinstance(value, str) and len(value) <= 60:
        numerator, slash, denominator = value.partition("/")
        try:
            if slash and int(denominator) > 0:
                return Fraction(int(numerator), int(denominator))
        except ValueError:
            pass
    raise _bad(where, "an exact time such as '1001/24000'", value)


def _bad(where: str, expected: str, value: Any) -> ProposalsError:
    return ProposalsError(
        where,
        f"expected {expected}, found {_shown(value)}",
        "the file is damaged; propose again",
    )


def _shown(value: Any) -> str:
    if isinstance(value, int) and abs(value) >= 10**40:
        return "a number of many digits"  # Python refuses to print those of more than 4300
    shown = repr(value)
    return shown if len(shown) < 60 else shown[:57] + "..."


def schema(kind: Any) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of what `encode` writes for `kind`."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [{"type": "null"} if a is type(None) else schema(a) for a in arguments]}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        names = [f.name for f in dataclasses.fields(kind)]
        return {
            "type": "object",
            "title": kind.__name__,
            "properties": {name: schema(hints[name]) for name in names},
            "required": names,
            "additionalProperties": False,
        }
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return {"type": "array", "items": schema(arguments[0])}
        return {
            "type": "array",
            "prefixItems": [schema(a) for a in arguments],
            "minItems": len(arguments),
            "items": False,
        }
    if origin is dict:
        return {"type": "object", "additionalProperties": schema(arguments[1])}
    if kind is Fraction:
        return {"type": "string", "pattern": "^-?[0-9]+/[1-9][0-9]*$", "description": "exact, numerator/denominator"}
    return {"type": {str: "string", bool: "boolean", int: "integer", float: "number"}[kind]}
