"""Small timelines for the tests of amc_otio.timeline, built in memory."""

from __future__ import annotations

from typing import Any

import opentimelineio as otio

RationalTime = otio.opentime.RationalTime
TimeRange = otio.opentime.TimeRange


def span(start: float, frames: float, rate: float = 24) -> Any:
    """A range of frames."""
    return TimeRange(RationalTime(start, rate), RationalTime(frames, rate))


def clip(
    name: str = "shot",
    start: float = 0,
    frames: float = 48,
    *,
    rate: float = 24,
    url: str | None = "",
    available: Any = "ample",
    metadata: dict[str, Any] | None = None,
    enabled: bool = True,
) -> Any:
    """A clip of `url` ("" makes one from the name, None is missing media) with 100 frames of handles."""
    if available == "ample":
        available = span(max(start - 100, 0), frames + 200, rate)
    reference: Any = otio.schema.MissingReference(available_range=available)
    if url is not None:
        reference = otio.schema.ExternalReference(url or f"/media/{name}.wav", available)
    made = otio.schema.Clip(name, reference, span(start, frames, rate), metadata or {})
    made.enabled = enabled
    return made


def gap(frames: float = 24, rate: float = 24) -> Any:
    """A gap."""
    return otio.schema.Gap(source_range=span(0, frames, rate))


def transition(into: float = 4, out: float = 4, rate: float = 24) -> Any:
    """A dissolve."""
    return otio.schema.Transition("fade", "SMPTE_Dissolve", RationalTime(into, rate), RationalTime(out, rate))


def track(*children: Any, kind: str = "Audio", name: str = "", metadata: dict[str, Any] | None = None) -> Any:
    """A track of these children."""
    made = otio.schema.Track(name, kind=kind, metadata=metadata or {})
    made.extend(children)
    return made


def stack(*children: Any, name: str = "nest", source_range: Any = None) -> Any:
    """A nested stack."""
    made = otio.schema.Stack(name, source_range=source_range)
    made.extend(children)
    return made


def timeline(*tracks: Any, start: Any = None) -> Any:
    """A timeline of these tracks."""
    made = otio.schema.Timeline("edit", global_start_time=start)
    made.tracks.extend(tracks)
    return made
