"""Ways to join, judged: scenes, joins, summaries, and the order of the paper's five on real pairs."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from amc_otio.config import ANALYSIS_RATE as RATE
from amc_otio.config import HOP, JoinSettings
from amc_otio.errors import AmcError, MediaError, UsageError
from amc_otio.evaluation.labelled_set import read_labelled_set
from amc_otio.evaluation.records import Clip, LabelledQuery, LabelledSet
from amc_otio.evaluation.seam import MEASURES
from amc_otio.evaluation.seam_gaps import Recording, alike_waveforms, gap_plans
from amc_otio.evaluation.seam_pairs import form_of, labelled_plans, one_period, sounding
from amc_otio.evaluation.seam_scenes import CONTEXT, RMS, Scene, levelled
from amc_otio.evaluation.transitions import (
    PAPER,
    UNCUT,
    Judged,
    Method,
    Results,
    frame_grid,
    join_scene,
    judge,
    judge_scene,
    summarise,
)


def noise(seconds: float, seed: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def scene_of(outgoing: np.ndarray, incoming: np.ndarray, until: int | None = None) -> Scene:
    end = len(outgoing) if until is None else until
    return Scene("a > b", "a", "noise", "continuous", outgoing, incoming, CONTEXT, CONTEXT, end)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return scene_of(noise(4, 1), noise(4, 2))


# --- joins -----------------------------------------------------------------------------------------------------


def test_the_baselines_meet_at_the_edges_of_the_windows(scene: Scene):
    cut = join_scene(scene, PAPER[0])
    assert cut is not None
    assert (cut.join.out_point, cut.join.in_point) == (RATE, 0)
    at = CONTEXT + RATE
    np.testing.assert_array_equal(cut.samples[: cut.moment], scene.outgoing[at - cut.moment : at])
    after = len(cut.samples) - cut.moment
    np.testing.assert_array_equal(cut.samples[cut.moment :], scene.incoming[CONTEXT : CONTEXT + after])


def test_max_ss_meets_at_the_papers_hops_or_at_frames(scene: Scene):
    hop, frame = join_scene(scene, PAPER[1]), join_scene(scene, PAPER[1], fps=24)
    assert hop is not None and frame is not None
    assert hop.join.out_point % HOP == 0 and hop.join.in_point % HOP == 0
    assert frame.join.out_point % 2000 == 0 and frame.join.in_point % 2000 == 0


def test_the_seam_is_the_middle_of_the_fade(scene: Scene):
    hidden = dataclasses.replace(scene, outgoing_until=CONTEXT + RATE)
    joined = join_scene(hidden, PAPER[2])
    assert joined is not None
    assert (joined.join.fade_before, joined.join.fade_after) == (RATE // 2, 0)
    np.testing.assert_array_equal(
        joined.samples[joined.moment + RATE // 4 :][:1000], scene.incoming[CONTEXT : CONTEXT + 1000]
    )


def test_what_is_hidden_is_never_heard():
    outgoing = noise(4, 1)
    outgoing[CONTEXT + RATE :] = 1e3
    scene = scene_of(outgoing, noise(4, 2), CONTEXT + RATE)
    for method in PAPER:
        joined = join_scene(scene, method)
        assert joined is not None
        assert np.abs(joined.samples).max() < 10


def test_a_length_can_be_given_or_taken_from_another_method(scene: Scene):
    lengths = {"max-ss-adaptive": 0.3}
    taken = join_scene(scene, Method("a", JoinSettings(method="max-ss"), length="as:max-ss-adaptive"), lengths)
    given = join_scene(scene, Method("b", JoinSettings(method="crossfade"), length=0.1))
    assert taken is not None and given is not None
    assert taken.join.fade_before + taken.join.fade_after == round(0.3 * RATE)
    assert given.join.fade_before + given.join.fade_after == round(0.1 * RATE)
    other = join_scene(scene, PAPER[1])
    assert other is not None
    assert (taken.join.out_point, taken.join.in_point) == (other.join.out_point, other.join.in_point)


@pytest.mark.parametrize(
    "methods",
    [
        (PAPER[0], PAPER[0]),
        (Method(UNCUT),),
        (Method("a", length="as:b"), Method("b")),
        (Method("a", length="long"),),
    ],
)
def test_methods_that_make_no_sense_are_refused(methods: tuple[Method, ...]):
    with pytest.raises(UsageError):
        judge([], methods)


def test_nothing_to_judge_is_an_error():
    with pytest.raises(UsageError, match="none is left"):
        judge([])


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_a_frame_rate_that_is_none_is_refused(fps: float):
    with pytest.raises(UsageError):
        frame_grid(fps)


def test_frames_of_any_rate_lie_within_the_window():
    for fps in (23.976, 24, 25, 29.97, 60):
        grid = frame_grid(fps)
        assert grid[0] == 0 and grid[-1] <= RATE
        assert np.abs(np.diff(grid) - RATE / fps).max() < 1


# --- judging ---------------------------------------------------------------------------------------------------


def test_a_recording_joined_to_itself_is_as_natural_as_uncut():
    whole = noise(6, 3)
    going, coming = whole[: 4 * RATE], whole[RATE : 5 * RATE]  # the incoming window is the second after the query
    judged = judge_scene(scene_of(going, coming), [PAPER[0]])
    assert judged is not None
    assert judged.score[0] > 2
    assert judged.natural[0, MEASURES.index("click")] > 0.02


def test_the_truth_scores_like_the_uncut_sound_and_is_no_distance_from_itself():
    whole = noise(6, 3)
    scene = scene_of(whole[: 4 * RATE], whole[RATE : 5 * RATE], CONTEXT + RATE)
    judged = judge_scene(scene, PAPER)
    assert judged is not None
    assert judged.truth_db[0] == pytest.approx(0, abs=1e-6)  # what was joined on is what was hidden
    assert judged.truth_db[-1] == 0
    assert judged.truth_db[1] > 1
    assert np.isnan(judge_scene(scene_of(whole[: 4 * RATE], whole[RATE : 5 * RATE]), [PAPER[0]]).truth_db).all()


def test_levelled_sounds_have_one_level_and_silence_stays(scene: Scene):
    loud = levelled(dataclasses.replace(scene, outgoing=30 * scene.outgoing, incoming=0 * scene.incoming))
    assert np.sqrt(np.mean(loud.outgoing[CONTEXT : CONTEXT + RATE] ** 2)) == pytest.approx(RMS, rel=1e-4)
    assert not loud.incoming.any()


def test_a_silent_scene_is_judged_without_nan(scene: Scene):
    judged = judge_scene(dataclasses.replace(scene, incoming=0 * scene.incoming), PAPER)
    assert judged is not None
    assert np.isfinite(judged.raw).all() and np.isfinite(judged.score).all()


def judged(score: list[float], group: str, form: str = "continuous") -> Judged:
    count = len(score)
    blank = np.full(count, np.nan)
    return Judged(
        group, group, "", form, np.zeros((count, 6)), np.full((count, 6), 0.25), np.array(score), np.zeros(count), blank
    )


def test_a_summary_is_of_means_and_paired_differences():
    labels = (PAPER[-1].label, "ours", UNCUT)
    results = Results(labels, tuple(judged([i % 3, i % 3 + 0.25, 3], f"g{i}") for i in range(30)))
    base, ours, _ = summarise(results)
    assert base.score == pytest.approx(1) and base.low < 1 < base.high
    assert (ours.ahead, ours.ahead_low, ours.ahead_high) == pytest.approx((0.25, 0.25, 0.25))
    assert ours.mean == pytest.approx(0.25)
    assert ours.truth_db is None
    with pytest.raises(UsageError):
        summarise(results, "nobody's")


def test_a_part_of_results_holds_those_scenes():
    results = Results(("a", UNCUT), (judged([1, 2], "x", "one-shot"), judged([3, 4], "y")))
    part = results.part(np.array(results.forms) == "one-shot")
    assert part.groups == ("x",) and part.score.tolist() == [[1, 2]]


# --- scenes ----------------------------------------------------------------------------------------------------


def test_a_continuous_sound_is_looped_without_a_seam():
    period = one_period(noise(1, 4), "continuous")
    twice = np.concatenate([period, period])
    at = len(period)
    around = twice[at - 480 : at + 480]
    assert np.abs(np.diff(around)).max() < 1.5 * np.abs(np.diff(period)).max()
    assert around.std() == pytest.approx(period.std(), rel=0.2)


def test_a_one_shot_ends_in_silence():
    period = one_period(noise(1, 4), "one-shot")
    assert len(period) == RATE and period[-1] == 0


def test_edit_points_lie_in_the_sound():
    period = np.zeros(RATE, np.float32)
    assert not sounding(period).size
    period[20_000:25_000] = noise(5000 / RATE, 1)
    places = sounding(period)
    assert places.size
    assert places.min() > 18_000 and places.max() < 27_000


def test_a_hit_is_a_one_shot_and_a_room_is_continuous():
    decay = np.exp(-np.arange(RATE) / 4000).astype(np.float32)
    assert form_of(noise(1, 1)) == "continuous"
    assert form_of(noise(1, 1) * decay) == "one-shot"


@pytest.fixture(scope="module")
def little_set(tmp_path_factory: pytest.TempPathFactory) -> LabelledSet:
    folder = tmp_path_factory.mktemp("set")
    clips = []
    for name, sound in (("a", noise(1, 1)), ("b", noise(1, 2)), ("c", noise(1, 3)), ("silent", np.zeros(RATE))):
        soundfile.write(folder / f"{name}.wav", sound, RATE, subtype="FLOAT")
        clips.append(Clip(name, folder / f"{name}.wav"))
    queries = (
        LabelledQuery("a", "g1", ("b", "c"), ()),
        LabelledQuery("b", "g2", ("a",), ()),
        LabelledQuery("c", "g3", ("silent",), ()),
    )
    return LabelledSet("little", tuple(clips), queries)


def test_pairs_are_drawn_by_seed_whatever_the_limit(little_set: LabelledSet):
    every = labelled_plans(little_set, seed=3)
    assert len(every) == 3
    assert labelled_plans(little_set, 2, seed=3) == every[:2]
    first, second = (plan.scene() for plan in (every[0], labelled_plans(little_set, seed=3)[0]))
    if first is not None and second is not None:
        np.testing.assert_array_equal(first.outgoing, second.outgoing)
    with pytest.raises(MediaError):
        labelled_plans(dataclasses.replace(little_set, queries=()))


def test_a_silent_clip_is_left_out_for_all_methods(little_set: LabelledSet):
    results = judge(labelled_plans(little_set), PAPER)
    assert len(results.scenes) == 2
    assert set(results.groups) == {"g1", "g2"}


def test_more_processes_give_the_same(little_set: LabelledSet):
    plans = labelled_plans(little_set)
    one, two = judge(plans, PAPER[:2]), judge(plans, PAPER[:2], jobs=2)
    np.testing.assert_array_equal(one.score, two.score)


def test_a_copy_is_known_again_and_another_take_is_not():
    long = noise(4, 1)
    assert alike_waveforms(long, -0.1 * long[70_000 : 70_000 + RATE]) == pytest.approx(1, abs=1e-4)
    assert alike_waveforms(long, noise(1, 2)) < 0.1
    assert alike_waveforms(long, np.zeros(RATE, np.float32)) == 0


def test_gaps_are_joined_with_another_recording_and_never_with_a_copy_of_the_passage(tmp_path: Path):
    one = noise(8, 1)
    for name, sound in (("one", one), ("copy", 0.5 * one), ("other", noise(8, 2)), ("short", noise(2, 3))):
        soundfile.write(tmp_path / f"{name}.wav", sound, RATE, subtype="FLOAT")
    recordings = [Recording(tmp_path / f"{name}.wav", name) for name in ("one", "copy", "other", "short")]
    plans = gap_plans(recordings, representation="mfcc", per_recording=2)
    assert {plan.outgoing.name for plan in plans} == {"one", "copy", "other"}
    for plan in plans:
        copies = {plan.outgoing.name, plan.incoming.name} == {"one", "copy"}
        assert not copies or not -RATE < plan.match_at - plan.query_at < 2 * RATE
    assert plans == gap_plans(recordings, representation="mfcc", per_recording=2)
    results = judge(plans, PAPER)
    assert len(results.scenes) == len(plans)
    assert np.isfinite(results.scenes[0].truth_db).all()


def test_gaps_can_be_joined_from_far_away_in_the_same_recording(tmp_path: Path):
    soundfile.write(tmp_path / "one.wav", noise(14, 1), RATE, subtype="FLOAT")
    plans = gap_plans([Recording(tmp_path / "one.wav", "one")], representation="mfcc", same_recording=True)
    assert plans
    for plan in plans:
        assert plan.incoming == plan.outgoing
        assert abs(plan.match_at - plan.query_at) >= 5 * RATE


def test_recordings_that_cannot_be_read_are_named(tmp_path: Path):
    bad = Recording(tmp_path / "bad.wav", "bad")
    bad.path.write_bytes(b"nothing")
    with pytest.raises(MediaError):
        gap_plans([bad], representation="mfcc")
    told: list[AmcError] = []
    with pytest.raises(MediaError, match="none has"):
        gap_plans([bad], representation="mfcc", skipped=told.append)
    assert len(told) == 1


def test_a_handle_is_heard_and_no_more(tmp_path: Path):
    for name, seed in (("one", 1), ("two", 2)):
        soundfile.write(tmp_path / f"{name}.wav", noise(6, seed), RATE, subtype="FLOAT")
    recordings = [Recording(tmp_path / f"{name}.wav", name) for name in ("one", "two")]
    for handle in (0.0, 0.2):
        scene = gap_plans(recordings, representation="mfcc", handle_s=handle, limit=1)[0].scene()
        assert scene is not None and scene.hidden
        assert scene.outgoing_until == scene.outgoing_at + RATE + round(handle * RATE)


# --- the benchmark ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def transition() -> Iterator[ModuleType]:
    """benchmarks/transition.py, which imports its neighbours as a script does."""
    path = Path(__file__).resolve().parent.parent / "benchmarks" / "transition.py"
    spec = importlib.util.spec_from_file_location("transition", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(path.parent))


def test_a_method_can_be_spelt_out(transition: ModuleType):
    method = transition.parse_method("short: method=crossfade, fade_s=0.1")
    assert method == Method("short", JoinSettings(method="crossfade", fade_s=0.1))
    assert transition.parse_method("a: length=0.25").length == 0.25
    assert transition.parse_method("a: length=as:max-ss").length == "as:max-ss"
    with pytest.raises(UsageError, match="no part"):
        transition.parse_method("a: speed=3")


def test_the_benchmark_prints_what_it_writes(
    transition: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name, seed in (("one", 1), ("two", 2), ("three", 3)):
        soundfile.write(tmp_path / f"{name}.wav", noise(6, seed), RATE, subtype="FLOAT")
    out = tmp_path / "out.json"
    given = ["--gaps", str(tmp_path), "--scenes", "4", "--representation", "mfcc", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", ["transition.py", *given, "--method", "a: method=max-ss, length=0.1"])
    assert transition.main() == 0
    printed = capsys.readouterr().out
    rows = json.loads(out.read_text())["Hidden gaps"]["all"]
    assert [row["label"] for row in rows][:5] == [method.label for method in PAPER]
    for row in rows:
        assert f"| {row['label']} | {row['score']:.3f} (" in printed
    assert next(row for row in rows if row["label"] == "a")["fade_mean_s"] == pytest.approx(0.1)


# --- real sound ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_papers_five_are_ranked_as_by_listeners_on_real_pairs(shared_data: Path):
    plans = labelled_plans(read_labelled_set(shared_data / "retrieval-dev"), 120)
    results = judge(plans, PAPER)
    rows = summarise(results)
    scores = [row.score for row in rows[: len(PAPER)]]
    assert (np.diff(scores) > 0).all(), dict(zip(results.labels, scores, strict=False))
    ends = {row.label: row for row in rows}
    assert ends["concatenate"].ahead_high < 0 and ends["max-ss"].ahead_high < 0
