"""What can go wrong, to be switched on by a test."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Faults:
    """Failures of the stand-in; all off.

    Attributes
    ----------
    export_without_file
        `Timeline.Export` returns True and writes nothing.
    export_fails
        `Timeline.Export` returns False.
    import_fails
        `MediaPool.ImportTimelineFromFile` returns None whatever it is given.
    lost_media
        Paths that an import does not find.
    drops_crossfades
        An import leaves transitions out.
    moves_cuts
        Frames by which an import moves the second cut of every audio track.
    markers_fail
        `Timeline.AddMarker` returns False.
    transitions_fail
        `TimelineItem.AddTransition` returns None.
    """

    export_without_file: bool = False
    export_fails: bool = False
    import_fails: bool = False
    lost_media: set[str] = field(default_factory=set)
    drops_crossfades: bool = False
    moves_cuts: int = 0
    markers_fail: bool = False
    transitions_fail: bool = False
