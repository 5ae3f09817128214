"""A search finds what is nearest, the same way every time, with Annoy or without."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library_helpers import make_shard, unit_rows

from amc_otio.errors import UsageError
from amc_otio.library import index as index_module
from amc_otio.library.index import annoy_available, index_name, open_index
from amc_otio.library.layout import Layout, LibraryWarning
from amc_otio.library.search import Searcher
from amc_otio.library.shards import ShardKey

needs_annoy = pytest.mark.skipif(not annoy_available(), reason="annoy is not installed")


def searcher_of(*vectors: np.ndarray, **changes: np.ndarray) -> Searcher:
    """A searcher over one source per array, named a.wav, b.wav and so on."""
    key = ShardKey("toy", "1", "", vectors[0].shape[1], 48_000)
    names = [Path(f"/media/{chr(97 + i)}.wav") for i in range(len(vectors))]
    shards = [make_shard(v, content=str(i) * 64, key=key, **changes) for i, v in enumerate(vectors)]
    return Searcher(key, list(zip(names, shards, strict=True)))


def by_hand(matrix: np.ndarray, query: np.ndarray, k: int) -> list[int]:
    scores = (matrix.astype(np.float64) @ query.astype(np.float64)).astype(np.float32)
    return sorted(range(len(matrix)), key=lambda i: (-scores[i], i))[:k]


@settings(deadline=None)
@given(
    n=st.integers(1, 60), q=st.integers(1, 5), k=st.integers(1, 70), copies=st.integers(1, 4), seed=st.integers(0, 99)
)
def test_exact_search_is_what_sorting_by_hand_gives(n: int, q: int, k: int, copies: int, seed: int) -> None:
    matrix = np.repeat(unit_rows(n, 6, seed), copies, axis=0)  # copies tie
    searcher = searcher_of(matrix[: n // 2], matrix[n // 2 :]) if n > 1 else searcher_of(matrix)
    queries = unit_rows(q, 6, seed + 1000)
    indices, similarities = searcher.search(queries, k)
    assert indices.shape == similarities.shape == (q, k)
    assert (indices.dtype, similarities.dtype) == (np.int64, np.float32)
    for query, row, scores in zip(queries, indices, similarities, strict=True):
        wanted = by_hand(matrix, query, k)
        assert list(row[: len(wanted)]) == wanted
        assert (row[len(wanted) :] == -1).all()
        np.testing.assert_allclose(scores[: len(wanted)], matrix[wanted] @ query, atol=1e-6)


def test_a_query_gets_the_same_answer_alone_and_in_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    searcher = searcher_of(np.repeat(unit_rows(500, 64), 5, axis=0))
    queries = unit_rows(40, 64, 7)
    together = searcher.search(queries, 12)
    monkeypatch.setattr("amc_otio.library.search._CELLS", 2048)  # many small blocks
    for number, query in enumerate(queries):
        alone = searcher.search(query[None], 12)
        np.testing.assert_array_equal(alone[0][0], together[0][number])
        np.testing.assert_array_equal(alone[1][0], together[1][number])


def test_silence_and_short_windows_are_never_a_match() -> None:
    vectors = np.repeat(unit_rows(1, 8), 5, axis=0)
    vectors[0] = 0
    rms = np.array([-20, -70.5, -20, -20, -69.5], np.float32)
    valid = np.array([48_000, 48_000, 23_999, 24_000, 48_000], np.int32)
    searcher = searcher_of(vectors, rms=rms, valid=valid)
    indices, similarities = searcher.search(vectors[1:2], 5)
    assert list(indices[0]) == [3, 4, -1, -1, -1]
    assert list(similarities[0, 2:]) == [-np.inf] * 3


def test_a_silent_query_finds_nothing() -> None:
    indices, _ = searcher_of(unit_rows(5, 8)).search(np.zeros((1, 8), np.float32), 3)
    assert list(indices[0]) == [-1, -1, -1]


def test_only_allowed_windows_are_found() -> None:
    matrix = unit_rows(200, 8)
    searcher = searcher_of(matrix)
    allowed = np.arange(200) % 7 == 0
    indices, _ = searcher.search(matrix[:3], 5, allowed=allowed)
    for number, row in enumerate(indices):
        wanted = [i for i in by_hand(matrix, matrix[number], 200) if i % 7 == 0][:5]
        assert list(row) == wanted


def test_a_window_says_where_it_is() -> None:
    first, second = unit_rows(3, 8), unit_rows(2, 8, 1)
    searcher = searcher_of(first, second)
    window = searcher.window(4)
    assert (window.path, window.content_key, window.start, window.valid) == (
        Path("/media/b.wav"),
        "1" * 64,
        48_000,
        48_000,
    )
    assert (window.loudness, window.peak) == (-23.0, 0.5)
    assert list(searcher.windows_of(Path("/media/b.wav"))) == [3, 4]
    assert list(searcher.windows_of(Path("/media/c.wav"))) == []
    np.testing.assert_array_equal(searcher.vectors([4, 0]), [second[1], first[0]])
    for wrong in (-1, 5):
        with pytest.raises(IndexError):
            searcher.window(wrong)


def test_an_empty_library_is_searched_without_complaint() -> None:
    indices, _ = Searcher(ShardKey("toy", "1", "", 8, 48_000), []).search(unit_rows(2, 8), 3)
    assert (indices == -1).all()


@pytest.mark.parametrize(
    ("queries", "k"),
    [(unit_rows(2, 9), 3), (unit_rows(1, 8)[0], 3), (unit_rows(2, 8), 0), (np.full((1, 8), np.nan), 3)],
)
def test_a_question_that_makes_no_sense_is_refused(queries: np.ndarray, k: int) -> None:
    with pytest.raises(UsageError):
        searcher_of(unit_rows(5, 8)).search(queries, k)


# Annoy


def sounds(n: int, d: int = 64, seed: int = 3) -> np.ndarray:
    """Vectors in loose clusters, as takes of the same kind of sound are."""
    generator = np.random.default_rng(seed)
    centres = generator.standard_normal((n // 20 + 1, d))
    rows = centres[generator.integers(0, len(centres), n)] + 0.8 * generator.standard_normal((n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "lib")
    layout.prepare(create=True)
    return layout


def open_quietly(layout: Layout, matrix: np.ndarray, name: str = "x") -> index_module.AnnoyFinder:
    with warnings.catch_warnings():
        warnings.simplefilter("error", LibraryWarning)
        finder = open_index(layout, name, matrix, np.ones(len(matrix), bool))
    assert finder is not None
    return finder


@needs_annoy
def test_annoy_finds_at_least_99_of_100_and_scores_them_exactly(layout: Layout) -> None:
    matrix = sounds(6000)
    searcher = searcher_of(matrix)
    queries = 0.7 * sounds(6000)[:300] + 0.3 * sounds(6000)[::-1][:300]
    queries = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)
    exact, exact_scores = searcher.search(queries, 10)
    searcher.finder = open_quietly(layout, matrix)
    assert searcher.kind == "annoy"
    found, scores = searcher.search(queries, 10)
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(exact, found, strict=True))
    assert hits / exact.size >= 0.99
    same = exact == found
    np.testing.assert_array_equal(scores[same], exact_scores[same])


@needs_annoy
def test_windows_that_cannot_match_are_not_in_the_index(layout: Layout) -> None:
    matrix = sounds(2000)
    rms = np.full(2000, -20, np.float32)
    rms[::2] = -90
    searcher = searcher_of(matrix, rms=rms)
    searcher.finder = open_index(layout, "x", matrix, searcher.searchable)
    assert searcher.finder is not None
    assert searcher.finder.sidecar.n_items == 1000
    indices, _ = searcher.search(matrix[:50], 10)
    assert (indices % 2 == 1).all()


@needs_annoy
def test_an_index_is_built_once_and_byte_for_byte_the_same(layout: Layout) -> None:
    matrix = sounds(2000)
    open_quietly(layout, matrix, "x")
    path = layout.index / "x.ann"
    before = path.stat().st_mtime_ns
    open_quietly(layout, matrix, "x")
    assert path.stat().st_mtime_ns == before
    open_quietly(layout, matrix, "y")
    assert (layout.index / "y.ann").read_bytes() == path.read_bytes()
    assert sorted(p.name for p in layout.index.iterdir()) == ["x.ann", "x.json", "y.ann", "y.json"]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def _change(**values: object) -> object:
    def change(path: Path) -> None:
        beside = path.with_suffix(".json")
        beside.write_text(json.dumps({**json.loads(beside.read_text()), **values}))

    return change


@needs_annoy
@pytest.mark.parametrize(
    "harm",
    [
        _cut,
        _flip,
        Path.unlink,
        lambda path: path.write_bytes(b""),
        lambda path: path.with_suffix(".json").unlink(),
        lambda path: path.with_suffix(".json").write_text("{"),
        lambda path: path.with_suffix(".json").write_text("[1]"),
        _change(n_items=5),
        _change(dimension=5),
        _change(search_k="many"),
        _change(unknown=1),
    ],
)
def test_a_damaged_index_is_never_loaded_but_built_again(layout: Layout, harm: object) -> None:
    matrix = sounds(1500)
    open_quietly(layout, matrix)
    path = layout.index / "x.ann"
    good = path.read_bytes()
    harm(path)  # type: ignore[operator]
    with pytest.warns(LibraryWarning, match="built again"):
        finder = open_index(layout, "x", matrix, np.ones(len(matrix), bool))
    assert finder is not None
    assert path.read_bytes() == good
    open_quietly(layout, matrix)


@needs_annoy
def test_an_index_that_cannot_be_good_enough_is_not_used(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_SEARCH_K", (1,))
    matrix = unit_rows(3000, 64)
    assert open_index(layout, "x", matrix, np.ones(3000, bool)) is None
    assert json.loads((layout.index / "x.json").read_text())["search_k"] == 0
    monkeypatch.setattr(index_module, "_build", None)  # what was measured is remembered
    assert open_index(layout, "x", matrix, np.ones(3000, bool)) is None


@needs_annoy
def test_an_index_that_cannot_be_written_is_done_without(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index_module, "fsync_folder", full)
    with pytest.warns(LibraryWarning, match="searching exactly"):
        assert open_index(layout, "x", sounds(1500), np.ones(1500, bool)) is None


def test_without_annoy_there_is_no_index_and_nothing_breaks(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_annoy", lambda: None)
    assert not annoy_available()
    assert open_index(layout, "x", sounds(1500), np.ones(1500, bool)) is None


@needs_annoy
def test_only_the_indexes_used_last_are_kept(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_KEPT", 2)
    for number in range(4):
        open_quietly(layout, sounds(1200, 16, number), str(number))
    assert len(list(layout.index.glob("*.ann"))) == len(list(layout.index.glob("*.json"))) == 2
    assert (layout.index / "3.ann").exists()


def test_another_set_of_shards_has_another_index() -> None:
    names = {index_name("f", shards) for shards in (["a"], ["b"], ["a", "b"], ["b", "a"], [])}
    assert len(names) == 5
