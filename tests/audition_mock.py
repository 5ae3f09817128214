"""A server of made-up proposals for the tests of the page: real records, synthetic sounds, decisions in memory."""

from __future__ import annotations

import contextlib
import json
import queue
import re
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from amc_otio.audition.records import PAGE_VERSION, EditPointTold, Meeting, Now, Reasons, Refused, Stretch, Take, Told
from amc_otio.codec import encode
from amc_otio.config import METHODS
from amc_otio.joining.fades import FADE_LAWS, Room

PAGE = Path(__file__).resolve().parent.parent / "amc_otio" / "audition" / "page"
RATE = 48_000
KINDS = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css"}
# As the real server sends it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
SHOTS = ("Hammer on the anvil", "Kitchen knife", "Blender", "Motorcycle start", "Rain on tin", "Applause", "Train door")
FILES = (
    "/media/day 1/A003_C012.mov",
    "/media/day 1/A004_C001.mov",
    "/media/day 2/B001_C007.mov",
    "/media/sfx/rain.wav",
)
HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;</script>"


def told(points: int = 3, takes: int = 5, *, picture: bool = True, no_timeline: str | None = None) -> Told:
    """What the page is told: the third edit point of five or more is refused; the fourth take has no picture."""
    rng = np.random.default_rng(7)
    return Told(
        PAGE_VERSION,
        "0",
        "Reel 3 picture lock",
        "/projects/reel 3.otio",
        Fraction(24),
        int(0.3 * RATE),
        "fitted",
        METHODS,
        FADE_LAWS,
        "ab" * 32,
        "cd" * 32,
        True,
        no_timeline,
        tuple(_point(n, takes, picture, rng) for n in range(1, points + 1)),
    )


def _point(n: int, takes: int, picture: bool, rng: np.random.Generator) -> EditPointTold:
    refusal = "the outgoing clip is retimed: its sound is not what the timeline plays" if n % 5 == 3 and n > 2 else None
    out_at = 10 * RATE
    sound = Stretch(f"{n}.out", out_at - 4 * RATE, 8 * RATE, 2, picture)
    incoming = Stretch(f"{n}.present", 3 * RATE - 2 * RATE, 6 * RATE, 2, picture)
    name = SHOTS[n % len(SHOTS)]
    return EditPointTold(
        number=n,
        id=f"point-{n}",
        timecode=f"01:{n // 6:02d}:{(n * 10) % 60:02d}:{n % 24:02d}",
        track="A1",
        outgoing=SHOTS[(n - 1) % len(SHOTS)],
        incoming=HOSTILE if n == 2 else name,
        out_from=out_at - 3 * RATE,
        refusal=refusal,
        sound=None if refusal else sound,
        present=None if refusal else Now(name, 0.31, 0.31, 6.2, out_at, 3 * RATE, incoming),
        takes=() if refusal else tuple(_take(n, r, sound, picture, rng) for r in range(1, takes + 1)),
        refused=()
        if refusal
        else (
            Refused("Glass", "/media/sfx/glass.wav", "00:00:00:07", 0.871, "the head handle is too short", 4),
            Refused(SHOTS[0], FILES[0], "01:02:10:11", 0.84, "the shot is shorter than the record length", 31),
        ),
    )


def _take(n: int, r: int, sound: Stretch, picture: bool, rng: np.random.Generator) -> Take:
    in_at = 5 * RATE + 1000 * r
    half = 7200
    meeting = Meeting(
        "fitted",
        10 * RATE - 2000 * (r % 3),
        in_at,
        half,
        half,
        FADE_LAWS[r % 2],
        1.5 if r == 1 else 0.0,
        24_000 if r == 1 else 0,
        0,
        Room(3 * RATE, 20_000 * r, 2 * RATE, 3 * RATE),
        None,
        (3.2, -1.4),
    )
    bars = Reasons(*(round(float(v), 3) for v in rng.uniform(0.15, 1.0, 7)))
    path = FILES[r % len(FILES)]
    return Take(
        rank=r,
        name=f"{SHOTS[(n + r) % len(SHOTS)]} {r}",
        path=path,
        source_time=f"14:{r:02d}:{(7 * n) % 60:02d}:{(5 * r) % 24:02d}",
        similarity=round(0.95 - 0.021 * r, 4),
        score=round(1.9 - 0.05 * r, 4),
        bars=bars,
        level_step_lu=1.2,
        level_step_db=0.8,
        spectral_step_db=3.1,
        head_handle_frames=12,
        tail_handle_frames=40,
        reasons=("same pitch (A3)", "level step 1.2 LU", "fade 300 ms"),
        outgoing=sound,
        incoming=Stretch(f"{n}.{r}.in", in_at - 3 * RATE, 7 * RATE, 2, picture and not path.endswith(".wav")),
        meeting=meeting,
    )


