"""A file opened through FFmpeg's libraries, and what its header says: streams, length, timecode, where time begins.

Nothing but the file itself is ever opened: demuxers that follow references to other files or to the network are not
on the list of formats.
"""

from __future__ import annotations

import contextlib
import logging
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from amc_otio.errors import MediaError
from amc_otio.media.channels import plain_layout
from amc_otio.media.streams import AudioStream, MediaInfo
from amc_otio.media.timecode import timecode_seconds

# libav's warnings go to this logger; without a handler Python would print them on the terminal.
logging.getLogger("libav").addHandler(logging.NullHandler())

_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mxf,mpeg,mpegts,avi,asf,flv,wav,w64,aiff,caf,au,flac,mp3,ogg,"
    "aac,ac3,eac3,dts,dtshd,truehd,amr,ape,wv,tta,gxf,nut,dv,rm,voc,loas,m4v,h264,hevc,mpegvideo"
)
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
#: Formats whose header says how long each audio stream is.
_TELLS_LENGTH = ("mov", "mxf", "matroska", "wav", "w64", "aiff", "caf")
_ATTACHED_PIC = 0x400
#: av.error.FFmpegError is the root of what libav raises; Python's own come from the file underneath.
ERRORS = (av.error.FFmpegError, OSError, ValueError, EOFError)
# Text in a header that is no UTF-8 must not stop a file; from 19 on PyAV sees to that itself.
_METADATA: dict[str, str] = {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "replace"}


class PyAVFile:
    """An open file. Its audio streams count from 0 here, whatever else the container holds.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    container
        PyAV's; another one after `rewind`.
    format
        Short name of the container's format.
    streams
        The audio streams.
    ticks
        The time unit of each audio stream, in its samples.
    start
        The container's start (s) on its own clock; sample 0 is there.
    fresh
        True until something has been read: then `rewind` need not open the file again.

    Raises
    ------
    MediaError
        It cannot be read, or is not media.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.container: Any = None
        self.fresh = False
        self._open()
        self._read_header()

    def _open(self) -> None:
        """Open the file (again): afterwards reading begins at the beginning."""
        self.close()
        absolute = str(self.path.absolute())
        try:
            # Not options=: given to the streams too, that crashes PyAV before 14.
            self.container = av.open("file:" + absolute, container_options=dict(_OPTIONS), **_METADATA)
        except UnicodeEncodeError as error:
            raise MediaError(
                self.path, "its name holds bytes that are not text", "rename the file and relink the clip"
            ) from error
        except ERRORS as error:
            raise MediaError(self.path, _why_not_media(self.path, error), "copy it again or relink the clip") from error
        self.fresh = True

    def rewind(self) -> None:
        """Begin at the beginning again: seeking to 0 does not do that in every format."""
        if not self.fresh:
            self._open()

    def close(self) -> None:
        """Close the file."""
        if self.container is not None:
            self.container.close()
            self.container = None

    def _read_header(self) -> None:
        container = self.container
        self.format = str(container.format.name).split(",")[0]
        streams = []
        for stream in container.streams.audio:
            context = stream.codec_context
            rate, channels = int(context.sample_rate or 0), int(context.channels or 0)
            if rate > 0 and channels > 0:
                layout = plain_layout(str(context.layout.name), channels)
                streams.append(AudioStream(stream.index, _codec_name(context), rate, channels, layout))
        self.streams = tuple(streams)
        self._pictures = [s.index for s in container.streams.video if not _is_cover(s)]
        self.start = self._start_time()
        self.ticks = [float(container.streams[s.index].time_base * s.sample_rate) for s in streams]
        self._starts = [float(self.start * s.sample_rate) for s in streams]

    def _start_time(self) -> Fraction:
        """The container's start, more exact than FFmpeg's microseconds where a stream's own start agrees with it.

        What lies before zero is the priming of an encoder (older FFmpeg counts it), not the beginning of the sound.
        """
        if self.container.start_time is None or self.container.start_time <= 0:
            return Fraction(0)
        rounded = Fraction(self.container.start_time, 1_000_000)
        for stream in self.container.streams:
            if stream.start_time is not None and stream.time_base:
                own = stream.start_time * stream.time_base
                if abs(own - rounded) <= Fraction(1, 900_000):
                    return Fraction(own)
        return rounded

    # --- of one audio stream ------------------------------------------------------------------------------------

    def av_stream(self, k: int) -> Any:
        """Return PyAV's object of audio stream `k`."""
        return self.container.streams[self.streams[k].index]

    def extradata(self, k: int) -> bytes:
        """Return the header of the codec of audio stream `k`."""
        return bytes(self.av_stream(k).codec_context.extradata or b"")

    def stamp(self, k: int, frame: Any) -> float | None:
        """Return a frame's time in samples from the container's start, None where it has no stamp."""
        if frame.pts is None:
            return None
        return float(frame.pts * self.ticks[k] - self._starts[k])

    def stamp_at(self, k: int, seconds: Fraction) -> int:
        """Return the stamp, in audio stream `k`'s own unit, of a time (s) from the container's start."""
        return int((seconds + self.start) / self.av_stream(k).time_base)

    def begins_s(self, k: int) -> float:
        """Return where audio stream `k` begins, in seconds from the container's start."""
        stream = self.av_stream(k)
        return float((stream.start_time or 0) * stream.time_base - self.start)

    @property
    def picture(self) -> Any:
        """PyAV's object of the first stream of moving pictures, None where there is none; a cover is none."""
        return self.container.streams[self._pictures[0]] if self._pictures else None

    # --- of the whole file --------------------------------------------------------------------------------------

    def info(self) -> MediaInfo:
        """Return what the file holds."""
        picture = self.picture
        rate = (picture.average_rate or picture.guessed_rate) if picture is not None else None
        frame_rate = Fraction(rate) if rate and rate > 0 else None
        timecode = self._timecode()
        return MediaInfo(
            path=self.path,
            container=str(self.container.format.name),
            duration=self._duration(),
            streams=self.streams,
            frame_rate=frame_rate,
            has_picture=picture is not None,
            start_timecode=timecode,
            start_s=timecode_seconds(timecode, frame_rate) if timecode else None,
        )

    def expected_s(self) -> float | None:
        """Return the length (s) that the header promises for the sound, or None where it does not tell."""
        if not self.tells_length and not (self.format == "mp3" and _has_xing_header(self.path)):
            return None
        ends = self._ends([s.index for s in self.streams])
        if not ends and not self._pictures and self.container.duration:
            return float(self.container.duration / 1e6)
        return float(max(ends)) if ends else None

    @property
    def tells_length(self) -> bool:
        """Whether the header of this format says how long each audio stream is."""
        return self.format in _TELLS_LENGTH

    def _timecode(self) -> str | None:
        places = [self.container.metadata, *(s.metadata for s in self.container.streams)]
        for metadata in places:
            for key, value in metadata.items():
                if key.lower() == "timecode" and value:
                    return str(value).strip()
        return None

    def _duration(self) -> Fraction:
        ends = self._ends([s.index for s in self.streams] or self._pictures)
        return max(ends) if ends else Fraction(self.container.duration or 0, 1_000_000)

    def _ends(self, indices: list[int]) -> list[Fraction]:
        """Where the streams with these indices end, in seconds from the container's start, by their own headers."""
        ends: list[Fraction] = []
        for index in indices:
            stream = self.container.streams[index]
            if stream.duration:
                begin = stream.start_time * stream.time_base - self.start if stream.start_time is not None else 0
                ends.append(Fraction(begin + stream.duration * stream.time_base))
                continue
            text = next((v for k, v in stream.metadata.items() if k.upper().startswith("DURATION")), "")
            end = _clock_seconds(text)
            if end is not None:
                ends.append(end)
        return ends


