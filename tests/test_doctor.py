"""What doctor finds, says and promises."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import opentimelineio as otio
import pytest

from amc_otio.cli import main
from amc_otio.doctor import GROUPS, STATES, examine, programs, timelines


def found() -> dict[str, tuple[str, str, str]]:
    return {one.name: (one.state, one.found, one.remedy) for one in examine()}


def test_the_report_is_whole_and_its_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    findings = examine()
    assert len({one.name for one in findings}) == len(findings)
    order = [GROUPS.index(one.group) for one in findings]
    assert order == sorted(order) and set(order) == set(range(len(GROUPS)))
    assert all(one.state in STATES for one in findings)
    assert all(one.remedy for one in findings if one.state == "missing")
    code = main(["doctor", "--json"])
    value = json.loads(capsys.readouterr().out)
    assert [list(one) for one in value] == [["name", "state", "found", "remedy", "group"]] * len(findings)
    assert code == int(any(one["state"] == "missing" for one in value))


def test_readers_and_writers_are_those_of_otio_and_our_own() -> None:
    for way, name in (("read", "readers"), ("write", "writers")):
        suffixes = {f".{s}" for s in otio.adapters.suffixes_with_defined_adapters(**{way: True})}
        assert found()[name][1].split() == sorted(suffixes | {".fcpxml", ".mlt"})
    assert found()["FCPXML"][1] == ".fcpxml is read and written, by amc-otio itself"
    assert found()["MLT XML"][1] == ".mlt is read and written, by amc-otio itself"


def test_a_format_without_its_adapter_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timelines, "_suffixes", lambda otio, way: {"otio", "otioz"})
    monkeypatch.setattr(timelines, "version", lambda name: "")
    assert found()["AAF"] == ("optional", "-", "pip install otio-aaf-adapter, to read and write AAF")
    assert found()["OTIO"][0] == "ok"
    monkeypatch.setattr(timelines, "version", lambda name: "1.0")
    assert found()["EDL"] == ("missing", "otio-cmx3600-adapter is installed, but OTIO does not load it",
                              "pip install --force-reinstall otio-cmx3600-adapter")  # fmt: skip


def test_the_plugin_is_found_or_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    if any(e.name == "amc_otio" for e in metadata.entry_points(group="opentimelineio.plugins")):
        assert found()["OTIO plugin"][0] == "ok"
    monkeypatch.setattr(timelines.metadata, "entry_points", lambda group: ())
    assert found()["OTIO plugin"][:2] == ("missing", "no entry point 'amc_otio' is installed")

    class Broken:
        name = "amc_otio"

        def load(self) -> None:
            raise ImportError("gone")

    monkeypatch.setattr(timelines.metadata, "entry_points", lambda group: (Broken(),))
    assert "gone" in found()["OTIO plugin"][1]


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_programs_are_found_in_their_usual_places(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs.shutil, "which", lambda name: None)
    for program in programs.PROGRAMS:
        assert programs.find(program, platform, tmp_path) is None
        for where, pattern in program.places:
            if where == platform:
                place = tmp_path / pattern.replace("*", " 2025")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
                assert programs.find(program, platform, tmp_path) == place


def test_programs_are_found_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert found()["melt"] == ("ok", str(Path("/usr/bin/melt")), "")
