"""The adapter ``amc_proposals``: files and texts on one side, timelines of candidates on the other."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio

from amc_otio.otio_hooks.failing import as_otio_errors
from amc_otio.otio_hooks.takes import timeline_of
from amc_otio.otio_hooks.takes_back import proposals_in
from amc_otio.proposals import read_proposals, write_proposals
from amc_otio.proposals.file import parse_proposals, proposals_text

_TEXT = "the text"


def read_file(filepath: str) -> otio.schema.Timeline:
    """Read a proposals file; see `amc_otio.proposals.read_proposals`."""
    with as_otio_errors(""):
        return timeline_of(read_proposals(Path(filepath)))


def read_text(text: str) -> otio.schema.Timeline:
    """Read the text of one."""
    with as_otio_errors(""):
        return timeline_of(parse_proposals(text, _TEXT))


def write_file(timeline: otio.core.SerializableObject, filepath: str) -> str:
    """Write the proposals that a timeline of candidates still holds."""
    with as_otio_errors(""):
        write_proposals(proposals_in(timeline), Path(filepath))
        return filepath


def write_text(timeline: otio.core.SerializableObject) -> str:
    """The same as a text."""
    with as_otio_errors(""):
        return proposals_text(proposals_in(timeline))
