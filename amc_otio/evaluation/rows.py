"""From scores of queries to rows of a report: means, intervals, differences, kinds of sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from amc_otio.evaluation.intervals import bootstrap, group_mean_interval
from amc_otio.evaluation.metrics import METRICS
from amc_otio.evaluation.protocols import Task
from amc_otio.evaluation.report import Difference, Estimate, KindRow, Metrics, Row

_HR_5 = METRICS.index("hr_5")


def rows_of(
    set_name: str,
    protocol: str,
    tasks: Sequence[Task],
    scores: Mapping[str, NDArray[np.float64]],
    baseline: str | None,
    draws: int,
    seed: int,
) -> tuple[Row, ...]:
    """Make a protocol's rows.

    Parameters
    ----------
    scores
        (tasks, metrics) float64 by label, as `amc_otio.evaluation.metrics.score_tasks` gives them.
    baseline
        The label that the others are compared with.

    Returns
    -------
    tuple of Row
        One a label, in their order. All share the draws of the bootstrap, so that differences are paired.
    """
    labels = list(scores)
    groups = [task.query.group for task in tasks]
    columns = _columns(scores, baseline)
    whole = _estimates(columns, groups, draws, seed)
    by_kind = _kind_rows(tasks, scores, columns, baseline, draws, seed)
    rows = []
    for label in labels:
        difference = None
        if baseline is not None and label != baseline:
            gap = Metrics(*whole[label, "less"])
            difference = Difference(baseline, gap, _verdict(gap.r_map))
        rows.append(
            Row(
                set=set_name,
                protocol=protocol,
                representation=label,
                queries=len(tasks),
                groups=len(set(groups)),
                metrics=Metrics(*whole[label, ""]),
                group_mean_interval=group_mean_interval(scores[label][:, 0], groups),
                difference=difference,
                kinds=by_kind[label],
            )
        )
    return tuple(rows)


_Key = tuple[str, str]


def _columns(scores: Mapping[str, NDArray[np.float64]], baseline: str | None) -> dict[_Key, NDArray[np.float64]]:
    """Return the scores of each label, and less those of the baseline."""
    columns = {(label, ""): values for label, values in scores.items()}
    if baseline is not None:
        columns |= {(label, "less"): values - scores[baseline] for label, values in scores.items() if label != baseline}
    return columns


def _estimates(
    columns: Mapping[_Key, NDArray[np.float64]], groups: Sequence[str], draws: int, seed: int
) -> dict[_Key, list[Estimate]]:
    """Return mean and interval of every column, from the same draws."""
    values = np.concatenate(list(columns.values()), axis=1)
    means = values.mean(axis=0)
    low, high = bootstrap(values, groups, draws=draws, seed=seed)
    made = [
        Estimate(float(mean), None if np.isnan(a) else float(a), None if np.isnan(b) else float(b))
        for mean, a, b in zip(means, low, high, strict=True)
    ]
    width = len(METRICS)
    return {key: made[i * width : (i + 1) * width] for i, key in enumerate(columns)}


def _verdict(gap: Estimate) -> str:
    if gap.low is None or gap.high is None:
        return "undecided"
    return "better" if gap.low > 0 else "worse" if gap.high < 0 else "undecided"


def _kind_rows(
    tasks: Sequence[Task],
    scores: Mapping[str, NDArray[np.float64]],
    columns: Mapping[_Key, NDArray[np.float64]],
    baseline: str | None,
    draws: int,
    seed: int,
) -> dict[str, tuple[KindRow, ...]]:
    kinds = [task.query.kind for task in tasks]
    made: dict[str, list[KindRow]] = {label: [] for label in scores}
    for kind in sorted(set(kinds) - {""}):
        picked = np.array([kind == one for one in kinds])
        groups = [task.query.group for task, chosen in zip(tasks, picked, strict=True) if chosen]
        # A tenth of the draws: kinds are many and their intervals wide.
        part = _estimates({key: values[picked] for key, values in columns.items()}, groups, max(1, draws // 10), seed)
        for label in scores:
            compared = baseline is not None and label != baseline
            made[label].append(
                KindRow(
                    kind=kind,
                    queries=len(groups),
                    groups=len(set(groups)),
                    r_map=part[label, ""][0],
                    hr_5=part[label, ""][_HR_5].value,
                    difference=part[label, "less"][0] if compared else None,
                )
            )
    return {label: tuple(listed) for label, listed in made.items()}
