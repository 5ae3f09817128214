#!/usr/bin/env python3
"""Print the paper's Table 2 as measured seams: benchmarks/transition.py [SET] [--gaps MEDIA …] [--method SPEC …].

SET is a labelled set, of which every query is joined to one of its positives. MEDIA are files, folders, or a list of
pool files (see pool.py, with --pool-root): a stretch of each recording is hidden and a retrieved match joined on.

The score is a stand-in computed from the sound (docs/seams.md), never a listening score. More methods are listed in
join_trials.py, or given as SPEC: "LABEL: key=value, …" with the settings of a join (method, phi, convention, fade_s,
max_fade_s), the parts of a recipe (point, fade, align, law, level), and length: own, seconds, or as:LABEL.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from join_trials import ABLATION, OURS

from amc_otio.config import CONVENTIONS, JoinSettings
from amc_otio.errors import AmcError, UsageError
from amc_otio.evaluation.labelled_set import read_labelled_set
from amc_otio.evaluation.seam import MEASURES
from amc_otio.evaluation.seam_gaps import Recording, gap_plans
from amc_otio.evaluation.seam_pairs import labelled_plans
from amc_otio.evaluation.seam_score import stand_in_score
from amc_otio.evaluation.transitions import PAPER, Method, Results, Summary, judge, summarise

SUFFIXES = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp4", ".m4a", ".mov", ".mkv", ".webm", ".mpg", ".mxf"}
SHORTEST_S = 4.0

AT_EQUAL_LENGTH: tuple[Method, ...] = (
    Method("max-ss, .25 s", JoinSettings(method="max-ss"), length=0.25),
    Method("max-ss, .5 s", JoinSettings(method="max-ss"), length=0.5),
    Method("crossfade, as adaptive", JoinSettings(method="crossfade"), length="as:max-ss-adaptive"),
)
"""What shows how much of a lead is the length of the fade."""

SWEEP_PHI = {
    "power": (8.0, 32.0),
    "magnitude": (8.0, 32.0),
    "db": (8.0, 100.0),
    "centred": (4.0, 8.0, 12.0, 16.0, 32.0),
}


def main() -> int:
    """Join, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path, nargs="?", help="a labelled set")
    parser.add_argument("--gaps", type=Path, nargs="+", default=[], metavar="MEDIA", help="files, folders, pool list")
    parser.add_argument("--pool-root", type=Path, help="where the packages of a pool list lie unpacked")
    parser.add_argument("--same-recording", action="store_true", help="gaps: match from elsewhere in the recording")
    parser.add_argument("--representation", default="sfx-match", help="gaps: what finds the match")
    parser.add_argument("--handle", type=float, default=0.0, metavar="S", help="gaps: tail handle that is not hidden")
    parser.add_argument("--pairs", type=int, metavar="N", help="at most so many labelled pairs (default: all)")
    parser.add_argument("--scenes", type=int, default=200, metavar="N", help="at most so many hidden gaps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fps", type=float, help="cut on frames of this rate (default: the paper's hop)")
    parser.add_argument("--as-mastered", action="store_true", help="do not set both sounds to one level first")
    parser.add_argument("--method", action="append", default=[], metavar="SPEC", help="a method more")
    parser.add_argument("--baseline", default=PAPER[-1].label, help="differences are from this method")
    parser.add_argument("--sweep", action="store_true", help="equation (2): conventions and phi in place of the rest")
    parser.add_argument("--ablation", action="store_true", help="our additions one by one in place of the rest")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all of it here too")
    arguments = parser.parse_args()
    if arguments.set is None and not arguments.gaps:
        parser.error("give a labelled set, --gaps MEDIA, or both")
    try:
        methods = (
            sweep()
            if arguments.sweep
            else (PAPER[-1], *ABLATION)
            if arguments.ablation
            else (*PAPER, *AT_EQUAL_LENGTH, *OURS, *(parse_method(text) for text in arguments.method))
        )
        report = {}
        for title, results in runs(arguments, methods):
            report[title] = show(title, results, arguments)
        if arguments.json:
            arguments.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
    except AmcError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def runs(arguments: argparse.Namespace, methods: tuple[Method, ...]) -> Iterator[tuple[str, Results]]:
    """Judge the methods on each sort of scenes that was asked for."""
    ways: dict[str, Any] = {"fps": arguments.fps, "level": not arguments.as_mastered, "jobs": arguments.jobs}
    if arguments.set is not None:
        plans = labelled_plans(read_labelled_set(arguments.set), arguments.pairs, arguments.seed)
        yield "Labelled pairs", judge(plans, methods, **ways)
    if arguments.gaps:
        with tempfile.TemporaryDirectory() as folder:
            found = list(recordings(arguments.gaps, arguments.pool_root, Path(folder)))
            gaps = gap_plans(
                found,
                representation=arguments.representation,
                same_recording=arguments.same_recording,
                limit=arguments.scenes,
                handle_s=arguments.handle,
                seed=arguments.seed,
                skipped=lambda error: print(f"left out: {error}", file=sys.stderr),
            )
            yield "Hidden gaps", judge(gaps, methods, **ways)


