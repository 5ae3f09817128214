"""The pictures of a file from any time on, with the times at which each is shown.

Times are seconds from the container's start, as those of sound are. A picture is shown from its own stamp until the
next one's, so that the first that is yielded is the one that is shown at the time that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from amc_otio.errors import MediaError
from amc_otio.media.pyav_file import ERRORS, PyAVFile
from amc_otio.media.sniff import sniff

MOST_PIXELS: Final = 64 * 1024 * 1024
"""A larger picture is refused: it would take a gigabyte to decode."""
MOST_FRAMES: Final = 4000
"""Most pictures that are decoded on the way to the one that is asked for."""
_STEPS_S: Final = (Fraction(0), Fraction(1), Fraction(5), Fraction(20))
"""How much earlier a seek goes where one before landed too late."""
_ANY_RATE: Final = Fraction(25)


@dataclass(frozen=True)
class Picture:
    """A decoded picture (`av.VideoFrame`) and when it begins, in seconds from the container's start."""

    time: Fraction
    frame: Any


class PictureFile:
    """A file whose pictures are read; a context manager.

    Parameters
    ----------
    path
        The file.
    between
        Is called before each packet is decoded, and may wait.

    Attributes
    ----------
    rate
        Pictures a second by the header; 25 where it does not say.
    aspect
        Width of a pixel over its height; 1 where it does not say.

    Raises
    ------
    MediaError
        It cannot be read, has no moving pictures, or larger ones than are decoded.
    """

    def __init__(self, path: Path | str, between: Callable[[], None] = lambda: None) -> None:
        self.path = Path(path)
        self._between = between
        sniff(self.path)
        self._file = PyAVFile(self.path)
        try:
            stream = self._stream()
            rate = stream.average_rate or stream.guessed_rate
            self.rate = Fraction(rate) if rate and rate > 0 else _ANY_RATE
            self.aspect = _aspect(stream)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> PictureFile:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def shown_from(self, time: Fraction) -> Iterator[Picture]:
        """Yield the picture that is shown at a time, then those that follow it.

        Before the first picture the first is shown, after the last the last.

        Raises
        ------
        MediaError
            When nothing decodes, or the file's pictures cannot be reached from one that stands alone.
        """
        landed = self._landed(max(time, Fraction(0)))
        shown: Picture | None = None
        for count, picture in enumerate(landed):
            if shown is not None and picture.time > time:
                break
            if count > MOST_FRAMES:
                raise MediaError(
                    self.path, f"holds no whole picture in {MOST_FRAMES} before this one", "transcode it for editing"
                )
            shown = picture
        else:
            if shown is None:
                raise MediaError(self.path, "none of its pictures decodes", "copy it again from its source")
            yield shown
            return
        yield shown
        yield picture
        yield from landed

    def _landed(self, time: Fraction) -> Iterator[Picture]:
        """Pictures in order from one that begins no later than `time`, where there is one."""
        for step in _STEPS_S:
            if step >= time > 0 or not self._seek(time - step):
                break
            pictures = self._decoded()
            first = next(pictures, None)
            if first is not None and first.time <= time:
                yield first
                yield from pictures
                return
        self._file.fresh = False
        self._file.rewind()
        yield from self._decoded()

    def _seek(self, time: Fraction) -> bool:
        stream = self._stream()
        self._file.fresh = False
        try:
            at = int((time + self._file.start) / stream.time_base)
            self._file.container.seek(at, backward=True, stream=stream)
        except ERRORS:
            return False
        return True

    def _stream(self) -> Any:
        """The stream of pictures, made ready to decode no picture that is too large."""
        stream = self._file.picture
        if stream is None:
            raise MediaError(self.path, "has no moving pictures", "choose a file with pictures")
        context = stream.codec_context
        self._check_size(int(context.width or 0), int(context.height or 0))
        if not context.is_open:
            context.options = {**context.options, "max_pixels": str(MOST_PIXELS)}
        return stream

    def _check_size(self, width: int, height: int) -> None:
        if width * height > MOST_PIXELS:
            raise MediaError(
                self.path, f"its pictures of {width} x {height} are larger than are shown", "make a smaller proxy of it"
            )

    def _decoded(self) -> Iterator[Picture]:
        """Decode in order of display; what is damaged is left out."""
        stream = self._stream()
        base, start = Fraction(stream.time_base), self._file.start
        last: Fraction | None = None
        stray = 0
        for frame in self._frames(stream):
            if stray > MOST_FRAMES:
                return
            self._check_size(frame.width, frame.height)
            if frame.pts is not None:
                time = frame.pts * base - start
            elif last is not None:
                time = last + 1 / self.rate
            else:
                time = Fraction(0)
            if last is not None and time <= last:
                stray += 1
                continue
            last = time
            yield Picture(time, frame)

    def _frames(self, stream: Any) -> Iterator[Any]:
        failed = 0
        packets = self._file.container.demux(stream)
        while failed < MOST_FRAMES:
            try:
                self._between()
                packet = next(packets, None)
                if packet is None:
                    return
                yield from packet.decode()
            except ERRORS:
                failed += 1


def _aspect(stream: Any) -> Fraction:
    """Width of a pixel over its height, of any that a picture is really shown with."""
    found = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    aspect = Fraction(found) if found else Fraction(0)
    return aspect if Fraction(1, 8) <= aspect <= 8 else Fraction(1)
