"""The server of the page: on 127.0.0.1 only, with a token, until it is told to end or nobody is there any more."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import threading
import time
import webbrowser
from collections.abc import Callable, Generator
from types import FrameType
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from amc_otio.audition.app import make_app
from amc_otio.audition.guard import Guard, Limits
from amc_otio.audition.parts import Page
from amc_otio.audition.writing import has_screen
from amc_otio.codec import encode
from amc_otio.errors import AmcError, UsageError

_log = logging.getLogger(__name__)
HOST: Final = "127.0.0.1"
MOST_CONNECTIONS: Final = 128
HEADERS_S: Final = 10.0
"""A connection whose next request has not come after so many seconds is closed."""
HEADER_BYTES: Final = 64 * 1024
"""What the HTTP library takes in before it gives up; the guard allows less."""
_LOOK_S: Final = 1.0
_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGBREAK")


class Server:
    """One page at one address.

    Parameters
    ----------
    page
        What it gives. Its `end` and `active` are set here.
    port
        0 takes any that is free.
    idle_s
        Ends after so many seconds without a request; events do not count.

    Attributes
    ----------
    address
        With the token.
    reason
        Why it ended.

    Raises
    ------
    UsageError
        When the port cannot be had.
    """

    def __init__(self, page: Page, port: int = 0, idle_s: float = 3600.0, limits: Limits | None = None) -> None:
        self._page = page
        self._idle_s = idle_s
        self._socket = _listen(port)
        self._last = time.monotonic()
        self.reason = ""
        token, self._opening = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.port = self._socket.getsockname()[1]
        self.address = f"http://{HOST}:{self.port}/{token}/"
        page.end, page.active = self.end, self._is_active
        page.decisions.tell = lambda number, entry: page.events.send("decision", _event(number, entry))
        guard = Guard(make_app(page), token, self.port, limits, self._opening)
        config = uvicorn.Config(
            guard,
            loop="asyncio",
            http=_Hurried,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",  # its words hold addresses, and so the token
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            backlog=MOST_CONNECTIONS,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=5,
            h11_max_incomplete_event_size=HEADER_BYTES,
        )
        self._server = _Server(config, self.end)

    def open_browser(self) -> bool:
        """Open the page in the user's browser; return whether there is one to try."""
        if not has_screen():
            return False
        # What starts the browser may wait for it. The address in its arguments is worth nothing once it is used.
        address = f"http://{HOST}:{self.port}/{self._opening}/"
        threading.Thread(target=_open, args=(address,), daemon=True).start()
        return True

    def run(self) -> str:
        """Serve until the end, and say why it came."""
        try:
            asyncio.run(self._run())
        finally:
            self._socket.close()
        _log.info("the page ended: %s", self.reason)
        return self.reason

    def end(self, reason: str) -> None:
        """Tell every tab, let what is in flight finish, and end. From the loop's thread or a signal."""
        if not self.reason:
            self.reason = reason
            self._page.events.end(reason)
        self._server.should_exit = True

    def _is_active(self) -> None:
        self._last = time.monotonic()

    async def _run(self) -> None:
        self._page.events.start()
        self._last = time.monotonic()
        watching = asyncio.create_task(self._watch())
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    async def _watch(self) -> None:
        """End what is over, and take over what another program decided."""
        while not self.reason:
            await asyncio.sleep(min(_LOOK_S, self._idle_s / 4))
            if time.monotonic() - self._last > self._idle_s:
                self.end("nobody used the page for a while")
            elif self._page.decisions.looks_changed:
                try:
                    await asyncio.to_thread(self._page.decisions.refresh)
                except AmcError as error:
                    _log.warning("%s", error)
                except Exception:  # whatever it is, an idle server must still end
                    _log.exception("a fault of ours while decisions were read again")


class _Server(uvicorn.Server):
    """Ends in order at a signal, with exit code 0; at the second one at once."""

    def __init__(self, config: uvicorn.Config, end: Callable[[str], None]) -> None:
        super().__init__(config)
        self._end = end

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        wanted = [one for name in _SIGNALS if (one := getattr(signal, name, None)) is not None]
        before = {one: signal.signal(one, self.handle_exit) for one in wanted}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self.force_exit = True
        self._end("it was stopped by hand" if sig == signal.SIGINT else "it was told to stop")


class _Hurried(H11Protocol):
    """Closes a connection on which a request does not come in time: the first one, or one that began."""

    _hurry: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._hurry = self.loop.call_later(HEADERS_S, self._close_idle)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._answers:
            self._stop()
        elif self._hurry is None:  # each further byte would put off what the HTTP library waits for
            self._hurry = self.loop.call_later(HEADERS_S, self._close_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    @property
    def _answers(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _stop(self) -> None:
        if self._hurry is not None:
            self._hurry.cancel()
            self._hurry = None

    def _close_idle(self) -> None:
        self._hurry = None
        if not self._answers and not self.transport.is_closing():
            self.transport.close()


def _listen(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "nt":
            made.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE", 0), 1)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOST, port))
        # From here on a browser that comes before we serve waits.
        made.listen(MOST_CONNECTIONS)
    except (OSError, OverflowError) as error:
        made.close()
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no such port"
        raise UsageError(
            f"--port {port}", f"cannot be had ({reason})", "give another, or leave it out for any that is free"
        ) from error
    return made


def _open(address: str) -> None:
    with contextlib.suppress(webbrowser.Error, OSError):
        webbrowser.open(address)


def _event(number: int, entry: Any) -> dict[str, Any]:
    return {"number": number, **encode(entry)}
