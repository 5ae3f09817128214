"""What became of a join's level match in the format that a timeline is written to, and the words for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import opentimelineio as otio

from amc_otio.timeline.gain_ramp import Ramp
from amc_otio.timeline.metadata import lookup
from amc_otio.timeline.undo import METADATA_KEY


@dataclass(frozen=True)
class Outcome:
    """What became of a ramp.

    Attributes
    ----------
    written
        Whether the file is going to hold it.
    note
        What an editor should know, as it goes on after "the level match of A1:1"; empty is nothing.
    """

    written: bool
    note: str = ""


Recipe = Callable[[otio.core.Item, Ramp], Outcome]
"""Puts a ramp on an item, which is a copy, in the way of one format (`amc_otio.formats`)."""

BOUNCE: Final = "is only in a bounce (--bounce)"
_BOUNCED: Final = "is only in the bounce"
_LEFT_OUT: Final = "is left out"
OURS: Final = "level_matched"
"""Says in a clip's metadata that the keyframes of its level are those of a level match."""
_MOST_NAMED: Final = 6


def put(recipe: Recipe, item: otio.core.Item, ramp: Ramp) -> Outcome:
    """Put a ramp on an item, which must be a copy, and remember that it is ours; a ramp of 0 dB changes nothing."""
    if not ramp.gain_db:
        return Outcome(True)
    outcome = recipe(item, ramp)
    if outcome.written:
        held = lookup(item, METADATA_KEY)
        item.metadata[METADATA_KEY] = {**(dict(held) if hasattr(held, "keys") else {}), OURS: True}
    return outcome


def nowhere(item: otio.core.Item, ramp: Ramp) -> Outcome:
    """The recipe of a timeline that is not written to a file."""
    return Outcome(False, f"{BOUNCE}: .otio has no clip gain that an editor reads")


def notes_of(
    outcomes: Iterable[tuple[str, float, Outcome]], bounced: Mapping[str, float] | None = None
) -> tuple[str, ...]:
    """What to tell an editor of the level matches: each note once, with the joins that it is about.

    Parameters
    ----------
    outcomes
        Name of the join, its gain in dB and what became of it; once for each track.
    bounced
        The joins that are bounced, and with which gain. Where that is none, the bounce's own note says why.
    """
    grouped: dict[str, dict[str, float]] = {}
    for name, gain, outcome in outcomes:
        note = outcome.note
        if bounced is not None and name in bounced:
            note = note.replace(BOUNCE, _BOUNCED if bounced[name] else _LEFT_OUT)
            note = note if bounced[name] or outcome.written else ""
        if note:
            grouped.setdefault(note, {})[name] = gain
    notes = []
    for note, joins in grouped.items():
        named = [f"{name} ({gain:+.1f} dB)" for name, gain in list(joins.items())[:_MOST_NAMED]]
        more = f" and {len(joins) - len(named)} more" if len(joins) > len(named) else ""
        notes.append(f"the level match of {', '.join(named)}{more} {note}")
    return tuple(notes)
