"""The addresses below the token: thin, each a call of what does the work, in a thread where that takes time."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from amc_otio.audition.asked import asked_decision, asked_timeline
from amc_otio.audition.events import Events, Tab
from amc_otio.audition.guard import Refusal, fault
from amc_otio.audition.keeping import Changed
from amc_otio.audition.parts import Page
from amc_otio.audition.ranges import part_of
from amc_otio.audition.records import Told
from amc_otio.codec import encode
from amc_otio.errors import AmcError, TimelineError, one_line
from amc_otio.formats.kept import measure
from amc_otio.formats.registry import FORMATS

T = TypeVar("T")
_ID: Final = re.compile(r"[1-9][0-9]{0,8}(\.[1-9][0-9]{0,8})?\.(out|in|present)", re.ASCII)
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
LANES: Final = {"sound": 32, "joins": 32, "pictures": 32, "videos": 8}
"""Requests of a kind that may be with `Page.material` at once; it decides how many of them it renders at once."""
MOST_WAITING: Final = 64
"""Requests of a kind that may wait besides; a page asks for no more than what it shows."""


def make_app(page: Page) -> Starlette:
    """Return the application; `amc_otio.audition.guard.Guard` stands before it."""
    one = _Addresses(page)
    return Starlette(
        routes=[
            Route("/", one.index),
            Route("/page/{name}", one.file),
            Route("/api/audition", one.audition),
            Route("/api/segments/{id}", one.segment),
            Route("/api/matrices/{number}/{rank}", one.matrix),
            Route("/api/joins/{number}/{rank}", one.joins),
            Route("/api/frames/{id}", one.frame),
            Route("/api/videos/{id}", one.video),
            Route("/api/decisions", one.decisions),
            Route("/api/decisions/{number}", one.decide, methods=["PUT"]),
            Route("/api/events", one.events),
            Route("/api/formats", one.formats),
            Route("/api/formats/{name}", one.kept),
            Route("/api/timeline", one.timeline, methods=["POST"]),
            Route("/api/folder", one.folder, methods=["POST"]),
            Route("/api/active", one.is_active, methods=["POST"]),
            Route("/api/end", one.end, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _not_there, AmcError: _cannot, Refusal: _refused, Exception: _fault},
    )


class _Addresses:
    """A method an address."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._lanes = {name: anyio.CapacityLimiter(count) for name, count in LANES.items()}
        # Counted here: a limiter does not see those yet that come in the same moment.
        self._asked = dict.fromkeys(LANES, 0)
        # Decisions never wait behind renders, nor behind a timeline that is written or a format that is measured.
        self._keeping = anyio.CapacityLimiter(4)
        self._writing = anyio.CapacityLimiter(1)
        self._measuring = anyio.CapacityLimiter(1)
        self._told: tuple[bytes, bytes] | None = None
        self._kept: dict[str, Any] = {}

    # ------------------------------------------------------------ the page and what it lists

    async def index(self, request: Request) -> Response:
        return self._file("index.html", request)

    async def file(self, request: Request) -> Response:
        return self._file(request.path_params["name"], request)

    def _file(self, name: str, request: Request) -> Response:
        self._active()
        found = self._page.files.get(name)
        if found is None:
            raise _unknown("the file")
        return _bytes(found.content, found.kind)

    async def audition(self, request: Request) -> Response:
        self._active()
        if self._told is None:
            self._told = await _in_thread(partial(_json_and_gzip, self._page.told), self._keeping)
        plain, small = self._told
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return _bytes(plain, "application/json", Vary="Accept-Encoding")
        return _bytes(small, "application/json", Vary="Accept-Encoding", Content_Encoding="gzip")

    # ------------------------------------------------------------ what it plays and draws

    async def segment(self, request: Request) -> Response:
        name = _id(request)
        content = await self._render("sound", partial(self._page.material.segment, name))
        return _bytes(content, "application/octet-stream")

    async def matrix(self, request: Request) -> Response:
        content = await self._render("joins", partial(self._page.material.matrix, *_candidate(request)))
        return _bytes(content, "application/octet-stream")

    async def joins(self, request: Request) -> Response:
        found = await self._render("joins", partial(self._page.material.joins, *_candidate(request)))
        told = {method: {"refusal": one} if isinstance(one, str) else encode(one) for method, one in found.items()}
        return _Json(told)

    async def frame(self, request: Request) -> Response:
        name = _id(request)
        return _bytes(await self._render("pictures", partial(self._page.material.frame, name)), "image/jpeg")

    async def video(self, request: Request) -> Response:
        name = _id(request)
        content = await self._render("videos", partial(self._page.material.video, name))
        asked = None if "if-range" in request.headers else request.headers.get("range")
        status, part, headers = part_of(content, asked)
        return Response(part, status, headers, self._page.material.video_type)

    async def _render(self, lane: str, work: Callable[[], T]) -> T:
        """Render in a thread; refuse where too many wait. No lane waits for another."""
        self._active()
        if self._asked[lane] >= LANES[lane] + MOST_WAITING:
            raise _busy()
        self._asked[lane] += 1
        try:
            return await _in_thread(work, self._lanes[lane])
        except KeyError:
            raise _unknown("the sound or picture") from None
        except self._page.busy:
            raise _busy() from None
        finally:
            self._asked[lane] -= 1

    # ------------------------------------------------------------ decisions

    async def decisions(self, request: Request) -> Response:
        self._active()
        kept = self._page.decisions

        def read() -> dict[str, Any]:
            kept.refresh()
            entries = {one.decision.point: encode(one) for one in kept.entries().values()}
            return {"revision": kept.revision, "path": str(kept.path), "decisions": entries}

        return _Json(await _in_thread(read, self._keeping))

    async def decide(self, request: Request) -> Response:
        self._active()
        number = _number(request.path_params["number"])
        if number > len(self._page.told.points):
            raise _unknown("the edit point")
        seen, decision = asked_decision(await request.body())
        try:
            change = partial(self._page.decisions.change, number, decision, seen)
            made = await _in_thread(change, self._keeping)
        except Changed as changed:
            reason = "was decided otherwise meanwhile, in another tab or by another program"
            told = _error(f"edit point {number}", reason, "look at it again")
            return _Json({**encode(changed.entry), **told}, 409)
        return _Json(encode(made))

    async def events(self, request: Request) -> Response:
        tab = self._page.events.join()
        if tab is None:
            raise _busy()
        return _TabResponse(self._page.events, tab)

    # ------------------------------------------------------------ writing

    async def formats(self, request: Request) -> Response:
        self._active()
        suggested = self._page.writer.suggested if self._page.writer is not None else ".otio"

        def look() -> list[dict[str, Any]]:
            return [
                {
                    "suffix": form.suffix,
                    "label": form.label,
                    "available": form.is_available,
                    "suggested": form.suffix == suggested,
                }
                for form in FORMATS
            ]

        return _Json(await _in_thread(look, self._measuring))

    async def kept(self, request: Request) -> Response:
        self._active()
        name = request.path_params["name"]
        form = next((form for form in FORMATS if form.suffix == f".{name}"), None)
        if form is None:
            raise _unknown("the format")

        def look() -> Any:
            if name not in self._kept:
                self._kept[name] = encode(measure(form))
            return self._kept[name]

        return _Json(await _in_thread(look, self._measuring))

    async def timeline(self, request: Request) -> Response:
        self._active()
        suffix, bounce = asked_timeline(await request.body())
        writer, decisions = self._page.writer, self._page.decisions
        if writer is None:
            raise TimelineError("the timeline", "cannot be written", self._page.told.no_timeline or "")

        def write() -> dict[str, Any]:
            decisions.refresh()
            written = writer.write(suffix, bounce, decisions.decisions())
            return {
                "output": str(written.output),
                "folder": str(written.output.parent),
                "sidecar": str(written.sidecar),
                "changes": [
                    {"edit_point": one.edit_point, "timecode": one.timecode, "summary": one.summary}
                    for one in written.changes
                ],
                "bounces": [file.path for file in written.bounces],
                "notes": list(written.notes),
            }

        return _Json(await _in_thread(write, self._writing))

    async def folder(self, request: Request) -> Response:
        self._active()
        writer = self._page.writer
        if writer is None:
            raise TimelineError("the timeline", "was not written", self._page.told.no_timeline or "")
        folder, opened = await _in_thread(writer.open_folder, self._writing)
        return _Json({"folder": str(folder), "opened": opened})

    # ------------------------------------------------------------ the server

    async def is_active(self, request: Request) -> Response:
        self._active()
        return _Json({})

    async def end(self, request: Request) -> Response:
        self._page.end("it was asked to")
        return _Json({})

    def _active(self) -> None:
        self._page.active()


