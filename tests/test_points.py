"""Where two sounds meet: ties, the steadiest point, what an analysis holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joining_helpers import FRAMES_24, PAIRS, bundled, media_bounds, noise, tone, wide_bounds, window_with_click

from amc_otio.config import ANALYSIS_RATE, HOP, N_FFT, JoinSettings
from amc_otio.joining.analysis import HOPS, MARGIN, WINDOW, Analysis, analyse
from amc_otio.joining.bounds import Bounds
from amc_otio.joining.clear import LEAST
from amc_otio.joining.join import find_join
from amc_otio.joining.point import find_point
from amc_otio.joining.spectra import best_pair, similarity_matrix
from amc_otio.joining.steady import WITHIN_DB, unsteadiness


def test_best_pair_breaks_ties_where_the_cut_moves_least():
    assert best_pair(np.ones((4, 5))) == (3, 0)
    assert best_pair(np.ones((4, 5)), np.zeros((4, 5), bool)) is None


@pytest.mark.parametrize("reach", [0, HOP - 1, 3 * HOP + 7])
def test_spectra_around_points_are_those_half_a_frame_away(reach: int):
    side = analyse(noise(WINDOW + 2 * (MARGIN + reach)), FRAMES_24, reach)
    assert side.origin == MARGIN + reach
    assert len(side.hops) == len(HOPS) + 2 * (reach // HOP)
    np.testing.assert_allclose(side.grid_spectra.before, side.mel(side.grid - N_FFT // 2), rtol=1e-5)
    np.testing.assert_allclose(side.grid_spectra.after, side.mel(side.grid + N_FFT // 2), rtol=1e-5)
    np.testing.assert_allclose(side.window_mel, side.mel(HOPS), rtol=1e-5)


def test_a_window_with_room_to_search_is_the_same_window():
    reach = 5_000
    samples = noise(WINDOW + 2 * (MARGIN + reach))
    wide, narrow = analyse(samples, FRAMES_24, reach), analyse(samples[reach:-reach], FRAMES_24)
    np.testing.assert_allclose(wide.window_mel, narrow.window_mel, rtol=1e-5)
    np.testing.assert_array_equal(wide.stretch(-MARGIN, WINDOW + MARGIN), narrow.samples)
    with pytest.raises(ValueError, match="expected"):
        analyse(samples, FRAMES_24)


@given(st.integers(-120_000, 120_000), st.integers(0, 150_000))
def test_a_stretch_is_silent_beyond_what_is_held(first: int, length: int):
    side = analyse(np.arange(1, WINDOW + 2 * MARGIN + 1, dtype=np.float32), FRAMES_24)
    got = side.stretch(first, first + length)
    assert got.shape == (length,)
    index = np.arange(first, first + length) + MARGIN
    inside = (index >= 0) & (index < side.samples.size)
    np.testing.assert_array_equal(got, np.where(inside, index + 1, 0).astype(np.float32))


def checked_steady(outgoing: Analysis, incoming: Analysis, bounds: Bounds) -> tuple[int, int] | None:
    """The steady point, held against its definition pair by pair."""
    point = find_point(outgoing, incoming, bounds, "steady")
    can = bounds.allowed(outgoing.grid, incoming.grid)
    if not can.any():
        assert point is None
        return None
    assert point is not None
    roomy = can.copy()
    for i, j in zip(*np.nonzero(can), strict=True):
        room = bounds.room(int(outgoing.grid[i]), int(incoming.grid[j]))
        roomy[i, j] = min(room.before, room.after) >= LEAST
    row = int(np.searchsorted(outgoing.grid, point.out_point))
    column = int(np.searchsorted(incoming.grid, point.in_point))
    assert can[row, column]
    among = roomy if roomy.any() else can
    assert among[row, column]
    products = similarity_matrix(outgoing.grid_mel, incoming.grid_mel)
    near = among & (products >= products[among].max() * 10 ** (-WITHIN_DB / 10))
    assert near[row, column]
    cost = unsteadiness(outgoing.grid_spectra, incoming.grid_spectra)
    assert cost[row, column] == cost[near].min()
    return point.out_point, point.in_point


limits = st.integers(-4_000, WINDOW + 4_000)


@settings(max_examples=60)
@given(
    st.sampled_from(PAIRS),
    st.tuples(limits, limits, limits, limits),
    st.none() | st.integers(-WINDOW, WINDOW),
    st.none() | st.integers(0, 2 * WINDOW),
    st.booleans(),
)
def test_the_steady_point_is_near_the_highest_product_and_can_be_cut(examples, pair, ends, lag, record_end, handles):
    outgoing, incoming = (bundled(examples, name) for name in pair)
    make = wide_bounds if handles else media_bounds
    bounds = make(
        outgoing_from=ends[0],
        outgoing_to=ends[1],
        incoming_from=ends[2],
        incoming_to=ends[3],
        longest_lag=lag,
        record_end=record_end,
    )
    found = checked_steady(outgoing, incoming, bounds)
    assert found == checked_steady(outgoing, incoming, bounds)


def test_the_steady_point_prefers_room_for_a_fade_and_does_without(examples: Path):
    outgoing, incoming = bundled(examples, "blast"), bundled(examples, "explosion")
    # The blast is loudest at its very start, where its file has no head handle.
    highest = find_point(outgoing, incoming, media_bounds(), "max-ss")
    assert highest is not None
    assert min(highest.out_point, highest.in_point) < LEAST
    found = checked_steady(outgoing, incoming, media_bounds())
    assert found is not None
    assert min(found) >= LEAST
    assert checked_steady(outgoing, incoming, media_bounds(outgoing_to=2_000)) is not None


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("gain", [0.125, 0.5, 4.0])
def test_the_join_is_the_same_however_loud_both_sounds_are(examples: Path, pair: tuple[str, str], gain: float):
    sides = [bundled(examples, name) for name in pair]
    louder = [analyse(np.float32(gain) * side.samples, side.grid) for side in sides]
    chosen = JoinSettings(method="fitted", max_gain_db=6.0)
    one, other = find_join(*sides, wide_bounds(), chosen), find_join(*louder, wide_bounds(), chosen)
    assert one is not None
    assert other is not None
    assert (one.out_point, one.in_point, one.slip) == (other.out_point, other.in_point, other.slip)
    assert (one.fade_before, one.fade_after, one.fade_law) == (other.fade_before, other.fade_after, other.fade_law)
    assert one.gain_db == pytest.approx(other.gain_db, abs=0.01)


def test_the_steady_point_lies_within_an_event_not_on_its_edge():
    """Half a second of noise in near silence on both sides: Max-SS may take any of it, steady never its ends."""
    sides = []
    for seed in (1, 2):
        samples = noise(WINDOW + 2 * MARGIN, seed, 1e-4)
        samples[MARGIN + 12_000 : MARGIN + 36_000] += noise(24_000, seed + 2, 0.2)
        sides.append(analyse(samples, FRAMES_24))
    found = checked_steady(*sides, wide_bounds())
    assert found is not None
    assert all(12_000 + N_FFT <= point <= 36_000 - N_FFT for point in found)


def test_two_tones_meet_where_both_are():
    """The incoming tone begins late: before it there is nothing like the outgoing one."""
    late = tone(WINDOW + 2 * MARGIN, 440.0)
    late[: MARGIN + 30_000] = 0.0
    outgoing, incoming = analyse(tone(WINDOW + 2 * MARGIN, 440.0), FRAMES_24), analyse(late, FRAMES_24)
    for method in ("max-ss", "fitted"):
        join = find_join(outgoing, incoming, wide_bounds(), JoinSettings(method=method))
        assert join is not None
        assert join.in_point > 30_000


def test_a_point_beyond_the_window_is_found_where_the_grid_goes():
    reach = 2 * ANALYSIS_RATE
    grid = np.arange(-reach, WINDOW + reach + 1, 2000, dtype=np.int64)
    outgoing = analyse(window_with_click(WINDOW + 90_000, 1, reach), grid, reach)
    incoming = analyse(window_with_click(-50_000, 2, reach), grid, reach)
    beyond = {"outgoing_to": WINDOW + reach, "incoming_from": -reach}
    for method in ("max-ss", "fitted"):
        join = find_join(outgoing, incoming, wide_bounds(**beyond), JoinSettings(method=method))
        assert join is not None
        if method == "max-ss":
            assert abs(join.out_point - (WINDOW + 90_000)) <= 1000
            assert abs(join.in_point + 50_000) <= 1000
        kept = find_join(outgoing, incoming, wide_bounds(outgoing_to=WINDOW), JoinSettings(method=method))
        assert kept is not None
        assert kept.out_point <= WINDOW
        assert kept.in_point >= 0
