"""Writing a new timeline: to a temporary name, read back, then renamed. Never over the timeline it came from."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.parse import quote, unquote

import opentimelineio as otio

from amc_otio.errors import OutputError
from amc_otio.timeline import clip_gain
from amc_otio.timeline.beside import folder_beside
from amc_otio.timeline.equality import fields, same_fields
from amc_otio.timeline.metadata import items_of, lookup
from amc_otio.timeline.rational import TimeRange, exact_rate, from_seconds, seconds
from amc_otio.timeline.undo import METADATA_KEY, Record, external_references, retarget
from amc_otio.timeline.walk import is_disabled

EXACT_SUFFIXES = frozenset({".otio", ".otioz", ".otiod", ".xges"})
"""Formats that keep a crossfade's offsets exactly, sub-frame and asymmetric (measured, docs/formats.md)."""


def sidecar_path(path: Path) -> Path:
    """Where the sidecar of a timeline file stands: ``cut.otio`` has ``cut.otio.amc.json`` beside it."""
    return path.with_name(path.name + ".amc.json")


def check_output(path: Path, source: Path | None, force: bool) -> None:
    """Refuse an output that would overwrite the input, or an existing file without `force`.

    Raises
    ------
    OutputError
        In words, before any work is done.
    """
    if path.suffix == "":
        raise OutputError(path, "has no suffix, so the format is unknown", "name it NEW.otio, for example")
    if path.suffix.lstrip(".").lower() not in otio.adapters.suffixes_with_defined_adapters(write=True):
        raise OutputError(
            path, f"no installed adapter writes '{path.suffix}'", "write .otio, or pip install 'amc-otio[formats]'"
        )
    for present in (path, sidecar_path(path)):
        check_new_file(present, source, force, folder=present is path and path.suffix.lower() == ".otiod")


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


def write_timeline(timeline: otio.schema.Timeline, path: Path) -> tuple[str, ...]:
    """Write through OTIO's adapter for the suffix, check that it reads back, and rename into place.

    Returns
    -------
    tuple of str
        What the format did not keep, in words.

    Raises
    ------
    OutputError
        When the adapter refuses, or what it wrote does not read back. Nothing is left behind.
    """
    with staged(timeline, path) as stage:
        stage.commit()
        return stage.lost


@dataclass(frozen=True)
class Stage:
    """A timeline written under a temporary name and read back, not yet at its place.

    Attributes
    ----------
    temporary, path
        Where it is, and where `commit` puts it.
    lost
        What the format did not keep, in words.
    """

    temporary: Path
    path: Path
    lost: tuple[str, ...]

    def commit(self) -> None:
        """Rename into place."""
        if self.path.suffix == ".otiod" and self.path.is_dir():
            shutil.rmtree(self.path)
        self.temporary.replace(self.path)


@contextmanager
def staged(timeline: otio.schema.Timeline, path: Path, media: Mapping[str, Path] | None = None) -> Iterator[Stage]:
    """Write a timeline under a temporary name; it is gone after the block unless it was committed.

    Parameters
    ----------
    media
        Files by target URL that are not in their place yet: a bundle takes them from where they are.

    Raises
    ------
    OutputError
        As `write_timeline`.
    """
    with folder_beside(path) as folder:
        temporary = folder / path.name
        read = _write_and_read(timeline, temporary, path, media or {})
        _sync(temporary)
        lost = what_was_lost(timeline, read, path.suffix) + clip_gain.what_was_lost(timeline, read, temporary)
        yield Stage(temporary, path, lost)


