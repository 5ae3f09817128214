"""Writing a timeline as FCPXML 1.10, with its crossfades (docs/fcpxml.md says how it is built and from which sources).

1.10 is the version whose document type Apple's documentation prints in full; nothing newer is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import opentimelineio as otio

from amc_otio.errors import OutputError
from amc_otio.formats.fcpxml_plan import Move
from amc_otio.formats.fcpxml_resources import SPACE, Resources
from amc_otio.formats.fcpxml_story import Losses, Story
from amc_otio.formats.fcpxml_time import in_samples, to_frame
from amc_otio.formats.xml_text import clean
from amc_otio.timeline.clock import drop_of, start_seconds
from amc_otio.timeline.links import find_links
from amc_otio.timeline.metadata import lookup
from amc_otio.timeline.rational import from_frames, seconds
from amc_otio.timeline.timecode import can_drop, format_timecode, rate_name
from amc_otio.timeline.walk import Path as ItemPath
from amc_otio.timeline.walk import Prober, possible_rate

VERSION: Final = "1.10"
_SIZE: Final = (1920, 1080)
_RATES: Final = ("23.976", "24", "25", "29.97", "30", "50", "59.94", "60", "119.88", "120")
_MOST_NAMED: Final = 6


def write(timeline: otio.schema.Timeline, path: Path, rate: Fraction, base: Path | None = None) -> tuple[str, ...]:
    """Write a timeline as FCPXML 1.10.

    Parameters
    ----------
    timeline
        A validated timeline.
    path
        Where to; the caller renames it into place.
    rate
        The sequence's frame rate, exact.
    base
        The folder in which relative media lies; where None, that of `path` or the one above it, as the media is found.

    Returns
    -------
    tuple of str
        What is not kept and what was done instead, in words.

    Raises
    ------
    OutputError
        When the rate is none of a film, or the file cannot be written.
    TimelineError
        When a clip has no known length.
    """
    if not 1 <= rate <= 240:
        raise OutputError(
            path.name, f"a sequence cannot count {rate_name(rate)} frames a second", "write .otio instead"
        )
    prober = Prober()
    size, notes = _size(timeline)
    resources = Resources(rate, base or _base(timeline, path), size, prober)
    losses = Losses()
    # Where nothing says how it counts, as `format_timecode` prints it.
    drop = drop_of(timeline, rate) is not False and can_drop(rate)
    start = to_frame(start_seconds(timeline), rate) / rate
    story = Story(resources, rate, prober, _link_groups(timeline), losses)
    sequence, _ = story.sequence(timeline.tracks, start, drop, _markers(timeline))
    name = clean(timeline.name) or "Timeline"
    root = ET.Element("fcpxml", {"version": VERSION})
    root.append(resources.element())
    event = ET.SubElement(root, "event", {"name": name})
    ET.SubElement(event, "project", {"name": name}).append(sequence)
    ET.indent(root)
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{ET.tostring(root, encoding="unicode")}\n'
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(path, f"cannot be written ({error.strerror})", "choose a folder you may write to") from error
    notes += _rate_note(rate)
    notes += list(_notes(losses, timeline, rate, start, drop))
    return tuple(dict.fromkeys(notes))


def _base(timeline: otio.schema.Timeline, path: Path) -> Path:
    """The folder from which a relative reference finds its file: a caller writes in a folder beside the target."""
    for folder in (path.parent, path.parent.parent):
        for clip in timeline.find_clips():
            url = getattr(clip.media_reference, "target_url", None)
            if url and "://" not in url and not Path(url).is_absolute() and (folder / url).exists():
                return folder
    return path.parent


def _size(timeline: otio.schema.Timeline) -> tuple[tuple[int, int], list[str]]:
    kept = lookup(timeline, SPACE, "format")
    try:
        width, height = int(kept["width"]), int(kept["height"])
        if 0 < width <= 65_536 and 0 < height <= 65_536:
            return (width, height), []
    except (TypeError, KeyError, ValueError):
        pass
    return _SIZE, ["the timeline does not say how large its picture is: the FCPXML project is 1920x1080"]


def _rate_note(rate: Fraction) -> list[str]:
    name = rate_name(rate)
    return (
        [] if name in _RATES else [f"Final Cut Pro has no projects of {name} frames a second: it may refuse the file"]
    )


def _link_groups(timeline: otio.schema.Timeline) -> dict[ItemPath, int]:
    groups: dict[ItemPath, int] = {}
    number = 0
    for path, partners in find_links(timeline).items():
        if path not in groups:
            number += 1
            groups.update(dict.fromkeys((path, *partners), number))
    return groups


def _markers(timeline: otio.schema.Timeline) -> list[tuple[Fraction, Any]]:
    """The markers of the timeline and its tracks, with their seconds from its first frame."""
    stack = timeline.tracks
    start = start_seconds(timeline)
    length = _length(stack)
    first = seconds(stack.source_range.start_time) if stack.source_range is not None else Fraction(0)
    found = []
    for marker in stack.markers:
        if possible_rate(marker.marked_range.start_time):
            at = seconds(marker.marked_range.start_time)
            # Some editors count a timeline's markers from its timecode.
            found.append((at - start if at >= start and at > length else at - first, marker))
    for track in stack:
        if isinstance(track, otio.schema.Track):
            found += [(seconds(m.marked_range.start_time), m) for m in track.markers]
    return sorted(found, key=lambda pair: pair[0])


def _length(stack: otio.schema.Stack) -> Fraction:
    try:
        return seconds(stack.available_range().duration)
    except (ValueError, NotImplementedError, otio.exceptions.OTIOError):
        return Fraction(0)


_WORDS: Final = {
    "retime": (
        "1 retimed clip plays at normal speed: speed changes are not written",
        "{n} retimed clips play at normal speed: speed changes are not written",
    ),
    "effect": ("the effects of 1 clip are not written", "the effects of {n} clips are not written"),
    "generator": ("1 title or generator is written as a gap", "{n} titles or generators are written as gaps"),
    "image sequence": (
        "1 image sequence is an offline clip: relink it in Final Cut Pro",
        "{n} image sequences are offline clips: relink them in Final Cut Pro",
    ),
    "unknown": (
        "1 item of a kind that FCPXML does not have is a gap",
        "{n} items of kinds that FCPXML does not have are gaps",
    ),
    "wipe": (
        "1 picture transition is a cross dissolve: no other is written",
        "{n} picture transitions are cross dissolves: no other is written",
    ),
    "channels": (
        "1 clip plays all channels of its file: which of its streams it uses is not written",
        "{n} clips play all channels of their files: which of the streams they use is not written",
    ),
    "marker": (
        "1 marker that lies outside its clip is not written",
        "{n} markers that lie outside their clips are not written",
    ),
}


def _notes(
    losses: Losses, timeline: otio.schema.Timeline, rate: Fraction, start: Fraction, drop: bool
) -> Iterator[str]:
    for label, plan in losses.plans:
        yield from _move_notes(label, plan.centred, plan.shortened, plan.rounded, rate, start, drop)
        for at in plan.dropped:
            yield f"the transition of {label} at {_timecode(at, rate, start, drop)} has no room and is a cut"
    for key, words in _WORDS.items():
        if losses.counts[key]:
            yield words[losses.counts[key] > 1].format(n=losses.counts[key])
    trimmed = sum(isinstance(t, otio.schema.Track) and _is_trimmed(t) for t in timeline.tracks)
    if trimmed:
        yield f"the trim of {trimmed} track{'s' * (trimmed > 1)} is not written: what it hides is in the file"
    if any(clip.markers for clip in timeline.find_clips()) or timeline.tracks.markers:
        yield "markers keep their name and note, not their colour"


def _is_trimmed(track: otio.schema.Track) -> bool:
    return track.source_range is not None and track.source_range.start_time.value >= 0


def _move_notes(
    label: str,
    centred: Iterable[Move],
    shortened: Iterable[Move],
    rounded: Iterable[Move],
    rate: Fraction,
    start: Fraction,
    drop: bool,
) -> Iterator[str]:
    for moves, words in (
        (centred, "Final Cut Pro centres a transition on its cut: {} moved to the middle, and what plays is the same"),
        (shortened, "transitions are whole frames, as many on each side of the cut: an end of {} moved"),
        (rounded, "cuts lie on whole frames: {} moved, and sound stays in sync"),
    ):
        named = [
            f"{_timecode(m.at, rate, start, drop)} (by {in_samples(m.by)} samples)" for m in moves if in_samples(m.by)
        ]
        if named:
            more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
            yield words.format(f"{label} at {', '.join(named[:_MOST_NAMED])}{more}")


def _timecode(at: Fraction, rate: Fraction, start: Fraction, drop: bool) -> str:
    return format_timecode(from_frames(to_frame(at + start, rate), rate), rate, drop)
