"""Judge representations on labelled sets: the way in to this package."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc_otio import __version__
from amc_otio.errors import UsageError
from amc_otio.evaluation.embed import Progress, Tell, embed_set, opened
from amc_otio.evaluation.intervals import DRAWS
from amc_otio.evaluation.judged import RepresentationSpec, by_vectors, distinct, matrix_of, parse_representation
from amc_otio.evaluation.labelled_set import read_labelled_set
from amc_otio.evaluation.metrics import METRICS, Similarity, score_tasks
from amc_otio.evaluation.protocols import PROTOCOLS, Task, queries_of, tasks
from amc_otio.evaluation.records import LabelledSet, restrict
from amc_otio.evaluation.report import (
    FORMAT,
    VERSION,
    EvaluationReport,
    ProtocolSummary,
    RepresentationSummary,
    Row,
    SetSummary,
)
from amc_otio.evaluation.rows import rows_of
from amc_otio.library.jobs import key_of, representation_of
from amc_otio.representations.base import Representation

Own = Similarity | Mapping[str, Any]
"""A similarity of one's own; or vectors by clip name, whose inner product is taken."""


def evaluate_set(
    source: str | Path | LabelledSet,
    representations: Sequence[str | RepresentationSpec | Representation] = (),
    *,
    similarities: Mapping[str, Own] | None = None,
    protocols: Sequence[str] | None = None,
    baseline: str | None = None,
    shift: bool = False,
    packages: Collection[str] = (),
    leave_out: Collection[str] = (),
    library: Path | None = None,
    workers: int | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Tell | None = None,
) -> EvaluationReport:
    """Judge representations on one labelled set. The paper's Table 1 is the protocol ``paper``.

    Parameters
    ----------
    source
        The set, or where it lies (docs/evaluation.md gives both formats).
    representations
        Names of the registry, ``NAME=WEIGHTS``, specs, or objects of one's own that embed.
    similarities
        Similarities by label, judged beside them: a function (query's clip number, candidates' clip numbers) ->
        similarities, or a mapping of vectors by clip name.
    protocols
        Which, in this order; default all that the set has labels for.
    baseline
        The label with which the others are compared query by query; a representation's name does where it is one's.
    shift
        Roll each clip by the set's shift, as a grid of seconds over a film would.
    packages, leave_out
        Keep only these packages, or all but these: `amc_otio.evaluation.labelled_set.restrict`.
    library
        Folder of a library that keeps the vectors, so that another run embeds nothing; default none.
    workers
        Processes that embed; default one a core. A script that asks for several needs its
        ``if __name__ == "__main__":``.
    draws, seed
        Of the bootstrap: `amc_otio.evaluation.intervals`.
    progress
        Told how far it is.

    Returns
    -------
    EvaluationReport

    Raises
    ------
    AmcError
        In one line: the set, a protocol without labels, a representation, a clip that cannot be read.
    """
    return evaluate_sets(
        [source],
        representations,
        similarities=None if similarities is None else [similarities],
        protocols=protocols,
        baseline=baseline,
        shift=shift,
        packages=packages,
        leave_out=leave_out,
        library=library,
        workers=workers,
        draws=draws,
        seed=seed,
        progress=progress,
    )


