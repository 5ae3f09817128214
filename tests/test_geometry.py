"""The arithmetic under a proposal: frame grids, bounds and record lengths, and which recordings are one."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from amc_otio.config import ANALYSIS_RATE, EditSettings
from amc_otio.matching.duplicates import RATE, make_stretch, make_template, same_recording
from amc_otio.matching.geometry import Outgoing, Shortfall, bounds_for, record_length, shortfall
from amc_otio.matching.grid import FINEST, MOST, Grid, frame_grid
from amc_otio.timeline.slots import Slot

RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(48000)]
SECOND = ANALYSIS_RATE


@given(st.sampled_from(RATES), st.integers(-(10**9), 10**9), st.integers(0, 2 * SECOND))
def test_a_grid_is_the_frames_of_the_window(rate: Fraction, origin: int, length: int):
    grid = frame_grid(rate, Fraction(origin), length)
    per_frame = Fraction(SECOND) / rate
    for sample, frame in zip(grid.samples.tolist(), grid.frames.tolist(), strict=True):
        assert abs(sample - (origin + frame * per_frame)) <= Fraction(1, 2)
        assert grid.time_at(sample) == frame / rate
    assert (np.diff(grid.samples) > 0).all()
    # Nothing is left out: the window has room for no further frame on either side.
    step = max(per_frame, Fraction(FINEST))
    if len(grid.samples):
        assert grid.samples[0] < step + 1
        assert grid.samples[-1] > length - step - 1
        assert grid.samples[0] >= 0
        assert grid.samples[-1] <= length
    else:
        assert length < step


@given(st.sampled_from(RATES), st.integers(0, 60 * SECOND))
def test_a_grid_reaches_as_far_as_is_searched_and_stays_small(rate: Fraction, reach: int):
    grid = frame_grid(rate, Fraction(SECOND), SECOND, reach)
    assert len(grid.samples) <= MOST + 1
    # The edit point itself is always one of the points; they are even, and reach both ends.
    assert grid.time_at(SECOND) == 0
    steps = np.diff(grid.samples)
    assert steps.max() - steps.min() <= 1
    assert -reach <= grid.samples[0] < -reach + steps.max() + 1
    assert SECOND + reach - steps.max() - 1 < grid.samples[-1] <= SECOND + reach
    if rate < 100 and reach <= 10 * SECOND:
        assert (np.diff(grid.frames) == 1).all()


frames = st.integers(0, 120)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Slot, EditSettings, Fraction, Outgoing, int, int, int, int, int]:
    rate = draw(st.sampled_from(RATES[:5]))

    def time(strategy: st.SearchStrategy[int]) -> Fraction:
        return draw(strategy) / rate

    outgoing, incoming = time(st.integers(4, 120)), time(st.integers(2, 120))
    last = draw(st.integers(0, 9)) == 0
    slot = Slot(
        outgoing=outgoing,
        outgoing_busy=min(time(frames), outgoing / 3),
        incoming=None if last else incoming,
        incoming_busy=min(time(frames), incoming / 3) if not last and draw(st.booleans()) else Fraction(0),
        tail_needed=time(st.integers(0, 12)) if not last and draw(st.booleans()) else Fraction(0),
        fills_gap=last or draw(st.booleans()),
        incoming_index=None if last else 1,
    )
    mode = draw(st.sampled_from(["replace", "insert", "align"]))
    edit = EditSettings(
        mode=mode,
        ripple=draw(st.booleans()),
        short=draw(st.sampled_from(["refuse", "keep"])),
        length_s=draw(st.sampled_from([0.1, 0.5, 2.0])),
    )
    placement = draw(st.sampled_from([SECOND, SECOND // 2, 0]))
    out = Outgoing(placement, placement + draw(st.integers(0, 3 * SECOND)))
    window = 0 if mode == "align" else draw(st.integers(0, 3)) * SECOND
    valid = SECOND
    length = window + valid + draw(st.integers(-SECOND // 2, 3 * SECOND))
    reach = draw(st.sampled_from([0, 0, SECOND // 3, 5 * SECOND]))
    return slot, edit, rate, out, window, valid, length, draw(st.sampled_from([0, SECOND // 4])), reach


def grids(rate: Fraction, out: Outgoing, window: int, reach: int) -> tuple[Grid, Grid]:
    origins = Fraction(out.edit_point), Fraction(-window)
    return frame_grid(rate, origins[0], SECOND, reach), frame_grid(rate, origins[1], SECOND, reach)


@settings(max_examples=400, deadline=None)
@given(cases())
def test_every_allowed_pair_makes_an_edit_that_fits(case):
    slot, edit, rate, out, window, valid, length, remaining, reach = case
    assume(edit.mode != "align" or slot.incoming is not None)
    bounds = bounds_for(slot, edit, rate, out, window, valid, length, remaining, reach)
    outs, ins = grids(rate, out, window, reach)
    allowed = bounds.allowed(outs.samples, ins.samples)
    near = Fraction(4, SECOND)
    frame = 1 / rate
    for i, j in list(zip(*np.nonzero(allowed), strict=True))[:: max(1, int(allowed.sum()) // 8)]:
        shift = outs.time_at(int(outs.samples[i]))
        at = Fraction(window + int(ins.samples[j]), SECOND)
        available = Fraction(length, SECOND) - at
        # Both points lie in their media, however far they were looked for.
        assert 0 <= at <= Fraction(length, SECOND) or edit.mode == "align"
        assert at >= 0
        assert outs.samples[i] <= out.media_end
        found = record_length(slot, edit, rate, shift, available, Fraction(remaining, SECOND))
        assert slot.outgoing + shift >= slot.outgoing_busy + 2 * frame - near
        if isinstance(found, Shortfall):
            # Only the room can be short: what the media must hold is in the bounds.
            assert found.missing_frames is None, found
            continue
        if edit.mode == "align":
            assert slot.incoming is not None
            if edit.ripple:
                assert slot.incoming - int(ins.samples[j]) * Fraction(1, SECOND) >= 2 * frame - near
            else:
                assert slot.incoming - shift <= available - slot.tail_needed + near
            continue
        if found is None:
            assert slot.incoming is not None
            found = slot.incoming - shift
            assert found + slot.tail_needed <= available + near
        assert found > 0
        assert found <= available + near
        if slot.incoming is not None and not edit.ripple:
            rest = slot.incoming - shift - found
            assert rest >= 0
            assert rest <= slot.incoming + near  # nothing of the present shot comes back that was not seen
            if rest == 0:
                assert edit.mode == "replace" or slot.fills_gap
                assert available >= found + slot.tail_needed - near or not slot.tail_needed
            elif not slot.fills_gap:
                assert rest >= slot.incoming_busy + 2 * frame - near
        elif edit.mode == "replace" and slot.incoming is not None:
            assert found + slot.tail_needed <= available + near
            assert found >= slot.incoming_busy


@settings(max_examples=400, deadline=None)
@given(cases())
def test_missing_frames_are_true(case):
    slot, edit, rate, out, window, valid, length, remaining, reach = case
    assume(edit.mode != "align" or slot.incoming is not None)
    outs, ins = grids(rate, out, window, reach)
    bounds = bounds_for(slot, edit, rate, out, window, valid, length, remaining, reach)
    if bounds.allowed(outs.samples, ins.samples).any():
        return
    said = shortfall(bounds, slot, edit, rate, outs.samples, ins.samples)
    assert said.reason
    if said.missing_frames is None or "shot is too short" not in said.reason:
        return
    assert said.missing_frames > 0
    more = length + int(said.missing_frames / rate * SECOND) + 1
    better = bounds_for(slot, edit, rate, out, window, valid, more, remaining, reach)
    assert better.allowed(outs.samples, ins.samples).any()
    # And it is not said lightly: two frames less are too few.
    less = length + int((said.missing_frames - 2) / rate * SECOND)
    if less > length:
        worse = bounds_for(slot, edit, rate, out, window, valid, less, remaining, reach)
        assert not worse.allowed(outs.samples, ins.samples).any()


def test_a_missing_outgoing_frame_is_true():
    slot = Slot(Fraction(1, 24), Fraction(0), Fraction(2), Fraction(0), Fraction(0), False, 1)
    edit, out = EditSettings(), Outgoing(SECOND, 2 * SECOND)
    points = frame_grid(Fraction(24), Fraction(SECOND), SECOND).samples
    bounds = bounds_for(slot, edit, Fraction(24), out, 0, SECOND, 9 * SECOND, 0)
    said = shortfall(bounds, slot, edit, Fraction(24), points, points)
    assert (said.reason, said.missing_frames) == ("the outgoing clip is too short for a join", 1)
    longer = bounds_for(replace(slot, outgoing=Fraction(2, 24)), edit, Fraction(24), out, 0, SECOND, 9 * SECOND, 0)
    assert longer.allowed(points, points).any()


def noise(seed: int, samples: int = RATE) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = np.convolve(rng.standard_normal(samples + 7), np.ones(8) / 8, "valid")
    return (0.1 * smooth).astype(np.float32)


def holds(window: np.ndarray, stretch: np.ndarray) -> bool:
    made = make_stretch(stretch)
    template = make_template(window, made.size)
    return template is not None and same_recording(template, made)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 6 * RATE), st.floats(0.01, 8.0), st.booleans())
def test_a_recording_is_itself_at_any_gain_and_place(seed: int, at: int, gain: float, flip: bool):
    stretch = noise(seed, 7 * RATE)
    window = (gain * (-1 if flip else 1)) * stretch[at : at + RATE]
    hiss = 0.002 * gain * np.random.default_rng(seed + 1).standard_normal(RATE)
    assert holds((window + hiss).astype(np.float32), stretch)
    assert not holds(noise(seed + 2), stretch)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_silence_and_damage_are_no_recording(value: float):
    empty = np.full(RATE, value, np.float32)
    assert not holds(empty, noise(1, 7 * RATE))
    assert not holds(noise(1), np.full(7 * RATE, value, np.float32))
