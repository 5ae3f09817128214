"""Proposals as a timeline of candidates, for every viewer of OpenTimelineIO.

On a track for each that is proposed for, each edit point is a stack of takes at its record time, best first: the
outgoing shot's end, the crossfade and the retrieved shot. Takes but the best are switched off, so that a player plays
that one. What the proposals file says travels in metadata, as JSON text: exact, whatever a reader does to numbers.
"""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Final

import opentimelineio as otio

from amc_otio.codec import encode
from amc_otio.config import ANALYSIS_RATE
from amc_otio.proposals import Candidate, Proposal, Proposals
from amc_otio.proposals.records import ShotRecord
from amc_otio.timeline.rational import TimeRange, from_seconds

KEY: Final = "amc_proposals"
"""Where it all is in metadata."""
CONTEXT_S: Final = Fraction(2)
"""Seconds that a take shows on either side of its crossfade, as far as its shots go."""
_ZERO: Final = Fraction(0)


def timeline_of(proposals: Proposals) -> otio.schema.Timeline:
    """Lay proposals out as takes; `takes_back.proposals_in` gives them back."""
    rate = proposals.timeline.rate
    timeline = otio.schema.Timeline(proposals.timeline.name)
    timeline.metadata[KEY] = {
        "format": proposals.format,
        "version": proposals.version,
        "file": _text(replace(proposals, proposals=())),
    }
    lanes: list[tuple[str, otio.schema.Track, Fraction]] = []
    order = sorted(enumerate(proposals.proposals), key=lambda pair: (pair[1].point.record_time, pair[0]))
    for number, proposal in order:
        item, start, length = _item(proposal, rate)
        item.metadata[KEY]["number"] = number
        # Edit points that are near each other overlap with their takes: the next lane that is free at this time.
        free = next((i for i, lane in enumerate(lanes) if lane[0] == proposal.point.track and lane[2] <= start), None)
        if free is None:
            free = len(lanes)
            lanes.append((proposal.point.track, otio.schema.Track(proposal.point.track, kind="Audio"), _ZERO))
        label, track, filled = lanes[free]
        if start > filled:
            track.append(_gap(start - filled, rate))
        track.append(item)
        lanes[free] = (label, track, start + length)
    timeline.tracks.extend(track for _, track, _ in lanes)
    return timeline


def _item(proposal: Proposal, rate: Fraction) -> tuple[Any, Fraction, Fraction]:
    """What stands for an edit point, where it starts and how long it is, in seconds."""
    point = proposal.point
    spans = [(_cut(proposal, c), *_fades(c)) for c in proposal.candidates]
    spans.append((point.record_time, _ZERO, _ZERO))
    start = max(_ZERO, min(cut - before for cut, before, _ in spans) - CONTEXT_S)
    length = max(cut + after for cut, _, after in spans) + CONTEXT_S - start
    if proposal.candidates:
        item: Any = otio.schema.Stack(f"{point.id} at {point.timecode}")
        takes = [_take(proposal, candidate, start, length, rate) for candidate in proposal.candidates]
        takes[1:] = [_off(take) for take in takes[1:]]
        item.extend(takes)
        if proposal.present is not None and point.incoming is not None:
            item.append(_off(_as_it_is(proposal, point.incoming, start, length, rate)))
    else:
        item = _gap(length, rate)
        item.name = f"{point.id} at {point.timecode}"
    item.metadata[KEY] = {
        "proposal": _text(replace(proposal, candidates=())),
        "edit_point": point.id,
        "timecode": point.timecode,
        "outgoing": point.outgoing.name,
        "refused": [f"{r.name}: {r.reason}" for r in proposal.refused],
    }
    item.markers.append(_marker(proposal, point.record_time - start, rate))
    return item, start, length


def _marker(proposal: Proposal, at: Fraction, rate: Fraction) -> otio.schema.Marker:
    """The edit point itself."""
    found = len(proposal.candidates)
    refused = f"{len(proposal.refused)} refused" if proposal.refused else ""
    told = proposal.refusal or ", ".join(part for part in (f"{found} candidates", refused) if part)
    colours = otio.schema.MarkerColor
    marker = otio.schema.Marker(
        name=f"{proposal.point.id}: {told}",
        marked_range=TimeRange(from_seconds(at, rate), from_seconds(1 / rate, rate)),
        color=colours.GREEN if found else colours.RED,
    )
    marker.comment = told
    return marker


