"""The timeline's side of a bounce: where a cut lies, the track that bounces go on, and knowing them again."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import opentimelineio as otio

from amc_otio.timeline.clip_effects import has_effects
from amc_otio.timeline.metadata import lookup, mapping_get
from amc_otio.timeline.rational import TimeRange, from_seconds, seconds
from amc_otio.timeline.shots import channels_of
from amc_otio.timeline.slots import SAME_TIME, track_at
from amc_otio.timeline.undo import METADATA_KEY, Record, add_track
from amc_otio.timeline.walk import PlacedTrack, Prober, target_url, walk_tracks

BOUNCE: Final = "match cut bounce"
"""What tracks and clips of bounces are called after the edit point or track that they belong to."""
SUFFIX: Final = ".bounce.wav"

_NAME: Final = re.compile(rf"(?:\S+ )?(\S+?)(?::\d+)? {BOUNCE}$")


@dataclass(frozen=True)
class Site:
    """Where a cut lies on one sound track of a timeline; times in seconds on the track.

    Attributes
    ----------
    path, label
        The track: child indexes from ``timeline.tracks``, and "A1".
    outgoing_start, outgoing_from
        Where the outgoing item starts, and where it is clear of an earlier transition.
    cut
        Where the two items meet.
    fade_from, fade_to
        The crossfade between them; both at `cut` where there is none.
    incoming_to, incoming_end
        Where a later transition begins to use the incoming item, and where that ends.
    channels
        (stream, channel) pairs that the incoming clip plays, where the timeline says so.
    effects
        Whether either clip carries effects; a level match that the run wrote is none.
    target_url
        How the timeline refers to the outgoing clip's media (the incoming one's, where there is none), or "".
    to_record
        What makes a time on the track one from the timeline's start.
    """

    path: tuple[int, ...]
    label: str
    outgoing_start: Fraction
    outgoing_from: Fraction
    cut: Fraction
    fade_from: Fraction
    fade_to: Fraction
    incoming_to: Fraction
    incoming_end: Fraction
    channels: tuple[tuple[int, int], ...] | None
    effects: bool
    target_url: str
    to_record: Fraction


@dataclass(frozen=True)
class BounceClip:
    """A bounce to be put on a track; times in seconds from the timeline's start, `media_start` on the media's clock."""

    name: str
    target_url: str
    start: Fraction
    duration: Fraction
    media_start: Fraction
    media_duration: Fraction
    source_start: Fraction
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Bounced:
    """A stretch of a timeline that a bounce plays: of which track, and where, in seconds from the timeline's start."""

    label: str
    start: Fraction
    end: Fraction


class Sites:
    """Finds where cuts lie on the tracks of a timeline, which is walked once.

    Parameters
    ----------
    timeline
        Held, and not changed while this is used.
    """

    def __init__(self, timeline: otio.schema.Timeline) -> None:
        self._timeline = timeline
        self._tracks: dict[tuple[int, ...], PlacedTrack] = {
            track.path: track for track in walk_tracks(timeline, Prober()) if len(track.path) == 1
        }
        self._ends: dict[tuple[int, ...], tuple[list[Fraction], list[int]]] = {}

    def at(self, path: tuple[int, ...], times: Iterable[Fraction]) -> Site | None:
        """The cut of a top-level track at the first of `times` (on the track) where one is; None where none is."""
        track = self._tracks.get(path)
        if track is None or track.place.offset is None:
            return None
        if path not in self._ends:
            placed = [(item.end, n) for n, item in enumerate(track.items) if item.duration and item.end is not None]
            self._ends[path] = ([end for end, _ in placed], [n for _, n in placed])
        ends, numbers = self._ends[path]
        for time in times:
            place = bisect_left(ends, time - SAME_TIME)
            if place < len(ends) and ends[place] <= time + SAME_TIME:
                return _site(track, numbers[place], track.place.offset)
        return None


def _site(track: PlacedTrack, index: int, offset: Fraction) -> Site | None:
    items = track.items
    outgoing, before = items[index], items[index - 1].item if index else None
    after = index + 1
    fade = items[after].item if after < len(items) else None
    if isinstance(fade, otio.schema.Transition):
        after += 1
    if after >= len(items) or outgoing.start is None or outgoing.end is None:
        return None
    incoming = items[after]
    if incoming.end is None:
        return None
    later = items[after + 1].item if after + 1 < len(items) else None
    cut = outgoing.end
    busy, needed = _out(before), _in(later)
    return Site(
        path=track.path,
        label=track.label,
        outgoing_start=outgoing.start,
        outgoing_from=outgoing.start + busy,
        cut=cut,
        fade_from=cut - _in(fade),
        fade_to=cut + _out(fade),
        incoming_to=incoming.end - needed,
        incoming_end=incoming.end,
        channels=channels_of(incoming.item) if isinstance(incoming.item, otio.schema.Clip) else None,
        effects=any(has_effects(item.item) for item in (outgoing, incoming)),
        target_url=next((url for item in (outgoing, incoming) if (url := _url(item.item))), ""),
        to_record=offset,
    )


