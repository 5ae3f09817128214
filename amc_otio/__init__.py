"""amc-otio: audio match cuts for OpenTimelineIO timelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amc_otio.timeline.own_readers import register

if TYPE_CHECKING:
    from amc_otio.timeline.own_readers import Reader

__version__ = "0.1.0"


def _fcpxml() -> Reader:
    from amc_otio.formats.fcpxml_read import read_all

    return read_all


register(".fcpxml", _fcpxml)
