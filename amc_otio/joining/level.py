"""Matching the level of the incoming sound over the fade, and how long it takes to return."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.joining.steps import level_step_db

GLIDE_DB_PER_S: Final = 4.0
"""How fast the level returns: about the least change in a second that is noticed as one."""
LEAST_DB: Final = 0.1
"""Less is not heard, and would only be a line in an editor's notes."""
SPAN: Final = int(0.150 * ANALYSIS_RATE)
"""Samples around the point over which levels are compared, where the fade is shorter."""


def matching_gain_db(outgoing: NDArray[np.float32], incoming: NDArray[np.float32], limit_db: float) -> float:
    """What the incoming sound is turned up by to be as loud as the outgoing one over the same stretch, in dB.

    0 where that is less than `LEAST_DB`.

    Parameters
    ----------
    outgoing, incoming
        The two sounds over the fade, mono.
    limit_db
        Most that a sound is turned up or down; 0 is not at all.
    """
    gain = -level_step_db(outgoing, incoming)
    if abs(gain) < LEAST_DB:
        return 0.0
    return float(np.clip(gain, -limit_db, limit_db))


def glide_samples(gain_db: float) -> int:
    """Samples over which a gain returns to 0 dB."""
    return round(abs(gain_db) / GLIDE_DB_PER_S * ANALYSIS_RATE)
