"""Joins found anew by another method, as decisions and the audition ask for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from amc_otio.matching.rejoin import Rejoiner
from amc_otio.proposals import Candidate, Proposal, Proposals
from amc_otio.timeline.read import LoadedTimeline, loaded_timeline
from amc_otio.workflow.ranges import fill_missing


def rejoiner(proposals: Proposals, edit: Path | LoadedTimeline | None = None) -> Rejoiner:
    """Return what finds joins of these proposals anew.

    Parameters
    ----------
    edit
        The timeline that they were made for, read or not; it is left as it is. None is where it was then.

    Raises
    ------
    TimelineError
        When it cannot be read.
    ProposalsError
        When it is another timeline.
    """
    record = proposals.timeline
    if edit is None:
        edit = Path(record.path)
    loaded = loaded_timeline(edit, record.name or None, record.rate)
    if loaded.sha256 == record.sha256 and record.ranges:
        fill_missing(loaded.timeline, record.ranges)
    return Rejoiner(loaded, proposals)


def rejoin_for(
    proposals: Proposals, edit: Path | LoadedTimeline | None = None
) -> Callable[[Proposal, Candidate, str], Candidate]:
    """Return `Rejoiner.rejoin`, made when it is first called: most decisions need none."""
    made = cache(lambda: rejoiner(proposals, edit))
    return lambda proposal, candidate, method: made().rejoin(proposal, candidate, method)
