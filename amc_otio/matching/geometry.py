"""What an edit of each mode needs of a match: bounds for the join, then the shot's record length."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE, EditSettings
from amc_otio.joining.bounds import Bounds
from amc_otio.timeline.slots import Slot

_SAMPLE: Final = Fraction(1, ANALYSIS_RATE)


@dataclass(frozen=True)
class Outgoing:
    """The outgoing side in samples at 48 kHz, from the query window's start.

    Attributes
    ----------
    edit_point
        Where the cut is now.
    media_end
        Where the outgoing media ends.
    """

    edit_point: int
    media_end: int


@dataclass(frozen=True)
class Shortfall:
    """Why a match cannot be cut, and how many timeline frames are missing (None where frames are not the matter)."""

    reason: str
    missing_frames: int | None


def _samples(time: Fraction) -> int:
    return floor(time * ANALYSIS_RATE)


def keeps_record_length(slot: Slot, edit: EditSettings) -> bool:
    """Whether the incoming shot must fill exactly what the present one leaves."""
    if edit.mode == "insert" or edit.ripple:
        return False
    return edit.mode == "align" or not (slot.fills_gap or edit.short == "keep")


def bounds_for(
    slot: Slot,
    edit: EditSettings,
    rate: Fraction,
    outgoing: Outgoing,
    window_start: int,
    window_valid: int,
    media_length: int,
    min_remaining: int,
    reach: int = 0,
) -> Bounds:
    """Bounds of the join between an edit point and a window of a match.

    Parameters
    ----------
    rate
        The timeline's frame rate, for the shortest clip.
    window_start, window_valid, media_length
        The match's window and its file's length, in samples at 48 kHz. For ``align`` the window starts at the
        incoming clip's in point.
    min_remaining
        Samples that must remain after the in point.
    reach
        Samples beyond the match's window in which a point is looked for too.
    """
    shortest = _samples(edit.min_frames / rate)
    clip_start = outgoing.edit_point - _samples(slot.outgoing)
    sound_from = clip_start + _samples(slot.outgoing_busy)
    outgoing_from, outgoing_to = sound_from + shortest, outgoing.media_end
    media_end = media_length - window_start
    incoming_to = window_valid + reach
    lag: int | None = None
    record_end: int | None = None
    needed = _samples(slot.tail_needed)
    busy = _samples(slot.incoming_busy)
    if slot.incoming is not None and not edit.ripple:
        end = outgoing.edit_point + _samples(slot.incoming) - busy
        if keeps_record_length(slot, edit):
            # in point + record length (the slot's, and what the cut's move adds) must end inside the media.
            lag = media_end - _samples(slot.incoming) - needed - outgoing.edit_point
        else:
            # The retrieved shot reaches at least to the present cut: what stays behind it is never longer than it was.
            lag = media_end - outgoing.edit_point
        if edit.mode == "insert":
            outgoing_from = max(outgoing_from, outgoing.edit_point - _samples(_whole(_length(edit), rate)))
            outgoing_to = min(outgoing_to, end - 2 * shortest)
        else:
            record_end = end
            outgoing_to = min(outgoing_to, end - shortest)
    if edit.mode == "align":
        if edit.ripple and slot.incoming is not None:
            left = _samples(slot.incoming) - busy
            incoming_to = min(incoming_to, left - shortest)
            media_end = min(media_end, left)
    else:
        follows = 0
        if edit.ripple and edit.mode == "replace":
            follows = needed + _samples(ceil(slot.incoming_busy * rate) / rate)
        incoming_to = min(incoming_to, media_end - max(min_remaining, shortest) - follows)
    return Bounds(
        edit_point=outgoing.edit_point,
        outgoing_from=outgoing_from,
        outgoing_to=outgoing_to,
        outgoing_sound_from=sound_from,
        outgoing_media_end=outgoing.media_end,
        incoming_from=-min(reach, window_start),
        incoming_to=incoming_to,
        incoming_media_start=-window_start,
        incoming_media_end=media_end,
        longest_lag=lag,
        record_end=record_end,
    )


def shortfall(
    bounds: Bounds,
    slot: Slot,
    edit: EditSettings,
    rate: Fraction,
    out_points: NDArray[np.int64],
    in_points: NDArray[np.int64],
) -> Shortfall:
    """Say why `bounds` allow no pair of these points."""

    def frames(samples: int) -> int:
        return ceil(Fraction(samples, ANALYSIS_RATE) * rate)

    if bounds.outgoing_from > bounds.edit_point:
        missing = frames(bounds.outgoing_from - bounds.edit_point)
        return Shortfall("the outgoing clip is too short for a join", missing)
    if bounds.outgoing_from > bounds.outgoing_to:
        missing = frames(bounds.outgoing_from - bounds.outgoing_to)
        return Shortfall("the incoming shot's place on the timeline is too short for a join", missing)
    outs = out_points[(out_points >= bounds.outgoing_from) & (out_points <= bounds.outgoing_to)]
    reachable = in_points[in_points >= bounds.incoming_from]
    if not outs.size or not reachable.size:
        return Shortfall("no frame of the window leaves the handles that the join needs", None)
    earliest = int(reachable.min())
    if bounds.longest_lag is not None:
        # The best that could be cut: the earliest in point at the latest out point.
        over = earliest - int(outs.max()) - bounds.longest_lag
        if over > 0:
            over = max(over, earliest - bounds.incoming_to)
            return Shortfall(_too_short(slot, edit), frames(over))
    return Shortfall("too little sound remains after the window's start", frames(max(1, earliest - bounds.incoming_to)))


def _too_short(slot: Slot, edit: EditSettings) -> str:
    if edit.mode == "align":
        return "the incoming clip's tail handle is too short for the record length"
    if keeps_record_length(slot, edit):
        advice = "--short keep leaves the present shot's rest behind it"
        return f"the shot is too short for the record length ({advice})"
    return "the shot is too short to reach the present cut"


def _length(edit: EditSettings) -> Fraction:
    return Fraction(str(edit.length_s))


def _whole(time: Fraction, rate: Fraction) -> Fraction:
    """A time rounded down to whole frames."""
    return Fraction(floor(time * rate)) / rate


def record_length(
    slot: Slot, edit: EditSettings, rate: Fraction, cut_shift: Fraction, available: Fraction, min_remaining: Fraction
) -> Fraction | Shortfall | None:
    """Record length of the retrieved shot, in whole timeline frames or as long as its place.

    Parameters
    ----------
    cut_shift
        How far the cut moved, in seconds.
    available
        Seconds of media from the in point on.
    min_remaining
        The shortest retrieved shot that makes sense, in seconds.

    Returns
    -------
    Fraction, Shortfall or None
        None keeps what the slot has.
    """
    if edit.mode == "align" or keeps_record_length(slot, edit):
        return None
    replaces = edit.mode == "replace"
    least = Fraction(edit.min_frames) / rate
    room = slot.incoming - cut_shift if slot.incoming is not None else None
    wanted = room if replaces and room is not None else _whole(_length(edit), rate)
    shortest = max(least, _whole(min(min_remaining, wanted), rate))
    needed = slot.tail_needed if replaces else Fraction(0)
    most = wanted
    if edit.ripple:
        shortest += ceil(slot.incoming_busy * rate) / rate if replaces else 0
    elif room is not None:
        shortest = max(shortest, -cut_shift)
        if not (replaces and available >= room + needed):
            # Something stays behind the retrieved shot: as much as a later transition uses, and never a sliver.
            free = slot.fills_gap and not slot.incoming_busy and not slot.tail_needed
            most = min(wanted, room if free else room - slot.incoming_busy - least)
            needed = Fraction(0)
    if most < shortest:
        return Shortfall(f"no room for {edit.mode} of at least {float(shortest):.2f} s here", None)
    usable = available - needed
    # Points lie on samples, so that what just fits may seem a sample short.
    length = most if replaces and usable >= most == room else _whole(min(most, usable + _SAMPLE), rate)
    if length < shortest:
        missing = ceil((shortest - usable) * rate)
        return Shortfall(f"the shot is too short for {edit.mode} of at least {float(shortest):.2f} s", missing)
    return length
