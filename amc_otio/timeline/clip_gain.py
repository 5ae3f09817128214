"""A join's level match as clip gain, in the way of each format that has it.

Where a format has no clip gain that some reader plays, nothing is put into the file and the reason is given in words.
docs/joining.md says what was measured for which format.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Final

import opentimelineio as otio

from amc_otio.timeline.gain_ramp import Ramp
from amc_otio.timeline.metadata import items_of, lookup, mapping_get
from amc_otio.timeline.rational import end, exact_rate, seconds
from amc_otio.timeline.undo import METADATA_KEY


@dataclass(frozen=True)
class Outcome:
    """What became of a ramp.

    Attributes
    ----------
    written
        Whether the file is going to hold it.
    note
        What an editor should know, as it goes on after "the level match of A1:1"; empty is nothing.
    """

    written: bool
    note: str = ""


Recipe = Callable[[otio.core.Item, Ramp], Outcome]


def recipe_for(suffix: str, timeline: otio.schema.Timeline, rate: Fraction) -> Recipe:
    """How the format with this suffix carries a clip's gain.

    Parameters
    ----------
    suffix
        Of the file that the timeline is going to be written to, with its dot.
    timeline
        What is written: only one that came from DaVinci Resolve takes Resolve's own clip volume.
    rate
        The timeline's edit rate.

    Returns
    -------
    callable
        ``(item, ramp) -> Outcome``; it changes the item, which must be a copy. A ramp of 0 dB changes nothing.
    """
    suffix = suffix.lower()
    if suffix == ".xml":
        found: Recipe = _final_cut
    elif suffix == ".xges":
        found = _ges
    elif suffix in (".otio", ".otioz", ".otiod") and _is_of_resolve(timeline):
        found = partial(_resolve, rate=rate)
    else:
        found = partial(_nowhere, suffix=suffix)
    return partial(_put, recipe=found)


def _put(item: otio.core.Item, ramp: Ramp, recipe: Recipe) -> Outcome:
    if not ramp.gain_db:
        return Outcome(True)
    outcome = recipe(item, ramp)
    if outcome.written:
        held = lookup(item, METADATA_KEY)
        item.metadata[METADATA_KEY] = {**(dict(held) if hasattr(held, "keys") else {}), _OURS: True}
    return outcome


def _nowhere(item: otio.core.Item, ramp: Ramp, suffix: str) -> Outcome:
    return Outcome(False, f"{_BOUNCE}: {suffix} has no clip gain that an editor reads")


_BOUNCE: Final = "is only in a bounce (--bounce)"
_BOUNCED: Final = "is only in the bounce"
_NOWHERE: Final = "is left out"
_OURS: Final = "level_matched"
"""Says in a clip's metadata that the keyframes of its level are those of a level match."""
_NEST: Final = Outcome(False, f"{_BOUNCE}: the level of a nest is left alone")
_KEYED: Final = Outcome(False, f"{_BOUNCE}: the clip has a keyframed level of its own")


def _media_end(item: otio.core.Item) -> Fraction | None:
    available = item.media_reference.available_range if isinstance(item, otio.schema.Clip) else None
    return None if available is None else end(available)


# -- Final Cut Pro 7 XML: the filter "Audio Levels", linear amplitude, keyframes in frames of the media from its start.

_FCP: Final = "fcp_xml"
_LOUDEST_FCP: Final = 3.98109
"""Highest level of the filter, 12 dB; the value that editors write as its ``valuemax``."""


