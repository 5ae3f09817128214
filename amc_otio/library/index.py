"""The Annoy index: built from a searcher's windows, measured, kept on disk, and never loaded unverified.

Annoy maps its file into memory and believes every byte of it: a damaged file crashes the process. So each index
has a sidecar that says what the file must be, and a file that is not that is built again. An index holds exactly
the searchable windows of one searcher (a representation and a list of shards): a search that is restricted to some
sources has an index of its own rather than a filter over a bigger one, which would lose hits.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import warnings
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc_otio.library.layout import (
    Layout,
    LibraryWarning,
    RunLock,
    fsync_folder,
    remove,
    temporary_name,
    write_atomically,
)
from amc_otio.library.search import nearest_rows
from amc_otio.media.files import full_hash

INDEX_FORMAT = 1
AUTO_FROM = 1000
"""Searchable windows from which ``auto`` builds an index."""
TARGET_RECALL = 0.99
"""Least recall@10 against exact search, measured when the index is built, below which there is no index."""

SEED = 20240517
_METRIC = "angular"
_TREES = (10, 30)
_SEARCH_K = tuple(round(500 * 2 ** (step / 2)) for step in range(17))  # 500 to 128,000
_SAMPLE = 256
_AIM = 0.993  # a margin over TARGET_RECALL for queries that are not in the sample
_KEPT = 16


@dataclass(frozen=True)
class Sidecar:
    """What is known of an index file; kept as JSON beside it.

    Attributes
    ----------
    recall_at_10
        Measured when it was built, on `sample` queries.
    search_k
        Annoy's search effort for k = 10; 0 when no setting reached the target and search is to be exact.
    size, sha256
        Of the index file; 0 and "" when there is none.
    """

    format: int
    annoy: str
    n_items: int
    dimension: int
    metric: str
    trees: int
    search_k: int
    seed: int
    sample: int
    recall_at_10: float
    size: int
    sha256: str


class AnnoyFinder:
    """A loaded and verified index; finds candidate rows of a searcher's matrix."""

    def __init__(self, index: Any, sidecar: Sidecar, rows: NDArray[np.int64]) -> None:
        self._index = index
        self._rows = rows
        self.sidecar = sidecar

    def nearest(self, query: NDArray[np.float32], k: int) -> NDArray[np.int64] | None:
        """Return about the `k` nearest rows to a (d,) query; None when exact search is as cheap.

        The effort grows with k, since it was measured for ten.
        """
        effort = self.sidecar.search_k * max(1, -(-k // 10))
        if effort >= _most_effort(self.sidecar.n_items):
            return None
        # Some more than k: they are scored exactly afterwards, and the order may change at the end.
        items = self._index.get_nns_by_vector(query, k + 10, effort)
        return self._rows[np.asarray(items, np.int64)]


def annoy_available() -> bool:
    """Return whether the annoy package can be used; without it search is exact."""
    return _annoy() is not None


@lru_cache(maxsize=1)
def _annoy() -> Any:
    # Built for another processor it may raise anything at import; then there is no Annoy.
    try:
        import annoy
    except Exception:
        return None
    return annoy


def _annoy_version() -> str:
    from importlib import metadata

    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version("annoy")
    return ""


def _most_effort(n_items: int) -> int:
    """Search effort from which looking at everything is no more work."""
    return 4 * n_items


def index_name(folder: str, shards: list[str]) -> str:
    """Return the name of the index of a list of shards, without suffix.

    Parameters
    ----------
    folder
        `ShardKey.folder` of their representation.
    shards
        SHA-256 of each shard, in the searcher's order.
    """
    text = json.dumps([INDEX_FORMAT, folder, sys.byteorder, sys.maxsize > 2**32, _annoy_version(), shards])
    return f"{folder}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def open_index(
    layout: Layout, name: str, matrix: NDArray[np.float32], searchable: NDArray[np.bool_]
) -> AnnoyFinder | None:
    """Load the index called `name`, building it when it is missing or damaged.

    Parameters
    ----------
    layout
        The library's paths.
    name
        From `index_name`.
    matrix, searchable
        (n, d) vectors and (n,) bool of the searcher.

    Returns
    -------
    AnnoyFinder or None
        None when search is to be exact: annoy is not there, the target recall was not reached, or the index
        cannot be kept on disk (with a warning).
    """
    if _annoy() is None:
        return None
    rows = np.flatnonzero(searchable)
    try:
        sidecar = _verified(layout, name, len(rows), matrix.shape[1])
        if sidecar is None:
            sidecar = _build(layout, name, matrix, rows)
        with contextlib.suppress(OSError):
            os.utime(_sidecar_path(layout, name))  # the ones used last are kept
        if sidecar.search_k == 0:
            return None
        index = _annoy().AnnoyIndex(sidecar.dimension, _METRIC)
        path = _index_path(layout, name)
        index.load(os.fspath(path))
        if index.get_n_items() != sidecar.n_items:
            raise OSError(f"holds {index.get_n_items()} windows, not {sidecar.n_items}")
    except Exception as error:  # annoy raises bare exceptions; an index is never worth failing for
        warnings.warn(
            f"{layout.index}: no index can be kept there ({error}): searching exactly", LibraryWarning, stacklevel=3
        )
        return None
    return AnnoyFinder(index, sidecar, rows)


def _index_path(layout: Layout, name: str) -> Path:
    return layout.index / f"{name}.ann"


def _sidecar_path(layout: Layout, name: str) -> Path:
    return layout.index / f"{name}.json"


def _verified(layout: Layout, name: str, n_items: int, dimension: int) -> Sidecar | None:
    """Return the sidecar when it and the file are what this searcher needs; None when it must be built."""
    path, beside = _index_path(layout, name), _sidecar_path(layout, name)
    if not beside.exists() and not path.exists():
        return None
    reason = ""
    try:
        sidecar = Sidecar(**json.loads(beside.read_text(encoding="utf-8")))
        expected = (INDEX_FORMAT, n_items, dimension, _METRIC)
        if (sidecar.format, sidecar.n_items, sidecar.dimension, sidecar.metric) != expected:
            reason = "is not the index of these windows"
        elif not (isinstance(sidecar.search_k, int) and sidecar.search_k >= 0):
            reason = "has a damaged sidecar"
        elif sidecar.search_k and (path.stat().st_size, full_hash(path)) != (sidecar.size, sidecar.sha256):
            reason = "is damaged"
        else:
            return sidecar
    except (ValueError, TypeError):
        reason = "has a damaged sidecar"
    except FileNotFoundError:
        reason = "is incomplete"
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    warnings.warn(f"{path}: {reason}: built again", LibraryWarning, stacklevel=4)
    return None


def _build(layout: Layout, name: str, matrix: NDArray[np.float32], rows: NDArray[np.int64]) -> Sidecar:
    """Build, measure and write the index; return its sidecar."""
    with RunLock(layout) as run:
        path, beside = _index_path(layout, name), _sidecar_path(layout, name)
        queries, wanted = _sample(matrix, rows)
        best: tuple[float, int, int] = (0.0, 0, 0)
        index: Any = None
        for trees in _TREES:
            index = _trees(matrix, rows, trees)
            recall, search_k = _least_effort(index, rows, queries, wanted)
            best = (recall, search_k, trees)
            if search_k:
                break
        recall, search_k, trees = best
        size, digest = 0, ""
        if search_k:
            temporary = temporary_name(path, run.run_id)
            try:
                index.save(os.fspath(temporary))
                index.unload()  # Windows renames no mapped file
                with temporary.open("rb+") as file:
                    os.fsync(file.fileno())
                size, digest = temporary.stat().st_size, full_hash(temporary)
                temporary.replace(path)
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise
        sidecar = Sidecar(
            format=INDEX_FORMAT,
            annoy=_annoy_version(),
            n_items=len(rows),
            dimension=matrix.shape[1],
            metric=_METRIC,
            trees=trees,
            search_k=search_k,
            seed=SEED,
            sample=len(queries),
            recall_at_10=round(recall, 4),
            size=size,
            sha256=digest,
        )
        write_atomically(beside, (json.dumps(asdict(sidecar), indent=1, sort_keys=True) + "\n").encode(), run.run_id)
        fsync_folder(layout.index)
        _keep_newest(layout, name)
    return sidecar


def _trees(matrix: NDArray[np.float32], rows: NDArray[np.int64], trees: int) -> Any:
    index = _annoy().AnnoyIndex(matrix.shape[1], _METRIC)
    index.set_seed(SEED)
    for item, row in enumerate(rows):
        index.add_item(item, matrix[row])
    index.build(trees, n_jobs=1)  # one thread: the same bytes every time
    return index


def _sample(
    matrix: NDArray[np.float32], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], list[NDArray[np.int64]]]:
    """Draw queries to measure recall with, and their ten nearest windows.

    A query stands between two windows, three parts of one and one of another: like the sound of an outgoing clip it
    is made of what the library is made of, and is none of it. On real sounds such queries are a little harder for
    Annoy than sounds that were held out (benchmarks/annoy_recall.py).
    """
    generator = np.random.default_rng(SEED)
    count = min(_SAMPLE, len(rows))
    one, other = (rows[generator.choice(len(rows), count, replace=False)] for _ in range(2))
    queries = 0.75 * matrix[one] + 0.25 * matrix[other]
    queries /= np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-12)
    queries = queries.astype(np.float32)
    wanted = []
    for query, near in zip(queries, nearest_rows(matrix, rows, queries, 10), strict=True):
        wanted.append(near[np.argsort(-(matrix[near] @ query), kind="stable")[:10]])
    return queries, wanted


