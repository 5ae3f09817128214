"""Reads torch checkpoints (the zip form) without running anything that they say.

A checkpoint is a zip archive: ``data.pkl`` says which tensors there are, one stored entry each holds the numbers. The
pickle comes from a stranger, so `amc_otio.models.plain_pickle` interprets it, which knows plain data only. Numbers are
read from the archive when a tensor is asked for, and only where they lie inside it.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import RepresentationError
from amc_otio.models.plain_pickle import Refused, Tensor, unpickle

MAX_PICKLE = 8 * 2**20
"""Bytes of data.pkl; those of the largest models of this project's kind have less than half a megabyte."""
MAX_ENTRIES = 100_000
MAX_DIRECTORY = 32 * 2**20
"""Bytes of the archive's directory."""
MAX_STORAGE = 4 * 2**30
"""Bytes of one storage."""
MAX_DEPTH = 4
"""How deep in the checkpoint the dictionary of tensors may lie."""


class CheckpointError(RepresentationError):
    """A checkpoint is damaged, hostile, or of a kind that is not read here."""


class TorchFile(Mapping[str, NDArray[Any]]):
    """The tensors of a torch checkpoint by name, read one at a time.

    Parameters
    ----------
    path
        A file that ``torch.save`` wrote.

    Raises
    ------
    CheckpointError
        When the file is not a zip checkpoint, is damaged, or asks for anything but plain weights.

    Notes
    -----
    A value is float32 (from any floating type), or int64, or bool. Reading one may raise `CheckpointError` too.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._size = path.stat().st_size
            with path.open("rb") as file:
                self._entries, root = _entries(file, self._size, path)
                data = self._read(file, root + "data.pkl", MAX_PICKLE)
                order = self._read(file, root + "byteorder", 64) if root + "byteorder" in self._entries else b"little"
        except OSError as error:
            raise CheckpointError(path, f"cannot be read ({error.strerror})", "give a checkpoint file") from error
        if order != b"little":
            raise CheckpointError(path, "was written on a big-endian machine", "save it again on another one")
        self._root = root
        try:
            found = _state_dict(unpickle(data))
        except Refused as error:
            raise CheckpointError(
                path,
                f"is not a plain checkpoint: {error}",
                "nothing of it was run; get it from where its authors keep it",
            ) from error
        if not found:
            raise CheckpointError(path, "holds no tensors by name", "give the checkpoint of a model")
        self._tensors = found
        self._last: tuple[tuple[str, str], NDArray[Any]] = ("", ""), np.zeros(0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __contains__(self, name: object) -> bool:
        return name in self._tensors

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor, without reading it."""
        return self._tensors[name].shape

    def __getitem__(self, name: str) -> NDArray[Any]:
        tensor = self._tensors[name]
        kind = tensor.storage.kind
        entry = f"{self._root}data/{tensor.storage.key}"
        if entry not in self._entries:
            raise CheckpointError(
                self.path, f"the numbers of {name} are not in it", "the file is damaged; get it again"
            )
        size = tensor.storage.count * kind.itemsize
        if self._entries[entry].size != size:
            raise CheckpointError(
                self.path,
                f"the numbers of {name} take {self._entries[entry].size} bytes where {size} are announced",
                "the file is damaged; get it again",
            )
        # Neighbours may share a storage, so the last one is kept.
        if self._last[0] != (entry, kind.dtype):
            try:
                with self.path.open("rb") as file:
                    data = self._read(file, entry, MAX_STORAGE)
            except OSError as error:
                raise CheckpointError(
                    self.path, f"cannot be read ({error.strerror})", "give a checkpoint file"
                ) from error
            self._last = (entry, kind.dtype), plain(data, kind.dtype)
        values = self._last[1]
        steps = tuple(step * values.itemsize for step in tensor.stride)
        if not tensor.count:
            return np.zeros(tensor.shape, values.dtype)
        view = np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, steps, writeable=False)
        return np.array(view)

    def _read(self, file: BinaryIO, name: str, most: int) -> bytes:
        """Bytes of an entry, checked against its sum."""
        held = self._entries[name]
        if held.size > most:
            raise CheckpointError(
                self.path, f"its {name} is too large ({held.size} bytes)", "give the checkpoint of a model"
            )
        file.seek(held.start)
        header = file.read(30)
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise CheckpointError(
                self.path, f"its {name} is not where it should be", "the file is damaged; get it again"
            )
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        start = held.start + 30 + name_length + extra_length
        if start + held.size > self._size:
            raise CheckpointError(self.path, f"its {name} reaches beyond its end", "the file is damaged; get it again")
        file.seek(start)
        data = file.read(held.size)
        if len(data) != held.size or zlib.crc32(data) != held.sum:
            raise CheckpointError(self.path, f"its {name} is damaged (wrong check sum)", "get the file again")
        return data


