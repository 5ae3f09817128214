"""Fade gains and where a fade of a wanted length fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FADE_LAWS: Final = ("equal-power", "equal-gain")


@dataclass(frozen=True)
class Room:
    """Samples that a fade may take on either side of the point.

    Attributes
    ----------
    outgoing_before
        Of the outgoing clip before its out point, inside the clip and clear of an earlier transition.
    outgoing_after
        Its tail handle: media after the out point.
    incoming_before
        The head handle: media before the in point.
    incoming_after
        Of the incoming clip after its in point, inside its record length.
    """

    outgoing_before: int
    outgoing_after: int
    incoming_before: int
    incoming_after: int

    @property
    def before(self) -> int:
        """Longest part of a fade before the point."""
        return max(0, min(self.outgoing_before, self.incoming_before))

    @property
    def after(self) -> int:
        """Longest part of a fade after the point."""
        return max(0, min(self.outgoing_after, self.incoming_after))

    def limits(self) -> tuple[str, str]:
        """Names, in words, of what limits the fade before and after the point."""
        before = "head handle" if self.incoming_before <= self.outgoing_before else "outgoing clip's length"
        after = "tail handle" if self.outgoing_after <= self.incoming_after else "incoming clip's length"
        return before, after


@dataclass(frozen=True)
class Fade:
    """A fade placed around a point; ``before + after`` samples long.

    ``clamped_by`` names in words what kept it from being as long as wanted, or from being centred.
    """

    before: int
    after: int
    clamped_by: tuple[str, ...]

    @property
    def length(self) -> int:
        """Samples from the first to the last of the fade."""
        return self.before + self.after

    def within(self, room: Room) -> Fade:
        """The same fade, no longer than `room` on either side."""
        shorter = zip(room.limits(), (self.before > room.before, self.after > room.after), strict=True)
        names = (*self.clamped_by, *(limit for limit, cut in shorter if cut))
        return Fade(min(self.before, room.before), min(self.after, room.after), tuple(dict.fromkeys(names)))


@dataclass(frozen=True)
class Blend:
    """How two sounds are mixed around a point; lengths in samples.

    Attributes
    ----------
    before, after
        Of the fade, before and after the point; both 0 is a plain cut.
    law
        One of `FADE_LAWS`.
    gain_db
        What the incoming sound is turned up by during the fade.
    glide
        After the fade that gain returns to 0 dB over so many samples.
    """

    before: int = 0
    after: int = 0
    law: str = "equal-power"
    gain_db: float = 0.0
    glide: int = 0


def place(wanted: float, longest: int, room: Room) -> Fade:
    """Centre a fade of `wanted` samples on the point, as far as window and handles allow.

    Section 2.4 says "with length and overlap of l seconds" and not where; we centre the fade on the point that
    Max-SS found, and where one side has no room the other side takes what is missing, so that the two sounds stay
    aligned as found.

    Parameters
    ----------
    wanted
        Length in samples; may be infinite.
    longest
        The longest length allowed, in samples: the window's.
    room
        What the handles hold.
    """
    clamps: list[str] = []
    length = round(wanted) if wanted <= longest else longest
    if wanted > longest:
        clamps.append("window")
    before = length // 2
    after = length - before
    limit_before, limit_after = room.limits()
    if before > room.before:
        clamps.append(limit_before)
        before, after = room.before, length - room.before
    if after > room.after:
        clamps.append(limit_after)
        after = room.after
        before = min(length - after, room.before)
        if before + after < length and limit_before not in clamps:
            clamps.append(limit_before)
    return Fade(before, after, tuple(clamps))


def place_still(half: int, room: Room) -> Fade:
    """Centre a fade on the point; a side without room stays short, and the other takes nothing on for it."""
    limits = room.limits()
    clamps = tuple(limit for limit, side in zip(limits, (room.before, room.after), strict=True) if half > side)
    return Fade(min(half, room.before), min(half, room.after), tuple(dict.fromkeys(clamps)))


COHERENT: Final = 0.6
"""From this correlation on two sounds have a waveform in common (docs/joining.md)."""


def law_for(correlation: float) -> str:
    """The fade law for two sides of this correlation.

    In the middle of a fade ``equal-power`` gives 1 + r of the power and ``equal-gain`` half of that: from `COHERENT`
    on, equal power would swell by 2 dB and more.
    """
    return "equal-gain" if correlation >= COHERENT else "equal-power"


def gains(n: int, law: str = "equal-power") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fade-out and fade-in gains over `n` samples, each of shape ``(n,)``.

    ``equal-power`` is the paper's square-root window: the squares of the two gains sum to one. ``equal-gain`` is
    linear: the gains themselves sum to one. Taken at sample centres, so that the two are mirror images.
    """
    x = (np.arange(n) + 0.5) / max(n, 1)
    if law == "equal-gain":
        return 1.0 - x, x
    return np.sqrt(1.0 - x), np.sqrt(x)


def level_envelope(blend: Blend, length: int) -> NDArray[np.float64]:
    """Gain of the incoming sound from the fade's start on, shape ``(length,)``: held over the fade, then gliding.

    The glide is straight in decibels and ends at exactly 1.
    """
    fade = blend.before + blend.after
    decibels = np.zeros(length)
    decibels[:fade] = blend.gain_db
    glide = min(blend.glide, max(0, length - fade))
    decibels[fade : fade + glide] = blend.gain_db * (1.0 - (np.arange(glide) + 0.5) / max(blend.glide, 1))
    return np.asarray(10.0 ** (decibels / 20.0))
