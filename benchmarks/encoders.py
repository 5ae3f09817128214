"""Windows a second of the network encoders: laion-clap's own code as its README uses it, clap here, and sfx.

    python benchmarks/encoders.py [--threads 1 2] [--rounds 3] [--checkpoint FILE]

Needs ``amc-otio[clap]``; bf16 and OpenVINO are measured where openvino is installed. Random weights unless a checkpoint
is given: speed does not depend on them, the distance of a reduced precision from fp32 does. laion-clap's figure
includes what its ``get_audio_embedding_from_data`` does: the round trip through 16 bits, repeating to ten seconds,
torchlibrosa's spectrogram, and keeping what gradients need (``--no-gradients`` spares it that). Everything is run in
turn within one process, round after round, and the fastest round counts: other work on the machine only ever makes
things slower. Believe the ratios.
"""

# The number of threads must be set before NumPy is imported.
# ruff: noqa: E402

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soxr

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from amc_otio.errors import AmcError
from amc_otio.models import check
from amc_otio.models.add import add
from amc_otio.models.checkpoint_file import checkpoint_path, open_checkpoint
from amc_otio.models.clap_checkpoint import canonical, size_of
from amc_otio.models.laion_reference import LaionReference
from amc_otio.models.sounds import windows
from amc_otio.representations import clap, cpu, create
from amc_otio.representations.model_files import Model

Work = Callable[[np.ndarray], np.ndarray]


def forms(model: Model, threads: int, forced: bool) -> dict[str, clap.ClapRepresentation]:
    """Every way in which the model can be run here; a note for those that cannot."""
    path = model.path(model.manifest.onnx)
    made: dict[str, clap.ClapRepresentation] = {"clap, fp32": clap.ClapRepresentation(threads, path)}
    try:
        openvino = clap.ClapRepresentation(threads, path, engine="openvino")
        openvino.embed(windows(1))
        made["clap, fp32 by OpenVINO"] = openvino
    except AmcError as error:
        print(f"left out: {error}")
    for precision in ("int8", "bf16"):
        reason = cpu.refusal(precision, cpu.instructions())
        if reason and not forced:
            print(f"left out: clap-{precision}: {reason}")
            continue
        try:
            reduced = clap.ClapRepresentation(threads, path, precision, unchecked=True)
            reduced.embed(windows(1))
            made[f"clap-{precision}"] = reduced
        except AmcError as error:
            print(f"left out: {error}")
    return made


def measured(works: dict[str, tuple[Work, int]], sounds: np.ndarray, rounds: int) -> dict[str, float]:
    """Seconds a window of each, the fastest of the rounds; they take turns."""
    best = dict.fromkeys(works, float("inf"))
    for turn in range(rounds + 1):
        for name, (work, count) in works.items():
            start = time.perf_counter()
            work(sounds[:count])
            if turn:  # the first round warms up
                best[name] = min(best[name], (time.perf_counter() - start) / count)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--windows", type=int, default=16, help="windows of one round (default: %(default)s)")
    parser.add_argument("--checkpoint", type=Path, help="a CLAP checkpoint; random weights without it")
    parser.add_argument(
        "--forced", action="store_true", help="reduced precisions even without the instructions for them"
    )
    parser.add_argument("--no-gradients", action="store_true", help="run laion-clap under torch.no_grad")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    import torch

    with tempfile.TemporaryDirectory() as folder:
        path = arguments.checkpoint
        if path is None:
            import checkpoints

            path = checkpoints.write_state(
                Path(folder) / "random.pt", checkpoints.laion_names(checkpoints.random_tower(checkpoints.TINY))
            )
        tensors, architecture = canonical(open_checkpoint(checkpoint_path(path)))
        reference = LaionReference(tensors, size_of(architecture), gradients=not arguments.no_gradients)
        model = add(path, name="measured", folder=Path(folder), unverified=True)
        has = cpu.instructions()
        if arguments.forced or not cpu.refusal("int8", has):
            model = check.check_precision(model, "int8", frozenset({"avx512_vnni"}) if arguments.forced else has)
        sounds = windows(arguments.windows)
        count = len(sounds)
        resampled = np.stack([soxr.resample(y, 48_000, 44_100) for y in sounds])
        for threads in arguments.threads:
            torch.set_num_threads(threads)
            few = min(4, count)
            works: dict[str, tuple[Work, int]] = {
                "laion-clap, batch 1": (lambda w: np.concatenate([reference(one[None]) for one in w]), few),
                "laion-clap, batch 16": (reference, min(16, count)),
            }
            made = forms(model, threads, arguments.forced)
            for name, representation in made.items():
                works[name] = (representation.embed, count)
            sfx = create("sfx", threads=threads)
            works["sfx"] = (lambda w, sfx=sfx: sfx.embed(resampled[: len(w)]), count)
            seconds = measured(works, sounds, arguments.rounds)
            exact = reference(sounds)
            print(f"\n{threads} thread(s), {count} windows, {model.manifest.architecture}, torch {torch.__version__}\n")
            print("| encoder | ms a window | windows a second | to batch 1 | to batch 16 | 1 - cos to laion-clap |")
            print("|---|---|---|---|---|---|")
            for name, took in seconds.items():
                ratios = [seconds[f"laion-clap, batch {b}"] / took for b in (1, 16)]
                apart = "-"
                if name in made:
                    apart = f"{1 - np.einsum('ij,ij->i', made[name].embed(sounds), exact).min():.1e}"
                print(
                    f"| {name} | {1000 * took:.1f} | {1 / took:.1f} | {ratios[0]:.2f} | {ratios[1]:.2f} | {apart} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
