"""Watching the exchange folder: each exported timeline once, whatever is wrong with the others."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from amc_otio.errors import OutputError
from amc_otio.media.files import full_hash
from amc_otio.resolve.exchange import Exchange, is_ours, parse_request
from amc_otio.resolve.job import Outcome, is_done

POLL_S: Final = 1.0
"""Seconds between two looks; a file is whole when its size and time were the same at both."""
KEEP_DAYS: Final = 14
"""Exchanged files of ours are removed when they are older."""
_ONCE: Final = 30  # looks at a file that still grows before --once leaves it

Job = Callable[[Path, str], Outcome]
"""Does the work of an exported file: its path and its SHA-256."""
_Seen = tuple[int, int]  # size, and time of change in ns


def watch(
    exchange: Exchange,
    job: Job,
    once: bool = False,
    poll_s: float = POLL_S,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> Iterator[Outcome]:
    """Give the outcome of each exported timeline that comes, until it is stopped (Ctrl-C).

    Parameters
    ----------
    job
        What is done with one (`amc_otio.resolve.job.run_job`).
    once
        Stop when what is there now is done.
    sleep, now
        The clock.

    Raises
    ------
    OutputError
        Where the folder cannot be used, or another watcher runs on it.
    """
    exchange.make()
    lock = exchange.lock
    try:
        got = lock.acquire(blocking=False)
    except OSError as error:
        raise OutputError(
            lock.path, f"cannot be locked ({error.strerror})", "use a folder on a local disk with --exchange"
        ) from error
    if not got:
        raise OutputError(
            exchange.folder,
            "is watched by another 'amc-otio resolve watch'",
            "stop that one, or give another --exchange",
        )
    try:
        clear_old(exchange, now())
        handled: dict[str, _Seen] = {}
        before: dict[str, _Seen] = {}
        looks = 0
        cleared = now()
        while True:
            there = _requests(exchange)
            for name in sorted(there, key=lambda name: there[name][1]):
                if before.get(name) != there[name] or handled.get(name) == there[name]:
                    continue
                handled[name] = there[name]
                outcome = _outcome(exchange, exchange.requests / name, job)
                if outcome is not None:
                    yield outcome
            handled = {name: seen for name, seen in handled.items() if name in there}
            before, looks = there, looks + 1
            if once and (all(handled.get(n) == seen for n, seen in there.items()) or looks > _ONCE):
                return
            if now() - cleared > 3600:
                clear_old(exchange, now())
                cleared = now()
            sleep(poll_s)
    finally:
        lock.release()


def clear_old(exchange: Exchange, now: float, days: float = KEEP_DAYS) -> tuple[Path, ...]:
    """Remove exchanged files that are older than `days` and have a name of ours; return them."""
    gone = []
    for folder in (exchange.requests, exchange.results):
        with suppress(OSError):
            for path in sorted(folder.iterdir()):
                if not is_ours(path.name):
                    continue
                with suppress(OSError):
                    found = path.lstat()
                    if stat.S_ISREG(found.st_mode) and now - found.st_mtime > days * 86400:
                        path.unlink()
                        gone.append(path)
    return tuple(gone)


def _requests(exchange: Exchange) -> dict[str, _Seen]:
    """The .otio files that lie there; links, folders and devices are passed over."""
    found = {}
    try:
        for path in exchange.requests.iterdir():
            if path.suffix.lower() == ".otio" and not path.name.startswith("."):
                with suppress(OSError):
                    state = path.lstat()
                    if stat.S_ISREG(state.st_mode):
                        found[path.name] = (state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise OutputError(
            exchange.requests, f"cannot be read ({error.strerror})", "make the folder again, or give another --exchange"
        ) from error
    return found


def _outcome(exchange: Exchange, path: Path, job: Job) -> Outcome | None:
    """What became of a whole file; None where an earlier run did it."""
    request = parse_request(path.name)
    if request is None:
        reason = "no menu script of amc-otio named this file, so it says no job; match it with 'amc-otio match'"
        return Outcome(path.name, "", "ignored", None, reason)
    try:
        sha256 = full_hash(path)
    except OSError as error:
        return Outcome(path.name, request.job, "failed", None, f"cannot be read ({error.strerror})")
    return None if is_done(exchange, request.job, sha256) else job(path, sha256)