def _least_effort(
    index: Any, rows: NDArray[np.int64], queries: NDArray[np.float32], wanted: list[NDArray[np.int64]]
) -> tuple[float, int]:
    """Return the recall@10 and the least search_k that reaches the aim; search_k is 0 when none does."""
    recall = 0.0
    for search_k in _SEARCH_K:
        if search_k >= _most_effort(len(rows)):
            break
        hits = 0
        for query, near in zip(queries, wanted, strict=True):
            found = rows[np.asarray(index.get_nns_by_vector(query, 20, search_k), np.int64)]
            hits += len(np.intersect1d(found, near))
        recall = hits / max(1, sum(len(near) for near in wanted))
        if recall >= _AIM:
            return recall, search_k
    return recall, 0


def _keep_newest(layout: Layout, name: str) -> None:
    """Remove the indexes used longest ago: every gallery has one, and they are soon built again."""
    beside = sorted(layout.index.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in beside[_KEPT:]:
        if path.stem != name:
            remove_index(path)


def remove_index(beside: Path) -> int:
    """Remove an index, given its sidecar; return the bytes freed. One in use on Windows stays."""
    freed = 0
    for path in (beside, beside.with_suffix(".ann")):
        with contextlib.suppress(OSError):
            freed += remove(path)
    return freed
