"""``amc-otio evaluate``: how good representations are on labelled sets."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from amc_otio.cli import options
from amc_otio.cli.arguments import console_of
from amc_otio.cli.console import Console
from amc_otio.cli.options import DEFAULTS, Parser
from amc_otio.config import PROTOCOLS
from amc_otio.errors import OutputError

if TYPE_CHECKING:
    from amc_otio.evaluation.report import EvaluationReport

BASELINES = ("random", "mfcc", "mel")


def add(sub: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = options.command(sub, "evaluate", evaluate, "judge representations on labelled sets: the paper's Table 1")
    parser.add_argument(
        "sets", metavar="SET", type=Path, nargs="+", help="folders of labelled clips, or CSV files (docs/evaluation.md)"
    )
    judged = parser.add_argument_group("what is judged")
    default = [*BASELINES, DEFAULTS.match.representation]
    judged.add_argument(
        "--representations",
        metavar="NAME[=WEIGHTS]",
        nargs="+",
        default=default,
        help=f"representations, side by side (default: {' '.join(default)})",
    )
    judged.add_argument(
        "--baseline", metavar="NAME", help="compare the others with this one, query by query (paired bootstrap)"
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--protocols",
        metavar="NAME",
        nargs="+",
        choices=PROTOCOLS,
        help=f"of {', '.join(PROTOCOLS)} (default: all that a set has labels for)",
    )
    how.add_argument("--shift", action="store_true", help="roll each clip in its second, as a grid over a film would")
    how.add_argument(
        "--packages", metavar="A,B", type=_names, default=(), help="keep only clips of these packages, queries and all"
    )
    how.add_argument(
        "--leave-out-packages", metavar="A,B", type=_names, default=(), help="leave clips of these packages out"
    )
    how.add_argument(
        "--library",
        metavar="DIR",
        type=Path,
        help="keep the vectors in this library, one for evaluations alone, so that another run embeds nothing "
        "(default: none is kept)",
    )
    how.add_argument("--workers", metavar="N", type=int, help="processes that embed (default: one a core)")
    results = parser.add_argument_group("results")
    results.add_argument("--per-kind", action="store_true", help="also by kind of sound")
    results.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="also write the report, as .md or .json; may be given twice",
    )
    results.add_argument("--plot", metavar="PNG", type=Path, help="also draw it (needs matplotlib)")
    results.add_argument("--force", action="store_true", help="replace files that exist (never those of a set)")


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        # An empty variable in a script: judging the whole set instead would be another experiment.
        raise argparse.ArgumentTypeError("names no package")
    return names


def evaluate(arguments: argparse.Namespace) -> int:
    """``amc-otio evaluate``."""
    from amc_otio.evaluation.evaluate import evaluate_sets
    from amc_otio.evaluation.labelled_set import read_labelled_set
    from amc_otio.evaluation.output import SUFFIXES, check_outputs, rendered, write_files
    from amc_otio.evaluation.plot import check_plot, to_png

    console = console_of(arguments)
    outputs = [*arguments.output, *([arguments.plot] if arguments.plot else [])]
    for path in arguments.output:
        if path.suffix.lower() not in SUFFIXES:
            raise OutputError(path, "is neither .md nor .json", "name it report.md or report.json")
    if arguments.plot:
        if arguments.plot.suffix.lower() != ".png":
            raise OutputError(arguments.plot, "is no .png", "name it plot.png")
        check_plot()
    check_outputs(outputs, arguments.force)
    sets = [read_labelled_set(path) for path in arguments.sets]
    check_outputs(outputs, arguments.force, frozenset().union(*(one.files for one in sets)))
    report = evaluate_sets(
        sets,
        arguments.representations,
        protocols=arguments.protocols,
        baseline=arguments.baseline,
        shift=arguments.shift,
        packages=arguments.packages,
        leave_out=arguments.leave_out_packages,
        library=arguments.library,
        workers=arguments.workers,
        progress=lambda p: console.progress(p.done, p.total, p.text, p.eta_s),
    )
    files = {path: rendered(report, path, arguments.per_kind) for path in arguments.output}
    if arguments.plot:
        files[arguments.plot] = to_png(report)
    write_files(files, arguments.force)
    console.notes(report.notes)
    _print(console, report, arguments.per_kind)
    for path in files:
        console.say(f"wrote {path}")
    console.result(report.to_json())
    return 0


def _print(console: Console, report: EvaluationReport, per_kind: bool) -> None:
    from amc_otio.evaluation.markdown import DIFFERENCES, INTERVALS, cells, columns, figure, interval

    several = len(report.sets) > 1
    named = ["set"] if several else []
    console.table(
        [*named, "protocol", "representation", *columns(report.baseline)],
        [
            [*([row.set] if several else []), row.protocol, row.representation, *cells(row, report.baseline)]
            for row in report.rows
        ],
    )
    console.say(INTERVALS)
    if report.baseline is not None:
        console.say(DIFFERENCES.format(baseline=report.baseline))
    if not per_kind:
        return
    for one in report.sets:
        rows = [row for row in report.rows if row.set == one.name and row.kinds]
        if not rows:
            console.say(f"{one.name}: its labels name no kinds of sound")
            continue
        console.say()
        compared = [] if report.baseline is None else [f"less {report.baseline}", "95 %"]
        console.table(
            [*named, "protocol", "kind", "representation", "queries", "groups", "R-mAP", "95 %", "HR@5", *compared],
            [
                [
                    *([row.set] if several else []),
                    row.protocol,
                    kind.kind,
                    row.representation,
                    str(kind.queries),
                    str(kind.groups),
                    figure(kind.r_map.value),
                    interval(kind.r_map),
                    figure(kind.hr_5),
                    *(
                        []
                        if report.baseline is None
                        else ["", ""]
                        if kind.difference is None
                        else [figure(kind.difference.value, True), interval(kind.difference, True)]
                    ),
                ]
                for row, kind in sorted(
                    ((row, kind) for row in rows for kind in row.kinds),
                    key=lambda pair: ([p.protocol for p in one.protocols].index(pair[0].protocol), pair[1].kind),
                )
            ],
        )
