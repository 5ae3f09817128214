"""What all the tracks that are cut together allow: the slot they share, and how far their media reach.

A linked track may play another file than the edit point's own (double-system sound), with other handles.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import opentimelineio as otio

from amc_otio.config import EditSettings
from amc_otio.errors import TimelineError
from amc_otio.matching.media_table import MediaTable
from amc_otio.timeline.edits import TrackCut
from amc_otio.timeline.rational import RationalTime, seconds
from amc_otio.timeline.shots import shot_of
from amc_otio.timeline.slots import Slot, slot_at, track_at
from amc_otio.timeline.walk import Prober

_SAME = Fraction(1, 1000)
"""Lengths that differ by less than this, in seconds, are one length in two rates."""


@dataclass(frozen=True)
class Handles:
    """The shortest handles of the tracks that are cut together, in seconds; None where nothing limits them.

    Attributes
    ----------
    outgoing_tail
        After the outgoing shots.
    incoming_head, incoming_tail
        Before and after the present incoming shots.
    """

    outgoing_tail: Fraction | None
    incoming_head: Fraction | None
    incoming_tail: Fraction | None


def shared_handles(timeline: otio.schema.Timeline, cuts: Iterable[TrackCut], media: MediaTable) -> Handles:
    """The handles that hold on every track of `cuts`; picture has no fade, so its head does not count."""
    prober = Prober(media.available_range)
    outgoing: list[RationalTime | None] = []
    heads: list[RationalTime | None] = []
    tails: list[RationalTime | None] = []
    for cut in cuts:
        track = track_at(timeline, cut.track_path)
        heard = shot_of(track[cut.index], (*cut.track_path, cut.index), prober, at_end=True)
        if heard is not None:
            outgoing.append(heard.shot.tail_handle)
        after = slot_at(track, cut.index).incoming_index
        if after is None:
            continue
        heard = shot_of(track[after], (*cut.track_path, after), prober, at_end=False)
        if heard is not None:
            tails.append(heard.shot.tail_handle)
            if track.kind == otio.schema.TrackKind.Audio:
                heads.append(heard.shot.head_handle)
    return Handles(_least(outgoing), _least(heads), _least(tails))


def _least(times: list[RationalTime | None]) -> Fraction | None:
    return min((seconds(time) for time in times if time is not None), default=None)


def shared_slot(timeline: otio.schema.Timeline, cuts: tuple[TrackCut, ...], edit: EditSettings) -> Slot:
    """The slot that holds on all the tracks that are cut together: the least room, the most that any of them asks.

    Raises
    ------
    TimelineError
        When one edit cannot be the same on all of them.
    """
    slots = [slot_at(track_at(timeline, cut.track_path), cut.index) for cut in cuts]
    own = slots[0]
    lengths = [s.incoming for s in slots if s.incoming is not None]
    if own.incoming is None and lengths:
        raise TimelineError("a linked track", "goes on where this one ends", "use --audio-only, or cut on that track")
    least = min(lengths, default=None)
    if least is not None and edit.ripple and edit.mode == "replace" and max(lengths) - least > _SAME:
        raise TimelineError(
            "the incoming shot",
            "ends elsewhere on a linked track, so that a ripple would put them out of sync",
            "leave --ripple out, or use --audio-only",
        )

    def beyond(slot: Slot) -> Fraction:
        # A track whose incoming item is longer than the shortest needs that much more sound.
        return slot.incoming - least if slot.incoming is not None and least is not None else Fraction(0)

    return Slot(
        outgoing=min(s.outgoing for s in slots),
        outgoing_busy=max(s.outgoing_busy for s in slots),
        incoming=least,
        incoming_busy=max(s.incoming_busy for s in slots),
        tail_needed=max(s.tail_needed + beyond(s) for s in slots),
        fills_gap=all(s.fills_gap for s in slots),
        incoming_index=own.incoming_index,
    )
