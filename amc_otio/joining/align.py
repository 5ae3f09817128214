"""The lag at which two waveforms run together, and how much they have in common there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.joining.analysis import Analysis

Float32 = NDArray[np.float32]

LONGEST_SLIP: Final = int(0.010 * ANALYSIS_RATE)
"""A slip of more than 10 ms would move an event against its picture; half a period of 50 Hz fits in."""
SHORTEST_SPAN: Final = int(0.040 * ANALYSIS_RATE)
"""Correlation over less than 40 ms, one period of 25 Hz, says little."""
_FLOOR: Final = 1e-12


@dataclass(frozen=True)
class Alignment:
    """Samples by which the incoming sound is entered later, and the correlation of the two sides there (-1 to 1)."""

    slip: int
    correlation: float


def align(
    outgoing: Analysis, incoming: Analysis, point: tuple[int, int], fade: tuple[int, int], reach: int
) -> Alignment:
    """Find the slip of the incoming sound at which the two sides of a fade correlate most.

    Parameters
    ----------
    point
        Out point and in point, samples from the windows' starts.
    fade
        Samples of the fade before and after the point; short ones are compared over `SHORTEST_SPAN`.
    reach
        Longest slip; 0 only tells the correlation.
    """
    extra = max(0, SHORTEST_SPAN - sum(fade))
    before, after = fade[0] + extra // 2, fade[1] + extra - extra // 2
    going = outgoing.stretch(point[0] - before, point[0] + after)
    coming = incoming.stretch(point[1] - before - reach, point[1] + after + reach)
    return best_slip(going, coming, reach)


def best_slip(outgoing: Float32, incoming: Float32, reach: int) -> Alignment:
    """Find the lag at which two waveforms correlate most.

    Parameters
    ----------
    outgoing
        The stretch that is faded out, shape ``(n,)``.
    incoming
        The stretch that is faded in with `reach` samples more on either side, shape ``(n + 2 * reach,)``.
    reach
        Longest slip, in samples.

    Returns
    -------
    Alignment
        Of lags that are equally good, the shortest.
    """
    n = outgoing.shape[0]
    if incoming.shape[0] != n + 2 * reach:
        raise ValueError(f"expected {n + 2 * reach} samples, got {incoming.shape[0]}")
    going, coming = outgoing.astype(np.float64), incoming.astype(np.float64)
    if reach:
        size = 1 << int(n + 2 * reach - 1).bit_length()
        spectrum = np.fft.rfft(coming, size) * np.conj(np.fft.rfft(going, size))
        products = np.fft.irfft(spectrum, size)[: 2 * reach + 1]
    else:
        products = np.array([coming @ going])
    energy = np.concatenate([[0.0], np.cumsum(coming * coming)])
    power = np.sqrt(np.maximum((energy[n:] - energy[:-n]) * float(going @ going), 0.0))
    values = np.where(power > _FLOOR, products / np.maximum(power, _FLOOR), 0.0)
    best = np.flatnonzero(values >= values.max() - 1e-9)
    lag = int(best[np.argmin(np.abs(best - reach))])
    return Alignment(lag - reach, float(np.clip(values[lag], -1.0, 1.0)))
