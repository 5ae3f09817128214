"""A real Chromium for the tests of the page, with no way out of this machine.

`conftest.py` names this module as a plugin, so its fixtures are everywhere.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

# Debian's browser without its errands; a port where nobody listens stands for every host but this machine.
NOWHERE = {"server": "http://127.0.0.1:9", "bypass": "127.0.0.1"}
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=user-gesture-required",
)


def chromium() -> str | None:
    """Where Chromium is, if it is."""
    debian = Path("/usr/bin/chromium")
    return str(debian) if debian.is_file() else shutil.which("chromium")


# By module and not by session: while Playwright's loop is open, no other test of the process could run one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium (`playwright.sync_api.Browser`), shared by a file's tests."""
    api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
    program = chromium()
    if program is None:
        pytest.skip("no chromium on this machine")
    with api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=list(FLAGS), proxy=NOWHERE)
        yield launched
        launched.close()


class Complaints:
    """What pages complained of: errors on the console, exceptions, requests that would leave this machine."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def expect(self, pattern: str) -> None:
        """Complaints that match this regular expression are part of the test."""
        self._expected.append(re.compile(pattern))

    @property
    def unexpected(self) -> list[str]:
        return [one for one in self.heard if not any(pattern.search(one) for pattern in self._expected)]


@pytest.fixture
def complaints() -> Complaints:
    """What the pages of this test complained of; a test that provokes some says so with ``expect``."""
    return Complaints()


@pytest.fixture
def context(browser: Any, complaints: Complaints) -> Iterator[Any]:
    """A fresh profile (`BrowserContext`). The test fails if a page complains or asks for anything off this machine."""
    opened = browser.new_context(viewport={"width": 1280, "height": 800}, service_workers="block")
    watch(opened, complaints)
    yield opened
    opened.close()
    assert not complaints.unexpected, "\n".join(complaints.unexpected)


def watch(context: Any, complaints: Complaints) -> None:
    """Write down what the pages of a context complain of."""

    def request(sent: Any) -> None:
        if not is_local(sent.url):
            complaints.heard.append(f"request: {sent.url}")

    def console(message: Any) -> None:
        if message.type == "error":
            complaints.heard.append(f"console: {message.text} ({message.location.get('url', '')})")

    context.on("request", request)
    context.on("console", console)
    context.on("weberror", lambda error: complaints.heard.append(f"exception: {error.error}"))


def is_local(url: str) -> bool:
    """Whether a request stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme in {"file", "data", "blob", "about"} or parts.hostname == "127.0.0.1"


class _Files(http.server.SimpleHTTPRequestHandler):
    # The system's own table may call a script text/plain, which no browser runs as a module.
    extensions_map = {  # noqa: RUF012
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
    }

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def serve_folder(path: Path) -> Iterator[str]:
    """Serve a folder on 127.0.0.1; gives its address, without a slash at the end."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, directory=str(path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
