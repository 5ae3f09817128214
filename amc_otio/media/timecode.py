"""Timecode text to seconds."""

from __future__ import annotations

import re
from fractions import Fraction

_TIMECODE = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")


def timecode_seconds(text: str, rate: Fraction | None) -> Fraction | None:
    """Return the time (s) that `text` means at `rate` frames a second, or None when that cannot be told.

    ``;`` or ``,`` before the frames means drop frame, which leaves numbers out only at 30000/1001 and 60000/1001
    (SMPTE ST 12-1). At 24000/1001 one hour of timecode is 3603.6 s, as in OpenTimelineIO.
    """
    match = _TIMECODE.fullmatch(text.strip())
    if match is None or rate is None or rate <= 0:
        return None
    hours, minutes, seconds, frames = (int(match.group(i)) for i in (1, 2, 3, 5))
    nominal = round(rate)
    count = (hours * 3600 + minutes * 60 + seconds) * nominal + frames
    if match.group(4) in ";," and nominal % 30 == 0 and rate.denominator == 1001:
        total_minutes = hours * 60 + minutes
        count -= nominal // 15 * (total_minutes - total_minutes // 10)
    return count / rate
