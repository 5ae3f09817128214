"""What the page is told: positions on the files' clocks, bars, source times, and new timelines' names."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import audition_helpers as helpers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc_otio.audition.ranges import part_of
from amc_otio.audition.reasons import reasons_of
from amc_otio.audition.told import clock_time, meeting_of, source_time, told
from amc_otio.audition.writing import Writer
from amc_otio.codec import encode
from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import NoMatchError, OutputError, UsageError
from amc_otio.preview import render_join
from amc_otio.proposals import Decision, Decisions, MediaRecord, Proposals, Scores, decisions_for
from amc_otio.timeline.read import read_timeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("told")
    helpers.make_proposals(folder)
    return folder


@pytest.fixture(scope="module")
def made(folder: Path) -> Proposals:
    return helpers.read(folder / "p.json")


def test_every_edit_point_and_candidate_is_told(made: Proposals) -> None:
    page = helpers.told_of(made)
    assert [point.id for point in page.points] == ["A1:1", "A1:2"]
    assert [[take.rank for take in point.takes] for point in page.points] == [[1, 2, 3], [1, 2, 3]]
    first = page.points[0]
    assert (first.number, first.timecode, first.outgoing, first.incoming) == (1, "01:00:02:00", "shot 1", "shot 2")
    # Each shot plays frames 36 to 84 of its file at 24 frames a second.
    assert first.out_from == 36 * 2000
    assert first.present is not None
    assert (first.present.out_at, first.present.in_at) == (84 * 2000, 36 * 2000)
    assert page.fixed_fade == ANALYSIS_RATE // 4
    assert page.rate == 24
    assert json.loads(json.dumps(encode(page)))["rate"] == "24/1"


def test_a_candidate_of_a_present_shots_own_file_is_told_as_such(made: Proposals) -> None:
    first, second = made.proposals
    assert first.point.incoming is not None
    files = (first.point.outgoing.path, first.point.incoming.path, "elsewhere/shot 1.mov")
    candidates = tuple(
        replace(candidate, media=replace(candidate.media, path=str(path)))
        for candidate, path in zip(first.candidates, files, strict=True)
    )
    page = helpers.told_of(replace(made, proposals=(replace(first, candidates=candidates), second)))
    assert [take.same_source for take in page.points[0].takes] == [True, True, False]


def test_a_meeting_is_on_the_files_clocks(made: Proposals) -> None:
    for proposal in made.proposals:
        for candidate in proposal.candidates:
            meeting = meeting_of(candidate)
            at = (candidate.in_time - candidate.media.start) * ANALYSIS_RATE
            assert abs(meeting.in_at - at) <= 1
            cut = proposal.point.outgoing.used_to - proposal.point.outgoing.media_start + candidate.cut_shift
            assert abs(meeting.out_at - cut * ANALYSIS_RATE) <= 1
            assert meeting.room == candidate.room
            assert render_join(proposal, candidate).shape[1] > meeting.fade_before + meeting.fade_after


def test_what_has_no_sound_at_hand_is_left_out(made: Proposals) -> None:
    there = helpers.stretches(made)
    page = told(made, {k: v for k, v in there.items() if k != "1.2.in"}.get, file="p.json", live=True)
    assert [take.rank for take in page.points[0].takes] == [1, 3]
    own = replace(there["1.out"], id="1.3.out")
    page = told(made, {**there, "1.3.out": own}.get, file="p.json", live=False, no_timeline="gone")
    assert [take.outgoing.id for take in page.points[0].takes] == ["1.out", "1.out", "1.3.out"]
    assert (page.live, page.no_timeline) == (False, "gone")


@pytest.mark.parametrize(
    ("time", "shown"),
    [("0", "00:00:00.000"), ("3725.0625", "01:02:05.062"), ("59.9996", "00:01:00.000"), ("-1.5", "-00:00:01.500")],
)
def test_clock_times(time: str, shown: str) -> None:
    assert clock_time(Fraction(time)) == shown


@pytest.mark.parametrize(
    ("rate", "start", "at", "shown"),
    [
        (Fraction(24), 0, Fraction(61), "00:01:01:00"),
        (Fraction(25), 3600, 3600 + Fraction(12, 25), "01:00:00:12"),
        (Fraction(24000, 1001), 0, Fraction(1001, 1000) * 5, "00:00:05:00"),
        # 107892 frames: an hour of drop-frame timecode.
        (Fraction(30000, 1001), Fraction(107892 * 1001, 30000), Fraction(107892 * 1001, 30000), "01:00:00;00"),
        # 108000 frames: an hour of non-drop timecode.
        (Fraction(30000, 1001), Fraction(108000 * 1001, 30000), Fraction(108000 * 1001, 30000), "01:00:00:00"),
        (Fraction(48000), 0, Fraction(3, 2), "00:00:01.500"),
    ],
)
def test_source_times(rate: Fraction, start: Fraction, at: Fraction, shown: str) -> None:
    media = MediaRecord("a.mov", "a.mov", "a", Fraction(start), Fraction(10), rate, True, 2)
    assert source_time(at, media) == shown
    sound = replace(media, has_picture=False)
    assert source_time(at, sound) == clock_time(at)


def scores(**changes: float) -> Scores:
    good = {"similarity": 0.9, "score": 0.9, "timbre": 0.8, "pitch": 0.7, "rhythm": 0.6, "loudness": 0.5}
    steps = {"level_step_lu": 0.0, "level_step_db": 0.0, "spectral_step_db": 0.0}
    handles = {"head_handle_frames": 24, "tail_handle_frames": 24}
    return Scores(**{**good, **steps, **handles, **changes})  # type: ignore[arg-type]


def test_bars() -> None:
    best = reasons_of(scores(), Fraction(24))
    assert (best.timbre, best.pitch, best.rhythm, best.loudness) == (0.8, 0.7, 0.6, 0.5)
    assert (best.level, best.join, best.handles) == (1, 1, 1)
    assert reasons_of(scores(level_step_lu=-3), Fraction(24)).level == 0.75
    assert reasons_of(scores(level_step_db=-6, spectral_step_db=5), Fraction(24)).join == 1 - (0.5 + 0.25) / 2
    assert reasons_of(scores(tail_handle_frames=6), Fraction(24)).handles == 0.25
    assert reasons_of(scores(head_handle_frames=6), Fraction(30000, 1001)).handles == pytest.approx(0.2002)


@given(*[st.floats(-1e6, 1e6)] * 3, *[st.integers(-(10**6), 10**6)] * 2)
def test_bars_are_between_0_and_1(lu: float, db: float, spectral: float, head: int, tail: int) -> None:
    one = reasons_of(
        scores(
            level_step_lu=lu,
            level_step_db=db,
            spectral_step_db=spectral,
            head_handle_frames=head,
            tail_handle_frames=tail,
        ),
        Fraction(25),
    )
    assert all(0 <= value <= 1 for value in vars(one).values())


# ---------------------------------------------------------------- ranges (RFC 9110, section 14)


@pytest.mark.parametrize(
    ("asked", "status", "part", "says"),
    [
        (None, 200, b"0123456789", None),
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=5-2", 200, b"0123456789", None),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=٣-", 200, b"0123456789", None),
        ("chapters=1-2", 200, b"0123456789", None),
        ("bytes=" + "9" * 400 + "-", 200, b"0123456789", None),
    ],
)
def test_ranges(asked: str | None, status: int, part: bytes, says: str | None) -> None:
    found, content, headers = part_of(b"0123456789", asked)
    assert (found, content, headers.get("content-range")) == (status, part, says)


# ---------------------------------------------------------------- new timelines


@pytest.fixture
def decisions(made: Proposals) -> Decisions:
    return decisions_for(made, (Decision("A1:1", "chosen", 2, note="rain on tin"),))


def test_a_timeline_is_written_under_a_new_name(
    folder: Path, made: Proposals, decisions: Decisions, tmp_path: Path
) -> None:
    before = (folder / "edit.otio").read_bytes()
    writer = Writer(folder / "edit.otio", made, tmp_path)
    names = [writer.write(".otio", False, decisions).output.name for _ in range(3)]
    assert names == ["edit.cut.otio", "edit.cut-2.otio", "edit.cut-3.otio"]
    assert (folder / "edit.otio").read_bytes() == before
    read = read_timeline(tmp_path / names[0])
    assert len(list(read.timeline.find_clips())) >= 3
    assert "rain on tin" in (tmp_path / "edit.cut.otio.amc.json").read_text(encoding="utf-8")
    assert not list(tmp_path.glob(".*"))
    assert writer.open_folder()[0] == tmp_path


@pytest.mark.parametrize(
    "taken", ["edit.cut.otio", "edit.cut.xml", "edit.cut.otio.amc.json", "EDIT.CUT.A1-1.bounce.wav"]
)
def test_nothing_that_is_there_is_touched(
    taken: str, folder: Path, made: Proposals, decisions: Decisions, tmp_path: Path
) -> None:
    (tmp_path / taken).write_text("the editor's own")
    written = Writer(folder / "edit.otio", made, tmp_path).write(".otio", True, decisions)
    assert written.output.name == "edit.cut-2.otio"
    assert (tmp_path / taken).read_text() == "the editor's own"
    assert [Path(one.path).name for one in written.bounces] == ["edit.cut-2.A1-1.bounce.wav"]


@pytest.mark.parametrize("suffix", ["", "otio", ".OTIO", ".exe", "/../x.otio", ".otio/x", "../../x.otio", ".\0"])
def test_only_formats_that_we_know_are_written(
    suffix: str, folder: Path, made: Proposals, decisions: Decisions, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="is none that can be written"):
        Writer(folder / "edit.otio", made, tmp_path).write(suffix, False, decisions)
    assert not list(tmp_path.iterdir())


def test_without_a_choice_nothing_is_written(folder: Path, made: Proposals, tmp_path: Path) -> None:
    writer = Writer(folder / "edit.otio", made, tmp_path)
    with pytest.raises(NoMatchError, match="choose no candidate"):
        writer.write(".otio", False, decisions_for(made, ()))
    with pytest.raises(OutputError, match="is no folder"):
        Writer(folder / "edit.otio", made, tmp_path / "gone").write(".otio", False, decisions_for(made, ()))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_listed_is_said(
    folder: Path, made: Proposals, decisions: Decisions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(path: Path) -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(os, "listdir", no)
        with pytest.raises(OutputError, match="cannot be read"):
            Writer(folder / "edit.otio", made, tmp_path).write(".otio", False, decisions)
    assert not list(tmp_path.iterdir())


def test_a_link_to_a_folder_is_one(folder: Path, made: Proposals, decisions: Decisions, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real", target_is_directory=True)
    written = Writer(folder / "edit.otio", made, tmp_path / "link").write(".otio", False, decisions)
    assert (tmp_path / "real" / written.output.name).is_file()
    assert (tmp_path / "link").is_symlink()


def test_a_folder_is_never_started_as_a_program(
    folder: Path, made: Proposals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "Popen", lambda command, **_: asked.append(command))
    odd = tmp_path / "film.app"
    odd.mkdir()
    assert Writer(folder / "edit.otio", made, odd).open_folder() == (odd, True)
    assert asked == [["/usr/bin/open", "-R", str(odd)]]


def test_a_long_name_is_shortened(folder: Path, made: Proposals, decisions: Decisions, tmp_path: Path) -> None:
    long = tmp_path / ("é" * 120 + ".otio")
    long.write_bytes((folder / "edit.otio").read_bytes())
    written = Writer(long, made).write(".otio", False, decisions)
    assert written.output.name == "é" * 60 + ".cut.otio"


def test_the_folder_is_opened_without_a_shell(
    folder: Path, made: Proposals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform != "linux":
        pytest.skip("xdg-open is Linux's")
    odd = tmp_path / "a; touch b"
    odd.mkdir()
    tool = tmp_path / "bin" / "xdg-open"
    tool.parent.mkdir()
    tool.write_text(
        f'#!/bin/sh\nprintf %s "$1" > "{tmp_path}/asked.part" && mv "{tmp_path}/asked.part" "{tmp_path}/asked"\n'
    )
    tool.chmod(0o755)
    writer = Writer(folder / "edit.otio", made, odd)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert writer.open_folder() == (odd, False)  # nowhere to show it
    monkeypatch.setenv("DISPLAY", ":0")
    assert writer.open_folder() == (odd, True)
    for _ in range(500):
        if (tmp_path / "asked").exists():
            break
        time.sleep(0.01)
    assert (tmp_path / "asked").read_text() == str(odd)
    assert not (tmp_path / "b").exists()
