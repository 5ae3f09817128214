"""The way in: media in, a model file out.

from amc_otio.training.run import train
train([Path("footage")], Path("model.safetensors"), library=Path(".amc"))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import TrainSettings
from amc_otio.errors import AmcError, MediaError
from amc_otio.library.library import Library
from amc_otio.library.reports import IndexReport
from amc_otio.library.reports import Progress as IndexProgress
from amc_otio.library.sources import find_sources
from amc_otio.media.probe import probe
from amc_otio.training.files import Files
from amc_otio.training.initial import Start, start
from amc_otio.training.samples import DataSummary, SampleSet, collect

if TYPE_CHECKING:
    from amc_otio.training.trainer import Progress, Trained


@dataclass(frozen=True)
class Reporter:
    """What is told while a training runs; None is told nothing."""

    indexing: Callable[[IndexProgress], None] | None = None
    samples: Callable[[DataSummary, IndexReport], None] | None = None
    training: Callable[[Progress], None] | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What `train` made.

    Attributes
    ----------
    files
        What was written, the model first.
    trained
        The training.
    data
        What it was trained on.
    report
        What indexing did.
    """

    files: tuple[Path, ...]
    trained: Trained
    data: DataSummary
    report: IndexReport


@dataclass(frozen=True)
class Outlook:
    """What a training would be, from the media's headers alone.

    Attributes
    ----------
    sources
        Media files that can be read.
    unreadable
        (path, reason) of the others.
    seconds
        Of sound in them.
    short
        Files with less sound than a sample needs.
    samples
        Samples at most: silence will take some away.
    steps
        Steps of all epochs, at most.
    """

    sources: int
    unreadable: tuple[tuple[Path, str], ...]
    seconds: float
    short: int
    samples: int
    steps: int


def train(
    paths: Sequence[Path],
    output: Path,
    settings: TrainSettings | None = None,
    *,
    library: Path,
    encoder_weights: Path | None = None,
    workers: int | None = None,
    force: bool = False,
    restart: bool = False,
    reporter: Reporter | None = None,
    stop: Callable[[], bool] | None = None,
) -> Outcome:
    """Train Split-and-Contrast (paper, section 2.3) on media, and write the model.

    Parameters
    ----------
    paths
        Media files and folders.
    output
        The model, ``NAME.safetensors``. Its card ``NAME.md``, the picture of its loss ``NAME.png`` and, until it is
        done, ``NAME.checkpoint`` lie beside it. When there is a checkpoint of the same training, it goes on from there.
    settings
        Everything that decides the result.
    library
        Folder of the library that keeps the frozen encoder's vectors.
    encoder_weights
        The encoder's weights file, where it takes one. A model that was trained so looks for a file of this name
        beside itself.
    workers
        Processes that embed.
    force
        Replace a model that is there. One that this run left when it was killed at its end needs no force.
    restart
        Begin again though a checkpoint is there.
    reporter
        Is told how far it is.
    stop
        Asked after each step; true saves and raises `amc_otio.training.trainer.Stopped`.

    Raises
    ------
    AmcError
        When torch is not installed.
    OutputError
        When the output is there already or cannot be written, or the checkpoint is another training's.
    RepresentationError
        When the encoder cannot be had.
    MediaError
        When the media gives too few samples.
    LibraryError
        When the library cannot be used.
    UsageError
        When a setting makes no sense.
    """
    settings = settings or TrainSettings()
    reporter = reporter or Reporter()
    files = Files(output)
    files.check(force, restart)
    require_torch()
    from amc_otio.training import checkpoint, result, trainer

    trainer.device_of(settings.device)
    begin = start(settings, encoder_weights)
    with Library.open(library) as opened:
        report = opened.index(
            paths, begin.features.name, workers=workers, weights=encoder_weights, progress=reporter.indexing
        )
        samples = collect(
            opened,
            paths,
            begin.features,
            settings,
            weights=encoder_weights,
            unreadable=len(report.failed),
            scratch=output.parent,
        )
    if reporter.samples is not None:
        reporter.samples(samples.summary, report)
    if restart:
        checkpoint.remove(files.checkpoint)
    trained = _train(samples, begin, settings, files.checkpoint, reporter, stop)
    result.refuse_other(files, begin, trained, force)
    written = result.write(
        files, begin, trained, settings, samples.summary, encoder_weights.name if encoder_weights else ""
    )
    checkpoint.remove(files.checkpoint)
    return Outcome(written, trained, samples.summary, report)


def outlook(paths: Sequence[Path], settings: TrainSettings | None = None) -> Outlook:
    """What a training on these paths would be; nothing is decoded, embedded or written.

    Raises
    ------
    MediaError
        When there is no media.
    """
    settings = settings or TrainSettings()
    sources, missing = find_sources(paths)
    unreadable = list(missing)
    seconds, short, samples, readable = 0.0, 0, 0, 0
    for source in sources:
        try:
            info = probe(source.path)
        except MediaError as error:
            unreadable.append((source.path, error.reason))
            continue
        if not info.streams:
            unreadable.append((source.path, "holds no sound"))
            continue
        length = float(info.duration)
        readable += 1
        seconds += length
        # The rest of a file counts as a window when it is long enough.
        windows = int(length) + (length - int(length) >= max(settings.min_sound_s, 1e-6))
        of_this = max(0, (windows - settings.frames) // (settings.stride or settings.frames) + 1)
        short += of_this == 0
        samples += of_this
    if not readable:
        path, reason = unreadable[0] if unreadable else (paths[0], "holds no media")
        raise MediaError(path, reason, "give files or folders with sound")
    taken = min(samples, settings.max_samples or samples)
    steps = settings.epochs * -(-taken // settings.batch)
    return Outlook(readable, tuple(unreadable), seconds, short, samples, steps)


def require_torch() -> None:
    """Raise an `AmcError` that says how to get torch, unless it is there."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise AmcError(
            "training", f"torch cannot be loaded ({error})", "install it: pip install 'amc-otio[train]'"
        ) from error


def _train(
    samples: SampleSet,
    begin: Start,
    settings: TrainSettings,
    checkpoint: Path,
    reporter: Reporter,
    stop: Callable[[], bool] | None,
) -> Trained:
    from amc_otio.training import trainer
    from amc_otio.training.batches import SplitBatches

    def batches(starts: NDArray[np.int64], fixed: bool) -> SplitBatches:
        return SplitBatches(
            samples.features,
            starts,
            settings.frames,
            settings.batch,
            settings.seed,
            fixed=fixed,
            data=samples.summary.digest,
        )

    return trainer.train(
        batches(samples.training, False),
        begin.projection,
        settings,
        validation=batches(samples.validation, True) if len(samples.validation) else None,
        checkpoint=checkpoint,
        progress=reporter.training,
        stop=stop,
    )
