"""Joins: the paper's search and fade length, fades that fit the handles, rendering that is sample-exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc_otio.config import ANALYSIS_RATE, HOP, JoinSettings
from amc_otio.errors import UsageError
from amc_otio.joining.analysis import MARGIN, WINDOW, analyse
from amc_otio.joining.bounds import Bounds
from amc_otio.joining.fades import Blend, Room, gains, place
from amc_otio.joining.join import find_join
from amc_otio.joining.render import blend, to_channels
from amc_otio.joining.spectra import adaptive_fade_s, best_pair, convert, cosine_matrix, similarity_matrix
from amc_otio.joining.steps import level_step_db, spectral_step_db

FAR = 10 * WINDOW


def noise(n: int, seed: int = 0, level: float = 0.1) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(n) * level).astype(np.float32)


def window_with_click(at: int, seed: int = 0) -> np.ndarray:
    """A quiet window with one loud impact centred at a sample of the window."""
    samples = noise(WINDOW + 2 * MARGIN, seed, 1e-4)
    burst = noise(600, 99, 0.8) * np.hanning(600).astype(np.float32)
    samples[MARGIN + at - 300 : MARGIN + at + 300] += burst
    return samples


def wide_bounds(**changes: int | None) -> Bounds:
    values: dict[str, int | None] = {
        "edit_point": WINDOW,
        "outgoing_from": 0,
        "outgoing_to": WINDOW,
        "outgoing_sound_from": -FAR,
        "outgoing_media_end": FAR,
        "incoming_from": 0,
        "incoming_to": WINDOW,
        "incoming_media_start": -FAR,
        "incoming_media_end": FAR,
    }
    return Bounds(**{**values, **changes})  # type: ignore[arg-type]


FRAMES_24 = np.arange(0, WINDOW + 1, 2000, dtype=np.int64)


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


def test_best_pair_breaks_ties_where_the_cut_moves_least():
    assert best_pair(np.ones((4, 5))) == (3, 0)
    assert best_pair(np.ones((4, 5)), np.zeros((4, 5), bool)) is None


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


rooms = st.builds(Room, *[st.integers(-100, 60_000)] * 4)


@given(st.floats(0, 200_000), st.integers(0, 48_000), rooms)
def test_a_placed_fade_always_fits(wanted: float, longest: int, room: Room):
    fade = place(wanted, longest, room)
    assert 0 <= fade.before <= max(room.before, 0)
    assert 0 <= fade.after <= max(room.after, 0)
    assert fade.length <= min(longest, round(wanted)) or fade.length <= longest
    if fade.length < round(min(wanted, longest)):
        assert fade.clamped_by
    # It is as long as the room allows.
    assert fade.length == min(round(wanted) if wanted <= longest else longest, room.before + room.after)


@given(st.integers(1, 5000), st.sampled_from(["equal-power", "equal-gain"]))
def test_fade_gains_mirror_and_sum_to_one(n: int, law: str):
    fade_out, fade_in = gains(n, law)
    np.testing.assert_allclose(fade_out, fade_in[::-1], atol=1e-12)
    total = fade_out**2 + fade_in**2 if law == "equal-power" else fade_out + fade_in
    np.testing.assert_allclose(total, 1.0, atol=1e-12)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 3))
def test_a_blend_equals_its_sources_outside_the_fade(before: int, after: int, channels: int):
    one, other = noise(channels * 1000).reshape(channels, -1), noise(channels * 900, 1).reshape(channels, -1)
    out = blend(one, other, 600, 400, Blend(before, after))
    assert out.shape == (channels, 600 + 500)
    np.testing.assert_array_equal(out[:, : 600 - before], one[:, : 600 - before])
    np.testing.assert_array_equal(out[:, 600 + after :], other[:, 400 + after :])


def test_a_fade_beyond_the_sound_is_refused():
    with pytest.raises(ValueError, match="outside"):
        blend(noise(100)[None], noise(100)[None], 50, 10, Blend(20, 20))


def test_channels_fit():
    mono, stereo, surround = noise(10)[None], noise(20).reshape(2, -1), noise(60).reshape(6, -1)
    np.testing.assert_array_equal(to_channels(mono, 2), np.repeat(mono, 2, axis=0))
    assert to_channels(mono, 6)[2:].max() == 0
    np.testing.assert_array_equal(to_channels(stereo, 6)[:2], stereo)
    down = to_channels(surround, 2)
    np.testing.assert_allclose(down[0], surround[0] + np.sqrt(0.5) * (surround[2] + surround[4]), rtol=1e-6)
    assert to_channels(surround, 1).shape == (1, 10)


def test_steps_say_what_one_hears():
    assert level_step_db(noise(7200), noise(7200, 1, 0.2)) == pytest.approx(6.0, abs=0.5)
    flat, tilted = np.ones((128, 4), np.float32), np.linspace(1, 1000, 128, dtype=np.float32)[:, None].repeat(4, 1)
    assert spectral_step_db(flat, 10 * flat) == pytest.approx(0.0, abs=1e-6)
    assert spectral_step_db(flat, tilted) > 3


@given(st.integers(-3000, 3000), st.integers(0, 2000), st.sampled_from([-6.0, 0.0, 4.5]))
def test_a_level_glide_ends_in_the_untouched_sound(seed: int, glide: int, gain_db: float):
    one, other = noise(4000, abs(seed))[None], noise(4000, 9)[None]
    out = blend(one, other, 2000, 1500, Blend(300, 200, "equal-gain", gain_db, glide))
    np.testing.assert_array_equal(out[:, :1700], one[:, :1700])
    np.testing.assert_array_equal(out[:, 2200 + glide :], other[:, 1700 + glide :])
    if gain_db and glide > 20:
        first = out[0, 2200:2210] / other[0, 1700:1710]
        np.testing.assert_allclose(20 * np.log10(first), gain_db, atol=abs(gain_db) * 11 / glide)
