"""Reading FCPXML, as Final Cut Pro, DaVinci Resolve and `fcpxml_write` write it (docs/fcpxml.md).

A project becomes a timeline: its primary storyline the first picture track, connected clips further ones by lane; the
sound of every clip lies on audio tracks, linked to its picture. Compound clips are nests. Everything is counted at the
rate of the project, exactly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import opentimelineio as otio

from amc_otio.errors import TimelineError
from amc_otio.formats.fcpxml_document import Document, load
from amc_otio.formats.fcpxml_elements import AUDIO, VIDEO, Budget, Elements, read_sequence
from amc_otio.formats.fcpxml_media import time_of
from amc_otio.formats.fcpxml_resources import SPACE
from amc_otio.formats.fcpxml_tracks import tracks_of
from amc_otio.timeline.rational import from_seconds


def read(path: Path) -> otio.schema.Timeline:
    """Read the project of an FCPXML file or bundle.

    What was not understood is listed in ``timeline.metadata["fcpxml"]["notes"]``, in words.

    Raises
    ------
    TimelineError
        When it cannot be read, or holds no project or several.
    """
    timelines = read_all(path)
    if len(timelines) > 1:
        names = ", ".join(f"#{i} '{t.name}'" for i, t in enumerate(timelines, 1))
        raise TimelineError(path, f"holds {len(timelines)} projects: {names}", "choose one by its name or number")
    return timelines[0]


def read_all(path: Path) -> list[otio.schema.Timeline]:
    """Read every project of an FCPXML file or bundle, in the file's order.

    Raises
    ------
    TimelineError
        When the file cannot be read, is hostile, or holds no project.
    """
    document = load(Path(path))
    return [_project(document, project) for project in document.projects]


def _project(document: Document, project: ET.Element) -> otio.schema.Timeline:
    sequence = project.find("sequence")
    assert sequence is not None  # `load` takes only those that have one
    name = project.get("name") or "Project"
    rate = document.rate_of(sequence.get("format"))
    if rate is None:
        raise TimelineError(
            document.path, f"project '{name}' does not say its frame rate", "export it again from Final Cut Pro"
        )
    budget = Budget()
    elements = Elements(document, rate, budget)
    origin = read_sequence(elements, sequence)
    start = time_of(sequence, "tcStart")
    timeline = otio.schema.Timeline(name=name)
    if start is not None:
        timeline.global_start_time = from_seconds(start, rate)
    tracks = tracks_of(elements.pictures, VIDEO, origin, rate) + tracks_of(elements.sounds, AUDIO, origin, rate)
    timeline.tracks.extend(tracks)
    for at, marker in elements.markers:
        marker.marked_range = otio.opentime.TimeRange(from_seconds(at - origin, rate), marker.marked_range.duration)
        timeline.tracks.markers.append(marker)
    kept: dict[str, Any] = {"version": document.version}
    found = document.resource(sequence.get("format"), "format")
    if found is not None:
        kept["format"] = {k: found.get(k) for k in ("name", "width", "height", "colorSpace") if found.get(k)}
    if budget.notes:
        kept["notes"] = [f"{note} ({count} times)" if count > 1 else note for note, count in budget.notes.items()]
    timeline.metadata[SPACE] = kept
    if sequence.get("tcFormat") in ("DF", "NDF"):
        # Where `timeline.clock` looks for it.
        timeline.metadata["fcp_xml"] = {"timecode": {"displayformat": sequence.get("tcFormat")}}
    return timeline
