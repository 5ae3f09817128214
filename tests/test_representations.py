"""What every representation promises, and what each of the plain ones is."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from amc_otio import representations
from amc_otio.errors import RepresentationError
from amc_otio.representations import Representation, checks, registry
from amc_otio.representations.mel import MelRepresentation

BUILT_IN = ("random", "mfcc", "mel", "sfx")


@pytest.fixture(scope="module", params=BUILT_IN)
def representation(request: pytest.FixtureRequest) -> Representation:
    return representations.create(request.param, threads=1)


@pytest.fixture(scope="module")
def sounds(examples: Path) -> dict[int, np.ndarray]:
    """Four bundled sounds as windows, by sample rate."""
    paths = sorted((examples / "sounds").glob("*.ogg"))[:4]
    windows = np.stack([soundfile.read(path, dtype="float32")[0] for path in paths])
    return {48_000: windows, 44_100: np.stack([soxr.resample(one, 48_000, 44_100) for one in windows])}


def test_every_representation_keeps_the_protocol(representation: Representation, sounds: dict[int, np.ndarray]) -> None:
    assert isinstance(representation, Representation)
    assert representation.name in representations.names()
    vectors = representation.embed(sounds[representation.sample_rate])
    assert vectors.shape == (4, representation.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_vectors_do_not_depend_on_the_batch(representation: Representation, sounds: dict[int, np.ndarray]) -> None:
    windows = sounds[representation.sample_rate]
    together = representation.embed(windows)
    np.testing.assert_array_equal(together, representation.embed(windows))
    alone = np.concatenate([representation.embed(window[None]) for window in windows])
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_silent_windows_give_zero_rows_and_leave_the_others_alone(
    representation: Representation, sounds: dict[int, np.ndarray]
) -> None:
    windows = sounds[representation.sample_rate].copy()
    expected = representation.embed(windows)
    windows[1] = 0.0
    windows[3] = 1e-7
    vectors = representation.embed(windows)
    assert not vectors[[1, 3]].any()
    np.testing.assert_allclose(vectors[[0, 2]], expected[[0, 2]], atol=1e-5)


def test_an_empty_batch_gives_no_rows(representation: Representation) -> None:
    vectors = representation.embed(np.zeros((0, representation.sample_rate), np.float32))
    assert vectors.shape == (0, representation.dimension) and vectors.dtype == np.float32


def test_double_precision_windows_are_taken(representation: Representation, sounds: dict[int, np.ndarray]) -> None:
    windows = sounds[representation.sample_rate][:2]
    np.testing.assert_array_equal(representation.embed(windows.astype(np.float64)), representation.embed(windows))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda w: w[0],
        lambda w: w[:, :-1],
        lambda w: w[None],
        lambda w: (w * 30_000).astype(np.int16),
        lambda w: np.where(np.arange(w.shape[1]) == 7, np.nan, w),
        lambda w: np.where(np.arange(w.shape[1]) == 7, -np.inf, w),
        lambda w: w + 1e20,
    ],
    ids=["one window", "short", "three axes", "integers", "nan", "infinite", "absurd level"],
)
def test_bad_windows_are_refused_in_words(representation: Representation, spoil: Any) -> None:
    windows = np.full((2, representation.sample_rate), 0.1, np.float32)
    with pytest.raises(RepresentationError, match=representation.name):
        representation.embed(spoil(windows))


def test_a_representation_can_be_sent_to_a_worker(
    representation: Representation, sounds: dict[int, np.ndarray]
) -> None:
    windows = sounds[representation.sample_rate][:2]
    expected = representation.embed(windows)
    there = pickle.loads(pickle.dumps(representation))  # noqa: S301 - what multiprocessing does
    np.testing.assert_allclose(there.embed(windows), expected, atol=1e-6)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_mel_and_mfcc_are_those_of_the_paper(sounds: dict[int, np.ndarray]) -> None:
    windows = sounds[48_000]
    settings = {"sr": 48_000, "n_fft": 2048, "hop_length": 1024}
    mel = np.stack([librosa.feature.melspectrogram(y=y, **settings).ravel() for y in windows])
    np.testing.assert_allclose(representations.create("mel").embed(windows), unit(mel), atol=1e-6)
    mfcc = np.stack([librosa.feature.mfcc(y=y, n_mfcc=20, **settings).ravel() for y in windows])
    np.testing.assert_allclose(representations.create("mfcc").embed(windows), unit(mfcc), atol=1e-6)


def test_random_depends_on_the_samples_alone() -> None:
    windows = np.random.default_rng(0).uniform(-1, 1, (300, 48_000)).astype(np.float32)
    vectors = representations.create("random").embed(windows)
    similarity = vectors @ vectors.T - np.eye(300)
    assert np.abs(similarity.mean()) < 0.01 and np.abs(similarity).max() < 0.75
    # The same on every machine and in every version.
    ramp = np.linspace(-1, 1, 48_000, dtype=np.float64).astype(np.float32)[None]
    constant = np.full((1, 48_000), 0.5, np.float32)
    assert float(representations.create("random").embed(constant)[0, 0]) == pytest.approx(0.232726991, abs=1e-6)
    assert not np.array_equal(
        representations.create("random").embed(constant), representations.create("random").embed(ramp)
    )


@given(st.integers(1, 6), st.floats(-30, 30), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_rows_of_any_scale_become_unit_rows(rows: int, exponent: float, seed: int) -> None:
    vectors = np.random.default_rng(seed).standard_normal((rows, 9)) * 10.0**exponent
    made = checks.unit_rows(vectors, np.zeros(rows, np.bool_))
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1.0, atol=1e-5)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(RepresentationError, match="mfcc") as caught:
        representations.create("clapp")
    assert "clapp" in str(caught.value) and "sfx" in str(caught.value)


def test_weights_for_one_that_has_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RepresentationError):
        representations.create("mel", weights=tmp_path)


def test_plug_ins_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    asked = []

    def factory(threads: int | None, weights: Path | None) -> Representation:
        asked.append((threads, weights))
        return MelRepresentation()

    representations.register("mine", factory)
    assert representations.names()[-1] == "mine"
    assert isinstance(representations.create("mine", threads=2), MelRepresentation)
    assert asked == [(2, None)]
    for name in ("mine", "sfx", "", "a/b", ".hidden", "ä"):
        with pytest.raises(RepresentationError):
            representations.register(name, factory)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, amc_otio.representations as r; r.names(); "
        "print(sorted({'numpy', 'onnxruntime', 'librosa', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent
    )
    assert done.stdout.strip() == "[]"