def safetensors(tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """The bytes of a file: header, then the tensors one after the other."""
    kinds = {"float32": "F32", "uint8": "U8"}
    header: dict[str, Any] = {"__metadata__": metadata}
    at = 0
    for name, tensor in tensors.items():
        header[name] = {
            "dtype": kinds[str(tensor.dtype)],
            "shape": list(tensor.shape),
            "data_offsets": [at, at + tensor.nbytes],
        }
        at += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(np.ascontiguousarray(t).tobytes() for t in tensors.values())


def segment(stretch: Stretch) -> bytes:
    """Struck tones with noise, of a pitch that its id gives."""
    seed = sum(map(ord, stretch.id))
    rng = np.random.default_rng(seed)
    t = np.arange(stretch.count) / RATE
    beat = (t * (1.5 + seed % 3)) % 1.0
    pitch = 110 * 2 ** ((seed % 24) / 12)
    tone = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in (1, 2, 3, 5)) * np.exp(-5 * beat)
    mono = 0.16 * tone + 0.02 * rng.standard_normal(stretch.count) * np.exp(-9 * beat)
    samples = np.stack([mono, 0.8 * mono])[: stretch.channels].astype(np.float32)
    steps = stretch.count // 1024 + 1
    mel = np.zeros((128, steps), np.float32)
    bands = np.arange(128)[:, None]
    level = np.exp(-5 * ((np.arange(steps) * 1024 / RATE * (1.5 + seed % 3)) % 1.0))[None, :]
    for k in (1, 2, 3, 5):
        mel += level / k * np.exp(-(((bands - 9 * k - seed % 24) / 2.5) ** 2))
    mel = np.clip(255 * (mel + 0.05 * rng.random(mel.shape)), 0, 255).astype(np.uint8)
    metadata = {"rate": str(RATE), "first": str(stretch.first), "mel_hop": "1024"}
    return safetensors({"samples": samples, "mel": mel}, metadata)


def matrix(take: Take) -> bytes:
    """A made-up similarity matrix with its highest place."""
    rows = np.linspace(0, 6, 47)
    made = np.abs(np.outer(np.sin(rows) + 1.2, np.cos(rows * 1.3) + 1.1))
    best = np.unravel_index(int(made.argmax()), made.shape)
    metadata = {
        "out_first": str(take.meeting.out_at - RATE),
        "in_first": str(take.meeting.in_at - RATE // 2),
        "hop": "1024",
        "best": f"{best[0]},{best[1]}",
        "scale": "255 * sqrt(x / max)",
    }
    return safetensors({"matrix": (255 * np.sqrt(made / made.max())).astype(np.uint8)}, metadata)


def joins(take: Take) -> dict[str, Any]:
    """Another meeting for each method but one, which is refused."""
    made: dict[str, Any] = {}
    for i, method in enumerate(METHODS):
        if method == "paper":
            made[method] = {"refusal": "the highest pair lies before the head handle"}
            continue
        meeting = encode(take.meeting) | {"method": method}
        if method == "concatenate":
            meeting |= {"fade_before": 0, "fade_after": 0, "gain_db": 0.0, "glide": 0}
        meeting["out_at"] -= 960 * i
        made[method] = meeting
    return made


def frames(media: Path, count: int = 12) -> list[bytes]:
    """Small JPEGs out of a film."""
    av = __import__("av")
    made = []
    with av.open(str(media)) as container:
        stream = container.streams.video[0]
        length = float(stream.duration * stream.time_base)
        for i in range(count):
            container.seek(int((0.1 + 0.8 * i / count) * length / stream.time_base), stream=stream)
            frame = next(container.decode(stream)).reformat(width=240, height=136, format="yuvj420p")
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.width, encoder.height, encoder.pix_fmt = 240, 136, "yuvj420p"
            encoder.time_base = Fraction(1, 25)
            made.append(b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)]))
    return made


