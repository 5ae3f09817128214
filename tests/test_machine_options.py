"""Options for programs that call the command: progress in lines of JSON, a gallery in a file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from amc_otio.cli import main


def test_progress_is_json_on_stderr_and_a_list_names_the_gallery(
    examples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sounds = tmp_path / "Töne, alle"
    sounds.mkdir()
    for name in ("thunder.ogg", "blast.ogg"):
        shutil.copy(examples / "sounds" / name, sounds)
    (tmp_path / "list.txt").write_bytes(
        b"\xef\xbb\xbf" + f"{sounds / 'thunder.ogg'}\r\n\nTöne, alle/blast.ogg\n".encode()
    )
    arguments = [
        "index",
        "--gallery-list",
        str(tmp_path / "list.txt"),
        "--library",
        str(tmp_path / "l"),
        "--workers",
        "1",
    ]
    assert main([*arguments, "--json", "--progress"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["embedded"] == 2
    lines = [json.loads(line) for line in said.err.splitlines()]
    assert {tuple(line) for line in lines} == {("stage", "done", "total", "remaining_s")}
    assert lines[0]["done"] == 0 and lines[0]["remaining_s"] is None and lines[-1]["done"] == lines[-1]["total"] == 2
    assert {line["stage"] for line in lines} == {"indexing"}


@pytest.mark.parametrize("content", [None, b"", b"\n \n", b"\xff\xfe\x00", b"a\0b\n"])
def test_a_list_that_is_none(content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_bytes(content)
    assert main(["index", "--gallery-list", str(path), "--library", str(tmp_path / "l")]) == 2
    assert "UTF-8" in capsys.readouterr().err and not (tmp_path / "l").exists()


def test_nothing_to_index(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index"]) == 2
    assert "--gallery-list" in capsys.readouterr().err


def test_an_endless_list_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("/dev/zero").exists():
        pytest.skip("no /dev/zero here")
    assert main(["index", "--gallery-list", "/dev/zero", "--library", str(tmp_path / "l")]) == 2
    assert "too large for a list of paths" in capsys.readouterr().err
