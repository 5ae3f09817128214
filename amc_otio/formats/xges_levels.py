"""A level match in XGES: a control binding of the volume of the clip's audio source.

Its times are nanoseconds of the media, its values parts of the volume's range. OTIO's adapter writes no bindings: the
keyframes ride in the name of an effect, which `bind` turns into one in the written file.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Final

import opentimelineio as otio

from amc_otio.formats.gain import NEST, limited, media_end
from amc_otio.timeline.clip_effects import GES_CARRIER
from amc_otio.timeline.gain_ramp import Ramp
from amc_otio.timeline.level_match import Outcome

_LOUDEST_GES: Final = 10.0
"""Highest volume of GStreamer's ``volume`` element; a binding counts in tenths of it."""
_CARRIED: Final = re.compile(
    rf'<effect asset-id="{GES_CARRIER} ([0-9: .]+)"[^<>]*? track-id="([0-9]+)"[^<>]*?/>'  # as the adapter prints one
)
_BINDING: Final = (
    '<source track-id="{track}"><binding type="direct" source_type="interpolation" property="volume" mode="1" '
    'track_id="{track}" values=" {values}"/></source>'
)


def put_volume(item: otio.core.Item, ramp: Ramp) -> Outcome:
    """Put the keyframes into the name of an effect, which the adapter writes at the clip; `bind` does the rest."""
    if not isinstance(item, otio.schema.Clip):
        return NEST
    keys = [
        (time, 10 ** (gain / 20) / _LOUDEST_GES)
        for time, gain in ramp.keyframes(Fraction(10**9), Fraction(0), media_end(item))
    ]
    name = f"{GES_CARRIER} " + " ".join(f"{time}:{min(level, 1.0):.9f}" for time, level in keys)
    item.effects.append(otio.schema.Effect("Level", effect_name=name, metadata={"XGES": {"bin-description": name}}))
    return limited(max(level for _, level in keys) > 1.0001, "20 dB", ".xges")


def bind(file: Path) -> None:
    """Turn what `put_volume` had the adapter write into bindings; a file without any is not touched."""
    text = file.read_text(encoding="utf-8")
    finished = _CARRIED.sub(lambda found: _BINDING.format(track=found[2], values=found[1]), text)
    if finished != text:
        file.write_text(finished, encoding="utf-8")


def count_carried(container: otio.core.SerializableObject) -> int:
    """How many clips carry a level match to the file."""
    return sum((e.effect_name or "").startswith(GES_CARRIER) for clip in container.find_clips() for e in clip.effects)


def count_bound(file: Path) -> int:
    """How many bindings of a volume a file holds."""
    return file.read_text(encoding="utf-8").count('property="volume"')
