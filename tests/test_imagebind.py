"""ImageBind's audio tower equals two independent ones on random weights; what is not that tower is refused in words."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import checkpoints
import imagebind_reference as reference
import numpy as np
import pytest
import soundfile
import soxr

from amc_otio import representations
from amc_otio.cli import main
from amc_otio.errors import AmcError, RepresentationError
from amc_otio.models import imagebind_checkpoint
from amc_otio.models.imagebind_checkpoint import canonical, shapes
from amc_otio.models.stand_ins import package_folder
from amc_otio.representations import Representation, imagebind
from amc_otio.representations.model_files import find, read_manifest

onnx = pytest.importorskip("onnx")

from amc_otio.models import imagebind_graph, imagebind_reference  # noqa: E402

ATTENTION = "modality_trunks.audio.blocks.3.attn."


@pytest.fixture(scope="module")
def huge() -> dict[str, np.ndarray]:
    """A random audio tower of the published size, 345 MB."""
    return reference.random_tensors(seed=1)


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tower of the same make with two narrow blocks, in a model folder."""
    return checkpoints.put_imagebind(tmp_path_factory.mktemp("imagebind"), small())


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's model folder, empty."""
    monkeypatch.setenv("AMC_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def small() -> dict[str, np.ndarray]:
    return reference.random_tensors(seed=2, width=128, blocks=2, hidden=256)


@pytest.fixture(scope="module")
def windows(examples: Path) -> np.ndarray:
    """The bundled sounds at 16 kHz."""
    sounds = [soundfile.read(path, dtype="float32")[0] for path in sorted((examples / "sounds").glob("*.ogg"))]
    return np.stack([soxr.resample(sound, 48_000, 16_000)[:16_000] for sound in sounds])


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return np.einsum("ij,ij->i", a, b) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def run(model: Any, picture: np.ndarray) -> np.ndarray:
    import onnxruntime

    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    ).run(None, {"log_mel": picture})[0]  # fmt: skip


# The tower


def test_a_small_tower_equals_the_published_architecture(windows: np.ndarray) -> None:
    pytest.importorskip("torch")
    picture = imagebind.log_mel(windows[:3])
    ours, expected = run(imagebind_graph.build(small()), picture), reference.plain_network(small())(picture)
    assert cosines(ours, expected).min() > 1 - 1e-8
    np.testing.assert_allclose(ours, expected, atol=2e-4)


@pytest.mark.parametrize(
    "name",
    [
        "modality_preprocessors.audio.cls_token",
        "modality_preprocessors.audio.pos_embedding_helper.pos_embed",
        "modality_preprocessors.audio.rgbt_stem.norm_layer.bias",
        "modality_trunks.audio.blocks.1.attn.bias_k",
        "modality_trunks.audio.blocks.0.attn.bias_v",
        "modality_trunks.audio.blocks.1.attn.in_proj_bias",
        "modality_trunks.audio.blocks.0.mlp.fc2.bias",
        "modality_heads.audio.0.bias",
    ],
)
def test_every_tensor_tells_in_the_result(name: str, windows: np.ndarray) -> None:
    """So that equality on these random weights means something."""
    picture = imagebind.log_mel(windows[:1])
    without = small() | {name: np.zeros_like(small()[name])}
    assert (
        cosines(run(imagebind_graph.build(small()), picture), run(imagebind_graph.build(without), picture))[0] < 0.999
    )


