"""A fade that is clear of onsets: of a wanted length, but across the beginning of no event on either side.

Across an onset a fade either lets the event begin twice, in both sounds, or takes the attack off it: the paper's
"impacts overlapping each other" (section 2.4). Only onsets very near the point are crossed (`LEAST`).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.joining.analysis import Analysis
from amc_otio.joining.onsets import N_FFT, onsets

LEAST: Final = int(0.075 * ANALYSIS_RATE)
"""Fade on either side of the point, whatever begins there: below 0.15 s in all a change is heard as a splice."""
_MARGIN: Final = int(0.006 * ANALYSIS_RATE)
"""A fade is over so long before an onset, which is found no nearer than that."""
_CONTEXT: Final = N_FFT
"""Samples around a fade that are looked at too, so that onsets at its ends are found."""


def events(side: Analysis, point: int, half: int, before: int, after: int) -> NDArray[np.int64]:
    """Where events begin around a point of a sound, in samples from the point.

    Parameters
    ----------
    point
        In samples from the window's start.
    half
        How far on either side is looked, in samples.
    before, after
        Samples of the sound that there are on either side: where it is cut off, nothing begins or ends.
    """
    first, last = min(half + _CONTEXT, max(before, 0)), min(half + _CONTEXT, max(after, 0))
    return onsets(side.stretch(point - first, point + last)) - first


def clear_half(begins: NDArray[np.int64], half: int) -> int:
    """Longest fade on either side of the point that crosses no onset.

    It is the same on both sides, so that the sounds are heard alike at the very point that was chosen for it.

    Parameters
    ----------
    begins
        Onsets of either sound, in samples from the point.
    half
        The most that is wanted, in samples.

    Returns
    -------
    int
        Samples, from `LEAST` (or `half`, if that is less) to `half`.
    """
    nearest = int(np.abs(begins).min()) - _MARGIN if begins.size else half
    return min(max(nearest, LEAST), half)
