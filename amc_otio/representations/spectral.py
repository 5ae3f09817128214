"""STFT power, mel spectrograms, decibels and the cosine transform, for batches of windows.

The conventions are librosa's (0.10 and later): periodic Hann window, frames centred on multiples of the hop with
zeros outside the sound, power spectra, Slaney or HTK mel filters. Values equal librosa's to 1e-4, down to 90 dB below
the loudest of their window, where the noise of float32 begins. Only NumPy is needed, and a batch of windows costs a
fraction of librosa called window by window (benchmarks/features.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amc_otio.config import HOP, N_FFT, N_MELS
from amc_otio.errors import RepresentationError
from amc_otio.representations.fourier import ROW_TILE, UNSHARED, PowerSpectrum, RowSpectrum

Float32 = NDArray[np.float32]
MelScale = Literal["slaney", "htk"]
MelNorm = Literal["slaney", "l1"]

BLOCK_FRAMES = 96
"""Frames transformed at a time: two one-second windows at the paper's hop, so that the work stays in the cache."""
ROWS_AT_A_TIME = 48
"""Frames transformed at a time by `spectra_at`, so that no piece of memory is large."""
BANDS_PER_PRODUCT = 16
"""Most mel bands that share one matrix product; their filters touch only a slice of the spectrum."""


@lru_cache(maxsize=8)
def hann(n: int) -> Float32:
    """Periodic Hann window of `n` samples, float32, read-only."""
    window = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n) / n)).astype(np.float32)
    window.flags.writeable = False
    return window


def hz_to_mel(hz: ArrayLike, scale: MelScale = "slaney") -> NDArray[np.float64]:
    """Frequency in Hz to mel.

    ``"htk"`` is ``2595 log10(1 + f / 700)``. ``"slaney"`` is that of Slaney's Auditory Toolbox (Interval technical
    report 1998-010): linear, 200/3 Hz a mel, up to 1 kHz and logarithmic above, 27 mels for a factor of 6.4.
    """
    f = np.asarray(hz, dtype=np.float64)
    if scale == "htk":
        return np.asarray(2595.0 * np.log10(1.0 + f / 700.0))
    linear = f * 3.0 / 200.0
    return np.where(f < 1000.0, linear, 15.0 + 27.0 * np.log(np.maximum(f, 1.0) / 1000.0) / np.log(6.4))


def mel_to_hz(mel: ArrayLike, scale: MelScale = "slaney") -> NDArray[np.float64]:
    """Mel to frequency in Hz; the inverse of `hz_to_mel`."""
    m = np.asarray(mel, dtype=np.float64)
    if scale == "htk":
        return np.asarray(700.0 * (10.0 ** (m / 2595.0) - 1.0))
    return np.where(m < 15.0, m * 200.0 / 3.0, 1000.0 * np.exp((m - 15.0) * np.log(6.4) / 27.0))


@lru_cache(maxsize=16)
def mel_filters(
    sample_rate: int,
    n_fft: int = N_FFT,
    n_mels: int = N_MELS,
    fmin: float = 0.0,
    fmax: float | None = None,
    scale: MelScale = "slaney",
    norm: MelNorm = "slaney",
) -> Float32:
    """Triangular mel filters.

    Parameters
    ----------
    sample_rate
        In Hz.
    n_fft
        Length of the STFT frame.
    n_mels
        Number of bands.
    fmin, fmax
        Lowest and highest frequency in Hz; `fmax` is half the sample rate when ``None``.
    scale
        ``"slaney"`` (librosa's default) or ``"htk"``.
    norm
        ``"slaney"``: each triangle has unit area over Hz. ``"l1"``: the weights of a band add up to one
        (``norm=1.0`` in librosa).

    Returns
    -------
    numpy.ndarray
        Shape ``(n_mels, n_fft // 2 + 1)``, float32, read-only.
    """
    top = sample_rate / 2.0 if fmax is None else fmax
    ends = hz_to_mel(np.array([fmin, top]), scale)
    corners = mel_to_hz(np.linspace(ends[0], ends[1], n_mels + 2), scale)
    bins = np.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
    low, centre, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    weights = np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    if norm == "slaney":
        weights *= 2.0 / (high - low)
    else:
        total = weights.sum(axis=1, keepdims=True)
        weights /= np.where(total > 0.0, total, 1.0)  # a band narrower than a bin may be empty
    filters = weights.astype(np.float32)
    filters.flags.writeable = False
    return filters


