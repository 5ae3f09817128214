"""Decoded frames as arrays: converted, gathered into longer ones, and put where a span wants them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc_otio.media.streams import AudioStream, Piece

#: So many frames at a file's beginning show how long a codec's frames are.
HEAD_FRAMES = 5


@dataclass
class Run:
    """Frames of one stream that were decoded after a seek."""

    stamps: list[float | None] = field(default_factory=list)
    lost_before: list[bool] = field(default_factory=list)
    arrays: list[NDArray[np.float32]] = field(default_factory=list)
    done: bool = False

    def reached(self) -> float:
        """Return the sample up to which the run comes, by its stamps."""
        known = [(s, k) for k, s in enumerate(self.stamps) if s is not None]
        if not known:
            return float(sum(a.shape[1] for a in self.arrays))
        stamp, k = known[-1]
        return stamp + float(sum(a.shape[1] for a in self.arrays[k:]))


@dataclass
class Gathered:
    """Frames that follow each other, joined before they are handed on: frames are short and there are many."""

    position: int = 0
    count: int = 0
    arrays: list[NDArray[np.float32]] = field(default_factory=list)

    def follows(self, position: int) -> bool:
        """Tell whether a frame at `position` follows what is held."""
        return not self.arrays or position == self.position + self.count

    def add(self, position: int, samples: NDArray[np.float32]) -> None:
        """Hold one more frame."""
        if not self.arrays:
            self.position = position
        self.arrays.append(samples)
        self.count += samples.shape[1]

    def take(self, stream: int) -> Iterator[Piece]:
        """Give what is held as one piece, if anything is."""
        if self.arrays:
            yield Piece(stream, self.position, np.concatenate(self.arrays, axis=1))
        self.arrays, self.count = [], 0


def as_float(frame: Any) -> NDArray[np.float32]:
    """Convert a PyAV frame to (channels, n) float32; 24-bit PCM comes as 32-bit integers and stays exact."""
    raw = frame.to_ndarray()
    if not frame.format.is_planar:
        raw = raw.reshape(-1, len(frame.layout.channels) or 1).T
    if raw.dtype == np.uint8:
        return np.ascontiguousarray((raw.astype(np.float32) - 128) / 128)
    if raw.dtype.kind == "i":
        return np.ascontiguousarray(raw.astype(np.float32) * np.float32(2.0 ** -(8 * raw.dtype.itemsize - 1)))
    return np.ascontiguousarray(raw, dtype=np.float32)


def paste(out: NDArray[np.float32], start: int, position: int, samples: NDArray[np.float32]) -> None:
    """Copy what of `samples` (at `position`) falls into `out` (at `start`)."""
    first, last = max(start, position), min(start + out.shape[1], position + samples.shape[1])
    if last > first:
        out[:, first - start : last - start] = samples[:, first - position : last - position]


def silence(stream: AudioStream, count: int) -> NDArray[np.float32]:
    """Return zeros (channels, count) float32 for a span of `stream`."""
    return np.zeros((stream.channels, count), np.float32)
