"""Packets into frames: the sound of the wanted streams in the file's order, damage noted and passed over.

Only sound is decoded, and picture packets are not even read where the format allows that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc_otio.media.frames import as_float
from amc_otio.media.pyav_file import ERRORS, PyAVFile

_DISCARD_ALL = 48
#: Packets that end this long (s) before what is wanted are decoded all the same: stamps are rounded.
_EARLIER_S = Fraction(1, 10)


class PacketReader:
    """Reads and decodes the packets of an open file.

    Attributes
    ----------
    problems
        What was found wrong, in words, each once.
    """

    def __init__(self, file: PyAVFile) -> None:
        self._file = file
        self.problems: list[str] = []
        self._damaged: list[float] = []

    def frames(
        self, wanted: Sequence[int], *, not_before: float | None = None, packets: int | None = None
    ) -> Iterator[tuple[int, Any, bool]]:
        """Decode from where the file stands.

        Parameters
        ----------
        wanted
            Audio streams.
        not_before
            Packets that lie before this time (s) are not decoded.
        packets
            How many packets are read at most; None is all.

        Yields
        ------
        tuple
            The stream, PyAV's frame, and whether something was lost before it.
        """
        file = self._file
        file.fresh = False
        place_of = {file.streams[k].index: k for k in wanted}
        for stream in file.container.streams:
            if hasattr(stream, "discard"):  # PyAV 14 and later
                stream.discard = 0 if stream.index in place_of else _DISCARD_ALL
        lost = dict.fromkeys(wanted, False)
        # Packets before this stamp are passed over; kept as plain numbers since there may be many.
        near: dict[int, int | None] = dict.fromkeys(wanted)
        if not_before is not None:
            near.update({k: file.stamp_at(k, Fraction(not_before) - _EARLIER_S) for k in wanted})
        demuxed = file.container.demux([file.container.streams[i] for i in place_of])
        read = 0
        while True:
            try:
                packet = next(demuxed)
            except StopIteration:
                return
            except ERRORS:
                self._damaged.append(-1.0)
                return
            read += 1
            if packets is not None and read > packets:
                return
            k = place_of[packet.stream.index]
            begin = near[k]
            if begin is not None:
                if packet.pts is not None and packet.pts < begin:
                    continue
                near[k] = None
            try:
                frames = packet.decode()
            except ERRORS:
                if packet.pts is not None:
                    self._damaged.append(float(packet.pts * packet.time_base - file.start))
                lost[k] = True
                continue
            for frame in frames:
                yield k, frame, lost[k]
                lost[k] = False

    def samples(self, k: int, frame: Any) -> NDArray[np.float32] | None:
        """Return a frame as (channels, n) float32, full scale 1; None when it does not fit the stream."""
        stream = self._file.streams[k]
        if frame.sample_rate != stream.sample_rate:
            self.note(f"stream {stream.index} changes its sample rate to {frame.sample_rate} Hz on the way")
            return None
        samples = as_float(frame)
        if len(samples) != stream.channels:
            self.note(f"stream {stream.index} changes its number of channels to {len(samples)} on the way")
            fitted = np.zeros((stream.channels, samples.shape[1]), np.float32)
            shared = min(len(samples), stream.channels)
            fitted[:shared] = samples[:shared]
            return fitted
        return samples

    def note(self, text: str) -> None:
        """Put `text` among the problems, once."""
        if text not in self.problems:
            self.problems.append(text)

    def note_damage(self) -> None:
        """Put the damage met since the last call among the problems."""
        times = [t for t in self._damaged if t >= 0]
        if times:
            self.note(f"{len(times)} damaged packets of sound, the first near {min(times):.1f} s")
        elif self._damaged:
            self.note("the file breaks off or is damaged")
        self._damaged.clear()
