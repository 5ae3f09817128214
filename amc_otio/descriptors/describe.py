"""Windows of one second in, what can be said of their timbre, pitch, rhythm and level out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amc_otio.config import ANALYSIS_RATE, HOP, N_FFT
from amc_otio.descriptors import pitch, rhythm, timbre
from amc_otio.errors import RepresentationError
from amc_otio.representations.checks import SILENT_PEAK, as_windows, peak

Float32 = NDArray[np.float32]

_TOGETHER = 16  # windows described at a time, so that their spectra stay small
_OFFSET_ONLY = 1e-6  # of an offset's size: what is left of it in float32 is no sound


@dataclass(frozen=True)
class Descriptors:
    """What windows sound like; every field has the windows as its first axis.

    All but `level` are indifferent to gain, polarity and a constant offset. A silent window has zeros, and NaN where a
    field can be NaN.

    Attributes
    ----------
    silent
        Shape ``(n,)``, bool.
    spectrum
        Shape ``(n, 64)``, float32: mean mel spectrum in dB around its own mean.
    centroid, bandwidth, rolloff
        Shape ``(n,)``, float32, Hz: means over the frames that sound.
    flatness
        Shape ``(n,)``, float32: 0 for a tone, towards 1 for white noise.
    f0, voicing
        Shape ``(n,)``, float32: pitch in Hz, NaN where there is none, and the share of the sound that is voiced.
    onset_strength
        Shape ``(n, 188)``, float32, dB a band and frame of 5.3 ms.
    onsets
        Shape ``(n, 188)``, bool: the frames at which something begins.
    pulse
        Shape ``(n,)``, float32: seconds between the beats of a pulse, NaN where there is none.
    attack, decay
        Shape ``(n,)``, float32, seconds; NaN where the sound goes on from before the window, or beyond it.
    activity
        Shape ``(n,)``, float32: share of the window within 30 dB of its highest amplitude.
    level
        Shape ``(n,)``, float32: loudness in LUFS where it was given, else root mean square in dBFS.
    """

    silent: NDArray[np.bool_]
    spectrum: Float32
    centroid: Float32
    bandwidth: Float32
    rolloff: Float32
    flatness: Float32
    f0: Float32
    voicing: Float32
    onset_strength: Float32
    onsets: NDArray[np.bool_]
    pulse: Float32
    attack: Float32
    decay: Float32
    activity: Float32
    level: Float32

    def __len__(self) -> int:
        return len(self.silent)

    def __getitem__(self, rows: slice | NDArray[np.integer[Any]]) -> Descriptors:
        """The descriptors of some of the windows."""
        return Descriptors(**{f.name: getattr(self, f.name)[rows] for f in dataclasses.fields(self)})

    def onset_times(self, row: int) -> NDArray[np.float64]:
        """When something begins in window `row`, in seconds from its start."""
        return np.asarray(np.flatnonzero(self.onsets[row]) / rhythm.RATE)


def describe(windows: ArrayLike, loudness: ArrayLike | None = None) -> Descriptors:
    """Describe a batch of windows.

    Parameters
    ----------
    windows
        Shape ``(n, 48000)``, mono at 48 kHz, floating point.
    loudness
        Shape ``(n,)``, LUFS, where the caller knows it (a library's shards hold it); None measures the root mean
        square in dBFS instead.

    Returns
    -------
    Descriptors

    Raises
    ------
    amc_otio.errors.RepresentationError
        When a shape is wrong or a sample or a loudness is not finite.
    """
    batch = as_windows(windows, ANALYSIS_RATE, "descriptors")
    level = None if loudness is None else np.asarray(loudness, dtype=np.float32)
    if level is not None and (level.shape != (len(batch),) or not np.isfinite(level).all()):
        raise RepresentationError(
            "descriptors", f"loudness of shape {level.shape} is no finite number a window", "pass LUFS of each window"
        )
    starts = range(0, len(batch), _TOGETHER) if len(batch) else (0,)
    parts = [_describe(batch[at : at + _TOGETHER]) for at in starts]
    joined = {f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in dataclasses.fields(Descriptors)}
    if level is not None:
        joined["level"] = level
    return Descriptors(**joined)


def _describe(batch: Float32) -> Descriptors:
    centred = batch - batch.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    top = peak(centred)
    silent = top < np.maximum(np.float32(SILENT_PEAK), np.float32(_OFFSET_ONLY) * peak(batch))
    power = np.mean(centred.astype(np.float64) ** 2, axis=1)
    level = (10.0 * np.log10(np.maximum(power, 1e-12))).astype(np.float32)
    centred /= np.where(silent, np.float32(1.0), top)[:, None]
    centred[silent] = 0.0

    spectra = timbre.mirrored_power(centred, N_FFT, HOP)
    active = timbre.active_frames(spectra)
    frames = timbre.spectral_frames(spectra)
    f0, voicing = pitch.pitch(centred)
    strength = rhythm.onset_strength(centred)
    picked = rhythm.onsets(strength)
    shape = rhythm.envelope(centred)
    return Descriptors(
        silent=silent,
        spectrum=timbre.mean_spectrum(spectra, active),
        centroid=timbre.active_mean(frames.centroid, active),
        bandwidth=timbre.active_mean(frames.bandwidth, active),
        rolloff=timbre.active_mean(frames.rolloff, active),
        flatness=timbre.active_mean(frames.flatness, active),
        f0=f0,
        voicing=voicing,
        onset_strength=strength,
        onsets=picked,
        pulse=rhythm.pulse(strength, picked),
        attack=shape.attack,
        decay=shape.decay,
        activity=shape.activity,
        level=level,
    )
