"""Reads what FFmpeg's libraries read, through PyAV: MP4, MOV, MXF, Matroska, WebM, MPEG and the rest.

Only the sound is decoded. Nothing but the file itself is ever opened: demuxers that follow references to other files or
to the network are not on the list of formats.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import MediaError
from amc_otio.media.channels import plain_layout
from amc_otio.media.clock import StreamClock, anchor, codec_grid, is_exact
from amc_otio.media.frames import (
    Gathered,
    Run,
    as_float,
    clock_seconds,
    codec_name,
    has_xing_header,
    is_cover,
    paste,
    why_not_media,
)
from amc_otio.media.streams import AudioStream, MediaInfo, Piece, Span
from amc_otio.media.timecode import timecode_seconds

# libav's warnings go to this logger; without a handler Python would print them on the terminal.
logging.getLogger("libav").addHandler(logging.NullHandler())

_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mxf,mpeg,mpegts,avi,asf,flv,wav,w64,aiff,caf,au,flac,mp3,ogg,"
    "aac,ac3,eac3,dts,dtshd,truehd,amr,ape,wv,tta,gxf,nut,dv,rm,voc,loas,m4v,h264,hevc,mpegvideo"
)
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
#: Formats whose seeks land where they say; others are read through from the beginning, undecoded.
_SEEKABLE = ("mov", "matroska", "mxf", "mpeg", "mpegts", "avi", "asf", "ogg", "wav", "w64", "aiff", "caf", "flv", "au")
#: Formats whose header says how long each audio stream is.
_TELLS_LENGTH = ("mov", "mxf", "matroska", "wav", "w64", "aiff", "caf")
#: Decoding begins this long (s) before the wanted sample, so that MP3's bit reservoir and overlaps are filled.
_PREROLLS_S = (0.5, 3.0, 12.0)
_WARM_UP_S = 0.25
_HEAD_FRAMES = 5
_HEAD_PACKETS = 2000
#: How much later (s) than the wanted end another stream's packets may be before a silent stream is given up.
_INTERLEAVE_S = 10.0
_DISCARD_ALL = 48
#: av.error.FFmpegError is the root of what libav raises; Python's own come from the file underneath.
_ERRORS = (av.error.FFmpegError, OSError, ValueError, EOFError)


# Text in a header that is no UTF-8 must not stop a file; from 19 on PyAV sees to that itself.
_METADATA: dict[str, str] = {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "replace"}


class PyAVReader:
    """A file that PyAV reads. See `amc_otio.media.streams.Reader`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problems: list[str] = []
        self._damaged: list[float] = []
        self._fresh = False
        self._container: Any = None
        self._open()
        self._read_header()

    def _open(self) -> None:
        """Open the file (again): afterwards reading begins at the beginning."""
        self.close()
        absolute = str(self._path.absolute())
        try:
            # Not options=: given to the streams too, that crashes PyAV before 14.
            self._container = av.open("file:" + absolute, container_options=dict(_OPTIONS), **_METADATA)
        except UnicodeEncodeError as error:
            raise MediaError(
                self._path, "its name holds bytes that are not text", "rename the file and relink the clip"
            ) from error
        except _ERRORS as error:
            raise MediaError(
                self._path, why_not_media(self._path, error), "copy it again or relink the clip"
            ) from error
        self._fresh = True

    def close(self) -> None:
        """Close the file."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def _read_header(self) -> None:
        container = self._container
        self._format = str(container.format.name).split(",")[0]
        streams = []
        for stream in container.streams.audio:
            context = stream.codec_context
            rate, channels = int(context.sample_rate or 0), int(context.channels or 0)
            if rate > 0 and channels > 0:
                streams.append(
                    (
                        stream.index,
                        AudioStream(
                            stream.index,
                            codec_name(context),
                            rate,
                            channels,
                            plain_layout(str(context.layout.name), channels),
                        ),
                    )
                )
        self._indices = [index for index, _ in streams]
        self.streams = tuple(s for _, s in streams)
        self._pictures = [s.index for s in container.streams.video if not is_cover(s)]
        self._start = self._start_time()
        self._ticks = [float(container.streams[i].time_base * s.sample_rate) for i, s in streams]

        self._starts = [float(self._start * s.sample_rate) for _, s in streams]

    def _start_time(self) -> Fraction:
        """The container's start, more exact than FFmpeg's microseconds where a stream's own start agrees with it.

        What lies before zero is the priming of an encoder (older FFmpeg counts it), not the beginning of the sound.
        """
        if self._container.start_time is None or self._container.start_time <= 0:
            return Fraction(0)
        rounded = Fraction(self._container.start_time, 1_000_000)
        for stream in self._container.streams:
            if stream.start_time is not None and stream.time_base:
                own = stream.start_time * stream.time_base
                if abs(own - rounded) <= Fraction(1, 900_000):
                    return Fraction(own)
        return rounded

    # --- what the file says -------------------------------------------------------------------------------------

    def info(self) -> MediaInfo:
        """Return what the file holds."""
        picture = self._container.streams[self._pictures[0]] if self._pictures else None
        rate = (picture.average_rate or picture.guessed_rate) if picture is not None else None
        frame_rate = Fraction(rate) if rate and rate > 0 else None
        timecode = self._timecode()
        return MediaInfo(
            path=self._path,
            container=str(self._container.format.name),
            duration=self._duration(),
            streams=self.streams,
            frame_rate=frame_rate,
            has_picture=picture is not None,
            start_timecode=timecode,
            start_s=timecode_seconds(timecode, frame_rate) if timecode else None,
        )

    def _timecode(self) -> str | None:
        places = [self._container.metadata, *(s.metadata for s in self._container.streams)]
        for metadata in places:
            for key, value in metadata.items():
                if key.lower() == "timecode" and value:
                    return str(value).strip()
        return None

    def _duration(self) -> Fraction:
        ends = [e for e in (self._stream_end(i) for i in (self._indices or self._pictures)) if e is not None]
        if ends:
            return max(ends)
        return Fraction(self._container.duration or 0, 1_000_000)

    def _stream_end(self, index: int) -> Fraction | None:
        """Where a stream ends, in seconds from the container's start, by its own header."""
        stream = self._container.streams[index]
        if stream.duration:
            begin = stream.start_time * stream.time_base - self._start if stream.start_time is not None else 0
            return Fraction(begin + stream.duration * stream.time_base)
        text = next((v for k, v in stream.metadata.items() if k.upper().startswith("DURATION")), "")
        return clock_seconds(text)

    def expected_s(self) -> float | None:
        """Return the length (s) that the header promises for the sound, or None where it does not tell."""
        if self._format not in _TELLS_LENGTH and not (self._format == "mp3" and has_xing_header(self._path)):
            return None
        ends = [e for e in (self._stream_end(i) for i in self._indices) if e is not None]
        if not ends and not self._pictures and self._container.duration:
            return float(self._container.duration / 1e6)
        return float(max(ends)) if ends else None

    # --- decoding -----------------------------------------------------------------------------------------------

    def pieces(self, wanted: Sequence[int]) -> Iterator[Piece]:
        """Decode the wanted streams from beginning to end, counted from each one's first frame."""
        self._rewind()
        clocks = {k: StreamClock(self.streams[k].sample_rate, self._ticks[k]) for k in wanted}
        sizes: dict[int, list[int]] = {k: [] for k in wanted}
        gathered = {k: Gathered() for k in wanted}
        for k, frame, lost in self._frames(wanted):
            clock, samples = clocks[k], self._samples(k, frame)
            if samples is None:
                clock.resync = True
                continue
            clock.resync = clock.resync or lost
            if len(sizes[k]) < _HEAD_FRAMES:
                sizes[k].append(samples.shape[1])
                clock.grid = codec_grid(self.streams[k].codec, self._extradata(k), sizes[k])
            position = clock.place(self._stamp(k, frame), samples.shape[1])
            if position < 0:  # an encoder's priming
                samples, position = samples[:, -position:], 0
            if not gathered[k].follows(position) or gathered[k].count > self.streams[k].sample_rate // 2:
                yield from gathered[k].take(k)
            gathered[k].add(position, samples)
        for k in wanted:
            yield from gathered[k].take(k)
        for k in wanted:
            self.problems += [f"sound is missing or repeated at {t:.1f} s" for t in clocks[k].jumps[:5]]
        self._tell_damage()

    def spans(self, wanted: Mapping[int, tuple[int, int]]) -> dict[int, Span]:
        """Decode (start, count) of each wanted stream in one pass, seeking where that saves reading."""
        first_s = min(start / self.streams[k].sample_rate for k, (start, _) in wanted.items())
        total = self._container.duration
        if total and first_s > total / 1e6 + 60 and self._format in _TELLS_LENGTH:
            return {k: self._nothing(k, count) for k, (_, count) in wanted.items()}
        for preroll in _PREROLLS_S:
            if first_s - preroll <= 0.5:
                break
            result = self._spans_after_seek(wanted, first_s - preroll)
            if result is not None:
                self._tell_damage()
                return result
        return self._spans_from_start(wanted)

    def _spans_from_start(self, wanted: Mapping[int, tuple[int, int]]) -> dict[int, Span]:
        out = {k: np.zeros((self.streams[k].channels, count), np.float32) for k, (_, count) in wanted.items()}
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
        now = piece.position / self.streams[piece.stream].sample_rate
        return all(
            (start + count) / self.streams[k].sample_rate + _INTERLEAVE_S < now for k, (start, count) in left.items()
        )

    def _spans_after_seek(self, wanted: Mapping[int, tuple[int, int]], seek_s: float) -> dict[int, Span] | None:
        """Seek and decode; None when the seek landed too late for one of the streams."""
        heads = self._heads(list(wanted))
        first = next(iter(wanted))
        stream = self._container.streams[self._indices[first]]
        skip_only = self._format not in _SEEKABLE
        try:
            if skip_only:
                self._rewind()
            else:
                target = int((Fraction(seek_s) + self._start) / stream.time_base)
                self._fresh = False
                self._container.seek(target, backward=True, stream=stream)
        except _ERRORS:
            return None
        runs = {k: Run() for k in wanted}
        at_end = self._collect(wanted, runs, seek_s)
        result = {}
        for k, (start, count) in wanted.items():
            run = runs[k]
            rate = self.streams[k].sample_rate
            if not run.arrays:
                if not at_end:
                    return None
                result[k] = self._nothing(k, count)
                continue
            placed = self._place(k, run, heads[k])
            begins = self._container.streams[self._indices[k]].start_time
            earliest = float((begins or 0) * self._container.streams[self._indices[k]].time_base - self._start)
            if placed[0][0] > start - _WARM_UP_S * rate and placed[0][0] > (earliest + 0.05) * rate:
                return None
            samples = np.zeros((self.streams[k].channels, count), np.float32)
            for position, array in placed:
                paste(samples, start, position, array)
            end = placed[-1][0] + placed[-1][1].shape[1]
            result[k] = Span(samples, None if end >= start + count else end)
        return result

    def _collect(self, wanted: Mapping[int, tuple[int, int]], runs: dict[int, Run], seek_s: float) -> bool:
        """Decode until every stream has its range; True when the file's end was reached."""
        last_s = max((start + count) / self.streams[k].sample_rate for k, (start, count) in wanted.items())
        for k, frame, lost in self._frames(list(wanted), not_before=seek_s):
            run = runs[k]
            stamp = self._stamp(k, frame)
            if stamp is not None and stamp / self.streams[k].sample_rate > last_s + _INTERLEAVE_S:
                return True  # whatever stream is not done by now has nothing there
            if run.done:
                continue
            samples = self._samples(k, frame)
            if samples is None:
                continue
            run.stamps.append(stamp)
            run.lost_before.append(lost)
            run.arrays.append(samples)
            start, count = wanted[k]
            # Some frames more than by the stamps: they may be rounded, and the anchor moves them.
            run.done = run.reached() >= start + count + 4 * self._ticks[k] + samples.shape[1]
            if all(r.done for r in runs.values()):
                return False
        return True

    def _place(self, k: int, run: Run, head: tuple[int, int]) -> list[tuple[int, NDArray[np.float32]]]:
        grid, phase = head
        stream, tick = self.streams[k], self._ticks[k]
        counts = [a.shape[1] for a in run.arrays]
        # The anchor is taken from the frames before the first lost one.
        until = next((i for i, lost in enumerate(run.lost_before) if lost and i), len(counts))
        known = [(i, s) for i, s in enumerate(run.stamps[:until]) if s is not None]
        clock = StreamClock(stream.sample_rate, tick, grid)
        if known and known[0][0] == 0 and len(known) == until:
            stamps = [s for _, s in known]
            begin = np.concatenate([[0], np.cumsum(counts[: until - 1])])
            steady = np.abs(np.asarray(stamps) - stamps[0] - begin) <= 0.1 * stream.sample_rate
            until = until if steady.all() else max(1, int(np.argmin(steady)))
            clock.next = anchor(stamps[:until], counts[:until], tick=tick, codec=stream.codec, grid=grid, phase=phase)
        placed: list[tuple[int, NDArray[np.float32]]] = []
        for stamp, lost, array in zip(run.stamps, run.lost_before, run.arrays, strict=True):
            clock.resync = lost and bool(placed)
            placed.append((clock.place(stamp, array.shape[1]), array))
        return placed

    def _heads(self, wanted: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Return (grid, phase) of each stream, from the first frames of the file when its stamps are rounded."""
        heads = {k: (1, 0) for k in wanted}
        rounded = [k for k in wanted if not is_exact(self._ticks[k])]
        if not rounded:
            return heads
        self._rewind()
        clocks = {k: StreamClock(self.streams[k].sample_rate, self._ticks[k]) for k in rounded}
        sizes: dict[int, list[int]] = {k: [] for k in rounded}
        for k, frame, _ in self._frames(rounded, packets=_HEAD_PACKETS):
            samples = self._samples(k, frame)
            if samples is None or len(sizes[k]) >= _HEAD_FRAMES:
                continue
            clocks[k].place(self._stamp(k, frame), samples.shape[1])
            sizes[k].append(samples.shape[1])
            if all(len(s) >= _HEAD_FRAMES for s in sizes.values()):
                break
        for k in rounded:
            heads[k] = (codec_grid(self.streams[k].codec, self._extradata(k), sizes[k]), clocks[k].next or 0)
        return heads

    def _frames(
        self, wanted: Sequence[int], *, not_before: float | None = None, packets: int | None = None
    ) -> Iterator[tuple[int, Any, bool]]:
        """Yield (stream, decoded frame, whether something was lost before it); damage is noted and passed over.

        Packets that end before `not_before` (s) are not decoded. Picture packets are not even read where the format
        allows that.
        """
        self._fresh = False
        place_of = {self._indices[k]: k for k in wanted}
        for stream in self._container.streams:
            if hasattr(stream, "discard"):  # PyAV 14 and later
                stream.discard = 0 if stream.index in place_of else _DISCARD_ALL
        lost = dict.fromkeys(wanted, False)
        # Packets before this stamp are passed over; kept as plain numbers since there may be many.
        near = {k: self._stamp_near(k, not_before) for k in wanted}
        demuxed = self._container.demux([self._container.streams[i] for i in place_of])
        read = 0
        while True:
            try:
                packet = next(demuxed)
            except StopIteration:
                return
            except _ERRORS:
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
            except _ERRORS:
                if packet.pts is not None:
                    self._damaged.append(float(packet.pts * packet.time_base - self._start))
                lost[k] = True
                continue
            for frame in frames:
                yield k, frame, lost[k]
                lost[k] = False

    def _stamp_near(self, k: int, not_before: float | None) -> int | None:
        """The stamp, in the stream's own unit, from which packets are decoded."""
        if not_before is None:
            return None
        time_base = self._container.streams[self._indices[k]].time_base
        return int((Fraction(not_before) - Fraction(1, 10) + self._start) / time_base)

    def _rewind(self) -> None:
        if not self._fresh:
            self._open()

    def _extradata(self, k: int) -> bytes:
        return bytes(self._container.streams[self._indices[k]].codec_context.extradata or b"")

    def _stamp(self, k: int, frame: Any) -> float | None:
        """The frame's time in samples from the container's start."""
        if frame.pts is None:
            return None
        return float(frame.pts * self._ticks[k] - self._starts[k])

    def _samples(self, k: int, frame: Any) -> NDArray[np.float32] | None:
        """Return a frame as (channels, n) float32, full scale 1; None when it does not fit the stream."""
        stream = self.streams[k]
        if frame.sample_rate != stream.sample_rate:
            self._note(f"stream {stream.index} changes its sample rate to {frame.sample_rate} Hz on the way")
            return None
        samples = as_float(frame)
        if len(samples) != stream.channels:
            self._note(f"stream {stream.index} changes its number of channels to {len(samples)} on the way")
            fitted = np.zeros((stream.channels, samples.shape[1]), np.float32)
            shared = min(len(samples), stream.channels)
            fitted[:shared] = samples[:shared]
            return fitted
        return samples

    def _nothing(self, k: int, count: int) -> Span:
        return Span(np.zeros((self.streams[k].channels, count), np.float32), None)

    def _note(self, text: str) -> None:
        if text not in self.problems:
            self.problems.append(text)

    def _tell_damage(self) -> None:
        times = [t for t in self._damaged if t >= 0]
        if times:
            self._note(f"{len(times)} damaged packets of sound, the first near {min(times):.1f} s")
        elif self._damaged:
            self._note("the file breaks off or is damaged")
        self._damaged.clear()
