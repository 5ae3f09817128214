"""Loudness of short sounds after ITU-R BS.1770-5, without gating.

The two filters of K weighting are applied to the spectrum, a whole batch of windows at once. Each window is led in
by its own mirror image: a window is cut out of a sound that goes on, and without the lead-in the cut would be heard
as a step (3 LU too loud was seen in 0.1 s of a rumble). The filters' coefficients are those of BS.1770,
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
#: The filters' memory: their slower one (38 Hz) has died away by 200 dB after this (s).
_LEAD_S = 0.1


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
    """Mean square of each K-weighted row."""
    n = rows.shape[1]
    if n == 0:
        return np.zeros(len(rows))
    lead = int(_LEAD_S * rate)
    response = _k_response(lead + n, rate)
    out = np.empty(len(rows))
    for first in range(0, len(rows), 32):  # so that the spectra of a long batch do not fill the memory
        part = np.pad(rows[first : first + 32], ((0, 0), (lead, 0)), mode="symmetric")
        # The product is a circular convolution: the end runs into the lead-in and has died away behind it.
        weighted = np.fft.irfft(np.fft.rfft(part, axis=1) * response, lead + n, axis=1)[:, lead:]
        out[first : first + 32] = np.einsum("ij,ij->i", weighted, weighted) / n
    return out


@lru_cache(maxsize=16)
def _k_response(n: int, rate: int) -> NDArray[np.complex128]:
    """Frequency response of K weighting at each bin of an n-point rfft."""
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(n))
    response = np.ones(len(z), np.complex128)
    for b, a in k_weighting(rate):
        response *= (b[0] + b[1] * z + b[2] * z**2) / (a[0] + a[1] * z + a[2] * z**2)
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
