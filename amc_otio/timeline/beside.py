"""Files that come into their place together with a timeline, or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amc_otio.errors import OutputError


class Beside:
    """Files in a folder of their own, to be put in their place.

    Parameters
    ----------
    folder
        Where they are until then.
    target
        Where they go.
    """

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
def folder_beside(path: Path) -> Iterator[Path]:
    """A folder on the same disk as a new file, so that what is written in it can be renamed; gone after the block.

    Raises
    ------
    OutputError
        When the folder of `path` may not be written to, or has no room.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=".amc-write-", dir=path.parent))
    except OSError as error:
        raise OutputError(path, f"cannot be written ({error.strerror})", "choose a folder you may write to") from error
    try:
        yield folder
    except OSError as error:
        raise OutputError(
            path, f"cannot be written ({error.strerror or error})", "free space or choose another folder"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def beside(path: Path) -> Iterator[Beside]:
    """Collect files that come to lie beside a new file when the block says so, and go again if it fails.

    Raises
    ------
    OutputError
        When the folder may not be written to, or has no room.
    """
    with folder_beside(path) as folder:
        files = Beside(folder, path.parent)
        try:
            yield files
        except BaseException as error:
            files.take_back()
            if isinstance(error, OutputError) and Path(error.thing).parent == folder:
                # Said of the file that was wanted, not of where it was made.
                raise OutputError(path.parent / Path(error.thing).name, error.reason, error.remedy) from error
            raise
