"""The command line wins over the environment, that over amc.toml, that over the defaults."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import failure_cases
import pytest

from amc_otio import environment
from amc_otio.cli import main
from amc_otio.config import Settings, load

PACKAGE = Path(environment.__file__).parent


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for variable in environment.VARIABLES:
        if variable.name.startswith("AMC_"):
            monkeypatch.delenv(variable.name, raising=False)
    return tmp_path


def test_the_settings_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(("amc.toml", "house.toml", "given.toml"), 3):
        (here / name).write_text(f"[match]\nk = {number}\n")
    assert load().match.k == 3
    monkeypatch.setenv("AMC_CONFIG", "house.toml")
    assert load().match.k == 4
    assert load(here / "given.toml").match.k == 5
    monkeypatch.setenv("AMC_CONFIG", "")
    assert load().match.k == 3
    (here / "amc.toml").unlink()
    assert load() == Settings()


def test_a_settings_file_that_is_not_there(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AMC_CONFIG", "no.toml")
    assert main(["index", "sounds"]) == 2
    assert "no.toml: cannot be read" in capsys.readouterr().err


def test_the_library(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    failure_cases.prepare_good(here)

    def used(*more: str) -> str:
        assert main(["index", "sounds", *failure_cases.FAST, "--json", *more]) == 0
        return str(json.loads(capsys.readouterr().out)["library"])

    assert used() == ".amc"
    (here / "amc.toml").write_text('[library]\nfolder = "by file"\n')
    assert used() == "by file"
    monkeypatch.setenv("AMC_LIBRARY", "by environment")
    assert used() == "by environment"
    assert used("--library", "by option") == "by option"
    command = ["propose", "edit.otio", "-o", "p.json", "--gallery", "sounds", "--json", *failure_cases.FAST]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["library"] == "by environment"


def test_the_log(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failure_cases.prepare_good(here)
    monkeypatch.setenv("AMC_LOG", "environment.log")
    assert main(["points", "edit.otio"]) == 0
    assert (here / "environment.log").exists()
    assert main(["points", "edit.otio", "--log", "option.log"]) == 0
    assert (here / "option.log").exists()
    assert "option.log" not in (here / "environment.log").read_text()


def test_debug_shows_the_traceback_and_the_exit_code_stays(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AMC_DEBUG", "1")
    assert main(["points", "no.otio"]) == 3
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("Traceback") and said[-1].startswith("amc-otio: no.otio: ")


def test_the_user_s_folder_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMC_MODELS", "~/models")
    assert environment.path("AMC_MODELS") == Path.home() / "models"
    with pytest.raises(KeyError):
        environment.value("AMC_NOT_IN_THE_TABLE")


def test_every_variable_is_read_by_way_of_the_table() -> None:
    for file in PACKAGE.rglob("*.py"):
        if any(part.startswith("_") for part in file.relative_to(PACKAGE).parts[:-1]):
            continue  # adapters and Resolve's scripts, as a wheel holds them
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            named = node.value if isinstance(node, ast.Constant) else None
            if isinstance(named, str) and named.startswith("AMC_") and named.isupper() and " " not in named:
                assert named in {variable.name for variable in environment.VARIABLES}, (file, named)
            if isinstance(node, ast.Attribute) and node.attr in ("getenv", "environ"):
                assert file.name in ("environment.py", "executors.py"), file  # executors sets threads of its workers
