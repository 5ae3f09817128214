"""What an evaluation found: small records that go to JSON as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from amc_otio.codec import encode
from amc_otio.evaluation.metrics import METRICS

FORMAT: Final = "amc-otio evaluation"
VERSION: Final = 1


@dataclass(frozen=True)
class Estimate:
    """A mean over queries, or a difference of two, and its 95 % bootstrap interval by group.

    `low` and `high` are None where the queries are of one group only, which tells no spread.
    """

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Metrics:
    """One row of the paper's Table 1, or a row of differences."""

    r_map: Estimate
    hr_1: Estimate
    hr_2: Estimate
    hr_5: Estimate
    p_5: Estimate
    p_10: Estimate

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """The estimates in the order of `METRICS`."""
        return tuple(getattr(self, name) for name in METRICS)


@dataclass(frozen=True)
class Difference:
    """A row less the baseline's, query by query; the intervals are of the paired bootstrap.

    Attributes
    ----------
    baseline
        Its label.
    metrics
        The differences.
    verdict
        ``better`` or ``worse`` where the interval of R-mAP's difference leaves out zero, else ``undecided``.
    """

    baseline: str
    metrics: Metrics
    verdict: str


@dataclass(frozen=True)
class KindRow:
    """R-mAP and HR@5 over the queries of one kind of sound; `difference` is R-mAP less the baseline's.

    The intervals are of a tenth of the report's draws: kinds are many.
    """

    kind: str
    queries: int
    groups: int
    r_map: Estimate
    hr_5: float
    difference: Estimate | None


@dataclass(frozen=True)
class Row:
    """One representation under one protocol on one set.

    Attributes
    ----------
    set, protocol, representation
        Whose row this is.
    queries, groups
        Queries judged, and groups of them.
    metrics
        The figures, with intervals that weigh groups by their queries, as the figures do.
    group_mean_interval
        The reference evaluator's interval, of the mean of the groups' means; it need not hold R-mAP.
    difference
        Against the baseline, where there is one and this is not it.
    kinds
        The same by kind of sound, sorted by name; empty where the set names no kinds.
    """

    set: str
    protocol: str
    representation: str
    queries: int
    groups: int
    metrics: Metrics
    group_mean_interval: tuple[float, float] | None
    difference: Difference | None
    kinds: tuple[KindRow, ...]


@dataclass(frozen=True)
class ProtocolSummary:
    """How many of a set's queries a protocol judged."""

    protocol: str
    queries: int
    judged: int
    groups: int


@dataclass(frozen=True)
class SetSummary:
    """A set that was evaluated.

    Attributes
    ----------
    name
        What rows call it.
    clips
        Clips in it, of these packages.
    packages
        The packages to which it was restricted; empty is the whole set.
    shifted
        Clips that were rolled in their second.
    silent
        Clips without sound: nothing tells them apart, and they rank by their number.
    protocols
        What was judged.
    """

    name: str
    clips: int
    packages: tuple[str, ...]
    shifted: int
    silent: int
    protocols: tuple[ProtocolSummary, ...]


@dataclass(frozen=True)
class RepresentationSummary:
    """What was judged; `version`, `dimension` and `weights_hash` are empty for similarities of one's own."""

    label: str
    name: str
    version: str
    dimension: int | None
    weights_hash: str


@dataclass(frozen=True)
class EvaluationReport:
    """All of an evaluation.

    Attributes
    ----------
    format, version
        Of this record as JSON.
    software
        The version of amc-otio.
    sets, representations
        What was judged on what.
    baseline
        The label that differences are against, or None.
    shift
        Whether clips were rolled.
    draws, seed
        Of the bootstrap.
    rows
        By set, then protocol, then representation, each in the order asked for.
    notes
        What is worth knowing of it.
    """

    format: str
    version: int
    software: str
    sets: tuple[SetSummary, ...]
    representations: tuple[RepresentationSummary, ...]
    baseline: str | None
    shift: bool
    draws: int
    seed: int
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    def row(self, protocol: str, representation: str, set: str | None = None) -> Row:
        """Return one row; `set` may be left out where there is one set.

        Raises
        ------
        KeyError
            When there is none, or more than one.
        """
        found = [
            row
            for row in self.rows
            if (row.protocol, row.representation) == (protocol, representation) and set in (None, row.set)
        ]
        if len(found) != 1:
            raise KeyError((set, protocol, representation))
        return found[0]

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        value: dict[str, Any] = encode(self)
        return value
