"""amc-otio train from media to match cuts; killed, stopped by hand, and with nothing to train on."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import checkpoints
import numpy as np
import pytest
from imagebind_reference import random_tensors
from library_helpers import child_environment
from soundfile import read
from training_helpers import write_media

from amc_otio.cli import INTERRUPTED, main
from amc_otio.config import TrainSettings
from amc_otio.errors import OutputError
from amc_otio.representations import create
from amc_otio.training.initial import start

pytest.importorskip("torch")

from amc_otio.training import result
from amc_otio.training.checkpoint import remove

FAST = ["--encoder", "random", "--frames", "3", "--epochs", "2", "--workers", "1", "--device", "cpu"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_media(tmp_path / "media", [9, 7, 6, 2])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_media_in_a_model_a_card_and_a_picture_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "media", "-o", "m.safetensors", *FAST, "--json"]) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert report["files"] == ["m.safetensors", "m.md", "m.png"]
    assert (report["samples"], report["sources"], report["epoch"], len(report["losses"])) == (7, 4, 2, 2)
    assert "1 of 4 sources have no 3 s of sound in a row" in printed.err
    assert names(here) == {"media", ".amc", "m.safetensors", "m.md", "m.png"}
    card = Path("m.md").read_text(encoding="utf-8")
    for words in ("`random`", "| temperature | 0.1 |", "4 sources with sound, 1 of them without 3 usable", "m.png"):
        assert words in card
    assert "/media" not in Path("m.safetensors").read_bytes()[:4000].decode("latin-1")
    made = create("split-and-contrast", weights=Path("m.safetensors"))
    assert made.weights_hash in card
    assert made.embed(np.ones((1, 48_000), np.float32)).shape == (1, 64)


def test_the_encoder_runs_once(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from amc_otio.representations.random import RandomRepresentation

    assert main(["train", "media", "-o", "m.safetensors", *FAST, "-q"]) == 0

    def embed(*_: object) -> None:
        raise AssertionError("the encoder ran again")

    monkeypatch.setattr(RandomRepresentation, "embed", embed)
    assert main(["train", "media", "-o", "n.safetensors", *FAST, "--epochs", "3", "-q"]) == 0


def test_nothing_is_replaced_without_force(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("m.md").write_text("mine")
    assert main(["train", "media", "-o", "m.safetensors", *FAST]) == 8
    assert "m.md: exists already; give another -o, or --force" in capsys.readouterr().err
    assert names(here) == {"media", "m.md"}
    assert main(["train", "media", "-o", "m.safetensors", *FAST, "--force", "-q"]) == 0
    assert Path("m.md").read_text(encoding="utf-8") != "mine"


def test_without_matplotlib_the_card_says_so(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("matplotlib", "matplotlib.backends.backend_agg", "matplotlib.figure", "matplotlib.ticker"):
        monkeypatch.setitem(sys.modules, module, None)
    assert main(["train", "media", "-o", "m.safetensors", *FAST, "-q"]) == 0
    assert "matplotlib is not installed" in Path("m.md").read_text(encoding="utf-8")
    assert not Path("m.png").exists()


def test_without_torch_it_says_how_to_get_it(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["train", "media", "-o", "m.safetensors", *FAST]) == 1
    assert "torch cannot be loaded" in (line := capsys.readouterr().err)
    assert "pip install 'amc-otio[train]'" in line
    assert names(here) == {"media"}
    assert main(["train", "media", "-o", "m.safetensors", *FAST, "--dry-run"]) == 0


def test_a_dry_run_looks_and_writes_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "media", "-o", "m.safetensors", *FAST, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "4 files, 0.01 h of sound; 1 of them are shorter than the 3 s of a sample" in printed
    assert "at most 7 samples of 3 s; 2 epochs over random in at most 2 steps" in printed
    assert names(here) == {"media"}


def test_a_dry_run_refuses_the_encoder_that_the_run_refuses(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "media", "-o", "m.safetensors", *FAST, "-q"]) == 0
    over = ["--encoder", "split-and-contrast", "--encoder-weights", "m.safetensors"]
    for more in ([], ["--dry-run"]):
        assert main(["train", "media", "-o", "n.safetensors", *FAST, *over, *more]) == 6
        assert "is what a training makes, not an encoder" in capsys.readouterr().err


@pytest.mark.parametrize("more", [[], ["--restart"], ["--force"], ["--dry-run"]])
def test_a_folder_in_the_checkpoint_s_place_is_said(
    more: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("m.checkpoint").mkdir()
    assert main(["train", "media", "-o", "m.safetensors", *FAST, *more]) == 8
    assert "m.checkpoint: is not a file; move it away, or give another -o" in capsys.readouterr().err
    assert names(here) == {"media", "m.checkpoint"}


def test_a_checkpoint_that_cannot_be_removed_is_said(tmp_path: Path) -> None:
    (tmp_path / "m.checkpoint").mkdir()  # what unlink refuses whoever asks
    with pytest.raises(OutputError, match=r"m\.checkpoint: cannot be removed .*remove it yourself"):
        remove(tmp_path / "m.checkpoint")


@pytest.mark.parametrize("written", [1, 2, 3])
def test_killed_between_the_model_and_the_end_it_may_be_run_again(
    written: int, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model is there, its checkpoint too: the same command ends the same way, another is refused."""
    command = ["train", "media", "-o", "m.safetensors", *FAST, "-q"]

    class Killed(BaseException):
        pass

    real, done = result.put, []

    def dying(path: Path, data: bytes) -> None:
        real(path, data)
        done.append(path)
        if len(done) == written:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(result, "put", dying)
        with pytest.raises(Killed):
            main(command)
    assert names(here) >= {"m.safetensors", "m.checkpoint"} and len(done) == written
    model = Path("m.safetensors").read_bytes()

    assert main([*command, "--lr", "0.5"]) == 8
    assert "a training of another kind" in capsys.readouterr().err
    assert main([*command, "--restart"]) == 8
    assert "m.safetensors: exists already" in capsys.readouterr().err
    Path("m.safetensors").write_bytes(b"another")
    assert main(command) == 8
    assert "m.safetensors: exists already" in capsys.readouterr().err
    assert Path("m.safetensors").read_bytes() == b"another"

    Path("m.safetensors").write_bytes(model)
    assert main(command) == 0
    assert Path("m.safetensors").read_bytes() == model
    assert names(here) == {"media", ".amc", "m.safetensors", "m.md", "m.png"}


