"""What an editor decided of a proposals file: the file that an audition hands to ``apply`` (docs/proposals.md).

One decision an edit point: a candidate, the present shot, or nothing. Besides, what the editor changed at the join;
`decided` says which of that can be carried out, and refuses the rest in words.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from amc_otio.codec import decode, encode, schema
from amc_otio.config import METHODS
from amc_otio.errors import ProposalsError
from amc_otio.joining.fades import FADE_LAWS
from amc_otio.proposals.file import Kind, read_document
from amc_otio.proposals.records import Proposals
from amc_otio.timeline.write import write_json

DECISIONS_FORMAT: Final = "amc-otio decisions"
DECISIONS_VERSION: Final = 1
STATES: Final = ("chosen", "kept", "rejected", "undecided")
"""A candidate is taken; the present shot stays; no candidate will do; not decided yet. Only the first is cut."""
MAX_DECISIONS_BYTES: Final = 64 * 1024 * 1024
LONGEST_FADE: Final = Fraction(10)
"""Seconds, as `join.max_fade_s` allows at most."""
MOST_FRAMES: Final = 10_000
"""A join is nudged by no more frames."""
LONGEST_NOTE: Final = 10_000
_DAMAGED: Final = "the file is damaged; decide again, or mend it"
_KIND: Final = Kind(
    "decisions", DECISIONS_FORMAT, DECISIONS_VERSION, "give the file that the audition wrote", "decide again"
)


@dataclass(frozen=True)
class Decision:
    """What was decided of an edit point.

    Attributes
    ----------
    point
        The edit point's id.
    state
        One of `STATES`.
    rank
        The chosen candidate's; None in any other state.
    nudge_frames
        The join moves so many frames of the timeline later (negative is earlier): both sounds stay where they are
        against each other, the cut rolls.
    fade_length
        Length of the fade in seconds, exact; 0 is a plain cut, None leaves it.
    fade_law
        One of `amc_otio.joining.fades.FADE_LAWS`; None leaves it.
    method
        One of `amc_otio.config.METHODS`; None leaves it.
    note
        What the editor wrote.
    """

    point: str
    state: str
    rank: int | None = None
    nudge_frames: int = 0
    fade_length: Fraction | None = None
    fade_law: str | None = None
    method: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Decisions:
    """The whole file; edit points that are not named are undecided.

    `proposals_sha256` is what `content_hash` gives for the proposals that it belongs to, `timeline_sha256` the hash
    of the timeline that those belong to.
    """

    format: str
    version: int
    tool: str
    proposals_sha256: str
    timeline_sha256: str
    decisions: tuple[Decision, ...]
    note: str = ""


def content_hash(proposals: Proposals) -> str:
    """SHA-256 of what in a proposals file decides a cut, in hexadecimal.

    Of the JSON object with the keys ``proposals``, ``settings`` and ``timeline`` (its ``sha256`` alone), as the file
    holds them, in UTF-8, keys sorted, without white space, numbers in their shortest form that reads back equal.
    The same proposals written with another indentation, moved, or with other notes are the same.
    """
    content = {
        "proposals": encode(proposals.proposals),
        "settings": encode(proposals.settings),
        "timeline": proposals.timeline.sha256,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def decisions_for(proposals: Proposals, decisions: tuple[Decision, ...], note: str = "") -> Decisions:
    """Put decisions into a file's form.

    Raises
    ------
    ProposalsError
        Where they cannot be, or name what the proposals do not hold.
    """
    from amc_otio import __version__

    made = Decisions(
        format=DECISIONS_FORMAT,
        version=DECISIONS_VERSION,
        tool=__version__,
        proposals_sha256=content_hash(proposals),
        timeline_sha256=proposals.timeline.sha256,
        decisions=decisions,
        note=note,
    )
    check_belongs(check_decisions(made, "decisions"), proposals)
    return made


def write_decisions(decisions: Decisions, path: Path) -> None:
    """Write the file (temporary name, then rename).

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    write_json(path, encode(decisions))


def read_decisions(path: Path) -> Decisions:
    """Read and check a decisions file.

    Raises
    ------
    ProposalsError
        When it is missing, damaged, too large, or of another version.
    """
    value = read_document(path, _KIND, MAX_DECISIONS_BYTES)
    try:
        decisions = decode(Decisions, value, path.name)
    except ProposalsError as error:
        raise ProposalsError(error.thing, error.reason, _DAMAGED) from error
    return check_decisions(decisions, path.name)


