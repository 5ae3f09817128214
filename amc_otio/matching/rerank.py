"""Re-ranking: an editor may weigh how far timbre, pitch, rhythm and loudness agree (docs/ranking.md).

``score = similarity + weigh_timbre * timbre + weigh_pitch * pitch + weigh_rhythm * rhythm + weigh_loudness * loudness``

With all weights at 0, the default, hits keep the order of their similarity, as in the paper (section 2.1), and no sound
is read for ranking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import MatchSettings
from amc_otio.descriptors.agreement import agreements
from amc_otio.descriptors.describe import Descriptors, describe
from amc_otio.descriptors.words import reasons
from amc_otio.errors import MediaError
from amc_otio.joining.analysis import MARGIN, WINDOW
from amc_otio.matching.hits import Hit
from amc_otio.matching.query import Query, Sound, read_window

_KEPT: Final = 200
"""Windows whose sound is kept between ranking and joining (50 MB)."""


@dataclass(frozen=True)
class Comparison:
    """How a match's window compares with the outgoing one.

    `timbre`, `pitch`, `rhythm` and `loudness` are agreements in [0, 1]; `reasons` says the first three in words.
    """

    timbre: float
    pitch: float
    rhythm: float
    loudness: float
    reasons: tuple[str, ...]


def score(similarity: float, comparison: Comparison | None, settings: MatchSettings) -> float:
    """What a hit is ranked by: its similarity, and each agreement times its weight; nothing is added for None."""
    if comparison is None:
        return similarity
    agreed = (comparison.timbre, comparison.pitch, comparison.rhythm, comparison.loudness)
    weights = (settings.weigh_timbre, settings.weigh_pitch, settings.weigh_rhythm, settings.weigh_loudness)
    return similarity + sum(w * a for w, a in zip(weights, agreed, strict=True))


def rerank(
    hits: Iterator[Hit],
    passes: Callable[[Hit], bool],
    compare: Callable[[Hit], Comparison | None],
    settings: MatchSettings,
) -> Iterator[Hit]:
    """Put the best hits in the order of their score.

    Parameters
    ----------
    hits
        By falling similarity; read only as far as needed.
    passes
        Whether a hit passes the rules that need no sound; only those are compared, and only they count for the pool.
    compare
        Compares a hit with the query; None where its sound cannot be read.

    Returns
    -------
    Iterator
        The first hits, until `settings.pool` of them pass, by falling score; then the others by similarity. Equal
        scores keep the order of similarity.
    """
    if not settings.weighs:
        return hits
    return _reranked(hits, passes, compare, settings)


def _reranked(
    hits: Iterator[Hit],
    passes: Callable[[Hit], bool],
    compare: Callable[[Hit], Comparison | None],
    settings: MatchSettings,
) -> Iterator[Hit]:
    first: list[tuple[float, Hit]] = []
    pooled = 0
    for hit in hits:
        able = passes(hit)
        first.append((score(hit.similarity, compare(hit) if able else None, settings), hit))
        pooled += able
        if pooled == settings.pool:
            break
    first.sort(key=lambda pair: -pair[0])
    yield from chain((hit for _, hit in first), hits)


class Ear:
    """Compares windows with a query's; what it has read for ranking is kept until it is asked for again.

    Parameters
    ----------
    query
        The sound at the edit point.
    """

    def __init__(self, query: Query) -> None:
        self._query = query
        self._outgoing: Descriptors | None = None
        self._read: dict[tuple[Path, int], NDArray[np.float32]] = {}

    def read(self, hit: Hit) -> NDArray[np.float32]:
        """A hit's window with its margins (see `read_window`).

        Raises
        ------
        MediaError
            When it cannot be read.
        """
        kept = self._read.get((hit.path, hit.start))
        return read_window(Sound(hit.path, 0, None), hit.start) if kept is None else kept

    def compare_hit(self, hit: Hit) -> Comparison | None:
        """Compare a hit, and keep its sound for `read`; None when it cannot be read."""
        try:
            samples = self.read(hit)
        except MediaError:
            return None
        if len(self._read) < _KEPT:
            self._read[hit.path, hit.start] = samples
        return self.compare(samples, hit.loudness)

    def compare(self, samples: NDArray[np.float32], loudness: float) -> Comparison:
        """Compare a window, given with its margins and its loudness in LUFS."""
        if self._outgoing is None:
            self._outgoing = _describe(self._query.analysis.stretch(0, WINDOW), self._query.loudness)
        match = _describe(samples[MARGIN : MARGIN + WINDOW], loudness)
        agreed = agreements(self._outgoing, match)
        timbre, pitch, rhythm, step = (
            round(float(a[0]), 6) for a in (agreed.timbre, agreed.pitch, agreed.rhythm, agreed.loudness)
        )
        return Comparison(timbre, pitch, rhythm, step, reasons(self._outgoing, match, agreed))


def _describe(window: NDArray[np.float32], loudness: float) -> Descriptors:
    return describe(window[None], np.array([loudness]))
