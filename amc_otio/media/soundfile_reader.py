"""Reads what libsndfile reads: WAV, RF64, AIFF, FLAC, Ogg and their like (not MP3). Its seeks are bit-exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from amc_otio.errors import MediaError
from amc_otio.media.channels import VORBIS_TO_NATIVE, layout_name
from amc_otio.media.riff import WaveHeader, read_wave_header
from amc_otio.media.streams import AudioStream, MediaInfo, Piece, Span

_BLOCK_S = 10
#: A float WAV of a broken writer can claim anything; beyond this libsndfile itself does not know the length.
_MAX_FRAMES = 1 << 52
#: The last samples of a block must be what a seek to them gives; otherwise something was lost before them.
_OVERLAP = 256
_SMALL = 4096
_VORBIS_END_S = 4
_LONGEST_PAGE = 65_307
_LOST_IN_SILENCE = ("VORBIS", "OPUS")


class NotForSoundfileError(Exception):
    """libsndfile cannot read this file; another reader may."""


class SoundfileReader:
    """A file that libsndfile reads. See `amc_otio.media.streams.Reader`."""

    def __init__(self, path: Path, container: str) -> None:
        self._path = path
        self._container = container
        self._file = self._open()
        frames = int(self._file.frames)
        if frames > _MAX_FRAMES:
            self._file.close()
            raise NotForSoundfileError("its length is unknown")
        self._frames = frames
        self._rate = int(self._file.samplerate)
        self._channels = int(self._file.channels)
        self._codec = str(self._file.subtype)
        if self._codec.startswith("MPEG"):
            # libmpg123 goes back too little after a seek, and soundfile seeks at every read (0.3 of full scale was
            # seen); it also writes on the terminal. PyAV counts packets instead.
            self._file.close()
            raise NotForSoundfileError("MPEG audio")
        self._header = read_wave_header(path) if container in ("wav", "aiff") else WaveHeader()
        specified = container in ("flac", "ogg")
        layout = layout_name(self._channels, mask=self._header.channel_mask, specified=specified)
        self._order = VORBIS_TO_NATIVE.get(self._channels) if self._codec in ("VORBIS", "OPUS") else None
        self._loses_in_silence = self._codec in _LOST_IN_SILENCE
        self.streams: tuple[AudioStream, ...] = (
            AudioStream(0, self._codec.lower(), self._rate, self._channels, layout),
        )
        self.problems: list[str] = []
        self._damage: list[float] = []

    def _open(self) -> soundfile.SoundFile:
        try:
            file = soundfile.SoundFile(str(self._path))
        except (RuntimeError, TypeError, ValueError, OSError) as error:
            raise NotForSoundfileError(str(error)) from error
        if file.samplerate <= 0 or file.channels <= 0:
            file.close()
            raise NotForSoundfileError("its header makes no sense")
        return file

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def info(self) -> MediaInfo:
        """Return what the file holds."""
        start_s = timecode = None
        if self._header.time_reference is not None:
            start_s = Fraction(self._header.time_reference, self._rate)
            timecode = clock_text(start_s)
        return MediaInfo(
            path=self._path,
            container=self._container,
            duration=Fraction(self._frames, self._rate),
            streams=self.streams,
            frame_rate=None,
            has_picture=False,
            start_timecode=timecode,
            start_s=start_s,
        )

    def expected_s(self) -> float | None:
        """Return the length (s) that the header promises: a truncated WAV's own count, else libsndfile's."""
        frames = self._header.frames if self._header.frames is not None else self._frames
        return frames / self._rate

    def spans(self, wanted: Mapping[int, tuple[int, int]]) -> dict[int, Span]:
        """Decode (start, count) of each wanted stream."""
        return {stream: self._span(start, count) for stream, (start, count) in wanted.items()}

    def _span(self, start: int, count: int) -> Span:
        out = np.zeros((self._channels, count), np.float32)
        first, stop = max(start, 0), min(start + count, self._frames)
        if stop > first:
            samples, _ = self._read(first, stop - first)
            out[:, first - start : stop - start] = samples.T
        return Span(out, self._frames)

    def pieces(self, wanted: Sequence[int]) -> Iterator[Piece]:
        """Decode from beginning to end in blocks of some seconds."""
        block = _BLOCK_S * self._rate
        position = empty = 0
        if self._container == "ogg" and not _ogg_is_whole(self._path):
            self.problems.append("it may be cut short: its last page does not mark the end")
        while position < self._frames:
            count = min(block, self._frames - position)
            damage = len(self._damage)
            samples, good = self._read(position, count)
            if (
                self._loses_in_silence
                and good
                and self._lost_something(samples, position + count, len(self._damage) > damage)
            ):
                self._damage.append(position / self._rate)
                samples, good = self._read_in_parts(position, count)
            empty = 0 if good else empty + 1
            if empty == 3:
                break  # half a minute of nothing: the file was cut short
            if good:
                yield Piece(0, position, np.ascontiguousarray(samples[:good].T))
            position += count
        if self._damage:
            self.problems.append(f"damaged or missing sound, first near {min(self._damage):.1f} s")

    def _lost_something(self, samples: NDArray[np.float32], end: int, damaged: bool) -> bool:
        """Tell whether the last samples of a block that ends at `end` are others than a seek to them gives.

        Ogg decoders pass over damage without a word, and what follows then comes too early.
        """
        last = min(_OVERLAP, len(samples))
        if damaged or not last:
            return damaged
        there = self._try(end - last, last)
        if self._order is not None:
            there = there[:, self._order]
        return len(there) < last or bool(np.any(np.abs(samples[-last:] - there) > 1e-3))

    def _read_in_parts(self, start: int, count: int) -> tuple[NDArray[np.float32], int]:
        """Read a block of which some is lost in parts that are each sought: what is lost displaces little then."""
        part = self._rate // 4
        out, good = np.zeros((count, self._channels), np.float32), 0
        for first in range(0, count, part):
            size = min(part, count - first)
            samples, found = self._read(start + first, size)
            out[first : first + size] = samples
            good = first + found if found else good
        return out, good

    def _read(self, start: int, count: int) -> tuple[NDArray[np.float32], int]:
        """Read (count, channels) from `start`, zeros where it is damaged, and how far sound was found."""
        out = np.zeros((count, self._channels), np.float32)
        position, stop, good, step = start, start + count, 0, self._rate // 10
        while position < stop:
            samples = self._try(position, stop - position)
            out[position - start : position - start + len(samples)] = samples
            position += len(samples)
            good = position - start if len(samples) else good
            if position < stop:
                self._damage.append(position / self._rate)
                position += step  # look for sound again further on, in growing steps so that it ends soon
                step *= 2
        if self._order is not None:
            out = out[:, self._order]
        return out, good

    def _try(self, position: int, count: int) -> NDArray[np.float32]:
        """Read what can be read from `position`: up to `count` samples."""
        try:
            before = self._read_before(position)
            if self._loses_in_silence or self._file.tell() != position:
                self._file.seek(position - before)  # so that positions stay true behind a damaged place
            samples: NDArray[np.float32] = self._file.read(before + count, dtype="float32", always_2d=True)
            return samples[before:]
        except (RuntimeError, OSError):
            pass
        # After an error libsndfile keeps failing: begin afresh, and take small steps up to the damage.
        parts = [np.zeros((0, self._channels), np.float32)]
        self._reopen()
        try:
            self._file.seek(position)
            left = count
            while left > 0:
                parts.append(self._file.read(min(left, _SMALL), dtype="float32", always_2d=True))
                left -= len(parts[-1])
                if not len(parts[-1]):
                    break
        except (RuntimeError, OSError):
            self._reopen()
        return np.concatenate(parts)

    def _read_before(self, position: int) -> int:
        """How many samples to read and drop: libsndfile seeks wrongly within the last page of a Vorbis file."""
        last_pages = self._frames - _VORBIS_END_S * self._rate
        return min(position, max(0, position - last_pages)) if self._codec == "VORBIS" else 0

    def _reopen(self) -> None:
        self._file.close()
        try:
            self._file = self._open()
        except NotForSoundfileError as error:
            raise MediaError(self._path, f"it changed while it was read ({error})", "try again") from error


def _ogg_is_whole(path: Path) -> bool:
    """Tell whether the last page of an Ogg file marks the end of its stream (RFC 3533, section 6)."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _LONGEST_PAGE))
            tail = file.read()
    except OSError:
        return True
    page = tail.rfind(b"OggS")
    return page < 0 or page + 5 >= len(tail) or bool(tail[page + 5] & 0x04)


def clock_text(seconds: Fraction) -> str:
    """Write seconds since midnight as ``HH:MM:SS.mmm``."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
