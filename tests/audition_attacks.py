"""Attacks on the audition page's server, as a table: what was tried, as it went over the wire, and what it got.

tests/test_audition_guard.py runs every row against the real server over a real socket; docs/generate.py writes the
table into docs/audition-attacks.md.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from audition_helpers import Running

HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)>"
"""What every shot and every candidate of the proposals is called."""


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes
    ----------
    group, what
        Heading and first column of the table.
    tried
        What was sent, for people; T stands for the token, P for the port.
    got
        Status of the answer; 0 where the connection was closed without one.
    attempt
        Does it, and returns the answer as it came.
    says
        What the answer says.
    """

    group: str
    what: str
    tried: str
    got: int
    attempt: Callable[[Running], bytes]
    says: str = ""

    @property
    def name(self) -> str:
        """What pytest calls it."""
        return f"{self.group}: {self.what}"


def wire(running: Running, text: str) -> bytes:
    """A request as it is sent: T is the token, P the port, and lines end as they must."""
    return text.replace("{T}", running.token).replace("{P}", str(running.port)).encode("latin-1")


def request(
    running: Running, line: str, *headers: str, body: bytes | None = None, host: str | None = "127.0.0.1:{P}"
) -> bytes:
    """A whole request."""
    lines = [f"{line} HTTP/1.1", *([f"Host: {host}"] if host is not None else []), *headers]
    if body is not None and not any(one.lower().startswith(("content-length", "transfer-")) for one in headers):
        lines.append(f"Content-Length: {len(body)}")
    return wire(running, "\r\n".join(lines) + "\r\n\r\n") + (body or b"")


def _row(group: str, what: str, line: str, got: int, *headers: str, says: str = "", **more: Any) -> Attack:
    shown = line.replace("{T}", "T").replace("{P}", "P")
    if more.get("host", "127.0.0.1:{P}") != "127.0.0.1:{P}":
        shown += f", Host: {more['host']}" if more["host"] is not None else ", no Host"
    for header in headers:
        shown += f", {header}"
    shown = shown.replace("{T}", "T").replace("{P}", "P").replace("\0", "\\0")
    shown = shown if len(shown) < 120 else shown[:100] + "…"
    return Attack(group, what, shown, got, lambda r: r.raw(request(r, line, *headers, **more)), says)


# ---------------------------------------------------------------- paths