def _final_cut(item: otio.core.Item, ramp: Ramp) -> Outcome:
    """The adapter writes ``metadata["fcp_xml"]["filter"]`` as a <filter> of the <clipitem>, and reads it back."""
    if not isinstance(item, otio.schema.Clip):
        return _NEST
    filters = [_plain(one) for one in items_of(lookup(item, _FCP, "filter"))]
    own = [one for one in filters if _is_levels(one)]
    scale = 1.0
    if own:
        parameters = [p for p in items_of(mapping_get(own[0]["effect"], "parameter")) if hasattr(p, "keys")]
        if len(own) > 1 or any(items_of(p.get("keyframe")) for p in parameters):
            return _KEYED
        scale = next((_number(p.get("value"), 1.0) for p in parameters), 1.0)
    start = item.source_range.start_time
    available = item.media_reference.available_range
    # As the adapter counts <in>: frames of the clip's own rate from the media's first.
    origin = Fraction(0) if available is None else seconds(available.start_time)
    keys = [
        (frame, scale * 10 ** (gain / 20))
        for frame, gain in ramp.keyframes(exact_rate(start.rate), origin, _media_end(item))
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
    held = _plain(lookup(item, _FCP))
    held = held if isinstance(held, dict) else {}
    held["filter"] = [*kept, {"effect": levels}] if kept else {"effect": levels}
    item.metadata[_FCP] = held
    return _limited(max(level for _, level in keys) > _LOUDEST_FCP * 1.0001, "12 dB", ".xml")


def _is_levels(one: Any) -> bool:
    effect = mapping_get(one, "effect")
    return str(mapping_get(effect, "effectid") or "").strip().lower() == "audiolevels"


# -- XGES: a control binding of the volume of the clip's audio source, nanoseconds of the media, volume over its range.

_CARRIER: Final = "amc-otio clip gain"
_LOUDEST_GES: Final = 10.0
"""Highest volume of GStreamer's ``volume`` element; a binding counts in tenths of it."""
_CARRIED: Final = re.compile(
    rf'<effect asset-id="{_CARRIER} ([0-9: .]+)"[^<>]*? track-id="([0-9]+)"[^<>]*?/>'  # as the adapter prints one
)
_BINDING: Final = (
    '<source track-id="{track}"><binding type="direct" source_type="interpolation" property="volume" mode="1" '
    'track_id="{track}" values=" {values}"/></source>'
)


def _ges(item: otio.core.Item, ramp: Ramp) -> Outcome:
    """Put the keyframes into the name of an effect, which the adapter writes at the clip; `finish` does the rest."""
    if not isinstance(item, otio.schema.Clip):
        return _NEST
    keys = [
        (time, 10 ** (gain / 20) / _LOUDEST_GES)
        for time, gain in ramp.keyframes(Fraction(10**9), Fraction(0), _media_end(item))
    ]
    name = f"{_CARRIER} " + " ".join(f"{time}:{min(level, 1.0):.9f}" for time, level in keys)
    item.effects.append(otio.schema.Effect("Level", effect_name=name, metadata={"XGES": {"bin-description": name}}))
    return _limited(max(level for _, level in keys) > 1.0001, "20 dB", ".xges")


def finish(file: Path) -> None:
    """Turn what `recipe_for` had an adapter write into what the format's readers know.

    Only .xges needs it: its adapter writes no control bindings. A file without a ramp is not touched.
    """
    if file.suffix.lower() != ".xges":
        return
    text = file.read_text(encoding="utf-8")
    finished = _CARRIED.sub(lambda found: _BINDING.format(track=found[2], values=found[1]), text)
    if finished != text:
        file.write_text(finished, encoding="utf-8")


# -- OTIO from DaVinci Resolve: its effect "Fairlight Clip Volume and Fades", dB, frames from the clip's start.

_RESOLVE: Final = "Resolve_OTIO"
_VOLUME: Final = "Fairlight Clip Volume and Fades"
_LOUDEST_RESOLVE: Final = 30.0


def _is_of_resolve(timeline: otio.schema.Timeline) -> bool:
    things = (timeline, timeline.tracks, *timeline.tracks, *timeline.find_clips())
    return any(lookup(thing, _RESOLVE) is not None for thing in things)


def _resolve(item: otio.core.Item, ramp: Ramp, rate: Fraction) -> Outcome:
    """As in files that Resolve wrote; what Resolve makes of it on import we have only from others."""
    if not isinstance(item, otio.schema.Clip):
        return _NEST
    place = next((i for i, e in enumerate(item.effects) if lookup(e, _RESOLVE, "Effect Name") == _VOLUME), None)
    effect = {"Effect Name": _VOLUME, "Enabled": True, "Name": "Volume", "Parameters": [], "Type": 62}
    if place is not None:
        effect = _plain(lookup(item.effects[place], _RESOLVE))
    parameters = [p for p in items_of(effect.get("Parameters")) if hasattr(p, "keys")]
    own: dict[str, Any] = next((p for p in parameters if p.get("Parameter ID") == "volume"), {})
    if own.get("Key Frames"):
        return _KEYED
    level = _number(own.get("Parameter Value"), 0.0)
    keys = ramp.keyframes(rate, seconds(item.source_range.start_time), _media_end(item))
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
        item.effects.append(otio.schema.Effect("", effect_name="Resolve Effect", metadata={_RESOLVE: effect}))
    else:
        item.effects[place].metadata[_RESOLVE] = effect
    if level + max(gain for _, gain in keys) > _LOUDEST_RESOLVE:
        return _limited(True, f"{_LOUDEST_RESOLVE:g} dB", "DaVinci Resolve")
    return Outcome(True, f"is written as DaVinci Resolve's clip volume; for any other reader it {_BOUNCE}")


def start_keyframes_later(item: otio.core.Item, frames: int) -> None:
    """Let what Resolve keyed, which counts frames from a clip's start, stay in its place when the clip starts later."""
    for effect in item.effects:
        held = _plain(lookup(effect, _RESOLVE))
        parameters = items_of(held.get("Parameters")) if isinstance(held, dict) else ()
        for one in parameters:
            if isinstance(one, dict) and isinstance(one.get("Key Frames"), dict):
                one["Key Frames"] = _later(one["Key Frames"], frames)
        if parameters:
            effect.metadata[_RESOLVE] = held


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
            one, other = _number(before.get("Value"), math.nan), _number(after.get("Value"), math.nan)
            if not math.isnan(one + other):
                key = {**before, "Value": one + (other - one) * -at / (then - at)}
        coming.insert(0, (0, key))
    return {str(frame): key for frame, key in coming}


def has_effects(item: otio.core.Item) -> bool:
    """Whether something shapes a clip's sound that is not a level match: effects, and Final Cut Pro 7 XML's filters."""
    ours = bool(lookup(item, METADATA_KEY, _OURS))
    for effect in getattr(item, "effects", ()):
        held = lookup(effect, _RESOLVE)
        volume = [p for p in items_of(mapping_get(held, "Parameters")) if mapping_get(p, "Parameter ID") == "volume"]
        if mapping_get(held, "Effect Name") == _VOLUME:
            if any(not _is_even(p, "Parameter Value", "Key Frames", 0.0, ours) for p in volume):
                return True
        elif not str(effect.effect_name or "").startswith(_CARRIER):
            return True
    for one in items_of(lookup(item, _FCP, "filter")):
        parameters = items_of(mapping_get(mapping_get(one, "effect"), "parameter"))
        if not _is_levels(one) or any(not _is_even(p, "value", "keyframe", 1.0, ours) for p in parameters):
            return True
    return False


def _is_even(parameter: Any, value: str, keyed: str, neutral: float, ours: bool) -> bool:
    """Whether a level is left as it is, but for a match of ours."""
    even = _number(mapping_get(parameter, value), neutral) == neutral
    return even and (ours or not mapping_get(parameter, keyed))


def _limited(beyond: bool, most: str, suffix: str) -> Outcome:
    note = f"is written up to {most}, where the clip gain of {suffix} ends; whole it {_BOUNCE}"
    return Outcome(True, note if beyond else "")


def _number(value: Any, otherwise: float) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return otherwise
    return found if math.isfinite(found) else otherwise


def _plain(value: Any) -> Any:
    """Metadata as dicts and lists of its own, so that changing them changes nothing else."""
    if hasattr(value, "keys"):
        return {key: _plain(value[key]) for key in value}
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    try:
        return [_plain(one) for one in value]
    except TypeError:
        return value


_MOST_NAMED: Final = 6


def notes_of(
    outcomes: Iterable[tuple[str, float, Outcome]], bounced: Mapping[str, float] | None = None
) -> tuple[str, ...]:
    """What to tell an editor of the level matches: each note once, with the joins that it is about.

    Parameters
    ----------
    outcomes
        Name of the join, its gain in dB and what became of it; once for each track.
    bounced
        The joins that are bounced, and with which gain. Where that is none, the bounce's own note says why.
    """
    grouped: dict[str, dict[str, float]] = {}
    for name, gain, outcome in outcomes:
        note = outcome.note
        if bounced is not None and name in bounced:
            note = note.replace(_BOUNCE, _BOUNCED if bounced[name] else _NOWHERE)
            note = note if bounced[name] or outcome.written else ""
        if note:
            grouped.setdefault(note, {})[name] = gain
    notes = []
    for note, joins in grouped.items():
        named = [f"{name} ({gain:+.1f} dB)" for name, gain in list(joins.items())[:_MOST_NAMED]]
        more = f" and {len(joins) - len(named)} more" if len(joins) > len(named) else ""
        notes.append(f"the level match of {', '.join(named)}{more} {note}")
    return tuple(notes)


def what_was_lost(timeline: otio.schema.Timeline, read: otio.core.SerializableObject, file: Path) -> tuple[str, ...]:
    """Say in words how many clip gains a format's writer dropped: by the file, and by what is read back from it."""
    suffix = file.suffix.lower()
    if suffix == ".xml" and hasattr(read, "find_clips"):
        before, after = (
            sum(any(map(_is_levels, items_of(lookup(clip, _FCP, "filter")))) for clip in thing.find_clips())
            for thing in (timeline, read)
        )
    elif suffix == ".xges":
        before = sum((e.effect_name or "").startswith(_CARRIER) for clip in timeline.find_clips() for e in clip.effects)
        after = file.read_text(encoding="utf-8").count('property="volume"') if before else 0
    else:
        return ()
    if after >= before:
        return ()
    return (f"{suffix} kept {after} of {before} clip gains: what is missing is only in a bounce (--bounce)",)
