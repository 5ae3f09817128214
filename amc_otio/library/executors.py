"""Jobs on executors: inside this process, on processes of our own, or on whatever executor the caller has.

A decoder that crashes takes its process with it; what was lost is run again, source by source, and only the source
that crashes again fails. Ctrl-C and kill -9 of the parent leave no worker behind.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
    wait,
)
from dataclasses import replace
from multiprocessing.connection import wait as wait_for
from typing import Any

from amc_otio.errors import LibraryError
from amc_otio.library.jobs import Job, JobResult, embed_source


def usable_cpus() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_jobs(jobs: list[Job], workers: int, executor: Executor | None) -> Iterator[tuple[Job, JobResult]]:
    """Do the jobs and yield each with what came of it, as they end.

    Parameters
    ----------
    jobs
        The first is begun first.
    workers
        Processes; one works inside this process.
    executor
        Where the jobs run instead.

    Raises
    ------
    LibraryError
        When the workers of `executor` die.
    """
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
