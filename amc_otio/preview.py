"""Hearing a candidate: WAVs of the present cut, of the match as a plain cut, and of the join."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import MediaError
from amc_otio.joining.fades import Blend
from amc_otio.joining.join import Join
from amc_otio.joining.render import blend, to_channels
from amc_otio.media.decode import decode
from amc_otio.media.wav import write_wav
from amc_otio.proposals import Candidate, Proposal, ShotRecord
from amc_otio.timeline.write import check_new_file

_CONTEXT = 3 * ANALYSIS_RATE
"""Samples on either side of the point."""


@dataclass(frozen=True)
class Preview:
    """Files written: `present` is None where there is no present incoming shot with sound."""

    present: Path | None
    plain: Path
    join: Path


@dataclass(frozen=True)
class _Sides:
    """The two sounds of a candidate's join, read once; `out_at` and `in_at` are the point in each."""

    outgoing: NDArray[np.float32]
    incoming: NDArray[np.float32]
    out_at: int
    in_at: int


def render_join(proposal: Proposal, candidate: Candidate, faded: bool = True) -> NDArray[np.float32]:
    """Render a candidate's join: 48 kHz, the outgoing clip's channels, up to 3 s on either side.

    Parameters
    ----------
    faded
        False renders the same points as a plain cut.

    Returns
    -------
    numpy.ndarray
        Shape ``(channels, n)``, float32.

    Raises
    ------
    MediaError
        When a file cannot be read any more.
    """
    return _join(_read_sides(proposal, candidate), candidate.join, faded)


def _join(sides: _Sides, join: Join, faded: bool) -> NDArray[np.float32]:
    how = join.blend if faded else Blend()
    return blend(sides.outgoing, sides.incoming, sides.out_at, sides.in_at, how)


def _read_sides(proposal: Proposal, candidate: Candidate) -> _Sides:
    join = candidate.join
    out_at = candidate.query_start + join.out_point
    in_at = candidate.window_start + join.in_point
    before, after = join.fade_before, join.fade_after
    shot = proposal.point.outgoing
    if shot.path is None:
        raise MediaError(shot.name, "is offline", "relink it")
    used_from, _ = _used(shot)
    first = min(max(out_at - _CONTEXT, used_from, 0), out_at - before)
    outgoing = decode(Path(shot.path), first, out_at + after - first, sample_rate=ANALYSIS_RATE, channels=shot.channels)
    tail = _CONTEXT
    if candidate.length is not None:
        tail = min(tail, round(candidate.length * ANALYSIS_RATE))
    tail = max(min(tail, round(candidate.media.duration * ANALYSIS_RATE) - in_at), after)
    incoming = decode(Path(candidate.media.path), in_at - before, before + tail, sample_rate=ANALYSIS_RATE)
    return _Sides(outgoing, to_channels(incoming, outgoing.shape[0]), out_at - first, before)


def render_present(proposal: Proposal) -> NDArray[np.float32] | None:
    """Render the present cut with up to 3 s on either side; None where nothing follows that has sound."""
    one, other = proposal.point.outgoing, proposal.point.incoming
    if one.path is None or other is None or other.path is None:
        return None
    start, stop = _used(one)
    first = max(start, stop - _CONTEXT)
    outgoing = decode(Path(one.path), first, stop - first, sample_rate=ANALYSIS_RATE, channels=one.channels)
    start, stop = _used(other)
    length = min(stop - start, _CONTEXT)
    following = decode(Path(other.path), start, length, sample_rate=ANALYSIS_RATE, channels=other.channels)
    incoming = to_channels(following, outgoing.shape[0])
    return np.concatenate([outgoing, incoming], axis=1)


def _used(shot: ShotRecord) -> tuple[int, int]:
    """First and last sample that a shot plays of its file, the last exclusive."""
    first, last = (round((t - shot.media_start) * ANALYSIS_RATE) for t in (shot.used_from, shot.used_to))
    return first, last


def write_preview(proposal: Proposal, candidate: Candidate, folder: Path, stem: str, force: bool = False) -> Preview:
    """Write ``STEM.before.wav``, ``STEM.plain.wav`` and ``STEM.after.wav`` into a folder.

    Raises
    ------
    MediaError, OutputError
    """
    names = {kind: folder / f"{stem}.{kind}.wav" for kind in ("before", "plain", "after")}
    for path in names.values():
        check_new_file(path, None, force)
    present = render_present(proposal)
    sides = _read_sides(proposal, candidate)
    plain, joined = (_join(sides, candidate.join, faded) for faded in (False, True))
    # All is rendered before anything is written.
    if present is not None:
        write_wav(names["before"], present, ANALYSIS_RATE, overwrite=force)
    write_wav(names["plain"], plain, ANALYSIS_RATE, overwrite=force)
    write_wav(names["after"], joined, ANALYSIS_RATE, overwrite=force)
    return Preview(names["before"] if present is not None else None, names["plain"], names["after"])
