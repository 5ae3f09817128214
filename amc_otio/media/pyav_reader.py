"""Reads what FFmpeg's libraries read, through PyAV: MP4, MOV, MXF, Matroska, WebM, MPEG and the rest.

`pyav_file` opens the file and reads its header, `pyav_packets` decodes, `pyav_seek` reads a span after a seek. Here
they become a `Reader`: all of the sound in order, or spans of it by whichever way reads less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from amc_otio.media.clock import StreamClock, codec_grid
from amc_otio.media.frames import HEAD_FRAMES, Gathered, paste, silence
from amc_otio.media.pyav_file import PyAVFile
from amc_otio.media.pyav_packets import PacketReader
from amc_otio.media.pyav_seek import INTERLEAVE_S, spans_after_seek
from amc_otio.media.streams import MediaInfo, Piece, Span

#: Decoding begins this long (s) before the wanted sample, so that MP3's bit reservoir and overlaps are filled.
_PREROLLS_S = (0.5, 3.0, 12.0)


class PyAVReader:
    """A file that PyAV reads. See `amc_otio.media.streams.Reader`."""

    def __init__(self, path: Path) -> None:
        self._file = PyAVFile(path)
        self._packets = PacketReader(self._file)
        self.streams = self._file.streams
        self.problems = self._packets.problems

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def info(self) -> MediaInfo:
        """Return what the file holds."""
        return self._file.info()

    def expected_s(self) -> float | None:
        """Return the length (s) that the header promises for the sound, or None where it does not tell."""
        return self._file.expected_s()

    def pieces(self, wanted: Sequence[int]) -> Iterator[Piece]:
        """Decode the wanted streams from beginning to end, counted from each one's first frame."""
        file = self._file
        file.rewind()
        clocks = {k: StreamClock(self.streams[k].sample_rate, file.ticks[k]) for k in wanted}
        sizes: dict[int, list[int]] = {k: [] for k in wanted}
        gathered = {k: Gathered() for k in wanted}
        for k, frame, lost in self._packets.frames(wanted):
            clock, samples = clocks[k], self._packets.samples(k, frame)
            if samples is None:
                clock.resync = True
                continue
            clock.resync = clock.resync or lost
            if len(sizes[k]) < HEAD_FRAMES:
                sizes[k].append(samples.shape[1])
                clock.grid = codec_grid(self.streams[k].codec, file.extradata(k), sizes[k])
            position = clock.place(file.stamp(k, frame), samples.shape[1])
            if position < 0:  # an encoder's priming
                samples, position = samples[:, -position:], 0
            if not gathered[k].follows(position) or gathered[k].count > self.streams[k].sample_rate // 2:
                yield from gathered[k].take(k)
            gathered[k].add(position, samples)
        for k in wanted:
            yield from gathered[k].take(k)
        for k in wanted:
            self.problems += [f"sound is missing or repeated at {t:.1f} s" for t in clocks[k].jumps[:5]]
        self._packets.note_damage()

    def spans(self, wanted: Mapping[int, tuple[int, int]]) -> dict[int, Span]:
        """Decode (start, count) of each wanted stream in one pass, seeking where that saves reading."""
        first_s = min(start / self.streams[k].sample_rate for k, (start, _) in wanted.items())
        total = self._file.container.duration
        if total and first_s > total / 1e6 + 60 and self._file.tells_length:
            return {k: Span(silence(self.streams[k], count), None) for k, (_, count) in wanted.items()}
        for preroll in _PREROLLS_S:
            if first_s - preroll <= 0.5:
                break
            result = spans_after_seek(self._file, self._packets, wanted, first_s - preroll)
            if result is not None:
                self._packets.note_damage()
                return result
        return self._spans_from_start(wanted)

    def _spans_from_start(self, wanted: Mapping[int, tuple[int, int]]) -> dict[int, Span]:
        out = {k: silence(self.streams[k], count) for k, (_, count) in wanted.items()}
        ends: dict[int, int] = {}
        left = dict(wanted)
        for piece in self.pieces(list(wanted)):
            start, count = wanted[piece.stream]
            stop = piece.position + piece.samples.shape[1]
            ends[piece.stream] = stop
            paste(out[piece.stream], start, piece.position, piece.samples)
            if stop >= start + count:
                left.pop(piece.stream, None)
            if not left or self._all_late(left, piece):
                return {k: Span(out[k], None if ends.get(k, 0) >= sum(wanted[k]) else ends.get(k, 0)) for k in wanted}
        return {k: Span(out[k], ends.get(k, 0)) for k in wanted}

    def _all_late(self, left: Mapping[int, tuple[int, int]], piece: Piece) -> bool:
        """Tell whether reading is so far on that streams that are not done yet have nothing there."""
        now = piece.position / self.streams[piece.stream].sample_rate
        return all(
            (start + count) / self.streams[k].sample_rate + INTERLEAVE_S < now for k, (start, count) in left.items()
        )
