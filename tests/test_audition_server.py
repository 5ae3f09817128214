"""The page's server as a browser and an editor meet it: what it gives, tells every tab, and how it ends."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

import audition_helpers as helpers
import httpx
import opentimelineio as otio
from audition_helpers import Running
from library_helpers import child_environment

from amc_otio.proposals import read_decisions


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    one = helpers.start(helpers.make_proposals(tmp_path))
    yield one
    one.close()


def decision(number: int, **more: Any) -> dict[str, Any]:
    one = {"point": f"A1:{number}", "state": "chosen", "rank": 1, "nudge_frames": 0, "fade_length": None}
    return {**one, "fade_law": None, "method": None, "note": "", **more}


def test_what_the_page_asks_for(running: Running) -> None:
    get = running.client.get
    assert get("").headers["content-type"] == "text/html; charset=utf-8"
    assert get("page/main.js").headers["content-type"] == "text/javascript; charset=utf-8"
    plain = get("api/audition", headers={"Accept-Encoding": "identity"})
    small = running.raw(
        f"GET /{running.token}/api/audition HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\n"
        "Accept-Encoding: gzip\r\n\r\n".encode()
    )
    assert gzip.decompress(small.partition(b"\r\n\r\n")[2]) == plain.content
    told = plain.json()
    assert [one["id"] for one in told["points"]] == ["A1:1", "A1:2"]
    for point in told["points"]:
        assert get(f"api/segments/{point['sound']['id']}").status_code == 200
        for take in point["takes"]:
            assert (
                get(f"api/segments/{take['incoming']['id']}").content.decode() == f"sound of {take['incoming']['id']}"
            )
    joins = get("api/joins/1/2").json()
    assert joins["fitted"] == told["points"][0]["takes"][1]["meeting"]
    assert joins["paper"] == {"refusal": "no pair of points can be cut"}
    assert get("api/matrices/2/3").content == b"matrix of 3"
    assert get("api/frames/1.2.in").headers["content-type"] == "image/jpeg"
    part = get("api/videos/1.out", headers={"Range": "bytes=990-"})
    assert (part.status_code, part.content) == (206, b"0123456789")
    assert part.headers["content-range"] == "bytes 990-999/1000"
    head = running.client.head("api/videos/1.out")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "1000", b"")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_folder_whose_name_is_no_text_is_no_fault(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    for one in helpers.make_proposals(tmp_path / "made").parent.iterdir():
        shutil.copy(one, folder) if one.is_file() else shutil.copytree(one, folder / one.name)
    running = helpers.start(folder / "p.json")
    try:
        told = running.client.get("api/decisions")
        assert (told.status_code, told.json()["path"]) == (200, str(folder / "p.decisions.json"))
        assert running.put(1, decision(1)).status_code == 200
        assert (folder / "p.decisions.json").is_file()
    finally:
        running.close()


def test_formats_and_what_each_keeps(running: Running) -> None:
    formats = running.client.get("api/formats").json()
    assert [one["suffix"] for one in formats if one["suggested"]] == [".otio"]
    assert {"suffix", "label", "available", "suggested"} == set(formats[0])
    kept = running.client.get("api/formats/otio").json()
    assert kept["suffix"] == ".otio"
    assert kept["offsets"] == "exact"


def test_decide_then_write_then_read_back(running: Running) -> None:
    first = running.put(1, decision(1, rank=2, fade_length="2400/48000"))
    assert (first.status_code, first.json()["decision"]["fade_length"]) == (200, "1/20")
    again = running.put(1, decision(1))
    assert again.status_code == 409
    assert again.json()["revision"] == first.json()["revision"]
    assert again.json()["decision"] == first.json()["decision"]
    listed = running.client.get("api/decisions").json()
    assert listed["decisions"] == {"A1:1": first.json()}
    assert listed["path"] == str(running.decisions)
    assert read_decisions(running.decisions).decisions[0].rank == 2
    written = running.client.post("api/timeline", json={"format": ".otio", "bounce": True}).json()
    assert [change["edit_point"] for change in written["changes"]] == ["A1:1"]
    made = otio.adapters.read_from_file(written["output"])
    fades = [one for one in made.tracks[0] if isinstance(one, otio.schema.Transition)]
    assert len(fades) == 1
    assert Path(written["bounces"][0]).is_file()
    assert json.loads(Path(written["sidecar"]).read_text(encoding="utf-8"))["output"] == "edit.cut.otio"
    folder = running.client.post("api/folder").json()
    assert folder["folder"] == written["folder"] == str(running.decisions.parent)


def test_nothing_chosen_is_said(running: Running) -> None:
    answer = running.client.post("api/timeline", json={"format": ".otio", "bounce": False})
    assert answer.status_code == 422
    assert answer.json()["error"]["reason"].startswith("choose no candidate")


def test_a_decision_does_not_wait_for_sounds(tmp_path: Path) -> None:
    one = helpers.start(helpers.make_proposals(tmp_path), delay=1.5)
    try:
        sounds = [one.connect() for _ in range(60)]
        for sound in sounds:
            sound.sendall(
                f"GET /{one.token}/api/segments/1.out HTTP/1.1\r\nHost: 127.0.0.1:{one.port}\r\n\r\n".encode()
            )
        answer = one.put(1, decision(1))
        assert answer.status_code == 200
        for sound in sounds:  # not one of them was answered before
            sound.setblocking(False)
            with pytest.raises(BlockingIOError):
                sound.recv(1)
            sound.close()
    finally:
        one.close()


def listen(running: Running, found: list[tuple[str, Any]], ready: threading.Event) -> threading.Thread:
    def read() -> None:
        with running.client.stream("GET", "api/events", timeout=30) as stream:
            name = ""
            for line in stream.iter_lines():
                ready.set()
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    found.append((name, json.loads(line[6:])))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert ready.wait(20)
    return thread


def test_every_tab_is_told_of_every_change_and_of_the_end(running: Running) -> None:
    tabs: list[list[tuple[str, Any]]] = [[], []]
    threads = [listen(running, tab, threading.Event()) for tab in tabs]
    first = running.put(1, decision(1)).json()
    second = running.put(1, decision(1, state="undecided", rank=None), first["revision"]).json()
    # Another program decides in the file.
    other = helpers.start(running.decisions.parent / "p.json")
    third = other.put(2, decision(2, rank=3)).json()
    while len(tabs[0]) < 3:
        assert threads[0].is_alive()
        threads[0].join(0.05)
    other.close()
    assert running.client.post("api/end").status_code == 200
    for thread in threads:
        thread.join(20)
    expected = [(1, first["decision"]), (1, second["decision"]), (2, third["decision"])]
    for tab in tabs:
        assert [(data["number"], data["decision"]) for name, data in tab[:-1] if name == "decision"] == expected
        assert tab[-1] == ("end", {"reason": "it was asked to"})
    assert running.process.wait(20) == 0


@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_in_order(sent: str, running: Running) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows ends a process otherwise")
    tab: list[tuple[str, Any]] = []
    thread = listen(running, tab, threading.Event())
    running.put(1, decision(1))
    running.process.send_signal(getattr(signal, sent))
    said, errors = running.process.communicate(timeout=20)
    thread.join(20)
    assert running.process.returncode == 0
    assert errors == ""
    assert tab[-1][0] == "end"
    assert said.startswith("it was ")
    assert sorted(p.name for p in running.decisions.parent.glob(".*")) == []
    assert read_decisions(running.decisions).decisions[0].point == "A1:1"


def test_nobody_there_ends_it_although_a_tab_is_open(tmp_path: Path) -> None:
    one = helpers.start(helpers.make_proposals(tmp_path), idle=1.5)
    tab: list[tuple[str, Any]] = []
    listen(one, tab, threading.Event()).join(20)
    assert one.process.wait(20) == 0
    assert tab == [("end", {"reason": "nobody used the page for a while"})]
    one.close()


def test_without_the_timeline_all_but_writing_goes_on(tmp_path: Path) -> None:
    path = helpers.make_proposals(tmp_path)
    (tmp_path / "edit.otio").unlink()
    one = helpers.start(path)
    try:
        assert "edit.otio: does not exist" in one.client.get("api/audition").json()["no_timeline"]
        assert one.put(1, decision(1)).status_code == 200
        answer = one.client.post("api/timeline", json={"format": ".otio", "bounce": False})
        assert answer.status_code == 422
        assert "--edit" in answer.json()["error"]["remedy"]
    finally:
        one.close()


def test_a_changed_timeline_is_not_written_over(running: Running) -> None:
    running.put(1, decision(1))
    edit = running.decisions.parent / "edit.otio"
    edit.write_text(edit.read_text().replace('"shot 3"', '"shot 4"'))
    answer = running.client.post("api/timeline", json={"format": ".otio", "bounce": False})
    assert answer.status_code == 422
    assert "was changed since" in answer.json()["error"]["reason"]


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    from amc_otio.audition.serving import _listen
    from amc_otio.errors import UsageError

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"--port {port}: cannot be had \(.+\); give another"):
            _listen(port)


def test_what_starts_it_reads_the_address_at_once(running: Running) -> None:
    # `start` has read a line of a server that still runs: nothing waited in a buffer.
    assert running.process.poll() is None
    assert running.address.startswith("http://127.0.0.1:")
    assert len(running.token) == 32


def test_the_log_does_not_hold_the_address(tmp_path: Path) -> None:
    path, log = helpers.make_proposals(tmp_path), tmp_path / "log.txt"
    command = [sys.executable, "-m", "amc_otio", "audition", str(path), "--no-browser", "--log", str(log), "-v"]
    environment = child_environment()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as one:
        assert one.stdout is not None
        address = one.stdout.readline().strip()
        token = address.rstrip("/").rpartition("/")[2]
        assert len(token) == 32
        with httpx.Client(base_url=address, trust_env=False, timeout=30) as client:
            assert client.get("api/audition").status_code == 200
            assert client.get("api/nothing").status_code == 404
            assert client.post("api/end").status_code == 200
        _, errors = one.communicate(timeout=30)
    written = log.read_text(encoding="utf-8")
    assert "the page ended" in written
    assert token not in written + errors


def test_the_page_needs_no_server_packages_to_be_told() -> None:
    code = (
        "import sys\nsys.modules.update(starlette=None, uvicorn=None, anyio=None)\n"
        "import amc_otio.audition.told, amc_otio.audition.session, amc_otio.audition.keeping\n"
        "import amc_otio.audition.guard, amc_otio.audition.reasons, amc_otio.audition.writing\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=child_environment())


def test_what_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from amc_otio.cli import main

    path = helpers.make_proposals(tmp_path)
    monkeypatch.setattr("amc_otio.cli.audition.util.find_spec", lambda name: None)
    assert main(["audition", str(path)]) == 2
    line = capsys.readouterr().err
    assert line.startswith("amc-otio: the audition page: needs starlette and uvicorn, which are not installed; ")
    assert "pip install 'amc-otio[audition]'" in line
    assert line.count("\n") == 1
