"""Undoing the last run of amc-otio on a timeline it wrote."""

from __future__ import annotations

import json
from typing import Any

import opentimelineio as otio

from amc_otio.errors import TimelineError
from amc_otio.timeline.metadata import items_of, lookup
from amc_otio.timeline.undo import METADATA_KEY, undo


def runs_of(timeline: otio.schema.Timeline) -> list[dict[str, Any]]:
    """The runs that a timeline's metadata tells of, the oldest first."""
    return list(items_of(lookup(timeline, METADATA_KEY, "runs")))


def revert(timeline: otio.schema.Timeline) -> otio.schema.Timeline:
    """Return a copy of `timeline` with its last run undone: the run's input, equal field by field.

    Raises
    ------
    TimelineError
        When the timeline holds no run, or was edited where the run changed it.
    """
    runs = runs_of(timeline)
    if not runs:
        raise TimelineError(
            "the timeline",
            "holds no change of amc-otio (this editor or format drops metadata)",
            "the sidecar file names the untouched input",
        )
    restored = timeline.clone()
    try:
        records = json.loads(runs[-1]["undo"])
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise ValueError("it is no list of changes")
        undo(restored, records)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise TimelineError(
            "its undo record",
            f"is damaged ({type(error).__name__}: {error})",
            "go on from the original timeline file",
        ) from error
    if len(runs) == 1:
        del restored.metadata[METADATA_KEY]
    else:
        restored.metadata[METADATA_KEY] = {"format": 1, "runs": runs[:-1]}
    return restored
