"""Rendering MLT XML with melt, and finding crossfades in what it rendered."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
import soundfile

from amc_otio.formats.mlt_write import write

RATE = 48_000
BLOCK = 240  # 5 ms
PATIENCE_S = (6, 10, 15, 20, 30, 40)
"""How long each melt may take until it writes: under a load of seven, 2 to 6 s were enough for a whole render."""
LIMIT_S = 120
RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange


def need_melt() -> None:
    """Skip where the engine is not installed."""
    if shutil.which("melt") is None:
        pytest.skip("melt is not installed (docs/development.md)")


def run(source: Path, target: Path, *options: str) -> None:
    """Render a file headless, with a limit; again where melt did not begin.

    melt 7.12 starts the thread that writes before it notes that it runs (`consumer_start` in mltframework/mlt,
    src/modules/avformat/consumer_avformat.c). A thread that looks in between ends at once, and melt waits for ever
    beside a file of 0 bytes: 21 of 455 renders, five at a time beside two busy loops on two cores, with ``real_time``
    -1 and 0 alike; 16 of 53 where all had one core. So the thread is held at a preset (``fpre``) that is a pipe,
    until melt must long have noted it: none of 38 renders stayed empty. A melt that has written nothing for a while all
    the same is started again; one that writes has all the time.
    """
    command = ["melt", source.name, "-silent", "-consumer", f"avformat:{target.name}", "real_time=-1", *options]
    command.append("fpre=held")  # the pipe of `_try`
    code, said = None, ""
    for patience in PATIENCE_S:
        target.unlink(missing_ok=True)
        code, said = _try(command, target, source.parent, patience)
        if code is not None:
            break
    size = target.stat().st_size if target.exists() else 0
    assert size > 1000, f"melt ended with {code} (None: it wrote nothing and was stopped), {size} bytes\n{said[-4000:]}"


def _try(command: list[str], target: Path, folder: Path, patience: float) -> tuple[int | None, str]:
    """Return melt's code and what it said; None where it had not written by the end of `patience` seconds."""
    held = folder / "held"
    held.unlink(missing_ok=True)
    os.mkfifo(held)
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        _hold(process, held)
        try:
            said, _ = process.communicate(timeout=patience)
            return process.returncode, said
        except subprocess.TimeoutExpired:
            pass
        began = target.exists() and target.stat().st_size > 0
        try:
            if began:
                said, _ = process.communicate(timeout=LIMIT_S)
                return process.returncode, said
        except subprocess.TimeoutExpired:
            pass
        process.kill()
        said, _ = process.communicate()
        return (process.returncode if began else None), said


def _hold(process: subprocess.Popen[str], pipe: Path) -> None:
    """Let the thread that reads an empty preset from a pipe wait for a fifth of a second."""
    end = time.monotonic() + LIMIT_S
    while process.poll() is None and time.monotonic() < end:
        try:
            writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads yet
            time.sleep(0.005)
            continue
        time.sleep(0.2)
        os.close(writer)
        return


def render(timeline: otio.schema.Timeline, folder: Path, rate: Fraction, base: Path | None = None) -> np.ndarray:
    """Write a timeline as MLT and render its sound: shape (2, n) at 48 kHz."""
    source = folder / "edit.mlt"
    write(timeline, source, rate, base=base)
    return render_file(source)


def render_file(source: Path) -> np.ndarray:
    """Render the sound of an MLT file: shape (2, n) at 48 kHz."""
    target = source.with_suffix(".wav")
    run(source, target, "acodec=pcm_f32le", f"ar={RATE}", "ac=2", "vn=1")
    samples, rate = soundfile.read(target, dtype="float64", always_2d=True)
    assert rate == RATE
    return samples.T


@dataclass(frozen=True)
class Measured:
    """A crossfade as rendered.

    Attributes
    ----------
    start, end
        In seconds on the timeline: where the line through the incoming sound's share reaches 0 and 1.
    power_db
        Lowest and highest total power during the fade, against the two sounds alone.
    """

    start: float
    end: float
    power_db: tuple[float, float]


