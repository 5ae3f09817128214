"""A timeline in, its edit points out."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from amc_otio.timeline.edit_points import EditPoint, find_edit_points
from amc_otio.timeline.read import LoadedTimeline, loaded_timeline
from amc_otio.timeline.select import Selection, select


def points(
    edit: Path | LoadedTimeline,
    selection: Selection | None = None,
    timeline_name: str | None = None,
    timeline_rate: Fraction | None = None,
) -> tuple[EditPoint, ...]:
    """List the edit points of a timeline; no media is opened.

    Parameters
    ----------
    edit
        Anything that OTIO or an installed adapter reads; or one that is read already, which is left as it is.
    selection
        Which of them; all when None.
    timeline_name, timeline_rate
        As `propose` takes them.

    Returns
    -------
    tuple of EditPoint
        In the order of the tracks; `refusal` says where nothing can be cut, and why.

    Raises
    ------
    TimelineError
        When the timeline cannot be read.
    UsageError, NoMatchError
        When the selection makes no sense, or picks nothing.
    """
    loaded = loaded_timeline(edit, timeline_name, timeline_rate)
    found = find_edit_points(loaded.timeline, loaded.rate)
    return select(found, selection or Selection(), loaded.timeline, loaded.rate)
