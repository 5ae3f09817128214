"""Joins by the name of their method: the paper's five as it describes them, and ours, on made and on real sounds."""

from __future__ import annotations

import csv
import dataclasses
import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from joining_helpers import FRAMES_24, PAIRS, bundled, media_bounds, noise, wide_bounds, window_of, window_with_click

from amc_otio.config import ANALYSIS_RATE, CONVENTIONS, HOP, METHODS, JoinSettings
from amc_otio.errors import UsageError
from amc_otio.joining.analysis import MARGIN, WINDOW, analyse
from amc_otio.joining.fades import FADE_LAWS
from amc_otio.joining.join import find_join
from amc_otio.joining.recipes import RECIPES
from amc_otio.joining.render import blend
from amc_otio.joining.spectra import adaptive_fade_s, convert, cosine_matrix, similarity_matrix

SILENCE = np.zeros(WINDOW + 2 * MARGIN, np.float32)


def test_similarity_matrix_is_the_printed_product():
    q, m = noise(128 * 5).reshape(128, 5), noise(128 * 7, 1).reshape(128, 7)
    expected = np.array(
        [[sum(float(q[f, i]) * float(m[f, j]) for f in range(128)) for j in range(7)] for i in range(5)]
    )
    np.testing.assert_allclose(similarity_matrix(q, m), expected, rtol=1e-9)


def test_equation_2_by_hand():
    # Two time steps each: cosines 1, 0, 0, 1 have variance 1/4, so l = 1 / (0.25 * 8) = 0.5 s.
    q = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    assert adaptive_fade_s(q, 3 * q, 8.0, "power") == pytest.approx(0.5)
    assert adaptive_fade_s(q, 3 * q, 4.0, "power") == pytest.approx(1.0)


def test_equation_2_as_printed_never_asks_for_less_than_half_a_second():
    # Non-negative spectra have cosines in [0, 1], whose variance is at most 1/4.
    rng = np.random.default_rng(5)
    for _ in range(20):
        q, m = (rng.exponential(size=(128, 47)).astype(np.float32) ** 3 for _ in range(2))
        assert adaptive_fade_s(q, m, 8.0, "power") >= 0.5


def test_a_constant_similarity_asks_for_an_endless_fade():
    q = np.ones((4, 6), np.float32)
    assert adaptive_fade_s(q, q, 8.0, "power") == float("inf")


def test_conventions_differ_and_unknown_ones_are_refused():
    power = np.abs(noise(128 * 9)).reshape(128, 9) + 1e-6
    np.testing.assert_allclose(convert(power, "magnitude") ** 2, power, rtol=1e-6)
    assert convert(power, "db").min() >= 0
    centred = cosine_matrix(power, power, "centred")
    assert centred.min() < 0 < centred.max()
    with pytest.raises(UsageError, match="choose power"):
        convert(power, "loud")


@pytest.mark.parametrize(("out_at", "in_at"), [(30_000, 12_000), (10_000, 44_000), (46_000, 2_000)])
def test_max_ss_meets_impact_on_impact(out_at: int, in_at: int):
    q, m = analyse(window_with_click(out_at), FRAMES_24), analyse(window_with_click(in_at, 1), FRAMES_24)
    join = find_join(q, m, wide_bounds(), JoinSettings(method="max-ss"))
    assert join is not None
    # Exact to the paper's hop, and to the frame on the timeline's grid.
    assert abs(join.exact_out - out_at) <= HOP
    assert abs(join.exact_in - in_at) <= HOP
    assert abs(join.out_point - out_at) <= 1000
    assert abs(join.in_point - in_at) <= 1000
    assert join.fade_before == join.fade_after == 0
    assert max(abs(v) for v in join.moved_ms) <= 1000 * (HOP + 1000) / ANALYSIS_RATE


def test_the_grid_holds_whatever_the_rate():
    grid = np.round(np.arange(0, 30) * 48000 * 1001 / 30000).astype(np.int64)
    q, m = analyse(window_with_click(20_000), grid), analyse(window_with_click(20_000, 2), grid)
    join = find_join(q, m, wide_bounds(), JoinSettings())
    assert join is not None
    assert join.out_point in grid
    assert join.in_point in grid


