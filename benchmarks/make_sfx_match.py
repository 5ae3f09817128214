#!/usr/bin/env python3
"""Make ``amc_otio/representations/weights/sfx-match.safetensors``: make_sfx_match.py POOL.csv ROOT SET OUT

The statistics of the representation ``sfx-match``: the mean and the spread of the sfx network's poolings over the sound
effects of a pool (see ``benchmarks/pool.py`` for POOL.csv and ROOT). Packages that the labelled set SET is cut from are
left out, sounds and all, so that what is measured on SET was never fitted on. No label is used.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from pathlib import Path

import numpy as np
from pool import read_pool
from safetensors.numpy import save

from amc_otio.representations import sfx, sfx_match
from amc_otio.representations.sessions import OnnxruntimeSession

SHRINKAGE = 20.0
"""How many times the mean variance is added to each direction's before whitening. 10 to 100 hardly differ."""
DIMENSION = 512


def whitening(rows: np.ndarray, shrinkage: float = SHRINKAGE, dimension: int = DIMENSION) -> np.ndarray:
    """Whitening of centred rows, shrunk towards the identity, on the directions of the largest variance.

    Returns
    -------
    numpy.ndarray
        Shape ``(columns of rows, dimension)``, float64.
    """
    variances, directions = np.linalg.eigh(np.cov(rows.T))
    variances, directions = variances[::-1][:dimension], directions[:, ::-1][:, :dimension]
    # The sign of an eigenvector is the solver's choice: here its largest entry is positive.
    directions = directions * np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(dimension)])
    mean = np.trace(np.cov(rows.T)) / rows.shape[1]
    return directions * np.sqrt(mean / (np.maximum(variances, 0.0) + shrinkage * mean))


def main() -> None:
    """Read, fit, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("pool", "root", "set", "out"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    with (arguments.set / "clips.csv").open(newline="", encoding="utf-8") as file:
        judged = {row["package"] for row in csv.DictReader(file)}
    session = OnnxruntimeSession(sfx.read_weights(sfx.WEIGHTS), None, "sfx")
    rows, packages, files = [], set(), 0
    for held in read_pool(arguments.pool, arguments.root, judged):
        rows.append(sfx_match.pooled(held.windows, session))
        packages.add(held.package)
        files += 1
    poolings = np.concatenate(rows)
    mean = poolings.mean(axis=0, dtype=np.float64).astype(np.float32)
    matrix = whitening(sfx_match.centred(poolings, mean))
    data = save({"mean": mean, "whitening": matrix.astype(np.float16)})
    arguments.out.write_bytes(data)
    print(f"{len(poolings)} windows of {files} files of {len(packages)} packages: {', '.join(sorted(packages))}")
    print(f"{hashlib.sha256(data).hexdigest()}  {arguments.out}  {len(data)} bytes")


if __name__ == "__main__":
    main()
