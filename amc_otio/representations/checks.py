"""What every representation does before and after its own work: check the windows, give unit rows, spot silence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amc_otio.config import LOUDEST
from amc_otio.errors import RepresentationError

SILENT_PEAK = 1e-5
"""A window whose loudest sample stays below this (-100 dBFS, a third of a 16-bit step) is silent."""


def as_windows(windows: ArrayLike, sample_rate: int, name: str) -> NDArray[np.float32]:
    """Windows as a C-contiguous float32 batch, or an error that says what is wrong with them.

    Parameters
    ----------
    windows
        Shape ``(n, sample_rate)``; real numbers.
    sample_rate
        Rate in Hz, and so the samples that a window of one second must have.
    name
        The representation, for the message.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, sample_rate)``, float32.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When the shape or the type is wrong or a sample is not finite.
    """
    array = np.asarray(windows)
    if array.ndim != 2 or array.shape[1] != sample_rate:
        raise RepresentationError(
            name,
            f"windows of shape {array.shape} are not (n, {sample_rate})",
            f"pass mono windows of exactly one second at {sample_rate} Hz",
        )
    if not np.issubdtype(array.dtype, np.floating):
        raise RepresentationError(
            name, f"windows of type {array.dtype} are not sound", "pass floating-point samples, full scale at 1"
        )
    batch = np.ascontiguousarray(array, dtype=np.float32)
    # One pass over the data: any NaN or infinity makes the peak fail the comparison.
    peaks = peak(batch)
    if not bool(np.all(peaks <= LOUDEST)):
        bad = int(np.flatnonzero(~(peaks <= LOUDEST))[0])
        raise RepresentationError(
            name, f"window {bad} holds samples that are not finite sound", "leave damaged windows out"
        )
    return batch


def check_threads(threads: int | None, name: str) -> None:
    """Refuse a number of threads that cannot work; ``None`` leaves it to the engine.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When `threads` is below one.
    """
    if threads is not None and threads < 1:
        raise RepresentationError(name, f"{threads} threads cannot work", "ask for one or more")


def peak(batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest absolute sample of each window, shape ``(n,)``; NaN when a sample is NaN."""
    if batch.shape[0] == 0:
        return np.zeros(0, np.float32)
    return np.asarray(np.maximum(batch.max(axis=1), -batch.min(axis=1)), dtype=np.float32)


def unit_rows(vectors: NDArray[np.floating[Any]], silent: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Rows scaled to unit length; rows of silent windows, and rows that are all zero, become zeros.

    Parameters
    ----------
    vectors
        Shape ``(n, dimension)``, finite.
    silent
        Shape ``(n,)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, dimension)``, float32.
    """
    rows = np.array(vectors, dtype=np.float32)
    # Scaled to a peak of one first, so that the squares of very small or large values stay in range.
    top = peak(rows)[:, None]
    empty = silent[:, None] | (top == 0.0)
    rows /= np.where(empty, np.float32(1.0), top)
    rows /= np.sqrt(np.maximum(np.einsum("ij,ij->i", rows, rows), np.float32(1e-30)))[:, None]
    rows[empty[:, 0]] = 0.0
    return rows
