"""What the Annoy index finds of what exact search finds, and how fast both are: a Markdown table.

    python benchmarks/annoy_recall.py [--data ../shared/data] [--representation sfx] [--sizes 20000 100000]

The gallery is the set of one-second clips without 300 held out; larger ones add vectors drawn between real ones. The
queries are the held-out clips and all windows of the films, which are in no gallery: as hard as what an editor asks.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from amc_otio.library import Library, Searcher  # noqa: E402
from amc_otio.library.index import open_index  # noqa: E402
from amc_otio.library.layout import Layout  # noqa: E402
from amc_otio.library.shards import Shard, ShardKey  # noqa: E402

HELD_OUT = 300
K = 10


def real_vectors(data: Path, representation: str, folder: Path) -> tuple[np.ndarray, np.ndarray, ShardKey]:
    """Return the gallery's and the queries' vectors, through a library."""
    clips = sorted((data / "retrieval-dev" / "clips").glob("*.ogg"))
    held_out = {clips[i] for i in np.random.default_rng(1).choice(len(clips), HELD_OUT, replace=False)}
    with Library.open(folder) as library:
        library.index([data / "video", *clips], representation)
        gallery = library.searcher(representation, [path for path in clips if path not in held_out], kind="exact")
        queries = library.searcher(representation, [data / "video", *held_out], kind="exact")
    return gallery.matrix[gallery.searchable], queries.matrix[queries.searchable], gallery.key


def enlarge(vectors: np.ndarray, size: int) -> np.ndarray:
    """Return `size` vectors: the real ones, and others drawn between two of them with a little of their own."""
    if size <= len(vectors):
        return vectors
    generator = np.random.default_rng(2)
    count = size - len(vectors)
    one, other = (vectors[generator.integers(0, len(vectors), count)] for _ in range(2))
    weight = generator.uniform(0.1, 0.4, (count, 1)).astype(np.float32)
    own = generator.standard_normal(one.shape, np.float32) * np.float32(0.2 / np.sqrt(one.shape[1]))
    drawn = (1 - weight) * one + weight * other + own
    return np.concatenate([vectors, drawn / np.linalg.norm(drawn, axis=1, keepdims=True)]).astype(np.float32)


def searcher_over(vectors: np.ndarray, key: ShardKey) -> Searcher:
    """Return a searcher over vectors that are in no library."""
    n = len(vectors)
    level = np.full(n, -20, np.float32)
    shard = Shard("0" * 64, key, vectors, np.full(n, key.window, np.int32), level, level, level)
    return Searcher(key, [(Path("gallery"), shard)])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--representation", default="sfx")
    parser.add_argument("--sizes", type=int, nargs="*", default=[20_000, 100_000])
    parser.add_argument("--library", type=Path, help="keep the library here for the next time")
    arguments = parser.parse_args()
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.library or Path(temporary) / "lib"
        vectors, queries, key = real_vectors(arguments.data, arguments.representation, folder)
        layout = Layout(Path(temporary) / "index")
        layout.prepare(create=True)
        print(f"{arguments.representation}, {key.dimension} dimensions, {len(queries)} queries, k = {K}\n")
        print(
            "| windows | trees | search_k | build | recall when built | recall@10 | Annoy, ms a query "
            "| exact, ms a query, one by one | exact, all at once |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        for size in [len(vectors), *arguments.sizes]:
            matrix = enlarge(vectors, size)
            searcher = searcher_over(matrix, key)
            together, exact = timed(lambda s=searcher: s.search(queries, K)[0])
            single, _ = timed(lambda s=searcher: [s.search(query[None], K) for query in queries[:100]])
            began = time.perf_counter()
            searcher.finder = finder = open_index(layout, f"i{size}", matrix, searcher.searchable)
            build = time.perf_counter() - began
            if finder is None:
                print(f"| {len(matrix)} | - | exact | {build:.1f} s | - | 1 | - | {single * 10:.2f} |", end="")
            else:
                took, found = timed(lambda s=searcher: s.search(queries, K)[0])
                hits = sum(len(np.intersect1d(a, b)) for a, b in zip(exact, found, strict=True))
                s = finder.sidecar
                print(
                    f"| {len(matrix)} | {s.trees} | {s.search_k} | {build:.1f} s | {s.recall_at_10:.4f} "
                    f"| {hits / exact.size:.4f} | {1000 * took / len(queries):.2f} | {single * 10:.2f} |",
                    end="",
                )
            print(f" {1000 * together / len(queries):.2f} |", flush=True)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the shortest of three times of `work`, in seconds, and what it returned."""
    best = np.inf
    for _ in range(3):
        began = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - began)
    return best, result


if __name__ == "__main__":
    main()
