"""The picture on one side of a join as a small JPEG."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

from amc_otio.audition.segments import Moment
from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import MediaError
from amc_otio.media.picture_frames import PictureFile
from amc_otio.media.pyav_file import ERRORS

WIDTH: Final = 240
"""Pixels of a JPEG's width."""
TALLEST: Final = 480
"""Most pixels of its height."""
_QUALITY: Final = {"qmin": "4", "qmax": "6"}


def frame_jpeg(moment: Moment, between: Callable[[], None] = lambda: None) -> bytes:
    """Make the JPEG of a moment, as wide as `WIDTH`, in the proportions that it is shown in.

    Parameters
    ----------
    between
        Is called before each step, and may wait.

    Raises
    ------
    MediaError
        When the file cannot be read any more, or has no such picture.
    """
    with PictureFile(Path(moment.path), between) as file:
        # The middle of the picture beside the point: times that were rounded still mean it.
        half = 1 / (2 * file.rate)
        time = Fraction(moment.at, ANALYSIS_RATE) + (-half if moment.before else half)
        frame = next(file.shown_from(time)).frame
        try:
            return jpeg(frame, file.aspect)
        except ERRORS as error:
            raise MediaError(file.path, "a picture of it cannot be shown", "transcode it for editing") from error


def display_size(frame: Any, aspect: Fraction | None = None) -> tuple[Fraction, int]:
    """Width over height as shown, and the quarter turns to the left that bring it upright.

    Parameters
    ----------
    frame
        An `av.VideoFrame`.
    aspect
        Width of a pixel over its height, where the frame does not say.
    """
    # A frame tells neither its pixels' aspect nor, before PyAV 14, how it is turned.
    turns = round((int(getattr(frame, "rotation", 0) or 0)) / 90) % 4
    shape = Fraction(frame.width, frame.height) * (aspect or 1)
    return (1 / shape if turns % 2 else shape), turns


def upright(frame: Any, width: int, height: int, turns: int) -> Any:
    """Scale a picture to a size as shown, and turn it upright; an `av.VideoFrame` in RGB."""
    if turns % 2:
        width, height = height, width
    small = frame.reformat(width, height, "rgb24", interpolation="AREA")
    if not turns:
        return small
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(small.to_ndarray(), turns)), "rgb24")


def jpeg(frame: Any, aspect: Fraction | None = None) -> bytes:
    """Encode a picture, scaled as `frame_jpeg` does."""
    shape, turns = display_size(frame, aspect)
    height = max(2, min(TALLEST, round(WIDTH / shape / 2) * 2))
    width = WIDTH if WIDTH / shape <= TALLEST else max(2, round(TALLEST * shape / 2) * 2)
    picture = upright(frame, width, height, turns).reformat(format="yuvj420p")
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = _QUALITY
    picture.pts = 0
    packets = [*encoder.encode(picture), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets)
