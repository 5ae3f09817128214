"""Samples: n consecutive windows of one source, out of a library's shards.

The frozen encoder runs once, when the library is indexed; what is read here are its vectors.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE, TrainSettings
from amc_otio.errors import LibraryError, MediaError, OutputError
from amc_otio.library.library import Library
from amc_otio.library.shards import Shard
from amc_otio.representations.base import Representation
from amc_otio.training import chance


@dataclass(frozen=True)
class DataSummary:
    """What a model was trained on, in figures.

    Attributes
    ----------
    folders
        What was named.
    sources
        Contents with vectors. Copies count once.
    without_samples
        Those that have no n windows with sound in a row.
    unreadable
        Files that gave no vectors.
    windows, seconds
        Different windows in all samples, and the sound in them: padding is not counted.
    found
        Samples that there are; the training has a random subset when there are more than it was to have.
    samples, validation_samples, validation_sources
        In the training, and held back to watch the loss on.
    digest
        SHA-256 over which windows of which contents, under which representation, each sample is.
    """

    folders: tuple[str, ...]
    sources: int
    without_samples: int
    unreadable: int
    windows: int
    seconds: float
    found: int
    samples: int
    validation_samples: int
    validation_sources: int
    digest: str


@dataclass(frozen=True, eq=False)
class SampleSet:
    """Features and the samples in them.

    Attributes
    ----------
    features
        Shape ``(windows, d)``, float32; memory-mapped when it is large.
    training, validation
        Shape ``(samples,)``, int64: the row of each sample's first window.
    summary
        The same in figures.
    """

    features: NDArray[np.float32]
    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    summary: DataSummary


@dataclass
class _Found:
    """The samples of a source: the first windows of all, and of those that were chosen."""

    content: str
    starts: NDArray[np.int64]
    chosen: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    seconds: float = 0.0

    def windows(self, frames: int) -> NDArray[np.int64]:
        """The windows of all chosen samples, each once, in order: a sample's are next to each other."""
        return np.unique(self.chosen[:, None] + np.arange(frames))


def usable(shard: Shard, settings: TrainSettings) -> NDArray[np.bool_]:
    """Which windows may be in a sample: not silent, and not mostly padding.

    Returns
    -------
    numpy.ndarray
        Shape ``(n,)``.
    """
    sounding = shard.vectors.any(axis=1) & (shard.rms >= settings.silence_dbfs)
    return np.asarray(sounding & (shard.valid >= round(settings.min_sound_s * ANALYSIS_RATE)), np.bool_)


