"""Rhythm: onsets, their pulse, and how the sound comes and goes.

The onset strength is librosa's: the mean over mel bands of the rise in dB from one frame to the next, shifted by half a
frame (``librosa.onset.onset_strength`` with n_fft 1024, hop 256, 64 bands). Onsets are picked after Böck, Krebs and
Schedl, "Evaluating the online capabilities of onset detection methods" (ISMIR 2012), as ``librosa.onset.onset_detect``
does, with one deviation: librosa scales each envelope to a peak of one, and so finds onsets in any noise; here the
envelope stays in dB and an onset must rise by `RISE_DB` above what is around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.descriptors.timbre import mirrored_power
from amc_otio.representations.spectral import mel_filters, power_to_db

Float32 = NDArray[np.float32]

N_FFT: Final = 1024
HOP: Final = 256
BANDS: Final = 64
RATE: Final = ANALYSIS_RATE / HOP
"""Frames a second of the onset strength."""
RISE_DB: Final = 2.0
"""How far an onset rises above the local mean of the onset strength, in dB a band and frame. Of 200 s of steady noise,
white, pink or brown, the strongest frame rises 1.3 (measured)."""
_BEFORE_MAX, _BEFORE_MEAN, _AFTER_MEAN, _WAIT = (round(s * RATE) for s in (0.03, 0.1, 0.1, 0.03))

STEP: Final = 240
"""Samples between the points of the amplitude envelope (5 ms); each is measured over twice as many."""
FALL_DB: Final = 20.0
"""How far a sound has fallen when it has died away."""
_STEP_S: Final = STEP / ANALYSIS_RATE
PULSE_S: Final = (0.08, 0.45)
"""Shortest and longest interval of a pulse: one second must show three beats."""
PULSE_CLEAR: Final = 0.3
"""Autocorrelation from which onsets come in a pulse."""


@dataclass(frozen=True)
class Envelope:
    """How the amplitude of windows moves; each of shape ``(n,)``, float32.

    Attributes
    ----------
    attack
        Seconds from a fifth to nine tenths of the highest amplitude; NaN where the sound is there from the start.
    decay
        Seconds from the highest amplitude until 20 dB below it; NaN where the sound lasts beyond the window.
    activity
        Share of the window within 30 dB of its highest amplitude.
    """

    attack: Float32
    decay: Float32
    activity: Float32


def onset_strength(windows: Float32) -> Float32:
    """Mean rise over the mel bands in dB a frame, shape ``(n, 188)``; equal to librosa's with mirrored ends."""
    power = mirrored_power(windows, N_FFT, HOP)
    mel = power_to_db(np.matmul(mel_filters(ANALYSIS_RATE, N_FFT, BANDS), power), top_db=80.0)
    rise = np.maximum(np.diff(mel, axis=2), 0.0).mean(axis=1)
    late = 1 + N_FFT // (2 * HOP)
    strength = np.zeros((len(windows), mel.shape[2]), np.float32)
    strength[:, late:] = rise[:, : mel.shape[2] - late]
    return strength


def onsets(strength: Float32) -> NDArray[np.bool_]:
    """Which frames of onset strengths ``(n, frames)`` are onsets; the same shape.

    A frame is one when it is the highest of the 30 ms before it and no lower than the next, lies `RISE_DB` above the
    mean of the 100 ms on either side, and comes at least 30 ms after the last.
    """
    n, frames = strength.shape
    before = np.pad(strength, ((0, 0), (_BEFORE_MAX, 1)))
    highest = np.lib.stride_tricks.sliding_window_view(before, _BEFORE_MAX + 2, axis=1).max(axis=2)
    total = np.concatenate([np.zeros((n, 1)), np.cumsum(strength, axis=1, dtype=np.float64)], axis=1)
    first = np.maximum(np.arange(frames) - _BEFORE_MEAN, 0)
    last = np.minimum(np.arange(frames) + _AFTER_MEAN + 1, frames)
    mean = (total[:, last] - total[:, first]) / (last - first)
    peaks: NDArray[np.bool_] = (strength >= highest) & (strength >= mean + RISE_DB)
    picked: NDArray[np.bool_] = np.zeros((n, frames), np.bool_)
    for row in np.flatnonzero(peaks.any(axis=1)):
        earlier = -frames
        for frame in np.flatnonzero(peaks[row]):
            if frame - earlier > _WAIT:
                picked[row, frame] = True
                earlier = frame
    return picked


def pulse(strength: Float32, picked: NDArray[np.bool_]) -> Float32:
    """Interval of the pulse in seconds, shape ``(n,)``; NaN where there is none.

    The highest peak of the onset strength's autocorrelation between 0.08 and 0.45 s, normalised by the overlap. There
    is none where it is below 0.3, or where fewer than three onsets were picked.
    """
    n, frames = strength.shape
    centred = strength - strength.mean(axis=1, keepdims=True)
    size = 1 << (2 * frames - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(centred.astype(np.float64), size, axis=1)) ** 2
    correlation = np.fft.irfft(spectrum, size, axis=1)[:, :frames]
    lags = np.arange(frames)
    power = np.maximum(correlation[:, :1], 1e-12)
    normal = correlation / power * (frames / (frames - lags))
    low, high = (round(s * RATE) for s in PULSE_S)
    inside, left, right = (normal[:, low + d : high + d] for d in (0, -1, 1))
    peak = (inside > left) & (inside >= right)
    values = np.where(peak, inside, 0.0)
    best = values.argmax(axis=1)
    clear = (values[np.arange(n), best] >= PULSE_CLEAR) & (picked.sum(axis=1) >= 3)
    return np.where(clear, (low + best) / RATE, np.nan).astype(np.float32)


def amplitude(windows: Float32) -> Float32:
    """Root mean square over 10 ms every 5 ms, without the window's offset; shape ``(n, 199)`` for a second."""
    centred = windows - windows.mean(axis=1, keepdims=True)
    whole = windows.shape[1] // STEP
    blocks = np.square(centred[:, : whole * STEP]).reshape(len(windows), whole, STEP).sum(axis=2)
    return np.asarray(np.sqrt((blocks[:, :-1] + blocks[:, 1:]) / np.float32(2 * STEP)), dtype=np.float32)


def envelope(windows: Float32) -> Envelope:
    """Attack, decay and activity of windows ``(n, 48000)`` with a peak of 1."""
    level = amplitude(windows)
    n = len(level)
    attack, decay = np.full(n, np.nan, np.float32), np.full(n, np.nan, np.float32)
    top = level.max(axis=1)
    where = level.argmax(axis=1)
    activity = np.where(top > 0.0, (level >= 10.0 ** (-30 / 20) * top[:, None]).mean(axis=1), 0.0)
    for row in np.flatnonzero(top > 0.0):
        peak, height = int(where[row]), level[row] / top[row]
        low = np.flatnonzero(height[: peak + 1] < 0.2)
        if low.size:
            reached = low[-1] + 1 + int(np.argmax(height[low[-1] + 1 : peak + 1] >= 0.9))
            attack[row] = (reached - low[-1]) * _STEP_S
        fallen = np.flatnonzero(height[peak:] < 10.0 ** (-FALL_DB / 20))
        if fallen.size:
            decay[row] = int(fallen[0]) * _STEP_S
    return Envelope(attack, decay, activity.astype(np.float32))
