"""What can go wrong in Resolve, and what an editor is told then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_resolve import FREE_PYTHON, OLD, STUDIO, Faults, Session
from fake_resolve.build import blank
from resolve_helpers import Menu, film, make_menu, stand_in
from test_resolve_scripts import menu, press, recorded, surroundings  # noqa: F401

pytestmark = pytest.mark.usefixtures("surroundings")


def told(said: str, *parts: str) -> None:
    assert "What to do: " in said and "Traceback" not in said
    for part in parts:
        assert part in said, said


@pytest.mark.parametrize(
    ("faults", "parts"),
    [
        (Faults(export_without_file=True), ("wrote no file", "'folder' in the settings")),
        (Faults(export_fails=True), ("refused to export", "can be written to")),
        (Faults(import_fails=True), ("made no timeline", "import it by hand")),
    ],
)
def test_export_and_import(faults: Faults, parts: tuple[str, ...], menu: Menu, examples: Path) -> None:  # noqa: F811
    session = film(examples, FREE_PYTHON, faults)
    told(menu.click(session, "In One Go"), *parts)
    assert len(session.project.timelines) == 1


def test_untitled_project(menu: Menu, examples: Path) -> None:  # noqa: F811
    session = film(examples, FREE_PYTHON)
    session.project.name = "Untitled Project"
    told(menu.click(session, "In One Go"), "save the project under a name")


def test_a_name_in_use_gets_a_number(menu: Menu, examples: Path) -> None:  # noqa: F811
    session = film(examples, FREE_PYTHON)
    for _ in range(3):
        session.project.current = session.project.timelines[0]
        menu.click(session, "In One Go")
    names = [t.name for t in session.project.timelines]
    assert names == ["Match cut", *(f"Match cut match cut{n}" for n in ("", " 2", " 3"))]


def test_offline_items_and_what_resolve_changed_are_named(menu: Menu, examples: Path) -> None:  # noqa: F811
    lost = {str(examples / "media" / "sintel_trailer.mp4")}
    session = film(examples, FREE_PYTHON, Faults(lost_media=lost, drops_crossfades=True, moves_cuts=2))
    said = menu.click(session, "In One Go")
    assert "offline: Shaman" in said and "Relink" in said
    assert "crossfade is missing; put one of" in said and "moved by +2 frames" in said


@pytest.mark.parametrize(
    ("project", "part"), [(None, "No project is open"), (blank(), "No timeline is open")], ids=["project", "timeline"]
)
def test_nothing_is_open(project: Any, part: str, menu: Menu) -> None:  # noqa: F811
    told(menu.click(Session(project, FREE_PYTHON), "Propose"), part)


def test_an_old_resolve_has_no_otio(menu: Menu, examples: Path) -> None:  # noqa: F811
    told(menu.click(film(examples, OLD, user=press("go", "ok")), "Propose"), "18.1.4", "18.5 or later")


def test_an_old_resolve_has_no_in_and_out(menu: Menu, examples: Path) -> None:  # noqa: F811
    menu.set(points="range")
    user = press("go", "ok")
    told(menu.click(film(examples, OLD, user=user), "Propose"), "19.1", "use markers")


def test_no_amc_otio(tmp_path: Path, examples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("AMC_OTIO", raising=False)
    gone = make_menu(tmp_path, ["/gone/amc-otio"])
    told(gone.click(film(examples, FREE_PYTHON), "Propose"), "was not found", "/gone/amc-otio", "pip install amc-otio")


def test_an_amc_otio_that_is_too_old(tmp_path: Path, recorded: Path, examples: Path) -> None:  # noqa: F811
    old = make_menu(tmp_path, stand_in(tmp_path, recorded, old=True))
    told(old.click(film(examples, FREE_PYTHON), "Propose"), "too old", "--upgrade")


def test_what_amc_otio_says_is_passed_on(tmp_path: Path, recorded: Path, examples: Path) -> None:  # noqa: F811
    failing = make_menu(tmp_path, stand_in(tmp_path, recorded, fails="time '01:00:00:00': no edit point is near"))
    told(failing.click(film(examples, FREE_PYTHON), "Propose"), "no edit point is near")


def test_stop_ends_the_command(tmp_path: Path, recorded: Path, examples: Path) -> None:  # noqa: F811
    hanging = make_menu(tmp_path, stand_in(tmp_path, recorded, hangs=True))
    seen: list[str] = []

    def user(window: Any, dispatcher: Any) -> None:
        button = next(name for name in ("go", "stop", "ok") if name in window.elements)
        if button == "stop":
            seen.append(window.elements["text"].Text)
            if not seen[-1].startswith("indexing"):
                return
        dispatcher.click(window, button)

    said = hanging.click(film(examples, STUDIO, user=user), "Propose")
    assert "Stopped" in said and seen[-1] == "indexing: 1 of 2, 4 s left"


def test_a_timeline_that_was_changed_since(menu: Menu, examples: Path) -> None:  # noqa: F811
    session = film(examples, FREE_PYTHON)
    told(menu.click(session, "Apply"), "no marker of Match Cut")
    menu.click(session, "Propose")
    session.project.current.tracks[1].items[0].frames += 1  # type: ignore[union-attr]
    told(menu.click(session, "Apply"), "was changed after the proposals")
    assert len(session.project.timelines) == 1


@pytest.mark.parametrize("text", ["{", "[]", '{"k": "three"}', '{"mode": "shuffle"}', '{"k": 0}'])
def test_damaged_settings(text: str, menu: Menu, examples: Path) -> None:  # noqa: F811
    menu.settings.write_text(text)
    told(menu.click(film(examples, FREE_PYTHON), "Propose"))
