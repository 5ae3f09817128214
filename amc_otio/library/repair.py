"""Damage: finding it in a shard or in the catalogue, setting it aside, and building the catalogue again."""

from __future__ import annotations

import contextlib
import warnings

from amc_otio.errors import LibraryError
from amc_otio.library.catalogue import Catalogue, CatalogueDamaged, ShardRow, SourceRow, salvage_sources
from amc_otio.library.jobs import row_of
from amc_otio.library.layout import Layout, LibraryWarning, size_of
from amc_otio.library.shards import Shard, ShardDamage, ShardKey, decode, read, read_bytes
from amc_otio.locks import FileLock


def read_shard(layout: Layout, row: ShardRow, key: ShardKey) -> Shard:
    """Read a shard whole, and check that it is what the catalogue says.

    Raises
    ------
    ShardDamage
        When it is missing, damaged or another.
    """
    return read(layout.vectors / row.file, sha256=row.sha256, content_key=row.content_key, key=key)


def damage_of(layout: Layout, row: ShardRow, key: ShardKey) -> str:
    """Read a shard whole and return what is wrong with it, "" when nothing is."""
    try:
        read_shard(layout, row, key)
    except ShardDamage as damage:
        return str(damage)
    return ""


def discard(layout: Layout, catalogue: Catalogue, row: ShardRow) -> None:
    """Set a damaged shard aside and forget it."""
    layout.set_aside(layout.vectors / row.file)
    with catalogue.transaction():
        catalogue.remove_shards([row])


def open_catalogue(layout: Layout) -> Catalogue:
    """Open a library's catalogue; when it is damaged, or missing though there are shards, build it again."""
    if size_of(layout.catalogue) or not any(layout.vectors.iterdir()):
        with contextlib.suppress(CatalogueDamaged):
            return Catalogue(layout.catalogue)
    return rebuild(layout)


def rebuild(layout: Layout) -> Catalogue:
    """Set a damaged or missing catalogue aside and make one from the shards, with a `LibraryWarning`.

    Raises
    ------
    LibraryError
        When it cannot be built.
    """
    with FileLock(layout.locks / "catalogue.lock"):
        salvaged: list[SourceRow] = []
        reason = "was missing"
        if size_of(layout.catalogue):
            with contextlib.suppress(CatalogueDamaged):
                return Catalogue(layout.catalogue)  # another process has just done it
            reason = "was damaged: set aside"
            salvaged = salvage_sources(layout.catalogue)
        for end in ("", "-wal", "-shm"):
            path = layout.catalogue.with_name(layout.catalogue.name + end)
            if path.exists():
                layout.set_aside(path)
        try:
            catalogue = Catalogue(layout.catalogue)
        except CatalogueDamaged as error:
            raise LibraryError(layout.folder, f"the catalogue cannot be built ({error})", "check the disk") from error
        try:
            found, bad = _whole_shards(layout)
            with catalogue.transaction():
                for key, rows in found.items():
                    catalogue.put_shards(key, rows)
                catalogue.put_sources(salvaged)
        except BaseException:
            catalogue.close()
            raise
    count = sum(map(len, found.values()))
    text = f"{layout.catalogue}: {reason}, and built again from {count} shards"
    warnings.warn(text + (f"; {bad} damaged shards were set aside" if bad else ""), LibraryWarning, stacklevel=4)
    return catalogue


def _whole_shards(layout: Layout) -> tuple[dict[ShardKey, list[ShardRow]], int]:
    """Read all shards; set aside those that are damaged, and return how many they were."""
    found: dict[ShardKey, list[ShardRow]] = {}
    bad = 0
    for path in sorted(layout.vectors.glob("*/*.safetensors")):
        try:
            data = read_bytes(path)
            shard = decode(data, content_key=path.stem)
            if path.parent.name != shard.key.folder:
                raise ShardDamage("lies in another representation's folder")
            found.setdefault(shard.key, []).append(row_of(shard, data, path))
        except ShardDamage:
            layout.set_aside(path)
            bad += 1
    return found, bad
