"""How the gain of a join's incoming clip runs: held over the fade, then gliding back to 0 dB."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

STEP_DB: Final = 1.0
"""Most that two neighbouring keyframes of a glide differ by. Readers join keyframes by straight lines, some in decibels
and some in amplitude; over a step of 1 dB the two are at most 0.015 dB apart."""
SHORTEST_GLIDE: Final = Fraction(1, 1000)
"""A gain never returns at once, which would click."""


@dataclass(frozen=True)
class Ramp:
    """Gain of the incoming clip around a join; times in seconds on the clock of its media.

    Attributes
    ----------
    gain_db
        Held from `start` to `hold`, the fade's ends.
    start, hold, end
        Where the fade begins, where it ends, and where the gain is back at 0 dB; straight in decibels between.
    """

    gain_db: float
    start: Fraction
    hold: Fraction
    end: Fraction

    @classmethod
    def around(cls, cut: Fraction, before: Fraction, after: Fraction, gain_db: float, glide: Fraction) -> Ramp:
        """The ramp of a fade `before` and `after` a cut, and of the glide behind it."""
        return cls(gain_db, cut - before, cut + after, cut + after + max(glide, SHORTEST_GLIDE))

    def at(self, time: Fraction) -> float:
        """Gain in dB at a time; before the fade it is that of the fade."""
        if time <= self.hold:
            return self.gain_db
        if time >= self.end:
            return 0.0
        return self.gain_db * float((self.end - time) / (self.end - self.hold))

    def keyframes(self, rate: Fraction, origin: Fraction, last: Fraction | None = None) -> list[tuple[int, float]]:
        """Keyframes on a grid, at most `STEP_DB` apart where the grid is fine enough.

        Parameters
        ----------
        rate
            Ticks of the grid a second.
        origin
            Time of tick 0; no keyframe lies before it.
        last
            Where the media ends: no keyframe lies after it. None is no limit.

        Returns
        -------
        list of (int, float)
            Tick and gain in dB, in order. The gain is the ramp's own at that tick.
        """

        def tick(time: Fraction) -> Fraction:
            return max(Fraction(0), (time - origin) * rate)

        steps = max(1, math.ceil(abs(self.gain_db) / STEP_DB))
        glide = [tick(self.hold + (self.end - self.hold) * k / steps) for k in range(steps + 1)]
        ticks = {math.floor(tick(self.start)), math.ceil(glide[0]), math.ceil(glide[-1]), *map(math.floor, glide)}
        if last is not None:
            limit = math.floor(tick(last))
            ticks = {min(t, limit) for t in ticks}
        return [(t, self.at(origin + t / rate)) for t in sorted(ticks)]
