"""Retrieval metrics against cases worked out by hand, and against the reference evaluator where it is there."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from amc_otio.evaluation.labelled_set import evaluate, read_labelled_set
from amc_otio.evaluation.metrics import QueryScores, mean_row, rank, score_ranking


def test_a_ranking_by_hand():
    # Positives at ranks 1, 3 and 6 of three: AP = (1/1 + 2/3 + 3/6) / 3.
    scores = score_ranking([True, False, True, False, False, True, False], 3)
    assert scores.average_precision == pytest.approx((1 + 2 / 3 + 0.5) / 3)
    assert (scores.hit_at_1, scores.hit_at_2, scores.hit_at_5) == (1, 1, 1)
    assert scores.precision_at_5 == pytest.approx(0.4)
    assert scores.precision_at_10 == pytest.approx(0.3)


def test_what_is_never_found_counts():
    assert score_ranking([True], 4).average_precision == pytest.approx(0.25)
    nothing = score_ranking([False, False], 2)
    assert nothing == QueryScores(0, 0, 0, 0, 0, 0)
    with pytest.raises(ValueError, match="positive"):
        score_ranking([True], 0)


def test_ties_are_the_same_every_time():
    order = rank(np.array([0.5, 0.9, 0.5, 0.9]), np.array([7, 3, 2, 1]))
    assert order.tolist() == [1, 3, 2, 7]


def test_the_interval_is_by_group():
    perfect, worst = score_ranking([True], 1), score_ranking([False], 1)
    row = mean_row([perfect, perfect, worst], ["a", "a", "b"])
    assert row.r_map == pytest.approx(2 / 3)
    # Two groups of means 1 and 0: resamples reach from 0 to 1.
    assert row.interval == (0.0, 1.0)


@pytest.mark.slow
def test_agrees_with_the_reference_evaluator(shared_data: Path):
    folder = shared_data / "retrieval-dev"
    spec = importlib.util.spec_from_file_location("reference", folder / "evaluate.py")
    assert spec is not None and spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    labelled = read_labelled_set(folder)
    vectors = np.random.default_rng(3).standard_normal((len(labelled.clips), 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    import json

    expected = reference.score(
        [c.name for c in labelled.clips], vectors, json.loads((folder / "labels.json").read_text())
    )
    for protocol, values in expected.items():
        row = evaluate(labelled, lambda q, c: vectors[c] @ vectors[q], protocol)
        ours = (row.queries, row.r_map, row.hr_1, row.hr_2, row.hr_5, row.p_5, row.p_10)
        theirs = (values["n"], *(values[k] for k in ("R-mAP", "HR@1", "HR@2", "HR@5", "P@5", "P@10")))
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
        if "ci" in values:
            np.testing.assert_allclose(row.interval, values["ci"], atol=1e-9)
