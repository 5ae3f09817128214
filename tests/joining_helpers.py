"""Sounds and bounds that the tests of joining share."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from amc_otio.config import ANALYSIS_RATE
from amc_otio.joining.analysis import MARGIN, WINDOW, Analysis, analyse
from amc_otio.joining.bounds import Bounds
from amc_otio.matching.grid import frame_grid
from amc_otio.media.decode import decode_mono

FAR = 10 * WINDOW
FRAMES_24 = np.arange(0, WINDOW + 1, 2000, dtype=np.int64)
PAIRS = (
    ("blast", "explosion"),
    ("river", "waterfall"),
    ("cymbal-crash", "cymbal-splash"),
    ("engine-accelerating", "engine-revving"),
    ("thunder", "tyre-skid"),
)
"""Bundled sounds, impacts, noises and tones, that are joined with each other."""


def noise(n: int, seed: int = 0, level: float = 0.1) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(n) * level).astype(np.float32)


def tone(n: int, hertz: float, level: float = 0.1) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(n) / ANALYSIS_RATE)).astype(np.float32)


def window_with_click(at: int, seed: int = 0, reach: int = 0) -> np.ndarray:
    """A quiet window with one loud impact centred at a sample of the window."""
    around = MARGIN + reach
    samples = noise(WINDOW + 2 * around, seed, 1e-4)
    burst = noise(600, 99, 0.8) * np.hanning(600).astype(np.float32)
    samples[around + at - 300 : around + at + 300] += burst
    return samples


def wide_bounds(**changes: int | None) -> Bounds:
    values: dict[str, int | None] = {
        "edit_point": WINDOW,
        "outgoing_from": 0,
        "outgoing_to": WINDOW,
        "outgoing_sound_from": -FAR,
        "outgoing_media_end": FAR,
        "incoming_from": 0,
        "incoming_to": WINDOW,
        "incoming_media_start": -FAR,
        "incoming_media_end": FAR,
    }
    return Bounds(**{**values, **changes})  # type: ignore[arg-type]


def media_bounds(**changes: int | None) -> Bounds:
    """Bounds of two files of one second each: no handle beyond the windows."""
    held = {"outgoing_sound_from": 0, "outgoing_media_end": WINDOW, "incoming_media_start": 0}
    return wide_bounds(**{**held, "incoming_media_end": WINDOW, **changes})


def window_of(path: Path, start: int = 0, rate: Fraction = Fraction(24)) -> Analysis:
    """A window of a file, ready for joining on a frame rate's grid."""
    samples = decode_mono(path, start - MARGIN, WINDOW + 2 * MARGIN, ANALYSIS_RATE)
    return analyse(samples, frame_grid(rate, Fraction(0), WINDOW).samples)


def bundled(examples: Path, name: str, rate: Fraction = Fraction(24)) -> Analysis:
    return window_of(examples / "sounds" / f"{name}.ogg", 0, rate)


def pinned(**changes: int | None) -> Bounds:
    """Bounds that leave one pair: both sounds meet half a second into their windows."""
    half = WINDOW // 2
    here = {"edit_point": half, "outgoing_from": half, "outgoing_to": half, "incoming_from": half, "incoming_to": half}
    return wide_bounds(**{**here, **changes})
