"""Ways to join, judged: each method joins each scene, and every seam is measured (paper, section 3.3 and Table 2).

`judge` makes the joins with `amc_otio.joining` exactly as an edit does, renders them as a bounce does, and measures
them. `Results` holds what came of it; `summary` has the means with bootstrap intervals by group, and the differences
from one method, paired.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amc_otio.config import ANALYSIS_RATE, HOP, JoinSettings
from amc_otio.errors import UsageError
from amc_otio.evaluation.intervals import bootstrap
from amc_otio.evaluation.seam import AROUND, MEASURES, NEEDED, STEP, Profile, floors, measures_at, profile
from amc_otio.evaluation.seam_scenes import Plan, Scene, levelled
from amc_otio.evaluation.seam_score import naturalness, stand_in_score, uncut_moments, window_moments
from amc_otio.joining.analysis import MARGIN, WINDOW, Analysis, analyse
from amc_otio.joining.bounds import Bounds
from amc_otio.joining.fades import place
from amc_otio.joining.join import Join, find_join
from amc_otio.joining.recipes import RECIPES, Recipe
from amc_otio.joining.render import blend

Finder = Callable[[Analysis, Analysis, Bounds, JoinSettings, "Recipe | None"], "Join | None"]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

UNCUT: Final = "uncut"
"""The name of the ceiling among the methods: the two recordings themselves, measured and scored like a join."""


@dataclass(frozen=True)
class Method:
    """A way to join.

    Attributes
    ----------
    label
        What tables call it.
    settings
        Of the join.
    recipe
        The parts of the join, where they are not those that the settings' method names.
    length
        ``"own"``: the fade is as long as the method makes it. A number: so many seconds. ``"as:LABEL"``: as long as
        an earlier method's on the same scene, so that two ways are compared at equal length.
    find
        What finds the join; another one is a way that is only tried.
    """

    label: str
    settings: JoinSettings = field(default_factory=JoinSettings)
    recipe: Recipe | None = None
    length: str | float = "own"
    find: Finder = find_join


PAPER: Final = (
    Method("concatenate", JoinSettings(method="concatenate")),
    Method("max-ss", JoinSettings(method="max-ss")),
    Method("crossfade .5", JoinSettings(method="crossfade", fade_s=0.5)),
    Method("crossfade .25", JoinSettings(method="crossfade", fade_s=0.25)),
    Method("max-ss-adaptive", JoinSettings(method="paper")),
)
"""Table 2's methods in the order of the paper's scores, worst first: 0.821, 1.107, 1.714, 1.750, 2.143."""


@dataclass(frozen=True)
class Judged:
    """What one scene gave; arrays over the methods, then `UNCUT`.

    Attributes
    ----------
    name, group, kind, form
        Of the scene.
    raw, natural
        The measures and their naturalness, shape ``(m + 1, 6)``.
    score
        The stand-in score, shape ``(m + 1,)``.
    fade_s
        Length of the fade in seconds, shape ``(m + 1,)``.
    truth_db
        Log-spectral distance from the hidden truth over the second after the seam, shape ``(m + 1,)``; NaN where
        nothing was hidden.
    """

    name: str
    group: str
    kind: str
    form: str
    raw: FloatArray
    natural: FloatArray
    score: FloatArray
    fade_s: FloatArray
    truth_db: FloatArray


@dataclass(frozen=True)
class Results:
    """What all scenes gave. The arrays are those of `Judged`, stacked over scenes."""

    labels: tuple[str, ...]
    scenes: tuple[Judged, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """The group of each scene."""
        return tuple(scene.group for scene in self.scenes)

    @property
    def forms(self) -> tuple[str, ...]:
        """The form of each scene."""
        return tuple(scene.form for scene in self.scenes)

    @property
    def natural(self) -> FloatArray:
        """Shape ``(scenes, m + 1, 6)``."""
        return np.stack([scene.natural for scene in self.scenes])

    @property
    def score(self) -> FloatArray:
        """Shape ``(scenes, m + 1)``."""
        return np.stack([scene.score for scene in self.scenes])

    def part(self, keep: ArrayLike) -> Results:
        """Return the results of some scenes, by a mask of shape ``(scenes,)``."""
        return Results(self.labels, tuple(self.scenes[i] for i in np.flatnonzero(np.asarray(keep, np.bool_))))


@dataclass(frozen=True)
class Summary:
    """One method over some scenes.

    Attributes
    ----------
    label
        The method's.
    scenes
        How many.
    raw, natural
        Means of the six measures and of their naturalness.
    score, low, high
        Mean stand-in score with its 95 % interval.
    ahead, ahead_low, ahead_high
        Mean difference of the score from the baseline's on the same scenes, with its interval.
    mean, mean_low, mean_high
        Mean naturalness over all measures, which the score caps at 0.5, with its interval.
    fade_mean_s, fade_s
        Mean fade length, and its 5th, 50th and 95th percentile.
    truth_db
        Mean distance from the hidden truth; None where nothing was hidden.
    """

    label: str
    scenes: int
    raw: dict[str, float]
    natural: dict[str, float]
    score: float
    low: float
    high: float
    ahead: float
    ahead_low: float
    ahead_high: float
    mean: float
    mean_low: float
    mean_high: float
    fade_mean_s: float
    fade_s: tuple[float, float, float]
    truth_db: float | None


@dataclass(frozen=True)
class Joined:
    """A rendered join: the sound within some more than a second of the seam, where the seam lies, and the join."""

    samples: NDArray[np.float32]
    moment: int
    join: Join


def frame_grid(fps: float | None, reach: int = 0) -> IntArray:
    """Return the points that can be cut, in samples from a window's start: frames, or the paper's hops for None.

    They lie in the window and up to `reach` samples beyond it.
    """
    if fps is None:
        beyond = reach // HOP * HOP
        return np.arange(-beyond, WINDOW + beyond + 1, HOP, dtype=np.int64)
    if not 1.0 <= fps <= 1000.0:
        raise UsageError("frame rate", f"{fps:g} is out of range", "give frames a second, 24 say")
    beyond = int(reach * fps / ANALYSIS_RATE)
    frames = np.arange(-beyond, int(fps + 1e-9) + beyond + 1)
    return np.asarray(np.rint(frames * (ANALYSIS_RATE / fps)), np.int64)


def judge(
    plans: Iterable[Plan],
    methods: Sequence[Method] = PAPER,
    *,
    fps: float | None = None,
    level: bool = True,
    jobs: int = 1,
) -> Results:
    """Join every scene by every method, and measure.

    Parameters
    ----------
    plans
        The scenes. Those that cannot be joined or have nothing to be heard are left out for all methods.
    methods
        An ``as:`` refers to an earlier one.
    fps
        Cut on the frames of this rate; None is the paper's hop.
    level
        Set both recordings to one level first (`levelled`).
    jobs
        Processes.

    Raises
    ------
    UsageError
        When labels are used twice, a length names no earlier method, or no scene is left.
    """
    _check(methods)
    one = partial(_judge_plan, methods=tuple(methods), fps=fps, level=level)
    if jobs > 1:
        with ProcessPoolExecutor(jobs) as pool:
            found = [judged for judged in pool.map(one, plans, chunksize=4) if judged is not None]
    else:
        found = [judged for judged in map(one, plans) if judged is not None]
    if not found:
        raise UsageError("scenes", "none is left to be joined", "give more recordings")
    return Results((*(method.label for method in methods), UNCUT), tuple(found))


def _check(methods: Sequence[Method]) -> None:
    seen: set[str] = set()
    for method in methods:
        if method.label in seen or method.label == UNCUT:
            raise UsageError(method.label, "names two methods", "give each its own label")
        if isinstance(method.length, str) and method.length != "own":
            prefix, _, other = method.length.partition(":")
            if prefix != "as" or other not in seen:
                raise UsageError(
                    method.label, f"'{method.length}' is no length", "give own, seconds, or as:LABEL of one before it"
                )
        seen.add(method.label)


def _judge_plan(plan: Plan, *, methods: tuple[Method, ...], fps: float | None, level: bool) -> Judged | None:
    scene = plan.scene()
    if scene is None:
        return None
    return judge_scene(levelled(scene) if level else scene, methods, fps)


def judge_scene(scene: Scene, methods: Sequence[Method], fps: float | None = None) -> Judged | None:
    """Join one scene by every method and measure; None where a method finds no join."""
    outgoing, incoming = profile(scene.outgoing), profile(scene.incoming)
    floor = floors(outgoing, incoming)
    sides = [
        (sound, _measurable(sound, window_moments(at)))
        for sound, at in ((outgoing, scene.outgoing_at), (incoming, scene.incoming_at))
    ]
    uncut, ceiling = uncut_moments(sides, floor)
    lengths: dict[str, float] = {}
    rows, truths = [], []
    for method in methods:
        joined = join_scene(scene, method, lengths, fps)
        if joined is None:
            return None
        lengths[method.label] = (joined.join.fade_before + joined.join.fade_after) / ANALYSIS_RATE
        rows.append(measures_at(profile(joined.samples), floor, [joined.moment])[:, 0])
        truths.append(_from_truth(scene, joined, outgoing, floor.mel))
    raw = np.stack(rows, axis=1)
    natural = naturalness(raw, uncut)
    if scene.hidden:  # the truth at the very place
        ceiling = measures_at(outgoing, floor, [scene.outgoing_at + WINDOW])
    high = naturalness(ceiling, uncut)
    return Judged(
        scene.name,
        scene.group,
        scene.kind,
        scene.form,
        np.concatenate([raw.T, ceiling.mean(axis=1)[None]]),
        np.concatenate([natural.T, high.mean(axis=1)[None]]),
        np.append(stand_in_score(natural), stand_in_score(high).mean()),
        np.append([lengths[method.label] for method in methods], 0.0),
        np.append(truths, 0.0 if scene.hidden else np.nan),
    )


def _measurable(sound: Profile, moments: IntArray) -> IntArray:
    return moments[(moments >= NEEDED) & (moments <= len(sound.samples) - NEEDED)]


def join_scene(
    scene: Scene, method: Method, lengths: dict[str, float] | None = None, fps: float | None = None
) -> Joined | None:
    """Join a scene by one method and render it.

    The seam is the middle of the fade, where both sounds are heard alike; for a cut it is the point.

    Parameters
    ----------
    scene
        What is joined. The baselines meet at the outgoing window's end and the incoming window's start.
    method
        How.
    lengths
        The fades of other methods on this scene, in seconds, for a length ``as:LABEL``.
    fps
        As in `judge`.

    Returns
    -------
    Joined or None
        None when no pair of points can be cut, or too little sound lies around the seam to measure it.
    """
    reach = round(method.settings.search_s * ANALYSIS_RATE)
    grid = frame_grid(fps, reach)
    edit_point = (method.recipe or RECIPES[method.settings.method]).point == "edit-point"
    out_grid, in_grid = (np.array([WINDOW]), np.array([0])) if edit_point else (grid, grid)
    usable = scene.outgoing.copy()
    usable[scene.outgoing_until :] = 0.0
    outgoing = _analysis(usable, scene.outgoing_at, out_grid, reach)
    incoming = _analysis(scene.incoming, scene.incoming_at, in_grid, reach)
    bounds = Bounds(
        edit_point=WINDOW,
        outgoing_from=max(-reach, NEEDED - scene.outgoing_at),
        outgoing_to=min(WINDOW + reach, scene.outgoing_until - scene.outgoing_at),
        outgoing_sound_from=-scene.outgoing_at,
        outgoing_media_end=scene.outgoing_until - scene.outgoing_at,
        incoming_from=max(-reach, NEEDED - scene.incoming_at) if reach else 0,
        incoming_to=min(WINDOW + reach, len(scene.incoming) - scene.incoming_at - NEEDED),
        incoming_media_start=-scene.incoming_at,
        incoming_media_end=len(scene.incoming) - scene.incoming_at,
    )
    found = _find(outgoing, incoming, bounds, method, lengths or {})
    if found is None:
        return None
    out_at = scene.outgoing_at + found.out_point
    in_at = scene.incoming_at + found.in_point + found.slip
    whole = blend(usable[None], scene.incoming[None], out_at, in_at, found.bounced)[0]
    moment = out_at + (found.fade_after - found.fade_before) // 2
    # Cut so that the seam lies on the grid of the spectra.
    start = max(moment % STEP, moment - (AROUND + 12 * STEP))
    samples = whole[start : moment + AROUND + 12 * STEP]
    if moment - start < NEEDED or len(samples) - (moment - start) < NEEDED:
        return None
    return Joined(samples, moment - start, found)


def _analysis(sound: NDArray[np.float32], at: int, grid: IntArray, reach: int) -> Analysis:
    start, stop = at - MARGIN - reach, at + WINDOW + MARGIN + reach
    inside = sound[max(0, start) : stop]
    missing = max(0, -start)
    return analyse(np.pad(inside, (missing, stop - start - missing - len(inside))), grid, reach)


def _find(
    outgoing: Analysis, incoming: Analysis, bounds: Bounds, method: Method, lengths: dict[str, float]
) -> Join | None:
    settings, recipe, wanted = method.settings, method.recipe, None
    if method.length != "own":
        text = str(method.length)
        wanted = lengths[text[3:]] if text.startswith("as:") else float(text)
        settings = dataclasses.replace(settings, fade_s=wanted, max_fade_s=max(wanted, settings.max_fade_s))
    if recipe is not None and wanted is not None:
        recipe = dataclasses.replace(recipe, fade="fixed")
    found = method.find(outgoing, incoming, bounds, settings, recipe)
    if found is None or wanted is None or recipe is not None:
        return found
    fade = place(wanted * ANALYSIS_RATE, WINDOW, bounds.room(found.out_point, found.in_point))
    return dataclasses.replace(found, fade_before=fade.before, fade_after=fade.after)


def _from_truth(scene: Scene, joined: Joined, outgoing: Profile, least: float) -> float:
    """Log-spectral distance in dB from the hidden sound over the second after the seam: mean over time."""
    if not scene.hidden:
        return float("nan")
    join = joined.join
    seam = scene.outgoing_at + join.out_point + (join.fade_after - join.fade_before) // 2
    truth = profile(scene.outgoing[seam : seam + ANALYSIS_RATE]).mel
    heard = profile(joined.samples[joined.moment : joined.moment + ANALYSIS_RATE]).mel
    count = min(truth.shape[1], heard.shape[1])
    ratio = 10.0 * np.log10((heard[:, :count] + least) / (truth[:, :count] + least))
    return float(np.sqrt((ratio**2).mean(axis=0)).mean())


def summarise(results: Results, baseline: str = PAPER[-1].label, *, seed: int = 0) -> list[Summary]:
    """Mean of every method, with 95 % bootstrap intervals over groups, and its lead over the baseline, paired.

    Raises
    ------
    UsageError
        When no method is called `baseline`.
    """
    if baseline not in results.labels:
        raise UsageError(baseline, "names no method", f"the methods are {', '.join(results.labels)}")
    score, natural = results.score, results.natural
    raw, fade_s, truth_db = (
        np.stack([getattr(scene, name) for scene in results.scenes]) for name in ("raw", "fade_s", "truth_db")
    )
    ahead = score - score[:, [results.labels.index(baseline)]]
    mean = natural.mean(axis=2)
    ends = bootstrap(np.concatenate([score, ahead, mean], axis=1), results.groups, seed=seed)
    count = len(results.labels)
    rows = []
    for i, label in enumerate(results.labels):
        (low, high), (ahead_low, ahead_high), (mean_low, mean_high) = (
            (float(ends[0, column]), float(ends[1, column])) for column in (i, count + i, 2 * count + i)
        )
        short, usual, long = (float(x) for x in np.percentile(fade_s[:, i], (5, 50, 95)))
        rows.append(
            Summary(
                label=label,
                scenes=len(results.scenes),
                raw=dict(zip(MEASURES, raw[:, i].mean(axis=0).tolist(), strict=True)),
                natural=dict(zip(MEASURES, natural[:, i].mean(axis=0).tolist(), strict=True)),
                score=float(score[:, i].mean()),
                low=low,
                high=high,
                ahead=float(ahead[:, i].mean()),
                ahead_low=ahead_low,
                ahead_high=ahead_high,
                mean=float(mean[:, i].mean()),
                mean_low=mean_low,
                mean_high=mean_high,
                fade_mean_s=float(fade_s[:, i].mean()),
                fade_s=(short, usual, long),
                truth_db=None if np.isnan(truth_db[:, i]).all() else float(np.nanmean(truth_db[:, i])),
            )
        )
    return rows
