"""Pitch: fundamental frequency and how clear it is, after YIN.

A. de Cheveigné and H. Kawahara, "YIN, a fundamental frequency estimator for speech and music", J. Acoust. Soc. Am.
111, 2002: the difference function (their equation 6), its cumulative mean normalisation (8), the absolute threshold and
parabolic interpolation (steps 4 and 5). Each frame gives its best period and the value of the normalised difference
there, the share of its power that the period does not explain.

Frames lie wholly inside the window, and the difference is taken over a fixed 1024 samples, as in the paper;
``librosa.yin`` (0.11) lets the span shrink as the lag grows and pads the ends, and otherwise finds the same.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE

FRAME: Final = 2048
"""Samples of a frame at 48 kHz."""
STEP: Final = FRAME // 2
"""Samples between frames, and those over which a difference is summed."""
LOWEST_HZ: Final = 60.0
HIGHEST_HZ: Final = 4000.0
THRESHOLD: Final = 0.1
"""The first period whose normalised difference falls below this is taken; the paper's value and librosa's."""
VOICED: Final = 0.2
"""A frame whose normalised difference at its period is higher than this has no clear pitch."""
ACTIVE_DB: Final = 30.0
"""Frames further below the window's loudest one are not asked for their pitch."""
FEWEST: Final = 3
"""Voiced frames that a pitch needs (64 ms and more): one or two are chance."""
CLEAR: Final = 0.2
"""Voicing from which a window has a pitch."""
_SHORTEST: Final = int(ANALYSIS_RATE / HIGHEST_HZ)
_LONGEST: Final = round(ANALYSIS_RATE / LOWEST_HZ)


def yin(windows: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Fundamental frequency, aperiodicity and power of each frame.

    Parameters
    ----------
    windows
        Shape ``(n, samples)``, mono at 48 kHz, around a mean of 0; at least 2048 samples.

    Returns
    -------
    f0 : numpy.ndarray
        Shape ``(n, frames)``, Hz.
    aperiodicity : numpy.ndarray
        The same shape: the normalised difference at the period, near 0 for a clear pitch and about 1 for none; 1 for a
        frame of nothing.
    power : numpy.ndarray
        The same shape: sum of squares.
    """
    difference, power = _normalised_difference(windows)
    # The first and last lag are there as neighbours for the comparisons only.
    n, count, lags = difference.shape
    difference = difference.reshape(n * count, lags)
    middle, left, right = difference[:, 1:-1], difference[:, :-2], difference[:, 2:]
    deep = (middle < left) & (middle <= right) & (middle < THRESHOLD)
    best = np.where(deep.any(axis=1), deep.argmax(axis=1), middle.argmin(axis=1))
    row = np.arange(len(best))
    low, at, high = left[row, best], middle[row, best], right[row, best]
    bend = low - 2.0 * at + high
    shift = np.where(bend > 1e-12, 0.5 * (low - high) / np.where(bend > 1e-12, bend, 1.0), 0.0)
    f0 = ANALYSIS_RATE / (_SHORTEST + best + np.clip(shift, -1.0, 1.0))
    return f0.reshape(n, count), at.reshape(n, count), power


def _normalised_difference(windows: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Equation (8) at lags ``_SHORTEST - 1`` to ``_LONGEST + 1``, and the frames' power."""
    blocks = windows.shape[1] // STEP
    sound = windows[:, : blocks * STEP].astype(np.float64)
    spectra = np.fft.rfft(sound.reshape(len(sound), blocks, STEP), FRAME, axis=2)
    # A frame is two blocks, the second half a transform later: (-1)^k. A span of one block at lags up to its length
    # stays inside the frame, so the circular correlation is the plain one.
    later = spectra[:, 1:] * np.where(np.arange(FRAME // 2 + 1) % 2, -1.0, 1.0)
    product = np.conj(spectra[:, :-1]) * (spectra[:, :-1] + later)
    correlation = np.fft.irfft(product, FRAME, axis=2)[:, :, : _LONGEST + 2]
    running = np.concatenate([np.zeros((len(sound), 1)), np.cumsum(sound**2, axis=1)], axis=1)
    lags = np.arange(_LONGEST + 2)
    ahead = np.lib.stride_tricks.sliding_window_view(running, STEP + len(lags), axis=1)[:, ::STEP][:, : blocks - 1]
    power = ahead[:, :, STEP:] - ahead[:, :, : len(lags)]
    difference = np.maximum(power[:, :, :1] + power - 2.0 * correlation, 0.0)
    difference[:, :, 0] = 0.0
    total = np.cumsum(difference, axis=2)
    whole = running[:, FRAME::STEP] - running[:, :-FRAME:STEP]
    # What rounding leaves of a frame of nothing is no period.
    some = total > 1e-9 * whole[:, :, None] + 1e-12
    normal = np.where(some, difference * lags / np.where(some, total, 1.0), 1.0)
    return normal[:, :, _SHORTEST - 1 :], whole


def pitch(windows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The pitch of each window, and how much of it is voiced.

    Parameters
    ----------
    windows
        Shape ``(n, 48000)``, mono at 48 kHz, peak 1.

    Returns
    -------
    f0 : numpy.ndarray
        Shape ``(n,)``, float32, Hz: the median over the voiced frames; NaN where less than a fifth is voiced.
    voicing : numpy.ndarray
        Shape ``(n,)``, float32, in [0, 1]: the amplitude of the voiced frames as a share of that of all that sound; 0
        where fewer than three frames are voiced.
    """
    f0, aperiodicity, power = yin(windows)
    loudest = power.max(axis=1, keepdims=True)
    active = (power >= loudest * 10.0 ** (-ACTIVE_DB / 10.0)) & (loudest > 0.0)
    voiced = active & (aperiodicity < VOICED)
    level = np.sqrt(power)  # amplitude: a loud click does not drown the tone behind it
    share = (level * voiced).sum(axis=1) / np.maximum((level * active).sum(axis=1), 1e-30)
    voicing = np.where(voiced.sum(axis=1) >= FEWEST, share, 0.0)
    known = np.full(len(windows), np.nan)
    for row in np.flatnonzero(voicing >= CLEAR):
        known[row] = np.exp(np.median(np.log(f0[row, voiced[row]])))
    return known.astype(np.float32), voicing.astype(np.float32)