def evaluate_sets(
    sources: Sequence[str | Path | LabelledSet],
    representations: Sequence[str | RepresentationSpec | Representation] = (),
    *,
    similarities: Sequence[Mapping[str, Own]] | None = None,
    protocols: Sequence[str] | None = None,
    baseline: str | None = None,
    shift: bool = False,
    packages: Collection[str] = (),
    leave_out: Collection[str] = (),
    library: Path | None = None,
    workers: int | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Tell | None = None,
) -> EvaluationReport:
    """Judge representations on several sets, one after the other; see `evaluate_set`.

    Parameters
    ----------
    similarities
        One mapping a set: clip numbers are a set's own.
    """
    if draws < 1:
        raise UsageError("draws", f"{draws} draws give no interval", "ask for 1 or more")
    if workers is not None and workers < 1:
        raise UsageError("--workers", f"{workers} is below 1", "give 1 or more, or leave it out")
    judged = _judged(representations)
    labels = _labels(judged, similarities or ())
    against = _baseline(baseline, judged, labels)
    read = _named_apart([one if isinstance(one, LabelledSet) else read_labelled_set(Path(one)) for one in sources])
    if not read:
        raise UsageError("evaluate", "there is no set to judge on", "name one")
    if similarities is not None and len(similarities) != len(read):
        raise UsageError("similarities", f"are for {len(similarities)} sets of {len(read)}", "give a mapping a set")
    sets = [restrict(one, packages, leave_out) for one in read]
    # What is asked is settled for every set before the first clip is embedded.
    asked = [_asked(one, protocols, shift) for one in sets]
    notes = [
        note
        for whole, one, chosen in zip(read, sets, asked, strict=True)
        for note in _left_out(whole, one, chosen, protocols)
    ]
    described = _described(judged, labels)
    rows: list[Row] = []
    summaries: list[SetSummary] = []
    with opened(library) as kept:
        for number, (labelled, chosen) in enumerate(zip(sets, asked, strict=True)):
            vectors = embed_set(kept, labelled, judged, shift=shift, workers=workers, progress=progress)
            named = {label: by_vectors(matrix) for label, matrix in zip(labels, vectors, strict=False)}
            for label, own in (similarities[number] if similarities else {}).items():
                named[label] = own if callable(own) else by_vectors(matrix_of(labelled, own, label))
            for place, (protocol, wanted) in enumerate(chosen.items()):
                if progress is not None:
                    progress(Progress("ranking", place, len(chosen)))
                scores = {label: score_tasks(wanted, similarity, label) for label, similarity in named.items()}
                rows += rows_of(labelled.name, protocol, wanted, scores, against, draws, seed)
            if progress is not None:
                progress(Progress("ranking", len(chosen), len(chosen)))
            summaries.append(_summary(read[number], labelled, chosen, shift, vectors))
            if summaries[-1].silent:
                notes.append(
                    f"{labelled.name}: {summaries[-1].silent} clip(s) are silent, or begin where their file has ended: "
                    "they are like nothing and rank by their number"
                )
    return EvaluationReport(
        format=FORMAT,
        version=VERSION,
        software=__version__,
        sets=tuple(summaries),
        representations=described,
        baseline=against,
        shift=shift,
        draws=draws,
        seed=seed,
        rows=tuple(rows),
        notes=tuple(notes),
    )


def score(labelled: LabelledSet, similarity: Similarity, protocol: str) -> dict[str, float]:
    """Return the metrics of one similarity under one protocol, without intervals: for searches and fits.

    Returns
    -------
    dict
        `amc_otio.evaluation.metrics.METRICS` and ``queries``.

    Raises
    ------
    UsageError
        When the set has no query for the protocol.
    """
    wanted = tasks(labelled, protocol)
    if not wanted:
        raise UsageError(labelled.name, f"has no query for the protocol '{protocol}'", "choose another")
    means = score_tasks(wanted, similarity, "similarity").mean(axis=0)
    return {"queries": len(wanted), **{name: float(mean) for name, mean in zip(METRICS, means, strict=True)}}


def vectors_of(
    labelled: LabelledSet,
    representation: str | RepresentationSpec | Representation,
    *,
    shift: bool = False,
    library: Path | None = None,
    workers: int | None = None,
    progress: Tell | None = None,
) -> NDArray[np.float32]:
    """Return a representation's vectors of a set's clips, (clips, d) float32, for a similarity of one's own."""
    judged = _judged([representation])
    with opened(library) as kept:
        return embed_set(kept, labelled, judged, shift=shift, workers=workers, progress=progress)[0]


# ---------------------------------------------------------------- what is asked


def _judged(
    representations: Sequence[str | RepresentationSpec | Representation],
) -> list[RepresentationSpec | Representation]:
    parsed = [parse_representation(one) if isinstance(one, str) else one for one in representations]
    told_apart = iter(distinct([one for one in parsed if isinstance(one, RepresentationSpec)]))
    return [next(told_apart) if isinstance(one, RepresentationSpec) else one for one in parsed]


def _label(one: RepresentationSpec | Representation) -> str:
    return one.label if isinstance(one, RepresentationSpec) else one.name


def _labels(
    judged: Sequence[RepresentationSpec | Representation], similarities: Sequence[Mapping[str, Own]]
) -> list[str]:
    """Return every label, the similarities' after the representations'."""
    own = [list(mapping) for mapping in similarities]
    if any(sorted(names) != sorted(own[0]) for names in own):
        raise UsageError("similarities", "have not the same labels for every set", "name them alike")
    labels = [_label(one) for one in judged] + (own[0] if own else [])
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise UsageError("evaluate", f"two things are called '{twice}'", "give each a label of its own")
    if not labels:
        raise UsageError("evaluate", "there is nothing to judge", "name a representation")
    return labels


