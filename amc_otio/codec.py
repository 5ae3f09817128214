"""Frozen dataclasses to JSON and back, strictly; and the JSON schema that says what the file holds.

Only the types that amc-otio's files use: dataclasses, tuples, dict[str, ...], str, bool, int, float, Fraction and
"or None". A Fraction is written as the string ``"numerator/denominator"``, so that times stay exact.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, TypeVar

from amc_otio.errors import ProposalsError

T = TypeVar("T")


def encode(value: Any) -> Any:
    """Return `value` as JSON values."""
    kind: Any = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is float:
        if not math.isfinite(value):
            raise ValueError(f"{value} cannot be written as JSON")
        return value
    names = _names(kind)
    if names is not None:
        return {n: v if type(v := getattr(value, n)) in _AS_THEY_ARE else encode(v) for n in names}
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, (tuple, list)):
        return [v if type(v) in _AS_THEY_ARE else encode(v) for v in value]
    if isinstance(value, dict):
        return {str(k): encode(v) for k, v in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} cannot be written as JSON")
    return value


_AS_THEY_ARE: Final = frozenset({str, int, bool, type(None)})


@lru_cache(maxsize=1024)
def _names(kind: Any) -> tuple[str, ...] | None:
    """The fields of a dataclass; None of anything else."""
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else None


def decode(kind: type[T], value: Any, where: str) -> T:
    """Read JSON values as `kind`.

    Raises
    ------
    ProposalsError
        Naming the place in the file and what was expected there.
    """
    try:
        return typing.cast(T, _reader(typing.cast(Any, kind))(value))
    except _Misfit as misfit:
        raise ProposalsError(f"{where}{misfit.place}", misfit.reason, misfit.remedy) from None


_Reader = Callable[[Any], Any]


class _Misfit(Exception):
    """A value that is not what it should be; whatever holds it puts its own place before `place`."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.place = ""
        self.reason = reason
        self.remedy = remedy


@lru_cache(maxsize=1024)
def _reader(kind: Any) -> _Reader:
    """What reads values of a type: worked out once, as a file holds hundreds of thousands of them."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        one = _reader(next(a for a in arguments if a is not type(None)))
        return _optional_reader(one) if type(None) in arguments else one
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass_reader(kind)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return _list_reader(_reader(arguments[0]))
        return _row_reader(tuple(_reader(argument) for argument in arguments))
    if origin is dict:
        return _dict_reader(_reader(arguments[1]))
    if kind is Fraction:
        return _read_fraction
    if kind is float:
        return _read_float
    return _plain_reader(kind, {"str": "a text", "int": "a whole number", "bool": "true or false"}[kind.__name__])


def _optional_reader(one: _Reader) -> _Reader:
    def read(value: Any) -> Any:
        return None if value is None else one(value)

    return read


def _plain_reader(kind: type[Any], expected: str) -> _Reader:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise _bad(expected, value)
        return value

    return read


def _list_reader(one: _Reader) -> _Reader:
    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _bad("a list", value)
        made: list[Any] = []
        try:
            for v in value:
                made.append(one(v))
        except _Misfit as misfit:
            misfit.place = f"[{len(made)}]{misfit.place}"
            raise
        return tuple(made)

    return read


def _row_reader(readers: tuple[_Reader, ...]) -> _Reader:
    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _bad("a list", value)
        if len(value) != len(readers):
            raise _bad(f"a list of {len(readers)}", value)
        made: list[Any] = []
        try:
            for one, v in zip(readers, value, strict=True):
                made.append(one(v))
        except _Misfit as misfit:
            misfit.place = f"[{len(made)}]{misfit.place}"
            raise
        return tuple(made)

    return read


def _dict_reader(one: _Reader) -> _Reader:
    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _bad("an object", value)
        made: dict[str, Any] = {}
        for k, v in value.items():
            try:
                made[k] = one(v)
            except _Misfit as misfit:
                misfit.place = f".{k}{misfit.place}"
                raise
        return made

    return read


def _dataclass_reader(kind: type[Any]) -> _Reader:
    hints = typing.get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in dataclasses.fields(kind)}

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _bad("an object", value)
        if value.keys() != readers.keys():
            _refuse_fields(value, tuple(readers))
        made: dict[str, Any] = {}
        name = ""
        try:
            for name, one in readers.items():
                made[name] = one(value[name])
        except _Misfit as misfit:
            misfit.place = f".{name}{misfit.place}"
            raise
        return kind(**made)

    return read


def _refuse_fields(value: dict[str, Any], names: tuple[str, ...]) -> None:
    remedy = "the file is of another version, or damaged"
    for extra in value.keys() - set(names):
        raise _Misfit(f"'{extra}' is not known here", remedy)
    for name in names:
        if name not in value:
            raise _Misfit(f"'{name}' is missing", remedy)


def _read_float(value: Any) -> float:
    try:
        number = float(value) if type(value) in (int, float) else math.nan
    except OverflowError:  # an int beyond what a float holds
        number = math.inf
    if not math.isfinite(number):
        raise _bad("a finite number", value)
    return number


def _read_fraction(value: Any) -> Fraction:
    if isinstance(value, str) and len(value) <= 60:
        number = _fraction(value)
        if number is not None:
            return number
    raise _bad("an exact time such as '1001/24000'", value)


@lru_cache(maxsize=4096)
def _fraction(text: str) -> Fraction | None:
    """An exact time; a file says few different ones many times."""
    numerator, slash, denominator = text.partition("/")
    try:
        if slash and int(denominator) > 0:
            return Fraction(int(numerator), int(denominator))
    except ValueError:
        pass
    return None


def _bad(expected: str, value: Any) -> _Misfit:
    return _Misfit(f"expected {expected}, found {_shown(value)}", "the file is damaged; propose again")


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
