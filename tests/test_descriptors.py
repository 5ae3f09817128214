"""Descriptors: librosa's definitions, what they are indifferent to, and agreements that can be relied on."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from amc_otio.config import WEIGHED
from amc_otio.descriptors import pitch, rhythm, timbre
from amc_otio.descriptors.agreement import SCALES, agreements, differences, pattern_correlation
from amc_otio.descriptors.describe import Descriptors, describe
from amc_otio.descriptors.words import reasons
from amc_otio.errors import RepresentationError

RATE = 48_000
TIME = np.arange(RATE) / RATE


def clips(shared_data: Path, wanted: str = "", count: int = 8) -> np.ndarray:
    """Real one-second clips whose kind begins with `wanted`, peak 1 around a mean of 0."""
    folder = shared_data / "retrieval-dev"
    with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["kind"].startswith(wanted) and float(r["content_s"]) >= 1.0]
    rows = rows[:: max(1, len(rows) // count)][:count]
    read = np.stack([soundfile.read(folder / "clips" / f"{r['clip']}.ogg", dtype="float32")[0] for r in rows])
    read -= read.mean(axis=1, keepdims=True)
    return np.asarray(read / np.abs(read).max(axis=1, keepdims=True), dtype=np.float32)


def tone(hz: float, harmonics: int = 1, level: float = 0.5) -> np.ndarray:
    sound = sum(np.sin(2 * np.pi * hz * k * TIME) / k for k in range(1, harmonics + 1))
    return (level * sound / np.abs(sound).max()).astype(np.float32)


def noise(seed: int, colour: float = 0.0) -> np.ndarray:
    """Noise whose power falls by ``colour`` times 3 dB an octave, peak 0.5."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(RATE))
    spectrum[1:] /= np.arange(1, len(spectrum)) ** (colour / 2)
    spectrum[0] = 0.0
    sound = np.fft.irfft(spectrum, RATE)
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def clicks(*times: float, decay_s: float = 0.03) -> np.ndarray:
    """Bursts of noise that die away."""
    sound = np.zeros(RATE)
    for k, at in enumerate(times):
        first = round(at * RATE)
        n = RATE - first
        sound[first:] += np.random.default_rng(k).standard_normal(n) * np.exp(-np.arange(n) / (decay_s * RATE))
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def one(sound: np.ndarray) -> Descriptors:
    return describe(sound[None])


@pytest.fixture(scope="module")
def real(shared_data: Path) -> np.ndarray:
    return clips(shared_data, count=12)


def test_timbre_frames_are_librosas(real: np.ndarray) -> None:
    librosa = pytest.importorskip("librosa")
    windows = np.concatenate([real, tone(440.0, 8)[None], noise(1, 1.0)[None]])
    frames = timbre.spectral_frames(timbre.mirrored_power(windows, 2048, 1024))
    for row, window in enumerate(windows):
        stft = np.abs(librosa.stft(window, n_fft=2048, hop_length=1024, pad_mode="reflect"))
        own = timbre.mirrored_power(window[None], 2048, 1024)[0]
        assert np.abs(np.sqrt(own) - stft).max() < 1e-3 * stft.max()
        # The definitions are compared on the same spectra; those of float32 differ 90 dB below the loudest bin.
        spectra = {"S": np.sqrt(own), "sr": RATE}
        expected = librosa.feature.spectral_centroid(**spectra)[0]
        np.testing.assert_allclose(frames.centroid[row], expected, rtol=1e-4, atol=0.01)
        np.testing.assert_allclose(
            frames.bandwidth[row], librosa.feature.spectral_bandwidth(**spectra)[0], rtol=2e-3, atol=0.05
        )
        bin_hz = RATE / 2048
        assert np.abs(frames.rolloff[row] - librosa.feature.spectral_rolloff(**spectra)[0]).max() <= bin_hz + 0.01
        np.testing.assert_allclose(
            frames.flatness[row], librosa.feature.spectral_flatness(S=np.sqrt(own))[0], rtol=1e-3
        )


def test_timbre_of_a_sound_is_librosas_from_the_samples_on(real: np.ndarray) -> None:
    librosa = pytest.importorskip("librosa")
    heard = describe(real)
    for row, window in enumerate(real):
        power = np.abs(librosa.stft(window, n_fft=2048, hop_length=1024, pad_mode="reflect")) ** 2
        level = power.sum(axis=0)
        active = level >= level.max() * 1e-4
        given = {"y": window, "sr": RATE, "n_fft": 2048, "hop_length": 1024, "pad_mode": "reflect"}
        for name in ("centroid", "bandwidth", "rolloff"):
            expected = getattr(librosa.feature, f"spectral_{name}")(**given)[0, active].mean()
            assert float(getattr(heard, name)[row]) == pytest.approx(expected, rel=5e-3), name


