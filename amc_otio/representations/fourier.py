"""Power spectra of short frames in float32: of whole batches by matrix products, of a few frames by SciPy's FFT.

In a batch of windows each must get the same vector whatever its neighbours. So a power of two is split in two, n_fft =
rows x columns, and both halves of the transform are done as matrix products, which every BLAS runs near the processor's
peak: the "four-step" FFT (Bailey, "FFTs in external or hierarchical memory", J. Supercomputing 4, 1990), with its
twiddle factors folded into the second matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

ROW_TILE = 48
"""Rows of one product: a multiple of the rows (8, 12, 16 or 24) that a BLAS works on at a time."""
UNSHARED = 262_144
"""Multiplications up to which a BLAS (OpenBLAS's limit) does not share a product out among threads."""

SMALLEST, LARGEST = 256, 8192
"""Transform sizes (powers of two) that go through the matrix products; others use `numpy.fft.rfft`."""


@dataclass(frozen=True)
class FourStepPlan:
    """The constant matrices of one transform size.

    Sample ``n = columns * a + b`` and bin ``k = c + rows * d``, with ``a, c < rows`` and ``b, d < columns``. Bins with
    ``c <= rows / 2`` are computed; for real input the others are their mirror images.

    Attributes
    ----------
    rows, columns
        The two factors of the transform size.
    first
        Shape ``(2 * half, rows)``: DFT over ``a``; rows alternate between the real and imaginary part of ``c``.
    second
        Shape ``(half, 2 * columns, 2 * columns)``: twiddle factor and DFT over ``b`` for each ``c``, as a real
        matrix that acts on (real parts, imaginary parts).
    order
        Shape ``(n_fft // 2 + 1,)``: where bin k, in natural order, stands among the ``half * columns`` results.
    """

    rows: int
    columns: int
    first: Float32
    second: Float32
    order: NDArray[np.intp]

    @property
    def half(self) -> int:
        """How many values of ``c`` are computed."""
        return self.rows // 2 + 1


@lru_cache(maxsize=8)
def four_step_plan(n_fft: int) -> FourStepPlan:
    """Build the matrices for a power of two `n_fft`."""
    rows = 2 ** ((n_fft.bit_length() - 1 + 1) // 2)  # 64 x 32 for 2048: the split with the fewest operations
    columns = n_fft // rows
    a, b, d = np.arange(rows), np.arange(columns), np.arange(columns)
    c = np.arange(rows // 2 + 1)

    over_a = np.exp(-2j * np.pi * np.outer(c, a) / rows)
    first = np.stack([over_a.real, over_a.imag], axis=1).reshape(2 * c.size, rows)

    turn = np.outer(c, b)[:, :, None] / n_fft + (np.outer(b, d) / columns)[None]
    over_b = np.exp(-2j * np.pi * turn)
    second = np.block([[over_b.real, over_b.imag], [-over_b.imag, over_b.real]])

    k = (c[:, None] + rows * d[None, :]).ravel()
    mirrored = np.minimum(k, n_fft - k)
    order = np.unique(mirrored, return_index=True)[1]
    return FourStepPlan(rows, columns, first.astype(np.float32), second.astype(np.float32), order.astype(np.intp))


class PowerSpectrum:
    """``|rfft(frames)|^2`` for blocks of at most `capacity` frames; keeps its work space between blocks.

    Parameters
    ----------
    n_fft
        Length of a frame in samples.
    capacity
        Most frames in one call.
    """

    def __init__(self, n_fft: int, capacity: int) -> None:
        self.n_fft = n_fft
        self.capacity = capacity
        self._out = np.empty((capacity, n_fft // 2 + 1), np.float32)
        self._plan = None
        if n_fft & (n_fft - 1) == 0 and SMALLEST <= n_fft <= LARGEST:
            self._plan = plan = four_step_plan(n_fft)
            self._halfway = np.empty((capacity, 2 * plan.half, plan.columns), np.float32)
            self._spectra = np.empty((capacity, plan.half, 2 * plan.columns), np.float32)
            self._power = np.empty((capacity, plan.half, plan.columns), np.float32)

    def __call__(self, frames: Float32) -> Float32:
        """Transform one block.

        Parameters
        ----------
        frames
            Shape ``(m, n_fft)``, float32, C-contiguous, already windowed; ``m <= capacity``.

        Returns
        -------
        numpy.ndarray
            Shape ``(m, n_fft // 2 + 1)``, float32. It is overwritten by the next call.
        """
        m = len(frames)
        out = self._out[:m]
        plan = self._plan
        if plan is None:
            transformed = np.fft.rfft(frames)
            out[:] = transformed.real**2 + transformed.imag**2
            return out
        halfway, spectra, power = self._halfway[:m], self._spectra[:m], self._power[:m]
        np.matmul(plan.first, frames.reshape(m, plan.rows, plan.columns), out=halfway)
        # One product per c over all frames; (real, imaginary) rows of one c lie side by side after the reshape.
        height = ROW_TILE if m % ROW_TILE == 0 else m
        by_c = halfway.reshape(-1, height, plan.half, 2 * plan.columns).transpose(2, 0, 1, 3)
        out_by_c = spectra.reshape(-1, height, plan.half, 2 * plan.columns).transpose(2, 0, 1, 3)
        np.matmul(by_c, plan.second[:, None], out=out_by_c)
        np.multiply(spectra, spectra, out=spectra)
        np.add(spectra[:, :, : plan.columns], spectra[:, :, plan.columns :], out=power)
        # mode="clip" lets take write to `out` without a copy; every index is within range.
        np.take(power.reshape(m, -1), plan.order, axis=1, out=out, mode="clip")
        return out


class RowSpectrum:
    """``|rfft(frames)|^2`` for a few frames at a time, by SciPy's FFT, which transforms several rows at once.

    It takes half the time of the matrix products.
    """

    def __init__(self, n_fft: int, capacity: int) -> None:
        self._out = np.empty((capacity, n_fft // 2 + 1), np.float32)

    def __call__(self, frames: Float32) -> Float32:
        """Transform one block (see `PowerSpectrum`)."""
        parts = scipy.fft.rfft(frames).view(np.float32)
        np.multiply(parts, parts, out=parts)
        out = self._out[: len(frames)]
        np.add(parts[:, ::2], parts[:, 1::2], out=out)
        return out
