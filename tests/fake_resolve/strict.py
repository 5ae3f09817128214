"""Objects that take documented calls only, with documented arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from fake_resolve.editions import Edition


class Absent:
    """What an attribute that does not exist gives: `hasattr` is True, and a call is a fault of the caller."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        raise AssertionError(f"{self._name}{arguments!r} is not a documented call of this version")

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "None"


class ListOf:
    """A list whose items have a type; a tuple is none."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind


def _fits(value: Any, kind: Any) -> bool:
    if isinstance(kind, ListOf):
        return isinstance(value, list) and all(_fits(item, kind.kind) for item in value)
    if isinstance(kind, tuple):
        return any(_fits(value, one) for one in kind)
    if isinstance(kind, str):
        return type(value).__name__ == kind
    if kind is bool:
        return isinstance(value, bool)
    if kind in (int, float):
        return not isinstance(value, bool) and isinstance(value, (int, float) if kind is float else int)
    return isinstance(value, kind)


def documented(*kinds: Any, optional: int = 0, since: tuple[int, ...] = (0,), studio: bool = False) -> Any:
    """Mark a method as a documented call.

    Parameters
    ----------
    kinds
        Type of each argument; a text names a class.
    optional
        How many of the last may be left out.
    since, studio
        From which version, and whether in Studio only.
    """

    def mark(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(self: Any, *arguments: Any) -> Any:
            name = f"{type(self).__name__}.{method.__name__}"
            if not len(kinds) - optional <= len(arguments) <= len(kinds):
                raise AssertionError(f"{name} takes {len(kinds)} arguments, not {arguments!r}")
            for number, (value, kind) in enumerate(zip(arguments, kinds, strict=False), 1):
                if not _fits(value, kind):
                    raise AssertionError(f"{name}: argument {number} is {value!r}, documented is {kind!r}")
            self._calls.append((name, arguments))
            return method(self, *arguments)

        call.documented = (since, studio)  # type: ignore[attr-defined]
        return call

    return mark


class ApiObject:
    """Base of every object that a script sees."""

    def __init__(self, edition: Edition, calls: list[tuple[str, tuple[Any, ...]]]) -> None:
        self._edition = edition
        self._calls = calls

    def _has(self, name: str) -> bool:
        method = inspect.getattr_static(type(self), name, None)
        rule = getattr(method, "documented", None)
        return rule is not None and self._edition.version >= rule[0] and (self._edition.studio or not rule[1])

    def __dir__(self) -> list[str]:
        return sorted(name for name in dict.fromkeys(n for c in type(self).__mro__ for n in vars(c)) if self._has(name))

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        if not self._has(name):
            return object.__getattribute__(self, "_missing")(name)
        return object.__getattribute__(self, name)

    def _missing(self, name: str) -> Any:
        return Absent(f"{type(self).__name__}.{name}")
