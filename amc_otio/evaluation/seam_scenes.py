"""What is joined when seams are measured: two recordings, the two windows in them, and how loud they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE

FloatArray = NDArray[np.float32]

RMS: Final = 0.05
"""What both windows are set to by `levelled`: -26 dBFS."""
CONTEXT: Final = 3 * ANALYSIS_RATE // 2
"""Samples of sound that a scene has before and after each window, where the recording has them: 1.5 s."""


@dataclass(frozen=True)
class Scene:
    """Two sounds to be joined; mono at 48 kHz, positions in samples.

    Attributes
    ----------
    name
        Names the pair.
    group
        Scenes of one group are not independent: the bootstrap draws them together.
    kind
        What the outgoing sound is a sound of.
    form
        ``"one-shot"``, ``"continuous"``, or ``"mixed"`` where the two sides differ.
    outgoing, incoming
        The sounds around the two windows.
    outgoing_at, incoming_at
        Where each window of one second begins.
    outgoing_until
        Where the media that a join may use of the outgoing sound ends: at its end, or where a gap begins whose sound
        is known but hidden.
    """

    name: str
    group: str
    kind: str
    form: str
    outgoing: FloatArray
    incoming: FloatArray
    outgoing_at: int
    incoming_at: int
    outgoing_until: int

    @property
    def hidden(self) -> bool:
        """Whether the outgoing sound goes on, unseen, past what a join may use: the truth to compare with."""
        return self.outgoing_until < len(self.outgoing)


class Plan(Protocol):
    """A scene that has not been read yet: small enough to be sent to another process."""

    def scene(self) -> Scene | None:
        """Read it; None where there is nothing to be heard on one side."""
        ...


def levelled(scene: Scene) -> Scene:
    """Set both windows to the same RMS level, each recording by one gain.

    Clips of different packages are mastered anyhow, and a step that says no more than this would hide all else. A
    window without sound is left as it is.
    """

    def even(sound: FloatArray, at: int) -> FloatArray:
        rms = float(np.sqrt(np.mean(sound[at : at + ANALYSIS_RATE].astype(np.float64) ** 2)))
        return (sound * np.float32(RMS / rms)).astype(np.float32) if rms > 1e-7 else sound

    return replace(
        scene,
        outgoing=even(scene.outgoing, scene.outgoing_at),
        incoming=even(scene.incoming, scene.incoming_at),
    )
