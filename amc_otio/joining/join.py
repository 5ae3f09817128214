"""Finding the join of two sounds: where the outgoing one is left, where the incoming is entered, how they fade.

Arrays in, sample counts out: nothing here knows of timelines. All positions count samples of the 48 kHz analysis
clock from the start of the window they belong to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from amc_otio.config import ANALYSIS_RATE, MOST_GAIN_DB, PRINTED, JoinSettings
from amc_otio.joining.align import LONGEST_SLIP, Alignment, align
from amc_otio.joining.analysis import Analysis, Float32
from amc_otio.joining.bounds import Bounds
from amc_otio.joining.clear import clear_half, events
from amc_otio.joining.fades import COHERENT, Blend, Fade, Room, law_for, place, place_still
from amc_otio.joining.level import SPAN, glide_samples, matching_gain_db
from amc_otio.joining.point import Point, find_point
from amc_otio.joining.recipes import RECIPES, Recipe
from amc_otio.joining.spectra import adaptive_fade_s
from amc_otio.joining.steps import level_step_db, spectral_step_db

STEP_SPAN: Final = int(0.15 * ANALYSIS_RATE)
"""Samples on each side of a point over which level and spectrum are compared (150 ms)."""
FITTED_FADE: Final = int(0.3 * ANALYSIS_RATE)
"""Samples of the fade of ``fitted``: longer smears two rhythms, shorter is heard as a splice (docs/joining.md)."""


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
        Where the method would meet without the grid: on the paper's hop for Max-SS, aligned to the sample for
        ``fitted``.
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
        """How the two sounds are mixed where the join is cut."""
        return Blend(self.fade_before, self.fade_after, self.fade_law, self.gain_db, self.glide)

    @property
    def bounced(self) -> Blend:
        """How they are mixed where the join is bounced: slipped, the two waveforms are one and fade in equal gain."""
        return replace(self.blend, law="equal-gain") if self.slip else self.blend

    @property
    def moved_ms(self) -> tuple[float, float]:
        """How far the frame grid moved the out point and the in point, in milliseconds."""
        scale = 1000.0 / ANALYSIS_RATE
        return (self.out_point - self.exact_out) * scale, (self.in_point - self.exact_in) * scale


def find_join(
    outgoing: Analysis, incoming: Analysis, bounds: Bounds, settings: JoinSettings, recipe: Recipe | None = None
) -> Join | None:
    """Find the join of two sounds by the chosen method (paper, section 2.4, and docs/joining.md).

    ``concatenate`` and ``crossfade`` meet at the edit point and the match's first possible frame, as the paper's
    baselines do. ``max-ss`` takes the pair of time steps with the highest inner product; ``max-ss-adaptive`` adds
    the fade of equation (2), ``paper`` that equation as it is printed. ``fitted`` is ours.

    Parameters
    ----------
    recipe
        Parts of a join put together otherwise than any method does; None is what the method's name says.

    Returns
    -------
    Join or None
        None when no pair of points can be cut within `bounds`.
    """
    recipe = recipe or RECIPES[settings.method]
    point = find_point(outgoing, incoming, bounds, recipe.point)
    if point is None:
        return None
    fade, wanted = _fade(outgoing, incoming, bounds, settings, recipe, point)
    slip = 0
    if recipe.align:
        point, fade, slip = _aligned(outgoing, incoming, bounds, point, fade)
    law = "equal-power"
    if recipe.law == "correlation":
        law = law_for(_alignment(outgoing, incoming, bounds, point, fade, 0).correlation)
    gain_db = 0.0
    if recipe.level and settings.max_gain_db:
        sides = _heard(outgoing, incoming, bounds, point, max(fade.before, SPAN), max(fade.after, SPAN))
        gain_db = matching_gain_db(*sides, min(settings.max_gain_db, MOST_GAIN_DB))
    free = bounds.room(point.out_point, point.in_point).incoming_after - fade.after - max(0, slip)
    level, spectrum = _steps(outgoing, incoming, point)
    return Join(
        method=settings.method,
        out_point=point.out_point,
        in_point=point.in_point,
        exact_out=point.exact_out,
        exact_in=point.exact_in,
        fade_before=fade.before,
        fade_after=fade.after,
        fade_law=law,
        slip=slip,
        gain_db=gain_db,
        glide=min(glide_samples(gain_db), max(0, free)),
        wanted_fade_s=wanted if np.isfinite(wanted) and wanted > 0 else None,
        clamped_by=fade.clamped_by,
        level_step_db=level,
        spectral_step_db=spectrum,
    )


def _fade(
    outgoing: Analysis, incoming: Analysis, bounds: Bounds, settings: JoinSettings, recipe: Recipe, point: Point
) -> tuple[Fade, float]:
    """The fade around a point, and the length in seconds that was wanted of it."""
    room = bounds.room(point.out_point, point.in_point)
    longest = round(settings.max_fade_s * ANALYSIS_RATE)
    if recipe.fade == "clear":
        return _clear(outgoing, incoming, point, min(FITTED_FADE, longest), room)
    wanted = 0.0
    if recipe.fade == "fixed":
        wanted = settings.fade_s
    elif recipe.fade == "equation":
        phi, convention = PRINTED if settings.method == "paper" else (settings.phi, settings.convention)
        wanted = adaptive_fade_s(outgoing.window_mel, incoming.window_mel, phi, convention)
    return place(wanted * ANALYSIS_RATE, longest, room), wanted


def _clear(outgoing: Analysis, incoming: Analysis, point: Point, length: int, room: Room) -> tuple[Fade, float]:
    half = length // 2
    begins = (
        events(outgoing, point.out_point, half, room.outgoing_before, room.outgoing_after),
        events(incoming, point.in_point, half, room.incoming_before, room.incoming_after),
    )
    half = clear_half(np.concatenate(begins), half)
    return place_still(half, room), 2 * half / ANALYSIS_RATE


def _aligned(
    outgoing: Analysis, incoming: Analysis, bounds: Bounds, point: Point, fade: Fade
) -> tuple[Point, Fade, int]:
    """Where the two waveforms run together: the nearest place on the grid, and what a bounce slips beyond it."""
    found = _alignment(outgoing, incoming, bounds, point, fade, LONGEST_SLIP)
    if found.correlation < COHERENT or not found.slip:
        return point, fade, 0
    wanted = point.in_point + found.slip
    row = bounds.allowed(np.array([point.out_point]), incoming.grid)[0]
    nearest = int(incoming.grid[row][np.argmin(np.abs(incoming.grid[row] - wanted))])
    moved = replace(point, in_point=nearest, exact_in=wanted)
    room = bounds.room(moved.out_point, moved.in_point)
    return moved, fade.within(room), wanted - nearest


def _alignment(
    outgoing: Analysis, incoming: Analysis, bounds: Bounds, point: Point, fade: Fade, reach: int
) -> Alignment:
    """How the two sides of a fade run together, within the incoming media."""
    room = bounds.room(point.out_point, point.in_point)
    reach = max(0, min(reach, room.incoming_before - fade.before, room.incoming_after - fade.after))
    return align(outgoing, incoming, (point.out_point, point.in_point), (fade.before, fade.after), reach)


def _heard(
    outgoing: Analysis, incoming: Analysis, bounds: Bounds, point: Point, before: int, after: int
) -> tuple[Float32, Float32]:
    """Each sound from so much before the point to so much after it, no further than there is sound of it."""
    room = bounds.room(point.out_point, point.in_point)
    out_before, out_after = min(before, max(0, room.outgoing_before)), min(after, max(0, room.outgoing_after))
    in_before, in_after = min(before, max(0, room.incoming_before)), min(after, max(0, room.incoming_after))
    return (
        outgoing.stretch(point.out_point - out_before, point.out_point + out_after),
        incoming.stretch(point.in_point - in_before, point.in_point + in_after),
    )


def _steps(outgoing: Analysis, incoming: Analysis, point: Point) -> tuple[float, float]:
    """Level and spectrum across the point, in dB."""
    before = outgoing.stretch(point.out_point - STEP_SPAN, point.out_point)
    after = incoming.stretch(point.in_point, point.in_point + STEP_SPAN)
    mels = outgoing.mel_beside(point.out_point, -STEP_SPAN), incoming.mel_beside(point.in_point, STEP_SPAN)
    return level_step_db(before, after), spectral_step_db(*mels)
