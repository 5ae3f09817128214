#!/usr/bin/env python3
"""Judge the descriptors on a labelled set: benchmarks/descriptors.py SET [--shift] [--whole] [--vectors FILE.npy].

Prints, in Markdown: what a window costs; the scales of the agreements (mean difference between a query and its
unrelated clips, over all packages and over each half of them) and how well each difference tells relatives from
strangers; R-mAP of each family alone and of the representation plus weight x agreement; and, for each family and some
sums of families, the gain with weights chosen by `cross` on other packages than those it is judged on: on one half for
the other, both ways, and on all packages but one for that one. Intervals are a paired bootstrap over groups of queries.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from amc_otio.config import ANALYSIS_RATE
from amc_otio.descriptors.agreement import FAMILIES, SCALES, agreements, differences
from amc_otio.descriptors.describe import Descriptors, describe
from amc_otio.evaluation.labelled_set import LabelledSet, read_labelled_set
from amc_otio.evaluation.metrics import rank, score_ranking
from amc_otio.media.loudness import batch_loudness
from amc_otio.representations import create

GRID = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
SUMS = (("timbre", "rhythm"), ("rhythm", "loudness"), ("timbre", "rhythm", "loudness"), FAMILIES)
DRAWS = 2000


@dataclass(frozen=True)
class Task:
    """One query under a protocol; positives come first among the candidates."""

    query: int
    group: str
    package: str
    half: int
    candidates: np.ndarray
    positives: int
    similarity: np.ndarray
    agreement: np.ndarray  # (families, candidates)


def read_windows(labelled: LabelledSet, shift: bool) -> np.ndarray:
    """The clips, silent beyond their content."""
    windows = np.zeros((len(labelled.clips), ANALYSIS_RATE), np.float32)
    for row, clip in enumerate(labelled.clips):
        samples, rate = soundfile.read(clip.path, dtype="float32")
        assert rate == ANALYSIS_RATE
        content = round(clip.content_s * rate)
        windows[row, :content] = samples[:content]
        if shift:
            windows[row] = np.roll(windows[row], clip.shift)
    return windows


def embed(windows: np.ndarray, name: str) -> np.ndarray:
    """Their vectors."""
    representation = create(name, threads=1)
    rate = representation.sample_rate
    parts = []
    for first in range(0, len(windows), 16):
        batch = windows[first : first + 16]
        if rate != ANALYSIS_RATE:
            batch = np.stack([soxr.resample(w, ANALYSIS_RATE, rate)[:rate] for w in batch])
        parts.append(representation.embed(batch))
    return np.concatenate(parts)


def halves(packages: list[str], labelled: LabelledSet) -> dict[str, int]:
    """Packages in two halves with about as many cross queries."""
    number = {clip.name: i for i, clip in enumerate(labelled.clips)}
    asked = dict.fromkeys(packages, 0)
    for query in labelled.cross_queries:
        asked[packages[number[query.query]]] += 1
    order = sorted(asked, key=lambda p: (-asked[p], p))
    return {package: int(i % 4 in (1, 2)) for i, package in enumerate(order)}


def tasks_of(
    labelled: LabelledSet, protocol: str, vectors: np.ndarray, heard: Descriptors, packages: list[str]
) -> list[Task]:
    """Every query of a protocol with all that a ranking can be made of."""
    number = {clip.name: i for i, clip in enumerate(labelled.clips)}
    side = halves(packages, labelled)
    found = []
    for query in labelled.cross_queries if protocol in ("cross", "xfull") else labelled.queries:
        row = number[query.query]
        positives = [number[name] for name in query.positives]
        if protocol in ("full", "xfull"):
            out = {number[name] for name in query.ignore} | {row} | set(positives)
            rest = [i for i in range(len(labelled.clips)) if i not in out]
        else:
            rest = [number[n] for n in (query.negatives_same_package if protocol == "hard" else query.negatives)]
            if len(positives) < 2 or len(rest) < 20:
                continue
        candidates = np.array([*positives, *rest], dtype=np.int64)
        agreed = agreements(heard[row : row + 1], heard[candidates])
        found.append(
            Task(
                row,
                query.group,
                packages[row],
                side[packages[row]],
                candidates,
                len(positives),
                vectors[candidates] @ vectors[row],
                np.stack([getattr(agreed, f) for f in FAMILIES]),
            )
        )
    return found


Weights = dict[str, float]


def precisions(tasks: list[Task], weights: Weights, base: float = 1.0) -> np.ndarray:
    """Average precision of each query, ranked by ``base * similarity + sum of weight * agreement``."""
    row = np.array([weights.get(f, 0.0) for f in FAMILIES])
    values = []
    for task in tasks:
        order = rank(base * task.similarity + row @ task.agreement, task.candidates)
        relevant = np.isin(order, task.candidates[: task.positives])
        values.append(score_ranking(relevant, task.positives).average_precision)
    return np.array(values)


def interval(tasks: list[Task], gains: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean gain over queries, whole groups drawn."""
    names = sorted({t.group for t in tasks})
    place = {name: i for i, name in enumerate(names)}
    member = np.array([place[t.group] for t in tasks])
    total, count = np.bincount(member, gains), np.bincount(member)
    drawn = np.random.default_rng(0).integers(0, len(names), (DRAWS, len(names)))
    means = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def scales(tasks: list[Task], heard: Descriptors) -> dict[str, float]:
    """Mean difference between queries and their unrelated clips."""
    sums: dict[str, list[float]] = {name: [] for name in SCALES}
    for task in tasks:
        strangers = task.candidates[task.positives :]
        apart = differences(heard[task.query : task.query + 1], heard[strangers])
        both = ~np.isnan(heard.f0[strangers]) & ~np.isnan(heard.f0[task.query])
        for name, value in apart.items():
            told = value[both] if name == "f0" else value
            if told.size:
                sums[name].append(float(told.mean()))
    return {name: float(np.mean(values)) for name, values in sums.items()}


