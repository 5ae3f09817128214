"""Decode sound: a span of it sample-exactly, or all of it in bounded memory.

Sample 0 is the container's start, encoder delay taken off. A span equals the same span of a whole sequential
decode: bit for bit in PCM, FLAC, ALAC, Vorbis and MP3, to 1e-7 in Opus. AAC's noise substitution and the dither of
AC-3 and MPEG layer II draw other random numbers after a seek, which never moves a sample: white noise coded at a low
rate differs by up to 0.01 RMS, the real films tried by nothing. Resampled spans equal the resampled whole to 1e-5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import LOUDEST
from amc_otio.errors import MediaError
from amc_otio.media.channels import mono, mono_weights
from amc_otio.media.probe import open_reader
from amc_otio.media.resample import StreamResampler, out_end, resample_span, source_range
from amc_otio.media.streams import AudioStream, Reader

__all__ = ["Channels", "DecodeReport", "check", "decode", "decode_mono", "iter_mono", "mono"]

#: Which channels: pairs (audio stream, channel in it), both counted from 0 among the file's audio streams.
Channels = tuple[tuple[int, int], ...]

#: A file that decodes shorter than its header says, by more than this (s), is named.
_SHORTER_S = 0.1
#: A stream may lag this long (s) behind the others before what is missing of it is taken for silence.
_SKEW_S = 30.0


@dataclass(frozen=True)
class DecodeReport:
    """How decoding a whole file went.

    Attributes
    ----------
    expected_s
        Length of the sound (s) by the header, or None where it does not tell.
    decoded_s
        Length (s) that decoded.
    problems
        What was found wrong, in words.
    """

    expected_s: float | None
    decoded_s: float
    problems: tuple[str, ...]


def decode(
    path: Path | str,
    start: int,
    count: int,
    *,
    sample_rate: int | None = None,
    channels: Channels | None = None,
) -> NDArray[np.float32]:
    """Decode `count` samples from `start`.

    Parameters
    ----------
    path
        A media file.
    start, count
        Samples at `sample_rate` from the container's start; `start` may be negative.
    sample_rate
        Samples a second; None is the rate of the first stream that is used.
    channels
        Which channels, in that order; None is every channel of every audio stream.

    Returns
    -------
    ndarray, shape (channels, count), float32
        Full scale is 1. Zeros outside the sound, and where it is damaged, NaN or infinite.

    Raises
    ------
    MediaError
        The file cannot be read, has no sound, or has not those channels.
    """
    path = Path(path)
    reader = open_reader(path)
    try:
        return _decode(path, reader, start, count, sample_rate, _chosen(path, reader.streams, channels))
    finally:
        reader.close()


def decode_mono(
    path: Path | str, start: int, count: int, sample_rate: int, channels: Channels | None = None
) -> NDArray[np.float32]:
    """Decode a span and mix it to one channel: the mean, without LFE. See `decode`.

    Returns
    -------
    ndarray, shape (count,), float32
    """
    path = Path(path)
    reader = open_reader(path)
    try:
        chosen = _chosen(path, reader.streams, channels)
        samples = _decode(path, reader, start, count, sample_rate, chosen)
        mixed: NDArray[np.float32] = mono_weights([s.layout for s in reader.streams], chosen) @ samples
        return mixed
    finally:
        reader.close()


def iter_mono(
    path: Path | str,
    sample_rate: int,
    channels: Channels | None = None,
    block: int = 1 << 19,
    problems: list[str] | None = None,
) -> Iterator[NDArray[np.float32]]:
    """Decode a whole file to one channel, in order and in bounded memory; no picture is decoded.

    Parameters
    ----------
    sample_rate
        Samples a second. No resampling where the file has that rate.
    channels
        Which channels are mixed; None is all, LFE left out.
    block
        Samples in each array that is yielded, but the last.
    problems
        What is found wrong is appended here in words: damage, a length that is not the header's, NaN.

    Yields
    ------
    ndarray, shape (block,), float32
        Sample k of the whole equals ``decode_mono(path, k, 1, sample_rate, channels)``.

    Raises
    ------
    MediaError
        The file cannot be read, has no sound, or nothing of it decodes.
    """
    path = Path(path)
    found: list[str] = problems if problems is not None else []
    reader = open_reader(path)
    try:
        chosen = _chosen(path, reader.streams, channels)
        yield from _mixed_blocks(path, reader, chosen, sample_rate, block, found)
    finally:
        reader.close()


def check(path: Path | str, channels: Channels | None = None) -> DecodeReport:
    """Decode all of `path` and say how it went.

    Raises
    ------
    MediaError
        As `iter_mono`.
    """
    path = Path(path)
    reader = open_reader(path)
    try:
        chosen = _chosen(path, reader.streams, channels)
        rate = reader.streams[chosen[0][0]].sample_rate
        problems: list[str] = []
        total = sum(len(b) for b in _mixed_blocks(path, reader, chosen, rate, 1 << 19, problems))
        return DecodeReport(reader.expected_s(), total / rate, tuple(problems))
    finally:
        reader.close()


def _decode(
    path: Path, reader: Reader, start: int, count: int, sample_rate: int | None, chosen: Channels
) -> NDArray[np.float32]:
    if count < 0:
        raise MediaError(path, f"cannot decode {count} samples", "ask for none or more")
    used = list(dict.fromkeys(s for s, _ in chosen))
    rate = sample_rate or reader.streams[used[0]].sample_rate
    if count == 0:
        return np.zeros((len(chosen), 0), np.float32)
    ranges = {s: source_range(start, count, reader.streams[s].sample_rate, rate) for s in used}
    spans = reader.spans(ranges)
    decoded = {}
    for s in used:
        rate_in = reader.streams[s].sample_rate
        samples, _ = _finite(spans[s].samples)
        out = resample_span(samples, start, count, rate_in, rate)
        if rate_in != rate:
            end = spans[s].end  # behind the end is silence, not the filter's ringing
            if end is not None:
                out[:, max(0, out_end(end, rate_in, rate) - start) :] = 0
        decoded[s] = out
    return np.stack([decoded[s][c] for s, c in chosen])


def _chosen(path: Path, streams: Sequence[AudioStream], channels: Channels | None) -> Channels:
    """Return the channels to use, or say in words why there are none."""
    if not streams:
        raise MediaError(path, "it has no audio stream", "choose a clip with sound")
    if channels is None:
        return tuple((s, c) for s, stream in enumerate(streams) for c in range(stream.channels))
    for s, c in channels:
        if not 0 <= s < len(streams) or not 0 <= c < streams[s].channels:
            has = ", ".join(str(x.channels) for x in streams)
            raise MediaError(
                path,
                f"it has no channel {c + 1} in audio stream {s + 1} (channels in its streams: {has})",
                "check the clip's channel mapping",
            )
    if not channels:
        raise MediaError(path, "no channel was chosen", "check the clip's channel mapping")
    return tuple(channels)


def _finite(samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """Return `samples` with 0 in place of NaN, infinity and what is beyond any sound, and how many there were."""
    good = np.abs(samples) <= LOUDEST  # false for NaN too
    if good.all():
        return samples, 0
    return np.where(good, samples, np.float32(0)), int(good.size - np.count_nonzero(good))


@dataclass
class _Voice:
    """One stream on its way into the mix."""

    weights: NDArray[np.float32]
    resampler: StreamResampler
    rate: int
    fed: int = 0
    given: int = 0


class _Mix:
    """The sum of all voices; what all of them have reached can be taken out."""

    def __init__(self) -> None:
        self._samples = np.zeros(0, np.float32)
        self._begin = 0

    def add(self, position: int, samples: NDArray[np.float32]) -> None:
        """Add samples at a position that is not taken out yet."""
        first = position - self._begin
        need = first + len(samples)
        if need > len(self._samples):
            grown = np.zeros(max(need, len(self._samples) * 3 // 2), np.float32)
            grown[: len(self._samples)] = self._samples
            self._samples = grown
        self._samples[first:need] += samples

    def take(self, until: int, block: int, *, rest: bool = False) -> Iterator[NDArray[np.float32]]:
        """Take whole blocks out up to `until`, and the rest too if asked."""
        count = until - self._begin
        first = 0
        while count - first >= block or (rest and count > first):
            size = min(block, count - first)
            out = np.zeros(size, np.float32)
            part = self._samples[first : first + size]
            out[: len(part)] = part
            yield out
            first += size
        self._samples = self._samples[first:].copy() if first else self._samples
        self._begin += first


def _mixed_blocks(
    path: Path, reader: Reader, chosen: Channels, rate: int, block: int, problems: list[str]
) -> Iterator[NDArray[np.float32]]:
    weights = mono_weights([s.layout for s in reader.streams], chosen)
    voices: dict[int, _Voice] = {}
    for (s, c), weight in zip(chosen, weights, strict=True):
        stream = reader.streams[s]
        if s not in voices:
            resampler = StreamResampler(stream.sample_rate, rate)
            voices[s] = _Voice(np.zeros(stream.channels, np.float32), resampler, stream.sample_rate)
        voices[s].weights[c] += weight
    mix = _Mix()
    not_finite = 0
    any_sound = False
    for piece in reader.pieces(list(voices)):
        voice = voices[piece.stream]
        samples, bad = _finite(piece.samples)
        not_finite += bad
        any_sound = True
        _feed(mix, voice, piece.position, voice.weights @ samples)
        ahead = max(v.given for v in voices.values())
        for other in voices.values():
            if ahead - other.given > _SKEW_S * rate:
                _silence(mix, other, (ahead - int(_SKEW_S * rate / 2)) * other.rate // rate)
        yield from mix.take(min(v.given for v in voices.values()), block)
    if not any_sound:
        reason = "; ".join(reader.problems) or "its sound has a length of zero"
        raise MediaError(path, f"nothing of its sound decodes ({reason})", "copy it again from its source")
    for voice in voices.values():
        rest = voice.resampler.finish()
        mix.add(voice.given, rest)
        voice.given += len(rest)
    problems += reader.problems
    decoded_s = max(v.fed / v.rate for v in voices.values())
    expected_s = reader.expected_s()
    if expected_s is not None and decoded_s < expected_s - _SHORTER_S:
        problems.append(f"cut short: {decoded_s:.2f} s of sound decode where its header promises {expected_s:.2f} s")
    if not_finite:
        problems.append(f"{not_finite} samples are not numbers, or beyond any sound, and were taken as silence")
    yield from mix.take(max(v.given for v in voices.values()), block, rest=True)


def _feed(mix: _Mix, voice: _Voice, position: int, samples: NDArray[np.float32]) -> None:
    """Give a voice its samples at `position`; silence fills a gap, and what overlaps is left out."""
    _silence(mix, voice, position)
    samples = samples[max(0, voice.fed - position) :]
    if len(samples):
        voice.fed += len(samples)
        ready = voice.resampler.feed(samples)
        mix.add(voice.given, ready)
        voice.given += len(ready)


def _silence(mix: _Mix, voice: _Voice, until: int) -> None:
    while voice.fed < until:
        zeros = np.zeros(min(until - voice.fed, 10 * voice.rate), np.float32)
        voice.fed += len(zeros)
        ready = voice.resampler.feed(zeros)
        mix.add(voice.given, ready)
        voice.given += len(ready)
