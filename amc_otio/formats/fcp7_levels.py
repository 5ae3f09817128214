"""A level match in Final Cut Pro 7 XML: the filter "Audio Levels".

Its level is a linear amplitude, its keyframes count frames of the media from the media's start.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import opentimelineio as otio

from amc_otio.formats.gain import KEYED, NEST, limited, media_end
from amc_otio.timeline.clip_effects import FCP, is_levels
from amc_otio.timeline.gain_ramp import Ramp
from amc_otio.timeline.level_match import Outcome
from amc_otio.timeline.metadata import items_of, lookup, mapping_get, number_or, plain
from amc_otio.timeline.rational import exact_rate, seconds

_LOUDEST_FCP: Final = 3.98109
"""Highest level of the filter, 12 dB; the value that editors write as its ``valuemax``."""


def put_levels(item: otio.core.Item, ramp: Ramp) -> Outcome:
    """The adapter writes ``metadata["fcp_xml"]["filter"]`` as a <filter> of the <clipitem>, and reads it back."""
    if not isinstance(item, otio.schema.Clip):
        return NEST
    filters = [plain(one) for one in items_of(lookup(item, FCP, "filter"))]
    own = [one for one in filters if is_levels(one)]
    scale = 1.0
    if own:
        parameters = [p for p in items_of(mapping_get(own[0]["effect"], "parameter")) if hasattr(p, "keys")]
        if len(own) > 1 or any(items_of(p.get("keyframe")) for p in parameters):
            return KEYED
        scale = next((number_or(p.get("value"), 1.0) for p in parameters), 1.0)
    start = item.source_range.start_time
    available = item.media_reference.available_range
    # As the adapter counts <in>: frames of the clip's own rate from the media's first.
    origin = Fraction(0) if available is None else seconds(available.start_time)
    keys = [
        (frame, scale * 10 ** (gain / 20))
        for frame, gain in ramp.keyframes(exact_rate(start.rate), origin, media_end(item))
    ]
    levels = {
        "name": "Audio Levels",
        "effectid": "audiolevels",
        "effectcategory": "audiolevels",
        "effecttype": "audiolevels",
        "mediatype": "audio",
        "parameter": {
            "name": "Level",
            "parameterid": "level",
            "valuemin": "0",
            "valuemax": str(_LOUDEST_FCP),
            "value": f"{scale:g}",
            "keyframe": [{"when": str(frame), "value": f"{min(level, _LOUDEST_FCP):.6f}"} for frame, level in keys],
        },
    }
    kept = [one for one in filters if one not in own]
    held = plain(lookup(item, FCP))
    held = held if isinstance(held, dict) else {}
    held["filter"] = [*kept, {"effect": levels}] if kept else {"effect": levels}
    item.metadata[FCP] = held
    return limited(max(level for _, level in keys) > _LOUDEST_FCP * 1.0001, "12 dB", ".xml")


def count_levels(container: otio.core.SerializableObject) -> int:
    """How many clips have the filter."""
    return sum(any(map(is_levels, items_of(lookup(clip, FCP, "filter")))) for clip in container.find_clips())
