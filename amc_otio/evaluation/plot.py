"""A report as a picture: R-mAP with its intervals, and the differences to the baseline."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Final

from amc_otio.errors import AmcError, one_line
from amc_otio.evaluation.report import Estimate, EvaluationReport, Row

# Okabe and Ito's colours, told apart by colour-blind eyes too; the markers differ as well.
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8c8c8c")
_MARKERS: Final = "osD^vPX*"
_DPI: Final = 150


def check_plot() -> None:
    """Say at once that a plot cannot be drawn here.

    Raises
    ------
    AmcError
        When matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise AmcError("matplotlib", "is not installed, and plots need it", "pip install 'amc-otio[plot]'")


def to_png(report: EvaluationReport) -> bytes:
    """Draw a row of panels for each set; the same report gives the same picture.

    Returns
    -------
    bytes
        A PNG file.

    Raises
    ------
    AmcError
        When matplotlib is not installed.
    """
    check_plot()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    compared = report.baseline is not None and len({row.representation for row in report.rows}) > 1
    labels = [made.label for made in report.representations]
    widest = max(len(one.protocols) for one in report.sets)
    width = 1.8 + widest * max(0.9, 0.28 * len(labels))
    panels = 2 if compared else 1
    figure = Figure(figsize=(width * panels + 2.2, 3.6 * len(report.sets)), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(report.sets), panels, squeeze=False)
    for one, line in zip(report.sets, axes, strict=True):
        rows = [row for row in report.rows if row.set == one.name]
        protocols = [protocol.protocol for protocol in one.protocols]
        shifted = ", shifted" if report.shift else ""
        name = _text(one.name, 40)
        _panel(line[0], rows, protocols, labels, f"{name}{shifted}: R-mAP", differences=False)
        line[0].set_ylim(0, 1)
        if compared:
            _panel(line[1], rows, protocols, labels, f"R-mAP less {_text(report.baseline)}", differences=True)
            line[1].axhline(0, color="#444444", linewidth=0.8)
    handles, shown = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, shown, loc="outside right upper", frameon=False)
    figure.supxlabel(
        "bars: 95 %, bootstrap over groups of queries" + (", paired on the right" if compared else ""), fontsize=8
    )
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})
    return data.getvalue()


def _panel(
    axis: Any, rows: Sequence[Row], protocols: Sequence[str], labels: Sequence[str], title: str, *, differences: bool
) -> None:
    """Draw one estimate a protocol and representation."""
    shown = [
        label for label in labels if any(_estimate(row, differences) for row in rows if row.representation == label)
    ]
    step = 0.8 / max(1, len(shown))
    for number, label in enumerate(labels):
        lane = (shown.index(label) - (len(shown) - 1) / 2) * step if label in shown else 0.0
        held = {row.protocol: _estimate(row, differences) for row in rows if row.representation == label}
        points = [(place, estimate) for place, name in enumerate(protocols) if (estimate := held.get(name)) is not None]
        if not points:
            continue
        axis.errorbar(
            [place + lane for place, _ in points],
            [estimate.value for _, estimate in points],
            yerr=[
                [max(0.0, estimate.value - _end(estimate.low, estimate)) for _, estimate in points],
                [max(0.0, _end(estimate.high, estimate) - estimate.value) for _, estimate in points],
            ],
            color=_COLOURS[number % len(_COLOURS)],
            marker=_MARKERS[number % len(_MARKERS)],
            markersize=5,
            linestyle="none",
            elinewidth=1.2,
            capsize=2,
            label=_text(label),
        )
    axis.set_xticks(range(len(protocols)), protocols)
    axis.set_xlim(-0.5, len(protocols) - 0.5)
    axis.set_title(title, fontsize=10)
    axis.grid(axis="y", color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _estimate(row: Row, differences: bool) -> Estimate | None:
    if not differences:
        return row.metrics.r_map
    return None if row.difference is None else row.difference.metrics.r_map


def _end(end: float | None, estimate: Estimate) -> float:
    return estimate.value if end is None else end


def _text(text: str | None, limit: int = 32) -> str:
    """Return text from outside for matplotlib: a dollar sign would start a formula, an underscore hides a label."""
    return one_line(text, limit).replace("$", r"\$").lstrip("_")
