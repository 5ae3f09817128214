"""Weighing timbre, pitch, rhythm and loudness: what it changes in the ranking, and what it must not."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc_otio.cli import main
from amc_otio.config import WEIGHED, MatchSettings, Settings
from amc_otio.errors import UsageError
from amc_otio.matching.hits import Hit
from amc_otio.matching.rerank import Comparison, Ear, rerank, score
from amc_otio.proposals import Candidate, Proposals, read_proposals
from amc_otio.run_options import weights_of
from amc_otio.timeline.select import Selection
from amc_otio.workflow import Sources, propose

PLAIN = {"match.representation": "mfcc", "match.k": 6, "match.max_level_step_lu": 0.0, "edit.short": "keep"}

SOME = Selection(indexes=("A1:2", "A1:5"))


def hits(*similarities: float) -> list[Hit]:
    return [
        Hit(Path(f"{i}.wav"), str(i), 0, 48_000, -20.0, s, np.zeros(4, np.float32)) for i, s in enumerate(similarities)
    ]


def heard(value: float) -> Comparison:
    return Comparison(value, value, value, value, ())


def order(
    found: list[Hit], agreed: dict[int, float | None], settings: MatchSettings, barred: tuple[int, ...] = ()
) -> list[int]:
    def compare(hit: Hit) -> Comparison | None:
        value = agreed[int(hit.content_key)]
        return None if value is None else heard(value)

    ranked = rerank(iter(found), lambda hit: int(hit.content_key) not in barred, compare, settings)
    return [int(hit.content_key) for hit in ranked]


def test_with_no_weight_nothing_is_heard_or_moved() -> None:
    def never(_: Hit) -> Comparison | None:
        raise AssertionError("a sound was read for ranking")

    found = iter(hits(0.9, 0.8, 0.7))
    assert rerank(found, lambda _: True, never, MatchSettings(pool=1)) is found


def test_agreement_moves_a_hit_up_and_the_pool_bounds_it() -> None:
    found = hits(0.9, 0.8, 0.7, 0.6)
    agreed: dict[int, float | None] = {0: 0.0, 1: 0.5, 2: 0.9, 3: 1.0}
    assert order(found, agreed, MatchSettings(weigh_pitch=0.1)) == [0, 1, 2, 3]
    assert order(found, agreed, MatchSettings(weigh_pitch=1.0)) == [2, 3, 1, 0]
    assert order(found, agreed, MatchSettings(weigh_pitch=1.0, pool=3)) == [2, 1, 0, 3]
    assert order(found, agreed, MatchSettings(weigh_pitch=1.0, pool=1)) == [0, 1, 2, 3]


def test_what_cannot_be_cut_takes_no_place_in_the_pool_and_gains_nothing() -> None:
    found = hits(0.9, 0.8, 0.7, 0.6)
    agreed: dict[int, float | None] = {0: 1.0, 1: 0.0, 2: 1.0, 3: 1.0}
    assert order(found, agreed, MatchSettings(weigh_rhythm=1.0, pool=2), barred=(0,)) == [2, 0, 1, 3]
    unreadable: dict[int, float | None] = {0: None, 1: 1.0, 2: 1.0, 3: 1.0}
    assert order(found, unreadable, MatchSettings(weigh_rhythm=1.0)) == [1, 2, 3, 0]


def test_no_more_is_read_than_the_pool() -> None:
    told: list[int] = []

    def lazily() -> Iterator[Hit]:
        for hit in hits(*np.linspace(1, 0, 100)):
            told.append(int(hit.content_key))
            yield hit

    ranked = rerank(lazily(), lambda _: True, lambda _: heard(0.5), MatchSettings(weigh_timbre=1.0, pool=10))
    assert int(next(ranked).content_key) == 0
    assert len(told) == 10


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20))
def test_equal_scores_keep_the_order_of_similarity(pairs: list[tuple[int, int]]) -> None:
    pairs = sorted(pairs, key=lambda p: -p[0])
    found = hits(*(float(p[0]) for p in pairs))
    ranked = order(found, {i: p[1] / 4 for i, p in enumerate(pairs)}, MatchSettings(weigh_loudness=4.0))
    sums = [pairs[i][0] + pairs[i][1] for i in ranked]
    assert sums == sorted(sums, reverse=True)
    for a, b in itertools.pairwise(ranked):
        assert sum(pairs[a]) > sum(pairs[b]) or a < b


def test_the_score_is_the_documented_sum() -> None:
    settings = MatchSettings(weigh_timbre=1.0, weigh_pitch=2.0, weigh_rhythm=4.0, weigh_loudness=8.0)
    compared = Comparison(0.1, 0.2, 0.3, 0.4, ())
    assert score(0.5, compared, settings) == pytest.approx(0.5 + 0.1 + 0.4 + 1.2 + 3.2)
    assert score(0.5, None, settings) == score(0.5, compared, MatchSettings()) == 0.5


# --- on the bundled film --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sources(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return Sources(gallery=(examples / "sounds",), library=tmp_path_factory.mktemp("library"), workers=1)


@pytest.fixture(scope="module")
def plain(examples: Path, sources: Sources) -> Proposals:
    return propose(examples / "match_cut.otio", sources, SOME, Settings().replace(PLAIN))


def weighed(examples: Path, sources: Sources, **weights: float) -> Proposals:
    chosen = PLAIN | {f"match.weigh_{family}": w for family, w in weights.items()}
    return propose(examples / "match_cut.otio", sources, SOME, Settings().replace(chosen))


def candidates(proposals: Proposals) -> list[tuple[Candidate, ...]]:
    found = [p.candidates for p in proposals.proposals]
    assert sum(map(len, found)) >= 8
    return found


def test_by_default_the_rank_is_the_similarity_and_the_reasons_show(plain: Proposals) -> None:
    for found in candidates(plain):
        similarities = [c.scores.similarity for c in found]
        assert similarities == sorted(similarities, reverse=True)
        for candidate in found:
            assert candidate.scores.score == candidate.scores.similarity
            assert all(0.0 <= getattr(candidate.scores, family) <= 1.0 for family in WEIGHED)
            words = {reason.split()[0] for reason in candidate.reasons}
            assert {"timbre", "pitch", "rhythm"} <= words
            assert "score" not in words


def test_without_weights_no_sound_is_read_for_ranking(
    plain: Proposals, examples: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a sound was read for ranking")

    monkeypatch.setattr(Ear, "compare_hit", never)
    settings = Settings().replace(PLAIN | {"match.pool": 1})
    again = propose(examples / "match_cut.otio", sources, SOME, settings)
    assert dataclasses.replace(again, notes=plain.notes, settings=plain.settings) == plain


@pytest.mark.parametrize("family", WEIGHED)
def test_a_weight_brings_up_what_agrees(family: str, plain: Proposals, examples: Path, sources: Sources) -> None:
    found = weighed(examples, sources, **{family: 10.0})
    moved = 0
    for before, after in zip(candidates(plain), candidates(found), strict=True):
        scores = [c.scores.score for c in after]
        assert scores == sorted(scores, reverse=True)
        for c in after:
            assert c.scores.score == pytest.approx(c.scores.similarity + 10.0 * getattr(c.scores, family))
            assert c.reasons[1] == f"score {c.scores.score:.3f}"
        assert [c.rank for c in after] == list(range(1, len(after) + 1))
        if after:
            assert getattr(after[0].scores, family) >= getattr(before[0].scores, family) - 0.1
            moved += after[0].media.path != before[0].media.path
    assert moved
    for now, then in zip(found.proposals, plain.proposals, strict=True):
        if now.present is not None and then.present is not None:
            assert now.present.similarity == then.present.similarity == then.present.score
            assert then.present.score <= now.present.score <= now.present.similarity + 10.0


def test_the_same_weights_give_the_same_proposals(examples: Path, sources: Sources) -> None:
    one, two = (weighed(examples, sources, timbre=0.3, rhythm=0.2) for _ in range(2))
    assert dataclasses.replace(two, notes=one.notes) == one


def run(*argv: object) -> int:
    return main([str(a) for a in argv])


def options(examples: Path, sources: Sources) -> list[object]:
    return [
        *("--gallery", examples / "sounds", "--library", sources.library, "--representation", "mfcc", "-k", 3),
        *("--max-level-step", 0, "--short", "keep", "--workers", 1),
        *("--index", "A1:2"),
    ]


def test_propose_weighs(
    examples: Path, sources: Sources, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    given = [*options(examples, sources), "--weigh", "timbre=0.3, pitch=.2", "--pool", 7]
    assert run("propose", examples / "match_cut.otio", "-o", tmp_path / "p.json", *given) == 0
    match = read_proposals(tmp_path / "p.json").settings.match
    assert (match.weigh_timbre, match.weigh_pitch, match.weigh_rhythm, match.weigh_loudness) == (0.3, 0.2, 0.0, 0.0)
    assert match.pool == 7
    said = capsys.readouterr().out
    assert "score 1." in said and "centroid" in said and "(as it is, score " in said
    assert max(map(len, said.splitlines())) < 140


def test_match_weighs_and_says_why(examples: Path, sources: Sources, tmp_path: Path) -> None:
    new = tmp_path / "new.otio"
    assert run("match", examples / "match_cut.otio", "-o", new, *options(examples, sources), "--weigh", "rhythm=2") == 0
    sidecar = json.loads((tmp_path / "new.otio.amc.json").read_text(encoding="utf-8"))
    assert sidecar["settings"]["match"]["weigh_rhythm"] == 2.0
    for change in sidecar["changes"]:
        assert any(reason.startswith("score ") for reason in change["reasons"])
        assert any(reason.startswith("rhythm ") for reason in change["reasons"])


def test_align_says_how_the_two_shots_compare(examples: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    given = ["--mode", "align", "--representation", "mfcc", "--weigh", "pitch=1"]
    assert run("propose", examples / "match_cut.otio", "-o", path, *given) == 0
    found = [c for p in read_proposals(path).proposals for c in p.candidates]
    assert found
    assert all(c.scores.score == pytest.approx(c.scores.similarity + c.scores.pitch) for c in found)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not FAMILY=W"),
        ("timbre", "is not FAMILY=W"),
        ("timbre=0.3,", "is not FAMILY=W"),
        ("colour=1", "'colour' cannot be weighed"),
        ("Timbre=1", "'Timbre' cannot be weighed"),
        ("timbre=1,timbre=2", "timbre is named twice"),
        ("pitch=", "'' is no weight"),
        ("pitch=-1", "'-1' is no weight"),
        ("pitch=nan", "'nan' is no weight"),
        ("pitch=1e3", "'1e3' is no weight"),
        ("pitch=1_0", "'1_0' is no weight"),
        ("pitch=٣", "'٣' is no weight"),
        ("pitch=1=2", "'1=2' is no weight"),
        ("pitch=" + "9" * 400, "is no weight"),
    ],
)
def test_weights_are_read_strictly(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        weights_of(text)
    assert str(caught.value).isprintable()


def test_a_weight_out_of_range_names_its_option(examples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run("propose", examples / "match_cut.otio", "-o", tmp_path / "p.json", "--weigh", "pitch=11") == 2
    assert "--weigh pitch: 11.0 is out of range; give a number from 0 to 10" in capsys.readouterr().err


def test_weights_that_are_good() -> None:
    assert weights_of(None) == {}
    assert weights_of("timbre=.5, loudness = 2.") == {"timbre": 0.5, "loudness": 2.0}
    assert set(weights_of("timbre=1,pitch=0,rhythm=1,loudness=1")) == set(WEIGHED)