def test_a_checkpoint_alone_lets_no_card_be_replaced(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("m.checkpoint").write_bytes(b"")
    Path("m.md").write_text("mine")
    assert main(["train", "media", "-o", "m.safetensors", *FAST]) == 8
    assert "m.md: exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["media", "-o", "m.safetensors", "--frames", "1"], 2, "--frames: 1 is out of range"),
        (["media", "-o", "m.safetensors", "--temperature", "0.001"], 2, "--temperature: 0.001 is out of range"),
        (["media", "-o", "m.safetensors", "--lr", "nan"], 2, "--lr: nan is out of range"),
        (["media", "-o", "m.safetensors", "--max-samples", "-1"], 2, "--max-samples: -1 is out of range"),
        (["media", "-o", "m.safetensors", "--checkpoint-every", "0"], 2, "--checkpoint-every: 0 is out of range"),
        (["media", "-o", "m.safetensors", "--encoder", "clop"], 6, "clop: there is no representation of this name"),
        (["media", "-o", "m.safetensors", "--encoder-weights", "no.onnx"], 6, "weights"),
        (["media", "-o", "m.safetensors", "--encoder", "split-and-contrast"], 6, "not an encoder"),
        (["media", "-o", "m.bin"], 8, "m.bin: does not end in .safetensors; name it"),
        (["media", "-o", "no/m.safetensors"], 8, "no: is no folder"),
        (["nowhere", "-o", "m.safetensors"], 4, "no sample"),
        (["media", "-o", "m.safetensors", "--frames", "20"], 4, "give more and longer media, or fewer --frames"),
        (["media", "-o", "m.safetensors", "--library", "media"], 5, "is not a library"),
        (["media", "-o", "m.safetensors", "--config", "no.toml"], 2, "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_said(
    arguments: list[str], code: int, says: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *FAST, *arguments]) == code
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("amc-otio: ")
    assert says in lines[-1]
    assert "fault of ours" not in lines[-1]
    assert names(here) - {".amc"} == {"media"}