_P = "Paths and ids"
PATHS = tuple(
    _row(_P, what, f"GET {path}", got, says=says)
    for what, path, got, says in (
        ("path traversal", "/{T}/../../../etc/passwd", 404, "is not served"),
        ("path traversal among the page's files", "/{T}/page/../../keeping.py", 404, "is not served"),
        ("path traversal in an id", "/{T}/api/segments/../../../etc/passwd", 404, "is not served"),
        ("encoded path traversal", "/{T}/page/%2e%2e/%2e%2e/keeping.py", 404, "is not served"),
        ("encoded slashes", "/{T}/page/..%2f..%2fkeeping.py", 404, "is not served"),
        ("path traversal encoded twice", "/{T}/page/%252e%252e%252fkeeping.py", 404, "is not served"),
        ("path traversal in overlong UTF-8", "/{T}/page/%c0%ae%c0%ae/keeping.py", 404, "is not served"),
        ("backslashes", "/{T}/page/..\\..\\keeping.py", 404, "is not served"),
        ("encoded backslashes", "/{T}/page/..%5c..%5ckeeping.py", 404, "is not served"),
        ("an absolute path", "/{T}//etc/passwd", 404, "is not served"),
        ("an absolute path as a name", "/{T}/page//etc/passwd", 404, "is not served"),
        ("an encoded null byte", "/{T}/page/main.js%00.html", 404, "is not served"),
        ("a null byte", "/{T}/page/main.js\0", 400, "Invalid HTTP request"),
        ("a file: address", "/{T}/page/file:///etc/passwd", 404, "is not served"),
        ("a file that is not the page's", "/{T}/page/keeping.py", 404, "the file"),
        ("a file's name in another case", "/{T}/page/MAIN.JS", 404, "the file"),
        ("a hidden file", "/{T}/page/.htaccess", 404, "the file"),
        ("the proposals file", "/{T}/p.json", 404, "is not served"),
        ("a whole address as path", "http://127.0.0.1:{P}/{T}/", 403, "lacks the token"),
        ("an unknown id", "/{T}/api/segments/9.out", 404, "the sound or picture"),
        ("an id that counts from 0", "/{T}/api/segments/0.out", 404, "the sound or picture"),
        ("a negative id", "/{T}/api/segments/-1.out", 404, "the sound or picture"),
        ("an id of another form", "/{T}/api/frames/1.1.1.in", 404, "the sound or picture"),
        ("an id with a command behind it", "/{T}/api/segments/1.out;id", 404, "is not served"),
        ("an id with a file behind it", "/{T}/api/videos/1.out/etc/passwd", 404, "is not served"),
        ("an id of many digits", "/{T}/api/segments/" + "9" * 300 + ".out", 404, "the sound or picture"),
        ("digits that are not ASCII", "/{T}/api/segments/%EF%BC%91.out", 404, "is not served"),
        ("a candidate of many digits", "/{T}/api/matrices/1/" + "9" * 300, 404, "candidate"),
        ("a candidate that is no number", "/{T}/api/joins/1/1e0", 404, "candidate"),
        ("a candidate that is not there", "/{T}/api/joins/1/999", 404, "is not one of"),
        ("a format that is not there", "/{T}/api/formats/exe", 404, "the format"),
        ("a request line of 20,000 bytes", "/{T}/" + "a" * 20_000, 431, "too much before its body"),
    )
)

# ---------------------------------------------------------------- who asks

_W = "Who asks"
_HOME = "GET /{T}/api/decisions"
_HOSTS = tuple(
    _row(_W, what, _HOME, 421, says="the Host", host=host)
    for what, host in (
        ("another Host", "evil.example"),
        ("another Host with our port (DNS rebinding)", "evil.example:{P}"),
        ("a Host that begins as ours", "127.0.0.1.evil.example:{P}"),
        ("a Host that begins as ours, by name", "localhost.evil.example:{P}"),
        ("our Host behind another's name", "evil.example@127.0.0.1:{P}"),
        ("a Host without the port", "127.0.0.1"),
        ("a Host with another port", "127.0.0.1:1"),
        ("the Host 0.0.0.0", "0.0.0.0:{P}"),
        ("the Host ::1", "[::1]:{P}"),
        ("the Host 127.1", "127.1:{P}"),
        ("our address as one number", "2130706433:{P}"),
        ("the Host localhost. with its dot", "localhost.:{P}"),
        ("an empty Host", ""),
    )
)
HOSTS = (
    *_HOSTS,
    _row(_W, "two Hosts", _HOME, 400, "Host: evil.example", says="Invalid HTTP request"),
    _row(_W, "no Host", _HOME, 400, host=None, says="Invalid HTTP request"),
    Attack(
        _W,
        "no Host, in HTTP/1.0",
        "GET /T/api/decisions HTTP/1.0",
        421,
        lambda r: r.raw(wire(r, "GET /{T}/api/decisions HTTP/1.0\r\n\r\n")),
        "the Host",
    ),
)
_ORIGINS = tuple(
    _row(_W, what, _HOME, 403, *headers, says=says)
    for what, headers, says in (
        ("another Origin", ("Origin: http://evil.example",), "the Origin"),
        ("the Origin null (a sandboxed frame, a file)", ("Origin: null",), "the Origin"),
        ("our Origin in https", ("Origin: https://127.0.0.1:{P}",), "the Origin"),
        ("our Origin with another port", ("Origin: http://127.0.0.1:1",), "the Origin"),
        ("an Origin that begins as ours", ("Origin: http://127.0.0.1:{P}.evil.example",), "the Origin"),
        ("the other of our two names as Origin", ("Origin: http://localhost:{P}",), "the Origin"),
        ("an empty Origin", ("Origin:",), "the Origin"),
        ("a request that another site's page makes", ("Sec-Fetch-Site: cross-site",), "another site"),
        ("a request of another port's page", ("Sec-Fetch-Site: same-site",), "another site"),
    )
)
ORIGINS = (
    *_ORIGINS,
    _row(
        _W,
        "two Origins",
        _HOME,
        400,
        "Origin: http://127.0.0.1:{P}",
        "Origin: http://evil.example",
        says="is there twice",
    ),
)


