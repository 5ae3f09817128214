#!/usr/bin/env python3
"""What was tried to make sfx find the same kind of sound in other recordings: sfx_adaptation.py SET POOL.csv ROOT

Prints a Markdown table of R-mAP on a labelled set, each row against bare sfx with the interval of the paired bootstrap.
What is fitted is fitted on the sound effects of a pool (``benchmarks/pool.py``) less the packages that SET is cut from.
A second table chooses the level on one half of SET's packages and judges it on the other. ``--trained NAME=FILE`` adds
models that ``amc-otio train`` made. Ten minutes on two cores; ``--keep FILE.npz`` keeps the network's poolings.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soxr
from make_sfx_match import SHRINKAGE, whitening
from pool import RATE, read_pool

from amc_otio.config import ANALYSIS_RATE
from amc_otio.evaluation.clip_files import clip_samples
from amc_otio.evaluation.evaluate import evaluate_set
from amc_otio.evaluation.judged import parse_representation
from amc_otio.evaluation.labelled_set import read_labelled_set
from amc_otio.evaluation.records import LabelledSet
from amc_otio.evaluation.report import EvaluationReport
from amc_otio.representations import sfx, sfx_match
from amc_otio.representations.sessions import OnnxruntimeSession

PROTOCOLS = ("paper", "hard", "cross", "full")
LEVELS = {0: 1.0, -10: 10**-0.5, -20: 0.1, -30: 10**-1.5}
BOTH = slice(0, 2)
HALVES = 4
"""Random ways to cut SET's packages in two."""


def poolings(windows: np.ndarray, session: OnnxruntimeSession, loudest: float) -> np.ndarray:
    """Maximum, deviation and mean over time, each of unit length: shape ``(n, 3, 512)``."""
    made = np.zeros((len(windows), 3, 512), np.float32)
    for first in range(0, len(windows), sfx.BATCH):
        some = windows[first : first + sfx.BATCH]
        maps = session.run("over_bands", {"log_mel": sfx.log_mel(some, loudest)})
        made[first : first + len(some)] = np.stack([maps.max(axis=2), maps.std(axis=2), maps.mean(axis=2)], axis=1)
    return made / np.maximum(np.linalg.norm(made, axis=2, keepdims=True), np.float32(1e-12))


def features(labelled: LabelledSet, pool: Path, root: Path) -> dict[str, np.ndarray]:
    """Poolings of the set's clips and of the pool at every level, and the pool's names."""
    session = OnnxruntimeSession(sfx.read_weights(sfx.WEIGHTS), None, "sfx")
    clips = [soxr.resample(clip_samples(clip), ANALYSIS_RATE, RATE) for clip in labelled.clips]
    windows = np.stack(clips).astype(np.float32)
    files = list(read_pool(pool, root, {clip.package for clip in labelled.clips}))
    every = np.concatenate([file.windows for file in files])
    held: dict[str, np.ndarray] = {}
    for level, loudest in LEVELS.items():
        held[f"set{level}"] = poolings(windows, session, loudest)
        held[f"pool{level}"] = poolings(every, session, loudest)
        print(f"poolings at {level} dB", flush=True)
    takes = [f"{file.package}/{re.sub(r'[0-9]+|[.][a-z0-9]+$', '', file.name.lower())}" for file in files]
    counts = [len(file.windows) for file in files]
    held["take"] = np.repeat(np.array(takes), counts)
    held["kind"] = np.repeat(np.array([file.kind for file in files]), counts)
    return held


