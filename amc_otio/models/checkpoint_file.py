"""Opens a checkpoint in torch's zip form, in safetensors, or in a Hugging Face folder that holds one of them."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import RepresentationError
from amc_otio.models.plain_pickle import MAX_AXES, fits
from amc_otio.models.torch_file import CheckpointError, TorchFile, plain

MAX_HEADER = 16 * 2**20
"""Bytes of a safetensors header."""
FOLDER_NAMES = ("model.safetensors", "pytorch_model.bin")
"""Files of a Hugging Face folder, the safe one first."""

_DTYPES: Final = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "bfloat16",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


class Checkpoint(Protocol):
    """Tensors by name, read when they are asked for."""

    path: Path

    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    def __contains__(self, name: object, /) -> bool: ...
    def __getitem__(self, name: str, /) -> NDArray[Any]: ...
    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor, without reading it."""
        ...


class SafetensorsFile(Mapping[str, NDArray[Any]]):
    """The tensors of a safetensors file by name, read one at a time; its header is not trusted.

    Raises
    ------
    CheckpointError
        When the header is damaged, too large, or places a tensor outside the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                length = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))[0]
                if not 2 <= length <= min(MAX_HEADER, size - 8):
                    raise self._damaged(f"its header of {length} bytes cannot be")
                text = file.read(length)
        except OSError as error:
            raise CheckpointError(path, f"cannot be read ({error.strerror})", "give a checkpoint file") from error
        try:
            header = json.loads(text)
            entries = dict(header)
        except (ValueError, TypeError, RecursionError) as error:
            raise self._damaged("its header is not JSON") from error
        entries.pop("__metadata__", None)
        self._start = 8 + length
        self._entries = {name: self._entry(name, entry, size - self._start) for name, entry in entries.items()}

    def _damaged(self, reason: str) -> CheckpointError:
        return CheckpointError(self.path, f"is no whole safetensors file: {reason}", "get it again")

    def _entry(self, name: str, entry: Any, room: int) -> tuple[str, tuple[int, ...], int, int]:
        try:
            dtype, shape, (begin, end) = _DTYPES[entry["dtype"]], tuple(entry["shape"]), entry["data_offsets"]
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(f"the entry of {name} is not one") from error
        if len(shape) > MAX_AXES or not all(type(n) is int and 0 <= n < 2**48 for n in (*shape, begin, end)):
            raise self._damaged(f"the entry of {name} is not one")
        count = 1
        for axis in shape:
            count *= axis
        itemsize = 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize
        if not fits(shape) or not begin <= end <= room or end - begin != count * itemsize:
            raise self._damaged(f"{name} lies outside it")
        return dtype, shape, begin, end

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor, without reading it."""
        return self._entries[name][1]

    def __getitem__(self, name: str) -> NDArray[Any]:
        dtype, shape, begin, end = self._entries[name]
        try:
            with self.path.open("rb") as file:
                file.seek(self._start + begin)
                data = file.read(end - begin)
        except OSError as error:
            raise CheckpointError(self.path, f"cannot be read ({error.strerror})", "give a checkpoint file") from error
        if len(data) != end - begin:
            raise self._damaged(f"{name} is cut off")
        return plain(data, dtype).reshape(shape)


def checkpoint_path(path: Path) -> Path:
    """The file to read: `path` itself, or the one in a Hugging Face folder.

    Raises
    ------
    RepresentationError
        When there is none.
    """
    if path.is_dir():
        for name in FOLDER_NAMES:
            if (path / name).is_file():
                return path / name
        raise RepresentationError(path, f"holds neither {' nor '.join(FOLDER_NAMES)}", "give the folder of a model")
    if not path.is_file():
        raise RepresentationError(path, "there is no such file", "give a checkpoint file or a Hugging Face folder")
    return path


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a file by what it is, not by its name.

    Raises
    ------
    CheckpointError
        When it is neither a torch zip checkpoint nor safetensors, or is damaged.
    """
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise CheckpointError(path, f"cannot be read ({error.strerror})", "give a checkpoint file") from error
    if len(head) == 9 and head[8:] == b"{" and head[:2] != b"PK":
        return SafetensorsFile(path)
    return TorchFile(path)
