"""Settings: one source of defaults, a config file, and words for what makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from amc_otio.cli.arguments import settings_of
from amc_otio.cli.parser import build_parser
from amc_otio.config import Settings, load
from amc_otio.errors import UsageError


def test_a_config_file_beside_the_timeline(tmp_path: Path):
    (tmp_path / "amc.toml").write_text('[match]\nk = 4\nneighbourhood_s = 2\n[library]\nfolder = "/house/library"\n')
    settings = load(beside=tmp_path)
    assert (settings.match.k, settings.match.neighbourhood_s) == (4, 2.0)
    assert settings.library.beside(tmp_path) == Path("/house/library")
    # What is not named keeps its default; what the command line says wins.
    assert settings.join == Settings().join
    assert settings.replace({"match.k": 7, "join.phi": None}).match.k == 7


def test_without_one_the_library_lies_beside_the_timeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert load().library.beside(Path("/show/edit")) == Path("/show/edit/.amc")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[match]\nk = 0\n", "out of range"),
        ("[match]\nk = 'many'\n", "must be a whole number"),
        ("[match]\nloudness = 3\n", "is no setting"),
        ("[sounds]\nk = 3\n", "no section"),
        ("[edit]\nmode = 'swap'\n", "choose one of"),
        ("[join]\nphi = nan\n", "out of range"),
        ("match = 3\n", "no section"),
        ("[match\n", "is not TOML"),
    ],
)
def test_what_makes_no_sense_is_named(text: str, says: str, tmp_path: Path):
    (tmp_path / "amc.toml").write_text(text)
    with pytest.raises(UsageError, match=says):
        load(tmp_path / "amc.toml")


def test_a_config_file_that_was_asked_for_must_be_there(tmp_path: Path):
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path / "none.toml")


def test_weights_of_amc_toml_are_those_of_its_own_representation(tmp_path: Path):
    (tmp_path / "amc.toml").write_text('[match]\nrepresentation = "split-and-contrast"\nweights = "m.safetensors"\n')

    def settings(*more: str) -> Settings:
        line = ["match", str(tmp_path / "edit.otio"), "-o", str(tmp_path / "new.otio"), *more]
        return settings_of(build_parser().parse_args(line))

    assert settings().match.weights == "m.safetensors"
    assert settings("--representation", "split-and-contrast").match.weights == "m.safetensors"
    assert settings("--representation", "mel").match.weights == ""
    assert settings("--representation", "clap", "--weights", "mine").match.weights == "mine"


def test_no_level_is_matched_unless_a_limit_is_set(tmp_path: Path):
    def limit(*more: str) -> float:
        line = ["match", str(tmp_path / "edit.otio"), "-o", str(tmp_path / "new.otio"), *more]
        return settings_of(build_parser().parse_args(line)).join.max_gain_db

    assert limit() == 0
    assert limit("--max-gain", "4.5") == 4.5
    (tmp_path / "amc.toml").write_text("[join]\nmax_gain_db = 3\n")
    assert limit() == 3
    assert limit("--max-gain", "0") == 0
    for text in ("-1", "24.5", "nan"):
        with pytest.raises(UsageError, match="out of range"):
            limit("--max-gain", text)
