"""What an edit of each mode needs of a match: bounds for the join, then the shot's record length."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from amc_otio.config import ANALYSIS_RATE, EditSettings
from amc_otio.joining.join import Bounds
from amc_otio.timeline.slots import Slot


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
    """
    shortest = _samples(edit.min_frames / rate)
    clip_start = outgoing.edit_point - _samples(slot.outgoing)
    sound_from = clip_start + _samples(slot.outgoing_busy)
    media_end = media_length - window_start
    incoming_to = window_valid
    lag: int | None = None
    record_end: int | None = None
    outgoing_to = outgoing.media_end
    if slot.incoming is not None and not edit.ripple and edit.mode != "insert":
        length, busy, needed = (_samples(v) for v in (slot.incoming, slot.incoming_busy, slot.tail_needed))
        record_end = outgoing.edit_point + length - busy
        outgoing_to = min(outgoing_to, record_end - shortest)
        if keeps_record_length(slot, edit):
            # in point + record length (the slot's, and what the cut's move adds) must end inside the media.
            lag = media_end - length - needed - outgoing.edit_point
    if edit.mode == "align" and edit.ripple and slot.incoming is not None:
        left = _samples(slot.incoming - slot.incoming_busy)
        incoming_to = min(incoming_to, left - shortest)
        media_end = min(media_end, left)
    elif lag is None:
        incoming_to = min(incoming_to, media_end - max(min_remaining, shortest))
    return Bounds(
        edit_point=outgoing.edit_point,
        outgoing_from=sound_from + shortest,
        outgoing_to=outgoing_to,
        outgoing_sound_from=sound_from,
        outgoing_media_end=outgoing.media_end,
        incoming_from=0,
        incoming_to=incoming_to,
        incoming_media_start=-window_start,
        incoming_media_end=media_end,
        longest_lag=lag,
        record_end=record_end,
    )


def shortfall(bounds: Bounds, slot: Slot, edit: EditSettings, rate: Fraction) -> Shortfall:
    """Say why `bounds` allow no pair of points."""
    if bounds.outgoing_from > bounds.edit_point:
        missing = ceil(Fraction(bounds.outgoing_from - bounds.edit_point, ANALYSIS_RATE) * rate)
        return Shortfall("the outgoing clip is too short for a join", missing)
    if bounds.longest_lag is not None:
        # The best that could be cut: the earliest in point at the latest out point.
        best = bounds.incoming_from - min(bounds.edit_point, bounds.outgoing_to)
        over = best - bounds.longest_lag
        if over > 0:
            missing = ceil(Fraction(over, ANALYSIS_RATE) * rate)
            what = "the incoming clip's tail handle is" if edit.mode == "align" else "the shot is"
            advice = "" if edit.mode == "align" else " (--short keep leaves the present shot's rest behind it)"
            return Shortfall(f"{what} too short for the record length{advice}", missing)
    if bounds.incoming_to < bounds.incoming_from:
        missing = ceil(Fraction(bounds.incoming_from - bounds.incoming_to, ANALYSIS_RATE) * rate)
        return Shortfall("too little sound remains after the window's start", missing)
    return Shortfall("no frame of the window leaves the handles that the join needs", None)


def record_length(
    slot: Slot, edit: EditSettings, rate: Fraction, cut_shift: Fraction, available: Fraction, min_remaining: Fraction
) -> Fraction | Shortfall | None:
    """Record length of the retrieved shot, in whole timeline frames.

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
    shortest = max(Fraction(edit.min_frames) / rate, min_remaining)
    room = slot.incoming - cut_shift if slot.incoming is not None else None
    usable = available - (slot.tail_needed if edit.ripple and edit.mode == "replace" else 0)
    wanted = Fraction(str(edit.length_s))
    if edit.mode == "replace" and room is not None:
        wanted = room
    length = Fraction(floor(min(wanted, usable) * rate)) / rate
    if room is not None and not edit.ripple:
        keep = Fraction(0) if slot.fills_gap else Fraction(edit.min_frames) / rate + slot.incoming_busy
        if edit.mode == "replace" and length >= room - Fraction(1, 10**6) and available >= room + slot.tail_needed:
            return room
        length = min(length, Fraction(floor((room - keep) * rate)) / rate)
    if length < max(shortest, -cut_shift if edit.mode == "insert" and not edit.ripple else shortest):
        missing = ceil((max(shortest, -cut_shift) - length) * rate)
        return Shortfall(f"no room for {edit.mode} of at least {float(shortest):.2f} s here", missing)
    return length
