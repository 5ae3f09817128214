"""How fast a library is filled, decoding and all, and how fast it is the second time: Markdown tables.

    python benchmarks/index.py [--data ../shared/data] [--minutes 60] [--clips 3000] [--workers 2] [--no-features]

First the features alone, side by side with librosa (benchmarks/features.py), then whole indexing runs: about an hour
of films and long sound files made from the films of the data folder, and its one-second clips. The last table is a
second run over the same media, in a process of its own. Other work on the machine only makes figures worse.
"""

# The number of threads must be set before NumPy is imported; several workers are several processes.
# ruff: noqa: E402

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import json
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from amc_otio.library import Library
from amc_otio.media.windows import iter_windows

REPRESENTATIONS = ("random", "mfcc", "mel", "sfx", "sfx-match")
RATE = 48_000
LONG_S = 600

AGAIN = """
import json, sys, time
began = time.perf_counter()
from amc_otio.library import Library
folder, representation, *paths = sys.argv[1:]
with Library.open(folder, create=False) as library:
    opened = time.perf_counter()
    report = library.index(paths, representation)
    done = time.perf_counter()
assert report.embedded == 0 and report.reused
print(json.dumps([done - opened, done - began, report.reused, report.seconds]))
"""


def make_media(films: Path, folder: Path, minutes: float) -> None:
    """Fill `folder` with about `minutes` of sound: five parts long WAV and FLAC, one part films that carry pictures."""
    sources = [p for p in sorted(films.iterdir()) if p.suffix in (".mp4", ".webm", ".mpg")]
    sound = np.concatenate([batch.samples.reshape(-1) for path in sources for batch in iter_windows(path, RATE)])
    generator = np.random.default_rng(0)
    for number in range(max(1, round(minutes * 60 * 5 / 6 / LONG_S))):
        # Another order of seconds each time, so that no file is like another.
        seconds = sound.reshape(-1, RATE)
        picked = seconds[generator.integers(0, len(seconds), LONG_S)].reshape(-1)
        path = folder / f"long{number}.{'flac' if number % 2 else 'wav'}"
        soundfile.write(path, picked, RATE, subtype="PCM_16")
    left = minutes * 60 / 6
    number = 0
    while left > 0:
        path = sources[number % len(sources)]
        if path.suffix == ".mp4":
            # A box that players skip makes the copy a new content.
            box = secrets.token_bytes(16)
            (folder / f"film{number}.mp4").write_bytes(
                path.read_bytes() + (8 + len(box)).to_bytes(4, "big") + b"free" + box
            )
            left -= seconds_of(path)
        number += 1


def seconds_of(path: Path) -> float:
    """Length of a film's sound."""
    return float(sum(batch.valid.sum() for batch in iter_windows(path, RATE))) / RATE


def cpu_seconds() -> float:
    """Processor time of this process and of the workers that have ended: what other work does not change much."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--clips", type=int, default=3000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--representations", nargs="+", default=list(REPRESENTATIONS))
    parser.add_argument("--no-features", action="store_true", help="leave out benchmarks/features.py")
    arguments = parser.parse_args()
    if not arguments.no_features:
        clips = arguments.data / "retrieval-dev" / "clips"
        subprocess.run([sys.executable, REPOSITORY / "benchmarks" / "features.py", "--clips", clips], check=True)
        print()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        media = root / "media"
        media.mkdir()
        make_media(arguments.data / "video", media, arguments.minutes)
        clips_list = sorted((arguments.data / "retrieval-dev" / "clips").glob("*.ogg"))[: arguments.clips]
        sets = {"films and long files": [media], f"{len(clips_list)} one-second clips": clips_list}
        print("Indexing, decoding included\n")
        print(
            "| representation | media | workers | sound | took | times real time | windows a second | CPU ms a window |"
        )
        print("|---|---|---|---|---|---|---|---|")
        again: list[tuple[str, str, Path]] = []
        for representation in arguments.representations:
            for name, paths in sets.items():
                for workers in arguments.workers:
                    folder = root / f"lib-{representation}-{len(again)}-{workers}"
                    threads = 1 if workers == 1 else None
                    began, cpu = time.perf_counter(), cpu_seconds()
                    with Library.open(folder) as library:
                        report = library.index(paths, representation, workers=workers, threads=threads)
                    took, cpu = time.perf_counter() - began, cpu_seconds() - cpu
                    assert not report.failed, report.failed
                    speed = f"{report.seconds / took:.0f} | {report.windows / took:.0f}"
                    cost = f"{1000 * cpu / report.windows:.1f}"
                    what = f"{representation} | {name} | {workers} | {report.seconds / 60:.1f} min"
                    print(f"| {what} | {took:.1f} s | {speed} | {cost} |", flush=True)
                again.append((representation, name, folder))
        print("\nA second run over the same media\n")
        print("| representation | media | sources | sound | index() | with imports |")
        print("|---|---|---|---|---|---|")
        for representation, name, folder in again:
            command = [sys.executable, "-c", AGAIN, str(folder), representation, *map(str, sets[name])]
            environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
            index_s, whole_s, sources, seconds = json.loads(done.stdout)
            times = f"{index_s:.3f} s | {whole_s:.3f} s"
            print(f"| {representation} | {name} | {sources} | {seconds / 60:.1f} min | {times} |")


if __name__ == "__main__":
    main()
