"""A text as Lua reads it, and the menu entries that one bundled Lua script becomes."""

from __future__ import annotations

import re
from typing import Final

from amc_otio.errors import AmcError

MENU_ENTRIES: Final = {
    "Match Cut - Send Playhead.lua": "playhead",
    "Match Cut - Send In-Out.lua": "in-out",
    "Match Cut - Send Markers.lua": "markers",
    "Match Cut - Send All.lua": "all",
    "Match Cut - Bring Back.lua": "bring back",
}
"""What the bundled script becomes in the menu: a Lua script there can take no argument and load no other file."""
SOURCE: Final = "match_cut.lua"


def lua_string(text: str) -> bytes:
    """Return `text` as a Lua string literal that every Lua since 5.1 reads back as the same UTF-8 bytes.

    All but letters, digits and a few harmless marks are written as three-digit escapes, so that neither a quote, a
    backslash nor a line break of a path can end the string. Undecodable bytes of a file name are kept.
    """
    out = bytearray(b'"')
    for byte in text.encode("utf-8", "surrogateescape"):
        if byte < 128 and (chr(byte).isalnum() or chr(byte) in " /._-:"):
            out.append(byte)
        else:
            out += b"\\%03d" % byte
    return bytes(out + b'"')


def menu_entry(script: bytes, folder: str, action: str) -> bytes:
    """Return the bundled script as a menu entry: with the exchange folder and its action written in.

    Raises
    ------
    AmcError
        Where the script has not exactly one line for each.
    """
    for name, value in (("EXCHANGE", folder), ("ACTION", action)):
        line = b"local " + name.encode() + b" = " + lua_string(value)
        pattern = re.compile(rb"^local " + name.encode() + rb' = ""$', re.MULTILINE)
        if len(pattern.findall(script)) != 1:
            raise AmcError("the bundled Lua script", f"has no line for {name}", "install amc-otio again")
        script = pattern.sub(lambda _, line=line: line, script)  # type: ignore[misc]
    return script
