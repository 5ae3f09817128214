"""What a request's body asks, read strictly: JSON of the shape that the page sends and of no other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from amc_otio.codec import decode
from amc_otio.errors import ProposalsError
from amc_otio.proposals.decisions import Decision

_AGAIN = "reload the page"


@dataclass(frozen=True)
class _Deciding:
    seen: int
    decision: Decision


@dataclass(frozen=True)
class _Writing:
    format: str
    bounce: bool


def asked_decision(body: bytes) -> tuple[int, Decision]:
    """Read the revision that was seen, and the decision.

    Raises
    ------
    ProposalsError
        When the body is anything else.
    """
    asked = _decoded(_Deciding, body)
    return asked.seen, asked.decision


def asked_timeline(body: bytes) -> tuple[str, bool]:
    """Read the suffix of a format, and whether to bounce.

    Raises
    ------
    ProposalsError
        When the body is anything else.
    """
    asked = _decoded(_Writing, body)
    return asked.format, asked.bounce


def _decoded(kind: Any, body: bytes) -> Any:
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, _Twice) else "is not JSON"
        raise ProposalsError("the body", reason, _AGAIN) from error
    try:
        return decode(kind, value, "the body")
    except ProposalsError as error:
        raise ProposalsError(error.thing, error.reason, _AGAIN) from error


class _Twice(ValueError):
    """A key that an object has twice: two programs may read two things from it."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _Twice("has a key twice")
    return made


def _no_constant(name: str) -> float:
    raise ValueError(name)
