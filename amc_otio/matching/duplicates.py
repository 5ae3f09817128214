"""Folding near-duplicates: the same recording twice is one candidate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAME_RECORDING = 0.6
"""Whitened correlation from which two windows are one recording: lossy copies of a recording reach 0.8 and more,
other takes of the same sound stay below 0.4 (measured on labelled takes)."""


def same_recording(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether two windows hold the same recording at any shift of up to half a window.

    Cross-correlation with each spectrum whitened where it holds energy (the phase transform), so that loudness,
    equalisation and codec hardly matter.

    Parameters
    ----------
    one, other
        Mono samples, same rate, shapes ``(n,)`` and ``(m,)``.
    """
    size = 1 << (len(one) + len(other) - 1).bit_length()
    a, b = np.fft.rfft(one.astype(np.float64), size), np.fft.rfft(other.astype(np.float64), size)
    power_a, power_b = np.abs(a) ** 2, np.abs(b) ** 2
    # Bands 50 dB below a window's loudest hold codec noise, not the recording.
    held = (power_a > power_a.max() * 1e-5) & (power_b > power_b.max() * 1e-5)
    if held.sum() < size // 200:
        return False
    cross = np.zeros_like(a)
    product = a[held] * np.conj(b[held])
    cross[held] = product / np.maximum(np.abs(product), 1e-30)
    correlation = np.fft.irfft(cross, size)
    # A perfect match of all held bins would reach 2 * held / size.
    return float(np.abs(correlation).max()) * size / (2.0 * float(held.sum())) >= SAME_RECORDING
