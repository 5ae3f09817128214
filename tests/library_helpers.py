"""What the library's tests share: small sounds, small shards, a picture of a library's content."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import soundfile

from amc_otio.library.layout import Layout
from amc_otio.library.library import Library
from amc_otio.library.shards import Shard, ShardKey

KEY = ShardKey("toy", "1", "", 8, 48_000)


def unit_rows(n: int, d: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def make_shard(vectors: np.ndarray, content: str = "a" * 64, key: ShardKey | None = None, **changes: object) -> Shard:
    n, d = vectors.shape
    values: dict[str, object] = {
        "content_key": content,
        "key": key or ShardKey("toy", "1", "", d, 48_000),
        "vectors": vectors.astype(np.float32),
        "valid": np.full(n, 48_000, np.int32),
        "loudness": np.full(n, -23, np.float32),
        "rms": np.full(n, -26, np.float32),
        "peak": np.full(n, 0.5, np.float32),
    }
    return Shard(**{**values, **changes})  # type: ignore[arg-type]


def write_tone(path: Path, seconds: float = 2.5, seed: int = 0, rate: int = 48_000) -> Path:
    """A sound with something different in each second."""
    generator = np.random.default_rng(seed)
    n = round(seconds * rate)
    time = np.arange(n) / rate
    sound = 0.2 * np.sin(2 * np.pi * (200 + 100 * seed) * time * (1 + 0.1 * time)) + 0.02 * generator.standard_normal(n)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound.astype(np.float32), rate, subtype="PCM_16")
    return path


def content_of(folder: Path) -> dict[str, object]:
    """All that a library says: its catalogue's rows, and the bytes of its shards."""
    with Library.open(folder, create=False) as library:
        return {
            "sources": library.catalogue.sources(),
            "shards": library.catalogue.shards(),
            "keys": library.catalogue.keys(),
            "files": shard_files(folder),
        }


def shard_files(folder: Path) -> dict[str, str]:
    """SHA-256 of every shard file, by its path below ``vectors``."""
    vectors = Layout(folder).vectors
    return {
        path.relative_to(vectors).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vectors.rglob("*")
        if path.is_file()
    }


def child_environment() -> dict[str, str]:
    """The environment of a child process that imports the same amc_otio, installed or not."""
    repository = str(Path(__file__).resolve().parent.parent)
    paths = [repository, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
