"""The user's model folder: converted checkpoints, each with a manifest that says what it is and what was verified.

::

    NAME.json                     the manifest (`Manifest`); a model without one is not there
    NAME.onnx                     the converted encoder
    NAME.projection.safetensors   the checkpoint's own projection, which training starts from
    NAME.int8.onnx                the encoder in 8 bits, where `models check` made it

Only `amc_otio.models` writes here. A file is used when it has the size and the SHA-256 that its manifest says.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from amc_otio import environment
from amc_otio.codec import decode
from amc_otio.errors import AmcError, RepresentationError

FORMAT: Final = "amc-otio model"
VERSION: Final = 1
MAX_MANIFEST: Final = 2**20
"""Bytes of a manifest; they have a few thousand."""

PREFERRED: Final = ("630k-audioset-best", "clap-htsat-unfused", "630k-best", "imagebind_huge")
"""Which of several models of a kind is taken when nobody says."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


@dataclass(frozen=True)
class StoredFile:
    """A file by its name (without folder), size and SHA-256."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Verification:
    """How the converted model was compared with its authors' own code.

    Attributes
    ----------
    against
        The code and its versions; an empty text when it was not compared.
    windows
        One-second windows of sound that both embedded.
    lowest_cosine
        The least alike pair of vectors; 0 when it was not compared.
    """

    against: str
    windows: int
    lowest_cosine: float


@dataclass(frozen=True)
class PrecisionCheck:
    """The self-check of a reduced precision against fp32, on the processor that it ran on.

    Attributes
    ----------
    passed
        Whether the figures reach the thresholds of `amc_otio.models.check`.
    windows, lowest_cosine, mean_cosine, top_k, overlap
        On how many windows, how alike the vectors, and which part of the `top_k` nearest windows stayed the same.
    speed
        Windows a second, as a multiple of fp32's.
    instructions
        The instructions that this precision needs, of which the processor has these; empty where that is not known.
    versions
        Packages that the check ran with.
    model
        The model in this precision, where it has a file of its own.
    """

    passed: bool
    windows: int
    lowest_cosine: float
    mean_cosine: float
    top_k: int
    overlap: float
    speed: float
    instructions: tuple[str, ...]
    versions: dict[str, str]
    model: StoredFile | None


@dataclass(frozen=True)
class Manifest:
    """What a model is.

    Attributes
    ----------
    format, version
        `FORMAT` and `VERSION`.
    kind
        The representation that runs it: ``"clap"``, ``"imagebind"``.
    name
        Its name in the folder.
    architecture
        For people: ``"HTSAT-tiny"``.
    dimension, feature_dimension
        Lengths of its vectors, after and before the projection; 0 where there is no projection.
    source, layout
        The checkpoint that it was made from, and in which of the known layouts that was.
    licence, url
        Of the weights; ``"unknown"`` or an empty text where nobody said.
    onnx, projection
        The files.
    verification
        Against the authors' own code.
    precisions
        Self-checks by precision.
    versions
        Of the packages that the conversion ran with.
    """

    format: str
    version: int
    kind: str
    name: str
    architecture: str
    dimension: int
    feature_dimension: int
    source: StoredFile
    layout: str
    licence: str
    url: str
    onnx: StoredFile
    projection: StoredFile | None
    verification: Verification
    precisions: dict[str, PrecisionCheck]
    versions: dict[str, str]

    @property
    def files(self) -> tuple[StoredFile, ...]:
        """Every file that belongs to the model."""
        more = [self.projection, *(check.model for check in self.precisions.values())]
        return (self.onnx, *(file for file in more if file is not None))


@dataclass(frozen=True)
class Model:
    """A model that is there: its folder and its manifest."""

    folder: Path
    manifest: Manifest

    def path(self, stored: StoredFile) -> Path:
        """Where one of its files lies."""
        return self.folder / stored.file

    def verified(self, stored: StoredFile) -> Path:
        """Where one of its files lies, after its size and SHA-256 were checked.

        Raises
        ------
        RepresentationError
            When it is missing or not the file that the manifest names.
        """
        path = self.path(stored)
        again = f"remove it (amc-otio models remove {self.manifest.name}) and add the checkpoint again"
        try:
            whole = path.stat().st_size == stored.bytes and sha256_of(path) == stored.sha256
        except OSError as error:
            raise RepresentationError(path, f"the model cannot be read ({error.strerror})", again) from error
        if not whole:
            raise RepresentationError(path, "the model is damaged: it is not what its manifest says", again)
        return path


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as hex digits, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def model_folder() -> Path:
    """``AMC_MODELS``, else ``amc-otio/models`` in the platform's place for a user's data."""
    given = environment.path("AMC_MODELS")
    if given is not None:
        return given
    if sys.platform == "win32":
        base = Path(environment.value("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(environment.value("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "amc-otio" / "models"


def is_name(name: str) -> bool:
    """Whether `name` may name a model, and so a file."""
    return _NAME.match(name) is not None


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises
    ------
    RepresentationError
        When it is missing, damaged or of another version, or names files outside its folder.
    """
    again = "remove the model and add its checkpoint again"
    try:
        if path.stat().st_size > MAX_MANIFEST:
            raise RepresentationError(path, "is no manifest of a model", again)
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise RepresentationError(path, f"cannot be read ({error.strerror})", again) from error
    except (ValueError, RecursionError) as error:
        raise RepresentationError(path, "is damaged (not JSON)", again) from error
    if not isinstance(value, dict) or value.get("format") != FORMAT or value.get("version") != VERSION:
        raise RepresentationError(path, "is no manifest of this version of amc-otio", again)
    try:
        manifest = decode(Manifest, value, path.name)
    except AmcError as error:
        raise RepresentationError(path, f"is damaged ({error.thing}: {error.reason})", again) from error
    if not is_name(manifest.name) or not all(is_name(stored.file) for stored in manifest.files):
        raise RepresentationError(path, "names files outside its folder", again)
    return manifest


