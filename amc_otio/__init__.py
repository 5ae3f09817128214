"""amc-otio: audio match cuts for OpenTimelineIO timelines.

The API is the names in `__all__` (docs/api.md). Each is imported when it is first asked for, so that
``import amc_otio`` loads nothing heavy.

>>> import amc_otio
>>> amc_otio.match.__module__
'amc_otio.workflow.in_one_go'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from amc_otio.timeline.own_readers import register

if TYPE_CHECKING:
    from amc_otio.config import Settings
    from amc_otio.errors import AmcError
    from amc_otio.proposals import read_proposals, write_proposals
    from amc_otio.timeline.own_readers import Reader
    from amc_otio.timeline.select import Selection
    from amc_otio.workflow import (
        Reporter,
        Sources,
        apply,
        index,
        match,
        match_timeline,
        points,
        propose,
        revert,
    )

__version__ = "0.1.0"

__all__ = [
    "AmcError",
    "Reporter",
    "Selection",
    "Settings",
    "Sources",
    "apply",
    "index",
    "match",
    "match_timeline",
    "points",
    "propose",
    "read_proposals",
    "revert",
    "write_proposals",
]

_ELSEWHERE = {
    "AmcError": "errors",
    "Selection": "timeline.select",
    "Settings": "config",
    "read_proposals": "proposals",
    "write_proposals": "proposals",
}
"""Where a name of the API is, if not in `amc_otio.workflow`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{_ELSEWHERE.get(name, 'workflow')}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _fcpxml() -> Reader:
    from amc_otio.formats.fcpxml_read import read_all

    return read_all


def _mlt() -> Reader:
    from amc_otio.formats.mlt_read import read

    return lambda path: [read(path)]


# Here, since whoever reads a timeline has imported this first, and the timeline's room knows no format.
register(".fcpxml", _fcpxml)
register(".mlt", _mlt)
