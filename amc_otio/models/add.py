"""From a checkpoint to a model: recognise, check every tensor, convert, verify, put into the folder."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from amc_otio.errors import OutputError, RepresentationError, UsageError
from amc_otio.models import known
from amc_otio.models.checkpoint_file import FOLDER_NAMES, checkpoint_path, open_checkpoint
from amc_otio.models.kinds import Converted, Kind, need_onnx, recognise
from amc_otio.models.sounds import windows
from amc_otio.models.store import described, put, staging, versions, write_manifest, write_synced
from amc_otio.representations.model_files import (
    FORMAT,
    VERSION,
    Manifest,
    Model,
    StoredFile,
    Verification,
    is_name,
    model_folder,
    sha256_of,
)

VERIFIED_WINDOWS = 12
LOWEST_COSINE = 0.9999
"""How alike every vector must be to that of the authors' own code."""

RESERVED = (".int8", ".projection")
"""No name ends so: NAME.int8.onnx and NAME.projection.safetensors belong to the model NAME."""

Say = Callable[[str], None]


def add(
    path: Path,
    name: str | None = None,
    folder: Path | None = None,
    unverified: bool = False,
    force: bool = False,
    say: Say = lambda _: None,
    published: known.Known | None = None,
) -> Model:
    """Add a checkpoint to the model folder.

    Parameters
    ----------
    path
        A torch or safetensors file, or a Hugging Face folder.
    name
        What to call the model; from the file's name when ``None``.
    folder
        The model folder; the user's when ``None``.
    unverified
        Do not compare with the authors' own code. The manifest says so.
    force
        Replace a model of the same name.
    say
        Told what is being done.
    published
        Which published checkpoint it is; by its hash and name when ``None``.

    Returns
    -------
    Model

    Raises
    ------
    amc_otio.errors.RepresentationError
        When the checkpoint is damaged, hostile or of no known kind, or the converted model does not equal the original.
    amc_otio.errors.AmcError
        When a package is missing that converting or verifying needs.
    amc_otio.errors.OutputError
        When a model of that name exists, or the folder cannot be written.
    """
    need_onnx()
    where = model_folder() if folder is None else folder
    file = checkpoint_path(path)
    checkpoint = open_checkpoint(file)
    kind = recognise(checkpoint)
    source = StoredFile(file.name, file.stat().st_size, sha256_of(file))
    if published is None:
        published = known.by_file(file.name, source.sha256, path.resolve().name if path.is_dir() else "")
        if published is not None and published.kind != kind.name:
            published = None  # another model under this file's name
    called = name or (published.name if published is not None else _name_of(path, file))
    if not is_name(called):
        raise UsageError("--name", f"'{called}' is not fit for a file name", "use letters, digits, '.', '_' and '-'")
    if called.lower().endswith(RESERVED):
        end = called[called.rindex(".") :]
        raise UsageError(
            "--name", f"'{called}' ends in {end}, as files of other models do", "give --name another one without it"
        )
    if (where / f"{called}.json").exists() and not force:
        raise OutputError(
            where / f"{called}.json", "a model of this name exists", "use --name, or --force to replace it"
        )
    say(f"reading {len(checkpoint)} tensors of {file.name}")
    converted = kind.convert(checkpoint)
    if converted.reference is None and not unverified:
        raise RepresentationError(
            file, f"is {converted.architecture}, for which there is no code to verify it against", "add --unverified"
        )
    reference = None
    if converted.reference is not None and not unverified:
        # Before anything is written: it is here that a missing package shows.
        say("loading the authors' own code")
        reference = converted.reference()
    with staging(where) as staged:
        manifest = _stage(staged, called, kind, converted, source, published)
        if reference is not None:
            say(f"comparing {VERIFIED_WINDOWS} windows of sound")
            manifest = _verified(staged, manifest, kind, reference, converted.described(), file)
        return put(staged, where, manifest)


def _name_of(path: Path, file: Path) -> str:
    """A name from the file's, or from its folder's where every such file has the same."""
    stem = path.resolve().name if path.is_dir() else file.parent.name if file.name in FOLDER_NAMES else file.stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:100] or "model"


def _stage(
    staged: Path, name: str, kind: Kind, converted: Converted, source: StoredFile, published: known.Known | None
) -> Manifest:
    """Write the model and a manifest that claims no verification yet."""
    model = staged / f"{name}.onnx"
    write_synced(model, converted.model.SerializeToString(deterministic=True))
    projection = None
    if converted.projection:
        from safetensors.numpy import save

        kept = staged / f"{name}.projection.safetensors"
        write_synced(kept, save({key: np.ascontiguousarray(value) for key, value in converted.projection.items()}))
        projection = described(kept)
    manifest = Manifest(
        format=FORMAT,
        version=VERSION,
        kind=kind.name,
        name=name,
        architecture=converted.architecture,
        dimension=converted.dimension,
        feature_dimension=converted.feature_dimension,
        source=source,
        layout=converted.layout,
        licence=converted.licence or (published.licence if published is not None else known.UNKNOWN),
        url=published.url if published is not None else "",
        onnx=described(model),
        projection=projection,
        verification=Verification("", 0, 0.0),
        precisions={},
        versions=versions("onnx", "onnxruntime", "numpy"),
    )
    write_manifest(staged, manifest)
    return manifest


def _verified(
    staged: Path,
    manifest: Manifest,
    kind: Kind,
    reference: Callable[[np.ndarray], np.ndarray],
    against: str,
    file: Path,
) -> Manifest:
    """The manifest with the comparison in it."""
    representation = kind.representation(staged / manifest.onnx.file, None)
    sounds = windows(VERIFIED_WINDOWS, representation.sample_rate)
    ours = representation.embed(sounds)
    theirs = np.concatenate([reference(sounds[i : i + 4]) for i in range(0, len(sounds), 4)])
    cosines = np.einsum("ij,ij->i", ours.astype(np.float64), theirs.astype(np.float64))
    lowest = float(cosines.min())
    if not lowest >= LOWEST_COSINE:
        raise RepresentationError(
            file,
            f"its converted form does not give what {against} gives (cosine {lowest:.6f})",
            "please report it; nothing was added",
        )
    return dataclasses.replace(manifest, verification=Verification(against, len(sounds), min(1.0, lowest)))
