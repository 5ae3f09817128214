"""A stretch of sound made ready for joining, on either side of a join."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE, HOP, N_FFT, N_MELS
from amc_otio.joining.spectra import decibels
from amc_otio.representations.spectral import spectra_at

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

WINDOW = ANALYSIS_RATE
"""Samples of a window."""
MARGIN = WINDOW // 2
"""Samples kept before and after a window, so that time steps and fades at its edges see real sound."""
HOPS: Int64 = np.arange(0, WINDOW + 1, HOP, dtype=np.int64)
"""The paper's time steps in a window."""


@dataclass(frozen=True)
class Spectra:
    """Power mel at some positions and just before and after each, shapes ``(128, n)``.

    A frame is 43 ms long: `before` ends where `after` begins.
    """

    at: Float32
    before: Float32
    after: Float32

    @cached_property
    def loudest(self) -> float:
        """Highest power in any band of `before` and `after`."""
        return max(float(self.before.max(initial=0.0)), float(self.after.max(initial=0.0)))

    @property
    def levels(self) -> tuple[Float64, Float64]:
        """`before` and `after` in decibels, down to 80 dB below the loudest of both."""
        return decibels(self.before, loudest=self.loudest), decibels(self.after, loudest=self.loudest)

    def of(self, points: slice | Int64) -> Spectra:
        """Those of some points; their levels stay as they are among all."""
        part = Spectra(self.at[:, points], self.before[:, points], self.after[:, points])
        part.__dict__["loudest"] = self.loudest
        return part


@dataclass(frozen=True)
class Analysis:
    """A stretch of sound made ready for joining; its spectra are made when they are first asked for.

    Attributes
    ----------
    samples
        Mono float32 at 48 kHz, shape ``(n,)``: the window with at least `MARGIN` samples on either side.
    grid
        Positions that can be cut, in samples from the window's start, ascending: what the frame rate can express.
    origin
        Index of the window's start in `samples`.
    hops
        Positions at the paper's hop from the window's start: what a method would choose from without a grid.
    """

    samples: Float32
    grid: Int64
    origin: int = MARGIN
    hops: Int64 = field(default_factory=lambda: HOPS)

    @cached_property
    def window_mel(self) -> Float32:
        """Power mel of the window at the paper's hop, shape ``(128, 47)``."""
        first = int(np.searchsorted(self.hops, 0))
        return self.hops_mel[:, first : first + HOPS.size]

    @cached_property
    def hops_mel(self) -> Float32:
        """Power mel at `hops`."""
        return self.mel(self.hops)

    @cached_property
    def grid_mel(self) -> Float32:
        """Power mel at `grid`."""
        return self.mel(self.grid)

    @cached_property
    def grid_spectra(self) -> Spectra:
        """Spectra at and around the positions of `grid`."""
        half = N_FFT // 2
        sides = self.mel(np.concatenate([self.grid - half, self.grid + half]))
        return Spectra(self.grid_mel, sides[:, : self.grid.size], sides[:, self.grid.size :])

    @cached_property
    def _mels_beside(self) -> dict[tuple[int, int], Float32]:
        return {}

    def mel_beside(self, point: int, span: int) -> Float32:
        """Power mel, frame by frame, from a point to `span` samples after it, before it where `span` is negative.

        Frames lie side by side: half of those at the paper's hop, and as good a mean. It is kept:
        many candidates meet a query at the same point.
        """
        key = point, span
        if key not in self._mels_beside:
            steps = np.arange(0, abs(span) + 1, N_FFT, dtype=np.int64)
            self._mels_beside[key] = self.mel(point + (steps if span > 0 else -steps))
        return self._mels_beside[key]

    def mel(self, positions: Int64) -> Float32:
        """Power mel around positions from the window's start, shape ``(128, len(positions))``."""
        return spectra_at(self.samples, ANALYSIS_RATE, positions + self.origin, N_FFT, N_MELS)

    def stretch(self, first: int, last: int) -> Float32:
        """Samples from `first` to `last`, from the window's start; silence beyond what is held."""
        start, stop = first + self.origin, last + self.origin
        held = self.samples[max(0, start) : max(0, stop)]
        missing = max(0, min(stop, 0) - start), max(0, stop - max(start, self.samples.size))
        return np.pad(held, missing) if any(missing) else held


def analyse(samples: Float32, grid: Int64, reach: int = 0) -> Analysis:
    """Make a window ready for joining (see `Analysis`).

    Parameters
    ----------
    samples
        The window with its margins, and `reach` samples beyond them on either side.
    grid
        Positions that can be cut.
    reach
        How far beyond the window a point is looked for too.

    Raises
    ------
    ValueError
        When the samples are not so many.
    """
    expected = WINDOW + 2 * (MARGIN + reach)
    if samples.shape != (expected,):
        raise ValueError(f"expected {expected} samples, got {samples.shape}")
    beyond = reach // HOP
    hops = np.arange(-beyond * HOP, WINDOW + beyond * HOP + 1, HOP, dtype=np.int64) if beyond else HOPS
    return Analysis(samples, grid, MARGIN + reach, hops)
