"""The similarity matrix of two sounds and what the paper reads from it: the point and the fade length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import UsageError

FloatArray = NDArray[np.float64]


def decibels(power: NDArray[np.float32], depth: float = 80.0, loudest: float | None = None) -> FloatArray:
    """``10 log10`` of power, not below a floor `depth` dB under the loudest value (nor below -100 dB).

    `loudest` is that value where `power` is a part of a longer sound's.
    """
    loudest = float(power.max(initial=0.0)) if loudest is None else loudest
    floor = max(loudest * 10.0 ** (-depth / 10.0), 1e-10)
    values = np.maximum(power, floor, dtype=np.float64)
    np.log10(values, out=values)
    values *= 10.0
    return np.asarray(values)


def similarity_matrix(query: NDArray[np.float32], match: NDArray[np.float32]) -> FloatArray:
    """Inner products of all pairs of time steps, M = S_Q^T S_M (paper, section 2.4).

    Parameters
    ----------
    query, match
        Mel spectrograms, shapes ``(bands, t_q)`` and ``(bands, t_m)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(t_q, t_m)``, float64.
    """
    product: FloatArray = query.astype(np.float64).T @ match.astype(np.float64)
    return product


def best_pair(matrix: FloatArray, allowed: NDArray[np.bool_] | None = None) -> tuple[int, int] | None:
    """Max-Sub-Spectrogram search: the pair (i, j) with the highest inner product.

    Where several pairs are equally high (two silences, say) the latest i and then the earliest j wins: it
    moves the cut least. Returns ``None`` when no pair is allowed.
    """
    values = matrix if allowed is None else np.where(allowed, matrix, -np.inf)
    if values.size == 0:
        return None
    # The first of the highest, row by row from the last.
    row, column = divmod(int(np.argmax(values[::-1])), values.shape[1])
    row = values.shape[0] - 1 - row
    return (row, column) if np.isfinite(values[row, column]) else None


def convert(power: NDArray[np.float32], convention: str) -> FloatArray:
    """Turn power mel into the spectral convention on which equation (2) is evaluated.

    ``power`` is as printed, ``magnitude`` its square root, ``db`` is ``10 log10`` above a floor 80 dB below the
    loudest value, shifted to be non-negative. ``centred`` is power; `cosine_matrix` then centres each band.
    """
    values = power.astype(np.float64)
    if convention in ("power", "centred"):
        return values
    if convention == "magnitude":
        return np.asarray(np.sqrt(values))
    if convention == "db":
        decibels = 10.0 * np.log10(np.maximum(values, 1e-10))
        return np.asarray(np.maximum(decibels - (decibels.max() - 80.0), 0.0))
    raise UsageError("join.convention", f"'{convention}' is not known", "choose power, magnitude, db or centred")


def cosine_matrix(query: NDArray[np.float32], match: NDArray[np.float32], convention: str) -> FloatArray:
    """Cosine similarity of all pairs of time steps, the M-bar of equation (2).

    With the convention ``centred`` each band has its mean over both sounds taken away first. A silent time step
    is unlike every other (0).
    """
    q, m = convert(query, convention), convert(match, convention)
    if convention == "centred":
        mean = np.concatenate([q, m], axis=1).mean(axis=1, keepdims=True)
        q, m = q - mean, m - mean
    q_norm = np.maximum(np.linalg.norm(q, axis=0), 1e-20)
    m_norm = np.maximum(np.linalg.norm(m, axis=0), 1e-20)
    cosine: FloatArray = (q / q_norm).T @ (m / m_norm)
    return cosine


def adaptive_fade_s(query: NDArray[np.float32], match: NDArray[np.float32], phi: float, convention: str) -> float:
    """Equation (2): ``l = 1 / (Var(M-bar) phi)`` in seconds, not yet clamped (it may be infinite).

    The variance is the population variance over all pairs, as the paper's "Var" over i, j in 1..t reads.
    """
    variance = float(np.var(cosine_matrix(query, match, convention)))
    return float("inf") if variance * phi < 1e-12 else 1.0 / (variance * phi)
