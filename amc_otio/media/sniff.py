"""Tell from its first bytes what a file is, before any decoder sees it.

A playlist renamed ``.wav`` would make FFmpeg open the files it names (or the network); so the kind of a file is
decided here, never from its name alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from amc_otio.errors import MediaError
from amc_otio.media.files import why_not_a_file

_PLAYLISTS = (
    (b"#EXTM3U", "an HLS or M3U playlist"),
    (b"[playlist]", "a playlist"),
    (b"ffconcat version", "an FFmpeg concat list"),
    (b"<smil", "a SMIL playlist"),
    (b"<asx", "an ASX playlist"),
    (b"v=0\r\n", "a network session description (SDP)"),
    (b"v=0\n", "a network session description (SDP)"),
)
_RIFF_FAMILY = (b"RIFF", b"RIFX", b"RF64", b"BW64")
#: Every byte that text may hold: all but the control characters that only other data has.
_TEXT_BYTES = bytes(b for b in range(256) if b in b"\t\n\r\f" or (b >= 32 and b != 127))


@dataclass(frozen=True)
class Kind:
    """What a file's first bytes say.

    Attributes
    ----------
    container
        A short name: ``wav``, ``aiff``, ``flac``, ``ogg``, ``mp4``, ... or ``unknown``.
    soundfile
        True when soundfile is the reader to try first.
    """

    container: str
    soundfile: bool


def sniff(path: Path) -> Kind:
    """Look at the first bytes of `path`.

    Raises
    ------
    MediaError
        Missing, a folder or a device, empty, unreadable, a playlist in disguise, or plain text.
    """
    reason = why_not_a_file(path)
    if reason:
        raise MediaError(path, reason, "relink the clip, or use --map-path FROM=TO")
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise MediaError(path, f"cannot be read ({error.strerror or error})", "check its permissions") from error
    if not head:
        raise MediaError(path, "the file is empty (0 bytes)", "copy it again from its source")
    _refuse_text(path, head)
    return _kind(head)


def _refuse_text(path: Path, head: bytes) -> None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for mark, name in _PLAYLISTS:
        if text[: len(mark)].lower() == mark.lower():
            raise MediaError(path, f"it is {name}, not sound itself", "link the media that it names")
    if text[:5].lower() == b"<?xml" or text[:4] == b"<MPD" or text[:5].lower() == b"<html":
        raise MediaError(path, "it is an XML or HTML document, not media", "relink the clip to a media file")
    if not head.strip(b"\0"):
        raise MediaError(path, "it begins with nothing but zeros: the copy is not complete", "copy it again")
    if not head.translate(None, _TEXT_BYTES) and _is_utf8(head):
        raise MediaError(path, "it is text, not media", "relink the clip to a media file")


def _is_utf8(head: bytes) -> bool:
    for cut in range(4):  # the 4096th byte may fall inside a character
        try:
            head[: len(head) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return True
    return False


def _kind(head: bytes) -> Kind:
    if head[:4] in _RIFF_FAMILY and head[8:12] == b"WAVE":
        return Kind("wav", soundfile=True)
    if head[:4] == b"riff" and head[24:28] == b"wave":
        return Kind("w64", soundfile=True)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return Kind("aiff", soundfile=True)
    if head[:4] == b"fLaC":
        return Kind("flac", soundfile=True)
    if head[:4] == b"caff":
        return Kind("caf", soundfile=True)
    if head[:4] == b".snd":
        return Kind("au", soundfile=True)
    if head[:4] == b"OggS":
        # With Theora beside the sound, PyAV knows the clock of both.
        return Kind("ogg", soundfile=b"theora" not in head[:200] and b"fishead" not in head[:200])
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return Kind("mp4", soundfile=False)
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return Kind("matroska", soundfile=False)
    return Kind("unknown", soundfile=False)
