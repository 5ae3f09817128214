"""The catalogue: which files are known, which contents have a shard, what failed and why. SQLite, in WAL mode.

It is derived data. What it says about shards can be read from the shards again, and what it says about files is
checked against the disk before it is believed.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from amc_otio.errors import LibraryError
from amc_otio.library.shards import ShardKey
from amc_otio.library.sources import SourceFile

# One script a schema number: the first makes number 1 of an empty file, the next 2 of 1, and so on.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE sources (
        path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, content_key TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX sources_by_content ON sources (content_key);
    CREATE TABLE contents (
        content_key TEXT PRIMARY KEY, full_hash TEXT NOT NULL, twin INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE TABLE keys (
        digest TEXT PRIMARY KEY, representation TEXT NOT NULL, version TEXT NOT NULL, weights_hash TEXT NOT NULL,
        dimension INTEGER NOT NULL, sample_rate INTEGER NOT NULL, channels TEXT NOT NULL, window INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE shards (
        content_key TEXT NOT NULL, key TEXT NOT NULL REFERENCES keys (digest), windows INTEGER NOT NULL,
        samples INTEGER NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, file TEXT NOT NULL,
        problems TEXT NOT NULL, PRIMARY KEY (content_key, key)
    ) WITHOUT ROWID;
    CREATE TABLE failures (path TEXT PRIMARY KEY, reason TEXT NOT NULL, noticed TEXT NOT NULL) WITHOUT ROWID;
    """,
)

_BUSY_S = 30.0


class CatalogueDamaged(Exception):
    """The SQLite file is damaged. `Library.open` sets it aside and builds another."""


@dataclass(frozen=True)
class SourceRow:
    """A file and the content it had when its size and time of change were these."""

    path: Path
    size: int
    mtime_ns: int
    content_key: str

    def is_unchanged(self, file: SourceFile) -> bool:
        """Return whether the file on disk still has the size and time of change of this row."""
        return (self.size, self.mtime_ns) == (file.size, file.mtime_ns)

    def look(self) -> bool | None:
        """Look at the file: None when it is offline, else whether it is still what was embedded."""
        try:
            status = self.path.stat()
        except (OSError, ValueError):
            return None
        return (status.st_size, status.st_mtime_ns) == (self.size, self.mtime_ns)


@dataclass(frozen=True)
class ShardRow:
    """A shard as the catalogue knows it."""

    content_key: str
    key: str
    """`ShardKey.digest`."""
    windows: int
    samples: int
    """Samples of sound in all windows, on the 48 kHz analysis clock."""
    bytes: int
    sha256: str
    file: str
    """Path below the library's ``vectors`` folder, with forward slashes."""
    problems: tuple[str, ...]


