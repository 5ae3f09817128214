"""A file as such, whatever it holds: can it be read at all, and what is the hash of its bytes."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

_BLOCK = 1 << 22


def why_not_a_file(path: Path) -> str:
    """Return in words why `path` cannot be read as a media file, or an empty string."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return f"the file cannot be reached ({error.strerror or error})"
    if stat.S_ISREG(mode):
        return ""
    if stat.S_ISDIR(mode):
        return "it is a folder, not a file"
    return "it is not a regular file (a device, a pipe or a socket)"


def full_hash(path: Path) -> str:
    """Return the SHA-256 of the whole file, 64 hexadecimal digits.

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
