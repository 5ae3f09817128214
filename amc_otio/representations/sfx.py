"""A network trained on sound-effects libraries, run by onnxruntime.

The encoder of Ma and Lerch, "Representation Learning for the Automatic Indexing of Sound Effects Libraries"
(ISMIR 2022; the aiSFX package, weights CC BY 4.0): eight 3 x 3 convolutions over a log-mel spectrogram, averaged over
frequency, the maximum taken over time. It is given the 44 frames of the second alone, without the package's padding to
100 frames. ``benchmarks/make_sfx_weights.py`` makes the bundled file; ``weights/README.md`` says what was changed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import RepresentationError
from amc_otio.representations.base import FloatArray
from amc_otio.representations.checks import as_windows, check_threads, peak
from amc_otio.representations.network import LazySession, embed_sounding
from amc_otio.representations.sessions import OnnxruntimeSession
from amc_otio.representations.spectral import mel_spectrogram

WEIGHTS = Path(__file__).resolve().parent / "weights" / "sfx.onnx"
WEIGHTS_SHA256 = "feb7e44765adcaea197d8a64d5ee5f18902145c142817cb1a607963ac71be339"

SAMPLE_RATE = 44_100
N_FFT, HOP = 2048, 1024
MEL_BANDS = 96
LOG_GAIN = 10_000.0
LOG_RANGE = 9.457798957824707
"""Largest value of ``log10(LOG_GAIN * mel + 1)`` in the training data; the network's input is divided by it."""
BATCH = 16
"""Windows in one run of the network. More is no faster, and 16 need some 80 MB."""


def log_mel(windows: NDArray[np.float32], loudest: float = 1.0) -> NDArray[np.float32]:
    """The network's input: compressed mel power of the windows, each scaled to the same peak.

    Parameters
    ----------
    windows
        Shape ``(n, 44100)``, float32, finite.
    loudest
        That peak; the authors' own code scales to one.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, 1, 44, 96)``, float32: ``log10(10000 S + 1) / 9.4578`` with S the power in 96 HTK mel bands of unit
        sum, 0 to 22,050 Hz, time before frequency.
    """
    peaks = peak(windows) / np.float32(loudest)
    scaled = windows / np.where(peaks > 0.0, peaks, np.float32(1.0))[:, None]
    mel = mel_spectrogram(scaled, SAMPLE_RATE, N_FFT, HOP, MEL_BANDS, scale="htk", norm="l1")
    mel *= np.float32(LOG_GAIN)
    mel += np.float32(1.0)
    np.log(mel, out=mel)
    mel *= np.float32(1.0 / (np.log(10.0) * LOG_RANGE))
    return np.ascontiguousarray(mel.transpose(0, 2, 1))[:, None]


class SfxRepresentation:
    """Unit vectors of 512 dimensions from the bundled sound-effects network.

    Parameters
    ----------
    threads
        Processor threads of one embedding; onnxruntime decides (all cores) when ``None``. Several processes should
        use one each.
    weights
        Another copy of the weights file; it must be the same to the byte. The bundled one when ``None``.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When the weights are missing or damaged, or `threads` is not positive. onnxruntime itself is loaded by the
        first `embed`.
    """

    name = "sfx"
    version = "1"
    sample_rate = SAMPLE_RATE
    dimension = 512
    weights_hash = WEIGHTS_SHA256

    def __init__(self, threads: int | None = None, weights: Path | None = None) -> None:
        check_threads(threads, self.name)
        self._threads = threads
        self._weights = weights
        model = read_weights(WEIGHTS if weights is None else weights)
        self._session = LazySession(lambda: OnnxruntimeSession(model, threads, self.name))

    def embed(self, windows: FloatArray) -> NDArray[np.float32]:
        """See `amc_otio.representations.base.Representation.embed`."""
        batch = as_windows(windows, self.sample_rate, self.name)
        session = self._session.get()

        def run(some: NDArray[np.float32]) -> NDArray[np.float32]:
            return session.run("embedding", {"log_mel": log_mel(some)})

        return embed_sounding(batch, self.dimension, BATCH, run, self.name)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process makes its own: a session cannot be handed over."""
        return type(self), (self._threads, self._weights)


def read_weights(path: Path) -> bytes:
    """The network's file, checked against the hash in this module; raises as `read_known` does."""
    return read_known(path, WEIGHTS_SHA256, "sfx")


def read_known(path: Path, sha256: str, name: str) -> bytes:
    """A bundled file that has to be the very one that the code was written for.

    Parameters
    ----------
    path
        The file, or a copy of it.
    sha256
        What it has to be.
    name
        The representation, for the message.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When the file cannot be read or is another one.
    """
    bundled = path.parent == WEIGHTS.parent
    remedy = "install amc-otio again" if bundled else "leave the weights out, or name the representation they are of"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RepresentationError(path, f"the weights of {name} cannot be read ({error.strerror})", remedy) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        reason = "are damaged or of another version" if bundled else "are bundled; these are damaged or other ones"
        raise RepresentationError(path, f"the weights of {name} {reason}", remedy)
    return data
