"""What a query is asked to rank, by protocol.

- ``paper``: its positives among the random negatives that were drawn for it (paper, section 2.2).
- ``hard``: its positives among negatives of its own package, so that the recording chain gives no cue.
- ``cross``: the same kind of sound from other packages, among the random negatives: what a match cut joins.
- ``full``, ``xfull``: the positives of ``paper`` and of ``cross`` among all clips of the set, but for those that are
  neither right nor wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import PROTOCOLS
from amc_otio.errors import UsageError
from amc_otio.evaluation.records import LabelledQuery, LabelledSet

__all__ = ["PROTOCOLS", "Task", "queries_of", "tasks"]


@dataclass(frozen=True, eq=False)
class Task:
    """One ranking to be judged.

    Attributes
    ----------
    query
        The labels.
    number
        The query's clip number in the set.
    candidates : numpy.ndarray
        (n,) int64 clip numbers to rank.
    positives : numpy.ndarray
        (p,) int64 clip numbers, all of them among the candidates.
    """

    query: LabelledQuery
    number: int
    candidates: NDArray[np.int64]
    positives: NDArray[np.int64]


def queries_of(labelled: LabelledSet, protocol: str) -> tuple[LabelledQuery, ...]:
    """Return the queries that a protocol asks, those with too few candidates to count among them.

    Raises
    ------
    UsageError
        When there is no such protocol.
    """
    if protocol not in PROTOCOLS:
        raise UsageError("protocol", f"there is none called '{protocol}'", f"choose among {', '.join(PROTOCOLS)}")
    if protocol in ("full", "xfull") and not labelled.gallery:
        return ()
    if protocol in ("cross", "xfull"):
        return labelled.cross_queries
    if protocol == "hard":
        return tuple(query for query in labelled.queries if query.negatives_same_package)
    return labelled.queries


def tasks(labelled: LabelledSet, protocol: str) -> tuple[Task, ...]:
    """Return the rankings that a protocol judges; a query with too few positives or negatives gives none.

    Raises
    ------
    UsageError
        When there is no such protocol.
    """
    number = {clip.name: i for i, clip in enumerate(labelled.clips)}
    found = []
    for query in queries_of(labelled, protocol):
        positives = np.array([number[name] for name in query.positives], np.int64)
        if protocol in ("full", "xfull"):
            judged = np.ones(len(labelled.clips), bool)
            judged[[number[query.query], *(number[name] for name in query.ignore)]] = False
            candidates = np.flatnonzero(judged).astype(np.int64)
        else:
            negatives = query.negatives_same_package if protocol == "hard" else query.negatives
            candidates = np.array([number[name] for name in (*query.positives, *negatives)], np.int64)
        # The whole gallery of a whole set is as large as it is: the reference asks nothing of it.
        asked = protocol not in ("full", "xfull") or labelled.packages
        least = labelled.least if asked else (1, 0)
        if len(positives) >= least[0] and len(candidates) - len(positives) >= least[1]:
            found.append(Task(query, number[query.query], candidates, positives))
    return tuple(found)
