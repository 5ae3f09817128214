"""How a seam sounds: six measures of one moment, the same for a join as for any moment of an uncut sound.

All geometry is fixed around the moment, so that the length of a fade does not change what is compared, and an uncut
sound can be measured at any of its moments in just the same way; `seam_score` compares the two. Steps of spectrum and
level across a join are join costs of concatenative speech synthesis, where their agreement with listeners was measured
(Vepa, King and Taylor, ICSLP 2002; Miao, Kain and van Santen, Interspeech 2009, for joins with a crossfade).
docs/seams.md says what each measure hears and what none of them can.

Mono sound at 48 kHz throughout; moments count samples. In every measure, higher is worse.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.representations.spectral import spectra_at

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MEASURES: Final = ("spectrum", "level", "click", "dip", "smear", "blind")
STEP: Final = ANALYSIS_RATE // 200
"""Samples between two mel spectra: 5 ms."""
NEEDED: Final = ANALYSIS_RATE // 4
"""Samples of sound that a moment needs on either side: 250 ms."""
AROUND: Final = ANALYSIS_RATE
"""Samples on either side of a moment among which it is looked for blind: 1 s."""
_N_FFT: Final = 1024
_BANDS: Final = 64
_FLOOR: Final = 1e-6  # 60 dB below the loudest: what lies deeper is not heard beside it
_TINY: Final = 1e-30  # keeps digital silence from a division by zero
_SPECTRUM: Final = 8  # steps on each side, 40 ms ...
_CLEAR: Final = 2  # ... beginning so many steps away, where a spectrum's window no longer reaches over the moment
_LEVEL: Final = ANALYSIS_RATE // 20
_DIP: Final = ANALYSIS_RATE // 40, 3 * ANALYSIS_RATE // 20  # half of the 50 ms at the moment; 150 ms beside them
_SMEAR: Final = 50  # steps on each side, 250 ms
_SEAM: Final = 5  # steps on each side, 25 ms, that count as the seam when it is looked for
_CLICK: Final = ANALYSIS_RATE // 50, ANALYSIS_RATE // 1000, ANALYSIS_RATE // 2000
_ORDER: Final = 3


@dataclass(frozen=True)
class Seam:
    """What was measured at one moment. Higher is worse in each.

    Attributes
    ----------
    spectrum
        Log-spectral distance in dB between the mean mel spectra of the 40 ms before and the 40 ms after.
    level
        Step of the RMS level in dB, up or down, from the 50 ms before to the 50 ms after.
    click
        Largest residual of a linear prediction of order 3 within half a millisecond, over the usual one (median of
        the magnitudes times 1.4826) of the 20 ms on each side.
    dip
        By how many dB the 50 ms around the moment lie below the mean level of the 150 ms on each side; a swell is
        negative.
    smear
        Minus the contrast in dB: the deviation over time of the mel spectrum's decibels within 250 ms on each side,
        mean over bands. Two rhythms laid over each other fill the gaps between their events.
    blind
        The share of the moments within 1 s whose step of spectrum is no larger than the largest within 25 ms of the
        seam: at 1 the seam is the most conspicuous moment of all.
    """

    spectrum: float
    level: float
    click: float
    dip: float
    smear: float
    blind: float

    @property
    def values(self) -> FloatArray:
        """In the order of `MEASURES`, shape ``(6,)``."""
        return np.array(astuple(self), np.float64)


@dataclass(frozen=True)
class Profile:
    """A sound made ready for measuring.

    Attributes
    ----------
    samples
        Shape ``(n,)``, float64.
    mel
        Power mel spectra every 5 ms, shape ``(64, 1 + n // 240)``.
    energy
        Sum of squares of all samples before each, shape ``(n + 1,)``.
    """

    samples: FloatArray
    mel: FloatArray
    energy: FloatArray


@dataclass(frozen=True)
class Floors:
    """What is too quiet to count: 60 dB below the loudest spectrum and the loudest 100 ms, and the largest sample."""

    mel: float
    energy: float
    peak: float


def profile(samples: NDArray[np.float32]) -> Profile:
    """Prepare a mono sound at 48 kHz, shape ``(n,)``, for `measures_at`."""
    centres = np.arange(0, len(samples) + 1, STEP, dtype=np.int64)
    mel = spectra_at(np.ascontiguousarray(samples, np.float32), ANALYSIS_RATE, centres, _N_FFT, _BANDS)
    wide = samples.astype(np.float64)
    return Profile(wide, mel.astype(np.float64), np.concatenate([[0.0], np.cumsum(wide**2)]))


def floors(*profiles: Profile) -> Floors:
    """Take the floors from the loudest of some sounds: a join is measured with those of its two recordings."""
    span = ANALYSIS_RATE // 10
    mel, energy, peak = _TINY, _TINY, _TINY
    for one in profiles:
        count = min(span, max(1, len(one.samples)))
        mel = max(mel, float(one.mel.max(initial=0.0)))
        energy = max(energy, float((one.energy[count:] - one.energy[:-count]).max(initial=0.0)) / count)
        peak = max(peak, float(np.abs(one.samples).max(initial=0.0)))
    return Floors(mel * _FLOOR, energy * _FLOOR, peak)


def measure(sound: Profile, floor: Floors, moment: int) -> Seam:
    """Measure one moment; see `measures_at`."""
    return Seam(*(float(value) for value in measures_at(sound, floor, [moment])[:, 0]))


def measures_at(sound: Profile, floor: Floors, moments: ArrayLike) -> FloatArray:
    """Measure many moments of a sound.

    Parameters
    ----------
    sound
        From `profile`.
    floor
        From `floors`.
    moments
        Samples from the sound's start, shape ``(k,)``. Spectra are taken every 240 samples: a multiple is exact.

    Returns
    -------
    numpy.ndarray
        Shape ``(6, k)``, float64, finite, in the order of `MEASURES`.

    Raises
    ------
    ValueError
        When a moment has less than 250 ms of sound on either side.
    """
    at = np.asarray(moments, np.int64)
    if at.size and (at.min() < NEEDED or at.max() > len(sound.samples) - NEEDED):
        raise ValueError("a moment needs 250 ms of sound on either side")
    steps = np.rint(at / STEP).astype(np.int64)
    curve = spectrum_curve(sound, floor)
    return np.stack(
        [
            curve[steps],
            np.abs(_decibels(sound, floor, at, at + _LEVEL) - _decibels(sound, floor, at - _LEVEL, at)),
            _click(sound, floor, at),
            _dip(sound, floor, at),
            _smear(sound, floor, steps),
            _blind(curve, steps),
        ]
    )


def spectrum_curve(sound: Profile, floor: Floors) -> FloatArray:
    """Return the measure ``spectrum`` at every 5 ms of a sound: NaN where 50 ms before or after are missing."""
    count = sound.mel.shape[1]
    sums = np.concatenate([np.zeros((_BANDS, 1)), np.cumsum(sound.mel, axis=1)], axis=1)
    curve = np.full(count, np.nan)
    steps = np.arange(_SPECTRUM + _CLEAR - 1, count - _SPECTRUM - _CLEAR + 1)
    before = sums[:, steps - _CLEAR + 1] - sums[:, steps - _CLEAR + 1 - _SPECTRUM]
    after = sums[:, steps + _CLEAR + _SPECTRUM] - sums[:, steps + _CLEAR]
    least = floor.mel * _SPECTRUM
    # Differences of sums may come out below nothing by rounding.
    ratio = 10.0 * np.log10((np.maximum(after, 0.0) + least) / (np.maximum(before, 0.0) + least))
    curve[steps] = np.sqrt(np.mean(ratio**2, axis=0))
    return curve


def _decibels(sound: Profile, floor: Floors, start: IntArray, stop: IntArray) -> FloatArray:
    """Mean square level over spans; what lies outside the sound is left out."""
    first, last = (np.clip(ends, 0, len(sound.samples)) for ends in (start, stop))
    mean = np.maximum(sound.energy[last] - sound.energy[first], 0.0) / np.maximum(last - first, 1)
    return np.asarray(10.0 * np.log10(mean + floor.energy))


def _dip(sound: Profile, floor: Floors, at: IntArray) -> FloatArray:
    half, beside = _DIP
    before = _decibels(sound, floor, at - half - beside, at - half)
    after = _decibels(sound, floor, at + half, at + half + beside)
    return np.asarray(0.5 * (before + after) - _decibels(sound, floor, at - half, at + half))


def _smear(sound: Profile, floor: Floors, steps: IntArray) -> FloatArray:
    decibels = 10.0 * np.log10(sound.mel + floor.mel)
    decibels -= decibels.mean(axis=1, keepdims=True)  # so that the difference of sums of squares stays exact
    zero = np.zeros((_BANDS, 1))
    sums = np.concatenate([zero, np.cumsum(decibels, axis=1)], axis=1)
    squares = np.concatenate([zero, np.cumsum(decibels**2, axis=1)], axis=1)
    first, last = np.maximum(steps - _SMEAR, 0), np.minimum(steps + _SMEAR, sound.mel.shape[1])
    mean = (sums[:, last] - sums[:, first]) / (last - first)
    variance = (squares[:, last] - squares[:, first]) / (last - first) - mean**2
    return np.asarray(-np.sqrt(np.maximum(variance, 0.0)).mean(axis=0))


def _blind(curve: FloatArray, steps: IntArray) -> FloatArray:
    reach = AROUND // STEP
    padded = np.concatenate([np.full(reach, np.nan), curve, np.full(reach, np.nan)])
    around = sliding_window_view(padded, 2 * reach + 1)[steps]
    seam = np.nanmax(around[:, reach - _SEAM : reach + _SEAM + 1], axis=1, keepdims=True)
    valid = np.isfinite(around).sum(axis=1)
    return np.asarray(1.0 - (around > seam).sum(axis=1) / valid)


def _click(sound: Profile, floor: Floors, at: IntArray) -> FloatArray:
    if not at.size:
        return np.zeros(0)
    around, left_out, seam = _CLICK
    spans = sliding_window_view(sound.samples, 2 * around + _ORDER)[at - around - _ORDER]
    wanted = spans[:, _ORDER:]
    past = np.stack([spans[:, _ORDER - lag : -lag] for lag in range(1, _ORDER + 1)], axis=2)
    kept = np.ones(2 * around, np.bool_)
    kept[around - left_out : around + left_out] = False  # the prediction is fitted on what lies beside the moment
    fit = past[:, kept]
    normal = np.matmul(fit.transpose(0, 2, 1), fit)
    # A little of a ridge: a silence or a pure tone has no one best prediction, and any will do.
    ridge = 1e-9 * np.trace(normal, axis1=1, axis2=2) / _ORDER + _TINY
    target = np.matmul(fit.transpose(0, 2, 1), wanted[:, kept, None])
    weights = np.linalg.solve(normal + ridge[:, None, None] * np.eye(_ORDER), target)
    residual = np.abs(wanted - np.matmul(past, weights)[:, :, 0])
    usual = 1.4826 * np.median(residual[:, kept], axis=1) + 3e-4 * floor.peak
    return np.asarray(residual[:, around - seam : around + seam].max(axis=1) / usual)
