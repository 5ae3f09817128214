"""The joins of a candidate by every method, on the clocks of the two files."""

from __future__ import annotations

from amc_otio.audition.records import Meeting
from amc_otio.config import ANALYSIS_RATE
from amc_otio.matching.rejoin import Rejoiner
from amc_otio.proposals import Candidate, Proposal


def meeting_of(candidate: Candidate) -> Meeting:
    """Where and how the candidate's two sounds meet."""
    join = candidate.join
    return Meeting(
        method=join.method,
        out_at=candidate.query_start + join.out_point,
        in_at=candidate.window_start + join.in_point,
        fade_before=join.fade_before,
        fade_after=join.fade_after,
        law=join.fade_law,
        gain_db=join.gain_db,
        glide=join.glide,
        slip=join.slip,
        room=candidate.room,
        length=None if candidate.length is None else round(candidate.length * ANALYSIS_RATE),
        moved_ms=join.moved_ms,
    )


def joins_of(rejoiner: Rejoiner, proposal: Proposal, candidate: Candidate) -> dict[str, Meeting | str]:
    """The candidate's meeting by each method of `amc_otio.config.METHODS`, or in words why there is none.

    Raises
    ------
    MediaError, ProposalsError
        When no join can be found anew: a file is gone or was changed, say.
    """
    made = rejoiner.rejoin_all(proposal, candidate)
    return {m: meeting_of(c) if isinstance(c, Candidate) else c.reason for m, c in made.items()}
