"""From an edit point's hits in the library to candidates and refusals (paper, sections 2.1 and 2.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE, EditSettings, Settings
from amc_otio.errors import MediaError
from amc_otio.joining.analysis import WINDOW, Analysis, analyse
from amc_otio.joining.bounds import Bounds
from amc_otio.joining.join import Join, find_join
from amc_otio.matching import duplicates
from amc_otio.matching.duplicates import Stretch, Template, make_stretch, make_template, same_recording
from amc_otio.matching.geometry import Shortfall, bounds_for, record_length, shortfall
from amc_otio.matching.grid import frame_grid
from amc_otio.matching.hits import Hit
from amc_otio.matching.query import Query, Sound, read_at, read_window
from amc_otio.matching.rerank import Comparison, Ear, rerank, score
from amc_otio.media.decode import decode_mono
from amc_otio.proposals import Candidate, MediaRecord, Refusal, Scores
from amc_otio.timeline.slots import Slot

MAX_REFUSALS: Final = 50
"""Refusals kept with a proposal; the rest are counted by reason."""


_ANOTHER_POINT_MS: Final = 60
"""Beyond a frame and a hop the grid did not move the point that Max-SS found on its own hop: it found another."""


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
    settings = place.settings
    length = round(media.duration * ANALYSIS_RATE)
    min_remaining = round(settings.match.min_remaining_s * ANALYSIS_RATE)
    own = hit.content_key == query_key
    reach = 0 if own else place.reach
    bounds = bounds_for(
        place.slot, settings.edit, place.rate, query.outgoing, hit.start, hit.valid, length, min_remaining, reach
    )
    if own:
        # Beyond the two windows the outgoing clip's own source would meet itself, where nothing is cut at all.
        first, last = max(bounds.outgoing_from, 0), min(bounds.outgoing_to, WINDOW)
        bounds = replace(bounds, outgoing_from=first, outgoing_to=last)
    grid = frame_grid(media.rate, Fraction(-hit.start), WINDOW, reach)
    if not bounds.allowed(query.grid.samples, grid.samples).any():
        return shortfall(bounds, place.slot, settings.edit, place.rate, query.grid.samples, grid.samples)
    try:
        samples = ear.read(hit)
        twin = _twin(query, query_key, hit, kept, settings.match.near_duplicate)
        around = read_window(Sound(hit.path, 0, None), hit.start, reach) if reach and twin is None else samples
    except MediaError as error:
        return Shortfall(error.reason, None)
    if twin is not None:
        return Shortfall(twin, None)
    side = analyse(around, grid.samples, reach)
    found = join_at(query, side, bounds, place)
    if found is None:
        return shortfall(bounds, place.slot, settings.edit, place.rate, query.grid.samples, grid.samples)
    in_offset = grid.time_at(found.in_point)
    shift = query.grid.time_at(found.out_point)
    duration = record_length(
        place.slot, settings.edit, place.rate, shift, media.duration - in_offset, Fraction(min_remaining, ANALYSIS_RATE)
    )
    if isinstance(duration, Shortfall):
        return duration
    if duration is not None:
        end = found.out_point + int((duration - _busy(place.slot, settings.edit, shift, duration)) * ANALYSIS_RATE)
        bounds = replace(bounds, record_end=end if bounds.record_end is None else min(end, bounds.record_end))
        found = _inside_shot(query, side, bounds, place, found)
    kept.append(_keep(Sound(hit.path, length, None), hit.start, hit.content_key, hit.vector))
    heard = ear.compare(samples, hit.loudness)
    return candidate_of(query, hit, heard, media, found, bounds, shift, in_offset, duration, place, rank)


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


def candidate_of(
    query: Query,
    hit: Hit,
    heard: Comparison,
    media: MediaRecord,
    join: Join,
    bounds: Bounds,
    shift: Fraction,
    in_offset: Fraction,
    duration: Fraction | None,
    place: Place,
    rank: int,
    in_shift: Fraction = Fraction(0),
) -> Candidate:
    """Put a candidate together."""
    room = bounds.room(join.out_point, join.in_point)
    frame = Fraction(ANALYSIS_RATE) / place.rate
    scores = Scores(
        similarity=hit.similarity,
        score=score(hit.similarity, heard, place.settings.match),
        timbre=heard.timbre,
        pitch=heard.pitch,
        rhythm=heard.rhythm,
        loudness=heard.loudness,
        level_step_lu=round(hit.loudness - query.loudness, 2),
        level_step_db=round(join.level_step_db, 2),
        spectral_step_db=round(join.spectral_step_db, 2),
        head_handle_frames=int(max(0, room.incoming_before) / frame),
        tail_handle_frames=int(max(0, room.outgoing_after) / frame),
    )
    return Candidate(
        rank=rank,
        media=media,
        window_start=hit.start,
        query_start=query.start,
        edit_point=query.outgoing.edit_point,
        join=join,
        cut_shift=shift,
        in_time=media.start + in_offset,
        in_shift=in_shift,
        length=duration,
        room=room,
        scores=scores,
        reasons=_reasons(scores, join, heard),
    )


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


def _reasons(scores: Scores, join: Join, heard: Comparison) -> tuple[str, ...]:
    """What an editor would want to know, in words."""
    reasons = [f"similarity {scores.similarity:.3f}"]
    if scores.score != scores.similarity:
        reasons.append(f"score {scores.score:.3f}")
    level = scores.level_step_lu
    if abs(level) < 1.0:
        reasons.append("as loud as the outgoing sound")
    else:
        reasons.append(f"{abs(level):.1f} LU {'louder' if level > 0 else 'quieter'}")
    reasons += heard.reasons
    reasons.append(f"at the join: level {join.level_step_db:+.1f} dB, spectrum {join.spectral_step_db:.1f} dB apart")
    if join.gain_db:
        reasons.append(f"level matched by {join.gain_db:+.1f} dB over the fade")
    if join.slip:
        reasons.append(
            f"a bounce enters the sound {1000 * abs(join.slip) / ANALYSIS_RATE:.1f} ms "
            f"{'later' if join.slip > 0 else 'earlier'}, where the waveforms agree"
        )
    reasons.append(f"handles {scores.head_handle_frames} and {scores.tail_handle_frames} frames")
    if join.clamped_by:
        reasons.append(f"fade limited by the {' and the '.join(join.clamped_by)}")
    moved = max(abs(ms) for ms in join.moved_ms)
    if moved > _ANOTHER_POINT_MS:
        reasons.append(f"cut on frames; between them the best point lies {moved:.0f} ms away")
    elif moved >= 0.5 and not join.slip:
        reasons.append(f"the frame grid moved the join by {moved:.0f} ms")
    return tuple(reasons)
