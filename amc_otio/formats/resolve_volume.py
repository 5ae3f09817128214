"""A level match in OTIO from DaVinci Resolve: its effect "Fairlight Clip Volume and Fades".

Its volume is in dB, its keyframes count frames from the clip's start.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import opentimelineio as otio

from amc_otio.formats.gain import KEYED, NEST, limited, media_end
from amc_otio.timeline.clip_effects import RESOLVE, RESOLVE_VOLUME
from amc_otio.timeline.gain_ramp import Ramp
from amc_otio.timeline.level_match import BOUNCE, Outcome
from amc_otio.timeline.metadata import items_of, lookup, number_or, plain
from amc_otio.timeline.rational import seconds

_LOUDEST_RESOLVE: Final = 30.0


def is_of_resolve(timeline: otio.schema.Timeline) -> bool:
    """Whether DaVinci Resolve wrote a timeline."""
    things = (timeline, timeline.tracks, *timeline.tracks, *timeline.find_clips())
    return any(lookup(thing, RESOLVE) is not None for thing in things)


def put_resolve_volume(item: otio.core.Item, ramp: Ramp, rate: Fraction) -> Outcome:
    """As in files that Resolve wrote; what Resolve makes of it on import we have only from others."""
    if not isinstance(item, otio.schema.Clip):
        return NEST
    place = next((i for i, e in enumerate(item.effects) if lookup(e, RESOLVE, "Effect Name") == RESOLVE_VOLUME), None)
    effect = {"Effect Name": RESOLVE_VOLUME, "Enabled": True, "Name": "Volume", "Parameters": [], "Type": 62}
    if place is not None:
        effect = plain(lookup(item.effects[place], RESOLVE))
    parameters = [p for p in items_of(effect.get("Parameters")) if hasattr(p, "keys")]
    own: dict[str, Any] = next((p for p in parameters if p.get("Parameter ID") == "volume"), {})
    if own.get("Key Frames"):
        return KEYED
    level = number_or(own.get("Parameter Value"), 0.0)
    keys = ramp.keyframes(rate, seconds(item.source_range.start_time), media_end(item))
    volume = {
        "Default Parameter Value": 0.0,
        "Key Frames": {
            str(frame): {"Value": min(level + gain, _LOUDEST_RESOLVE), "Variant Type": "Double"} for frame, gain in keys
        },
        "Parameter ID": "volume",
        "Parameter Value": level,
        "Variant Type": "Double",
        "maxValue": _LOUDEST_RESOLVE,
        "minValue": -100.0,
    }
    effect["Parameters"] = [volume, *(p for p in parameters if p is not own)]
    if place is None:
        item.effects.append(otio.schema.Effect("", effect_name="Resolve Effect", metadata={RESOLVE: effect}))
    else:
        item.effects[place].metadata[RESOLVE] = effect
    if level + max(gain for _, gain in keys) > _LOUDEST_RESOLVE:
        return limited(True, f"{_LOUDEST_RESOLVE:g} dB", "DaVinci Resolve")
    return Outcome(True, f"is written as DaVinci Resolve's clip volume; for any other reader it {BOUNCE}")


def count_volumes(container: otio.core.SerializableObject) -> int:
    """How many clips have the effect."""
    return sum(
        any(lookup(effect, RESOLVE, "Effect Name") == RESOLVE_VOLUME for effect in clip.effects)
        for clip in container.find_clips()
    )
