"""Where a bounce lies, in samples: pure arithmetic in exact fractions, each position rounded once.

Positions count samples at the bounce's rate from midnight on the timeline's timecode (the clock of a BWF time
reference). A source's sample is that position plus one offset, the same for the whole bounce: so nothing drifts,
and what lies outside the fade is the source's own samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from amc_otio.config import ANALYSIS_RATE
from amc_otio.joining.fades import Blend


@dataclass(frozen=True)
class Clock:
    """A timeline's clock: samples a second, frames a second, and the timecode of its first frame in seconds."""

    rate: int
    frame_rate: Fraction
    start: Fraction

    def sample(self, record: Fraction) -> int:
        """The sample nearest to a time from the timeline's start."""
        return round((self.start + record) * self.rate)

    def offset(self, media: Fraction, record: Fraction) -> int:
        """What to add to a position to have the sample of a file that plays its second `media` at time `record`."""
        return round((media - self.start - record) * self.rate)

    def frame_at(self, record: Fraction) -> Fraction:
        """The whole frame at or before a time from the timeline's start, as such a time."""
        return Fraction(floor(record * self.frame_rate)) / self.frame_rate

    def frame_after(self, record: Fraction) -> Fraction:
        """The whole frame at or after a time from the timeline's start, as such a time."""
        return Fraction(ceil(record * self.frame_rate)) / self.frame_rate


@dataclass(frozen=True)
class Cover:
    """What of the timeline a bounce plays, in seconds from the timeline's start."""

    start: Fraction
    end: Fraction


def cover_of(
    clock: Clock, core: tuple[Fraction, Fraction], least: Fraction, most: Fraction, run: Fraction, shortest: Fraction
) -> Cover:
    """What a bounce plays: its core with a run-in and a run-out, on whole frames.

    Parameters
    ----------
    core
        The fade, and the glide after it, from the timeline's start.
    least, most
        What it may play at most: the shots, clear of other transitions.
    run
        Seconds wanted before and after the core.
    shortest
        Less than this is not left before or behind it.
    """
    start = max(clock.frame_at(core[0] - run), least)
    end = min(clock.frame_after(core[1] + run), most)
    return Cover(least if start - least < shortest else start, most if most - end < shortest else end)


@dataclass(frozen=True)
class Spans:
    """Positions of a bounce in samples from midnight.

    Attributes
    ----------
    first, stop
        Of the file.
    fade_first, point, fade_stop
        Of the fade; all the same for a plain cut.
    glide
        Samples after the fade over which the gain returns.
    out_offset, in_offset
        What to add for the sample of the outgoing and the incoming file.
    start, duration
        Of the file in seconds, as the timeline states it: whole frames where the media allow.
    """

    first: int
    stop: int
    fade_first: int
    point: int
    fade_stop: int
    glide: int
    out_offset: int
    in_offset: int
    start: Fraction
    duration: Fraction

    def blend(self, how: Blend) -> Blend:
        """The same blend, counted at the bounce's rate."""
        return Blend(self.point - self.fade_first, self.fade_stop - self.point, how.law, how.gain_db, self.glide)


def spans_of(
    clock: Clock,
    cover: Cover,
    point: Fraction,
    how: Blend,
    outgoing: Fraction | None,
    incoming: Fraction,
    incoming_length: Fraction | None,
    shift: Fraction,
    handle: Fraction,
) -> Spans:
    """Count the samples of a bounce.

    Parameters
    ----------
    cover
        What it plays.
    point
        Where the two sounds meet, in seconds from the timeline's start.
    how
        The blend, in samples at 48 kHz.
    outgoing, incoming
        Second of each file at the point; None where nothing plays before it.
    incoming_length
        Seconds of the incoming file; None where nothing plays after the point.
    shift
        Seconds by which the incoming sound is entered later, so that the waveforms meet; 0 plays it exactly where
        the timeline's clip does, and that clip can go on.
    handle
        Seconds of media wanted before and after the cover.
    """
    fade_first = clock.sample(point - Fraction(how.before, ANALYSIS_RATE))
    fade_stop = clock.sample(point + Fraction(how.after, ANALYSIS_RATE))
    out_offset = 0 if outgoing is None else clock.offset(outgoing, point)
    in_offset = clock.offset(incoming + shift, point)
    if shift and outgoing is not None:
        # Where waveforms are to meet, what counts is the one to the other: that is what is rounded.
        in_offset = out_offset + round((incoming + shift - outgoing) * clock.rate)
    latest = min(cover.start, Fraction(fade_first, clock.rate) - clock.start)
    start = clock.frame_at(latest) if outgoing is None else _start(clock, cover.start - handle, latest, -out_offset)
    least = max(clock.sample(cover.end), fade_stop)
    most = least if incoming_length is None else round(incoming_length * clock.rate) - in_offset
    stop = max(min(clock.sample(cover.end + handle), most), least)
    end = Fraction(stop, clock.rate) - clock.start
    whole = clock.frame_at(end)
    if whole >= cover.end and clock.sample(whole) >= least:
        end = whole
    return Spans(
        first=clock.sample(start),
        stop=clock.sample(end),
        fade_first=fade_first,
        point=clock.sample(point),
        fade_stop=fade_stop,
        glide=round(Fraction(how.glide * clock.rate, ANALYSIS_RATE)),
        out_offset=out_offset,
        in_offset=in_offset,
        start=start,
        duration=end - start,
    )


def _start(clock: Clock, wanted: Fraction, latest: Fraction, lowest: int) -> Fraction:
    """Where the file begins: on a whole frame, on one that is a whole sample too where the media allow.

    At 29.97 frames a second and 48 kHz every fifth frame is, at 24 and 25 every one. There a reader that counts
    frames and one that counts samples find the same sample.

    Parameters
    ----------
    wanted, latest
        Seconds from the timeline's start.
    lowest
        The position of the media's first sample. The timeline's midnight is another bound: no clock runs before it.
    """
    frames = clock.frame_rate
    last = floor(latest * frames)
    least = ceil((Fraction(max(lowest, 0), clock.rate) - clock.start) * frames)
    first = min(max(floor(wanted * frames), least), last)
    period = (Fraction(clock.rate) / frames).denominator
    origin = clock.start * frames
    if period > 1 and origin.denominator == 1:
        before = first - (first + int(origin)) % period
        if before >= least:
            first = before
        elif before + period <= last:
            first = before + period
    return Fraction(first) / frames
