"""The default representation: its parts do what they say, its files are the ones that the code names."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from amc_otio import representations
from amc_otio.config import Settings
from amc_otio.errors import RepresentationError
from amc_otio.evaluation.evaluate import evaluate_set
from amc_otio.representations import sfx, sfx_match
from amc_otio.representations.sessions import OnnxruntimeSession


def window(path: Path) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="float32")
    return soxr.resample(samples, rate, sfx.SAMPLE_RATE)


@pytest.fixture(scope="module")
def sounds(examples: Path) -> np.ndarray:
    return np.stack([window(path) for path in sorted((examples / "sounds").glob("*.ogg"))])


@pytest.fixture(scope="module")
def session() -> OnnxruntimeSession:
    return OnnxruntimeSession(sfx.read_weights(sfx.WEIGHTS), 1, "sfx")


def test_it_is_the_default() -> None:
    assert Settings().match.representation == "sfx-match"
    assert "sfx-match" in representations.names()


def test_the_maximum_is_the_embedding_of_sfx(sounds: np.ndarray, session: OnnxruntimeSession) -> None:
    picture = sfx.log_mel(sounds)
    maps, embedding = (session.run(output, {"log_mel": picture}) for output in ("over_bands", "embedding"))
    assert maps.shape == (12, 512, 5)
    np.testing.assert_allclose(maps.max(axis=2), embedding, rtol=1e-5, atol=1e-5)


def test_the_network_hears_a_peak_of_minus_20_dbfs(sounds: np.ndarray, session: OnnxruntimeSession) -> None:
    quiet = sounds * (sfx_match.PEAK / np.abs(sounds).max(axis=1, keepdims=True))
    mel = (10.0 ** (sfx.log_mel(sounds, sfx_match.PEAK) * sfx.LOG_RANGE) - 1.0) / sfx.LOG_GAIN
    whole = (10.0 ** (sfx.log_mel(quiet) * sfx.LOG_RANGE) - 1.0) / sfx.LOG_GAIN
    np.testing.assert_allclose(mel, whole * sfx_match.PEAK**2, atol=1e-3 * float(mel.max()))
    assert 20 * np.log10(sfx_match.PEAK) == pytest.approx(-20)


def test_vectors_are_unit_rows_whatever_the_level_and_the_batch(sounds: np.ndarray) -> None:
    representation = representations.create("sfx-match", threads=1)
    vectors = representation.embed(sounds)
    assert vectors.shape == (12, 512) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(representation.embed(sounds[3:4] * 0.01), vectors[3:4], atol=1e-4)
    np.testing.assert_array_equal(representation.embed(sounds[5:6]), vectors[5:6])
    assert not representation.embed(np.zeros((2, sfx.SAMPLE_RATE), np.float32)).any()


def test_like_sounds_are_nearer_than_unlike_ones(examples: Path) -> None:
    names = ("engine-accelerating", "engine-revving", "cymbal-crash", "cymbal-splash", "river", "waterfall")
    vectors = representations.create("sfx-match").embed(
        np.stack([window(examples / "sounds" / f"{name}.ogg") for name in names])
    )
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -1.0)
    assert similarity.argmax(axis=1).tolist() == [1, 0, 3, 2, 5, 4]


def test_another_process_makes_its_own(sounds: np.ndarray) -> None:
    representation = representations.create("sfx-match", threads=1)
    again = pickle.loads(pickle.dumps(representation))  # noqa: S301 (our own, from the line itself)
    np.testing.assert_array_equal(again.embed(sounds[:2]), representation.embed(sounds[:2]))
    assert again.weights_hash == representation.weights_hash


def test_the_statistics_are_the_ones_that_the_code_names() -> None:
    digest = hashlib.sha256(sfx_match.STATISTICS.read_bytes()).hexdigest()
    assert digest == sfx_match.STATISTICS_SHA256
    assert digest in sfx_match.STATISTICS.with_name("README.md").read_text(encoding="utf-8")
    both = hashlib.sha256((sfx.WEIGHTS_SHA256 + digest).encode()).hexdigest()
    assert representations.create("sfx-match").weights_hash == both


@pytest.mark.parametrize("spoil", [lambda b: b[:-1], lambda b: b"", lambda b: b[:5000] + b"\x00" + b[5001:]])
def test_damaged_statistics_are_refused(tmp_path: Path, spoil) -> None:
    path = tmp_path / "sfx-match.safetensors"
    path.write_bytes(spoil(sfx_match.STATISTICS.read_bytes()))
    with pytest.raises(RepresentationError, match=r"sfx-match are bundled; these are damaged"):
        representations.create("sfx-match", weights=path)
    with pytest.raises(RepresentationError, match=r"absent.*cannot be read"):
        representations.create("sfx-match", weights=tmp_path / "absent")
    with pytest.raises(RepresentationError, match="0 threads"):
        representations.create("sfx-match", threads=0)


@pytest.mark.slow
def test_it_is_better_than_sfx_on_packages_that_nothing_was_fitted_on(shared_data: Path) -> None:
    """What docs/representations.md says: `cross` by more than its interval, and nothing lost on `paper`."""
    report = evaluate_set(
        shared_data / "retrieval-dev", ["sfx", "sfx-match"], baseline="sfx", protocols=["paper", "cross"]
    )
    cross, paper = (report.row(protocol, "sfx-match") for protocol in ("cross", "paper"))
    assert cross.metrics.r_map.value == pytest.approx(0.449, abs=0.005)
    assert paper.metrics.r_map.value == pytest.approx(0.842, abs=0.005)
    assert cross.difference is not None and paper.difference is not None
    assert cross.difference.metrics.r_map.low > 0.02
    assert paper.difference.metrics.r_map.low > -0.01
