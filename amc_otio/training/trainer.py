"""The steps: batches in, Adam on a projection, checkpoints on the way.

On a CPU, with the same seed and the same number of threads, a run that was killed and resumed ends with the same
weights to the byte as one that was not.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from amc_otio.config import TrainSettings
from amc_otio.errors import AmcError, UsageError
from amc_otio.representations.projection import Projection, from_tensors
from amc_otio.training import checkpoint as checkpoints
from amc_otio.training.batches import Batch, BatchSource
from amc_otio.training.loss import contrast

NOT_OF_THE_RESULT: Final = ("checkpoint_every", "memory_gb", "device")
"""Settings that a run may be resumed with others of."""


Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, float], torch.Tensor]
"""Of alpha, beta (unit rows), left, right and temperature, as `amc_otio.training.loss.contrast`, a scalar."""


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes
    ----------
    done, total
        Steps.
    epoch, epochs
        The epoch at hand, from 1, and all.
    loss
        Of the last step; None before the first.
    validation
        Of the end of the last epoch; None without one.
    eta_s
        Seconds left by the speed of this run, None while that is not known.
    """

    done: int
    total: int
    epoch: int
    epochs: int
    loss: float | None
    validation: float | None
    eta_s: float | None


@dataclass(frozen=True, eq=False)
class Trained:
    """What came of a training.

    Attributes
    ----------
    projection
        The trained one.
    losses
        Shape ``(epochs,)``, float64: mean loss of each epoch's batches.
    validation
        Shape ``(epochs + 1,)``, float64: loss of the held-back samples before the first epoch, which is the encoder's
        own when the projection began as it, and after each; empty without any.
    step_losses
        Shape ``(steps,)``, float64.
    epoch
        The epoch, from 1, whose weights these are: the last, or with early stopping the one of the lowest validation
        loss.
    stopped_early
        Whether the run ended before its last epoch.
    resumed_at
        Steps that were done already, 0 for a run that was not resumed.
    device
        Where it ran.
    seconds
        That this process took.
    """

    projection: Projection
    losses: NDArray[np.float64]
    validation: NDArray[np.float64]
    step_losses: NDArray[np.float64]
    epoch: int
    stopped_early: bool
    resumed_at: int
    device: str
    seconds: float


class Stopped(Exception):
    """The training was told to stop; `checkpoint` has all of its `done` steps."""

    def __init__(self, done: int, total: int, checkpoint: Path | None) -> None:
        super().__init__(f"stopped after {done} of {total} steps")
        self.done, self.total, self.checkpoint = done, total, checkpoint