def sweep() -> tuple[Method, ...]:
    """Max-SS with the fade of equation (2), in every convention, with several phi."""
    swept = [
        Method(f"{convention}, phi {phi:g}", JoinSettings(method="max-ss-adaptive", phi=phi, convention=convention))
        for convention in CONVENTIONS
        for phi in SWEEP_PHI.get(convention, (8.0,))
        if (convention, phi) != ("power", 8.0)
    ]
    fixed = [Method(f"max-ss, {s:g} s", JoinSettings(method="max-ss"), length=s) for s in (0.03, 0.1, 0.25, 0.5, 1.0)]
    return (PAPER[-1], *swept, *fixed)


def parse_method(text: str) -> Method:
    """Read ``LABEL: key=value, …``."""
    label, _, rest = text.partition(": ")
    settings: dict[str, Any] = {}
    recipe: dict[str, Any] = {}
    length: str | float = "own"
    kinds = {f.name: type(f.default) for f in dataclasses.fields(JoinSettings)}
    for part in filter(None, (part.strip() for part in rest.split(","))):
        key, _, value = part.partition("=")
        if key == "length":
            length = float(value) if value.replace(".", "", 1).isdigit() else value
        elif key in kinds:
            settings[key] = kinds[key](value)
        elif key in ("point", "fade", "law"):
            recipe[key] = value
        elif key in ("align", "level"):
            recipe[key] = value in ("yes", "true", "1")
        else:
            raise UsageError(text, f"'{key}' is no part of a method", "see the head of benchmarks/transition.py")
    made = None
    if recipe:
        from amc_otio.joining.recipes import Recipe

        made = Recipe(**recipe)
    return Method(label, JoinSettings(**settings), made, length)


def recordings(paths: list[Path], root: Path | None, folder: Path) -> Iterator[Recording]:
    """List what hidden gaps are drawn from; members of archives are unpacked into `folder`."""
    for path in paths:
        if path.suffix == ".csv":
            yield from _pool(path, root, folder)
        elif path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
            yield from (Recording(file, file.stem, "film") for file in files)
        else:
            yield Recording(path, path.stem, "film")


def _pool(table: Path, root: Path | None, folder: Path) -> Iterator[Recording]:
    if root is None:
        raise UsageError(table, "is a list of packages", "say where they lie unpacked with --pool-root")
    with table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["class"] not in ("music", "speech")]
    for number, row in enumerate(row for row in rows if float(row["seconds"]) >= SHORTEST_S):
        name = f"{row['package']}/{row['file']}"
        archive, _, member = row["file"].partition("!/")
        path = root / row["package"] / archive
        if not path.is_file():
            continue
        if member:
            with zipfile.ZipFile(path) as held:
                path = folder / f"{number}{Path(member).suffix}"
                path.write_bytes(held.read(member))
        yield Recording(path, name, row["class"])


