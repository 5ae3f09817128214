"""What a run changed, kept so that `revert` gives the input back field by field.

A run is a list of records, each of them the inverse of one change, in the order in which the changes were made.
They travel as JSON text in the new timeline's ``metadata["amc_otio"]`` and in the sidecar file; text, so that no
reader takes the removed clips for clips of the timeline.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import opentimelineio as otio

from amc_otio.errors import TimelineError
from amc_otio.timeline.equality import fields, same_fields
from amc_otio.timeline.rational import TimeRange
from amc_otio.timeline.slots import track_at

METADATA_KEY = "amc_otio"
Record = dict[str, Any]


def replace_children(
    timeline: otio.schema.Timeline, path: Sequence[int], first: int, count: int, new: Iterable[otio.core.Composable]
) -> Record:
    """Put `new` in the place of `count` children of the track at `path`; return the record that undoes it."""
    track = track_at(timeline, path)
    removed = [track.pop(first) for _ in range(count)]
    inserted = list(new)
    for offset, child in enumerate(inserted):
        track.insert(first + offset, child)
    return {
        "change": "children",
        "track": list(path),
        "first": first,
        "inserted": [_text(child) for child in inserted],
        "removed": [_text(child) for child in removed],
    }


def add_marker(timeline: otio.schema.Timeline, marker: otio.schema.Marker) -> Record:
    """Add a marker to the timeline's top stack; return the record that undoes it."""
    timeline.tracks.markers.append(marker)
    return {"change": "marker", "marker": _text(marker)}


def add_track(timeline: otio.schema.Timeline, track: otio.schema.Track) -> Record:
    """Add a track at the end of the top stack; return the record that undoes it."""
    timeline.tracks.append(track)
    return {**last_track_added(timeline), "written": _text(track)}


def last_track_added(timeline: otio.schema.Timeline) -> Record:
    """Return the record that undoes the adding of the top stack's last track."""
    return {"change": "track", "index": len(timeline.tracks) - 1}


def retarget(timeline: otio.schema.Timeline, changes: Sequence[tuple[int, str]]) -> Record:
    """Give the n-th external reference (in `external_references` order) another URL; return the undoing record."""
    references = external_references(timeline)
    old = [(index, references[index].target_url) for index, _ in changes]
    for index, url in changes:
        references[index].target_url = url
    return {"change": "urls", "old": [list(pair) for pair in old]}


def fill_ranges(timeline: otio.schema.Timeline, ranges: Sequence[tuple[int, TimeRange]]) -> Record:
    """Give the n-th external reference (in `external_references` order) an available range; one that has it keeps it.

    Raises
    ------
    TimelineError
        When there are not so many references.
    """
    references = external_references(timeline)
    filled = []
    for index, available in ranges:
        if not 0 <= index < len(references):
            raise TimelineError(f"media reference {index}", "is not in this timeline", "propose again")
        if references[index].available_range is None:
            references[index].available_range = available
            filled.append(index)
    return {"change": "ranges", "filled": filled}


def external_references(timeline: otio.schema.Timeline) -> list[otio.schema.ExternalReference]:
    """All external references of a timeline's clips, in a stable order."""
    return [reference for _, _, reference in owned_references(timeline)]


def owned_references(
    timeline: otio.schema.Timeline,
) -> list[tuple[otio.schema.Clip, str, otio.schema.ExternalReference]]:
    """The same references with the clip that holds each, and the key under which it does."""
    return [
        (clip, key, reference)
        for clip in timeline.find_clips()
        for key, reference in sorted(clip.media_references().items())
        if isinstance(reference, otio.schema.ExternalReference)
    ]


def undo(timeline: otio.schema.Timeline, records: Sequence[Record]) -> None:
    """Undo `records`, the last first, in place.

    Raises
    ------
    TimelineError
        When what the run wrote was changed since: then undoing would destroy that work.
    """
    for record in reversed(records):
        kind = record.get("change")
        if kind == "children":
            _undo_children(timeline, record)
        elif kind == "marker":
            markers = timeline.tracks.markers
            place = next((i for i in range(len(markers)) if _is(markers[i], record["marker"])), None)
            if place is not None:
                del markers[place]
        elif kind == "track":
            index = int(record["index"])
            if index != len(timeline.tracks) - 1:
                raise _changed("the list of tracks")
            if "written" in record and not _is(timeline.tracks[index], record["written"]):
                raise _changed(f"track '{timeline.tracks[index].name}'")
            timeline.tracks.pop(index)
        elif kind == "urls":
            for index, url in record["old"]:
                _reference_at(timeline, index).target_url = url
        elif kind == "ranges":
            for index in record["filled"]:
                _reference_at(timeline, index).available_range = None
        else:
            raise TimelineError("undo record", f"'{kind}' is of a later version", "update amc-otio")


def _undo_children(timeline: otio.schema.Timeline, record: Record) -> None:
    track = track_at(timeline, record["track"])
    first, written = int(record["first"]), record["inserted"]
    present = list(track)[first : first + len(written)]
    if len(present) != len(written) or not all(_is(c, text) for c, text in zip(present, written, strict=True)):
        raise _changed(f"track '{track.name}'")
    for _ in written:
        track.pop(first)
    for offset, text in enumerate(record["removed"]):
        track.insert(first + offset, otio.adapters.read_from_string(text, "otio_json"))


def _reference_at(timeline: otio.schema.Timeline, index: int) -> otio.schema.ExternalReference:
    references = external_references(timeline)
    if not 0 <= index < len(references):
        raise _changed("the list of clips")
    return references[index]


def _changed(place: str) -> TimelineError:
    return TimelineError(
        place, "was edited after amc-otio wrote it, so it cannot be put back", "go on from the original timeline file"
    )


def _text(item: otio.core.SerializableObject) -> str:
    return str(item.to_json_string(indent=0))


def _is(item: otio.core.SerializableObject, text: str) -> bool:
    """Whether an item is still what was written."""
    return same_fields(fields(item), json.loads(text))
