"""The points that a frame rate can express, as samples of the analysis clock."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE

FINEST: Final = 256
"""Samples between points where the rate is that of samples, not of frames (a track at 48000, say)."""
MOST: Final = 4096
"""Points of a grid: all pairs are compared, and a search of a minute must fit in memory."""


@dataclass(frozen=True)
class Grid:
    """Points of a window, ascending.

    Attributes
    ----------
    samples
        Nearest sample of each point, from the window's start.
    frames
        The frame of each point, counted from the grid's origin.
    rate
        Frames a second.
    """

    samples: NDArray[np.int64]
    frames: NDArray[np.int64]
    rate: Fraction

    def time_at(self, sample: int) -> Fraction:
        """Exact seconds from the grid's origin of a point given by its sample."""
        position = int(np.searchsorted(self.samples, sample))
        return Fraction(int(self.frames[position])) / self.rate


def frame_grid(rate: Fraction, origin: Fraction, length: int, reach: int = 0) -> Grid:
    """All frames within a window and `reach` samples on either side of it.

    Parameters
    ----------
    rate
        Frames a second; a rate of samples is thinned to one point every `FINEST` samples.
    origin
        Where frame 0 lies, in samples from the window's start (may be outside).
    length
        Samples of the window; both ends belong to it.
    reach
        How far beyond the window points are looked for; far beyond it only every second frame or third may be one
        (see `MOST`).
    """
    per_frame = Fraction(ANALYSIS_RATE) / rate
    step = max(1, ceil(max(Fraction(FINEST), Fraction(length + 2 * reach, MOST)) / per_frame))
    first = ceil((-reach - origin) / per_frame / step) * step
    last = floor((length + reach - origin) / per_frame / step) * step
    frames = np.arange(first, last + 1, step, dtype=np.int64)
    samples = np.array([round(origin + int(f) * per_frame) for f in frames], dtype=np.int64)
    return Grid(samples, frames, rate)
