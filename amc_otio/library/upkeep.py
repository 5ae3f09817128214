"""Upkeep: what a library holds, whether it is whole, and removing what nothing needs any more."""

from __future__ import annotations

import contextlib
from pathlib import Path

from amc_otio.config import ANALYSIS_RATE
from amc_otio.library.catalogue import Catalogue
from amc_otio.library.index import annoy_available, remove_index
from amc_otio.library.layout import Layout, os_error_in_words, remove, size_of, sweep_temporaries
from amc_otio.library.repair import damage_of, discard
from amc_otio.library.reports import LibraryInfo, PruneReport, RepresentationInfo, VerifyReport


def describe(layout: Layout, catalogue: Catalogue) -> LibraryInfo:
    """Return what a library holds."""
    rows = catalogue.shards()
    representations = []
    for digest, key in sorted(catalogue.keys().items(), key=lambda item: (item[1].representation, item[0])):
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
    index_files = list(layout.index.glob("*.ann"))
    index_bytes = sum(size_of(path) for path in index_files)
    return LibraryInfo(
        folder=layout.folder,
        sources=len(catalogue.sources()),
        contents=len({row.content_key for row in rows}),
        representations=tuple(representations),
        failures=tuple(catalogue.failures()),
        indexes=len(index_files),
        index_bytes=index_bytes,
        bytes=sum(row.bytes for row in rows) + index_bytes,
        annoy=annoy_available(),
    )


def verify(layout: Layout, catalogue: Catalogue) -> VerifyReport:
    """Read every shard whole, look at every file, and set aside what is damaged. See `Library.verify`."""
    keys = catalogue.keys()
    files: dict[str, list[Path]] = {}
    offline, changed = [], []
    for source in catalogue.sources():
        files.setdefault(source.content_key, []).append(source.path)
        unchanged = source.look()
        if unchanged is None:
            offline.append(source.path)
        elif not unchanged:
            changed.append(source.path)
    damaged = []
    rows = catalogue.shards()
    for row in rows:
        reason = damage_of(layout, row, keys[row.key])
        if reason:
            discard(layout, catalogue, row)
            damaged.append((tuple(files.get(row.content_key, ())), f"its vectors {reason}"))
    return VerifyReport(len(rows), tuple(damaged), tuple(offline), tuple(changed))


def prune(layout: Layout, catalogue: Catalogue) -> PruneReport:
    """Remove what nothing needs any more. See `Library.prune`.

    Raises
    ------
    LibraryError
        When something cannot be removed or written.
    """
    gone = [s.path for s in catalogue.sources() if s.look() is None and s.path.parent.is_dir()]
    with catalogue.transaction():
        catalogue.remove_sources(gone)
        catalogue.remove_failures(
            path for path, _, _ in catalogue.failures() if not path.exists() and path.parent.is_dir()
        )
        used = {source.content_key for source in catalogue.sources()}
        unused = [row for row in catalogue.shards() if row.content_key not in used]
        catalogue.remove_shards(unused)
        known = {row.file for row in catalogue.shards()}
    try:
        # A run in another process may just have renamed a shard that it has not noted yet: then leave all alone.
        strays = [] if _has_writers(layout) else list(layout.vectors.glob("*/*.safetensors"))
        freed = sum(remove(layout.vectors / row.file) for row in unused)
        known |= {row.file for row in unused}
        others = [path for path in strays if f"{path.parent.name}/{path.name}" not in known]
        others += layout.damaged.glob("*") if layout.damaged.is_dir() else []
        freed += sum(map(remove, others))
        indexes = list(layout.index.glob("*.json"))
        freed += sum(map(remove_index, indexes))
        without_sidecar = list(layout.index.glob("*.ann"))
        freed += sum(map(remove, without_sidecar))
        for folder in layout.vectors.iterdir():
            with contextlib.suppress(OSError):
                folder.rmdir()  # only when empty
    except OSError as error:
        raise os_error_in_words(layout.folder, error) from error
    return PruneReport(len(gone), len(unused), len(indexes), len(others) + len(without_sidecar), freed)


def _has_writers(layout: Layout) -> bool:
    sweep_temporaries(layout)
    return any(layout.locks.glob("run-*.lock"))