def _mangled(change: Callable[[str], str], path: str = "/{}/api/decisions") -> Callable[[Running], bytes]:
    return lambda r: r.raw(request(r, f"GET {path.format(change(r.token))}"))


def _swapped(token: str) -> str:
    """Another token of the same length: one letter is in the other case."""
    place = next(i for i, letter in enumerate(token) if letter.isalpha())
    return token[:place] + token[place].swapcase() + token[place + 1 :]


_TOKENS = tuple(
    Attack(_W, what, tried, 403, attempt, "lacks the token")
    for what, tried, attempt in (
        ("no token", "GET /", _mangled(lambda t: "", "/{}")),
        ("no token, at an address", "GET /api/decisions", _mangled(lambda t: "", "/api/decisions{}")),
        ("a wrong token", "GET /AAAA…/api/decisions", _mangled(lambda t: "A" * len(t))),
        ("the token without its end", "GET /T[:10]/api/decisions", _mangled(lambda t: t[:10])),
        ("the token and more", "GET /TA/api/decisions", _mangled(lambda t: t + "A")),
        ("the token with a letter in the other case", "GET /t/api/decisions", _mangled(_swapped)),
        ("the token encoded", "GET /%54…/api/decisions", _mangled(lambda t: "".join(f"%{ord(c):02x}" for c in t))),
        ("the token in the query", "GET /api/decisions?token=T", _mangled(lambda t: t, "/api/decisions?token={}")),
        ("the token as the second element", "GET /x/T/api/decisions", _mangled(lambda t: t, "/x/{}/api/decisions")),
    )
)
TOKENS = (
    *_TOKENS,
    Attack(
        _W,
        "the token in a header",
        "GET /api/decisions, Authorization: Bearer T",
        403,
        lambda r: r.raw(request(r, "GET /api/decisions", "Authorization: Bearer {T}")),
        "lacks the token",
    ),
)

# ---------------------------------------------------------------- bodies

_B = "Bodies"
_JSON = "Content-Type: application/json"
_PUT = "PUT /{T}/api/decisions/1"


def asked(seen: Any = 0, **changes: Any) -> bytes:
    """The body of a good decision on edit point 1, but for what is changed."""
    good = {"point": "A1:1", "state": "chosen", "rank": 1, "nudge_frames": 0, "fade_length": None, "fade_law": None}
    decision = {**good, "method": None, "note": "", **changes}
    return json.dumps({"seen": seen, "decision": decision}).encode()


def _slow(running: Running) -> bytes:
    return running.raw(request(running, _PUT, _JSON, "Content-Length: 200", body=b'{"seen": 0'))


def _large_in_chunks(running: Running) -> bytes:
    chunk = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
    return running.raw(request(running, _PUT, _JSON, "Transfer-Encoding: chunked", body=chunk * 20 + b"0\r\n\r\n"))


