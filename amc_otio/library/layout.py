"""Where things lie in a library folder, and how files are put there.

::

    library.json            says that this folder is a library, and of which format
    catalogue.sqlite        what has been embedded (derived: can be rebuilt from vectors/)
    vectors/<key>/*.safetensors   one immutable shard a source
    index/*.ann, *.json     Annoy indexes and their sidecars (derived)
    locks/                  one lock file a running writer
    damaged/                what was set aside; nothing reads it
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from amc_otio.errors import LibraryError
from amc_otio.locks import FileLock

FORMAT = 1
"""Number of the folder's layout, kept in library.json."""

TEMPORARY_PREFIX = ".tmp-"
_KIND = "amc-otio library"
_OWN_NAMES = ("library.json", "catalogue.sqlite", "vectors", "index", "locks", "damaged")
# What file browsers drop into any folder; it does not make a folder a stranger's.
_LITTER = {".DS_Store", "Thumbs.db", "desktop.ini", ".directory", ".localized"}


class LibraryWarning(UserWarning):
    """Something in a library was damaged or stale, and has been put right or set aside."""


@dataclass(frozen=True)
class Layout:
    """The paths inside one library folder."""

    folder: Path

    @property
    def marker(self) -> Path:
        """File that says that the folder is a library."""
        return self.folder / "library.json"

    @property
    def catalogue(self) -> Path:
        """The SQLite file."""
        return self.folder / "catalogue.sqlite"

    @property
    def vectors(self) -> Path:
        """Folder of the shards, one folder a representation below it."""
        return self.folder / "vectors"

    @property
    def index(self) -> Path:
        """Folder of the Annoy indexes."""
        return self.folder / "index"

    @property
    def locks(self) -> Path:
        """Folder of the lock files of running writers."""
        return self.folder / "locks"

    @property
    def damaged(self) -> Path:
        """Folder of what was set aside."""
        return self.folder / "damaged"

    def prepare(self, create: bool) -> None:
        """Check that the folder is a library, or make it one.

        Raises
        ------
        LibraryError
            When there is no library and `create` is false, the folder holds a stranger's files, the library is
            of a newer format, or it cannot be written.
        """
        try:
            if self.folder.exists() and not self.folder.is_dir():
                raise LibraryError(self.folder, "is a file, not a library folder", "name a folder with --library")
            names = {entry.name for entry in self.folder.iterdir()} - _LITTER if self.folder.exists() else set()
            if not names and not create:
                raise LibraryError(self.folder, "there is no library here", "make one with: amc-otio index PATH")
            strangers = sorted(n for n in names if not n.startswith(_OWN_NAMES) and not _is_temporary(n))
            if strangers and not self._marker_is_ours():
                raise LibraryError(
                    self.folder,
                    f"is not a library: it holds other files ({', '.join(strangers[:3])})",
                    "name an empty or a new folder with --library",
                )
            ours = self._marker_is_ours()  # raises for a newer format, before anything is made
            for folder in (self.folder, self.vectors, self.index, self.locks):
                folder.mkdir(parents=True, exist_ok=True)
            if not ours:
                text = json.dumps({"kind": _KIND, "format": FORMAT}, sort_keys=True) + "\n"
                write_atomically(self.marker, text.encode(), new_run_id())
        except OSError as error:
            raise os_error_in_words(self.folder, error) from error

    def _marker_is_ours(self) -> bool:
        try:
            content = json.loads(self.marker.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        if not isinstance(content, dict) or content.get("kind") != _KIND:
            return False
        number = content.get("format")
        if isinstance(number, int) and number > FORMAT:
            raise LibraryError(
                self.folder,
                f"was made by a newer amc-otio (library format {number})",
                "update amc-otio, or use another",
            )
        return True

    def set_aside(self, path: Path) -> Path | None:
        """Move a damaged file into ``damaged/`` and return its new path, None when it could not be moved."""
        target = self.damaged / f"{path.name}.{secrets.token_hex(4)}"
        try:
            self.damaged.mkdir(exist_ok=True)
            path.replace(target)
        except FileNotFoundError:
            return None  # another process was quicker
        except OSError:
            # A damaged file must not be met again; when it cannot be kept it goes.
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        return target


class RunLock:
    """A writer's life sign: an id that names its temporary files, held by a lock that dies with the process."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock: FileLock | None = None
        self.run_id = ""

    def __enter__(self) -> RunLock:
        try:
            while self._lock is None:
                self.run_id = new_run_id()
                lock = FileLock(self._layout.locks / f"{self.run_id}.lock")
                # A sweeper may take or unlink the new file before it is locked here: then try another name.
                if lock.acquire(blocking=False) and lock.path.exists():
                    self._lock = lock
                else:
                    lock.release()
        except OSError as error:
            raise os_error_in_words(self._layout.folder, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.release(unlink=True)
            self._lock = None


def sweep_temporaries(layout: Layout) -> int:
    """Remove the temporary files of writers that are no longer alive; return how many.

    A temporary file carries the id of its run. While the run lives its lock is held, and its files are left alone.
    """
    dead: dict[str, FileLock] = {}
    for path in sorted(layout.locks.glob("run-*.lock")):
        lock = FileLock(path)
        with contextlib.suppress(OSError):  # a file system without locks: nobody can be shown to be dead
            if lock.acquire(blocking=False):
                dead[path.stem] = lock
    swept = 0
    if dead:
        for folder in (layout.folder, layout.index, *(p for p in layout.vectors.iterdir() if p.is_dir())):
            for path in folder.glob(TEMPORARY_PREFIX + "*"):
                if path.name[len(TEMPORARY_PREFIX) :].split(".", 1)[0] in dead:
                    with contextlib.suppress(OSError):
                        path.unlink()
                        swept += 1
    for lock in dead.values():
        lock.release(unlink=True)
    return swept


def new_run_id() -> str:
    """Return an id that no other run has."""
    return f"run-{os.getpid()}-{secrets.token_hex(6)}"


def write_atomically(target: Path, data: bytes, run_id: str, *, sync_folder: bool = True) -> None:
    """Write `data` to `target` so that a reader sees all of it or nothing: temporary name, fsync, rename."""
    temporary = temporary_name(target, run_id)
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if sync_folder:
        fsync_folder(target.parent)


def temporary_name(target: Path, run_id: str) -> Path:
    """Return the name under which the run writes `target` first, in the same folder."""
    return target.with_name(f"{TEMPORARY_PREFIX}{run_id}.{target.name}")


def fsync_folder(folder: Path) -> None:
    """Make renames inside `folder` durable, where the system can (Windows has no such call)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems refuse to sync a folder; the data itself has been synced.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def os_error_in_words(thing: object, error: OSError) -> LibraryError:
    """Turn an operating system error met in a library folder into words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT if hasattr(errno, "EDQUOT") else errno.ENOSPC):
        return LibraryError(thing, "the disk is full", "make room; what has been embedded so far is kept")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return LibraryError(
            thing, "cannot be written (read-only, or no permission)", "name another folder with --library"
        )
    return LibraryError(thing, error.strerror or str(error), "check the disk, or name another folder with --library")


def _is_temporary(name: str) -> bool:
    return name.startswith(TEMPORARY_PREFIX)


def size_of(path: Path) -> int:
    """Return a file's size in bytes, 0 when it is not there."""
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def remove(path: Path) -> int:
    """Remove a file, if it is there, and return the bytes freed."""
    size = size_of(path)
    path.unlink(missing_ok=True)
    return size
