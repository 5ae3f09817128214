"""The bundled network gives what the original's own code gives, and refuses damaged weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
import soxr

from amc_otio import representations
from amc_otio.errors import RepresentationError
from amc_otio.representations import sfx

REFERENCE = Path(__file__).parent / "data" / "sfx_reference.npz"


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    """Vectors of the original code by sound (made by benchmarks/make_sfx_reference.py)."""
    with np.load(REFERENCE, allow_pickle=False) as file:
        vectors = file["vectors"].astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return dict(zip(file["names"].tolist(), vectors, strict=True))


def window(path: Path) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="float32")
    return soxr.resample(samples, rate, sfx.SAMPLE_RATE)


def test_bundled_sounds_match_the_original_code(examples: Path, reference: dict[str, np.ndarray]) -> None:
    paths = sorted((examples / "sounds").glob("*.ogg"))
    assert len(paths) == 12
    vectors = representations.create("sfx").embed(np.stack([window(path) for path in paths]))
    expected = np.stack([reference[path.stem] for path in paths])
    assert np.einsum("ij,ij->i", vectors, expected).min() >= 0.999


def test_more_recordings_match_the_original_code(shared_data: Path, reference: dict[str, np.ndarray]) -> None:
    clips = shared_data / "retrieval-dev" / "clips"
    names = [name for name in reference if (clips / f"{name}.ogg").is_file()]
    assert len(names) >= 30
    vectors = representations.create("sfx").embed(np.stack([window(clips / f"{name}.ogg") for name in names]))
    expected = np.stack([reference[name] for name in names])
    assert np.einsum("ij,ij->i", vectors, expected).min() >= 0.999


def test_the_front_end_is_that_of_the_original(examples: Path) -> None:
    y = window(examples / "sounds" / "splash.ogg")
    mel = librosa.feature.melspectrogram(
        y=y / np.abs(y).max(), sr=44_100, n_mels=96, norm=1.0, fmin=0, fmax=22_050, htk=True, power=2.0,
        hop_length=1024, win_length=2048,
    )  # fmt: skip
    expected = np.log10(10_000.0 * mel + 1.0).T / 9.457798957824707
    ours = sfx.log_mel(y[None].astype(np.float32))
    assert ours.shape == (1, 1, 44, 96)
    np.testing.assert_allclose(ours[0, 0], expected, atol=1e-4)


def test_level_does_not_matter(examples: Path) -> None:
    y = window(examples / "sounds" / "river.ogg")
    loud, quiet = representations.create("sfx").embed(np.stack([y, y * 0.01]))
    np.testing.assert_allclose(loud, quiet, atol=1e-4)


def test_more_windows_than_one_run_takes(examples: Path) -> None:
    y = window(examples / "sounds" / "thunder.ogg")
    many = np.repeat(y[None], sfx.BATCH + 3, axis=0)
    many[2] = 0.0
    vectors = representations.create("sfx", threads=1).embed(many)
    assert not vectors[2].any()
    np.testing.assert_allclose(np.delete(vectors, 2, axis=0), np.repeat(vectors[:1], sfx.BATCH + 2, axis=0), atol=1e-5)


def test_like_sounds_are_nearer_than_unlike_ones(examples: Path) -> None:
    names = ("engine-accelerating", "engine-revving", "cymbal-crash", "cymbal-splash")
    vectors = representations.create("sfx").embed(
        np.stack([window(examples / "sounds" / f"{name}.ogg") for name in names])
    )
    similarity = vectors @ vectors.T
    assert min(similarity[0, 1], similarity[2, 3]) > similarity[:2, 2:].max()


def test_the_weights_are_the_ones_that_the_code_names() -> None:
    digest = hashlib.sha256(sfx.WEIGHTS.read_bytes()).hexdigest()
    assert digest == sfx.WEIGHTS_SHA256 == representations.create("sfx").weights_hash
    assert digest in sfx.WEIGHTS.with_name("README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("spoil", [lambda b: b[:-1], lambda b: b"", lambda b: b[:5000] + b"\x00" + b[5001:]])
def test_damaged_weights_are_refused(tmp_path: Path, spoil) -> None:
    path = tmp_path / "sfx.onnx"
    path.write_bytes(spoil(sfx.WEIGHTS.read_bytes()))
    with pytest.raises(RepresentationError, match="damaged"):
        representations.create("sfx", weights=path)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(RepresentationError, match=r"absent\.onnx"):
        representations.create("sfx", weights=tmp_path / "absent.onnx")


def test_a_good_copy_of_the_weights_is_taken(tmp_path: Path, examples: Path) -> None:
    path = tmp_path / "copy.onnx"
    path.write_bytes(sfx.WEIGHTS.read_bytes())
    y = window(examples / "sounds" / "blast.ogg")[None]
    copied = representations.create("sfx", weights=path).embed(y)
    np.testing.assert_allclose(copied, representations.create("sfx").embed(y), atol=1e-6)


def test_no_threads_is_refused() -> None:
    with pytest.raises(RepresentationError):
        representations.create("sfx", threads=0)


def test_a_missing_onnxruntime_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    made = representations.create("sfx")
    with pytest.raises(RepresentationError, match="onnxruntime"):
        made.embed(np.full((1, sfx.SAMPLE_RATE), 0.1, np.float32))
