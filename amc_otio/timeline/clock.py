"""The timecode clock of a timeline: where it starts and how it counts."""

from __future__ import annotations

from fractions import Fraction

import opentimelineio as otio

from amc_otio.timeline.metadata import lookup
from amc_otio.timeline.rational import RationalTime, seconds
from amc_otio.timeline.timecode import can_drop, infer_drop
from amc_otio.timeline.walk import Prober, edl_record_start


def timeline_start(timeline: otio.schema.Timeline) -> RationalTime | None:
    """Return the timecode of a timeline's first frame, or None where it says none.

    The global start time, or for an EDL the earliest record timecode (see `walk.edl_record_start`).
    """
    if timeline.global_start_time is not None:
        return timeline.global_start_time
    starts = []
    for track in timeline.tracks:
        if isinstance(track, otio.schema.Track) and edl_record_start(track, Prober()) is not None:
            starts.append(-track.source_range.start_time)
    return min(starts, key=seconds, default=None)


def start_seconds(timeline: otio.schema.Timeline) -> Fraction:
    """Return `timeline_start` in exact seconds; 0 where there is none."""
    start = timeline_start(timeline)
    return seconds(start) if start is not None else Fraction(0)


def drop_of(timeline: otio.schema.Timeline, rate: Fraction) -> bool | None:
    """Whether a timeline counts drop-frame, from what its editor wrote or from its start; None if neither says."""
    if not can_drop(rate):
        return False
    for thing in (timeline, timeline.tracks):
        stated = lookup(thing, "fcp_xml", "timecode", "displayformat")
        if stated in ("DF", "NDF"):
            return bool(stated == "DF")
    return infer_drop(rate, timeline_start(timeline))
