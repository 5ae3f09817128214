"""The media linker amc_relink under otioconvert; and every command of docs/otio-plugin.md."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import failure_cases
import opentimelineio as otio
import pytest
from otio_tools import ROOT, convert, run_tool

from amc_otio.cli import main


@pytest.fixture(autouse=True)
def good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    failure_cases.prepare_good(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit_with(*urls: str | None) -> None:
    """The edit with other addresses; None is a clip without a reference, whose name is that of its file."""
    timeline = otio.adapters.read_from_file("edit.otio")
    for clip, url in zip(timeline.find_clips(), urls, strict=True):
        if url is None:
            clip.name = Path(clip.media_reference.target_url).name
            clip.media_reference = otio.schema.MissingReference(available_range=clip.media_reference.available_range)
        else:
            clip.media_reference.target_url = url
    timeline.to_json_file("off.otio")


def urls_of(name: str) -> list[str | None]:
    timeline = otio.adapters.read_from_file(name)
    return [getattr(clip.media_reference, "target_url", None) for clip in timeline.find_clips()]


def link(cwd: Path, *options: str) -> tuple[int, str]:
    return convert(cwd, "off.otio", "on.otio", "-m", "amc_relink", *(w for o in options for w in ("-M", o)))


def test_the_style_of_an_address_stays(good: Path) -> None:
    edit_with("file://localhost/Volumes/gone/a.wav", "/Volumes/gone/b.wav", "file:///gone/c.wav")
    assert link(good, "search_root=media") == (0, "")
    media = good / "media"
    assert urls_of("on.otio") == [
        (media / "a.wav").as_uri().replace("file://", "file://localhost"),
        str(media / "b.wav"),
        (media / "c.wav").as_uri(),
    ]
    before, after = (otio.adapters.read_from_file(name) for name in ("off.otio", "on.otio"))
    for old, new in zip(before.find_clips(), after.find_clips(), strict=True):
        assert new.media_reference.available_range == old.media_reference.available_range
        assert new.source_range == old.source_range


def test_path_maps_of_volumes_and_drives(good: Path) -> None:
    edit_with("/Volumes/x/a.wav", "D:\\Film\\b.wav", "media/c.wav")
    code, err = link(good, f"map_path=/Volumes/x={good}/media;D:\\Film={good}/media")
    assert (code, err) == (0, "")
    assert urls_of("on.otio") == [f"{good}/media/a.wav", f"{good}/media/b.wav", "media/c.wav"]


def test_online_clips_are_untouched_and_what_is_not_found_stays(good: Path) -> None:
    (good / "other").mkdir()
    failure_cases.write(good / "other" / "a.wav", failure_cases.sound(5, 7))
    edit_with("media/a.wav", "/gone/zz.wav", "http://host/c.wav")
    code, err = link(good, "search_root=other")
    assert code == 0
    assert urls_of("on.otio") == ["media/a.wav", "/gone/zz.wav", "http://host/c.wav"]
    lines = err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("amc-otio: note: ") and line.endswith("left as it is") for line in lines)
    assert "search_root" in lines[0] and "--" not in lines[0]
    assert link(good, "search_root=other", "quiet=True") == (0, "")


def test_two_files_of_one_name_are_told_apart_by_length_or_not_at_all(good: Path) -> None:
    for folder, seconds in (("x/one", 5), ("x/two", 9)):
        failure_cases.write(good / folder / "u.wav", failure_cases.sound(seconds, 1))
    edit_with("/gone/u.wav", "media/b.wav", "media/c.wav")
    timeline = otio.adapters.read_from_file("off.otio")
    reference = next(iter(timeline.find_clips())).media_reference
    reference.available_range = otio.opentime.TimeRange(
        otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(9 * 24, 24)
    )
    timeline.to_json_file("off.otio")
    assert link(good, "search_root=x") == (0, "")
    assert urls_of("on.otio")[0] == str(good / "x/two/u.wav")
    failure_cases.write(good / "x/three/u.wav", failure_cases.sound(9, 2))
    code, err = link(good, "search_root=x")
    assert code == 0
    assert "2 different files have this name" in err
    assert urls_of("on.otio")[0] == "/gone/u.wav"


def test_clips_without_a_reference_are_found_by_name_when_asked(good: Path) -> None:
    edit_with(None, "media/b.wav", "media/c.wav")
    assert link(good, "search_root=media") == (0, "")
    assert urls_of("on.otio")[0] is None
    assert link(good, "search_root=media", "by_name=True") == (0, "")
    assert urls_of("on.otio")[0] == (good / "media/a.wav").as_uri()


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("root=media", "root: is no option; known are base, by_name, map_path, quiet, search_root"),
        ("search_root=nowhere", "search_root=nowhere: is no folder"),
        ("map_path=x", "map_path x: is not of the form FROM=TO"),
        ("by_name=perhaps", "by_name: must be True or False"),
    ],
)
def test_a_bad_option_is_one_line(option: str, says: str, good: Path) -> None:
    edit_with("/gone/a.wav", "media/b.wav", "media/c.wav")
    code, err = link(good, option)
    assert code == 1
    assert err.startswith("ERROR: amc-otio: ")
    assert says in err
    assert len(err.splitlines()) == 1
    assert not (good / "on.otio").exists()


def commands_of_the_page() -> list[str]:
    page = (ROOT / "docs" / "otio-plugin.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.slow
def test_every_command_of_the_page_runs(good: Path) -> None:
    commands = commands_of_the_page()
    assert len(commands) == 13
    for command in commands:
        program, *arguments = shlex.split(command)
        if program == "amc-otio":
            assert main(arguments) == 0, command
        else:
            code, _, err = run_tool(program, *arguments, cwd=good)
            assert code == 0, f"{command}: {err}"
    made = {"cut.otio", "cut2.otio", "cut3.otio", "takes.otio", "new.otio", "linked.otio", "linked2.otio"}
    assert made <= {path.name for path in good.iterdir()}
