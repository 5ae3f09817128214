"""Undo the last run on a timeline, into a new file."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from amc_otio.errors import TimelineError
from amc_otio.formats.write import check_output, write_timeline
from amc_otio.timeline.metadata import items_of
from amc_otio.timeline.read import read_timeline
from amc_otio.timeline.revert import revert as revert_run
from amc_otio.timeline.revert import runs_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reverted:
    """What an undoing wrote, and the names of the undone run's bounces, which are left where they are."""

    output: Path
    bounces: tuple[str, ...]


def revert(edit: Path, output: Path, force: bool = False, dry_run: bool = False) -> Reverted:
    """Undo the last run on a timeline that amc-otio wrote, into a new file; `dry_run` does all but write it.

    The run's bounces stay on the disk: what was mixed on the bounced timeline may refer to them.

    Raises
    ------
    AmcError
        When there is nothing to undo, or it was edited since.
    """
    check_output(output, edit, force)
    timeline = read_timeline(edit, sound_track=False).timeline
    try:
        restored = revert_run(timeline)
        bounces = tuple(str(name) for name in items_of(runs_of(timeline)[-1].get("bounces")))
    except TimelineError as error:
        if edit.suffix.lower() in (".otioz", ".otiod") and runs_of(timeline):
            reason = f"is a bundle with its own copies of the media, in which {error.thing} cannot be put back"
            raise TimelineError(edit, reason, "go on from the untouched input, which the sidecar names") from error
        raise TimelineError(edit, f"{error.thing} {error.reason}", error.remedy) from error
    if not dry_run:
        write_timeline(restored, output)
    _log.info("%s %s as %s was before", "would write" if dry_run else "wrote", output, edit)
    return Reverted(output, bounces)
