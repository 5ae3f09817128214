"""The stand-in scores that benchmarks/transition.py wrote, as a picture; benchmarks/join_pictures.py draws it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from figures import BLUE, GREY, RED, new_figure, plain, tidy, to_png

from amc_otio.errors import UsageError
from amc_otio.evaluation.transitions import PAPER, UNCUT

GIVEN = re.compile(r", (as .+|[\d.]+ s)$")
"""How benchmarks/transition.py labels a method of a given length: ``max-ss, .25 s``, ``crossfade, as adaptive``."""


def read_scores(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Read the summaries over all scenes that benchmarks/transition.py wrote; by sort of scenes."""
    advice = "give what benchmarks/transition.py --json wrote"
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        rows = {str(title): list(held["all"]) for title, held in report.items()}
        for row in (row for held in rows.values() for row in held):
            if not all(np.isfinite(float(row[key])) for key in ("score", "low", "high")) or not row["label"]:
                raise ValueError
    except OSError as error:
        raise UsageError(path, f"cannot be read ({error.strerror})", advice) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(path, "holds no scores", advice) from error
    if not any(rows.values()):
        raise UsageError(path, "holds no scores", advice)
    return rows


def draw_scores(scores: dict[str, list[dict[str, Any]]]) -> bytes:
    """Draw the stand-in score of each method with its interval: Table 2's, ours, and those at a given length."""
    five = [method.label for method in PAPER]
    groups: dict[str, list[str]] = {"Table 2's": five, "ours": [], "at a given length": []}
    for row in (row for rows in scores.values() for row in rows):
        label = str(row["label"])
        group = "at a given length" if GIVEN.search(label) else "ours"
        if label not in five and label != UNCUT and label not in groups[group]:
            groups[group].append(label)
    colours = {"Table 2's": BLUE, "ours": RED, "at a given length": GREY}
    count = sum(len(labels) for labels in groups.values())
    figure = new_figure(1.1 + 0.24 * count)
    axes = figure.subplots(1, len(scores), sharex=True, sharey=True, squeeze=False)[0]
    for axis, (title, rows) in zip(axes, scores.items(), strict=True):
        held = {row["label"]: row for row in rows}
        place, ticks = 0.0, []
        for group, labels in groups.items():
            for label in labels:
                ticks.append((place, plain(label)))
                if label in held:
                    value, low, high = (float(held[label][key]) for key in ("score", "low", "high"))
                    ends = [[max(0.0, value - low)], [max(0.0, high - value)]]
                    axis.errorbar(value, place, xerr=ends, fmt="o", color=colours[group], markersize=5, capsize=2.5)
                place += 1.0
            place += 0.5 * bool(labels)
        if UNCUT in held:
            ceiling = float(held[UNCUT]["score"])
            axis.axvline(ceiling, color="black", linewidth=1, linestyle=(0, (3, 2)), label="uncut sound")
        axis.set_yticks([at for at, _ in ticks], [text for _, text in ticks])
        axis.set_title(f"{plain(title)}: {held[rows[0]['label']].get('scenes', '?')}", loc="left")
        axis.set_xlabel("stand-in score, 0 to 3")
        tidy(axis, "x")
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    for group, colour in colours.items():
        if groups[group]:
            handles.append(axes[0].plot([], [], "o", color=colour, markersize=5)[0])
            labels.append(group)
    figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False)
    return to_png(figure)
