"""How far two windows agree in timbre, pitch, rhythm and loudness, in numbers from 0 to 1 and in words.

Each difference is measured in the unit that an editor would use for it (semitones, octaves, dB), divided by how far
unrelated sounds differ on average (`SCALES`), and put through ``exp(-x)``: 1 for the same, 0.37 for a difference as
large as between sounds that have nothing to do with each other. A family of several differences takes their mean
first, which makes its agreement the geometric mean of theirs (docs/ranking.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import WEIGHED
from amc_otio.descriptors.describe import Descriptors

Float64 = NDArray[np.float64]

FAMILIES: Final = WEIGHED

SCALES: Final = {
    "spectrum": 13.5,  # dB, root mean square over the bands
    "centroid": 1.18,  # octaves
    "bandwidth": 0.91,  # octaves
    "rolloff": 1.29,  # octaves
    "flatness": 16.3,  # dB
    "f0": 21.0,  # semitones, where both have a pitch
    "onsets": 1.11,  # octaves of (1 + number)
    "pattern": 0.41,  # 1 - correlation
    "attack": 2.57,  # octaves
    "decay": 2.45,  # octaves
    "activity": 0.37,  # share of the second
    "loudness": 9.3,  # LU
}
"""Mean difference between a query and its unrelated clips in the labelled set (benchmarks/descriptors.py prints it)."""
FARTHEST: Final = 4.0
"""Octaves between two attack or decay times beyond which more makes no difference; as far apart are a time and none."""
_SHORTEST_S: Final = 0.005  # what the amplitude envelope resolves


@dataclass(frozen=True)
class Agreements:
    """Agreements in [0, 1], each of shape ``(m,)``, float64."""

    timbre: Float64
    pitch: Float64
    rhythm: Float64
    loudness: Float64


def differences(a: Descriptors, b: Descriptors) -> dict[str, Float64]:
    """Return the difference of each descriptor, in the units of `SCALES`.

    Parameters
    ----------
    a, b
        Of one window and of m, or of m and m.

    Returns
    -------
    dict
        A ``(m,)`` array for each name in `SCALES`. ``f0`` is 0 where either has no pitch.
    """
    colour = np.sqrt(np.mean((a.spectrum.astype(np.float64) - b.spectrum) ** 2, axis=1))
    pitched = ~(np.isnan(a.f0) | np.isnan(b.f0))
    semitones = 12.0 * _octaves(np.where(pitched, a.f0, 1.0), np.where(pitched, b.f0, 1.0), 1.0)
    return {
        "spectrum": colour,
        "centroid": _octaves(a.centroid, b.centroid, 1.0),
        "bandwidth": _octaves(a.bandwidth, b.bandwidth, 1.0),
        "rolloff": _octaves(a.rolloff, b.rolloff, 1.0),
        "flatness": 10.0 * np.log10(2.0) * _octaves(a.flatness, b.flatness, 1e-8),
        "f0": semitones,
        "onsets": _octaves(1.0 + a.onsets.sum(axis=1), 1.0 + b.onsets.sum(axis=1), 1.0),
        "pattern": 1.0 - pattern_correlation(a.onset_strength, b.onset_strength),
        "attack": _time_octaves(a.attack, b.attack),
        "decay": _time_octaves(a.decay, b.decay),
        "activity": np.abs(a.activity.astype(np.float64) - b.activity),
        "loudness": np.abs(a.level.astype(np.float64) - b.level),
    }


def agreements(a: Descriptors, b: Descriptors) -> Agreements:
    """Return how far windows agree.

    Timbre is half the mean spectrum and half centroid, bandwidth, rolloff and flatness. Pitch is
    ``(1 - |v_a - v_b|) (1 - min(v_a, v_b) (1 - exp(-semitones / 21)))`` with the voicings v: two sounds without pitch
    agree, one with and one without do not, and the interval counts as far as both are voiced. Rhythm is the number of
    onsets, their pattern, attack, decay and activity in equal parts. Against silence nothing agrees but silence.

    Parameters
    ----------
    a, b
        Of one window and of m, or of m and m.
    """
    apart = differences(a, b)
    part = {name: apart[name] / SCALES[name] for name in SCALES}
    shape = (part["centroid"] + part["bandwidth"] + part["rolloff"] + part["flatness"]) / 4.0
    timbre = np.exp(-(part["spectrum"] + shape) / 2.0)
    v_a, v_b = a.voicing.astype(np.float64), b.voicing.astype(np.float64)
    both = np.minimum(v_a, v_b)
    pitch = (1.0 - np.abs(v_a - v_b)) * (1.0 - both * (1.0 - np.exp(-part["f0"])))
    names = ("onsets", "pattern", "attack", "decay", "activity")
    rhythm = np.exp(-sum((part[name] for name in names), np.zeros(1)) / len(names))
    loudness = np.exp(-part["loudness"])
    told = np.where(a.silent | b.silent, (a.silent & b.silent).astype(np.float64), np.nan)
    made = [np.where(np.isnan(told), value, told) for value in (timbre, pitch, rhythm)]
    return Agreements(*(np.clip(value, 0.0, 1.0) for value in (*made, loudness)))


def pattern_correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> Float64:
    """Highest correlation of two onset strengths over shifts of up to half a second, in [0, 1]; shape ``(m,)``.

    A join may shift the match by as much, so the place in the second does not count. 1 where neither has any strength.
    """
    frames = a.shape[1]
    size = 1 << (2 * frames - 1).bit_length()
    # In double precision whatever NumPy it is, so that the order of the two makes no difference.
    first, second = (np.fft.rfft(x.astype(np.float64), size, axis=1) for x in (a, b))
    product = np.conj(first) * second
    correlation = np.fft.irfft(product, size, axis=1)
    most = frames // 2
    highest = np.maximum(correlation[:, : most + 1].max(axis=1), correlation[:, -most:].max(axis=1))
    norm_a, norm_b = (np.sqrt(np.sum(x.astype(np.float64) ** 2, axis=1)) for x in (a, b))
    norm = norm_a * norm_b
    value = np.where(norm > 0.0, highest / np.where(norm > 0.0, norm, 1.0), (norm_a + norm_b == 0.0).astype(np.float64))
    return np.asarray(np.clip(value, 0.0, 1.0))


def _octaves(a: NDArray[np.floating], b: NDArray[np.floating], least: float) -> Float64:
    held = [np.log2(np.maximum(x.astype(np.float64), least)) for x in (a, b)]
    return np.asarray(np.abs(held[0] - held[1]))


def _time_octaves(a: NDArray[np.float32], b: NDArray[np.float32]) -> Float64:
    known_a, known_b = ~np.isnan(a), ~np.isnan(b)
    apart = _octaves(np.where(known_a, a, 1.0), np.where(known_b, b, 1.0), _SHORTEST_S)
    return np.where(known_a & known_b, np.minimum(apart, FARTHEST), np.where(known_a | known_b, FARTHEST, 0.0))