def installed(folder: Path | None = None) -> tuple[tuple[Model, ...], tuple[RepresentationError, ...]]:
    """Models in the folder by name, and what is wrong with those that cannot be read."""
    where = model_folder() if folder is None else folder
    found: list[Model] = []
    problems: list[RepresentationError] = []
    for path in sorted(where.glob("*.json")) if where.is_dir() else ():
        try:
            found.append(Model(where, read_manifest(path)))
        except RepresentationError as error:
            problems.append(error)
    return tuple(found), tuple(problems)


def find(kind: str, weights: Path | None, licence: str = "") -> Model:
    """The model that a representation should run.

    Parameters
    ----------
    kind
        ``"clap"`` or ``"imagebind"``.
    weights
        A model's name in the folder, or the path of its ``.onnx`` or ``.json``; the preferred model of the kind when
        ``None``.
    licence
        Of every model of this kind, for the message when there is none: on which terms one can be had.

    Raises
    ------
    RepresentationError
        When there is none, several of which none is preferred, or one of another kind.
    """
    if weights is not None:
        return _named(kind, weights)
    models = {m.manifest.name: m for m in installed()[0] if m.manifest.kind == kind}
    if not models:
        terms = f" (licence of its weights: {licence})" if licence else ""
        raise RepresentationError(
            kind,
            f"no model of this kind is in {model_folder()}{terms}",
            "get a checkpoint ('amc-otio models' lists them) and run: amc-otio models add FILE",
        )
    if len(models) == 1:
        return next(iter(models.values()))
    for name in PREFERRED:
        if name in models:
            return models[name]
    raise RepresentationError(kind, f"there are several models: {', '.join(models)}", "choose one with --weights NAME")


def _named(kind: str, weights: Path) -> Model:
    if weights.is_file():
        if weights.suffix not in (".onnx", ".json"):
            raise RepresentationError(
                weights, "is no converted model", f"convert it first: amc-otio models add {weights}; then use its name"
            )
        path = weights.with_suffix(".json")
    elif is_name(str(weights)):
        path = model_folder() / f"{weights}.json"
    else:
        raise RepresentationError(weights, "there is no such model", "'amc-otio models' lists those that are there")
    if not path.is_file():
        raise RepresentationError(
            weights, f"no model of this name is in {path.parent}", "'amc-otio models' lists those that are there"
        )
    model = Model(path.parent, read_manifest(path))
    if model.manifest.kind != kind:
        raise RepresentationError(weights, f"is a model of {model.manifest.kind}, not of {kind}", "choose another one")
    return model
