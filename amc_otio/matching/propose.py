"""Edit points and a library in, proposals out: all edit points are embedded and searched in one batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE, Settings
from amc_otio.errors import AmcError, MediaError, TimelineError
from amc_otio.joining.analysis import WINDOW, analyse
from amc_otio.library.search import Searcher
from amc_otio.library.sources import content_key
from amc_otio.matching.geometry import Outgoing, bounds_for, shortfall
from amc_otio.matching.grid import frame_grid
from amc_otio.matching.handles import Handles, shared_handles, shared_slot
from amc_otio.matching.hits import Hit
from amc_otio.matching.media_table import MediaTable
from amc_otio.matching.query import Query, Sound, make_query, read_at, read_window
from amc_otio.matching.rerank import Comparison, Ear, score
from amc_otio.matching.retrieve import Place, candidate_of, join_at, retrieve
from amc_otio.media.decode import Channels
from amc_otio.media.loudness import batch_loudness
from amc_otio.media.probe import MediaInfo
from amc_otio.proposals import Candidate, LinkedSound, PointRecord, Present, Proposal, Refusal, ShotRecord
from amc_otio.representations import Representation
from amc_otio.timeline.edit_points import EditPoint, LinkedCut, Shot
from amc_otio.timeline.edits import TrackCut
from amc_otio.timeline.rational import end, exact_rate, seconds
from amc_otio.timeline.read import LoadedTimeline
from amc_otio.timeline.shots import ALL_STREAMS, shot_of
from amc_otio.timeline.slots import slot_at, track_at
from amc_otio.timeline.walk import Prober

_FIRST_HITS = 256
_SAMPLE_RATES = 1000  # a track rate above this counts samples, not frames


@dataclass(frozen=True)
class _Ready:
    """An edit point whose sound was read."""

    point: PointRecord
    query: Query
    place: Place
    handles: Handles
    incoming: tuple[Sound, int] | None
    incoming_window: NDArray[np.float32] | None


def propose(
    loaded: LoadedTimeline,
    points: Sequence[EditPoint],
    media: MediaTable,
    searcher: Callable[[], Searcher] | None,
    representation: Representation,
    settings: Settings,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Proposal, ...]:
    """Propose candidates at each edit point, in their order.

    Nothing that is wrong with one edit point stops the others: it becomes that proposal's `refusal`.

    Parameters
    ----------
    searcher
        Gives what searches the gallery; called only when an edit point has sound to search for. None for ``align``,
        which needs no gallery.
    progress
        Called with edit points done and their number.
    """
    states: list[_Ready | Proposal] = [_prepare(loaded, p, media, representation, settings) for p in points]
    ready = [s for s in states if isinstance(s, _Ready)]
    vectors = _embed(representation, [s.query.window for s in ready])
    present = _embed(representation, [s.incoming_window for s in ready if s.incoming_window is not None])
    hits = [] if searcher is None or not ready else _search(searcher(), vectors)
    proposals: list[Proposal] = []
    present_rows = iter(present)
    position = 0
    for state in states:
        if isinstance(state, Proposal):
            proposals.append(state)
        else:
            row = next(present_rows) if state.incoming_window is not None else None
            found = hits[position] if hits else iter(())
            proposals.append(_proposal(state, vectors[position], row, found, media, representation.sample_rate))
            position += 1
        if progress is not None:
            progress(len(proposals), len(states))
    return tuple(proposals)


def _embed(representation: Representation, windows: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float32]:
    held = [w for w in windows if w is not None]
    if not held:
        return np.zeros((0, representation.dimension), np.float32)
    return representation.embed(np.stack(held))


def _search(searcher: Searcher, vectors: NDArray[np.float32]) -> list[Iterator[Hit]]:
    """Hits of every query by falling similarity; the first lot comes from one batch."""
    if not len(vectors):
        return []
    first = min(_FIRST_HITS, len(searcher))
    indices, similarities = searcher.search(vectors, first)
    return [_hits(searcher, vectors[q], indices[q], similarities[q]) for q in range(len(vectors))]


def _hits(
    searcher: Searcher, vector: NDArray[np.float32], indices: NDArray[np.int64], similarities: NDArray[np.float32]
) -> Iterator[Hit]:
    """The first hits, then more as long as they are asked for."""
    told: set[int] = set()
    while True:
        # An approximate index may rank a wider search otherwise: what was told is known by its window, not its place.
        pairs = ((int(i), float(s)) for i, s in zip(indices, similarities, strict=True) if i >= 0)
        found = [(i, s) for i, s in pairs if i not in told]
        if not found:
            return
        told.update(i for i, _ in found)
        rows = searcher.vectors(np.array([i for i, _ in found], dtype=np.int64))
        for (index, similarity), row in zip(found, rows, strict=True):
            window = searcher.window(index)
            yield Hit(window.path, window.content_key, window.start, window.valid, window.loudness, similarity, row)
        if len(told) >= len(searcher):
            return
        wider, scores = searcher.search(vector[None], min(4 * len(told), len(searcher)))
        indices, similarities = wider[0], scores[0]


def _prepare(
    loaded: LoadedTimeline, point: EditPoint, media: MediaTable, representation: Representation, settings: Settings
) -> _Ready | Proposal:
    try:
        record = _point_record(loaded, point, media, settings)
    except AmcError as error:
        return Proposal(_bare_record(point), None, (), (), point.refusal or str(error))
    if point.refusal is not None:
        return Proposal(record, None, (), (), point.refusal)
    if point.into_bounce and settings.edit.mode != "insert":
        reason = "the incoming clip goes on in a bounce; use --mode insert, or revert the bounce first"
        return Proposal(record, None, (), (), reason)
    assert point.outgoing is not None
    try:
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
        query = make_query(sound, used, rate, match.query, representation.sample_rate, match.silence_dbfs, place.reach)
        query = replace(query, outgoing=_within(query.outgoing, handles.outgoing_tail))
        if query.silent:
            reason = "is silent at the edit point, or its samples are no numbers"
            raise MediaError(shot.name, reason, "choose another edit point")
        incoming = _incoming(point, record, media, settings)
    except AmcError as error:
        return Proposal(record, None, (), (), f"{error.thing}: {error.reason}")
    window = read_at(*incoming, representation.sample_rate) if incoming is not None else None
    return _Ready(record, query, place, handles, incoming, window)


def _within(outgoing: Outgoing, tail: Fraction | None) -> Outgoing:
    """The outgoing side with no more media after the edit point than every linked track has."""
    if tail is None:
        return outgoing
    return replace(outgoing, media_end=min(outgoing.media_end, outgoing.edit_point + int(tail * ANALYSIS_RATE)))


def _proposal(
    state: _Ready,
    vector: NDArray[np.float32],
    present: NDArray[np.float32] | None,
    hits: Iterator[Hit],
    media: MediaTable,
    sample_rate: int,
) -> Proposal:
    now: Present | None = None
    if present is not None and state.point.incoming is not None and state.incoming_window is not None:
        loudness = float(batch_loudness(state.incoming_window[None], sample_rate)[0])
        similarity = round(float(present @ vector), 6)
        heard: Comparison | None = None
        if state.place.settings.match.weighs and state.incoming is not None:
            heard = Ear(state.query).compare(read_window(*state.incoming), loudness)
        now = Present(
            state.point.incoming.name,
            similarity,
            score(similarity, heard, state.place.settings.match),
            round(loudness - state.query.loudness, 2),
        )
    candidates: tuple[Candidate, ...]
    refused: tuple[Refusal, ...]
    if state.place.settings.edit.mode == "align":
        candidates, refused = _align(state, now, media)
    else:
        key = content_key(state.query.sound.path)
        candidates, refused = retrieve(state.query, key, hits, state.place, media.record)
    refusal = None
    if not candidates:
        refusal = "no match can be cut here" + (f": {refused[0].reason}" if refused else ": the gallery holds none")
    return Proposal(state.point, now, candidates, refused, refusal)


def _align(state: _Ready, now: Present | None, media: MediaTable) -> tuple[tuple[Candidate, ...], tuple[Refusal, ...]]:
    """The one candidate of ``align``: the present incoming shot, its cut retimed."""
    if state.incoming is None or now is None or state.point.incoming is None:
        reason = "there is no incoming shot whose sound could be aligned"
        return (), (Refusal(state.point.id, "", 0, 0.0, reason, None),)
    sound, start = state.incoming
    record = media.record(sound.path)
    place, slot, handles = state.place, state.place.slot, state.handles
    length = sound.length
    if handles.incoming_tail is not None and slot.incoming is not None:
        length = min(length, start + int((slot.incoming + handles.incoming_tail) * ANALYSIS_RATE))
    bounds = bounds_for(
        slot, place.settings.edit, place.rate, state.query.outgoing, start, WINDOW, length, 0, place.reach
    )
    if handles.incoming_head is not None:
        head = int(handles.incoming_head * ANALYSIS_RATE)
        bounds = replace(
            bounds,
            incoming_from=max(bounds.incoming_from, -head),
            incoming_media_start=max(bounds.incoming_media_start, -head),
        )
    grid = frame_grid(state.query.grid.rate, Fraction(0), WINDOW, place.reach)
    samples = read_window(sound, start, place.reach)
    join = join_at(state.query, analyse(samples, grid.samples, place.reach), bounds, place)
    hit = Hit(
        sound.path, "", start, WINDOW, state.query.loudness + now.level_step_lu, now.similarity, np.zeros(0, np.float32)
    )
    if join is None:
        short = shortfall(bounds, slot, place.settings.edit, place.rate, state.query.grid.samples, grid.samples)
        return (), (
            Refusal(
                state.point.incoming.name, str(sound.path), start, now.similarity, short.reason, short.missing_frames
            ),
        )
    shift, in_shift = state.query.grid.time_at(join.out_point), grid.time_at(join.in_point)
    in_offset = Fraction(start, ANALYSIS_RATE) + in_shift
    around = place.reach
    heard = Ear(state.query).compare(samples[around : samples.size - around], hit.loudness)
    made = candidate_of(state.query, hit, heard, record, join, bounds, shift, in_offset, None, place, 1, in_shift)
    return (made,), ()


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


def _point_record(loaded: LoadedTimeline, point: EditPoint, media: MediaTable, settings: Settings) -> PointRecord:
    linked = [link for link in point.linked if not settings.edit.audio_only or link.kind == "Audio"]
    barred = next((link for link in linked if link.refusal), None)
    if barred is not None:
        raise TimelineError(
            f"the linked {barred.kind.lower()} track", str(barred.refusal), "use --audio-only to leave picture alone"
        )
    if settings.edit.mode == "align":
        _check_alignable(loaded, linked)
    bare = _bare_record(point)
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


def _bare_record(point: EditPoint) -> PointRecord:
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
