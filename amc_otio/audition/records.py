"""What the page is told: JSON, by `amc_otio.codec.encode`.

Positions count samples at 48 kHz on the sound of a file, from its start, so that one clock holds for a file whatever
window, segment or clip it is seen in.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from amc_otio.joining.fades import Room

PAGE_VERSION: Final = 1


@dataclass(frozen=True)
class Stretch:
    """Sound that the page may ask for: a segment's id, its first sample and how many there are, its channels.

    Attributes
    ----------
    id
        ``"3.out"``, ``"3.present"``, ``"3.7.in"``, or ``"3.7.out"`` where a candidate leaves the outgoing sound outside
        what the others of its edit point share. Edit points and ranks count from 1.
    first, count
        May begin before the file's sound and end after it: silence is there.
    channels
        1 or 2: what the page plays.
    has_picture
        Whether a video of it can be asked for.
    """

    id: str
    first: int
    count: int
    channels: int
    has_picture: bool


@dataclass(frozen=True)
class Meeting:
    """Where and how two sounds meet (`amc_otio.joining.join.Join`), on the files' clocks.

    Attributes
    ----------
    method
        One of `amc_otio.config.METHODS`.
    out_at, in_at
        The point: the outgoing sound is left before sample `out_at`, the incoming one entered at `in_at`.
    fade_before, fade_after, law, gain_db, glide
        As in `amc_otio.joining.fades.Blend`, samples.
    slip
        As in `Join`: only a bounce carries it out.
    room
        What the handles hold around the point.
    length
        Samples that the incoming shot lasts on the timeline; None where it keeps its slot's.
    moved_ms
        How far the frame grid moved the out and the in point.
    """

    method: str
    out_at: int
    in_at: int
    fade_before: int
    fade_after: int
    law: str
    gain_db: float
    glide: int
    slip: int
    room: Room
    length: int | None
    moved_ms: tuple[float, float]


@dataclass(frozen=True)
class Reasons:
    """Why a candidate is good, each from 0 to 1, 1 the best (`amc_otio.audition.reasons`)."""

    timbre: float
    pitch: float
    rhythm: float
    loudness: float
    level: float
    join: float
    handles: float


@dataclass(frozen=True)
class Take:
    """A candidate as the page lists it.

    `same_source`: from the very file of the outgoing or of the present incoming shot.
    """

    rank: int
    name: str
    path: str
    source_time: str
    similarity: float
    score: float
    bars: Reasons
    level_step_lu: float
    level_step_db: float
    spectral_step_db: float
    head_handle_frames: int
    tail_handle_frames: int
    reasons: tuple[str, ...]
    outgoing: Stretch
    incoming: Stretch
    meeting: Meeting
    same_source: bool = False


@dataclass(frozen=True)
class Now:
    """The present cut: what keeping the incoming shot gives. `incoming` is None where its sound is not at hand."""

    name: str
    similarity: float
    score: float
    level_step_lu: float
    out_at: int
    in_at: int
    incoming: Stretch | None


@dataclass(frozen=True)
class Refused:
    """A match that cannot be cut, greyed on the page."""

    name: str
    path: str
    source_time: str
    similarity: float
    reason: str
    missing_frames: int | None


@dataclass(frozen=True)
class EditPointTold:
    """An edit point, its candidates best first, and what was refused.

    `out_from` is the first sample of the outgoing file that its shot plays: nothing before it is on the timeline.
    `excludes` are the numbers of the edit points that cannot be cut together with this one: they change the same shot.
    """

    number: int
    id: str
    timecode: str
    track: str
    outgoing: str
    incoming: str | None
    out_from: int
    refusal: str | None
    sound: Stretch | None
    present: Now | None
    takes: tuple[Take, ...]
    refused: tuple[Refused, ...]
    excludes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Told:
    """Everything that the page lists; sounds and pictures are asked for when they are needed.

    Attributes
    ----------
    rate
        Frames a second of the timeline: what a nudge counts.
    fixed_fade
        Samples of the fixed crossfade (player B).
    no_timeline
        Why joins cannot be found anew and no timeline can be written (the timeline was moved or changed, say); None
        where both can.
    """

    version: int
    tool: str
    name: str
    file: str
    rate: Fraction
    fixed_fade: int
    method: str
    methods: tuple[str, ...]
    laws: tuple[str, ...]
    proposals_sha256: str
    timeline_sha256: str
    live: bool
    no_timeline: str | None
    points: tuple[EditPointTold, ...]
