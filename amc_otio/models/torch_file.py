"""Reads torch checkpoints (the zip form) without running anything that they say.

A checkpoint is a zip archive: ``data.pkl`` says which tensors there are, one stored entry each holds the numbers. A
pickle is a program, and this one comes from a stranger. So Python's own unpickler never sees it: `unpickle` is a
machine of its own that knows only the opcodes that plain data needs and imports nothing. Each of the few names that a
state dictionary refers to is answered with a function of this module, every other one is refused. Numbers are read from
the archive only when a tensor is asked for.
"""

from __future__ import annotations

import math
import pickletools
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import RepresentationError

MAX_PICKLE = 8 * 2**20
"""Bytes of data.pkl; those of the largest models of this project's kind have less than half a megabyte."""
MAX_OPCODES = 1_000_000
MAX_ENTRIES = 100_000
MAX_DIRECTORY = 32 * 2**20
"""Bytes of the archive's directory."""
MAX_STORAGE = 4 * 2**30
"""Bytes of one storage."""
MAX_AXES = 8
MAX_DEPTH = 4
"""How deep in the checkpoint the dictionary of tensors may lie."""

_STORAGES: Final = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


class _Refused(Exception):
    """A pickle that is not plain data."""


class CheckpointError(RepresentationError):
    """A checkpoint is damaged, hostile, or of a kind that is not read here."""


