"""Where a run gets its sound, and where its progress goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import opentimelineio as otio

from amc_otio.errors import MediaError, NoMatchError, UsageError
from amc_otio.library.sources import holds_media
from amc_otio.matching.media_table import MediaTable
from amc_otio.media.locate import Locator
from amc_otio.timeline.own_readers import own_suffixes
from amc_otio.timeline.read import read_timeline


@dataclass(frozen=True)
class Sources:
    """Where sound comes from.

    Attributes
    ----------
    gallery
        Files, folders or timelines in which matches are looked for; empty is the timeline's own media.
    library
        Folder of the library; None is what the settings say, else ``.amc`` beside the timeline.
    path_maps, search_roots
        How media is relinked (see `amc_otio.media.locate.Locator`).
    workers
        Processes that index; None is one a core.
    """

    gallery: tuple[Path, ...] = ()
    library: Path | None = None
    path_maps: tuple[tuple[str, str], ...] = ()
    search_roots: tuple[Path, ...] = ()
    workers: int | None = None


@dataclass(frozen=True)
class Reporter:
    """Where progress and remarks go; both may be None.

    `indexing` gets what `Library.index` reports; `matching` gets edit points done and their number.
    """

    indexing: Callable[[Any], None] | None = None
    matching: Callable[[int, int], None] | None = None


def gallery_paths(sources: Sources, media: MediaTable | None) -> tuple[Path, ...]:
    """The files and folders in which matches are looked for; a timeline stands for its media.

    Raises
    ------
    AmcError
        When a path is missing or the timeline's own media are all offline.
    """
    if not sources.gallery and media is not None:
        if not media.paths:
            first = f" ({media.offline[0]})" if media.offline else ""
            raise NoMatchError(
                "gallery",
                f"none of the timeline's media was found{first}",
                "give --gallery, --map-path or --search-root",
            )
        return media.paths
    suffixes = {f".{s}" for s in otio.adapters.suffixes_with_defined_adapters(read=True)} | own_suffixes()
    paths: list[Path] = []
    for path in sources.gallery:
        if path.suffix.lower() in suffixes and (path.is_file() or path.suffix.lower() == ".otiod"):
            loaded = read_timeline(path)
            locator = Locator(base=loaded.base, path_maps=sources.path_maps, search_roots=sources.search_roots)
            paths.extend(MediaTable(loaded.timeline, locator, loaded.rate).paths)
        elif path.exists():
            paths.append(path)
        else:
            raise MediaError(path, "does not exist", "give files, folders or timelines that do")
    if not any(not path.is_dir() or holds_media(path) for path in paths):
        where = ", ".join(str(path) for path in sources.gallery)
        raise NoMatchError(where, "holds no media file", "give files, folders or timelines that do")
    return tuple(dict.fromkeys(paths))


def check_sources(sources: Sources) -> None:
    """Refuse what cannot be, before any work is done."""
    if sources.workers is not None and sources.workers < 1:
        raise UsageError("--workers", f"{sources.workers} is below 1", "give 1 or more, or leave it out")
    for root in sources.search_roots:
        if not root.is_dir():
            raise UsageError(root, "is no folder", "give --search-root an existing folder")
