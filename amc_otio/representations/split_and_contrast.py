"""The paper's own representation: a frozen encoder and the projection that ``amc-otio train`` made for it.

Section 2.3 of the paper. The model file names its encoder; that is opened through the registry and must be the one
that the projection was trained on, to the version, the weights and the dimension.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.codec import decode
from amc_otio.errors import AmcError, RepresentationError
from amc_otio.representations.base import FloatArray
from amc_otio.representations.projection import Projection, from_tensors
from amc_otio.representations.tensor_file import TensorFileDamage, read

if TYPE_CHECKING:
    from amc_otio.representations.base import Representation

NAME: Final = "split-and-contrast"
KIND: Final = "amc-otio split-and-contrast model"
FORMAT: Final = 1
MAX_BYTES: Final = 1 << 30
"""The largest projection that anyone has a use for, mel on mel, has 150 MB."""

Opener = Callable[[str, "Path | None"], "Representation"]
"""Makes a representation from its name and a weights file, None for its own."""


@dataclass(frozen=True)
class FeaturesRecord:
    """The representation whose vectors the projection takes."""

    name: str
    version: str
    weights_hash: str
    dimension: int
    sample_rate: int
    weights_file: str
    """What it was opened with when not with its own weights: the name of a file, looked for beside the model, or a
    name that the representation knows itself (a model in the user's model folder)."""


@dataclass(frozen=True)
class ModelRecord:
    """What a model file says of itself, as far as it is needed to run it."""

    kind: str
    format: int
    encoder: str
    """What the model was trained over, as the user named it; `features` is what it shows of itself for training."""
    features: FeaturesRecord
    projection: str
    residual: bool
    homogeneous: bool


@dataclass(frozen=True, eq=False)
class Model:
    """A model file that was read and checked; `about` is all of its header, training and data too."""

    record: ModelRecord
    projection: Projection
    sha256: str
    about: dict[str, Any]


class SplitAndContrastRepresentation:
    """Unit vectors of a trained projection on a frozen encoder.

    Parameters
    ----------
    model
        See `read_model`.
    encoder
        The representation that the model names.

    Attributes
    ----------
    encoder
        It belongs to this process, and so does this object.
    """

    name = NAME
    version = "1"

    def __init__(self, model: Model, encoder: Representation) -> None:
        self.encoder = encoder
        self.projection = model.projection
        self.dimension = model.projection.dimension
        self.sample_rate = encoder.sample_rate
        self.weights_hash = model.sha256

    def embed(self, windows: FloatArray) -> NDArray[np.float32]:
        """See `amc_otio.representations.base.Representation.embed`."""
        return self.projection.apply(self.encoder.embed(windows))


def open_trained(weights: Path | None, opener: Opener) -> SplitAndContrastRepresentation:
    """Open a model file and the encoder that it names.

    Parameters
    ----------
    weights
        What ``amc-otio train`` wrote.
    opener
        Opens the encoder.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When there are no weights, the file is not such a model or damaged, or its encoder cannot be had or is not
        the one that it was trained on.
    """
    if weights is None:
        raise RepresentationError(
            NAME,
            "it has no weights of its own: it is what a training makes",
            "make them with: amc-otio train FOLDER -o model.safetensors, then give --weights model.safetensors "
            f"(to evaluate: {NAME}=model.safetensors)",
        )
    model = read_model(weights)
    return SplitAndContrastRepresentation(model, _open_encoder(weights, model.record, opener))


def read_model(path: Path) -> Model:
    """Read and check a model file; its encoder is not opened.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When it cannot be read, is not a model of ours, is of a newer format, or is damaged.
    """
    remedy = "give a file that amc-otio train wrote"
    try:
        file = read(path, MAX_BYTES)
        about = file.about.get("model")
        if not isinstance(about, dict) or about.get("kind") != KIND:
            raise TensorFileDamage("is not a model of amc-otio train")
        if isinstance(about.get("format"), int) and about["format"] > FORMAT:
            raise RepresentationError(path, f"was made by a newer amc-otio (format {about['format']})", "update it")
        record = decode(ModelRecord, about, "its header")
        projection = from_tensors(file.tensors, record.projection, record.residual, record.homogeneous)
        if projection.features != record.features.dimension:
            raise TensorFileDamage(
                f"takes {projection.features} values where its encoder gives {record.features.dimension}"
            )
    except RepresentationError:
        raise
    except OSError as error:
        raise RepresentationError(path, f"the weights cannot be read ({error.strerror})", remedy) from error
    except TensorFileDamage as damage:
        raise RepresentationError(path, str(damage), remedy) from damage
    except ValueError as error:
        raise RepresentationError(path, f"is damaged: {error}", remedy) from error
    except AmcError as error:  # the codec's
        raise RepresentationError(path, f"is damaged: {error.thing}: {error.reason}", remedy) from error
    return Model(record, projection, file.sha256, file.about)


def _open_encoder(path: Path, record: ModelRecord, opener: Opener) -> Representation:
    """The encoder with its own weights, or else with those that the model names: see `FeaturesRecord`."""
    wanted = record.features
    if wanted.name == NAME:
        raise RepresentationError(path, "names itself as its encoder", "give a file that amc-otio train wrote")
    encoder: Representation | None = None
    problem: RepresentationError | None = None
    try:
        encoder = opener(wanted.name, None)
    except RepresentationError as error:
        problem = error
    if wanted.weights_file and (encoder is None or encoder.weights_hash != wanted.weights_hash):
        beside = path.parent / wanted.weights_file
        # A name, not a path: a stranger's file must not choose what is opened elsewhere.
        if wanted.weights_file in (".", "..") or any(c in wanted.weights_file for c in "/\\:\0"):
            raise RepresentationError(
                path, f"names weights of its encoder by a path ({wanted.weights_file})", "train it again"
            )
        encoder = opener(wanted.name, beside) if beside.is_file() else _by_name(wanted, opener)
        if encoder is None:
            reason = f"needs the weights {wanted.weights_file} of its encoder {wanted.name} beside it"
            raise RepresentationError(path, reason, "copy that file there, or train again") from problem
    if encoder is None:
        reason = f"its encoder {wanted.name} cannot be opened: "
        reason += f"{problem.thing}: {problem.reason}" if problem else "it is not there"
        raise RepresentationError(path, reason, problem.remedy if problem else "") from problem
    for what, now, then in (
        ("version", encoder.version, wanted.version),
        ("dimension", encoder.dimension, wanted.dimension),
        ("sample rate", encoder.sample_rate, wanted.sample_rate),
        ("weights", encoder.weights_hash[:12] or "none", wanted.weights_hash[:12] or "none"),
    ):
        if now != then:
            reason = f"was trained over {wanted.name} with {what} {then}; here {wanted.name} has {what} {now}"
            raise RepresentationError(path, reason, "train it again over this one, or use the encoder of then")
    if encoder.weights_hash != wanted.weights_hash:
        raise RepresentationError(path, f"was trained over other weights of {wanted.name}", "train it again")
    return encoder


def _by_name(wanted: FeaturesRecord, opener: Opener) -> Representation | None:
    """The encoder with weights that it knows by a name; never with a file of the working folder."""
    name = Path(wanted.weights_file)
    if name.exists():
        return None
    try:
        return opener(wanted.name, name)
    except RepresentationError:
        return None
