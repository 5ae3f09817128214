"""The log of a command, and errors for programs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import failure_cases
import pytest
from library_helpers import child_environment

from amc_otio import errors
from amc_otio.cli import FAULT, INTERRUPTED, main

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) \d+ amc_otio[\w.]* .*")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    failure_cases.prepare_good(tmp_path)
    return tmp_path


def lines(path: Path) -> list[str]:
    held = path.read_text(encoding="utf-8").splitlines()
    assert all(LINE.fullmatch(line) for line in held), held
    return held


def test_a_run_is_logged(here: Path) -> None:
    command = ["match", "edit.otio", "-o", "new.otio", "--gallery", "sounds", "-q", "--log", "run.log"]
    assert main([*command, *failure_cases.FAST]) == 0
    text = "\n".join(lines(here / "run.log"))
    for part in ("command: match edit.otio", "amc_otio.timeline.read read edit.otio (sha256 ", "settings: {",
                 "gallery: 3 embedded", "wrote new.otio", " s\n", "exit code 0"):  # fmt: skip
        assert part in text, part
    assert main(["revert", "new.otio", "-o", "back.otio", "--log", "run.log"]) == 0
    assert "\n".join(lines(here / "run.log")).startswith(text)


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_it_is_the_owners_alone(here: Path) -> None:
    assert main(["points", "edit.otio", "--log", "run.log"]) == 0
    assert (here / "run.log").stat().st_mode & 0o777 == 0o600


def test_an_errors_traceback_is_in_the_log_alone(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["points", "no\n\x1b[31m.otio", "--log", "run.log"]) == 3
    printed = capfd.readouterr()
    assert "Traceback" not in printed.err and printed.err.count("\n") == 1
    failed = [line for line in lines(here / "run.log") if " ERROR " in line]
    assert len(failed) == 1 and "Traceback" in failed[0] and "TimelineError" in failed[0]
    assert "\x1b" not in (here / "run.log").read_text(encoding="utf-8")


def test_a_mistake_in_the_command_line_is_logged_too(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMC_LOG", str(here / "run.log"))
    assert main(["points", "edit.otio", "--frobnicate"]) == 2
    assert "--frobnicate" in "\n".join(lines(here / "run.log"))


def test_notes_that_are_not_shown_are_logged(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(9):
        (here / "sounds" / f"bad{number}.wav").write_text("no sound")
    command = ["index", "sounds", "--library", "lib", "--log", "run.log", *failure_cases.FAST]
    assert main(command) == 0
    assert capfd.readouterr().err.count("note: ") == 6
    assert sum("bad" in line for line in lines(here / "run.log")) == 9


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("edit.otio", "holds something else than a log"),
        ("sounds", "is no regular file"),
        ("nowhere/run.log", "cannot be logged to"),
    ],
)
def test_a_bad_log_is_an_error_before_work(name: str, says: str, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    assert main(["match", "edit.otio", "-o", "new.otio", "--gallery", "sounds", "--log", name]) == 8
    line = capfd.readouterr().err
    assert says in line and "--log" in line and line.count("\n") == 1
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_no_log(here: Path) -> None:
    os.mkfifo(here / "pipe")
    assert main(["points", "edit.otio", "--log", "pipe"]) == 8


def test_two_processes_share_a_log(here: Path) -> None:
    code = (
        "import logging, sys\nfrom pathlib import Path\nfrom amc_otio.cli.log_file import start, stop\n"
        "log = start(Path('run.log'))\n"
        "for i in range(300): logging.getLogger('amc_otio.x').info('%s', sys.argv[1] * 400)\nstop(log)"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, letter], cwd=here, env=child_environment()) for letter in "abc"
    ]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    held = lines(here / "run.log")
    assert len(held) == 900
    assert all(re.search(r" (a{400}|b{400}|c{400})$", line) for line in held)


# ---------------------------------------------------------------- errors as JSON

CASES = {
    "UsageError": "points edit.otio --frobnicate",
    "TimelineError": "points no.otio",
    "MediaError": "index bad.wav --library lib",
    "LibraryError": "library info --library nowhere",
    "RepresentationError": "match edit.otio -o new.otio --representation magic",
    "NoMatchError": "match edit.otio -o new.otio --gallery sounds --at 01:00:59:00",
    "OutputError": "match edit.otio -o edit.otio --gallery sounds",
    "ProposalsError": "apply edit.otio set.csv -o new.otio",
}


@pytest.mark.parametrize("kind", CASES)
def test_an_error_is_one_json_document(kind: str, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "bad.wav").write_text("no sound")
    code = main([*CASES[kind].split(), "--json"])
    printed = capfd.readouterr()
    told = json.loads(printed.out)["error"]
    assert list(told) == ["type", "thing", "reason", "remedy", "exit_code"]
    assert (told["type"], told["exit_code"]) == (kind, code)
    assert code == getattr(errors, kind).exit_code
    assert printed.err.endswith(f"amc-otio: {told['thing']}: {told['reason']}; {told['remedy']}\n")


def test_every_class_of_errors_is_tried() -> None:
    assert {kind.__name__ for kind in errors.AmcError.__subclasses__()} == set(CASES)
    assert len({kind.exit_code for kind in errors.AmcError.__subclasses__()}) == len(CASES)


@pytest.mark.parametrize(
    ("raised", "kind", "code"),
    [
        (ZeroDivisionError("oops"), "Fault", FAULT),
        (KeyboardInterrupt(), "Interrupted", INTERRUPTED),
        (errors.AmcError("torch", "is not installed"), "AmcError", 1),
    ],
)
def test_faults_and_stops_are_told_too(
    raised: BaseException, kind: str, code: int, here: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("amc_otio.timeline.read.check_before_parsing", fail)
    assert main(["points", "edit.otio", "--json"]) == code
    told = json.loads(capfd.readouterr().out)["error"]
    assert (told["type"], told["exit_code"]) == (kind, code)


def test_without_json_stdout_stays_empty(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["points", "no.otio"]) == 3
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("file", ["proposals", "decisions"])
def test_schemas_are_printed_as_they_are_shipped(file: str, capfd: pytest.CaptureFixture[str]) -> None:
    shipped = Path(__file__).resolve().parent.parent / "docs" / f"{file}.schema.json"
    for more in ([], ["--json"]):
        assert main(["schema", file, *more]) == 0
        assert json.loads(capfd.readouterr().out) == json.loads(shipped.read_text(encoding="utf-8"))
