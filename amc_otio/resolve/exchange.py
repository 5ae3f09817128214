"""The exchange folder: what an exported file's name says, and the names under which results are looked for.

A Lua script of the free edition can neither read nor write a file itself: it exports a timeline to ``requests/`` and
imports one from ``results/``. So all that it has to say is in the file's name, and all that it looks for has a name
that follows from that::

    requests/amc1.JOB.WHERE.MODE.NAME.otio       from the menu script
    results/amc1.JOB.otio                        the timeline with match cuts
    results/amc1.JOB.failed.otio                 the timeline as it was, with a marker and a name that say why
    results/amc1.JOB.json                        the report

JOB is 16 hexadecimal digits that the script makes up and remembers in a marker's custom data. WHERE is ``all``,
``tc-01-00-12-05`` (``tcd-`` for drop-frame), ``at-96_240`` or ``range-0-240`` (frames from the timeline's start). MODE
is a mode of `amc_otio.config.MODES` or ``default``. NAME is for people only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from amc_otio.config import MODES
from amc_otio.errors import OutputError
from amc_otio.locks import FileLock

_REQUEST: Final = re.compile(
    r"amc1\.(?P<job>[0-9a-f]{16})\.(?P<where>all|tcd?-\d\d-\d\d-\d\d-\d\d|at-\d{1,9}(?:_\d{1,9})*|range-\d{1,9}-\d{1,9})"
    rf"\.(?P<mode>default|{'|'.join(MODES)})\.(?P<name>[A-Za-z0-9_-]{{1,60}})\.otio"
)
_RESULT: Final = re.compile(r"amc1\.[0-9a-f]{16}\.(otio|failed\.otio|json)")


@dataclass(frozen=True)
class Request:
    """A job as a file's name says it.

    Attributes
    ----------
    job
        16 hexadecimal digits.
    at
        Times as `amc_otio.timeline.select.Selection.at` takes them.
    range
        The first and last frame from the timeline's start, as texts; or None.
    mode
        One of `amc_otio.config.MODES`, or None for what the watcher was given.
    """

    job: str
    at: tuple[str, ...] = ()
    range: tuple[str, str] | None = None
    mode: str | None = None
    name: str = ""


def parse_request(filename: str) -> Request | None:
    """Read a request's file name; None where a menu script did not make it."""
    match = _REQUEST.fullmatch(filename)
    if match is None:
        return None
    kind, _, rest = match["where"].partition("-")
    at: tuple[str, ...] = ()
    limits: tuple[str, str] | None = None
    if kind in ("tc", "tcd"):
        hours, minutes, seconds, frames = rest.split("-")
        at = (f"{hours}:{minutes}:{seconds}{';' if kind == 'tcd' else ':'}{frames}",)
    elif kind == "at":
        at = tuple(rest.split("_"))
    elif kind == "range":
        first, last = rest.split("-")
        limits = (first, last)
    mode = None if match["mode"] == "default" else match["mode"]
    return Request(match["job"], at, limits, mode, match["name"])


def is_ours(filename: str) -> bool:
    """Whether a file name is one that a menu script or a watcher gives."""
    return bool(_REQUEST.fullmatch(filename) or _RESULT.fullmatch(filename))


@dataclass(frozen=True)
class Exchange:
    """The exchange folder and what has its place in it."""

    folder: Path

    @property
    def requests(self) -> Path:
        """Where menu scripts export to."""
        return self.folder / "requests"

    @property
    def results(self) -> Path:
        """Where menu scripts import from."""
        return self.folder / "results"

    @property
    def gallery(self) -> Path:
        """A folder for sounds: matches are looked for in it once it holds some."""
        return self.folder / "gallery"

    @property
    def lock(self) -> FileLock:
        """What the one watcher of the folder holds."""
        return FileLock(self.folder / ".watch.lock")

    def result(self, job: str) -> Path:
        """The timeline with match cuts."""
        return self.results / f"amc1.{job}.otio"

    def failed(self, job: str) -> Path:
        """The timeline that says why there is no result."""
        return self.results / f"amc1.{job}.failed.otio"

    def report(self, job: str) -> Path:
        """What was done, for people and for the next run."""
        return self.results / f"amc1.{job}.json"

    def make(self) -> None:
        """Make the folders.

        Raises
        ------
        OutputError
        """
        for folder in (self.folder, self.requests, self.results, self.gallery):
            if folder.is_symlink() and folder != self.folder:
                raise OutputError(folder, "is a link, which could lead anywhere", "remove it")
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(
                    folder, f"cannot be made a folder ({error.strerror})", "name another with --exchange"
                ) from error

    def is_watched(self) -> bool:
        """Whether a watcher runs on it now."""
        lock = self.lock
        if not lock.path.is_file():
            return False
        try:
            if not lock.acquire(blocking=False):
                return True
        except OSError:
            return False
        lock.release()
        return False
