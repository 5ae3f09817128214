"""Indexing: find what is not embedded yet, have it embedded, and note what came of it.

`plan` says what is to be done, `executors` runs the jobs, `jobs` is what a job does; here the results go into the
catalogue, one transaction a job, so that a run that is killed goes on where it was.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

from amc_otio import errors
from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import AmcError, UsageError
from amc_otio.library.catalogue import Catalogue, ShardRow, SourceRow
from amc_otio.library.executors import run_jobs, usable_cpus
from amc_otio.library.jobs import Job, JobResult
from amc_otio.library.layout import Layout, RunLock
from amc_otio.library.plan import Plan, group, make_plan
from amc_otio.library.reports import IndexReport, Progress
from amc_otio.library.shards import ShardKey
from amc_otio.library.sources import SourceFile, find_sources
from amc_otio.media.decode import Channels

__all__ = ["IndexReport", "IndexSettings", "Progress", "index"]


@dataclass(frozen=True)
class IndexSettings:
    """How a run is done. `Library.index` says what each means."""

    workers: int | None = None
    executor: Executor | None = None
    verify: bool = False
    progress: Callable[[Progress], None] | None = None
    threads: int | None = None
    weights: str | None = None
    channels: Channels | None = None


def index(
    layout: Layout,
    catalogue: Catalogue,
    paths: Iterable[str | os.PathLike[str]],
    key: ShardKey,
    settings: IndexSettings,
) -> IndexReport:
    """Embed what is new among `paths`; see `Library.index`, which is the way in.

    Parameters
    ----------
    layout, catalogue
        The library's.
    paths
        Files and folders.
    key
        What is to be made; its representation is created by name in each worker.
    settings
        How.

    Raises
    ------
    UsageError
        When a number of workers or threads is below one.
    LibraryError, RepresentationError
        When nothing can be written, or nothing can be embedded. What was embedded until then is kept.
    """
    for name, number in (("workers", settings.workers), ("threads", settings.threads)):
        if number is not None and number < 1:
            raise UsageError(name, f"{number} is below 1", "give 1 or more, or leave it out")
    sources, missing = find_sources(paths, leave_out=layout.folder)
    plan = make_plan(layout, catalogue, sources, key, settings.verify)
    with catalogue.transaction():
        _note_reused(catalogue, plan)
    tally = _Tally(plan, missing)
    tell = settings.progress or (lambda _: None)
    tell(tally.progress())
    if plan.todo:
        with contextlib.closing(_embed(layout, plan, key, settings)) as results:
            for job, result in results:
                _note_made(catalogue, plan, key, result)
                tally.add(job, result)
                if result.fatal is not None:
                    name, *words = result.fatal
                    raise getattr(errors, name, AmcError)(*words)
                tell(tally.progress())
    with catalogue.transaction():
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        catalogue.put_failures(tally.failed, now)
    return tally.report()


@dataclass
class _Tally:
    """What a run has come to so far."""

    plan: Plan
    missing: list[tuple[Path, str]]
    rows: list[ShardRow] = field(default_factory=list)
    """The shard of each file that was asked for."""
    embedded: int = 0
    samples: int = 0
    last: Path | None = None

    def __post_init__(self) -> None:
        plan = self.plan
        self.failed = self.missing + plan.failed
        self.problems = list(plan.problems)
        self.rows += [plan.reused[content] for content in plan.reused for _ in plan.files[content]]
        self._total = len(self.failed) + plan.count_files(list(plan.files))
        self._done = self._total - plan.count_files(list(plan.todo))
        self._bytes = self._bytes_left = sum(source.size for source in plan.todo.values())
        self._began = time.monotonic()

    def add(self, job: Job, result: JobResult) -> None:
        """Count what came of a job."""
        files = self.plan.files
        content_of = {source.path: source.content_key for source in job.sources}
        for row in result.written + result.adopted:
            self.rows += [row] * len(files[row.content_key])
            self.problems += [f"{files[row.content_key][0].path}: {text}" for text in row.problems]
        for path, reason in result.failed:
            self.failed += [(file.path, reason) for file in files[content_of[path]]]
        self.embedded += len(result.written)
        self.samples += sum(row.samples for row in result.written)
        self.last = Path(job.sources[-1].path)
        self._done += self.plan.count_files(list(content_of.values()))
        self._bytes_left -= job.size

    def progress(self) -> Progress:
        """Return how far the run is; the time left is by the bytes done so far."""
        eta = None if self.plan.todo else 0.0
        if self.last is not None:
            eta = (time.monotonic() - self._began) * self._bytes_left / max(1, self._bytes - self._bytes_left)
        return Progress(self._done, self._total, self.samples / ANALYSIS_RATE, self.last, eta)

    def report(self) -> IndexReport:
        """Return what the run did."""
        return IndexReport(
            embedded=self.embedded,
            reused=len(self.rows) - self.embedded,
            failed=tuple(sorted(self.failed)),
            windows=sum(row.windows for row in self.rows),
            seconds=sum(row.samples for row in self.rows) / ANALYSIS_RATE,
            problems=tuple(self.problems),
        )


def _embed(
    layout: Layout, plan: Plan, key: ShardKey, settings: IndexSettings
) -> Generator[tuple[Job, JobResult], None, None]:
    """Make the jobs of a plan and run them, under a lock that says that this run is alive."""
    cpus = usable_cpus()
    with RunLock(layout) as run:
        groups = group(plan, settings.workers or cpus)
        workers = min(settings.workers or cpus, len(groups))
        jobs = [
            Job(
                vectors=str(layout.vectors),
                run_id=run.run_id,
                key=key,
                sources=sources,
                weights=settings.weights,
                threads=settings.threads or max(1, cpus // workers),
                channels=settings.channels,
            )
            for sources in groups
        ]
        yield from run_jobs(jobs, workers, settings.executor)


def _note_reused(catalogue: Catalogue, plan: Plan) -> None:
    catalogue.put_sources(_source_row(file, content) for file, content in plan.stale if content in plan.reused)
    catalogue.remove_failures(file.path for content in plan.reused for file in plan.files[content])
    for content in plan.reused:
        if content in plan.hashes:
            catalogue.put_full_hash(content, plan.hashes[content])


def _note_made(catalogue: Catalogue, plan: Plan, key: ShardKey, result: JobResult) -> None:
    rows = result.written + result.adopted
    if not rows:
        return
    with catalogue.transaction():
        catalogue.put_shards(key, rows)
        for row in rows:
            catalogue.put_sources(_source_row(file, row.content_key) for file in plan.files[row.content_key])
            if row.content_key in plan.hashes:
                catalogue.put_full_hash(row.content_key, plan.hashes[row.content_key])


def _source_row(file: SourceFile, content: str) -> SourceRow:
    return SourceRow(file.path, file.size, file.mtime_ns, content)
