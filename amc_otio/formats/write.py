"""Writing a new timeline: to a temporary name, read back, then renamed. Never over the timeline it came from."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from amc_otio.errors import AmcError, OutputError
from amc_otio.formats.base import Format, Target
from amc_otio.formats.lost import what_was_lost
from amc_otio.formats.registry import format_for
from amc_otio.timeline.beside import folder_beside
from amc_otio.timeline.read import edit_rate, quiet
from amc_otio.timeline.write import check_new_file, sidecar_path


def check_output(path: Path, source: Path | None, force: bool) -> None:
    """Refuse an output that would overwrite the input, or an existing file without `force`.

    Raises
    ------
    OutputError
        In words, before any work is done.
    """
    if path.suffix == "":
        raise OutputError(path, "has no suffix, so the format is unknown", "name it NEW.otio, for example")
    form = format_for(path.suffix)
    if not form.is_available:
        raise OutputError(path, f"no installed adapter writes '{path.suffix}'", form.advice)
    for present in (path, sidecar_path(path)):
        check_new_file(present, source, force, folder=present is path and path.suffix.lower() == ".otiod")


def write_timeline(timeline: otio.schema.Timeline, path: Path) -> tuple[str, ...]:
    """Write in the format of the suffix, check that it reads back, and rename into place.

    Returns
    -------
    tuple of str
        What the format did not keep, and what was done instead, in words.

    Raises
    ------
    OutputError
        When the format cannot hold it, or what was written does not read back. Nothing is left behind.
    """
    with staged(timeline, path) as stage:
        stage.commit()
        return stage.notes


@dataclass(frozen=True)
class Stage:
    """A timeline written under a temporary name and read back, not yet at its place.

    Attributes
    ----------
    temporary, path
        Where it is, and where `commit` puts it.
    notes
        What the format did not keep, and what was done instead, in words.
    """

    temporary: Path
    path: Path
    notes: tuple[str, ...]

    def commit(self) -> None:
        """Rename into place."""
        if self.path.suffix == ".otiod" and self.path.is_dir():
            shutil.rmtree(self.path)
        self.temporary.replace(self.path)


@contextmanager
def staged(
    timeline: otio.schema.Timeline,
    path: Path,
    media: Mapping[str, Path] | None = None,
    rate: Fraction | None = None,
) -> Iterator[Stage]:
    """Write a timeline under a temporary name; it is gone after the block unless it was committed.

    Parameters
    ----------
    media
        Files by target URL that are not in their place yet: a bundle takes them from where they are.
    rate
        The timeline's edit rate; what it says itself, when None.

    Raises
    ------
    OutputError
        As `write_timeline`.
    """
    with folder_beside(path) as folder:
        temporary = folder / path.name
        target = Target(path, rate or edit_rate(timeline), media or {})
        notes = _write_and_read(timeline, temporary, target, format_for(path.suffix))
        _sync(temporary)
        yield Stage(temporary, path, notes)


def rehearse(timeline: otio.schema.Timeline, path: Path, rate: Fraction | None = None) -> tuple[str, ...]:
    """Say what `staged` would say, without anything written where the file is going to be.

    The file is written to the system's temporary folder, read back and thrown away; a bundle takes no media along.

    Raises
    ------
    OutputError
        As `write_timeline`.
    """
    target = Target(path, rate or edit_rate(timeline), rehearsal=True)
    try:
        with tempfile.TemporaryDirectory(prefix="amc-rehearse-", ignore_cleanup_errors=True) as folder:
            return _write_and_read(timeline, Path(folder) / path.name, target, format_for(path.suffix))
    except OSError as error:
        return (f"what {path.suffix} keeps could not be tried here ({error.strerror or error})",)


def _write_and_read(timeline: otio.schema.Timeline, file: Path, target: Target, form: Format) -> tuple[str, ...]:
    path = target.path
    try:
        with quiet():
            prepared = form.prepare(timeline, target)
            notes = (*prepared.notes, *form.write(prepared.timeline, file, target))
            read = form.read(file, target)
    except AmcError as error:
        thing = path if str(error.thing) == str(file) else error.thing
        raise OutputError(thing, error.reason, error.remedy) from error
    except Exception as error:
        reason = str(error).strip() or type(error).__name__
        raise OutputError(
            path, f"the {path.suffix} adapter cannot write it ({reason})", "write .otio instead"
        ) from error
    form.check(timeline, read, path)
    return (*what_was_lost(timeline, read, form, file, target), *notes)


def _sync(path: Path) -> None:
    if path.is_file():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
