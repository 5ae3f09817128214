"""Markers: which edit points they choose, and ours, which show results and can be removed again."""

import json
import os

from amc_otio_resolve.host import can
from amc_otio_resolve.problems import Problem

OURS = "amc-otio"


def selection(timeline, settings):
    """Options of amc-otio that choose edit points."""
    choice = settings["points"]
    if choice == "all":
        return ["--all"]
    if choice == "playhead":
        timecode = timeline.GetCurrentTimecode()
        if not timecode:
            raise Problem("Resolve does not tell where the playhead is", "go to the Edit page, put it on a cut")
        return ["--at", timecode]
    if choice == "range":
        return ["--range"] + _range(timeline)
    frames = [
        frame
        for frame, marker in sorted((timeline.GetMarkers() or {}).items())
        if marker.get("color") == settings["marker_color"] and ours(marker) is None
    ]
    if not frames:
        raise Problem(
            "The timeline has no {} marker".format(settings["marker_color"]), "put one on each cut, or choose a colour"
        )
    return [part for frame in frames for part in ("--at", "f{}".format(int(frame)))]


def _range(timeline):
    if not can(timeline, "GetMarkInOut"):
        raise Problem("This Resolve does not tell its in and out points (19.1 does)", "use markers or the playhead")
    said = timeline.GetMarkInOut() or {}
    marks = said.get("video") or said.get("audio") or {}
    if "in" not in marks or "out" not in marks:
        raise Problem("The timeline has no in and out point", "set both (I and O), or choose other edit points")
    frames = [int(marks["in"]), int(marks["out"])]
    # Documented by an example from 0; counted from the start of the timeline unless they cannot be.
    start = int(timeline.GetStartFrame())
    if start and frames[0] >= start:
        frames = [frame - start for frame in frames]
    return ["f{}".format(frame) for frame in frames]


def ours(marker):
    """What one of our markers says, or None."""
    try:
        said = json.loads(marker.get("customData") or "")
    except ValueError:
        return None
    return said if isinstance(said, dict) and said.get("tool") == OURS else None


def place(timeline, color, proposals_path, proposals):
    """Put a marker on every edit point; return how many were placed, and where another stood already."""
    placed, taken = 0, []
    present = {int(frame) for frame in timeline.GetMarkers() or {}}
    rate = _fraction(proposals["timeline"]["rate"])
    for number, proposal in enumerate(proposals["proposals"], 1):
        if not proposal["candidates"]:
            continue
        point, best = proposal["point"], proposal["candidates"][0]
        frame = int(round(_fraction(point["record_time"]) * rate))
        note = "{} after {}: {} (similarity {:.3f}), the best of {}".format(
            point["id"],
            point["outgoing"]["name"],
            best["media"]["name"],
            best["scores"]["similarity"],
            len(proposal["candidates"]),
        )
        data = {"tool": OURS, "proposals": proposals_path, "number": number, "point": point["id"]}
        added = frame not in present and timeline.AddMarker(
            frame, color, "Match cut {}".format(number), note, 1, json.dumps(data, sort_keys=True)
        )
        if added:
            placed += 1
        else:
            taken.append(point["timecode"])
    return placed, taken


def remove(timeline):
    """Remove our markers and no other; return how many."""
    removed = 0
    for marker in list((timeline.GetMarkers() or {}).values()):
        if ours(marker) is not None and timeline.DeleteMarkerByCustomData(marker["customData"]):
            removed += 1
    return removed


def newest_proposals(timeline):
    """Path of the proposals file that our markers name, the newest, or None."""
    found = {}
    for marker in (timeline.GetMarkers() or {}).values():
        said = ours(marker)
        if said and isinstance(said.get("proposals"), str):
            found[said["proposals"]] = True
    return max(found, key=_age) if found else None


def _age(path):
    return (os.path.getmtime(path) if os.path.isfile(path) else 0, path)


def _fraction(text):
    above, _, below = str(text).partition("/")
    return int(above) / int(below or 1)
