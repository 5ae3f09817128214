"""What melt makes of a crossfade, frame by frame, and so what must be written for the ramp that is meant.

Measured with melt 7.12 on two constant signals (docs/mlt.md). The ``mix`` transition runs, in frame k, straight from
the weight it had in frame k - 1 to that of frame k; in its first frame it stands still. With ``start`` 0 and ``end`` e
over m frames the weight of frame k is e k / m. The ``volume`` filter follows its keyframes in the same way, one frame
late. So a mix begins one frame before its ramp, and `end_value` lets the ramp arrive: with Shotcut's own ``start`` -1
the last frame ends at (m - 1) / m, and the rest of the way is a click.
"""

from __future__ import annotations

import math
from fractions import Fraction


def weight(k: int, frames: int) -> Fraction:
    """Weight of the incoming sound at the end of frame `k` of a mix that is `frames` long, 0 to 1."""
    return Fraction(k, frames - 1)


def end_value(frames: int) -> float:
    """The ``end`` of a mix of `frames` frames, two at least, with which its last frame arrives at 1."""
    return float(Fraction(frames, frames - 1))


def make_up_db(frames: int, law: str) -> tuple[float, ...]:
    """Gain in dB at the end of each frame of a mix, shape ``(frames,)``, that turns its straight ramp into `law`.

    ``equal-power``: the ramp's gains w and 1 - w, over the root of the sum of their squares, have squares that sum to
    one. ``equal-gain`` is the ramp itself: 0 dB throughout.
    """
    if law != "equal-power":
        return (0.0,) * frames
    weights = [float(weight(k, frames)) for k in range(frames)]
    return tuple(-10 * math.log10(w * w + (1 - w) * (1 - w)) for w in weights)
