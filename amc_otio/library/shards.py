"""A shard: the vectors of one source under one representation, in one immutable file.

The file is safetensors: ``vectors`` (n, d) float32, ``valid`` (n,) int32, ``loudness``, ``rms`` and ``peak`` (n,)
float32, and in its header one JSON text that says whose vectors these are and holds a digest of them. Neither path
nor time is inside, so that the same content gives the same bytes whoever writes it.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from amc_otio.config import ANALYSIS_RATE

SHARD_FORMAT = 1
_HEADER = "amc_otio"
_TENSORS = {
    "vectors": np.dtype("<f4"),
    "valid": np.dtype("<i4"),
    "loudness": np.dtype("<f4"),
    "rms": np.dtype("<f4"),
    "peak": np.dtype("<f4"),
}
_DTYPE_NAMES = {"F32": np.dtype("<f4"), "I32": np.dtype("<i4")}
_NORM_TOLERANCE = 1e-3


class ShardDamage(ValueError):
    """A shard file is not what it should be. Never leaves the library: the shard is set aside and made again."""


@dataclass(frozen=True)
class ShardKey:
    """All that decides a source's vectors but its content: part of a shard's name."""

    representation: str
    version: str
    weights_hash: str
    dimension: int
    sample_rate: int
    """Hz at which the representation takes its windows."""
    channels: str = "mix"
    """``"mix"`` for the mono sum, or the (stream, channel) pairs taken, ``"0:0,0:1"``."""
    window: int = ANALYSIS_RATE
    """Length of a window in samples of the 48 kHz analysis clock."""

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits over all fields."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def folder(self) -> str:
        """Name of the folder of these shards below ``vectors/``."""
        return f"{re.sub(r'[^A-Za-z0-9_-]', '_', self.representation)[:40]}-{self.digest}"


@dataclass(frozen=True, eq=False)
class Shard:
    """The windows of one source.

    Attributes
    ----------
    content_key, key
        Whose vectors these are, and how they were made.
    vectors
        (n, d) float32; rows of unit length, or zeros for silence.
    valid
        (n,) int32: samples of sound in each window, on the 48 kHz analysis clock; the rest is padding.
    loudness
        (n,) float32, LUFS.
    rms, peak
        (n,) float32: root mean square over the valid samples in dBFS (of full-scale value 1), and the largest
        absolute sample value, linear.
    problems
        What was odd about the source and did not keep it from being read.
    """

    content_key: str
    key: ShardKey
    vectors: NDArray[np.float32]
    valid: NDArray[np.int32]
    loudness: NDArray[np.float32]
    rms: NDArray[np.float32]
    peak: NDArray[np.float32]
    problems: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.vectors)


def shard_path(vectors: Path, key: ShardKey, content_key: str) -> Path:
    """Return where the shard of a content lies below the library's ``vectors`` folder."""
    return vectors / key.folder / f"{content_key}.safetensors"


def encode(shard: Shard) -> bytes:
    """Return the bytes of a shard's file; the same shard gives the same bytes."""
    tensors = {name: np.ascontiguousarray(getattr(shard, name), dtype) for name, dtype in _TENSORS.items()}
    about = {
        "format": SHARD_FORMAT,
        "content_key": shard.content_key,
        "key": asdict(shard.key),
        "problems": list(shard.problems),
        "digest": _digest(tensors),
    }
    # One entry only: safetensors writes several in no fixed order.
    return bytes(save(tensors, metadata={_HEADER: json.dumps(about, sort_keys=True)}))


