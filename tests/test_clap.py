"""What clap is, on a small tower of random weights; tests/test_clap_reference.py compares with laion-clap itself."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import checkpoints as made
import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from amc_otio import representations
from amc_otio.errors import RepresentationError
from amc_otio.representations import clap, clap_mel, cpu, registry
from amc_otio.representations.model_files import Model, PrecisionCheck, find, model_folder, read_manifest

pytest.importorskip("onnx")

from amc_otio.models.add import add
from amc_otio.models.htsat_graph import Order, mask, relative_places, stretching
from amc_otio.models.store import write_manifest

VNNI = frozenset({"avx2", "avx512_vnni"})
AVX2 = frozenset({"avx2", "fma"})


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with one small model."""
    folder = tmp_path_factory.mktemp("models")
    path = made.write_state(folder / "small.pt", made.laion_names(made.random_tower(made.SMALL)))
    add(path, folder=folder / "store", unverified=True)
    return folder / "store"


@pytest.fixture(autouse=True)
def store(small: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """It is the user's model folder in every test."""
    monkeypatch.setenv("AMC_MODELS", str(small))
    return small


@pytest.fixture(scope="session")
def sounds(examples: Path) -> np.ndarray:
    return np.stack([soundfile.read(path, dtype="float32")[0] for path in sorted((examples / "sounds").glob("*.ogg"))])


# ---------------------------------------------------------------- the spectrogram


def long_way(window: np.ndarray) -> np.ndarray:
    """LAION's recipe with librosa: quantise, repeat to ten seconds, mel of 1,001 frames in decibels."""
    quantised = (np.clip(window, -1, 1) * np.float32(32767)).astype(np.int16) / 32767.0
    ten = np.tile(quantised, 10)
    power = np.abs(librosa.stft(ten, n_fft=1024, hop_length=480, pad_mode="reflect")) ** 2
    filters = librosa.filters.mel(sr=48_000, n_fft=1024, n_mels=64, fmin=50, fmax=14_000)
    return 10 * np.log10(np.maximum(filters @ power, 1e-10)).T


def test_the_unique_frames_in_their_places_are_laions_spectrogram(sounds: np.ndarray) -> None:
    ours = clap_mel.log_mel(sounds[:4])[:, clap_mel.frame_places()]
    assert ours.shape == (4, 1001, 64) and ours.dtype == np.float32
    for mine, window in zip(ours, sounds[:4], strict=True):
        expected = long_way(window)
        loud = expected > expected.max() - 90
        np.testing.assert_allclose(mine[loud], expected[loud], atol=5e-3)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.floats(-60, 6))
@settings(max_examples=20)
def test_the_spectrogram_of_any_noise(seed: int, count: int, level: float) -> None:
    windows = np.random.default_rng(seed).standard_normal((count, 48_000)).astype(np.float32) * 10 ** (level / 20)
    ours = clap_mel.log_mel(windows)
    np.testing.assert_allclose(ours[-1][clap_mel.frame_places()], long_way(windows[-1]), atol=2e-3)


def test_sound_is_cut_to_16_bits_towards_zero() -> None:
    steps = clap_mel.quantised(np.array([[1.5, -1.5, 0.99999, -0.99999, 1e-5, 2.9 / 32767, -2.9 / 32767]], np.float32))
    np.testing.assert_array_equal(np.round(steps * 32767), [[32767, -32767, 32766, -32766, 0, 2, -2]])


def test_the_stretching_is_torchs_bicubic_interpolation() -> None:
    torch = pytest.importorskip("torch")
    frames = np.random.default_rng(0).standard_normal((clap_mel.UNIQUE, 3)).astype(np.float32)
    full = torch.from_numpy(frames[clap_mel.frame_places()])[None, None]
    expected = torch.nn.functional.interpolate(full, (1024, 3), mode="bicubic", align_corners=True)[0, 0].numpy()
    np.testing.assert_allclose(stretching() @ frames, expected, atol=1e-5)
    np.testing.assert_allclose(stretching().sum(axis=1), 1.0, atol=1e-5)


# ---------------------------------------------------------------- the order of the tokens


@pytest.mark.parametrize(("side", "shift"), [(16, 0), (16, 4), (64, 4), (8, 0)])
def test_an_order_is_windows_of_the_rolled_image(side: int, shift: int) -> None:
    order = Order(side, 8, shift)
    image = np.roll(np.arange(side * side).reshape(side, side), (-shift, -shift), (0, 1))
    windows = [image[y : y + 8, x : x + 8].ravel() for y in range(0, side, 8) for x in range(0, side, 8)]
    np.testing.assert_array_equal(order.places(), np.concatenate(windows))
    np.testing.assert_array_equal(order.from_raster()[order.places()], np.arange(side * side))


def test_the_mask_parts_what_the_roll_brought_together() -> None:
    order = Order(16, 8, 4)
    held = mask(order)
    y, x = np.divmod(order.places().reshape(4, 64), 16)
    # Neighbours in the rolled image that are far apart in the image itself.
    apart = (np.abs(y[:, :, None] - y[:, None]) > 8) | (np.abs(x[:, :, None] - x[:, None]) > 8)
    np.testing.assert_array_equal(held == -100.0, apart)
    assert not held[0].any()