def test_onset_strength_is_librosas(real: np.ndarray) -> None:
    librosa = pytest.importorskip("librosa")
    windows = np.concatenate([real, clicks(0.1, 0.5, 0.72)[None]])
    strength = rhythm.onset_strength(windows)
    for row, window in enumerate(windows):
        expected = librosa.onset.onset_strength(
            y=window, sr=RATE, n_fft=1024, hop_length=256, n_mels=64, fmax=RATE / 2, pad_mode="reflect"
        )
        # librosa knows nothing before the first frame either.
        np.testing.assert_allclose(strength[row], expected, atol=0.02 * max(1.0, float(expected.max())))


def test_onsets_are_where_librosa_finds_the_strong_ones() -> None:
    librosa = pytest.importorskip("librosa")
    times = (0.12, 0.4, 0.55, 0.83)
    sound = clicks(*times)
    found = one(sound).onset_times(0)
    np.testing.assert_allclose(found, times, atol=0.012)
    strength = rhythm.onset_strength(sound[None])[0]
    expected = librosa.onset.onset_detect(
        onset_envelope=strength, sr=RATE, hop_length=256, delta=rhythm.RISE_DB, normalize=False, units="time",
        pre_max=5 / rhythm.RATE, post_max=1 / rhythm.RATE, pre_avg=19 / rhythm.RATE, post_avg=18 / rhythm.RATE, wait=5,
    )  # fmt: skip
    np.testing.assert_allclose(found, expected, atol=0.012)


@pytest.mark.parametrize("colour", [0.0, 1.0, 2.0])
def test_steady_noise_has_no_onset_and_no_pitch(colour: float) -> None:
    windows = np.stack([noise(seed, colour) for seed in range(20)])
    heard = describe(windows)
    assert not heard.onsets.any()
    assert float(heard.onset_strength.max()) < 2 * rhythm.RISE_DB
    assert np.isnan(heard.pulse).all()
    assert np.isnan(heard.f0).all()


@pytest.mark.parametrize("hz", [62.0, 110.0, 220.0, 233.08, 441.3, 1000.0, 1975.5, 3520.0])
@pytest.mark.parametrize("harmonics", [1, 5])
def test_the_pitch_of_a_tone(hz: float, harmonics: int) -> None:
    count = min(harmonics, int(20_000 / hz))
    heard = one(tone(hz, count))
    assert float(heard.f0[0]) == pytest.approx(hz, rel=0.004)  # 7 cents
    assert float(heard.voicing[0]) > 0.98


@pytest.mark.parametrize("hz", [80.0, 220.0, 700.0])
def test_yin_agrees_with_librosa_on_tones(hz: float) -> None:
    librosa = pytest.importorskip("librosa")
    sound = tone(hz, 6)
    f0, aperiodicity, _ = pitch.yin(sound[None])
    expected = librosa.yin(
        sound, fmin=60, fmax=4000, sr=RATE, frame_length=2048, hop_length=1024, center=False, trough_threshold=0.1
    )
    np.testing.assert_allclose(f0[0], expected[: f0.shape[1]], rtol=0.01)
    assert float(aperiodicity.max()) < 0.05


def test_yin_agrees_with_librosa_on_voices(shared_data: Path) -> None:
    """Cows and the like: where librosa's own estimate is settled, it is ours to a quarter tone."""
    librosa = pytest.importorskip("librosa")
    voices = clips(shared_data, "animal/", count=10)
    agree, total = 0, 0
    for voice in voices:
        f0, aperiodicity, _ = pitch.yin(voice[None])
        voiced = aperiodicity[0] < 0.1
        expected = librosa.yin(
            voice, fmin=60, fmax=4000, sr=RATE, frame_length=2048, hop_length=1024, center=False
        )[: f0.shape[1]]  # fmt: skip
        cents = 1200 * np.abs(np.log2(f0[0, voiced] / expected[voiced]))
        agree += int((cents < 50).sum())
        total += int(voiced.sum())
    assert total > 50
    assert agree >= 0.9 * total


def test_a_pitch_under_a_click_is_still_heard() -> None:
    sound = tone(330.0, 4, 0.2)
    sound[24_000:24_010] = 0.9
    assert float(one(sound).f0[0]) == pytest.approx(330.0, rel=0.01)


