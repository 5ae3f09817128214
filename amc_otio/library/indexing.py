"""Indexing: find what is not embedded yet, have it embedded, and note what came of it."""

from __future__ import annotations

import datetime
import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
    wait,
)
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amc_otio import errors
from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import AmcError, LibraryError, UsageError
from amc_otio.library.catalogue import ShardRow, SourceRow
from amc_otio.library.jobs import Job, JobResult, JobSource, embed_source
from amc_otio.library.layout import LibraryWarning, RunLock
from amc_otio.library.shards import ShardDamage, ShardKey, read
from amc_otio.library.sources import SourceFile, content_key, find_sources, key_of_whole
from amc_otio.media.decode import Channels
from amc_otio.media.files import full_hash

if TYPE_CHECKING:
    from amc_otio.library.library import Library

# Small files share a job, so that a batch is full and a task of the pool is worth its cost.
_GROUP_FILES = 64
_GROUP_BYTES = 8 << 20
_JOBS_A_WORKER = 4


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


@dataclass
class _Plan:
    reused: dict[str, ShardRow] = field(default_factory=dict)
    todo: dict[str, JobSource] = field(default_factory=dict)
    # Every file of the run by its content: a content is embedded once, however many files hold it.
    files: dict[str, list[SourceFile]] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    stale: list[tuple[SourceFile, str]] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def index(
    library: Library,
    paths: Iterable[str | os.PathLike[str]],
    key: ShardKey,
    *,
    workers: int | None = None,
    executor: Executor | None = None,
    verify: bool = False,
    progress: Callable[[Progress], None] | None = None,
    threads: int | None = None,
    weights: str | None = None,
    channels: Channels | None = None,
) -> IndexReport:
    """Embed what is new among `paths`; see `Library.index`, which is the way in.

    Parameters
    ----------
    library
        An open library.
    paths
        Files and folders.
    key
        What is to be made; its representation is created by name in each worker.
    workers
        Processes; one works inside this process. Default: the processors there are, at most one a job.
    executor
        Where the jobs run instead, for example on a farm that sees the library folder under the same path.
    verify
        Read every source and every shard whole, and believe no size or time.
    progress
        Called at the start and after each job.
    threads
        Threads of a worker's encoder. Default: the processors shared out among the workers.
    weights
        The representation's weights file, where it takes one.
    channels
        (stream, channel) pairs whose mean is taken instead of the mono sum of the file.

    Raises
    ------
    UsageError
        When `workers` or `threads` is below one.
    LibraryError, RepresentationError
        When nothing can be written, or nothing can be embedded. What was embedded until then is kept.
    """
    for name, number in (("workers", workers), ("threads", threads)):
        if number is not None and number < 1:
            raise UsageError(name, f"{number} is below 1", "give 1 or more, or leave it out")
    sources, missing = find_sources(paths, leave_out=library.folder)
    plan = _plan(library, sources, key, verify)
    failed = missing + plan.failed
    problems = list(plan.problems)
    with library.catalogue.transaction():
        _note_reused(library, plan)
    total = len(sources) + len(missing)
    done = total - sum(len(plan.files[content]) for content in plan.todo)
    tell = progress or (lambda _: None)
    tell(Progress(done, total, 0.0, None, None if plan.todo else 0.0))
    rows = [plan.reused[content] for content in plan.reused for _ in plan.files[content]]
    embedded = adopted = samples = 0
    began = time.monotonic()
    sizes = {source.path: source.size for source in plan.todo.values()}
    bytes_left = bytes_all = sum(sizes.values())
    if plan.todo:
        cpus = usable_cpus()
        workers = workers or cpus
        with RunLock(library.layout) as run:
            jobs = _jobs(library, plan, key, run.run_id, workers, weights, channels)
            workers = min(workers, len(jobs))
            jobs = [replace(job, threads=threads or max(1, cpus // workers)) for job in jobs]
            for job, result in _results(jobs, workers, executor):
                _commit(library, plan, key, result)
                by_path = {source.path: source.content_key for source in job.sources}
                for row in result.written + result.adopted:
                    rows += [row] * len(plan.files[row.content_key])
                    problems += [f"{plan.files[row.content_key][0].path}: {text}" for text in row.problems]
                embedded += len(result.written)
                adopted += len(result.adopted)
                samples += sum(row.samples for row in result.written)
                for path, reason in result.failed:
                    failed += [(file.path, reason) for file in plan.files[by_path[path]]]
                if result.fatal is not None:
                    name, *words = result.fatal
                    raise getattr(errors, name, AmcError)(*words)
                done += sum(len(plan.files[content]) for content in by_path.values())
                bytes_left -= job.size
                elapsed = time.monotonic() - began
                eta = elapsed * bytes_left / max(1, bytes_all - bytes_left)
                tell(Progress(done, total, samples / ANALYSIS_RATE, Path(job.sources[-1].path), eta))
    with library.catalogue.transaction():
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        library.catalogue.put_failures(failed, now)
    return IndexReport(
        embedded=embedded,
        reused=len(rows) - embedded,
        failed=tuple(sorted(failed)),
        windows=sum(row.windows for row in rows),
        seconds=sum(row.samples for row in rows) / ANALYSIS_RATE,
        problems=tuple(problems),
    )


def usable_cpus() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _plan(library: Library, sources: list[SourceFile], key: ShardKey, verify: bool) -> _Plan:
    """Sort the sources into those whose shard is there and those to embed."""
    plan = _Plan()
    catalogue = library.catalogue
    for file in sources:
        row = catalogue.source(file.path)
        unchanged = row is not None and row.is_unchanged(file)
        again = False
        try:
            content = row.content_key if row is not None and unchanged else content_key(file.path)
            whole, twin = catalogue.full_hash(content)
            whole = whole or plan.hashes.get(content)
            if verify or (twin and not unchanged):
                now_whole = full_hash(file.path)
                if whole is not None and whole != now_whole:
                    # Same size, ends and probes, another content: it gets a name of its own.
                    if not twin:
                        with catalogue.transaction():
                            catalogue.put_full_hash(content, whole)
                            catalogue.mark_twin(content)
                    content = key_of_whole(now_whole)
                elif whole is None:
                    # The shard there is this file's if the file has not changed since; else nobody can tell.
                    again = not unchanged
                plan.hashes[content] = now_whole
        except OSError as error:
            plan.failed.append((file.path, f"cannot be read: {error.strerror or error}"))
            continue
        if row is None or not unchanged or row.content_key != content:
            plan.stale.append((file, content))
        plan.files.setdefault(content, []).append(file)
        if content in plan.reused or content in plan.todo:
            continue
        shard = catalogue.shard(content, key)
        reason = "" if shard is None else _damage(library, shard, key, verify)
        if shard is not None and not reason and not again:
            plan.reused[content] = shard
            continue
        if shard is not None and reason:
            library.discard(shard)
            plan.problems.append(f"{file.path}: its vectors {reason}: set aside, embedded again")
            warnings.warn(plan.problems[-1], LibraryWarning, stacklevel=4)
        plan.todo[content] = JobSource(str(file.path), file.size, file.mtime_ns, content, again or bool(reason))
    return plan


def _damage(library: Library, shard: ShardRow, key: ShardKey, verify: bool) -> str:
    """Return what is wrong with a shard, "" when nothing is. Its user checks its bytes; here only `verify` does."""
    path = library.layout.vectors / shard.file
    if verify:
        try:
            read(path, sha256=shard.sha256, content_key=shard.content_key, key=key)
        except ShardDamage as damage:
            return str(damage)
        return ""
    try:
        return "" if path.stat().st_size == shard.bytes else "are cut short"
    except OSError:
        return "are missing"


def _note_reused(library: Library, plan: _Plan) -> None:
    catalogue = library.catalogue
    catalogue.put_sources(_source_row(file, content) for file, content in plan.stale if content in plan.reused)
    catalogue.remove_failures(file.path for content in plan.reused for file in plan.files[content])
    for content in plan.reused:
        if content in plan.hashes:
            catalogue.put_full_hash(content, plan.hashes[content])


def _commit(library: Library, plan: _Plan, key: ShardKey, result: JobResult) -> None:
    rows = result.written + result.adopted
    if not rows:
        return
    catalogue = library.catalogue
    with catalogue.transaction():
        catalogue.put_shards(key, rows)
        for row in rows:
            catalogue.put_sources(_source_row(file, row.content_key) for file in plan.files[row.content_key])
            if row.content_key in plan.hashes:
                catalogue.put_full_hash(row.content_key, plan.hashes[row.content_key])


def _source_row(file: SourceFile, content: str) -> SourceRow:
    return SourceRow(file.path, file.size, file.mtime_ns, content)


def _jobs(
    library: Library,
    plan: _Plan,
    key: ShardKey,
    run_id: str,
    workers: int,
    weights: str | None,
    channels: Channels | None,
) -> list[Job]:
    """Group the sources to embed: big ones alone, small ones together; the biggest jobs first."""
    limit = max(1, min(_GROUP_FILES, len(plan.todo) // (workers * _JOBS_A_WORKER)))
    groups: list[list[JobSource]] = []
    size = 0
    for source in plan.todo.values():
        if groups and len(groups[-1]) < limit and size + source.size <= _GROUP_BYTES:
            groups[-1].append(source)
            size += source.size
        else:
            groups.append([source])
            size = source.size
    jobs = [
        Job(
            vectors=str(library.layout.vectors),
            run_id=run_id,
            key=key,
            sources=tuple(group),
            weights=weights,
            channels=channels,
        )
        for group in groups
    ]
    return sorted(jobs, key=lambda job: -job.size)


def _results(jobs: list[Job], workers: int, executor: Executor | None) -> Iterator[tuple[Job, JobResult]]:
    if executor is not None:
        yield from _executor_results(executor, jobs)
    elif workers == 1:
        for job in jobs:
            yield job, embed_source(job)
    else:
        left = deque(jobs)
        while left:
            lost: list[Job] = []
            yield from _pool_results(left, workers, lost, in_flight=workers + 1)
            # A decoder that crashes takes the pool and all jobs in flight with it. Whose fault it was shows when
            # their sources run one by one.
            alone = deque(replace(job, sources=(source,)) for job in lost for source in job.sources)
            while alone:
                crashed: list[Job] = []
                yield from _pool_results(alone, 1, crashed, in_flight=1)
                for job in crashed:
                    yield job, JobResult(failed=((job.sources[0].path, "crashed the program that decodes it"),))


def _pool_results(left: deque[Job], workers: int, lost: list[Job], in_flight: int) -> Iterator[tuple[Job, JobResult]]:
    """Run jobs on processes of our own, taking them from `left`; when one crashes, those in flight are `lost`."""
    # Spawned, not forked: a forked copy of a process that runs threads (encoders do) may hang.
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(stop,))
    futures: dict[Future[JobResult], Job] = {}
    restore = _limit_children(left[0].threads or 1)
    try:
        while (left and not lost) or futures:
            while left and not lost and len(futures) < in_flight:
                futures[pool.submit(_embed_in_worker, left[0])] = left[0]
                left.popleft()
            done, _ = wait(futures, return_when=FIRST_COMPLETED)
            for future in done:
                job = futures.pop(future)
                try:
                    yield job, future.result()
                except BrokenExecutor:
                    lost.append(job)
    except BrokenExecutor:  # at submit: the pool broke since
        lost += futures.values()
    finally:
        # After Ctrl-C or an error the jobs in flight end at their next batch.
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        restore()


def _limit_children(threads: int) -> Callable[[], None]:
    """Let NumPy start `threads` threads in processes spawned from now on; return what undoes it.

    Workers that each start a thread for every processor slow each other down. NumPy's libraries read these names
    when they are loaded, so a worker cannot set them for itself. What the user has set stays.
    """
    names = [name for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS") if name not in os.environ]
    os.environ.update(dict.fromkeys(names, str(threads)))

    def restore() -> None:
        for name in names:
            os.environ.pop(name, None)

    return restore


def _executor_results(executor: Executor, jobs: list[Job]) -> Iterator[tuple[Job, JobResult]]:
    futures: dict[Future[JobResult], Job] = {}
    try:
        for job in jobs:
            futures[executor.submit(embed_source, job)] = job
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenExecutor as error:
        raise LibraryError("executor", f"its workers died ({error})", "run again") from error
    finally:
        for future in futures:
            future.cancel()


_stop: Any = None


def _start_worker(stop: Any) -> None:
    """Prepare a worker process: the parent alone answers Ctrl-C, and no worker outlives it."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=(parent.sentinel,), daemon=True).start()


def _die_with(sentinel: int) -> None:
    # A pool's worker would wait for ever for the next job of a parent killed by kill -9.
    wait_for([sentinel])
    os._exit(1)


def _embed_in_worker(job: Job) -> JobResult:
    return embed_source(job, stop=_stop.is_set)
