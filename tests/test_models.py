"""`models add`, `check`, `pull`, `remove`: a model is whole or absent, and every refusal names its reason."""

from __future__ import annotations

import http.server
import importlib.util
import io
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import checkpoints as made
import numpy as np
import pytest
from imagebind_reference import random_tensors

from amc_otio.cli import main
from amc_otio.errors import AmcError, OutputError, RepresentationError, UsageError
from amc_otio.models import check, known, pull
from amc_otio.models.checkpoint_file import open_checkpoint
from amc_otio.models.kinds import recognise
from amc_otio.models.sounds import windows
from amc_otio.representations import create
from amc_otio.representations.model_files import find, installed, read_manifest

pytest.importorskip("onnx")

from amc_otio.models.add import add
from amc_otio.models.clap_checkpoint import canonical

VNNI = frozenset({"avx2", "avx512_vnni"})
Tensors = dict[str, np.ndarray]


@pytest.fixture(scope="session")
def tower() -> Tensors:
    return made.random_tower(made.SMALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty model folder, the user's."""
    monkeypatch.setenv("AMC_MODELS", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "store"


@pytest.fixture
def checkpoint(tmp_path: Path, tower: Tensors) -> Path:
    return made.write_state(tmp_path / "mine v2.pt", made.laion_names(tower))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.is_dir() else []


# ---------------------------------------------------------------- add


def test_every_layout_gives_the_same_tensors(tmp_path: Path, tower: Tensors) -> None:
    laion, face = made.laion_names(tower), made.huggingface_names(tower)
    paths = [
        made.write_state(tmp_path / "a.pt", laion),
        made.write_state(tmp_path / "b.pt", {k.removeprefix("module."): v for k, v in laion.items()}, inside=""),
        made.write_safetensors(tmp_path / "c.safetensors", laion),
        made.write_state(tmp_path / "d.bin", face, inside=""),
        made.write_safetensors(tmp_path / "e.safetensors", face),
    ]
    for path in paths:
        tensors, architecture = canonical(open_checkpoint(path))
        assert architecture == made.SMALL, path
        assert set(tensors) == set(tower)
        for key, value in tower.items():
            np.testing.assert_array_equal(tensors[key], value, err_msg=f"{path.name}: {key}")


def test_laions_sizes_are_told_by_their_shapes() -> None:
    from amc_otio.models.clap_checkpoint import architecture_of, expected_shapes, size_of

    for architecture, size in ((made.TINY, "tiny"), (made.BASE, "base"), (made.SMALL, "")):
        assert architecture_of(expected_shapes(architecture)) == architecture
        assert size_of(architecture) == size


def test_an_added_model_is_there_and_runs(folder: Path, checkpoint: Path) -> None:
    model = add(checkpoint, unverified=True)
    assert files(folder) == ["mine-v2.json", "mine-v2.onnx", "mine-v2.projection.safetensors"]
    assert installed()[0] == (model,) and find("clap", None) == model
    manifest = model.manifest
    assert manifest.source.file == checkpoint.name and manifest.source.bytes == checkpoint.stat().st_size
    assert (manifest.layout, manifest.licence, manifest.verification.against) == ("laion", "unknown", "")
    assert (manifest.dimension, manifest.feature_dimension) == (512, made.SMALL.features)
    assert create("clap", threads=1).embed(windows(2)).shape == (2, 512)


def test_the_same_checkpoint_always_gives_the_same_file(folder: Path, checkpoint: Path) -> None:
    first = add(checkpoint, name="a", unverified=True).manifest.onnx.sha256
    assert add(checkpoint, name="b", unverified=True).manifest.onnx.sha256 == first


def test_a_folder_of_hugging_face_is_called_after_it(folder: Path, tmp_path: Path, tower: Tensors) -> None:
    place = tmp_path / "clap-htsat-unfused"
    place.mkdir()
    made.write_safetensors(place / "model.safetensors", made.huggingface_names(tower))
    manifest = add(place, unverified=True).manifest
    assert (manifest.name, manifest.layout, manifest.licence) == ("clap-htsat-unfused", "huggingface", "Apache-2.0")


def test_a_known_file_brings_its_licence(folder: Path, tmp_path: Path, tower: Tensors) -> None:
    manifest = add(made.write_state(tmp_path / "630k-best.pt", made.laion_names(tower)), unverified=True).manifest
    assert manifest.name == "630k-best" and manifest.licence == "CC0-1.0" and manifest.url.startswith("https://")


def test_a_model_is_not_replaced_unasked(folder: Path, checkpoint: Path) -> None:
    add(checkpoint, name="a", unverified=True)
    before = (folder / "a.json").read_bytes()
    with pytest.raises(OutputError, match="--force"):
        add(checkpoint, name="a", unverified=True)
    assert (folder / "a.json").read_bytes() == before
    add(checkpoint, name="a", unverified=True, force=True)


@pytest.mark.parametrize("name", ["../a", "a/b", "", ".a", "a b", "a" * 200, "é"])
def test_unfit_names_are_refused(folder: Path, checkpoint: Path, name: str) -> None:
    if name:
        with pytest.raises(AmcError, match="file name"):
            add(checkpoint, name=name, unverified=True)
    assert files(folder) == []


@pytest.mark.parametrize("name", ["a.int8", "a.projection", "a.INT8"])
@pytest.mark.parametrize("given", [True, False], ids=["by --name", "from the file's name"])
def test_a_name_that_would_be_another_model_s_file_is_refused(
    folder: Path, checkpoint: Path, name: str, given: bool
) -> None:
    path = checkpoint if given else checkpoint.rename(checkpoint.with_name(f"{name}.pt"))
    with pytest.raises(UsageError, match=r"--name: 'a\.\w+' ends in \.\w+, as files of other models do; give --name"):
        add(path, name=name if given else None, unverified=True)
    assert files(folder) == []


def test_a_model_that_replaces_another_leaves_none_of_its_files(
    folder: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime.quantization")
    monkeypatch.setitem(check.THRESHOLDS, "int8", check.Thresholds(0.5, 0.1))
    check.check_precision(add(checkpoint, name="a", unverified=True), "int8", VNNI, windows(4))
    assert "a.int8.onnx" in files(folder)
    model = add(checkpoint, name="a", unverified=True, force=True)
    assert files(folder) == ["a.json", "a.onnx", "a.projection.safetensors"]
    check.check_files(model)


def test_what_cannot_be_verified_needs_to_be_told(folder: Path, checkpoint: Path) -> None:
    with pytest.raises(RepresentationError, match="--unverified"):
        add(checkpoint)
    assert files(folder) == []


def _without(key: str) -> Callable[[Tensors], None]:
    def spoil(tensors: Tensors) -> None:
        del tensors[key]

    return spoil


def _changed(key: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Tensors], None]:
    return lambda t: t.update({key: change(t[key])})


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_without("norm.weight"), r"lacks norm\.weight"),
        (_without("audio_projection.2.bias"), r"lacks audio_projection\.2\.bias"),
        (_without("layers.1.blocks.1.attn.qkv.weight"), "layers.1"),
        (_without("layers.3.blocks.0.attn.relative_position_bias_table"), "relative position"),
        (_changed("norm.weight", lambda v: v[:-1]), r"norm\.weight has the shape"),
        (_changed("layers.0.blocks.0.mlp.fc1.weight", lambda v: v.T), "has the shape"),
        (_changed("audio_projection.0.weight", lambda v: v[:256]), "has the shape"),
        (_changed("norm.bias", lambda v: v * np.nan), r"norm\.bias holds values that are no numbers"),
        (_changed("layers.2.blocks.1.mlp.fc2.bias", lambda v: v * np.inf), "no numbers"),
        (_changed("bn0.running_var", lambda v: -v), "running_var"),
        (lambda t: t.update({"patch_embed.mel_conv2d.weight": np.ones((1, 1), np.float32)}), "fusion"),
        (lambda t: t.update({"patch_embed.fusion_model.a.weight": np.ones((1, 1), np.float32)}), "fusion"),
        (lambda t: t.update({"layers.4.blocks.0.norm1.weight": np.ones(3, np.float32)}), r"layers\.4"),
        (lambda t: t.update({"logmel_extractor.melW": np.ones((513, 64), np.float32)}), "another spectrogram"),
    ],
)
def test_a_checkpoint_that_is_not_right_is_refused_by_name(
    folder: Path, tmp_path: Path, tower: Tensors, spoil: Callable[[Tensors], None], says: str
) -> None:
    held = dict(tower)
    spoil(held)
    path = made.write_state(tmp_path / "m.pt", made.laion_names(held))
    with pytest.raises(RepresentationError, match=says) as caught:
        add(path, unverified=True)
    assert str(path) in str(caught.value)
    assert files(folder) == []


