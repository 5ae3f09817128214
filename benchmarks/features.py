"""How fast the representations are, side by side on the same samples: a Markdown table.

    python benchmarks/features.py [--clips DIR] [--windows 240] [--repeats 5]

mel and mfcc against librosa called window by window, one thread each; sfx with one thread, with two, and as two
processes of one thread. With AISFX=FOLDER (the unzipped aisfx 0.1.2 wheel) and torch installed, the wheel's own code is
timed too. Decoding and resampling are not counted. Each figure is the best of the repeats: other work on the machine
only ever makes them slower. Believe the ratios.
"""

# The number of threads must be set before NumPy is imported.
# ruff: noqa: E402

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from amc_otio.representations import create
from amc_otio.representations.spectral import mel_spectrogram, mfcc

SETTINGS = {"sr": 48_000, "n_fft": 2048, "hop_length": 1024}


def load(folder: Path, count: int) -> np.ndarray:
    """`count` one-second windows at 48 kHz; when there are fewer sounds, they come again, moved in time."""
    paths = sorted(folder.glob("*.ogg"))[:count]
    sounds = [soundfile.read(path, dtype="float32")[0] for path in paths]
    return np.stack([np.roll(sounds[i % len(sounds)], 997 * (i // len(sounds))) for i in range(count)])


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Shortest time of `work` after one untimed run."""
    work()
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return float(best)


def embed_repeatedly(windows: np.ndarray, repeats: int, ready: object, times: object) -> None:
    """Body of a worker: warm up, wait for the others, embed, report the time."""
    representation = create("sfx", threads=1)
    representation.embed(windows[:16])
    ready.wait()  # type: ignore[attr-defined]
    start = time.perf_counter()
    for _ in range(repeats):
        representation.embed(windows)
    times.put(time.perf_counter() - start)  # type: ignore[attr-defined]


def two_processes(windows: np.ndarray, repeats: int) -> float:
    """Seconds for `windows` when two processes of one thread share them, averaged over the repeats."""
    context = multiprocessing.get_context("spawn")
    ready, times = context.Barrier(2), context.Queue()
    workers = [
        context.Process(target=embed_repeatedly, args=(half, repeats, ready, times))
        for half in np.array_split(windows, 2)
    ]
    for worker in workers:
        worker.start()
    slowest = max(times.get() for _ in workers)
    for worker in workers:
        worker.join()
    return float(slowest) / repeats


def wheel_code(package: Path, windows: np.ndarray) -> Callable[[], object] | None:
    """The wheel's own network and librosa's spectrogram, window by window, on one thread of torch."""
    try:
        import librosa
        import torch
    except ImportError as error:
        print(f"the wheel's own code is left out: {error}\n")
        return None
    sys.path[:0] = [str(package), str(REPOSITORY / "benchmarks")]
    from aisfx.models.cnn2d import EmbeddingNet
    from aisfx.preprocessing import blocking, spectrogram_normalize
    from make_sfx_weights import CHECKPOINT, read_encoder

    torch.set_num_threads(1)
    checkpoint = package / CHECKPOINT
    tensors = read_encoder(checkpoint.read_bytes(), checkpoint)
    network = EmbeddingNet("max", 3, 1, 64)
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()})
    network.eval()

    def work() -> None:
        for y in windows:
            mel = librosa.feature.melspectrogram(
                y=y / (np.abs(y).max() or 1), sr=44_100, n_mels=96, norm=1.0, fmin=0, fmax=22_050, htk=True, power=2.0,
                hop_length=1024, win_length=2048,
            )  # fmt: skip
            frames = spectrogram_normalize(np.log10(mel * 10_000.0 + 1.0)).T
            with torch.no_grad():
                network(torch.Tensor(blocking(frames, 100, 50, False)))

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=Path, default=REPOSITORY / "examples" / "sounds", help="folder of .ogg clips")
    parser.add_argument("--windows", type=int, default=240)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    import librosa

    windows, repeats = load(arguments.clips, arguments.windows), arguments.repeats
    count = len(windows)
    rows: list[tuple[str, str, float, float]] = []  # what, threads, seconds for all, seconds of what it is compared to

    for name, ours, theirs in (
        ("mel", mel_spectrogram, librosa.feature.melspectrogram),
        ("mfcc", mfcc, librosa.feature.mfcc),
    ):
        base = seconds(lambda theirs=theirs: [theirs(y=y, **SETTINGS) for y in windows], max(1, repeats // 2))
        rows.append((f"{name}, librosa, window by window", "1", base, base))
        rows.append((f"{name}, here, batched", "1", seconds(lambda ours=ours: ours(windows, 48_000), repeats), base))

    resampled = np.stack([soxr.resample(y, 48_000, 44_100) for y in windows])
    original = None
    if "AISFX" in os.environ:
        work = wheel_code(Path(os.environ["AISFX"]), resampled[:48])
        if work is not None:
            original = seconds(work, 1) * count / len(resampled[:48])
            rows.append(("sfx, the aisfx wheel's own code, padded to 100 frames", "1", original, original))
    one = create("sfx", threads=1)
    base = seconds(lambda: one.embed(resampled), max(1, repeats // 2))
    compared = original or base
    rows.append(("sfx, here", "1", base, compared))
    two = create("sfx", threads=2)
    rows.append(("sfx, here", "2", seconds(lambda: two.embed(resampled), max(1, repeats // 2)), compared))
    rows.append(("sfx, here, two processes", "1 + 1", two_processes(resampled, 2), compared))

    print(f"{count} windows of one second; NumPy {np.__version__}, librosa {librosa.__version__}\n")
    print("| features | threads | ms a window | windows a second | times as fast |")
    print("|---|---|---|---|---|")
    for what, threads, took, reference in rows:
        print(f"| {what} | {threads} | {1000 * took / count:.2f} | {count / took:.0f} | {reference / took:.1f} |")


if __name__ == "__main__":
    main()
