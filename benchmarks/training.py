"""What Split-and-Contrast training costs: time and memory of an epoch over synthetic features, and of single steps.

    python benchmarks/training.py [--samples 200000] [--device cpu|cuda] [--mapped DIR] [--threads N]
    python benchmarks/training.py --compare [--split 5]

The first trains the projection (a residual MLP, 512 to 512) for one epoch at the paper's batch of 2,048 samples of ten
windows, by the trainer that users get, checkpoints included, and says what the paper's 20 epochs would cost. The
features of 200,000 samples are 4.1 GB; with --mapped they lie in a file, as they do for users who set a smaller
memory_gb. The second compares one step, loss and gradient, with equation (1) written with logsumexp and autograd, each
in a process of its own. Try a small --samples or --batch first. Other work on the machine makes the figures worse.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from amc_otio.config import TrainSettings  # noqa: E402


def synthetic(samples: int, frames: int, size: int, mapped: Path | None) -> np.ndarray:
    """Unit features of `samples` recordings that wander, (samples * frames, size), made in parts."""
    shape = (samples * frames, size)
    if mapped is None:
        features = np.empty(shape, np.float32)
    else:
        with tempfile.TemporaryFile(dir=mapped) as file:
            features = np.memmap(file, np.float32, "w+", shape=shape)
    generator = np.random.default_rng(0)
    for first in range(0, samples, 2000):
        count = min(2000, samples - first)
        places = generator.random((count, 1, size), np.float32) - np.float32(0.5)
        part = places + np.float32(0.5) * (generator.random((count, frames, size), np.float32) - np.float32(0.5))
        part /= np.linalg.norm(part, axis=2, keepdims=True)
        features[first * frames : (first + count) * frames] = part.reshape(-1, size)
    return features


def peak_gb() -> float:
    """Peak resident memory of this process, pages of mapped files included."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


@contextlib.contextmanager
def anonymous_peak() -> Iterator[list[float]]:
    """Peak of the memory that is no mapped file, in GB, by looking every 20 ms; Linux only."""
    peak = [0.0]
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.02):
            with contextlib.suppress(OSError):
                for line in Path("/proc/self/status").read_text().splitlines():
                    if line.startswith("RssAnon:"):
                        peak[0] = max(peak[0], int(line.split()[1]) * 1024 / 1e9)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def epoch(arguments: argparse.Namespace) -> None:
    """Train for an epoch and print what it took."""
    import torch

    from amc_otio.training.batches import SplitBatches
    from amc_otio.training.initial import on_top
    from amc_otio.training.trainer import device_of, train

    settings = dataclasses.replace(
        TrainSettings(), frames=arguments.frames, batch=arguments.batch, epochs=1, device=arguments.device
    )
    device = device_of(settings.device)
    began = time.perf_counter()
    features = synthetic(arguments.samples, arguments.frames, arguments.dimension, arguments.mapped)
    made = time.perf_counter() - began
    source = SplitBatches(
        features,
        np.arange(arguments.samples, dtype=np.int64) * arguments.frames,
        arguments.frames,
        arguments.batch,
        settings.seed,
        data="synthetic",
    )
    before = peak_gb()
    marks: list[float] = [time.perf_counter()]
    losses: list[float] = []

    def mark(progress: object) -> None:
        marks.append(time.perf_counter())
        losses.append(progress.loss)  # type: ignore[attr-defined]
        if arguments.verbose:
            print(f"step {progress.done}: {marks[-1] - marks[-2]:.2f} s", file=sys.stderr)  # type: ignore[attr-defined]

    with tempfile.TemporaryDirectory() as folder, anonymous_peak() as anonymous:
        projection = on_top("mlp", arguments.dimension)
        if device.type == "cuda":  # starting CUDA is not training
            torch.zeros(1, device=device)
        start = time.perf_counter()
        trained = train(source, projection, settings, checkpoint=Path(folder) / "c", progress=mark)
        took = time.perf_counter() - start
    steps = np.diff(marks[2:]) if len(marks) > 3 else np.diff(marks)
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print("| | |\n|---|---|")
    print(f"| where | {where} |")
    held = "mapped file" if arguments.mapped else "memory"
    print(f"| features | {features.nbytes / 1e9:.2f} GB in {held}, made in {made:.0f} s |")
    print(f"| samples, steps | {arguments.samples}, {source.steps} of up to {arguments.batch} x {arguments.frames} |")
    print(f"| loss, first and last step | {trained.step_losses[0]:.4f}, {trained.step_losses[-1]:.4f} |")
    print(f"| one epoch | {took:.1f} s |")
    print(f"| a step | median {np.median(steps):.3f} s, {steps.min():.3f} to {steps.max():.3f} s by the split |")
    print(f"| twenty epochs at this speed | {20 * took / 60:.1f} min |")
    print(f"| peak resident memory | {peak_gb():.2f} GB ({before:.2f} GB with the features made) |")
    print(f"| of it anonymous | {anonymous[0]:.2f} GB |")
    if device.type == "cuda":
        print(f"| peak memory of the GPU | {torch.cuda.max_memory_allocated() / 1e9:.2f} GB |")


def one_step(arguments: argparse.Namespace) -> None:
    """Time the loss and its gradient, by one of two ways, and print a table row."""
    import torch

    from amc_otio.training.loss import split_and_contrast

    def plain(frames: torch.Tensor, split: int, temperature: float) -> torch.Tensor:
        alpha = frames[:, :split].reshape(-1, frames.shape[2])
        beta = frames[:, split:].reshape(-1, frames.shape[2])
        pairs = (frames[:, split - 1] * frames[:, split]).sum(dim=1) / temperature
        every = alpha @ beta.t() / temperature
        return torch.logsumexp(every.reshape(-1), dim=0) - torch.logsumexp(pairs, dim=0)

    loss = {"blocks": split_and_contrast, "plain": plain}[arguments.way]
    features = synthetic(arguments.batch, arguments.frames, arguments.dimension, None)
    z = torch.from_numpy(features).view(arguments.batch, arguments.frames, -1).to(arguments.device)
    z.requires_grad_()
    before, best, value = peak_gb(), np.inf, 0.0
    for _ in range(arguments.repeats + 1):
        z.grad = None
        began = time.perf_counter()
        result = loss(z, arguments.split, 0.1)
        result.backward()
        value = float(result.detach())
        best = min(best, time.perf_counter() - began)
    print(f"| {arguments.way} | {best:.2f} | {peak_gb():.2f} | {peak_gb() - before:.2f} | {value:.6f} |")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--device", default="cpu", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--mapped", type=Path, metavar="DIR", help="keep the features in a file here")
    parser.add_argument("--threads", type=int, help="of torch on the CPU")
    parser.add_argument("--compare", action="store_true", help="one step against logsumexp and autograd")
    parser.add_argument("--split", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--way", choices=("blocks", "plain"), help=argparse.SUPPRESS)
    parser.add_argument("-v", "--verbose", action="store_true")
    arguments = parser.parse_args()
    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    if arguments.way:
        one_step(arguments)
    elif arguments.compare:
        print(f"split {arguments.split} of {arguments.frames}, batch {arguments.batch}, {arguments.dimension}-d")
        print("| loss | s a step | peak GB | GB above the features | value |\n|---|---|---|---|---|", flush=True)
        for way in ("blocks", "plain"):
            subprocess.run([sys.executable, __file__, *sys.argv[1:], "--way", way], check=True, env=os.environ)
    else:
        epoch(arguments)


if __name__ == "__main__":
    main()
