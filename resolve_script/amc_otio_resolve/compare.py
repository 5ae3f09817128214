"""What an OTIO file says of cuts and crossfades, and how two files differ in that. Reads the JSON itself."""

import json

from amc_otio_resolve.problems import Problem


def read(path):
    """The JSON of an OTIO file."""
    try:
        with open(path, encoding="utf-8") as stream:
            said = json.load(stream)
        said["tracks"]["children"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Problem("{} is not an OTIO timeline ({})".format(path, error), "export it again")
    return said


def _seconds(time):
    return float(time["value"]) / float(time["rate"]) if time else 0.0


def _length(item):
    used = item.get("source_range")
    if not used:
        key = item.get("active_media_reference_key", "DEFAULT_MEDIA")
        reference = item.get("media_reference") or (item.get("media_references") or {}).get(key) or {}
        used = reference.get("available_range")
    if used:
        return _seconds(used["duration"])
    return sum(_length(child) for child in item.get("children", []) if not _is_transition(child))


def _is_transition(item):
    return item.get("OTIO_SCHEMA", "").startswith("Transition")


def _is_gap(item):
    return item.get("OTIO_SCHEMA", "").startswith("Gap")


def joins(track):
    """Cuts of a track: (seconds, name before, name after, (seconds of fade before, after) or None)."""
    children = list(track["children"])
    while children and _is_gap(children[-1]):
        children.pop()
    found, at, before, fade = [], 0.0, None, None
    for item in children:
        if _is_transition(item):
            fade = (_seconds(item["in_offset"]), _seconds(item["out_offset"]))
            continue
        name = "" if _is_gap(item) else item.get("name", "")
        if before is not None:
            found.append((at, before, name, fade))
        at, before, fade = at + _length(item), name, None
    if before is not None:
        found.append((at, before, None, fade))
    return found


def rate_of(said):
    """Frames a second of a timeline, from its start or its first item."""
    start = said.get("global_start_time")
    if start:
        return float(start["rate"])
    for track in said["tracks"]["children"]:
        for item in track["children"]:
            if item.get("source_range"):
                return float(item["source_range"]["duration"]["rate"])
    return 24.0


class Difference:
    """One thing that is not as it was meant; `lost_fade` is (kind, track from 1, join from 0, before, after)."""

    def __init__(self, text, lost_fade=None):
        self.text = text
        self.lost_fade = lost_fade


def differences(meant, made):
    """What differs between two files, in words; half a frame is no difference."""
    rate = rate_of(meant)
    found = []
    for kind in ("Video", "Audio"):
        wanted = [t for t in meant["tracks"]["children"] if t.get("kind") == kind]
        there = [t for t in made["tracks"]["children"] if t.get("kind") == kind]
        if len(wanted) != len(there):
            found.append(Difference("{} {} tracks instead of {}".format(len(there), kind.lower(), len(wanted))))
        for number, (one, other) in enumerate(zip(wanted, there), 1):
            label = "{}{}".format(kind[0], number)
            found += _of_track(label, kind.lower(), number, joins(one), joins(other), rate)
    return found


def _of_track(label, kind, number, wanted, there, rate):
    found = []
    if len(wanted) != len(there):
        return [Difference("{}: {} cuts instead of {}".format(label, len(there), len(wanted)))]
    for index, (one, other) in enumerate(zip(wanted, there)):
        where = "{}, the cut after {}".format(label, one[1] or "a gap")
        moved = (other[0] - one[0]) * rate
        if abs(moved) > 0.5:
            found.append(Difference("{}: moved by {:+.0f} frames".format(where, moved)))
        if one[3] is not None and other[3] is None:
            before, after = (int(round(side * rate)) for side in one[3])
            found.append(
                Difference(
                    "{}: the crossfade is missing; put one of {} + {} frames there (select the cut, then "
                    "Timeline > Add Transition)".format(where, before, after),
                    (kind, number, index, before, after),
                )
            )
        elif one[3] is not None and any(abs(a - b) * rate > 0.5 for a, b in zip(one[3], other[3])):
            found.append(
                Difference(
                    "{}: the crossfade is {:.0f} + {:.0f} frames instead of {:.0f} + {:.0f}".format(
                        where, *[side * rate for side in tuple(other[3]) + tuple(one[3])]
                    )
                )
            )
    return found


def same_edit(one, other):
    """Whether two files of one timeline differ in nothing but markers and names."""
    return _plain(one["tracks"]) == _plain(other["tracks"])


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items() if key not in ("markers", "color")}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
