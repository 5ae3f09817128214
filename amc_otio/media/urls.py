"""Read the addresses that editors write for media: pure functions on text, no file is touched.

Editors disagree on how to write where a file is. The same clip may come as ``C:\\a b.wav``, ``file:///C:/a%20b.wav``,
``file://localhost/C:/a b.wav`` or ``\\\\server\\share\\a b.wav``, and some leave ``#``, ``?`` and spaces as they are in
an URL. So an address is read into its possible *spellings*, best first, and the disk decides between them.
Windows forms are read on every system.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PureWindowsPath
from urllib.parse import unquote

from amc_otio.errors import MediaError, UsageError

_DRIVE = re.compile(r"[A-Za-z]:")
_DRIVE_ABSOLUTE = re.compile(r"[A-Za-z]:[\\/]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):(?=//)")
_OLD_DRIVE_BAR = re.compile(r"/?([A-Za-z])\|(?=[\\/])")


@dataclass(frozen=True)
class Address:
    """What a target_url may mean.

    Attributes
    ----------
    spellings
        Possible paths as text, best first, without percent-encoding where that was decoded.
    windows
        True for a drive or UNC path: backslash and slash both separate and case does not count.
    absolute
        False when the path is relative to the timeline's folder.
    """

    spellings: tuple[str, ...]
    windows: bool
    absolute: bool

    @property
    def name(self) -> str:
        """The file's name in the best spelling."""
        return last_component(self.spellings[0], self.windows)

    @property
    def names(self) -> tuple[str, ...]:
        """The file's name in every spelling, best first, each once."""
        return tuple(dict.fromkeys(last_component(s, self.windows) for s in self.spellings))


def last_component(path: str, windows: bool) -> str:
    """Return the file name at the end of `path`, read with Windows or POSIX rules."""
    parts = components(path, windows)
    return parts[-1] if parts else ""


def components(path: str, windows: bool) -> tuple[str, ...]:
    """Return the components of `path`: for a Windows path the first is the drive or ``//server/share``.

    A POSIX path that is absolute begins with ``"/"``. Empty components and ``.`` are left out; ``..`` stays.
    """
    if windows:
        parsed = PureWindowsPath(path)
        head = parsed.drive.replace("\\", "/")
        rest = parsed.parts[1:] if parsed.anchor else parsed.parts
        return ((head,) if head else ()) + tuple(p for p in rest if p not in ("\\", "/"))
    head_part = ("/",) if path.startswith("/") else ()
    return head_part + tuple(p for p in path.split("/") if p not in ("", "."))


def is_windows_path(path: str) -> bool:
    """Tell whether `path` has a drive letter or is UNC with backslashes."""
    return bool(_DRIVE.match(path)) or path.startswith("\\\\")


def split_url(target_url: str) -> Address:
    """Read a target_url in any form that editors write.

    Parameters
    ----------
    target_url
        A bare POSIX, Windows or UNC path, absolute or relative, or a ``file:`` URL, encoded or not.

    Returns
    -------
    Address
        A bare path's first spelling is the text itself: it is percent-decoded only as a second guess.

    Raises
    ------
    MediaError
        The text is empty, holds a NUL, or names another scheme than ``file`` (nothing is ever fetched).
    """
    text = target_url
    if not text.strip():
        raise MediaError("media reference", "its target_url is empty", "relink the clip in the editor")
    if "\0" in text:
        raise MediaError(text, "the address holds a NUL character", "relink the clip in the editor")
    if text[:5].lower() == "file:":
        return _split_file_url(text)
    scheme = _SCHEME.match(text)
    if scheme and not _DRIVE_ABSOLUTE.match(text):
        raise MediaError(
            text,
            f"{scheme.group(1).lower()}:// is a network address and nothing is fetched",
            "download the file and relink the clip, or use --map-path",
        )
    return _split_bare(text)


def _split_bare(text: str) -> Address:
    spellings = [text]
    decoded = unquote(text, errors="surrogateescape") if "%" in text else text
    if "\0" not in decoded:
        spellings.append(decoded)
    if is_windows_path(text):
        spellings = [_plain_windows(s) for s in spellings]
        absolute = bool(_DRIVE_ABSOLUTE.match(spellings[0])) or spellings[0].startswith(("\\\\", "//"))
        return Address(_unique(spellings), windows=True, absolute=absolute)
    absolute = text.startswith("/")
    if not absolute and "\\" in text:
        # Written on Windows, relative to the timeline. On POSIX a backslash may be part of a name: try that first.
        spellings += [s.replace("\\", "/") for s in spellings]
    return Address(_unique(spellings), windows=False, absolute=absolute)


