"""What the two readers (soundfile, PyAV) have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class AudioStream:
    """One audio stream of a file.

    Attributes
    ----------
    index
        Its index among all streams of the container.
    codec
        Short name of the codec.
    sample_rate
        Samples a second.
    channels
        How many.
    layout
        FFmpeg's name: ``mono``, ``stereo``, ``5.1(side)``; or ``6 channels`` where the file does not say.
    """

    index: int
    codec: str
    sample_rate: int
    channels: int
    layout: str


@dataclass(frozen=True)
class MediaInfo:
    """What a media file holds.

    Attributes
    ----------
    path, container
        The file and the short name of its format.
    duration
        Seconds from the container's start to the end of the sound (of the picture when there is no sound).
    streams
        The audio streams; empty when there is no sound.
    frame_rate
        Of the picture, or None.
    has_picture
        True for moving pictures; cover art does not count.
    start_timecode
        As text, from the file: a tmcd track, MXF metadata, or the time reference of a BWF file (``01:00:00.000``).
    start_s
        The same in seconds: frames / frame rate, or samples / sample rate. None when unknown.
    """

    path: Path
    container: str
    duration: Fraction
    streams: tuple[AudioStream, ...]
    frame_rate: Fraction | None
    has_picture: bool
    start_timecode: str | None
    start_s: Fraction | None


@dataclass(frozen=True)
class Piece:
    """A run of decoded sound: `samples` (channels, n) float32 begins at sample `position` of stream `stream`."""

    stream: int
    position: int
    samples: NDArray[np.float32]


@dataclass(frozen=True)
class Span:
    """A requested range of one stream: zeros where there is no sound.

    Attributes
    ----------
    samples : ndarray, shape (channels, count), float32
    end
        The sample at which the stream ends, if reading came that far.
    """

    samples: NDArray[np.float32]
    end: int | None


class Reader(Protocol):
    """An open media file. Positions are samples at a stream's own rate, from the container's start."""

    streams: tuple[AudioStream, ...]
    problems: list[str]

    def info(self) -> MediaInfo:
        """Return what the file holds."""

    def expected_s(self) -> float | None:
        """Return the length of the sound (s) that the header promises, or None where it promises none."""

    def spans(self, wanted: Mapping[int, tuple[int, int]]) -> dict[int, Span]:
        """Decode (start, count) of each wanted stream, in one pass that seeks."""

    def pieces(self, wanted: Sequence[int]) -> Iterator[Piece]:
        """Decode the wanted streams from beginning to end."""

    def close(self) -> None:
        """Close the file."""
