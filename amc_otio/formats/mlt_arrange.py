"""From an OTIO timeline to the plan of an MLT file: exact seconds become whole frames, once each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import opentimelineio as otio

from amc_otio.errors import MediaError, OutputError
from amc_otio.formats.mlt_media import absolute_path
from amc_otio.formats.mlt_notes import Notes
from amc_otio.formats.mlt_plan import Blank, Fade, Lane, Mark, Piece, Project, Source
from amc_otio.timeline.metadata import lookup
from amc_otio.timeline.rational import seconds
from amc_otio.timeline.walk import (
    PlacedItem,
    Prober,
    check_nesting,
    clip_range,
    edl_record_start,
    is_disabled,
    is_locked,
    place_items,
    retime_of,
    usable_range,
)

DEFAULT_PICTURE: Final = (1920, 1080)
_LARGEST: Final = 16_384
_IN_POINT: Final = "the source in-point"
_EDGE: Final = "the cut"
_OFFSET: Final = "an end of the crossfade"
_COLOURS: Final = {
    "RED": "#FF0000",
    "PINK": "#FF69B4",
    "ORANGE": "#FF8C00",
    "YELLOW": "#FFD700",
    "GREEN": "#008000",
    "CYAN": "#00CED1",
    "BLUE": "#0000FF",
    "PURPLE": "#800080",
    "MAGENTA": "#FF00FF",
    "BLACK": "#000000",
    "WHITE": "#FFFFFF",
}
COLOUR_NAMES: Final = {value: name for name, value in _COLOURS.items()}


def arrange(timeline: otio.schema.Timeline, rate: Fraction, bases: Sequence[Path], notes: Notes) -> Project:
    """Plan the MLT file of a timeline.

    Parameters
    ----------
    rate
        Frames a second of the file.
    bases
        Folders in which relative media may begin.
    notes
        Gets what is moved or lost.

    Raises
    ------
    OutputError
        A retime that MLT is not given, overlapping transitions, an item of unknown length.
    """
    maker = _Maker(rate, tuple(bases), notes)
    lanes = maker.lanes(timeline.tracks, None, 0)
    marks = maker.marks(timeline)
    if timeline.global_start_time is not None and timeline.global_start_time.value:
        notes.add("MLT has no timecode: the timeline starts at 0 there")
    return Project(timeline.name or "", rate, _picture(timeline, notes), lanes, marks)


@dataclass(frozen=True)
class _Slot:
    """A place on a track: an item, its record frames, and the source frame at its first one (None: nothing plays)."""

    name: str
    first: int
    last: int
    source: Source | None = None
    source_first: int = 0

    def span(self, first: int, last: int) -> tuple[Piece | Blank, ...]:
        """What plays between two record frames, also before and after its own: silence where the media has nothing."""
        if last <= first:
            return ()
        if self.source is None:
            return (Blank(last - first),)
        start = self.source_first + first - self.first
        stop = start + last - first
        inside = max(start, 0)
        end = stop if self.source.frames is None else min(stop, max(self.source.frames, inside))
        if end <= inside:
            return (Blank(last - first),)
        parts = (Blank(inside - start), Piece(self.source, inside, end - inside), Blank(stop - end))
        return tuple(part for part in parts if part.frames > 0)


@dataclass(frozen=True)
class _Overlap:
    """A transition in record frames: the ramp, and the frames of the mix that makes it."""

    mix_first: int
    first: int
    last: int
    cut: int
    law: str


class _Maker:
    def __init__(self, rate: Fraction, bases: tuple[Path, ...], notes: Notes) -> None:
        self.rate = rate
        self.bases = bases
        self.notes = notes
        self.prober = Prober()

    def frame(self, time: Fraction, what: str, name: str) -> int:
        """The whole frame nearest to a time; halves go up, so that neighbours agree."""
        found = math.floor(time * self.rate + Fraction(1, 2))
        self.notes.moved(what, name, found / self.rate - time)
        return found

    def lanes(self, stack: otio.core.Composition, sound: bool | None, depth: int) -> tuple[Lane, ...]:
        """The tracks of a stack; only those of sound or of picture where `sound` says so."""
        check_nesting(depth)
        starts = {
            index: start
            for index, child in enumerate(stack)
            if depth == 0
            and isinstance(child, otio.schema.Track)
            and (start := edl_record_start(child, self.prober)) is not None
        }
        earliest = min(starts.values(), default=Fraction(0))
        found: list[Lane] = []
        for index, child in enumerate(stack):
            is_track = isinstance(child, otio.schema.Track)
            kind = str(child.kind) if is_track else ""
            heard = kind == otio.schema.TrackKind.Audio if is_track else bool(sound)
            if is_track and kind not in (otio.schema.TrackKind.Audio, otio.schema.TrackKind.Video):
                self.notes.add("tracks that are neither picture nor sound are left out", child.name or kind)
                continue
            if is_track and sound is not None and heard != sound:
                continue
            name = child.name or f"{'A' if heard else 'V'}{1 + sum(lane.sound == heard for lane in found)}"
            if index in starts:
                entries = self.entries(place_items(child, self.prober, depth), heard, name, depth)
                lead = self.frame(starts[index] - earliest, _EDGE, name)
                entries = (*((Blank(lead),) if lead else ()), *entries)
            elif is_track and child.source_range is None:
                entries = self.entries(place_items(child, self.prober, depth), heard, name, depth)
            else:
                whole = otio.schema.Track(name, kind=child.kind if is_track else otio.schema.TrackKind.Video)
                whole.append(child.clone())
                entries = self.entries(place_items(whole, self.prober, depth), heard, name, depth + 1)
            found.append(Lane(name, heard, not is_disabled(child), is_track and is_locked(child), entries))
        # The picture lies under the sound in the file, as Shotcut has it.
        return tuple(sorted(found, key=lambda lane: lane.sound))

    def entries(
        self, items: tuple[PlacedItem, ...], sound: bool, track: str, depth: int
    ) -> tuple[Piece | Blank | Fade, ...]:
        """A track's items as pieces, blanks and fades."""
        slots: list[_Slot] = []
        waiting: list[tuple[int, otio.schema.Transition, Fraction]] = []
        for placed in items:
            if placed.start is None or (placed.duration is None and not placed.item.overlapping()):
                raise OutputError(
                    f"'{placed.item.name}' on {track}", "nobody knows how long it is", "give its source range"
                )
            if isinstance(placed.item, otio.schema.Transition):
                waiting.append((len(slots), placed.item, placed.start))
                continue
            slots.append(self.slot(placed, sound, track, depth))
        end = slots[-1].last if slots else 0
        overlaps = {}
        for index, transition, cut in waiting:
            made = self.overlap(transition, cut, sound, track, end)
            if made is not None:
                overlaps[index] = made
        return self.joined(slots, overlaps, track)

    def joined(self, slots: list[_Slot], overlaps: dict[int, _Overlap], track: str) -> tuple[Piece | Blank | Fade, ...]:
        """Lay the slots out, with an overlap before slot `index` for each of `overlaps`."""
        made: list[Piece | Blank | Fade] = []
        at = 0
        for index in range(len(slots) + 1):
            slot = slots[index] if index < len(slots) else None
            before = slots[index - 1] if index else None
            over = overlaps.get(index)
            stop = over.mix_first if over else (before.last if before else 0)
            if over and stop < at and over.first >= at:
                stop = at  # no frame is left for the lead: the ramp starts a frame late
                over = _Overlap(at, over.first, over.last, over.cut, over.law)
                self.notes.add("a crossfade begins a frame late, close behind another", f"{track} frame {over.first}")
            if over and (stop < at or (slot is not None and over.last > slot.last)):
                raise OutputError(
                    f"{track}, frame {over.first}",
                    "two transitions use the same frames",
                    "make one of them shorter",
                )
            if before is not None:
                made.extend(before.span(at, stop))
            elif stop > at:
                made.append(Blank(stop - at))
            at = max(at, stop)
            if over is None:
                continue
            frames = over.last - over.mix_first
            nothing = (Blank(frames),)
            made.append(
                Fade(
                    outgoing=before.span(over.mix_first, over.last) if before else nothing,
                    incoming=self.incoming(slot, over) if slot else nothing,
                    frames=frames,
                    lead=over.first - over.mix_first,
                    cut=over.cut - over.mix_first,
                    law=over.law,
                )
            )
            at = over.last
        return tuple(made)

    def incoming(self, slot: _Slot, over: _Overlap) -> tuple[Piece | Blank, ...]:
        """The incoming side of a mix."""
        return slot.span(over.mix_first, over.last)

    def overlap(
        self, transition: otio.schema.Transition, cut: Fraction, sound: bool, track: str, end: int
    ) -> _Overlap | None:
        """A transition in whole frames; None where it has none."""
        name = f"{track} at {float(cut):.3f} s"
        exact = (cut - seconds(transition.in_offset), cut + seconds(transition.out_offset))
        if exact[1] <= exact[0]:
            return None
        first, last = (max(0, min(end, self.frame(time, _OFFSET, name))) for time in exact)
        if last <= first:  # shorter than a frame: the one that it lies in
            first = math.floor((exact[0] + exact[1]) / 2 * self.rate)
            last = first + 1
        where = math.floor(cut * self.rate + Fraction(1, 2))
        if transition.transition_type != otio.schema.TransitionTypes.SMPTE_Dissolve and not sound:
            self.notes.add("a transition is written as a dissolve", f"{transition.transition_type} on {name}")
        if not sound:
            return _Overlap(first, first, last, where, "")
        if first == 0:
            self.notes.add("a fade at the timeline's start begins a frame late", name)
            return _Overlap(0, 0, last, where, law_of(transition)) if last > 1 else None
        return _Overlap(first - 1, first, last, where, law_of(transition))

    def slot(self, placed: PlacedItem, sound: bool, track: str, depth: int) -> _Slot:
        """An item's record frames and what it plays."""
        item = placed.item
        assert placed.start is not None
        assert placed.duration is not None
        name = f"'{item.name}' on {track}"
        first = self.frame(placed.start, _EDGE, f"'{item.name}' on {track}")
        last = math.floor((placed.start + placed.duration) * self.rate + Fraction(1, 2))
        empty = _Slot(item.name, first, last)
        if isinstance(item, otio.schema.Gap):
            return empty
        if is_disabled(item):
            self.notes.add("MLT cannot switch a clip off: a gap is in its place", name)
            return empty
        speed = self.speed(item, name)
        if isinstance(item, otio.core.Composition):
            if speed != 1:
                raise OutputError(name, "is a nested timeline with a retime, which MLT is not given", "render it first")
            inner = item if not isinstance(item, otio.schema.Track) else _stack_of(item)
            lanes = self.lanes(inner, sound, depth + 1)
            start = seconds(item.source_range.start_time) if item.source_range is not None else Fraction(0)
            source = Source(item.name or "nest", frames=max((lane.frames for lane in lanes), default=0), lanes=lanes)
            if not source.frames:
                return empty
            self.notes.add("a nested timeline becomes a tractor, which Shotcut plays and does not open", name)
            return _Slot(item.name, first, last, source, self.source_frame(start, placed, first, Fraction(1), name))
        found = self.media(item, name, speed)
        if found is None:
            return empty
        source, start = found
        return _Slot(item.name, first, last, source, self.source_frame(start, placed, first, speed, name))

    def source_frame(self, start: Fraction, placed: PlacedItem, first: int, speed: Fraction, name: str) -> int:
        """Source frame at the first record frame: what is moved on the timeline is moved in the source too."""
        assert placed.start is not None
        exact = start / speed + first / self.rate - placed.start
        return self.frame(exact, _IN_POINT, name)

    def media(self, item: otio.core.Item, name: str, speed: Fraction) -> tuple[Source, Fraction] | None:
        """A clip's source, and where it is entered: seconds from the first frame of the file."""
        reference = getattr(item, "media_reference", None)
        if not isinstance(reference, otio.schema.ExternalReference) or not reference.target_url:
            self.notes.add("clips without a media file become gaps", name)
            return None
        try:
            path = absolute_path(reference.target_url, self.bases)
        except MediaError as error:
            self.notes.add(f"clips whose media MLT cannot open become gaps ({error.reason})", name)
            return None
        used = clip_range(item, self.prober)
        if used is None:  # place_items has its length, so this is a range that cannot be
            raise OutputError(name, "has no range", "give its source range")
        available = reference.available_range if usable_range(reference.available_range) else None
        origin = seconds(available.start_time) if available is not None else Fraction(0)
        frames = None
        if available is not None:
            frames = max(1, math.floor(seconds(available.duration) / speed * self.rate + Fraction(1, 2)))
        if item.effects and any(not isinstance(e, otio.schema.TimeEffect) for e in item.effects):
            self.notes.add("effects are left out", name)
        return Source(item.name or Path(path).stem, path, frames, float(speed)), seconds(used.start_time) - origin

    def speed(self, item: otio.core.Item, name: str) -> Fraction:
        """How fast a clip plays.

        Raises
        ------
        OutputError
            For anything but a forward LinearTimeWarp.
        """
        said = retime_of(item)
        if said is None:
            return Fraction(1)
        warps = [e for e in item.effects if isinstance(e, otio.schema.TimeEffect)]
        plain = len(warps) == 1 and type(warps[0]) is otio.schema.LinearTimeWarp
        scalar = float(warps[0].time_scalar) if plain else math.nan
        if not plain or not math.isfinite(scalar) or not 0.01 <= scalar <= 100:
            raise OutputError(name, f"{said}, which MLT is not given", "render the shot first, or write .otio")
        return Fraction(scalar).limit_denominator(1_000_000)

    def marks(self, timeline: otio.schema.Timeline) -> tuple[Mark, ...]:
        """Markers of the timeline and of all that lies on its tracks; Shotcut has them on the timeline alone."""
        found: list[Mark] = []

        def add(markers: Sequence[otio.schema.Marker], offset: Fraction) -> None:
            for one in markers:
                span = one.marked_range
                at = self.frame(seconds(span.start_time) + offset, "the marker", one.name or "without a name")
                length = math.floor(seconds(span.duration) * self.rate + Fraction(1, 2))
                colour = _COLOURS.get(str(one.color or "").upper(), _COLOURS["GREEN"])
                found.append(Mark(one.name or "", max(at, 0), max(length, 0), colour))

        add(timeline.tracks.markers, Fraction(0))
        for track in timeline.tracks:
            add(track.markers, Fraction(0))
            if not isinstance(track, otio.schema.Track):
                continue
            for placed in place_items(track, self.prober):
                markers = getattr(placed.item, "markers", ())
                if len(markers) == 0 or placed.start is None:
                    continue
                self.notes.add("markers of clips become markers of the timeline", placed.item.name)
                own = placed.item.source_range or placed.item.trimmed_range()
                add(markers, placed.start - seconds(own.start_time))
        return tuple(sorted(found, key=lambda mark: (mark.first, mark.name)))


