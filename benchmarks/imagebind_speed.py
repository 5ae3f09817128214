"""How fast ImageBind's audio tower is: onnxruntime against the same architecture in torch, as a Markdown table.

    python benchmarks/imagebind_speed.py [--threads 1] [--batch 8] [--windows 24] [--repeats 2]

The weights are random, of the published size: speed does not depend on their values. torch runs the plain network
of tests/imagebind_reference.py in float32 and inference mode, one window at a time (as ImageBind's README calls it)
and in batches; onnxruntime runs what a user runs. Both are given the log-mel, which is timed on its own. The order of
the rows is that of the runs; each figure is the best of the repeats. Believe the ratios.
"""

# The number of threads must be set before NumPy is imported.
# ruff: noqa: E402

from __future__ import annotations

import os
import sys

_THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv[:-1] else "1"
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = _THREADS

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

import imagebind_reference as reference
import onnx
import onnxruntime
import torch

from amc_otio.models.imagebind_checkpoint import canonical
from amc_otio.models.imagebind_graph import build
from amc_otio.representations.imagebind import INPUT, OUTPUT, log_mel
from amc_otio.representations.sessions import OnnxruntimeSession


def seconds(work: Callable[[np.ndarray], object], pictures: np.ndarray, batch: int, repeats: int) -> float:
    """Shortest time for all pictures in batches, after one untimed batch."""
    work(pictures[:batch])
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        for first in range(0, len(pictures), batch):
            work(pictures[first : first + batch])
        best = min(best, time.perf_counter() - start)
    return float(best)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--windows", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    windows = (0.1 * np.random.default_rng(0).standard_normal((arguments.windows, 16_000))).astype(np.float32)
    pictures = log_mel(windows)
    tensors = canonical(reference.random_tensors())
    in_torch = reference.plain_network(tensors, double=False)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "imagebind.onnx"
        onnx.save_model(build(tensors), path)
        session = OnnxruntimeSession(path, arguments.threads, "imagebind")

    def in_onnxruntime(picture: np.ndarray) -> np.ndarray:
        return session.run(OUTPUT, {INPUT: picture})

    rows = [
        (f"{name}, batch {batch}", seconds(work, pictures, batch, arguments.repeats))
        for name, work in (("torch", in_torch), ("onnxruntime", in_onnxruntime))
        for batch in dict.fromkeys((1, arguments.batch))
    ]
    rows.append(("the log-mel alone, NumPy", seconds(log_mel, windows, arguments.batch, arguments.repeats)))
    print(f"{len(windows)} windows, {arguments.threads} thread(s); ", end="")
    print(f"torch {torch.__version__}, onnxruntime {onnxruntime.__version__}, NumPy {np.__version__}\n")
    print("| what | ms a window | windows a second | times as fast as torch, batch 1 |")
    print("|---|---|---|---|")
    for what, took in rows:
        ratio = f"{rows[0][1] / took:.2f}" if "log-mel" not in what else "-"
        print(f"| {what} | {1000 * took / len(windows):.1f} | {len(windows) / took:.1f} | {ratio} |")


if __name__ == "__main__":
    main()
