"""What every request must pass before a route sees it, and what every answer carries. Plain ASGI.

A page of another origin can make a browser send requests to a port of this machine, with a name of its own that
resolves to it. So: the Host must be ours, an Origin and the browser's own word on where a request came from must be
ours too, and the first element of the path is a token that only the address on the terminal holds. No percent sign is
decoded: all that is served has a plain name.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

_log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Content-Security-Policy: nothing inline, nothing from elsewhere, in nobody's frame."""
OPENING_S: Final = 60.0
"""A browser that was started opens the page within so many seconds, or not without the address."""
HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
METHODS: Final = ("GET", "HEAD", "PUT", "POST")
_PLAIN: Final = re.compile(rb"/[A-Za-z0-9._/-]*", re.ASCII)
_OUTSIDE: Final = (403, 421)
"""What is answered to others than our page: they keep no connection, of which there are only so many."""
_RELOAD: Final = "use the address that amc-otio printed"


@dataclass(frozen=True)
class Limits:
    """Of a request: bytes of address and headers, how many headers; bytes of the body, seconds until it is there."""

    head_bytes: int = 16 * 1024
    headers: int = 100
    body_bytes: int = 64 * 1024
    body_s: float = 10.0


class Refusal(Exception):
    """A request that is answered with an error, in words."""

    def __init__(self, status: int, thing: str, reason: str, remedy: str, **headers: str) -> None:
        super().__init__(f"{thing}: {reason}")
        self.status = status
        self.thing = thing
        self.reason = reason
        self.remedy = remedy
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @property
    def told(self) -> dict[str, dict[str, str]]:
        """The answer's JSON."""
        return {"error": {"thing": self.thing, "reason": self.reason, "remedy": self.remedy}}


def fault(error: BaseException) -> Refusal:
    """What is told of an error that nobody expected: its kind, and nothing of what it says."""
    reason = f"met a fault of ours ({type(error).__name__})"
    return Refusal(500, "the request", reason, "start again with --log FILE and report what it says")


