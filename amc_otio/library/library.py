"""A library: a folder that remembers what has been embedded. The way in to this package."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from amc_otio.config import ANALYSIS_RATE, INDEX_KINDS
from amc_otio.errors import LibraryError, UsageError
from amc_otio.library import indexing
from amc_otio.library.catalogue import Catalogue, CatalogueDamaged, ShardRow, SourceRow, salvage_sources
from amc_otio.library.index import AUTO_FROM, annoy_available, index_name, open_index, remove_index
from amc_otio.library.indexing import IndexReport, Progress
from amc_otio.library.jobs import key_of, representation_of, row_of
from amc_otio.library.layout import Layout, LibraryWarning, os_error_in_words, sweep_temporaries
from amc_otio.library.locks import FileLock
from amc_otio.library.search import Searcher
from amc_otio.library.shards import Shard, ShardDamage, ShardKey, decode, read, read_bytes
from amc_otio.library.sources import absolute
from amc_otio.media.decode import Channels

if TYPE_CHECKING:
    from amc_otio.representations.base import Representation

_T = TypeVar("_T")


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


class Library:
    """An open library. Use `Library.open`; it is a context manager."""

    def __init__(self, layout: Layout, catalogue: Catalogue) -> None:
        self.layout = layout
        self.catalogue = catalogue

    @classmethod
    def open(cls, folder: str | os.PathLike[str], create: bool = True) -> Library:
        """Open the library in `folder`.

        Parameters
        ----------
        folder
            The library's own folder.
        create
            Make it when it is not there, or empty.

        Raises
        ------
        LibraryError
            When there is no library and `create` is false, the folder holds other files, the library was made by a
            newer amc-otio, or it cannot be written.

        Notes
        -----
        A damaged catalogue is set aside and built again from the shards, with a `LibraryWarning`; the temporary
        files of killed runs are removed.
        """
        layout = Layout(absolute(folder))
        layout.prepare(create)
        try:
            # Without its catalogue a library that has shards is as one whose catalogue is damaged.
            if not _size(layout.catalogue) and any(layout.vectors.iterdir()):
                catalogue = _rebuild(layout)
            else:
                try:
                    catalogue = Catalogue(layout.catalogue)
                except CatalogueDamaged:
                    catalogue = _rebuild(layout)
            sweep_temporaries(layout)
        except OSError as error:
            raise os_error_in_words(layout.folder, error) from error
        return cls(layout, catalogue)

    @property
    def folder(self) -> Path:
        """The library's folder."""
        return self.layout.folder

    def close(self) -> None:
        """Close the catalogue."""
        self.catalogue.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def index(
        self,
        paths: Iterable[str | os.PathLike[str]],
        representation: str | Representation,
        *,
        workers: int | None = None,
        executor: Executor | None = None,
        verify: bool = False,
        progress: Callable[[Progress], None] | None = None,
        threads: int | None = None,
        weights: str | os.PathLike[str] | None = None,
        channels: Channels | None = None,
    ) -> IndexReport:
        """Embed what is new among files and folders.

        Parameters
        ----------
        paths
            Files, taken whatever their suffix, and folders, walked for media.
        representation
            Name in the registry, or what `create` made of it.
        workers
            Processes; one works inside this process. Default: one a processor. More than one are spawned, so a
            script that calls this needs its ``if __name__ == "__main__":``.
        executor
            Where the jobs run instead: any `concurrent.futures.Executor` whose workers see the library folder and
            the media under the same paths.
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

        Returns
        -------
        IndexReport
            A file that cannot be read is listed there; it does not end the run.

        Raises
        ------
        UsageError
            When an option makes no sense.
        LibraryError, RepresentationError
            When nothing can be written, or nothing can be embedded. What was embedded until then is kept.
        """
        named = list(paths)
        weights_path = None if weights is None else os.fspath(weights)
        key = self._key(representation, weights_path, threads, channels)
        return self._healing(
            lambda: indexing.index(
                self,
                named,
                key,
                workers=workers,
                executor=executor,
                verify=verify,
                progress=progress,
                threads=threads,
                weights=weights_path,
                channels=channels,
            )
        )

    def searcher(
        self,
        representation: str | Representation,
        paths: Iterable[str | os.PathLike[str]] | None = None,
        kind: str = "auto",
        *,
        weights: str | os.PathLike[str] | None = None,
        channels: Channels | None = None,
    ) -> Searcher:
        """Return what searches the chosen sources.

        Parameters
        ----------
        representation
            Name in the registry, or what `create` made of it.
        paths
            Files and folders, as they were given to `index`; None is every source of the library.
        kind
            ``"exact"``; ``"annoy"``; or ``"auto"``: Annoy from 1,000 searchable windows up where the package is
            there, else exact. An index is built over exactly these sources and kept for the next time.
        weights, channels
            As in `index`.

        Returns
        -------
        Searcher
            Its `missing` lists what was asked for and is not in the library, or has changed since. Offline sources
            that were indexed are there. A damaged shard is set aside and made again, with a `LibraryWarning`.

        Raises
        ------
        UsageError
            When `kind` is unknown, or ``"annoy"`` without the annoy package.
        """
        if kind not in INDEX_KINDS:
            raise UsageError("index kind", f"{kind!r} is none of {', '.join(INDEX_KINDS)}")
        if kind == "annoy" and not annoy_available():
            raise UsageError("index kind", "the annoy package is not installed", "use auto or exact, or install annoy")
        weights_path = None if weights is None else os.fspath(weights)
        key = self._key(representation, weights_path, None, channels)
        named = None if paths is None else [absolute(path) for path in paths]
        chosen, missing = self._healing(lambda: self._choose(key, named))
        loaded, damaged = self._load(key, chosen)
        problems: list[str] = []
        if damaged:
            again = [row.path for row, _ in damaged]
            with contextlib.suppress(LibraryError):
                self.index(again, representation, weights=weights, channels=channels, workers=1)
            repaired, _ = self._load(key, self._choose(key, again)[0])
            loaded += repaired
            made = {path for path, _ in repaired}
            missing += [path for path in again if path not in made]
            for row, reason in damaged:
                end = "embedded again" if row.path in made else "it is left out until its media can be read again"
                problems.append(f"{row.path}: its vectors {reason}: set aside, {end}")
                warnings.warn(problems[-1], LibraryWarning, stacklevel=2)
        # Read-only views of the shards' bytes go into one matrix inside.
        searcher = Searcher(key, loaded, problems=tuple(problems), missing=tuple(sorted(missing)))
        windows = int(searcher.searchable.sum())
        if windows and (kind == "annoy" or (kind == "auto" and windows >= AUTO_FROM and annoy_available())):
            digests = [shard_digest for _, shard_digest in self._digests(key, searcher.paths)]
            name = index_name(key.folder, digests)
            searcher.finder = open_index(self.layout, name, searcher.matrix, searcher.searchable)
        return searcher

    def info(self) -> LibraryInfo:
        """Return what the library holds."""
        keys = self.catalogue.keys()
        rows = self.catalogue.shards()
        representations = []
        for digest, key in sorted(keys.items(), key=lambda item: (item[1].representation, item[0])):
            mine = [row for row in rows if row.key == digest]
            representations.append(
                RepresentationInfo(
                    key=key,
                    shards=len(mine),
                    windows=sum(row.windows for row in mine),
                    seconds=sum(row.samples for row in mine) / ANALYSIS_RATE,
                    bytes=sum(row.bytes for row in mine),
                )
            )
        index_files = list(self.layout.index.glob("*.ann"))
        index_bytes = sum(_size(path) for path in index_files)
        return LibraryInfo(
            folder=self.folder,
            sources=len(self.catalogue.sources()),
            contents=len({row.content_key for row in rows}),
            representations=tuple(representations),
            failures=tuple(self.catalogue.failures()),
            indexes=len(index_files),
            index_bytes=index_bytes,
            bytes=sum(row.bytes for row in rows) + index_bytes,
            annoy=annoy_available(),
        )

    def verify(self) -> VerifyReport:
        """Read every shard whole, look at every file, and set aside what is damaged.

        Sources are not read (``index(…, verify=True)`` does that). A damaged shard is made again by the next
        `index` or `searcher` that needs it.
        """
        keys = self.catalogue.keys()
        files: dict[str, list[Path]] = {}
        offline, changed = [], []
        for source in self.catalogue.sources():
            files.setdefault(source.content_key, []).append(source.path)
            state = _state(source)
            if state is None:
                offline.append(source.path)
            elif not state:
                changed.append(source.path)
        damaged = []
        rows = self.catalogue.shards()
        for row in rows:
            reason = self._damage(row, keys[row.key])
            if reason:
                self.discard(row)
                damaged.append((tuple(files.get(row.content_key, ())), f"its vectors {reason}"))
        return VerifyReport(len(rows), tuple(damaged), tuple(offline), tuple(changed))

    def prune(self) -> PruneReport:
        """Remove what nothing needs any more.

        Files that are gone while their folder is still there are forgotten (media on a disk that is not mounted is
        kept), and so are contents that no file has any more, with their shards; shards that the catalogue does not
        know; what was set aside; and all indexes, which are built again when they are needed.

        Raises
        ------
        LibraryError
            When something cannot be removed or written.
        """
        gone = [s.path for s in self.catalogue.sources() if _state(s) is None and s.path.parent.is_dir()]
        freed = other = 0
        with self.catalogue.transaction():
            self.catalogue.remove_sources(gone)
            self.catalogue.remove_failures(
                path for path, _, _ in self.catalogue.failures() if not path.exists() and path.parent.is_dir()
            )
            used = {source.content_key for source in self.catalogue.sources()}
            unused = [row for row in self.catalogue.shards() if row.content_key not in used]
            self.catalogue.remove_shards(unused)
            known = {row.file for row in self.catalogue.shards()}
        try:
            # A run in another process may just have renamed a shard that it has not noted yet: then leave all alone.
            strays = [] if self._has_writers() else list(self.layout.vectors.glob("*/*.safetensors"))
            doomed = [self.layout.vectors / row.file for row in unused]
            removed = {path: _remove(path) for path in doomed}
            for path in strays:
                if f"{path.parent.name}/{path.name}" not in known and path not in removed:
                    freed += _remove(path)
                    other += 1
            freed += sum(removed.values())
            for path in list(self.layout.damaged.glob("*")) if self.layout.damaged.is_dir() else []:
                freed += _remove(path)
                other += 1
            indexes = list(self.layout.index.glob("*.json"))
            freed += sum(remove_index(path) for path in indexes)
            for path in self.layout.index.glob("*.ann"):
                freed += _remove(path)
                other += 1
            for folder in self.layout.vectors.iterdir():
                with contextlib.suppress(OSError):
                    folder.rmdir()  # only when empty
        except OSError as error:
            raise os_error_in_words(self.folder, error) from error
        return PruneReport(len(gone), len(unused), len(indexes), other, freed)

    def discard(self, row: ShardRow) -> None:
        """Set a damaged shard aside and forget it."""
        self.layout.set_aside(self.layout.vectors / row.file)
        with self.catalogue.transaction():
            self.catalogue.remove_shards([row])

    @staticmethod
    def _key(
        representation: str | Representation,
        weights: str | None,
        threads: int | None,
        channels: Channels | None,
    ) -> ShardKey:
        if isinstance(representation, str):
            representation = representation_of(representation, threads, weights)
        return key_of(representation, channels)

    def _choose(self, key: ShardKey, named: list[Path] | None) -> tuple[list[SourceRow], list[Path]]:
        """Return the sources that were asked for and have a shard, and the paths that were asked for and do not."""
        known = self.catalogue.sources()
        have = {row.content_key for row in self.catalogue.shards(key)}
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
            if row.content_key not in have or _state(row) is False:
                if named is not None:
                    missing.append(row.path)
            elif row.content_key not in contents:  # copies are searched once
                contents.add(row.content_key)
                chosen.append(row)
        return chosen, missing

    def _load(
        self, key: ShardKey, chosen: list[SourceRow]
    ) -> tuple[list[tuple[Path, Shard]], list[tuple[SourceRow, str]]]:
        rows = {row.content_key: row for row in self.catalogue.shards(key)}
        loaded: list[tuple[Path, Shard]] = []
        damaged: list[tuple[SourceRow, str]] = []
        for source in chosen:
            row = rows[source.content_key]
            try:
                path = self.layout.vectors / row.file
                shard = read(path, sha256=row.sha256, content_key=row.content_key, key=key)
                loaded.append((source.path, shard))
            except ShardDamage as damage:
                self.discard(row)
                damaged.append((source, str(damage)))
        return loaded, damaged

    def _digests(self, key: ShardKey, paths: Iterable[Path]) -> list[tuple[Path, str]]:
        rows = {row.content_key: row.sha256 for row in self.catalogue.shards(key)}
        contents = {source.path: source.content_key for source in self.catalogue.sources()}
        return [(path, rows[contents[path]]) for path in paths]

    def _damage(self, row: ShardRow, key: ShardKey) -> str:
        try:
            read(self.layout.vectors / row.file, sha256=row.sha256, content_key=row.content_key, key=key)
        except ShardDamage as damage:
            return str(damage)
        return ""

    def _has_writers(self) -> bool:
        sweep_temporaries(self.layout)
        return any(self.layout.locks.glob("run-*.lock"))

    def _healing(self, work: Callable[[], _T]) -> _T:
        """Do `work`; when it finds the catalogue damaged, build that again and do it once more."""
        try:
            return work()
        except CatalogueDamaged:
            self.catalogue.close()
            try:
                self.catalogue = _rebuild(self.layout)
                return work()
            except CatalogueDamaged as error:
                reason = f"the catalogue is damaged again and again ({error})"
                raise LibraryError(self.folder, reason, "check the disk") from error