def _write_and_read(
    timeline: otio.schema.Timeline, temporary: Path, path: Path, media: Mapping[str, Path]
) -> otio.core.SerializableObject:
    arguments = {"media_policy": "MissingIfNotFile"} if path.suffix in (".otioz", ".otiod") else {}
    try:
        if path.suffix == ".otio":
            timeline.to_json_file(str(temporary))
        else:
            bundled = _with_absolute_media(timeline, path.parent, media) if arguments else timeline
            if path.suffix.lower() == ".xges":
                bundled = _on_file_clocks(timeline)
            otio.adapters.write_to_file(bundled, str(temporary), **arguments)
            clip_gain.finish(temporary)
        read = otio.adapters.read_from_file(str(temporary))
    except Exception as error:
        reason = str(error).strip() or type(error).__name__
        raise OutputError(
            path, f"the {path.suffix} adapter cannot write it ({reason})", "write .otio instead"
        ) from error
    if path.suffix == ".otio" and not same_fields(fields(read), fields(timeline)):
        raise OutputError(path, "what was written does not read back equal", "report this as a bug")
    return read


def _with_absolute_media(timeline: otio.schema.Timeline, base: Path, media: Mapping[str, Path]) -> otio.schema.Timeline:
    """A copy whose relative media references are absolute: OTIO's bundlers look for them from the working folder."""
    copy = timeline.clone()
    for reference in external_references(copy):
        url = reference.target_url
        if url in media:
            reference.target_url = media[url].absolute().as_uri()
            continue
        if not is_relative(url):
            continue
        for spelling in (url, unquote(url)):
            if (base / spelling).exists():
                reference.target_url = (base / spelling).resolve().as_uri()
                break
    return copy


def _on_file_clocks(timeline: otio.schema.Timeline) -> otio.schema.Timeline:
    """A copy whose media all start at 0: XGES counts from a file's first sample, and its adapter takes nothing away."""
    copy = timeline.clone()
    for clip in copy.find_clips():
        available = clip.media_reference.available_range if clip.media_reference is not None else None
        if available is None or not available.start_time.value:
            continue
        if clip.source_range is not None:
            at = clip.source_range.start_time
            start = seconds(at) - seconds(available.start_time)
            clip.source_range = TimeRange(from_seconds(start, exact_rate(at.rate)), clip.source_range.duration)
        zero = from_seconds(Fraction(0), exact_rate(available.start_time.rate))
        clip.media_reference.available_range = TimeRange(zero, available.duration)
    return copy


def what_was_lost(timeline: otio.schema.Timeline, read: otio.core.SerializableObject, suffix: str) -> tuple[str, ...]:
    """Say in words what of the sound a format dropped, by what is read back from it."""
    if not hasattr(read, "find_children"):
        return (f"{suffix} files do not read back as a timeline, so nobody checked what was kept",)
    before, after = _sound(timeline), _sound(read)
    lost = []
    if not after:
        lost.append(f"{suffix} dropped the audio tracks: only the picture cuts are in the file")
    elif sum(after) < sum(before):
        lost.append(f"{suffix} kept {sum(after)} of {sum(before)} audio crossfades")
    missing = _missing(read) - _missing(timeline)
    if suffix in (".otioz", ".otiod") and missing > 0:
        lost.append(f"{suffix} does not hold the media of {missing} clips, whose files were not found")
    off = _switched_off(timeline) - _switched_off(read)
    if after and off > 0:
        lost.append(f"{suffix} switches {off} clips on again that are switched off")
    if lost:
        lost.append("the sidecar holds every join; write .otio to keep them")
    return tuple(lost)


def _missing(container: otio.core.SerializableObject) -> int:
    """Clips without media."""
    return sum(isinstance(clip.media_reference, otio.schema.MissingReference) for clip in container.find_clips())


def _switched_off(container: otio.core.SerializableObject) -> int:
    """Clips that are switched off."""
    return sum(is_disabled(clip) for clip in container.find_clips())


def _sound(container: otio.core.SerializableObject) -> list[int]:
    """Crossfades of each audio track."""
    tracks = [t for t in container.find_children(descended_from_type=otio.schema.Track) if t.kind == "Audio"]
    return [sum(isinstance(child, otio.schema.Transition) for child in track) for track in tracks]


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


def _sync(path: Path) -> None:
    if path.is_file():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
