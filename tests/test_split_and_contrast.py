"""The representation: a model file over a frozen encoder, and files that are not what they should be."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_helpers import linear, model_bytes, recordings

from amc_otio.errors import RepresentationError
from amc_otio.representations import Representation, create, register, registry
from amc_otio.representations.projection import Projection, from_tensors, plain_features
from amc_otio.representations.tensor_file import TensorFileDamage, decode, encode

RATE = 48_000


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(model_bytes())
    return path


def windows(count: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(3).standard_normal((count, RATE))).astype(np.float32)


# ---------------------------------------------------------------- the projection


def test_a_linear_projection_is_what_it_says() -> None:
    projection = linear(6, 4, seed=2)
    features = recordings(1, 5, 6)
    (weight, bias) = projection.layers[0]
    expected = features @ weight.T + bias
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(projection.apply(features), expected, atol=1e-6)
    assert (projection.features, projection.dimension) == (6, 4)


@pytest.mark.parametrize("residual", [False, True])
def test_an_mlp_is_linear_relu_linear(residual: bool) -> None:
    generator = np.random.default_rng(1)
    shapes = [(7, 5), (7,), (5, 7), (5,)]
    w1, b1, w2, b2 = (generator.standard_normal(shape).astype(np.float32) for shape in shapes)
    features = recordings(1, 4, 5)
    expected = np.maximum(features @ w1.T + b1, 0) @ w2.T + b2 + residual * features
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    projection = Projection(((w1, b1), (w2, b2)), "mlp", residual)
    np.testing.assert_allclose(projection.apply(features), expected, atol=1e-6)


@settings(max_examples=20)
@given(scale=st.floats(0.01, 100), seed=st.integers(0, 100))
def test_homogeneous_features_keep_their_length(scale: float, seed: int) -> None:
    plain = (scale * np.random.default_rng(seed).standard_normal((3, 6))).astype(np.float32)
    stored = np.concatenate([plain, np.ones((3, 1), np.float32)], axis=1)
    stored /= np.linalg.norm(stored, axis=1, keepdims=True)
    np.testing.assert_allclose(plain_features(stored), plain, rtol=1e-4, atol=1e-6 * scale)
    one = linear(6, 4)
    other = Projection(one.layers, "linear", homogeneous=True)
    assert other.features == 7
    np.testing.assert_allclose(other.apply(stored), one.apply(plain), atol=1e-4)


def test_a_model_that_was_not_given_is_asked_for_as_every_command_takes_it() -> None:
    with pytest.raises(
        RepresentationError, match=r"--weights model\.safetensors .*split-and-contrast=model\.safetensors"
    ):
        create("split-and-contrast")


@pytest.mark.parametrize("homogeneous", [False, True])
def test_silence_stays_silence_whatever_the_bias(homogeneous: bool) -> None:
    projection = Projection(linear(6, 4).layers, "linear", homogeneous=homogeneous)
    assert not projection.apply(np.zeros((2, projection.features), np.float32)).any()
    assert projection.apply(np.zeros((0, projection.features), np.float32)).shape == (0, 4)


def layer(out: int, into: int, value: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    return np.full((out, into), value, np.float32), np.zeros(out, np.float32)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Projection((), "linear"), "does not have 0 layers"),
        (lambda: Projection((layer(3, 3),), "mlp"), "does not have 1 layers"),
        (lambda: Projection((layer(3, 3),), "deep"), "does not have"),
        (lambda: Projection((layer(3, 3), layer(2, 4)), "mlp"), "takes 4 values and is given 3"),
        (lambda: Projection((layer(3, 4),), "linear", residual=True), "cannot be added"),
        (lambda: Projection((layer(3, 3, np.nan),), "linear"), "no weights"),
        (lambda: Projection((layer(3, 3, np.inf),), "linear"), "no weights"),
        (lambda: Projection((layer(3, 3, 1e20),), "linear"), "no weights"),
        (lambda: Projection(((layer(3, 3)[0], np.zeros(2, np.float32)),), "linear"), "a bias of"),
        (lambda: Projection(((np.zeros((3, 3)), np.zeros(3)),), "linear"), "not float32"),
        (lambda: from_tensors({}, "linear", False, False), "is missing"),
        (lambda: linear(3, 3).apply(np.zeros((2, 4), np.float32)), "are not"),
    ],
)
def test_what_does_not_fit_is_said(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


# ---------------------------------------------------------------- the file


def test_the_same_content_gives_the_same_bytes() -> None:
    assert len({model_bytes() for _ in range(5)}) == 1


def test_a_file_gives_back_what_was_put_in() -> None:
    tensors = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros((0, 2)), "c": np.arange(3)}
    file = decode(encode({"x": [1, "é"]}, tensors))
    assert file.about == {"x": [1, "é"]}
    assert set(file.tensors) == set(tensors)
    for name, array in tensors.items():
        np.testing.assert_array_equal(file.tensors[name], array)


@settings(max_examples=200)
@given(data=st.data())
def test_no_damage_is_taken_for_a_file_or_breaks_the_reader(data: st.DataObject) -> None:
    whole = bytearray(encode({"x": 1}, {"a": np.arange(4, dtype=np.float32)}))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    del whole[data.draw(st.integers(0, len(whole))) :]
    try:
        file = decode(bytes(whole))
    except TensorFileDamage:
        return
    assert all(array.nbytes <= len(whole) for array in file.tensors.values())


# ---------------------------------------------------------------- the representation


def test_it_is_the_projection_of_its_encoder(model: Path) -> None:
    made = create("split-and-contrast", weights=model)
    assert isinstance(made, Representation)
    assert (made.name, made.dimension, made.sample_rate) == ("split-and-contrast", 8, RATE)
    sound = windows(3)
    sound[1] = 0
    vectors = made.embed(sound)
    np.testing.assert_array_equal(vectors, linear(64, 8).apply(create("random").embed(sound)))
    assert not vectors[1].any()
    np.testing.assert_allclose(np.linalg.norm(vectors[[0, 2]], axis=1), 1, atol=1e-6)


def test_its_hash_is_that_of_the_file(model: Path) -> None:
    import hashlib

    assert create("split-and-contrast", weights=model).weights_hash == hashlib.sha256(model.read_bytes()).hexdigest()


def test_it_can_go_to_another_process(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(model_bytes("sfx", linear(512, 4)))
    made = create("split-and-contrast", weights=path, threads=1)
    sound = (0.1 * np.random.default_rng(1).standard_normal((2, 44_100))).astype(np.float32)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(made)).embed(sound), made.embed(sound))  # noqa: S301


def test_without_weights_it_says_how_to_get_some() -> None:
    with pytest.raises(RepresentationError, match="amc-otio train"):
        create("split-and-contrast")


class Weighted:
    """An encoder that needs a weights file."""

    name, version, dimension, sample_rate = "weighted", "1", 4, 48_000

    def __init__(self, weights: Path | None) -> None:
        named = {None: "own", Path("named"): "hash of named"}
        if weights not in named and not weights.is_file():
            raise RepresentationError(weights, "is not there", "get it")
        self.weights_hash = named.get(weights) or weights.read_text()

    def embed(self, sound: np.ndarray) -> np.ndarray:
        return np.ones((len(sound), 4), np.float32) / 2


@pytest.fixture
def weighted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    register("weighted", lambda threads, weights: Weighted(weights))


def over_weighted(folder: Path, **changes: str) -> Path:
    path = folder / "m.safetensors"
    values = {"features_name": "weighted", "features_dimension": 4, "features_weights_hash": "w"}
    path.write_bytes(model_bytes("random", linear(4, 4), **{**values, "features_weights_file": "w.onnx", **changes}))
    return path


def test_weights_of_the_encoder_are_found_beside_the_model(tmp_path: Path, weighted: None) -> None:
    path = over_weighted(tmp_path)
    with pytest.raises(RepresentationError, match=r"w\.onnx of its encoder weighted beside it; copy"):
        create("split-and-contrast", weights=path)
    (tmp_path / "w.onnx").write_text("other")
    with pytest.raises(RepresentationError, match="has weights other"):
        create("split-and-contrast", weights=path)
    (tmp_path / "w.onnx").write_text("w")
    assert create("split-and-contrast", weights=path).dimension == 4


def test_weights_that_the_encoder_knows_by_name_need_no_file(tmp_path: Path, weighted: None) -> None:
    path = over_weighted(tmp_path, features_weights_file="named", features_weights_hash="hash of named")
    assert create("split-and-contrast", weights=path).dimension == 4


def test_a_file_of_the_working_folder_is_not_opened(
    tmp_path: Path, weighted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "w.onnx").write_text("w")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RepresentationError, match="beside it"):
        create("split-and-contrast", weights=over_weighted(tmp_path / "in"))


@pytest.mark.parametrize("name", ["../w.onnx", "/etc/passwd", "..", "a\\b", "c:x"])
def test_a_model_opens_nothing_elsewhere(name: str, tmp_path: Path, weighted: None) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "w.onnx").write_text("w")
    with pytest.raises(RepresentationError, match="by a path"):
        create("split-and-contrast", weights=over_weighted(inside, features_weights_file=name))


def bomb(length: int) -> bytes:
    return length.to_bytes(8, "little") + b"{" + b" " * 100


def reheaded(change: Callable[[dict], object]) -> bytes:
    """A model file whose safetensors header was changed by hand."""
    whole = model_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + whole[8 + length :]


HOSTILE = {
    "empty": (b"", "not a safetensors file"),
    "a pickle": (pickle.dumps({"a": 1}), "not a safetensors file"),
    "text": (b"hello, world, this is no model", "not a safetensors file"),
    "cut in the header": (model_bytes()[:60], "is cut short"),
    "cut in the weights": (model_bytes()[:-5], "is cut short"),
    "a header that claims 2^60 bytes": (bomb(1 << 60), "more than any of ours"),
    "a header that claims 100 MB": (bomb(100_000_000), "more than any of ours"),
    "a header 100,000 levels deep": (
        (500_000).to_bytes(8, "little") + b'{"a":' * 100_000,
        "was not written by amc-otio",
    ),
    "another's safetensors": (reheaded(lambda h: h.pop("__metadata__")), "was not written by amc-otio"),
    "a shape of 2^40 values": (
        reheaded(lambda h: h["projection.0.weight"].update(shape=[1 << 20, 1 << 20])),
        "a shape that is not that of its data",
    ),
    "a negative shape": (reheaded(lambda h: h["projection.0.weight"].update(shape=[-8, -64])), "in no shape"),
    "offsets outside": (
        reheaded(lambda h: h["projection.0.weight"].update(data_offsets=[0, 1 << 50])),
        "is cut short",
    ),
    "offsets that are no numbers": (
        reheaded(lambda h: h["projection.0.weight"].update(data_offsets=["a", None])),
        "in no shape",
    ),
    "a type that is not ours": (reheaded(lambda h: h["projection.0.weight"].update(dtype="BF16")), "not ours"),
    "weights that are not there": (reheaded(lambda h: h.pop("projection.0.weight")), "is missing"),
    "not a number": (
        model_bytes(projection=linear(64, 8)).replace(
            linear(64, 8).layers[0][1].tobytes(), np.full(8, np.nan, np.float32).tobytes()
        ),
        "no weights",
    ),
    "of another size than the encoder": (
        model_bytes(features_dimension=65),
        "takes 64 values where its encoder gives 65",
    ),
    "an encoder that is not there": (model_bytes(features_name="clap2"), "no representation of this name"),
    "itself as its encoder": (model_bytes(features_name="split-and-contrast"), "names itself as its encoder"),
    "another version of the encoder": (model_bytes(features_version="0"), "with version 0; here random has version 1"),
    "other weights of the encoder": (model_bytes(features_weights_hash="ab" * 32), "has weights none"),
    "another rate": (model_bytes(features_sample_rate=16_000), "with sample rate 16000"),
    "a newer format": (model_bytes(format=99), "newer amc-otio"),
    "another kind of file": (model_bytes(kind="shard"), "not a model of amc-otio train"),
    "a field that is not known": (model_bytes(shell="rm"), "'shell' is not known"),
    "a field of another type": (model_bytes(residual="yes"), "residual"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_gives_a_clear_error(name: str, tmp_path: Path) -> None:
    data, says = HOSTILE[name]
    path = tmp_path / "bad.safetensors"
    path.write_bytes(data)
    with pytest.raises(RepresentationError) as caught:
        create("split-and-contrast", weights=path)
    assert str(caught.value).startswith(str(path))
    assert says in str(caught.value)
    assert caught.value.remedy
    assert len(str(caught.value)) < 600


def test_what_is_no_file_gives_a_clear_error(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "none", "No such file"), (tmp_path, "not a regular file")):
        with pytest.raises(RepresentationError, match=says):
            create("split-and-contrast", weights=path)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(RepresentationError, match="larger than 1024 MiB"):
        create("split-and-contrast", weights=path)