def test_rhythm_in_numbers() -> None:
    three = one(clicks(0.1, 0.4, 0.7))
    assert int(three.onsets.sum()) == 3
    assert float(three.pulse[0]) == pytest.approx(0.3, abs=0.012)
    ramp = one((noise(3) * np.minimum(TIME / 0.5, 1.0)).astype(np.float32))
    assert float(ramp.attack[0]) == pytest.approx(0.35, abs=0.12)
    assert np.isnan(ramp.decay[0])
    # 20 dB are 2.3 times the time constant.
    dying = one(clicks(0.2, decay_s=0.05))
    assert float(dying.decay[0]) == pytest.approx(0.115, abs=0.03)
    assert float(dying.attack[0]) <= 0.02
    assert float(dying.activity[0]) == pytest.approx(0.05 * np.log(10 ** (30 / 20)), abs=0.05)


# --- what they are indifferent to -----------------------------------------------------------------


def equal(a: Descriptors, b: Descriptors, tolerance: float = 1e-3) -> None:
    for name in ("spectrum", "centroid", "bandwidth", "rolloff", "flatness", "f0", "voicing", "activity", "attack"):
        x, y = np.asarray(getattr(a, name), np.float64), np.asarray(getattr(b, name), np.float64)
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance * 10, err_msg=name)


@settings(max_examples=30)
@given(st.floats(1e-3, 1e3), st.sampled_from([-1.0, 1.0]))
def test_gain_and_polarity_do_not_matter(gain: float, sign: float) -> None:
    sound = clicks(0.2, 0.6) + tone(300.0, 3, 0.1)
    a, b = one(sound), one((sound * (gain * sign)).astype(np.float32))
    equal(a, b)
    np.testing.assert_array_equal(a.onsets, b.onsets)
    np.testing.assert_allclose(b.level - a.level, 20 * np.log10(gain), atol=0.01)
    loudness = float(agreements(a, b).loudness[0])
    assert loudness == pytest.approx(np.exp(-abs(20 * np.log10(gain)) / SCALES["loudness"]), abs=1e-3)


@settings(max_examples=30)
@given(st.floats(-10.0, 10.0))
def test_an_offset_does_not_matter(offset: float) -> None:
    sound = clicks(0.2, 0.6) + tone(300.0, 3, 0.1)
    a, b = one(sound), one((sound + offset).astype(np.float32))
    equal(a, b, 0.02)
    assert float(agreements(a, b).timbre[0]) > 0.97


@pytest.mark.parametrize("value", [0.0, 1e-7, 0.3, -1.0, 1000.0])
def test_silence_and_offsets_alone_are_silent(value: float) -> None:
    heard = one(np.full(RATE, value, np.float32))
    assert heard.silent.all()
    assert np.isnan(heard.f0).all()
    assert not heard.onsets.any()
    assert float(heard.centroid[0]) == 0.0
    with_sound = agreements(heard, one(tone(440.0)))
    assert float(with_sound.timbre[0]) == float(with_sound.pitch[0]) == float(with_sound.rhythm[0]) == 0.0
    itself = agreements(heard, heard)
    assert all(float(getattr(itself, family)[0]) == 1.0 for family in WEIGHED)


@pytest.mark.parametrize(
    "windows",
    [
        np.full((1, RATE), np.nan, np.float32),
        np.full((1, RATE), np.inf, np.float32),
        np.zeros(RATE, np.float32),
        np.zeros((2, RATE - 1), np.float32),
        np.zeros((1, RATE), np.int16),
    ],
)
def test_what_is_no_sound_is_refused(windows: np.ndarray) -> None:
    with pytest.raises(RepresentationError, match="descriptors"):
        describe(windows)


@pytest.mark.parametrize("loudness", [[np.nan], [1.0, 2.0], 3.0])
def test_a_loudness_that_fits_no_window_is_refused(loudness: object) -> None:
    with pytest.raises(RepresentationError, match="loudness"):
        describe(np.zeros((1, RATE), np.float32), loudness)  # type: ignore[arg-type]


def test_a_batch_is_its_windows() -> None:
    windows = np.stack([noise(1), tone(200.0, 3), clicks(0.3), np.zeros(RATE, np.float32)] * 5)
    together = describe(windows)
    assert len(together) == 20
    for row in range(4):
        equal(together[row : row + 1], describe(windows[row : row + 1]))
    assert len(describe(np.zeros((0, RATE), np.float32))) == 0


# --- agreements -----------------------------------------------------------------------------------

segments = arrays(np.float32, (8,), elements=st.floats(-1, 1, width=32))


