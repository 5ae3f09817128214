"""The adapters amc_fcpxml and amc_mlt: our own writers behind OpenTimelineIO's programs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from otio_tools import convert, hook, run_tool

from amc_otio.formats.kept import little

RATE = Fraction(25)
BOTH = pytest.mark.parametrize("suffix", [".fcpxml", ".mlt"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    little(RATE, 6 / RATE, 6 / RATE).to_json_file(str(tmp_path / "edit.otio"))
    return tmp_path


def fades(timeline: Any) -> list[tuple[float, float]]:
    """In and out offset of every crossfade of sound, in frames."""
    return [
        (child.in_offset.rescaled_to(25).value, child.out_offset.rescaled_to(25).value)
        for track in timeline.tracks
        if track.kind == "Audio"
        for child in track
        if isinstance(child, otio.schema.Transition)
    ]


def names(timeline: Any) -> list[list[str]]:
    return [[clip.name for clip in track.find_clips()][:2] for track in timeline.tracks]


@BOTH
def test_what_otioconvert_writes_it_reads_back_with_its_crossfades(suffix: str, folder: Path) -> None:
    name = f"amc_{suffix[1:]}"
    code, err = convert(folder, "edit.otio", f"new{suffix}", "-O", name)
    assert (code, "Traceback" in err) == (0, False)
    code, err = convert(folder, f"new{suffix}", "back.otio", "-I", name)
    assert (code, err) == (0, "")
    back = otio.adapters.read_from_file("back.otio")
    assert isinstance(back, otio.schema.Timeline)
    assert fades(back) == [(6, 6)] * 2
    assert sorted(names(back)) == [["one", "two"]] * 3
    assert sorted(p.name for p in folder.iterdir()) == ["back.otio", "edit.otio", f"new{suffix}"]


@BOTH
def test_what_is_not_kept_is_said_a_line_each(suffix: str, folder: Path) -> None:
    _, err = convert(folder, "edit.otio", f"new{suffix}", "-O", f"amc_{suffix[1:]}")
    lines = err.strip().splitlines()
    assert lines
    assert all(line.startswith("amc-otio: note: ") for line in lines)
    assert "sidecar" not in err


@pytest.mark.parametrize("name", ["amc_fcpxml", "amc_mlt"])
def test_they_claim_no_suffix(name: str) -> None:
    assert not list(otio.adapters.from_name(name).suffixes)


@BOTH
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("not xml", "XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><fcpxml version="1.10">&a;</fcpxml>', "entit"),
        ("<a>" * 2000 + "</a>" * 2000, "deep"),
        ("<other/>", ""),
    ],
)
def test_a_file_that_is_not_one_is_one_line(suffix: str, text: str, says: str, folder: Path) -> None:
    (folder / f"bad{suffix}").write_text(text, encoding="utf-8")
    code, err = convert(folder, f"bad{suffix}", "back.otio", "-I", f"amc_{suffix[1:]}")
    assert code == 1
    assert err.startswith("ERROR: amc-otio: ")
    assert len(err.strip().splitlines()) == 1
    assert says in err
    assert "fault of ours" not in err
    assert not (folder / "back.otio").exists()


@BOTH
def test_what_cannot_be_written_leaves_no_file(suffix: str, folder: Path) -> None:
    name = f"amc_{suffix[1:]}"
    (folder / "clip.otio").write_text(otio.schema.Clip("c").to_json_string(), encoding="utf-8")
    for source, target, says in (
        ("edit.otio", "new.txt", f"does not end in {suffix}"),
        ("clip.otio", f"new{suffix}", "is made from a Clip"),
        ("edit.otio", f"nowhere/new{suffix}", "nowhere"),
    ):
        code, err = convert(folder, source, target, "-O", name)
        assert code == 1
        assert err.startswith("ERROR: amc-otio: ")
        assert says in err
        assert len(err.strip().splitlines()) == 1
    assert sorted(p.name for p in folder.iterdir()) == ["clip.otio", "edit.otio"]


@BOTH
def test_where_the_hook_refuses_nothing_is_written(suffix: str, folder: Path) -> None:
    code, err = convert(folder, "edit.otio", f"new{suffix}", "-O", f"amc_{suffix[1:]}", *hook())
    assert code == 1
    assert err.strip().splitlines()[-1].startswith("ERROR: amc-otio: ")
    assert not (folder / f"new{suffix}").exists()


def test_otiopluginfo_lists_them(folder: Path) -> None:
    code, out, _ = run_tool("otiopluginfo", cwd=folder)
    assert code == 0
    assert "amc_fcpxml" in out
    assert "amc_mlt" in out
