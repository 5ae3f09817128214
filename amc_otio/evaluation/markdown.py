"""A report as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from amc_otio.errors import one_line
from amc_otio.evaluation.metrics import TITLES
from amc_otio.evaluation.report import Estimate, EvaluationReport, Metrics, Row

INTERVALS: Final = (
    "95 %: bootstrap over groups of queries (takes of one sound are not independent), each group weighed by its "
    "queries, as R-mAP weighs them."
)
DIFFERENCES: Final = (
    "less {baseline}: the difference query by query, with the interval of the paired bootstrap. Better or worse is "
    "said where that interval leaves out zero."
)


def to_markdown(report: EvaluationReport, per_kind: bool = False) -> str:
    """Return the page.

    Parameters
    ----------
    per_kind
        With a table of the kinds of sound under each protocol.
    """
    return "\n".join(_lines(report, per_kind)) + "\n"


def figure(value: float | None, sign: bool = False) -> str:
    """Return a metric as it is printed: three digits, ``-`` where there is none."""
    return "-" if value is None else f"{value:{'+' if sign else ''}.3f}"


def interval(estimate: Estimate, sign: bool = False) -> str:
    """Return an interval as it is printed."""
    return "-" if estimate.low is None else f"{figure(estimate.low, sign)} to {figure(estimate.high, sign)}"


def columns(baseline: str | None) -> list[str]:
    """Return the titles of the columns that `cells` fills."""
    compared = [] if baseline is None else [f"less {baseline}", "95 %", ""]
    return ["queries", TITLES[0], "95 %", *TITLES[1:], *compared]


def cells(row: Row, baseline: str | None) -> list[str]:
    """Return a row's figures as they are printed."""
    first, *others = row.metrics.estimates
    made = [str(row.queries), figure(first.value), interval(first), *(figure(one.value) for one in others)]
    if baseline is not None:
        gap = row.difference
        made += ["", "", ""] if gap is None else [*_gap(gap.metrics), gap.verdict]
    return made


def _gap(metrics: Metrics) -> list[str]:
    return [figure(metrics.r_map.value, True), interval(metrics.r_map, True)]


def _lines(report: EvaluationReport, per_kind: bool) -> Iterator[str]:
    yield from ("# Retrieval", "", f"amc-otio {report.software}.", "")
    for one in report.sets:
        shifted = f", {one.shifted} of them shifted in their second" if report.shift else ""
        within = f", of the packages {', '.join(map(_safe, one.packages))}" if one.packages else ""
        judged = ", ".join(f"{p.protocol} {p.judged} of {p.queries}" for p in one.protocols)
        yield f"- Set {_safe(one.name)}: {one.clips} clips{shifted}{within}. Queries judged: {judged}."
    for made in report.representations:
        if made.dimension is not None:
            weights = f", weights {made.weights_hash[:12]}" if made.weights_hash else ""
            version = f"version {_safe(made.version)}, {made.dimension} dimensions"
            yield f"- {_safe(made.label)}: {_safe(made.name)}, {version}{weights}."
    yield from (f"- {_safe(note)}." for note in report.notes)
    for one in report.sets:
        yield from ("", f"## {_safe(one.name)}", "")
        rows = [row for row in report.rows if row.set == one.name]
        baseline = None if report.baseline is None else _safe(report.baseline)
        yield from _table(
            ["protocol", "representation", *columns(baseline)],
            [[row.protocol, _safe(row.representation), *cells(row, report.baseline)] for row in rows],
        )
        if per_kind:
            for protocol in one.protocols:
                yield from _kinds([row for row in rows if row.protocol == protocol.protocol], baseline)
    yield from ("", INTERVALS)
    if report.baseline is not None:
        yield from ("", DIFFERENCES.format(baseline=_safe(report.baseline)))


def _kinds(rows: Sequence[Row], baseline: str | None) -> Iterator[str]:
    """R-mAP of each kind, the representations side by side, what they do worst first."""
    if not any(row.kinds for row in rows):
        return
    yield from ("", f"### {rows[0].protocol}, by kind of sound (R-mAP)", "")
    best = max(rows, key=lambda row: row.metrics.r_map.value)
    order = sorted(range(len(best.kinds)), key=lambda i: (best.kinds[i].r_map.value, best.kinds[i].kind))
    body = []
    for i in order:
        kind = best.kinds[i]
        shown = [_safe(kind.kind), str(kind.queries), str(kind.groups)]
        for row in rows:
            held = row.kinds[i]
            gap = "" if held.difference is None else f" ({figure(held.difference.value, True)})"
            shown.append(figure(held.r_map.value) + gap)
        body.append(shown)
    yield from _table(["kind", "queries", "groups", *(_safe(row.representation) for row in rows)], body)
    if baseline is not None:
        yield from ("", f"In brackets: less {baseline}.")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _safe(text: str) -> str:
    """Return text from outside such that it stays text: no markup, no new line, no new column."""
    return "".join(f"\\{c}" if c in "\\`*[]<>|&#" else c for c in one_line(text, 120))
