"""Time as FCPXML writes it: a rational number of seconds, on the frames of a sequence.

Apple's "Timing Attributes" page: a value has a 64-bit numerator and a 32-bit denominator, and Final Cut Pro fills a
place that is off its timeline's frames with a gap, and warns.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from amc_otio.errors import TimelineError

_TIME: Final = re.compile(r"(-?\d{1,19})(?:/(\d{1,10}))?s", re.ASCII)
_MOST_SECONDS: Final = 10**8
"""Three years: what is longer is damage."""
_LARGEST_DENOMINATOR: Final = 2**31 - 1
SOUND_TICKS: Final = 720_000
"""Final Cut Pro's own timescale for sound, as its exports show: 48000 and 44100/49 divide evenly into its seconds."""


def parse_time(text: str, what: str) -> Fraction:
    """Return exact seconds of a time such as ``1001/24000s`` or ``5s``.

    Parameters
    ----------
    text
        The attribute.
    what
        Whose it is, for the error.

    Raises
    ------
    TimelineError
        When it is no time, or one that no timeline holds.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None or (found[2] is not None and int(found[2]) == 0):
        raise TimelineError(what, f"'{text[:40]}' is no time of the form 1001/24000s", "export it again")
    seconds = Fraction(int(found[1]), int(found[2] or 1))
    if abs(seconds) > _MOST_SECONDS:
        raise TimelineError(what, f"'{text[:40]}' is longer than any timeline", "export it again")
    return seconds


def format_time(seconds: Fraction, rate: Fraction) -> str:
    """Write exact seconds, in frames of `rate` where it falls on one.

    A time that has no 32-bit denominator (a float once stood for it) is written to the nearest 1/720000 s, a
    fifteenth of a sample.
    """
    if seconds.denominator == 1:
        return f"{seconds.numerator}s"
    frames = seconds * rate
    if frames.denominator == 1:
        length, scale = frame_duration(rate)
        return f"{frames.numerator * length}/{scale}s"
    if seconds.denominator > _LARGEST_DENOMINATOR:
        return format_time(Fraction(round(seconds * SOUND_TICKS), SOUND_TICKS), rate)
    return f"{seconds.numerator}/{seconds.denominator}s"


def frame_duration(rate: Fraction) -> tuple[int, int]:
    """Return a frame's numerator and denominator as Final Cut Pro writes it: (1001, 24000), (100, 2500)."""
    if rate.denominator == 1:
        return 100, 100 * rate.numerator
    return rate.denominator, rate.numerator


def to_frame(seconds: Fraction, rate: Fraction) -> int:
    """Return the nearest frame; half a frame goes up."""
    return int((seconds * rate + Fraction(1, 2)) // 1)


def in_samples(seconds: Fraction) -> int:
    """Return a span as a count of samples at 48 kHz, for people."""
    return round(abs(seconds) * 48_000)