def told_apart(tasks: list[Task], heard: Descriptors) -> dict[str, float]:
    """How often a relative differs less than a stranger, ties counting half (area under the ROC curve)."""
    sums: dict[str, list[float]] = {name: [] for name in SCALES}
    for task in tasks:
        apart = differences(heard[task.query : task.query + 1], heard[task.candidates])
        for name, value in apart.items():
            told = ~np.isnan(heard.f0[task.candidates]) if name == "f0" else np.ones(len(value), bool)
            if name == "f0" and np.isnan(heard.f0[task.query]):
                continue
            near, far = value[: task.positives][told[: task.positives]], value[task.positives :][told[task.positives :]]
            if near.size and far.size:
                below, equal = near[:, None] < far[None], near[:, None] == far[None]
                sums[name].append(float(below.mean() + 0.5 * equal.mean()))
    return {name: float(np.mean(values)) for name, values in sums.items()}


def timing(windows: np.ndarray) -> None:
    """Milliseconds of processor and of wall-clock time a window, one at a time as a proposal does it."""
    describe(windows[:1])
    some = windows[:: max(1, len(windows) // 100)][:100]
    spent: dict[str, list[float]] = {"wall": [], "processor": []}
    for window in some:
        for name, clock in (("wall", time.perf_counter), ("processor", time.process_time)):
            start = clock()
            describe(window[None])
            spent[name].append(1000.0 * (clock() - start))
    print(
        f"{len(some)} windows, one at a time: median {np.median(spent['processor']):.2f} ms of processor time, "
        f"{np.median(spent['wall']):.2f} ms wall\n"
    )


def validate(title: str, weighings: list[Weights], judged: dict[str, list[Task]]) -> None:
    """Choose the weights by `cross` on other packages than those they are judged on."""
    protocols = ("cross", "paper", "hard")
    scored = {p: np.stack([precisions(judged[p], w) for w in weighings]) for p in protocols}
    plain = {p: precisions(judged[p], {}) for p in protocols}
    for way, label in (("half", "the other half"), ("package", "all others")):
        side = {p: np.array([getattr(t, way) for t in judged[p]]) for p in protocols}
        chosen = {
            value: int(np.argmax(scored["cross"][:, side["cross"] != value].mean(axis=1)))
            for value in {v for p in protocols for v in side[p].tolist()}
        }
        cells = []
        for protocol in protocols:
            picked = np.array([chosen[v] for v in side[protocol].tolist()])
            gains = scored[protocol][picked, np.arange(len(picked))] - plain[protocol]
            low, high = interval(judged[protocol], gains)
            cells.append(f"{(plain[protocol] + gains).mean():.3f} ({gains.mean():+.3f}, {low:+.3f} to {high:+.3f})")
        used = Counter(chosen.values()).most_common(3)
        words = "; ".join(", ".join(f"{k} {v:g}" for k, v in weighings[i].items() if v) or "nothing" for i, _ in used)
        print(f"| {title} | {label} | {words} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Describe, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path)
    parser.add_argument("--representation", default="sfx")
    parser.add_argument("--shift", action="store_true", help="one-shots lie at a random place in their second")
    parser.add_argument("--whole", action="store_true", help="also rank against the whole gallery (slow)")
    parser.add_argument("--vectors", type=Path, help="keep the representation's vectors here between runs")
    parser.add_argument("--timing", action="store_true", help="only say what a window costs")
    arguments = parser.parse_args()
    labelled = read_labelled_set(arguments.set)
    windows = read_windows(labelled, arguments.shift)
    timing(windows)
    if arguments.timing:
        return
    heard = describe(windows, batch_loudness(windows, ANALYSIS_RATE))
    if arguments.vectors and arguments.vectors.exists():
        vectors = np.load(arguments.vectors)
    else:
        vectors = embed(windows, arguments.representation)
        if arguments.vectors:
            np.save(arguments.vectors, vectors)
    with (arguments.set / "clips.csv").open(newline="", encoding="utf-8") as file:
        packages = [row["package"] for row in csv.DictReader(file)]
    protocols = ("paper", "hard", "cross", *(("full", "xfull") if arguments.whole else ()))
    judged = {p: tasks_of(labelled, p, vectors, heard, packages) for p in protocols}
    report(arguments.representation, judged, heard)


def report(name: str, judged: dict[str, list[Task]], heard: Descriptors) -> None:
    """Print the tables."""
    print("| difference | scale in use | measured | first half | second half | AUC paper | AUC cross |")
    print("|---|---|---|---|---|---|---|")
    paper, cross = judged["paper"], judged["cross"]
    measured = [scales(t, heard) for t in (paper, *([x for x in paper if x.half == h] for h in (0, 1)))]
    areas = told_apart(paper, heard), told_apart(cross, heard)
    for key, used in SCALES.items():
        cells = " | ".join(f"{m[key]:.3f}" for m in (*measured, *areas))
        print(f"| {key} | {used:g} | {cells} |")

    def line(title: str, score: Callable[[list[Task]], np.ndarray]) -> None:
        print(f"| {title} | " + " | ".join(f"{score(t).mean():.3f}" for t in judged.values()) + " |", flush=True)

    print(f"\n| R-mAP | {' | '.join(judged)} |\n|---|{'---|' * len(judged)}")
    line(name, lambda t: precisions(t, {}))
    for family in FAMILIES:
        line(f"{family} alone", lambda t, f=family: precisions(t, {f: 1.0}, base=0.0))
    for family, weight in itertools.product(FAMILIES, GRID[1:]):
        line(f"{name} + {weight:g} {family}", lambda t, f=family, w=weight: precisions(t, {f: w}))

    print(f"\n| {name} + | weights chosen by | which | cross | paper | hard |\n|---|---|---|---|---|---|")
    for family in FAMILIES:
        validate(family, [{family: w} for w in GRID], judged)
    for names in SUMS:
        steps = itertools.product(GRID[:5] if len(names) < 4 else (0.0, 0.05, 0.1), repeat=len(names))
        validate(" + ".join(names), [dict(zip(names, w, strict=True)) for w in steps], judged)

    print(f"\n| {name} + fixed | {' | '.join(f'{p}: gain' for p in judged)} |\n|---|{'---|' * len(judged)}")
    for weights in ({"rhythm": 0.05}, {"rhythm": 0.1}, {"timbre": 0.05, "rhythm": 0.05}):
        cells = []
        for tasks in judged.values():
            gains = precisions(tasks, weights) - precisions(tasks, {})
            low, high = interval(tasks, gains)
            cells.append(f"{gains.mean():+.3f} ({low:+.3f} to {high:+.3f})")
        print(f"| {', '.join(f'{w:g} {f}' for f, w in weights.items())} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
