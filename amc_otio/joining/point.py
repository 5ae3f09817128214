"""The point at which two sounds meet: where the outgoing one is left, where the incoming one is entered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc_otio.joining.analysis import Analysis
from amc_otio.joining.bounds import Bounds
from amc_otio.joining.spectra import best_pair, similarity_matrix
from amc_otio.joining.steady import steadiest, unsteadiness

Pair = tuple[int, int]


@dataclass(frozen=True)
class Point:
    """Samples from the start of each window: on the grid, and where the method would meet without one."""

    out_point: int
    in_point: int
    exact_out: int
    exact_in: int


def find_point(outgoing: Analysis, incoming: Analysis, bounds: Bounds, way: str) -> Point | None:
    """Find the point in one of the ways of `amc_otio.joining.recipes.Recipe.point`; None when none can be cut."""
    allowed = bounds.allowed(outgoing.grid, incoming.grid)
    anywhere = bounds.allowed(outgoing.hops, incoming.hops)
    exact: tuple[int, int] | None = None
    free: Pair | None = None
    if way == "edit-point":
        pair = _nearest_pair(outgoing.grid, incoming.grid, allowed, bounds.edit_point)
        exact = bounds.edit_point, 0
    elif way == "steady":
        pair = _steadiest(outgoing, incoming, allowed, on_grid=True)
        free = _steadiest(outgoing, incoming, anywhere, on_grid=False)
    else:
        pair = best_pair(similarity_matrix(outgoing.grid_mel, incoming.grid_mel), allowed)
        free = best_pair(similarity_matrix(outgoing.hops_mel, incoming.hops_mel), anywhere)
    if pair is None:
        return None
    found = int(outgoing.grid[pair[0]]), int(incoming.grid[pair[1]])
    if free is not None:
        exact = int(outgoing.hops[free[0]]), int(incoming.hops[free[1]])
    return Point(*found, *(exact or found))


def _steadiest(outgoing: Analysis, incoming: Analysis, allowed: NDArray[np.bool_], on_grid: bool) -> Pair | None:
    if not allowed.any():
        return None
    sides = [a.grid_spectra if on_grid else a.hops_spectra for a in (outgoing, incoming)]
    return steadiest(similarity_matrix(sides[0].at, sides[1].at), unsteadiness(*sides), allowed)


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
