"""Timecode, frames and seconds as people type them, on exact rates.

Drop-frame counting as in SMPTE ST 12-1: at 29.97 the frame numbers 00 and 01 are left out at the start of every
minute that is not a tenth one (at 59.94: 00 to 03). Everything is counted in integers and Fractions.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from amc_otio.errors import UsageError
from amc_otio.timeline.rational import RationalTime, from_frames, seconds

RATES: Final[dict[str, Fraction]] = {
    "23.976": Fraction(24000, 1001),
    "24": Fraction(24),
    "25": Fraction(25),
    "29.97": Fraction(30000, 1001),
    "30": Fraction(30),
    "47.952": Fraction(48000, 1001),
    "48": Fraction(48),
    "50": Fraction(50),
    "59.94": Fraction(60000, 1001),
    "60": Fraction(60),
    "119.88": Fraction(120000, 1001),
    "120": Fraction(120),
}
"""The rates that editors name, exact."""

_TIMECODE: Final = re.compile(r"(\d{1,3})([:;])(\d{2})([:;])(\d{2})([:;])(\d{2,3})", re.ASCII)
_FRAMES: Final = re.compile(r"f?(\d{1,12})", re.ASCII | re.IGNORECASE)
_SECONDS: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?|\.\d{1,9})\s*s", re.ASCII | re.IGNORECASE)
_EXAMPLES: Final = "write 01:00:05:12, 01:00:05;12 (drop frame), 120 or f120 (frames from the start), or 12.5s"


def nominal(rate: Fraction) -> int | None:
    """Return how many frames timecode counts to a second (30 at 29.97), or None where it has no timecode."""
    whole = round(rate)
    if whole >= 1 and rate in (Fraction(whole), Fraction(whole * 1000, 1001)):
        return whole
    return None


def can_drop(rate: Fraction) -> bool:
    """Whether drop-frame timecode exists at a rate: 29.97, 59.94 and 119.88."""
    whole = nominal(rate)
    return whole is not None and rate.denominator == 1001 and whole % 30 == 0


def rate_name(rate: Fraction) -> str:
    """Return a rate as editors say it: "23.976", "25", "29.97"."""
    for name, known in RATES.items():
        if known == rate:
            return name
    return f"{float(rate):g}"


def infer_drop(rate: Fraction, start: RationalTime | None) -> bool | None:
    """Tell from a timeline's start whether it counts drop-frame; None where the start does not say.

    A timeline starts at a round timecode. At 29.97, frame 107892 is 01:00:00;00 in drop-frame and nothing round
    in non-drop, so that start says drop-frame.
    """
    if not can_drop(rate):
        return False
    frames = _start_frames(rate, start)
    per_second = round(rate)
    drop = frames % (600 * per_second - 9 * _dropped(per_second)) == 0
    whole = frames % (600 * per_second) == 0
    return drop if drop != whole else None


def parse_time(
    text: str, rate: Fraction, *, start: RationalTime | None = None, drop: bool | None = None
) -> RationalTime:
    """Read a time that a person typed.

    Parameters
    ----------
    text
        ``HH:MM:SS:FF``, ``HH:MM:SS;FF`` (drop-frame), ``1234`` or ``f1234`` (frames from the timeline's start), or
        ``12.5s`` (seconds from its start; the nearest frame is taken).
    rate
        The timeline's edit rate.
    start
        The timeline's global start time; timecode counts from it.
    drop
        Whether ``HH:MM:SS:FF`` is drop-frame too (a timeline that is known to be); None and False: it is not.

    Returns
    -------
    RationalTime
        Whole frames at `rate` from the start of the timeline (0 is its first frame).

    Raises
    ------
    UsageError
        When the text is no time, does not exist at this rate, or lies before the start.
    """
    text = text.strip()
    if match := _FRAMES.fullmatch(text):
        return from_frames(int(match[1]), rate)
    if match := _SECONDS.fullmatch(text):
        return from_frames(round(Fraction(match[1]) * rate), rate)
    match = _TIMECODE.fullmatch(text)
    if match is None:
        raise UsageError(f"time '{text}'", "is not a time", _EXAMPLES)
    semicolon = ";" in (match[2], match[4], match[6])
    frames = _frames_of(text, (int(match[1]), int(match[3]), int(match[5]), int(match[7])), rate, semicolon, drop)
    frames -= _start_frames(rate, start)
    if frames < 0:
        # The start shown as a person would type it, in the same counting.
        shown = _text(_start_frames(rate, start), rate, semicolon or bool(drop))
        raise UsageError(f"time '{text}'", f"lies before the timeline's start, {shown}", f"give a time from {shown} on")
    return from_frames(frames, rate)


def format_timecode(time: RationalTime, rate: Fraction, drop: bool | None = None) -> str:
    """Write a time as timecode (the nearest frame), or as ``f1234`` at a rate that has no timecode.

    Parameters
    ----------
    time
        A time from 00:00:00:00; add the global start before.
    rate
        The rate whose frames are counted.
    drop
        Drop-frame or not; None: drop-frame at the rates that have it.

    Raises
    ------
    UsageError
        When `drop` is asked for at a rate that has no drop-frame timecode.
    """
    if drop and not can_drop(rate):
        raise UsageError(f"{rate_name(rate)} fps", "has no drop-frame timecode", "use HH:MM:SS:FF")
    return _text(round(seconds(time) * rate), rate, can_drop(rate) if drop is None else drop)


def _dropped(per_second: int) -> int:
    return per_second // 15


def _start_frames(rate: Fraction, start: RationalTime | None) -> int:
    return round(seconds(start) * rate) if start is not None else 0


def _frames_of(text: str, fields: tuple[int, int, int, int], rate: Fraction, semicolon: bool, drop: bool | None) -> int:
    hours, minutes, secs, frames = fields
    per_second = nominal(rate)
    if per_second is None:
        raise UsageError(f"time '{text}'", f"{rate_name(rate)} fps has no timecode", "give frames or seconds")
    if semicolon and not can_drop(rate):
        raise UsageError(f"time '{text}'", f"{rate_name(rate)} fps has no drop-frame timecode", "use HH:MM:SS:FF")
    if minutes > 59 or secs > 59 or frames >= per_second:
        raise UsageError(f"time '{text}'", f"does not exist at {rate_name(rate)} fps", f"frames go to {per_second - 1}")
    count = ((hours * 60 + minutes) * 60 + secs) * per_second + frames
    if semicolon or (drop and can_drop(rate)):
        dropped = _dropped(per_second)
        if secs == 0 and frames < dropped and minutes % 10:
            raise UsageError(
                f"time '{text}'",
                "does not exist in drop-frame timecode",
                f"use {hours:02}:{minutes:02}:{secs:02};{dropped:02}",
            )
        whole_minutes = hours * 60 + minutes
        count -= dropped * (whole_minutes - whole_minutes // 10)
    return count


def _text(frames: int, rate: Fraction, drop: bool) -> str:
    per_second = nominal(rate)
    if per_second is None:
        return f"f{frames}"
    sign, frames = ("-", -frames) if frames < 0 else ("", frames)
    if drop and can_drop(rate):
        dropped = _dropped(per_second)
        tens, rest = divmod(frames, 600 * per_second - 9 * dropped)
        frames += 9 * dropped * tens
        if rest >= dropped:
            frames += dropped * ((rest - dropped) // (60 * per_second - dropped))
    total, frame = divmod(frames, per_second)
    separator = ";" if drop and can_drop(rate) else ":"
    return f"{sign}{total // 3600:02}:{total // 60 % 60:02}:{total % 60:02}{separator}{frame:02}"
