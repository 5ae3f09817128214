"""Writing the decided timeline: under a name that is chosen here, beside the timeline or in a folder that was named."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from amc_otio.errors import OutputError, UsageError
from amc_otio.formats.registry import FORMATS
from amc_otio.locks import FileLock
from amc_otio.proposals.decisions import Decisions
from amc_otio.proposals.records import Proposals
from amc_otio.workflow import Written, apply

_log = logging.getLogger(__name__)
_LONGEST_STEM: Final = 120
_MOST_VERSIONS: Final = 10_000


class Writer:
    """Writes decisions into new timelines; one at a time, never over anything.

    Parameters
    ----------
    edit
        The timeline that the proposals were made for.
    folder
        Where new timelines go; the timeline's own when None.
    """

    def __init__(self, edit: Path, proposals: Proposals, folder: Path | None = None) -> None:
        self.edit = edit.absolute()
        self.folder = (folder or edit.parent).absolute()
        self._proposals = proposals
        self._mutex = threading.Lock()
        self._last: Path | None = None

    @property
    def suggested(self) -> str:
        """The suffix of the timeline's own format where it can be written here; else that of OpenTimelineIO."""
        own = self.edit.suffix.lower()
        return own if any(form.suffix == own and form.is_available for form in FORMATS) else ".otio"

    def write(self, suffix: str, bounce: bool, decisions: Decisions) -> Written:
        """Write a timeline.

        Parameters
        ----------
        suffix
            Of one of `amc_otio.formats.registry.FORMATS`, with the dot.
        bounce
            Also render each join (docs/bouncing.md).

        Raises
        ------
        AmcError
            Nothing is written then.
        """
        known = [form.suffix for form in FORMATS]
        if suffix not in known:
            raise UsageError(f"the format {suffix}", "is none that can be written", f"choose one of {', '.join(known)}")
        if not self.folder.is_dir():
            raise OutputError(self.folder, "is no folder", "start again with another --output")
        with self._mutex:
            # Another server may write the same timeline into this folder.
            lock = FileLock(self.folder / f".{self._stem}.cut.lock")
            try:
                lock.acquire()
            except OSError as error:
                reason = f"cannot be written to ({error.strerror or error})"
                raise OutputError(self.folder, reason, "start again with another --output") from error
            try:
                written = apply(self.edit, self._proposals, self._free(suffix), decisions, bounce=bounce)
            finally:
                lock.release(unlink=True)
            self._last = written.output
            _log.info("wrote %s", written.output)
            return written

    def open_folder(self) -> tuple[Path, bool]:
        """Show the folder of what was written last in the system's file manager; returns it, and whether it opened."""
        folder = self.folder if self._last is None else self._last.parent
        return folder, _show(folder, self._last)

    @property
    def _stem(self) -> str:
        stem = self.edit.stem
        while len(stem.encode("utf-8", "surrogateescape")) > _LONGEST_STEM:
            stem = stem[:-1]
        return stem

    def _free(self, suffix: str) -> Path:
        """The first name of which nothing is there: no timeline, no sidecar, no bounce."""
        try:
            names = [name.lower() for name in os.listdir(self.folder)]  # noqa: PTH208 - names are all that is wanted
        except OSError as error:
            reason = f"cannot be read ({error.strerror or error})"
            raise OutputError(self.folder, reason, "start again with another --output") from error
        for number in range(1, _MOST_VERSIONS):
            stem = f"{self._stem}.cut" if number == 1 else f"{self._stem}.cut-{number}"
            if not any(name.startswith(f"{stem.lower()}.") for name in names):
                return self.folder / f"{stem}{suffix}"
        raise OutputError(self.folder, f"holds {_MOST_VERSIONS} cuts of this timeline", "move some of them away")


def _show(folder: Path, written: Path | None) -> bool:
    """Show a folder; no shell is asked, each path is a single argument, and nothing that has the folder's name runs."""
    if sys.platform == "win32":
        try:
            os.startfile(folder, "explore")  # "open" would take film.exe for the folder film
        except OSError:
            return False
        return True
    if sys.platform == "darwin":
        # Reveals it in Finder: opening a folder called film.app would start a program.
        command = ["open", "-R", str(written or folder)]
    else:
        command = ["xdg-open", str(folder)]
    tool = shutil.which(command[0])
    if tool is None or not has_screen():
        return False
    try:
        subprocess.Popen(
            [tool, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    return True


def has_screen() -> bool:
    """Whether a window can be opened: always, but for X11 and Wayland, which say where."""
    from amc_otio.environment import given

    return sys.platform in ("win32", "darwin") or any(given().get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
