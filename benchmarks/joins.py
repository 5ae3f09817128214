#!/usr/bin/env python3
"""Time the joins of one edit point with 100 candidates: benchmarks/joins.py [MEDIA …]; a Markdown table.

    python benchmarks/joins.py                       # the bundled sounds and film
    python benchmarks/joins.py ../footage            # a labelled set, or any files and folders of media

The sound is decoded beforehand; what decoding takes is a row of its own, and so is all that happens between the hits of
a search and the proposal (retrieve: decoding, copies, descriptors, joins). Every time is CPU time of one thread, the
median of the runs. The last column is against the paper's Max-SS and equation (2) written plainly with librosa, timed
in turn with the others; without librosa it is left out. Points are looked for in the whole of both windows, and with
a search in all that is looked at beside them: handles only ever leave less.
"""

# The number of threads must be set before NumPy is imported.
# ruff: noqa: E402

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import cProfile
import pstats
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from statistics import median

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from amc_otio.config import ANALYSIS_RATE, HOP, METHODS, N_FFT, SEARCH_S, EditSettings, JoinSettings, Settings
from amc_otio.errors import AmcError, MediaError
from amc_otio.joining.analysis import MARGIN, WINDOW, analyse
from amc_otio.joining.bounds import Bounds
from amc_otio.joining.join import find_join
from amc_otio.matching.grid import frame_grid
from amc_otio.matching.hits import Hit
from amc_otio.matching.query import Query, Sound, make_query, read_at, read_window
from amc_otio.matching.retrieve import Place, retrieve
from amc_otio.media.loudness import batch_loudness
from amc_otio.media.probe import probe
from amc_otio.proposals import MediaRecord
from amc_otio.representations import create
from amc_otio.timeline.slots import Slot

EXAMPLES = REPOSITORY / "examples"
SUFFIXES = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp4", ".m4a", ".mov", ".mkv", ".webm", ".mpg", ".mxf"}
GRIDS = {
    "24 fps": Fraction(24),
    "25 fps": Fraction(25),
    "30 fps": Fraction(30),
    "48 kHz track": Fraction(ANALYSIS_RATE),
}
SEARCHING = ("paper", "fitted")
EVERY = WINDOW // 4
"""Windows of one file begin so far apart, one after the other, until there are enough."""


@dataclass(frozen=True)
class Window:
    """One second of a file, from sample `start` at 48 kHz; the file has `length` samples."""

    path: Path
    start: int
    length: int


@dataclass(frozen=True)
class Case:
    """A row of the table."""

    method: str
    grid: str
    search_s: float = 0.0

    @property
    def reach(self) -> int:
        """Samples beyond the windows."""
        return round(self.search_s * ANALYSIS_RATE)


def media_files(given: Iterable[Path]) -> list[Path]:
    """Files, and the files of folders (the clips of a labelled set are such), that may hold sound."""
    found: list[Path] = []
    for path in given:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [file for file in inside if file.is_file() and (file == path or file.suffix.lower() in SUFFIXES)]
    return found


def windows_of(files: Iterable[Path], count: int, around: int = 0) -> list[Window]:
    """The first window of each file, then the second of each, and so on; `around` samples lie on either side of each.

    Only as many files as are needed are opened.
    """
    of_files: list[list[Window]] = []
    for path in files:
        try:
            length = round(probe(path).duration * ANALYSIS_RATE)
        except MediaError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        # A file shorter than a window is one window, as in a library.
        last = length - WINDOW - around if around or length >= WINDOW else 0
        starts = range(around, last + 1, EVERY)
        if starts:
            of_files.append([Window(path, start, length) for start in starts])
        if len(of_files) > count:
            break
    longest = max((len(windows) for windows in of_files), default=0)
    turns = [windows[turn] for turn in range(longest) for windows in of_files if turn < len(windows)]
    return turns[:count]


def bounds_of(reach: int) -> Bounds:
    """Every point may be cut, and every fade has room."""
    far = 10 * WINDOW + reach
    return Bounds(WINDOW, -far, far, -far, far, -far, far, -far, far)


