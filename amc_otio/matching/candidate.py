"""A match and its join put together: the scores, and the reasons in words."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Final

from amc_otio.config import ANALYSIS_RATE
from amc_otio.joining.fades import Room
from amc_otio.joining.join import Join
from amc_otio.matching.hits import Hit
from amc_otio.matching.joined import Incoming, Joined, Place
from amc_otio.matching.query import Query
from amc_otio.matching.rerank import Comparison, score
from amc_otio.proposals import Candidate, Scores

_ANOTHER_POINT_MS: Final = 60
"""Beyond a frame and a hop the grid did not move the point that Max-SS found on its own hop: it found another."""
_AT_THE_JOIN: Final = "at the join: "
"""How the first of the reasons begins that the join gives, and not the match."""


def candidate_of(
    query: Query, hit: Hit, heard: Comparison, incoming: Incoming, joined: Joined, place: Place, rank: int
) -> Candidate:
    """Put a candidate together."""
    room = _room(joined)
    join = joined.join
    head, tail = _handle_frames(room, place.rate)
    scores = Scores(
        similarity=hit.similarity,
        score=score(hit.similarity, heard, place.settings.match),
        timbre=heard.timbre,
        pitch=heard.pitch,
        rhythm=heard.rhythm,
        loudness=heard.loudness,
        level_step_lu=round(hit.loudness - query.loudness, 2),
        level_step_db=round(join.level_step_db, 2),
        spectral_step_db=round(join.spectral_step_db, 2),
        head_handle_frames=head,
        tail_handle_frames=tail,
    )
    return Candidate(
        rank=rank,
        media=incoming.media,
        window_start=hit.start,
        query_start=query.start,
        edit_point=query.outgoing.edit_point,
        join=join,
        cut_shift=joined.shift,
        in_time=incoming.media.start + joined.in_offset,
        in_shift=joined.in_shift,
        length=joined.duration,
        room=room,
        scores=scores,
        reasons=(*_match_reasons(scores, heard), *_join_reasons(scores, join)),
    )


def with_join(candidate: Candidate, joined: Joined, place: Place) -> Candidate:
    """The candidate with another join: what the match itself is worth stays, what the join gives is said anew."""
    room, join = _room(joined), joined.join
    head, tail = _handle_frames(room, place.rate)
    scores = replace(
        candidate.scores,
        level_step_db=round(join.level_step_db, 2),
        spectral_step_db=round(join.spectral_step_db, 2),
        head_handle_frames=head,
        tail_handle_frames=tail,
    )
    said = candidate.reasons
    kept = next((i for i, reason in enumerate(said) if reason.startswith(_AT_THE_JOIN)), len(said))
    return replace(
        candidate,
        join=join,
        cut_shift=joined.shift,
        in_time=candidate.media.start + joined.in_offset,
        in_shift=joined.in_shift,
        length=joined.duration,
        room=room,
        scores=scores,
        reasons=(*said[:kept], *_join_reasons(scores, join)),
    )


def _room(joined: Joined) -> Room:
    return joined.bounds.room(joined.join.out_point, joined.join.in_point)


def _handle_frames(room: Room, rate: Fraction) -> tuple[int, int]:
    """Whole frames of media before the in point, and after the out point."""
    frame = Fraction(ANALYSIS_RATE) / rate
    return int(max(0, room.incoming_before) / frame), int(max(0, room.outgoing_after) / frame)


def _match_reasons(scores: Scores, heard: Comparison) -> list[str]:
    """What an editor would want to know of the match, in words."""
    reasons = [f"similarity {scores.similarity:.3f}"]
    if scores.score != scores.similarity:
        reasons.append(f"score {scores.score:.3f}")
    level = scores.level_step_lu
    if abs(level) < 1.0:
        reasons.append("as loud as the outgoing sound")
    else:
        reasons.append(f"{abs(level):.1f} LU {'louder' if level > 0 else 'quieter'}")
    return [*reasons, *heard.reasons]


def _join_reasons(scores: Scores, join: Join) -> list[str]:
    """What an editor would want to know of the join, in words."""
    steps = f"level {join.level_step_db:+.1f} dB, spectrum {join.spectral_step_db:.1f} dB apart"
    reasons = [_AT_THE_JOIN + steps]
    if join.gain_db:
        reasons.append(f"level matched by {join.gain_db:+.1f} dB over the fade")
    if join.slip:
        reasons.append(
            f"a bounce enters the sound {1000 * abs(join.slip) / ANALYSIS_RATE:.1f} ms "
            f"{'later' if join.slip > 0 else 'earlier'}, where the waveforms agree"
        )
    reasons.append(f"handles {scores.head_handle_frames} and {scores.tail_handle_frames} frames")
    if join.clamped_by:
        reasons.append(f"fade limited by the {' and the '.join(join.clamped_by)}")
    moved = max(abs(ms) for ms in join.moved_ms)
    if moved > _ANOTHER_POINT_MS:
        reasons.append(f"cut on frames; between them the best point lies {moved:.0f} ms away")
    elif moved >= 0.5 and not join.slip:
        reasons.append(f"the frame grid moved the join by {moved:.0f} ms")
    return reasons
