"""LAION-CLAP's audio tower (Wu et al., ICASSP 2023), one of the paper's two deep representations (section 2.2).

The network is a file that ``amc-otio models add`` made from a checkpoint of LAION's or Hugging Face's; it runs on NumPy
and onnxruntime alone. A window of one second is embedded as LAION's own code embeds it: repeated to ten seconds,
48 kHz. `amc_otio.representations.clap_mel` makes the spectrogram in float32 for every precision of the network.

Reduced precisions are representations of their own (``clap-int8``, ``clap-bf16``), so that a library never mixes their
vectors with those of ``clap``. They are offered on processors with the instructions for them, after
``amc-otio models check`` found their vectors alike enough.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import RepresentationError
from amc_otio.representations import clap_mel, cpu
from amc_otio.representations.base import FloatArray
from amc_otio.representations.checks import as_windows, check_threads
from amc_otio.representations.model_files import Model, StoredFile, find
from amc_otio.representations.network import HeldFile, LazySession, elsewhere, embed_sounding
from amc_otio.representations.sessions import OnnxruntimeSession, OpenvinoSession, Session

KIND: Final = "clap"
PRECISIONS: Final = ("fp32", "int8", "bf16")
ENGINES: Final = ("onnxruntime", "openvino")
BATCH: Final = 2
"""Windows in one run of the network: one or two stay in the cache, more are slower on one thread."""

Projection = tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]
"""Layers (weight of shape (out, in), bias) with a rectifier between them."""


class ClapRepresentation:
    """Unit vectors of 512 dimensions from LAION-CLAP's audio tower and projection.

    Parameters
    ----------
    threads
        Processor threads of one embedding; the engine decides (all cores) when ``None``.
    weights
        A model's name in the model folder, or the path of its file; the preferred one when ``None``.
    precision
        ``"fp32"``, ``"int8"`` or ``"bf16"``.
    engine
        ``"onnxruntime"`` (the default) or ``"openvino"``, for fp32. bf16 is always OpenVINO's, int8 onnxruntime's.
    unchecked
        Lets a reduced precision run without its self-check; the self-check itself needs that.

    Attributes
    ----------
    projection_features
        The representation whose vectors a projection is trained on.
    initial_projection
        The checkpoint's own projection, from which training starts: ``((W1, b1), (W2, b2))``.
    licence
        Of the weights; ``"unknown"`` where nobody said.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When there is no such model, it is damaged, or the precision is not offered here.
    """

    version = "1"
    sample_rate = clap_mel.SAMPLE_RATE
    projection_features = "clap-features"
    _output = "embedding"

    def __init__(
        self,
        threads: int | None = None,
        weights: Path | None = None,
        precision: str = "fp32",
        engine: str = "onnxruntime",
        unchecked: bool = False,
    ) -> None:
        self.name = self._name(precision)
        check_threads(threads, self.name)
        if precision not in PRECISIONS or engine not in ENGINES:
            raise RepresentationError(self.name, f"there is no {precision} by {engine}", f"choose from {PRECISIONS}")
        self._settings = (threads, weights, precision, engine, unchecked)
        self.model = find(KIND, weights)
        if not unchecked:
            check_precision(self.model, precision, cpu.instructions())
        self._file = HeldFile(self.model, _file_of(self.model, precision))
        self.weights_hash = self._file.sha256
        self.licence = self.model.manifest.licence
        self.dimension = self._dimension()
        self._session = LazySession(self._open)

    @staticmethod
    def _name(precision: str) -> str:
        return KIND if precision == "fp32" else f"{KIND}-{precision}"

    def _dimension(self) -> int:
        return self.model.manifest.dimension

    @property
    def initial_projection(self) -> Projection:
        """See the class."""
        stored = self.model.manifest.projection
        if stored is None:
            raise RepresentationError(self.name, "its model has no projection", "add the checkpoint again")
        from safetensors.numpy import load

        held = load(self.model.verified(stored).read_bytes())
        layers = range(len(held) // 2)
        return tuple((held[f"{layer}.weight"], held[f"{layer}.bias"]) for layer in layers)

    def embed(self, windows: FloatArray) -> NDArray[np.float32]:
        """See `amc_otio.representations.base.Representation.embed`."""
        batch = as_windows(windows, self.sample_rate, self.name)
        session = self._session.get()

        def run(some: NDArray[np.float32]) -> NDArray[np.float32]:
            return self._placed(session.run(self._output, {"log_mel": clap_mel.log_mel(some)}))

        return embed_sounding(batch, self.dimension, BATCH, run, self.name)

    def _placed(self, found: NDArray[np.float32]) -> NDArray[np.float32]:
        return found

    def _open(self) -> Session:
        threads, _, precision, engine, _ = self._settings
        if precision == "bf16":
            return OpenvinoSession(self._file.path(), threads, self.name, "bf16")
        if engine == "openvino":
            return OpenvinoSession(self._file.path(), threads, self.name, "f32")
        return OnnxruntimeSession(self._file.path(), threads, self.name)

    def __reduce__(self) -> tuple[Any, ...]:
        """See `amc_otio.representations.network.elsewhere`."""
        return elsewhere(self, self._settings)


class ClapFeatures(ClapRepresentation):
    """The tower's features before the projection, as unit vectors that still hold the features' length.

    What a projection is trained on. Features ``f`` are not of unit length and a library keeps unit vectors, so they are
    kept in homogeneous coordinates: ``(f, 1) / |(f, 1)|``, one dimension more than the features; dividing by the last
    coordinate gives ``f`` again.
    """

    _output = "features"

    @staticmethod
    def _name(precision: str) -> str:
        return "clap-features" if precision == "fp32" else f"clap-features-{precision}"

    def _dimension(self) -> int:
        return self.model.manifest.feature_dimension + 1

    def _placed(self, found: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([found, np.ones((len(found), 1), np.float32)], axis=1)


def features_of(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features from the vectors of `ClapFeatures`; rows of silent windows stay zero.

    Parameters
    ----------
    vectors
        Shape ``(n, dimension + 1)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, dimension)``, float32.
    """
    last = vectors[:, -1:]
    return np.asarray(vectors[:, :-1] / np.where(last > 0.0, last, np.float32(1.0)), dtype=np.float32)


