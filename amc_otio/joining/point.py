"""The point at which two sounds meet: where the outgoing one is left, where the incoming one is entered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc_otio.joining.analysis import WINDOW, Analysis, Float32, Int64, Spectra
from amc_otio.joining.bounds import Bounds
from amc_otio.joining.clear import LEAST
from amc_otio.joining.spectra import best_pair, similarity_matrix
from amc_otio.joining.steady import FloatArray, steadiest, within

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
    grids, hops = (outgoing.grid, incoming.grid), (outgoing.hops, incoming.hops)
    exact: Pair | None = None
    if way == "edit-point":
        found = _nearest(*grids, bounds)
        exact = bounds.edit_point, 0
    elif way == "steady":
        # Many pairs are nearly as steady as the best: there is none beside the grid that it could be measured by.
        found = _steadiest(outgoing.grid_spectra, incoming.grid_spectra, *grids, bounds)
    else:
        found = _highest(outgoing.grid_mel, incoming.grid_mel, *grids, bounds)
        exact = _highest(outgoing.hops_mel, incoming.hops_mel, *hops, bounds)
    return None if found is None else Point(*found, *(exact or found))


def _highest(one: Float32, other: Float32, out_points: Int64, in_points: Int64, bounds: Bounds) -> Pair | None:
    """Max-SS: the pair with the highest inner product (section 2.4)."""
    rows, columns = bounds.crop(out_points, in_points)
    outs, ins = out_points[rows], in_points[columns]
    products = similarity_matrix(one[:, rows], other[:, columns])
    return _points(best_pair(products, bounds.keeps_length(outs, ins)), outs, ins)


def _steadiest(one: Spectra, other: Spectra, out_points: Int64, in_points: Int64, bounds: Bounds) -> Pair | None:
    """The steadiest pair near the highest of the two windows; where the least fade has room, if it has anywhere."""
    for half in (LEAST, None):
        rows, columns = bounds.crop(out_points, in_points, half)
        outs, ins = out_points[rows], in_points[columns]
        allowed = bounds.keeps_length(outs, ins)
        if outs.size and ins.size and (allowed is None or allowed.any()):
            break
    else:
        return None
    products = similarity_matrix(one.at[:, rows], other.at[:, columns])
    highest = _highest_inside(products, outs, ins, allowed)
    near = within(products, highest)
    if allowed is not None:
        near &= allowed
    found = steadiest(one.of(rows), other.of(columns), near)
    return _points(found, outs, ins)


def _highest_inside(products: FloatArray, outs: Int64, ins: Int64, allowed: NDArray[np.bool_] | None) -> float:
    """The highest inner product of the two windows; of all, where none of theirs is allowed."""
    rows, columns = (slice(*np.searchsorted(points, (0, WINDOW + 1))) for points in (outs, ins))
    for part in ((rows, columns), (slice(None), slice(None))):
        inside = products[part]
        found = best_pair(inside, None if allowed is None else allowed[part])
        if found is not None:
            return float(inside[found])
    return float("inf")


def _points(pair: Pair | None, out_points: Int64, in_points: Int64) -> Pair | None:
    return None if pair is None else (int(out_points[pair[0]]), int(in_points[pair[1]]))


def _nearest(out_points: Int64, in_points: Int64, bounds: Bounds) -> Pair | None:
    """The allowed pair nearest to the edit point and the start of the match."""
    allowed = bounds.allowed(out_points, in_points)
    if not allowed.any():
        return None
    distance = np.abs(out_points - bounds.edit_point)[:, None] + np.abs(in_points)[None, :]
    distance = np.where(allowed, distance, np.iinfo(np.int64).max)
    row, column = np.unravel_index(int(np.argmin(distance)), distance.shape)
    return int(out_points[row]), int(in_points[column])
