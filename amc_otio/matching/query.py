"""The sound at an edit point: the query window, its vector's input and its spectra."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import MediaError
from amc_otio.joining.analysis import MARGIN, WINDOW, Analysis, analyse
from amc_otio.matching.geometry import Outgoing
from amc_otio.matching.grid import Grid, frame_grid
from amc_otio.media.decode import Channels, decode_mono
from amc_otio.media.loudness import batch_loudness

_BEFORE = {"before": WINDOW, "around": WINDOW // 2, "after": 0}


@dataclass(frozen=True)
class Sound:
    """A file as the matching sees it; positions in samples at 48 kHz from the file's start."""

    path: Path
    length: int
    channels: Channels | None


@dataclass(frozen=True)
class Query:
    """The sound at an edit point.

    Attributes
    ----------
    sound
        The outgoing clip's file.
    start
        Where the query window starts in it, in samples at 48 kHz.
    window
        Mono samples at the representation's rate, shape ``(rate,)``.
    analysis, grid
        For the join.
    outgoing
        The edit point and the media's end, from the window's start.
    loudness
        LUFS of the window.
    silent
        Whether the level is below the silence threshold.
    """

    sound: Sound
    start: int
    window: NDArray[np.float32]
    analysis: Analysis
    grid: Grid
    outgoing: Outgoing
    loudness: float
    silent: bool


def make_query(
    sound: Sound,
    used: tuple[Fraction, Fraction],
    rate: Fraction,
    placement: str,
    sample_rate: int,
    silence_dbfs: float,
    reach: int = 0,
) -> Query:
    """Read the sound at an edit point.

    Parameters
    ----------
    used
        The part of the file that the outgoing clip plays, in seconds from the file's start.
    rate
        Frames a second at which the cut can lie.
    placement
        ``before``, ``around`` or ``after`` the edit point.
    sample_rate
        The representation's.
    reach
        Samples beyond the window in which a point is looked for too.

    Raises
    ------
    MediaError
        When the tail handle does not hold what the placement needs.
    """
    used_from, used_to = round(used[0] * ANALYSIS_RATE), round(used[1] * ANALYSIS_RATE)
    edit_point = _BEFORE[placement]
    start = used_to - edit_point
    missing = start + WINDOW - sound.length
    if edit_point < WINDOW and missing > 0:
        raise MediaError(
            sound.path.name,
            f"the tail handle lacks {missing / ANALYSIS_RATE:.2f} s for a query {placement} the edit point",
            "use --query before",
        )
    samples = read_window(sound, start, reach)
    # The clip's own sound only: what lies before its in point is not on the timeline.
    samples[: max(0, MARGIN + reach + used_from - start)] = 0.0
    window = read_at(sound, start, sample_rate)
    window[: max(0, round((used_from - start) * sample_rate / ANALYSIS_RATE))] = 0.0
    grid = frame_grid(rate, Fraction(edit_point), WINDOW, reach)
    return Query(
        sound=sound,
        start=start,
        window=window,
        analysis=analyse(samples, grid.samples, reach),
        grid=grid,
        outgoing=Outgoing(edit_point, sound.length - start),
        loudness=float(batch_loudness(window[None], sample_rate)[0]),
        silent=is_silent(window, silence_dbfs),
    )


def read_window(sound: Sound, start: int, reach: int = 0) -> NDArray[np.float32]:
    """A window at 48 kHz with its margins, and `reach` samples beyond them; zeros outside the file."""
    around = MARGIN + reach
    return decode_mono(sound.path, start - around, WINDOW + 2 * around, ANALYSIS_RATE, sound.channels)


def read_at(sound: Sound, start: int, sample_rate: int) -> NDArray[np.float32]:
    """One second from `start` (at 48 kHz), at another rate."""
    first = round(start * sample_rate / ANALYSIS_RATE)
    return decode_mono(sound.path, first, sample_rate, sample_rate, sound.channels)


def is_silent(window: NDArray[np.float32], threshold_dbfs: float) -> bool:
    """Whether the RMS level of a window lies below a threshold in dBFS."""
    power = float(np.mean(window.astype(np.float64) ** 2)) if window.size else 0.0
    return bool(power < 10.0 ** (threshold_dbfs / 10.0))
