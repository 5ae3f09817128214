"""What a proposals file says of an edit point and its shots."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from amc_otio.config import Settings
from amc_otio.errors import MediaError, TimelineError
from amc_otio.matching.media_table import MediaTable
from amc_otio.media.decode import Channels
from amc_otio.media.probe import MediaInfo
from amc_otio.proposals import LinkedSound, PointRecord, ShotRecord
from amc_otio.timeline.edit_points import EditPoint, LinkedCut, Shot
from amc_otio.timeline.edits import TrackCut
from amc_otio.timeline.rational import end, seconds
from amc_otio.timeline.read import LoadedTimeline
from amc_otio.timeline.shots import ALL_STREAMS, shot_of
from amc_otio.timeline.slots import slot_at, track_at
from amc_otio.timeline.walk import Prober


def point_record(loaded: LoadedTimeline, point: EditPoint, media: MediaTable, settings: Settings) -> PointRecord:
    """What is said of an edit point that can be cut.

    Raises
    ------
    TimelineError
        When its linked tracks cannot be cut with it.
    MediaError
        When a shot maps channels that its file does not have.
    """
    linked = [link for link in point.linked if not settings.edit.audio_only or link.kind == "Audio"]
    barred = next((link for link in linked if link.refusal), None)
    if barred is not None:
        raise TimelineError(
            f"the linked {barred.kind.lower()} track", str(barred.refusal), "use --audio-only to leave picture alone"
        )
    if settings.edit.mode == "align":
        _check_alignable(loaded, linked)
    bare = bare_record(point)
    return PointRecord(
        id=bare.id,
        timecode=bare.timecode,
        track=bare.track,
        record_time=bare.record_time,
        cuts=bare.cuts + tuple(TrackCut(link.track_path, link.index) for link in linked),
        outgoing=_shot_record(point.outgoing, media) or bare.outgoing,
        incoming=_shot_record(point.incoming, media),
        linked=tuple(_linked_sound(loaded, link, media) for link in linked if link.kind == "Audio"),
    )


def bare_record(point: EditPoint) -> PointRecord:
    """What can be said of an edit point without its media."""
    name = point.outgoing.name if point.outgoing is not None else ""
    return PointRecord(
        id=point.id,
        timecode=point.timecode,
        track=point.track_label,
        record_time=seconds(point.record_time) if point.record_time is not None else Fraction(0),
        cuts=(TrackCut(point.track_path, point.index),),
        outgoing=ShotRecord(name, None, Fraction(0), Fraction(0), Fraction(0), None),
        incoming=None,
    )


def _linked_sound(loaded: LoadedTimeline, link: LinkedCut, media: MediaTable) -> LinkedSound:
    """The shots on a linked sound track: a bounce renders them too."""
    prober = Prober(media.available_range)
    track = track_at(loaded.timeline, link.track_path)
    found: list[ShotRecord | None] = []
    for index in (link.index, slot_at(track, link.index).incoming_index):
        at_end = index == link.index
        heard = None if index is None else shot_of(track[index], (*link.track_path, index), prober, at_end=at_end)
        found.append(_shot_record(heard.shot, media) if heard is not None and heard.shot.enabled else None)
    return LinkedSound(link.track_path, *found)


def _check_alignable(loaded: LoadedTimeline, linked: Sequence[LinkedCut]) -> None:
    """``align`` slips the incoming shot on every track: a shot of another sound would lose its own sync."""
    for link in linked:
        track = track_at(loaded.timeline, link.track_path)
        after = slot_at(track, link.index).incoming_index
        if link.side == "outgoing" and after is not None and not isinstance(track[after], otio.schema.Gap):
            raise TimelineError(
                f"the linked {link.kind.lower()} track",
                "goes on with another shot",
                "use --audio-only or --mode replace",
            )


def _shot_record(shot: Shot | None, media: MediaTable) -> ShotRecord | None:
    if shot is None or shot.kind == "gap":
        return None
    path: Path | None = None
    start = Fraction(0)
    channels: Channels | None = None
    if shot.target_url:
        try:
            path = media.locate(shot.target_url, shot.available_range)
            start = media.record(path).start
            channels = mapped_channels(shot, media.info(path))
        except MediaError:
            path = None
    if shot.source_range is None:
        raise TimelineError(shot.name, "has no length", "give the clip a source range")
    if shot.available_range is not None and shot.kind == "clip":
        start = seconds(shot.available_range.start_time)
    return ShotRecord(
        name=shot.name,
        path=str(path) if path is not None else None,
        media_start=start,
        used_from=seconds(shot.source_range.start_time),
        used_to=end(shot.source_range),
        channels=channels,
    )


def mapped_channels(shot: Shot, info: MediaInfo) -> Channels | None:
    """The channels of a file that a shot plays: (stream, channel) pairs; None for all of them.

    Raises
    ------
    MediaError
        When the timeline maps a channel that the file does not have.
    """
    if shot.channels is None:
        return None
    every = [(stream, channel) for stream, found in enumerate(info.streams) for channel in range(found.channels)]
    mapped: list[tuple[int, int]] = []
    for stream, channel in shot.channels:
        if stream == ALL_STREAMS and 0 <= channel < len(every):
            mapped.append(every[channel])
        elif (stream, channel) in every:
            mapped.append((stream, channel))
        else:
            raise MediaError(
                shot.name, f"plays channel {channel + 1} of a file that has {len(every)}", "check the clip's channels"
            )
    return tuple(mapped)