def decisions_schema() -> dict[str, Any]:
    """Return the JSON schema of the file (docs/decisions.schema.json)."""
    made = schema(Decisions)
    top = made["properties"]
    top["format"] = {"const": DECISIONS_FORMAT}
    top["version"] = {"const": DECISIONS_VERSION}
    digest = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    top |= {"proposals_sha256": digest, "timeline_sha256": digest}
    one = top["decisions"]["items"]
    fields = one["properties"]
    fields["state"] = {"enum": list(STATES)}
    fields["rank"] = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}
    fields["nudge_frames"] = {"type": "integer", "minimum": -MOST_FRAMES, "maximum": MOST_FRAMES}
    fields["fade_law"] = {"enum": [*FADE_LAWS, None]}
    fields["method"] = {"enum": [*METHODS, None]}
    for name in ("point", "note"):
        fields[name] = {"type": "string", "maxLength": LONGEST_NOTE}
    # Only a chosen candidate has a rank.
    chosen = {"properties": {"state": {"const": "chosen"}}}
    one |= {"if": chosen, "then": {"properties": {"rank": {"type": "integer"}}}}
    one["else"] = {"properties": {"rank": {"type": "null"}}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "amc-otio decisions file"}


def check_decisions(decisions: Decisions, where: str) -> Decisions:
    """Return `decisions` unchanged.

    Raises
    ------
    ProposalsError
        Naming the place in the file whose value cannot be.
    """
    for name in ("proposals_sha256", "timeline_sha256"):
        digest = getattr(decisions, name)
        _need(len(digest) == 64 and set(digest) <= set("0123456789abcdef"), f"{where}.{name}", "is no SHA-256")
    _need(len(decisions.note) <= LONGEST_NOTE, f"{where}.note", "is too long")
    seen: set[str] = set()
    for i, one in enumerate(decisions.decisions):
        place = f"{where}.decisions[{i}]"
        _need(one.point not in seen, place, f"decides edit point {one.point} twice")
        seen.add(one.point)
        _need(one.state in STATES, f"{place}.state", f"is none of {', '.join(STATES)}")
        chosen = one.state == "chosen"
        _need(chosen == (one.rank is not None), f"{place}.rank", "belongs to a chosen candidate, and to nothing else")
        _need(one.rank is None or one.rank >= 1, f"{place}.rank", "is no rank: they count from 1")
        _need(abs(one.nudge_frames) <= MOST_FRAMES, f"{place}.nudge_frames", f"is more than {MOST_FRAMES}")
        fits = one.fade_length is None or 0 <= one.fade_length <= LONGEST_FADE
        _need(fits, f"{place}.fade_length", f"is no length from 0 to {LONGEST_FADE} s")
        _need(one.fade_law in (None, *FADE_LAWS), f"{place}.fade_law", f"is none of {', '.join(FADE_LAWS)}")
        _need(one.method in (None, *METHODS), f"{place}.method", f"is none of {', '.join(METHODS)}")
        _need(max(len(one.note), len(one.point)) <= LONGEST_NOTE, f"{place}.note", "is too long")
    return decisions


def check_belongs(decisions: Decisions, proposals: Proposals, sha256: str | None = None) -> None:
    """Refuse decisions of other proposals.

    Parameters
    ----------
    sha256
        What `content_hash` gives for the proposals, where it is known already.

    Raises
    ------
    ProposalsError
    """
    if decisions.timeline_sha256 != proposals.timeline.sha256:
        raise ProposalsError("the decisions", "belong to proposals of another timeline", "decide on these proposals")
    if decisions.proposals_sha256 != (content_hash(proposals) if sha256 is None else sha256):
        raise ProposalsError(
            "the decisions", "belong to other proposals, or these were changed since", "decide on these proposals"
        )
    ranks = {p.point.id: {c.rank for c in p.candidates} for p in proposals.proposals}
    for one in decisions.decisions:
        if one.point not in ranks:
            raise ProposalsError(f"decision on {one.point}", "the proposals have no such edit point", _DAMAGED)
        if one.rank is not None and one.rank not in ranks[one.point]:
            count = len(ranks[one.point])
            raise ProposalsError(f"decision on {one.point}", f"there is no candidate {one.rank} of {count}", _DAMAGED)


def _need(true: bool, where: str, problem: str) -> None:
    if not true:
        raise ProposalsError(where, problem, _DAMAGED)
