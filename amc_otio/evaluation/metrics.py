"""Retrieval metrics in the paper's sense (section 3.1): R-mAP, hit rate at K, precision at K."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class QueryScores:
    """Scores of one query's ranking."""

    average_precision: float
    hit_at_1: float
    hit_at_2: float
    hit_at_5: float
    precision_at_5: float
    precision_at_10: float


@dataclass(frozen=True)
class TableRow:
    """Means over the queries: a row of the paper's Table 1.

    `interval` is the 95 % bootstrap interval of `r_map` over groups of queries, since queries of one group are
    takes of one sound and not independent.
    """

    queries: int
    r_map: float
    hr_1: float
    hr_2: float
    hr_5: float
    p_5: float
    p_10: float
    interval: tuple[float, float]


def score_ranking(relevant: Sequence[bool] | NDArray[np.bool_], positives: int) -> QueryScores:
    """Score one ranking.

    Parameters
    ----------
    relevant
        For each place of the ranking, the best first: is it a positive?
    positives
        How many positives there are; those not in the ranking count as never found. At least 1.

    Notes
    -----
    Average precision is the mean, over the positives, of the precision at each one's rank. A list shorter than K
    counts as if filled with negatives.
    """
    if positives < 1:
        raise ValueError("a query needs at least one positive")
    hits = np.asarray(relevant, dtype=bool)
    ranks = np.flatnonzero(hits) + 1
    found = np.arange(1, len(ranks) + 1) / ranks
    return QueryScores(
        average_precision=float(found.sum() / positives),
        hit_at_1=float(hits[:1].any()),
        hit_at_2=float(hits[:2].any()),
        hit_at_5=float(hits[:5].any()),
        precision_at_5=float(hits[:5].sum() / 5),
        precision_at_10=float(hits[:10].sum() / 10),
    )


def rank(similarities: NDArray[np.floating], candidates: NDArray[np.int64]) -> NDArray[np.int64]:
    """Order candidates by falling similarity; equal ones by rising index, so that ties are the same every time."""
    order = np.lexsort((candidates, -np.asarray(similarities, dtype=np.float64)))
    return candidates[order]


def mean_row(scores: Iterable[QueryScores], groups: Iterable[str], seed: int = 0, draws: int = 1000) -> TableRow:
    """Average the queries' scores and bootstrap the interval of R-mAP by group."""
    held, names = list(scores), list(groups)
    if not held:
        raise ValueError("no query was scored")
    values = np.array(
        [(s.average_precision, s.hit_at_1, s.hit_at_2, s.hit_at_5, s.precision_at_5, s.precision_at_10) for s in held]
    )
    means = values.mean(axis=0)
    kinds = sorted(set(names))
    by_group = np.array([values[[n == kind for n in names], 0].mean() for kind in kinds])
    resampled = np.random.default_rng(seed).choice(by_group, (draws, len(kinds))).mean(axis=1)
    low, high = np.percentile(resampled, [2.5, 97.5])
    r_map, hr_1, hr_2, hr_5, p_5, p_10 = (float(m) for m in means)
    return TableRow(len(held), r_map, hr_1, hr_2, hr_5, p_5, p_10, (float(low), float(high)))
