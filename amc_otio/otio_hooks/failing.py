"""Errors as OpenTimelineIO's programs expect them, and remarks on stderr."""

from __future__ import annotations

import contextlib
import re
import sys
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import opentimelineio as otio

from amc_otio import environment
from amc_otio.errors import AmcError, one_line

_ON_THE_COMMAND_LINE = re.compile(
    r"--(gallery|library|map-path|search-root|config|workers|rate|timeline|at|track|index|marker|range|weights"
    r"|offsets|ripple|audio-only|short|mode|query|method|weigh)\b(?: (keep|replace|insert|before)\b)?"
)


class AmcPluginError(otio.exceptions.OTIOError):  # type: ignore[misc]
    """What a plugin of amc-otio cannot do: ``otioconvert`` prints it as one line and exits with 1."""


@contextlib.contextmanager
def as_otio_errors(prefix: str, quiet: bool = False) -> Iterator[None]:
    """Turn every error into an `AmcPluginError`, and warnings into remarks; with AMC_DEBUG set errors stay as they are.

    Parameters
    ----------
    prefix
        Before an option's name: ``amc_`` for the hook, nothing for the media linker.
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _quiet if quiet else _remark  # type: ignore[assignment]
            yield
    except otio.exceptions.OTIOError:
        _one_line_when_uncaught()
        raise
    except AmcError as error:
        if environment.value("AMC_DEBUG"):
            raise
        _one_line_when_uncaught()
        raise AmcPluginError(f"amc-otio: {respelled(str(error), prefix)}") from error
    except Exception as error:
        if environment.value("AMC_DEBUG"):
            raise
        _one_line_when_uncaught()
        raise AmcPluginError(
            one_line(f"amc-otio: a fault of ours: {type(error).__name__}: {error}; set AMC_DEBUG=1 and report it")
        ) from error


def say(text: str) -> None:
    """Print a line on stderr; standard output belongs to the program that converts."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # nobody can be told then
        print(one_line(f"amc-otio: {text}"), file=sys.stderr)


def respelled(text: str, prefix: str) -> str:
    """The command line's options in a message, as a plugin's user writes them: after `prefix`."""

    def option(found: re.Match[str]) -> str:
        value = f"={found[2]}" if found[2] else ""
        return prefix + found[1].replace("-", "_") + value

    return _ON_THE_COMMAND_LINE.sub(option, text)


def _remark(message: Warning | str, category: type[Warning], *_: Any) -> None:
    if issubclass(category, UserWarning):
        say(f"note: {message}")


def _quiet(*_: Any) -> None:
    pass


def _one_line_when_uncaught() -> None:
    """Let an `AmcPluginError` that nobody catches end the program in one line.

    ``python -m opentimelineio.console.otioconvert`` catches OpenTimelineIO's errors, but the installed script
    ``otioconvert`` calls its main() and shows a traceback (OpenTimelineIO 0.18.1). A program that has an excepthook of
    its own keeps it.
    """
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _in_one_line


def _in_one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, AmcPluginError):
        print(f"ERROR: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