def side_by_side(some: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """As `sfx_match.centred`, for any number of poolings."""
    return sfx_match.centred(some, mean.astype(np.float32))


def within(rows: np.ndarray, labels: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Rows less the mean of their label: their covariance is the scatter within labels."""
    parts = []
    for label in sorted(set(labels[used])):
        held = rows[used & (labels == label)]
        if len(held) > 1:
            parts.append((held - held.mean(axis=0)) * np.sqrt(len(held) / (len(held) - 1)))
    return np.concatenate(parts)


def tried(held: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Vectors of the set's clips by the name of what was tried."""
    rows: dict[str, np.ndarray] = {"sfx: maximum over time, peak at 0 dBFS": held["set0"][:, 0]}
    for level in (-10, -20, -30):
        rows[f"peak at {level} dBFS"] = held[f"set{level}"][:, 0]
    for level in (0, -20):
        mean = held[f"pool{level}"].mean(axis=0)
        at = "" if level == 0 else f", peak at {level} dBFS"
        for name, part in (
            ("maximum", [0]),
            ("deviation", [1]),
            ("mean over time", [2]),
            ("maximum and deviation", [0, 1]),
        ):
            rows[f"{name}, less the mean of the pool{at}"] = side_by_side(held[f"set{level}"][:, part], mean[part])
    mean = held["pool-20"].mean(axis=0)[:2]
    ours, pool = side_by_side(held["set-20"][:, :2], mean), side_by_side(held["pool-20"][:, :2], mean)
    last = "both of these"
    for shrinkage in (0.1, 1.0, 3.0, 10.0, SHRINKAGE, 100.0):
        star = " (**sfx-match**)" if shrinkage == SHRINKAGE else ""
        rows[f"{last}, whitened, shrinkage {shrinkage:g}{star}"] = ours @ whitening(pool, shrinkage)
    known = ~np.isin(held["kind"], ["other", "music", "speech"])
    every = np.ones(len(pool), bool)
    for name, labels, used in (("takes (by file name)", "take", every), ("kinds (by file name)", "kind", known)):
        rows[f"{last}, scatter within {name} whitened"] = ours @ whitening(within(pool, held[labels], used))
    for dimension in (64, 256):
        rows[f"sfx-match in {dimension} dimensions"] = ours @ whitening(pool, SHRINKAGE, dimension)
    return rows


def by_clip(labelled: LabelledSet, vectors: np.ndarray) -> dict[str, np.ndarray]:
    """Unit vectors by clip."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return {clip.name: row for clip, row in zip(labelled.clips, unit, strict=True)}


def line(report: EvaluationReport, name: str) -> str:
    """A row of the table."""
    cells = [f"{report.row(protocol, name).metrics.r_map.value:.3f}" for protocol in PROTOCOLS]
    difference = report.row("cross", name).difference
    if difference is None:
        return f"| {name} | {' | '.join(cells)} | |"
    gain = difference.metrics.r_map
    return f"| {name} | {' | '.join(cells)} | {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) |"


def halves(labelled: LabelledSet, held: dict[str, np.ndarray], choose: Callable[[int], np.ndarray]) -> None:
    """The level chosen by `cross` on half of the packages, judged on the other half."""
    packages = sorted({clip.package for clip in labelled.clips})
    print("\n| packages chosen on | level chosen | cross of the other half: sfx | with that level |\n|---|---|---|---|")
    candidates = {f"{level} dB": by_clip(labelled, choose(level)) for level in LEVELS}
    candidates["sfx"] = by_clip(labelled, held["set0"][:, 0])
    for seed in range(HALVES):
        first = set(np.random.default_rng(seed).permutation(packages)[: len(packages) // 2].tolist())
        for number, here in enumerate((first, set(packages) - first), 1):
            other = set(packages) - here
            fitted, judged = (
                evaluate_set(labelled, similarities=candidates, protocols=["cross"], packages=some, draws=10)
                for some in (here, other)
            )
            best = max(
                (f"{level} dB" for level in LEVELS), key=lambda n, r=fitted: r.row("cross", n).metrics.r_map.value
            )
            before, after = (judged.row("cross", name).metrics.r_map.value for name in ("sfx", best))
            print(f"| cut {seed + 1}, half {number} | {best} | {before:.3f} | {after:.3f} |", flush=True)


def main() -> None:
    """Compute, rank, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("set", "pool", "root"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--keep", type=Path, help="where the network's poolings are kept (.npz)")
    parser.add_argument("--trained", nargs="*", default=[], metavar="NAME=FILE", help="models of amc-otio train")
    parser.add_argument("--library", type=Path, help="a library for their vectors")
    arguments = parser.parse_args()
    labelled = read_labelled_set(arguments.set)
    if arguments.keep is not None and arguments.keep.is_file():
        with np.load(arguments.keep, allow_pickle=False) as file:
            held = dict(file)
    else:
        held = features(labelled, arguments.pool, arguments.root)
        if arguments.keep is not None:
            np.savez(arguments.keep, **held)
    rows = {name: by_clip(labelled, vectors) for name, vectors in tried(held).items()}
    baseline = next(iter(rows))
    print(f"\n| tried | {' | '.join(PROTOCOLS)} | cross less sfx |\n|---|{'---|' * (len(PROTOCOLS) + 1)}")
    report = evaluate_set(labelled, similarities=rows, protocols=PROTOCOLS, baseline=baseline)
    for name in rows:
        print(line(report, name), flush=True)
    if arguments.trained:
        models = {name: file for name, _, file in (text.partition("=") for text in arguments.trained)}
        for name, file in models.items():
            spec = parse_representation(f"split-and-contrast={file}")
            made = evaluate_set(
                labelled, [spec], similarities={baseline: rows[baseline]}, protocols=PROTOCOLS, baseline=baseline,
                library=arguments.library,
            )  # fmt: skip
            label = next(row.representation for row in made.rows if row.representation != baseline)
            print(line(made, label).replace(label, f"Split-and-Contrast: {name}"), flush=True)
    halves(
        labelled, held, lambda level: side_by_side(held[f"set{level}"][:, :2], held[f"pool{level}"].mean(axis=0)[:2])
    )


if __name__ == "__main__":
    main()
