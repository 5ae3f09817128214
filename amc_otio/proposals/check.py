"""Does a proposals file say what can be? `codec.decode` has checked the types; here are the values.

A file that a program or a person changed must not lead to an impossible timeline or to hours of decoding. Some things
it says twice, in samples for whoever listens and in exact times for whoever cuts: these must agree, or a preview would
be of another join than the one that is cut.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import Any, Final

from amc_otio.config import ANALYSIS_RATE, MOST_GAIN_DB, check
from amc_otio.errors import ProposalsError, UsageError
from amc_otio.joining.align import LONGEST_SLIP
from amc_otio.joining.fades import FADE_LAWS
from amc_otio.proposals.records import Candidate, PointRecord, Proposal, Proposals, ShotRecord
from amc_otio.timeline.shots import ALL_STREAMS

LONGEST_S: Final = 10**7
"""No time in a proposals file is longer than this, in seconds (116 days)."""
_LONGEST_FADE: Final = 20 * ANALYSIS_RATE
_MOST: Final = LONGEST_S * ANALYSIS_RATE
_HIGHEST_RATE: Final = 10**6
_LONGEST_ID: Final = 200
_MOST_CHANNELS: Final = 1024
_DAMAGED: Final = "the file is damaged; propose again"


def check_proposals(proposals: Proposals, where: str) -> Proposals:
    """Return `proposals` unchanged.

    Raises
    ------
    ProposalsError
        Naming the place in the file whose value cannot be.
    """
    try:
        check(proposals.settings)
    except UsageError as error:
        raise ProposalsError(f"{where}.settings.{error.thing}", error.reason, _DAMAGED) from error
    if not _all_possible(proposals):
        _name_impossible(proposals, where)
    timeline = proposals.timeline
    _need(0 < timeline.rate <= _HIGHEST_RATE, f"{where}.timeline.rate", "is no frame rate")
    for i, record in enumerate(timeline.ranges):
        fits = record.index >= 0 and record.duration > 0 and 0 < record.rate <= _HIGHEST_RATE
        _need(fits, f"{where}.timeline.ranges[{i}]", "is no range of a file")
    names = [proposal.point.id for proposal in proposals.proposals]
    _need(len(set(names)) == len(names), f"{where}.proposals", "have one edit point twice")
    aligned = proposals.settings.edit.mode == "align"
    for i, proposal in enumerate(proposals.proposals):
        _check_proposal(proposal, aligned, f"{where}.proposals[{i}]")
    return proposals


def _check_proposal(proposal: Proposal, aligned: bool, where: str) -> None:
    _check_point(proposal.point, f"{where}.point")
    ranks = [candidate.rank for candidate in proposal.candidates]
    _need(ranks == list(range(1, len(ranks) + 1)), f"{where}.candidates", "are not ranked 1, 2, 3, …")
    for i, candidate in enumerate(proposal.candidates):
        _check_candidate(candidate, f"{where}.candidates[{i}]")
        _check_agreement(proposal.point, candidate, aligned, f"{where}.candidates[{i}]")


def _check_point(point: PointRecord, where: str) -> None:
    cuts = point.cuts
    fits = bool(cuts) and all(min((cut.index, *cut.track_path), default=0) >= 0 and cut.track_path for cut in cuts)
    _need(fits, f"{where}.cuts", "names no place in a timeline")
    _need(0 < len(point.id) <= _LONGEST_ID, f"{where}.id", "is no name of an edit point")
    tracks = [cut.track_path for cut in cuts]
    _need(len(set(tracks)) == len(tracks), f"{where}.cuts", "cuts one track twice")
    linked = [sound.track_path for sound in point.linked]
    _need(len(set(linked)) == len(linked), f"{where}.linked", "has one track twice")
    _need(set(linked) <= set(tracks[1:]), f"{where}.linked", "has a track that is not cut together with its own")
    shots = [point.outgoing, point.incoming]
    for sound in point.linked:
        shots += [sound.outgoing, sound.incoming]
    for shot in shots:
        if shot is not None:
            _check_shot(shot, where)


def _check_shot(shot: ShotRecord, where: str) -> None:
    _need(shot.used_from <= shot.used_to, where, f"uses nothing of shot {shot.name!r}")
    if shot.channels is not None:
        fits = 0 < len(shot.channels) <= _MOST_CHANNELS
        fits = fits and all(stream >= ALL_STREAMS and channel >= 0 for stream, channel in shot.channels)
        _need(fits, where, f"names no channels of shot {shot.name!r}")


def _check_candidate(candidate: Candidate, where: str) -> None:
    media, join = candidate.media, candidate.join
    _need(0 < media.rate <= _HIGHEST_RATE, f"{where}.media.rate", "is no frame rate")
    _need(media.duration > 0, f"{where}.media.duration", "is no length of a file")
    _need(1 <= media.channels <= 1024, f"{where}.media.channels", "is no number of channels")
    _need(join.fade_law in FADE_LAWS, f"{where}.join.fade_law", f"is none of {', '.join(FADE_LAWS)}")
    fades = (join.fade_before, join.fade_after)
    _need(min(fades) >= 0 and max(fades) <= _LONGEST_FADE, f"{where}.join", "has a fade of impossible length")
    room = candidate.room
    fits = join.fade_before <= room.before and join.fade_after <= room.after
    _need(fits, f"{where}.join", "has a fade that reaches beyond the two shots and their handles")
    _need(0 <= join.glide <= _LONGEST_FADE, f"{where}.join.glide", "is no length of a glide")
    _need(
        abs(join.slip) <= LONGEST_SLIP,
        f"{where}.join.slip",
        f"is further than {1000 * LONGEST_SLIP / ANALYSIS_RATE:g} ms",
    )
    _need(-MOST_GAIN_DB <= join.gain_db <= MOST_GAIN_DB, f"{where}.join.gain_db", "is no gain")
    _need(candidate.length is None or candidate.length > 0, f"{where}.length", "is no length of a shot")
    at = candidate.in_time - media.start
    _need(0 <= at <= media.duration, f"{where}.in_time", "lies outside the file")
    over = at + (candidate.length or 0) - media.duration
    _need(over <= 1 / media.rate, f"{where}.length", "is more than the file holds")


def _check_agreement(point: PointRecord, candidate: Candidate, aligned: bool, where: str) -> None:
    join, shot = candidate.join, point.outgoing
    at = candidate.in_time - candidate.media.start
    said = (candidate.query_start + join.out_point, shot.used_to - shot.media_start + candidate.cut_shift)
    _need(_agree(*said), f"{where}.cut_shift", "is not where its samples say that the cut is")
    said = (candidate.window_start + join.in_point, at)
    _need(_agree(*said), f"{where}.in_time", "is not where its samples say that the sound is entered")
    if aligned and point.incoming is not None:
        entered = point.incoming.used_from - point.incoming.media_start + candidate.in_shift
        _need(abs(entered - at) * ANALYSIS_RATE <= 1, f"{where}.in_shift", "does not lead to its in time")


def _agree(sample: int, time: Fraction) -> bool:
    """Whether a sample is the one of a time; each of its two parts may have been rounded."""
    return abs(time * ANALYSIS_RATE - sample) <= 1


def _need(true: bool, where: str, problem: str) -> None:
    if not true:
        raise ProposalsError(where, problem, _DAMAGED)


def _all_possible(proposals: Proposals) -> bool:
    """Whether all numbers are within bounds, and no text holds a character that no name has."""
    left: list[Any] = [proposals]
    while left:
        value = left.pop()
        kind: Any = type(value)
        if kind is str:
            if "\0" in value:
                return False
        elif kind is Fraction:
            if abs(value.numerator) > LONGEST_S * value.denominator:
                return False
        elif kind is int:
            if abs(value) > _MOST:
                return False
        elif kind is tuple:
            left += value
        elif kind not in _NEITHER:
            left += [getattr(value, name) for name in _names(kind)]
    return True


_NEITHER: Final = frozenset({float, bool, type(None)})


def _name_impossible(proposals: Proposals, where: str) -> None:
    """Refuse by the place of what `_all_possible` found: naming every place would take most of the time of reading."""
    for place, number in _leaves(proposals, where, (int, Fraction)):
        most = LONGEST_S if isinstance(number, Fraction) else _MOST
        _need(-most <= number <= most, place, "is out of all bounds")
    for place, text in _leaves(proposals, where, str):
        _need("\0" not in text, place, "holds a character that no name has")


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """The fields of a dataclass; none of anything else."""
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ()


def _leaves(value: Any, where: str, kind: type | tuple[type, ...]) -> Iterator[tuple[str, Any]]:
    """Every value of a kind in the file, with its place."""
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _leaves(getattr(value, field.name), f"{where}.{field.name}", kind)
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _leaves(item, f"{where}[{i}]", kind)
    elif isinstance(value, kind) and not isinstance(value, bool):
        yield where, value
