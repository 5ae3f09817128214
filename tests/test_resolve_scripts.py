"""Resolve's menu scripts, from the click to the imported timeline, in a stand-in for Resolve."""

from __future__ import annotations

import ast
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fake_resolve import FREE_LUA, FREE_PYTHON, STUDIO, STUDIO_21_1, STUDIO_NO_UI, Edition, Faults, Session, Transition
from resolve_helpers import SCRIPTS, Menu, film, make_menu, real_command, stand_in

from amc_otio.audition.keeping import decisions_path

MODULES = sorted(SCRIPTS.rglob("*.py"))


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMC_DEBUG", "1")
    monkeypatch.setenv("AMC_OTIO_RESOLVE_SETTINGS", str(tmp_path / "settings.json"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> Path:
    """What the real command said and wrote for the bundled film."""
    # One recording a run, although two modules have this fixture.
    folder = tmp_path_factory.getbasetemp() / "resolve-recorded"
    if (folder / "apply.json").exists():
        return folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AMC_DEBUG", "1")
        patch.setenv("AMC_OTIO_RESOLVE_SETTINGS", str(folder / "menu" / "settings.json"))
        menu = make_menu(folder / "menu", real_command())
        menu.set(points="all", gallery="timeline", representation="mfcc")
        session = film(examples, FREE_PYTHON)
        menu.click(session, "Propose")
        menu.click(session, "Apply")
    proposed, applied = menu.jobs()
    shutil.copy(proposed / "proposals.json", folder)
    shutil.copy(applied / "match cut.otio", folder)
    shutil.copy(proposed / "output.json", folder / "propose.json")
    shutil.copy(applied / "output.json", folder / "apply.json")
    return folder


@pytest.fixture()
def menu(tmp_path: Path, recorded: Path) -> Menu:
    return make_menu(tmp_path, stand_in(tmp_path, recorded))


def press(*buttons: str, **fields: Any) -> Any:
    """A user who sets fields of the first window, then presses a button in each window; progress is let run."""
    left = list(buttons)

    def user(window: Any, dispatcher: Any) -> None:
        if "stop" in window.elements:
            return
        for name, value in fields.items():
            if name in window.elements:
                element = window.elements[name]
                if element.items:
                    element.CurrentIndex = element.items.index(value)
                else:
                    setattr(element, "Value" if element.kind == "SpinBox" else "Text", value)
        dispatcher.click(window, left.pop(0))

    return user


def crossfades(session: Session, name: str) -> list[Transition]:
    made = next(t for t in session.project.timelines if t.name == name)
    return [i for t in made.tracks if t.kind == "audio" for i in t.items if isinstance(i, Transition)]


@pytest.mark.slow
@pytest.mark.parametrize("edition", [STUDIO, STUDIO_NO_UI, FREE_PYTHON, STUDIO_21_1])
def test_from_the_menu_to_a_new_timeline_with_the_real_command(
    edition: Edition, examples: Path, tmp_path: Path
) -> None:
    menu = make_menu(tmp_path, real_command())
    menu.set(points="all", gallery="media pool")
    session = film(examples, edition, user=press("go", "ok", "ok", points="all"))
    before = repr([t.items for t in session.project.timelines[0].tracks])
    said = menu.click(session, "Propose")
    assert "5 marker(s) placed" in said and "another one is there" in said
    said = menu.click(session, "Apply")
    assert "new timeline: Match cut match cut" in said and "checked: cuts and crossfades are as they were" in said
    assert [t.name for t in crossfades(session, "Match cut match cut")] == ["Cross Fade 0 dB"] * 3
    made = session.project.timelines[1]
    assert all(i.media is None or i.media.online for t in made.tracks for i in t.items if hasattr(i, "media"))
    assert repr([t.items for t in session.project.timelines[0].tracks]) == before


@pytest.mark.parametrize("edition", [STUDIO, STUDIO_NO_UI, FREE_PYTHON])
def test_in_one_go_in_every_edition(edition: Edition, menu: Menu, examples: Path) -> None:
    session = film(examples, edition, user=press("go", "ok"))
    said = menu.click(session, "In One Go")
    assert "new timeline: Match cut match cut" in said
    assert len(session.project.timelines) == 2 and crossfades(session, "Match cut match cut")


def test_from_outside_through_scriptapp(menu: Menu, examples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = film(examples, FREE_PYTHON)
    monkeypatch.setitem(sys.modules, "DaVinciResolveScript", session.module())
    said = menu.click(session, "In One Go", resolve=None, fusion=None, fu=None, bmd=None)
    assert "new timeline" in said


def test_the_free_edition_from_21_1_lets_nobody_in(menu: Menu, examples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside, inside = film(examples, FREE_LUA), film(examples, FREE_PYTHON)
    monkeypatch.setitem(sys.modules, "DaVinciResolveScript", outside.module())
    said = menu.click(inside, "Propose", resolve=None, fusion=None, fu=None, bmd=None)
    assert "does not answer" in said and "Lua" in said


def test_the_menu_does_not_say_where_a_script_lies(
    tmp_path: Path, menu: Menu, examples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    place = tmp_path / ".local/share/DaVinciResolve/Fusion/Scripts/Utility"
    place.parent.mkdir(parents=True)
    shutil.copytree(menu.folder, place)
    session = film(examples, FREE_PYTHON)
    assert "marker(s) placed" in session.click(place / "Match Cut - Propose.py")
    shutil.rmtree(place)
    assert "amc-otio resolve install" in session.click(menu.folder / "Match Cut - Propose.py")


def words(menu: Menu) -> list[str]:
    return json.loads((menu.jobs()[-1] / "words.json").read_text())


def test_what_the_window_says_reaches_the_command(menu: Menu, examples: Path) -> None:
    fields = {"points": "playhead", "gallery": "bins", "bins": "Sounds", "k": 3, "mode": "insert"}
    session = film(examples, STUDIO, user=press("go", "ok", representation="mfcc", **fields))
    session.project.current.playhead = "01:00:04:12"
    menu.click(session, "Propose")
    said = words(menu)
    for pair in ("--at 01:00:04:12", "-k 3", "--mode insert", "--representation mfcc"):
        assert pair in " ".join(said)
    listed = Path(said[said.index("--gallery-list") + 1]).read_text("utf-8").splitlines()
    assert sorted(Path(p).name for p in listed) == sorted(p.name for p in (examples / "sounds").glob("*.ogg"))
    kept = json.loads(menu.settings.read_text())
    assert kept["mode"] == "insert" and kept["bins"] == ["Sounds"]


def test_markers_of_a_colour_and_the_range(menu: Menu, examples: Path) -> None:
    session = film(examples, FREE_PYTHON)
    menu.set(points="markers", marker_color="Red")
    menu.click(session, "Propose")
    assert "--at f46" in " ".join(words(menu))
    menu.set(points="range")
    session.project.current.mark = {"video": {"in": 40, "out": 120}}
    menu.click(session, "Propose")
    assert "--range f40 f120" in " ".join(words(menu))


def test_what_has_no_file_is_left_out_and_said(menu: Menu, examples: Path) -> None:
    from fake_resolve import Media

    session = film(examples, FREE_PYTHON)
    odd = [
        Media("", "nest", session.project.current.rate, 0, 10, kind="Compound"),
        Media("", "title", session.project.current.rate, 0, 10, kind="Fusion Composition"),
        Media("/gone/a.wav", "a", session.project.current.rate, 0, 10, kind="Audio", online=False),
        Media("/gone/f.[001-100].dpx", "f", session.project.current.rate, 0, 10, kind="Video"),
    ]
    session.project.root.clips += odd
    said = menu.click(session, "Propose")
    for reason in ("1 compound", "1 fusion", "1 offline", "1 image sequence"):
        assert f"left out of the gallery: {reason}" in said


def test_only_our_markers_are_removed(menu: Menu, examples: Path) -> None:
    session = film(examples, FREE_PYTHON)
    before = dict(session.project.current.markers)
    menu.click(session, "Propose")
    assert len(session.project.current.markers) == len(before) + 5
    assert "5 marker(s)" in menu.click(session, "Clear Markers")
    assert session.project.current.markers == before


def test_a_decisions_file_chooses(menu: Menu, examples: Path) -> None:
    session = film(examples, FREE_PYTHON)
    menu.click(session, "Propose")
    decisions = menu.jobs()[-1] / "proposals.decisions.json"
    decisions.write_text("{}")
    menu.click(session, "Apply")
    assert f"--decisions {decisions}" in " ".join(words(menu))


def test_the_audition_page_is_started_where_amc_otio_has_one(tmp_path: Path, recorded: Path, examples: Path) -> None:
    menu = make_menu(tmp_path, stand_in(tmp_path, recorded, auditions=True))
    said = menu.click(film(examples, FREE_PYTHON), "Propose")
    log = menu.jobs()[-1] / "audition.log"
    assert f"the audition page was started; what it says is in {log}" in said
    for _ in range(200):
        if log.read_text():
            break
        time.sleep(0.05)
    assert log.read_text().strip() == f"listen to {menu.jobs()[-1] / 'proposals.json'}"
    if os.name != "nt":
        assert log.stat().st_mode & 0o077 == 0  # it holds the page's address


def test_an_audition_page_that_does_not_start_is_said(tmp_path: Path, recorded: Path, examples: Path) -> None:
    why = "the audition page: needs starlette and uvicorn"
    menu = make_menu(tmp_path, stand_in(tmp_path, recorded, auditions=True, no_page=why))
    said = menu.click(film(examples, FREE_PYTHON), "Propose")
    assert f"the audition page did not start: amc-otio: {why}" in said
    assert "was started" not in said


def test_apply_reads_the_file_that_the_page_writes() -> None:
    assert decisions_path(Path("jobs/proposals.json")).name == "proposals.decisions.json"
    source = (SCRIPTS / "amc_otio_resolve" / "actions.py").read_text(encoding="utf-8")
    assert 'DECISIONS = "proposals.decisions.json"' in source
    assert 'EDIT, PROPOSALS, RESULT = "timeline.otio", "proposals.json"' in source


def test_21_1_puts_a_lost_crossfade_back(menu: Menu, examples: Path) -> None:
    user = press("go", "ok")
    session = film(examples, STUDIO_21_1, Faults(drops_crossfades=True), user=user)
    said = menu.click(session, "In One Go")
    assert "3 crossfade(s) were lost on import and put back" in said
    assert len(crossfades(session, "Match cut match cut")) == 3


def test_cancelling_the_window_does_nothing(menu: Menu, examples: Path) -> None:
    session = film(examples, STUDIO, user=press("no"))
    assert menu.click(session, "Propose") == "" and not menu.work.exists()


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.name)
def test_the_syntax_is_of_python_3_6_and_nothing_is_imported_but_the_standard_library(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"), feature_version=(3, 6))
    names = [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    names += [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    allowed = {*sys.stdlib_module_names, "amc_otio_resolve", "DaVinciResolveScript"}
    assert {name.partition(".")[0] for name in names} <= allowed
    assert not any(isinstance(n, (ast.NamedExpr, ast.Match)) for n in ast.walk(tree))
    assert "hasattr" not in {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
