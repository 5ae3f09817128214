"""A library: a folder that remembers what has been embedded. The way in to this package."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from amc_otio.config import INDEX_KINDS
from amc_otio.errors import LibraryError, UsageError
from amc_otio.library import gallery, indexing, repair, upkeep
from amc_otio.library.catalogue import Catalogue, CatalogueDamaged, ShardRow
from amc_otio.library.index import AUTO_FROM, annoy_available, index_name, open_index
from amc_otio.library.jobs import key_of, representation_of
from amc_otio.library.layout import Layout, LibraryWarning, os_error_in_words, sweep_temporaries
from amc_otio.library.reports import IndexReport, LibraryInfo, Progress, PruneReport, RepresentationInfo, VerifyReport
from amc_otio.library.search import Searcher
from amc_otio.library.shards import Shard, ShardDamage, ShardKey
from amc_otio.library.sources import absolute
from amc_otio.media.decode import Channels

if TYPE_CHECKING:
    from amc_otio.representations.base import Representation

__all__ = ["Library", "LibraryInfo", "PruneReport", "RepresentationInfo", "VerifyReport"]

_T = TypeVar("_T")


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
            catalogue = repair.open_catalogue(layout)
            try:
                sweep_temporaries(layout)
            except BaseException:
                catalogue.close()
                raise
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
        settings = indexing.IndexSettings(
            workers=workers,
            executor=executor,
            verify=verify,
            progress=progress,
            threads=threads,
            weights=weights_path,
            channels=channels,
        )
        return self._healing(lambda: indexing.index(self.layout, self.catalogue, named, key, settings))

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
        chosen, missing = self._healing(lambda: gallery.choose(self.catalogue, key, named))
        loaded, damaged = gallery.load(self.layout, self.catalogue, key, chosen)
        problems: list[str] = []
        if damaged:
            again = [row.path for row, _ in damaged]
            with contextlib.suppress(LibraryError):
                self.index(again, representation, weights=weights, channels=channels, workers=1)
            chosen, _ = gallery.choose(self.catalogue, key, again)
            repaired, _ = gallery.load(self.layout, self.catalogue, key, chosen)
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
            name = index_name(key.folder, gallery.shard_hashes(self.catalogue, key, searcher.paths))
            searcher.finder = open_index(self.layout, name, searcher.matrix, searcher.searchable)
        return searcher

    def shards(
        self,
        representation: str | Representation,
        paths: Iterable[str | os.PathLike[str]] | None = None,
        *,
        weights: str | os.PathLike[str] | None = None,
        channels: Channels | None = None,
    ) -> Iterator[tuple[Path, Shard]]:
        """Read what is embedded of the chosen sources, one at a time.

        Parameters
        ----------
        representation, paths, weights, channels
            As in `searcher`.

        Yields
        ------
        (path, shard)
            One a content, in the order of the contents' keys: it does not depend on where the files lie. A damaged
            shard is made again, with a `LibraryWarning`; where that fails it is left out.
        """
        key = self._key(representation, None if weights is None else os.fspath(weights), None, channels)
        named = None if paths is None else [absolute(path) for path in paths]
        chosen, _ = self._healing(lambda: gallery.choose(self.catalogue, key, named))
        rows = {row.content_key: row for row in self.catalogue.shards(key)}
        for source in sorted(chosen, key=lambda source: source.content_key):
            try:
                yield source.path, repair.read_shard(self.layout, rows[source.content_key], key)
                continue
            except ShardDamage as damage:
                self.discard(rows[source.content_key])
                reason = str(damage)
            again = None
            with contextlib.suppress(LibraryError, ShardDamage):
                self.index([source.path], representation, weights=weights, channels=channels, workers=1)
                row = self.catalogue.shard(source.content_key, key)
                again = None if row is None else repair.read_shard(self.layout, row, key)
            end = "it is left out" if again is None else "embedded again"
            warnings.warn(f"{source.path}: its vectors {reason}: set aside, {end}", LibraryWarning, stacklevel=2)
            if again is not None:
                yield source.path, again

    def info(self) -> LibraryInfo:
        """Return what the library holds."""
        return upkeep.describe(self.layout, self.catalogue)

    def verify(self) -> VerifyReport:
        """Read every shard whole, look at every file, and set aside what is damaged.

        Sources are not read (``index(…, verify=True)`` does that). A damaged shard is made again by the next
        `index` or `searcher` that needs it.
        """
        return upkeep.verify(self.layout, self.catalogue)

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
        return upkeep.prune(self.layout, self.catalogue)

    def discard(self, row: ShardRow) -> None:
        """Set a damaged shard aside and forget it."""
        repair.discard(self.layout, self.catalogue, row)

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

    def _healing(self, work: Callable[[], _T]) -> _T:
        """Do `work`; when it finds the catalogue damaged, build that again and do it once more."""
        try:
            return work()
        except CatalogueDamaged:
            self.catalogue.close()
            try:
                self.catalogue = repair.rebuild(self.layout)
                return work()
            except CatalogueDamaged as error:
                reason = f"the catalogue is damaged again and again ({error})"
                raise LibraryError(self.folder, reason, "check the disk") from error