def _baseline(
    baseline: str | None, judged: Sequence[RepresentationSpec | Representation], labels: list[str]
) -> str | None:
    if baseline is None or baseline in labels:
        return baseline
    spec = parse_representation(baseline)
    same = [
        _label(one)
        for one in judged
        if isinstance(one, RepresentationSpec)
        and one.name == spec.name
        and (spec.weights is None or one.weights == spec.weights)
    ]
    if len(same) != 1:
        raise UsageError(f"baseline '{baseline}'", "is not one of what is judged", f"choose among {', '.join(labels)}")
    return same[0]


def _named_apart(sets: list[LabelledSet]) -> list[LabelledSet]:
    """Give sets of one name their whole paths."""
    names = [one.name for one in sets]
    apart = [replace(one, name=_path(one)) if names.count(one.name) > 1 and one.labels else one for one in sets]
    names = [one.name for one in apart]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError("evaluate", f"the set '{twice}' is given twice", "give each once")
    return apart


def _path(labelled: LabelledSet) -> str:
    file = labelled.labels[0].resolve()
    return str(file.parent if file.parent.name == labelled.name else file)


def _asked(labelled: LabelledSet, protocols: Sequence[str] | None, shift: bool) -> dict[str, tuple[Task, ...]]:
    """Return the tasks of each protocol; what is asked for by name must have some."""
    if shift and not any(clip.shift for clip in labelled.clips):
        raise UsageError(labelled.name, "says no shift for any clip", "leave --shift out")
    found = {protocol: tasks(labelled, protocol) for protocol in dict.fromkeys(protocols or PROTOCOLS)}
    for protocol in protocols or ():
        if not found[protocol]:
            whole = len(queries_of(labelled, protocol))
            least = f"at least {labelled.least[0]} positives and {labelled.least[1]} negatives"
            reason = (
                f"none of its {whole} queries for '{protocol}' has {least}"
                if whole
                else f"has no labels for '{protocol}'"
            )
            raise UsageError(labelled.name, reason, "choose another protocol or more packages")
    kept = {protocol: wanted for protocol, wanted in found.items() if wanted}
    if not kept:
        raise UsageError(labelled.name, "no query has enough positives and negatives", "keep more packages together")
    return kept


def _left_out(
    whole: LabelledSet,
    labelled: LabelledSet,
    chosen: Mapping[str, tuple[Task, ...]],
    protocols: Sequence[str] | None,
) -> list[str]:
    notes = []
    for protocol in protocols or PROTOCOLS:
        queries, wanted = len(queries_of(whole, protocol)), chosen.get(protocol, ())
        if len(wanted) < queries:
            within = " within these packages" if labelled.packages else ""
            least = f"the {labelled.least[0]} positives and {labelled.least[1]} negatives that it takes"
            notes.append(f"{labelled.name}, {protocol}: {len(wanted)} of {queries} queries have {least}{within}")
    return notes


def _summary(
    whole: LabelledSet,
    labelled: LabelledSet,
    chosen: Mapping[str, tuple[Task, ...]],
    shift: bool,
    vectors: Sequence[NDArray[np.float32]],
) -> SetSummary:
    return SetSummary(
        name=labelled.name,
        clips=len(labelled.clips),
        packages=labelled.packages,
        shifted=sum(bool(clip.shift) for clip in labelled.clips) if shift else 0,
        silent=int((~vectors[0].any(axis=1)).sum()) if vectors else 0,
        protocols=tuple(
            ProtocolSummary(
                protocol, len(queries_of(whole, protocol)), len(wanted), len({task.query.group for task in wanted})
            )
            for protocol, wanted in chosen.items()
        ),
    )


def _described(
    judged: Sequence[RepresentationSpec | Representation], labels: list[str]
) -> tuple[RepresentationSummary, ...]:
    """Return what is judged; a name that is unknown or weights that are damaged are found here, before any work."""
    made = []
    for one, label in zip(judged, labels, strict=False):
        if isinstance(one, RepresentationSpec):
            loaded = representation_of(one.name, weights=None if one.weights is None else str(one.weights))
        else:
            loaded = one
        key = key_of(loaded)
        made.append(RepresentationSummary(label, key.representation, key.version, key.dimension, key.weights_hash))
    made += [RepresentationSummary(label, "", "", None, "") for label in labels[len(judged) :]]
    return tuple(made)
