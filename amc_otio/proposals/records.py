"""What the proposals file holds: edit points, candidates, refusals and their reasons.

Times are exact fractions of a second: on the media's clock where the name says ``media`` or the record is of a
shot, on the timeline's from its start where it says ``record``. Positions in windows count samples at 48 kHz.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from amc_otio.config import Settings
from amc_otio.errors import ProposalsError
from amc_otio.joining.fades import Room
from amc_otio.joining.join import Join
from amc_otio.timeline.edits import TrackCut

FORMAT: Final = "amc-otio proposals"
VERSION: Final = 3


@dataclass(frozen=True)
class RangeRecord:
    """The range of a file that the timeline does not state, as probed; `index` counts external references."""

    index: int
    start: Fraction
    duration: Fraction
    rate: Fraction


@dataclass(frozen=True)
class TimelineRecord:
    """Which timeline the proposals belong to."""

    path: str
    sha256: str
    name: str
    rate: Fraction
    sound_track_added: bool
    ranges: tuple[RangeRecord, ...]


@dataclass(frozen=True)
class ShotRecord:
    """A shot at an edit point: its file and the part of it that is used, on the media's clock.

    `channels` are the (stream, channel) pairs that it plays, both from 0; None is all of them.
    """

    name: str
    path: str | None
    media_start: Fraction
    used_from: Fraction
    used_to: Fraction
    channels: tuple[tuple[int, int], ...] | None


@dataclass(frozen=True)
class LinkedSound:
    """The shots on another sound track that is cut together with an edit point's own; None where nothing plays."""

    track_path: tuple[int, ...]
    outgoing: ShotRecord | None
    incoming: ShotRecord | None


@dataclass(frozen=True)
class PointRecord:
    """An edit point: where it is, which tracks are cut together (its own first), and the two shots.

    `linked` are the shots on the other sound tracks among `cuts`.
    """

    id: str
    timecode: str
    track: str
    record_time: Fraction
    cuts: tuple[TrackCut, ...]
    outgoing: ShotRecord
    incoming: ShotRecord | None
    linked: tuple[LinkedSound, ...] = ()


@dataclass(frozen=True)
class MediaRecord:
    """A file that a candidate comes from; `rate` is that of its frame grid."""

    path: str
    target_url: str
    name: str
    start: Fraction
    duration: Fraction
    rate: Fraction
    has_picture: bool
    channels: int


@dataclass(frozen=True)
class Scores:
    """Why a candidate stands where it does.

    Attributes
    ----------
    similarity
        Inner product of the two unit vectors.
    score
        What candidates are ranked by: the similarity, and each agreement below times its weight in the settings.
    timbre, pitch, rhythm, loudness
        How far the two windows agree, from 0 to 1 (docs/ranking.md).
    level_step_lu
        Loudness of the match's window minus the outgoing window's, in LU.
    level_step_db, spectral_step_db
        Across the join itself, 150 ms on each side.
    head_handle_frames, tail_handle_frames
        Timeline frames of media before the in point, and of the outgoing media after the out point.
    """

    similarity: float
    score: float
    timbre: float
    pitch: float
    rhythm: float
    loudness: float
    level_step_lu: float
    level_step_db: float
    spectral_step_db: float
    head_handle_frames: int
    tail_handle_frames: int


@dataclass(frozen=True)
class Candidate:
    """A match and its join, ready to be cut.

    Attributes
    ----------
    rank
        From 1, the best first.
    window_start
        The matched window's start on the file's sound, in samples at 48 kHz.
    query_start, edit_point
        The query window's start on the outgoing file's sound, and the present cut in it, in samples at 48 kHz.
    cut_shift
        How far the cut moves, in seconds; negative is earlier.
    in_time
        First moment used, on the media's clock, in seconds.
    in_shift
        For ``align``: how far the incoming clip's in point moves, in seconds.
    length
        Record length of the retrieved shot in seconds; None keeps the slot's.
    room
        What the handles hold around the point.
    reasons
        In words.
    """

    rank: int
    media: MediaRecord
    window_start: int
    query_start: int
    edit_point: int
    join: Join
    cut_shift: Fraction
    in_time: Fraction
    in_shift: Fraction
    length: Fraction | None
    room: Room
    scores: Scores
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Refusal:
    """A match that cannot be cut, and why, in words; `missing_frames` where frames are what is missing."""

    name: str
    path: str
    window_start: int
    similarity: float
    reason: str
    missing_frames: int | None


@dataclass(frozen=True)
class Present:
    """What keeping the present incoming shot gives (choice 0); `score` as that of the candidates."""

    name: str
    similarity: float
    score: float
    level_step_lu: float


@dataclass(frozen=True)
class Proposal:
    """An edit point and its ranked candidates; `refusal` says why nothing can be cut there at all."""

    point: PointRecord
    present: Present | None
    candidates: tuple[Candidate, ...]
    refused: tuple[Refusal, ...]
    refusal: str | None


@dataclass(frozen=True)
class Proposals:
    """The whole file."""

    format: str
    version: int
    tool: str
    timeline: TimelineRecord
    settings: Settings
    library: str
    proposals: tuple[Proposal, ...]
    notes: tuple[str, ...]

    def chosen(self, choices: dict[int, int]) -> list[tuple[Proposal, Candidate]]:
        """Resolve ``{proposal number: rank}`` (both from 1; rank 0 keeps the present shot).

        Raises
        ------
        ProposalsError
            When a number or rank is not in the file.
        """
        found = []
        for number, rank in sorted(choices.items()):
            if not 1 <= number <= len(self.proposals):
                raise ProposalsError(
                    f"choice {number}={rank}", f"there are {len(self.proposals)} edit points", "choose one of them"
                )
            proposal = self.proposals[number - 1]
            if rank == 0:
                continue
            match = next((c for c in proposal.candidates if c.rank == rank), None)
            if match is None:
                why = proposal.refusal or f"it has {len(proposal.candidates)} candidates"
                raise ProposalsError(
                    f"choice {number}={rank}", f"edit point {proposal.point.id}: {why}", "choose another"
                )
            found.append((proposal, match))
        return found

    def best(self, points: Collection[str]) -> list[tuple[Proposal, Candidate]]:
        """The first candidate of each of these edit points (their ids) that has one."""
        return [(p, p.candidates[0]) for p in self.proposals if p.point.id in points and p.candidates]
