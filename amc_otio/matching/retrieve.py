"""From an edit point's hits in the library to candidates and refusals (paper, sections 2.1 and 2.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import MediaError
from amc_otio.joining.analysis import analyse
from amc_otio.matching import duplicates
from amc_otio.matching.candidate import candidate_of
from amc_otio.matching.duplicates import Stretch, Template, make_stretch, make_template, same_recording
from amc_otio.matching.geometry import Shortfall
from amc_otio.matching.hits import Hit
from amc_otio.matching.joined import Place, join_window, window_of
from amc_otio.matching.query import Query, Sound, read_at, read_window
from amc_otio.matching.rerank import Ear, rerank
from amc_otio.media.decode import decode_mono
from amc_otio.proposals import Candidate, MediaRecord, Refusal

MAX_REFUSALS: Final = 50
"""Refusals kept with a proposal; the rest are counted by reason."""


@dataclass(frozen=True)
class _Kept:
    """A window that is taken, and the sound around it, in which copies are looked for."""

    name: str
    content_key: str
    vector: NDArray[np.float32] | None
    stretch: Stretch


def _keep(sound: Sound, start: int, content_key: str, vector: NDArray[np.float32] | None) -> _Kept:
    rate, around = duplicates.RATE, duplicates.AROUND_S * duplicates.RATE
    at, length = (round(samples * rate / ANALYSIS_RATE) for samples in (start, sound.length))
    # A second of silence beyond the file's ends lets a copy that begins elsewhere overlap them.
    first, last = max(at - around, -rate), min(at + rate + around, length + rate)
    stretch = decode_mono(sound.path, first, last - first, rate, sound.channels)
    return _Kept(sound.path.name, content_key, vector, make_stretch(stretch))


def retrieve(
    query: Query,
    query_key: str,
    hits: Iterable[Hit],
    place: Place,
    media_of: Callable[[Path], MediaRecord],
) -> tuple[tuple[Candidate, ...], tuple[Refusal, ...]]:
    """Take the best hits that can be cut, until k are found: by similarity, or by the score of `rerank`.

    Parameters
    ----------
    query_key
        Content key of the outgoing file, so that its copies are known as itself.
    hits
        By falling similarity; read only as far as needed.
    media_of
        Facts on a file; may raise `MediaError`.

    Returns
    -------
    tuple
        Candidates ranked from 1, and refusals in the order met.
    """
    settings = place.settings.match
    kept: list[_Kept] = []
    candidates: list[Candidate] = []
    refused: list[Refusal] = []
    uncounted: Counter[str] = Counter()
    from_source: Counter[str] = Counter()
    ear = Ear(query)

    def passes(hit: Hit) -> bool:
        return _constrain(query, query_key, hit, place) is None

    for hit in rerank(iter(hits), passes, ear.compare_hit, settings):
        if len(candidates) == settings.k:
            break
        outcome: Candidate | Shortfall | None = _constrain(query, query_key, hit, place)
        if outcome is None:
            if settings.per_source and from_source[hit.content_key] >= settings.per_source:
                continue  # a better window of this file is already among the candidates
            outcome = _candidate(query, query_key, hit, place, media_of, ear, kept, len(candidates) + 1)
        if isinstance(outcome, Candidate):
            candidates.append(outcome)
            from_source[hit.content_key] += 1
        elif len(refused) < MAX_REFUSALS:
            refused.append(
                Refusal(hit.path.name, str(hit.path), hit.start, hit.similarity, outcome.reason, outcome.missing_frames)
            )
        else:
            uncounted[outcome.reason] += 1
    refused += [Refusal(f"{n} more", "", 0, 0.0, reason, None) for reason, n in sorted(uncounted.items())]
    return tuple(candidates), tuple(refused)


def _constrain(query: Query, query_key: str, hit: Hit, place: Place) -> Shortfall | None:
    """The rules that need no sound to be read; None when the hit passes."""
    settings = place.settings.match
    if hit.content_key == query_key:
        if not settings.same_source:
            return Shortfall("comes from the outgoing clip's own source", None)
        distance = abs(hit.start - (query.start + query.outgoing.edit_point)) / ANALYSIS_RATE
        if distance < settings.neighbourhood_s + 1.0:
            return Shortfall(f"lies within {settings.neighbourhood_s:g} s of the outgoing clip's own end", None)
    step = hit.loudness - query.loudness
    if settings.max_level_step_lu and abs(step) > settings.max_level_step_lu:
        return Shortfall(f"is {abs(step):.0f} LU {'louder' if step > 0 else 'quieter'} than the outgoing sound", None)
    return None


def _candidate(
    query: Query,
    query_key: str,
    hit: Hit,
    place: Place,
    media_of: Callable[[Path], MediaRecord],
    ear: Ear,
    kept: list[_Kept],
    rank: int,
) -> Candidate | Shortfall:
    try:
        media = media_of(hit.path)
    except MediaError as error:
        return Shortfall(error.reason, None)
    threshold = place.settings.match.near_duplicate
    incoming = window_of(query, media, hit.start, hit.valid, hit.content_key == query_key, place)
    if not incoming.bounds.allowed(query.grid.samples, incoming.grid.samples).any():
        return incoming.shortfall(query, place)
    reach = incoming.reach
    try:
        samples = ear.read(hit)
        twin = _twin(query, query_key, hit, kept, threshold)
        around = read_window(Sound(hit.path, 0, None), hit.start, reach) if reach and twin is None else samples
    except MediaError as error:
        return Shortfall(error.reason, None)
    if twin is not None:
        return Shortfall(twin, None)
    joined = join_window(query, incoming, analyse(around, incoming.grid.samples, reach), place)
    if isinstance(joined, Shortfall):
        return joined
    length = round(media.duration * ANALYSIS_RATE)
    kept.append(_keep(Sound(hit.path, length, None), hit.start, hit.content_key, hit.vector))
    heard = ear.compare(samples, hit.loudness)
    return candidate_of(query, hit, heard, incoming, joined, place, rank)


def _twin(query: Query, query_key: str, hit: Hit, kept: list[_Kept], threshold: float) -> str | None:
    """Say which sound that is taken already a hit is a copy of, or None; the outgoing sound is taken first."""
    if not kept:
        kept.append(_keep(query.sound, query.start, query_key, None))
    samples: NDArray[np.float32] | None = None
    windows: dict[int, Template | None] = {}
    for earlier in kept:
        if earlier.content_key == hit.content_key:
            continue  # the rules on a file's own windows are not these
        likeness = hit.similarity if earlier.vector is None else float(earlier.vector @ hit.vector)
        if likeness < threshold:
            continue
        if samples is None:
            samples = read_at(Sound(hit.path, 0, None), hit.start, duplicates.RATE)
        size = earlier.stretch.size
        if size not in windows:
            windows[size] = make_template(samples, size)
        window = windows[size]
        if window is None:
            return None
        if same_recording(window, earlier.stretch):
            own = earlier.vector is None
            return (
                "is the outgoing sound itself, in another file" if own else f"is the same recording as {earlier.name}"
            )
    return None
