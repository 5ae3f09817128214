"""Build or refresh a library."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amc_otio.library.indexing import IndexReport
from amc_otio.library.library import Library
from amc_otio.representations import create
from amc_otio.workflow.sources import Sources, check_sources, gallery_paths

_log = logging.getLogger(__name__)


def index(
    sources: Sources,
    library: Path,
    representation: str,
    verify: bool = False,
    progress: Callable[[Any], None] | None = None,
    weights: Path | None = None,
) -> IndexReport:
    """Build or refresh a library from files, folders and timelines (`Sources.gallery`).

    Raises
    ------
    AmcError
        A file that cannot be read is in the report, not an error.
    """
    check_sources(sources)
    create(representation, weights=weights)
    paths = gallery_paths(sources, None)
    began = time.monotonic()
    with Library.open(library) as opened:
        report = opened.index(
            paths, representation, workers=sources.workers, verify=verify, progress=progress, weights=weights
        )
    _log.info(
        "library %s, %s: %d embedded, %d there already, %d failed, in %.3f s",
        *(library, representation, report.embedded, report.reused, len(report.failed), time.monotonic() - began),
    )
    return report
