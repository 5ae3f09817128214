"""The one script to run with real LAION-CLAP weights: is everything that was proven on random weights so on them?

    python benchmarks/clap_check.py 630k-audioset-best.pt [--set FOLDER] [--clips 64]

1. reads and converts the checkpoint as ``amc-otio models add`` does, in a temporary folder, verified;
2. compares every window's vector with laion-clap's own code;
3. compares the nearest neighbours in every precision that this processor has the instructions for (``--forced``: all);
4. with ``--set``, a labelled set (docs/evaluation.md), prints rows of the paper's Table 1 for clap beside sfx and mfcc.

Needs ``amc-otio[clap]``. Nothing is fetched, and nothing written but to a temporary folder. The last line is PASSED or
FAILED.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import soundfile
import soxr

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from amc_otio.errors import AmcError  # noqa: E402
from amc_otio.evaluation.labelled_set import PROTOCOLS, LabelledSet, evaluate, read_labelled_set  # noqa: E402
from amc_otio.models import check  # noqa: E402
from amc_otio.models.add import LOWEST_COSINE, add  # noqa: E402
from amc_otio.models.checkpoint_file import checkpoint_path, open_checkpoint  # noqa: E402
from amc_otio.models.clap_checkpoint import canonical, size_of  # noqa: E402
from amc_otio.models.laion_reference import LaionReference  # noqa: E402
from amc_otio.models.sounds import windows  # noqa: E402
from amc_otio.representations import clap, cpu, create  # noqa: E402
from amc_otio.representations.base import Representation  # noqa: E402

RATE = 48_000


def clips_of(labelled: LabelledSet) -> np.ndarray:
    """Every clip of the set as one second at 48 kHz; what lies beyond its content is silence."""
    out = np.zeros((len(labelled.clips), RATE), np.float32)
    for row, clip in zip(out, labelled.clips, strict=True):
        samples, rate = soundfile.read(clip.path, dtype="float32")
        if rate != RATE:
            raise AmcError(clip.path, f"has a rate of {rate} Hz", "a set has clips of 48 kHz")
        content = min(round(clip.content_s * RATE), len(samples), RATE)
        row[:content] = samples[:content]
    return out


def embedded(representation: Representation, sounds: np.ndarray) -> np.ndarray:
    """Vectors of many windows, at the representation's own rate."""
    parts = []
    for first in range(0, len(sounds), 64):
        block = sounds[first : first + 64]
        if representation.sample_rate != RATE:
            block = np.stack([soxr.resample(y, RATE, representation.sample_rate) for y in block])
        parts.append(representation.embed(block))
    return np.concatenate(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--set", type=Path, help="folder of a labelled set")
    parser.add_argument("--clips", type=int, default=64, help="windows to compare (default: %(default)s)")
    parser.add_argument(
        "--forced", action="store_true", help="reduced precisions even without the instructions for them"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    failed: list[str] = []

    def judged(text: str, good: bool) -> None:
        print(f"{'ok  ' if good else 'BAD '} {text}", flush=True)
        if not good:
            failed.append(text)

    labelled = read_labelled_set(arguments.set) if arguments.set is not None else None
    with tempfile.TemporaryDirectory() as folder:
        path = checkpoint_path(arguments.checkpoint)
        model = add(path, name="checked", folder=Path(folder), say=lambda text: print(f"     {text}"))
        manifest = model.manifest
        print(f"     {path.name}: {manifest.source.bytes} bytes, SHA-256 {manifest.source.sha256}")
        print(f"     {manifest.architecture}, {manifest.layout}, converted: SHA-256 {manifest.onnx.sha256}")
        onnx = model.path(manifest.onnx)
        full = clap.ClapRepresentation(None, onnx)

        sounds = windows(arguments.clips)
        every = clips_of(labelled) if labelled is not None else None
        if every is not None:
            sounding = every[np.abs(every).max(axis=1) > 1e-3]
            sounds = sounding[:: max(1, len(sounding) // arguments.clips)][: arguments.clips]
        tensors, architecture = canonical(open_checkpoint(path))
        reference = LaionReference(tensors, size_of(architecture))
        theirs = np.concatenate([reference(sounds[i : i + 4]) for i in range(0, len(sounds), 4)])
        exact = full.embed(sounds)
        cosines = np.einsum("ij,ij->i", exact.astype(np.float64), theirs.astype(np.float64))
        judged(
            f"fp32 against laion-clap on {len(sounds)} windows: 1 - cos at most {1 - cosines.min():.1e}",
            bool(cosines.min() >= LOWEST_COSINE),
        )
        overlap = check.top_k_overlap(theirs, exact, check.TOP_K)
        judged(f"fp32 against laion-clap: {overlap:.2%} of the nearest {check.TOP_K} the same", overlap >= 0.99)

        for precision in ("int8", "bf16"):
            has = cpu.instructions()
            if arguments.forced:
                has = frozenset(cpu.NEEDED[precision])
            try:
                model = check.check_precision(model, precision, has, sounds)
            except AmcError as error:
                print(f"     left out: {error}")
                continue
            found = model.manifest.precisions[precision]
            judged(
                f"{precision} against fp32: lowest cosine {found.lowest_cosine:.5f}, mean {found.mean_cosine:.5f}, "
                f"{found.overlap:.2%} of the nearest {found.top_k} the same, {found.speed:.2f} times as fast",
                found.passed,
            )

        if labelled is not None and every is not None:
            print("\n| representation | protocol | queries | R-mAP | 95 % | HR@1 | HR@2 | HR@5 | P@5 | P@10 |")
            print("|---|---|---|---|---|---|---|---|---|---|")
            for name, representation in (("mfcc", create("mfcc")), ("sfx", create("sfx")), ("clap", full)):
                vectors = embedded(representation, every)
                for protocol in PROTOCOLS:
                    row = evaluate(labelled, lambda q, c, v=vectors: v[c] @ v[q], protocol)
                    values = (row.hr_1, row.hr_2, row.hr_5, row.p_5, row.p_10)
                    print(
                        f"| {name} | {protocol} | {row.queries} | {row.r_map:.3f} | {row.interval[0]:.3f} to "
                        f"{row.interval[1]:.3f} | " + " | ".join(f"{v:.3f}" for v in values) + " |",
                        flush=True,
                    )
    print("\nPASSED" if not failed else f"\nFAILED: {len(failed)} of the above")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AmcError as error:
        sys.exit(f"clap_check: {error}")
