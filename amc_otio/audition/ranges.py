"""Parts of an answer, as a media element asks for them (RFC 9110, section 14)."""

from __future__ import annotations

import re
from typing import Final

_ONE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def part_of(content: bytes, asked: str | None) -> tuple[int, bytes, dict[str, str]]:
    """Return status, bytes and headers for a ``Range`` header.

    A single range is answered with 206, one beyond the end with 416; several ranges, or what is no range, with the
    whole.
    """
    accepts = {"accept-ranges": "bytes"}
    found = _ONE.fullmatch(asked.strip()) if asked else None
    if found is None or found.group(1) == found.group(2) == "":
        return 200, content, accepts
    size = len(content)
    first, last = found.groups()
    if first == "":  # the last so many
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < int(first):
            return 200, content, accepts
    if start >= size or start >= stop:
        return 416, b"", {**accepts, "content-range": f"bytes */{size}"}
    return 206, content[start:stop], {**accepts, "content-range": f"bytes {start}-{stop - 1}/{size}"}
