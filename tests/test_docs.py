"""Pages that are made from the code are up to date, and what they say of the JSON output is so."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import failure_cases
import opentimelineio as otio
import pytest

from amc_otio.cli import main
from amc_otio.config import Settings, load

DOCS = Path(__file__).resolve().parent.parent / "docs"

PAGES = ["bad-input.md", "commands.md", "decisions.schema.json", "proposals.schema.json", "settings.md"]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """docs/generate.py."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES)
def test_generated_pages_are_up_to_date(page: str, generate: ModuleType) -> None:
    written = (DOCS / page).read_text(encoding="utf-8")
    assert written == generate.pages()[page], "run: python docs/generate.py"


def test_the_table_of_formats_is_what_was_measured(generate: ModuleType) -> None:
    installed = otio.adapters.suffixes_with_defined_adapters(write=True)
    if not {"xml", "aaf", "edl", "xges", "fcpxml"} <= set(installed):
        pytest.skip("not every adapter of the extra 'formats' is installed")
    for page in (DOCS / "formats.md", DOCS.parent / "README.md"):
        written = page.read_text(encoding="utf-8")
        assert written == generate.with_formats(written), "run: python docs/generate.py"
    assert "| `.xml` | yes |" in generate.formats_table()


def test_the_attacks_on_the_audition_page_are_those_that_are_tried(generate: ModuleType) -> None:
    pytest.importorskip("uvicorn")
    written = (DOCS / "audition-attacks.md").read_text(encoding="utf-8")
    assert written == generate.attacks_page(), "run: python docs/generate.py"


def test_exit_codes_are_all_documented(generate: ModuleType) -> None:
    assert list(generate.exit_codes()) == [*range(10), 70, 130]


def test_json_output_is_what_the_page_says(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    failure_cases.prepare_good(tmp_path)
    match = ["--gallery", "sounds", *failure_cases.FAST]
    runs = {
        "match": ["edit.otio", "-o", "new.otio", *match],
        "apply": ["edit.otio", "p.json", "-o", "new2.otio"],
        "preview": ["p.json", "-o", "wavs"],
        "audition": ["p.json", "--no-browser", "--idle", "0.005"],
        "audition --export": ["page.html", "p.json"],
        "revert": ["new.otio", "-o", "back.otio"],
        "points": ["edit.otio"],
        "index": ["sounds", *failure_cases.FAST],
        "train": ["sounds", "-o", "model.safetensors", "--dry-run"],
        "library info": [],
        "library verify": [],
        "library prune": [],
        "evaluate": ["set.csv", "--representations", "mfcc", "--workers", "1"],
        "doctor": [],
        "formats": [],
        "resolve install": ["--folder", "menu", "--exchange", "exchange"],
        "resolve status": ["--folder", "menu"],
        "resolve uninstall": ["--folder", "menu"],
    }
    assert main(["propose", "edit.otio", "-o", "p.json", "--json", *match]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(Path("p.json").read_text(encoding="utf-8"))
    for command, rest in runs.items():
        main([*command.split(), *rest, "--json"])
        found = json.loads(capsys.readouterr().out)
        prefix, example = ("[].", found[0]) if isinstance(found, list) else ("", found)
        assert [prefix + key for key in example] == list(generate.JSON_SHAPES[command]), command
    elsewhere = {
        "propose",
        "demo",
        "schema",
        "resolve watch",
        *(name for name in generate.JSON_SHAPES if name.startswith("models ")),
    }
    # tests/test_models.py runs those of models.
    assert set(generate.JSON_SHAPES) == {*runs, *elsewhere}


def test_nothing_found_prints_why_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    failure_cases.prepare_good(tmp_path)
    failure_cases.two_shots("gone.wav")(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    arguments = ["propose", "edit.otio", "-o", "p.json", "--index", "A1:1", "--gallery", "sounds", "--json"]
    assert main([*arguments, *failure_cases.FAST]) == 7
    printed = capsys.readouterr()
    assert "the file is not there" in json.loads(printed.out)["proposals"][0]["refusal"]
    assert printed.err.splitlines()[-1].startswith("amc-otio: edit.otio: no match can be cut: A1:1:")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_settings_page_is_a_config_file(generate: ModuleType, tmp_path: Path) -> None:
    text = generate.pages()["settings.md"].partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "amc.toml").write_text(text, encoding="utf-8")
    assert load(tmp_path / "amc.toml") == Settings()
