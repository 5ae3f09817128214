"""What has been embedded, on disk: catalogue, vectors, index, search."""

from amc_otio.library.index import annoy_available
from amc_otio.library.layout import LibraryWarning
from amc_otio.library.library import Library
from amc_otio.library.reports import (
    IndexReport,
    LibraryInfo,
    Progress,
    PruneReport,
    RepresentationInfo,
    VerifyReport,
)
from amc_otio.library.search import Searcher, Window

__all__ = [
    "IndexReport",
    "Library",
    "LibraryInfo",
    "LibraryWarning",
    "Progress",
    "PruneReport",
    "RepresentationInfo",
    "Searcher",
    "VerifyReport",
    "Window",
    "annoy_available",
]