@st.composite
def sounds(draw: st.DrawFn) -> np.ndarray:
    """Tones, noise and clicks under a random envelope; sometimes nothing at all."""
    shape = np.abs(np.interp(TIME, np.linspace(0, 1, 8), draw(segments)))
    parts = [noise(draw(st.integers(0, 3)), draw(st.sampled_from([0.0, 1.0, 2.0]))), tone(draw(st.floats(30, 8000)), 3)]
    parts.append(clicks(*draw(st.lists(st.floats(0, 0.9), min_size=1, max_size=4))))
    mix = draw(st.tuples(*[st.sampled_from([0.0, 0.2, 1.0])] * 3))
    return (shape * sum(m * p for m, p in zip(mix, parts, strict=True))).astype(np.float32)


@settings(max_examples=40)
@given(sounds(), sounds())
def test_agreements_are_symmetric_bounded_and_whole_with_oneself(x: np.ndarray, y: np.ndarray) -> None:
    a, b = one(x), one(y)
    there, back, same = agreements(a, b), agreements(b, a), agreements(a, a)
    for family in WEIGHED:
        value = float(getattr(there, family)[0])
        assert 0.0 <= value <= 1.0
        assert value == pytest.approx(float(getattr(back, family)[0]), abs=1e-9)
        assert float(getattr(same, family)[0]) == pytest.approx(1.0, abs=1e-6)
    assert all(np.isfinite(d).all() and (d >= 0).all() for d in differences(a, b).values())
    for text in reasons(a, b, there):
        assert text.isprintable()
        assert "nan" not in text


def test_many_windows_are_compared_at_once() -> None:
    heard = describe(np.stack([noise(1), tone(200.0, 3), clicks(0.3)]))
    together = agreements(heard[:1], heard)
    for row in range(3):
        alone = agreements(heard[:1], heard[row : row + 1])
        for family in WEIGHED:
            assert float(getattr(together, family)[row]) == pytest.approx(float(getattr(alone, family)[0]), abs=1e-12)


def test_each_family_tells_its_own() -> None:
    a = one(tone(220.0, 5))
    near, far, hiss = one(tone(233.08, 5)), one(tone(880.0, 5)), one(noise(1))
    pitches = [float(agreements(a, x).pitch[0]) for x in (a, near, far, hiss)]
    assert pitches == sorted(pitches, reverse=True)
    assert pitches[1] == pytest.approx(np.exp(-1 / SCALES["f0"]), abs=0.01)
    assert pitches[3] < 0.05
    steps, more, hum = one(clicks(0.1, 0.4, 0.7)), one(clicks(0.2, 0.5, 0.8)), one(noise(2))
    assert float(agreements(steps, more).rhythm[0]) > 0.8 > 0.4 > float(agreements(steps, hum).rhythm[0])
    dull = one(noise(4, 2.0))
    assert float(agreements(hiss, one(noise(5))).timbre[0]) > 0.9 > 0.5 > float(agreements(hiss, dull).timbre[0])


def test_a_pattern_is_known_wherever_it_lies() -> None:
    a, b = (rhythm.onset_strength(clicks(*times)[None]) for times in ((0.1, 0.25, 0.5), (0.4, 0.55, 0.8)))
    assert float(pattern_correlation(a, b)[0]) > 0.8
    still = np.zeros_like(a)
    assert float(pattern_correlation(still, still)[0]) == 1.0
    assert float(pattern_correlation(a, still)[0]) == 0.0


# --- words ----------------------------------------------------------------------------------------


def said(a: np.ndarray, b: np.ndarray) -> tuple[str, str, str]:
    x, y = one(a), one(b)
    return reasons(x, y, agreements(x, y))


def test_words() -> None:
    _, pitched, _ = said(tone(220.0, 5), tone(233.08, 5))
    assert pitched.endswith(": 220 Hz against 233 Hz, 1 semitone up")
    assert said(tone(440.0), tone(220.0))[1].endswith(": 440 Hz against 220 Hz, 12 semitones down")
    assert said(tone(440.0), tone(441.0))[1].endswith("the same")
    assert said(noise(1), noise(2))[1] == "pitch 1.00: none in either"
    assert said(noise(1), tone(1500.0))[1].endswith(": none against 1.5 kHz")
    bright, _, rhythmic = said(noise(1, 2.0), noise(2))
    assert "brighter, centroid" in bright and " against 12.0 kHz" in bright
    assert ": no onset in either" in rhythmic
    assert "3 onsets against 2" in said(clicks(0.1, 0.4, 0.7), clicks(0.1, 0.5))[2]
    assert "1 onset against none" in said(clicks(0.3), noise(1))[2]
    assert "silent" in said(noise(1), np.zeros(RATE, np.float32))[0]
