"""What every new file needs: a place that may be written to, media references that hold there, our metadata."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.parse import quote, unquote

import opentimelineio as otio

from amc_otio.errors import OutputError
from amc_otio.timeline.metadata import items_of, lookup
from amc_otio.timeline.undo import METADATA_KEY, Record, external_references, retarget


def sidecar_path(path: Path) -> Path:
    """Where the sidecar of a timeline file stands: ``cut.otio`` has ``cut.otio.amc.json`` beside it."""
    return path.with_name(path.name + ".amc.json")


def check_new_file(path: Path, source: Path | None, force: bool, folder: bool = False) -> None:
    """Refuse to write where the folder is missing or read-only, or something is that must not be replaced.

    Parameters
    ----------
    source
        A file that is read and never overwritten, whatever `force` says.
    folder
        The output is a folder itself (an .otiod bundle).

    Raises
    ------
    OutputError
    """
    if not path.parent.is_dir():
        raise OutputError(path.parent, "is no folder", "make it first or give another -o")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(path, f"{path.parent} may not be written to", "choose another folder with -o")
    if not os.path.lexists(path):
        return
    if source is not None and path.exists() and source.exists() and path.samefile(source):
        raise OutputError(path, "is the file that is read, which is never overwritten", "give another -o")
    if path.is_dir() and not folder:
        raise OutputError(path, "is a folder", "give a file name with -o")
    if path.exists() and not path.is_dir() and not path.is_file():
        raise OutputError(path, "is a device or a pipe, not a file", "give a file name with -o")
    if not force:
        raise OutputError(path, "exists already", "give another -o, or --force to replace it")


def rebase_media(timeline: otio.schema.Timeline, old_base: Path, new_base: Path) -> Record | None:
    """Let relative media references still point at their files from a new folder.

    Only references that are relative and whose file exists are changed. Returns the undoing record, or None.
    """
    changes = [
        (index, url)
        for index, reference in enumerate(external_references(timeline))
        if (url := rebased_url(reference.target_url, old_base, new_base)) != reference.target_url
    ]
    return retarget(timeline, changes) if changes else None


def rebased_url(url: str, old_base: Path, new_base: Path) -> str:
    """A relative reference as it reads from another folder; any other, or one without a file, unchanged."""
    if not is_relative(url):
        return url
    if old_base.absolute() == new_base.absolute():
        return url
    if (old_base / url).exists():
        return _relative(old_base / url, new_base)
    decoded = unquote(url)
    return quote(_relative(old_base / decoded, new_base)) if (old_base / decoded).exists() else url


def is_relative(url: str) -> bool:
    """Whether a media reference begins in the timeline's folder."""
    return bool(url) and not ("://" in url or url.startswith(("/", "\\", "file:")) or PureWindowsPath(url).drive)


def _relative(file: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:  # another drive on Windows
        return file.absolute().as_posix()


def stamp(timeline: otio.schema.Timeline, run: dict[str, Any], records: Iterable[Record]) -> None:
    """Add a run and the records that undo it to the timeline's metadata."""
    runs = list(items_of(lookup(timeline, METADATA_KEY, "runs")))
    runs.append({**run, "undo": json.dumps(list(records))})
    timeline.metadata[METADATA_KEY] = {"format": 1, "runs": runs}


def json_text(value: Any) -> str:
    """JSON as `write_json` writes it."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write JSON to a temporary name, sync and rename; the sidecar and the proposals file go this way."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            with temporary.open("w", encoding="utf-8") as file:
                file.write(json_text(value))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(path, f"cannot be written ({error.strerror})", "choose a folder you may write to") from error
