"""Folding near-duplicates: the same recording twice is one candidate."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 8_000
"""Hz at which recordings are compared."""
AROUND_S: Final = 7
"""Seconds before and after a candidate's window in which other windows are looked for: a copy that begins elsewhere
has its windows elsewhere."""
SAME_RECORDING: Final = 0.5
"""Correlation from which a window lies in a stretch: of 80 field recordings, 37 ms to half a second displaced, at
another gain and through Vorbis, 19 in 20 reach 0.7; no two different ones reach 0.3."""
_SMOOTH_HZ: Final = 4


def same_recording(window: NDArray[np.float32], stretch: NDArray[np.float32]) -> bool:
    """Whether a stretch of sound holds a window's recording, at any place.

    Normalised cross-correlation after both are filtered towards white by the window's own smoothed spectrum, so that
    loudness, equalisation and codec hardly matter.

    Parameters
    ----------
    window, stretch
        Mono samples at `RATE`, shapes ``(n,)`` and ``(m,)`` with m not below n.
    """
    n, m = len(window), len(stretch)
    size = 1 << (n + m - 1).bit_length()
    one, other = np.fft.rfft(window, size), np.fft.rfft(stretch, size)
    power = _smooth(np.abs(one) ** 2, max(1, round(_SMOOTH_HZ * size / RATE)))
    # Bands 50 dB below the loudest hold codec noise, not the recording; so narrow a sound has no print.
    held = power > power.max() * 1e-5
    if held.sum() < size // 200:
        return False
    weight = np.zeros(len(power))
    weight[held] = power[held] ** -0.25
    one, other = one * weight, other * weight
    correlation = np.abs(np.fft.irfft(other * np.conj(one), size)[: m - n + 1])
    energy = np.concatenate([[0.0], np.cumsum(np.fft.irfft(other, size)[:m] ** 2)])
    local = energy[n:] - energy[: m - n + 1]
    # Nearly silent places of the stretch would divide by nothing.
    scale = np.sqrt(np.maximum(local, energy[-1] * 1e-3) * float(np.sum(np.fft.irfft(one, size) ** 2)))
    return bool((correlation / np.maximum(scale, 1e-30)).max() >= SAME_RECORDING)


def _smooth(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Running mean over `width` values, edges held."""
    padded = np.pad(values, (width // 2, width - width // 2), mode="edge")
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    return np.asarray((sums[width:] - sums[:-width])[: len(values)] / width)
