"""Events to every open tab, as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

COMMENT_S: Final = 15.0
"""A comment so often lets both sides see that the other is there."""
MOST_TABS: Final = 32
_MOST_WAITING: Final = 1000


Tab = asyncio.Queue[bytes | None]
"""What waits to be sent to a tab; None closes its stream."""


class Events:
    """Hands each event to all who listen. `send` may be called from any thread once `start` was called."""

    def __init__(self) -> None:
        self._tabs: set[Tab] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._last: bytes | None = None

    def join(self) -> Tab | None:
        """Listen from now on; None where `MOST_TABS` do already. Who joins must leave."""
        if len(self._tabs) >= MOST_TABS:
            return None
        tab: Tab = asyncio.Queue(_MOST_WAITING)
        self._tabs.add(tab)
        return tab

    def leave(self, tab: Tab) -> None:
        """Listen no more."""
        self._tabs.discard(tab)

    def start(self) -> None:
        """Belong to the running event loop."""
        self._loop = asyncio.get_running_loop()

    def send(self, name: str, data: Any) -> None:
        """Send an event to all who listen now."""
        text = f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._spread, text)

    def end(self, reason: str) -> None:
        """Send the event ``end`` and close every stream, those that come yet too. From any thread or a signal."""
        self._last = f"event: end\ndata: {json.dumps({'reason': reason})}\n\n".encode()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._close, self._last)

    async def stream(self, tab: Tab) -> AsyncIterator[bytes]:
        """What a tab that joined receives."""
        yield b"retry: 2000\n\n"
        if self._last is not None:
            yield self._last
            return
        while True:
            try:
                text = await asyncio.wait_for(tab.get(), COMMENT_S)
            except asyncio.TimeoutError:
                text = b":\n\n"
            if text is None:
                return
            yield text

    def _close(self, text: bytes) -> None:
        for tab in tuple(self._tabs):
            self._put(tab, text)
            self._put(tab, None)

    def _spread(self, text: bytes) -> None:
        for tab in tuple(self._tabs):
            self._put(tab, text)

    def _put(self, tab: Tab, text: bytes | None) -> None:
        try:
            tab.put_nowait(text)
        except asyncio.QueueFull:  # it does not read; its page comes again and asks for everything
            self._tabs.discard(tab)
            tab.get_nowait()
            tab.put_nowait(None)
