"""Checks on a timeline file before anything parses it.

OTIO's JSON reader has no depth limit of its own (about 60,000 levels crash the process), bundles have no size cap,
and the XML adapters expand entities. So the bytes are looked at first, as a stream, and what cannot be right is
refused in words.
"""

from __future__ import annotations

import json
import re
import stat
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from xml.parsers import expat

import numpy as np

from amc_otio.errors import TimelineError

XML_SUFFIXES: Final = frozenset({".xml", ".fcpxml", ".xges", ".mlt", ".kdenlive", ".svg"})
CONTENT: Final = "content.otio"
FCPXML_INFO: Final = "Info.fcpxml"
"""The document in a Final Cut Pro bundle."""
_CHUNK: Final = 1 << 20
_MIB: Final = 1 << 20


@dataclass(frozen=True)
class Limits:
    """How large a timeline may be.

    Attributes
    ----------
    file_bytes
        Largest timeline document, in bytes (of a bundle: its content.otio).
    depth
        Deepest nesting of a JSON or XML document.
    members
        Most files in a bundle.
    bundle_bytes
        Largest sum of a bundle's unpacked files, in bytes.
    ratio
        Most that a bundle above 64 MiB may grow when unpacked.
    """

    file_bytes: int = 512 * _MIB
    depth: int = 1000
    members: int = 100_000
    bundle_bytes: int = 256 * 1024 * _MIB
    ratio: int = 100


def check_before_parsing(path: Path, limits: Limits | None = None) -> None:
    """Check a timeline file before an adapter sees it.

    Parameters
    ----------
    path
        A file, or an .otiod folder.
    limits
        What is too much; the defaults when None.

    Raises
    ------
    TimelineError
        When the file is missing, not a regular file, too large, too deep, or a bundle or XML file is unsafe.
    """
    limits = limits or Limits()
    path = Path(path)
    suffix = path.suffix.lower()
    try:
        if path.is_dir():
            _check_folder(path, suffix, limits)
            return
        if not path.exists():
            raise TimelineError(path, "does not exist", "check the path")
        if not path.is_file():
            raise TimelineError(path, "is not a regular file", "give a timeline file")
        if suffix == ".otioz":
            _check_zip(path, limits)
            return
        _check_size(path, path.stat().st_size, limits)
        with path.open("rb") as file:
            _check_document(path, file, suffix, limits)
    except OSError as error:
        raise TimelineError(path, f"cannot be read ({error.strerror or error})", "check its permissions") from error


def json_depth(chunks: Iterable[bytes], stop_above: int | None = None) -> int:
    """Return the deepest nesting of brackets in JSON text, strings left out.

    Parameters
    ----------
    chunks
        The document's bytes in pieces of any size.
    stop_above
        Stop early once the depth exceeds this; the depth reached so far is returned.
    """
    depth = deepest = 0
    in_string = False
    carry = b""
    for chunk in chunks:
        # An escaped character never ends a string; a lone backslash at the end waits for its other half.
        text = re.sub(rb"(?s)\\.", b"", carry + chunk)
        carry = b"\\" if text.endswith(b"\\") else b""
        parts = text.split(b'"')
        outside = b"".join(parts[1 if in_string else 0 :: 2])
        in_string ^= len(parts) % 2 == 0
        codes = np.frombuffer(outside, dtype=np.uint8)
        steps = ((codes == 0x5B) | (codes == 0x7B)).astype(np.int64) - ((codes == 0x5D) | (codes == 0x7D))
        if steps.size:
            running = np.cumsum(steps)
            deepest = max(deepest, depth + int(running.max()))
            depth += int(running[-1])
        if stop_above is not None and deepest > stop_above:
            break
    return deepest


def member_name_problem(name: str) -> str | None:
    """Say why a bundle's member name is unsafe to unpack, or return None."""
    if "\\" in name or "\0" in name:
        return "holds a backslash or a NUL"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "is an absolute path"
    if any(part in ("", ".", "..") for part in name.removesuffix("/").split("/")):
        return "leaves the bundle's folder"
    return None


def _check_folder(path: Path, suffix: str, limits: Limits) -> None:
    if suffix == ".fcpxmld":
        info = path / FCPXML_INFO
        if not info.is_file():
            raise TimelineError(path, f"holds no {FCPXML_INFO}, so it is no Final Cut Pro bundle", "export it again")
        _check_size(info, info.stat().st_size, limits)
        with info.open("rb") as file:
            _check_xml(info, file, limits)
        return
    if suffix != ".otiod":
        raise TimelineError(path, "is a folder", "give a timeline file or an .otiod bundle")
    content = path / CONTENT
    if not content.is_file():
        raise TimelineError(path, f"holds no {CONTENT}, so it is no .otiod bundle", "export the bundle again")
    _check_size(content, content.stat().st_size, limits)
    with content.open("rb") as file:
        _check_json(content, file, limits)