def _file_of(model: Model, precision: str) -> StoredFile:
    check = model.manifest.precisions.get(precision)
    return check.model if check is not None and check.model is not None else model.manifest.onnx


def check_precision(model: Model, precision: str, has: frozenset[str] | None) -> None:
    """Let a precision pass, or say what stands in its way.

    Parameters
    ----------
    model
        The model with its self-checks.
    precision
        One of `PRECISIONS`; fp32 always passes.
    has
        The processor's instructions, as `amc_otio.representations.cpu.instructions` gives them.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When the processor lacks the instructions, the self-check was not run, failed, or ran on another processor.
    """
    if precision == "fp32":
        return
    name, model_name = f"{KIND}-{precision}", model.manifest.name
    reason = cpu.refusal(precision, has)
    if reason:
        raise RepresentationError(name, reason, f"use {KIND}")
    check = model.manifest.precisions.get(precision)
    run = f"run: amc-otio models check {model_name} --precision {precision}"
    if check is None:
        raise RepresentationError(name, f"{precision} of {model_name} has not been compared with fp32 here", run)
    if not check.passed:
        raise RepresentationError(
            name,
            f"{precision} of {model_name} failed its self-check (lowest cosine {check.lowest_cosine:.4f}, "
            f"{check.overlap:.0%} of the nearest {check.top_k} the same)",
            f"use {KIND}",
        )
    if check.instructions != cpu.useful(precision, has):
        raise RepresentationError(name, f"{precision} of {model_name} was checked on another kind of processor", run)
