"""A set as a folder: ``clips/NAME.ogg``, ``clips.csv`` and ``labels.json``."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import MediaError
from amc_otio.evaluation.records import Clip, LabelledQuery, LabelledSet
from amc_otio.evaluation.untrusted import FORMAT, bad_line, inside, quoted, read_csv, read_text

_FORMS = {"o": "one-shot", "c": "continuous"}


def read_set_folder(folder: Path) -> LabelledSet:
    """Read a set.

    Raises
    ------
    MediaError
        When a file is missing or damaged, or names what it must not.
    """
    table, labels = folder / "clips.csv", folder / "labels.json"
    for path in (table, labels):
        if not path.exists():
            raise MediaError(folder, f"is no labelled set: it has no {path.name} (nor a queries.csv)", FORMAT)
    clips = _read_clips(table)
    value = _read_json(labels)
    known = {clip.name for clip in clips}
    return LabelledSet(
        name=folder.resolve().name,
        clips=clips,
        queries=_read_queries(labels, value, "queries", known),
        cross_queries=_read_queries(labels, value, "cross_queries", known),
        labels=(table, labels),
    )


def _read_clips(table: Path) -> tuple[Clip, ...]:
    clips: dict[str, Clip] = {}
    for number, row in read_csv(table, ("clip", "content_s", "shift")):
        name = row["clip"]
        if name in clips:
            raise bad_line(table, number, f"names the clip {quoted(name)} a second time")
        try:
            path = inside(table.parent / "clips", f"{name}.ogg")
        except ValueError as error:
            raise bad_line(table, number, str(error)) from error
        content_s = _number(row["content_s"])
        if not 0 < content_s <= 1:
            raise bad_line(table, number, f"has a content_s of {quoted(row['content_s'])}, which is not in (0, 1]")
        shift = _number(row["shift"] or "0")
        if not (abs(shift) < 1e9 and shift == round(shift)):
            raise bad_line(table, number, f"has a shift of {quoted(row['shift'])}, which is no number of samples")
        clips[name] = Clip(
            name,
            path,
            content_s,
            round(shift) % ANALYSIS_RATE,
            package=row.get("package", ""),
            kind=row.get("kind", ""),
            form=_FORMS.get(row.get("type", ""), ""),
        )
    if not clips:
        raise MediaError(table, "lists no clip", FORMAT)
    return tuple(clips.values())


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise MediaError(path, f"is not JSON ({type(error).__name__}: {error})", FORMAT) from error
    if not isinstance(value, dict) or not isinstance(value.get("queries"), list):
        raise MediaError(path, "has no list 'queries'", FORMAT)
    return value


def _read_queries(path: Path, value: dict[str, Any], key: str, known: set[str]) -> tuple[LabelledQuery, ...]:
    entries = value.get(key, [])
    if not isinstance(entries, list):
        raise MediaError(path, f"'{key}' is no list", FORMAT)
    read: list[LabelledQuery] = []
    for number, entry in enumerate(entries):
        where = f"{key}[{number}]"
        if not isinstance(entry, dict):
            raise MediaError(path, f"{where} is no object", FORMAT)
        read.append(_read_query(path, entry, where, known))
    return tuple(read)


def _read_query(path: Path, entry: dict[str, Any], where: str, known: set[str]) -> LabelledQuery:
    def text(key: str, default: str | None = None) -> str:
        value = entry.get(key, default)
        if not isinstance(value, str):
            raise MediaError(path, f"{where}.{key} is no text", FORMAT)
        return value

    def names(key: str) -> tuple[str, ...]:
        value = entry.get(key, [])
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise MediaError(path, f"{where}.{key} is no list of clip names", FORMAT)
        unknown = next((name for name in value if name not in known), None)
        if unknown is not None:
            raise MediaError(path, f"{where}.{key} names {quoted(unknown)}, which clips.csv does not list", FORMAT)
        if len(set(value)) < len(value):
            raise MediaError(path, f"{where}.{key} names a clip twice", FORMAT)
        return tuple(value)

    query = LabelledQuery(
        query=text("query"),
        group=text("group", text("query")),
        positives=names("positives"),
        negatives=names("negatives"),
        negatives_same_package=names("negatives_same_package"),
        ignore=names("ignore"),
        kind=text("kind", ""),
    )
    if query.query not in known:
        raise MediaError(path, f"{where}.query names {quoted(query.query)}, which clips.csv does not list", FORMAT)
    if not query.positives:
        raise MediaError(path, f"{where} ({quoted(query.query)}) has no positives", FORMAT)
    others = {*query.negatives, *query.negatives_same_package, *query.ignore}
    if query.query in others | set(query.positives):
        raise MediaError(path, f"{where} lists the query {quoted(query.query)} among its own candidates", FORMAT)
    both = sorted(others & set(query.positives))
    if both:
        raise MediaError(path, f"{where} says that {quoted(both[0])} matches and that it does not", FORMAT)
    return query