def starts_of(good: NDArray[np.bool_], frames: int, stride: int) -> NDArray[np.int64]:
    """Where samples begin in a source.

    Parameters
    ----------
    good
        Shape ``(n,)``: which windows may be in a sample; another breaks the run.
    frames
        Windows in a sample.
    stride
        Windows between the starts of two samples of a run.

    Returns
    -------
    numpy.ndarray
        Shape ``(samples,)``, int64, rising.
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], good, [False])).astype(np.int8)))
    runs = [np.arange(first, last - frames + 1, stride) for first, last in edges.reshape(-1, 2)]
    return np.concatenate([np.zeros(0, np.int64), *runs]).astype(np.int64)


def collect(
    library: Library,
    paths: Iterable[str | Path],
    representation: Representation,
    settings: TrainSettings,
    *,
    weights: Path | None = None,
    unreadable: int = 0,
    scratch: Path | None = None,
) -> SampleSet:
    """Form samples of what a library holds of some sources.

    Parameters
    ----------
    library
        Where the sources were indexed.
    paths
        Files and folders.
    representation, weights
        Whose vectors.
    settings
        How a sample is formed, how many there may be, and how many sources are held back.
    unreadable
        Files that could not be indexed, for the summary.
    scratch
        Folder for the file of features that are too large for the memory; it is gone when the process ends.

    Raises
    ------
    MediaError
        When there are too few samples to contrast.
    OutputError
        When the features need a file and it cannot be written.
    """
    named = [str(path) for path in paths]
    frames, stride = settings.frames, settings.stride or settings.frames

    def shards() -> Iterator[tuple[Path, Shard]]:
        return library.shards(representation, named, weights=weights)

    # Twice through the shards, one at a time: which samples there are decides which features are kept.
    found = [_Found(shard.content_key, starts_of(usable(shard, settings), frames, stride)) for _, shard in shards()]
    total = sum(len(one.starts) for one in found)
    _choose(found, total, settings)
    with_samples = [one for one in found if len(one.chosen)]
    samples = sum(len(one.chosen) for one in with_samples)
    if samples < 2:
        reason = f"{len(found)} source{'s' if len(found) != 1 else ''} with sound give {samples or 'no'} sample"
        reason += f"{'s' if samples != 1 else ''} of {frames} windows in a row, and two are the least"
        fewer = "give more and longer media" + (", or fewer --frames (2 is the least)" if frames > 2 else "")
        raise MediaError(named[0] if named else "the media", reason, fewer)
    held_back = _held_back(with_samples, settings)
    rows = sum(len(one.windows(frames)) for one in with_samples)
    features = _matrix(rows, representation.dimension, settings.memory_gb, scratch)
    wanted = {one.content: one for one in with_samples}
    training: list[NDArray[np.int64]] = []
    validation: list[NDArray[np.int64]] = []
    digest = hashlib.sha256(repr([representation.name, representation.version, representation.weights_hash]).encode())
    row = 0
    for _, shard in shards():
        one = wanted.pop(shard.content_key, None)
        if one is None:
            continue
        windows = one.windows(frames)
        if windows[-1] >= len(shard):
            break
        features[row : row + len(windows)] = shard.vectors[windows]
        one.seconds = float(shard.valid[windows].sum(dtype=np.int64)) / ANALYSIS_RATE
        starts = row + np.searchsorted(windows, one.chosen)
        (validation if one.content in held_back else training).append(starts.astype(np.int64))
        digest.update(f"{one.content} {one.content in held_back} {one.chosen.tolist()}\n".encode())
        row += len(windows)
    if wanted:
        raise LibraryError(library.folder, "changed while it was read", "run again")
    empty = np.zeros(0, np.int64)
    summary = DataSummary(
        folders=tuple(named),
        sources=len(found),
        without_samples=sum(not len(one.starts) for one in found),
        unreadable=unreadable,
        windows=rows,
        seconds=sum(one.seconds for one in with_samples),
        found=total,
        samples=sum(map(len, training)),
        validation_samples=sum(map(len, validation)),
        validation_sources=len(held_back),
        digest=digest.hexdigest(),
    )
    return SampleSet(features, np.concatenate([empty, *training]), np.concatenate([empty, *validation]), summary)


def _choose(found: list[_Found], total: int, settings: TrainSettings) -> None:
    """Choose a random subset of all samples when there are more than wanted."""
    limit = settings.max_samples or total
    keep = np.ones(total, np.bool_)
    if total > limit:
        keep[chance.permutation(total, "subset", settings.seed)[limit:]] = False
    first = 0
    for one in found:
        one.chosen = one.starts[keep[first : first + len(one.starts)]]
        first += len(one.starts)


def _held_back(sources: list[_Found], settings: TrainSettings) -> set[str]:
    """Whole sources for the validation, never windows: neighbours of a training window would flatter the loss."""
    count = round(settings.validation * len(sources))
    if settings.validation and len(sources) > 1:
        count = max(1, count)
    order = sorted(sources, key=lambda one: int(chance.numbers(1, "validation", settings.seed, one.content)[0]))
    held_back = {one.content for one in order[: min(count, len(sources) - 1)]}
    left = sum(len(one.chosen) for one in sources if one.content not in held_back)
    return held_back if left >= 2 else set()


def _matrix(rows: int, columns: int, memory_gb: float, scratch: Path | None) -> NDArray[np.float32]:
    """An array in memory, or in a file without a name that goes with the process."""
    if rows * columns * 4 <= memory_gb * 1e9:
        return np.empty((rows, columns), np.float32)
    try:
        with tempfile.TemporaryFile(dir=scratch, buffering=0) as file:
            _reserve(file.fileno(), rows * columns * 4)
            return np.memmap(file, np.float32, "r+", shape=(rows, columns))
    except OSError as error:
        raise OutputError(
            scratch or "the temporary folder",
            f"cannot hold the {rows * columns * 4 / 1e9:.1f} GB of features ({error.strerror})",
            "make room, use --max-samples, or raise memory_gb of [train] in amc.toml",
        ) from error


def _reserve(descriptor: int, size: int) -> None:
    """Give an empty file its space: writing to the map of a sparse file on a full disk would kill the process."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
            return
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):  # file systems that cannot reserve
                raise
    zeros = bytes(1 << 20)
    while size:
        size -= os.write(descriptor, zeros[: min(size, len(zeros))])
