"""How sure a mean over queries is: bootstrap intervals by group (Efron, 1979; resampled clusters).

Queries of one group are takes of one sound and not independent, so groups are drawn, with all their queries.

Two intervals of R-mAP can be meant, and both are given. `bootstrap` weighs each drawn group by its queries, as
R-mAP itself does: this interval is of the figure beside it, and is the one that tables show. `group_mean_interval` is
of the mean of the groups' means, which weighs a group of two queries like one of thirty, and so need not even hold
R-mAP; it is the reference evaluator's, and is kept to agree with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

DRAWS: Final = 10_000
"""Draws of `bootstrap`: an end then varies with the seed by some 0.03 standard errors of the mean."""
REFERENCE_DRAWS: Final = 1000
_PERCENTILES: Final = (2.5, 97.5)
_CELLS: Final = 1 << 22


def bootstrap(
    values: NDArray[np.float64], groups: Sequence[str], *, draws: int = DRAWS, seed: int = 0
) -> NDArray[np.float64]:
    """Return 95 % intervals of means over queries.

    All columns share the draws, so a column of differences between two representations is a paired bootstrap.

    Parameters
    ----------
    values
        (queries, m) float64.
    groups
        The group of each query.
    draws, seed
        How often groups are drawn, and from where in the generator.

    Returns
    -------
    numpy.ndarray
        (2, m) float64: low and high. NaN where there are fewer than two groups: one group tells no spread.
    """
    values = np.asarray(values, np.float64)
    names, number = _numbered(groups)
    if len(names) < 2:
        return np.full((2, values.shape[1]), np.nan)
    # Drawing groups with replacement is drawing how often each comes: sums and sizes by group are all that is needed.
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, number, values)
    sizes = np.bincount(number).astype(np.float64)
    generator = np.random.default_rng(seed)
    even = np.full(len(names), 1 / len(names))
    means = []
    step = max(1, _CELLS // len(names))
    for first in range(0, draws, step):
        times = generator.multinomial(len(names), even, size=min(step, draws - first)).astype(np.float64)
        means.append((times @ sums) / (times @ sizes)[:, None])
    ends: NDArray[np.float64] = np.percentile(np.concatenate(means), _PERCENTILES, axis=0)
    return ends


def group_mean_interval(values: NDArray[np.float64], groups: Sequence[str]) -> tuple[float, float] | None:
    """Return the reference evaluator's 95 % interval, of the mean of the groups' means.

    Parameters
    ----------
    values
        (queries,) float64.
    groups
        The group of each query.

    Returns
    -------
    tuple of float
        Low and high; None where there are fewer than two groups.
    """
    names, number = _numbered(groups)
    if len(names) < 2:
        return None
    means = np.array([values[number == i].mean() for i in range(len(names))])
    drawn = np.random.default_rng(0).choice(means, (REFERENCE_DRAWS, len(names))).mean(axis=1)
    low, high = np.percentile(drawn, _PERCENTILES)
    return float(low), float(high)


def _numbered(groups: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the groups' names, sorted, and the number of each query's group among them."""
    names = sorted(set(groups))
    place = {name: i for i, name in enumerate(names)}
    return names, np.array([place[name] for name in groups], np.int64)