def _rebuild(layout: Layout) -> Catalogue:
    """Set a damaged or missing catalogue aside and make one from the shards."""
    with FileLock(layout.locks / "catalogue.lock"):
        salvaged: list[SourceRow] = []
        reason = "was missing"
        if _size(layout.catalogue):
            with contextlib.suppress(CatalogueDamaged):
                return Catalogue(layout.catalogue)  # another process has just done it
            reason = "was damaged: set aside"
            salvaged = salvage_sources(layout.catalogue)
        for path in (
            layout.catalogue,
            *(layout.catalogue.with_name(layout.catalogue.name + e) for e in ("-wal", "-shm")),
        ):
            if path.exists():
                layout.set_aside(path)
        try:
            catalogue = Catalogue(layout.catalogue)
        except CatalogueDamaged as error:
            raise LibraryError(layout.folder, f"the catalogue cannot be built ({error})", "check the disk") from error
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
        with catalogue.transaction():
            for key, rows in found.items():
                catalogue.put_shards(key, rows)
            catalogue.put_sources(salvaged)
    count = sum(map(len, found.values()))
    text = f"{layout.catalogue}: {reason}, and built again from {count} shards"
    warnings.warn(text + (f"; {bad} damaged shards were set aside" if bad else ""), LibraryWarning, stacklevel=4)
    return catalogue


def _state(source: SourceRow) -> bool | None:
    """Return None when the file is offline, else whether it is still what was embedded."""
    try:
        status = source.path.stat()
    except (OSError, ValueError):
        return None
    return (status.st_size, status.st_mtime_ns) == (source.size, source.mtime_ns)


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def _remove(path: Path) -> int:
    size = _size(path)
    path.unlink(missing_ok=True)
    return size
