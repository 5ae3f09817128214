"""Batched spectra equal librosa's, on any shape of batch and on real sound."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from amc_otio.errors import RepresentationError
from amc_otio.representations import spectral
from amc_otio.representations.fourier import PowerSpectrum

SAMPLE_RATE = 48_000


@pytest.fixture(scope="module")
def sounds(examples: Path) -> np.ndarray:
    """The bundled real sounds, shape (n, 48000)."""
    paths = sorted((examples / "sounds").glob("*.ogg"))
    return np.stack([soundfile.read(path, dtype="float32")[0] for path in paths])


def assert_mel_equal(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Equal to 1e-4 of each value, down to 90 dB below the loudest value of the window."""
    assert ours.shape == theirs.shape
    loudest = theirs.max(axis=(-2, -1), keepdims=True)
    assert np.all(np.abs(ours - theirs) <= 1e-4 * theirs + 1e-9 * loudest)


def noise(rows: int, samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (rows, samples)).astype(np.float32)


@pytest.mark.parametrize("n_fft", [1, 2, 96, 256, 512, 1000, 1024, 2048, 4096, 8192])
def test_power_spectrum_is_the_squared_fft(n_fft: int) -> None:
    frames = noise(7, n_fft)
    expected = np.abs(np.fft.rfft(frames.astype(np.float64))) ** 2
    np.testing.assert_allclose(PowerSpectrum(n_fft, 7)(frames), expected, atol=3e-6 * expected.max())


def test_power_spectrum_keeps_nothing_of_the_block_before() -> None:
    spectrum = PowerSpectrum(2048, 8)
    first = spectrum(noise(8, 2048)).copy()
    spectrum(noise(3, 2048, seed=1))
    np.testing.assert_array_equal(spectrum(noise(8, 2048)), first)


@given(
    rows=st.integers(0, 5),
    samples=st.integers(1, 9000),
    hop=st.sampled_from([64, 160, 512, 1024]),
    n_fft=st.sampled_from([256, 400, 2048]),
    n_mels=st.integers(1, 40),
    scale=st.sampled_from(["slaney", "htk"]),
    norm=st.sampled_from(["slaney", "l1"]),
)
@settings(max_examples=40, deadline=None)
@pytest.mark.filterwarnings("ignore:Empty filters", "ignore:n_fft=")
def test_mel_equals_librosa(rows: int, samples: int, hop: int, n_fft: int, n_mels: int, scale: str, norm: str) -> None:
    windows = noise(rows, samples, seed=samples)
    ours = spectral.mel_spectrogram(windows, 16_000, n_fft, hop, n_mels, scale=scale, norm=norm)  # type: ignore[arg-type]
    assert ours.shape == (rows, n_mels, 1 + samples // hop)
    for window, mel in zip(windows, ours, strict=True):
        theirs = librosa.feature.melspectrogram(
            y=window, sr=16_000, n_fft=n_fft, hop_length=hop, n_mels=n_mels, htk=scale == "htk",
            norm=1.0 if norm == "l1" else "slaney",
        )  # fmt: skip
        np.testing.assert_allclose(mel, theirs, rtol=1e-4, atol=2e-6 * theirs.max())


def test_mel_of_real_sound_equals_librosa(sounds: np.ndarray) -> None:
    ours = spectral.mel_spectrogram(sounds, SAMPLE_RATE)
    theirs = [librosa.feature.melspectrogram(y=y, sr=SAMPLE_RATE, n_fft=2048, hop_length=1024) for y in sounds]
    assert_mel_equal(ours, np.stack(theirs))


def test_mfcc_of_real_sound_equals_librosa(sounds: np.ndarray) -> None:
    ours = spectral.mfcc(sounds, SAMPLE_RATE)
    theirs = np.stack([librosa.feature.mfcc(y=y, sr=SAMPLE_RATE, n_fft=2048, hop_length=1024) for y in sounds])
    # The zeroth coefficient runs to several hundred: 1e-6 of the largest value, and 1e-4 of each.
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6 * np.abs(theirs).max())


@pytest.mark.slow
def test_mel_and_mfcc_of_many_recordings_equal_librosa(shared_data: Path) -> None:
    paths = sorted((shared_data / "retrieval-dev" / "clips").glob("*.ogg"))[::10]
    windows = np.stack([soundfile.read(path, dtype="float32")[0] for path in paths])
    mel = [librosa.feature.melspectrogram(y=y, sr=SAMPLE_RATE, n_fft=2048, hop_length=1024) for y in windows]
    assert_mel_equal(spectral.mel_spectrogram(windows, SAMPLE_RATE), np.stack(mel))
    mfcc = np.stack([librosa.feature.mfcc(y=y, sr=SAMPLE_RATE, n_fft=2048, hop_length=1024) for y in windows])
    ours = spectral.mfcc(windows, SAMPLE_RATE)
    np.testing.assert_allclose(ours, mfcc, rtol=1e-4, atol=1e-6 * np.abs(mfcc).max())


