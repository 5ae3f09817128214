"""The state of a project as plain data: what the stand-in's objects read and change."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(eq=False)
class Media:
    """A clip of the media pool.

    Attributes
    ----------
    path
        The file; an empty text for a compound or Fusion clip, a generator, a timeline.
    rate, start, frames
        Its own rate, and its embedded timecode and length in frames of it.
    channels
        Of its sound; 0 is none.
    kind
        As the property "Type" says: "Video + Audio", "Video", "Audio", "Compound", "Fusion", "Timeline", "Still".
    online
        Whether the file is there.
    """

    path: str
    name: str
    rate: Fraction
    start: int
    frames: int
    channels: int = 2
    kind: str = "Video + Audio"
    online: bool = True


@dataclass(eq=False)
class Transition:
    """Between two shots: frames of the timeline before and after the cut."""

    name: str
    before: int
    after: int


@dataclass(eq=False)
class Shot:
    """An item on a track. `media` None is a gap; `nested` holds the tracks of a compound clip.

    `first` counts frames of the medium's own rate on its own timecode; `frames` frames of the timeline.
    """

    frames: int
    media: Media | None = None
    name: str = ""
    first: float = 0.0
    link: int | None = None
    nested: list[Track] = field(default_factory=list)
    enabled: bool = True


@dataclass(eq=False)
class Track:
    """A track of shots, gaps and transitions; `kind` is "video" or "audio"."""

    kind: str
    name: str
    items: list[Shot | Transition] = field(default_factory=list)
    locked: bool = False
    enabled: bool = True
    layout: str = "stereo"


@dataclass(eq=False)
class Marker:
    """A marker of a timeline."""

    color: str
    name: str
    note: str
    duration: float
    custom_data: str


@dataclass(eq=False)
class Timeline:
    """A timeline. `start` is the frame number of its first frame; markers count from there."""

    name: str
    rate: Fraction
    start: int
    tracks: list[Track] = field(default_factory=list)
    markers: dict[float, Marker] = field(default_factory=dict)
    playhead: str = "01:00:00:00"
    mark: dict[str, dict[str, int]] = field(default_factory=dict)
    drop: bool = False


@dataclass(eq=False)
class Bin:
    """A folder of the media pool."""

    name: str
    clips: list[Media] = field(default_factory=list)
    folders: list[Bin] = field(default_factory=list)


@dataclass(eq=False)
class Project:
    """A project."""

    name: str
    root: Bin
    timelines: list[Timeline] = field(default_factory=list)
    current: Timeline | None = None
    selected: list[Media] = field(default_factory=list)
    current_bin: Bin | None = None

    def every_clip(self) -> list[Media]:
        """All clips of the media pool."""
        found, left = [], [self.root]
        while left:
            folder = left.pop(0)
            found += folder.clips
            left += folder.folders
        return found
