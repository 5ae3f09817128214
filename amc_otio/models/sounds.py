"""Windows of real sound on which a conversion is judged: the bundled recordings and plain variations of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
_PACKAGE = Path(__file__).resolve().parent.parent


def _recordings() -> list[NDArray[np.float32]]:
    """One second each; empty when the examples are not installed."""
    import soundfile

    for folder in (_PACKAGE / "_examples" / "sounds", _PACKAGE.parent / "examples" / "sounds"):
        found = []
        for path in sorted(folder.glob("*.ogg")):
            samples, rate = soundfile.read(path, dtype="float32")
            if rate == RATE and samples.ndim == 1 and len(samples) >= RATE:
                found.append(samples[:RATE])
        if found:
            return found
    return []


def _made(number: int) -> NDArray[np.float32]:
    """A decaying tone that glides, with noise; another one for each number."""
    time = np.arange(RATE) / RATE
    noise = np.random.default_rng(number).standard_normal(RATE)
    tone = np.sin(2 * np.pi * (80.0 * 1.4**number) * time * (1 + 0.3 * time))
    return (0.4 * (tone + 0.3 * noise) * np.exp(-number % 5 * time)).astype(np.float32)


def windows(count: int = 64, rate: int = RATE) -> NDArray[np.float32]:
    """`count` windows of one second, the same ones every time.

    Parameters
    ----------
    count
        How many.
    rate
        In Hz; what is not 48 kHz is resampled.

    Returns
    -------
    numpy.ndarray
        Shape ``(count, rate)``, float32. Each recording plain first; then moved in time, backwards, mixed with another
        one, slowed down and muffled, so that there are near and far neighbours.
    """
    sounds = _recordings() or [_made(number) for number in range(12)]
    out = np.empty((count, RATE), np.float32)
    for i in range(count):
        sound, other = sounds[i % len(sounds)], sounds[(i + 1) % len(sounds)]
        variation = (i // len(sounds)) % 6
        if variation == 1:
            sound = np.roll(sound, 17_761)
        elif variation == 2:
            sound = sound[::-1]
        elif variation == 3:
            sound = (0.5 * (sound + other)).astype(np.float32)
        elif variation == 4:
            sound = np.interp(np.arange(RATE) / 1.5, np.arange(RATE), sound).astype(np.float32)
        elif variation == 5:
            sound = (0.5 * np.convolve(sound, np.full(12, 1 / 12), "same")).astype(np.float32)
        out[i] = sound
    if rate == RATE:
        return out
    import soxr

    return np.ascontiguousarray(soxr.resample(out.T, RATE, rate)[:rate].T, dtype=np.float32)
