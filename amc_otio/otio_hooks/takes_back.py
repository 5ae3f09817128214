"""A timeline of candidates back to proposals: takes that were taken out are dropped, their order is their rank."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import opentimelineio as otio

from amc_otio.codec import decode
from amc_otio.errors import ProposalsError
from amc_otio.otio_hooks.takes import KEY
from amc_otio.proposals import FORMAT, VERSION, Candidate, Proposal, Proposals
from amc_otio.proposals.check import check_proposals
from amc_otio.timeline.metadata import lookup

_NOT_OURS: Final = "is no timeline of candidates that the adapter amc_proposals read"
_REMEDY: Final = "convert what came from a proposals file; 'amc-otio propose' makes one of an edit"
_WHERE: Final = "takes"


def proposals_in(timeline: otio.core.SerializableObject) -> Proposals:
    """Return the proposals that a timeline of candidates still holds.

    Raises
    ------
    ProposalsError
        For any other timeline, or one whose metadata was damaged.
    """
    name = getattr(timeline, "name", "") or "the timeline"
    if not isinstance(timeline, otio.schema.Timeline) or lookup(timeline, KEY, "format") != FORMAT:
        raise ProposalsError(name, _NOT_OURS, _REMEDY)
    version = lookup(timeline, KEY, "version")
    if version != VERSION:
        raise ProposalsError(name, f"is of version {version!r}, this writes {VERSION}", "propose again")
    whole = decode(Proposals, _json(timeline, "file"), _WHERE)
    found: list[tuple[int, Proposal]] = []
    for item in _points(timeline):
        number = lookup(item, KEY, "number")
        found.append((number if isinstance(number, int) else 0, _proposal(item)))
    if not found:
        raise ProposalsError(name, "holds no edit point any more", "keep the stacks of those that are meant")
    found.sort(key=lambda pair: pair[0])
    return check_proposals(replace(whole, proposals=tuple(p for _, p in found)), _WHERE)


def _points(timeline: otio.schema.Timeline) -> Iterator[otio.core.Item]:
    """The stacks, and the gaps of edit points without candidates, wherever they were moved to."""
    todo: list[Any] = [timeline.tracks]
    while todo:
        for child in todo.pop():
            if lookup(child, KEY, "proposal") is not None:
                yield child
            elif isinstance(child, otio.core.Composition):
                todo.append(child)


def _proposal(item: Any) -> Proposal:
    where = str(lookup(item, KEY, "edit_point"))
    proposal = decode(Proposal, _json(item, "proposal"), where)
    children = list(item) if isinstance(item, otio.core.Composition) else []
    takes = [decode(Candidate, _json(child, "candidate"), where) for child in children if _is_take(child)]
    candidates = tuple(replace(candidate, rank=rank) for rank, candidate in enumerate(takes, 1))
    if children and not candidates and proposal.refusal is None:
        proposal = replace(proposal, refusal="no take of it was kept")
    return replace(proposal, candidates=candidates)


def _is_take(child: Any) -> bool:
    return lookup(child, KEY, "candidate") is not None


def _json(thing: Any, key: str) -> Any:
    text = lookup(thing, KEY, key)
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (TypeError, ValueError, RecursionError):
        name = getattr(thing, "name", "") or _WHERE
        raise ProposalsError(name, f"its metadata {KEY}.{key} is damaged", "convert the proposals file again") from None


def _no_constant(name: str) -> float:
    raise ValueError(name)
