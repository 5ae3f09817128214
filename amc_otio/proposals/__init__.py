"""The file that propose, audition and apply hand to each other: versioned JSON (docs/proposals.md).

`records` says what it holds, `file` writes and reads it, `check` looks for what cannot be, `to_edit` turns a chosen
candidate into an edit of the timeline. `decisions` is the file in which an editor's choices come back, `decided`
carries them out.
"""

from amc_otio.proposals.decided import decided
from amc_otio.proposals.decisions import (
    DECISIONS_FORMAT,
    DECISIONS_VERSION,
    STATES,
    Decision,
    Decisions,
    content_hash,
    decisions_for,
    decisions_schema,
    read_decisions,
    write_decisions,
)
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
    "DECISIONS_FORMAT",
    "DECISIONS_VERSION",
    "FORMAT",
    "MAX_BYTES",
    "STATES",
    "VERSION",
    "Candidate",
    "Decision",
    "Decisions",
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
    "content_hash",
    "decided",
    "decisions_for",
    "decisions_schema",
    "edit_of",
    "proposals_schema",
    "read_decisions",
    "read_proposals",
    "symmetric",
    "write_decisions",
    "write_proposals",
]
