"""From the measures of a seam to percentiles of the uncut sound, and to one stand-in score.

How large a step of spectrum or level is natural depends on the sound: every hammer blow is one. So each measure is
given as a percentile of the uncut moments of the same two recordings, in the two windows that were joined: its
*naturalness*, the share of these moments that are worse. The stand-in score is::

    score = 3 min(1, 2 m),   m the mean of the six naturalnesses

so that 3 is a seam that lies, over all six measures, no worse than the middle of the uncut moments: by these
measures it is not to be told from the uncut sound. The range is that of the paper's criteria (section 3.2, 0 to 3), but
this is a stand-in computed from sound: nobody listened to it, and it is never a listening score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.evaluation.seam import Floors, Profile, measures_at

FloatArray = NDArray[np.float64]

EVERY = ANALYSIS_RATE // 100
"""Samples between two uncut moments: 10 ms, 100 moments a window."""


@dataclass(frozen=True)
class Uncut:
    """The measures of uncut moments.

    Attributes
    ----------
    values
        Shape ``(6, n)``: each row one measure, ascending.
    """

    values: FloatArray


def window_moments(start: int, length: int = ANALYSIS_RATE) -> NDArray[np.int64]:
    """Return the moments of a window that begins at `start`: every 10 ms on the grid of the spectra."""
    first = -(-start // EVERY) * EVERY
    return np.arange(first, start + length, EVERY, dtype=np.int64)


def uncut_moments(sounds: list[tuple[Profile, NDArray[np.int64]]], floor: Floors) -> tuple[Uncut, FloatArray]:
    """Measure uncut moments of some sounds.

    Returns
    -------
    Uncut
        For `naturalness`.
    numpy.ndarray
        The same measures in the order of the moments, shape ``(6, n)``.
    """
    measured = np.concatenate([measures_at(sound, floor, moments) for sound, moments in sounds], axis=1)
    return Uncut(np.sort(measured, axis=1)), measured


def naturalness(values: FloatArray, uncut: Uncut) -> FloatArray:
    """Return the share of the uncut moments that are worse, for each measure.

    Equal moments count half, and one more moment is assumed that is half worse, so that no share is 0 or 1.

    Parameters
    ----------
    values
        Measures of ``k`` moments, shape ``(6, k)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(6, k)``, between 0 and 1. 0.5 is the middle of the uncut moments.
    """
    count = uncut.values.shape[1]
    shares = np.empty(values.shape)
    for row, (ascending, wanted) in enumerate(zip(uncut.values, values, strict=True)):
        low, high = (np.searchsorted(ascending, wanted, side) for side in ("left", "right"))
        shares[row] = (count - high + 0.5 * (high - low) + 0.5) / (count + 1)
    return shares


def stand_in_score(natural: FloatArray) -> FloatArray:
    """Return the stand-in score, 0 to 3, of moments from the naturalness of each measure.

    Parameters
    ----------
    natural
        Shape ``(measures, ...)``: all six, unless what a score would be without one is to be seen.

    Returns
    -------
    numpy.ndarray
        Shape ``(...)``.
    """
    return np.asarray(3.0 * np.minimum(1.0, 2.0 * natural.mean(axis=0)))
