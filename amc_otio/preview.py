"""Hearing a candidate: WAVs of the present cut, of the match as a plain cut, and of the join."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import MediaError
from amc_otio.joining.render import blend, to_channels
from amc_otio.media.decode import decode
from amc_otio.media.wav import write_wav
from amc_otio.proposals import Candidate, Proposal
from amc_otio.timeline.write import check_new_file

CONTEXT_S = 3
"""Seconds on either side of the point."""


@dataclass(frozen=True)
class Preview:
    """Files written: `present` is None where there is no present incoming shot with sound."""

    present: Path | None
    plain: Path
    join: Path


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
    join = candidate.join
    out_at = candidate.query_start + join.out_point
    in_at = candidate.window_start + join.in_point
    before, after = (join.fade_before, join.fade_after) if faded else (0, 0)
    shot = proposal.point.outgoing
    if shot.path is None:
        raise MediaError(shot.name, "is offline", "relink it")
    used_from = round((shot.used_from - shot.media_start) * ANALYSIS_RATE)
    first = max(out_at - CONTEXT_S * ANALYSIS_RATE, used_from, 0)
    first = min(first, out_at - before)
    outgoing = decode(Path(shot.path), first, out_at + after - first, sample_rate=ANALYSIS_RATE, channels=shot.channels)
    tail = CONTEXT_S * ANALYSIS_RATE
    if candidate.length is not None:
        tail = min(tail, round(candidate.length * ANALYSIS_RATE))
    tail = max(min(tail, round(candidate.media.duration * ANALYSIS_RATE) - in_at), after)
    incoming = decode(Path(candidate.media.path), in_at - before, before + tail, sample_rate=ANALYSIS_RATE)
    return blend(
        outgoing, to_channels(incoming, outgoing.shape[0]), out_at - first, before, before, after, join.fade_law
    )


def render_present(proposal: Proposal) -> NDArray[np.float32] | None:
    """Render the present cut with up to 3 s on either side; None where nothing follows that has sound."""
    one, other = proposal.point.outgoing, proposal.point.incoming
    if one.path is None or other is None or other.path is None:
        return None
    start, stop = (round((t - one.media_start) * ANALYSIS_RATE) for t in (one.used_from, one.used_to))
    first = max(start, stop - CONTEXT_S * ANALYSIS_RATE)
    outgoing = decode(Path(one.path), first, stop - first, sample_rate=ANALYSIS_RATE, channels=one.channels)
    start, stop = (round((t - other.media_start) * ANALYSIS_RATE) for t in (other.used_from, other.used_to))
    length = min(stop - start, CONTEXT_S * ANALYSIS_RATE)
    following = decode(Path(other.path), start, length, sample_rate=ANALYSIS_RATE, channels=other.channels)
    incoming = to_channels(following, outgoing.shape[0])
    return np.concatenate([outgoing, incoming], axis=1)


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
    plain, joined = render_join(proposal, candidate, faded=False), render_join(proposal, candidate)
    # All is rendered before anything is written.
    if present is not None:
        write_wav(names["before"], present, ANALYSIS_RATE, overwrite=force)
    write_wav(names["plain"], plain, ANALYSIS_RATE, overwrite=force)
    write_wav(names["after"], joined, ANALYSIS_RATE, overwrite=force)
    return Preview(names["before"] if present is not None else None, names["plain"], names["after"])
