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

LEAST: Final = int(0.050 * ANALYSIS_RATE)
"""Fade on either side of the point, whatever begins there: below 0.1 s in all a change is heard as a splice."""
_MARGIN: Final = int(0.003 * ANALYSIS_RATE)
"""A fade is over so long before an onset, since the curve that finds it is some milliseconds wide."""


def clear_fade(outgoing: NDArray[np.float32], incoming: NDArray[np.float32], half: int) -> tuple[int, int]:
    """Longest fade before and after the point that crosses no onset of either sound.

    Parameters
    ----------
    outgoing, incoming
        Mono at 48 kHz, shape ``(2 * half,)``; the point is at index `half`.
    half
        The most that is wanted on either side, in samples.

    Returns
    -------
    tuple of int
        Samples before and after the point, from `LEAST` (or `half`, if that is less) to `half`.
    """
    events = np.concatenate([onsets(outgoing), onsets(incoming)]) - half
    later, earlier = events[events > 0], events[events <= 0]
    before = -int(earlier.max()) - _MARGIN if earlier.size else half
    after = int(later.min()) - _MARGIN if later.size else half
    least = min(LEAST, half)
    return min(max(before, least), half), min(max(after, least), half)
