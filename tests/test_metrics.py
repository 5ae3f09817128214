"""Retrieval metrics and intervals against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc_otio.errors import RepresentationError
from amc_otio.evaluation.intervals import bootstrap, group_mean_interval
from amc_otio.evaluation.metrics import QueryScores, rank, score_ranking, score_tasks
from amc_otio.evaluation.protocols import Task
from amc_otio.evaluation.records import LabelledQuery
from amc_otio.evaluation.rows import rows_of


def test_a_ranking_by_hand():
    # Positives at ranks 1, 3 and 6 of three: AP = (1/1 + 2/3 + 3/6) / 3.
    scores = score_ranking([True, False, True, False, False, True, False], 3)
    assert scores.average_precision == pytest.approx((1 + 2 / 3 + 0.5) / 3)
    assert (scores.hit_at_1, scores.hit_at_2, scores.hit_at_5) == (1, 1, 1)
    assert scores.precision_at_5 == pytest.approx(0.4)
    assert scores.precision_at_10 == pytest.approx(0.3)


@pytest.mark.parametrize(("place", "hits"), [(1, (1, 1, 1)), (2, (0, 1, 1)), (3, (0, 0, 1)), (6, (0, 0, 0))])
def test_hit_rates_look_at_the_first_places(place: int, hits: tuple[int, int, int]):
    scores = score_ranking([n == place for n in range(1, 9)], 1)
    assert (scores.hit_at_1, scores.hit_at_2, scores.hit_at_5) == hits
    assert scores.average_precision == pytest.approx(1 / place)


def test_what_is_never_found_counts():
    assert score_ranking([True], 4).average_precision == pytest.approx(0.25)
    nothing = score_ranking([False, False], 2)
    assert nothing == QueryScores(0, 0, 0, 0, 0, 0)
    with pytest.raises(ValueError, match="positive"):
        score_ranking([True], 0)


@given(st.lists(st.booleans(), min_size=1, max_size=40).filter(any))
def test_average_precision_is_its_definition(hits: list[bool]):
    precisions = [sum(hits[: i + 1]) / (i + 1) for i, hit in enumerate(hits) if hit]
    scores = score_ranking(hits, sum(hits))
    assert scores.average_precision == pytest.approx(sum(precisions) / len(precisions))
    assert 0 < scores.average_precision <= 1
    assert scores.hit_at_1 <= scores.hit_at_2 <= scores.hit_at_5


def test_ties_are_the_same_every_time():
    order = rank(np.array([0.5, 0.9, 0.5, 0.9]), np.array([7, 3, 2, 1]))
    assert order.tolist() == [1, 3, 2, 7]


def task(query: str = "q", group: str = "g", kind: str = "") -> Task:
    return Task(LabelledQuery(query, group, (), (), kind=kind), 0, np.array([1, 2, 3]), np.array([2]))


def test_a_similarity_is_looked_at():
    similar = {1: 0.1, 2: 0.7, 3: 0.9}
    scores = score_tasks([task()], lambda _, c: np.array([similar[int(i)] for i in c]), "mine")
    assert scores.tolist() == [[0.5, 0.0, 1.0, 1.0, 0.2, 0.1]]
    with pytest.raises(RepresentationError, match="mine: a similarity to the query 'q' is not a number"):
        score_tasks([task()], lambda _, c: np.full(len(c), np.nan), "mine")
    with pytest.raises(RepresentationError, match="for 3 candidates"):
        score_tasks([task()], lambda _, c: np.zeros(2), "mine")


# ---------------------------------------------------------------- intervals


def test_an_interval_draws_groups_and_weighs_them_by_their_queries():
    # Groups a (1, 1) and b (0): draws give 1 (a, a), 0 (b, b) or 2/3 (a, b), a quarter, a quarter and half of them.
    values = np.array([[1.0], [1.0], [0.0]])
    low, high = bootstrap(values, ["a", "a", "b"])
    assert (low[0], high[0]) == (0.0, 1.0)
    assert group_mean_interval(values[:, 0], ["a", "a", "b"]) == (0.0, 1.0)


def test_the_interval_is_of_the_figure_beside_it():
    # One group of 30 that is always right, three of one query that are not: R-mAP is 30/33, the groups' mean 1/4.
    values = np.array([[1.0]] * 30 + [[0.0]] * 3)
    groups = ["many"] * 30 + ["x", "y", "z"]
    low, high = bootstrap(values, groups)
    assert low[0] <= 30 / 33 <= high[0]
    of_groups = group_mean_interval(values[:, 0], groups)
    assert of_groups is not None
    assert of_groups[1] < 30 / 33


def test_takes_of_one_sound_make_an_interval_wider():
    scores = np.random.default_rng(0).random(40)
    once = bootstrap(scores[:, None], [str(i) for i in range(40)])
    four_times = bootstrap(np.repeat(scores, 4)[:, None], [str(i) for i in range(40) for _ in range(4)])
    as_if_free = bootstrap(np.repeat(scores, 4)[:, None], [str(i) for i in range(160)])
    np.testing.assert_allclose(four_times, once)
    assert as_if_free[1] - as_if_free[0] < 0.6 * (once[1] - once[0])


def test_an_interval_is_as_wide_as_the_theory_says():
    scores = np.random.default_rng(1).normal(size=400)
    low, high = bootstrap(scores[:, None], [str(i) for i in range(400)])
    assert high[0] - low[0] == pytest.approx(2 * 1.96 * scores.std() / 20, rel=0.05)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=2, max_size=30), st.floats(-1, 1))
def test_intervals_move_with_their_values(queries: list[tuple[float, int]], by: float):
    values = np.array([[value] for value, _ in queries])
    groups = [str(group) for _, group in queries]
    low, high = bootstrap(np.hstack([values, values + by]), groups, draws=200)
    if len(set(groups)) < 2:
        assert np.isnan([low, high]).all()
        assert group_mean_interval(values[:, 0], groups) is None
    else:
        np.testing.assert_allclose([low[1], high[1]], [low[0] + by, high[0] + by], atol=1e-9)
        assert low[0] <= high[0]


def test_a_difference_is_paired():
    # Queries differ a lot, and b is better than a by .1 at each: the intervals overlap, the difference is sure.
    hard = np.random.default_rng(2).random(20) * 0.8
    a = np.repeat(hard[:, None], 6, axis=1)
    asked = [task(f"q{i}", f"g{i}", kind=("wood", "water")[i % 2]) for i in range(20)]
    first, second, third = rows_of("set", "paper", asked, {"a": a, "b": a + 0.1, "c": a[::-1]}, "a", 1000, 0)
    assert first.difference is None
    assert first.metrics.r_map.high > second.metrics.r_map.low
    assert second.difference is not None
    assert second.difference.verdict == "better"
    gap = second.difference.metrics.r_map
    assert (gap.value, gap.low, gap.high) == pytest.approx((0.1, 0.1, 0.1))
    assert third.difference is not None
    assert third.difference.verdict == "undecided"
    assert [(kind.kind, kind.queries, kind.groups) for kind in second.kinds] == [("water", 10, 10), ("wood", 10, 10)]
    assert second.kinds[0].difference is not None
    assert second.kinds[0].difference.value == pytest.approx(0.1)
    assert first.kinds[0].r_map.value == pytest.approx(hard[1::2].mean())
    assert first.kinds[0].difference is None


def test_one_group_tells_no_spread():
    asked = [task("q", "g"), task("r", "g")]
    (row, other) = rows_of("set", "paper", asked, {"a": np.ones((2, 6)), "b": np.zeros((2, 6))}, "a", 100, 0)
    assert (row.metrics.r_map.value, row.metrics.r_map.low, row.group_mean_interval) == (1.0, None, None)
    assert other.difference is not None
    assert other.difference.verdict == "undecided"