def _codec_name(context: Any) -> str:
    """Name the codec, not FFmpeg's decoder of it (``mp3float`` is mp3)."""
    name = str(getattr(context.codec, "canonical_name", "") or context.name)
    return {"mp3float": "mp3", "libopus": "opus", "libvorbis": "vorbis"}.get(name, name)


def _is_cover(stream: Any) -> bool:
    """Tell whether a video stream is only an attached picture, such as an album's cover."""
    disposition = getattr(stream, "disposition", None)  # PyAV 14 and later
    if disposition is not None:
        return bool(int(disposition) & _ATTACHED_PIC)
    return stream.codec_context.name in ("png", "mjpeg", "bmp", "gif") and stream.frames <= 1


def _clock_seconds(text: str) -> Fraction | None:
    """Read Matroska's ``HH:MM:SS.nnnnnnnnn``."""
    parts = text.strip().split(":")
    if len(parts) != 3:
        return None
    with contextlib.suppress(ValueError, ZeroDivisionError):
        return int(parts[0]) * 3600 + int(parts[1]) * 60 + Fraction(parts[2])
    return None


def _has_xing_header(path: Path) -> bool:
    """Tell whether an MP3 file counts its frames in its first frame; otherwise its length is only estimated."""
    with path.open("rb") as file:
        head = file.read(1 << 18)
    return b"Xing" in head or b"Info" in head


def _why_not_media(path: Path, error: BaseException) -> str:
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] in (b"ftyp", b"mdat", b"wide", b"free", b"skip"):
        return "its index (moov) is missing or damaged: the recording or the copy was cut short"
    if isinstance(error, PermissionError):
        return "it may not be read"
    return "it is not a media file that can be read"
