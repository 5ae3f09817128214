"""The sound of bounces: both sides read once, blended, kept below full scale inside the fade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.bounce.plan import Bounce
from amc_otio.bounce.sides import Side
from amc_otio.joining.render import blend, to_channels
from amc_otio.media.bwf import FULL_SCALE, to_24_bit
from amc_otio.media.decode import decode

_HIGHEST: Final = (FULL_SCALE - 1) / FULL_SCALE
_DIP_S: Final = 0.05
"""Half the length of the bend by which a peak is lowered, where the fade is as long."""


@dataclass(frozen=True)
class Rendered:
    """The sound of a bounce.

    Attributes
    ----------
    samples : ndarray, shape (channels, n), int32
        In 24 bits.
    lowered_db
        By how much the loudest place of the blend had to be lowered.
    over
        Samples that the sources themselves have beyond full scale, which are held at it.
    """

    samples: NDArray[np.int32]
    lowered_db: float
    over: int


def render_together(bounces: Sequence[Bounce]) -> list[Rendered]:
    """Render the bounces of one edit, one a track: what one of them must be lowered by lowers them all alike.

    Raises
    ------
    MediaError
        When a file cannot be read any more.
    """
    sounds = [_mixed(bounce) for bounce in bounces]
    # Positions from the fade's start; tracks of other rates have bends of their own.
    lowered: dict[int, float] = {}
    for rate in dict.fromkeys(bounce.clock.rate for bounce in bounces):
        pairs = [(b, s) for b, s in zip(bounces, sounds, strict=True) if b.clock.rate == rate]
        lowered[rate] = _lower([_blended(b, s) for b, s in pairs], round(_DIP_S * rate))
    rendered = []
    for bounce, sound in zip(bounces, sounds, strict=True):
        samples, over = to_24_bit(sound)
        rendered.append(Rendered(samples, lowered[bounce.clock.rate], over))
    return rendered


def _mixed(bounce: Bounce) -> NDArray[np.float32]:
    spans = bounce.spans
    outgoing = _read(bounce.outgoing, spans.first + spans.out_offset, spans.fade_stop - spans.first, bounce)
    incoming = _read(bounce.incoming, spans.fade_first + spans.in_offset, spans.stop - spans.fade_first, bounce)
    out_at, in_at = spans.point - spans.first, spans.point - spans.fade_first
    return blend(outgoing, incoming, out_at, in_at, spans.blend(bounce.how))


def _read(side: Side, start: int, count: int, bounce: Bounce) -> NDArray[np.float32]:
    if side.path is None:
        return np.zeros((bounce.channels, count), np.float32)
    samples = decode(side.path, start, count, sample_rate=bounce.clock.rate, channels=side.channels)
    return to_channels(samples, bounce.channels)


def _blended(bounce: Bounce, sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is not one source's own sound: a view of the fade and the glide."""
    first = bounce.spans.fade_first - bounce.spans.first
    glide = bounce.spans.glide if bounce.how.gain_db else 0
    return sound[:, first : bounce.spans.fade_stop - bounce.spans.first + glide]


def _lower(sounds: Sequence[NDArray[np.float32]], reach: int) -> float:
    """Lower peaks beyond full scale in place, by the same smooth bends in all sounds; return the most, in dB.

    Each bend is a raised cosine around the highest peak that is left, which comes to 1 inside the sound: so its ends,
    and everything beyond them, stay as they are.
    """
    length = min((sound.shape[1] for sound in sounds), default=0)
    peaks = np.zeros(length)
    for sound in sounds:
        if length and len(sound):
            peaks = np.maximum(peaks, np.abs(sound[:, :length]).max(axis=0))
    gain = np.ones(length)
    while length and peaks.max() > _HIGHEST:
        at = int(peaks.argmax())
        half = min(reach, at + 1, length - at)
        shape = 0.5 + 0.5 * np.cos(np.pi * np.arange(1 - half, half) / half)
        # A little deeper than needed, so that rounding to float32 cannot bring the peak back.
        bend = 1.0 - shape * (1.0 - _HIGHEST / peaks[at] * (1.0 - 1e-6))
        peaks[at + 1 - half : at + half] *= bend
        gain[at + 1 - half : at + half] *= bend
    lowest = float(gain.min()) if length else 1.0
    if lowest == 1.0:
        return 0.0
    for sound in sounds:
        sound[:, :length] *= gain.astype(np.float32)
    return -20.0 * float(np.log10(lowest))