def joined(case: Case, outgoing: np.ndarray, incoming: Iterable[np.ndarray]) -> None:
    """All that a case does with sound that was read: the query's spectra once, a join for each candidate."""
    grid = frame_grid(GRIDS[case.grid], Fraction(0), WINDOW, case.reach).samples
    settings = JoinSettings(method=case.method, search_s=case.search_s, max_gain_db=6.0)
    bounds = bounds_of(case.reach)
    query = analyse(outgoing, grid, case.reach)
    for samples in incoming:
        if find_join(query, analyse(samples, grid, case.reach), bounds, settings) is None:
            raise RuntimeError("no join was found")


def transcribed(outgoing: np.ndarray, incoming: Iterable[np.ndarray]) -> Callable[[], None] | None:
    """Section 2.4 as printed, with librosa: Max-SS on the paper's hop, and equation (2)."""
    try:
        import librosa
    except ImportError:
        return None

    def mel(samples: np.ndarray) -> np.ndarray:
        window = samples[MARGIN : MARGIN + WINDOW]
        return librosa.feature.melspectrogram(y=window, sr=ANALYSIS_RATE, n_fft=N_FFT, hop_length=HOP)

    def work() -> None:
        q = mel(outgoing)
        for samples in incoming:
            m = mel(samples)
            products = q.T @ m
            np.unravel_index(np.argmax(products), products.shape)
            cosines = products / np.maximum(np.outer(np.linalg.norm(q, axis=0), np.linalg.norm(m, axis=0)), 1e-20)
            1.0 / (np.var(cosines) * 8.0 + 1e-12)

    return work


def query_of(window: Window, rate: int, reach: int) -> Query:
    """The edit point at the end of a window."""
    used = Fraction(window.start, ANALYSIS_RATE), Fraction(window.start + WINDOW, ANALYSIS_RATE)
    sound = Sound(window.path, window.length, None)
    return make_query(sound, used, Fraction(24), "before", rate, -70.0, reach)


def retrieval(outgoing: Window, windows: list[Window], settings: Settings) -> Callable[[], int]:
    """What follows a search, for one edit point: `matching.retrieve` on hits with their real vectors."""
    encoder = create("sfx-match", threads=1)
    heard = np.stack([read_at(Sound(w.path, w.length, None), w.start, encoder.sample_rate) for w in windows])
    vectors = np.asarray(encoder.embed(heard), np.float32)
    loudness = batch_loudness(heard, encoder.sample_rate)
    place = Place(Slot(Fraction(1), Fraction(0), None, Fraction(0), Fraction(0), True, None), Fraction(24), settings)
    query = query_of(outgoing, encoder.sample_rate, place.reach)
    alike = vectors @ np.asarray(encoder.embed(query.window[None]), np.float32)[0]
    hits = [
        Hit(
            w.path,
            str(w.path),
            w.start,
            min(WINDOW, w.length - w.start),
            float(loudness[i]),
            float(alike[i]),
            vectors[i],
        )
        for i, w in enumerate(windows)
    ]
    hits.sort(key=lambda hit: -hit.similarity)
    lengths = {w.path: w.length for w in windows}

    def media_of(path: Path) -> MediaRecord:
        length = Fraction(lengths[path], ANALYSIS_RATE)
        return MediaRecord(str(path), path.as_uri(), path.stem, Fraction(0), length, Fraction(24), False, 1)

    def work() -> int:
        made = query_of(outgoing, encoder.sample_rate, place.reach)
        return len(retrieve(made, str(outgoing.path), hits, place, media_of)[0])

    return work