class Catalogue:
    """An open catalogue.

    Parameters
    ----------
    path
        The SQLite file, made when it is not there.

    Raises
    ------
    LibraryError
        When it cannot be opened or written, or has a newer schema.
    CatalogueDamaged
        When the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._in_words():
            # Transactions are begun and ended by hand: see transaction().
            self._db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
        try:
            with self._in_words():
                self._db.execute("PRAGMA foreign_keys = ON")
                self._write_ahead()
                # A power cut may lose the last commits, never the file; lost rows are found again by their shards.
                self._db.execute("PRAGMA synchronous = NORMAL")
                if self._db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                    raise CatalogueDamaged(str(path))
                self._migrate()
                for table in ("sources", "contents", "keys", "shards", "failures"):
                    self._db.execute(f"SELECT 1 FROM {table} LIMIT 1")
        except BaseException:
            self.close()
            raise

    def _write_ahead(self) -> None:
        """Switch to WAL. SQLite does not wait where two processes make one catalogue at once, so we do."""
        until = time.monotonic() + _BUSY_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.02)
            else:
                return

    def close(self) -> None:
        """Close the file; nothing can be asked afterwards."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all that is done inside at once, or not at all."""
        with self._in_words():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    # Files

    def source(self, path: Path) -> SourceRow | None:
        """Return what is known about a file, None when nothing is."""
        rows = self._rows("SELECT path, size, mtime_ns, content_key FROM sources WHERE path = ?", (_to_db(path),))
        return _source(rows[0]) if rows else None

    def sources(self) -> list[SourceRow]:
        """Return all files known, sorted by path."""
        rows = self._rows("SELECT path, size, mtime_ns, content_key FROM sources")
        return sorted(map(_source, rows), key=lambda row: row.path)

    def put_sources(self, rows: Iterable[SourceRow]) -> None:
        """Note files, over what was known about them, and forget their failures."""
        values = [(_to_db(row.path), row.size, row.mtime_ns, row.content_key) for row in rows]
        with self._in_words():
            self._db.executemany("INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?)", values)
            self._db.executemany("DELETE FROM failures WHERE path = ?", [value[:1] for value in values])

    def remove_sources(self, paths: Iterable[Path]) -> None:
        """Forget files."""
        with self._in_words():
            self._db.executemany("DELETE FROM sources WHERE path = ?", [(_to_db(path),) for path in paths])

    # Contents

    def full_hash(self, content_key: str) -> tuple[str | None, bool]:
        """Return the SHA-256 of the whole content, when it was ever read whole, and whether it has a twin.

        A twin is another content with the same size, ends and probes: files with such a key must be read whole.
        """
        rows = self._rows("SELECT full_hash, twin FROM contents WHERE content_key = ?", (content_key,))
        return (str(rows[0][0]), bool(rows[0][1])) if rows else (None, False)

    def put_full_hash(self, content_key: str, full_hash: str) -> None:
        """Note the SHA-256 of the whole content, unless one is noted."""
        with self._in_words():
            self._db.execute("INSERT OR IGNORE INTO contents VALUES (?, ?, 0)", (content_key, full_hash))

    def mark_twin(self, content_key: str) -> None:
        """Note that another content has the same key (`full_hash`)."""
        with self._in_words():
            self._db.execute("UPDATE contents SET twin = 1 WHERE content_key = ?", (content_key,))

    # Shards

    def keys(self) -> dict[str, ShardKey]:
        """Return the keys of which there are shards, by their digest."""
        columns = "representation, version, weights_hash, dimension, sample_rate, channels, window"
        rows = self._rows(f"SELECT digest, {columns} FROM keys WHERE digest IN (SELECT key FROM shards)")
        return {row[0]: ShardKey(*row[1:]) for row in rows}

    def shard(self, content_key: str, key: ShardKey) -> ShardRow | None:
        """Return the shard of a content, None when there is none."""
        rows = self._rows("SELECT * FROM shards WHERE content_key = ? AND key = ?", (content_key, key.digest))
        return _shard(rows[0]) if rows else None

    def shards(self, key: ShardKey | None = None) -> list[ShardRow]:
        """Return all shards, or those of one key, sorted by key and content."""
        where, values = ("WHERE key = ?", (key.digest,)) if key else ("", ())
        return [_shard(row) for row in self._rows(f"SELECT * FROM shards {where} ORDER BY key, content_key", values)]

    def put_shards(self, key: ShardKey, rows: Iterable[ShardRow]) -> None:
        """Note shards of one key, over what was known about them."""
        values = [
            (r.content_key, r.key, r.windows, r.samples, r.bytes, r.sha256, r.file, json.dumps(r.problems))
            for r in rows
        ]
        with self._in_words():
            self._db.execute(
                "INSERT OR IGNORE INTO keys (digest, representation, version, weights_hash, dimension, sample_rate,"
                " channels, window) VALUES (:digest, :representation, :version, :weights_hash, :dimension,"
                " :sample_rate, :channels, :window)",
                {**asdict(key), "digest": key.digest},
            )
            self._db.executemany("INSERT OR REPLACE INTO shards VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    def remove_shards(self, rows: Iterable[ShardRow]) -> None:
        """Forget shards."""
        with self._in_words():
            values = [(row.content_key, row.key) for row in rows]
            self._db.executemany("DELETE FROM shards WHERE content_key = ? AND key = ?", values)

    # Failures

    def failures(self) -> list[tuple[Path, str, str]]:
        """Return (path, reason, when noticed) of the files that could not be embedded, sorted by path."""
        return sorted((_from_db(r[0]), str(r[1]), str(r[2])) for r in self._rows("SELECT * FROM failures"))

    def put_failures(self, rows: Iterable[tuple[Path, str]], noticed: str) -> None:
        """Note why files could not be embedded; `noticed` is an ISO 8601 time."""
        with self._in_words():
            values = [(_to_db(path), reason.encode("utf-8", "replace").decode(), noticed) for path, reason in rows]
            self._db.executemany("INSERT OR REPLACE INTO failures VALUES (?, ?, ?)", values)

    def remove_failures(self, paths: Iterable[Path]) -> None:
        """Forget failures."""
        with self._in_words():
            self._db.executemany("DELETE FROM failures WHERE path = ?", [(_to_db(path),) for path in paths])

    def _migrate(self) -> None:
        newest = len(MIGRATIONS)
        number = self._schema()
        if number > newest:
            raise LibraryError(
                self.path.parent,
                f"was made by a newer amc-otio (catalogue schema {number}; this one knows {newest})",
                "update amc-otio, or name another folder with --library",
            )
        if number == newest:
            return
        with self.transaction():
            # Another process may have done it since.
            for step in range(self._schema(), newest):
                for statement in MIGRATIONS[step].split(";"):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {newest:d}")

    def _schema(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._in_words():
            return self._db.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        folder = self.path.parent
        try:
            yield
        except sqlite3.OperationalError as error:
            text = str(error)
            if "readonly" in text or "unable to open" in text:
                reason = "the catalogue cannot be written (read-only, or no permission)"
                raise LibraryError(folder, reason, "name another folder with --library") from error
            if "full" in text:
                raise LibraryError(folder, "the disk is full", "make room; what has been embedded is kept") from error
            if "locked" in text:
                reason = f"another process has held the catalogue for {_BUSY_S:.0f} s"
                raise LibraryError(folder, reason, "wait for it, then run again") from error
            if any(words in text for words in ("no such table", "no such column", "already exists", "values for")):
                raise CatalogueDamaged(text) from error
            raise LibraryError(folder, f"the catalogue cannot be used ({text})", "check the disk") from error
        except sqlite3.IntegrityError:
            raise  # a mistake in this module, not the disk's
        except sqlite3.DatabaseError as error:
            raise CatalogueDamaged(str(error)) from error


def salvage_sources(path: Path) -> list[SourceRow]:
    """Read what can be read of the files noted in a damaged catalogue.

    Nothing depends on it being right: a row counts only where the file on disk has its size and time of change,
    and where its content has a shard.
    """
    rows: list[SourceRow] = []
    with contextlib.suppress(sqlite3.Error, OSError, ValueError, TypeError):
        db = sqlite3.connect(path, timeout=1)
        try:
            for row in db.execute("SELECT path, size, mtime_ns, content_key FROM sources"):
                source = _source(row)
                if len(source.content_key) == 64 and source.path.is_absolute():
                    rows.append(source)
        finally:
            db.close()
    return rows


def _to_db(path: Path) -> str | bytes:
    """A file name that is not Unicode (possible on Linux) is kept as bytes: SQLite takes no such text."""
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return text


def _from_db(value: str | bytes) -> Path:
    return Path(os.fsdecode(value))


def _source(row: tuple[Any, ...]) -> SourceRow:
    return SourceRow(_from_db(row[0]), int(row[1]), int(row[2]), str(row[3]))


def _shard(row: tuple[Any, ...]) -> ShardRow:
    content, key, windows, samples, size, sha256, file, problems = row
    return ShardRow(content, key, windows, samples, size, sha256, file, tuple(json.loads(problems)))
