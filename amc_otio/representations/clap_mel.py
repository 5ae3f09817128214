"""The spectrogram that LAION-CLAP hears: one second, repeated to ten, as 104 frames of 64 mel bands.

LAION's code repeats a short sound until ten seconds are full and takes 1,001 frames of 1,024 samples every 480. One
second is exactly 100 hops, so of these frames only 104 differ: the two at either end, which reach over the edge and
meet the reflected sound, and the 100 of one period in between. They are computed here; what puts them into all 1,001
places is `frame_places`. The values equal LAION's own (torchlibrosa) to the noise of float32.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.representations.fourier import PowerSpectrum
from amc_otio.representations.spectral import hann, mel_filters, power_to_db

SAMPLE_RATE: Final = 48_000
REPEATS: Final = 10
N_FFT: Final = 1024
HOP: Final = 480
MEL_BANDS: Final = 64
FMIN, FMAX = 50.0, 14_000.0
FLOOR: Final = 1e-10
"""Smallest power before the logarithm: -100 dB."""

FRAMES: Final = 1 + REPEATS * SAMPLE_RATE // HOP
"""Frames of the ten seconds."""
PERIOD: Final = SAMPLE_RATE // HOP
"""Hops in one second, after which the frames come again."""
UNIQUE: Final = PERIOD + 4
"""Frames that differ."""
_HALF = N_FFT // 2
_AT_EDGE = 2
"""Frames at each end that reach over the edge: those centred less than half a frame from it."""
_WINDOWS = 2
"""Windows transformed at a time, so that the work stays in the cache."""


@lru_cache(maxsize=1)
def frame_places() -> NDArray[np.intp]:
    """Which of the 104 frames stands at each of the 1,001 places; shape ``(1001,)``.

    The 104 are, in this order: 0 and 1 (the beginning), 2 to 101 (one period), 999 and 1000 (the end).
    """
    places = np.arange(FRAMES)
    inner = _AT_EDGE + (places - _AT_EDGE) % PERIOD
    held = np.where(places < _AT_EDGE, places, np.where(places >= FRAMES - _AT_EDGE, places - FRAMES + UNIQUE, inner))
    return held.astype(np.intp)


def quantised(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The round trip through 16 bits that LAION's code makes: clipped, scaled by 32,767, cut towards zero."""
    steps = (np.clip(windows, np.float32(-1.0), np.float32(1.0)) * np.float32(32767.0)).astype(np.int16)
    return np.asarray(steps / 32767.0, dtype=np.float32)


def log_mel(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The 104 different mel frames of the repeated second, in decibels.

    Parameters
    ----------
    windows
        Shape ``(n, 48000)``, float32, finite.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, 104, 64)``, float32: ``10 log10(max(S, 1e-10))`` with S the power in 64 Slaney mel bands of unit
        area from 50 to 14,000 Hz, periodic Hann window.
    """
    sound = quantised(windows)
    filters = np.ascontiguousarray(mel_filters(SAMPLE_RATE, N_FFT, MEL_BANDS, FMIN, FMAX).T)
    taper = hann(N_FFT)
    spectrum = PowerSpectrum(N_FFT, _WINDOWS * UNIQUE)
    # The beginning with its reflection, and on into the second time round until frame 101 is complete.
    head = _HALF + (PERIOD + 1) * HOP + _HALF
    # The last two frames: what they read of the end, and its reflection.
    tail = HOP + N_FFT
    laid = np.empty((_WINDOWS, head + tail), np.float32)
    starts = np.concatenate([HOP * np.arange(PERIOD + _AT_EDGE), head + HOP * np.arange(_AT_EDGE)])
    every = np.lib.stride_tricks.sliding_window_view(laid, N_FFT, axis=1)
    tapered = np.empty((_WINDOWS, UNIQUE, N_FFT), np.float32)
    mel = np.empty((len(sound), UNIQUE, MEL_BANDS), np.float32)
    for first in range(0, len(sound), _WINDOWS):
        block = sound[first : first + _WINDOWS]
        count = len(block)
        laid[:count, :_HALF] = block[:, _HALF:0:-1]
        laid[:count, _HALF : _HALF + SAMPLE_RATE] = block
        laid[:count, _HALF + SAMPLE_RATE : head] = block[:, : head - SAMPLE_RATE - _HALF]
        laid[:count, head : head + tail - _HALF] = block[:, SAMPLE_RATE - (tail - _HALF) :]
        laid[:count, head + tail - _HALF :] = block[:, -2 : -2 - _HALF : -1]
        np.multiply(every[:count, starts], taper, out=tapered[:count])
        power = spectrum(tapered[:count].reshape(count * UNIQUE, N_FFT))
        np.matmul(power, filters, out=mel[first : first + count].reshape(count * UNIQUE, MEL_BANDS))
    return power_to_db(mel, amin=FLOOR, top_db=None)
