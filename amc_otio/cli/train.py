"""``amc-otio train``: options in, `amc_otio.training.run` called, words out."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amc_otio.cli import options
from amc_otio.cli.console import Console
from amc_otio.config import DEVICES, PROJECTIONS, TrainSettings, load_all
from amc_otio.errors import UsageError

if TYPE_CHECKING:
    from amc_otio.training.run import Outcome

# Settings of [train] that an option gives, by the option's name.
_GIVEN = {
    "encoder": "encoder",
    "frames": "frames",
    "stride": "stride",
    "max_samples": "max_samples",
    "batch": "batch",
    "epochs": "epochs",
    "lr": "lr",
    "temperature": "temperature",
    "seed": "seed",
    "projection": "projection",
    "hidden": "hidden",
    "validation": "validation",
    "patience": "patience",
    "checkpoint_every": "checkpoint_every",
    "device": "device",
}


def add(sub: argparse._SubParsersAction[options.Parser]) -> None:
    """Add the command."""
    default = TrainSettings()
    parser = options.command(sub, "train", train, "adapt an encoder to match cuts on your own footage")
    parser.add_argument("paths", metavar="PATH", type=Path, nargs="+", help="media files and folders to train on")
    options.output(parser, "the model, NAME.safetensors; NAME.md (its card) and NAME.png (its loss) go beside it")
    parser.add_argument("--restart", action="store_true", help="begin again though a stopped training could go on")
    parser.add_argument("--dry-run", action="store_true", help="say what would be trained on, from the media's headers")

    group = parser.add_argument_group("encoder")
    group.add_argument("--encoder", metavar="NAME", help=f"the frozen representation (default: {default.encoder})")
    group.add_argument("--encoder-weights", metavar="FILE", type=Path, help="its weights, where it takes some")
    group.add_argument(
        "--projection",
        choices=PROJECTIONS,
        help=f"what is trained: auto is the encoder's own where it has one, else mlp (default: {default.projection})",
    )
    group.add_argument("--hidden", metavar="N", type=int, help="width of the mlp (default: that of the features)")

    group = parser.add_argument_group("samples")
    group.add_argument(
        "--frames", metavar="N", type=int, help=f"seconds in a row that make a sample (default: {default.frames})"
    )
    group.add_argument(
        "--stride", metavar="N", type=int, help="seconds from one sample to the next (default: as many as frames)"
    )
    group.add_argument(
        "--max-samples",
        metavar="N",
        type=int,
        help=f"a random subset of so many; 0 is all (default: {default.max_samples})",
    )
    group.add_argument(
        "--validation",
        metavar="PART",
        type=float,
        help=f"part of the sources held back to watch the loss; 0 is none (default: {default.validation:g})",
    )
    group.add_argument(
        "--library",
        metavar="DIR",
        type=Path,
        help="keeps the encoder's vectors (default: AMC_LIBRARY, amc.toml's, else .amc here)",
    )
    group.add_argument("--workers", metavar="N", type=int, help="processes that embed (default: one a core)")

    group = parser.add_argument_group("training")
    group.add_argument("--epochs", metavar="N", type=int, help=f"passes over the samples (default: {default.epochs})")
    group.add_argument("--batch", metavar="N", type=int, help=f"samples in a batch (default: {default.batch})")
    group.add_argument("--lr", metavar="X", type=float, help=f"learning rate of Adam (default: {default.lr:g})")
    group.add_argument(
        "--temperature", metavar="X", type=float, help=f"of equation (1) (default: {default.temperature:g})"
    )
    group.add_argument("--seed", metavar="N", type=int, help=f"decides all chance (default: {default.seed})")
    group.add_argument(
        "--patience",
        metavar="N",
        type=int,
        help=f"stop when the validation loss has not fallen for N epochs; 0 never does (default: {default.patience})",
    )
    group.add_argument("--device", choices=DEVICES, help=f"auto is CUDA where there is one (default: {default.device})")
    group.add_argument(
        "--checkpoint-every",
        metavar="N",
        type=int,
        help=f"steps between two savings (default: {default.checkpoint_every})",
    )
    group.add_argument("--config", metavar="FILE", type=Path, help="settings (default: AMC_CONFIG, else amc.toml here)")


def train(arguments: argparse.Namespace) -> int:
    """``amc-otio train``."""
    console = Console(arguments.json, arguments.quiet, arguments.verbose, arguments.progress)
    everything = load_all(arguments.config)
    given = {f"train.{name}": getattr(arguments, option) for name, option in _GIVEN.items()}
    try:
        settings = everything.replace(given).train
    except UsageError as error:
        option = _GIVEN.get(error.thing.removeprefix("train."), error.thing)
        raise UsageError(f"--{option.replace('_', '-')}", error.reason, error.remedy) from error
    library = arguments.library or everything.library.beside(Path())
    if arguments.dry_run:
        return _outlook(arguments, console, settings)

    from amc_otio.training import run
    from amc_otio.training.files import Files

    Files(arguments.output).check(arguments.force, arguments.restart)
    run.require_torch()
    from amc_otio.training.trainer import Stopped

    interrupt = _Interrupt()
    with interrupt.watching():
        try:
            outcome = run.train(
                arguments.paths,
                arguments.output,
                settings,
                library=library,
                encoder_weights=arguments.encoder_weights,
                workers=arguments.workers,
                force=arguments.force,
                restart=arguments.restart,
                reporter=_reporter(console, settings, interrupt),
                stop=interrupt.asked,
            )
        except Stopped as stopped:
            console.note(
                f"stopped after step {stopped.done} of {stopped.total}; {stopped.checkpoint} has it all: run the same "
                "command again and it goes on from there"
            )
            raise KeyboardInterrupt from None
    _print_outcome(console, outcome)
    return 0


def _outlook(arguments: argparse.Namespace, console: Console, settings: TrainSettings) -> int:
    from amc_otio.training.files import Files
    from amc_otio.training.initial import start
    from amc_otio.training.run import outlook

    Files(arguments.output).check(arguments.force, arguments.restart)
    start(settings, arguments.encoder_weights)
    found = outlook(arguments.paths, settings)
    console.notes([f"{path}: {reason}" for path, reason in found.unreadable])
    console.say(
        f"{found.sources} files, {found.seconds / 3600:.2f} h of sound; {found.short} of them are shorter than the "
        f"{settings.frames} s of a sample"
    )
    console.say(
        f"at most {found.samples} samples of {settings.frames} s; {settings.epochs} epochs over {settings.encoder} in "
        f"at most {found.steps} steps; would write {arguments.output}"
    )
    console.result(_json(str(arguments.output), None, found.sources, found.samples, found.steps))
    return 0


def _print_outcome(console: Console, outcome: Outcome) -> None:
    trained, data = outcome.trained, outcome.data
    losses = f"loss {trained.losses[0]:.4f} in the first epoch, {trained.losses[-1]:.4f} in the last"
    if len(trained.validation):
        losses += f"; held back {trained.validation[0]:.4f} before, {trained.validation[trained.epoch]:.4f} after"
    console.say(losses)
    if trained.stopped_early:
        console.say(f"stopped early; the weights are those after epoch {trained.epoch}")
    console.say(f"wrote {', '.join(map(str, outcome.files))}")
    console.say(f"use it: amc-otio match EDIT -o NEW --representation split-and-contrast --weights {outcome.files[0]}")
    samples, steps = data.samples + data.validation_samples, len(trained.step_losses)
    console.result(_json(str(outcome.files[0]), outcome, data.sources, samples, steps))


def _json(output: str, outcome: Outcome | None, sources: int, samples: int, steps: int) -> dict[str, Any]:
    trained = outcome.trained if outcome is not None else None
    return {
        "output": output,
        "files": [str(path) for path in outcome.files] if outcome is not None else [],
        "sources": sources,
        "samples": samples,
        "steps": steps,
        "losses": trained.losses.tolist() if trained is not None else [],
        "validation": trained.validation.tolist() if trained is not None else [],
        "epoch": trained.epoch if trained is not None else 0,
        "resumed_at": trained.resumed_at if trained is not None else 0,
        "data": dataclasses.asdict(outcome.data) if outcome is not None else None,
        "failed": [[str(path), reason] for path, reason in outcome.report.failed] if outcome is not None else [],
    }


def _reporter(console: Console, settings: TrainSettings, interrupt: _Interrupt) -> Any:
    """Progress on the terminal; what was found to train on as soon as it is known."""
    from amc_otio.training.run import Reporter

    def samples(data: Any, report: Any) -> None:
        console.notes([f"{path}: {reason}" for path, reason in report.failed] + list(report.problems))
        if data.without_samples:
            fewer = "; fewer --frames would use more" if settings.frames > 2 else ""
            console.note(
                f"{data.without_samples} of {data.sources} sources have no {settings.frames} s of sound in a row{fewer}"
            )
        held = f", {data.validation_samples} of them from {data.validation_sources} sources held back"
        console.say(
            f"{data.samples + data.validation_samples} samples of {settings.frames} s in "
            f"{data.sources - data.without_samples} sources ({data.seconds / 3600:.2f} h)"
            + (held if data.validation_samples else "")
        )

    def training(progress: Any) -> None:
        interrupt.training = True
        loss = "" if progress.loss is None else f", loss {progress.loss:.3f}"
        held = "" if progress.validation is None else f", held back {progress.validation:.3f}"
        text = f"epoch {progress.epoch} of {progress.epochs}{loss}{held}, step"
        console.progress(progress.done, progress.total, text, progress.eta_s)

    return Reporter(console.indexing(), samples, training)


class _Interrupt:
    """Lets the first Ctrl-C wait until the step is done and saved; the second one does not wait.

    While media is embedded there is no step: the library keeps what was finished, so that may stop at once.
    """

    def __init__(self) -> None:
        self.training = False
        self._asked = False

    def asked(self) -> bool:
        """Whether to stop."""
        return self._asked

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Answer Ctrl-C; only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _handle(self, *_: Any) -> None:
        if self._asked or not self.training:
            raise KeyboardInterrupt
        self._asked = True
