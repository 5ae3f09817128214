"""What training begins from: the encoder itself, as a projection on its features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from amc_otio.config import TrainSettings
from amc_otio.errors import RepresentationError
from amc_otio.representations import create
from amc_otio.representations.base import Representation
from amc_otio.representations.projection import LAYERS, Layer, Projection
from amc_otio.representations.split_and_contrast import NAME
from amc_otio.training import chance

_REDUCED: Final = ("clap-int8", "clap-bf16")


@dataclass(frozen=True, eq=False)
class Start:
    """What is trained.

    Attributes
    ----------
    encoder
        Name of the representation that is adapted.
    features
        The representation whose vectors the projection takes: the encoder, or what it names for this.
    projection
        Gives the encoder's own vectors before the first step.
    """

    encoder: str
    features: Representation
    projection: Projection


def start(settings: TrainSettings, weights: Path | None = None) -> Start:
    """Open the encoder and find what training begins from.

    An encoder may carry `projection_features`, the name of a representation that gives what its own projection is
    given, and `initial_projection`, the (weight, bias) of that projection's layers (CLAP: the paper fine-tunes its
    "linear projection layers"). Where it has none, a residual MLP whose last layer is zero, or one layer that is the
    identity, is put on its vectors.

    Parameters
    ----------
    settings
        `encoder`, `projection`, `hidden` and `seed` count.
    weights
        The encoder's weights file, where it takes one.

    Raises
    ------
    RepresentationError
        When the encoder cannot be had, or what it carries does not fit.
    """
    if settings.encoder == NAME:
        raise RepresentationError(
            NAME, "is what a training makes, not an encoder", "train over the encoder that it was trained over"
        )
    if settings.encoder in _REDUCED and settings.projection == "auto":
        raise RepresentationError(
            settings.encoder,
            "its own projection takes features in full precision, which are those of clap",
            "train over clap, or put a projection on its vectors with --projection mlp",
        )
    encoder = create(settings.encoder, weights=weights)
    named = getattr(encoder, "projection_features", None)
    if settings.projection != "auto" or not named:
        kind = "linear" if settings.projection == "linear" else "mlp"
        return Start(settings.encoder, encoder, on_top(kind, encoder.dimension, settings.hidden, settings.seed))
    features = create(str(named), weights=weights)
    return Start(settings.encoder, features, _own(encoder, features))


def on_top(kind: str, dimension: int, hidden: int = 0, seed: int = 0) -> Projection:
    """A projection that gives back unit vectors as they are.

    Parameters
    ----------
    kind
        ``"linear"``, the identity; or ``"mlp"``, a residual one whose second layer is zero and whose first is drawn
        evenly from +-1/sqrt(dimension), as torch draws a Linear.
    dimension
        Length of the vectors.
    hidden
        Width of the MLP; `dimension` when 0.
    seed
        Of the first layer.
    """
    if kind == "linear":
        layers: tuple[Layer, ...] = ((np.eye(dimension, dtype=np.float32), np.zeros(dimension, np.float32)),)
        return Projection(layers, kind)
    hidden = hidden or dimension
    drawn = chance.numbers(hidden * (dimension + 1), "mlp", seed).astype(np.float64) / 2.0**64
    first = ((2.0 * drawn - 1.0) / np.sqrt(dimension)).astype(np.float32)
    weight, bias = first[: hidden * dimension].reshape(hidden, dimension), first[hidden * dimension :]
    zero = (np.zeros((dimension, hidden), np.float32), np.zeros(dimension, np.float32))
    return Projection(((weight, bias), zero), kind, residual=True)


def _own(encoder: Representation, features: Representation) -> Projection:
    try:
        layers = tuple(
            (np.array(weight, np.float32), np.array(bias, np.float32))
            for weight, bias in getattr(encoder, "initial_projection", ())
        )
        kind = next((name for name, count in LAYERS.items() if count == len(layers)), "")
        taken = layers[0][0].shape[1] if layers and layers[0][0].ndim == 2 else 0
        # One component more than the layers take is the scale of homogeneous features.
        homogeneous = bool(getattr(features, "homogeneous", taken == features.dimension - 1))
        projection = Projection(layers, kind, homogeneous=homogeneous)
        if projection.features != features.dimension:
            raise ValueError(f"it takes {projection.features} values and {features.name} gives {features.dimension}")
    except (TypeError, ValueError) as error:
        raise RepresentationError(
            encoder.name, f"its own projection cannot be trained ({error})", "use --projection mlp or linear"
        ) from error
    return projection
