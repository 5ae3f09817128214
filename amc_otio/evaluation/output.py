"""Files of a report: all of them whole, or none."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from amc_otio.errors import OutputError
from amc_otio.evaluation.markdown import to_markdown
from amc_otio.evaluation.report import EvaluationReport

SUFFIXES = (".md", ".json")


def rendered(report: EvaluationReport, path: Path, per_kind: bool = False) -> bytes:
    """Return a report in the format that the name of a file asks for.

    Raises
    ------
    OutputError
        When the suffix is another than ``.md`` and ``.json``.
    """
    suffix = path.suffix.lower()
    if suffix == ".md":
        return to_markdown(report, per_kind).encode(errors="backslashreplace")
    if suffix == ".json":
        # Half a surrogate pair, which labels and names of folders may hold, becomes the escape that JSON has for it.
        text = json.dumps(report.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
        return (text + "\n").encode(errors="backslashreplace")
    raise OutputError(path, "is neither .md nor .json", "name it report.md or report.json")


def check_outputs(paths: Sequence[Path], force: bool, read: Collection[Path] = ()) -> None:
    """Refuse, before any work, files that could not be written or must not be replaced.

    Parameters
    ----------
    read
        Files that are read and never replaced, whatever `force` says.

    Raises
    ------
    OutputError
    """
    seen: set[Path] = set()
    read_here = {path.resolve() for path in read}
    for path in paths:
        real = path.resolve()
        if real in seen:
            raise OutputError(path, "is named for two results", "give each a name of its own")
        seen.add(real)
        if not path.parent.is_dir():
            raise OutputError(path.parent, "is no folder", "make it first or name another")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise OutputError(path, f"{path.parent} may not be written to", "choose another folder")
        if real in read_here or (path.exists() and any(one.exists() and path.samefile(one) for one in read_here)):
            raise OutputError(path, "belongs to the set that is read, which is never overwritten", "name another file")
        if os.path.lexists(path):
            if not path.is_file():
                raise OutputError(path, "is a folder, a device or a link to nothing", "name a file")
            if not force:
                raise OutputError(path, "exists already", "name another file, or --force to replace it")


def write_files(files: Mapping[Path, bytes], force: bool) -> None:
    """Write every file to a temporary name, sync, and only then rename.

    Raises
    ------
    OutputError
        Nothing new is there then, but for files that were renamed before a disk failed.
    """
    temporary = {path: path.with_name(f".{path.name}.{os.getpid()}.part") for path in files}
    try:
        for path, data in files.items():
            try:
                with temporary[path].open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise OutputError(
                    path, f"cannot be written ({error.strerror})", "free some space or name another"
                ) from error
        check_outputs(list(files), force)  # something may have come there while it was computed
        for path, held in temporary.items():
            try:
                held.replace(path)
            except OSError as error:
                raise OutputError(path, f"cannot be written ({error.strerror})", "choose another folder") from error
    finally:
        for held in temporary.values():
            with contextlib.suppress(OSError):
                held.unlink(missing_ok=True)
