"""RationalTime and exact fractions of seconds, both ways.

OTIO keeps a rate as a float, so 30000/1001 arrives as 29.97002997…; sums of such times drift. Everything that
decides an edit is computed in `fractions.Fraction` seconds, and becomes a RationalTime again only at the end.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Final, TypeAlias

import opentimelineio as otio

RationalTime: TypeAlias = otio.opentime.RationalTime
TimeRange: TypeAlias = otio.opentime.TimeRange

_NTSC: Final = tuple(Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120))


@lru_cache(maxsize=1024)
def exact_rate(rate: float) -> Fraction:
    """Return the exact rate that a float stands for: 23.976 and 23.98 are 24000/1001, 25.0 is 25."""
    for ntsc in _NTSC:
        if abs(rate - float(ntsc)) < 0.006:
            return ntsc
    return Fraction(rate).limit_denominator(1_000_000)


def seconds(time: RationalTime) -> Fraction:
    """Exact seconds of a time. A value within a millionth of a whole frame is that frame."""
    nearest = round(time.value)
    value = Fraction(nearest if abs(time.value - nearest) < 1e-6 else time.value)
    return value / exact_rate(time.rate)


def from_seconds(value: Fraction, rate: Fraction) -> RationalTime:
    """Return `value` seconds as a RationalTime at `rate`; whole frames come out whole."""
    return RationalTime(float(value * rate), float(rate))


def from_frames(frames: int, rate: Fraction) -> RationalTime:
    """Return a whole number of frames at an exact rate."""
    return RationalTime(float(frames), float(rate))


def end(time_range: TimeRange) -> Fraction:
    """Exact end of a range in seconds, exclusive."""
    return seconds(time_range.start_time) + seconds(time_range.duration)