def test_the_sfx_filters_equal_librosa() -> None:
    ours = spectral.mel_filters(44_100, 2048, 96, 0.0, 22_050.0, "htk", "l1")
    theirs = librosa.filters.mel(sr=44_100, n_fft=2048, n_mels=96, fmin=0.0, fmax=22_050.0, htk=True, norm=1.0)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)),
               elements=st.floats(0, 1e6, width=32)),
    st.sampled_from([None, 20.0, 80.0]),
)  # fmt: skip
def test_decibels_equal_librosa_window_by_window(power: np.ndarray, top_db: float | None) -> None:
    theirs = np.stack([librosa.power_to_db(one, top_db=top_db) for one in power])
    np.testing.assert_allclose(spectral.power_to_db(power, top_db=top_db), theirs, atol=1e-4)


@given(st.integers(1, 40))
def test_the_cosine_transform_is_orthonormal(n: int) -> None:
    matrix = spectral.dct_matrix(n, n)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(n), atol=1e-12)


@given(st.floats(0.0, 24_000.0), st.sampled_from(["slaney", "htk"]))
def test_mel_and_hertz_are_inverse(hz: float, scale: str) -> None:
    back = spectral.mel_to_hz(spectral.hz_to_mel(hz, scale), scale)  # type: ignore[arg-type]
    assert float(back) == pytest.approx(hz, abs=1e-6)


def test_stft_power_equals_librosa(sounds: np.ndarray) -> None:
    ours = spectral.stft_power(sounds[:3])
    theirs = np.stack([np.abs(librosa.stft(y, n_fft=2048, hop_length=1024)) ** 2 for y in sounds[:3]])
    assert ours.shape == (3, 1025, 47)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6 * theirs.max())


def test_columns_on_the_hop_grid_are_the_spectrogram(sounds: np.ndarray) -> None:
    columns = spectral.spectra_at(sounds[0], SAMPLE_RATE, 1024 * np.arange(47))
    expected = spectral.mel_spectrogram(sounds[:1], SAMPLE_RATE)[0]
    np.testing.assert_allclose(columns, expected, rtol=1e-4, atol=1e-9 * expected.max())


@given(st.lists(st.integers(-6000, 14_000), max_size=120))
@settings(max_examples=25, deadline=None)
def test_columns_anywhere_are_those_of_the_padded_sound(centres: list[int]) -> None:
    sound = noise(1, 8000)[0]
    columns = spectral.spectra_at(sound, SAMPLE_RATE, np.array(centres, dtype=np.int64), n_mels=32)
    assert columns.shape == (32, len(centres)) and columns.dtype == np.float32
    around = np.pad(sound, 10_000)
    taper = spectral.hann(2048).astype(np.float64)
    filters = spectral.mel_filters(SAMPLE_RATE, 2048, 32)
    for column, centre in zip(columns.T, centres, strict=True):
        first = centre + 10_000 - 1024
        power = np.abs(np.fft.rfft(around[first : first + 2048] * taper)) ** 2
        np.testing.assert_allclose(column, filters @ power, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("samples", "centres"),
    [(np.zeros((2, 9)), np.array([0])), (np.zeros(9), np.array([0.5])), (np.zeros(9), np.array(3))],
)
def test_columns_refuse_what_does_not_fit(samples: np.ndarray, centres: np.ndarray) -> None:
    with pytest.raises(RepresentationError):
        spectral.spectra_at(samples, SAMPLE_RATE, centres)


@pytest.mark.parametrize("windows", [np.zeros(5), np.zeros((2, 0)), np.zeros((1, 2, 3))])
def test_a_batch_has_two_dimensions(windows: np.ndarray) -> None:
    with pytest.raises(RepresentationError):
        spectral.mel_spectrogram(windows, SAMPLE_RATE)
    with pytest.raises(RepresentationError):
        spectral.stft_power(windows)


@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_a_window_has_the_same_values_in_every_batch(rate: int) -> None:
    windows = np.random.default_rng(5).standard_normal((5, rate)).astype(np.float32)
    together = spectral.mel_spectrogram(windows, rate)
    for i in range(5):
        np.testing.assert_array_equal(spectral.mel_spectrogram(windows[i : i + 1], rate)[0], together[i])
    np.testing.assert_array_equal(spectral.mel_spectrogram(windows[1:4], rate), together[1:4])