def test_settings_come_from_amc_toml(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("amc.toml").write_text("[train]\nepochs = 5\nstride = 1\n")
    assert main(["train", "media", "-o", "m.safetensors", "--encoder", "random", "--frames", "3", "--dry-run"]) == 0
    assert "at most 16 samples of 3 s; 5 epochs" in capsys.readouterr().out


# ---------------------------------------------------------------- stopped and killed


def train_alone(folder: Path, output: str, *more: str) -> subprocess.Popen[str]:
    # Some 11 samples in batches of two, 60 epochs: enough steps to be killed in.
    arguments = ["train", "media", "-o", output, "--encoder", "random", "--frames", "3", "--epochs", "60"]
    arguments += ["--batch", "2", "--workers", "1", "--device", "cpu", "--checkpoint-every", "5", "--stride", "1"]
    return subprocess.Popen(
        [sys.executable, "-m", "amc_otio", *arguments, *more],
        cwd=folder,
        env={**child_environment(), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists() and process.poll() is None:
        time.sleep(0.002)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no kill -9")
def test_killed_in_the_middle_and_run_again_gives_the_same_model(here: Path) -> None:
    undisturbed = train_alone(here, "one.safetensors")
    assert undisturbed.wait(timeout=120) == 0
    checkpoint, seen = here / "two.checkpoint", 0
    generator = random.Random(3)
    for _ in range(3):
        process = train_alone(here, "two.safetensors")
        wait_for(checkpoint, process)
        time.sleep(generator.uniform(0.0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen += checkpoint.exists() and not (here / "two.safetensors").exists()
    assert seen >= 2, "it was killed too late to show anything"
    process = train_alone(here, "two.safetensors", "--json")
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert json.loads(output)["resumed_at"] > 0
    assert (here / "two.safetensors").read_bytes() == (here / "one.safetensors").read_bytes()
    assert "resumed at step" in (here / "two.md").read_text(encoding="utf-8")
    assert names(here) == {"media", ".amc", *(f"{n}.{s}" for n in ("one", "two") for s in ("safetensors", "md", "png"))}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there")
def test_ctrl_c_saves_and_says_how_to_go_on(here: Path) -> None:
    process = train_alone(here, "m.safetensors")
    wait_for(here / "m.checkpoint", process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, errors
    assert "run the same command again" in errors
    assert errors.splitlines()[-1] == "amc-otio: stopped; what was finished is kept"
    assert names(here) == {"media", ".amc", "m.checkpoint"}
    # Another training does not go on from it, and does not destroy it.
    process = train_alone(here, "m.safetensors", "--lr", "0.5")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 8
    assert "lr was 0.0001, now 0.5" in errors
    assert (here / "m.checkpoint").exists()
    process = train_alone(here, "m.safetensors", "--epochs", "2", "--restart", "--json")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert json.loads(output)["resumed_at"] == 0
    assert not (here / "m.checkpoint").exists()


# ---------------------------------------------------------------- the main job with a trained model


@pytest.mark.slow
def test_match_cuts_by_a_model_trained_on_the_example(
    examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    media = str(examples / "media")
    train = ["train", media, "-o", "m.safetensors", "--frames", "2", "--epochs", "2", "--library", "lib", "-q"]
    assert main([*train, "--encoder", "mfcc", "--projection", "linear", "--workers", "2"]) == 0
    edit = str(examples / "match_cut.otio")
    common = ["--gallery", str(examples / "sounds"), media, "--library", "lib", "--workers", "2", "--json"]
    weights = ["--representation", "split-and-contrast", "--weights", "m.safetensors"]
    assert main(["index", media, "--library", "lib", "--workers", "2", *weights]) == 0
    assert main(["propose", edit, "-o", "p.json", *common, *weights]) == 0
    capsys.readouterr()
    assert main(["match", edit, "-o", "new.otio", *common, *weights]) == 0
    assert json.loads(capsys.readouterr().out)["changes"]
    proposals = json.loads(Path("p.json").read_text(encoding="utf-8"))
    scores = [c["scores"]["similarity"] for p in proposals["proposals"] for c in p["candidates"]]
    assert scores
    assert all(-1 <= score <= 1.0001 for score in scores)


@pytest.mark.slow
@pytest.mark.parametrize("named", [False, True], ids=["the only model", "by its name"])
def test_clap_s_own_projection_is_trained(
    examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], named: bool
) -> None:
    """From a checkpoint in LAION's layout, through `models add`, to proposals by what was trained."""
    pytest.importorskip("onnx")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AMC_MODELS", str(tmp_path / "models"))
    tower = checkpoints.random_tower(checkpoints.SMALL)
    checkpoints.write_state(tmp_path / "630k-best.pt", checkpoints.laion_names(tower))
    assert main(["models", "add", "630k-best.pt", "--unverified", "-q"]) == 0

    clap = create("clap", threads=1)
    begin = start(TrainSettings(encoder="clap"))
    assert begin.features.name == "clap-features"
    assert (begin.projection.kind, begin.projection.homogeneous, begin.projection.dimension) == ("mlp", True, 512)
    sounds = np.stack([read(path, dtype="float32")[0] for path in sorted((examples / "sounds").glob("*.ogg"))])
    before = begin.projection.apply(begin.features.embed(sounds))
    np.testing.assert_allclose(before, clap.embed(sounds), atol=1e-5)  # before the first step it is clap

    media = str(examples / "media")
    given = ["--encoder-weights", "630k-best"] if named else []
    train = ["train", media, "-o", "m.safetensors", "--encoder", "clap", *given, "--frames", "2", "--epochs", "2"]
    assert main([*train, "--batch", "8", "--library", "lib", "--workers", "1", "--device", "cpu", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["epoch"] == 2
    card = Path("m.md").read_text(encoding="utf-8")
    assert "`clap` (its `clap-features`)" in card and "its own terms (CC0-1.0)" in card

    trained = create("split-and-contrast", threads=1, weights=Path("m.safetensors"))
    after = trained.embed(sounds)
    assert trained.sample_rate == 48_000 and after.shape == (12, 512)
    assert 1e-4 < np.abs(after - before).max() < 0.5  # two epochs at 1e-4 change it, and not much

    weights = ["--representation", "split-and-contrast", "--weights", "m.safetensors", "--library", "lib"]
    weights += ["--workers", "1"]
    assert main(["index", media, *weights, "-q"]) == 0
    edit = str(examples / "match_cut.otio")
    assert main(["propose", edit, "-o", "p.json", "--gallery", str(examples / "sounds"), media, *weights, "-q"]) == 0
    proposals = json.loads(Path("p.json").read_text(encoding="utf-8"))["proposals"]
    assert any(proposal["candidates"] for proposal in proposals)


def test_imagebind_is_trained_under_its_licence(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no projection of its own to go on from: an mlp is put on it that changes nothing before the first step."""
    pytest.importorskip("onnx")
    monkeypatch.setenv("AMC_MODELS", str(here / "models"))
    checkpoints.put_imagebind(here / "models", random_tensors(width=128, blocks=1, hidden=256))
    begin = start(TrainSettings(encoder="imagebind"))
    assert (begin.features.name, begin.projection.residual) == ("imagebind", True)
    vectors = begin.features.embed(np.random.default_rng(0).uniform(-0.1, 0.1, (2, 16_000)).astype(np.float32))
    np.testing.assert_allclose(begin.projection.apply(vectors), vectors, atol=1e-6)
    assert main(["train", "media", "-o", "m.safetensors", *FAST, "--encoder", "imagebind", "-q"]) == 0
    assert "CC BY-NC-SA 4.0, non-commercial use only" in Path("m.md").read_text(encoding="utf-8")
    assert create("split-and-contrast", weights=Path("m.safetensors")).sample_rate == 16_000


@pytest.mark.slow
def test_a_model_that_is_trained_again_is_not_taken_for_the_old_one(here: Path) -> None:
    from amc_otio.library import Library

    weights = Path("m.safetensors")
    with Library.open(here / "lib") as library:
        for seed in ("1", "2"):
            assert main(["train", "media", "-o", str(weights), *FAST, "--seed", seed, "--force", "-q"]) == 0
            assert library.index(["media"], "split-and-contrast", weights=weights, workers=1).embedded == 4
            searcher = library.searcher("split-and-contrast", weights=weights)
            assert searcher.key.weights_hash == create("split-and-contrast", weights=weights).weights_hash
