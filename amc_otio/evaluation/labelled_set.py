"""A labelled retrieval set on disk, and the protocols under which a ranking is judged.

A set is a folder with ``clips/NAME.ogg``, ``clips.csv`` and ``labels.json`` (docs/evaluation.md says what they hold).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import MediaError
from amc_otio.evaluation.metrics import TableRow, mean_row, rank, score_ranking

PROTOCOLS: Final = ("paper", "hard", "cross", "full", "xfull")
"""``paper``: positives and 100 random negatives. ``hard``: negatives of the query's own package. ``cross``: the same
kind of sound from other packages. ``full`` and ``xfull``: the same positives against the whole gallery."""


@dataclass(frozen=True)
class Clip:
    """One clip of a set: `content_s` seconds of sound, the rest of its second is silence."""

    name: str
    path: Path
    content_s: float
    shift: int


@dataclass(frozen=True)
class LabelledQuery:
    """A query with its labels, all by clip name."""

    query: str
    group: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    negatives_same_package: tuple[str, ...]
    ignore: tuple[str, ...]


@dataclass(frozen=True)
class LabelledSet:
    """A whole set; `cross_queries` have their positives in other packages."""

    clips: tuple[Clip, ...]
    queries: tuple[LabelledQuery, ...]
    cross_queries: tuple[LabelledQuery, ...]


def read_labelled_set(folder: Path) -> LabelledSet:
    """Read a set.

    Raises
    ------
    MediaError
        When a file is missing or damaged.
    """
    try:
        with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
            clips = tuple(
                Clip(row["clip"], folder / "clips" / f"{row['clip']}.ogg", float(row["content_s"]), int(row["shift"]))
                for row in csv.DictReader(file)
            )
        labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        return LabelledSet(clips, _queries(labels["queries"]), _queries(labels["cross_queries"]))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise MediaError(folder, f"is no labelled set ({error})", "see docs/evaluation.md for the format") from error


def _queries(entries: list[dict[str, object]]) -> tuple[LabelledQuery, ...]:
    def names(entry: dict[str, object], key: str) -> tuple[str, ...]:
        value = entry.get(key, [])
        if not isinstance(value, list):
            raise ValueError(f"{key} is no list")
        return tuple(str(v) for v in value)

    return tuple(
        LabelledQuery(
            query=str(entry["query"]),
            group=str(entry.get("group", entry["query"])),
            positives=names(entry, "positives"),
            negatives=names(entry, "negatives"),
            negatives_same_package=names(entry, "negatives_same_package"),
            ignore=names(entry, "ignore"),
        )
        for entry in entries
    )


Similarity = Callable[[int, NDArray[np.int64]], NDArray[np.floating]]
"""(query's clip number, candidates' clip numbers) -> similarities."""


def evaluate(labelled: LabelledSet, similarity: Similarity, protocol: str) -> TableRow:
    """Score a similarity under a protocol.

    Parameters
    ----------
    similarity
        Called once a query.
    protocol
        One of `PROTOCOLS`.

    Returns
    -------
    TableRow
    """
    scores, groups = [], []
    for query, number, candidates, positives in _tasks(labelled, protocol):
        order = rank(similarity(number, candidates), candidates)
        scores.append(score_ranking(np.isin(order, list(positives)), len(positives)))
        groups.append(query.group)
    return mean_row(scores, groups)


def _tasks(
    labelled: LabelledSet, protocol: str
) -> Iterator[tuple[LabelledQuery, int, NDArray[np.int64], frozenset[int]]]:
    """(query, its number, candidates, positives) of each query that the protocol judges."""
    if protocol not in PROTOCOLS:
        raise ValueError(f"no protocol is called {protocol}")
    number = {clip.name: i for i, clip in enumerate(labelled.clips)}
    for query in labelled.cross_queries if protocol in ("cross", "xfull") else labelled.queries:
        positives = frozenset(number[name] for name in query.positives)
        if protocol in ("full", "xfull"):
            left_out = {number[name] for name in query.ignore} | {number[query.query]}
            candidates = np.array([i for i in range(len(labelled.clips)) if i not in left_out], dtype=np.int64)
        else:
            negatives = query.negatives_same_package if protocol == "hard" else query.negatives
            # Too few of either say nothing.
            if len(positives) < 2 or len(negatives) < 20:
                continue
            candidates = np.array([number[name] for name in (*query.positives, *negatives)], dtype=np.int64)
        yield query, number[query.query], candidates, positives
