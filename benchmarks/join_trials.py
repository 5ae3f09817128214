"""Ways to join that were tried and not kept (docs/joining.md), and the list of what transition.py compares.

A way takes what `find_join` takes and gives a join; it is a function of a module, so that processes can be told of it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE, JoinSettings
from amc_otio.evaluation.transitions import PAPER, Method
from amc_otio.joining.analysis import Analysis
from amc_otio.joining.bounds import Bounds
from amc_otio.joining.fades import place_still
from amc_otio.joining.join import FITTED_FADE, Join, find_join
from amc_otio.joining.onsets import onsets, rises
from amc_otio.joining.recipes import RECIPES, Recipe
from amc_otio.joining.spectra import best_pair, decibels, similarity_matrix
from amc_otio.representations.spectral import spectra_at

FloatArray = NDArray[np.float64]

WITHIN_DB = 12.0
"""Pairs whose inner product is this far below the highest are looked at for an onset to hide behind."""
ALIKE_DB = 12.0
"""Spectra this near, as a root mean square over bands, level included, are alike."""
ALIKE_STEP = 512
ALIKE_LONGEST = int(0.5 * ANALYSIS_RATE)
ALIKE_LEAST = int(0.05 * ANALYSIS_RATE)


def _at(
    outgoing: Analysis, incoming: Analysis, bounds: Bounds, settings: JoinSettings, recipe: Recipe, cost: FloatArray
) -> Join | None:
    """The join at the pair that costs least among those within `WITHIN_DB` of the highest inner product."""
    allowed = bounds.allowed(outgoing.grid, incoming.grid)
    products = similarity_matrix(outgoing.grid_mel, incoming.grid_mel)
    highest = best_pair(products, allowed)
    if highest is None:
        return None
    pair = best_pair(-cost, allowed & (products >= products[highest] * 10.0 ** (-WITHIN_DB / 10.0)))
    assert pair is not None
    out_point, in_point = outgoing.grid[[pair[0]]], incoming.grid[[pair[1]]]
    one, other = replace(outgoing, grid=out_point), replace(incoming, grid=in_point)
    return find_join(one, other, bounds, settings, replace(recipe, point="max-ss"))


def _apart(one: FloatArray, other: FloatArray) -> FloatArray:
    """Mean squared difference of all pairs of columns."""
    squares = np.mean(one**2, axis=0)[:, None] + np.mean(other**2, axis=0)[None, :]
    return np.maximum(squares - 2.0 * (one.T @ other) / one.shape[0], 0.0)


def at_agreeing_context(
    outgoing: Analysis, incoming: Analysis, bounds: Bounds, settings: JoinSettings, recipe: Recipe | None = None
) -> Join | None:
    """Where what comes before and what comes after agree best on both sides: it finds onsets that coincide."""
    before = _apart(decibels(outgoing.grid_spectra.before), decibels(incoming.grid_spectra.before))
    after = _apart(decibels(outgoing.grid_spectra.after), decibels(incoming.grid_spectra.after))
    return _at(outgoing, incoming, bounds, settings, recipe or RECIPES["fitted"], np.sqrt((before + after) / 2.0))


def at_masking_onset(
    outgoing: Analysis, incoming: Analysis, bounds: Bounds, settings: JoinSettings, recipe: Recipe | None = None
) -> Join | None:
    """Just before the strongest onset of the incoming sound, which masks the splice before it."""
    curve = rises(incoming.samples)
    places = (incoming.grid[:, None] + incoming.origin + np.arange(0, 960, 256)[None, :]) // 256
    strength = curve[np.clip(places, 0, curve.size - 1)].max(axis=1)
    cost = np.tile(-strength, (outgoing.grid.size, 1))
    return _at(outgoing, incoming, bounds, settings, recipe or RECIPES["fitted"], cost)


def while_alike(
    outgoing: Analysis, incoming: Analysis, bounds: Bounds, settings: JoinSettings, recipe: Recipe | None = None
) -> Join | None:
    """A fade for as long as the two spectra stay within `ALIKE_DB` of each other around the point, clear of onsets."""
    found = find_join(outgoing, incoming, bounds, settings, recipe)
    if found is None:
        return None
    count = ALIKE_LONGEST // ALIKE_STEP
    places = ALIKE_LONGEST + np.arange(-count, count + 1, dtype=np.int64) * ALIKE_STEP
    going = outgoing.stretch(found.out_point - ALIKE_LONGEST, found.out_point + ALIKE_LONGEST + 1)
    coming = incoming.stretch(found.in_point - ALIKE_LONGEST, found.in_point + ALIKE_LONGEST + 1)
    one, other = (decibels(spectra_at(s, ANALYSIS_RATE, places, 2048, 40)) for s in (going, coming))
    alike = np.sqrt(np.mean((one - other) ** 2, axis=0)) <= ALIKE_DB
    runs = [int(side.size if side.all() else np.argmin(side)) for side in (alike[:count][::-1], alike[count + 1 :])]
    events = np.abs(np.concatenate([onsets(going), onsets(coming)]) - ALIKE_LONGEST)
    half = min(min(runs) * ALIKE_STEP, int(events.min()) if events.size else ALIKE_LONGEST)
    fade = place_still(max(half, ALIKE_LEAST), bounds.room(found.out_point, found.in_point))
    return replace(found, fade_before=fade.before, fade_after=fade.after)


_PRINTED = JoinSettings(method="paper")
_FITTED = JoinSettings(method="fitted")
_FIXED = JoinSettings(method="paper", fade_s=FITTED_FADE / ANALYSIS_RATE)
_BASE = RECIPES["paper"]
_OURS = RECIPES["fitted"]
_LENGTH = f"as:{PAPER[-1].label}"

OURS: tuple[Method, ...] = (
    Method("fitted", _FITTED),
    Method("fitted, as adaptive", _FITTED, length=_LENGTH),
    Method("max-ss-adaptive, ours", JoinSettings(method="max-ss-adaptive")),
)
"""What transition.py compares with the paper's five."""