def decode(data: bytes, *, content_key: str | None = None, key: ShardKey | None = None) -> Shard:
    """Read and check the bytes of a shard's file.

    Parameters
    ----------
    data
        The whole file. The arrays returned are read-only views of it.
    content_key, key
        What it should be the shard of, when that is known.

    Raises
    ------
    ShardDamage
        When anything is not as `encode` writes it: header, digest, shapes, dtypes, a value that is not finite, a
        row that is neither a unit vector nor zero, or another source's or representation's shard.
    """
    about, tensors = _parse(data)
    try:
        own_key = ShardKey(**about["key"])
        own_content, digest, problems = str(about["content_key"]), about["digest"], about["problems"]
        dimension = int(own_key.dimension)
    except (KeyError, TypeError, ValueError) as error:
        raise ShardDamage(f"its header is incomplete: {error}") from error
    if about.get("format") != SHARD_FORMAT:
        raise ShardDamage(f"is of format {about.get('format')!r}")
    if key is not None and own_key != key:
        raise ShardDamage("is the shard of another representation")
    if content_key is not None and own_content != content_key:
        raise ShardDamage("is the shard of another source")
    n = len(tensors["valid"])
    for name, array in tensors.items():
        if array.shape != ((n, dimension) if name == "vectors" else (n,)):
            raise ShardDamage(f"{name} has the shape {array.shape}")
    if _digest(tensors) != digest:
        raise ShardDamage("its content does not match its digest")
    check_vectors(tensors["vectors"])
    for name in ("loudness", "rms", "peak"):
        if np.isnan(tensors[name]).any():
            raise ShardDamage(f"{name} holds a value that is not a number")
    if n and (tensors["valid"].min() < 0 or tensors["valid"].max() > own_key.window):
        raise ShardDamage("valid counts more samples than a window has")
    return Shard(own_content, own_key, **tensors, problems=tuple(str(p) for p in problems))


def read(
    path: Path, *, sha256: str | None = None, content_key: str | None = None, key: ShardKey | None = None
) -> Shard:
    """Read a shard from disk, checked against the catalogue's SHA-256 when given, and by `decode` in any case.

    Raises
    ------
    ShardDamage
        When the file is missing, cannot be read, or is not that shard.
    """
    return decode(read_bytes(path, sha256), content_key=content_key, key=key)


def read_bytes(path: Path, sha256: str | None = None) -> bytes:
    """Return the bytes of a shard's file.

    Raises
    ------
    ShardDamage
        When the file is missing, cannot be read, or has another SHA-256 than the one given.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ShardDamage("is missing") from error
    except OSError as error:
        raise ShardDamage(f"cannot be read: {error.strerror}") from error
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise ShardDamage("is not the file that was written")
    return data


def check_vectors(vectors: NDArray[np.float32]) -> None:
    """Raise `ShardDamage` unless every row of (n, d) `vectors` is finite, and of unit length or zero."""
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    if not np.isfinite(norms).all():
        raise ShardDamage("vectors hold a value that is not finite")
    if not ((norms == 0) | (np.abs(norms - 1) <= _NORM_TOLERANCE)).all():
        raise ShardDamage("a vector is not of unit length")


def _digest(tensors: dict[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in _TENSORS:
        digest.update(f"{name}{tensors[name].shape}".encode())
        digest.update(tensors[name].data if tensors[name].size else b"")
    return digest.hexdigest()


def _parse(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Take a safetensors file apart without copying its arrays (safetensors.numpy.load would)."""
    length = int.from_bytes(data[:8], "little")
    start = 8 + length
    if len(data) < 8 or start > len(data):
        raise ShardDamage("is cut short")
    try:
        header = json.loads(data[8:start])
        about = json.loads(header["__metadata__"][_HEADER])
        tensors: dict[str, NDArray[Any]] = {}
        view = memoryview(data)[start:]
        for name, dtype in _TENSORS.items():
            entry = header[name]
            first, last = entry["data_offsets"]
            shape = tuple(int(extent) for extent in entry["shape"])
            if _DTYPE_NAMES.get(entry["dtype"]) != dtype:
                raise ShardDamage(f"{name} is of type {entry['dtype']}")
            if not 0 <= first <= last <= len(data) - start:
                raise ShardDamage("is cut short")
            tensors[name] = np.frombuffer(view[first:last], dtype).reshape(shape)
    except ShardDamage:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ShardDamage(f"its header cannot be read: {error}") from error
    if not isinstance(about, dict):
        raise ShardDamage("its header cannot be read")
    return about, tensors
