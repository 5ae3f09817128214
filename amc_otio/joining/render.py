"""Rendering a join: two spans of sound in, one out, sample-exact outside the fade."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amc_otio.joining.fades import Blend, gains, level_envelope

FloatArray = NDArray[np.float32]


def blend(outgoing: FloatArray, incoming: FloatArray, out_at: int, in_at: int, how: Blend) -> FloatArray:
    """Join two sounds.

    Parameters
    ----------
    outgoing, incoming
        Shape ``(channels, n)`` and ``(channels, m)``, same channels and rate.
    out_at, in_at
        The point, as a sample index in each.
    how
        The fade, in samples of this rate. A glide that is longer than what is given of ``incoming`` stays unfinished.

    Returns
    -------
    numpy.ndarray
        ``outgoing`` up to the fade, the blend, ``incoming`` after it: shape ``(channels, out_at + m - in_at)``.
        Outside the fade and the glide every sample equals its source's.
    """
    before, after = how.before, how.after
    if not (before <= out_at <= outgoing.shape[1] - after and before <= in_at <= incoming.shape[1] - after):
        raise ValueError("the fade reaches outside the sound that was given")
    fade = before + after
    fade_out, fade_in = gains(fade, how.law)
    coming = incoming[:, in_at - before :]
    if how.gain_db:
        touched = min(fade + how.glide, coming.shape[1])
        levelled = coming[:, :touched] * level_envelope(how, touched)
        coming = np.concatenate([levelled.astype(np.float32), coming[:, touched:]], axis=1)
    going = outgoing[:, out_at - before : out_at + after]
    middle = (going * fade_out + coming[:, :fade] * fade_in).astype(np.float32)
    return np.concatenate([outgoing[:, : out_at - before], middle, coming[:, fade:]], axis=1)


# ITU-R BS.775 downmix weight of centre and surrounds.
_HALF_POWER = float(np.sqrt(0.5))


def to_channels(samples: FloatArray, channels: int) -> FloatArray:
    """Fit a sound to a clip's channel count.

    Mono goes to the front pair (or the one channel) at unchanged level; stereo goes to the front pair of a wider
    layout; 5.1 (L R C LFE Ls Rs) is mixed down to stereo by BS.775 without the LFE; otherwise the first channels are
    kept and missing ones are silent.
    """
    have = samples.shape[0]
    if have == channels:
        return samples
    out = np.zeros((channels, samples.shape[1]), np.float32)
    if channels == 1:
        wide = to_channels(samples, 2) if have == 6 else samples
        out[0] = wide.mean(axis=0)
    elif have == 1:
        out[:2] = samples[0]
    elif have == 6 and channels == 2:
        left, right, centre, _, left_surround, right_surround = samples
        out[0] = left + _HALF_POWER * (centre + left_surround)
        out[1] = right + _HALF_POWER * (centre + right_surround)
    else:
        out[: min(have, channels)] = samples[:channels]
    return out
