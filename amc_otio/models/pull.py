"""Fetches a known checkpoint for those who have a network. Only ``amc-otio models pull`` calls it."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from amc_otio.errors import AmcError, RepresentationError
from amc_otio.models import known
from amc_otio.models.add import Say, add
from amc_otio.models.store import staging
from amc_otio.representations.model_files import Model, model_folder

MOST_BYTES: Final = 6 * 10**9
"""Nothing larger is fetched; the largest known checkpoint has 4.5 GB."""
TIMEOUT_S: Final = 60.0
_PIECE = 2**20

Opener = Callable[[str], Any]
"""Opens a URL; what it returns is read like a file, is closed by ``with``, and has ``headers``."""


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows no redirection away from HTTPS."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """Refuse what is not HTTPS."""
        if not newurl.startswith("https://"):
            raise urllib.error.URLError(f"it leads to {newurl}, which is not HTTPS")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def open_https(url: str) -> Any:
    """Open an HTTPS address."""
    if not url.startswith("https://"):
        raise urllib.error.URLError("it is not HTTPS")
    return urllib.request.build_opener(_HttpsOnly).open(url, timeout=TIMEOUT_S)


def pull(
    name: str,
    folder: Path | None = None,
    unverified: bool = False,
    force: bool = False,
    say: Say = lambda _: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    opener: Opener = open_https,
    most_bytes: int = MOST_BYTES,
) -> Model:
    """Fetch a known checkpoint and add it.

    Parameters
    ----------
    name
        One of `amc_otio.models.known.CHECKPOINTS`.
    folder, unverified, force, say
        As in `amc_otio.models.add.add`.
    progress
        Told the bytes that have come and how many there are (0 when the other side does not say).
    opener
        Opens the address.
    most_bytes
        Nothing larger is fetched.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When the name is not known or cannot be run here, or what came is not the checkpoint.
    amc_otio.errors.AmcError
        When it cannot be fetched.
    """
    published = known.by_name(name)
    if published is None:
        raise RepresentationError(name, "no checkpoint of this name is known", "'amc-otio models' lists those that are")
    if published.refusal:
        raise RepresentationError(name, f"cannot be run here ({published.refusal})", "choose another one")
    where = model_folder() if folder is None else folder
    with staging(where) as staged:
        file = staged / published.file
        say(f"fetching {published.url} ({published.size}; licence: {published.licence})")
        _fetch(published, file, opener, most_bytes, progress)
        return add(file, published.name, where, unverified, force, say, published)


def _fetch(
    published: known.Known, file: Path, opener: Opener, most_bytes: int, progress: Callable[[int, int], None]
) -> None:
    again = "try again, or fetch it by other means and run: amc-otio models add FILE"
    digest = hashlib.sha256()
    done = 0
    try:
        with _opened(opener, published.url) as answer, file.open("wb") as out:
            total = int(answer.headers.get("Content-Length") or 0)
            if total > most_bytes:
                raise AmcError(published.url, f"is larger than expected ({total} bytes)", again)
            while piece := _read(answer):
                done += len(piece)
                if done > most_bytes:
                    raise AmcError(published.url, f"is larger than expected (over {most_bytes} bytes)", again)
                digest.update(piece)
                out.write(piece)
                progress(done, total)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise AmcError(published.url, f"cannot be fetched ({reason})", again) from error
    if total and done != total:
        raise AmcError(published.url, f"broke off after {done} of {total} bytes", again)
    if published.sha256 and digest.hexdigest() != published.sha256:
        raise RepresentationError(published.url, "what came is not the published checkpoint (its hash differs)", again)


def _opened(opener: Opener, url: str) -> Any:
    """Open the address; whatever the system says of it is told from what it says of the file that is written."""
    try:
        return opener(url)
    except OSError as error:
        raise _of_the_network(error) from error


def _read(answer: Any) -> bytes:
    try:
        piece: bytes = answer.read(_PIECE)
    except OSError as error:
        raise _of_the_network(error) from error
    return piece


def _of_the_network(error: OSError) -> urllib.error.URLError:
    return error if isinstance(error, urllib.error.URLError) else urllib.error.URLError(error)
