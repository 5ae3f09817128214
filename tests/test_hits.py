"""Hits are told once each, by an index that is only nearly right too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amc_otio.library.search import Window
from amc_otio.matching.propose import _hits


@dataclass
class Forgetful:
    """A searcher whose narrow search misses its best window, as an approximate index may."""

    size: int

    def __len__(self) -> int:
        return self.size

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        indices = np.arange(self.size)[1 if k < self.size else 0 :][:k]
        return indices[None], (1.0 - indices / self.size)[None].astype(np.float32)

    def vectors(self, indices: np.ndarray) -> np.ndarray:
        return np.zeros((len(indices), 4), np.float32)

    def window(self, index: int) -> Window:
        return Window(Path(f"{index}.wav"), str(index), 0, 48_000, -20.0, 0.5)


def test_a_wider_search_neither_repeats_nor_skips():
    searcher = Forgetful(40)
    query = np.zeros(4, np.float32)
    indices, similarities = searcher.search(query[None], 5)
    told = [int(hit.content_key) for hit in _hits(searcher, query, indices[0], similarities[0])]  # type: ignore[arg-type]
    assert sorted(told) == list(range(40))
    assert told[:5] == [1, 2, 3, 4, 5]