def _check_size(thing: object, size: int, limits: Limits) -> None:
    if size == 0:
        raise TimelineError(thing, "is empty", "export the timeline again")
    if size > limits.file_bytes:
        raise TimelineError(
            thing,
            f"is {size / _MIB:.0f} MB, and timelines over {limits.file_bytes / _MIB:.0f} MB are refused",
            "check that this is a timeline, or raise the limit",
        )


def _check_document(path: Path, file: IO[bytes], suffix: str, limits: Limits) -> None:
    start = file.read(64)
    file.seek(0)
    first = start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if suffix == ".otio" or first in (b"{", b"["):
        _check_json(path, file, limits)
    elif suffix in XML_SUFFIXES or first == b"<":
        _check_xml(path, file, limits)


def _check_json(thing: object, file: IO[bytes], limits: Limits) -> None:
    if json_depth(_chunks(file), stop_above=limits.depth) > limits.depth:
        raise TimelineError(
            thing, f"is nested deeper than {limits.depth} levels", "no editor writes this: export the timeline again"
        )


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _check_xml(path: Path, file: IO[bytes], limits: Limits) -> None:
    parser = expat.ParserCreate()
    depth = 0

    def doctype(_name: str, _system: str | None, _public: str | None, has_internal_subset: bool) -> None:
        # Premiere and Final Cut write a bare <!DOCTYPE xmeml>; entities need an internal subset.
        if has_internal_subset:
            raise TimelineError(
                path, "its DOCTYPE defines entities, which no editor writes", "remove the DOCTYPE's [...] part"
            )

    def opened(_name: str, _attributes: object) -> None:
        nonlocal depth
        depth += 1
        if depth > limits.depth:
            raise TimelineError(
                path,
                f"is nested deeper than {limits.depth} levels",
                "no editor writes this: export the timeline again",
            )

    def closed(_name: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    try:
        for chunk in _chunks(file):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise TimelineError(path, f"is not well-formed XML ({error})", "export the timeline again") from error
    except (LookupError, ValueError) as error:
        raise TimelineError(path, f"is in a text encoding that is not known ({error})", "save it as UTF-8") from error


def _check_zip(path: Path, limits: Limits) -> None:
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as bundle:
            members = bundle.infolist()
            _check_members(path, members, size, limits)
            content = next(m for m in members if m.filename == CONTENT)
            _check_size(f"{CONTENT} in {path}", content.file_size, limits)
            with bundle.open(content) as file:
                _check_json(f"{CONTENT} in {path}", file, limits)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise TimelineError(path, f"is not a sound .otioz bundle ({error})", "export the bundle again") from error
    except Exception as error:
        # zlib.error and lzma.LZMAError derive from Exception alone.
        if isinstance(error, (TimelineError, OSError)):
            raise
        raise TimelineError(path, f"is a damaged .otioz bundle ({error})", "export the bundle again") from error


def _check_members(path: Path, members: list[zipfile.ZipInfo], size: int, limits: Limits) -> None:
    if len(members) > limits.members:
        raise TimelineError(path, f"holds {len(members)} files, more than {limits.members}", "check the bundle")
    seen: set[str] = set()
    for member in members:
        name = member.filename
        problem = member_name_problem(name)
        if problem is None and name.casefold() in seen:
            problem = "is there twice"
        elif problem is None and stat.S_ISLNK(member.external_attr >> 16):
            problem = "is a symbolic link"
        elif problem is None and member.flag_bits & 1:
            problem = "is encrypted"
        if problem is not None:
            raise TimelineError(path, f"its member {json.dumps(name)} {problem}", "do not use this bundle")
        seen.add(name.casefold())
    if CONTENT not in {m.filename for m in members}:
        raise TimelineError(path, f"holds no {CONTENT}, so it is no .otioz bundle", "export the bundle again")
    total = sum(m.file_size for m in members)
    if total > limits.bundle_bytes:
        raise TimelineError(
            path,
            f"unpacks to {total / _MIB:.0f} MB, more than {limits.bundle_bytes / _MIB:.0f} MB",
            "unpack it yourself and give the .otio, or raise the limit",
        )
    if total > 64 * _MIB and total > limits.ratio * size:
        raise TimelineError(
            path, f"unpacks to {total / max(size, 1):.0f} times its size, as a zip bomb does", "do not use this bundle"
        )