def law_of(transition: otio.schema.Transition) -> str:
    """The fade law that a transition was made with; equal power where it does not say, as for unrelated sounds."""
    if lookup(transition, "amc_otio", "fade_law") == "equal-gain":
        return "equal-gain"
    if lookup(transition, "fcp_xml", "effect", "effectid") == "KGAudioTransCrossFade0dB":
        return "equal-gain"
    return "equal-power"


def _stack_of(track: otio.schema.Track) -> otio.schema.Stack:
    """A stack that holds one track, untrimmed: the range of the nest is applied where it is entered."""
    inner = track.clone()
    inner.source_range = None
    stack = otio.schema.Stack(track.name)
    stack.append(inner)
    return stack


def _picture(timeline: otio.schema.Timeline, notes: Notes) -> tuple[int, int]:
    """Width and height: what Final Cut Pro 7 XML states, else those of the first media that says, else full HD."""
    stated = lookup(timeline, "fcp_xml", "media", "video", "format", "samplecharacteristics")
    sizes = [(lookup(timeline, "fcp_xml", "media", "video", "format", "samplecharacteristics", key)) for key in _SIZE]
    if stated is not None and all(str(size or "").isdigit() for size in sizes):
        width, height = (int(str(size)) for size in sizes)
        if 16 <= width <= _LARGEST and 16 <= height <= _LARGEST:
            return width, height
    for clip in timeline.find_clips():
        bounds = clip.media_reference.available_image_bounds if clip.media_reference is not None else None
        if bounds is not None:
            width, height = round(bounds.max.x - bounds.min.x), round(bounds.max.y - bounds.min.y)
            if 16 <= width <= _LARGEST and 16 <= height <= _LARGEST:
                return width, height
    if any(track.kind == otio.schema.TrackKind.Video for track in timeline.tracks if hasattr(track, "kind")):
        notes.add(f"the timeline does not say its picture's size: {DEFAULT_PICTURE[0]}x{DEFAULT_PICTURE[1]} is written")
    return DEFAULT_PICTURE


_SIZE: Final = ("width", "height")