def show(title: str, results: Results, arguments: argparse.Namespace) -> dict[str, Any]:
    """Print the tables of one sort of scenes; return what they hold."""
    count = len(results.scenes)
    print(f"\n## {title}: {count} scenes of {len(set(results.groups))} groups, seed {arguments.seed}\n")
    everything = summarise(results, arguments.baseline)
    print_scores(everything, arguments.baseline)
    print()
    print_measures(everything)
    forms = np.array(results.forms)
    even = np.arange(count) % 2 == 0
    parts = {"first half": even, "second half": ~even}
    parts |= {form: forms == form for form in ("one-shot", "continuous", "mixed")}
    held: dict[str, Any] = {"all": [dataclasses.asdict(row) for row in everything]}
    columns = {}
    for name, keep in parts.items():
        if keep.sum() > 1:
            rows = summarise(results.part(keep), arguments.baseline)
            held[name] = [dataclasses.asdict(row) for row in rows]
            columns[f"{name} ({keep.sum()})"] = rows
    print()
    print_parts(results.labels, columns)
    if not arguments.sweep and not arguments.ablation:
        print()
        held["without"] = print_robustness(results)
    print(flush=True)
    return held


def print_scores(rows: list[Summary], baseline: str) -> None:
    """Score, lead and fade length of every method."""
    truth = rows[0].truth_db is not None
    print(
        f"| method | stand-in score | over {baseline} | mean naturalness | fade s (5/50/95 %) |" + truth * " truth dB |"
    )
    print("|---|---|---|---|---|" + truth * "---|")
    for row in rows:
        fades = "/".join(f"{x:.2f}" for x in row.fade_s)
        end = f" {row.truth_db:.2f} |" if truth and row.truth_db is not None else ""
        print(
            f"| {row.label} | {row.score:.3f} ({row.low:.3f} to {row.high:.3f}) | {row.ahead:+.3f} "
            f"({row.ahead_low:+.3f} to {row.ahead_high:+.3f}) | {row.mean:.3f} ({row.mean_low:.3f} to "
            f"{row.mean_high:.3f}) | {row.fade_mean_s:.2f} ({fades}) |{end}"
        )


def print_measures(rows: list[Summary]) -> None:
    """Mean of every measure, with its naturalness in brackets."""
    print(f"| method | {' | '.join(MEASURES)} |\n|---|{'---|' * len(MEASURES)}")
    for row in rows:
        cells = " | ".join(f"{row.raw[name]:.2f} ({row.natural[name]:.2f})" for name in MEASURES)
        print(f"| {row.label} | {cells} |")


def print_parts(labels: tuple[str, ...], columns: dict[str, list[Summary]]) -> None:
    """Scores and fades in parts of the scenes."""
    print(f"| method | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for number, label in enumerate(labels):
        cells = " | ".join(f"{rows[number].score:.3f} ({rows[number].fade_mean_s:.2f} s)" for rows in columns.values())
        print(f"| {label} | {cells} |")


def print_robustness(results: Results) -> dict[str, bool]:
    """Whether the paper's order holds, with all measures and without each."""
    five = [results.labels.index(method.label) for method in PAPER]
    ways = {"all six": list(range(len(MEASURES)))}
    ways |= {f"without {name}": [i for i in range(len(MEASURES)) if i != k] for k, name in enumerate(MEASURES)}
    print(f"| score from | {' | '.join(method.label for method in PAPER)} | paper's order |\n|---|{'---|' * 6}")
    held = {}
    natural = results.natural
    both = natural.copy()  # a swell is as bad as a hole
    both[..., MEASURES.index("dip")] = 2.0 * np.minimum(natural, 1.0 - natural)[..., MEASURES.index("dip")]
    ways["dip, both ways"] = ways["all six"]
    for name, kept in ways.items():
        values = (both if name == "dip, both ways" else natural)[..., kept]
        means = stand_in_score(values.transpose(2, 0, 1)).mean(axis=0)[five]
        held[name] = bool((np.diff(means) > 0).all())
        print(f"| {name} | {' | '.join(f'{mean:.3f}' for mean in means)} | {'holds' if held[name] else 'broken'} |")
    return held


if __name__ == "__main__":
    sys.exit(main())
