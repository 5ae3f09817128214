"""What the recipes for a clip's gain have in common."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import opentimelineio as otio

from amc_otio.timeline.gain_ramp import Ramp
from amc_otio.timeline.level_match import BOUNCE, Outcome
from amc_otio.timeline.rational import end

NEST: Final = Outcome(False, f"{BOUNCE}: the level of a nest is left alone")
KEYED: Final = Outcome(False, f"{BOUNCE}: the clip has a keyframed level of its own")


def none_in(suffix: str, item: otio.core.Item, ramp: Ramp) -> Outcome:
    """The recipe of a format without clip gain."""
    return Outcome(False, f"{BOUNCE}: {suffix} has no clip gain that an editor reads")


def media_end(item: otio.core.Item) -> Fraction | None:
    """Where a clip's media ends on its own clock, in seconds, where that is known."""
    available = item.media_reference.available_range if isinstance(item, otio.schema.Clip) else None
    return None if available is None else end(available)


def limited(beyond: bool, most: str, suffix: str) -> Outcome:
    """A gain that is written, `beyond` what the format can say or not."""
    note = f"is written up to {most}, where the clip gain of {suffix} ends; whole it {BOUNCE}"
    return Outcome(True, note if beyond else "")
