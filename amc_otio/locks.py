"""A lock on a file that the operating system releases when its holder dies, by kill -9 too."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, blocking: bool) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_LOCK if blocking else msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int, blocking: bool) -> None:
        # flock belongs to the open file, not to the process: two locks inside one process exclude each other too.
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if blocking else fcntl.LOCK_NB))


class FileLock:
    """An exclusive lock on `path`, which is created when it is not there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, *, blocking: bool = True) -> bool:
        """Take the lock; return whether it was got (always true when `blocking`).

        Raises
        ------
        OSError
            When the file cannot be opened, or its file system knows no locks.
        """
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _lock(descriptor, blocking)
            except (BlockingIOError, PermissionError):
                os.close(descriptor)
                return False
            except BaseException:
                os.close(descriptor)
                raise
            if self._is_there(descriptor):
                self._descriptor = descriptor
                return True
            os.close(descriptor)  # its holder removed it while this one waited: others lock a new one

    def _is_there(self, descriptor: int) -> bool:
        """Whether the open file is still the one that the path names."""
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    def release(self, *, unlink: bool = False) -> None:
        """Give the lock back; with `unlink` remove its file as well. Nothing happens when it is not held."""
        if self._descriptor is None:
            return
        if unlink and os.name != "nt":  # while still held, so that nobody else takes a file about to go
            with contextlib.suppress(OSError):
                self.path.unlink()
        os.close(self._descriptor)
        self._descriptor = None
        if unlink and os.name == "nt":  # Windows removes no open file
            with contextlib.suppress(OSError):
                self.path.unlink()

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
