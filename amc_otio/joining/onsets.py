"""Where events begin: a curve of how much louder the bands become, and its peaks."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.joining.spectra import decibels
from amc_otio.representations.spectral import spectra_at

STEP: Final = 256
"""Samples between the points of the curve, about 5 ms."""
N_FFT: Final = 1024
BANDS: Final = 40
_LAG: Final = 2
RISE_DB: Final = 9.0
"""A mean rise over all bands within about 10 ms that makes an onset."""
_APART: Final = int(0.03 * ANALYSIS_RATE) // STEP


def rises(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """How much the bands rise within about 10 ms, at points `STEP` apart, in dB, falling bands counted as 0.

    Parameters
    ----------
    samples
        Mono at 48 kHz, shape ``(n,)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(m,)``, empty for less than about 20 ms of sound; value k is the rise from the frame that is centred on
        sample ``k * STEP`` to the one on ``(k + 2) * STEP``.
    """
    # No frame reaches past the end: where a tone is broken off, every band seems to rise.
    centres = np.arange(0, samples.size - N_FFT // 2 + 1, STEP, dtype=np.int64)
    if centres.size <= _LAG:
        return np.zeros(0)
    levels = decibels(spectra_at(samples, ANALYSIS_RATE, centres, N_FFT, BANDS))
    return np.asarray(np.maximum(levels[:, _LAG:] - levels[:, :-_LAG], 0.0).mean(axis=0))


def onsets(samples: NDArray[np.float32]) -> NDArray[np.int64]:
    """Samples at which events begin: peaks of `rises` above `RISE_DB`, at least 30 ms apart, found within 6 ms."""
    curve = rises(samples)
    found: list[int] = []
    for place in np.argsort(-curve, kind="stable"):
        if curve[place] < RISE_DB:
            break
        if all(abs(int(place) - other) >= _APART for other in found):
            found.append(int(place))
    # The rise is greatest where an event lies just past the earlier frame, whose end is the later one's centre.
    return np.array(sorted(found), dtype=np.int64) * STEP + _LAG * STEP + STEP // 2
