"""Scenes from a labelled set: every query with one of its positives (paper, section 3.3: "positive audio matches").

The clips of such a set are one second long, and a join needs sound around its windows. So each sound is repeated once
a second: a one-shot as a rhythm of itself, its end faded out over 30 ms; a continuous sound as a loop whose ends are
laid over each other for 30 ms with equal power. The edit point is drawn at random within the second wherever there is
sound, within 30 dB of its loudest 50 ms: film has no digital silence, and a cut within one would be perfect with any
method. What this leaves out: a rhythm that is not one hit a second, and a room that goes on behind the hit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import MediaError
from amc_otio.evaluation.clip_files import clip_samples
from amc_otio.evaluation.records import Clip, LabelledSet
from amc_otio.evaluation.seam_scenes import CONTEXT, Scene

FloatArray = NDArray[np.float32]

_FADE: Final = 3 * ANALYSIS_RATE // 100
_SPAN: Final = ANALYSIS_RATE // 20
_GRID: Final = ANALYSIS_RATE // 100
_RANGE_DB: Final = 30.0


@dataclass(frozen=True)
class LabelledPlan:
    """One pair of clips.

    Attributes
    ----------
    query, match
        The clips.
    group, kind
        Of the query.
    seed
        From which the two edit points are drawn.
    """

    query: Clip
    match: Clip
    group: str
    kind: str
    seed: int

    def scene(self) -> Scene | None:
        """Read the pair; None where a clip is silent.

        Raises
        ------
        MediaError
            When a clip cannot be read.
        """
        generator = np.random.default_rng(self.seed)
        sides = []
        forms = []
        # The outgoing window ends at its edit point, the incoming window begins at its own.
        for clip, before in ((self.query, ANALYSIS_RATE), (self.match, 0)):
            samples = clip_samples(clip)
            form = clip.form or form_of(samples)
            period = one_period(samples, form)
            places = sounding(period)
            if not places.size:
                return None
            at = int(places[generator.integers(len(places))]) - before
            sides.append(np.take(period, np.arange(at - CONTEXT, at + ANALYSIS_RATE + CONTEXT), mode="wrap"))
            forms.append(form)
        return Scene(
            name=f"{self.query.name} > {self.match.name}",
            group=self.group,
            kind=self.kind,
            form=forms[0] if forms[0] == forms[1] else "mixed",
            outgoing=sides[0],
            incoming=sides[1],
            outgoing_at=CONTEXT,
            incoming_at=CONTEXT,
            outgoing_until=len(sides[0]),
        )


def labelled_plans(labelled: LabelledSet, limit: int | None = None, seed: int = 0) -> list[LabelledPlan]:
    """Pair every query of a set, across packages too, with a positive that is drawn; in an order that is drawn.

    Parameters
    ----------
    labelled
        The set.
    limit
        So many pairs at most.
    seed
        The same seed gives the same pairs, whatever the limit.

    Raises
    ------
    MediaError
        When the set has no query.
    """
    clips = {clip.name: clip for clip in labelled.clips}
    generator = np.random.default_rng(seed)
    plans = []
    for query in (*labelled.queries, *labelled.cross_queries):
        match = query.positives[int(generator.integers(len(query.positives)))]
        seeds = int(generator.integers(2**32))
        plans.append(LabelledPlan(clips[query.query], clips[match], query.group, query.kind, seeds))
    if not plans:
        raise MediaError(labelled.name, "has no query with a positive", "give a set with labels")
    return [plans[i] for i in generator.permutation(len(plans))][:limit]


def form_of(samples: FloatArray) -> str:
    """Tell a one-shot from a continuous sound, where the set does not say.

    Continuous is what has sound in nine of ten of its spans of 50 ms, within 30 dB of the loudest, and ends as loud as
    it began, to 12 dB.
    """
    spans = samples[: len(samples) // _SPAN * _SPAN].astype(np.float64).reshape(-1, _SPAN)
    level = 10.0 * np.log10((spans**2).mean(axis=1) + 1e-12)
    third = max(1, len(level) // 3)
    even = abs(level[:third].mean() - level[-third:].mean()) < 12.0
    return "continuous" if even and np.mean(level > level.max() - _RANGE_DB) >= 0.9 else "one-shot"


def one_period(samples: FloatArray, form: str) -> FloatArray:
    """Make one period of the repeated sound; see above.

    Returns
    -------
    numpy.ndarray
        As long as `samples` for a one-shot, 30 ms shorter for a continuous sound; its end leads to its beginning.
    """
    period: FloatArray = samples.copy()
    if form == "continuous":
        rise = np.sqrt((np.arange(_FADE) + 0.5) / _FADE)
        period = period[:-_FADE]
        period[:_FADE] = samples[:_FADE] * rise + samples[-_FADE:] * rise[::-1]
    else:
        period[-_FADE:] *= np.linspace(1.0, 0.0, _FADE, dtype=np.float32)
    return period


def sounding(period: FloatArray) -> NDArray[np.int64]:
    """Return the places, every 10 ms, around which there is sound; none in a silent period."""
    around = np.concatenate([period[-_SPAN // 2 :], period, period[: _SPAN // 2]]).astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(around**2)])
    places = np.arange(0, len(period), _GRID, dtype=np.int64)
    energy = sums[places + _SPAN] - sums[places]
    if energy.max() < 1e-8:
        return places[:0]
    return np.asarray(places[energy > energy.max() * 10.0 ** (-_RANGE_DB / 10.0)])