@dataclass
class Mock:
    """What is served, and switches that tests turn."""

    told: Told
    pictures: list[bytes] = field(default_factory=list)
    video: Path | None = None
    decisions: dict[int, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    revision: int = 0
    written: list[dict[str, Any]] = field(default_factory=list)
    refuse: str | None = None
    """Words with which every decision is refused."""
    asked: list[str] = field(default_factory=list)
    delay: dict[str, float] = field(default_factory=dict)
    """Seconds that a segment takes."""
    url: str = ""
    listeners: list[queue.Queue[str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def decide(self, number: int, *, quiet: bool = False, **decision: Any) -> None:
        """What another tab does; `quiet`: this one has not heard of it yet."""
        with self.lock:
            self._put(number, _decision(f"point-{number}", **decision), quiet=quiet)

    def put(self, number: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            if self.refuse:
                words = {"thing": f"decision on point-{number}", "reason": self.refuse, "remedy": "nudge less"}
                return 422, {"error": words}
            revision, decision = self.decisions.get(number, (0, _decision(f"point-{number}")))
            if revision != body["seen"]:
                return 409, {"revision": revision, "decision": decision, "error": {"reason": "changed meanwhile"}}
            return 200, self._put(number, body["decision"])

    def _put(self, number: int, decision: dict[str, Any], *, quiet: bool = False) -> dict[str, Any]:
        self.revision += 1
        self.decisions[number] = self.revision, decision
        answer = {"revision": self.revision, "decision": decision}
        for one in [] if quiet else self.listeners:
            one.put(f"event: decision\ndata: {json.dumps({'number': number, **answer})}\n\n")
        return answer

    def stretches(self) -> dict[str, Stretch]:
        found: dict[str, Stretch] = {}
        for point in self.told.points:
            if point.sound and point.present and point.present.incoming:
                found[point.sound.id] = point.sound
                found[point.present.incoming.id] = point.present.incoming
            found |= {take.incoming.id: take.incoming for take in point.takes}
        return found


def _decision(point: str, **values: Any) -> dict[str, Any]:
    empty = {"state": "undecided", "rank": None, "nudge_frames": 0, "fade_length": None, "fade_law": None}
    return {"point": point, **empty, "method": None, "note": "", **values}


class _Handler(BaseHTTPRequestHandler):
    mock: Mock
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.split("?")[0].lstrip("/")
        self.mock.asked.append(path)
        if path == "" or path.startswith("page/"):
            file = PAGE / (path.removeprefix("page/") or "index.html")
            return self._bytes(file.read_bytes(), KINDS[file.suffix]) if file.is_file() else self._missing()
        if path == "api/audition":
            return self._json(encode(self.mock.told))
        if path == "api/decisions":
            points = {d["point"]: {"revision": r, "decision": d} for r, d in self.mock.decisions.values()}
            answer = {"revision": self.mock.revision, "path": "/projects/reel 3.decisions.json", "decisions": points}
            return self._json(answer)
        if path == "api/events":
            return self._events()
        if path == "api/formats":
            return self._json(
                [
                    {"suffix": ".otio", "label": "OpenTimelineIO", "available": True, "suggested": True},
                    {"suffix": ".fcpxml", "label": "Final Cut Pro X", "available": True, "suggested": False},
                    {"suffix": ".edl", "label": "CMX 3600 EDL", "available": True, "suggested": False},
                    {"suffix": ".aaf", "label": "Avid AAF", "available": False, "suggested": False},
                ]
            )
        if found := re.fullmatch(r"api/formats/(\w+)", path):
            return self._json(_kept(found[1]))
        if found := re.fullmatch(r"api/segments/([\w.]+)", path):
            stretch = self.mock.stretches().get(found[1])
            time.sleep(self.mock.delay.get(found[1], 0))
            return self._bytes(segment(stretch), "application/octet-stream") if stretch else self._missing()
        if found := re.fullmatch(r"api/(matrices|joins)/(\d+)/(\d+)", path):
            take = self.mock.told.points[int(found[2]) - 1].takes[int(found[3]) - 1]
            if found[1] == "joins":
                return self._json(joins(take))
            return self._bytes(matrix(take), "application/octet-stream")
        if (found := re.fullmatch(r"api/frames/([\w.]+)", path)) and self.mock.pictures:
            return self._bytes(self.mock.pictures[sum(map(ord, found[1])) % len(self.mock.pictures)], "image/jpeg")
        if path.startswith("api/videos/") and self.mock.video:
            return self._range(self.mock.video.read_bytes(), "video/mp4")
        return self._missing()

    def do_PUT(self) -> None:
        self.mock.asked.append(f"PUT {self.path}")
        number = int(self.path.rsplit("/", 1)[1])
        status, answer = self.mock.put(number, self._body())
        self._json(answer, status)

    def do_POST(self) -> None:
        self.mock.asked.append(f"POST {self.path}")
        body = self._body()
        if self.path == "/api/timeline":
            self.mock.written.append(body)
            chosen = [(n, d) for n, (_, d) in sorted(self.mock.decisions.items()) if d["state"] == "chosen"]
            changes = [
                {
                    "edit_point": n,
                    "timecode": self.mock.told.points[n - 1].timecode,
                    "summary": f"candidate {d['rank']}",
                }
                for n, d in chosen
            ]
            output = f"/projects/reel 3.match{body['format']}"
            answer = {
                "output": output,
                "folder": "/projects",
                "sidecar": f"{output}.amc.json",
                "changes": changes,
                "notes": ["one marker a change was added"],
            }
            return self._json(answer)
        if self.path == "/api/folder":
            return self._json({"folder": "/projects", "opened": False})
        return self._json({})

    def _body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return body

    def _json(self, value: Any, status: int = 200) -> None:
        self._bytes(json.dumps(value).encode(), "application/json", status)

    def _missing(self) -> None:
        self._json({"error": {"thing": self.path, "reason": "there is no such address", "remedy": ""}}, 404)

    def _bytes(self, content: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(content)

    def _range(self, content: bytes, kind: str) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            return self._bytes(content, kind)
        first, last = int(asked[1]), int(asked[2] or len(content) - 1)
        part = content[first : last + 1]
        self.send_response(206)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(content)}")
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(part)
        return None

    def _events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        mine: queue.Queue[str] = queue.Queue()
        self.mock.listeners.append(mine)
        with contextlib.suppress(ConnectionError):
            while not self.server.over:  # type: ignore[attr-defined]
                try:
                    said = mine.get(timeout=0.2)
                except queue.Empty:
                    said = ": here\n\n"
                self.wfile.write(said.encode())
                self.wfile.flush()


def _kept(suffix: str) -> dict[str, Any]:
    whole = suffix == "otio"
    return {
        "suffix": f".{suffix}",
        "label": suffix,
        "writer": "amc-otio",
        "problem": "",
        "crossfades": 2 if suffix != "edl" else 1,
        "offsets": "exact" if whole else "whole frames",
        "link": whole,
        "markers": suffix != "edl",
        "metadata": whole,
        "media": "with timecode" if whole else "yes",
        "rates": ["23.976", "24", "25", "29.97", "30"] if whole else ["24", "25"],
        "sound_tracks": "exact" if whole else "to the frame",
        "mute": suffix != "edl",
        "gain": "yes" if whole else "no",
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    over = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the browser went away


@contextlib.contextmanager
def serving(mock: Mock, port: int = 0) -> Iterator[Mock]:
    """Serve it on 127.0.0.1; `mock.url` says where."""
    server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"mock": mock}))
    mock.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield mock
    finally:
        server.over = True
        server.shutdown()
        server.server_close()
        thread.join()