@dataclass(frozen=True)
class _BandGroup:
    """Neighbouring mel bands and the slice of the spectrum that they read."""

    bands: slice
    bins: slice
    weights: Float32


@lru_cache(maxsize=16)
def _band_groups(
    sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float | None, scale: MelScale, norm: MelNorm
) -> tuple[_BandGroup, ...]:
    """Cut the mostly empty filter matrix into dense pieces."""
    filters = mel_filters(sample_rate, n_fft, n_mels, fmin, fmax, scale, norm)
    groups = []
    first = 0
    while first < n_mels:
        count = min(BANDS_PER_PRODUCT, n_mels - first)
        while count > 1 and ROW_TILE * count * _width(filters[first : first + count]) > UNSHARED:
            count //= 2
        bands = slice(first, first + count)
        used = np.flatnonzero(filters[bands].any(axis=0))
        bins = slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 1)
        groups.append(_BandGroup(bands, bins, np.ascontiguousarray(filters[bands, bins].T)))
        first += count
    return tuple(groups)


def _width(filters: Float32) -> int:
    """How many bins some filters span."""
    used = np.flatnonzero(filters.any(axis=0))
    return int(used[-1] - used[0]) + 1 if used.size else 1


def frame_count(samples: int, hop: int = HOP) -> int:
    """How many centred frames a sound of `samples` samples has: ``1 + samples // hop``."""
    return 1 + samples // hop


