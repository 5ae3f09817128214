"""Small labelled sets: of the bundled sounds, and of nothing but names."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from amc_otio.evaluation.records import Clip, LabelledQuery, LabelledSet

KINDS = {
    "engine": ("engine-accelerating", "engine-revving"),
    "cymbal": ("cymbal-crash", "cymbal-splash"),
    "water": ("river", "splash", "waterfall"),
    "explosion": ("blast", "explosion", "thunder"),
    "other": ("glass-door", "tyre-skid"),
}
"""The bundled sounds by what they are."""


def write_csv(path: Path, rows: list[dict[str, Any]], delimiter: str = ",") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def sounds_csv(folder: Path, examples: Path) -> Path:
    """``folder/queries.csv``: each bundled sound that has another of its kind asks for it among all others."""
    folder.mkdir(parents=True, exist_ok=True)
    for sound in (examples / "sounds").glob("*.ogg"):
        shutil.copy(sound, folder)
    kind_of = {name: kind for kind, names in KINDS.items() for name in names}
    rows = [
        {
            "query": f"{query}.ogg",
            "candidate": f"{candidate}.ogg",
            "relevant": int(kind_of[candidate] == kind_of[query]),
            "group": query,
            "kind": kind_of[query],
        }
        for query in kind_of
        if kind_of[query] != "other"
        for candidate in kind_of
        if candidate != query
    ]
    return write_csv(folder / "queries.csv", rows)


def set_folder(folder: Path, examples: Path, **changes: Any) -> Path:
    """The bundled sounds as a folder set whose packages are p and q; `changes` go into the first query."""
    names = [name for names in KINDS.values() for name in names]
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copy(examples / "sounds" / f"{name}.ogg", folder / "clips")
    rows = [
        {"clip": name, "content_s": 0.5, "shift": 12_000, "package": "pq"[i % 2], "kind": "", "more": "of it"}
        for i, name in enumerate(names)
    ]
    write_csv(folder / "clips.csv", rows)
    query: dict[str, Any] = {
        "query": "river",
        "group": "water",
        "kind": "water/flow",
        "positives": ["splash", "waterfall"],
        "negatives": [name for name in names if name not in KINDS["water"]],
        "ignore": ["glass-door"],
    }
    query["negatives"].remove("glass-door")
    labels = {"queries": [query | changes], "cross_queries": []}
    (folder / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    return folder


def made_set(packages: int = 4, a_package: int = 30, seed: int = 0) -> LabelledSet:
    """A set without sound: clips of packages, each with queries for its own and for other packages' kinds."""
    generator = np.random.default_rng(seed)
    clips = tuple(
        Clip(f"{package}{i:02d}", Path(f"{package}{i:02d}.ogg"), package=package, kind=f"k{i % 5}", shift=i)
        for package in "ABCDEFGH"[:packages]
        for i in range(a_package)
    )

    def drawn(among: list[Clip], count: int) -> tuple[str, ...]:
        return tuple(among[i].name for i in generator.permutation(len(among))[:count])

    queries, cross = [], []
    for clip in clips[::3]:
        alike = [c for c in clips if c.kind == clip.kind and c is not clip]
        other = [c for c in clips if c.kind != clip.kind]
        own = [c for c in alike if c.package == clip.package]
        elsewhere = [c for c in alike if c.package != clip.package]
        negatives = drawn(other, 50)
        same = drawn([c for c in other if c.package == clip.package], 22)
        group = f"{clip.package}/{clip.kind}"
        queries.append(
            LabelledQuery(clip.name, group, drawn(own, 3), negatives, same, tuple(c.name for c in elsewhere), clip.kind)
        )
        cross.append(
            LabelledQuery(clip.name, group, drawn(elsewhere, 6), negatives, (), tuple(c.name for c in own), clip.kind)
        )
    return LabelledSet("made", clips, tuple(queries), tuple(cross))


def as_labels(labelled: LabelledSet) -> dict[str, Any]:
    """The labels of a set as labels.json holds them."""

    def entries(queries: tuple[LabelledQuery, ...]) -> list[dict[str, Any]]:
        keys = ("query", "group", "positives", "negatives", "negatives_same_package", "ignore")
        return [{key: getattr(query, key) for key in keys} for query in queries]

    return {"queries": entries(labelled.queries), "cross_queries": entries(labelled.cross_queries)}


def random_vectors(labelled: LabelledSet, dimension: int = 16, seed: int = 3) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((len(labelled.clips), dimension))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
