"""Propose and apply the best, in one go: on a file, or on a timeline in memory."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from amc_otio.config import Settings
from amc_otio.formats.write import check_output
from amc_otio.proposals import Proposals
from amc_otio.timeline.level_match import notes_of
from amc_otio.timeline.read import in_memory
from amc_otio.timeline.select import Selection
from amc_otio.timeline.write import stamp
from amc_otio.workflow.applying import Written, apply
from amc_otio.workflow.cutting import Change, cut_in, run_of
from amc_otio.workflow.proposing import propose
from amc_otio.workflow.sources import Reporter, Sources


def match(
    edit: Path,
    output: Path,
    sources: Sources | None = None,
    selection: Selection | None = None,
    settings: Settings | None = None,
    reporter: Reporter | None = None,
    force: bool = False,
    dry_run: bool = False,
    timeline_name: str | None = None,
    timeline_rate: Fraction | None = None,
    bounce: bool = False,
    mute: str = "auto",
) -> tuple[Proposals, Written]:
    """Propose and apply the best, in one go: the main job.

    Raises
    ------
    AmcError
        Nothing is written then.
    """
    check_output(output, edit, force)
    proposals = propose(edit, sources, selection, settings, reporter, timeline_name, timeline_rate)
    return proposals, apply(edit, proposals, output, force=force, dry_run=dry_run, bounce=bounce, mute=mute)


@dataclass(frozen=True)
class Matched:
    """A timeline in memory with match cuts; see `Written` for the rest."""

    timeline: otio.schema.Timeline
    proposals: Proposals
    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def match_timeline(
    timeline: otio.core.SerializableObject,
    output: Path,
    sources: Sources | None = None,
    selection: Selection | None = None,
    settings: Settings | None = None,
    reporter: Reporter | None = None,
    edit: Path | None = None,
    timeline_name: str | None = None,
) -> Matched:
    """Do what `match` does to a timeline in memory, which is left as it is; nothing is written but the library.

    Parameters
    ----------
    timeline
        A timeline, or anything that holds one.
    output
        The file it is meant for; it need not exist. Its suffix says which offsets and clip gains the format keeps.
    edit
        A name for what it was; it need not exist either. Relative media is looked for in its folder, the library
        lies there. `output` when None.
    timeline_name
        Which one, where it holds several timelines.

    Raises
    ------
    AmcError
    """
    edit = edit or output
    proposals = propose(in_memory(timeline, edit, timeline_name), sources, selection, settings, reporter)
    cut = cut_in(in_memory(timeline, edit, timeline_name), proposals, output)
    stamp(cut.applied.timeline, run_of(cut, proposals), cut.records)
    notes = (*proposals.notes, *cut.notes, *cut.applied.edit_notes, *notes_of(cut.applied.levels))
    return Matched(cut.applied.timeline, proposals, cut.changes, notes)
