"""Cut a file into the windows that are embedded: one second each, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc_otio.media.decode import Channels, iter_mono


@dataclass(frozen=True)
class WindowBatch:
    """Some windows that follow each other in a file.

    Attributes
    ----------
    first
        Index of the first window: window k begins k seconds after the container's start.
    samples : ndarray, shape (n, sample_rate), float32
        The last window of a file is padded with zeros.
    valid : ndarray, shape (n,), int64
        How many samples of each window are sound: `sample_rate`, or less in the last of a file.
    """

    first: int
    samples: NDArray[np.float32]
    valid: NDArray[np.int64]


def iter_windows(
    path: Path | str,
    sample_rate: int,
    *,
    batch: int = 64,
    channels: Channels | None = None,
    problems: list[str] | None = None,
) -> Iterator[WindowBatch]:
    """Decode `path` to mono and cut it into windows of 1 s that do not overlap.

    Parameters
    ----------
    sample_rate
        Samples a second, and in a window.
    batch
        Windows in each batch, but the last.
    channels, problems
        As `amc_otio.media.decode.iter_mono`.

    Yields
    ------
    WindowBatch
        Together they hold every sample once. A partial last window is kept however short it is: `valid` says so.

    Raises
    ------
    MediaError
        As `amc_otio.media.decode.iter_mono`.
    """
    first = 0
    for block in iter_mono(path, sample_rate, channels, batch * sample_rate, problems):
        count = -(-len(block) // sample_rate)
        samples = np.zeros((count, sample_rate), np.float32)
        samples.reshape(-1)[: len(block)] = block
        valid = np.full(count, sample_rate, np.int64)
        valid[-1] = len(block) - (count - 1) * sample_rate
        yield WindowBatch(first, samples, valid)
        first += count