def test_the_record_length_bounds_the_pair():
    q, m = analyse(window_with_click(4_000), FRAMES_24), analyse(window_with_click(44_000, 1), FRAMES_24)
    join = find_join(q, m, wide_bounds(longest_lag=-30_000), JoinSettings(method="max-ss"))
    assert join is not None
    assert join.in_point - join.out_point <= -30_000
    assert find_join(q, m, wide_bounds(longest_lag=-60_000), JoinSettings()) is None


def test_baselines_meet_at_the_edit_point():
    q, m = analyse(window_with_click(4_000), FRAMES_24), analyse(window_with_click(44_000, 1), FRAMES_24)
    plain = find_join(q, m, wide_bounds(), JoinSettings(method="concatenate"))
    assert plain is not None
    assert (plain.out_point, plain.in_point, plain.fade_before, plain.fade_after) == (WINDOW, 0, 0, 0)
    fixed = find_join(q, m, wide_bounds(), JoinSettings(method="crossfade", fade_s=0.25))
    assert fixed is not None
    assert (fixed.fade_before, fixed.fade_after) == (6_000, 6_000)


def test_what_clamps_the_fade_is_recorded():
    q, m = analyse(noise(WINDOW + 2 * MARGIN), FRAMES_24), analyse(noise(WINDOW + 2 * MARGIN, 1), FRAMES_24)
    join = find_join(q, m, wide_bounds(), JoinSettings(method="paper"))
    assert join is not None
    assert join.clamped_by == ("window",)
    assert join.fade_before + join.fade_after == WINDOW
    no_tail = find_join(q, m, wide_bounds(outgoing_media_end=WINDOW), JoinSettings(method="crossfade", fade_s=0.5))
    assert no_tail is not None
    assert no_tail.clamped_by == ("tail handle",)
    assert (no_tail.fade_before, no_tail.fade_after) == (24_000, 0)


def test_every_method_has_a_recipe():
    assert set(RECIPES) == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("pair", PAIRS)
def test_every_method_joins_real_sounds(examples: Path, method: str, pair: tuple[str, str]):
    outgoing, incoming = (bundled(examples, name) for name in pair)
    for bounds in (wide_bounds(), media_bounds(), wide_bounds(record_end=WINDOW + 4000), media_bounds(longest_lag=-9)):
        join = find_join(outgoing, incoming, bounds, JoinSettings(method=method, max_gain_db=6.0))
        assert join is not None
        assert join.method == method
        assert join.fade_law in FADE_LAWS
        assert bounds.allowed(np.array([join.out_point]), np.array([join.in_point])).all()
        room = bounds.room(join.out_point, join.in_point)
        assert 0 <= join.fade_before <= room.before
        assert 0 <= join.fade_after <= room.after
        assert join.fade_after + join.glide <= room.incoming_after or not join.glide
        assert all(np.isfinite(value) for value in (join.gain_db, join.level_step_db, join.spectral_step_db))
        if method != "fitted":
            assert (join.slip, join.gain_db, join.glide, join.fade_law) == (0, 0.0, 0, "equal-power")
        # And it can be rendered from what the two files hold.
        held = [side.stretch(-MARGIN, WINDOW + MARGIN)[None] for side in (outgoing, incoming)]
        at = MARGIN + join.out_point, MARGIN + join.in_point
        rendered = blend(*held, *at, join.bounced)
        assert rendered.shape == (1, at[0] + held[1].shape[1] - at[1])
        assert np.isfinite(rendered).all()
        assert find_join(outgoing, incoming, bounds, JoinSettings(method=method, max_gain_db=6.0)) == join


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("silent", ["outgoing", "incoming", "both"])
def test_silence_is_joined_too(method: str, silent: str):
    sound = window_with_click(20_000)
    outgoing = analyse(SILENCE if silent != "incoming" else sound, FRAMES_24)
    incoming = analyse(SILENCE if silent != "outgoing" else sound, FRAMES_24)
    join = find_join(outgoing, incoming, wide_bounds(), JoinSettings(method=method, max_gain_db=6.0))
    assert join is not None
    numbers = [value for value in dataclasses.astuple(join) if isinstance(value, float)]
    assert np.isfinite(numbers).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("method", METHODS)
