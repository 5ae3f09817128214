"""The log of a command: ``--log FILE`` or ``AMC_LOG``. One line an event, appended.

Library modules log to `logging.getLogger(__name__)` and set nothing up; this is the only place that does.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import stat
import time
import traceback
import warnings
from pathlib import Path
from typing import Final

from amc_otio.errors import OutputError, one_line

LONGEST_LINE: Final = 20_000
"""Characters of a line of the log; a traceback is one line."""
_LOOKS_LIKE_A_LOG: Final = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_REMEDY: Final = "give another --log (or AMC_LOG)"
# Absent on Windows, where they mean nothing.
_FLAGS: Final = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_NOINHERIT", "O_BINARY", "O_NOCTTY"))


class LogFile(logging.Handler):
    """Appends each event as one line, in one write: two processes may share the file.

    Parameters
    ----------
    path
        Made where it is not there, so that only its owner can read it.

    Raises
    ------
    OutputError
        When it cannot be appended to, or is a file of the user's that is no log.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(logging.DEBUG)
        self.path = path
        # In a worker process a relative path would still be right, but the working folder may change.
        self._file = _open(path)
        self._told = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; where the disk is full the command goes on, and says so once."""
        try:
            _write(self._file, f"{line_of(record)}\n".encode("utf-8", "backslashreplace"))
        except OSError as error:
            if not self._told:
                self._told = True
                warnings.warn(f"{self.path}: the log cannot be written ({error.strerror})", stacklevel=2)

    def close(self) -> None:
        """Stop."""
        with contextlib.suppress(OSError):
            os.close(self._file)
        super().close()


def line_of(record: logging.LogRecord) -> str:
    """Time (UTC), level, process, module, message; an error's traceback behind it, with its line ends escaped."""
    clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    text = record.getMessage()
    if record.exc_info and record.exc_info[1] is not None:
        text += " | " + "".join(traceback.format_exception(record.exc_info[1])).rstrip()
    head = f"{clock}.{int(record.msecs):03d}Z {record.levelname} {record.process} {record.name}"
    return one_line(f"{head} {text}", LONGEST_LINE)


def start(path: Path) -> LogFile:
    """Send what amc-otio logs to a file from now on; `stop` ends it.

    Raises
    ------
    OutputError
    """
    handler = LogFile(path)
    logger = logging.getLogger("amc_otio")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    return handler


def stop(handler: LogFile) -> None:
    """End what `start` began."""
    logger = logging.getLogger("amc_otio")
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    handler.close()


def _open(path: Path) -> int:
    try:
        if path.exists() and not path.is_file():
            raise OutputError(path, "is no regular file, so nothing can be logged to it", _REMEDY)
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _FLAGS, 0o600)
    except OSError as error:
        raise OutputError(path, f"cannot be logged to ({error.strerror or error})", _REMEDY) from error
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OutputError(path, "is no regular file, so nothing can be logged to it", _REMEDY)
        begins = os.read(file, 32)
        if begins and not _LOOKS_LIKE_A_LOG.match(begins):
            raise OutputError(path, "holds something else than a log, which is left as it is", _REMEDY)
    except BaseException:
        os.close(file)
        raise
    return file


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
