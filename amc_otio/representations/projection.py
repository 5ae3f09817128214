"""A trained projection: one or two linear layers on an encoder's vectors, in NumPy alone.

It is all that Split-and-Contrast trains (paper, section 2.3: the encoder stays frozen), so a trained model runs
without torch. CLAP's own projection is an ``mlp``: Linear, ReLU, Linear (Wu et al., 2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.representations.checks import unit_rows

Layer = tuple[NDArray[np.float32], NDArray[np.float32]]
"""A weight of shape (out, in) and a bias of shape (out,), float32."""

LAYERS: Final = {"linear": 1, "mlp": 2}
"""How many layers each kind has; a ReLU lies between two."""
LARGEST: Final = 1e6
"""A weight above this was not trained: products of such would leave the range of float32."""


@dataclass(frozen=True, eq=False)
class Projection:
    """Vectors in, unit vectors out.

    Attributes
    ----------
    layers
        (weight, bias) of each layer, float32: weight (out, in), bias (out,).
    kind
        ``"linear"``: one layer; ``"mlp"``: Linear, ReLU, Linear.
    residual
        The features are added to what the layers give; these must be as long as those.
    homogeneous
        The features are unit vectors of (f, 1) / ||(f, 1)||, which keep the length of f: the layers are given f,
        which is all but the last component, divided by the last.

    Raises
    ------
    ValueError
        When the layers do not fit together or hold a value that is not a weight; the text says what.
    """

    layers: tuple[Layer, ...]
    kind: str
    residual: bool = False
    homogeneous: bool = False

    def __post_init__(self) -> None:
        if LAYERS.get(self.kind) != len(self.layers):
            raise ValueError(f"a projection of kind {self.kind!r} does not have {len(self.layers)} layers")
        length = 0
        for number, (weight, bias) in enumerate(self.layers):
            if weight.dtype != np.float32 or bias.dtype != np.float32:
                raise ValueError(f"layer {number} is not float32")
            if weight.ndim != 2 or bias.shape != weight.shape[:1] or 0 in weight.shape:
                raise ValueError(f"layer {number} has a weight of shape {weight.shape} and a bias of {bias.shape}")
            if number and weight.shape[1] != length:
                raise ValueError(f"layer {number} takes {weight.shape[1]} values and is given {length}")
            length = weight.shape[0]
            # Not a number fails the comparison too.
            if not all(bool(np.all(np.abs(array) <= LARGEST)) for array in (weight, bias)):
                raise ValueError(f"layer {number} holds values that are no weights (not finite, or beyond {LARGEST:g})")
        if self.residual and self.layers[0][0].shape[1] != length:
            raise ValueError(f"a residual of {self.layers[0][0].shape[1]} values cannot be added to {length}")

    @property
    def features(self) -> int:
        """Length of the vectors that `apply` takes."""
        return int(self.layers[0][0].shape[1]) + self.homogeneous

    @property
    def dimension(self) -> int:
        """Length of the vectors that `apply` gives."""
        return int(self.layers[-1][0].shape[0])

    def apply(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Project a batch.

        Parameters
        ----------
        features
            Shape ``(n, self.features)``, float32; a row of zeros is silence.

        Returns
        -------
        numpy.ndarray
            Shape ``(n, dimension)``, float32, rows of unit length; silence stays a row of zeros.

        Raises
        ------
        ValueError
            When the features have another length.
        """
        if features.ndim != 2 or features.shape[1] != self.features:
            raise ValueError(f"features of shape {features.shape} are not (n, {self.features})")
        silent = np.asarray(~features.any(axis=1), np.bool_)
        taken = plain_features(features) if self.homogeneous else features
        vectors = taken
        for number, (weight, bias) in enumerate(self.layers):
            if number:
                vectors = np.maximum(vectors, np.float32(0.0))
            vectors = vectors @ weight.T + bias
        if self.residual:
            vectors = vectors + taken
        return unit_rows(vectors, silent)

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """The layers by the names that they have in a file."""
        named: dict[str, NDArray[np.float32]] = {}
        for number, (weight, bias) in enumerate(self.layers):
            named[f"projection.{number}.weight"], named[f"projection.{number}.bias"] = weight, bias
        return named


def from_tensors(tensors: Mapping[str, NDArray[Any]], kind: str, residual: bool, homogeneous: bool) -> Projection:
    """A projection from what `Projection.tensors` gave.

    Raises
    ------
    ValueError
        When layers are missing or do not fit together.
    """
    layers: list[Layer] = []
    for number in range(LAYERS.get(kind, 0)):
        try:
            layers.append((tensors[f"projection.{number}.weight"], tensors[f"projection.{number}.bias"]))
        except KeyError as error:
            raise ValueError(f"{error} is missing") from error
    return Projection(tuple(layers), kind, residual, homogeneous)


def plain_features(homogeneous: NDArray[np.float32]) -> NDArray[np.float32]:
    """f of unit vectors (f, 1) / ||(f, 1)||: shape (n, d + 1) gives (n, d); rows of zeros stay so."""
    scale = homogeneous[:, -1:]
    return np.asarray(homogeneous[:, :-1] / np.where(scale == 0.0, np.float32(1.0), scale), np.float32)
