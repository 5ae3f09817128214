"""The files of bounces: their names, and their coming into place together with the timeline or not at all."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from amc_otio.errors import OutputError
from amc_otio.timeline.bounce_track import SUFFIX
from amc_otio.timeline.write import check_new_file, is_relative

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def file_name(output: Path, edit_point: str, label: str, own: bool) -> str:
    """``new.A1-3.bounce.wav`` for edit point A1:3 of new.otio; ``new.A1-3.A2.bounce.wav`` for its linked track A2."""
    parts = [output.stem, _UNSAFE.sub("-", edit_point)] + ([] if own else [_UNSAFE.sub("-", label)])
    return ".".join(parts) + SUFFIX


def url_like(other: str, path: Path) -> str:
    """How a timeline refers to a file beside it, in the way of another of its references."""
    if other.lower().startswith("file:"):
        return path.absolute().as_uri()
    return path.name if is_relative(other) else str(path.absolute())


def check_files(paths: Iterable[Path], media: Iterable[Path], force: bool) -> None:
    """Refuse names that are taken, and whatever `force` says those of media that the timeline plays.

    Raises
    ------
    OutputError
    """
    sources = [path for path in dict.fromkeys(media) if path.exists()]
    for path in paths:
        if path.exists() and any(path.samefile(source) for source in sources):
            raise OutputError(path, "is media of this timeline, which is never overwritten", "give another -o")
        check_new_file(path, None, force)


class Beside:
    """Files in a folder of their own, to be put beside the timeline."""

    def __init__(self, folder: Path, target: Path) -> None:
        self._folder = folder
        self._target = target
        self._names: list[str] = []
        self._placed: list[tuple[Path, Path | None]] = []

    def new(self, name: str) -> Path:
        """Where to write a file until it is placed."""
        self._names.append(name)
        return self._folder / name

    def place(self) -> None:
        """Rename every file into place; what is replaced is kept until the end."""
        kept = self._folder / "replaced"
        kept.mkdir()
        for name in self._names:
            path, old = self._target / name, None
            if path.exists():
                old = path.replace(kept / name)
            self._placed.append((path, old))
            (self._folder / name).replace(path)

    def take_back(self) -> None:
        """Undo `place`."""
        for path, old in reversed(self._placed):
            path.unlink(missing_ok=True)
            if old is not None:
                old.replace(path)
        self._placed.clear()


@contextmanager
def beside(target: Path) -> Iterator[Beside]:
    """Collect files that come into `target` when the block says so, and go again if it fails.

    Raises
    ------
    OutputError
        When the folder may not be written to, or has no room.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=".amc-write-", dir=target))
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(target, f"cannot be written to ({reason})", "choose a folder you may write to") from error
    files = Beside(folder, target)
    try:
        yield files
    except BaseException as error:
        files.take_back()
        if isinstance(error, OSError):
            raise OutputError(
                target, f"cannot be written to ({error.strerror or error})", "free space or choose another folder"
            ) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
