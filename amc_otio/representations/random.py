"""A control that knows nothing of sound: a random direction that depends on the samples alone."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.representations.base import FloatArray
from amc_otio.representations.checks import SILENT_PEAK, as_windows, peak, unit_rows


class RandomRepresentation:
    """The same window always gives the same vector, on every machine; any other window an unrelated one."""

    name = "random"
    version = "1"
    sample_rate = ANALYSIS_RATE
    dimension = 64
    weights_hash = ""

    def embed(self, windows: FloatArray) -> NDArray[np.float32]:
        """See `amc_otio.representations.base.Representation.embed`."""
        batch = as_windows(windows, self.sample_rate, self.name)
        vectors = np.zeros((len(batch), self.dimension))
        for row, window in enumerate(batch):
            vectors[row] = gaussian(window.astype("<f4").tobytes(), self.dimension)
        return unit_rows(vectors, peak(batch) < SILENT_PEAK)


def gaussian(content: bytes, count: int) -> NDArray[np.float64]:
    """`count` standard normal numbers drawn from a hash of `content` (Box and Muller, 1958).

    NumPy's generators do not promise the same stream in every version; a hash does.
    """
    seed = hashlib.blake2b(content).digest()
    drawn = np.frombuffer(hashlib.shake_256(seed).digest(16 * count), "<u8").reshape(2, count)
    uniform = (drawn >> np.uint64(11)).astype(np.float64) / 2.0**53
    return np.asarray(np.sqrt(-2.0 * np.log1p(-uniform[0])) * np.cos(2.0 * np.pi * uniform[1]))
