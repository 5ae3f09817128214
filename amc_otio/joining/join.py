"""Finding the join of two windows: where the outgoing sound is left, where the incoming is entered, how they fade.

Arrays in, sample counts out: nothing here knows of timelines. All positions count samples of the 48 kHz analysis
clock from the start of the window they belong to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE, HOP, N_FFT, N_MELS, JoinSettings
from amc_otio.joining.fades import Blend, Room, place
from amc_otio.joining.spectra import adaptive_fade_s, best_pair, similarity_matrix
from amc_otio.joining.steps import level_step_db, spectral_step_db
from amc_otio.representations.spectral import spectra_at

WINDOW = ANALYSIS_RATE
"""Samples of a window."""
STEP_SPAN = int(0.15 * ANALYSIS_RATE)
"""Samples on each side of a point over which level and spectrum are compared (150 ms)."""
MARGIN = STEP_SPAN + N_FFT // 2
"""Samples of context kept before and after a window, so that time steps at its edges see real sound."""
_HOPS: NDArray[np.int64] = np.arange(0, WINDOW + 1, HOP, dtype=np.int64)


@dataclass(frozen=True)
class Analysis:
    """A window made ready for joining.

    Attributes
    ----------
    samples
        Mono float32 at 48 kHz, shape ``(MARGIN + WINDOW + MARGIN,)``; the window starts at index ``MARGIN``.
    grid
        Positions that the frame rate can express, in samples from the window's start, ascending.
    hops
        Power mel at the paper's hop, shape ``(128, 47)``.
    steps
        Power mel at the grid's positions, shape ``(128, len(grid))``.
    """

    samples: NDArray[np.float32]
    grid: NDArray[np.int64]
    hops: NDArray[np.float32]
    steps: NDArray[np.float32]


def analyse(samples: NDArray[np.float32], grid: NDArray[np.int64]) -> Analysis:
    """Compute the spectra of a window with its margins (see `Analysis`)."""
    if samples.shape != (2 * MARGIN + WINDOW,):
        raise ValueError(f"expected {2 * MARGIN + WINDOW} samples, got {samples.shape}")
    centres = np.concatenate([_HOPS, grid]) + MARGIN
    mel = spectra_at(samples, ANALYSIS_RATE, centres, N_FFT, N_MELS)
    return Analysis(samples, grid, mel[:, : len(_HOPS)], mel[:, len(_HOPS) :])


@dataclass(frozen=True)
class Bounds:
    """Which points can be cut, and what the handles hold; samples from the window's start (may be outside it).

    Attributes
    ----------
    edit_point
        Where the cut is now, on the outgoing window.
    outgoing_from, outgoing_to
        First and last out point: the clip must keep its shortest length, and media must reach that far.
    outgoing_sound_from, outgoing_media_end
        Where a fade may begin, and where the outgoing media ends.
    incoming_from, incoming_to
        First and last in point.
    incoming_media_start, incoming_media_end
        Where the incoming media starts and ends.
    longest_lag
        Upper bound of in point minus out point, when the record length is kept; None when it is free.
    record_end
        Where the incoming shot must end, on the outgoing window's clock; None when its media's end alone bounds it.
    """

    edit_point: int
    outgoing_from: int
    outgoing_to: int
    outgoing_sound_from: int
    outgoing_media_end: int
    incoming_from: int
    incoming_to: int
    incoming_media_start: int
    incoming_media_end: int
    longest_lag: int | None = None
    record_end: int | None = None

    def allowed(self, out_points: NDArray[np.int64], in_points: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which pairs can be cut: shape ``(len(out_points), len(in_points))``."""
        rows = (out_points >= self.outgoing_from) & (out_points <= self.outgoing_to)
        columns = (in_points >= self.incoming_from) & (in_points <= self.incoming_to)
        pairs = rows[:, None] & columns[None, :]
        if self.longest_lag is not None:
            pairs &= in_points[None, :] - out_points[:, None] <= self.longest_lag
        return np.asarray(pairs)

    def room(self, out_point: int, in_point: int) -> Room:
        """What a fade around this pair of points may use."""
        incoming_after = self.incoming_media_end - in_point
        if self.record_end is not None:
            incoming_after = min(incoming_after, self.record_end - out_point)
        return Room(
            outgoing_before=out_point - self.outgoing_sound_from,
            outgoing_after=self.outgoing_media_end - out_point,
            incoming_before=in_point - self.incoming_media_start,
            incoming_after=incoming_after,
        )