def test_other_peoples_models_are_not_mistaken(folder: Path, tmp_path: Path) -> None:
    other = made.write_state(tmp_path / "m.pt", {"layers.0.weight": np.ones((2, 2), np.float32)})
    with pytest.raises(RepresentationError, match="no model that is known"):
        add(other, unverified=True)
    bind = made.write_state(tmp_path / "b.pt", {"modality_trunks.audio.blocks.0.norm.weight": np.ones(2, np.float32)})
    assert recognise(open_checkpoint(bind)).name == "imagebind"


def test_hostile_checkpoints_end_in_one_line_and_leave_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentinel = tmp_path / "ran"
    body = made.mapping({"state_dict": made.call(made.name("os", "system"), made.text(f"touch {sentinel}"))})
    made.write_zip(tmp_path / "m.pt", made.pickled(body))
    assert main(["models", "add", "m.pt"]) == 6
    printed = capsys.readouterr()
    assert printed.err.startswith("amc-otio: m.pt: is not a plain checkpoint: it asks for os.system")
    assert len(printed.err.splitlines()) == 1 and printed.out == ""
    assert not sentinel.exists() and files(folder) == []


def test_a_full_disk_leaves_no_half_model(folder: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        path.write_bytes(data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("amc_otio.models.add.write_synced", full)
    with pytest.raises(OutputError, match="No space left"):
        add(checkpoint, unverified=True)
    assert files(folder) == []


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_add_leaves_nothing_that_counts(folder: Path, checkpoint: Path) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom amc_otio.models import add, store\n"
        "real = store.write_synced\n"
        "def dying(path, data):\n    path.write_bytes(data[: len(data) // 2]); os.kill(os.getpid(), signal.SIGKILL)\n"
        "add.write_synced = dying\nadd.add(Path(sys.argv[1]), name='a', unverified=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(checkpoint)], check=False)
    assert done.returncode == -9
    assert installed()[0] == () and not (folder / "a.onnx").exists()
    left = [path for path in folder.iterdir() if path.name.startswith(".adding-")]
    assert len(left) == 1
    os.utime(left[0], (0, 0))
    add(checkpoint, name="a", unverified=True)  # sweeps what was forgotten
    assert files(folder) == ["a.json", "a.onnx", "a.projection.safetensors"]


def test_without_onnx_the_line_that_installs_it_is_said(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(AmcError, match="pip install onnx"):
        add(checkpoint, unverified=True)


def test_without_laion_clap_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from amc_otio.models import laion_reference

    monkeypatch.setattr(laion_reference, "package_folder", lambda name: None)
    with pytest.raises(AmcError, match=r"amc-otio\[clap\].*--unverified"):
        laion_reference.LaionReference({}, "tiny")


# ---------------------------------------------------------------- doctor


def test_doctor_knows_the_models_and_what_they_need(
    folder: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amc_otio import doctor

    def found() -> dict[str, doctor.Finding]:
        return {finding.name: finding for finding in doctor.examine()}

    assert found()["models"].state == "optional" and "amc-otio models add FILE" in found()["models"].remedy
    add(checkpoint, unverified=True)
    assert found()["models"] == doctor.Finding("models", "ok", "mine-v2 (clap; unknown)", group="model")
    (folder / "bad.json").write_text("{")
    assert found()["models"].state == "missing" and "bad.json is damaged" in found()["models"].found
    monkeypatch.setattr("amc_otio.doctor.packages.version", lambda name: "")
    for name in ("torch", "laion-clap", "openvino", "matplotlib"):
        assert found()[name].state == "optional" and found()[name].remedy.startswith("pip install 'amc-otio[")


# ---------------------------------------------------------------- check


def test_windows_for_checks_are_sound_and_differ() -> None:
    held = windows()
    assert held.shape == (64, 48_000) and np.isfinite(held).all() and np.abs(held).max() <= 1.5
    assert len({one.tobytes() for one in held}) == 64
    np.testing.assert_array_equal(held, windows())


def test_overlap_counts_the_neighbours_that_stay() -> None:
    def at(*degrees: float) -> np.ndarray:
        angle = np.radians(degrees)
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)

    exact = at(0, 10, 25, 45)  # nearest: 1, 0, 1, 2
    assert check.top_k_overlap(exact, exact, 2) == 1.0
    assert check.top_k_overlap(exact, at(0, 10, 40, 45), 1) == 0.75  # nearest: 1, 0, 3, 2
    assert check.top_k_overlap(exact, at(0, 90, 180, 270), 3) == 1.0


def test_a_check_needs_the_instructions(folder: Path, checkpoint: Path) -> None:
    model = add(checkpoint, name="a", unverified=True)
    with pytest.raises(RepresentationError, match="this processor has no products of 8 bits"):
        check.check_precision(model, "int8", frozenset({"avx2"}))
    assert files(folder) == ["a.json", "a.onnx", "a.projection.safetensors"]


def test_a_check_is_noted_and_opens_the_precision(
    folder: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime.quantization")
    model = add(checkpoint, name="a", unverified=True)
    # What eight bits do to this random tower on this processor is not the point here.
    monkeypatch.setitem(check.THRESHOLDS, "int8", check.Thresholds(0.5, 0.1))
    checked = check.check_precision(model, "int8", VNNI, windows(12))
    held = read_manifest(folder / "a.json").precisions["int8"]
    assert held == checked.manifest.precisions["int8"] and held.passed and held.windows == 12
    assert held.instructions == ("avx512_vnni",) and held.model is not None and held.speed > 0
    assert held.model.bytes < model.manifest.onnx.bytes
    monkeypatch.setattr("amc_otio.representations.cpu.instructions", lambda: VNNI)
    small, full = create("clap-int8", threads=1), create("clap", threads=1)
    assert small.weights_hash == held.model.sha256 != full.weights_hash
    sounds = windows(4)
    cosines = np.einsum("ij,ij->i", small.embed(sounds), full.embed(sounds))
    assert 0.5 < cosines.min() < 1.0
    monkeypatch.setattr("amc_otio.representations.cpu.instructions", lambda: frozenset({"avx2"}))
    with pytest.raises(RepresentationError, match="this processor"):
        create("clap-int8")


def test_a_failed_check_is_noted_and_closes_the_precision(
    folder: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime.quantization")
    monkeypatch.setitem(check.THRESHOLDS, "int8", check.Thresholds(1.1, 0.1))
    check.check_precision(add(checkpoint, name="a", unverified=True), "int8", VNNI, windows(6))
    monkeypatch.setattr("amc_otio.representations.cpu.instructions", lambda: VNNI)
    with pytest.raises(RepresentationError, match="failed its self-check"):
        create("clap-int8")


# ---------------------------------------------------------------- pull


@pytest.fixture
def server(tmp_path: Path, tower: Tensors) -> Iterator[tuple[str, Path]]:
    """A web server on this machine that has 630k-best.pt; its address and folder."""
    place = tmp_path / "served"
    place.mkdir()
    made.write_state(place / "630k-best.pt", made.laion_names(tower))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(place))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None: ...

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}/", place
    served.shutdown()
    served.server_close()


def here(address: str) -> Callable[[str], object]:
    """Opens the last part of a URL at the test's own server."""
    return lambda url: urllib.request.urlopen(address + url.rpartition("/")[2], timeout=10)


def test_a_known_checkpoint_is_fetched_and_added(folder: Path, server: tuple[str, Path]) -> None:
    told: list[tuple[int, int]] = []
    model = pull.pull("630k-best", unverified=True, opener=here(server[0]), progress=lambda *d: told.append(d))
    size = (server[1] / "630k-best.pt").stat().st_size
    assert told[-1] == (size, size)
    assert model.manifest.source.bytes == size and model.manifest.licence == "CC0-1.0"
    assert files(folder) == ["630k-best.json", "630k-best.onnx", "630k-best.projection.safetensors"]


class Answer(io.BytesIO):
    """What a server might send."""

    def __init__(self, data: bytes, length: int | None) -> None:
        super().__init__(data)
        self.headers = {} if length is None else {"Content-Length": str(length)}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(b"x" * 100, 200), "broke off after 100 of 200"),
        (Answer(b"x" * 5000, None), "larger than expected"),
        (Answer(b"x", 5000), "larger than expected"),
        (Answer(b"<html>login</html>", None), "is not a torch checkpoint"),
        (urllib.error.URLError("no route to host"), "no route to host"),
        (TimeoutError("timed out"), "timed out"),
        (ConnectionResetError("reset"), "reset"),
    ],
)
def test_what_goes_wrong_on_the_way_is_said_and_nothing_stays(folder: Path, answer: object, says: str) -> None:
    def opener(url: str) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(AmcError, match=says):
        pull.pull("630k-best", unverified=True, opener=opener, most_bytes=1000)
    assert files(folder) == []