class Guard:
    """Lets through what comes from our own page.

    Parameters
    ----------
    app
        Sees the path without the token, as ``/api/audition``, and the whole body in one message.
    token
        The first element of every path.
    port
        On 127.0.0.1.
    opening
        A second token that opens the page once: what is told to another program, whose arguments other users of the
        machine can list, is worth nothing after that, nor after `OPENING_S`.
    """

    def __init__(
        self, app: App, token: str, port: int, limits: Limits | None = None, opening: str | None = None
    ) -> None:
        self._app = app
        self._token = token.encode("ascii")
        self._opening = opening.encode("ascii") if opening else None
        self._made = time.monotonic()
        self._limits = limits or Limits()
        names = ("127.0.0.1", "localhost")
        self._hosts = {f"{name}:{port}".encode() for name in names}
        if port == 80:  # browsers leave it out
            self._hosts |= {name.encode() for name in names}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            if scope["type"] != "http":
                raise Refusal(404, "the address", "is not served", _RELOAD)
            inner = {**scope, "root_path": "", **self._checked(scope)}
            body = await self._body(inner, receive)
            await self._app(inner, _replayed(body, receive), answer)
        except Refusal as refusal:
            await answer.refuse(refusal)
        except Exception as error:
            _log.exception("a fault of ours while a request was answered")
            if answer.begun:
                raise
            await answer.refuse(fault(error))

    def _checked(self, scope: MutableMapping[str, Any]) -> dict[str, Any]:
        """The path that the routes see."""
        headers = _Headers(scope["headers"])
        if headers.count > self._limits.headers or headers.size + len(scope["raw_path"]) > self._limits.head_bytes:
            raise Refusal(431, "the request", "has too much before its body", _RELOAD, Connection="close")
        host = headers.one(b"host")
        if host is None or host.lower() not in self._hosts:
            raise Refusal(421, "the Host", "is not this server's", _RELOAD)
        origin = headers.one(b"origin")
        if origin is not None and origin != b"http://" + host.lower():
            raise Refusal(403, "the Origin", "is not this server's", _RELOAD)
        site = headers.one(b"sec-fetch-site")
        if site is not None and site not in (b"same-origin", b"none"):
            raise Refusal(403, "the request", "was made by a page of another site", _RELOAD)
        method = scope["method"]
        if method not in METHODS:
            raise Refusal(405, "the method", "is not one of this server's", "", Allow=", ".join(METHODS))
        raw = scope["raw_path"]
        element, slash, rest = raw[1:].partition(b"/")
        if raw[:1] == b"/" and self._opens(element, method):
            raise Refusal(303, "the page", "is there", "", Location=f"/{self._token.decode()}/")
        if raw[:1] != b"/" or not hmac.compare_digest(element, self._token):
            raise Refusal(403, "the address", "lacks the token", _RELOAD)
        path = slash + rest
        if not path:
            raise Refusal(303, "the page", "is there", "", Location=f"/{self._token.decode()}/")
        if _PLAIN.fullmatch(path) is None or b".." in path or b"//" in path:
            raise Refusal(404, "the address", "is not served", _RELOAD)
        return {"path": path.decode("ascii"), "raw_path": path}

    def _opens(self, element: bytes, method: str) -> bool:
        if self._opening is None or method != "GET" or not hmac.compare_digest(element, self._opening):
            return False
        self._opening = None
        return time.monotonic() - self._made < OPENING_S

    async def _body(self, scope: MutableMapping[str, Any], receive: Receive) -> bytes:
        """The whole body, within the limits."""
        headers = _Headers(scope["headers"])
        length = headers.one(b"content-length")
        chunks = headers.one(b"transfer-encoding")
        if chunks is not None and length is not None:
            raise Refusal(400, "the body", "has two lengths", _RELOAD, Connection="close")
        has_body = chunks is not None or length not in (None, b"0")
        if not has_body:
            return b""
        if scope["method"] not in ("PUT", "POST"):
            raise Refusal(400, "the request", "has a body where none belongs", _RELOAD)
        most = self._limits.body_bytes
        # h11 has seen that it is a number.
        if (length is not None and len(length) > 18) or int(length or b"0") > most:
            raise self._too_large()
        if (headers.one(b"content-type") or b"").partition(b";")[0].strip().lower() != b"application/json":
            raise Refusal(415, "the body", "is not of the type application/json", _RELOAD)
        try:
            return await asyncio.wait_for(self._read(receive, most), self._limits.body_s)
        except asyncio.TimeoutError:
            raise Refusal(408, "the body", "did not come in time", "send it again", Connection="close") from None

    async def _read(self, receive: Receive, most: int) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refusal(400, "the body", "broke off", "send it again")
            body += message.get("body", b"")
            if len(body) > most:
                raise self._too_large()
            if not message.get("more_body", False):
                return bytes(body)

    def _too_large(self) -> Refusal:
        return Refusal(413, "the body", f"is larger than {self._limits.body_bytes} bytes", "send less")


class _Headers:
    """A request's headers, each at most once where it is asked for."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._raw = raw

    @property
    def count(self) -> int:
        return len(self._raw)

    @property
    def size(self) -> int:
        return sum(len(name) + len(value) for name, value in self._raw)

    def one(self, name: bytes) -> bytes | None:
        found = [value for key, value in self._raw if key.lower() == name]
        if len(found) > 1:
            raise Refusal(400, f"the header {name.decode()}", "is there twice", _RELOAD)
        return bytes(found[0]) if found else None


class _Answer:
    """Sends an answer with the headers that every answer has."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            ours = {name for name, _ in HEADERS}
            kept = [(name, value) for name, value in message.get("headers", []) if name.lower() not in ours]
            message = {**message, "headers": [*kept, *HEADERS]}
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Send an error, where no answer has begun."""
        if self.begun:
            return
        body = json.dumps(refusal.told).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if refusal.status in _OUTSIDE:
            headers.append((b"connection", b"close"))
        headers += [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
        await self({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body in one message, then what the server says further (that the other side went away)."""
    told = False

    async def replay() -> Message:
        nonlocal told
        if not told:
            told = True
            return {"type": "http.request", "body": body, "more_body": False}
        while True:
            message = await receive()
            if message["type"] != "http.request":  # the empty end of a request without a body
                return message

    return replay
