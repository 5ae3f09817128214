"""A span after a seek: decode from a little before it, then work out which samples those frames hold.

Stamps are often rounded, so frames are counted, and where the count begins is what agrees best with all the stamps
(`amc_otio.media.clock`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from amc_otio.media.clock import StreamClock, anchor, codec_grid, is_exact
from amc_otio.media.frames import HEAD_FRAMES, Run, paste, silence
from amc_otio.media.pyav_file import ERRORS, PyAVFile
from amc_otio.media.pyav_packets import PacketReader
from amc_otio.media.streams import Span

#: Formats whose seeks land where they say; others are read through from the beginning, undecoded.
_SEEKABLE = ("mov", "matroska", "mxf", "mpeg", "mpegts", "avi", "asf", "ogg", "wav", "w64", "aiff", "caf", "flv", "au")
_WARM_UP_S = 0.25
_HEAD_PACKETS = 2000
#: How much later (s) than the wanted end another stream's packets may be before a silent stream is given up.
INTERLEAVE_S = 10.0


def spans_after_seek(
    file: PyAVFile, reader: PacketReader, wanted: Mapping[int, tuple[int, int]], seek_s: float
) -> dict[int, Span] | None:
    """Seek and decode.

    Parameters
    ----------
    file, reader
        An open file, and what reads its packets.
    wanted
        (start, count) in samples of each wanted audio stream.
    seek_s
        Where to begin (s), before all of it.

    Returns
    -------
    dict or None
        None when the seek failed or landed too late for one of the streams.
    """
    heads = _heads(file, reader, list(wanted))
    if not _seek(file, next(iter(wanted)), seek_s):
        return None
    runs = {k: Run() for k in wanted}
    at_end = _collect(file, reader, wanted, runs, seek_s)
    result = {}
    for k, (start, count) in wanted.items():
        run = runs[k]
        stream = file.streams[k]
        if not run.arrays:
            if not at_end:
                return None
            result[k] = Span(silence(stream, count), None)
            continue
        placed = _place(file, k, run, heads[k])
        first = placed[0][0]
        if first > start - _WARM_UP_S * stream.sample_rate and first > (file.begins_s(k) + 0.05) * stream.sample_rate:
            return None
        samples = silence(stream, count)
        for position, array in placed:
            paste(samples, start, position, array)
        end = placed[-1][0] + placed[-1][1].shape[1]
        result[k] = Span(samples, None if end >= start + count else end)
    return result


def _seek(file: PyAVFile, k: int, seek_s: float) -> bool:
    """Go to `seek_s`, or to the beginning where seeks cannot be trusted; False when that failed."""
    try:
        if file.format not in _SEEKABLE:
            file.rewind()
        else:
            target = file.stamp_at(k, Fraction(seek_s))
            file.fresh = False
            file.container.seek(target, backward=True, stream=file.av_stream(k))
    except ERRORS:
        return False
    return True


def _collect(
    file: PyAVFile,
    reader: PacketReader,
    wanted: Mapping[int, tuple[int, int]],
    runs: dict[int, Run],
    seek_s: float,
) -> bool:
    """Decode until every stream has its range; True when the file's end was reached."""
    last_s = max((start + count) / file.streams[k].sample_rate for k, (start, count) in wanted.items())
    for k, frame, lost in reader.frames(list(wanted), not_before=seek_s):
        run = runs[k]
        stamp = file.stamp(k, frame)
        if stamp is not None and stamp / file.streams[k].sample_rate > last_s + INTERLEAVE_S:
            return True  # whatever stream is not done by now has nothing there
        if run.done:
            continue
        samples = reader.samples(k, frame)
        if samples is None:
            continue
        run.stamps.append(stamp)
        run.lost_before.append(lost)
        run.arrays.append(samples)
        start, count = wanted[k]
        # Some frames more than by the stamps: they may be rounded, and the anchor moves them.
        run.done = run.reached() >= start + count + 4 * file.ticks[k] + samples.shape[1]
        if all(r.done for r in runs.values()):
            return False
    return True


def _place(file: PyAVFile, k: int, run: Run, head: tuple[int, int]) -> list[tuple[int, NDArray[np.float32]]]:
    """Return the arrays of a run with the sample at which each begins."""
    grid, phase = head
    stream, tick = file.streams[k], file.ticks[k]
    counts = [a.shape[1] for a in run.arrays]
    # The anchor is taken from the frames before the first lost one.
    until = next((i for i, lost in enumerate(run.lost_before) if lost and i), len(counts))
    known = [(i, s) for i, s in enumerate(run.stamps[:until]) if s is not None]
    clock = StreamClock(stream.sample_rate, tick, grid)
    if known and known[0][0] == 0 and len(known) == until:
        stamps = [s for _, s in known]
        begin = np.concatenate([[0], np.cumsum(counts[: until - 1])])
        steady = np.abs(np.asarray(stamps) - stamps[0] - begin) <= 0.1 * stream.sample_rate
        until = until if steady.all() else max(1, int(np.argmin(steady)))
        clock.next = anchor(stamps[:until], counts[:until], tick=tick, codec=stream.codec, grid=grid, phase=phase)
    placed: list[tuple[int, NDArray[np.float32]]] = []
    for stamp, lost, array in zip(run.stamps, run.lost_before, run.arrays, strict=True):
        clock.resync = lost and bool(placed)
        placed.append((clock.place(stamp, array.shape[1]), array))
    return placed


def _heads(file: PyAVFile, reader: PacketReader, wanted: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return (grid, phase) of each stream, from the first frames of the file when its stamps are rounded."""
    heads = {k: (1, 0) for k in wanted}
    rounded = [k for k in wanted if not is_exact(file.ticks[k])]
    if not rounded:
        return heads
    file.rewind()
    clocks = {k: StreamClock(file.streams[k].sample_rate, file.ticks[k]) for k in rounded}
    sizes: dict[int, list[int]] = {k: [] for k in rounded}
    for k, frame, _ in reader.frames(rounded, packets=_HEAD_PACKETS):
        samples = reader.samples(k, frame)
        if samples is None or len(sizes[k]) >= HEAD_FRAMES:
            continue
        clocks[k].place(file.stamp(k, frame), samples.shape[1])
        sizes[k].append(samples.shape[1])
        if all(len(s) >= HEAD_FRAMES for s in sizes.values()):
            break
    for k in rounded:
        heads[k] = (codec_grid(file.streams[k].codec, file.extradata(k), sizes[k]), clocks[k].next or 0)
    return heads
