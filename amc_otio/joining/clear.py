"""A fade that is clear of onsets: of a wanted length, but never across the beginning of an event on either side.

Across an onset a fade either lets the event begin twice, in both sounds, or takes the attack off it: the paper's
"impacts overlapping each other" (section 2.4).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.joining.onsets import onsets

LEAST: Final = int(0.075 * ANALYSIS_RATE)
"""Fade on either side of the point, whatever begins there: below 0.15 s in all a change is heard as a splice."""
_MARGIN: Final = int(0.003 * ANALYSIS_RATE)
"""A fade is over so long before an onset, since the curve that finds it is some milliseconds wide."""


def clear_half(outgoing: NDArray[np.float32], incoming: NDArray[np.float32], half: int) -> int:
    """Longest fade on either side of the point that crosses no onset of either sound.

    It is the same on both sides, so that the sounds are heard alike at the very point that was chosen for it.

    Parameters
    ----------
    outgoing, incoming
        Mono at 48 kHz, shape ``(2 * half,)``; the point is at index `half`.
    half
        The most that is wanted, in samples.

    Returns
    -------
    int
        Samples, from `LEAST` (or `half`, if that is less) to `half`.
    """
    events = np.abs(np.concatenate([onsets(outgoing), onsets(incoming)]) - half)
    nearest = int(events.min()) - _MARGIN if events.size else half
    return min(max(nearest, LEAST), half)
