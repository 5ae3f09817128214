"""The API: light, typed, and as docs/api.md shows it."""

from __future__ import annotations

import doctest
import logging
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from library_helpers import child_environment

import amc_otio
from amc_otio.timeline.edit_points import EditPoint

PAGE = Path(__file__).resolve().parent.parent / "docs" / "api.md"


def test_the_examples_of_the_page_run(
    examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "here"
    shutil.copytree(examples, folder)
    monkeypatch.chdir(folder)
    done = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert done.failed == 0, capsys.readouterr().out
    assert done.attempted > 20


def test_the_page_has_an_example_of_every_name() -> None:
    headings = re.findall(r"^### (.*)$", PAGE.read_text(encoding="utf-8"), re.M)
    named = [name for heading in headings for name in heading.split(", ")]
    assert sorted(named) == sorted(amc_otio.__all__)


def test_importing_it_is_light() -> None:
    code = (
        "import sys, amc_otio\n"
        "amc_otio.AmcError, amc_otio.Settings\n"
        "heavy = {'numpy', 'av', 'onnxruntime', 'opentimelineio', 'soundfile', 'soxr', 'annoy', 'sqlite3', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)), set(amc_otio.__all__) <= set(dir(amc_otio)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=child_environment()
    )
    assert done.stdout.strip() == "[] True"


def test_every_name_is_there_and_no_other() -> None:
    for name in amc_otio.__all__:
        assert getattr(amc_otio, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        amc_otio.nothing  # noqa: B018


def test_a_type_checker_sees_what_is_there(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "use.py").write_text("import amc_otio\nreveal_type(amc_otio.points)\namc_otio.Sources(gallery=3)\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--follow-imports=silent", "--cache-dir", str(tmp_path / "c"), "use.py"],
        cwd=tmp_path, env={**child_environment(), "MYPYPATH": str(PAGE.parent.parent)}, capture_output=True, text=True,
    )  # fmt: skip
    assert "EditPoint" in done.stdout and "arg-type" in done.stdout, done.stdout


def test_points_leaves_what_is_read_already_as_it_is(examples: Path) -> None:
    from amc_otio.timeline.read import read_timeline

    loaded = read_timeline(examples / "match_cut.otio")
    before = loaded.timeline.to_json_string()
    found = amc_otio.points(loaded)
    assert found == amc_otio.points(examples / "match_cut.otio") and isinstance(found[0], EditPoint)
    assert loaded.timeline.to_json_string() == before


@pytest.mark.parametrize("workers", [1, 2])
def test_cancelling_while_indexing_keeps_what_was_done(workers: int, examples: Path, tmp_path: Path) -> None:
    class Cancelled(Exception):
        pass

    def cancel(progress: object) -> None:
        if progress.done:  # type: ignore[attr-defined]
            raise Cancelled

    sources = amc_otio.Sources(gallery=(examples / "sounds",), library=tmp_path / "lib", workers=workers)
    settings = amc_otio.Settings().replace({"match.representation": "mfcc"})
    edit = examples / "match_cut.otio"
    with pytest.raises(Cancelled):
        amc_otio.match(edit, tmp_path / "new.otio", sources, None, settings, amc_otio.Reporter(indexing=cancel))
    assert not (tmp_path / "new.otio").exists()
    report = amc_otio.index(sources, tmp_path / "lib", "mfcc")
    assert report.reused >= 1 and report.windows


def test_the_library_sets_no_logging_up(examples: Path) -> None:
    before = (list(logging.root.handlers), logging.root.level, list(logging.getLogger("amc_otio").handlers))
    amc_otio.points(examples / "match_cut.otio")
    assert (list(logging.root.handlers), logging.root.level, list(logging.getLogger("amc_otio").handlers)) == before
