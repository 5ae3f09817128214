"""Writes to the model folder: temporary names first, the manifest last, so that a model is whole or absent."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from amc_otio import __version__
from amc_otio.codec import encode
from amc_otio.errors import OutputError, RepresentationError
from amc_otio.representations.model_files import Manifest, Model, StoredFile, is_name, read_manifest, sha256_of

STAGING = ".adding-"
FORGOTTEN_S = 6 * 3600.0
"""A staging folder that nobody touched for so long is what a killed run left."""


def described(path: Path) -> StoredFile:
    """Name, size and hash of a file."""
    return StoredFile(path.name, path.stat().st_size, sha256_of(path))


def versions(*packages: str) -> dict[str, str]:
    """Versions of amc-otio and of those packages that are installed."""
    found = {"amc-otio": __version__}
    for name in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A new folder inside the model folder, removed at the end whatever happens.

    Raises
    ------
    OutputError
        When the folder cannot be written, or becomes full.
    """
    place = folder / f"{STAGING}{secrets.token_hex(6)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        place.mkdir()
        yield place
    except OSError as error:
        raise OutputError(
            folder, f"the model cannot be written ({error.strerror or error})", "free some space, or set AMC_MODELS"
        ) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _sweep(folder: Path) -> None:
    for left in folder.glob(f"{STAGING}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > FORGOTTEN_S:
                shutil.rmtree(left, ignore_errors=True)


def write_synced(path: Path, data: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put a manifest into a folder in one step."""
    temporary = folder / f".{manifest.name}.{secrets.token_hex(6)}.tmp"
    try:
        write_synced(temporary, json.dumps(encode(manifest), indent=1, ensure_ascii=False).encode("utf-8"))
        temporary.replace(folder / f"{manifest.name}.json")
    finally:
        temporary.unlink(missing_ok=True)


def put(staged: Path, folder: Path, manifest: Manifest) -> Model:
    """Move staged files to the folder; the manifest comes last and makes the model be there.

    Files of a model of this name that the new one does not have (a reduced form, say) go at the very end.
    """
    path = folder / f"{manifest.name}.json"
    before = _files_of(path) if path.exists() else ()
    path.unlink(missing_ok=True)
    for stored in manifest.files:
        (staged / stored.file).replace(folder / stored.file)
    write_manifest(folder, manifest)
    for old in before:
        if old.name not in {stored.file for stored in manifest.files}:
            with contextlib.suppress(OSError):  # the model is whole; one that is in use may stay
                old.unlink()
    return Model(folder, manifest)


def _files_of(path: Path) -> tuple[Path, ...]:
    """The files that belong to a manifest, besides itself."""
    try:
        return tuple(path.parent / stored.file for stored in read_manifest(path).files)
    except RepresentationError:  # a damaged manifest must not keep its files there for ever
        return tuple(path.with_name(f"{path.stem}{end}") for end in (".onnx", ".projection.safetensors", ".int8.onnx"))


def remove(name: str, folder: Path) -> tuple[Path, ...]:
    """Remove a model; the manifest goes first.

    Returns
    -------
    tuple of Path
        What was removed.

    Raises
    ------
    RepresentationError
        When there is no such model.
    OutputError
        When a file cannot be removed.
    """
    path = folder / f"{name}.json"
    if not is_name(name) or not path.is_file():
        raise RepresentationError(name, f"no model of this name is in {folder}", "'amc-otio models' lists those there")
    files, gone = _files_of(path), []
    try:
        for one in (path, *files):
            if one.is_file():
                one.unlink()
                gone.append(one)
    except OSError as error:
        raise OutputError(error.filename or path, f"cannot be removed ({error.strerror})", "see who uses it") from error
    return tuple(gone)