def _url(item: Any) -> str:
    """How the timeline refers to the media of a clip, or of the first clip in a nest."""
    clips = [item] if isinstance(item, otio.schema.Clip) else []
    if isinstance(item, otio.core.Composition):
        clips = list(item.find_clips())
    return next((url for clip in clips if (url := target_url(clip))), "")


def _in(item: Any) -> Fraction:
    return seconds(item.in_offset) if isinstance(item, otio.schema.Transition) else Fraction(0)


def _out(item: Any) -> Fraction:
    return seconds(item.out_offset) if isinstance(item, otio.schema.Transition) else Fraction(0)


def add_bounce_track(
    timeline: otio.schema.Timeline, source: tuple[int, ...], label: str, clips: Sequence[BounceClip], rate: Fraction
) -> Record:
    """Add a track with bounces at the end of the top stack, so that the other tracks' places stay true.

    Parameters
    ----------
    source
        The track whose sound was bounced: the new one is routed as it is.
    label
        "A1".
    clips
        In record order, not overlapping.
    rate
        The timeline's edit rate.

    Returns
    -------
    Record
        What undoes it.
    """
    taken = {str(track.name) for track in timeline.tracks}
    name, number = f"{label} {BOUNCE}", 2
    while name in taken:
        name, number = f"{label} {BOUNCE} {number}", number + 1
    track = otio.schema.Track(name, kind=otio.schema.TrackKind.Audio)
    track.metadata[METADATA_KEY] = {"bounce": {"track": label}}
    _route_alike(track_at(timeline, source), track)
    stack = timeline.tracks
    # Time 0 of a track is the stack's own, which a trimmed stack does not show from its start.
    shift = seconds(stack.source_range.start_time) if stack.source_range is not None else Fraction(0)
    at = Fraction(0)
    for clip in clips:
        start = clip.start + shift
        if start > at:
            track.append(
                otio.schema.Gap(source_range=TimeRange(from_seconds(Fraction(0), rate), from_seconds(start - at, rate)))
            )
        available = TimeRange(from_seconds(clip.media_start, rate), from_seconds(clip.media_duration, rate))
        made = otio.schema.Clip(
            clip.name,
            otio.schema.ExternalReference(clip.target_url, available),
            TimeRange(from_seconds(clip.source_start, rate), from_seconds(clip.duration, rate)),
        )
        made.metadata[METADATA_KEY] = {"bounce": clip.metadata}
        track.append(made)
        at = start + clip.duration
    return add_track(timeline, track)


def _route_alike(source: otio.schema.Track, track: otio.schema.Track) -> None:
    """Give a track the channel format and the output of another."""
    resolve = lookup(source, "Resolve_OTIO")
    if hasattr(resolve, "keys"):
        track.metadata["Resolve_OTIO"] = {**dict(resolve), "Locked": False}
    output = lookup(source, "fcp_xml", "outputchannelindex")
    if output is not None:
        track.metadata["fcp_xml"] = {"outputchannelindex": output}


def bounce_label(clip: Any) -> str | None:
    """The label of the track that a clip is a bounce of; None where it is none.

    Known by its metadata, or, from formats that drop it, by its name and its file's.
    """
    if not isinstance(clip, otio.schema.Clip):
        return None
    label = mapping_get(lookup(clip, METADATA_KEY, "bounce"), "track")
    if isinstance(label, str):
        return label
    found = _NAME.match(str(clip.name))
    return found[1] if found and (target_url(clip) or "").endswith(SUFFIX) else None


def bounced_spans(tracks: Iterable[PlacedTrack]) -> tuple[Bounced, ...]:
    """Every stretch that a bounce plays."""
    found = []
    for track in tracks:
        for placed in track.items:
            label = bounce_label(placed.item)
            if label is None or placed.start is None or placed.end is None or track.place.offset is None:
                continue
            offset = track.place.offset
            found.append(Bounced(label, offset + placed.start, offset + placed.end))
    return tuple(found)


def bounce_refusal(spans: Iterable[Bounced], label: str, outgoing: Any, at: Fraction | None) -> str | None:
    """Why a cut may not be made because of a bounce, or None.

    Parameters
    ----------
    label
        Of the track.
    outgoing
        The item that ends at the cut.
    at
        Where the cut is, in seconds from the timeline's start.
    """
    if bounce_label(outgoing) is not None:
        return "the outgoing clip is a bounce that amc-otio made: choose a cut of the clips themselves"
    if at is not None and any(
        span.label == label and span.start - SAME_TIME <= at <= span.end + SAME_TIME for span in spans
    ):
        return "a bounce plays here (revert it first, to choose again)"
    return None


def runs_into_bounce(spans: Iterable[Bounced], label: str, end: Fraction | None) -> bool:
    """Whether what ends on a track at a time (from the timeline's start) goes on in a bounce."""
    return end is not None and any(span.label == label and abs(span.start - end) <= SAME_TIME for span in spans)
