"""A set as one CSV that can be written by hand: ``query,candidate,relevant[,group][,kind]``.

Each line judges one candidate of one query. Media are named by paths relative to the CSV's folder, as they are or with
the second of them that is meant: ``film.mov@12.5``.
"""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import MediaError, one_line
from amc_otio.evaluation.records import Clip, LabelledQuery, LabelledSet
from amc_otio.evaluation.untrusted import FORMAT, Line, bad_line, inside, quoted, read_csv

DEFAULT_NAME: Final = "queries.csv"
_RELEVANT: Final = {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}


@dataclass
class _Query:
    """The lines of one query so far."""

    line: int
    judged: dict[str, bool] = field(default_factory=dict)
    group: str = ""
    kind: str = ""


def read_plain_csv(path: Path) -> LabelledSet:
    """Read a set; it serves the protocol ``paper``: the judged candidates of each query are ranked.

    Raises
    ------
    MediaError
        When a line cannot be meant so, or a query has no positive or no negative.
    """
    clips = _Clips(path)
    queries: dict[str, _Query] = {}
    for line in read_csv(path, ("query", "candidate", "relevant")):
        query, candidate = clips.clip(line, "query"), clips.clip(line, "candidate")
        relevant = _RELEVANT.get(line.values["relevant"].strip().lower())
        if relevant is None:
            raise bad_line(
                path, line.number, f"says {quoted(line.values['relevant'])} in relevant", "write 1 or 0 there"
            )
        if query == candidate:
            raise bad_line(path, line.number, f"gives the query {quoted(query.name)} as its own candidate")
        held = queries.setdefault(query.name, _Query(line.number))
        if candidate.name in held.judged:
            raise bad_line(path, line.number, f"judges {quoted(candidate.name)} for {quoted(query.name)} a second time")
        held.judged[candidate.name] = relevant
        for column in ("group", "kind"):
            value, before = line.values.get(column, "").strip(), getattr(held, column)
            if value and before and value != before:
                raise bad_line(
                    path,
                    line.number,
                    f"puts {quoted(query.name)} in the {column} {quoted(value)} after {quoted(before)}",
                )
            setattr(held, column, before or value)
    if not queries:
        raise MediaError(path, "judges nothing", FORMAT)
    # Equal similarities are ranked by a clip's number; a hash keeps them from standing as they were written down,
    # which is often the positives first.
    order = sorted(clips.by_place.values(), key=lambda clip: hashlib.sha256(clip.name.encode()).digest())
    return LabelledSet(
        name=path.resolve().parent.name if path.name == DEFAULT_NAME else path.stem,
        clips=tuple(order),
        queries=tuple(_labelled(path, name, held, clips) for name, held in queries.items()),
        least=(1, 1),
        gallery=False,
        labels=(path,),
    )


def _labelled(path: Path, name: str, held: _Query, clips: _Clips) -> LabelledQuery:
    positives = tuple(candidate for candidate, relevant in held.judged.items() if relevant)
    negatives = tuple(candidate for candidate, relevant in held.judged.items() if not relevant)
    for listed, what in ((positives, "positives"), (negatives, "negatives")):
        if not listed:
            raise MediaError(
                path, f"the query {quoted(name)} (line {held.line}) has no {what}", "judge some, or take it out"
            )
    # Seconds of one file are takes of one sound: their default group is the file.
    return LabelledQuery(name, held.group or str(clips.files[name]), positives, negatives, kind=held.kind)


class _Clips:
    """The clips that the lines name: one a second of a file, however it is spelt."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = path.parent.resolve()
        self._places: dict[str, Clip] = {}
        self.by_place: dict[tuple[Path, int], Clip] = {}
        self.files: dict[str, Path] = {}

    def clip(self, line: Line, column: str) -> Clip:
        """Return the clip that a line names in a column."""
        text = line.values[column].strip()
        known = self._places.get(text)
        if known is not None:
            return known
        try:
            path, start = self._place(text)
        except ValueError as error:
            raise bad_line(self._path, line.number, str(error)) from error
        real = path.resolve()
        made = self.by_place.setdefault((real, start), Clip(text, path, start=start))
        self._places[text] = made
        self.files.setdefault(made.name, real.relative_to(self._folder))
        return made

    def _place(self, text: str) -> tuple[Path, int]:
        """Return the file and the first sample that ``FILE`` or ``FILE@SECONDS`` means."""
        name, at, seconds = text.rpartition("@")
        try:
            start_s = float(seconds) if at else math.nan
        except ValueError:
            start_s = math.nan
        # An @ may be part of a file's name, as in footage@2x.mov, or even in take@2.
        is_time = at and not (math.isnan(start_s) and seconds.strip().lower() != "nan")
        if not is_time or os.path.isfile(self._folder / text):  # noqa: PTH113 - Path.is_file() raises for long names
            return inside(self._folder, text), 0
        if not 0 <= start_s < 1e7:
            raise ValueError(f"names {quoted(text)}: {one_line(seconds, 20)} is no time in seconds")
        return inside(self._folder, name), round(start_s * ANALYSIS_RATE)
