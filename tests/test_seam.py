"""How a seam sounds: the measures on made sounds, the percentiles, the score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amc_otio.config import ANALYSIS_RATE as RATE
from amc_otio.evaluation.seam import MEASURES, NEEDED, Seam, floors, measure, measures_at, profile
from amc_otio.evaluation.seam_score import Uncut, naturalness, stand_in_score, uncut_moments, window_moments

AT = 2 * RATE


def noise(seconds: float, seed: int = 0, colour: float = 0.0) -> np.ndarray:
    """Noise of RMS 0.1; a colour of 0.9 is dull, of -0.9 bright."""
    white = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    frequency = np.fft.rfftfreq(len(white))
    shaped = np.fft.irfft(np.fft.rfft(white) / np.abs(1 - colour * np.exp(-2j * np.pi * frequency)), len(white))
    return (0.1 * shaped / shaped.std()).astype(np.float32)


def clicks(every: float, seconds: float, seed: int = 0, offset: float = 0.0) -> np.ndarray:
    """Decaying noise bursts at a steady rate."""
    sound = 1e-3 * noise(seconds, seed)
    tail = np.exp(-np.arange(round(0.05 * RATE)) / (0.01 * RATE))
    for start in np.arange(offset, seconds - 0.05, every):
        at = round(start * RATE)
        sound[at : at + len(tail)] += (tail * noise(0.05, seed + 1)[: len(tail)] * 3).astype(np.float32)
    return sound


def seam_of(sound: np.ndarray, at: int = AT) -> Seam:
    made = profile(sound)
    return measure(made, floors(made), at)


def natural_at(sound: np.ndarray, sources: list[np.ndarray], at: int = AT) -> dict[str, float]:
    """Naturalness of a moment of a join against all its sources."""
    made = [profile(source) for source in sources]
    floor = floors(*made)
    uncut, _ = uncut_moments([(one, window_moments(RATE, 2 * RATE)) for one in made], floor)
    values = measures_at(profile(sound), floor, [at])
    return dict(zip(MEASURES, naturalness(values, uncut)[:, 0].tolist(), strict=True))


def crossfade(outgoing: np.ndarray, incoming: np.ndarray, length: int, at: int = AT) -> np.ndarray:
    """Equal power, around `at` in both."""
    x = (np.arange(length) + 0.5) / length
    a, b = at - length // 2, at - length // 2 + length
    middle = outgoing[a:b] * np.sqrt(1 - x) + incoming[a:b] * np.sqrt(x)
    return np.concatenate([outgoing[:a], middle, incoming[b:]]).astype(np.float32)


def test_a_splice_of_two_colours_is_the_most_conspicuous_moment():
    dull, bright = noise(4, 1, 0.9), noise(4, 2, -0.9)
    spliced = np.concatenate([dull[:AT], bright[AT:]])
    natural = natural_at(spliced, [dull, bright])
    assert natural["spectrum"] < 0.01
    assert natural["blind"] < 0.05
    assert seam_of(spliced).blind == 1.0


def test_a_crossfade_of_two_takes_of_one_noise_is_not_found():
    sources = [noise(4, 1), noise(4, 2)]
    natural = natural_at(crossfade(*sources, RATE // 2), sources)
    assert min(natural.values()) > 0.02
    assert 3 * min(1.0, 2 * float(np.mean(list(natural.values())))) > 2


def test_a_step_of_level_is_measured_in_decibels():
    sound = noise(4)
    sound[AT:] *= 10 ** (-12 / 20)
    assert seam_of(sound).level == pytest.approx(12, abs=1)
    assert seam_of(sound[::-1].copy()).level == pytest.approx(12, abs=1)


def test_a_hole_is_a_dip_and_a_swell_is_none():
    hole, swell = noise(4), noise(4)
    hole[AT - 1200 : AT + 1200] *= 0.1
    swell[AT - 1200 : AT + 1200] *= 10
    assert seam_of(hole).dip == pytest.approx(20, abs=1)
    assert seam_of(swell).dip == pytest.approx(-20, abs=1)
    assert natural_at(hole, [noise(4)])["dip"] < 0.01


def test_a_click_is_found_where_a_waveform_breaks():
    time = np.arange(4 * RATE) / RATE
    tone = (0.1 * np.sin(2 * np.pi * 220 * time)).astype(np.float32)
    broken = np.concatenate([tone[:AT], -np.roll(tone, 50)[AT:]])
    assert seam_of(tone).click < 5
    assert seam_of(broken).click > 50


def test_two_rhythms_laid_over_each_other_smear():
    one, other = clicks(0.1, 4), clicks(0.1, 4, 5, 0.05)
    assert seam_of(crossfade(one, other, RATE)).smear > seam_of(one).smear + 0.5
    assert natural_at(crossfade(one, other, RATE), [one, other])["smear"] < 0.2


def test_the_moments_of_the_uncut_sound_have_uniform_percentiles():
    made = profile(noise(6))
    uncut, values = uncut_moments([(made, window_moments(RATE, 4 * RATE))], floors(made))
    natural = naturalness(values, uncut)
    assert natural.mean(axis=1) == pytest.approx(np.full(6, 0.5), abs=1e-9)
    continuous = [MEASURES.index(name) for name in ("spectrum", "level", "click", "dip", "smear")]
    for quarter in (0.25, 0.5, 0.75):
        assert (natural[continuous] < quarter).mean(axis=1) == pytest.approx(np.full(5, quarter), abs=0.01)


def test_percentiles_by_hand():
    uncut = Uncut(np.tile([1.0, 2.0, 2.0, 4.0], (6, 1)))
    values = np.tile([0.0, 2.0, 3.0, 5.0], (6, 1))
    assert naturalness(values, uncut)[0] == pytest.approx([4.5 / 5, 2.5 / 5, 1.5 / 5, 0.5 / 5])


def test_the_score_by_hand():
    natural = np.array(
        [[0.1, 0.5, 0.9], [0.2, 0.5, 0.9], [0.3, 0.5, 0.2], [0.0, 0.5, 0.9], [0.1, 0.5, 1], [0.2, 0.5, 1]]
    )
    assert stand_in_score(natural) == pytest.approx([3 * 2 * 0.15, 3.0, 3.0])


@given(
    gain=st.floats(0.01, 30),
    polarity=st.sampled_from([1, -1]),
    seed=st.integers(0, 1000),
    at=st.integers(NEEDED, 3 * RATE - NEEDED),
)
@settings(max_examples=20)
def test_measures_do_not_depend_on_level_or_polarity(gain: float, polarity: int, seed: int, at: int):
    sound = np.concatenate([noise(1.5, seed, 0.5), 0.3 * noise(1.5, seed + 1)]).astype(np.float32)
    changed = (sound * np.float32(gain * polarity)).astype(np.float32)
    assert seam_of(changed, at).values == pytest.approx(seam_of(sound, at).values, rel=1e-3, abs=1e-3)


@given(st.sampled_from(["silence", "impulse", "constant", "tone", "half"]), st.floats(1e-7, 1e4))
@settings(max_examples=20)
def test_no_sound_gives_anything_but_numbers(what: str, size: float):
    sound = np.zeros(2 * RATE, np.float32)
    if what == "impulse":
        sound[RATE] = size
    elif what == "constant":
        sound[:] = size
    elif what == "tone":
        sound[:] = size * np.sin(np.arange(2 * RATE) * 0.05)
    elif what == "half":
        sound[RATE:] = size
    made = profile(sound)
    values = measures_at(made, floors(made), np.arange(NEEDED, 2 * RATE - NEEDED + 1, 997))
    assert np.isfinite(values).all()
    assert (values[5] >= 0).all() and (values[5] <= 1).all()
    if what == "silence":
        assert not values[:5].any()


def test_many_moments_at_once_are_each_as_alone():
    made = profile(noise(3))
    floor = floors(made)
    moments = np.array([NEEDED, 30_001, 70_000, 3 * RATE - NEEDED])
    together = measures_at(made, floor, moments)
    for column, at in enumerate(moments):
        assert measure(made, floor, int(at)).values == pytest.approx(together[:, column], rel=1e-9, abs=1e-9)


def test_a_moment_without_sound_around_it_is_refused():
    made = profile(noise(1))
    for at in (0, NEEDED - 1, RATE - NEEDED + 1):
        with pytest.raises(ValueError, match="250 ms"):
            measure(made, floors(made), at)


def test_the_moments_of_a_window_lie_in_it():
    moments = window_moments(101)
    assert len(moments) == 100
    assert moments[0] == 480 and moments[-1] < 101 + RATE