@dataclass(frozen=True)
class _Entry:
    start: int
    size: int
    sum: int


def plain(data: bytes, dtype: str) -> NDArray[Any]:
    """Numbers of a storage as float32, int64 or bool; ``"bfloat16"`` is the upper half of a float32."""
    if dtype == "bfloat16":
        return np.asarray((np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32))
    values = np.frombuffer(data, dtype)
    if values.dtype == np.bool_:
        return np.asarray(np.frombuffer(data, np.uint8) != 0)
    with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite, and is refused as such
        return values.astype(np.float32 if values.dtype.kind == "f" else np.int64)


def _entries(file: BinaryIO, size: int, path: Path) -> tuple[dict[str, _Entry], str]:
    """The archive's entries by name, and the folder in it that the checkpoint lies in."""
    head = file.read(4)
    if head[:2] != b"PK":
        reason = "is not a torch checkpoint"
        if head[:1] == b"\x80":
            reason = "is a bare pickle or an old torch file (before 1.6), which is not read as it cannot be checked"
        raise CheckpointError(
            path, reason, "load it where you trust it and save it again with torch.save or as safetensors"
        )
    damaged = "the file is damaged or incomplete; get it again"
    if _directory_size(file, size) > MAX_DIRECTORY:
        raise CheckpointError(path, "its directory is too large", damaged)
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
    except (
        zipfile.BadZipFile,
        ValueError,
        struct.error,
        NotImplementedError,
        UnicodeDecodeError,
        OverflowError,
    ) as error:
        raise CheckpointError(path, f"is no whole zip archive ({error})", damaged) from error
    if len(infos) > MAX_ENTRIES:
        raise CheckpointError(path, f"has {len(infos)} entries", "give the checkpoint of a model")
    held: dict[str, _Entry] = {}
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size or info.flag_bits & 1:
            raise CheckpointError(
                path, f"its entry {info.filename!r} is compressed or encrypted, which torch never writes", damaged
            )
        if info.filename in held:
            raise CheckpointError(path, f"has two entries called {info.filename!r}", damaged)
        if info.header_offset < 0 or info.header_offset + info.file_size > size:
            raise CheckpointError(path, f"its entry {info.filename!r} reaches beyond its end", damaged)
        held[info.filename] = _Entry(info.header_offset, info.file_size, info.CRC)
    roots = [name[: -len("data.pkl")] for name in held if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise CheckpointError(path, "is a zip archive, but no torch checkpoint (no data.pkl)", "give a checkpoint file")
    return held, roots[0]


def _directory_size(file: BinaryIO, size: int) -> int:
    """Bytes of the archive's directory as its end record says, before `zipfile` reads it whole."""
    file.seek(max(0, size - 65_536 - 22))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        return 0  # zipfile says what is wrong
    announced = int(struct.unpack("<L", tail[at + 12 : at + 16])[0])
    if announced == 0xFFFFFFFF:
        wide = tail.rfind(b"PK\x06\x06", 0, at)
        announced = int(struct.unpack("<Q", tail[wide + 40 : wide + 48])[0]) if 0 <= wide <= len(tail) - 56 else 0
    return announced


def _state_dict(value: Any, depth: int = 0) -> dict[str, Tensor]:
    """The dictionary of tensors in a checkpoint: under ``state_dict`` or ``model``, or the first of several values."""
    if isinstance(value, (tuple, list)) and depth < MAX_DEPTH:
        return next((found for item in value[:MAX_DEPTH] if (found := _state_dict(item, depth + 1))), {})
    if not isinstance(value, dict) or depth > MAX_DEPTH:
        return {}
    for key in ("state_dict", "model"):
        if isinstance(value.get(key), dict):
            return _state_dict(value[key], depth + 1)
    return {
        name: tensor
        for name, tensor in value.items()
        if isinstance(name, str) and isinstance(tensor, Tensor) and len(name) < 300
    }
