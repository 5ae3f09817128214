"""What an MLT file is going to hold: whole frames of one rate, nothing of XML and nothing of OpenTimelineIO."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Source:
    """What a clip plays.

    Attributes
    ----------
    name
        The clip's.
    resource
        Absolute path of its media; empty where it plays `lanes`.
    frames
        How long the media is, in frames of the timeline; None where nobody knows.
    speed
        1 is as recorded.
    lanes
        The tracks of a nested timeline.
    """

    name: str
    resource: str = ""
    frames: int | None = None
    speed: float = 1.0
    lanes: tuple[Lane, ...] = ()


@dataclass(frozen=True)
class Blank:
    """Nothing, for some frames."""

    frames: int


@dataclass(frozen=True)
class Piece:
    """A clip alone: `frames` of its source from frame `first` on, both in frames of the timeline."""

    source: Source
    first: int
    frames: int


@dataclass(frozen=True)
class Fade:
    """Two clips at once.

    Attributes
    ----------
    outgoing, incoming
        What plays, as long as the fade; of several parts where a handle ends. A `Blank` for silence or black.
    frames
        How long the two play together.
    lead
        Frames at its start in which the outgoing clip still plays alone: 1 in sound, as melt ramps one frame late.
    cut
        Frames from its start to the cut that it lies around.
    law
        "equal-power", "equal-gain", or empty for a picture dissolve.
    """

    outgoing: tuple[Piece | Blank, ...]
    incoming: tuple[Piece | Blank, ...]
    frames: int
    lead: int
    cut: int
    law: str


@dataclass(frozen=True)
class Lane:
    """A track.

    Attributes
    ----------
    sound
        True for an audio track.
    enabled
        Whether it is seen or heard.
    """

    name: str
    sound: bool
    enabled: bool
    locked: bool
    entries: tuple[Piece | Blank | Fade, ...]

    @property
    def frames(self) -> int:
        """How long it is."""
        return sum(entry.frames for entry in self.entries)


@dataclass(frozen=True)
class Mark:
    """A marker at a frame of the timeline; 0 frames long is a point."""

    name: str
    first: int
    frames: int
    colour: str


@dataclass(frozen=True)
class Project:
    """A whole timeline.

    Attributes
    ----------
    picture
        Width and height in pixels.
    lanes
        From the bottom to the top of the picture, then the sound.
    """

    name: str
    rate: Fraction
    picture: tuple[int, int]
    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...]

    @property
    def frames(self) -> int:
        """How long it is."""
        return max((lane.frames for lane in self.lanes), default=0)
