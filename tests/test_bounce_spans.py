"""Counting the samples of a bounce: exact fractions, each position rounded once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from amc_otio.bounce.render import _lower
from amc_otio.bounce.sides import rate_for
from amc_otio.bounce.spans import Clock, cover_of, spans_of
from amc_otio.config import ANALYSIS_RATE
from amc_otio.joining.fades import Blend

RATES = st.sampled_from([44_100, 48_000, 96_000])
FRAME_RATES = st.sampled_from(
    [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001)]
)
HALF = Fraction(1, 2)


@given(
    rate=RATES,
    fps=FRAME_RATES,
    start_frames=st.integers(0, 24 * 3600 * 24),
    point_frame=st.integers(60, 100_000),
    before=st.integers(0, 48_000),
    after=st.integers(0, 48_000),
    glide=st.integers(0, 48_000),
    outgoing_frames=st.integers(30, 5_000),
    incoming=st.fractions(0, 100),
    remaining=st.fractions(3, 100),
    slip=st.integers(-2_000, 2_000),
)
def test_positions(
    rate: int,
    fps: Fraction,
    start_frames: int,
    point_frame: int,
    before: int,
    after: int,
    glide: int,
    outgoing_frames: int,
    incoming: Fraction,
    remaining: Fraction,
    slip: int,
) -> None:
    start, point, outgoing = start_frames / fps, point_frame / fps, outgoing_frames / fps
    clock = Clock(rate, fps, start)
    how = Blend(before, after, "equal-power", 1.0, glide)
    core = (point - Fraction(before, ANALYSIS_RATE), point + Fraction(after + glide, ANALYSIS_RATE))
    least, most = point - outgoing, point + remaining
    assume(least <= core[0])
    assume(core[1] <= most)
    cover = cover_of(clock, core, least, most, Fraction(1, 4), 2 / fps)
    assert least <= cover.start <= core[0] < point + 1
    assert core[1] <= cover.end <= most
    shift = Fraction(slip, ANALYSIS_RATE)
    spans = spans_of(clock, cover, point, how, outgoing, incoming, incoming + remaining, shift, Fraction(1))
    # Each position is the nearest sample to its exact place.
    assert abs(spans.point - (start + point) * rate) <= HALF
    assert abs(spans.fade_first - (start + core[0]) * rate) <= HALF
    assert abs(spans.fade_stop - (start + point + Fraction(after, ANALYSIS_RATE)) * rate) <= HALF
    assert abs(spans.glide - Fraction(glide * rate, ANALYSIS_RATE)) <= HALF
    # So is what each file plays; with a slip, what the one plays against the other.
    assert abs(spans.out_offset - (outgoing - start - point) * rate) <= HALF
    if slip:
        assert abs(spans.in_offset - spans.out_offset - (incoming + shift - outgoing) * rate) <= HALF
    else:
        assert abs(spans.in_offset - (incoming - start - point) * rate) <= HALF
    # Everything lies in its place, and the media are there for it.
    assert spans.first <= clock.sample(cover.start) <= spans.fade_first <= spans.point <= spans.fade_stop
    assert spans.fade_stop + spans.glide <= clock.sample(cover.end) + 1
    assert clock.sample(cover.end) <= spans.stop
    assert spans.first >= 0
    assert spans.first + spans.out_offset >= -(rate / fps)
    reach = max(clock.sample(cover.end), round((incoming + remaining) * rate) - spans.in_offset)
    assert spans.stop <= reach + 1
    # What the timeline states is what the file is.
    assert abs((start + spans.start) * rate - spans.first) <= HALF
    assert abs(spans.duration * rate - (spans.stop - spans.first)) <= 1
    assert (spans.start * fps).denominator == 1
    # A second of handle where the media hold one, on a frame that is a whole sample where one is near.
    period = (Fraction(rate) / fps).denominator
    if cover.start - 1 - 2 * period / fps >= least and start + cover.start >= 1 + 2 * period / fps:
        assert spans.start <= cover.start - 1
        assert ((start + spans.start) * rate).denominator == 1


def test_nothing_before_the_cut_and_nothing_after_it() -> None:
    clock = Clock(48_000, Fraction(24), Fraction(3600))
    cover = cover_of(clock, (Fraction(2), Fraction(2)), Fraction(0), Fraction(4), Fraction(1, 4), Fraction(1, 12))
    spans = spans_of(clock, cover, Fraction(2), Blend(), None, Fraction(1), None, Fraction(0), Fraction(1))
    assert (spans.start, spans.duration) == (cover.start, cover.end - cover.start)
    assert spans.first == spans.fade_first - 12_000


def test_slivers_are_played_by_the_bounce_too() -> None:
    clock = Clock(48_000, Fraction(24), Fraction(0))
    core = (Fraction(1), Fraction(3, 2))
    cover = cover_of(clock, core, Fraction(17, 24), Fraction(43, 24), Fraction(1, 4), Fraction(1, 12))
    assert (cover.start, cover.end) == (Fraction(17, 24), Fraction(43, 24))


@pytest.mark.parametrize(
    ("stated", "rates", "own", "expected"),
    [
        (96_000, [48_000], 48_000, 96_000),
        (None, [48_000, 44_100, 48_000], 44_100, 48_000),
        (None, [48_000, 44_100], 44_100, 44_100),
        (None, [48_000, 44_100], 96_000, 48_000),
        (None, [], 44_100, 44_100),
        (None, [], None, 48_000),
    ],
)
def test_the_rate(stated: int | None, rates: list[int], own: int | None, expected: int) -> None:
    assert rate_for(stated, rates, own) == expected


@given(seed=st.integers(0, 1000), length=st.integers(1, 3000), level=st.floats(0.1, 8), tracks=st.integers(1, 3))
def test_lowering(seed: int, length: int, level: float, tracks: int) -> None:
    random = np.random.default_rng(seed)
    sounds = [(level * random.standard_normal((2, length))).astype(np.float32) for _ in range(tracks)]
    before = [sound.copy() for sound in sounds]
    lowered = _lower(sounds, 200)
    assert all(np.abs(sound).max() < 1 for sound in sounds)
    over = max(np.abs(sound).max() for sound in before)
    assert (lowered > 0) == (over > 1 - 2**-23)
    assert lowered >= 20 * np.log10(over) - 1e-3
    # All tracks by the same gain.
    gains = [np.where(b == 0, 1, s / np.where(b == 0, 1, b)) for s, b in zip(sounds, before, strict=True)]
    for gain in gains:
        np.testing.assert_allclose(gain, gains[0][:1].repeat(2, axis=0), rtol=1e-5)
    assert all((gain <= 1 + 1e-6).all() for gain in gains)
