"""The pictures beside a segment's sound as a small film in memory, for a browser to play and to seek in.

Every picture keeps its own time to the sample: the film's clock starts at the segment's first sample.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import av

from amc_otio.audition.pictures import display_size, upright
from amc_otio.audition.segments import Segment
from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import MediaError
from amc_otio.media.picture_frames import MOST_FRAMES, Picture, PictureFile
from amc_otio.media.pyav_file import ERRORS

WIDEST: Final = 426
"""Most pixels of a film's width."""
TALLEST: Final = 240
"""Most pixels of its height."""
FASTEST: Final = Fraction(30)
"""Most pictures a second."""
_GROUP: Final = 12
_BASE: Final = Fraction(1, ANALYSIS_RATE)


@dataclass(frozen=True)
class _Kind:
    """How a film is written."""

    codec: str
    container: str
    content_type: str
    options: dict[str, str]


_H264: Final = _Kind(
    "libx264",
    "mp4",
    "video/mp4",
    {"preset": "veryfast", "crf": "28", "profile": "baseline", "sc_threshold": "0", "threads": "1"},
)
_VP8: Final = _Kind(
    "libvpx", "webm", "video/webm", {"deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "800k", "threads": "1"}
)


@lru_cache(maxsize=1)
def _kind() -> _Kind:
    """H.264 where this PyAV can write it, VP8 elsewhere."""
    try:
        av.codec.Codec(_H264.codec, "w")
    except (ValueError, *ERRORS):
        return _VP8
    return _H264


def content_type() -> str:
    """The media type of what `segment_film` makes."""
    return _kind().content_type


def segment_film(segment: Segment, between: Callable[[], None] = lambda: None) -> bytes:
    """Make the film of a segment: no sound, `WIDEST` by `TALLEST` at most, in the proportions that it is shown in.

    Before the file's first picture that one stands, after its last the last.

    Parameters
    ----------
    between
        Is called before each step, and may wait.

    Raises
    ------
    MediaError
        When the file cannot be read any more, or has no pictures.
    """
    start = Fraction(segment.first, ANALYSIS_RATE)
    with PictureFile(Path(segment.path), between) as file:
        try:
            return _written(_placed(file, start, segment.count), file, segment.count)
        except ERRORS as error:
            raise MediaError(file.path, "its pictures cannot be shown", "transcode it for editing") from error


def _placed(file: PictureFile, start: Fraction, count: int) -> Iterator[tuple[int, Picture]]:
    """Pictures with the sample of the segment at which each is shown, no faster than `FASTEST`, the last one again."""
    apart = ANALYSIS_RATE / FASTEST
    least = apart * Fraction(9, 10)  # a picture may come a little early by its rounded stamp
    kept: Fraction | None = None
    shown: Picture | None = None
    told = 0
    for number, picture in enumerate(file.shown_from(start)):
        at = (picture.time - start) * ANALYSIS_RATE
        if shown is None:
            shown = picture
            yield 0, picture
        if at >= count or number > MOST_FRAMES:
            break
        if kept is None or at - kept >= least:
            kept = at
            if round(at) > told:
                told = round(at)
                yield told, picture
        shown = picture
    last = count - round(apart)
    if shown is not None and told < last:
        yield last, shown


def _written(pictures: Iterator[tuple[int, Picture]], file: PictureFile, count: int) -> bytes:
    kind, target = _kind(), io.BytesIO()
    # Room for the index in front, so that a browser need not look for it at the end.
    index = 4096 + 40 * (2 + count * FASTEST.numerator * 2 // ANALYSIS_RATE)
    options = {"moov_size": str(index)} if kind.container == "mp4" else {}
    with av.open(target, "w", format=kind.container, options=options) as container:
        film: Any = container.add_stream(kind.codec, rate=FASTEST, options=kind.options)
        film.codec_context.time_base = _BASE
        film.codec_context.gop_size = _GROUP
        film.pix_fmt = "yuv420p"
        size: tuple[int, int, int] | None = None
        for at, picture in pictures:
            if size is None:
                size = _size(picture.frame, file.aspect)
                film.width, film.height = size[:2]
            frame = upright(picture.frame, *size).reformat(format="yuv420p")
            frame.pts, frame.time_base = at, _BASE
            container.mux(film.encode(frame))
        container.mux(film.encode(None))
    return target.getvalue()


def _size(frame: Any, aspect: Fraction) -> tuple[int, int, int]:
    """Even width and height that fit, and the turns that bring it upright."""
    shape, turns = display_size(frame, aspect)
    height = min(Fraction(TALLEST), Fraction(WIDEST) / shape, Fraction(frame.width if turns % 2 else frame.height))
    return max(2, round(height * shape / 2) * 2), max(2, round(height / 2) * 2), turns
