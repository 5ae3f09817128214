"""An edit point made ready for matching: its sound read, its place on the timeline and its handles measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from amc_otio.config import ANALYSIS_RATE, Settings
from amc_otio.errors import MediaError
from amc_otio.matching.geometry import Outgoing
from amc_otio.matching.handles import Handles, shared_handles, shared_slot
from amc_otio.matching.joined import Place
from amc_otio.matching.media_table import MediaTable
from amc_otio.matching.point_records import mapped_channels
from amc_otio.matching.query import Query, Sound, make_query
from amc_otio.proposals import PointRecord
from amc_otio.timeline.edit_points import EditPoint, Shot
from amc_otio.timeline.rational import end, exact_rate
from amc_otio.timeline.read import LoadedTimeline
from amc_otio.timeline.slots import track_at

_SAMPLE_RATES = 1000  # a track rate above this counts samples, not frames


@dataclass(frozen=True)
class Ready:
    """An edit point whose sound was read.

    `incoming` is the present incoming shot's sound and where its first window starts; None when it has none to compare.
    """

    point: PointRecord
    query: Query
    place: Place
    handles: Handles
    incoming: tuple[Sound, int] | None


def make_ready(
    loaded: LoadedTimeline,
    point: EditPoint,
    record: PointRecord,
    media: MediaTable,
    sample_rate: int,
    settings: Settings,
) -> Ready:
    """Read the sound at an edit point and measure what an edit may do there.

    Parameters
    ----------
    sample_rate
        The representation's.

    Raises
    ------
    MediaError
        When the sound cannot be read.
    TimelineError
        When one edit cannot be the same on all tracks that are cut together.
    """
    assert point.outgoing is not None
    slot = shared_slot(loaded.timeline, record.cuts, settings.edit)
    handles = shared_handles(loaded.timeline, record.cuts, media)
    rate = _cut_rate(loaded, record)
    sound = _sound(point.outgoing, media)
    shot = record.outgoing
    used = (shot.used_from - shot.media_start, shot.used_to - shot.media_start)
    if used[0] < 0 or used[1] * ANALYSIS_RATE > sound.length + ANALYSIS_RATE / rate:
        raise MediaError(shot.name, "plays sound that its file does not hold", "check the clip's source range")
    place = Place(slot, loaded.rate, settings)
    match = settings.match
    query = make_query(sound, used, rate, match.query, sample_rate, match.silence_dbfs, place.reach)
    query = replace(query, outgoing=_within(query.outgoing, handles.outgoing_tail))
    return Ready(record, query, place, handles, _incoming(point, record, media, settings))


def _within(outgoing: Outgoing, tail: Fraction | None) -> Outgoing:
    """The outgoing side with no more media after the edit point than every linked track has."""
    if tail is None:
        return outgoing
    return replace(outgoing, media_end=min(outgoing.media_end, outgoing.edit_point + int(tail * ANALYSIS_RATE)))


def _incoming(point: EditPoint, record: PointRecord, media: MediaTable, settings: Settings) -> tuple[Sound, int] | None:
    """The present incoming shot's sound and where its first window starts; None when it has none to compare."""
    if point.incoming is None or record.incoming is None or record.incoming.path is None:
        return None
    # Nothing is heard of a disabled shot. A nest can be compared, but its in point is not one clip's to move.
    kinds = ("clip",) if settings.edit.mode == "align" else ("clip", "stack")
    if point.incoming.kind not in kinds or not point.incoming.enabled:
        return None
    try:
        sound = _sound(point.incoming, media)
    except MediaError:
        if settings.edit.mode == "align":
            raise
        return None
    return sound, round((record.incoming.used_from - record.incoming.media_start) * ANALYSIS_RATE)


def _cut_rate(loaded: LoadedTimeline, record: PointRecord) -> Fraction:
    """Points a second at which a cut can lie: the timeline's frames, unless all tracks of the cut count samples."""
    rates = []
    for cut in record.cuts:
        track = track_at(loaded.timeline, cut.track_path)
        rates.append(track[cut.index].trimmed_range().duration.rate if track.kind == "Audio" else 0.0)
    slowest = min(rates)
    return exact_rate(slowest) if slowest > _SAMPLE_RATES and loaded.rate < _SAMPLE_RATES else loaded.rate


def _sound(shot: Shot, media: MediaTable) -> Sound:
    if not shot.target_url:
        raise MediaError(shot.name, "refers to no media file", "relink it")
    path = media.locate(shot.target_url, shot.available_range)
    info = media.info(path)
    length = info.duration
    if shot.kind == "stack" and shot.available_range is not None:
        # A nest lets only part of its clip through: nothing beyond is a handle.
        length = min(length, end(shot.available_range) - media.record(path).start)
    return Sound(path, int(length * ANALYSIS_RATE), mapped_channels(shot, info))
