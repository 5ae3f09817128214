"""Fades: where they fit, clear of onsets, by which law, at which level; rendering that is sample-exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joining_helpers import (
    FRAMES_24,
    PAIRS,
    bundled,
    noise,
    pinned,
    tone,
    wide_bounds,
)

from amc_otio.config import ANALYSIS_RATE, JoinSettings
from amc_otio.joining.analysis import MARGIN, WINDOW, analyse
from amc_otio.joining.clear import LEAST, clear_half
from amc_otio.joining.fades import Blend, Fade, Room, gains, law_for, level_envelope, place, place_still
from amc_otio.joining.join import FITTED_FADE, find_join
from amc_otio.joining.level import GLIDE_DB_PER_S, matching_gain_db
from amc_otio.joining.onsets import onsets
from amc_otio.joining.recipes import Recipe
from amc_otio.joining.render import blend, to_channels
from amc_otio.joining.steps import level_step_db, spectral_step_db

HALF = FITTED_FADE // 2
MIDDLE = WINDOW // 2
CLEAR = Recipe("edit-point", "clear")
LEVEL = Recipe("edit-point", "clear", level=True)
WHOLE = WINDOW + 2 * MARGIN
SIX_MS = int(0.006 * ANALYSIS_RATE)


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


@given(st.integers(0, 30_000), rooms)
def test_a_still_fade_is_centred_and_says_what_makes_it_shorter(half: int, room: Room):
    fade = place_still(half, room)
    assert (fade.before, fade.after) == (min(half, room.before), min(half, room.after))
    assert len(fade.clamped_by) == (fade.before < half) + (fade.after < half)


@given(st.integers(0, 30_000), st.integers(0, 30_000), rooms)
def test_a_fade_that_is_made_to_fit_says_what_made_it_shorter(before: int, after: int, room: Room):
    fade = Fade(before, after, ("window",)).within(room)
    assert (fade.before, fade.after) == (min(before, room.before), min(after, room.after))
    assert len(fade.clamped_by) == 1 + (fade.before < before) + (fade.after < after)


def test_each_side_is_named_by_what_it_lacks():
    assert place_still(100, Room(99, 200, 200, 200)).clamped_by == ("outgoing clip's length",)
    assert place_still(100, Room(200, 99, 200, 200)).clamped_by == ("tail handle",)
    assert place_still(100, Room(200, 200, 99, 200)).clamped_by == ("head handle",)
    assert place_still(100, Room(200, 200, 200, 99)).clamped_by == ("incoming clip's length",)


def struck(at: int, level: float, seed: int, length: int = 14_400) -> np.ndarray:
    """Noise with one decaying blow."""
    samples = noise(length, seed, level)
    blow = noise(600, seed + 1, 0.5) * np.exp(-np.arange(600) / 200).astype(np.float32)
    samples[at : at + 600] += blow[: max(0, length - at)]
    return samples


@given(st.integers(1_500, 13_000), st.sampled_from([1e-5, 1e-3, 1e-2]), st.integers(0, 10**6))
def test_a_blow_is_found_within_6_ms(at: int, level: float, seed: int):
    found = onsets(struck(at, level, seed))
    assert len(found) == 1
    assert abs(int(found[0]) - at) <= SIX_MS


@given(st.integers(0, 10**6), st.integers(0, 1_000))
def test_a_click_train_is_found_click_by_click(seed: int, first: int):
    clicks = first + np.array([2_000, 6_000, 9_500, 14_000, 20_000])
    samples = noise(24_000, seed, 1e-3)
    samples[clicks] += 0.8
    found = onsets(samples)
    assert len(found) == len(clicks)
    assert (np.abs(found - clicks) <= SIX_MS).all()


@given(st.integers(0, 10**6), st.floats(50, 8_000), st.sampled_from([1e-4, 0.01, 0.5]))
def test_steady_sound_has_no_onset_even_where_it_is_broken_off(seed: int, hertz: float, level: float):
    assert onsets(noise(14_400, seed, level)).size == 0
    assert onsets(tone(14_400, hertz, level)).size == 0
    assert onsets(np.zeros(14_400, np.float32)).size == 0


@given(st.integers(0, 2_000))
def test_sounds_too_short_for_an_onset_have_none(length: int):
    assert onsets(noise(length, level=0.0)).size == 0
    found = onsets(noise(length))
    assert found.dtype == np.int64
    assert ((found >= 0) & (found <= length)).all()


@given(st.lists(st.integers(-9_000, 9_000), max_size=6), st.integers(0, 9_000))
def test_a_clear_half_ends_before_the_nearest_onset(begins: list[int], half: int):
    found = clear_half(np.array(begins, dtype=np.int64), half)
    assert min(LEAST, half) <= found <= half
    if found > LEAST:
        assert all(abs(begin) > found for begin in begins)


@pytest.mark.parametrize("distance", [-6_500, -5_000, -3_800, 3_800, 5_000, 6_500])
@pytest.mark.parametrize("side", ["outgoing", "incoming"])
@settings(max_examples=10)
@given(st.integers(0, 300))
def test_no_fade_crosses_an_onset_beyond_75_ms(distance: int, side: str, moved: int):
    at = distance + (moved if distance > 0 else -moved)
    eventful = np.zeros(WHOLE, np.float32)
    eventful[:] = noise(WHOLE, 5, 1e-3)
    eventful[MARGIN + MIDDLE - 14_400 : MARGIN + MIDDLE + 14_400] = struck(14_400 + at, 1e-3, 7, 28_800)
    calm = analyse(noise(WHOLE, 6, 1e-3), FRAMES_24)
    sides = [analyse(eventful, FRAMES_24), calm]
    join = find_join(*(sides if side == "outgoing" else sides[::-1]), pinned(), JoinSettings(), CLEAR)
    assert join is not None
    assert join.fade_before == join.fade_after
    assert LEAST <= join.fade_after <= abs(at)
    assert join.fade_after >= abs(at) - 2 * SIX_MS or join.fade_after in (LEAST, HALF)
    assert join.clamped_by == ()
    assert join.wanted_fade_s == pytest.approx(2 * join.fade_after / ANALYSIS_RATE)


@pytest.mark.parametrize("what", ["click train", "noise", "silence", "tone"])
def test_a_clear_fade_is_even_and_never_below_the_least(what: str):
    clicks = noise(WHOLE, 1, 1e-4)
    clicks[::2_400] += 0.8
    samples = {"click train": clicks, "noise": noise(WHOLE), "silence": np.zeros(WHOLE, np.float32)}
    side = analyse(samples.get(what, tone(WHOLE, 300.0)), FRAMES_24)
    join = find_join(side, side, pinned(), JoinSettings(), CLEAR)
    assert join is not None
    assert join.fade_before == join.fade_after == (LEAST if what == "click train" else HALF)


def test_without_handles_a_clear_fade_is_shorter_and_says_why(examples: Path):
    river, fall = bundled(examples, "river"), bundled(examples, "waterfall")
    no_head = find_join(river, fall, pinned(incoming_media_start=MIDDLE - 1_000), JoinSettings(), CLEAR)
    assert no_head is not None
    assert (no_head.fade_before, no_head.clamped_by) == (1_000, ("head handle",))
    no_tail = find_join(river, fall, pinned(outgoing_media_end=MIDDLE), JoinSettings(), CLEAR)
    assert no_tail is not None
    assert (no_tail.fade_after, no_tail.clamped_by) == (0, ("tail handle",))
    short = find_join(river, fall, pinned(record_end=MIDDLE + 2_000), JoinSettings(), CLEAR)
    assert short is not None
    assert (short.fade_after, short.clamped_by) == (2_000, ("incoming clip's length",))
    limited = find_join(river, fall, pinned(), JoinSettings(max_fade_s=0.05), CLEAR)
    assert limited is not None
    assert limited.fade_before + limited.fade_after == 2_400


def test_where_a_file_begins_or_ends_no_event_does():
    """A sound that is cut off in its file must not shorten the other side of the fade."""
    steady = [analyse(noise(WHOLE, seed), FRAMES_24) for seed in (1, 2)]
    broken = [side.samples.copy() for side in steady]
    broken[0][MARGIN + MIDDLE + 3_900 :] = 0.0
    broken[1][: MARGIN + MIDDLE - 3_900] = 0.0
    bounds = pinned(outgoing_media_end=MIDDLE + 3_900, incoming_media_start=MIDDLE - 3_900)
    join = find_join(*(analyse(samples, FRAMES_24) for samples in broken), bounds, JoinSettings(), CLEAR)
    assert join is not None
    assert join.fade_before == join.fade_after == 3_900
    assert join.wanted_fade_s == pytest.approx(0.3)
    assert set(join.clamped_by) == {"head handle", "tail handle"}


@given(st.floats(-1, 1))
def test_no_correlation_swells_a_fade_by_more_than_two_decibels(correlation: float):
    out, into = gains(1, law_for(correlation))
    power = float(out[0] ** 2 + into[0] ** 2 + 2 * correlation * out[0] * into[0])
    assert power <= 1.0 + 0.6 + 1e-9


@pytest.mark.parametrize("pair", PAIRS)
def test_unrelated_sounds_fade_with_equal_power_and_a_copy_with_equal_gain(examples: Path, pair: tuple[str, str]):
    outgoing, incoming = (bundled(examples, name) for name in pair)
    recipe = Recipe("edit-point", "clear", law="correlation")
    unrelated = find_join(outgoing, incoming, pinned(), JoinSettings(), recipe)
    assert unrelated is not None
    assert unrelated.fade_law == "equal-power"
    copy = find_join(outgoing, outgoing, pinned(), JoinSettings(), recipe)
    assert copy is not None
    assert copy.fade_law == "equal-gain"


@settings(max_examples=40)
@given(st.floats(-30, 30), st.floats(0, 24))
def test_the_gain_makes_both_sides_as_loud_within_the_limit(step_db: float, limit: float):
    sound = noise(WHOLE)
    quieter = analyse(sound * np.float32(10 ** (-step_db / 20)), FRAMES_24)
    join = find_join(analyse(sound, FRAMES_24), quieter, pinned(), JoinSettings(max_gain_db=limit), LEVEL)
    assert join is not None
    assert join.gain_db == pytest.approx(np.clip(step_db, -limit, limit), abs=0.01)
    assert join.glide == pytest.approx(abs(join.gain_db) / GLIDE_DB_PER_S * ANALYSIS_RATE, abs=1)


def test_a_limit_of_0_turns_nothing_up_or_down():
    sides = [analyse(noise(WHOLE, 1, level), FRAMES_24) for level in (0.2, 0.01)]
    for recipe in (LEVEL, None):
        join = find_join(*sides, wide_bounds(), JoinSettings(max_gain_db=0.0), recipe)
        assert join is not None
        assert (join.gain_db, join.glide) == (0.0, 0)
    assert matching_gain_db(noise(100), noise(100, 1, 0.01), 0.0) == 0.0
    # What cannot be heard is not written down.
    assert matching_gain_db(noise(100), noise(100) * np.float32(1.01), 6.0) == 0.0
    assert matching_gain_db(noise(100), noise(100) * np.float32(1.02), 6.0) == pytest.approx(-0.172, abs=1e-3)


def test_a_glide_ends_within_the_incoming_sound():
    sides = [analyse(noise(WHOLE, 1, level), FRAMES_24) for level in (0.2, 0.01)]
    for ends in ({"incoming_media_end": MIDDLE + 20_000}, {"record_end": MIDDLE + 20_000}):
        join = find_join(*sides, pinned(**ends), JoinSettings(max_gain_db=12.0), LEVEL)
        assert join is not None
        assert join.gain_db == 12.0
        assert join.fade_after + join.glide == 20_000


def test_levels_are_compared_where_there_is_sound_of_both():
    """Two sounds of one level: that a file ends or begins at the point makes neither of them quieter."""
    one, other = noise(WHOLE, 1), noise(WHOLE, 2)
    ended, begun = one.copy(), other.copy()
    ended[MARGIN + MIDDLE :] = 0.0
    begun[: MARGIN + MIDDLE] = 0.0
    ends: dict[str, int | None] = {"outgoing_media_end": MIDDLE, "incoming_media_start": MIDDLE}
    for outgoing, incoming, bounds in (
        (ended, other, pinned(outgoing_media_end=MIDDLE)),
        (one, begun, pinned(incoming_media_start=MIDDLE)),
        (ended, begun, pinned(**ends)),
    ):
        sides = analyse(outgoing, FRAMES_24), analyse(incoming, FRAMES_24)
        join = find_join(*sides, bounds, JoinSettings(max_gain_db=6.0), LEVEL)
        assert join is not None
        assert abs(join.gain_db) < 0.3


@settings(max_examples=30)
@given(st.floats(-24, 24), st.integers(0, 4_000), st.integers(0, 3_000), st.integers(0, 5_000))
def test_a_level_envelope_is_held_over_the_fade_and_returns_slowly(gain_db: float, fade: int, glide: int, rest: int):
    how = Blend(fade // 2, fade - fade // 2, "equal-power", gain_db, glide)
    envelope = 20 * np.log10(level_envelope(how, fade + rest))
    np.testing.assert_allclose(envelope[:fade], gain_db, atol=1e-9)
    np.testing.assert_allclose(envelope[fade + glide :], 0.0, atol=1e-9)
    if glide:
        assert np.abs(np.diff(envelope)).max(initial=0.0) <= abs(gain_db) / glide + 1e-9