@dataclass(frozen=True)
class StorageType:
    """Stands for one of torch's storage classes; `dtype` is NumPy's name, or ``"bfloat16"``."""

    dtype: str

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return 2 if self.dtype == "bfloat16" else np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Storage:
    """Numbers in the archive that have not been read."""

    key: str
    kind: StorageType
    count: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; `offset` and `stride` count numbers, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many numbers it has."""
        total = 1
        for size in self.shape:
            total *= size
        return total


def fits(shape: tuple[int, ...]) -> bool:
    """Whether NumPy can have an array of this shape: empty ones are bounded too."""
    return math.prod(size for size in shape if size) < 2**40


class _Ignored:
    """Stands for a value that is read over: a number noted by a training run, say."""


def _ignored(*_: Any) -> _Ignored:
    return _Ignored()


def _dictionary(pairs: Any = ()) -> dict[Any, Any]:
    """Answer to ``collections.OrderedDict``."""
    made: dict[Any, Any] = {}
    for pair in pairs if isinstance(pairs, list) else ():
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise _Refused("a dictionary is not one")
        _put(made, pair[0], pair[1])
    return made


def _put(made: Any, key: Any, value: Any) -> None:
    # Plain keys only: the hash of a tuple that holds itself twice, thirty times over, never ends.
    if type(made) is not dict or type(key) not in (str, int, bool, float, bytes, type(None)):
        raise _Refused("a dictionary has keys that are no names or numbers")
    made[key] = value


def _whole(values: Any, what: str) -> tuple[int, ...]:
    if (
        not isinstance(values, tuple)
        or len(values) > MAX_AXES
        or not all(type(v) is int and 0 <= v < 2**48 for v in values)
    ):
        raise _Refused(f"a tensor's {what} is not one")
    return values


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> Tensor:
    """Answer to ``torch._utils._rebuild_tensor_v2``."""
    if not isinstance(storage, Storage) or type(offset) is not int or offset < 0:
        raise _Refused("a tensor has no storage")
    made = Tensor(storage, offset, _whole(shape, "shape"), _whole(stride, "stride"))
    if len(made.shape) != len(made.stride) or not fits(made.shape):
        raise _Refused("a tensor's shape and stride do not fit")
    last = offset + sum((size - 1) * step for size, step in zip(made.shape, made.stride, strict=True))
    # More numbers than the storage holds can only be the same ones again: an expanded tensor, or a bomb.
    if made.count and (last >= storage.count or made.count > storage.count):
        raise _Refused(f"a tensor of shape {made.shape} reaches beyond its storage")
    return made


def _parameter(data: Any, *_: Any) -> Any:
    """Answer to ``torch._utils._rebuild_parameter``."""
    return data


@dataclass(frozen=True)
class _Answer:
    """A function that stands for an imported one."""

    make: Callable[..., Any]


_ALLOWED: Final[dict[tuple[str, str], _Answer | StorageType]] = {
    ("collections", "OrderedDict"): _Answer(_dictionary),
    ("torch._utils", "_rebuild_tensor_v2"): _Answer(_tensor),
    ("torch._utils", "_rebuild_parameter"): _Answer(_parameter),
    ("numpy", "dtype"): _Answer(_ignored),
    ("numpy.core.multiarray", "scalar"): _Answer(_ignored),
    ("numpy._core.multiarray", "scalar"): _Answer(_ignored),
    ("_codecs", "encode"): _Answer(_ignored),
    **{("torch", name): StorageType(dtype) for name, dtype in _STORAGES.items()},
}


class _Mark:
    """Where a run of items on the stack begins."""


class _Machine:
    """Carries out the opcodes of a pickle; every step makes at most one small object."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def pop(self) -> Any:
        """Take the last item, which may not be a mark."""
        item = self.stack.pop()
        if isinstance(item, _Mark):
            raise _Refused("its stack is in disorder")
        return item

    def items(self) -> list[Any]:
        """Take what lies above the last mark."""
        taken: list[Any] = []
        while not isinstance(item := self.stack.pop(), _Mark):
            taken.append(item)
        return taken[::-1]

    def step(self, name: str, argument: Any) -> None:
        """One opcode but STOP."""
        stack = self.stack
        if name in _SKIPPED:
            return
        if name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif name in _TUPLES:
            stack.append(tuple([self.pop() for _ in range(_TUPLES[name])][::-1]))
        elif name == "TUPLE":
            stack.append(tuple(self.items()))
        elif name in ("APPEND", "APPENDS"):
            added = [self.pop()] if name == "APPEND" else self.items()
            if type(stack[-1]) is not list:
                raise _Refused("it appends to what is no list")
            stack[-1].extend(added)
        elif name in ("SETITEM", "SETITEMS"):
            pairs = [self.pop(), self.pop()][::-1] if name == "SETITEM" else self.items()
            for key, value in zip(pairs[::2], pairs[1::2], strict=True):
                _put(stack[-1], key, value)
        elif name == "GLOBAL":
            stack.append(_answer(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            second, first = self.pop(), self.pop()
            stack.append(_answer(first, second))
        elif name == "REDUCE":
            arguments, function = self.pop(), self.pop()
            if not isinstance(function, _Answer) or type(arguments) is not tuple:
                raise _Refused("it calls what is no function")
            stack.append(function.make(*arguments))
        elif name == "BUILD":
            self.pop()  # attributes of an object: torch notes versions there, which no reading needs
        elif name == "BINPERSID":
            stack.append(_storage(self.pop()))
        else:
            raise _Refused(f"it uses the instruction {name}, which no weights need")


_SKIPPED: Final = frozenset(("PROTO", "FRAME"))
_VALUES: Final = frozenset(
    {
        *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
        *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BINSTRING", "SHORT_BINSTRING"),
    }
)
_CONSTANTS: Final[dict[str, Callable[[], Any]]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "MARK": _Mark,
}
_TUPLES: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def _answer(module: Any, name: Any) -> Any:
    """What stands for an imported name."""
    found = _ALLOWED.get((module, name)) if isinstance(module, str) and isinstance(name, str) else None
    if found is None:
        raise _Refused(f"it asks for {module}.{name}, which no weights need")
    return found


def _storage(reference: Any) -> Storage:
    """Answer to a persistent reference: a storage, not read."""
    if isinstance(reference, tuple) and len(reference) == 5:
        tag, kind, key, _device, count = reference
        named = isinstance(key, str) and key.isascii() and key.isalnum() and len(key) < 100
        counted = type(count) is int and 0 <= count < 2**48
        if tag == "storage" and isinstance(kind, StorageType) and named and counted:
            return Storage(key, kind, count)
    raise _Refused("it refers to something that is no storage")


def unpickle(data: bytes) -> Any:
    """Build what a checkpoint's pickle describes, with `Tensor` in the place of torch's.

    Raises
    ------
    _Refused
        When it holds anything but plain data, tensors and noted numbers, or is damaged.
    """
    machine = _Machine()
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if opcode.name == "STOP":
                return machine.pop()
            if number >= MAX_OPCODES:
                raise _Refused("it goes on and on")
            machine.step(opcode.name, argument)
    except _Refused:
        raise
    except Exception as error:  # a damaged pickle may fail in any way; nothing of it has run
        raise _Refused(f"it is damaged ({type(error).__name__})") from error
    raise _Refused("it has no end")


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
        except _Refused as error:
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
