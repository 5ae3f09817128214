"""An edit in the timeline's own words, before it is carried out."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from amc_otio.timeline.rational import RationalTime


@dataclass(frozen=True)
class RetrievedShot:
    """The media that an edit brings in.

    Attributes
    ----------
    name
        Clip name.
    target_url
        How the new timeline refers to the file.
    media_start, media_duration
        The file's range on its own clock, at the rate in which its clip counts.
    in_time
        First frame used, absolute on the media's clock.
    has_picture, channels
        What the file holds: picture or not, and how many channels of sound.
    """

    name: str
    target_url: str
    media_start: RationalTime
    media_duration: RationalTime
    in_time: RationalTime
    has_picture: bool
    channels: int


@dataclass(frozen=True)
class TrackCut:
    """The same cut on one track: the child index of the outgoing item there."""

    track_path: tuple[int, ...]
    index: int


@dataclass(frozen=True)
class Edit:
    """One match cut to make (DESIGN: what an edit means; docs/editing.md).

    Attributes
    ----------
    name
        The edit point's id.
    mode
        ``replace``, ``align`` or ``insert``.
    cuts
        The tracks that are cut together, the edit point's own first.
    record_time
        Where the cut is now, in seconds from the timeline's start.
    cut_shift
        How far the cut moves, in seconds; negative is earlier.
    shot
        The shot that comes in; None for ``align``.
    in_shift
        For ``align``: how far the incoming clip's in point moves on its media, in seconds.
    length
        Record length of the retrieved shot in seconds; None keeps the incoming item's.
    fade_before, fade_after
        The crossfade before and after the moved cut, in seconds; both 0 writes none.
    ripple
        What follows moves, instead of the record length being kept.
    summary
        One line for the marker.
    metadata
        What ``metadata["amc_otio"]`` says of the join; JSON values only.
    gain_db
        What the incoming sound is turned up by over the fade; 0 writes no clip gain.
    glide
        Seconds after the fade over which that gain returns to 0 dB.
    """

    name: str
    mode: str
    cuts: tuple[TrackCut, ...]
    record_time: Fraction
    cut_shift: Fraction
    shot: RetrievedShot | None
    in_shift: Fraction
    length: Fraction | None
    fade_before: Fraction
    fade_after: Fraction
    ripple: bool
    summary: str
    metadata: dict[str, Any] = field(default_factory=dict)
    gain_db: float = 0.0
    glide: Fraction = Fraction(0)
