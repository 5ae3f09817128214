"""Edit points and a library in, proposals out: all edit points are embedded and searched in one batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import Settings
from amc_otio.errors import AmcError, MediaError
from amc_otio.joining.analysis import WINDOW, analyse
from amc_otio.library.search import Searcher
from amc_otio.library.sources import content_key
from amc_otio.matching.candidate import candidate_of
from amc_otio.matching.geometry import Shortfall
from amc_otio.matching.hits import Hit
from amc_otio.matching.joined import join_window, present_of
from amc_otio.matching.media_table import MediaTable
from amc_otio.matching.point_records import bare_record, point_record
from amc_otio.matching.query import read_at, read_window
from amc_otio.matching.ready import Ready, make_ready
from amc_otio.matching.rerank import Comparison, Ear, score
from amc_otio.matching.retrieve import retrieve
from amc_otio.media.loudness import batch_loudness
from amc_otio.proposals import Candidate, Present, Proposal, Refusal
from amc_otio.representations import Representation
from amc_otio.timeline.edit_points import EditPoint
from amc_otio.timeline.read import LoadedTimeline

_FIRST_HITS = 256


@dataclass(frozen=True)
class _State:
    """An edit point that is ready, and the first window of its incoming shot at the representation's rate."""

    ready: Ready
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
    states: list[_State | Proposal] = [_prepare(loaded, p, media, representation, settings) for p in points]
    ready = [s for s in states if isinstance(s, _State)]
    vectors = _embed(representation, [s.ready.query.window for s in ready])
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
) -> _State | Proposal:
    try:
        record = point_record(loaded, point, media, settings)
    except AmcError as error:
        return Proposal(bare_record(point), None, (), (), point.refusal or str(error))
    if point.refusal is not None:
        return Proposal(record, None, (), (), point.refusal)
    if point.into_bounce and settings.edit.mode != "insert":
        reason = "the incoming clip goes on in a bounce; use --mode insert, or revert the bounce first"
        return Proposal(record, None, (), (), reason)
    try:
        ready = make_ready(loaded, point, record, media, representation.sample_rate, settings)
        if ready.query.silent:
            reason = "is silent at the edit point, or its samples are no numbers"
            raise MediaError(record.outgoing.name, reason, "choose another edit point")
    except AmcError as error:
        return Proposal(record, None, (), (), f"{error.thing}: {error.reason}")
    window = read_at(*ready.incoming, representation.sample_rate) if ready.incoming is not None else None
    return _State(ready, window)


def _proposal(
    state: _State,
    vector: NDArray[np.float32],
    present: NDArray[np.float32] | None,
    hits: Iterator[Hit],
    media: MediaTable,
    sample_rate: int,
) -> Proposal:
    ready = state.ready
    query, settings, following = ready.query, ready.place.settings, ready.point.incoming
    now: Present | None = None
    if present is not None and following is not None and state.incoming_window is not None:
        loudness = float(batch_loudness(state.incoming_window[None], sample_rate)[0])
        similarity = round(float(present @ vector), 6)
        heard: Comparison | None = None
        if settings.match.weighs and ready.incoming is not None:
            heard = Ear(query).compare(read_window(*ready.incoming), loudness)
        now = Present(
            following.name,
            similarity,
            score(similarity, heard, settings.match),
            round(loudness - query.loudness, 2),
        )
    candidates: tuple[Candidate, ...]
    refused: tuple[Refusal, ...]
    if settings.edit.mode == "align":
        candidates, refused = _align(ready, now, media)
    else:
        candidates, refused = retrieve(query, content_key(query.sound.path), hits, ready.place, media.record)
    refusal = None
    if not candidates:
        refusal = "no match can be cut here" + (f": {refused[0].reason}" if refused else ": the gallery holds none")
    return Proposal(ready.point, now, candidates, refused, refusal)


def _align(ready: Ready, now: Present | None, media: MediaTable) -> tuple[tuple[Candidate, ...], tuple[Refusal, ...]]:
    """The one candidate of ``align``: the present incoming shot, its cut retimed."""
    shot, query, place = ready.point.incoming, ready.query, ready.place
    if ready.incoming is None or now is None or shot is None:
        reason = "there is no incoming shot whose sound could be aligned"
        return (), (Refusal(ready.point.id, "", 0, 0.0, reason, None),)
    sound, start = ready.incoming
    incoming = present_of(query, media.record(sound.path), start, sound.length, ready.handles, place)
    samples = read_window(sound, start, place.reach)
    joined = join_window(query, incoming, analyse(samples, incoming.grid.samples, place.reach), place)
    if isinstance(joined, Shortfall):
        return (), (Refusal(shot.name, str(sound.path), start, now.similarity, joined.reason, joined.missing_frames),)
    loudness = query.loudness + now.level_step_lu
    hit = Hit(sound.path, "", start, WINDOW, loudness, now.similarity, np.zeros(0, np.float32))
    around = place.reach
    heard = Ear(query).compare(samples[around : samples.size - around], loudness)
    return (candidate_of(query, hit, heard, incoming, joined, place, 1),), ()
