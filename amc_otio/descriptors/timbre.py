"""Timbre: where a sound's energy lies in frequency, in librosa's definitions, averaged over the frames that sound.

Magnitude spectra of 2048 samples every 1024 at 48 kHz (periodic Hann), each window led in and out by its own mirror
image, so that the cut of a sound that goes on is not heard as a click.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE, N_FFT
from amc_otio.representations.spectral import frame_count, mel_filters, power_to_db, stft_power

Float32 = NDArray[np.float32]

BANDS: Final = 64
"""Mel bands (Slaney) of the mean spectrum."""
ACTIVE_DB: Final = 40.0
"""A frame whose power lies further below its window's loudest frame does not sound."""
ROLLOFF: Final = 0.85
"""Share of a frame's magnitude below its rolloff frequency; librosa's default."""
_FLOOR: Final = 1e-10
_BINS: Final = (np.arange(N_FFT // 2 + 1) * (ANALYSIS_RATE / N_FFT)).astype(np.float32)
_MOMENTS: Final = np.stack([_BINS**0, _BINS, _BINS**2], axis=1)


@dataclass(frozen=True)
class Frames:
    """Timbre frame by frame, each of shape ``(n, frames)``: Hz, but `flatness`, which is a ratio in [0, 1]."""

    centroid: Float32
    bandwidth: Float32
    rolloff: Float32
    flatness: Float32


def mirrored_power(windows: Float32, n_fft: int, hop: int) -> Float32:
    """Power spectrogram with each window's mirror image beyond its ends (``pad_mode="reflect"`` in librosa).

    Returns
    -------
    numpy.ndarray
        Shape ``(n, n_fft // 2 + 1, 1 + samples // hop)``, float32.
    """
    edge = -(-(n_fft // 2) // hop)
    padded = np.pad(windows, ((0, 0), (edge * hop, edge * hop)), mode="reflect")
    return stft_power(padded, n_fft, hop)[:, :, edge : edge + frame_count(windows.shape[1], hop)]


def spectral_frames(power: Float32) -> Frames:
    """Centroid, bandwidth, rolloff and flatness of each frame.

    They equal ``librosa.feature.spectral_centroid``, ``spectral_bandwidth`` (p = 2), ``spectral_rolloff`` (0.85) and
    ``spectral_flatness`` (power 2, floor 1e-10) of the same frames; a frame of nothing gives zeros, and 1 for flatness.

    Parameters
    ----------
    power
        Shape ``(n, bins, frames)``, from `mirrored_power`.
    """
    magnitude = np.sqrt(np.ascontiguousarray(power.transpose(0, 2, 1)))
    total, first, second = np.moveaxis(np.matmul(magnitude, _MOMENTS), 2, 0)
    safe = np.where(total > 0.0, total, np.float32(1.0))
    centroid, second = first / safe, second / safe
    # The variance as a difference of moments loses its digits for a pure tone; the spread there is computed directly.
    variance = second - centroid**2
    narrow = variance < 1e-3 * np.maximum(second, 1.0)
    if narrow.any():
        shares = magnitude[narrow] / safe[narrow][:, None]
        distance = _BINS[None, :] - centroid[narrow][:, None]
        variance[narrow] = np.einsum("mb,mb->m", shares, distance**2)
    below = np.cumsum(magnitude, axis=2, dtype=np.float64)
    rolloff = _BINS[np.argmax(below >= ROLLOFF * below[:, :, -1:], axis=2)]
    held = np.maximum(power, np.float32(_FLOOR))
    flatness = np.exp(np.log(held).mean(axis=1, dtype=np.float64)) / held.mean(axis=1, dtype=np.float64)
    return Frames(centroid, np.sqrt(np.maximum(variance, 0.0)), rolloff, flatness.astype(np.float32))


def active_frames(power: Float32) -> NDArray[np.bool_]:
    """Which frames sound: within 40 dB of their window's loudest; shape ``(n, frames)``, all False for silence."""
    level = power.sum(axis=1)
    loudest = level.max(axis=1, keepdims=True)
    return np.asarray((level >= loudest * np.float32(10.0 ** (-ACTIVE_DB / 10.0))) & (loudest > 0.0))


def active_mean(values: Float32, active: NDArray[np.bool_]) -> Float32:
    """Mean over the active frames, the last axis: ``(n, ..., frames)`` to ``(n, ...)``; zero where none is active."""
    shape = (len(active),) + (1,) * (values.ndim - 2) + (active.shape[1],)
    weights = active.reshape(shape).astype(np.float32)
    count = np.maximum(weights.sum(axis=-1), 1.0)
    return np.asarray((values * weights).sum(axis=-1) / count, dtype=np.float32)


def mean_spectrum(power: Float32, active: NDArray[np.bool_]) -> Float32:
    """Mel power in dB, mean over the active frames, less its own mean over the bands: the colour without the level.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, 64)``, float32, dB.
    """
    filters = mel_filters(ANALYSIS_RATE, N_FFT, BANDS)
    decibels = power_to_db(np.matmul(filters, power), top_db=80.0)
    bands = active_mean(decibels, active)
    return np.asarray(bands - bands.mean(axis=1, keepdims=True), dtype=np.float32)
