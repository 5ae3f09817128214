"""What a labelled retrieval set holds: clips of a second, and queries that say which of them match."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import UsageError


@dataclass(frozen=True)
class Clip:
    """One second of a file: `content_s` seconds of sound from `start`, the rest of the second is silence.

    Attributes
    ----------
    name
        Its name in the labels.
    path
        The media file.
    content_s
        Seconds of sound, above 0 and at most 1.
    shift
        Samples at 48 kHz by which a shifted evaluation rolls the second, content and silence together.
    start
        First sample of the second, at 48 kHz from the file's start.
    package, kind
        Where the recording comes from and what it is a sound of; empty where the set does not say.
    form
        ``"one-shot"`` or ``"continuous"``; empty where the set does not say.
    """

    name: str
    path: Path
    content_s: float = 1.0
    shift: int = 0
    start: int = 0
    package: str = ""
    kind: str = ""
    form: str = ""

    @property
    def content(self) -> int:
        """Samples of sound at 48 kHz."""
        return round(self.content_s * ANALYSIS_RATE)


@dataclass(frozen=True)
class LabelledQuery:
    """A query with its labels, all by clip name.

    Attributes
    ----------
    query
        The clip that is asked for.
    group
        Queries of one group are takes of one sound: an interval treats them as one.
    positives, negatives
        The clips that match it, and clips that do not.
    negatives_same_package
        Clips that do not match it although they come from its own package.
    ignore
        Neither right nor wrong when the whole gallery is ranked: the same recording, or the same kind of sound.
    kind
        What it is a sound of; empty where the set does not say.
    """

    query: str
    group: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    negatives_same_package: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True)
class LabelledSet:
    """A whole set.

    Attributes
    ----------
    name
        What reports call it.
    clips
        All clips; similarities and rankings are over their numbers in this order.
    queries, cross_queries
        The labels; those of `cross_queries` have their positives in other packages.
    least
        A query counts where it has at least this many positives and negatives. Fewer say nothing of an
        encoder, but a set that was written by hand is taken as it is.
    gallery
        Whether a clip that a query does not name is no match of it, so that the whole set can be ranked.
    packages
        The packages to which it was restricted; empty is the whole set.
    labels
        The files that hold the labels.
    """

    name: str
    clips: tuple[Clip, ...]
    queries: tuple[LabelledQuery, ...]
    cross_queries: tuple[LabelledQuery, ...] = ()
    least: tuple[int, int] = (2, 20)
    gallery: bool = True
    packages: tuple[str, ...] = ()
    labels: tuple[Path, ...] = ()

    @property
    def files(self) -> frozenset[Path]:
        """Every file that the set is read from; a report must never replace one."""
        return frozenset(self.labels) | {clip.path for clip in self.clips}


def restrict(labelled: LabelledSet, only: Collection[str] = (), leave_out: Collection[str] = ()) -> LabelledSet:
    """Keep only the clips of some packages, as queries, positives and negatives alike.

    What was trained or fitted on some packages is judged honestly on the others. The gallery shrinks with the
    packages, so figures of different restrictions cannot be compared with each other.

    Parameters
    ----------
    only
        The packages to keep; empty keeps all.
    leave_out
        Packages to leave out of these.

    Returns
    -------
    LabelledSet
        A query is kept where its clip is and two or more of its positives; whether it has the 20 negatives is
        looked at by the protocol.

    Raises
    ------
    UsageError
        When a package is not in the set, or nothing remains.
    """
    if not only and not leave_out:
        return labelled
    known = {clip.package for clip in labelled.clips} - {""}
    if not known:
        raise UsageError(labelled.name, "its clips name no packages", "evaluate the whole set")
    unknown = sorted((set(only) | set(leave_out)) - known)
    if unknown:
        some = ", ".join(sorted(known)[:40])
        raise UsageError(labelled.name, f"no clip is of a package '{unknown[0]}'", f"its packages are {some}")
    kept = (set(only) or known | {""}) - set(leave_out)
    clips = tuple(clip for clip in labelled.clips if clip.package in kept)
    names = {clip.name for clip in clips}
    smaller = replace(
        labelled,
        clips=clips,
        queries=_within(labelled.queries, names),
        cross_queries=_within(labelled.cross_queries, names),
        least=(max(2, labelled.least[0]), max(20, labelled.least[1])),
        packages=tuple(sorted(kept - {""})),
    )
    if not smaller.queries and not smaller.cross_queries:
        raise UsageError(
            labelled.name, "no query has two positives within these packages", "keep more packages together"
        )
    return smaller


def _within(queries: tuple[LabelledQuery, ...], names: set[str]) -> tuple[LabelledQuery, ...]:
    def kept(listed: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in listed if name in names)

    cut = (
        replace(
            query,
            positives=kept(query.positives),
            negatives=kept(query.negatives),
            negatives_same_package=kept(query.negatives_same_package),
            ignore=kept(query.ignore),
        )
        for query in queries
        if query.query in names
    )
    return tuple(query for query in cut if len(query.positives) >= 2)
