"""Reading a labelled retrieval set, whichever way it was written (docs/evaluation.md gives both formats)."""

from __future__ import annotations

from pathlib import Path

from amc_otio.evaluation.plain_csv import DEFAULT_NAME, read_plain_csv
from amc_otio.evaluation.records import Clip, LabelledQuery, LabelledSet, restrict
from amc_otio.evaluation.set_folder import read_set_folder

__all__ = ["Clip", "LabelledQuery", "LabelledSet", "read_labelled_set", "restrict"]


def read_labelled_set(path: Path) -> LabelledSet:
    """Read a set: a folder with ``clips.csv`` and ``labels.json``, one with ``queries.csv``, or such a CSV itself.

    Raises
    ------
    MediaError
        When there is none, or it is damaged, or leads out of its folder. One line says where.
    """
    if path.is_dir() and not (path / "labels.json").exists() and (path / DEFAULT_NAME).exists():
        return read_plain_csv(path / DEFAULT_NAME)
    return read_set_folder(path) if path.is_dir() else read_plain_csv(path)