@pytest.mark.slow
def test_from_a_checkpoint_of_the_published_size_to_vectors(
    huge: dict[str, np.ndarray],
    windows: np.ndarray,
    store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`models add` as a user runs it, judged by Meta's own code where that is installed and by a plain network."""
    pytest.importorskip("torch")
    judged = package_folder("imagebind") is not None and package_folder("einops") is not None
    others = {"modality_trunks.vision.blocks.0.norm_1.weight": np.ones(4, np.float32)}
    file = checkpoints.write_state(tmp_path / "imagebind_huge.pth", others | huge, inside="")
    assert main(["models", "add", str(file), *([] if judged else ["--unverified"])]) == 0
    printed = capsys.readouterr()
    assert "CC BY-NC-SA 4.0, non-commercial use only" in printed.out
    assert sorted(path.name for path in store.iterdir()) == ["imagebind_huge.json", "imagebind_huge.onnx"]
    manifest = read_manifest(store / "imagebind_huge.json")
    assert (manifest.kind, manifest.dimension, manifest.projection) == ("imagebind", 1024, None)
    assert manifest.licence == imagebind.LICENCE and manifest.url.startswith("https://")
    assert main(["models"]) == 0
    assert "non-commercial" in next(line for line in capsys.readouterr().out.splitlines() if "imagebind" in line)
    ours = representations.create("imagebind").embed(windows[:3])
    picture = imagebind.log_mel(windows[:3])
    expected = imagebind_reference.unit(reference.plain_network(huge)(picture))
    assert cosines(ours, expected).min() > 1 - 1e-7
    np.testing.assert_allclose(ours, expected, atol=1e-5)
    # The weights are random, yet the sounds are told apart: equality is not that of constants.
    assert (expected @ expected.T)[np.triu_indices(3, 1)].max() < 0.999
    if not judged:
        pytest.skip("Meta's imagebind and einops are not installed: compared with the plain network alone")
    assert "verified against imagebind" in printed.out
    assert manifest.verification.against.startswith("imagebind") and manifest.verification.windows == 12
    assert 1 - 1e-6 < manifest.verification.lowest_cosine <= 1.0
    theirs = imagebind_reference.ImageBindReference(canonical(huge)).tower(picture)
    np.testing.assert_allclose(np.linalg.norm(theirs, axis=1), 20.0, rtol=1e-5)  # its unit vectors are scaled by 20
    np.testing.assert_allclose(ours, theirs / 20.0, atol=1e-5)


@pytest.mark.slow
def test_a_conversion_that_is_not_equal_is_refused(
    huge: dict[str, np.ndarray], store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("torch", "einops"):
        pytest.importorskip(name)
    if package_folder("imagebind") is None:
        pytest.skip("Meta's imagebind is not installed")
    from amc_otio.models.add import add

    file = checkpoints.write_state(tmp_path / "mine.pth", huge, inside="")
    monkeypatch.setattr(imagebind_graph, "HEAD_WIDTH", 48)  # a mistake: sixteen heads instead of twelve
    with pytest.raises(RepresentationError, match="does not give what imagebind"):
        add(file)
    assert list(store.iterdir()) == []


def test_without_meta_s_code_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagebind_reference, "package_folder", lambda name: None)
    with pytest.raises(AmcError, match=r"imagebind-unofficial.*--unverified"):
        imagebind_reference.ImageBindReference({})


def test_a_narrow_tower_is_no_checkpoint_of_it(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = checkpoints.write_state(tmp_path / "small.pth", small(), inside="")
    assert main(["models", "add", str(file), "--unverified"]) == 6
    assert "is not the audio tower of ImageBind (huge)" in capsys.readouterr().err
    assert not list(store.glob("*"))


# The log-mel


def plain_fbank(wave: np.ndarray, rate: int, bands: int) -> np.ndarray:
    """Kaldi's definition, sample by sample where it is short, in double precision: (frames, bands)."""
    frame, step, size = rate * 25 // 1000, rate // 100, 512
    taper = np.array([0.5 - 0.5 * np.cos(2 * np.pi * i / (frame - 1)) for i in range(frame)])
    mel = lambda hz: 1127.0 * np.log(1.0 + hz / 700.0)  # noqa: E731
    width = (mel(rate / 2) - mel(20.0)) / (bands + 1)
    rows = []
    for start in range(0, len(wave) - frame + 1, step):
        part = wave[start : start + frame].astype(np.float64)
        part = part - part.mean()
        emphasised = np.array([part[i] - 0.97 * part[max(i - 1, 0)] for i in range(frame)])
        power = np.abs(np.fft.fft(np.append(emphasised * taper, np.zeros(size - frame)))) ** 2
        row = np.zeros(bands)
        for k in range(size // 2):
            place = (mel(k * rate / size) - mel(20.0)) / width  # in triangles' half-widths
            for band in {int(np.floor(place)) - 1, int(np.floor(place))} & set(range(bands)):
                row[band] += power[k] * max(0.0, 1.0 - abs(place - (band + 1)))
        rows.append(np.log(np.maximum(row, np.finfo(np.float32).eps)))
    return np.array(rows)


def centred(windows: np.ndarray) -> np.ndarray:
    return windows - windows.mean(axis=1, keepdims=True)


def test_the_filter_bank_is_kaldi_s(windows: np.ndarray) -> None:
    sound = centred(windows[2:4].astype(np.float64))
    made = imagebind.fbank(sound, 16_000, 128)
    assert made.shape == (2, 98, 128)
    np.testing.assert_allclose(made, np.stack([plain_fbank(one, 16_000, 128) for one in sound]), atol=1e-5)


def test_the_filter_bank_is_torchaudio_s(windows: np.ndarray) -> None:
    kaldi = reference.torchaudio_kaldi()
    if kaldi is None:
        pytest.skip("torchaudio is not installed")
    import torch

    options = {
        "htk_compat": True, "sample_frequency": 16_000, "use_energy": False, "window_type": "hanning",
        "num_mel_bins": 128, "dither": 0.0, "frame_length": 25, "frame_shift": 10,
    }  # fmt: skip
    for level in (1.0, 0.01):
        sound = centred(windows) * np.float32(level)
        expected = np.stack([kaldi.fbank(torch.from_numpy(one)[None], **options).numpy() for one in sound])
        made = imagebind.fbank(sound, 16_000, 128)
        np.testing.assert_allclose(made, expected, atol=5e-3)  # where nearly nothing is left, float32 is coarse
        assert np.abs(made - expected).mean() < 5e-5


def test_the_filter_bank_is_kaldi_native_fbank_s(windows: np.ndarray) -> None:
    native = pytest.importorskip("kaldi_native_fbank")
    options = native.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.window_type = "hanning"
    options.mel_opts.num_bins = 126  # it refuses more, since the lowest bands would be empty
    for sound in centred(windows):
        bank = native.OnlineFbank(options)
        bank.accept_waveform(16_000, sound.tolist())
        bank.input_finished()
        expected = np.stack([bank.get_frame(i) for i in range(bank.num_frames_ready)])
        made = imagebind.fbank(sound[None], 16_000, 126)[0]
        np.testing.assert_allclose(made, expected, atol=5e-3)
        assert np.abs(made - expected).mean() < 5e-5


def test_a_second_is_padded_with_zeros_and_then_normalised(windows: np.ndarray) -> None:
    picture = imagebind.log_mel(windows[:2] + np.float32(0.1))
    assert picture.shape == (2, 1, 128, 204) and picture.dtype == np.float32
    np.testing.assert_allclose(picture[..., 98:], 4.268 / 9.138, atol=1e-6)
    expected = (imagebind.fbank(centred(windows[:2]), 16_000, 128) + 4.268) / 9.138  # an offset is taken away first
    np.testing.assert_allclose(picture[:, 0, :, :98], expected.transpose(0, 2, 1), atol=1e-3)


# The representation


def test_it_keeps_the_protocol(small_model: Path, windows: np.ndarray) -> None:
    made = representations.create("imagebind", threads=1, weights=small_model)
    assert isinstance(made, Representation) and "imagebind" in representations.names()
    assert len(made.weights_hash) == 64
    many = np.concatenate([windows, windows[:5]])  # more than one run takes
    many[1], many[3] = 0.0, 1e-7
    vectors = made.embed(many)
    assert vectors.shape == (len(many), 1024) and vectors.dtype == np.float32
    lengths = np.linalg.norm(vectors, axis=1)
    np.testing.assert_allclose(np.delete(lengths, [1, 3]), 1.0, atol=1e-5)
    assert not vectors[[1, 3]].any()
    np.testing.assert_allclose(np.concatenate([made.embed(one[None]) for one in many]), vectors, atol=1e-5)
    assert made.embed(many[:0]).shape == (0, 1024)
    there = pickle.loads(pickle.dumps(made))  # noqa: S301 - what multiprocessing does
    np.testing.assert_allclose(there.embed(many), vectors, atol=1e-6)
    for wrong in (many[0], many[:, :-1], np.where(np.arange(16_000) == 7, np.nan, many)):
        with pytest.raises(RepresentationError, match="imagebind"):
            made.embed(wrong)


def test_the_licence_is_said_wherever_it_is_offered() -> None:
    with pytest.raises(RepresentationError, match=r"CC BY-NC-SA.*non-commercial use only.*amc-otio models add"):
        representations.create("imagebind")
    assert "non-commercial" in imagebind.ImageBindRepresentation.licence
    for text in (imagebind.__doc__, imagebind.ImageBindRepresentation.__doc__):
        assert "non-commercial" in (text or "") and "CC BY-NC" in (text or "")


def test_a_model_says_its_licence(small_model: Path) -> None:
    properties = {entry.key: entry.value for entry in onnx.load(small_model).metadata_props}
    assert "non-commercial" in properties["licence"]


def test_it_is_found_by_name_and_by_path(small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMC_MODELS", str(small_model.parent))
    expected = read_manifest(small_model.with_suffix(".json")).onnx.sha256
    for weights in (None, Path("small"), small_model, small_model.with_suffix(".json")):
        assert representations.create("imagebind", weights=weights).weights_hash == expected
    assert find("imagebind", None).manifest.name == "small"
    with pytest.raises(RepresentationError, match="is a model of imagebind, not of clap"):
        representations.create("clap", weights=Path("small"))


def test_no_threads_is_refused(small_model: Path) -> None:
    with pytest.raises(RepresentationError, match="0 threads"):
        representations.create("imagebind", threads=0, weights=small_model)


# Weights that are not what they should be


def copied(model: Path, folder: Path) -> Path:
    folder.mkdir()
    for path in (model, model.with_suffix(".json")):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder / model.name


def _flip(data: bytearray, at: int) -> bytes:
    data[at] ^= 1
    return bytes(data)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: _flip(data, len(data) // 2),
        lambda data: _flip(data, 0),
        lambda data: _flip(data, len(data) - 1),
        lambda data: bytes(data[:-1]),
        lambda data: b"",
        lambda data: bytes(data) + b"\0",
        lambda data: (Path(imagebind.__file__).parent / "weights" / "sfx.onnx").read_bytes(),
    ],
    ids=["bit in the weights", "first bit", "last bit", "a byte short", "empty", "a byte more", "sfx"],
)
def test_a_model_that_is_not_what_its_manifest_says_is_refused(
    tmp_path: Path, small_model: Path, spoil: Callable[[bytearray], bytes]
) -> None:
    path = copied(small_model, tmp_path / "m")
    path.write_bytes(spoil(bytearray(path.read_bytes())))
    with pytest.raises(RepresentationError, match=r"small\.onnx: the model is damaged.*add the checkpoint again"):
        representations.create("imagebind", weights=path)


def test_a_checkpoint_is_not_taken_for_a_model(tmp_path: Path) -> None:
    path = tmp_path / "imagebind_huge.pth"
    path.write_bytes(b"PK\3\4")
    with pytest.raises(RepresentationError, match=r"no converted model.*amc-otio models add .*imagebind_huge\.pth"):
        representations.create("imagebind", weights=path)
    with pytest.raises(RepresentationError, match="there is no such model"):
        representations.create("imagebind", weights=tmp_path.with_name("none.onnx"))


def test_a_model_with_other_ends_is_refused(tmp_path: Path, windows: np.ndarray) -> None:
    narrow = reference.random_tensors(width=128, blocks=1, hidden=256, dimension=512)
    path = checkpoints.put_imagebind(tmp_path / "m", narrow)
    with pytest.raises(RepresentationError, match=r"\(1, 512\), not 1 vectors of 1024 numbers"):
        representations.create("imagebind", weights=path).embed(windows[:1])


def test_a_model_that_takes_something_else_is_refused(
    tmp_path: Path, windows: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imagebind_graph, "INPUT", "sound")
    path = checkpoints.put_imagebind(tmp_path / "m", small())
    with pytest.raises(RepresentationError, match=r"imagebind: onnxruntime cannot run the model.*add it again"):
        representations.create("imagebind", weights=path).embed(windows[:1])


def test_a_model_that_overflows_is_refused(tmp_path: Path, windows: np.ndarray) -> None:
    tensors = small()
    tensors["modality_heads.audio.2.weight"] = np.full_like(tensors["modality_heads.audio.2.weight"], 3e38)
    path = checkpoints.put_imagebind(tmp_path / "m", tensors)
    with pytest.raises(RepresentationError, match="not finite"):
        representations.create("imagebind", weights=path).embed(windows[:1])


def test_a_model_that_is_replaced_meanwhile_is_noticed(tmp_path: Path, small_model: Path, windows: np.ndarray) -> None:
    path = copied(small_model, tmp_path / "m")
    made = representations.create("imagebind", weights=path)
    sent = pickle.dumps(made)
    checkpoints.put_imagebind(tmp_path / "m", reference.random_tensors(seed=3, width=128, blocks=1, hidden=256))
    with pytest.raises(RepresentationError, match="replaced while it was in use"):
        made.embed(windows[:1])
    with pytest.raises(RepresentationError, match="another one than where the work began"):
        pickle.loads(sent)  # noqa: S301


class Lazy(Mapping[str, Any]):
    """Tensors that note who was asked for."""

    def __init__(self, tensors: dict[str, Any], others: tuple[str, ...]) -> None:
        self.tensors, self.others, self.asked = tensors, others, []

    def __getitem__(self, name: str) -> Any:
        self.asked.append(name)
        return self.tensors[name]

    def shape(self, name: str) -> tuple[int, ...]:
        return self.tensors[name].shape

    def __iter__(self) -> Iterator[str]:
        return iter((*self.others, *self.tensors))

    def __len__(self) -> int:
        return len(self.others) + len(self.tensors)


class Blank:
    """An array of a shape that may only be asked for its shape."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape


def test_only_the_audio_tower_is_read(huge: dict[str, np.ndarray]) -> None:
    others = (
        "modality_trunks.vision.blocks.0.attn.in_proj_weight",
        "modality_preprocessors.text.pos_embed",
        "optimizer",
    )
    lazy = Lazy(huge, others)
    made = canonical(lazy)
    assert list(made) == list(shapes()) == lazy.asked
    assert {name: value.shape for name, value in made.items()} == shapes()
    assert sum(value.size for value in made.values()) == 86_235_648
    assert all(value.dtype == np.float32 for value in made.values())


def test_a_tensor_of_another_shape_is_not_read(huge: dict[str, np.ndarray]) -> None:
    lazy = Lazy(huge | {f"{ATTENTION}in_proj_weight": Blank((10**9, 10**9))}, ())
    with pytest.raises(RepresentationError, match="has the shape"):
        canonical(lazy)
    assert not lazy.asked


def test_half_and_double_precision_are_taken(huge: dict[str, np.ndarray]) -> None:
    name = f"{ATTENTION}bias_k"
    for kind in (np.float16, np.float64):
        made = canonical(huge | {name: huge[name].astype(kind)})
        np.testing.assert_allclose(made[name], huge[name], atol=1e-2)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: {}, "no audio tower"),
        (lambda t: {n.replace("audio", "vision"): v for n, v in t.items()}, "no audio tower"),
        (lambda t: {n: v for n, v in t.items() if n != f"{ATTENTION}bias_v"}, r"lacks .*blocks\.3\.attn\.bias_v"),
        (lambda t: {n: v for n, v in t.items() if "blocks.11." not in n}, r"lacks .*blocks\.11\..* and 13 more"),
        (lambda t: t | {"modality_trunks.audio.blocks.12.norm_1.weight": np.ones(768)}, r"unknown .*blocks\.12"),
        (lambda t: t | {"modality_trunks.audio.pre_transformer_layer.0.weight": np.ones(768)}, "unknown"),
        (lambda t: t | {f"{ATTENTION}bias_k": np.ones((1, 1, 512), np.float32)}, r"\(1, 1, 512\), not \(1, 1, 768\)"),
        (lambda t: t | {f"{ATTENTION}in_proj_weight": Blank((10**9, 10**9))}, "shape"),
        (lambda t: t | {f"{ATTENTION}bias_k": "text"}, "shape"),
        (lambda t: t | {f"{ATTENTION}bias_k": np.ones((1, 1, 768), np.int64)}, "int64"),
        (lambda t: t | {f"{ATTENTION}bias_k": np.full((1, 1, 768), None, object)}, "object"),
        (lambda t: t | {f"{ATTENTION}bias_k": np.where(np.arange(768) == 5, np.nan, 1.0)[None, None]}, "not finite"),
        (lambda t: t | {f"{ATTENTION}bias_k": np.full((1, 1, 768), np.inf, np.float32)}, "not finite"),
        (lambda t: t | {f"{ATTENTION}bias_k": np.full((1, 1, 768), 1e300)}, "not finite"),
    ],
    ids=[
        "empty", "another modality", "one lacks", "a block lacks", "a block more", "a layer more", "narrow", "absurd",
        "text", "integers", "objects", "nan", "infinite", "beyond float32",
    ],
)  # fmt: skip
def test_tensors_that_are_not_it_are_refused(huge: dict[str, np.ndarray], spoil: Any, words: str) -> None:
    with pytest.raises(RepresentationError, match=words) as caught:
        canonical(spoil(huge), "imagebind_huge.pth")
    assert str(caught.value).startswith("imagebind_huge.pth: ")


def test_a_missing_onnx_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(RepresentationError, match=r"amc-otio\[imagebind\]"):
        imagebind_graph.build(small())


def test_the_graph_is_for_old_runtimes() -> None:
    model = imagebind_graph.build(small())
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    assert model.ir_version <= 8
    assert imagebind_checkpoint.PATCHES == 228
