"""The command line: it parses, calls the API and prints. Nothing imports it."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from amc_otio.errors import AmcError, one_line

INTERRUPTED = 130
FAULT = 70


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (docs/commands.md lists them)."""

    def command() -> int:
        # Imported here, so that Ctrl-C while Python still loads is one line too.
        from amc_otio.cli.console import finish, tolerate
        from amc_otio.cli.parser import build_parser

        tolerate()
        arguments = build_parser().parse_args(argv)
        code = int(arguments.command(arguments) or 0)
        finish()
        return code

    try:
        return run(command)
    except SystemExit as stop:  # argparse: --help and --version
        return stop.code if isinstance(stop.code, int) else 2


def run(command: Callable[[], int]) -> int:
    """Call a command; errors and warnings become a line each on stderr."""
    debug = bool(os.environ.get("AMC_DEBUG"))
    try:
        with warnings.catch_warnings():
            # What was put right on the way (a damaged library, say) is a remark like any other.
            warnings.showwarning = _remark  # type: ignore[assignment]
            return command()
    except AmcError as error:
        if debug:
            raise
        _say(f"amc-otio: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        _say("amc-otio: stopped; what was finished is kept")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away; that is its right.
        from amc_otio.cli.console import discard

        discard()
        return 0
    except Exception as error:
        if debug:
            raise
        _say(f"amc-otio: a fault of ours: {type(error).__name__}: {error}; set AMC_DEBUG=1 and report what it prints")
        return FAULT


def _remark(message: Warning | str, category: type[Warning], *_: Any) -> None:
    if issubclass(category, UserWarning):
        _say(f"note: {message}")


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody can be told then
        print(one_line(text), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
