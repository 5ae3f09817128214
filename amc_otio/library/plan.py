"""Planning a run: which sources have their shard already, which are to be embedded, and in what jobs."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path

from amc_otio.library.catalogue import Catalogue, ShardRow
from amc_otio.library.jobs import JobSource
from amc_otio.library.layout import Layout, LibraryWarning
from amc_otio.library.repair import damage_of, discard
from amc_otio.library.shards import ShardKey
from amc_otio.library.sources import SourceFile, content_key, key_of_whole
from amc_otio.media.files import full_hash

# Small files share a job, so that a batch is full and a task of the pool is worth its cost.
_GROUP_FILES = 64
_GROUP_BYTES = 8 << 20
_JOBS_A_WORKER = 4


@dataclass
class Plan:
    """What a run is to do.

    Attributes
    ----------
    reused
        The shards that are there, by content.
    todo
        What is to be embedded, by content.
    files
        Every file of the run by its content: a content is embedded once, however many files hold it.
    hashes
        SHA-256 of the contents that were read whole.
    stale
        (file, content) of the files of which the catalogue knows something else, or nothing.
    failed
        (path, reason) of the files that cannot be read.
    problems
        What was repaired: one line each, path first.
    """

    reused: dict[str, ShardRow] = field(default_factory=dict)
    todo: dict[str, JobSource] = field(default_factory=dict)
    files: dict[str, list[SourceFile]] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    stale: list[tuple[SourceFile, str]] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def count_files(self, contents: list[str]) -> int:
        """Return how many files hold these contents."""
        return sum(len(self.files[content]) for content in contents)


def make_plan(layout: Layout, catalogue: Catalogue, sources: list[SourceFile], key: ShardKey, verify: bool) -> Plan:
    """Sort the sources into those whose shard is there and those to embed; a damaged shard is discarded.

    Parameters
    ----------
    layout, catalogue
        The library's.
    sources
        What was asked for.
    key
        What the shards must be.
    verify
        Read every source and every shard whole, and believe no size or time.
    """
    plan = Plan()
    for file in sources:
        try:
            content, again = _content_of(file, catalogue, plan, verify)
        except OSError as error:
            plan.failed.append((file.path, f"cannot be read: {error.strerror or error}"))
            continue
        plan.files.setdefault(content, []).append(file)
        if content in plan.reused or content in plan.todo:
            continue
        shard = catalogue.shard(content, key)
        reason = "" if shard is None else _damage(layout, shard, key, verify)
        if shard is not None and not reason and not again:
            plan.reused[content] = shard
            continue
        if shard is not None and reason:
            discard(layout, catalogue, shard)
            plan.problems.append(f"{file.path}: its vectors {reason}: set aside, embedded again")
            warnings.warn(plan.problems[-1], LibraryWarning, stacklevel=4)
        plan.todo[content] = JobSource(str(file.path), file.size, file.mtime_ns, content, again or bool(reason))
    return plan


def _content_of(file: SourceFile, catalogue: Catalogue, plan: Plan, verify: bool) -> tuple[str, bool]:
    """Return the name of a file's content, and whether a shard of that name must be made again."""
    row = catalogue.source(file.path)
    unchanged = row is not None and row.is_unchanged(file)
    content = row.content_key if row is not None and unchanged else content_key(file.path)
    again = False
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
    if row is None or not unchanged or row.content_key != content:
        plan.stale.append((file, content))
    return content, again


def _damage(layout: Layout, shard: ShardRow, key: ShardKey, verify: bool) -> str:
    """Return what is wrong with a shard, "" when nothing is. Its user checks its bytes; here only `verify` does."""
    if verify:
        return damage_of(layout, shard, key)
    try:
        return "" if (layout.vectors / shard.file).stat().st_size == shard.bytes else "are cut short"
    except OSError:
        return "are missing"


def group(plan: Plan, workers: int) -> list[tuple[JobSource, ...]]:
    """Return the sources to embed, a tuple for each job: big ones alone, small ones together; the biggest first."""
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
    return sorted(map(tuple, groups), key=lambda sources: -sum(source.size for source in sources))
