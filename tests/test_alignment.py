"""Two waveforms that run together: the lag is found to the sample, and never where there is no sound for it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joining_helpers import FRAMES_24, PAIRS, bundled, noise, pinned, tone, wide_bounds

from amc_otio.config import ANALYSIS_RATE, JoinSettings
from amc_otio.joining.align import LONGEST_SLIP, align, best_slip
from amc_otio.joining.analysis import MARGIN, WINDOW, analyse
from amc_otio.joining.bounds import Bounds
from amc_otio.joining.fades import COHERENT, Blend
from amc_otio.joining.join import Join, find_join
from amc_otio.joining.recipes import RECIPES
from amc_otio.joining.render import blend
from amc_otio.media.decode import decode_mono

WHOLE = WINDOW + 2 * MARGIN
MIDDLE = WINDOW // 2
ALIGNED = dataclasses.replace(RECIPES["fitted"], point="edit-point")
slips = st.integers(-LONGEST_SLIP, LONGEST_SLIP)


@pytest.fixture(scope="module")
def recording(examples: Path) -> np.ndarray:
    """Fifteen seconds of a film's sound."""
    return decode_mono(examples / "media" / "sintel_trailer.mp4", 10 * ANALYSIS_RATE, 15 * ANALYSIS_RATE, ANALYSIS_RATE)