BODIES = (
    _row(_B, "a body of 70,000 bytes", _PUT, 413, _JSON, body=b" " * 70_000, says="larger than 65536"),
    Attack(
        _B,
        "a body of 80,000 bytes in chunks, its length not told",
        "PUT /T/api/decisions/1, Transfer-Encoding: chunked",
        413,
        _large_in_chunks,
        "larger than 65536",
    ),
    _row(_B, "a length of 10^18 bytes told", _PUT, 413, _JSON, f"Content-Length: {10**18}", body=b"{}", says="larger"),
    _row(
        _B,
        "a length of 30 digits told",
        _PUT,
        400,
        _JSON,
        f"Content-Length: {10**29}",
        body=b"{}",
        says="Invalid HTTP request",
    ),
    _row(_B, "a negative length", _PUT, 400, _JSON, "Content-Length: -1", body=b"", says="Invalid HTTP request"),
    Attack(
        _B,
        "a body that does not come",
        "PUT /T/api/decisions/1, Content-Length: 200, then 10 bytes and silence",
        408,
        _slow,
        "did not come in time",
    ),
    _row(_B, "a form's type", _PUT, 415, "Content-Type: application/x-www-form-urlencoded", body=asked(), says="type"),
    _row(_B, "a type that needs no preflight", _PUT, 415, "Content-Type: text/plain", body=asked(), says="type"),
    _row(_B, "a type that begins as JSON's", _PUT, 415, "Content-Type: application/jsonx", body=asked(), says="type"),
    _row(_B, "no type", _PUT, 415, body=asked(), says="type"),
    _row(_B, "a body where none belongs", "GET /{T}/api/decisions", 400, _JSON, body=b"{}", says="none belongs"),
    _row(_B, "no body", _PUT, 422, _JSON, body=b"", says="is not JSON"),
    _row(_B, "JSON 30,000 levels deep", _PUT, 422, _JSON, body=b"[" * 30_000, says="is not JSON"),
    _row(_B, "NaN", _PUT, 422, _JSON, body=b'{"seen": NaN}', says="is not JSON"),
    _row(
        _B,
        "a number of 5,000 digits",
        _PUT,
        422,
        _JSON,
        body=asked().replace(b'"seen": 0', b'"seen": ' + b"9" * 5000),
        says="is not JSON",
    ),
    _row(_B, "a number beyond all floats", _PUT, 422, _JSON, body=asked().replace(b": 0,", b": 1e999,"), says="whole"),
    _row(_B, "true for a number", _PUT, 422, _JSON, body=asked(True), says="a whole number"),
    _row(
        _B,
        "a key twice",
        _PUT,
        422,
        _JSON,
        body=asked().replace(b'"rank": 1', b'"rank": 1, "rank": 2'),
        says="a key twice",
    ),
    _row(_B, "a key that nobody knows", _PUT, 422, _JSON, body=asked(path="/etc/passwd"), says="not known"),
    _row(_B, "a list", _PUT, 422, _JSON, body=b"[]", says="expected an object"),
    _row(_B, "not UTF-8", _PUT, 422, _JSON, body=b'{"seen": "\xff"}', says="is not JSON"),
    _row(_B, "UTF-16", _PUT, 422, _JSON, body=asked().decode().encode("utf-16"), says="is not JSON"),
    _row(_B, "half a character in the note", _PUT, 422, _JSON, body=asked(note="\ud800"), says="half a character"),
    _row(_B, "a note of 20,000 characters", _PUT, 422, _JSON, body=asked(note="x" * 20_000), says="too long"),
    _row(
        _B,
        "a compressed body that would grow to 10 MB",
        _PUT,
        422,
        _JSON,
        "Content-Encoding: gzip",
        body=gzip.compress(b" " * 10_000_000),
        says="is not JSON",
    ),
    _row(_B, "another edit point than the address", _PUT, 422, _JSON, body=asked(point="A1:2"), says="not the one"),
    _row(_B, "an edit point that is not there", _PUT, 422, _JSON, body=asked(point="../x"), says="not the one"),
    _row(_B, "edit point 0", "PUT /{T}/api/decisions/0", 404, _JSON, body=asked(), says="edit point"),
    _row(_B, "edit point 999", "PUT /{T}/api/decisions/999", 404, _JSON, body=asked(), says="edit point"),
    _row(_B, "a candidate that is not there", _PUT, 422, _JSON, body=asked(rank=999), says="no candidate 999"),
    _row(_B, "a nudge by 10^9 frames", _PUT, 422, _JSON, body=asked(nudge_frames=10**9), says="is more than"),
    _row(_B, "a fade of 1/0 s", _PUT, 422, _JSON, body=asked(fade_length="1/0"), says="an exact time"),
    _row(_B, "a method that does not exist", _PUT, 422, _JSON, body=asked(method="$(id)"), says="is none of"),
    _row(
        _B,
        "a revision that nobody gave",
        _PUT,
        409,
        _JSON,
        body=asked(-5),
        says="was decided otherwise meanwhile",
    ),
)
WRITING = tuple(
    _row(_B, what, "POST /{T}/api/timeline", 422, _JSON, body=json.dumps(body).encode(), says=says)
    for what, body, says in (
        ("a path for a format", {"format": "/../../x.otio", "bounce": False}, "is none that can be written"),
        ("a format that would be a program", {"format": ".exe", "bounce": False}, "is none that can be written"),
        ("an output of one's own", {"format": ".otio", "bounce": False, "output": "/tmp/x.otio"}, "not known"),
        ("a text for yes or no", {"format": ".otio", "bounce": "yes"}, "true or false"),
    )
)