def _take(
    proposal: Proposal, candidate: Candidate, start: Fraction, length: Fraction, rate: Fraction
) -> otio.schema.Track:
    media = candidate.media
    cut = _cut(proposal, candidate)
    before, after = _fades(candidate)
    track = otio.schema.Track(f"{candidate.rank}  {media.name}  {candidate.scores.similarity:.3f}", kind="Audio")
    outgoing = _lead(track, proposal, candidate.cut_shift, cut - start, rate)
    rest = min(
        start + length - cut,
        media.start + media.duration - candidate.in_time,
        start + length - cut if candidate.length is None else candidate.length,
    )
    if rest > 0:
        # A crossfade longer than what is shown of its shots would be none: OTIO allows it, players do not.
        in_offset, out_offset = min(before, outgoing), min(after, rest)
        if in_offset + out_offset > 0 and outgoing > 0:
            track.append(
                otio.schema.Transition(
                    "fade",
                    otio.schema.TransitionTypes.SMPTE_Dissolve,
                    in_offset=from_seconds(in_offset, Fraction(ANALYSIS_RATE)),
                    out_offset=from_seconds(out_offset, Fraction(ANALYSIS_RATE)),
                )
            )
        reference = otio.schema.ExternalReference(
            _url(media.path),
            TimeRange(from_seconds(media.start, media.rate), from_seconds(media.duration, media.rate)),
        )
        track.append(_clip(media.name, reference, candidate.in_time, rest, rate))
    _fill(track, start + length - cut - max(rest, _ZERO), rate)
    track.metadata[KEY] = {
        "candidate": _text(candidate),
        "rank": candidate.rank,
        "similarity": candidate.scores.similarity,
        "score": candidate.scores.score,
        "reasons": list(candidate.reasons),
    }
    return track


def _as_it_is(
    proposal: Proposal, incoming: ShotRecord, start: Fraction, length: Fraction, rate: Fraction
) -> otio.schema.Track:
    """The present cut, which choice 0 keeps: the last of the takes."""
    present = proposal.present
    similarity = present.similarity if present is not None else 0.0
    track = otio.schema.Track(f"0  {incoming.name} (as it is)  {similarity:.3f}", kind="Audio")
    cut = proposal.point.record_time
    _lead(track, proposal, _ZERO, cut - start, rate)
    rest = min(start + length - cut, incoming.used_to - incoming.used_from)
    if rest > 0:
        track.append(_clip(incoming.name, _reference(incoming.path), incoming.used_from, rest, rate))
    _fill(track, start + length - cut - rest, rate)
    track.metadata[KEY] = {"present": True, "similarity": similarity}
    return track


def _lead(
    track: otio.schema.Track, proposal: Proposal, cut_shift: Fraction, length: Fraction, rate: Fraction
) -> Fraction:
    """The outgoing shot's end up to a cut, after a gap where the shot is shorter; returns how much of it there is."""
    shot = proposal.point.outgoing
    shown = max(_ZERO, min(length, shot.used_to + cut_shift - shot.used_from))
    _fill(track, length - shown, rate)
    if shown > 0:
        at = shot.used_to + cut_shift - shown
        track.append(_clip(shot.name, _reference(shot.path), at, shown, rate))
    return shown


def _cut(proposal: Proposal, candidate: Candidate) -> Fraction:
    """Record time of a take's cut, in seconds."""
    return proposal.point.record_time + candidate.cut_shift


def _fades(candidate: Candidate) -> tuple[Fraction, Fraction]:
    join = candidate.join
    return Fraction(join.fade_before, ANALYSIS_RATE), Fraction(join.fade_after, ANALYSIS_RATE)


def _clip(name: str, reference: Any, at: Fraction, length: Fraction, rate: Fraction) -> otio.schema.Clip:
    return otio.schema.Clip(name, reference, TimeRange(from_seconds(at, rate), from_seconds(length, rate)))


def _gap(length: Fraction, rate: Fraction) -> otio.schema.Gap:
    return otio.schema.Gap(source_range=TimeRange(from_seconds(_ZERO, rate), from_seconds(length, rate)))


def _fill(track: otio.schema.Track, length: Fraction, rate: Fraction) -> None:
    if length > 0:
        track.append(_gap(length, rate))


def _off(track: otio.schema.Track) -> otio.schema.Track:
    track.enabled = False
    return track


def _reference(path: str | None) -> Any:
    return otio.schema.MissingReference() if path is None else otio.schema.ExternalReference(_url(path))


def _url(path: str) -> str:
    """A file's path as a URL; one that is not absolute stays as it is."""
    for kind in (PurePosixPath, PureWindowsPath):
        if kind(path).is_absolute():
            return kind(path).as_uri()
    return path


def _text(value: Any) -> str:
    return json.dumps(encode(value), ensure_ascii=False, allow_nan=False)