def train(
    source: BatchSource,
    projection: Projection,
    settings: TrainSettings,
    *,
    validation: BatchSource | None = None,
    loss: Loss = contrast,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Trained:
    """Train a projection.

    Parameters
    ----------
    source
        Gives the batches (`batches.SplitBatches` are the paper's).
    projection
        What training begins from.
    settings
        Epochs, learning rate, temperature, patience, device and how often a checkpoint is written; the rest counts
        only as part of what the run is.
    validation
        Batches on which the loss is watched: those of its epoch 0, every time.
    loss
        What is made small; equation (1) unless another is tried. Its name is part of what the run is.
    checkpoint
        Where the state is kept. When there is one of the same run, it goes on from there.
    progress
        Called before the first step and after each.
    stop
        Asked after each step; true writes a checkpoint and raises `Stopped`.

    Raises
    ------
    UsageError
        When the device is not there, the batch does not fit its memory, or the loss is no number any more.
    OutputError
        When the checkpoint cannot be written, is damaged, or is that of another run.
    Stopped
        When told to.
    """
    began = time.monotonic()
    device = device_of(settings.device)
    state = _State(projection, settings, device, loss)
    identity = _identity(source, projection, settings, validation)
    identity["loss"] = getattr(loss, "__qualname__", repr(loss))
    total = settings.epochs * source.steps
    if checkpoint is not None:
        state.restore(checkpoint, identity, total)
    resumed_at = state.done

    def save() -> None:
        if checkpoint is not None:
            checkpoints.save(checkpoint, state.snapshot(identity))

    def tell() -> None:
        if progress is not None:
            epoch = min(state.done // source.steps + 1, settings.epochs)
            took, made = time.monotonic() - began, state.done - resumed_at
            progress(
                Progress(
                    state.done,
                    total,
                    epoch,
                    settings.epochs,
                    state.losses[-1] if state.losses else None,
                    state.validation[-1] if state.validation else None,
                    took / made * (total - state.done) if made else None,
                )
            )

    stopped_early = False
    tell()
    with contextlib.closing(_ahead(source, state.done, total)) as batches, _memory_in_words(device):
        while True:
            epoch, step = divmod(state.done, source.steps)
            if step == 0 and validation is not None:
                if len(state.validation) == epoch:
                    state.note_validation(state.evaluate(validation), epoch)
                if settings.patience and epoch - state.best_epoch >= settings.patience:
                    stopped_early = state.done < total
                    break
            if state.done == total:
                break
            state.step(next(batches))
            asked = stop is not None and stop()
            if asked or state.done % settings.checkpoint_every == 0 or state.done % source.steps == 0:
                save()
            tell()
            if asked and state.done < total:
                raise Stopped(state.done, total, checkpoint)
    epochs = state.done // source.steps
    best = bool(settings.patience) and validation is not None
    return Trained(
        projection=state.projection(best),
        losses=np.array(state.losses).reshape(epochs, source.steps).mean(axis=1),
        validation=np.array(state.validation, np.float64),
        step_losses=np.array(state.losses, np.float64),
        epoch=state.best_epoch if best else epochs,
        stopped_early=stopped_early,
        resumed_at=resumed_at,
        device=str(device),
        seconds=time.monotonic() - began,
    )


def device_of(name: str) -> torch.device:
    """The device that a setting means.

    Raises
    ------
    UsageError
        When there is no CUDA and it was asked for.
    """
    there = bool(torch.cuda.is_available())
    if name == "cuda" and not there:
        raise UsageError("--device cuda", "torch finds no CUDA device here", "use --device auto or cpu")
    return torch.device("cuda" if there and name != "cpu" else "cpu")


def project(projection: Projection, weights: list[torch.Tensor], features: torch.Tensor) -> torch.Tensor:
    """`Projection.apply` in torch, for training: no row may be all zeros.

    Parameters
    ----------
    projection
        Gives the kind; its own layers are not used.
    weights
        Weight and bias of each layer in turn.
    features
        Shape ``(n, projection.features)``.
    """
    taken = features[:, :-1] / features[:, -1:] if projection.homogeneous else features
    vectors = taken
    for number in range(0, len(weights), 2):
        if number:
            vectors = torch.relu(vectors)
        vectors = torch.nn.functional.linear(vectors, weights[number], weights[number + 1])
    if projection.residual:
        vectors = vectors + taken
    return torch.nn.functional.normalize(vectors, dim=1)


class _State:
    """Weights, Adam's moments and the losses so far."""

    def __init__(self, projection: Projection, settings: TrainSettings, device: torch.device, loss: Loss) -> None:
        self._like = projection
        self._measure = loss
        self._settings = settings
        self._device = device
        self._names = list(projection.tensors())
        self._weights = [
            torch.tensor(array, device=device, requires_grad=True) for array in projection.tensors().values()
        ]
        self._adam = torch.optim.Adam(self._weights, lr=settings.lr, foreach=False)
        self._best = [weight.detach().clone() for weight in self._weights]
        self.losses: list[float] = []
        self.validation: list[float] = []
        self.best_epoch = 0

    @property
    def done(self) -> int:
        """Steps."""
        return len(self.losses)

    def step(self, batch: Batch) -> None:
        """One step of Adam."""
        self._adam.zero_grad(set_to_none=True)
        loss = self._loss(batch)
        value = float(loss.detach())
        if not np.isfinite(value):
            raise _diverged(self._settings, self.done)
        loss.backward()
        self._adam.step()
        self.losses.append(value)

    def evaluate(self, source: BatchSource) -> float:
        """Mean loss over the batches of a source's epoch 0."""
        with torch.no_grad():
            return float(np.mean([float(self._loss(source.batch(0, step))) for step in range(source.steps)]))

    def note_validation(self, loss: float, epoch: int) -> None:
        """Keep a validation loss, and the weights when it is the lowest so far."""
        self.validation.append(loss)
        if loss < min(self.validation[:-1], default=np.inf):
            self.best_epoch = epoch
            self._best = [weight.detach().clone() for weight in self._weights]

    def projection(self, best: bool) -> Projection:
        """The weights as they are, or those of the lowest validation loss."""
        arrays = [weight.detach().cpu().numpy() for weight in (self._best if best else self._weights)]
        tensors = dict(zip(self._names, arrays, strict=True))
        try:
            return from_tensors(tensors, self._like.kind, self._like.residual, self._like.homogeneous)
        except ValueError as error:
            raise _diverged(self._settings, self.done) from error

    def snapshot(self, identity: Mapping[str, str]) -> checkpoints.Checkpoint:
        """All of it."""
        tensors: dict[str, NDArray[Any]] = {
            "losses": np.array(self.losses, np.float64),
            "validation": np.array(self.validation, np.float64),
        }
        for name, weight, best in zip(self._names, self._weights, self._best, strict=True):
            tensors[name] = weight.detach().cpu().numpy()
            moments = self._adam.state[weight]
            tensors[f"adam.first.{name}"] = moments["exp_avg"].cpu().numpy()
            tensors[f"adam.second.{name}"] = moments["exp_avg_sq"].cpu().numpy()
            if self._settings.patience:
                tensors[f"best.{name}"] = best.cpu().numpy()
        return checkpoints.Checkpoint(identity, self.done, tensors)

    def restore(self, path: Path, identity: Mapping[str, str], total: int) -> None:
        """Take over a checkpoint, if there is one."""
        shapes = {name: tuple(weight.shape) for name, weight in zip(self._names, self._weights, strict=True)}
        kinds = ["adam.first.", "adam.second.", *(["best."] if self._settings.patience else [])]
        every = {prefix + name: shape for name, shape in shapes.items() for prefix in ["", *kinds]}
        found = checkpoints.load(path, identity, every)
        if found is None:
            return
        self.losses = [float(loss) for loss in found.tensors.get("losses", np.zeros(0)).reshape(-1)]
        self.validation = [float(loss) for loss in found.tensors.get("validation", np.zeros(0)).reshape(-1)]
        if found.done != len(self.losses) or found.done > total or not found.done:
            raise checkpoints.damaged(path)
        self.best_epoch = int(np.argmin(self.validation)) if self.validation else 0
        with torch.no_grad():
            for number, (name, weight) in enumerate(zip(self._names, self._weights, strict=True)):
                weight.copy_(torch.tensor(found.tensors[name]))
                self._adam.state[weight] = {
                    "step": torch.tensor(float(found.done)),
                    "exp_avg": torch.tensor(found.tensors[f"adam.first.{name}"], device=self._device),
                    "exp_avg_sq": torch.tensor(found.tensors[f"adam.second.{name}"], device=self._device),
                }
                if self._settings.patience:
                    self._best[number] = torch.tensor(found.tensors[f"best.{name}"], device=self._device)

    def _loss(self, batch: Batch) -> torch.Tensor:
        alpha, beta, left, right = (
            torch.from_numpy(array).to(self._device) for array in (batch.alpha, batch.beta, batch.left, batch.right)
        )
        alpha, beta = (project(self._like, self._weights, side) for side in (alpha, beta))
        return self._measure(alpha, beta, left, right, self._settings.temperature)


def _identity(
    source: BatchSource, projection: Projection, settings: TrainSettings, validation: BatchSource | None
) -> dict[str, str]:
    """What makes a run what it is, by names that a message can show."""
    identity = {
        name: str(value) for name, value in dataclasses.asdict(settings).items() if name not in NOT_OF_THE_RESULT
    }
    digest = hashlib.sha256(repr((projection.kind, projection.residual, projection.homogeneous)).encode())
    for name, array in projection.tensors().items():
        digest.update(f"{name}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    identity["initial weights"] = digest.hexdigest()[:16]
    identity["data"] = source.fingerprint[:16]
    identity["validation data"] = validation.fingerprint[:16] if validation is not None else "none"
    return identity


def _ahead(source: BatchSource, done: int, total: int) -> Generator[Batch, None, None]:
    """The batches of the steps from `done` on, each made while the step before it runs."""
    with ThreadPoolExecutor(1) as pool:

        def ask(number: int) -> Future[Batch]:
            return pool.submit(source.batch, *divmod(number, source.steps))

        coming = ask(done) if done < total else None
        for number in range(done, total):
            assert coming is not None
            batch = coming.result()
            coming = ask(number + 1) if number + 1 < total else None
            yield batch


def _diverged(settings: TrainSettings, step: int) -> AmcError:
    return UsageError(
        f"--lr {settings.lr:g}", f"the loss is no number any more at step {step}", "begin again with a lower one"
    )


@contextlib.contextmanager
def _memory_in_words(device: torch.device) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch's CPU allocator raises a plain RuntimeError
        if isinstance(error, MemoryError) or "memory" in str(error):
            raise UsageError("--batch", f"does not fit the memory of the {device}", "give a smaller one") from error
        raise
