"""Scenes with a known truth: a stretch of a recording is hidden, and the best match of what came before joins on.

The query is a second of sound; what follows it is hidden from the search and from the join, so that every fade lies
before the edit point. The match is the most similar second of another recording, or, an easier task, of the same one
far away. Second copies of what is asked for are passed over: films come in several codecs, and game sounds in loops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import MediaError
from amc_otio.evaluation.seam_pairs import form_of
from amc_otio.evaluation.seam_scenes import CONTEXT, Scene
from amc_otio.media.decode import decode_mono
from amc_otio.media.windows import iter_windows
from amc_otio.representations import create
from amc_otio.representations.base import Representation

FloatArray = NDArray[np.float32]

AFTER_S: Final = 1.5
"""Sound that must follow a query, to be the truth, and an incoming window."""
BEFORE_S: Final = 1.0
"""Sound that must come before a query or an incoming window: its head handle."""
FAR_S: Final = 5.0
"""How far from the query a match in the same recording must be."""
COPY: Final = 0.7
"""A waveform that correlates so well with what is asked for, or with what is hidden, is a copy of it."""
_QUIET: Final = 10.0 ** (-50 / 20)
_TRIES: Final = 40


@dataclass(frozen=True)
class Recording:
    """A file to draw from.

    Attributes
    ----------
    path
        The media file.
    name
        What the bootstrap takes for one recording.
    kind
        What it is a sound of.
    """

    path: Path
    name: str
    kind: str = ""


@dataclass(frozen=True)
class GapPlan:
    """A query and its match, by place: samples at 48 kHz from each file's start.

    Attributes
    ----------
    outgoing, incoming
        The recordings.
    query_at, match_at
        Where the two windows begin.
    outgoing_end, incoming_end
        Where the recordings end.
    handle
        Samples after the query that a fade may use; the rest is hidden.
    """

    outgoing: Recording
    incoming: Recording
    query_at: int
    match_at: int
    outgoing_end: int
    incoming_end: int
    handle: int

    def scene(self) -> Scene | None:
        """Read both sides.

        Raises
        ------
        MediaError
            When a file cannot be read.
        """
        going, going_at = _around(self.outgoing.path, self.query_at, self.outgoing_end)
        coming, coming_at = _around(self.incoming.path, self.match_at, self.incoming_end)
        forms = [form_of(s[at : at + ANALYSIS_RATE]) for s, at in ((going, going_at), (coming, coming_at))]
        return Scene(
            name=f"{self.outgoing.name} {self.query_at / ANALYSIS_RATE:.2f} s > "
            f"{self.incoming.name} {self.match_at / ANALYSIS_RATE:.2f} s",
            group=self.outgoing.name,
            kind=self.outgoing.kind,
            form=forms[0] if forms[0] == forms[1] else "mixed",
            outgoing=going,
            incoming=coming,
            outgoing_at=going_at,
            incoming_at=coming_at,
            outgoing_until=going_at + ANALYSIS_RATE + self.handle,
        )


def _around(path: Path, at: int, end: int) -> tuple[FloatArray, int]:
    start, stop = max(0, at - CONTEXT), min(end, at + ANALYSIS_RATE + CONTEXT)
    return decode_mono(path, start, stop - start, ANALYSIS_RATE), at - start


@dataclass(frozen=True)
class _Heard:
    """The whole seconds of a recording: their vectors and levels, and its length in seconds."""

    recording: Recording
    vectors: FloatArray
    rms: FloatArray
    length_s: float


def gap_plans(
    recordings: Iterable[Recording],
    *,
    representation: str = "sfx-match",
    same_recording: bool = False,
    limit: int | None = None,
    per_recording: int = 3,
    handle_s: float = 0.0,
    seed: int = 0,
    threads: int = 1,
    skipped: Callable[[MediaError], None] | None = None,
) -> list[GapPlan]:
    """Draw queries from recordings and find the match of each.

    Parameters
    ----------
    recordings
        What is drawn from and searched. Files that are too short or silent are passed over.
    representation
        By which the most similar second is found.
    same_recording
        Search the query's own recording, 5 s or more away, in place of the others.
    limit
        So many scenes at most; the order is drawn.
    per_recording
        So many queries of one recording at most.
    handle_s
        Seconds after the query that a fade may use, at most half a second.
    seed
        From which the queries are drawn.
    threads
        For the representation.
    skipped
        Told of every file that cannot be read; without it such a file raises.

    Raises
    ------
    MediaError
        When a file cannot be read, or nothing can be drawn from any.
    """
    made = create(representation, threads=threads)
    heard = [one for recording in recordings if (one := _hear(recording, made, skipped)) is not None]
    generator = np.random.default_rng(seed)
    plans: list[GapPlan] = []
    queries = [(i, start) for i, one in enumerate(heard) for start in _queries(one, per_recording, generator)]
    handle = round(min(max(handle_s, 0.0), 0.5) * ANALYSIS_RATE)
    for number in generator.permutation(len(queries)):
        if limit is not None and len(plans) >= limit:
            break
        which, start = queries[int(number)]
        plan = _plan(heard, which, start, made, same_recording, handle)
        if plan is not None:
            plans.append(plan)
    if not plans:
        raise MediaError("recordings", "none has a second with a match", "give more or longer recordings")
    return plans


def _hear(recording: Recording, made: Representation, skipped: Callable[[MediaError], None] | None) -> _Heard | None:
    rate = made.sample_rate
    vectors, levels, length = [], [], 0
    try:
        for batch in iter_windows(recording.path, rate):
            whole = batch.samples[batch.valid == rate]
            length += int(batch.valid.sum())
            if len(whole):
                vectors.append(made.embed(whole))
                levels.append(np.sqrt(np.mean(whole**2, axis=1)))
    except MediaError as error:
        if skipped is None:
            raise
        skipped(error)
        return None
    if length < (BEFORE_S + 1.0 + AFTER_S) * rate:
        return None
    return _Heard(recording, np.concatenate(vectors), np.concatenate(levels), length / rate)


def _queries(one: _Heard, count: int, generator: np.random.Generator) -> list[float]:
    """Draw starts of queries, in seconds, at least 2 s apart, where there is sound before and after."""
    room = one.length_s - BEFORE_S - 1.0 - AFTER_S
    starts: list[float] = []
    for start in BEFORE_S + generator.random(4 * count) * room:
        second = int(start)
        loud = one.rms[second : second + 3].min() > _QUIET
        if loud and len(starts) < count and all(abs(start - other) >= 2.0 for other in starts):
            starts.append(float(start))
    return starts


def _plan(
    heard: Sequence[_Heard], which: int, start: float, made: Representation, same: bool, handle: int
) -> GapPlan | None:
    asked = heard[which]
    rate = made.sample_rate
    query = made.embed(decode_mono(asked.recording.path, round(start * rate), rate, rate)[None])[0]
    ranked: list[tuple[float, int, int]] = []
    for number, one in enumerate(heard):
        if (number == which) != same:
            continue
        seconds = np.arange(int(np.ceil(BEFORE_S)), int(one.length_s - 1.0 - AFTER_S) + 1)
        seconds = seconds[one.rms[seconds] > _QUIET]
        if same:
            seconds = seconds[np.abs(seconds - start) >= FAR_S]
        ranked += zip((one.vectors[seconds] @ query).tolist(), [number] * len(seconds), seconds.tolist(), strict=True)
    ranked.sort(key=lambda hit: (-hit[0], hit[1], hit[2]))
    at = round(start * ANALYSIS_RATE)
    # From before the query to the end of what is hidden: none of it may come back as its own match.
    known = decode_mono(asked.recording.path, at - ANALYSIS_RATE, 4 * ANALYSIS_RATE, ANALYSIS_RATE)
    for _, number, second in ranked[:_TRIES]:
        one = heard[number]
        there = second * ANALYSIS_RATE
        if alike_waveforms(known, decode_mono(one.recording.path, there, ANALYSIS_RATE, ANALYSIS_RATE)) < COPY:
            going_end, coming_end = (int(side.length_s * ANALYSIS_RATE) for side in (asked, one))
            return GapPlan(asked.recording, one.recording, at, there, going_end, coming_end, handle)
    return None


def alike_waveforms(long: FloatArray, short: FloatArray) -> float:
    """Return the highest correlation, 0 to 1, of a sound with any stretch of a longer one; polarity does not count."""
    size = 1 << (len(long) + len(short)).bit_length()
    spectrum = np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size))
    products = np.abs(np.fft.irfft(spectrum, size)[: len(long) - len(short) + 1])
    sums = np.concatenate([[0.0], np.cumsum(long.astype(np.float64) ** 2)])
    energy = (sums[len(short) :] - sums[: -len(short)]) * float(np.sum(short.astype(np.float64) ** 2))
    # A stretch that is nearly silent beside the rest says nothing.
    least = 1e-6 * float(energy.max(initial=0.0)) + 1e-30
    return float((products / np.sqrt(np.maximum(energy, least))).max())
