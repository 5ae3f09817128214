"""Bad input: one clear line, the documented exit code, and nothing written (the table is tests/failure_cases.py)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import failure_cases
import numpy as np
import opentimelineio as otio
import pytest
from failure_cases import CASES, Case
from library_helpers import child_environment

from amc_otio.cli import FAULT, INTERRUPTED, main

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good input, and what amc-otio made of it: ``p.json`` and ``done.otio``."""
    folder = tmp_path_factory.mktemp("good")
    failure_cases.prepare_good(folder)
    common = ["--gallery", str(folder / "sounds"), "--library", str(folder / "lib"), *failure_cases.FAST]
    edit = str(folder / "edit.otio")
    assert main(["propose", edit, "-o", str(folder / "p.json"), *common, "-q"]) == 0
    assert main(["match", edit, "-o", str(folder / "done.otio"), *common, "-q", "--max-level-step", "0"]) == 0
    shutil.rmtree(folder / "lib")
    return folder


@pytest.fixture
def here(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the good folder, as the working folder; the user's cache is elsewhere."""
    folder = tmp_path / "here"
    shutil.copytree(good, folder)
    proposals = folder / "p.json"
    was, now = (json.dumps(str(path))[1:-1] for path in (good, folder))
    text = proposals.read_text(encoding="utf-8").replace(was, now)
    proposals.write_text(text.replace(good.as_uri(), folder.as_uri()), encoding="utf-8")
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "AMC_MODELS", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    monkeypatch.delenv("AMC_DEBUG", raising=False)
    monkeypatch.chdir(folder)
    return folder


def snapshot(folder: Path, but: tuple[str, ...] = ()) -> dict[str, str]:
    """Every file and folder and what it holds, hidden ones too."""
    found = {}
    for top, folders, files in os.walk(folder):
        if Path(top) == folder:
            folders[:] = [name for name in folders if name not in but]
        for name in folders + files:
            path = Path(top, name)
            regular = path.is_file() and not path.is_symlink()
            big = regular and path.stat().st_size > 1 << 26
            held = (
                ""
                if not regular
                else str(path.stat().st_size)
                if big
                else hashlib.sha256(path.read_bytes()).hexdigest()
            )
            found[path.relative_to(folder).as_posix()] = held
    return found


def needs(case: Case) -> None:
    if case.only and sys.platform == "win32":
        pytest.skip("cannot exist on Windows")
    if case.only == "user" and ROOT:
        pytest.skip("root may write anywhere")


def check_line(stderr: str, case: Case) -> None:
    """One line of error, notes before it at most; it holds what it should, in order, and what to do next."""
    lines = stderr.splitlines()
    assert [line for line in lines if not line.startswith("note: ")] == lines[-1:], stderr
    line = lines[-1]
    assert line.startswith("amc-otio: ")
    assert "Traceback" not in stderr
    assert "fault of ours" not in line
    assert line.isprintable()
    place = 0
    for part in case.says:
        assert part in line[place:], f"{part!r} is not in {line[place:]!r} of {line!r}"
        place = line.index(part, place) + len(part)
    assert "; " in line, "the line does not say what to do next"


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_bad_input(case: Case, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    needs(case)
    case.prepare(here)
    before = snapshot(here, case.keeps)
    code = main(case.argv)
    printed = capfd.readouterr()
    assert code == case.code, printed.err
    check_line(printed.err, case)
    assert snapshot(here, case.keeps) == before


def test_table_is_large_and_its_names_are_unique() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.code for case in CASES} == set(range(2, 10))
    commands = {case.argv[0] for case in CASES if case.argv}
    assert {"match", "propose", "apply", "preview", "revert", "points", "index", "library", "demo"} <= commands


SAMPLE = [
    "The command line: no output",
    "Timelines: 100,000 levels deep",
    "Timelines: a wrong suffix: a sound named .otio",
    "Media of the outgoing shot: text named .wav",
    "Proposals: not UTF-8",
]


@pytest.mark.parametrize("name", SAMPLE)
def test_bad_input_in_a_process_of_its_own(name: str, here: Path) -> None:
    case = next(case for case in CASES if case.name == name)
    case.prepare(here)
    before = snapshot(here)
    done = run_alone(case.argv, here)
    assert done.returncode == case.code, done.stderr
    check_line(done.stderr, case)
    assert done.stdout == ""
    assert snapshot(here) == before


def run_alone(argv: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "amc_otio", *argv],
        cwd=folder,
        env={**child_environment(), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_debug_shows_the_traceback(here: Path) -> None:
    done = run_alone(["points", "no.otio"], here, AMC_DEBUG="1")
    assert done.returncode != 0
    assert "Traceback" in done.stderr
    assert "does not exist" in done.stderr


def test_names_cannot_write_to_the_terminal(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["points", "\x1b[31mno\n.otio"]) == 3
    line = capfd.readouterr().err
    assert line.count("\n") == 1
    assert "\x1b" not in line


@pytest.mark.parametrize("command", ["match edit.otio -o new.otio", "revert done.otio -o back.otio"])
def test_stopping_by_hand(
    command: str, here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("amc_otio.timeline.read.check_before_parsing", stop)
    before = snapshot(here)
    assert main(command.split()) == INTERRUPTED
    assert capfd.readouterr().err == "amc-otio: stopped; what was finished is kept\n"
    assert snapshot(here) == before


def test_a_fault_of_ours_is_called_one(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("amc_otio.timeline.read.check_before_parsing", fail)
    assert main(["match", "edit.otio", "-o", "new.otio"]) == FAULT
    line = capfd.readouterr().err
    assert line.count("\n") == 1
    assert "a fault of ours: ZeroDivisionError: oops" in line


def test_output_that_cannot_hold_every_character(here: Path) -> None:
    (here / "sounds").rename(here / "sønde")
    (here / "sønde" / "s0.wav").rename(here / "sønde" / "音.wav")
    arguments = ["index", "sønde", "--library", "lib", *failure_cases.FAST, "-v"]
    (here / "sønde" / "text–文.wav").write_text("no sound\n" * 99)
    done = run_alone(arguments, here, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stderr.startswith("note: ")
    assert "\\u6587.wav" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_that_is_full(here: Path) -> None:
    for more in ([], ["--json"]):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "amc_otio", "points", "edit.otio", *more],
                env=child_environment(),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=120,
            )
        assert done.returncode == 8
        assert done.stderr.startswith("amc-otio: standard output: cannot be written (No space left on device); ")
        assert done.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error(here: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "amc_otio", "points", "edit.otio"],
        env=child_environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


# ---------------------------------------------------------------- one bad thing among good ones


def match(*more: str) -> int:
    return main(["match", "edit.otio", "-o", "new.otio", "--gallery", "sounds", *failure_cases.FAST, *more])


def test_bad_files_in_a_gallery_do_not_stop_it(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "sounds" / "text.wav").write_text("no sound\n" * 99)
    (here / "sounds" / "empty.mp3").write_bytes(b"")
    (here / "sounds" / "list.wav").write_text(failure_cases.HLS)
    failure_cases.write(here / "sounds" / "silent.wav", np.zeros(3 * failure_cases.RATE))
    failure_cases.write(here / "sounds" / "nan.wav", np.full(3 * failure_cases.RATE, np.nan, np.float32), "FLOAT")
    failure_cases.write(here / "sounds" / "none.wav", np.zeros(0, np.float32))
    whole = (here / "sounds" / "s0.wav").read_bytes()
    (here / "sounds" / "cut.wav").write_bytes(whole[: len(whole) // 2])
    assert match("--verbose") == 0
    notes = capfd.readouterr().err
    for name in ("text.wav", "empty.mp3", "list.wav", "none.wav"):
        assert name in notes
    assert all(line.startswith("note: ") for line in notes.splitlines())
    assert (here / "new.otio").is_file()
    assert (here / failure_cases.SIDECAR).is_file()


@pytest.mark.parametrize("bad", ["offline", "text", "silent", "empty", "device"])
def test_bad_media_of_one_shot_leaves_the_other_cuts(bad: str, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first = here / "media" / "a.wav"
    first.unlink()
    if bad == "text":
        first.write_text("no sound\n" * 99)
    elif bad == "silent":
        failure_cases.write(first, np.zeros(5 * failure_cases.RATE))
    elif bad == "empty":
        first.write_bytes(b"")
    elif bad == "device":
        first.symlink_to("/dev/null")
    assert match("--json") == 0
    printed = capfd.readouterr()
    points = {change["edit_point"] for change in json.loads(printed.out)["changes"]}
    assert points
    assert "A1:1" not in points
    assert all(line.startswith("note: ") for line in printed.err.splitlines())
    if bad == "offline":
        assert "a.wav" in printed.err


LENGTHLESS = [
    otio.schema.Clip("offline", otio.schema.MissingReference()),
    otio.schema.Clip("generated", otio.schema.GeneratorReference("tone")),
    otio.schema.Stack("empty nest"),
    otio.core.Item("nothing known"),
]


@pytest.mark.parametrize("child", LENGTHLESS, ids=[child.name for child in LENGTHLESS])
@pytest.mark.parametrize("mode", ["replace", "align", "insert --ripple"])
def test_an_item_without_a_length_stops_only_its_own_cuts(child: Any, mode: str, here: Path) -> None:
    made = otio.adapters.read_from_file(str(here / "edit.otio"))
    made.tracks[0].append(child.clone())
    other = otio.schema.Track("A2", kind="Audio")
    other.extend([child.clone(), otio.schema.Gap(source_range=made.tracks[0][0].source_range)])
    made.tracks.append(other)
    made.to_json_file(str(here / "edit.otio"))
    made = otio.adapters.read_from_file(str(here / "edit.otio"))
    assert match("--index", "A1:1", "--mode", *mode.split()) == 0
    assert main(["revert", "new.otio", "-o", "back.otio"]) == 0
    assert otio.adapters.read_from_file(str(here / "back.otio")).is_equivalent_to(made)
    assert main(["points", "edit.otio"]) == 0


def test_ranges_that_are_stated_are_never_replaced(here: Path) -> None:
    value = json.loads((here / "p.json").read_text(encoding="utf-8"))
    value["timeline"]["ranges"] = [{"index": 0, "start": "0/1", "duration": "1/1", "rate": "24/1"}]
    (here / "p.json").write_text(json.dumps(value), encoding="utf-8")
    assert main(["apply", "edit.otio", "p.json", "-o", "new.otio"]) == 0
    assert main(["revert", "new.otio", "-o", "back.otio"]) == 0
    made, back = (otio.adapters.read_from_file(str(here / name)) for name in ("edit.otio", "back.otio"))
    assert back.is_equivalent_to(made)


@pytest.mark.parametrize("runs", [None, 1.5, "x", {}, [1], [{}], [{"undo": 3}], [{"undo": "[1]"}], [{"undo": "{}"}]])
def test_metadata_of_ours_that_others_have_changed(runs: object, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    value = json.loads((here / "edit.otio").read_text(encoding="utf-8"))
    value["metadata"]["amc_otio"] = {"runs": runs}
    (here / "edit.otio").write_text(json.dumps(value), encoding="utf-8")
    assert main(["revert", "edit.otio", "-o", "back.otio"]) == 3
    assert capfd.readouterr().err.startswith("amc-otio: edit.otio: ")
    assert match() == 0


def test_a_damaged_library_is_put_right_with_a_note(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert match("--json") == 0
    changes = json.loads(capfd.readouterr().out)["changes"]
    (here / ".amc" / "catalogue.sqlite").write_bytes(b"no database at all\n" * 300)
    next((here / ".amc" / "vectors").rglob("*.safetensors")).write_bytes(b"damaged")
    assert match("--json", "--force") == 0
    printed = capfd.readouterr()
    assert json.loads(printed.out)["changes"] == changes
    lines = printed.err.splitlines()
    assert all(line.startswith("note: ") for line in lines), printed.err
    assert "catalogue" in printed.err
    assert "1 damaged shards were set aside" in printed.err
    assert match("--json", "--force") == 0
    assert "damaged" not in capfd.readouterr().err


def test_previews_of_what_is_left(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    proposals = json.loads((here / "p.json").read_text(encoding="utf-8"))
    ready = [p for p in proposals["proposals"] if p["candidates"]]
    assert len(ready) > 1
    Path(ready[0]["point"]["outgoing"]["path"]).unlink()
    assert main(["preview", "p.json", "-o", "wavs"]) == 0
    assert "note: " in capfd.readouterr().err
    assert list((here / "wavs").glob("*.after.wav"))


def test_a_disk_that_fills_leaves_nothing(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = snapshot(here)
    for name in ("amc_otio.formats.write._sync", "amc_otio.timeline.write.os.fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(name, full)
            assert main(["apply", "edit.otio", "p.json", "-o", "new.otio"]) == 8
        line = capfd.readouterr().err
        assert line.count("\n") == 1
        assert "No space left on device" in line
        assert snapshot(here) == before
