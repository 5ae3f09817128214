"""Does a proposals file say what can be? `codec.decode` has checked the types; here are the values.

A file that a program or a person changed must not lead to an impossible timeline or to hours of decoding.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

from amc_otio.config import ANALYSIS_RATE, MOST_GAIN_DB, check
from amc_otio.errors import ProposalsError, UsageError
from amc_otio.joining.fades import FADE_LAWS
from amc_otio.proposals.records import Candidate, Proposal, Proposals

LONGEST_S: Final = 10**7
"""No time in a proposals file is longer than this, in seconds (116 days)."""
_LONGEST_FADE: Final = 20 * ANALYSIS_RATE
_MOST: Final = LONGEST_S * ANALYSIS_RATE
_HIGHEST_RATE: Final = 10**6
_DAMAGED: Final = "the file is damaged; propose again"


def check_proposals(proposals: Proposals, where: str) -> Proposals:
    """Return `proposals` unchanged.

    Raises
    ------
    ProposalsError
        Naming the place in the file whose value cannot be.
    """
    try:
        check(proposals.settings)
    except UsageError as error:
        raise ProposalsError(f"{where}.settings.{error.thing}", error.reason, _DAMAGED) from error
    for place, number in _numbers(proposals, where):
        most = LONGEST_S if isinstance(number, Fraction) else _MOST
        _need(-most <= number <= most, place, "is out of all bounds")
    timeline = proposals.timeline
    _need(0 < timeline.rate <= _HIGHEST_RATE, f"{where}.timeline.rate", "is no frame rate")
    for i, record in enumerate(timeline.ranges):
        fits = record.index >= 0 and record.duration > 0 and 0 < record.rate <= _HIGHEST_RATE
        _need(fits, f"{where}.timeline.ranges[{i}]", "is no range of a file")
    for i, proposal in enumerate(proposals.proposals):
        _check_proposal(proposal, f"{where}.proposals[{i}]")
    return proposals


def _check_proposal(proposal: Proposal, where: str) -> None:
    cuts = proposal.point.cuts
    fits = bool(cuts) and all(min((cut.index, *cut.track_path), default=0) >= 0 and cut.track_path for cut in cuts)
    _need(fits, f"{where}.point.cuts", "names no place in a timeline")
    ranks = [candidate.rank for candidate in proposal.candidates]
    _need(ranks == list(range(1, len(ranks) + 1)), f"{where}.candidates", "are not ranked 1, 2, 3, …")
    for i, candidate in enumerate(proposal.candidates):
        _check_candidate(candidate, f"{where}.candidates[{i}]")


def _check_candidate(candidate: Candidate, where: str) -> None:
    media, join = candidate.media, candidate.join
    _need(0 < media.rate <= _HIGHEST_RATE, f"{where}.media.rate", "is no frame rate")
    _need(media.duration > 0, f"{where}.media.duration", "is no length of a file")
    _need(1 <= media.channels <= 1024, f"{where}.media.channels", "is no number of channels")
    _need(join.fade_law in FADE_LAWS, f"{where}.join.fade_law", f"is none of {', '.join(FADE_LAWS)}")
    fades = (join.fade_before, join.fade_after)
    _need(min(fades) >= 0 and max(fades) <= _LONGEST_FADE, f"{where}.join", "has a fade of impossible length")
    _need(0 <= join.glide <= _LONGEST_FADE, f"{where}.join.glide", "is no length of a glide")
    _need(abs(join.slip) <= ANALYSIS_RATE, f"{where}.join.slip", "is further than a second")
    _need(-MOST_GAIN_DB <= join.gain_db <= MOST_GAIN_DB, f"{where}.join.gain_db", "is no gain")
    _need(candidate.length is None or candidate.length > 0, f"{where}.length", "is no length of a shot")


def _need(true: bool, where: str, problem: str) -> None:
    if not true:
        raise ProposalsError(where, problem, _DAMAGED)


def _numbers(value: Any, where: str) -> Iterator[tuple[str, int | Fraction]]:
    """Every whole number and exact time in the file, with its place."""
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _numbers(getattr(value, field.name), f"{where}.{field.name}")
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _numbers(item, f"{where}[{i}]")
    elif isinstance(value, (int, Fraction)) and not isinstance(value, bool):
        yield where, value
