"""The default: the sfx network, read so that it tells one kind of sound from another whoever recorded it.

`amc_otio.representations.sfx` asks its network which recording a second is from; a match cut asks which *kind* of sound
it is. Four changes, none of them trained on labels, move it from the one to the other (docs/representations.md has each
one's gain and what else was tried):

- the second is given to the network at a peak of -20 dBFS, where its logarithm flattens less of the decay;
- over time the deviation of the last feature maps is taken as well as their maximum;
- the mean over many sounds is subtracted: what every sound has in common says nothing of any;
- the directions in which sounds differ most are scaled down a little: a whitening that is strongly shrunk towards
  none.

``weights/sfx-match.safetensors`` holds the mean and the whitening, made by ``benchmarks/make_sfx_match.py``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.representations import sfx
from amc_otio.representations.base import FloatArray
from amc_otio.representations.checks import as_windows, check_threads
from amc_otio.representations.network import LazySession, embed_sounding
from amc_otio.representations.sessions import OnnxruntimeSession, Session

STATISTICS: Final = Path(__file__).resolve().parent / "weights" / "sfx-match.safetensors"
STATISTICS_SHA256: Final = "445d1fb0c00bb5f62fd9d4b8ce118a62d2ca5e79cdfe4d29d7a58c405d1fd36a"
PEAK: Final = 0.1
"""Largest sample of a window as the network gets it: -20 dBFS."""
POOLED: Final = 2
"""Poolings over time: maximum and deviation."""


def pooled(windows: NDArray[np.float32], session: Session) -> NDArray[np.float32]:
    """Maximum and deviation over time of the network's last feature maps, each a unit vector.

    Parameters
    ----------
    windows
        Shape ``(n, 44100)``, float32, none of them silent.
    session
        Of ``weights/sfx.onnx``.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, 2, 512)``, float32.
    """
    maps = session.run("over_bands", {"log_mel": sfx.log_mel(windows, PEAK)})
    both = np.stack([maps.max(axis=2), maps.std(axis=2)], axis=1)
    lengths = np.linalg.norm(both, axis=2, keepdims=True)
    return np.asarray(both / np.maximum(lengths, np.float32(1e-12)), dtype=np.float32)


def centred(poolings: NDArray[np.float32], mean: NDArray[np.float32]) -> NDArray[np.float64]:
    """Poolings less their mean over many sounds, each of unit length again, side by side.

    Parameters
    ----------
    poolings
        Shape ``(n, 2, 512)``.
    mean
        Shape ``(2, 512)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, 1024)``, float64.
    """
    moved = poolings.astype(np.float64) - mean
    moved /= np.maximum(np.linalg.norm(moved, axis=2, keepdims=True), 1e-12)
    return moved.reshape(len(moved), -1)


class SfxMatchRepresentation:
    """Unit vectors of 512 dimensions from the bundled network and the bundled statistics.

    Parameters
    ----------
    threads
        Processor threads of one embedding; onnxruntime decides (all cores) when ``None``. Several processes should
        use one each.
    weights
        Another copy of the statistics; it must be the same to the byte. The bundled one when ``None``.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When the network or the statistics are missing or damaged, or `threads` is not positive.
    """

    name = "sfx-match"
    version = "1"
    sample_rate = sfx.SAMPLE_RATE
    dimension = 512
    weights_hash = hashlib.sha256((sfx.WEIGHTS_SHA256 + STATISTICS_SHA256).encode()).hexdigest()

    def __init__(self, threads: int | None = None, weights: Path | None = None) -> None:
        check_threads(threads, self.name)
        self._settings = (threads, weights)
        self._mean, self._whitening = read_statistics(STATISTICS if weights is None else weights)
        network = sfx.read_weights(sfx.WEIGHTS)
        self._session = LazySession(lambda: OnnxruntimeSession(network, threads, self.name))

    def embed(self, windows: FloatArray) -> NDArray[np.float32]:
        """See `amc_otio.representations.base.Representation.embed`."""
        batch = as_windows(windows, self.sample_rate, self.name)
        session = self._session.get()

        def run(some: NDArray[np.float32]) -> NDArray[np.float32]:
            # In double precision: rounded to float32, a vector does not depend on how a BLAS shares the product out.
            return (centred(pooled(some, session), self._mean) @ self._whitening).astype(np.float32)

        return embed_sounding(batch, self.dimension, sfx.BATCH, run, self.name)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process makes its own: a session cannot be handed over."""
        return type(self), self._settings


def read_statistics(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Mean, shape ``(2, 512)``, and whitening, shape ``(1024, 512)``, checked against the hash in this module.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When the file cannot be read or is not the expected one.
    """
    from safetensors.numpy import load

    held = load(sfx.read_known(path, STATISTICS_SHA256, "sfx-match"))
    return held["mean"], held["whitening"].astype(np.float64)
