"""Menu scripts go in and out of Resolve's folder, and nobody else's files are touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amc_otio.cli import main
from amc_otio.errors import OutputError, UsageError
from amc_otio.resolve.exchange import Exchange, is_ours, parse_request
from amc_otio.resolve.installing import install, uninstall
from amc_otio.resolve.job import Outcome
from amc_otio.resolve.lua_text import lua_string
from amc_otio.resolve.places import exchange_folder, scripts_folder
from amc_otio.resolve.record import RECORD_NAME, read_record
from amc_otio.resolve.status import status
from amc_otio.resolve.watching import clear_old, watch

BACK = "Match Cut - Bring Back.lua"
NAME = "amc1.0123456789abcdef.all.default.Edit.otio"


@pytest.mark.parametrize(
    ("system", "environment", "expected"),
    [
        ("linux", {"HOME": "/home/e"}, "/home/e/.local/share/DaVinciResolve/Fusion/Scripts/Utility"),
        (
            "darwin",
            {"HOME": "/Users/e"},
            "/Users/e/Library/Application Support/Blackmagic Design/DaVinci Resolve/Fusion/Scripts/Utility",
        ),
        (
            "win32",
            {"APPDATA": "/U/AppData/Roaming"},
            "/U/AppData/Roaming/Blackmagic Design/DaVinci Resolve/Support/Fusion/Scripts/Utility",
        ),
    ],
)
def test_the_menu_folder_of_each_system(
    tmp_path: Path, system: str, environment: dict[str, str], expected: str
) -> None:
    assert scripts_folder(system, environment).as_posix() == expected
    assert scripts_folder(system, environment, "edit").name == "Edit"
    home = {key: str(tmp_path / "home") for key in environment}
    folder, exchange = scripts_folder(system, home), exchange_folder(system, home)
    done = install(folder, exchange)
    assert BACK in done.written and (folder / BACK).is_file() and Exchange(exchange).requests.is_dir()
    found = status(folder)
    assert found.installed and {script.state for script in found.scripts} == {"ok"} and not found.watched
    assert set(uninstall(folder).removed) == {*done.written, RECORD_NAME}
    assert list(folder.iterdir()) == []


def test_a_system_that_does_not_say() -> None:
    with pytest.raises(UsageError, match="--folder"):
        scripts_folder("win32", {})
    with pytest.raises(UsageError, match="does not run"):
        scripts_folder("sunos5", {"HOME": "/home/e"})


def test_the_record_says_what_the_scripts_need(tmp_path: Path) -> None:
    install(tmp_path / "menu", tmp_path / "exchange", command=("/opt/amc-otio",))
    value = json.loads((tmp_path / "menu" / RECORD_NAME).read_text("utf-8"))
    assert value["command"] == ["/opt/amc-otio"] and value["exchange"] == str(tmp_path / "exchange")
    assert Path(value["modules"], "match_cut.lua").is_file() and BACK in value["files"]
    assert not status(tmp_path / "menu").command_found


def test_a_second_installation_changes_nothing(tmp_path: Path) -> None:
    install(tmp_path / "menu", tmp_path / "exchange")
    again = install(tmp_path / "menu", tmp_path / "exchange")
    assert again.written == () and BACK in again.unchanged
    # Another exchange folder: our own older files are replaced.
    assert BACK in install(tmp_path / "menu", tmp_path / "other").written
    assert b"other" in (tmp_path / "menu" / BACK).read_bytes()
    assert BACK in install(tmp_path / "menu", tmp_path / "other", "python").removed


def test_a_strangers_file_is_never_replaced(tmp_path: Path) -> None:
    menu = tmp_path / "menu"
    menu.mkdir()
    (menu / BACK).write_text("print('mine')", encoding="utf-8")
    for force in (False, True):
        with pytest.raises(OutputError, match="is there already and is not amc-otio's"):
            install(menu, tmp_path / "exchange", force_ours=force)
    assert [p.name for p in menu.iterdir()] == [BACK] and not (tmp_path / "exchange").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_are_not_followed(tmp_path: Path) -> None:
    menu, victim = tmp_path / "menu", tmp_path / "victim"
    menu.mkdir()
    victim.write_text("-- amc-otio resolve install", encoding="utf-8")
    (menu / BACK).symlink_to(victim)
    with pytest.raises(OutputError, match="is a link"):
        install(menu, tmp_path / "exchange", force_ours=True)
    assert victim.read_text("utf-8") == "-- amc-otio resolve install"


def test_a_changed_script_is_kept(tmp_path: Path) -> None:
    menu = tmp_path / "menu"
    install(menu, tmp_path / "exchange")
    edited = (menu / BACK).read_bytes() + b"-- mine\n"
    (menu / BACK).write_bytes(edited)
    assert {"changed"} == {s.state for s in status(menu).scripts if s.name == BACK}
    with pytest.raises(OutputError, match="was changed since it was installed"):
        install(menu, tmp_path / "exchange")
    assert uninstall(menu, dry_run=True).kept == (BACK,)
    assert install(menu, tmp_path / "exchange", force_ours=True).kept == (BACK + ".bak",)
    assert (menu / (BACK + ".bak")).read_bytes() == edited and (menu / BACK).read_bytes() != edited
    (menu / BACK).write_bytes(edited)
    assert uninstall(menu).kept == (BACK,)
    assert sorted(p.name for p in menu.iterdir()) == [BACK, BACK + ".bak"]


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    assert install(tmp_path / "menu", tmp_path / "exchange", dry_run=True).written
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["[]", "{", '{"command": ["a"], "files": {"../x": ""}}'])
def test_a_record_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / RECORD_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(OutputError, match="is not what 'amc-otio resolve install' wrote"):
        read_record(tmp_path)
    assert status(tmp_path).problem


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    (tmp_path / "menu").mkdir(mode=0o555)
    with pytest.raises(OutputError, match="may not be written to"):
        install(tmp_path / "menu", tmp_path / "exchange")


def test_nothing_installed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resolve", "uninstall", "--folder", str(tmp_path)]) == 8
    assert "holds no installation of amc-otio" in capsys.readouterr().err
    assert main(["resolve", "status", "--once"]) == 2


@pytest.mark.skipif(shutil.which("luajit") is None, reason="luajit is not on this machine")
@given(texts=st.lists(st.text(), min_size=1, max_size=20))
@settings(max_examples=20)
def test_lua_reads_the_same_text(texts: list[str]) -> None:
    source = b"io.write(" + b",'\\255',".join(lua_string(text) for text in texts) + b")"
    done = subprocess.run(["luajit", "-"], input=source, capture_output=True, check=True)
    assert done.stdout == b"\xff".join(text.encode("utf-8", "surrogateescape") for text in texts)


# ------------------------------------------------------------------------------------------------------------- watching


def test_a_request_is_done_once_and_a_whole_one_only(tmp_path: Path) -> None:
    exchange, done = Exchange(tmp_path), []
    exchange.make()
    path = exchange.requests / NAME
    path.write_text("{", encoding="utf-8")

    def job(path: Path, sha256: str) -> Outcome:
        done.append(path.read_text("utf-8"))
        return Outcome(path.name, "", "done", None, "")

    def grows(_: float) -> None:
        if path.stat().st_size < 3:
            path.write_text(path.read_text("utf-8") + "}", encoding="utf-8")

    assert len(list(watch(exchange, job, once=True, sleep=grows))) == 1
    assert done == ["{}}"]


def test_one_watcher_and_names_of_others(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path)
    exchange.make()
    (exchange.requests / "by hand.otio").write_text("{}", encoding="utf-8")
    first = watch(exchange, lambda path, sha: pytest.fail("not ours"), once=True, sleep=lambda _: None)
    assert next(first).state == "ignored" and exchange.is_watched()
    with pytest.raises(OutputError, match="is watched by another"):
        next(watch(exchange, lambda path, sha: pytest.fail("not ours")))
    first.close()
    assert not exchange.is_watched()


def test_only_our_old_files_are_cleared(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path)
    exchange.make()
    for folder, name in ((exchange.requests, NAME), (exchange.requests, "mine.otio"), (exchange.results, "x.json")):
        (folder / name).write_text("", encoding="utf-8")
        os.utime(folder / name, (0, 0))
    exchange.result("0123456789abcdef").write_text("", encoding="utf-8")
    assert [p.name for p in clear_old(exchange, 15 * 86400.0)] == [NAME]
    assert (exchange.requests / "mine.otio").is_file() and (exchange.results / "x.json").is_file()


@given(name=st.text(max_size=80))
def test_other_names_are_no_request(name: str) -> None:
    assert parse_request(name) is None and not is_ours(name)
