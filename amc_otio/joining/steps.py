"""How far apart two sounds are at the point where they meet: reasons that an editor understands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FLOOR = 1e-10


def level_step_db(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """RMS level of `after` relative to `before`, in dB; mono arrays of some 150 ms each."""
    return float(10.0 * np.log10((_mean_square(after) + _FLOOR) / (_mean_square(before) + _FLOOR)))


def spectral_step_db(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Log-spectral distance in dB between two mean mel spectra, their level difference taken out.

    Parameters
    ----------
    before, after
        Power mel spectrograms, shape ``(bands, steps)``; averaged over time here.
    """
    if before.shape[1] == 0 or after.shape[1] == 0:
        return 0.0
    a = 10.0 * np.log10(before.mean(axis=1, dtype=np.float64) + _FLOOR)
    b = 10.0 * np.log10(after.mean(axis=1, dtype=np.float64) + _FLOOR)
    difference = b - a
    return float(np.sqrt(np.mean((difference - difference.mean()) ** 2)))


def _mean_square(samples: NDArray[np.float32]) -> float:
    return float(np.mean(samples.astype(np.float64) ** 2)) if samples.size else 0.0
