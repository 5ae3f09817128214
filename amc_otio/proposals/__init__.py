"""The file that propose, audition and apply hand to each other: versioned JSON (docs/proposals.md).

`records` says what it holds, `file` writes and reads it, `check` looks for what cannot be, `to_edit` turns a chosen
candidate into an edit of the timeline.
"""

from amc_otio.proposals.file import MAX_BYTES, proposals_schema, read_proposals, write_proposals
from amc_otio.proposals.records import (
    FORMAT,
    VERSION,
    Candidate,
    LinkedSound,
    MediaRecord,
    PointRecord,
    Present,
    Proposal,
    Proposals,
    RangeRecord,
    Refusal,
    Scores,
    ShotRecord,
    TimelineRecord,
)
from amc_otio.proposals.to_edit import edit_of, symmetric

__all__ = [
    "FORMAT",
    "MAX_BYTES",
    "VERSION",
    "Candidate",
    "LinkedSound",
    "MediaRecord",
    "PointRecord",
    "Present",
    "Proposal",
    "Proposals",
    "RangeRecord",
    "Refusal",
    "Scores",
    "ShotRecord",
    "TimelineRecord",
    "edit_of",
    "proposals_schema",
    "read_proposals",
    "symmetric",
    "write_proposals",
]
