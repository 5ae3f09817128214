"""The pictures of docs/joining.md: drawn on a set that is made here, the same bytes each time, and refused in words."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from set_helpers import write_csv

from amc_otio.config import ANALYSIS_RATE as RATE
from amc_otio.evaluation.transitions import PAPER, UNCUT

KINDS = {"impact": ("metal/anvil", "o"), "noise": ("wind/howl", "c"), "tonal": ("horn/car", "c")}
FROM_A_SET = ["fade-length.png", "join-impact.png", "join-noise.png", "join-tonal.png", "similarity.png"]


@pytest.fixture(scope="module")
def pictures() -> Iterator[ModuleType]:
    """benchmarks/join_pictures.py, which finds its neighbours as a script does."""
    pytest.importorskip("matplotlib")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).resolve().parent.parent / "benchmarks")
        yield importlib.import_module("join_pictures")


def sound(kind: str, seed: int) -> np.ndarray:
    times = np.arange(RATE) / RATE
    noise = np.random.default_rng(seed).standard_normal(RATE)
    if kind == "metal/anvil":
        return 0.3 * noise * np.exp(-12 * times)
    if kind == "wind/howl":
        return 0.1 * noise
    return 0.2 * np.sin(2 * np.pi * (400 + 10 * seed) * times) + 0.001 * noise


@pytest.fixture(scope="module")
def tiny_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One pair of each kind, from two packages, and one of one package that must be passed over."""
    folder = tmp_path_factory.mktemp("set")
    (folder / "clips").mkdir()
    rows, queries = [], []
    for kind, form in KINDS.values():
        names = [f"{kind.partition('/')[0]}{i}" for i in range(3)]
        for seed, (name, package) in enumerate(zip(names, "ppq", strict=True)):
            soundfile.write(folder / "clips" / f"{name}.ogg", sound(kind, seed), RATE)
            rows.append({"clip": name, "content_s": 1.0, "shift": 0, "package": package, "kind": kind, "type": form})
        for query, positive in ((names[0], names[1]), (names[1], names[2])):
            queries.append({"query": query, "positives": [positive], "negatives": [], "kind": kind})
    write_csv(folder / "clips.csv", rows)
    (folder / "labels.json").write_text(json.dumps({"queries": queries}), encoding="utf-8")
    return folder


def run(pictures: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["join_pictures.py", *map(str, arguments)])
    return int(pictures.main())


def kinds_asked() -> list[str]:
    forms = {"o": "one-shot", "c": "continuous"}
    pairs = [f"{name}={kind},{forms[form]}" for name, (kind, form) in KINDS.items()]
    return [text for pair in pairs for text in ("--pair", pair)]


def scores_file(folder: Path) -> Path:
    labels = [*(method.label for method in PAPER), "max-ss, .25 s", "fitted", UNCUT]
    rows = [
        {"label": label, "scenes": 3, "score": 2 + i / 10, "low": 1.9 + i / 10, "high": 2.1 + i / 10}
        for i, label in enumerate(labels)
    ]
    path = folder / "scores.json"
    path.write_text(json.dumps({"Labelled pairs": {"all": rows}, "Hidden gaps": {"all": rows[:5]}}), encoding="utf-8")
    return path


@pytest.mark.slow
def test_all_pictures_are_drawn_small_and_the_same_each_time(
    pictures: ModuleType, tiny_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    scores = scores_file(tmp_path)
    for folder in ("one", "two"):
        arguments = [tiny_set, "--scores", scores, "--out", tmp_path / folder, *kinds_asked()]
        assert run(pictures, monkeypatch, *arguments) == 0
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted([*FROM_A_SET, "scores.png"])
    for one in (tmp_path / "one").iterdir():
        data = one.read_bytes()
        assert data.startswith(b"\x89PNG") and len(data) < 200_000
        assert data == (tmp_path / "two" / one.name).read_bytes(), one.name
    said = capsys.readouterr().out
    assert "impact: metal1 > metal2 (metal/anvil, one-shot)" in said, "a pair of one package was taken"


def test_the_windows_of_a_pair_are_those_that_are_joined(pictures: ModuleType, tiny_set: Path):
    labelled = pictures.read_labelled_set(tiny_set)
    packages = {clip.name: clip.package for clip in labelled.clips}
    pair = pictures.choose(pictures.labelled_plans(labelled), packages, "metal/anvil", "one-shot")
    assert pair.outgoing_mel.shape == pair.incoming_mel.shape == (128, 47)
    found = pictures.joined_by(pair.scene, "paper")
    products = pictures.similarity_matrix(pair.outgoing_mel, pair.incoming_mel)
    row, column = pictures.best_pair(products)
    assert (found.join.out_point, found.join.in_point) == (row * pictures.HOP, column * pictures.HOP)
    wanted = pair.fade_s(*pictures.PRINTED)
    assert found.join.wanted_fade_s == pytest.approx(wanted)


def test_what_cannot_be_drawn_is_refused_in_one_line(
    pictures: ModuleType, tiny_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    broken = tmp_path / "broken.json"
    broken.write_text('{"Labelled pairs": {"all": [{"label": "a", "score": "NaN", "low": 0, "high": 1}]}}')
    absent = tmp_path / "absent.json"
    out = tmp_path / "out"
    for arguments, reason in (
        ([tiny_set], "no pair of two packages"),
        ([tiny_set, "--pair", "loud=metal/anvil,one-shot"], "names no pair"),
        (["--scores", broken], "holds no scores"),
        (["--scores", absent], "cannot be read"),
    ):
        assert run(pictures, monkeypatch, *arguments, "--out", out) != 0
        said = capsys.readouterr().err
        assert reason in said and said.count("\n") == 1, said
    assert not out.exists()


def test_a_missing_matplotlib_is_said_before_anything_is_read(
    pictures: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setattr("amc_otio.evaluation.plot.find_spec", lambda name: None)
    assert run(pictures, monkeypatch, tmp_path / "nowhere", "--out", tmp_path / "out") != 0
    said = capsys.readouterr().err
    assert "matplotlib" in said and "amc-otio[plot]" in said and said.count("\n") == 1
