"""The join of an edit point's sound and a window of a file, within what the slot, the handles and the file hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from amc_otio.config import ANALYSIS_RATE, EditSettings, Settings
from amc_otio.joining.analysis import WINDOW, Analysis
from amc_otio.joining.bounds import Bounds
from amc_otio.joining.join import Join, find_join
from amc_otio.matching.geometry import Shortfall, bounds_for, record_length, shortfall
from amc_otio.matching.grid import Grid, frame_grid
from amc_otio.matching.handles import Handles
from amc_otio.matching.query import Query
from amc_otio.proposals import MediaRecord
from amc_otio.timeline.slots import Slot


@dataclass(frozen=True)
class Place:
    """What one edit point asks of a match: its slot, the timeline's rate and the settings."""

    slot: Slot
    rate: Fraction
    settings: Settings

    @property
    def reach(self) -> int:
        """Samples beyond the two windows in which a point is looked for too."""
        return round(self.settings.join.search_s * ANALYSIS_RATE)


@dataclass(frozen=True)
class Incoming:
    """A window of a file that is to be joined: which points of it can be cut.

    Attributes
    ----------
    start
        Where the window starts on the file's sound, in samples at 48 kHz; for ``align``, the present in point.
    aligned
        Whether it is the present incoming shot, whose cut is retimed.
    reach
        Samples beyond the window in which a point is looked for too.
    """

    media: MediaRecord
    start: int
    aligned: bool
    bounds: Bounds
    grid: Grid
    reach: int

    def shortfall(self, query: Query, place: Place) -> Shortfall:
        """Why no pair of points can be cut."""
        edit = place.settings.edit
        return shortfall(self.bounds, place.slot, edit, place.rate, query.grid.samples, self.grid.samples)


@dataclass(frozen=True)
class Joined:
    """A join and what it means for the edit.

    Attributes
    ----------
    bounds
        Those of the join, the shot's own length among them.
    shift
        How far the cut moves, in seconds.
    in_offset
        The first moment used, in seconds from the file's start.
    in_shift
        For ``align``: how far the incoming clip's in point moves, in seconds.
    duration
        Record length in seconds; None keeps the slot's.
    """

    join: Join
    bounds: Bounds
    shift: Fraction
    in_offset: Fraction
    in_shift: Fraction
    duration: Fraction | None


def window_of(query: Query, media: MediaRecord, start: int, valid: int, own: bool, place: Place) -> Incoming:
    """A window that was found in a file.

    Parameters
    ----------
    valid
        Samples of it that the file holds.
    own
        Whether the file is the outgoing clip's own source.
    """
    reach = 0 if own else place.reach
    length, least = round(media.duration * ANALYSIS_RATE), _least_remaining(place)
    bounds = bounds_for(place.slot, place.settings.edit, place.rate, query.outgoing, start, valid, length, least, reach)
    if own:
        # Beyond the two windows the outgoing clip's own source would meet itself, where nothing is cut at all.
        first, last = max(bounds.outgoing_from, 0), min(bounds.outgoing_to, WINDOW)
        bounds = replace(bounds, outgoing_from=first, outgoing_to=last)
    return Incoming(media, start, False, bounds, frame_grid(media.rate, Fraction(-start), WINDOW, reach), reach)


def present_of(query: Query, media: MediaRecord, start: int, length: int, handles: Handles, place: Place) -> Incoming:
    """The present incoming shot, whose cut ``align`` retimes: `start` is its in point, `length` its file's."""
    slot, reach = place.slot, place.reach
    if handles.incoming_tail is not None and slot.incoming is not None:
        length = min(length, start + int((slot.incoming + handles.incoming_tail) * ANALYSIS_RATE))
    bounds = bounds_for(slot, place.settings.edit, place.rate, query.outgoing, start, WINDOW, length, 0, reach)
    if handles.incoming_head is not None:
        head = int(handles.incoming_head * ANALYSIS_RATE)
        bounds = replace(
            bounds,
            incoming_from=max(bounds.incoming_from, -head),
            incoming_media_start=max(bounds.incoming_media_start, -head),
        )
    return Incoming(media, start, True, bounds, frame_grid(query.grid.rate, Fraction(0), WINDOW, reach), reach)


def join_window(query: Query, incoming: Incoming, analysis: Analysis, place: Place) -> Joined | Shortfall:
    """Find the join by the method of the settings, and the record length that it leaves."""
    found = join_at(query, analysis, incoming.bounds, place)
    if found is None:
        return incoming.shortfall(query, place)
    shift, at = query.grid.time_at(found.out_point), incoming.grid.time_at(found.in_point)
    if incoming.aligned:
        return Joined(found, incoming.bounds, shift, Fraction(incoming.start, ANALYSIS_RATE) + at, at, None)
    edit, left = place.settings.edit, incoming.media.duration - at
    least = Fraction(_least_remaining(place), ANALYSIS_RATE)
    duration = record_length(place.slot, edit, place.rate, shift, left, least)
    if isinstance(duration, Shortfall):
        return duration
    bounds = incoming.bounds
    if duration is not None:
        end = found.out_point + int((duration - _busy(place.slot, edit, shift, duration)) * ANALYSIS_RATE)
        bounds = replace(bounds, record_end=end if bounds.record_end is None else min(end, bounds.record_end))
        found = _inside_shot(query, analysis, bounds, place, found)
    return Joined(found, bounds, shift, at, Fraction(0), duration)


def _least_remaining(place: Place) -> int:
    """Samples that must remain of a file after the in point."""
    return round(place.settings.match.min_remaining_s * ANALYSIS_RATE)


def _inside_shot(query: Query, incoming: Analysis, bounds: Bounds, place: Place, found: Join) -> Join:
    """The join at the same points, with a fade and a glide that end inside the retrieved shot."""
    room = bounds.room(found.out_point, found.in_point)
    if found.fade_after <= room.after and found.fade_after + found.glide <= room.incoming_after:
        return found
    here = replace(
        bounds,
        outgoing_from=found.out_point,
        outgoing_to=found.out_point,
        incoming_from=found.in_point,
        incoming_to=found.in_point,
    )
    shorter = join_at(query, incoming, here, place)
    return found if shorter is None else replace(shorter, exact_out=found.exact_out, exact_in=found.exact_in)


def _busy(slot: Slot, edit: EditSettings, shift: Fraction, length: Fraction) -> Fraction:
    """How much of the retrieved shot's tail a later transition uses."""
    meets = edit.ripple or (slot.incoming is not None and length == slot.incoming - shift)
    return slot.incoming_busy if edit.mode == "replace" and meets else Fraction(0)


def join_at(query: Query, incoming: Analysis, bounds: Bounds, place: Place) -> Join | None:
    """The join of a query and a match, by the chosen method."""
    settings = place.settings.join
    if place.settings.edit.mode == "insert":
        # A fade may not outlast the inserted shot.
        settings = replace(settings, max_fade_s=min(settings.max_fade_s, place.settings.edit.length_s))
    return find_join(query.analysis, incoming, bounds, settings)