# ---------------------------------------------------------------- from requests, and to answers


async def _in_thread(work: Callable[[], T], limiter: anyio.CapacityLimiter) -> T:
    return await anyio.to_thread.run_sync(work, limiter=limiter)


def _id(request: Request) -> str:
    name = str(request.path_params["id"])
    if _ID.fullmatch(name) is None:
        raise _unknown("the sound or picture")
    return name


def _number(text: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise _unknown("the edit point or candidate")
    return int(text)


def _candidate(request: Request) -> tuple[int, int]:
    return _number(request.path_params["number"]), _number(request.path_params["rank"])


def _bytes(content: bytes, kind: str, **headers: str) -> Response:
    return Response(content, 200, {name.replace("_", "-"): value for name, value in headers.items()}, kind)


def _json(value: Any) -> bytes:
    # Escaped: a path that is no text in UTF-8 is still JSON.
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")


class _Json(Response):
    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return _json(content)


class _TabResponse(StreamingResponse):
    """Events until the tab goes, or before it began."""

    media_type = "text/event-stream"

    def __init__(self, events: Events, tab: Tab) -> None:
        super().__init__(events.stream(tab))
        self._leave = partial(events.leave, tab)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


def _json_and_gzip(told: Told) -> tuple[bytes, bytes]:
    text = _json(encode(told))
    return text, gzip.compress(text, 6, mtime=0)


def _error(thing: str, reason: str, remedy: str) -> dict[str, Any]:
    return {"error": {"thing": thing, "reason": reason, "remedy": remedy}}


def _unknown(what: str) -> Refusal:
    return Refusal(404, what, "is not one of this page's", "reload the page")


def _busy() -> Refusal:
    return Refusal(503, "the server", "renders as much as it can already", "try again in a moment", Retry_After="1")


async def _not_there(request: Request, error: Exception) -> Response:
    """Starlette's own: no such address, or another method of it."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    headers = error.headers if isinstance(error, HTTPException) else None
    reason = "is not served" if status == 404 else "does not take this method"
    return _Json(_error("the address", reason, "reload the page"), status, headers)


async def _cannot(request: Request, error: Exception) -> Response:
    """What the input does not allow, in words."""
    if not isinstance(error, AmcError):
        raise error
    return _Json(_error(one_line(error.thing), one_line(error.reason), one_line(error.remedy)), 422)


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return _Json(error.told, error.status, error.headers)


async def _fault(request: Request, error: Exception) -> Response:
    """A fault of ours; the guard logs it, with its traceback."""
    return _Json(fault(error).told, 500)
