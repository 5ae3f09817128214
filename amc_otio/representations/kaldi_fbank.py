"""Kaldi's log-mel filter bank, as speech models and ImageBind take their sound.

Equal to ``torchaudio.compliance.kaldi.fbank`` with a Hann window and no dither (Kaldi's ``compute-fbank-feats``). It
is another mel than librosa's (`amc_otio.representations.spectral`): frames lie whole inside the sound, each loses its
mean and is pre-emphasised, the triangles are drawn over mel rather than Hz, and the logarithm is the natural one.
Computed in double precision: beside a transformer it costs nothing, and weak bands keep their digits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FRAME_S, STEP_S = 0.025, 0.010
PRE_EMPHASIS = 0.97
LOWEST_HZ = 20.0
"""Lower edge of the first band; the upper edge of the last is half the sample rate."""
FLOOR = float(np.finfo(np.float32).eps)
"""Smallest mel power before the logarithm."""


def frame_count(samples: int, sample_rate: int) -> int:
    """How many frames lie whole inside a sound of `samples` samples."""
    frame, step = int(FRAME_S * sample_rate), int(STEP_S * sample_rate)
    return 0 if samples < frame else 1 + (samples - frame) // step


@lru_cache(maxsize=4)
def mel_triangles(sample_rate: int, n_fft: int, bands: int) -> NDArray[np.float64]:
    """Triangles of equal width in HTK mel, ``1127 ln(1 + f / 700)``, with a peak of one.

    Returns
    -------
    numpy.ndarray
        Shape ``(bands, n_fft // 2)``: the bin at half the sample rate belongs to no band. A band that is narrower than
        a bin may be empty.
    """
    ends = 1127.0 * np.log1p(np.array([LOWEST_HZ, sample_rate / 2.0]) / 700.0)
    corners = np.linspace(ends[0], ends[1], bands + 2)
    bins = 1127.0 * np.log1p(np.arange(n_fft // 2) * (sample_rate / n_fft) / 700.0)
    low, centre, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    triangles = np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    triangles.flags.writeable = False
    return np.asarray(triangles, np.float64)


def fbank(windows: NDArray[np.floating[Any]], sample_rate: int, bands: int) -> NDArray[np.float32]:
    """Log-mel power of each window.

    Parameters
    ----------
    windows
        Shape ``(n, samples)``, at least one frame long.
    sample_rate
        In Hz.
    bands
        Mel bands from 20 Hz to half the sample rate.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, frames, bands)``, float32, with `frame_count` frames of 25 ms every 10 ms: natural logarithm of the
        power in each band, raised to that of 1.19e-7.
    """
    sound = np.ascontiguousarray(windows, np.float64)
    frame, step = int(FRAME_S * sample_rate), int(STEP_S * sample_rate)
    n_fft = 1 << (frame - 1).bit_length()
    frames = np.lib.stride_tricks.sliding_window_view(sound, frame, axis=1)[:, ::step]
    frames = frames - frames.mean(axis=2, keepdims=True)
    # The first sample has no predecessor: it is its own.
    before = np.concatenate([frames[:, :, :1], frames[:, :, :-1]], axis=2)
    emphasised = (frames - PRE_EMPHASIS * before) * np.hanning(frame)
    spectra = np.fft.rfft(emphasised, n_fft)[:, :, : n_fft // 2]
    power = spectra.real**2 + spectra.imag**2
    mel = power @ mel_triangles(sample_rate, n_fft, bands).T
    return np.asarray(np.log(np.maximum(mel, FLOOR)), np.float32)
