"""Media references as absolute URLs, for formats whose readers take no relative path."""

from __future__ import annotations

import re
from pathlib import Path, PureWindowsPath
from urllib.parse import quote, unquote

import opentimelineio as otio

from amc_otio.formats.xml_text import clean
from amc_otio.timeline.undo import external_references

_URL = re.compile(r"file:|[A-Za-z][A-Za-z0-9+.-]+://", re.IGNORECASE)


def is_url(reference: str) -> bool:
    """Whether a media reference is a URL already, not a path."""
    return _URL.match(reference) is not None


def absolute_url(reference: str, base: Path) -> str:
    """Return a media reference as an absolute URL.

    Parameters
    ----------
    reference
        A path or URL in any form that editors write. Of a URL, only what no URL may hold is encoded.
    base
        The folder in which a relative one lies.
    """
    if is_url(reference):
        return quote(clean(reference), safe="/:%@&=+$,;!~*'()[]?")
    windows = PureWindowsPath(reference)
    if windows.drive or reference.startswith("\\\\"):
        path = clean(windows.as_posix())
        return "file:" + quote(path, safe="/") if path.startswith("//") else "file:///" + quote(path, safe="/:")
    path = reference
    if not reference.startswith("/"):
        spelled = next((s for s in (reference, unquote(reference)) if _exists(base / s)), reference)
        found = (base / spelled).absolute()
        # Readers of URLs take ".." for what it is in text; where it leads on the disk may be elsewhere.
        path = (found.resolve() if ".." in found.parts else found).as_posix()
    return "file://" + quote(clean(path), safe="/:@&=+$,;!~*'()")


def make_absolute(timeline: otio.schema.Timeline, base: Path) -> None:
    """Let every file reference of a timeline be a URL, in place; those that are keep their spelling."""
    for reference in external_references(timeline):
        url = reference.target_url
        if url and not is_url(url):
            reference.target_url = absolute_url(url, base)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, or holds a NUL
        return False
