"""An interpreter of pickles that hold plain data and tensors; it runs nothing and imports nothing.

A pickle is a program. Python's unpickler would carry it out; this machine knows only the opcodes that plain data needs.
Each of the few names that torch's state dictionaries refer to is answered with a function of this module, every other
one is refused.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

MAX_OPCODES = 1_000_000
MAX_AXES = 8

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


class Refused(Exception):
    """A pickle that is not plain data."""


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
            raise Refused("a dictionary is not one")
        _put(made, pair[0], pair[1])
    return made


def _put(made: Any, key: Any, value: Any) -> None:
    # Plain keys only: the hash of a tuple that holds itself twice, thirty times over, never ends.
    if type(made) is not dict or type(key) not in (str, int, bool, float, bytes, type(None)):
        raise Refused("a dictionary has keys that are no names or numbers")
    made[key] = value


def _whole(values: Any, what: str) -> tuple[int, ...]:
    if (
        not isinstance(values, tuple)
        or len(values) > MAX_AXES
        or not all(type(v) is int and 0 <= v < 2**48 for v in values)
    ):
        raise Refused(f"a tensor's {what} is not one")
    return values


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> Tensor:
    """Answer to ``torch._utils._rebuild_tensor_v2``."""
    if not isinstance(storage, Storage) or type(offset) is not int or offset < 0:
        raise Refused("a tensor has no storage")
    made = Tensor(storage, offset, _whole(shape, "shape"), _whole(stride, "stride"))
    if len(made.shape) != len(made.stride) or not fits(made.shape):
        raise Refused("a tensor's shape and stride do not fit")
    last = offset + sum((size - 1) * step for size, step in zip(made.shape, made.stride, strict=True))
    # More numbers than the storage holds can only be the same ones again: an expanded tensor, or a bomb.
    if made.count and (last >= storage.count or made.count > storage.count):
        raise Refused(f"a tensor of shape {made.shape} reaches beyond its storage")
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
            raise Refused("its stack is in disorder")
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
                raise Refused("it appends to what is no list")
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
                raise Refused("it calls what is no function")
            stack.append(function.make(*arguments))
        elif name == "BUILD":
            self.pop()  # attributes of an object: torch notes versions there, which no reading needs
        elif name == "BINPERSID":
            stack.append(_storage(self.pop()))
        else:
            raise Refused(f"it uses the instruction {name}, which no weights need")


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
        raise Refused(f"it asks for {module}.{name}, which no weights need")
    return found


def _storage(reference: Any) -> Storage:
    """Answer to a persistent reference: a storage, not read."""
    if isinstance(reference, tuple) and len(reference) == 5:
        tag, kind, key, _device, count = reference
        named = isinstance(key, str) and key.isascii() and key.isalnum() and len(key) < 100
        counted = type(count) is int and 0 <= count < 2**48
        if tag == "storage" and isinstance(kind, StorageType) and named and counted:
            return Storage(key, kind, count)
    raise Refused("it refers to something that is no storage")


def unpickle(data: bytes) -> Any:
    """Build what a checkpoint's pickle describes, with `Tensor` in the place of torch's.

    Raises
    ------
    Refused
        When it holds anything but plain data, tensors and noted numbers, or is damaged.
    """
    machine = _Machine()
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if opcode.name == "STOP":
                return machine.pop()
            if number >= MAX_OPCODES:
                raise Refused("it goes on and on")
            machine.step(opcode.name, argument)
    except Refused:
        raise
    except Exception as error:  # a damaged pickle may fail in any way; nothing of it has run
        raise Refused(f"it is damaged ({type(error).__name__})") from error
    raise Refused("it has no end")
