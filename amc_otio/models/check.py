"""Self-checks of a model: are its files whole, and does a reduced precision still find the same neighbours?"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import AmcError, OutputError, RepresentationError
from amc_otio.models.sounds import windows
from amc_otio.models.store import described, staging, versions, write_manifest
from amc_otio.representations import cpu
from amc_otio.representations.clap import BATCH, ClapRepresentation
from amc_otio.representations.model_files import Model, PrecisionCheck, StoredFile

WINDOWS: Final = 64
TOP_K: Final = 10
_REPEATS = 3


@dataclass(frozen=True)
class Thresholds:
    """What a precision must reach: the least alike vector, and the part of the nearest windows that stays the same."""

    lowest_cosine: float
    overlap: float


THRESHOLDS: Final = {"int8": Thresholds(0.995, 0.90), "bf16": Thresholds(0.999, 0.95)}

# Cheap products at either end, where eight bits would cost the most.
_KEPT_IN_FLOAT = ("stretched", "embedded_product", "projected_product", "embedding_product")


def check_files(model: Model) -> None:
    """Compare every file of a model with its manifest.

    Raises
    ------
    RepresentationError
        When one is missing or damaged.
    """
    for stored in model.manifest.files:
        model.verified(stored)


def check_precision(
    model: Model, precision: str, has: frozenset[str] | None = None, sounds: NDArray[np.float32] | None = None
) -> Model:
    """Compare a reduced precision with fp32 and note the outcome in the manifest.

    Parameters
    ----------
    model
        A model of kind ``clap``.
    precision
        ``"int8"`` or ``"bf16"``.
    has
        The processor's instructions; asked for when ``None``.
    sounds
        Shape ``(n, 48000)``; the bundled windows when ``None``.

    Returns
    -------
    Model
        With the check in its manifest, passed or not.

    Raises
    ------
    RepresentationError
        When the precision is not offered on this processor or not for this kind.
    AmcError
        When a package is missing.
    """
    if model.manifest.kind != "clap" or precision not in THRESHOLDS:
        raise RepresentationError(
            model.manifest.name, f"has no {precision} form", "only models of clap have reduced forms"
        )
    has = cpu.instructions() if has is None else has
    reason = cpu.refusal(precision, has)
    if reason:
        raise RepresentationError(f"{model.manifest.name}, {precision}", reason, "use fp32")
    held = windows(WINDOWS) if sounds is None else sounds
    check_files(model)
    with staging(model.folder) as staged:
        stored = _quantised(model, staged) if precision == "int8" else None
        check = _compared(model, precision, stored, staged, held, cpu.useful(precision, has))
        if stored is not None:
            (staged / stored.file).replace(model.folder / stored.file)
        manifest = dataclasses.replace(model.manifest, precisions={**model.manifest.precisions, precision: check})
        write_manifest(model.folder, manifest)
    return Model(model.folder, manifest)


def _quantised(model: Model, staged: Path) -> StoredFile:
    """Write the model with its weights in 8 bits, a scale a channel; activations are quantised as they come."""
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise AmcError("onnx", f"cannot be loaded ({error}), and quantising needs it", "pip install onnx") from error
    path = staged / f"{model.manifest.name}.int8.onnx"
    with _quiet():
        quantize_dynamic(
            str(model.path(model.manifest.onnx)),
            str(path),
            per_channel=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Gemm"],
            nodes_to_exclude=list(_KEPT_IN_FLOAT),
            extra_options={"MatMulConstBOnly": True},
        )
    return described(path)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Its advice to preprocess the model is not for editors."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _compared(
    model: Model,
    precision: str,
    stored: StoredFile | None,
    staged: Path,
    sounds: NDArray[np.float32],
    instructions: tuple[str, ...],
) -> PrecisionCheck:
    """Embed in both precisions and compare vectors, neighbours and time."""
    draft = PrecisionCheck(
        False, 0, 0.0, 0.0, TOP_K, 0.0, 0.0, instructions, versions("onnxruntime", "openvino"), stored
    )
    trial = dataclasses.replace(model.manifest, precisions={precision: draft})
    if stored is not None:
        # The trial manifest lies beside the new file; fp32 keeps reading the model's own folder.
        write_manifest(staged, trial)
        reduced = _trial(staged, model, precision)
    else:
        reduced = ClapRepresentation(None, model.path(model.manifest.onnx), precision, unchecked=True)
    full = ClapRepresentation(None, model.path(model.manifest.onnx))
    exact, rough = full.embed(sounds), reduced.embed(sounds)
    seconds = {"full": np.inf, "reduced": np.inf}
    for _ in range(_REPEATS):
        for name, representation in (("full", full), ("reduced", reduced)):
            start = time.perf_counter()
            representation.embed(sounds[: 2 * BATCH])
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    cosines = np.einsum("ij,ij->i", exact.astype(np.float64), rough.astype(np.float64))
    overlap = top_k_overlap(exact, rough, TOP_K)
    wanted = THRESHOLDS[precision]
    lowest = float(cosines.min())
    if not np.isfinite(cosines).all():
        raise OutputError(f"{model.manifest.name}, {precision}", "gives vectors that are no numbers", "use fp32")
    return dataclasses.replace(
        draft,
        passed=lowest >= wanted.lowest_cosine and overlap >= wanted.overlap,
        windows=len(sounds),
        lowest_cosine=lowest,
        mean_cosine=float(cosines.mean()),
        overlap=overlap,
        speed=float(seconds["full"] / seconds["reduced"]),
    )


def _trial(staged: Path, model: Model, precision: str) -> ClapRepresentation:
    return ClapRepresentation(None, staged / f"{model.manifest.name}.json", precision, unchecked=True)


def top_k_overlap(exact: NDArray[np.float32], rough: NDArray[np.float32], k: int) -> float:
    """Part of each row's `k` nearest other rows that is the same in both; the mean over the rows.

    Parameters
    ----------
    exact, rough
        Unit rows, shape ``(n, d)``.
    k
        At most ``n - 1`` are taken.
    """
    nearest = []
    for vectors in (exact, rough):
        similarity = vectors @ vectors.T
        np.fill_diagonal(similarity, -np.inf)
        nearest.append(np.argsort(-similarity, axis=1, kind="stable")[:, : min(k, len(vectors) - 1)])
    shared = [len(set(one) & set(two)) / max(1, len(one)) for one, two in zip(*nearest, strict=True)]
    return float(np.mean(shared))
