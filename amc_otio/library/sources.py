"""Finding media files, and knowing a file by its content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# fmt: off
MEDIA_SUFFIXES = frozenset({
    ".wav", ".bwf", ".wave", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".caf", ".flac", ".mp3", ".mp2", ".ogg",
    ".oga", ".opus", ".m4a", ".aac", ".wma", ".ac3", ".mka", ".mp4", ".m4v", ".mov", ".mxf", ".mkv", ".webm",
    ".avi", ".mpg", ".mpeg", ".m2v", ".mts", ".m2ts", ".ts", ".vob", ".ogv", ".3gp", ".wmv", ".flv", ".dv",
})
"""What a walk through a folder takes for media. A file that is named itself is taken whatever its suffix."""
# fmt: on

_END = 1 << 20
_PROBE = 1 << 16
_PROBES = 8


@dataclass(frozen=True)
class SourceFile:
    """A media file as it lies on disk: its absolute path, its size in bytes, its time of change in ns."""

    path: Path
    size: int
    mtime_ns: int


def absolute(path: str | os.PathLike[str]) -> Path:
    """Return `path` as given but absolute and without ``..``; symbolic links stay, as the editor named them."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve() would follow the links


def find_sources(
    paths: Iterable[str | os.PathLike[str]], *, leave_out: Path | None = None
) -> tuple[list[SourceFile], list[tuple[Path, str]]]:
    """Walk `paths` for media.

    Parameters
    ----------
    paths
        Files, taken whatever their suffix, and folders, walked for `MEDIA_SUFFIXES`. Hidden files and folders
        are passed over (macOS leaves ``._x.wav`` beside ``x.wav`` on foreign disks); linked folders are walked once.
    leave_out
        A folder that is not walked: the library itself.

    Returns
    -------
    sources : list of SourceFile
        Sorted by path, each once.
    failed : list of (path, reason)
        What was named and is not there, or cannot be read.
    """
    found: dict[Path, SourceFile] = {}
    failed: list[tuple[Path, str]] = []
    for given in paths:
        path = absolute(given)
        try:
            files = list(_walk(path, leave_out, failed)) if path.is_dir() else [path]
            for file in files:
                if file not in found:
                    status = file.stat()
                    if not file.is_file():
                        failed.append((file, "is not a file"))
                        continue
                    found[file] = SourceFile(file, status.st_size, status.st_mtime_ns)
        except FileNotFoundError:
            failed.append((path, "is offline: no such file"))
        except (OSError, ValueError) as error:
            failed.append((path, f"cannot be read: {getattr(error, 'strerror', None) or error}"))
    return sorted(found.values(), key=lambda source: source.path), failed


def holds_media(folder: Path) -> bool:
    """Return whether `find_sources` would find a file in `folder`; it stops at the first."""
    return any(True for _ in _walk(absolute(folder), None, []))


def _walk(folder: Path, leave_out: Path | None, failed: list[tuple[Path, str]]) -> Iterator[Path]:
    seen: set[tuple[int, int]] = set()

    def unreadable(error: OSError) -> None:
        failed.append((Path(error.filename or folder), f"cannot be read: {error.strerror}"))

    for top, folders, files in os.walk(folder, followlinks=True, onerror=unreadable):
        status = os.stat(top)  # noqa: PTH116 - os.walk gives text
        identity = (status.st_dev, status.st_ino)
        if identity in seen or (leave_out is not None and Path(top) == leave_out):
            folders.clear()  # a link back up, or the library
            continue
        seen.add(identity)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in MEDIA_SUFFIXES:  # noqa: PTH122
                file = Path(top, name)
                if file.exists():  # not a link to nothing
                    yield file


def content_key(path: Path) -> str:
    """Return the name of a file's content without reading all of it: SHA-256, 64 hexadecimal digits.

    Taken over the size, the first and the last MiB, and eight blocks of 64 KiB evenly spread between them: two
    mixes of one length often begin and end in the same silence. A file of up to 2.5 MiB is read whole.

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        digest = hashlib.sha256(f"amc-otio content 1 {size}\n".encode())
        spans = [(0, _END)]
        middle = size - 2 * _END
        if 0 < middle <= _PROBES * _PROBE:
            spans.append((_END, middle))
        elif middle > 0:
            spans += [(_END + i * (middle - _PROBE) // (_PROBES - 1), _PROBE) for i in range(_PROBES)]
        if size > _END:
            spans.append((max(_END, size - _END), _END))
        for start, length in spans:
            file.seek(start)
            digest.update(file.read(length))
    return digest.hexdigest()


def key_of_whole(whole: str) -> str:
    """Return the content key of a file whose ends are those of another but whose whole is not."""
    return hashlib.sha256(f"amc-otio whole 1 {whole}\n".encode()).hexdigest()
