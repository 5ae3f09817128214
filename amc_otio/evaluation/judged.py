"""What is judged: a representation by name and weights, or vectors and similarities of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import RepresentationError, UsageError
from amc_otio.evaluation.metrics import Similarity
from amc_otio.evaluation.records import LabelledSet


@dataclass(frozen=True)
class RepresentationSpec:
    """A representation of the registry.

    Attributes
    ----------
    name
        As `amc_otio.representations.create` knows it.
    weights
        Its weights file, where it takes one.
    label
        What reports call it; empty is its name, and where it has weights of its own NAME=FILE.
    """

    name: str
    weights: Path | None = None
    label: str = ""

    def __post_init__(self) -> None:
        if not self.label:
            shown = self.name if self.weights is None else f"{self.name}={self.weights.name}"
            object.__setattr__(self, "label", shown)


def parse_representation(text: str) -> RepresentationSpec:
    """Read ``NAME`` or ``NAME=WEIGHTS``; ``~`` is the home folder.

    Raises
    ------
    UsageError
        When the name or the weights are empty.
    """
    name, equals, weights = text.partition("=")
    if not name or (equals and not weights):
        raise UsageError(
            f"representation '{text}'", "is not NAME or NAME=WEIGHTS", "write sfx, or NAME=model.safetensors"
        )
    return RepresentationSpec(name, Path(weights).expanduser() if equals else None)


def distinct(specs: Sequence[RepresentationSpec]) -> tuple[RepresentationSpec, ...]:
    """Give each its own label: two weights files of one name in different folders are told by their whole paths.

    Raises
    ------
    UsageError
        When one representation is given twice.
    """
    labels = [spec.label for spec in specs]
    made = [
        replace(spec, label=f"{spec.name}={spec.weights}")
        if labels.count(spec.label) > 1 and spec.weights is not None
        else spec
        for spec in specs
    ]
    labels = [spec.label for spec in made]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise UsageError("representations", f"'{twice}' is given twice", "give each once")
    return tuple(made)


def by_vectors(vectors: NDArray[np.floating[Any]]) -> Similarity:
    """Return the inner product of rows: vectors (clips, d), one a clip in the order of the set."""

    def similarity(query: int, candidates: NDArray[np.int64]) -> NDArray[np.floating[Any]]:
        # Most of a gallery: a product with all rows is quicker than a copy of theirs.
        if 2 * len(candidates) > len(vectors):
            return (vectors @ vectors[query])[candidates]  # type: ignore[no-any-return]
        return vectors[candidates] @ vectors[query]  # type: ignore[no-any-return]

    return similarity


def matrix_of(labelled: LabelledSet, vectors: Mapping[str, Any], label: str) -> NDArray[np.float64]:
    """Put vectors by clip name into the order of a set, scaled to unit length (paper, section 2.1).

    Returns
    -------
    numpy.ndarray
        (clips, d) float64; a vector of zeros stays one.

    Raises
    ------
    RepresentationError
        When a clip has none, or one is not finite or of another length.
    """
    missing = [clip.name for clip in labelled.clips if clip.name not in vectors]
    if missing:
        raise RepresentationError(
            label, f"there is no vector for {len(missing)} clips, '{missing[0]}' for one", "give one for every clip"
        )
    rows = [np.asarray(vectors[clip.name], np.float64) for clip in labelled.clips]
    for clip, row in zip(labelled.clips, rows, strict=True):
        if row.ndim != 1 or row.shape != rows[0].shape:
            wrong = f"the vector of '{clip.name}' has the shape {row.shape}, the first {rows[0].shape}"
            raise RepresentationError(label, wrong, "give vectors of one length")
        if not np.isfinite(row).all():
            raise RepresentationError(label, f"the vector of '{clip.name}' is not finite", "compute it again")
    matrix = np.stack(rows)
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    scaled: NDArray[np.float64] = matrix / np.where(lengths > 0, lengths, 1.0)
    return scaled
