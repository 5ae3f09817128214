#!/usr/bin/env python3
"""Print the paper's Table 1 for a labelled set: benchmarks/retrieval.py SET [--representations …] [--shift].

The table is `amc-otio evaluate`'s. A second one compares the top 10 of the library's own index (Annoy where it is
installed) with exact search on the same vectors.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from amc_otio.evaluation.clip_files import clip_paths
from amc_otio.evaluation.embed import CLIPS_FOLDER, searcher_of
from amc_otio.evaluation.evaluate import evaluate_set, vectors_of
from amc_otio.evaluation.judged import distinct, parse_representation
from amc_otio.evaluation.labelled_set import read_labelled_set
from amc_otio.evaluation.markdown import to_markdown
from amc_otio.library.library import Library

NAMES = ("random", "mfcc", "mel", "sfx", "sfx-match")


def main() -> None:
    """Index, rank, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path)
    parser.add_argument("--representations", metavar="NAME[=WEIGHTS]", nargs="+", default=list(NAMES))
    parser.add_argument("--baseline", metavar="NAME")
    parser.add_argument("--shift", action="store_true", help="one-shots lie at a random place in their second")
    parser.add_argument("--library", type=Path, help="keep the vectors here (default: nowhere)")
    arguments = parser.parse_args()
    specs = distinct([parse_representation(text) for text in arguments.representations])
    labelled = read_labelled_set(arguments.set)
    with tempfile.TemporaryDirectory() as folder:
        where = arguments.library or Path(folder) / "library"
        report = evaluate_set(labelled, specs, baseline=arguments.baseline, shift=arguments.shift, library=where)
        print(to_markdown(report))
        print("\n| representation | index | recall@10 against exact search |\n|---|---|---|")
        with Library.open(where) as library:
            paths = clip_paths(labelled, arguments.shift, library.folder / CLIPS_FOLDER)
            for spec in specs:
                exact, searcher = (searcher_of(library, spec, paths, kind) for kind in ("exact", "auto"))
                vectors = vectors_of(labelled, spec, shift=arguments.shift, library=where)
                queries = vectors[:: max(1, len(vectors) // 500)]
                truth, found = (one.search(queries, 10)[0] for one in (exact, searcher))
                shares = [len(set(f) & set(t)) / max(1, len(set(t))) for f, t in zip(found, truth, strict=True)]
                print(f"| {spec.label} | {searcher.kind} | {np.mean(shares):.4f} |", flush=True)


if __name__ == "__main__":
    main()
