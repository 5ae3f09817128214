"""The file that propose, audition and apply hand to each other: versioned JSON (docs/proposals.md).

Times are exact fractions of a second: on the media's clock where the name says ``media`` or the record is of a
shot, on the timeline's from its start where it says ``record``. Positions in windows count samples at 48 kHz.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from amc_otio.codec import decode, encode, schema
from amc_otio.config import ANALYSIS_RATE, Settings
from amc_otio.errors import ProposalsError
from amc_otio.joining.fades import Room
from amc_otio.joining.join import Join
from amc_otio.proposals_check import check_proposals
from amc_otio.timeline.edits import Edit, RetrievedShot, TrackCut
from amc_otio.timeline.rational import from_seconds
from amc_otio.timeline.write import write_json

FORMAT: Final = "amc-otio proposals"
VERSION: Final = 1
MAX_BYTES: Final = 512 * 1024 * 1024


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
class PointRecord:
    """An edit point: where it is, which tracks are cut together (its own first), and the two shots."""

    id: str
    timecode: str
    track: str
    record_time: Fraction
    cuts: tuple[TrackCut, ...]
    outgoing: ShotRecord
    incoming: ShotRecord | None


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
    level_step_lu
        Loudness of the match's window minus the outgoing window's, in LU.
    level_step_db, spectral_step_db
        Across the join itself, 150 ms on each side.
    head_handle_frames, tail_handle_frames
        Timeline frames of media before the in point, and of the outgoing media after the out point.
    """

    similarity: float
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
    """What keeping the present incoming shot gives (choice 0)."""

    name: str
    similarity: float
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


def write_proposals(proposals: Proposals, path: Path) -> None:
    """Write the file (temporary name, then rename).

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    write_json(path, encode(proposals))


def read_proposals(path: Path) -> Proposals:
    """Read and check a proposals file.

    Raises
    ------
    ProposalsError
        When it is missing, damaged, too large, or of another version.
    """
    try:
        if path.exists() and not path.is_file():
            raise ProposalsError(path, "is not a regular file", "give the file that 'propose' wrote")
        if path.stat().st_size > MAX_BYTES:
            raise ProposalsError(path, "is too large for a proposals file", "propose again for fewer edit points")
        value: Any = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except OSError as error:
        raise ProposalsError(
            path, f"cannot be read ({error.strerror})", "give the file that 'propose' wrote"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ProposalsError(path, "is not JSON, or damaged", "give the file that 'propose' wrote") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ProposalsError(path, "is no proposals file of amc-otio", "give the file that 'propose' wrote")
    if value.get("version") != VERSION:
        raise ProposalsError(path, f"is of version {value.get('version')!r}, this reads {VERSION}", "propose again")
    return check_proposals(decode(Proposals, value, path.name), path.name)


def proposals_schema() -> dict[str, Any]:
    """Return the JSON schema of the file (docs/proposals.schema.json)."""
    made = schema(Proposals)
    made["properties"]["format"] = {"const": FORMAT}
    made["properties"]["version"] = {"const": VERSION}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "amc-otio proposals file"}


def _no_constant(name: str) -> float:
    raise ValueError(name)


def edit_of(proposal: Proposal, candidate: Candidate, settings: Settings, rate: Fraction, exact: bool) -> Edit:
    """Turn a chosen candidate into an edit.

    Parameters
    ----------
    rate
        The timeline's edit rate.
    exact
        Keep the fade's exact, possibly unequal offsets. False makes them equal and whole frames, by moving the cut
        to the middle of the fade, as formats need that re-centre what is not (docs/formats.md).
    """
    join = candidate.join
    before = Fraction(join.fade_before, ANALYSIS_RATE)
    after = Fraction(join.fade_after, ANALYSIS_RATE)
    move = Fraction(0)
    if not exact:
        before, after, move = symmetric(before, after, rate, candidate.room)
    media = candidate.media
    edit = settings.edit
    shot = None
    if edit.mode != "align":
        shot = RetrievedShot(
            name=media.name,
            target_url=media.target_url,
            media_start=from_seconds(media.start, media.rate),
            media_duration=from_seconds(media.duration, media.rate),
            in_time=from_seconds(candidate.in_time + move, media.rate),
            has_picture=media.has_picture,
            channels=media.channels,
        )
    point = proposal.point
    similarity = candidate.scores.similarity
    fade_ms = float(before + after) * 1000
    moved_out, moved_in = join.moved_ms
    return Edit(
        name=point.id,
        mode=edit.mode,
        cuts=point.cuts,
        record_time=point.record_time,
        cut_shift=candidate.cut_shift + move,
        shot=shot,
        in_shift=candidate.in_shift + move,
        length=None if candidate.length is None else candidate.length - move,
        fade_before=before,
        fade_after=after,
        ripple=edit.ripple,
        summary=(
            f"{media.name} at {float(candidate.in_time - media.start):.3f} s, "
            f"similarity {similarity:.3f}, fade {fade_ms:.0f} ms"
        ),
        metadata={
            "edit_point": point.id,
            "mode": edit.mode,
            "rank": candidate.rank,
            "source": media.path,
            "similarity": round(similarity, 6),
            "method": join.method,
            "sample_rate": ANALYSIS_RATE,
            "out_sample": candidate.query_start + join.out_point,
            "in_sample": candidate.window_start + join.in_point,
            "exact_out_sample": candidate.query_start + join.exact_out,
            "exact_in_sample": candidate.window_start + join.exact_in,
            "grid_moved_ms": [round(moved_out, 3), round(moved_in, 3)],
            "fade_before_samples": join.fade_before,
            "fade_after_samples": join.fade_after,
            "fade_law": join.fade_law,
            "clamped_by": list(join.clamped_by),
            "cut_moved_for_format_s": str(move),
        },
    )


def symmetric(before: Fraction, after: Fraction, rate: Fraction, room: Room) -> tuple[Fraction, Fraction, Fraction]:
    """Make a fade's offsets equal whole frames, keeping its place and length as nearly as frames allow.

    Returns
    -------
    tuple of Fraction
        Offset before, offset after (equal), and how far the cut moves to the fade's middle; all in seconds.
    """
    if not before and not after:
        return before, after, Fraction(0)
    move = Fraction(round((after - before) / 2 * rate), 1) / rate
    half = round((before + after) / 2 * rate)
    widest_before = Fraction(room.before, ANALYSIS_RATE) + move
    widest_after = Fraction(room.after, ANALYSIS_RATE) - move
    half = min(half, int(widest_before * rate), int(widest_after * rate))
    if half <= 0:
        # Shorter than two frames: a plain cut at the point that was found.
        return Fraction(0), Fraction(0), Fraction(0)
    offset = Fraction(half, 1) / rate
    return offset, offset, move