ABLATION: tuple[Method, ...] = (
    Method("+ steady point", _PRINTED, replace(_BASE, point="steady")),
    Method("+ agreeing context", _PRINTED, _BASE, find=at_agreeing_context),
    Method("+ masking onset", _PRINTED, _BASE, find=at_masking_onset),
    Method("+ clear fade", _PRINTED, replace(_BASE, fade="clear")),
    Method("+ fixed 0.3 s", _FIXED, replace(_BASE, fade="fixed")),
    Method("+ fade while alike", _PRINTED, _BASE, find=while_alike),
    Method("+ equation (2), centred", JoinSettings(method="max-ss-adaptive")),
    Method("+ alignment", _PRINTED, replace(_BASE, align=True)),
    Method("+ law by correlation", _PRINTED, replace(_BASE, law="correlation")),
    Method("+ alignment and law", _PRINTED, replace(_BASE, align=True, law="correlation")),
    Method("+ level, 6 dB", replace(_PRINTED, max_gain_db=6.0), replace(_BASE, level=True)),
    Method("fitted", _FITTED),
    Method("fitted - steady point", _FITTED, replace(_OURS, point="max-ss")),
    Method("fitted, masking onset", _FITTED, _OURS, find=at_masking_onset),
    Method("fitted - clear fade (0.3 s)", replace(_FITTED, fade_s=0.3), replace(_OURS, fade="fixed")),
    Method("fitted, while alike", _FITTED, _OURS, find=while_alike),
    Method("fitted - alignment", _FITTED, replace(_OURS, align=False)),
    Method("fitted - law", _FITTED, replace(_OURS, law="equal-power")),
    Method("fitted + level, 6 dB", replace(_FITTED, max_gain_db=6.0)),
    Method("fitted + search, 5 s", replace(_FITTED, search_s=5.0)),
)
"""Each part alone on top of the paper's join as printed, and each taken from ours."""
