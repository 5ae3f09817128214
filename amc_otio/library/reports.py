"""What a library tells its user: how far a run is, what it did, what the library holds, what was repaired."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from amc_otio.library.shards import ShardKey


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    done, total
        Sources done (reused and failed ones too), and all of them.
    seconds_done
        Seconds of sound embedded by this run.
    path
        The source finished last, None before the first.
    eta_s
        Seconds left by the speed so far, None while it is not known.
    """

    done: int
    total: int
    seconds_done: float
    path: Path | None
    eta_s: float | None


@dataclass(frozen=True)
class IndexReport:
    """What a run did.

    Attributes
    ----------
    embedded
        Contents embedded by this run.
    reused
        Sources whose vectors were there already, or are those of another source with the same content.
    failed
        (path, reason) of the sources that gave no vectors, sorted by path.
    windows
        Windows of all sources that were asked for.
    seconds
        Seconds of sound in them.
    problems
        What was odd about sources that were embedded all the same, and what was repaired: one line each, path first.
    """

    embedded: int
    reused: int
    failed: tuple[tuple[Path, str], ...]
    windows: int
    seconds: float
    problems: tuple[str, ...]


@dataclass(frozen=True)
class RepresentationInfo:
    """What a library holds of one representation (one version, one set of weights, one choice of channels)."""

    key: ShardKey
    shards: int
    windows: int
    seconds: float
    bytes: int


@dataclass(frozen=True)
class LibraryInfo:
    """What a library holds.

    Attributes
    ----------
    sources
        Files known; several may have one content.
    contents
        Different contents that have vectors.
    failures
        (path, reason, when) of the files that could not be embedded at their last try.
    indexes, index_bytes, bytes
        Annoy indexes on disk, their size, and the size of the shards and indexes together.
    """

    folder: Path
    sources: int
    contents: int
    representations: tuple[RepresentationInfo, ...]
    failures: tuple[tuple[Path, str, str], ...]
    indexes: int
    index_bytes: int
    bytes: int
    annoy: bool


@dataclass(frozen=True)
class VerifyReport:
    """What `Library.verify` found.

    Attributes
    ----------
    checked
        Shards read whole.
    damaged
        (paths, reason) of the contents whose shard was set aside; index these files again.
    offline, changed
        Files known that are not there, and that are no longer what was embedded.
    """

    checked: int
    damaged: tuple[tuple[tuple[Path, ...], str], ...]
    offline: tuple[Path, ...]
    changed: tuple[Path, ...]

    @property
    def ok(self) -> bool:
        """Return whether every shard is whole."""
        return not self.damaged


@dataclass(frozen=True)
class PruneReport:
    """What `Library.prune` removed: files forgotten, shards, indexes and other files removed, bytes freed."""

    sources: int
    shards: int
    indexes: int
    other_files: int
    bytes: int
