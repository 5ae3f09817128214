"""Attacks on the audition page's server (the table is tests/audition_attacks.py), over a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

import audition_helpers
from audition_attacks import ATTACKS, HOSTILE, Attack, request
from audition_helpers import Running

from amc_otio.audition import guard as guarding
from amc_otio.audition.guard import POLICY


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server whose shots have hostile names, and which waits a second for a body or for headers.

    A sound takes so long that all who ask at once have come before the first is made, on a busy machine too.
    """
    folder = tmp_path_factory.mktemp("attacked") / "here"
    folder.mkdir()
    path = audition_helpers.make_proposals(folder)
    audition_helpers.hostile(path, HOSTILE)
    one = audition_helpers.start(path, delay=3.0, body_s=1.0)
    yield one
    one.close()


def listing(running: Running) -> dict[str, int]:
    folder = running.decisions.parent
    return {p.relative_to(folder).as_posix(): p.stat().st_size for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_attack(attack: Attack, running: Running) -> None:
    before = listing(running)
    answer = attack.attempt(running)
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1]) if head else 0
    assert status == attack.got, answer[:500]
    assert attack.says.encode() in body
    headers = dict(line.lower().split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
    assert "server" not in headers
    if body.startswith(b"{"):  # what our own code answered, not the HTTP library
        assert headers["content-type"] == "application/json"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == POLICY.lower()
        assert headers["cache-control"] == "no-store"
    if status != 200:
        assert running.token.encode() not in answer
        assert str(running.decisions.parent).encode() not in answer
    # It serves on, nothing was decided or written, and nothing of it was told.
    assert running.process.poll() is None
    assert running.client.get("api/decisions").json()["decisions"] == {}
    assert listing(running) == before


def test_names_are_unique() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert len(ATTACKS) > 100


@pytest.mark.parametrize("host", ["127.0.0.1:{P}", "localhost:{P}", "LOCALHOST:{P}"])
@pytest.mark.parametrize("site", ["same-origin", "none", None])
def test_our_own_page_gets_in(host: str, site: str | None, running: Running) -> None:
    headers = ["Origin: http://" + host.replace("LOCALHOST", "localhost")] + (
        [f"Sec-Fetch-Site: {site}"] if site else []
    )
    answer = running.raw(request(running, "GET /{T}/api/decisions", *headers, host=host))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_it_listens_on_this_machine_alone(running: Running) -> None:
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("no /proc/net/tcp here")
    listening = [line.split()[1] for line in table.read_text().splitlines()[1:] if line.split()[3] == "0A"]
    port = f"{running.port:04X}"
    assert [one for one in listening if one.endswith(f":{port}")] == [f"0100007F:{port}"]


def test_every_answer_forbids_what_it_can(running: Running) -> None:
    for path in ("", "page/main.js", "api/audition", "api/segments/1.out", "api/decisions"):
        answer = running.client.get(path)
        assert answer.status_code == 200, path
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("late", [False, True])
def test_what_opens_the_browser_is_worth_nothing_after(late: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from amc_otio.audition.guard import Guard

    async def app(scope, receive, send):  # type: ignore[no-untyped-def]
        raise AssertionError("never reached")

    guard = Guard(app, "the-token", 8000, opening="once")

    async def get() -> tuple[int, dict[bytes, bytes]]:
        sent = []

        async def send(message):  # type: ignore[no-untyped-def]
            sent.append(message)

        async def receive():  # type: ignore[no-untyped-def]
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {"type": "http", "method": "GET", "raw_path": b"/once/", "headers": [(b"host", b"localhost:8000")]}
        await guard(scope, receive, send)
        return sent[0]["status"], dict(sent[0]["headers"])

    if late:
        monkeypatch.setattr(guarding, "OPENING_S", 0.0)
    status, headers = asyncio.run(get())
    if late:
        assert status == 403
    else:
        assert (status, headers[b"location"]) == (303, b"/the-token/")
    assert asyncio.run(get())[0] == 403


def test_no_word_of_the_server_holds_the_token(tmp_path: Path) -> None:
    path = audition_helpers.make_proposals(tmp_path)
    one = audition_helpers.start(path)
    try:
        one.raw(request(one, "GET /{T}/nothing"))
        one.raw(b"no http\r\n\r\n")
        one.client.post("api/end")
        said, errors = one.process.communicate(timeout=20)
    finally:
        one.close()
    assert one.token not in said + errors
    assert errors == ""
    assert one.process.returncode == 0
    assert json.loads(json.dumps(said)) == "it was asked to\n"