def _split_file_url(text: str) -> Address:
    rest = text[5:]
    host = ""
    if rest.startswith("//"):
        # The authority ends at the first slash; some writers put backslashes there.
        body = rest[2:]
        cut = next((i for i, c in enumerate(body) if c in "/\\"), len(body))
        host, rest = body[:cut], body[cut:]
    if _DRIVE.fullmatch(host):  # file://C:/a.wav
        rest, host = host + rest, ""
    if host.lower() == "localhost":
        host = ""
    if host:
        rest = "//" + host + rest
    # Some writers leave '#' and '?' as they are, so cutting a fragment or a query off is only the last guess.
    cut_rest = re.split(r"[#?]", rest, maxsplit=1)[0]
    spellings: list[str] = []
    for candidate in (unquote(rest, errors="surrogateescape"), rest, unquote(cut_rest, errors="surrogateescape")):
        if candidate and "\0" not in candidate:
            spellings.append(candidate)
    if not spellings:
        raise MediaError(text, "the file URL names no file", "relink the clip in the editor")
    first = _OLD_DRIVE_BAR.sub(r"\1:", spellings[0], count=1) if _OLD_DRIVE_BAR.match(spellings[0]) else spellings[0]
    if _DRIVE_ABSOLUTE.match(first.lstrip("/")):
        plain = [_OLD_DRIVE_BAR.sub(r"\1:", s, count=1).lstrip("/") for s in spellings]
        return Address(_unique(plain), windows=True, absolute=True)
    if host or first.startswith(("//", "\\\\")):
        plain = ["//" + s.lstrip("/\\") for s in spellings]
        return Address(_unique(plain), windows=True, absolute=True)
    return Address(_unique(spellings), windows=False, absolute=first.startswith("/"))


def _plain_windows(path: str) -> str:
    r"""Drop the long-path prefix: ``\\?\C:\a`` is ``C:\a`` and ``\\?\UNC\server\share`` is ``\\server\share``."""
    for prefix in ("\\\\?\\UNC\\", "//?/UNC/"):
        if path.upper().startswith(prefix):
            return "\\\\" + path[len(prefix) :]
    for prefix in ("\\\\?\\", "//?/"):
        if path.startswith(prefix):
            return path[len(prefix) :]
    return path


def _unique(items: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))


def parse_path_map(text: str) -> tuple[str, str]:
    """Read one ``FROM=TO`` of ``--map-path``.

    Raises
    ------
    UsageError
        There is no ``=``, or a side of it is empty.
    """
    before, equals, after = text.partition("=")
    if not equals or not before.strip() or not after.strip():
        raise UsageError(f"--map-path {text}", "is not of the form FROM=TO", r"write for example D:\Media=/mnt/media")
    return before.strip(), after.strip()


def map_path(address: Address, path_maps: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return the paths that `path_maps` make of `address`, longest prefix first.

    A prefix must equal whole components. Windows prefixes match in any case and with either slash.

    Parameters
    ----------
    address
        From `split_url`.
    path_maps
        Pairs (FROM, TO). FROM may be written in any form that `split_url` reads.
    """
    found: list[tuple[int, str]] = []
    for prefix_text, target in path_maps:
        prefix = split_url(prefix_text)
        for spelling in address.spellings:
            # "//server/share" is UNC for one writer and a POSIX path for another: read both sides alike.
            windows = address.windows or prefix.windows
            wanted = components(prefix.spellings[0], windows)
            have = components(spelling, windows)
            if wanted and len(wanted) <= len(have) and _same(wanted, have[: len(wanted)], windows):
                rest = have[len(wanted) :]
                found.append((len(wanted), _join(target, rest)))
    found.sort(key=lambda item: -item[0])
    return _unique([path for _, path in found])


def _join(target: str, rest: tuple[str, ...]) -> str:
    trimmed = target.rstrip("/\\")
    if not trimmed:  # TO is the root of the disk
        return "/" + "/".join(rest)
    return "/".join((trimmed, *rest)) if rest else target


def _same(a: tuple[str, ...], b: tuple[str, ...], windows: bool) -> bool:
    if windows:
        return [x.casefold() for x in a] == [x.casefold() for x in b]
    return a == b
