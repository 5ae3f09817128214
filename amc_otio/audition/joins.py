"""The joins of a candidate by every method, on the clocks of the two files."""

from __future__ import annotations

from amc_otio.audition.records import Meeting
from amc_otio.audition.told import meeting_of
from amc_otio.matching.rejoin import Rejoiner
from amc_otio.proposals import Candidate, Proposal


def joins_of(rejoiner: Rejoiner, proposal: Proposal, candidate: Candidate) -> dict[str, Meeting | str]:
    """The candidate's meeting by each method of `amc_otio.config.METHODS`, or in words why there is none.

    Raises
    ------
    MediaError, ProposalsError
        When no join can be found anew: a file is gone or was changed, say.
    """
    made = rejoiner.rejoin_all(proposal, candidate)
    return {m: meeting_of(c) if isinstance(c, Candidate) else c.reason for m, c in made.items()}
