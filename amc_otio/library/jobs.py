"""A job: some sources to embed, as plain data that any executor can carry; and the function that does it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import AmcError, MediaError, RepresentationError, one_line
from amc_otio.library.catalogue import ShardRow
from amc_otio.library.layout import fsync_folder, os_error_in_words, write_atomically
from amc_otio.library.shards import Shard, ShardDamage, ShardKey, check_vectors, decode, encode, read_bytes, shard_path
from amc_otio.media.decode import Channels
from amc_otio.media.loudness import batch_loudness
from amc_otio.media.windows import iter_windows
from amc_otio.representations import create

if TYPE_CHECKING:
    from amc_otio.representations.base import Representation

BATCH = 64
_WRITERS = 4
_QUIETEST_DBFS = -200.0


@dataclass(frozen=True)
class JobSource:
    """One source of a job: the file, and the content it had when the job was planned."""

    path: str
    size: int
    mtime_ns: int
    content_key: str
    again: bool = False
    """True when a shard that lies there must be made again, not taken over."""


@dataclass(frozen=True)
class Job:
    """What `embed_source` needs, and nothing else: it may run in another process or on another machine."""

    vectors: str
    """The library's ``vectors`` folder."""
    run_id: str
    key: ShardKey
    sources: tuple[JobSource, ...]
    weights: str | None = None
    threads: int | None = None
    channels: Channels | None = None
    batch: int = BATCH

    @property
    def size(self) -> int:
        """Bytes of all sources."""
        return sum(source.size for source in self.sources)


