"""From what ``otioconvert -H`` or ``-M`` passes to typed options.

``otioconvert`` hands on what Python reads as a literal as that (5, True, ['a', 'b'], {'k': 5}) and all else as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, get_type_hints

from amc_otio.config import SEARCH_S, Settings
from amc_otio.errors import UsageError, one_line
from amc_otio.run_options import FLAGS, SELECTION, SETTINGS, WEIGH

KEY: Final = "amc"
"""The argument that asks for match cuts; the others are this and an underscore and an option's name."""
_ON: Final = ("best", "true", "yes", "on", "1")
_OFF: Final = ("false", "no", "off", "none", "0", "")

Read = Callable[[Any], Any]
Mapped = Mapping[str, Any]


def hook_options(argument_map: Any) -> dict[str, Any] | None:
    """The options of a match by name; None where the conversion does not ask for one.

    Raises
    ------
    UsageError
        Naming an unknown option or a value that cannot be.
    """
    given = {key: value for key, value in argument_map.items() if isinstance(key, str)}
    prefix = f"{KEY}_"
    single = {key.removeprefix(prefix): value for key, value in given.items() if key.startswith(prefix)}
    if KEY not in given:
        if not single:
            return None
        raise UsageError(prefix + next(iter(single)), f"is given, but {KEY} is not", f"add {KEY}=best")
    asked = given[KEY]
    if hasattr(asked, "items"):
        whole = dict(asked.items())
        twice = [name for name in single if name in whole]
        if twice:
            raise UsageError(prefix + twice[0], f"is given in {KEY} too", "give it once")
        return read_options(whole | single, HOOK, prefix)
    word = str(asked).strip().lower()
    if asked is None or word in _OFF:
        return None
    if word not in _ON:
        raise UsageError(
            f"{KEY}={one_line(asked, 60)}", "is not known", f"write {KEY}=best, or options: {KEY}={{'k': 5}}"
        )
    return read_options(single, HOOK, prefix)


def read_options(given: Mapped, known: Mapping[str, Read], prefix: str) -> dict[str, Any]:
    """Every option typed, by a table of readers; None is one that is not given.

    Raises
    ------
    UsageError
    """
    options: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            more = "; the frames a second of an EDL are the reading adapter's: -a rate=25" if name == "rate" else ""
            raise UsageError(
                one_line(f"{prefix}{name}", 80), "is no option", f"known are {', '.join(sorted(known))}{more}"
            )
        if value is None:
            continue
        try:
            options[name] = known[name](value)
        except ValueError as error:
            raise UsageError(
                f"{prefix}{name}", f"must be {error}, not {one_line(repr(value), 80)}", "mend it"
            ) from None
    return options


def text(value: Any) -> str:
    """A text; a number that ``otioconvert`` made of one is a text again."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or not str(value).strip():
        raise ValueError("a text")
    if "\0" in str(value):
        raise ValueError("a text without NUL")
    return str(value)


def whole(value: Any) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("a whole number")
    return value


def number(value: Any) -> float:
    """A number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("a number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError("a number") from None


def flag(value: Any) -> bool:
    """True or false, in the words that people use."""
    word = str(value).strip().lower()
    if word in _ON[1:]:
        return True
    if word in _OFF:
        return False
    raise ValueError("True or False")


def path(value: Any) -> Path:
    """A path; ``~`` is the home folder."""
    return Path(text(value)).expanduser()


def texts(value: Any) -> tuple[str, ...]:
    """A list, or a text with commas."""
    return tuple(text(v) for v in _items(value, ","))


def several(value: Any) -> tuple[str, ...]:
    """A list, or a text with semicolons, else commas."""
    return tuple(text(v) for v in _items(value, ";" if ";" in str(value) else ","))


def paths(value: Any) -> tuple[Path, ...]:
    """As `several`; a text that is an existing path is one, whatever it holds."""
    if isinstance(value, str) and "\0" not in value and value.strip():
        try:
            if path(value).exists():
                return (path(value),)
        except OSError:  # too long to be one
            pass
    return tuple(path(v) for v in several(value))


def _items(value: Any, separator: str) -> list[Any]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(separator) if part.strip()]
    if isinstance(value, (list, tuple)):
        return list(value)
    return [value]


def _range(value: Any) -> tuple[str, ...]:
    ends = texts(value)
    if len(ends) != 2:
        raise ValueError("two times")
    return ends


def _search(value: Any) -> float:
    return SEARCH_S if value is True else number(value)


def _weigh(value: Any) -> str:
    if hasattr(value, "items"):
        return ",".join(f"{family}={weight}" for family, weight in value.items())
    return text(value)


def _suffix(value: Any) -> str:
    return text(value).strip().lstrip(".").lower()


def _hook_table() -> dict[str, Read]:
    by_kind: dict[Any, Read] = {str: text, int: whole, float: number, bool: flag}
    sections = {field.name: get_type_hints(type(getattr(Settings(), field.name))) for field in fields(Settings)}
    table: dict[str, Read] = {}
    for setting, option in SETTINGS.items():
        section, name = setting.split(".")
        table[option] = by_kind[sections[section][name]]
    table |= {option: flag for option, _ in FLAGS.values()}
    table |= {option: texts for option in SELECTION}
    # Timecode may hold a semicolon, so times are told apart by commas alone; so are names, which are like them.
    table |= {"range": _range, "all": flag, "search": _search, WEIGH: _weigh}
    table |= {"gallery": paths, "library": path, "workers": whole, "map_path": several, "search_root": paths}
    table |= {"config": path, "timeline": text, "base": path, "format": _suffix}
    table |= {"optional": flag, "quiet": flag, "verbose": flag}
    return table


HOOK: Final[Mapping[str, Read]] = _hook_table()
"""Every option of the hook and what reads it."""
RELINK: Final[Mapping[str, Read]] = {
    "search_root": paths,
    "map_path": several,
    "base": path,
    "by_name": flag,
    "quiet": flag,
}
"""Every option of the media linker and what reads it."""
