"""Searching a library: which windows are nearest to a query.

Similarities are inner products of unit vectors (paper, section 2.1). Whatever finds the hits, a blocked product of
matrices or an Annoy index, they are scored again one by one in double precision, so that a similarity does not
depend on the size of the batch it was asked in, and ties fall the same way on every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE, MatchSettings
from amc_otio.errors import UsageError
from amc_otio.library.shards import Shard, ShardKey

MINIMUM_VALID = ANALYSIS_RATE // 2
"""A window with less sound than this, in samples at 48 kHz, is never a match."""
SILENCE_DBFS = MatchSettings.silence_dbfs
"""A window whose root mean square is below this is never a match."""

_CELLS = 1 << 24  # similarities held at once: 64 MiB
_QUERIES = 512
_SLACK = 4e-6  # more than float32 products over 10,000 dimensions of unit vectors err


@dataclass(frozen=True)
class Window:
    """One window of a source.

    Attributes
    ----------
    path
        The source file. When several files hold the same content, the first of them by path.
    content_key
        Name of the content: equal for files that are copies of each other.
    start, valid
        First sample and number of samples of sound, on the 48 kHz analysis clock of the source.
    loudness
        LUFS.
    peak
        Largest absolute sample value, linear.
    """

    path: Path
    content_key: str
    start: int
    valid: int
    loudness: float
    peak: float


class NearestFinder(Protocol):
    """What finds candidate rows fast and not quite surely: an `AnnoyIndex` of amc_otio.library.index."""

    def nearest(self, query: NDArray[np.float32], k: int) -> NDArray[np.int64] | None:
        """Return about the `k` nearest rows to a (d,) query, in any order; None when it cannot for this k."""
        ...


class Searcher:
    """The windows of some sources under one representation, ready to be searched.

    Parameters
    ----------
    key
        The representation.
    sources
        (path, shard) of each source; sorted by path here, so that windows count by path, then by time.
    finder
        Finds candidates among the searchable windows; None searches exactly.
    problems
        What was repaired or left out while the shards were read.
    missing
        Paths that were asked for and are not in the library.

    Attributes
    ----------
    searchable
        (n,) bool: the windows that can be a match. Silence and windows of less than half a second are not.
    matrix
        (n, d) float32: the vectors of all windows.
    """

    def __init__(
        self,
        key: ShardKey,
        sources: list[tuple[Path, Shard]],
        *,
        finder: NearestFinder | None = None,
        problems: tuple[str, ...] = (),
        missing: tuple[Path, ...] = (),
    ) -> None:
        sources = sorted(sources, key=lambda source: source[0])
        shards = [shard for _, shard in sources]
        self.key = key
        self.problems = problems
        self.missing = missing
        self.finder = finder
        self._paths = [path for path, _ in sources]
        self._contents = [shard.content_key for shard in shards]
        self._first = np.cumsum([0] + [len(shard) for shard in shards])
        empty: list[NDArray[np.float32]] = [np.zeros((0, key.dimension), np.float32)]
        self.matrix = np.concatenate(empty + [shard.vectors for shard in shards])
        none = [np.zeros(0, np.float32)]
        self._valid = np.concatenate([np.zeros(0, np.int32)] + [shard.valid for shard in shards])
        self._loudness = np.concatenate(none + [shard.loudness for shard in shards])
        self._peak = np.concatenate(none + [shard.peak for shard in shards])
        rms = np.concatenate(none + [shard.rms for shard in shards])
        self.searchable: NDArray[np.bool_] = (
            (rms >= SILENCE_DBFS) & (self._valid >= MINIMUM_VALID) & self.matrix.any(axis=1)
        )

    def __len__(self) -> int:
        return len(self.matrix)

    @property
    def kind(self) -> str:
        """``"annoy"`` or ``"exact"``."""
        return "exact" if self.finder is None else "annoy"

    @property
    def paths(self) -> tuple[Path, ...]:
        """The sources, sorted."""
        return tuple(self._paths)

    def window(self, index: int) -> Window:
        """Return window number `index`, as `search` numbers them.

        Raises
        ------
        IndexError
            When there is no such window (-1 in a search result is none).
        """
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        source = int(np.searchsorted(self._first, index, side="right")) - 1
        return Window(
            path=self._paths[source],
            content_key=self._contents[source],
            start=int(index - self._first[source]) * self.key.window,
            valid=int(self._valid[index]),
            loudness=float(self._loudness[index]),
            peak=float(self._peak[index]),
        )

    def windows_of(self, path: Path) -> range:
        """Return the numbers of a source's windows, in time; empty when the source is not here."""
        if path not in self._paths:
            return range(0)
        source = self._paths.index(path)
        return range(int(self._first[source]), int(self._first[source + 1]))

    def vectors(self, indices: NDArray[np.integer] | list[int]) -> NDArray[np.float32]:
        """Return the vectors of windows: (m,) numbers give (m, d) float32."""
        return self.matrix[np.asarray(indices, np.int64)]

    def search(
        self, queries: NDArray[np.floating], k: int, *, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the `k` windows nearest to each query; all queries of a timeline at once.

        Parameters
        ----------
        queries
            (q, d) unit vectors. A query of zeros (silence) finds nothing.
        k
            How many windows.
        allowed
            (n,) bool: search only these windows, exactly.

        Returns
        -------
        indices : numpy.ndarray
            (q, k) int64, best first; equal similarities by path, then by time; -1 where there is none.
        similarities : numpy.ndarray
            (q, k) float32, inner products; -inf where there is none.

        Raises
        ------
        UsageError
            When a shape is wrong, `k` is below 1 or a query is not finite.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.key.dimension:
            wanted = f"(q, {self.key.dimension})"
            raise UsageError(
                "search",
                f"queries have the shape {queries.shape}, not {wanted}",
                "embed them with the same representation",
            )
        if k < 1:
            raise UsageError("search", f"k is {k}, below 1", "ask for 1 or more")
        if not np.isfinite(queries).all():
            raise UsageError("search", "a query is not finite", "embed it again")
        indices = np.full((len(queries), k), -1, np.int64)
        similarities = np.full((len(queries), k), -np.inf, np.float32)
        candidates = self._candidates(queries, k, allowed)
        for number, rows in enumerate(candidates):
            if len(rows):
                rows, scores = self._score(queries[number], rows, k)
                indices[number, : len(rows)] = rows
                similarities[number, : len(rows)] = scores
        return indices, similarities

    def _candidates(
        self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None
    ) -> list[NDArray[np.int64]]:
        """Return for each query rows among which the k best are."""
        if allowed is not None:
            allowed = np.asarray(allowed, bool)
            if allowed.shape != (len(self),):
                raise UsageError("search", f"allowed has the shape {allowed.shape}, not ({len(self)},)")
            allowed = allowed & self.searchable
        found: list[NDArray[np.int64] | None] = [None] * len(queries)
        silent: NDArray[np.bool_] = np.logical_not(np.any(queries, axis=1))
        for number in range(len(queries)):
            if silent[number]:
                found[number] = np.zeros(0, np.int64)
            elif allowed is None and self.finder is not None:
                found[number] = self.finder.nearest(queries[number], k)
        left = [number for number, rows in enumerate(found) if rows is None]
        rows = np.flatnonzero(self.searchable if allowed is None else allowed)
        for at in range(0, len(left), _QUERIES):
            numbers = left[at : at + _QUERIES]
            for number, exact in zip(numbers, nearest_rows(self.matrix, rows, queries[numbers], k), strict=True):
                found[number] = exact
        return [rows for rows in found if rows is not None]

    def _score(
        self, query: NDArray[np.float32], rows: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        exact = self.matrix[rows].astype(np.float64) @ query.astype(np.float64)
        scores: NDArray[np.float32] = exact.astype(np.float32)  # equal vectors tie exactly
        order = np.lexsort((rows, -scores))[:k]
        return rows[order], scores[order]


def nearest_rows(
    matrix: NDArray[np.float32], rows: NDArray[np.int64], queries: NDArray[np.float32], k: int
) -> list[NDArray[np.int64]]:
    """Return for each query the rows that are, or tie with, its `k` nearest.

    Parameters
    ----------
    matrix
        (n, d) float32 vectors.
    rows
        The rows of `matrix` that count, ascending.
    queries
        (q, d) float32.
    k
        At least 1.

    Returns
    -------
    list of numpy.ndarray
        q arrays of int64 rows in no order: `k` or, within rounding of the k-th similarity, more; fewer when
        there are fewer.
    """
    whole = len(rows) == len(matrix)
    step = max(1024, _CELLS // max(1, len(queries)))
    kept_rows: list[list[NDArray[np.int64]]] = [[] for _ in queries]
    kept_scores: list[list[NDArray[np.float32]]] = [[] for _ in queries]
    for at in range(0, len(rows), step):
        block = matrix[at : at + step] if whole else matrix[rows[at : at + step]]
        scores = queries @ block.T
        for number, line in enumerate(scores):
            near = np.flatnonzero(line >= _kth(line, k) - _SLACK)
            kept_rows[number].append(rows[at + near])
            kept_scores[number].append(line[near])
    out: list[NDArray[np.int64]] = []
    for row_parts, score_parts in zip(kept_rows, kept_scores, strict=True):
        if not row_parts:
            out.append(np.zeros(0, np.int64))
            continue
        line = np.concatenate(score_parts)
        out.append(np.concatenate(row_parts)[line >= _kth(line, k) - _SLACK])
    return out


def _kth(line: NDArray[np.float32], k: int) -> float:
    """Return the k-th largest value, -inf when there are fewer."""
    return float(np.partition(line, len(line) - k)[len(line) - k]) if k < len(line) else -np.inf
