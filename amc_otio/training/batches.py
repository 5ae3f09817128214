"""Batches: what a training step is given. The paper's are `SplitBatches`; anything with the same methods will do.

A batch is two sets of features and the pairs between them that should be alike. The two sides may well come from
different versions of a sound (augmented, or of another source with the same label): the trainer knows only pairs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from amc_otio.training import chance


@dataclass(frozen=True, eq=False)
class Batch:
    """What a step contrasts.

    Attributes
    ----------
    alpha, beta
        Features of the left and the right frames, shapes ``(a, f)`` and ``(b, f)``, float32.
    left, right
        Shape ``(m,)``, int64: the pairs (row of alpha, row of beta) that the numerator of equation (1) sums over. The
        denominator is over all pairs of the batch.
    """

    alpha: NDArray[np.float32]
    beta: NDArray[np.float32]
    left: NDArray[np.int64]
    right: NDArray[np.int64]


class BatchSource(Protocol):
    """Gives the trainer its batches. Everything follows from the numbers it is asked with, nothing from when.

    Attributes
    ----------
    fingerprint
        Names the data and how batches are made of it: a run is resumed only with the same.
    steps
        Batches in an epoch.
    """

    @property
    def fingerprint(self) -> str: ...

    @property
    def steps(self) -> int: ...

    def batch(self, epoch: int, step: int) -> Batch:
        """The batch of a step; asked twice it gives the same, to the byte.

        Parameters
        ----------
        epoch, step
            Both from 0; `step` counts within the epoch. May be called from another thread than the trainer's.
        """
        ...


class SplitBatches:
    """The paper's batches: n consecutive frames of N samples, all split at one random index (section 2.3).

    "We then randomly select an index to split the N sets": one index a batch, for all its samples. It is the reading
    under which equation (1)'s sums over N * n_alpha and N * n_beta frames and its common n_alpha + n_beta = n hold as
    they are written; with an index a sample these would be sums of different lengths. The index is drawn anew for each
    batch, evenly from 1 to n - 1.

    Every sample is in one batch of an epoch. The paper does not say what becomes of the rest of 200,000 / 2,048: here
    the batches of an epoch are of equal size, to one, and none is larger than asked for, because equation (1) grows
    with the batch and a small last one would weigh its samples otherwise.

    Parameters
    ----------
    features
        Shape ``(windows, f)``, float32; may be memory-mapped.
    starts
        Shape ``(samples,)``, int64: the row of each sample's first frame; its frames are the rows that follow.
    frames
        n.
    size
        N, at most.
    seed
        With the epoch and the step it decides everything.
    fixed
        For validation: the same batches in every epoch, all split in the middle, so that losses can be compared.
    data
        Digest of what the rows are; that of the features themselves when empty, which reads them all.
    """

    def __init__(
        self,
        features: NDArray[np.float32],
        starts: NDArray[np.int64],
        frames: int,
        size: int,
        seed: int,
        *,
        fixed: bool = False,
        data: str = "",
    ) -> None:
        if not len(starts):
            raise ValueError("there are no samples")
        if frames < 2:
            raise ValueError("a sample of fewer than two frames cannot be split")
        self._features = features
        self._starts = starts
        self._frames = frames
        self._size = size
        self._seed = seed
        self._fixed = fixed
        self._data = data or hashlib.sha256(np.ascontiguousarray(features).data).hexdigest()
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.zeros(0, np.int64))

    @property
    def fingerprint(self) -> str:
        """See `BatchSource`."""
        text = f"split {self._data} {self._frames} {self._size} {self._seed} {self._fixed} "
        return hashlib.sha256(text.encode() + self._starts.astype("<i8").tobytes()).hexdigest()

    @property
    def samples(self) -> int:
        """Samples in an epoch."""
        return len(self._starts)

    @property
    def steps(self) -> int:
        """See `BatchSource`."""
        return -(-len(self._starts) // self._size)

    def split(self, epoch: int, step: int) -> int:
        """The left frames of a sample in this batch."""
        if self._fixed:
            return self._frames // 2
        return 1 + chance.below(self._frames - 1, "split", self._seed, epoch, step)

    def batch(self, epoch: int, step: int) -> Batch:
        """See `BatchSource.batch`."""
        epoch = 0 if self._fixed else epoch
        order = self._order
        if order[0] != epoch:
            order = self._order = (epoch, chance.permutation(len(self._starts), "order", self._seed, epoch))
        # Batch i of s has every s-th sample of the order: their sizes differ by one at most.
        chosen = self._starts[order[1][step :: self.steps]]
        split, count = self.split(epoch, step), len(chosen)
        each = np.arange(count, dtype=np.int64)

        def side(first: int, last: int) -> NDArray[np.float32]:
            return np.asarray(self._features[(chosen[:, None] + np.arange(first, last)).reshape(-1)], np.float32)

        return Batch(
            alpha=side(0, split),
            beta=side(split, self._frames),
            left=each * split + split - 1,
            right=each * (self._frames - split),
        )
