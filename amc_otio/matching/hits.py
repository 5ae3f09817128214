"""What a search of the library hands to the matching."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Hit:
    """A window of the library that is near to the query.

    `vector` is its unit vector; `start`, `valid` count samples at 48 kHz.
    """

    path: Path
    content_key: str
    start: int
    valid: int
    loudness: float
    similarity: float
    vector: NDArray[np.float32]
