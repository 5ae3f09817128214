"""Which points can be cut, and what the handles hold on either side of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc_otio.joining.fades import Room

Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class Bounds:
    """Which points can be cut, and what the handles hold; samples from the window's start (may be outside it).

    Attributes
    ----------
    edit_point
        Where the cut is now, on the outgoing window.
    outgoing_from, outgoing_to
        First and last out point: the clip must keep its shortest length, and media must reach that far.
    outgoing_sound_from, outgoing_media_end
        Where a fade may begin, and where the outgoing media ends.
    incoming_from, incoming_to
        First and last in point.
    incoming_media_start, incoming_media_end
        Where the incoming media starts and ends.
    longest_lag
        Upper bound of in point minus out point, when the record length is kept; None when it is free.
    record_end
        Where the incoming shot must end, on the outgoing window's clock; None when its media's end alone bounds it.
    """

    edit_point: int
    outgoing_from: int
    outgoing_to: int
    outgoing_sound_from: int
    outgoing_media_end: int
    incoming_from: int
    incoming_to: int
    incoming_media_start: int
    incoming_media_end: int
    longest_lag: int | None = None
    record_end: int | None = None

    def allowed(self, out_points: NDArray[np.int64], in_points: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which pairs can be cut: shape ``(len(out_points), len(in_points))``."""
        rows = (out_points >= self.outgoing_from) & (out_points <= self.outgoing_to)
        columns = (in_points >= self.incoming_from) & (in_points <= self.incoming_to)
        pairs = rows[:, None] & columns[None, :]
        if self.longest_lag is not None:
            pairs &= in_points[None, :] - out_points[:, None] <= self.longest_lag
        return np.asarray(pairs)

    def crop(self, out_points: Int64, in_points: Int64, half: int | None = None) -> tuple[slice, slice]:
        """The runs of out points and in points that can be cut, each by itself; both ascend.

        With `half`, those around which a fade of so many samples on either side has room.
        """
        outs, ins = (self.outgoing_from, self.outgoing_to), (self.incoming_from, self.incoming_to)
        if half is not None:
            ends = [outs[1], self.outgoing_media_end - half]
            ends += [] if self.record_end is None else [self.record_end - half]
            outs = max(outs[0], self.outgoing_sound_from + half), min(ends)
            ins = max(ins[0], self.incoming_media_start + half), min(ins[1], self.incoming_media_end - half)
        return _run(out_points, *outs), _run(in_points, *ins)

    def keeps_length(self, out_points: Int64, in_points: Int64) -> NDArray[np.bool_] | None:
        """Which pairs keep the record length, shape as `allowed`; None where all do."""
        if self.longest_lag is None or not out_points.size or not in_points.size:
            return None
        if int(in_points.max()) - int(out_points.min()) <= self.longest_lag:
            return None
        return np.asarray(in_points[None, :] - out_points[:, None] <= self.longest_lag)

    def room(self, out_point: int, in_point: int) -> Room:
        """What a fade around this pair of points may use."""
        incoming_after = self.incoming_media_end - in_point
        if self.record_end is not None:
            incoming_after = min(incoming_after, self.record_end - out_point)
        return Room(
            outgoing_before=out_point - self.outgoing_sound_from,
            outgoing_after=self.outgoing_media_end - out_point,
            incoming_before=in_point - self.incoming_media_start,
            incoming_after=incoming_after,
        )


def _run(points: Int64, first: int, last: int) -> slice:
    """The ascending points from `first` to `last`."""
    start = int(np.searchsorted(points, first))
    return slice(start, max(start, int(np.searchsorted(points, last, side="right"))))
