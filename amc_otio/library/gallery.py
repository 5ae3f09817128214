"""A gallery: the sources that a search is over, and their shards."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from amc_otio.library.catalogue import Catalogue, SourceRow
from amc_otio.library.layout import Layout
from amc_otio.library.repair import discard, read_shard
from amc_otio.library.shards import Shard, ShardDamage, ShardKey


def choose(catalogue: Catalogue, key: ShardKey, named: list[Path] | None) -> tuple[list[SourceRow], list[Path]]:
    """Choose the sources of a search.

    Parameters
    ----------
    catalogue
        The library's.
    key
        What the shards must be.
    named
        Absolute paths of files and folders; None is every source.

    Returns
    -------
    chosen : list of SourceRow
        What was asked for and has a shard, one source a content.
    missing : list of Path
        What was asked for and has none, or has changed since.
    """
    known = catalogue.sources()
    have = {row.content_key for row in catalogue.shards(key)}
    if named is None:
        wanted, missing = known, []
    else:
        files = set(named)
        wanted = [row for row in known if row.path in files or not files.isdisjoint(row.path.parents)]
        covered = {row.path for row in wanted} | {parent for row in wanted for parent in row.path.parents}
        missing = [path for path in named if path not in covered]
    chosen = []
    contents: set[str] = set()
    for row in wanted:
        if row.content_key not in have or row.look() is False:
            if named is not None:
                missing.append(row.path)
        elif row.content_key not in contents:  # copies are searched once
            contents.add(row.content_key)
            chosen.append(row)
    return chosen, missing


def load(
    layout: Layout, catalogue: Catalogue, key: ShardKey, chosen: list[SourceRow]
) -> tuple[list[tuple[Path, Shard]], list[tuple[SourceRow, str]]]:
    """Read the shards of the chosen sources; return them, and (source, reason) of those that had to be discarded."""
    rows = {row.content_key: row for row in catalogue.shards(key)}
    loaded: list[tuple[Path, Shard]] = []
    damaged: list[tuple[SourceRow, str]] = []
    for source in chosen:
        row = rows[source.content_key]
        try:
            loaded.append((source.path, read_shard(layout, row, key)))
        except ShardDamage as damage:
            discard(layout, catalogue, row)
            damaged.append((source, str(damage)))
    return loaded, damaged


def shard_hashes(catalogue: Catalogue, key: ShardKey, paths: Iterable[Path]) -> list[str]:
    """Return the SHA-256 of each source's shard, in the order of `paths`."""
    rows = {row.content_key: row.sha256 for row in catalogue.shards(key)}
    contents = {source.path: source.content_key for source in catalogue.sources()}
    return [rows[contents[path]] for path in paths]
