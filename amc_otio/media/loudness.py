"""Loudness of short sounds after ITU-R BS.1770-5, without gating.

The two filters of K weighting are applied as a gain on the power spectrum: one FFT weighs a whole batch of windows, and
no filter has to settle in a window that is shorter than its memory. Their coefficients are those of BS.1770,
made for any rate by the bilinear transform from the analogue parameters given by B. De Man, "Evaluation of
implementations of the EBU R128 loudness measurement", AES 145th Convention, 2018.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from amc_otio.media.channels import lfe_index

#: What silence is given in place of minus infinity.
SILENCE_LUFS = -120.0
_OFFSET = -0.691
_SURROUND_WEIGHT = 1.41


def loudness(samples: NDArray[np.float32], rate: int, layout: str | None = None) -> float:
    """Return the ungated K-weighted loudness of a short sound.

    Parameters
    ----------
    samples : ndarray, shape (channels, n), float32
        Full scale is 1.
    rate
        Samples a second.
    layout
        FFmpeg's layout name. With 5.x and 7.x, LFE is left out and surround channels weigh 1.41 (BS.1770, table 3);
        without it every channel weighs 1.

    Returns
    -------
    float
        LUFS; -120 for silence or nothing.
    """
    weights = _channel_weights(len(samples), layout)
    power = float(weights @ _weighted_power(np.asarray(samples, np.float32), rate))
    return float(_lufs(np.array([power]))[0])


def batch_loudness(windows: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Return the ungated K-weighted loudness of each mono window.

    Parameters
    ----------
    windows : ndarray, shape (n, samples), float32
    rate
        Samples a second.

    Returns
    -------
    ndarray, shape (n,), float32
        LUFS; -120 for silence.
    """
    return _lufs(_weighted_power(np.asarray(windows, np.float32), rate)).astype(np.float32)


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.maximum(_OFFSET + 10 * np.log10(np.maximum(power, 0)), SILENCE_LUFS)


def _weighted_power(rows: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Mean square of each K-weighted row, by Parseval's theorem."""
    n = rows.shape[1]
    if n == 0:
        return np.zeros(len(rows))
    gain = _k_power_response(n, rate)
    out = np.empty(len(rows))
    for first in range(0, len(rows), 64):  # so that spectra of a long batch do not fill the memory
        spectrum = np.fft.rfft(rows[first : first + 64], axis=1)
        out[first : first + 64] = (spectrum.real**2 + spectrum.imag**2) @ gain
    return out / float(n) ** 2


@lru_cache(maxsize=16)
def _k_power_response(n: int, rate: int) -> NDArray[np.float64]:
    """Power gain of K weighting at each bin of an n-point rfft; bins that stand for two count twice."""
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(n))
    response = np.ones(len(z))
    for b, a in k_weighting(rate):
        response *= np.abs((b[0] + b[1] * z + b[2] * z**2) / (a[0] + a[1] * z + a[2] * z**2)) ** 2
    response[1 : (n + 1) // 2] *= 2
    response.setflags(write=False)
    return response


def k_weighting(rate: int) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]:
    """Return (b, a) of the two K-weighting biquads at `rate`; at 48 kHz those printed in BS.1770, tables 1 and 2."""
    k = np.tan(np.pi * 1681.974450955533 / rate)
    q = 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf_b = np.array([high + middle * k / q + k * k, 2 * (k * k - high), high - middle * k / q + k * k]) / a0
    shelf_a = np.array([1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0])
    k = np.tan(np.pi * 38.13547087602444 / rate)
    q = 0.5003270373238773
    a0 = 1 + k / q + k * k
    pass_a = np.array([1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0])
    return (shelf_b, shelf_a), (np.array([1.0, -2.0, 1.0]), pass_a)


def _channel_weights(channels: int, layout: str | None) -> NDArray[np.float64]:
    weights = np.ones(channels)
    if layout and layout[:1] in "57" and layout[1:2] == ".":
        weights[3:] = _SURROUND_WEIGHT
        lfe = lfe_index(layout)
        if lfe is not None and lfe < channels:
            weights[lfe] = 0
    return weights
