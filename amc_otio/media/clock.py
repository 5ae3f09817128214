"""Where a decoded frame lies, in samples: time stamps to sample positions. Pure arithmetic.

Containers stamp frames with different care. MP4, MOV and MXF count samples; MPEG counts 1/90000 s; Matroska rounds to
a millisecond and, where it laces frames, adds rounded durations up. So within a run of frames samples are *counted*,
and stamps only say where a run begins. After a seek the beginning of the run is the sample that agrees best with all
its stamps, on the grid that the codec's frame size gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

#: Stamps that differ from the count by more than this (s) mean that sound is missing or repeated.
JUMP_S = 0.1
#: A jump longer than this (s) is a broken stamp, not a gap.
LONGEST_GAP_S = 600.0


@dataclass
class StreamClock:
    """Gives each decoded frame of one stream its sample position.

    Parameters
    ----------
    rate
        Samples a second.
    tick
        The container's time unit in samples (time_base x rate).
    grid
        Samples between possible frame starts, or 1 when unknown.
    """

    rate: int
    tick: float
    grid: int = 1
    next: int | None = None
    resync: bool = False
    jumps: list[float] = field(default_factory=list)

    def place(self, stamp: float | None, count: int) -> int:
        """Return the position of a frame of `count` samples whose stamp says `stamp` (in samples)."""
        if self.next is None:
            self.next = round(stamp) if stamp is not None else 0
        elif stamp is not None:
            self._follow(stamp)
        position = self.next
        self.next = position + count
        self.resync = False
        return position

    def _follow(self, stamp: float) -> None:
        assert self.next is not None
        delta = stamp - self.next
        tolerance = JUMP_S * self.rate
        if self.resync:  # a frame was lost: even a short gap is real
            tolerance = max(self.grid / 2, 3.5 * self.tick, 2)
        if tolerance < abs(delta) <= LONGEST_GAP_S * self.rate:
            jump = round(delta)
            if self.grid > 2 * max(self.tick, 1):
                jump = round(delta / self.grid) * self.grid
            if jump and not self.resync:
                self.jumps.append(self.next / self.rate)
            self.next = max(0, self.next + jump)


def is_exact(tick: float) -> bool:
    """Tell whether stamps in units of `tick` samples name every sample position without rounding."""
    return tick <= 2 and (abs(tick - round(tick)) < 1e-9 or abs(1 / tick - round(1 / tick)) < 1e-6)


def anchor(stamps: Sequence[float], counts: Sequence[int], *, tick: float, codec: str, grid: int, phase: int) -> int:
    """Return the position of the first frame of a run after a seek.

    Parameters
    ----------
    stamps
        The stamp of each frame of the run, in samples.
    counts
        The samples in each frame.
    tick
        The container's time unit in samples.
    codec
        Its name: Vorbis frames of changing size have stamps of their own kind of error.
    grid, phase
        Frames begin at phase + k grid; grid 1 means that nothing is known.
    """
    begin = np.concatenate([[0], np.cumsum(counts[:-1])])
    errors = np.asarray(stamps, np.float64) - begin
    if is_exact(tick):
        return round(float(np.median(errors)))
    if codec == "vorbis":
        # Only whole long blocks are stamped well; lacing adds rounded durations up, always downwards.
        sizes = np.asarray(counts)
        estimate = float(np.quantile(errors[sizes == sizes.max()], 0.85))
    elif grid > 1:
        estimate = float(np.median(errors))
    else:
        estimate = float(errors.min() + errors.max()) / 2
    if grid > 1:
        on_grid = phase + round((estimate - phase) / grid) * grid
        if abs(on_grid - estimate) <= max(3.0, 3.5 * tick):
            return on_grid
    return round(estimate)


def codec_grid(codec: str, extradata: bytes, sizes: Sequence[int]) -> int:
    """Return how many samples lie between possible frame starts of a codec, or 1 when nothing is known.

    Parameters
    ----------
    sizes
        Samples in the frames that were decoded so far; the first may be trimmed.
    """
    if codec == "vorbis":
        return _vorbis_grid(extradata)
    if codec in ("opus", "libopus"):
        return 120  # frames are multiples of 2.5 ms at 48 kHz (RFC 6716)
    if len(sizes) >= 3 and len(set(sizes[-2:])) == 1:
        return int(sizes[-1])
    return 1


def _vorbis_grid(extradata: bytes) -> int:
    """A frame is a quarter of each of two neighbouring blocks, so a multiple of a quarter of the short block.

    Source: Vorbis I specification, sections 4.2.2 (identification header) and 4.3.8 (overlap).
    """
    header = extradata.find(b"\x01vorbis")
    if header < 0 or len(extradata) <= header + 28:
        return 1
    return max(1, (1 << (extradata[header + 28] & 0x0F)) // 4)
