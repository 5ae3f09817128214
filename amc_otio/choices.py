"""Which candidates are cut where nobody chose: the best of each edit point that do not exclude each other."""

from __future__ import annotations

from pathlib import Path

from amc_otio.errors import NoMatchError
from amc_otio.proposals import Proposals, edit_of
from amc_otio.timeline.conflicts import Conflicts, Footprint, Item, exclude_each_other, footprint
from amc_otio.timeline.read import LoadedTimeline


def best_choices(proposals: Proposals, loaded: LoadedTimeline) -> tuple[dict[int, int], tuple[str, ...]]:
    """Choose each edit point's best candidate, the highest score first, where they do not exclude each other.

    Returns
    -------
    tuple
        ``{proposal number: rank}``, and a note for each that had to give way.
    """
    order = sorted(
        (i for i, p in enumerate(proposals.proposals) if p.candidates),
        key=lambda i: (-proposals.proposals[i].candidates[0].scores.score, i),
    )
    taken = Conflicts()
    choices: dict[int, int] = {}
    notes: list[str] = []
    for index in order:
        proposal = proposals.proposals[index]
        candidate = proposal.candidates[0]
        edit = edit_of(proposal, candidate, proposals.settings, proposals.timeline.rate, offsets="exact")
        changes = footprint(loaded.timeline, edit)
        rival = taken.rival(changes)
        if rival is None:
            taken.add(changes)
            choices[index + 1] = 1
        else:
            notes.append(f"{edit.name}: left as it was, since the better match at {rival.name} changes the same shot")
    return choices, tuple(notes)


def rivals(proposals: Proposals, loaded: LoadedTimeline) -> dict[int, tuple[int, ...]]:
    """Which edit points cannot be cut together, by number, from 1: each changes a shot that the other needs.

    Judged by each point's best candidate: where shots are only trimmed from both sides (`insert`, and `align` with
    ripple) another one may leave more or less of them, and only cutting tells.
    """
    changes: dict[int, Footprint] = {}
    for number, proposal in enumerate(proposals.proposals, 1):
        if proposal.candidates:
            best = proposal.candidates[0]
            edit = edit_of(proposal, best, proposals.settings, proposals.timeline.rate, offsets="exact")
            changes[number] = footprint(loaded.timeline, edit)
    by_item: dict[Item, list[int]] = {}
    for number, one in changes.items():
        for item in one.touched.keys() | one.rippled:
            by_item.setdefault(item, []).append(number)
    found: dict[int, tuple[int, ...]] = {}
    for number, one in changes.items():
        beside = {other for item in one.touched.keys() | one.rippled for other in by_item[item]} - {number}
        against = tuple(sorted(other for other in beside if exclude_each_other(one, changes[other])))
        if against:
            found[number] = against
    return found


def nothing_found(edit: Path, proposals: Proposals) -> NoMatchError:
    """The error of a run that finds nothing to cut: the first edit points and their refusals."""
    return NoMatchError(
        edit, _why_nothing(proposals), "choose other edit points or sounds; propose --show-refused tells more"
    )


def _why_nothing(proposals: Proposals) -> str:
    points: dict[str, list[str]] = {}
    for proposal in proposals.proposals:
        if proposal.refusal:
            reason = proposal.refusal.removeprefix("no match can be cut here: ")
            points.setdefault(reason, []).append(proposal.point.id)
    if not points:
        return "nothing is chosen"
    said = [f"{_shortened(ids)}: {reason}" for reason, ids in list(points.items())[:3]]
    more = f" (and {len(points) - 3} more reasons)" if len(points) > 3 else ""
    return "no match can be cut: " + "; ".join(said) + more


def _shortened(ids: list[str], most: int = 6) -> str:
    return ", ".join(ids[:most]) + (f" and {len(ids) - most} more" if len(ids) > most else "")
