"""Printing: tables, progress with time left, JSON. Text from files is made safe for a terminal first."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from amc_otio.errors import OutputError, one_line

_log = logging.getLogger(__name__)
_printed: list[str] = []
"""What went to stdout as JSON in this run: one document, or none yet."""


class Console:
    """Where a command's words go.

    Results go to stdout, progress and notes to stderr; with ``--json`` stdout holds one JSON document only.
    """

    def __init__(
        self, json_output: bool = False, quiet: bool = False, verbose: bool = False, machine: bool = False
    ) -> None:
        self.json_output = json_output
        self.quiet = quiet
        self.verbose = verbose
        self._machine = machine
        self._live = sys.stderr.isatty() and not quiet and not machine
        self._drawn = 0.0

    def say(self, text: str = "") -> None:
        """Print a line of the result, for people."""
        if not self.quiet and not self.json_output:
            _print(one_line(text))

    def note(self, text: str) -> None:
        """Print a remark on stderr."""
        _log.info("note: %s", text)
        if not self.quiet:
            self._clear()
            print(one_line(f"note: {text}"), file=sys.stderr)

    def notes(self, texts: Sequence[str], shown: int = 5) -> None:
        """Print remarks; beyond `shown` only their number, unless --verbose."""
        limit = len(texts) if self.verbose else shown
        for text in texts[:limit]:
            self.note(text)
        for text in texts[limit:]:
            _log.info("note: %s", text)
        if len(texts) > limit:
            self.note(f"and {len(texts) - limit} more (--verbose shows all)")

    def result(self, value: Any) -> None:
        """Print JSON where it was asked for."""
        if self.json_output:
            text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
            _printed.append("result")
            _print(text)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print aligned columns."""
        cells = [[one_line(c, 80) for c in row] for row in (header, *rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
        for row in cells:
            self.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def progress(self, done: int, total: int, text: str, eta_s: float | None = None) -> None:
        """Redraw the progress line, at most ten times a second; only on a terminal.

        For a machine it is a line of JSON: ``stage``, ``done``, ``total`` and ``remaining_s``, which is null where
        nobody knows.
        """
        now = time.monotonic()
        if self._machine and (now - self._drawn >= 0.1 or done in (0, total)):
            self._drawn = now
            line = {"stage": text, "done": done, "total": total, "remaining_s": eta_s}
            print(json.dumps(line), file=sys.stderr, flush=True)
        if not self._live or (now - self._drawn < 0.1 and done < total):
            return
        self._drawn = now
        left = "" if eta_s is None or done >= total else f", {_clock(eta_s)} left"
        print(f"\r\x1b[K{one_line(text, 60)} {done}/{total}{left}", end="", file=sys.stderr, flush=True)
        if done >= total:
            self._clear()

    def _clear(self) -> None:
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def indexing(self) -> Callable[[Any], None]:
        """Progress of an indexing run (`amc_otio.library.indexing.Progress`)."""
        return lambda p: self.progress(p.done, p.total, "indexing" if self._machine else "embedding", p.eta_s)


def print_error(kind: str, thing: str, reason: str, remedy: str, code: int) -> None:
    """Print an error as JSON, unless a result was printed already: stdout holds one document."""
    if _printed or sys.stdout is None:
        return
    told = {"type": kind, "thing": one_line(thing), "reason": one_line(reason), "remedy": one_line(remedy)}
    # Where standard output is what failed, the line on stderr has said so.
    with contextlib.suppress(OSError, ValueError):
        print(json.dumps({"error": {**told, "exit_code": code}}, indent=1, ensure_ascii=False), flush=True)


def begin() -> None:
    """Begin a run: nothing is printed yet, and text that a terminal cannot show is no error."""
    _printed.clear()
    tolerate()


def tolerate() -> None:
    """Let a terminal or file that cannot hold every character (ASCII, a Windows code page) get escapes instead."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def finish() -> None:
    """Send what is still in the buffer of standard output.

    Raises
    ------
    OutputError
    """
    if sys.stdout is not None:
        _guarded(sys.stdout.flush)


def discard() -> None:
    """Send what is left for standard output nowhere, so that the interpreter does not stumble over it at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print(text: str) -> None:
    _guarded(lambda: print(text))


def _guarded(write: Callable[[], object]) -> None:
    try:
        write()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard()
        raise OutputError(
            "standard output", f"cannot be written ({error.strerror})", "free some space or send it elsewhere"
        ) from error


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"
