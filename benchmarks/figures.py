"""Pictures for the docs: as wide as a page of GitHub, small, and the same bytes each time. Needs matplotlib."""

from __future__ import annotations

import io
from typing import Any, Literal

from amc_otio.errors import one_line

# Okabe and Ito's colours, told apart by colour-blind eyes too.
BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
WIDTH = 9.0
"""Inches: a page of GitHub shows a picture 900 pixels wide, 100 to the inch."""
DPI = 150
LARGEST = 180_000
"""Bytes of a picture: the repository holds it."""


def new_figure(height: float, layout: Literal["constrained", "compressed"] = "constrained") -> Any:
    """Make an empty picture, dark text on white."""
    from matplotlib import rcdefaults, rcParams
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rcdefaults()  # whatever a matplotlibrc of this machine says
    rcParams.update({"font.size": 9, "axes.titlesize": 9, "font.family": "DejaVu Sans"})
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def tidy(axis: Any, grid: str) -> None:
    """Take the frame away and draw a faint grid."""
    axis.grid(axis=grid, color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def plain(text: object) -> str:
    """Text from outside for matplotlib: a dollar sign would start a formula."""
    return one_line(str(text), 60).replace("$", r"\$")


def to_png(figure: Any) -> bytes:
    """Save with neither date nor program; in 256 colours where the picture would be large."""
    from PIL import Image  # comes with matplotlib

    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})
    image = Image.open(data).convert("RGB")
    small = io.BytesIO()
    image.save(small, format="png", optimize=True)
    if small.tell() > LARGEST:
        small = io.BytesIO()
        coloured = image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        coloured.save(small, format="png", optimize=True)
    return small.getvalue()
