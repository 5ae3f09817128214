"""A converted model says what it is and carries the checksum of all its other bytes.

The seal is the last entry of the model's ``metadata_props``, which a protobuf writer puts last into an ONNX file of
this kind. The seal therefore ends the file, and everything before it can be hashed as it lies on the disk: a reader
needs neither the onnx package nor a parser. It tells damage and mistaken files, not forgery.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from amc_otio.errors import RepresentationError

KEY = "amc_otio.seal"
"""Name of the metadata entry; its value is ``KIND SHA256``."""
_DIGEST = 64
_LONGEST = 127
"""Longest text whose length protobuf writes in one byte."""
_CHUNK = 1 << 20


def seal(model: Any, kind: str) -> str:
    """Add the seal to `model`, in place.

    Parameters
    ----------
    model
        An ``onnx.ModelProto``, otherwise complete: any later change breaks the seal.
    kind
        What the model is, such as ``"imagebind-audio"``: letters, digits and ``-``, at most 40.

    Returns
    -------
    str
        The SHA-256 hex digest of the model without its seal.
    """
    if not kind or len(kind) > 40 or not all(c.isascii() and (c.isalnum() or c == "-") for c in kind):
        raise ValueError(f"{kind!r} is not fit for a seal")
    entries = [entry for entry in model.metadata_props if entry.key != KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(entries)
    digest = hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()
    model.metadata_props.add(key=KEY, value=f"{kind} {digest}")
    if not model.SerializeToString(deterministic=True).endswith(_entry(f"{kind} {digest}".encode())):
        raise RuntimeError("this protobuf does not write the metadata last: the model cannot be sealed")
    return digest


def check(path: Path, kind: str, remedy: str) -> str:
    """Read a converted model's seal and compare it with the whole file.

    Parameters
    ----------
    path
        The file.
    kind
        What it has to be.
    remedy
        For the messages: how to get a good file.

    Returns
    -------
    str
        The SHA-256 hex digest in the seal: the same for the same weights and graph.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When the file cannot be read, has no seal, is of another kind or is damaged.
    """
    try:
        if not path.is_file():
            raise RepresentationError(
                path, "there is no file of this name" if not path.exists() else "is no file", remedy
            )
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 4 * _LONGEST))
            value, length = _last_entry(file.read(4 * _LONGEST))
            if not value:
                raise RepresentationError(path, "is not a model that amc-otio converted, or its end is missing", remedy)
            found, _, digest = value.partition(" ")
            if found != kind:
                raise RepresentationError(path, f"holds {found or 'nothing'}, not {kind}", remedy)
            file.seek(0)
            if _hash(file, size - length) != digest:
                raise RepresentationError(path, "is damaged: its checksum is not the one that it carries", remedy)
    except OSError as error:
        raise RepresentationError(path, f"cannot be read ({error.strerror or error})", remedy) from error
    return digest


def _entry(value: bytes) -> bytes:
    """The bytes of a metadata entry in a ModelProto: field 14, a message of key (field 1) and value (field 2)."""
    body = b"\x0a" + bytes([len(KEY)]) + KEY.encode() + b"\x12" + bytes([len(value)]) + value
    return b"\x72" + bytes([len(body)]) + body


def _last_entry(end: bytes) -> tuple[str, int]:
    """Value and length in bytes of the seal with which `end` ends; an empty value when there is none."""
    at = end.rfind(b"\x0a" + bytes([len(KEY)]) + KEY.encode() + b"\x12")
    value = end[at + len(KEY) + 4 :]
    whole = _entry(value) if at >= 0 and len(value) <= _LONGEST - len(KEY) - 4 else b""
    text = value.decode("ascii", "replace")
    if not whole or not end.endswith(whole) or len(text.rpartition(" ")[2]) != _DIGEST or not text.isprintable():
        return "", 0
    return text, len(whole)


def _hash(file: Any, count: int) -> str:
    """SHA-256 of the next `count` bytes."""
    digest = hashlib.sha256()
    while count > 0:
        chunk = file.read(min(count, _CHUNK))
        if not chunk:
            break
        digest.update(chunk)
        count -= len(chunk)
    return digest.hexdigest()
