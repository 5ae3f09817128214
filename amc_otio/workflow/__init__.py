"""The main job in a few calls. The command line and the adapters are thin over it.

>>> from pathlib import Path
>>> from amc_otio.workflow import Sources, match
>>> match(Path("edit.otio"), Path("new.otio"), Sources(gallery=(Path("sounds"),)))  # doctest: +SKIP
"""

from amc_otio.workflow.applying import Written, apply
from amc_otio.workflow.cutting import Change
from amc_otio.workflow.in_one_go import Matched, match, match_timeline
from amc_otio.workflow.indexing import index
from amc_otio.workflow.listing import points
from amc_otio.workflow.proposing import propose
from amc_otio.workflow.reverting import Reverted, revert
from amc_otio.workflow.sources import Reporter, Sources

__all__ = [
    "Change",
    "Matched",
    "Reporter",
    "Reverted",
    "Sources",
    "Written",
    "apply",
    "index",
    "match",
    "match_timeline",
    "points",
    "propose",
    "revert",
]