def measure(rendered: np.ndarray, one: np.ndarray, other: np.ndarray, expected: tuple[float, float]) -> Measured:
    """Find where a crossfade starts and ends.

    Parameters
    ----------
    rendered, one, other
        The rendering, shape (n,), and each source laid on the timeline's clock as if it played throughout: shape (n,),
        or (2, n) for a tone in quadrature, whose phase is free.
    expected
        Where it should be; only what is looked at depends on it: 120 ms more on either side.

    Notes
    -----
    In blocks of 5 ms the rendering is a sum of the sources with two gains (least squares). The incoming gain's share of
    both is straight in our fades, whatever their law; the line is fitted where the share lies between .1 and .9.
    """
    one, other = np.atleast_2d(one), np.atleast_2d(other)
    first = max(0, int((expected[0] - 0.12) * RATE))
    count = int((expected[1] - expected[0] + 0.24) * RATE) // BLOCK
    times, shares, powers = [], [], []
    for block in range(count):
        where = slice(first + block * BLOCK, first + (block + 1) * BLOCK)
        found, *_ = np.linalg.lstsq(np.concatenate([one, other])[:, where].T, rendered[where], rcond=None)
        a, b = (float(np.linalg.norm(g) if len(g) > 1 else g[0]) for g in (found[: len(one)], found[len(one) :]))
        times.append((where.start + BLOCK / 2) / RATE)
        shares.append(b / (a + b) if abs(a + b) > 0.05 else 0.5)
        powers.append(a * a + b * b)
    t, share, power = np.array(times), np.array(shares), 10 * np.log10(np.array(powers) + 1e-9)
    inside = (share > 0.1) & (share < 0.9) & (t > expected[0] - 0.1) & (t < expected[1] + 0.1)
    if inside.sum() < 2:  # a cut
        at = float(t[int(np.argmax(share > 0.5))])
        return Measured(at, at, (0.0, 0.0))
    slope, at_zero = np.polyfit(t[inside], share[inside], 1)
    start, end = -at_zero / slope, (1 - at_zero) / slope
    faded = (t > start) & (t < end)
    return Measured(float(start), float(end), (float(power[faded].min()), float(power[faded].max())))


def fit(rendered: np.ndarray, one: np.ndarray, other: np.ndarray, expected: tuple[float, float]) -> tuple[float, float]:
    """Start and end of an equal-power crossfade of real sound: the ramp that leaves the least power unexplained.

    Each end is looked for up to 60 ms from where it should be, in steps of 2 ms.
    """
    block = 48
    first = int((expected[0] - 0.1) * RATE)
    count = int((expected[1] - expected[0] + 0.2) * RATE) // block
    out, a, b = (x[first : first + count * block].reshape(count, block) for x in (rendered, one, other))
    oa, ob, aa, bb, ab = ((x * y).sum(axis=1) for x, y in ((out, a), (out, b), (a, a), (b, b), (a, b)))
    t = (first + (np.arange(count) + 0.5) * block) / RATE
    best, found = np.inf, expected
    steps = np.arange(-0.06, 0.0601, 0.002)
    for start in expected[0] + steps:
        for end in expected[1] + steps:
            w = np.clip((t - start) / max(end - start, 0.002), 0, 1)
            scale = 1 / np.sqrt(w * w + (1 - w) ** 2)
            g, h = (1 - w) * scale, w * scale
            left = float((g * g * aa + h * h * bb + 2 * g * h * ab - 2 * g * oa - 2 * h * ob).sum())
            if left < best:
                best, found = left, (float(start), float(end))
    return found


def tone(path: Path, frequency: float, seconds: float = 20, rate: int = RATE) -> Path:
    """A sine tone as a WAV file, a quarter of full scale."""
    t = np.arange(round(seconds * rate)) / rate
    soundfile.write(path, np.tile(0.25 * np.sin(2 * np.pi * frequency * t)[:, None], 2), rate, subtype="FLOAT")
    return path


def quadrature(frequency: float, length: int) -> np.ndarray:
    """A tone of any phase: shape (2, length)."""
    t = np.arange(length) / RATE
    return 0.25 * np.stack([np.sin(2 * np.pi * frequency * t), np.cos(2 * np.pi * frequency * t)])


def tone_at(frequency: float, offset: Fraction, length: int) -> np.ndarray:
    """The same tone on the timeline's clock: the file's second 0 lies at -`offset`. Shape (length,)."""
    t = np.arange(length) / RATE + float(offset)
    return 0.25 * np.sin(2 * np.pi * frequency * t)


def shift_of(rendered: np.ndarray, source: np.ndarray, first: int, last: int, reach: int = 2400) -> int:
    """How many samples later than on its place a source is heard between two samples of the rendering."""
    target = rendered[first:last]
    piece = source[first - reach : last + reach]
    size = 1 << (len(piece) + len(target)).bit_length()
    found = np.fft.irfft(np.fft.rfft(piece, size) * np.conj(np.fft.rfft(target, size)), size)[: 2 * reach]
    return reach - int(np.argmax(np.abs(found)))