def test_sound_beyond_all_measure_gives_no_join_and_no_crash(method: str):
    sound = noise(WINDOW + 2 * MARGIN, 1, 1e25)
    join = find_join(analyse(sound, FRAMES_24), analyse(sound, FRAMES_24), wide_bounds(), JoinSettings(method=method))
    assert join is None or RECIPES[method].point == "edit-point"


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30000, 1001), Fraction(48000)])
def test_max_ss_is_the_highest_of_the_printed_products_that_can_be_cut(
    examples: Path, pair: tuple[str, str], rate: Fraction
):
    outgoing, incoming = (bundled(examples, name, rate) for name in pair)
    products = outgoing.grid_mel.astype(np.float64).T @ incoming.grid_mel.astype(np.float64)
    for lag in (None, -9_000):
        can = np.ones(products.shape, bool)
        if lag is not None:
            can = incoming.grid[None, :] - outgoing.grid[:, None] <= lag
        for method in ("max-ss", "max-ss-adaptive", "paper"):
            join = find_join(outgoing, incoming, wide_bounds(longest_lag=lag), JoinSettings(method=method))
            assert join is not None
            row = int(np.searchsorted(outgoing.grid, join.out_point))
            column = int(np.searchsorted(incoming.grid, join.in_point))
            assert can[row, column]
            assert products[row, column] == products[can].max()


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("phi", [0.5, 12.0, 500.0])
def test_paper_is_as_printed_and_adaptive_is_as_set(examples: Path, convention: str, phi: float):
    outgoing, incoming = (bundled(examples, name) for name in PAIRS[0])
    chosen = JoinSettings(phi=phi, convention=convention)
    paper = find_join(outgoing, incoming, wide_bounds(), dataclasses.replace(chosen, method="paper"))
    adaptive = find_join(outgoing, incoming, wide_bounds(), dataclasses.replace(chosen, method="max-ss-adaptive"))
    assert paper is not None
    assert adaptive is not None
    cosine = cosine_matrix(outgoing.window_mel, incoming.window_mel, "power")
    assert cosine.shape == (47, 47)
    assert paper.wanted_fade_s == pytest.approx(1.0 / (float(np.var(cosine)) * 8.0))
    wanted = adaptive_fade_s(outgoing.window_mel, incoming.window_mel, phi, convention)
    assert adaptive.wanted_fade_s == pytest.approx(wanted)
    assert adaptive.fade_before + adaptive.fade_after == round(min(wanted, chosen.max_fade_s) * ANALYSIS_RATE)
    assert (paper.out_point, paper.in_point) == (adaptive.out_point, adaptive.in_point)


def test_by_default_impacts_get_shorter_fades_than_noise(shared_data: Path):
    folder = shared_data / "retrieval-dev"
    of_kind: dict[str, list[Path]] = {}
    with (folder / "clips.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            of_kind.setdefault(row["kind"], []).append(folder / "clips" / f"{row['clip']}.ogg")

    def fades(kinds: list[str]) -> list[int]:
        found = []
        for kind in kinds:
            for one, other in itertools.pairwise(of_kind[kind][:6]):
                chosen = JoinSettings(method="max-ss-adaptive")
                join = find_join(window_of(one), window_of(other), wide_bounds(), chosen)
                assert join is not None
                found.append(join.fade_before + join.fade_after)
        return found

    impacts = fades(["wood/chop", "metal/axe", "stone/bang", "mining/mine", "wood/stick-hit"])
    noises = fades(["water/flow", "water/fall", "wind/howl", "traffic/road", "crowd/stadium"])
    assert np.median(impacts) < 0.7 * np.median(noises)


def test_crossfade_is_as_long_as_it_is_set(examples: Path):
    outgoing, incoming = (bundled(examples, name) for name in PAIRS[1])
    for seconds in (0.25, 0.5):
        join = find_join(outgoing, incoming, wide_bounds(), JoinSettings(method="crossfade", fade_s=seconds))
        assert join is not None
        assert (join.fade_before, join.fade_after) == (seconds * ANALYSIS_RATE / 2,) * 2
        assert (join.out_point, join.in_point) == (WINDOW, 0)
