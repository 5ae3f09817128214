"""Which edits of one run exclude each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import opentimelineio as otio

from amc_otio.timeline.edits import Edit
from amc_otio.timeline.ripple import items_beside, record_length
from amc_otio.timeline.slots import slot_at, stack_at, track_at

Item = tuple[tuple[int, ...], int]
"""A track's path and a child index in it."""


@dataclass(frozen=True)
class Footprint:
    """What an edit changes.

    Attributes
    ----------
    edit
        The edit.
    touched
        Items at its cuts, with their record length in seconds.
    trimmed
        Of the touched ones that stay: seconds that the edit and its fade take off.
    rippled
        Items on other tracks that a ripple may split or move at the cut.
    only_trims
        ``insert``, and ``align`` with ripple, only trim the shots on both sides: neighbours may both be made.
    """

    edit: Edit
    touched: dict[Item, Fraction]
    trimmed: dict[Item, Fraction]
    rippled: frozenset[Item]
    only_trims: bool


def footprint(timeline: otio.schema.Timeline, edit: Edit) -> Footprint:
    """What `edit` changes on `timeline`.

    Raises
    ------
    TimelineError
        When the edit names a place that the timeline does not have.
    """
    touched: dict[Item, Fraction] = {}
    trimmed: dict[Item, Fraction] = {}
    for cut in edit.cuts:
        slot = slot_at(track_at(timeline, cut.track_path), cut.index)
        outgoing = (cut.track_path, cut.index)
        touched[outgoing] = slot.outgoing
        trimmed[outgoing] = edit.fade_before - edit.cut_shift
        if slot.incoming_index is not None and slot.incoming is not None:
            incoming = (cut.track_path, slot.incoming_index)
            touched[incoming] = slot.incoming
            if edit.mode == "align":
                trimmed[incoming] = edit.in_shift + edit.fade_after
            else:
                trimmed[incoming] = Fraction(0) if edit.ripple else edit.cut_shift + (edit.length or Fraction(0))
    return Footprint(
        edit,
        touched,
        trimmed,
        _rippled(timeline, edit) if edit.ripple else frozenset(),
        edit.mode == "insert" or (edit.mode == "align" and edit.ripple),
    )


def _rippled(timeline: otio.schema.Timeline, edit: Edit) -> frozenset[Item]:
    own = edit.cuts[0]
    time = record_length(list(track_at(timeline, own.track_path))[: own.index + 1])
    cut = {c.track_path for c in edit.cuts}
    items: set[Item] = set()
    for number, track in enumerate(stack_at(timeline, own.track_path[:-1])):
        path = (*own.track_path[:-1], number)
        if path not in cut and isinstance(track, otio.schema.Track):
            items.update((path, index) for index in items_beside(track, time))
    return frozenset(items)


def exclude_each_other(one: Footprint, other: Footprint) -> bool:
    """Whether one edit takes away, slips, splits or uses up what the other was found for."""
    if one.rippled & other.touched.keys() or other.rippled & one.touched.keys():
        return True
    shared = one.touched.keys() & other.touched.keys()
    if not (one.only_trims and other.only_trims):
        return bool(shared)
    if set(one.edit.cuts) & set(other.edit.cuts):
        return True
    return any(one.trimmed[item] + other.trimmed[item] >= one.touched[item] for item in shared)


@dataclass
class Conflicts:
    """The edits that were chosen so far; tells which of them a further one excludes."""

    _by_item: dict[Item, list[Footprint]] = field(default_factory=dict)

    def rival(self, new: Footprint) -> Edit | None:
        """The first chosen edit that `new` and it exclude each other, or None."""
        for item in sorted(new.touched.keys() | new.rippled):
            for held in self._by_item.get(item, ()):
                if exclude_each_other(held, new):
                    return held.edit
        return None

    def add(self, new: Footprint) -> None:
        """Take an edit among the chosen ones."""
        for item in new.touched.keys() | new.rippled:
            self._by_item.setdefault(item, []).append(new)