def _power_blocks(windows: Float32, n_fft: int, hop: int) -> Iterator[tuple[slice, slice, Float32]]:
    """Yield (windows, frames, power) of one block after another; power has shape (>= windows, >= frames, bins).

    The power array is overwritten by the next block; what it holds beyond the windows and frames is not to be used.
    """
    n, samples = windows.shape
    frames = frame_count(samples, hop)
    per_block = min(frames, BLOCK_FRAMES)
    # A window's values must not depend on which others share its batch, nor on how many processors there are, and a
    # BLAS rounds by the shape of a product, by where in it a row stands and by how it is shared out among threads.
    # So a short window takes whole row tiles, every block is full, and no product is large enough to be shared out.
    stride = -(-frames // ROW_TILE) * ROW_TILE if frames <= BLOCK_FRAMES else per_block
    together = max(1, BLOCK_FRAMES // stride)
    pad = n_fft // 2
    padded = np.zeros((together, samples + 2 * pad), np.float32)
    row, step = padded.strides
    framed = np.lib.stride_tricks.as_strided(
        padded, (len(padded), frames, n_fft), (row, hop * step, step), writeable=False
    )
    tapered = np.zeros((len(padded) * stride, n_fft), np.float32)
    spectrum = PowerSpectrum(n_fft, len(tapered))
    taper = hann(n_fft)
    for start in range(0, n, together):
        rows = slice(start, min(start + together, n))
        count = rows.stop - rows.start
        padded[:count, pad : pad + samples] = windows[rows]
        padded[count:] = 0.0
        for first in range(0, frames, per_block):
            span = slice(first, min(first + per_block, frames))
            width = span.stop - span.start
            height = stride if frames <= BLOCK_FRAMES else width
            block = tapered[: together * height]
            np.multiply(framed[:, span], taper, out=block.reshape(together, height, n_fft)[:, :width])
            yield rows, span, spectrum(block).reshape(together, height, -1)


def _as_batch(windows: ArrayLike) -> Float32:
    batch = np.asarray(windows, dtype=np.float32)
    if batch.ndim != 2 or batch.shape[1] == 0:
        raise RepresentationError(
            "windows", f"the shape {batch.shape} is not (windows, samples)", "pass a two-dimensional array of sound"
        )
    return batch


def stft_power(windows: ArrayLike, n_fft: int = N_FFT, hop: int = HOP) -> Float32:
    """Power spectrogram of each window: centred frames, zeros outside the sound, periodic Hann.

    Parameters
    ----------
    windows
        Shape ``(n, samples)``.
    n_fft, hop
        Frame length and step in samples; `n_fft` is even.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, n_fft // 2 + 1, 1 + samples // hop)``, float32.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When `windows` is not two-dimensional.
    """
    batch = _as_batch(windows)
    out = np.empty((len(batch), n_fft // 2 + 1, frame_count(batch.shape[1], hop)), np.float32)
    for rows, span, power in _power_blocks(batch, n_fft, hop):
        out[rows, :, span] = power[: rows.stop - rows.start, : span.stop - span.start].transpose(0, 2, 1)
    return out


def mel_spectrogram(
    windows: ArrayLike,
    sample_rate: int,
    n_fft: int = N_FFT,
    hop: int = HOP,
    n_mels: int = N_MELS,
    fmin: float = 0.0,
    fmax: float | None = None,
    scale: MelScale = "slaney",
    norm: MelNorm = "slaney",
) -> Float32:
    """Power mel spectrogram of each window; equal to ``librosa.feature.melspectrogram(..., power=2.0)``.

    Parameters
    ----------
    windows
        Shape ``(n, samples)``.
    sample_rate
        In Hz.
    n_fft, hop
        Frame length and step in samples.
    n_mels, fmin, fmax, scale, norm
        See `mel_filters`.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, n_mels, 1 + samples // hop)``, float32.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When `windows` is not two-dimensional.
    """
    batch = _as_batch(windows)
    groups = _band_groups(sample_rate, n_fft, n_mels, fmin, fmax, scale, norm)
    out = np.empty((len(batch), n_mels, frame_count(batch.shape[1], hop)), np.float32)
    bands = np.empty((0, n_mels), np.float32)
    for rows, span, power in _power_blocks(batch, n_fft, hop):
        together, height, bins = power.shape
        if len(bands) < together * height:
            bands = np.empty((together * height, n_mels), np.float32)
        part = bands[: together * height]
        _project(power.reshape(together * height, bins), groups, part)
        made = part.reshape(together, height, n_mels)[: rows.stop - rows.start, : span.stop - span.start]
        out[rows, :, span] = made.transpose(0, 2, 1)
    return out


def _project(power: Float32, groups: tuple[_BandGroup, ...], out: Float32) -> None:
    """Mel bands of spectra: ``(m, bins)`` to ``(m, n_mels)``, written to `out`."""
    height = ROW_TILE if len(power) % ROW_TILE == 0 else len(power)
    tiles, made = (array.reshape(-1, height, array.shape[1]) for array in (power, out))
    for group in groups:
        np.matmul(tiles[:, :, group.bins], group.weights, out=made[:, :, group.bands])


class _Work(threading.local):
    """Work space for `spectra_at`, a thread's own, kept between calls: fresh memory costs more than the work in it."""

    def __init__(self) -> None:
        self._of_size: dict[int, tuple[Float32, RowSpectrum]] = {}

    def of(self, n_fft: int) -> tuple[Float32, RowSpectrum]:
        """Room for `ROWS_AT_A_TIME` frames, and what transforms them."""
        if n_fft not in self._of_size:
            if len(self._of_size) >= 4:
                self._of_size.clear()
            self._of_size[n_fft] = np.empty((ROWS_AT_A_TIME, n_fft), np.float32), RowSpectrum(n_fft, ROWS_AT_A_TIME)
        return self._of_size[n_fft]


_WORK = _Work()


def _taper_at_an_end(sound: Float32, start: int, taper: Float32, out: Float32) -> None:
    """A tapered frame that begins before the sound or ends after it; zeros are assumed outside."""
    first, last = max(start, 0), min(start + out.size, sound.size)
    out[:] = 0.0
    if first < last:
        held = slice(first - start, last - start)
        np.multiply(sound[first:last], taper[held], out=out[held])


def spectra_at(
    samples: ArrayLike,
    sample_rate: int,
    centres: ArrayLike,
    n_fft: int = N_FFT,
    n_mels: int = N_MELS,
    fmin: float = 0.0,
    fmax: float | None = None,
    scale: MelScale = "slaney",
    norm: MelNorm = "slaney",
) -> Float32:
    """Power mel columns of STFT frames centred on any samples, so that a frame grid can be met exactly.

    Parameters
    ----------
    samples
        Shape ``(length,)``, mono; zeros are assumed outside.
    sample_rate
        In Hz.
    centres
        Shape ``(m,)``, whole sample positions; they may lie outside the sound.
    n_fft, n_mels, fmin, fmax, scale, norm
        As in `mel_spectrogram`.

    Returns
    -------
    numpy.ndarray
        Shape ``(n_mels, m)``, float32. ``spectra_at(y, sr, hop * arange(1 + len(y) // hop))`` is
        ``mel_spectrogram(y[None], sr)[0]``.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When `samples` or `centres` is not one-dimensional or `centres` are not whole numbers.
    """
    sound = np.asarray(samples, dtype=np.float32)
    places = np.asarray(centres)
    if places.size == 0:
        places = places.astype(np.int64)
    if sound.ndim != 1 or places.ndim != 1 or not np.issubdtype(places.dtype, np.integer):
        raise RepresentationError(
            "spectra",
            f"samples of shape {sound.shape} and centres of shape {places.shape} and type {places.dtype} do not fit",
            "pass one channel of sound and whole sample positions",
        )
    groups = _band_groups(sample_rate, n_fft, n_mels, fmin, fmax, scale, norm)
    tapered, spectrum = _WORK.of(n_fft)
    taper = hann(n_fft)
    starts = (places.astype(np.int64) - n_fft // 2).tolist()
    out = np.empty((len(starts), n_mels), np.float32)
    for first in range(0, len(starts), ROWS_AT_A_TIME):
        block = starts[first : first + ROWS_AT_A_TIME]
        for row, start in zip(tapered, block, strict=False):
            if 0 <= start <= sound.size - n_fft:
                np.multiply(sound[start : start + n_fft], taper, out=row)
            else:
                _taper_at_an_end(sound, start, taper, row)
        _project(spectrum(tapered[: len(block)]), groups, out[first : first + len(block)])
    return np.ascontiguousarray(out.T)


def power_to_db(
    power: ArrayLike, ref: float = 1.0, amin: float = 1e-10, top_db: float | None = 80.0
) -> NDArray[np.float32]:
    """Power to decibels, ``10 log10(max(power, amin) / ref)``, each window on its own.

    Parameters
    ----------
    power
        Shape ``(..., bands, frames)``, not negative.
    ref
        Power that is 0 dB.
    amin
        Smallest power that is told apart from nothing.
    top_db
        Values further below the loudest one of their window (the last two axes) are raised to that level;
        ``None`` leaves them.

    Returns
    -------
    numpy.ndarray
        Shape of `power`, float32.
    """
    decibels: Float32 = np.log(np.maximum(np.asarray(power, dtype=np.float32), np.float32(amin)))
    decibels *= np.float32(10.0 / np.log(10.0))
    decibels -= np.float32(10.0 * np.log10(max(amin, ref)))
    if top_db is not None and decibels.size:
        floor = decibels.max(axis=(-2, -1), keepdims=True) - np.float32(top_db)
        np.maximum(decibels, floor, out=decibels)
    return decibels


@lru_cache(maxsize=8)
def dct_matrix(n_out: int, n_in: int) -> NDArray[np.float64]:
    """Orthonormal DCT-II as a matrix of shape ``(n_out, n_in)``, float64, read-only."""
    k, i = np.arange(n_out)[:, None], np.arange(n_in)[None, :]
    matrix = np.sqrt(2.0 / n_in) * np.cos(np.pi * k * (2 * i + 1) / (2.0 * n_in))
    matrix[0] /= np.sqrt(2.0)
    result: NDArray[np.float64] = matrix
    result.flags.writeable = False
    return result


def mfcc(
    windows: ArrayLike,
    sample_rate: int,
    n_mfcc: int = 20,
    n_fft: int = N_FFT,
    hop: int = HOP,
    n_mels: int = N_MELS,
) -> Float32:
    """Mel-frequency cepstral coefficients; equal to ``librosa.feature.mfcc`` with its defaults, window by window.

    The orthonormal DCT-II over the bands of the mel power in decibels (reference 1, floor 1e-10, and 80 dB below the
    loudest value of the window).

    Parameters
    ----------
    windows
        Shape ``(n, samples)``.
    sample_rate
        In Hz.
    n_mfcc
        How many coefficients, from the zeroth on.
    n_fft, hop, n_mels
        As in `mel_spectrogram`.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, n_mfcc, 1 + samples // hop)``, float32.
    """
    decibels = power_to_db(mel_spectrogram(windows, sample_rate, n_fft, hop, n_mels))
    # In double precision: the small coefficients are differences of sums that reach -1000.
    return np.asarray(np.matmul(dct_matrix(n_mfcc, n_mels), decibels.astype(np.float64)), dtype=np.float32)
