"""The steadiest point near the best one: where both sounds change least, among the pairs with a high inner product.

Max-SS (section 2.4) finds loud moments that have the same spectrum, and within a loud stretch it takes the single
highest, which may lie on the very edge of an event. A splice is heard where the sound changes: so of the pairs that are
nearly as high, the one is taken at which both sounds stay most as they are. Two silences would be steadier still, and
be no match cut; hence only near the highest. That beat both Max-SS and points at masking onsets (docs/joining.md).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.joining.analysis import Spectra
from amc_otio.joining.spectra import best_pair

FloatArray = NDArray[np.float64]

WITHIN_DB: Final = 6.0
"""Pairs whose inner product is this far below the highest are looked at."""
SPLICE_WEIGHT: Final = 0.3
"""What a decibel of difference across the splice counts beside one of change within either sound."""


def unsteadiness(outgoing: Spectra, incoming: Spectra) -> FloatArray:
    """What each pair of points costs, in dB.

    The change of the outgoing sound across i, that of the incoming sound across j, and `SPLICE_WEIGHT` times the
    difference between what comes before i and what comes after j; each a root mean square over bands, level included.

    Parameters
    ----------
    outgoing, incoming
        Spectra around ``t_q`` and ``t_m`` points.

    Returns
    -------
    numpy.ndarray
        Shape ``(t_q, t_m)``.
    """
    before_q, after_q = outgoing.levels
    before_m, after_m = incoming.levels
    change_q = np.sqrt(np.mean((after_q - before_q) ** 2, axis=0))
    change_m = np.sqrt(np.mean((after_m - before_m) ** 2, axis=0))
    squares = np.mean(before_q**2, axis=0)[:, None] + np.mean(after_m**2, axis=0)[None, :]
    splice = before_q.T @ after_m
    splice *= -2.0 / before_q.shape[0]
    splice += squares
    np.sqrt(np.maximum(splice, 0.0, out=splice), out=splice)
    splice *= SPLICE_WEIGHT
    cost = change_q[:, None] + change_m[None, :]
    cost += splice
    return np.asarray(cost)


def steadiest(outgoing: Spectra, incoming: Spectra, near: NDArray[np.bool_]) -> tuple[int, int] | None:
    """Of the pairs in `near`, shape ``(t_q, t_m)``, the one that costs least."""
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    if not rows.size:
        return None
    # Only what some pair needs: near the highest product there are few.
    cost = unsteadiness(outgoing.of(rows), incoming.of(columns))
    found = best_pair(-cost, near[np.ix_(rows, columns)])
    return None if found is None else (int(rows[found[0]]), int(columns[found[1]]))


def within(products: NDArray[np.float32] | FloatArray, highest: float) -> NDArray[np.bool_]:
    """Which pairs lie within `WITHIN_DB` of an inner product of `highest`."""
    return np.asarray(products >= highest * 10.0 ** (-WITHIN_DB / 10.0))