class Breaking(Answer):
    """An answer whose connection fails in the middle, in a way that is no error of urllib's."""

    def read(self, size: int | None = -1) -> bytes:
        raise OSError(113, "No route to host")


def test_a_connection_that_fails_while_it_is_read_is_no_fault_of_the_folder(folder: Path) -> None:
    with pytest.raises(AmcError, match=r"630k-best\.pt: cannot be fetched \(.*No route to host\); try again"):
        pull.pull("630k-best", unverified=True, opener=lambda url: Breaking(b"", None))

    def refused(url: str) -> object:
        raise OSError(113, "No route to host")

    with pytest.raises(AmcError, match="cannot be fetched"):
        pull.pull("630k-best", unverified=True, opener=refused)
    assert files(folder) == []


def test_a_wrong_hash_is_refused(folder: Path, server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    row = known.by_name("630k-best")
    assert row is not None
    monkeypatch.setattr(known, "by_name", lambda name: known.Known(**{**vars(row), "sha256": "0" * 64}))
    with pytest.raises(RepresentationError, match="its hash differs"):
        pull.pull("630k-best", unverified=True, opener=here(server[0]))
    assert files(folder) == []


def test_only_known_and_usable_ones_are_fetched_and_only_by_https(folder: Path, server: tuple[str, Path]) -> None:
    def never(url: str) -> object:
        raise AssertionError(url)

    for name, says in (("nothing", "no checkpoint of this name"), ("630k-fusion-best", "fusion")):
        with pytest.raises(RepresentationError, match=says):
            pull.pull(name, opener=never)
    with pytest.raises(urllib.error.URLError, match="HTTPS"):
        pull.open_https(server[0])
    with pytest.raises(urllib.error.URLError, match="not HTTPS"):
        pull._HttpsOnly().redirect_request(None, None, 302, "", {}, "http://elsewhere/")


def test_the_table_of_known_checkpoints_is_sound() -> None:
    names = [row.name for row in known.CHECKPOINTS]
    assert len(set(names)) == len(names)
    for row in known.CHECKPOINTS:
        assert row.url.startswith("https://") and row.url.endswith(row.file) and row.licence and row.size
        assert ("fusion" in row.architecture) == bool(row.refusal)


# ---------------------------------------------------------------- the command


def test_the_commands_print_what_the_page_says(
    folder: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(__file__).resolve().parent.parent / "docs" / "generate.py"
    spec = importlib.util.spec_from_file_location("generate", path)
    assert spec is not None and spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)

    def run(*words: str) -> object:
        assert main(["models", *words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    added = run("add", str(checkpoint), "--name", "a", "--unverified")
    listed, checked, removed = run("list"), run("check", "a"), run("remove", "a")
    for name, found in (("list", listed), ("add", added), ("check", checked[0]), ("remove", removed)):
        prefix = "[]." if name == "check" else ""
        assert [prefix + key for key in found] == list(generate.JSON_SHAPES[f"models {name}"]), name
    assert listed["models"] == [added] and checked == [added]
    assert files(folder) == [] and run()["models"] == []


def test_a_model_of_any_kind_is_checked_by_its_path(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = made.put_imagebind(tmp_path / "elsewhere", random_tensors(width=128, blocks=1, hidden=256))
    for given in (path, path.with_suffix(".json")):
        assert main(["models", "check", str(given)]) == 0
        assert "small: its files are whole" in capsys.readouterr().out


def test_the_commands_in_words(folder: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    printed = capsys.readouterr()
    assert "Nothing is in" in printed.out and "630k-audioset-best" in printed.out and "CC BY-NC-SA" in printed.out
    assert main(["models", "add", str(checkpoint), "--unverified"]) == 0
    printed = capsys.readouterr()
    assert "added mine-v2" in printed.out and "was not compared" in printed.err
    assert main(["models", "check"]) == 0
    assert "mine-v2: its files are whole" in capsys.readouterr().out
    (folder / "mine-v2.onnx").write_bytes(b"")
    assert main(["models", "check"]) == 6
    assert "damaged" in capsys.readouterr().err
    (folder / "mine-v2.json").write_text("{")
    assert main(["models"]) == 0
    assert "damaged" in capsys.readouterr().err
    assert main(["models", "remove", "mine-v2"]) == 0
    assert files(folder) == []
    capsys.readouterr()
    for words, code, says in (
        (["add"], 2, "needs a checkpoint file"),
        (["remove"], 2, "needs a name"),
        (["remove", "../x"], 6, "no model of this name"),
        (["remove", "absent"], 6, "no model of this name"),
        (["check", "absent"], 6, "no model of this name"),
        (["check", "--precision", "int8"], 2, "needs a name"),
        (["add", "absent.pt"], 6, "no such file"),
        (["list", "x"], 2, "takes no 'x'"),
        (["add", "x", "--precision", "int8"], 2, "means nothing"),
        (["pull", "630k-fusion-best"], 6, "fusion"),
    ):
        assert main(["models", *words]) == code, words
        assert says in capsys.readouterr().err, words
