"""The command line: it parses, calls the API and prints. Nothing imports it."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from amc_otio import environment
from amc_otio.errors import AmcError, one_line

INTERRUPTED = 130
FAULT = 70
STOPPED = "stopped; what was finished is kept"


class _Run:
    """What is known of a run of the program before and while its command runs."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.argv = argv
        # Until the options are parsed: an error in them is told in JSON too, where that is what was meant.
        self.json = any(len(word) > 3 and "--json".startswith(word) for word in argv)
        self.log: Any = None

    def command(self) -> int:
        """Parse and run."""
        # Imported here, so that Ctrl-C while Python still loads is one line too.
        from amc_otio.cli.console import begin, finish
        from amc_otio.cli.parser import build_parser

        begin()
        try:
            arguments = build_parser().parse_args(self.argv)
        except AmcError:
            self._start_log(environment.path("AMC_LOG"))
            raise
        self.json = arguments.json
        self._start_log(arguments.log or environment.path("AMC_LOG"))
        code = int(arguments.command(arguments) or 0)
        finish()
        return code

    def _start_log(self, path: Any) -> None:
        if path is None:
            return
        import platform

        from amc_otio import __version__
        from amc_otio.cli.log_file import start

        self.log = start(path)
        self.tell("INFO", f"amc-otio {__version__}, Python {platform.python_version()}, {platform.platform()}")
        self.tell("INFO", f"command: {' '.join(self.argv)}")

    def tell(self, level: str, text: str, error: BaseException | None = None) -> None:
        """Log a line of the program itself, where there is a log."""
        if self.log is not None:
            import logging

            logging.getLogger("amc_otio.cli").log(getattr(logging, level), "%s", text, exc_info=error)

    def end(self, code: int) -> None:
        """Close the log."""
        if self.log is not None:
            from amc_otio.cli.log_file import stop

            self.tell("INFO", f"exit code {code}")
            stop(self.log)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (docs/commands.md lists them)."""
    one = _Run(list(sys.argv[1:] if argv is None else argv))
    code = FAULT
    try:
        code = run(one.command, one)
    except SystemExit as stop:  # argparse: --help and --version
        code = stop.code if isinstance(stop.code, int) else 2
    finally:
        one.end(code)
    return code


def run(command: Callable[[], int], one: _Run | None = None) -> int:
    """Call a command; errors and warnings become a line each on stderr, with ``--json`` an object on stdout too."""
    one = one or _Run(())
    try:
        with warnings.catch_warnings():
            # What was put right on the way (a damaged library, say) is a remark like any other.
            warnings.showwarning = lambda message, category, *_: _remark(message, category, one)
            return command()
    except AmcError as error:
        return _failed(one, error, str(error), error.exit_code, type(error).__name__)
    except KeyboardInterrupt as error:
        return _failed(one, AmcError("amc-otio", STOPPED), STOPPED, INTERRUPTED, "Interrupted", error)
    except BrokenPipeError:
        # The reader of our output went away; that is its right.
        from amc_otio.cli.console import discard

        discard()
        return 0
    except Exception as error:
        told = AmcError(
            "a fault of ours", f"{type(error).__name__}: {error}", "set AMC_DEBUG=1 and report what it prints"
        )
        return _failed(one, told, str(told), FAULT, "Fault", error)


def _failed(one: _Run, error: AmcError, line: str, code: int, kind: str, cause: BaseException | None = None) -> int:
    """Tell an error: to the log with its traceback, to people in a line, to programs as an object."""
    raised = cause or error
    one.tell("ERROR", line, raised)
    if environment.value("AMC_DEBUG") and code != INTERRUPTED:
        import traceback

        with contextlib.suppress(OSError):
            traceback.print_exception(raised)
    _say(f"amc-otio: {line}")
    if one.json:
        from amc_otio.cli.console import print_error

        print_error(kind, error.thing, error.reason, error.remedy, code)
    return code


def _remark(message: Warning | str, category: type[Warning], one: _Run) -> None:
    if issubclass(category, UserWarning):
        one.tell("WARNING", str(message))
        _say(f"note: {message}")


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody can be told then
        print(one_line(text), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
