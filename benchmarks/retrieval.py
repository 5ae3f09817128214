#!/usr/bin/env python3
"""Print the paper's Table 1 for a labelled set: benchmarks/retrieval.py SET [--representations …] [--shift].

Everything goes the way a user's sound goes: the clips are indexed into a library, the vectors come from its shards,
and whole-gallery rankings from its searcher. The last table compares the top 10 of the library's own index (Annoy
where it is installed) with exact search.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from amc_otio.config import ANALYSIS_RATE
from amc_otio.evaluation.labelled_set import PROTOCOLS, LabelledSet, evaluate, read_labelled_set
from amc_otio.library.library import Library
from amc_otio.representations import create

NAMES = ("random", "mfcc", "mel", "sfx")


def write_clips(labelled: LabelledSet, folder: Path, shift: bool) -> list[Path]:
    """Write each clip as the set asks for it: what lies beyond its content is silence again, as before the codec."""
    paths = []
    for clip in labelled.clips:
        samples, rate = soundfile.read(clip.path, dtype="float32")
        assert rate == ANALYSIS_RATE
        whole = np.zeros(rate, np.float32)
        content = round(clip.content_s * rate)
        whole[:content] = samples[:content]
        path = folder / f"{clip.name}.wav"
        soundfile.write(path, np.roll(whole, clip.shift) if shift else whole, rate, subtype="FLOAT")
        paths.append(path)
    return paths


def library_vectors(library: Library, name: str, paths: list[Path]) -> tuple[np.ndarray, float | None, str]:
    """The clips' vectors in their order, recall@10 of the index against exact search, and the index's kind."""
    representation = create(name)
    searcher = library.searcher(representation, paths=paths, kind="auto")
    exact = library.searcher(representation, paths=paths, kind="exact")
    where = {searcher.window(i).path.name: i for i in range(len(searcher))}
    rows = np.array([where[p.name] for p in paths])
    vectors = searcher.vectors(rows)
    queries = vectors[:: max(1, len(vectors) // 500)]
    found, _ = searcher.search(queries, 10)
    truth, _ = exact.search(queries, 10)
    recall = float(np.mean([len(set(f) & set(t)) / max(1, len(set(t))) for f, t in zip(found, truth, strict=True)]))
    return vectors, recall, searcher.kind


def main() -> None:
    """Index, rank, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path)
    parser.add_argument("--representations", nargs="+", default=list(NAMES))
    parser.add_argument("--shift", action="store_true", help="one-shots lie at a random place in their second")
    arguments = parser.parse_args()
    labelled = read_labelled_set(arguments.set)
    print(f"{len(labelled.clips)} clips{', shifted' if arguments.shift else ''}\n")
    print("| representation | protocol | queries | R-mAP | 95 % | HR@1 | HR@2 | HR@5 | P@5 | P@10 |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    recalls = []
    with tempfile.TemporaryDirectory() as folder:
        clips = Path(folder) / "clips"
        clips.mkdir()
        paths = write_clips(labelled, clips, arguments.shift)
        library = Library.open(Path(folder) / "library")
        for name in arguments.representations:
            report = library.index(paths, name)
            assert not report.failed, report.failed[:3]
            vectors, recall, kind = library_vectors(library, name, paths)
            recalls.append((name, kind, recall))
            for protocol in PROTOCOLS:
                row = evaluate(labelled, lambda q, c, v=vectors: v[c] @ v[q], protocol)
                values = (row.hr_1, row.hr_2, row.hr_5, row.p_5, row.p_10)
                print(
                    f"| {name} | {protocol} | {row.queries} | {row.r_map:.3f} | {row.interval[0]:.3f} to "
                    f"{row.interval[1]:.3f} | " + " | ".join(f"{v:.3f}" for v in values) + " |",
                    flush=True,
                )
    print("\n| representation | index | recall@10 against exact search |\n|---|---|---|")
    for name, kind, recall in recalls:
        print(f"| {name} | {kind} | {recall:.4f} |")


if __name__ == "__main__":
    main()
