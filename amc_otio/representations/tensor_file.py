"""Safetensors files of ours: named arrays and one JSON text that says what they are, read with bounds.

The whole file is read once, so that what was hashed is what is used. Nothing in it is believed before it was checked:
sizes, shapes and types come from a stranger.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

_HEADER = "amc_otio"
_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8"), "I64": np.dtype("<i8")}
MAX_HEADER = 1 << 20
"""Bytes of a header. One of ours has some thousands."""


class TensorFileDamage(ValueError):
    """The file is not what `encode` writes; the text says why, fit to follow the file's name."""


@dataclass(frozen=True, eq=False)
class TensorFile:
    """What a file holds.

    Attributes
    ----------
    about
        The JSON object of the header.
    tensors
        Arrays by name, read-only.
    sha256
        Of the whole file, hexadecimal.
    """

    about: dict[str, Any]
    tensors: dict[str, NDArray[Any]]
    sha256: str


def encode(about: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of a file; the same content gives the same bytes.

    Parameters
    ----------
    about
        JSON values. One text under one name: safetensors gives several names in any order.
    tensors
        float32, float64 or int64.
    """
    text = json.dumps(about, sort_keys=True, allow_nan=False)
    return bytes(save({name: np.ascontiguousarray(array) for name, array in tensors.items()}, {_HEADER: text}))


def read(path: Path, limit: int) -> TensorFile:
    """Read a file of at most `limit` bytes.

    Raises
    ------
    TensorFileDamage
        When it is larger, or not as `encode` writes it.
    OSError
        When it cannot be read.
    """
    if not path.is_file():
        if path.exists():
            raise TensorFileDamage("is not a regular file")
        raise FileNotFoundError(2, "No such file or directory", str(path))
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise TensorFileDamage(f"is larger than {limit >> 20} MiB")
        return decode(file.read(limit))


def decode(data: bytes) -> TensorFile:
    """Take the bytes of a file apart without copying its arrays.

    Raises
    ------
    TensorFileDamage
        When anything is not as `encode` writes it.
    """
    length = int.from_bytes(data[:8], "little")
    start = 8 + length
    if len(data) < 8 or not data[8:9] == b"{":
        raise TensorFileDamage("is not a safetensors file")
    if length > MAX_HEADER:
        raise TensorFileDamage(f"has a header of {length} bytes, more than any of ours")
    if start > len(data):
        raise TensorFileDamage("is cut short")
    try:
        header = json.loads(data[8:start])
        text = header.pop("__metadata__")[_HEADER]
        about = json.loads(text)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise TensorFileDamage("was not written by amc-otio, or its header is damaged") from error
    if not isinstance(about, dict):
        raise TensorFileDamage("was not written by amc-otio, or its header is damaged")
    view = memoryview(data)[start:]
    tensors = {str(name): _tensor(str(name), entry, view) for name, entry in header.items()}
    return TensorFile(about, tensors, hashlib.sha256(data).hexdigest())


def _tensor(name: str, entry: Any, view: memoryview) -> NDArray[Any]:
    shown = repr(name[:40])
    try:
        dtype, shape, (first, last) = _DTYPES.get(entry["dtype"]), entry["shape"], entry["data_offsets"]
    except (KeyError, TypeError, ValueError) as error:
        raise TensorFileDamage(f"does not say what {shown} is") from error
    if dtype is None:
        raise TensorFileDamage(f"holds {shown} in a type that is not ours")
    numbers = [first, last, *shape] if isinstance(shape, list) and len(shape) <= 4 else [-1]
    if any(type(number) is not int or number < 0 for number in numbers):
        raise TensorFileDamage(f"holds {shown} in no shape")
    if not first <= last <= len(view):
        raise TensorFileDamage("is cut short")
    if math.prod(shape) * dtype.itemsize != last - first:
        raise TensorFileDamage(f"holds {shown} in a shape that is not that of its data")
    return np.asarray(np.frombuffer(view[first:last], dtype).reshape(shape))
