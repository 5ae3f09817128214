"""Proposals and choices in, a new timeline file out."""

from __future__ import annotations

import logging
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from amc_otio.bounce.run import BounceFile, bounced
from amc_otio.codec import encode
from amc_otio.formats.write import check_output, rehearse, staged
from amc_otio.proposals import Decisions, Proposals, decided
from amc_otio.timeline.beside import beside
from amc_otio.timeline.level_match import notes_of
from amc_otio.timeline.read import read_timeline
from amc_otio.timeline.write import sidecar_path, stamp, write_json
from amc_otio.workflow.cutting import Change, cut_in, run_of
from amc_otio.workflow.rejoining import rejoin_for

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Written:
    """What a run wrote."""

    output: Path
    sidecar: Path
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    bounces: tuple[BounceFile, ...] = ()


def apply(
    edit: Path,
    proposals: Proposals,
    output: Path,
    choices: dict[int, int] | Decisions | None = None,
    force: bool = False,
    dry_run: bool = False,
    bounce: bool = False,
    mute: str = "auto",
) -> Written:
    """Write a new timeline with the chosen candidates cut in, and its sidecar.

    Parameters
    ----------
    choices
        ``{edit point number: rank}``, both from 1; rank 0 keeps the present shot. Or decisions, with what an editor
        changed at the joins. None takes the best of each.
    dry_run
        Do everything but write.
    bounce
        Also render each join and put it on a track of its own (docs/bouncing.md).
    mute
        How what a bounce replaces is silenced: one of `amc_otio.config.MUTES`.

    Raises
    ------
    AmcError
        Nothing is written then.
    """
    began = time.monotonic()
    check_output(output, edit, force)
    loaded = read_timeline(edit, name=proposals.timeline.name or None, rate=proposals.timeline.rate)
    if isinstance(choices, Decisions):
        proposals, choices = decided(proposals, choices, rejoin_for(proposals, loaded))
    cut = cut_in(loaded, proposals, output, choices)
    applied, notes = cut.applied, cut.notes
    made = cut.chosen if bounce else ()
    sidecar = sidecar_path(output)
    with nullcontext() if dry_run else beside(output) as files:
        bounces = bounced(cut.timeline, applied, made, proposals, output, mute, force, files)
        records = [*cut.records, *bounces.records]
        run = run_of(cut, proposals)
        if bounces.files:
            run["bounces"] = [Path(file.path).name for file in bounces.files]
        stamp(applied.timeline, run, records)
        gains = {file.edit_point: file.gain_db for file in bounces.files}
        notes += (*applied.edit_notes, *notes_of(applied.levels, gains), *bounces.notes)
        if files is None:
            notes = (*rehearse(applied.timeline, output, loaded.rate), *notes)
        else:
            with staged(applied.timeline, output, bounces.media, loaded.rate) as stage:
                notes = (*stage.notes, *notes)  # what is lost comes first
                content = {
                    "format": "amc-otio sidecar",
                    "version": 1,
                    **run,
                    "input": {"path": str(edit.absolute()), "sha256": loaded.sha256},
                    "output": output.name,
                    "changes": encode(cut.changes),
                    "bounces": encode(bounces.files),
                    "notes": list(notes),
                    "undo": records,
                }
                write_json(files.new(sidecar.name), content)
                files.place()
                stage.commit()
    verb = "would write" if dry_run else "wrote"
    _log.info("%s %s, %d match cuts, in %.3f s", verb, output, len(cut.changes), time.monotonic() - began)
    return Written(output, sidecar, cut.changes, notes, bounces.files)