def test_relative_places_count_rows_then_columns() -> None:
    places = relative_places(8)
    assert places.shape == (64, 64) and places.min() == 0 and places.max() == 224
    assert places[0, 0] == 112  # no distance: the middle of the table
    assert places[8, 0] - places[0, 0] == 15 and places[1, 0] - places[0, 0] == 1


# ---------------------------------------------------------------- the representation


def test_it_keeps_the_protocol(sounds: np.ndarray, store: Path) -> None:
    made_ = representations.create("clap", threads=1)
    assert isinstance(made_, representations.Representation)
    vectors = made_.embed(sounds[:3])
    assert vectors.shape == (3, 512) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert made_.weights_hash == read_manifest(store / "small.json").onnx.sha256
    assert (vectors @ vectors.T - np.eye(3)).max() < 0.9999


def test_silence_gives_zero_rows_and_the_batch_does_not_matter(sounds: np.ndarray) -> None:
    made_ = representations.create("clap", threads=1)
    windows = sounds[:5].copy()
    windows[2] = 0
    vectors = made_.embed(windows)
    assert not vectors[2].any()
    alone = np.concatenate([made_.embed(window[None]) for window in windows])
    np.testing.assert_allclose(alone, vectors, atol=1e-5)
    assert made_.embed(windows[:0]).shape == (0, 512)


@pytest.mark.parametrize("spoil", [lambda w: w[:, :-1], lambda w: w[0], lambda w: w * np.nan])
def test_bad_windows_are_refused(sounds: np.ndarray, spoil) -> None:
    with pytest.raises(RepresentationError, match="clap"):
        representations.create("clap", threads=1).embed(spoil(sounds[:2]))


def test_it_can_be_sent_to_a_worker(sounds: np.ndarray) -> None:
    for name in ("clap", "clap-features"):
        here = representations.create(name, threads=1)
        there = pickle.loads(pickle.dumps(here))  # noqa: S301 - what multiprocessing does
        np.testing.assert_allclose(there.embed(sounds[:2]), here.embed(sounds[:2]), atol=1e-6)


def test_features_and_projection_give_the_embedding(sounds: np.ndarray) -> None:
    whole = representations.create("clap", threads=1)
    assert isinstance(whole, clap.ClapRepresentation)
    before = representations.create(whole.projection_features, threads=1)
    assert before.dimension == made.SMALL.features + 1
    vectors = before.embed(sounds[:4])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    values = clap.features_of(vectors)
    (first, second) = whole.initial_projection
    hidden = np.maximum(values @ first[0].T + first[1], 0.0)
    embedded = hidden @ second[0].T + second[1]
    embedded /= np.linalg.norm(embedded, axis=1, keepdims=True)
    np.testing.assert_allclose(embedded, whole.embed(sounds[:4]), atol=1e-5)
    assert not clap.features_of(before.embed(np.zeros((1, 48_000), np.float32))).any()


def test_feature_names_are_made_but_not_offered() -> None:
    assert {"clap", "clap-int8", "clap-bf16"} <= set(registry.names())
    assert "clap-features" in registry.feature_names() and "clap-features" not in registry.names()
    with pytest.raises(RepresentationError, match="exists already"):
        registry.register("clap-features", lambda threads, weights: representations.create("random"))


# ---------------------------------------------------------------- which model


def test_no_model_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMC_MODELS", str(tmp_path / "none"))
    with pytest.raises(RepresentationError, match="amc-otio models add FILE"):
        representations.create("clap")


def test_a_model_goes_by_name_or_by_path(store: Path) -> None:
    for weights in (Path("small"), store / "small.onnx", store / "small.json"):
        assert find("clap", weights).manifest.name == "small"
    for weights, says in (
        (Path("other"), "no model of this name"),
        (Path("../small"), "no such model"),
        (store / "small.projection.safetensors", "models add"),
    ):
        with pytest.raises(RepresentationError, match=says):
            find("clap", weights)
    with pytest.raises(RepresentationError, match="not of imagebind"):
        find("imagebind", Path("small"))


