"""Why a candidate is good, as bars from 0 to 1 that the page draws and weighs; 1 is the best of each."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from amc_otio.audition.records import Reasons
from amc_otio.proposals.records import Scores

LOUDNESS_STEP_LU: Final = 12.0
"""From this step in loudness on the bar is empty: the largest that is proposed unless another is asked for
(`amc_otio.config.MatchSettings.max_level_step_lu`)."""
LEVEL_STEP_DB: Final = 12.0
"""The same for the level across the join."""
SPECTRAL_STEP_DB: Final = 20.0
"""The same for the spectrum across the join."""


def reasons_of(scores: Scores, rate: Fraction) -> Reasons:
    """Return the bars of a candidate.

    `timbre`, `pitch`, `rhythm` and `loudness` are those that it was ranked with (docs/ranking.md). The others are

    - level: ``1 - min(1, |level_step_lu| / 12)``,
    - join: ``1 - (min(1, |level_step_db| / 12) + min(1, spectral_step_db / 20)) / 2``,
    - handles: ``min(1, min(head, tail) / rate)``, the shorter handle in seconds.

    Parameters
    ----------
    rate
        Frames a second of the timeline, in which the handles are counted.
    """
    return Reasons(
        timbre=_within(scores.timbre),
        pitch=_within(scores.pitch),
        rhythm=_within(scores.rhythm),
        loudness=_within(scores.loudness),
        level=1.0 - _share(scores.level_step_lu, LOUDNESS_STEP_LU),
        join=1.0
        - (_share(scores.level_step_db, LEVEL_STEP_DB) + _share(scores.spectral_step_db, SPECTRAL_STEP_DB)) / 2,
        handles=_within(min(scores.head_handle_frames, scores.tail_handle_frames) / float(rate)),
    )


def _share(value: float, most: float) -> float:
    return min(1.0, abs(value) / most)


def _within(value: float) -> float:
    return min(1.0, max(0.0, value))