@dataclass(frozen=True)
class Join:
    """Where and how two sounds meet; samples at 48 kHz from the start of each window.

    Attributes
    ----------
    method
        One of `amc_otio.config.METHODS`.
    out_point, in_point
        The point on the frame grid.
    exact_out, exact_in
        The point that the method asked for before the grid: on the paper's hop for Max-SS.
    fade_before, fade_after
        The fade around the point; both 0 is a plain cut.
    fade_law
        One of `amc_otio.joining.fades.FADE_LAWS`; ``"equal-power"`` is the paper's square-root window.
    slip
        Samples by which the incoming sound is entered later (negative is earlier) where the join is bounced, so that
        the two waveforms run together; a cut on a timeline cannot do it.
    gain_db, glide
        What the incoming sound is turned up by during the fade, and the samples after it over which that returns to 0.
    wanted_fade_s
        What equation (2) or the fixed length asked for, in seconds; None for no fade or when unbounded.
    clamped_by
        What kept the fade shorter or off centre, in words.
    level_step_db, spectral_step_db
        Across the point, 150 ms on each side.
    """

    method: str
    out_point: int
    in_point: int
    exact_out: int
    exact_in: int
    fade_before: int
    fade_after: int
    fade_law: str
    slip: int
    gain_db: float
    glide: int
    wanted_fade_s: float | None
    clamped_by: tuple[str, ...]
    level_step_db: float
    spectral_step_db: float

    @property
    def blend(self) -> Blend:
        """How the two sounds are mixed."""
        return Blend(self.fade_before, self.fade_after, self.fade_law, self.gain_db, self.glide)

    @property
    def moved_ms(self) -> tuple[float, float]:
        """How far the frame grid moved the out point and the in point, in milliseconds."""
        scale = 1000.0 / ANALYSIS_RATE
        return (self.out_point - self.exact_out) * scale, (self.in_point - self.exact_in) * scale


def find_join(outgoing: Analysis, incoming: Analysis, bounds: Bounds, settings: JoinSettings) -> Join | None:
    """Find the join of two windows by the chosen method (paper, section 2.4).

    ``concatenate`` and ``crossfade`` meet at the edit point and the match's first possible frame, as the paper's
    baselines do. ``max-ss`` takes the pair of time steps with the highest inner product; ``max-ss-adaptive`` adds
    the fade of equation (2).

    Returns
    -------
    Join or None
        None when no pair of points can be cut within `bounds`.
    """
    allowed = bounds.allowed(outgoing.grid, incoming.grid)
    if settings.method in ("concatenate", "crossfade"):
        pair = _nearest_pair(outgoing.grid, incoming.grid, allowed, bounds.edit_point)
        exact = (bounds.edit_point, 0)
    else:
        pair = best_pair(similarity_matrix(outgoing.steps, incoming.steps), allowed)
        found = best_pair(similarity_matrix(outgoing.hops, incoming.hops), bounds.allowed(_HOPS, _HOPS))
        exact = (int(_HOPS[found[0]]), int(_HOPS[found[1]])) if found else (-1, -1)
    if pair is None:
        return None
    out_point, in_point = int(outgoing.grid[pair[0]]), int(incoming.grid[pair[1]])
    if exact == (-1, -1):
        exact = (out_point, in_point)
    wanted = _wanted_fade_s(outgoing, incoming, settings)
    longest = round(settings.max_fade_s * ANALYSIS_RATE)
    fade = place(wanted * ANALYSIS_RATE, longest, bounds.room(out_point, in_point))
    before = outgoing.samples[max(0, MARGIN + out_point - STEP_SPAN) : MARGIN + out_point]
    after = incoming.samples[MARGIN + in_point : MARGIN + in_point + STEP_SPAN]
    steps = np.arange(0, STEP_SPAN + 1, HOP)
    mel_before = spectra_at(outgoing.samples, ANALYSIS_RATE, MARGIN + out_point - steps, N_FFT, N_MELS)
    mel_after = spectra_at(incoming.samples, ANALYSIS_RATE, MARGIN + in_point + steps, N_FFT, N_MELS)
    return Join(
        method=settings.method,
        out_point=out_point,
        in_point=in_point,
        exact_out=exact[0],
        exact_in=exact[1],
        fade_before=fade.before,
        fade_after=fade.after,
        fade_law="equal-power",
        slip=0,
        gain_db=0.0,
        glide=0,
        wanted_fade_s=wanted if np.isfinite(wanted) and wanted > 0 else None,
        clamped_by=fade.clamped_by,
        level_step_db=level_step_db(before, after),
        spectral_step_db=spectral_step_db(mel_before, mel_after),
    )


def _wanted_fade_s(outgoing: Analysis, incoming: Analysis, settings: JoinSettings) -> float:
    if settings.method == "crossfade":
        return settings.fade_s
    if settings.method == "max-ss-adaptive":
        return adaptive_fade_s(outgoing.hops, incoming.hops, settings.phi, settings.convention)
    return 0.0


def _nearest_pair(
    out_grid: NDArray[np.int64], in_grid: NDArray[np.int64], allowed: NDArray[np.bool_], edit_point: int
) -> tuple[int, int] | None:
    """The allowed pair nearest to the edit point and the start of the match."""
    if not allowed.any():
        return None
    distance = np.abs(out_grid - edit_point)[:, None] + np.abs(in_grid)[None, :]
    distance = np.where(allowed, distance, np.iinfo(np.int64).max)
    row, column = np.unravel_index(int(np.argmin(distance)), distance.shape)
    return int(row), int(column)
