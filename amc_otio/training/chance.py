"""Chance without state: every number follows from what it is for, so that a resumed run needs no generator's state.

NumPy's generators do not promise the same stream in every version; a hash does.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def numbers(count: int, *what: object) -> NDArray[np.uint64]:
    """`count` evenly distributed 64-bit numbers that follow from `what`."""
    seed = "\0".join(map(str, what)).encode()
    return np.frombuffer(hashlib.shake_256(seed).digest(8 * count), "<u8")


def permutation(count: int, *what: object) -> NDArray[np.int64]:
    """The numbers from 0 to `count` - 1 in an order that follows from `what`."""
    return np.argsort(numbers(count, *what), kind="stable").astype(np.int64)


def below(limit: int, *what: object) -> int:
    """A number from 0 to `limit` - 1 that follows from `what`."""
    return int(numbers(1, *what)[0] % np.uint64(limit))