def test_several_models_need_a_choice_unless_one_is_preferred(store: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("AMC_MODELS", str(tmp_path))
    held = read_manifest(store / "small.json")
    for name in ("a", "b"):
        write_manifest(tmp_path, dataclasses.replace(held, name=name))
    with pytest.raises(RepresentationError, match="several models: a, b; choose one with --weights"):
        find("clap", None)
    write_manifest(tmp_path, dataclasses.replace(held, name="630k-audioset-best"))
    assert find("clap", None).manifest.name == "630k-audioset-best"


def copied(store: Path, folder: Path) -> Path:
    folder.mkdir()
    for path in store.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.mark.parametrize("spoil", [lambda b: b[:-1], lambda b: b"", lambda b: b[:9000] + b"\xff" + b[9001:]])
def test_a_damaged_model_is_refused(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil) -> None:
    folder = copied(store, tmp_path / "m")
    monkeypatch.setenv("AMC_MODELS", str(folder))
    path = folder / "small.onnx"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(RepresentationError, match="damaged"):
        representations.create("clap")
    path.unlink()
    with pytest.raises(RepresentationError, match="cannot be read"):
        representations.create("clap")


def test_a_model_replaced_before_its_first_use_is_noticed(store: Path, tmp_path: Path, monkeypatch, sounds) -> None:
    monkeypatch.setenv("AMC_MODELS", str(copied(store, tmp_path / "m")))
    made_ = representations.create("clap", threads=1)
    (tmp_path / "m" / "small.onnx").write_bytes(b"another")
    with pytest.raises(RepresentationError, match="replaced while it was in use"):
        made_.embed(sounds[:1])


def test_a_worker_with_another_model_says_so(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = pickle.dumps(representations.create("clap", threads=1))
    other = made.write_state(tmp_path / "small.pt", made.laion_names(made.random_tower(made.SMALL, seed=9)))
    add(other, folder=tmp_path / "other", unverified=True)
    monkeypatch.setenv("AMC_MODELS", str(tmp_path / "other"))
    with pytest.raises(RepresentationError, match="another one than where the work began"):
        pickle.loads(sent)  # noqa: S301


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.pop("kind"),
        lambda v: v.update(version=2),
        lambda v: v.update(format="x"),
        lambda v: v["onnx"].update(file="../../etc/passwd"),
        lambda v: v.update(name="/etc/passwd"),
        lambda v: v["onnx"].update(bytes="many"),
        lambda v: v.update(more=1),
    ],
)
def test_a_damaged_manifest_is_refused(store: Path, tmp_path: Path, change) -> None:
    value = json.loads((store / "small.json").read_text(encoding="utf-8"))
    change(value)
    path = tmp_path / "small.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(RepresentationError, match="add its checkpoint again"):
        read_manifest(path)
    for text in ("", "[]", "{", "null", "[" * 100_000):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(RepresentationError):
            read_manifest(path)


def test_the_folder_follows_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AMC_MODELS", "~/here")
    assert model_folder() == Path.home() / "here"
    monkeypatch.delenv("AMC_MODELS")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert model_folder() == tmp_path / "amc-otio" / "models"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert model_folder() == tmp_path / "local" / "amc-otio" / "models"
    monkeypatch.setattr("sys.platform", "darwin")
    assert model_folder() == Path.home() / "Library" / "Application Support" / "amc-otio" / "models"


# ---------------------------------------------------------------- reduced precisions


def with_check(store: Path, precision: str, **values) -> Model:
    check = PrecisionCheck(True, 64, 0.9999, 1.0, 10, 0.99, 2.5, ("avx512_vnni",), {}, None)
    manifest = read_manifest(store / "small.json")
    return Model(store, dataclasses.replace(manifest, precisions={precision: dataclasses.replace(check, **values)}))


def test_a_reduced_precision_needs_the_instructions_and_its_check(store: Path) -> None:
    bare = Model(store, read_manifest(store / "small.json"))
    clap.check_precision(bare, "fp32", None)
    with pytest.raises(RepresentationError, match=r"this processor has no products of 8 bits \(VNNI"):
        clap.check_precision(with_check(store, "int8"), "int8", AVX2)
    with pytest.raises(RepresentationError, match="no products of bfloat16"):
        clap.check_precision(with_check(store, "bf16"), "bf16", VNNI)
    for has in (VNNI, None):
        with pytest.raises(RepresentationError, match="run: amc-otio models check small --precision int8"):
            clap.check_precision(bare, "int8", has)
    clap.check_precision(with_check(store, "int8"), "int8", VNNI)
    with pytest.raises(RepresentationError, match="failed its self-check"):
        clap.check_precision(with_check(store, "int8", passed=False), "int8", VNNI)
    for has in (None, frozenset({"asimddp"}), VNNI | {"amx_int8"}):
        with pytest.raises(RepresentationError, match="another kind of processor"):
            clap.check_precision(with_check(store, "int8"), "int8", has)


def test_the_processors_instructions_are_read(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512_vnni\n\nprocessor: 1\nflags: none\n")
    assert cpu._linux(path) == {"fpu", "avx2", "avx512_vnni"}
    path.write_text("processor\t: 0\nFeatures\t: fp asimd asimddp bf16\n")
    assert cpu.useful("bf16", cpu._linux(path)) == ("bf16",) and cpu.useful("int8", cpu._linux(path)) == ("asimddp",)
    assert cpu._linux(tmp_path / "absent") is None
    assert cpu.refusal("int8", None) == "" and cpu.refusal("int8", VNNI) == "" and "VNNI" in cpu.refusal("int8", AVX2)


def test_openvino_gives_the_same_vectors(sounds: np.ndarray) -> None:
    pytest.importorskip("openvino")
    ours = clap.ClapRepresentation(threads=1).embed(sounds[:3])
    other = clap.ClapRepresentation(threads=1, engine="openvino").embed(sounds[:3])
    assert np.einsum("ij,ij->i", ours, other).min() > 0.99999
    with pytest.raises(RepresentationError):
        clap.ClapRepresentation(engine="tensorrt")
