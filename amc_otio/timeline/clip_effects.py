"""What shapes a clip's sound: effects and level keyframes, as the editors' formats leave them in a clip."""

from __future__ import annotations

import math
from typing import Any, Final

import opentimelineio as otio

from amc_otio.timeline.level_match import OURS
from amc_otio.timeline.metadata import items_of, lookup, mapping_get, number_or, plain
from amc_otio.timeline.undo import METADATA_KEY

FCP: Final = "fcp_xml"
"""Where OTIO's adapter for Final Cut Pro 7 XML keeps what OTIO has no words for."""
RESOLVE: Final = "Resolve_OTIO"
"""Where DaVinci Resolve does."""
RESOLVE_VOLUME: Final = "Fairlight Clip Volume and Fades"
"""Resolve's name of the effect that holds a clip's volume."""
GES_CARRIER: Final = "amc-otio clip gain"
"""Begins the name of the effect that carries a level match to an .xges file."""


def is_levels(one: Any) -> bool:
    """Whether a filter of Final Cut Pro 7 XML is "Audio Levels"."""
    effect = mapping_get(one, "effect")
    return str(mapping_get(effect, "effectid") or "").strip().lower() == "audiolevels"


def start_keyframes_later(item: otio.core.Item, frames: int) -> None:
    """Let what Resolve keyed, which counts frames from a clip's start, stay in its place when the clip starts later."""
    for effect in item.effects:
        held = plain(lookup(effect, RESOLVE))
        parameters = items_of(held.get("Parameters")) if isinstance(held, dict) else ()
        for one in parameters:
            if isinstance(one, dict) and isinstance(one.get("Key Frames"), dict):
                one["Key Frames"] = _later(one["Key Frames"], frames)
        if parameters:
            effect.metadata[RESOLVE] = held


def _later(keys: dict[str, Any], frames: int) -> dict[str, Any]:
    """Keyframes counted from a later frame: the first of them is what the line between its neighbours has there."""
    try:
        placed = sorted((int(frame) - frames, key) for frame, key in keys.items())
    except (TypeError, ValueError):
        return keys
    past, coming = [one for one in placed if one[0] < 0], [one for one in placed if one[0] >= 0]
    if past and (not coming or coming[0][0] > 0):
        (at, before), (then, after) = past[-1], coming[0] if coming else past[-1]
        key = before
        if then > at and isinstance(before, dict) and isinstance(after, dict):
            one, other = number_or(before.get("Value"), math.nan), number_or(after.get("Value"), math.nan)
            if not math.isnan(one + other):
                key = {**before, "Value": one + (other - one) * -at / (then - at)}
        coming.insert(0, (0, key))
    return {str(frame): key for frame, key in coming}


def has_effects(item: otio.core.Item) -> bool:
    """Whether something shapes a clip's sound that is not a level match: effects, and Final Cut Pro 7 XML's filters."""
    ours = bool(lookup(item, METADATA_KEY, OURS))
    for effect in getattr(item, "effects", ()):
        held = lookup(effect, RESOLVE)
        volume = [p for p in items_of(mapping_get(held, "Parameters")) if mapping_get(p, "Parameter ID") == "volume"]
        if mapping_get(held, "Effect Name") == RESOLVE_VOLUME:
            if any(not _is_even(p, "Parameter Value", "Key Frames", 0.0, ours) for p in volume):
                return True
        elif not str(effect.effect_name or "").startswith(GES_CARRIER):
            return True
    for one in items_of(lookup(item, FCP, "filter")):
        parameters = items_of(mapping_get(mapping_get(one, "effect"), "parameter"))
        if not is_levels(one) or any(not _is_even(p, "value", "keyframe", 1.0, ours) for p in parameters):
            return True
    return False


def _is_even(parameter: Any, value: str, keyed: str, neutral: float, ours: bool) -> bool:
    """Whether a level is left as it is, but for a match of ours."""
    even = number_or(mapping_get(parameter, value), neutral) == neutral
    return even and (ours or not mapping_get(parameter, keyed))
