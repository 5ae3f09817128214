"""An audition server in a process of its own, with made-up sounds; and proposals to decide on."""

from __future__ import annotations

import atexit
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import failure_cases
import httpx
from library_helpers import child_environment

from amc_otio.audition.records import Meeting, Stretch, Told
from amc_otio.audition.told import meeting_of, told
from amc_otio.cli import main
from amc_otio.proposals import Proposals, read_proposals


def make_proposals(folder: Path) -> Path:
    """A timeline of three shots and the proposals for it, as `failure_cases` makes them."""
    made = _made()
    shutil.copytree(made, folder, dirs_exist_ok=True)
    was, now = (json.dumps(str(path))[1:-1] for path in (made, folder))
    path = folder / "p.json"
    text = path.read_text(encoding="utf-8").replace(was, now).replace(made.as_uri(), folder.as_uri())
    path.write_text(text, encoding="utf-8")
    return path


@cache
def _made() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="amc-audition-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    failure_cases.prepare_good(folder)
    common = ["--gallery", str(folder / "sounds"), "--library", str(folder / "lib"), *failure_cases.FAST]
    assert main(["propose", str(folder / "edit.otio"), "-o", str(folder / "p.json"), "-q", *common]) == 0
    shutil.rmtree(folder / "lib")
    return folder


def stretches(proposals: Proposals) -> dict[str, Stretch]:
    """Five seconds around every point, by id."""
    found = {}
    for number, proposal in enumerate(proposals.proposals, 1):
        if proposal.point.outgoing.path is None:
            continue
        for name in ("out", "present"):
            found[f"{number}.{name}"] = Stretch(f"{number}.{name}", 0, 240_000, 1, False)
        for one in proposal.candidates:
            name = f"{number}.{one.rank}.in"
            found[name] = Stretch(name, meeting_of(one).in_at - 120_000, 240_000, one.media.channels, False)
    return found


def told_of(proposals: Proposals, **more: Any) -> Told:
    """What the page lists."""
    return told(proposals, stretches(proposals).get, file="p.json", live=True, **more)


class FakeMaterial:
    """Bytes that say what they are; a sound takes `delay` seconds."""

    def __init__(self, proposals: Proposals, delay: float = 0.0) -> None:
        self.ids = stretches(proposals)
        self._proposals = proposals
        self._delay = delay

    def segment(self, name: str) -> bytes:
        time.sleep(self._delay)
        return f"sound of {self.ids[name].id}".encode()

    def matrix(self, number: int, rank: int) -> bytes:
        return f"matrix of {self._candidate(number, rank).rank}".encode()

    def joins(self, number: int, rank: int) -> dict[str, Meeting | str]:
        return {"fitted": meeting_of(self._candidate(number, rank)), "paper": "no pair of points can be cut"}

    def frame(self, name: str) -> bytes:
        return b"\xff\xd8" + self.ids[name].id.encode()

    video_type = "video/mp4"

    def video(self, name: str) -> bytes:
        return b"0123456789" * 100 if name in self.ids else b"" + self.ids[name].id.encode()

    def _candidate(self, number: int, rank: int) -> Any:
        for candidate in self._proposals.proposals[number - 1].candidates:
            if candidate.rank == rank:
                return candidate
        raise KeyError(rank)


@dataclass
class Running:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    address: str
    decisions: Path
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        # No proxy of the environment stands between.
        self.client = httpx.Client(base_url=self.address, trust_env=False, timeout=30)

    @property
    def port(self) -> int:
        return int(httpx.URL(self.address).port or 0)

    @property
    def token(self) -> str:
        return httpx.URL(self.address).path.strip("/")

    def put(self, number: int, decision: Any, seen: int = 0) -> httpx.Response:
        """Decide."""
        return self.client.put(f"api/decisions/{number}", json={"seen": seen, "decision": decision})

    def connect(self) -> socket.socket:
        """A connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def raw(self, data: bytes) -> bytes:
        """Send bytes as they are, and return the answer; nothing where the connection is closed without one."""
        with self.connect() as one:
            with contextlib.suppress(ConnectionError):  # it answers before all is sent
                one.sendall(data)
            return self.answer(one)

    def answer(self, one: socket.socket, found: bytes = b"", until: bytes = b"") -> bytes:
        """What comes back: a whole answer, or up to some bytes; after what was `found` already, the rest."""
        had = len(found)
        with contextlib.suppress(TimeoutError, ConnectionError):
            while not (until and until in found) and not _is_whole(found) and (part := one.recv(65536)):
                found += part
        return found[had:]

    def close(self) -> None:
        """End it, in order where it still runs."""
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def _is_whole(found: bytes) -> bool:
    head, gap, body = found.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if gap and line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return False


def start(proposals: Path, *, delay: float = 0.0, idle: float = 600.0, body_s: float = 10.0, name: str = "") -> Running:
    """Start a server of `serve_fake` below."""
    command = [sys.executable, __file__, str(proposals), str(delay), str(idle), str(body_s), name]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=child_environment()
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(process.communicate()[1])
    said = json.loads(line)
    return Running(process, said["address"], Path(said["decisions"]))


def serve_fake(path: Path, delay: float, idle: float, body_s: float, name: str) -> None:
    """Serve the proposals with made-up sounds; prints the address and where decisions are kept."""
    from amc_otio.audition import serving
    from amc_otio.audition.guard import Limits
    from amc_otio.audition.keeping import DecisionsFile, decisions_path
    from amc_otio.audition.parts import Page, PageFile
    from amc_otio.audition.session import open_session
    from amc_otio.audition.writing import Writer

    session = open_session(path)
    proposals = session.proposals
    files = {
        "index.html": PageFile("text/html; charset=utf-8", b"<!doctype html><title>audition</title>"),
        "main.js": PageFile("text/javascript; charset=utf-8", b"export {};"),
    }
    page = Page(
        told=told_of(proposals, no_timeline=session.no_timeline),
        decisions=DecisionsFile(path.with_name(name) if name else decisions_path(path), proposals),
        material=FakeMaterial(proposals, delay),
        writer=Writer(session.edit, proposals) if session.loaded is not None else None,
        files=files,
    )
    serving.HEADERS_S = body_s
    server = serving.Server(page, 0, idle, Limits(body_s=body_s))
    print(json.dumps({"address": server.address, "decisions": str(page.decisions.path)}), flush=True)
    print(server.run(), flush=True)
    page.decisions.close()


def hostile(path: Path, name: str) -> None:
    """Give every shot and candidate of a proposals file a name."""
    value = json.loads(path.read_text(encoding="utf-8"))
    for proposal in value["proposals"]:
        proposal["point"]["outgoing"]["name"] = name
        for one in proposal["candidates"]:
            one["media"]["name"] = name
    path.write_text(json.dumps(value), encoding="utf-8")


def read(path: Path) -> Proposals:
    """The proposals."""
    return read_proposals(path)


def of_points(proposals: Proposals, count: int) -> Proposals:
    """The proposals with their first edit point so many times, a minute apart."""
    one = next(p for p in proposals.proposals if p.candidates)
    more = tuple(
        replace(one, point=replace(one.point, id=f"A1:{n}", record_time=one.point.record_time + Fraction(60 * n)))
        for n in range(1, count + 1)
    )
    return replace(proposals, proposals=more)


if __name__ == "__main__":
    serve_fake(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), sys.argv[5])