def timed(works: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median CPU seconds of each of `works`, taken in turn after one untimed run of each."""
    for work in works.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            start = time.process_time()
            work()
            taken[name].append(time.process_time() - start)
    return {name: median(times) for name, times in taken.items()}


def profiled(work: Callable[[], object]) -> None:
    """Print what one run of `work` spends its time on."""
    profile = cProfile.Profile()
    profile.runcall(work)
    pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


def read_all(windows: Iterable[Window], reach: int) -> list[np.ndarray]:
    """Windows with what is looked at around them."""
    return [read_window(Sound(w.path, w.length, None), w.start, reach) for w in windows]


def main() -> int:
    """Read, time, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("media", nargs="*", type=Path, help="files and folders (default: the bundled examples)")
    parser.add_argument("--candidates", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--search", type=float, default=SEARCH_S, metavar="S", help="on either side; 0 leaves it out")
    parser.add_argument("--profile", metavar="METHOD", help="profile one method instead; with a search, METHOD+search")
    arguments = parser.parse_args()
    count, repeats = arguments.candidates, arguments.repeats
    try:
        files = media_files(arguments.media or [EXAMPLES / "sounds", EXAMPLES / "media"])
        plain = windows_of(files, count + 1)
        search = round(arguments.search * ANALYSIS_RATE)
        # Only long recordings hold sound all the way; where there is none, silence is searched.
        wide = (windows_of(files, count + 1, MARGIN + search) or plain) if search else []
        if len(plain) < 2 or (search and len(wide) < 2):
            raise MediaError("the media", "hold too little sound", "give longer files, or more of them")
        sounds = {0: read_all(plain, 0)}
        if search:
            sounds[search] = read_all(wide, search)
    except AmcError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.profile:
        method, searching = arguments.profile.removesuffix("+search"), arguments.profile.endswith("+search")
        case = Case(method, "24 fps", arguments.search if searching else 0.0)
        work = lambda: joined(case, sounds[case.reach][0], sounds[case.reach][1:])  # noqa: E731
        work()
        profiled(work)
        return 0
    cases = [Case(method, grid) for grid in GRIDS for method in METHODS]
    cases += [Case(method, grid, arguments.search) for grid in GRIDS for method in SEARCHING if search]
    works: dict[str, Callable[[], object]] = {}
    for case in cases:
        reads = sounds[case.reach]
        label = f"{case.method} | {case.grid} | {case.search_s:g} s"
        works[label] = lambda case=case, reads=reads: joined(case, reads[0], reads[1:])
    reference = transcribed(sounds[0][0], sounds[0][1:])
    if reference is not None:
        works[REFERENCE] = reference
    times = timed(works, repeats)
    settings = Settings()
    settings = replace(
        settings,
        match=replace(settings.match, k=count, per_source=0, max_level_step_lu=0.0),
        join=replace(settings.join, method="paper"),
        edit=EditSettings(),
    )
    whole = retrieval(plain[0], plain[1:], settings)
    slow = timed({"decoding": lambda: read_all(plain[1:], 0), "retrieve": whole}, max(1, repeats // 3))
    report(times, slow, len(plain) - 1, whole(), len(wide) - 1 if search else 0, len({w.path for w in plain[1:]}))
    return 0


REFERENCE = "librosa, Max-SS and equation (2) | the paper's hop | 0 s"


def report(times: dict[str, float], slow: dict[str, float], plain: int, kept: int, wide: int, files: int) -> None:
    """Print the table."""
    base = times.get(REFERENCE)

    def per_hundred(seconds: float, candidates: int) -> str:
        return f"{100_000 * seconds / candidates:.0f}"

    searched = f", {wide} with a search" if wide else ""
    print(f"{plain} candidates from {files} files{searched}; NumPy {np.__version__}; CPU time of one thread\n")
    print("| method | points | search | ms for 100 candidates | against librosa |")
    print("|---|---|---|---|---|")
    for name, seconds in times.items():
        used = plain if name.endswith("| 0 s") else wide
        ratio = f"{base / plain / (seconds / used):.1f} times as fast" if base else ""
        print(f"| {name} | {per_hundred(seconds, used)} | {ratio} |")
    print(f"| decoding | | 0 s | {per_hundred(slow['decoding'], plain)} | |")
    print(f"| retrieve, paper ({kept} of {plain} proposed) | 24 fps | 0 s | {per_hundred(slow['retrieve'], plain)} | |")


if __name__ == "__main__":
    sys.exit(main())