def copies(sound: np.ndarray, start: int, delay: int, gain: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A stretch of a recording, and the same with everything `delay` samples later."""
    return sound[start : start + WHOLE], np.float32(gain) * sound[start - delay : start - delay + WHOLE]


starts = st.integers(LONGEST_SLIP, 15 * ANALYSIS_RATE - WHOLE - LONGEST_SLIP)


@settings(max_examples=50)
@given(starts, slips, st.sampled_from([0, 600, 7_200]), st.floats(0.1, 3.0))
def test_the_lag_of_a_real_recording_is_found_to_the_sample(recording, start, delay, fade, gain):
    one, other = (analyse(side, FRAMES_24) for side in copies(recording, start, delay, gain))
    found = align(one, other, (MIDDLE, MIDDLE), (fade, fade), LONGEST_SLIP)
    assert found.slip == delay
    assert found.correlation == pytest.approx(1.0, abs=1e-5)


@given(st.integers(2, 400), st.integers(0, 60), st.integers(0, 10**6))
def test_the_lag_is_that_of_the_plain_definition(n: int, reach: int, seed: int):
    one, other = noise(n, seed), noise(n + 2 * reach, seed + 1)
    found = best_slip(one, other, reach)
    values = [
        float(np.dot(one, part) / np.linalg.norm(one) / np.linalg.norm(part))
        for part in (other[k : k + n].astype(np.float64) for k in range(2 * reach + 1))
    ]
    assert found.correlation == pytest.approx(max(values), abs=1e-5)
    assert values[found.slip + reach] == pytest.approx(max(values), abs=1e-5)


def test_of_equally_good_lags_the_shortest_is_taken():
    whole = tone(4_000, 480.0)  # a period of 100 samples
    found = best_slip(whole[1_000:2_000], whole[600:2_400], 400)
    assert (found.slip, found.correlation) == (0, pytest.approx(1.0))
    silent = np.zeros(1_000, np.float32)
    assert best_slip(silent, np.zeros(1_800, np.float32), 400).slip == 0
    assert best_slip(silent, whole[600:2_400], 400).correlation == 0.0
    with pytest.raises(ValueError, match="expected 1800"):
        best_slip(silent, silent, 400)


def meeting(
    sound: np.ndarray, start: int, delay: int, step: int, **changes: int | None
) -> tuple[np.ndarray, np.ndarray, Join, Bounds]:
    """A recording that is joined with its copy where both say the same, but for a delay: half a second on.

    Returns
    -------
    tuple
        Both sounds with their margins, the join at the middle of the outgoing window and the start of the incoming
        one, and its bounds.
    """
    one, other = copies(sound, start, 0)[0], copies(sound, start + MIDDLE, delay)[1]
    grid = np.arange(-6 * 2000, WINDOW + 1, step, dtype=np.int64)
    values = {"edit_point": MIDDLE, "outgoing_from": MIDDLE, "outgoing_to": MIDDLE, "incoming_from": -WINDOW}
    bounds = wide_bounds(**{**values, **changes})
    join = find_join(analyse(one, FRAMES_24), analyse(other, grid), bounds, JoinSettings(), ALIGNED)
    assert join is not None
    assert bounds.allowed(np.array([join.out_point]), np.array([join.in_point])).all()
    assert join.in_point in grid
    return one, other, join, bounds


def bounce(one: np.ndarray, other: np.ndarray, join: Join) -> np.ndarray:
    in_at = MARGIN + join.in_point + join.slip
    return blend(one[None], other[None], MARGIN + join.out_point, in_at, join.bounced)[0]


later = st.integers(LONGEST_SLIP, 15 * ANALYSIS_RATE - WHOLE - MIDDLE - LONGEST_SLIP)


@settings(max_examples=40)
@given(later, slips, st.sampled_from([250, 2_000]))
def test_a_copy_that_runs_late_is_joined_as_if_uncut(recording, start, delay, step):
    one, other, join, _ = meeting(recording, start, delay, step)
    assert join.in_point + join.slip == delay
    assert abs(join.slip) <= min(step // 2, LONGEST_SLIP)
    assert join.bounced.law == "equal-gain"
    whole = bounce(one, other, join)
    uncut = recording[start : start + whole.size]
    assert whole.size > MARGIN + WINDOW
    np.testing.assert_allclose(whole, uncut, atol=1e-6)


@settings(max_examples=40)
@given(later, slips, st.integers(0, 8_000), st.integers(1, 9_000), st.sampled_from([250, 2_000]))
def test_nothing_slips_beyond_the_incoming_media(recording, start, delay, head, left, step):
    limits = {"incoming_media_start": -head, "incoming_from": -head, "incoming_media_end": left}
    _, _, join, bounds = meeting(recording, start, delay, step, **limits)
    entered = join.in_point + join.slip
    assert abs(entered) <= LONGEST_SLIP
    assert entered - join.fade_before >= bounds.incoming_media_start
    assert entered + join.fade_after <= bounds.incoming_media_end
    room = bounds.room(join.out_point, join.in_point)
    assert join.fade_before <= room.before
    assert join.fade_after <= room.after


@settings(max_examples=40)
@given(later, slips, st.integers(-300, 300), st.integers(-300, 300))
def test_aligning_leaves_no_pair_that_can_be_cut(recording, start, delay, one_end, other_end):
    first, last = min(one_end, other_end, 0), max(one_end, other_end, 0)
    _, _, join, _ = meeting(recording, start, delay, 250, incoming_from=first, incoming_to=last)
    assert first <= join.in_point <= last
    # What the grid cannot give, the bounce does.
    assert join.in_point + join.slip == delay


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_unrelated_noise_stays_where_it_is(seed: int, other_seed: int):
    if seed == other_seed:
        return
    one, other = analyse(noise(WHOLE, seed), FRAMES_24), analyse(noise(WHOLE, other_seed), FRAMES_24)
    assert align(one, other, (MIDDLE, MIDDLE), (7_200, 7_200), LONGEST_SLIP).correlation < COHERENT
    join = find_join(one, other, pinned(), JoinSettings(), ALIGNED)
    assert join is not None
    assert (join.in_point, join.slip, join.fade_law) == (MIDDLE, 0, "equal-power")
    assert join.bounced == join.blend


@pytest.mark.parametrize("pair", PAIRS)
def test_only_a_slipped_join_is_bounced_otherwise_than_it_is_cut(examples: Path, pair: tuple[str, str]):
    sides = [bundled(examples, name) for name in pair]
    join = find_join(*sides, wide_bounds(), JoinSettings(max_gain_db=6.0))
    assert join is not None
    assert join.blend == Blend(join.fade_before, join.fade_after, join.fade_law, join.gain_db, join.glide)
    slipped, still = dataclasses.replace(join, slip=-3, fade_law="equal-power"), dataclasses.replace(join, slip=0)
    assert slipped.bounced == dataclasses.replace(slipped.blend, law="equal-gain")
    assert still.bounced == still.blend