# ---------------------------------------------------------------- methods and HTTP itself


def _by_bytes(running: Running, whole: bytes, more: bytes) -> bytes:
    """Send a request, read its answer, go on byte by byte until the connection is closed; what came then."""
    with running.connect() as one:
        one.sendall(whole)
        assert running.answer(one).startswith(b"HTTP/1.1 ")
        one.settimeout(0.1)
        for place in range(200):
            try:
                one.sendall(more if place == 0 else b"x")
                if not (found := one.recv(4096)):
                    return b""
                return found
            except TimeoutError:
                continue
            except ConnectionError:
                return b""
    return b"HTTP/1.1 000 it goes on for ever"


_M = "Methods and HTTP"
_METHODS = tuple(
    _row(_M, f"the method {method}", f"{method} /{{T}}/api/decisions", 405, says="the method")
    for method in ("TRACE", "OPTIONS", "DELETE", "PATCH", "CONNECT", "PROPFIND")
)
METHODS = (
    *_METHODS,
    _row(_M, "another method than an address has", "POST /{T}/api/audition", 405, says="does not take this method"),
    _row(_M, "ending by a link", "GET /{T}/api/end", 405, says="does not take this method"),
    _row(_M, "writing by a link", "GET /{T}/api/timeline", 405, says="does not take this method"),
    _row(
        _M,
        "two lengths that differ",
        _PUT,
        400,
        _JSON,
        "Content-Length: 5",
        "Content-Length: 50",
        body=b"{}   ",
        says="Invalid HTTP request",
    ),
    _row(
        _M,
        "a length and chunks (request smuggling)",
        _PUT,
        400,
        _JSON,
        "Content-Length: 6",
        "Transfer-Encoding: chunked",
        body=b"0\r\n\r\nGET /{T}/api/end HTTP/1.1\r\n\r\n",
        says="two lengths",
    ),
    _row(_M, "a transfer encoding nobody knows", _PUT, 400, _JSON, "Transfer-Encoding: gzip, chunked", body=b"x"),
    _row(_M, "a space before a header's colon", _HOME, 400, "Origin : http://evil.example", says="Invalid HTTP"),
    _row(_M, "a header of 20,000 bytes", _HOME, 431, "X: " + "x" * 20_000, says="too much before its body"),
    _row(_M, "a header of 1,000,000 bytes", _HOME, 400, "X: " + "x" * 1_000_000, says="Invalid HTTP request"),
    _row(_M, "500 headers", _HOME, 431, *(f"X-{n}: {n}" for n in range(500)), says="too much before its body"),
    _row(_M, "a WebSocket is asked for", "GET /{T}/", 200, "Connection: Upgrade", "Upgrade: websocket"),
    Attack(
        _M,
        "HTTP/2 without asking",
        "PRI * HTTP/2.0",
        421,
        lambda r: r.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        "the Host",
    ),
    Attack(_M, "no HTTP at all", "a TLS greeting", 400, lambda r: r.raw(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")),
    Attack(
        _M,
        "headers that do not end",
        "GET /T/ HTTP/1.1, then silence",
        0,
        lambda r: r.raw(wire(r, "GET /{T}/ HTTP/1.1\r\nHost: 127.0.0.1:{P}\r\nX: ")),
    ),
    Attack(
        _M,
        "a second request that comes byte by byte",
        "GET /T/api/decisions, its answer, then GET /T/ HTTP/1.1 and a byte now and then",
        0,
        lambda r: _by_bytes(r, request(r, "GET /{T}/api/decisions"), b"GET / HTTP/1.1\r\nX: "),
    ),
    Attack(
        _M,
        "a refused body that comes byte by byte",
        "PUT /T/api/decisions/1, Content-Type: text/plain, its answer, and a byte now and then",
        0,
        lambda r: _by_bytes(r, request(r, _PUT, "Content-Type: text/plain", "Content-Length: 60000"), b"x"),
    ),
    _row(_M, "two ranges of a film", "GET /{T}/api/videos/1.out", 200, "Range: bytes=0-1,4-5", says="0123456789"),
    _row(_M, "a range that ends before it begins", "GET /{T}/api/videos/1.out", 200, "Range: bytes=9-1"),
    _row(_M, "a range of many digits", "GET /{T}/api/videos/1.out", 200, "Range: bytes=0-" + "9" * 5000),
    _row(_M, "a range beyond the end", "GET /{T}/api/videos/1.out", 416, "Range: bytes=999999999999999999-"),
)

# ---------------------------------------------------------------- much at once, and names

_A = "Much at once, and names"


def _at_once(count: int, most: int, line: str) -> Callable[[Running], bytes]:
    """Send a request on so many connections, of which no more than `most` are taken, and decisions are answered
    meanwhile; return the answer of one that is refused."""

    def attempt(running: Running) -> bytes:
        with ExitStack() as stack:
            made = [stack.enter_context(running.connect()) for _ in range(count)]
            for one in made:
                one.sendall(request(running, line))
            assert running.client.get("api/decisions").status_code == 200
            answers = [running.answer(one, until=b"\r\n\r\n") for one in made]
            statuses = Counter(answer.split(b" ")[1] for answer in answers)
            assert statuses == {b"200": most, b"503": count - most}, statuses
            place = next(n for n, answer in enumerate(answers) if answer.startswith(b"HTTP/1.1 503"))
            return answers[place] + running.answer(made[place], answers[place])

    return attempt


AT_ONCE = (
    Attack(
        _A,
        "120 sounds at once",
        "GET /T/api/segments/1.out on 120 connections, and decisions meanwhile",
        503,
        _at_once(120, 96, "GET /{T}/api/segments/1.out"),
        "try again in a moment",
    ),
    Attack(
        _A,
        "40 tabs that wait for events",
        "GET /T/api/events on 40 connections, and decisions meanwhile",
        503,
        _at_once(40, 32, "GET /{T}/api/events"),
        "try again in a moment",
    ),
    Attack(
        _A,
        "script in the names of shots and files",
        "GET /T/api/audition",
        200,
        lambda r: r.raw(request(r, "GET /{T}/api/audition", "Accept: text/html")),
        # As JSON alone: the guard test asserts its type and nosniff; the page sets names as text.
        "alert('x')",
    ),
)

ATTACKS = PATHS + HOSTS + ORIGINS + TOKENS + BODIES + WRITING + METHODS + AT_ONCE


def table() -> str:
    """The attacks as Markdown."""
    lines = []
    for group in dict.fromkeys(attack.group for attack in ATTACKS):
        lines += [f"## {group}", "", "| What was tried | As it was sent | What it got |", "|---|---|---|"]
        for one in ATTACKS:
            if one.group == group:
                got = "closed without an answer" if one.got == 0 else f"{one.got} {one.says}".strip()
                lines.append(f"| {_cell(one.what)} | `{_cell(one.tried)}` | {_cell(got)} |")
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'")
