"""Windows of a pool of sound files, for what is fitted on sounds: read from a list of packages and the files in them.

The list is a CSV with the columns ``package``, ``file`` and ``class`` (a rough one, by name); a file inside an archive
is written ``archive!/member``. The packages lie unpacked in a folder of their own each::

    apt-get download PACKAGE && dpkg -x PACKAGE_*.deb ROOT/PACKAGE
"""

from __future__ import annotations

import csv
import tempfile
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amc_otio.errors import AmcError
from amc_otio.media.windows import iter_windows

RATE = 44_100
PER_FILE = 6
"""Windows of one file at most: many recordings count, not much of one."""
SHORTEST_S = 0.3
"""A last window with less sound than this is left out, unless it is the only one."""


@dataclass(frozen=True)
class PoolFile:
    """The windows of one file, shape ``(n, 44100)``, float32, each scaled to a peak of one."""

    package: str
    name: str
    kind: str
    windows: np.ndarray


def read_pool(
    table: Path, root: Path, leave_out: Collection[str] = (), kinds_left_out: Collection[str] = ("music", "speech")
) -> Iterator[PoolFile]:
    """Yield the files of a pool that can be read, in the order of the list."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["package"] not in leave_out]
    with tempfile.TemporaryDirectory() as folder:
        for number, row in enumerate(rows):
            if row["class"] in kinds_left_out:
                continue
            path = root / row["package"] / row["file"]
            if "!/" in row["file"]:
                archive, _, member = row["file"].partition("!/")
                path = Path(folder) / f"member{Path(member).suffix}"
                if not (root / row["package"] / archive).is_file():
                    continue
                with zipfile.ZipFile(root / row["package"] / archive) as held:
                    path.write_bytes(held.read(member))
            if not path.is_file():
                continue
            try:
                windows = chosen(path, np.random.default_rng(number))
            except AmcError:
                continue
            if len(windows):
                yield PoolFile(row["package"], row["file"], row["class"], windows)


def chosen(path: Path, generator: np.random.Generator) -> np.ndarray:
    """At most `PER_FILE` windows of a file that are not silent."""
    batches = list(iter_windows(path, RATE))
    samples = np.concatenate([batch.samples for batch in batches])
    valid = np.concatenate([batch.valid for batch in batches])
    peaks = np.abs(samples).max(axis=1)
    loud = (peaks > max(1e-3, 0.02 * float(peaks.max()))) & ((valid >= SHORTEST_S * RATE) | (len(valid) == 1))
    places = np.flatnonzero(loud)
    if len(places) > PER_FILE:
        places = np.sort(generator.choice(places, PER_FILE, replace=False))
    return np.asarray(samples[places] / peaks[places, None], dtype=np.float32)
