"""Retrieval metrics in the paper's sense (section 3.1): R-mAP, hit rate at K, precision at K."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import RepresentationError
from amc_otio.evaluation.protocols import Task

METRICS: Final = ("r_map", "hr_1", "hr_2", "hr_5", "p_5", "p_10")
"""The columns of the paper's Table 1, as reports and results call them."""
TITLES: Final = ("R-mAP", "HR@1", "HR@2", "HR@5", "P@5", "P@10")
"""The same as the paper writes them."""

Similarity = Callable[[int, NDArray[np.int64]], "NDArray[np.floating[Any]]"]
"""(query's clip number, candidates' clip numbers) -> similarities, one each: cosines, a fusion, a re-ranking."""


@dataclass(frozen=True)
class QueryScores:
    """Scores of one ranking; their means over the queries are the metrics."""

    average_precision: float
    hit_at_1: float
    hit_at_2: float
    hit_at_5: float
    precision_at_5: float
    precision_at_10: float

    @property
    def row(self) -> tuple[float, ...]:
        """The scores in the order of `METRICS`."""
        return (
            self.average_precision,
            self.hit_at_1,
            self.hit_at_2,
            self.hit_at_5,
            self.precision_at_5,
            self.precision_at_10,
        )


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


def rank(similarities: NDArray[np.floating[Any]], candidates: NDArray[np.int64]) -> NDArray[np.int64]:
    """Order candidates by falling similarity; equal ones by rising number, so that ties are the same every time."""
    order = np.lexsort((candidates, -np.asarray(similarities, dtype=np.float64)))
    return candidates[order]


def score_tasks(tasks: Sequence[Task], similarity: Similarity, label: str) -> NDArray[np.float64]:
    """Rank and score.

    Parameters
    ----------
    tasks
        What is asked.
    similarity
        Called once a task.
    label
        What is judged, for the message of an error.

    Returns
    -------
    numpy.ndarray
        (tasks, metrics) float64 in the order of `METRICS`.

    Raises
    ------
    RepresentationError
        When a similarity is not a number, or there are not as many as candidates.
    """
    scores = np.zeros((len(tasks), len(METRICS)))
    for row, task in enumerate(tasks):
        similarities = np.asarray(similarity(task.number, task.candidates), np.float64)
        if similarities.shape != task.candidates.shape:
            wrong = f"similarities of shape {similarities.shape} for {len(task.candidates)} candidates"
            raise RepresentationError(label, wrong, "give one for each candidate")
        if np.isnan(similarities).any():
            wrong = f"a similarity to the query '{task.query.query}' is not a number"
            raise RepresentationError(label, wrong, "check how it is computed")
        order = rank(similarities, task.candidates)
        scores[row] = score_ranking(np.isin(order, task.positives), len(task.positives)).row
    return scores