@dataclass(frozen=True)
class JobResult:
    """What came of a job.

    Attributes
    ----------
    written
        The shards made, in the order of the job.
    adopted
        The shards that were there already (a killed run's, or another process's) and are whole.
    failed
        (path, reason) of the sources that gave none.
    stopped
        True when the job was told to stop before its end.
    fatal
        (thing, reason, remedy) of an error that every other source would meet too, and its class's name.
    """

    written: tuple[ShardRow, ...] = ()
    adopted: tuple[ShardRow, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    stopped: bool = False
    fatal: tuple[str, str, str, str] | None = None


class _Stopped(Exception):
    """The job was told to stop."""


@dataclass(eq=False)
class _Measures:
    """What is gathered of one source while its windows go by."""

    source: JobSource
    vectors: list[NDArray[np.float32]] = field(default_factory=list)
    valid: list[NDArray[np.int32]] = field(default_factory=list)
    loudness: list[NDArray[np.float32]] = field(default_factory=list)
    rms: list[NDArray[np.float32]] = field(default_factory=list)
    peak: list[NDArray[np.float32]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def embed_source(job: Job, stop: Callable[[], bool] = lambda: False) -> JobResult:
    """Embed the sources of a job and write a shard for each; touch nothing else.

    Windows of several small sources go through the representation in one batch. A source that cannot be read is
    reported and passed over.

    Parameters
    ----------
    job
        What to do.
    stop
        Asked between batches; true ends the job early, with the shards written so far.

    Returns
    -------
    JobResult
        Errors are inside it, so that it can always be carried back from another process.
    """
    written: list[ShardRow] = []
    adopted: list[ShardRow] = []
    failed: list[tuple[str, str]] = []
    done: list[_Measures] = []
    waiting: list[tuple[_Measures, NDArray[np.float32]]] = []
    folder = Path(job.vectors) / job.key.folder
    stopped = False
    writers = ThreadPoolExecutor(_WRITERS)
    try:
        folder.mkdir(exist_ok=True)
        representation = _representation(job)

        def flush() -> None:
            _embed(representation, waiting)
            # Several at once: a disk syncs many small files in hardly more time than one.
            written.extend(writers.map(lambda measures: _write(job, measures), done))
            done.clear()

        for source in job.sources:
            row = None if source.again else _adopt(job, source)
            if row is not None:
                adopted.append(row)
                continue
            measures = _Measures(source)
            reason = ""
            try:
                _read(job, measures, waiting, representation, stop)
            except _Stopped:
                stopped = True
                break
            except MediaError as error:
                reason = error.reason
            except AmcError:
                raise
            except MemoryError:
                reason = "there is not enough memory to decode it"
            except OSError as error:
                reason = f"cannot be read: {error.strerror or error}"
            except Exception as error:  # a decoder's own: one odd file must not end the run over a whole library
                reason = f"cannot be decoded ({type(error).__name__}: {error})"
            if reason:
                failed.append((source.path, one_line(reason)))
                waiting[:] = [item for item in waiting if item[0] is not measures]
            else:
                done.append(measures)
            if sum(len(samples) for _, samples in waiting) >= job.batch:
                flush()
        waiting[:] = [item for item in waiting if any(item[0] is measures for measures in done)]
        flush()
        if written:
            fsync_folder(folder)
    except AmcError as error:
        fatal = (type(error).__name__, error.thing, error.reason, error.remedy)
        return JobResult(tuple(written), tuple(adopted), tuple(failed), stopped, fatal)
    except OSError as error:
        words = os_error_in_words(folder.parent.parent, error)
        fatal = ("LibraryError", words.thing, words.reason, words.remedy)
        return JobResult(tuple(written), tuple(adopted), tuple(failed), stopped, fatal)
    finally:
        writers.shutdown()
    return JobResult(tuple(written), tuple(adopted), tuple(failed), stopped)


def key_of(representation: Representation, channels: Channels | None = None) -> ShardKey:
    """Return the key of the shards that a representation makes of these channels (None: the mono sum)."""
    return ShardKey(
        representation=representation.name,
        version=representation.version,
        weights_hash=representation.weights_hash,
        dimension=representation.dimension,
        sample_rate=representation.sample_rate,
        channels="mix" if channels is None else ",".join(f"{stream}:{channel}" for stream, channel in channels),
    )


def representation_of(name: str, threads: int | None = None, weights: str | None = None) -> Representation:
    """Return `create(name)`, loaded once: a worker does many jobs.

    Raises
    ------
    RepresentationError
        When there is none of that name, or its weights are missing or damaged.
    """
    stamp: tuple[int, ...] = ()
    if weights is not None:
        with contextlib.suppress(OSError):
            status = Path(weights).stat()  # a file that was written anew is another: models are trained again
            stamp = (status.st_size, status.st_mtime_ns, status.st_ino)
    return _created(name, threads, weights, stamp)


@lru_cache(maxsize=4)
def _created(name: str, threads: int | None, weights: str | None, stamp: tuple[int, ...]) -> Representation:
    return create(name, threads=threads, weights=None if weights is None else Path(weights))


def _representation(job: Job) -> Representation:
    representation = representation_of(job.key.representation, job.threads, job.weights)
    if key_of(representation, job.channels) != job.key:
        raise RepresentationError(
            job.key.representation,
            "this process has another version or other weights of it than the one that planned the job",
            "use one amc-otio everywhere",
        )
    return representation


def _read(
    job: Job,
    measures: _Measures,
    waiting: list[tuple[_Measures, NDArray[np.float32]]],
    representation: Representation,
    stop: Callable[[], bool],
) -> None:
    """Measure the windows of one source and put them where `_embed` finds them; embed full batches at once."""
    source = measures.source
    rate = representation.sample_rate
    for batch in iter_windows(
        Path(source.path), rate, batch=job.batch, channels=job.channels, problems=measures.problems
    ):
        if stop():
            raise _Stopped
        samples = np.ascontiguousarray(batch.samples, np.float32)
        if not np.isfinite(samples).all():
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
            measures.problems.append("samples that are not finite were taken as silence")
        valid = np.asarray(batch.valid, np.int64)
        measures.valid.append(np.minimum((valid * ANALYSIS_RATE + rate // 2) // rate, ANALYSIS_RATE).astype(np.int32))
        # Measured over the whole second: a window that is half padding sounds 3 LU louder than its mean.
        filled = 10 * np.log10(rate / np.maximum(valid, 1))
        measures.loudness.append((batch_loudness(samples, rate) + filled).astype(np.float32))
        power = np.einsum("ij,ij->i", samples, samples, dtype=np.float64) / np.maximum(valid, 1)
        level = 10 * np.log10(np.maximum(power, 10 ** (_QUIETEST_DBFS / 10)))
        measures.rms.append(level.astype(np.float32))
        measures.peak.append(np.abs(samples).max(axis=1, initial=0.0))
        waiting.append((measures, samples))
        if len(samples) >= job.batch:
            _embed(representation, waiting)
    if not measures.valid:
        raise MediaError(source.path, "holds no sound")
    status = Path(source.path).stat()
    if (status.st_size, status.st_mtime_ns) != (source.size, source.mtime_ns):
        raise MediaError(source.path, "changed while it was read", "index it again")


def _embed(representation: Representation, waiting: list[tuple[_Measures, NDArray[np.float32]]]) -> None:
    if not waiting:
        return
    windows = waiting[0][1] if len(waiting) == 1 else np.concatenate([samples for _, samples in waiting])
    vectors = np.asarray(representation.embed(windows), np.float32)
    row = 0
    for measures, samples in waiting:
        measures.vectors.append(vectors[row : row + len(samples)])
        row += len(samples)
    waiting.clear()


def _write(job: Job, measures: _Measures) -> ShardRow:
    shard = Shard(
        content_key=measures.source.content_key,
        key=job.key,
        vectors=np.concatenate(measures.vectors),
        valid=np.concatenate(measures.valid),
        loudness=np.concatenate(measures.loudness),
        rms=np.concatenate(measures.rms),
        peak=np.concatenate(measures.peak),
        problems=tuple(dict.fromkeys(measures.problems)),
    )
    try:
        check_vectors(shard.vectors)
    except ShardDamage as damage:
        raise RepresentationError(
            job.key.representation, f"its {damage}", "report this with the file's name"
        ) from damage
    data = encode(shard)
    path = shard_path(Path(job.vectors), job.key, shard.content_key)
    # The folder is synced once a job: a rename that a power cut loses is a shard that is made again.
    write_atomically(path, data, job.run_id, sync_folder=False)
    return row_of(shard, data, path)


def row_of(shard: Shard, data: bytes, path: Path) -> ShardRow:
    """Return the catalogue's row of a shard whose file is `path` and holds `data`."""
    return ShardRow(
        content_key=shard.content_key,
        key=shard.key.digest,
        windows=len(shard),
        samples=int(shard.valid.sum(dtype=np.int64)),
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        file=f"{path.parent.name}/{path.name}",
        problems=shard.problems,
    )


def _adopt(job: Job, source: JobSource) -> ShardRow | None:
    """Take over a whole shard that the catalogue does not know: its writer was killed, or is another process."""
    path = shard_path(Path(job.vectors), job.key, source.content_key)
    with contextlib.suppress(ShardDamage):
        data = read_bytes(path)
        return row_of(decode(data, content_key=source.content_key, key=job.key), data, path)
    return None
