"""Lengths of media that a timeline does not state: probed once, kept with the proposals, undone by revert."""

from __future__ import annotations

import opentimelineio as otio

from amc_otio.matching.media_table import MediaTable
from amc_otio.proposals import RangeRecord
from amc_otio.timeline.rational import TimeRange, exact_rate, from_seconds, seconds
from amc_otio.timeline.undo import Record, fill_ranges, owned_references


def missing_ranges(timeline: otio.schema.Timeline, media: MediaTable) -> tuple[RangeRecord, ...]:
    """Probe the files of clips that state neither what they play nor what their file holds.

    Such a clip plays its whole file; without its length nothing after it has a place on the timeline.
    """
    found = []
    for index, (clip, key, reference) in enumerate(owned_references(timeline)):
        stated = clip.source_range is not None or reference.available_range is not None
        if stated or key != clip.active_media_reference_key:
            continue
        available = media.available_range(reference.target_url)
        if available is not None:
            rate = exact_rate(available.start_time.rate)
            found.append(RangeRecord(index, seconds(available.start_time), seconds(available.duration), rate))
    return tuple(found)


def fill_missing(timeline: otio.schema.Timeline, ranges: tuple[RangeRecord, ...]) -> Record:
    """Put the lengths in; the record undoes it."""
    return fill_ranges(
        timeline,
        [(r.index, TimeRange(from_seconds(r.start, r.rate), from_seconds(r.duration, r.rate))) for r in ranges],
    )
