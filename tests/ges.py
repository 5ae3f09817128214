"""Rendering a timeline with GStreamer Editing Services, and finding a crossfade in what it rendered."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import opentimelineio as otio
import pytest
import soundfile

from amc_otio.media.decode import decode
from amc_otio.media.probe import probe

RATE = 48_000
BLOCK = 48  # 1 ms
FORMAT = "audio/x-wav:audio/x-raw,rate=48000,channels=2"


def need_ges() -> None:
    """Skip where the engine or the adapter it reads with is not installed."""
    if shutil.which("ges-launch-1.0") is None:
        pytest.skip("ges-launch-1.0 is not installed (docs/development.md)")
    if "xges" not in otio.adapters.available_adapter_names():
        pytest.skip("otio-xges-adapter is not installed")


def render(
    timeline: otio.schema.Timeline, folder: Path, media: dict[str, Path] | None = None, exact: bool = False
) -> np.ndarray:
    """Render a timeline's sound: shape (2, n) at 48 kHz.

    The engine wants file:// URLs and counts source time from the file's start, so a copy is made that says so.

    Parameters
    ----------
    media
        Other files to play in the place of some (`as_wav`), by target URL.
    exact
        Mix at 48 kHz. The engine's own choice is 44.1 kHz and a resampling of the mix, which moves it by 0.9 samples.
    """
    copy = timeline.clone()
    # The engine reads picture too; what is measured is the sound.
    for index in reversed(range(len(copy.tracks))):
        if copy.tracks[index].kind != otio.schema.TrackKind.Audio:
            copy.tracks.pop(index)
    for clip in copy.find_clips():
        reference = clip.media_reference
        if media and reference.target_url in media:
            reference.target_url = media[reference.target_url].as_uri()
        if not reference.target_url.startswith("file:"):
            reference.target_url = Path(reference.target_url).resolve().as_uri()
        start = reference.available_range.start_time
        clip.source_range = otio.opentime.TimeRange(clip.source_range.start_time - start, clip.source_range.duration)
    source = folder / "ges.otio"
    copy.to_json_file(str(source))
    return render_file(source, exact)


def render_file(source: Path, exact: bool = False) -> np.ndarray:
    """Render the sound of a file that the engine reads, as it is (see `render`): shape (2, n) at 48 kHz."""
    target = source.with_name("ges.wav")
    target.unlink(missing_ok=True)
    caps = ["--audio-caps=audio/x-raw,format=F32LE,rate=48000,channels=2"] if exact else []
    done = _launch(source, target, FORMAT, caps)
    assert target.exists() and target.stat().st_size > 1000, done.stdout[-2000:] + done.stderr[-2000:]
    samples, rate = soundfile.read(target, dtype="float64", always_2d=True)
    assert rate == RATE
    return samples.T


def render_with_picture(source: Path, rate: Fraction, size: tuple[int, int]) -> tuple[list[np.ndarray], np.ndarray]:
    """Render picture and sound of a file that the engine reads, as it is.

    Returns
    -------
    pictures
        One 8-bit RGB array for every frame, `size` (width, height) pixels.
    sound
        Shape (2, n) at 48 kHz.
    """
    target = source.with_name("ges.mov")
    target.unlink(missing_ok=True)
    caps = [
        f"--video-caps=video/x-raw,width={size[0]},height={size[1]},framerate={rate.numerator}/{rate.denominator}",
        "--audio-caps=audio/x-raw,format=S16LE,rate=48000,channels=2",
    ]
    done = _launch(source, target, "video/quicktime:image/jpeg:audio/x-raw", caps)
    assert target.exists() and target.stat().st_size > 1000, done.stdout[-2000:] + done.stderr[-2000:]
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == rate
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    with av.open(str(target)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(container.streams.audio[0])]
    samples = np.concatenate([frame.reshape(-1, 2) for frame in frames]) / 32768
    return pictures, samples.T.astype(np.float64)


def _launch(source: Path, target: Path, profile: str, caps: list[str]) -> subprocess.CompletedProcess[str]:
    # The engine embeds the system's Python, whose home is that of the first python3 on the path: not an activated one.
    here = str(Path(sys.prefix) / "bin")
    places = [place for place in os.environ.get("PATH", "").split(os.pathsep) if place != here]
    environment = {
        **os.environ,
        "PYTHONPATH": sysconfig.get_paths()["purelib"],
        "PATH": os.pathsep.join(places),
    }
    return subprocess.run(
        ["timeout", "90", "ges-launch-1.0", "--load", str(source), *caps, "-o", target.as_uri(), "-f", profile],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def as_wav(timeline: otio.schema.Timeline, folder: Path) -> dict[str, Path]:
    """Decode every file of a timeline to WAV, by target URL.

    The engine seeks anew where a crossfade begins. In compressed sound it does not land on the sample (AAC not even
    on the same noise, MPEG program streams a second away), which says nothing about the timeline under test.
    """
    folder.mkdir(exist_ok=True)
    made: dict[str, Path] = {}
    for clip in timeline.find_clips():
        url = clip.media_reference.target_url
        if url not in made:
            path = Path(url.removeprefix("file://"))
            length = int(probe(path).duration * RATE)
            made[url] = folder / f"{len(made)}.wav"
            soundfile.write(made[url], decode(path, 0, length, sample_rate=RATE).T, RATE, subtype="FLOAT")
    return made


@dataclass(frozen=True)
class Measured:
    """A crossfade as rendered, in seconds on the timeline; `unexplained` is the share of power that does not fit."""

    start: float
    end: float
    unexplained: float


def measure_fade(
    rendered: np.ndarray,
    outgoing: np.ndarray,
    incoming: np.ndarray,
    expected: tuple[float, float],
    context: float = 0.25,
) -> Measured:
    """Find where a rendered crossfade starts and ends.

    Parameters
    ----------
    rendered
        Shape (2, n): the whole timeline.
    outgoing, incoming
        Shape (channels, n): each source laid on the timeline's clock, as if it played throughout; zeros elsewhere.
    expected
        Where the fade should be; it is looked for up to 120 ms around each end.
    context
        Seconds before and after the fade in which one source plays alone.

    Notes
    -----
    How the engine mixes each source down to stereo is fitted where that source plays alone; then the straight ramp
    from one to the other that leaves the least power unexplained is found. The engine's fade is linear.
    """
    start, end = expected
    first, last = int((start - context) * RATE), int((end + context) * RATE)
    alone = int((context - 0.03) * RATE)
    out = rendered[:, first:last]
    one = _mixed_like(out, outgoing, first, slice(0, alone))
    other = _mixed_like(out, incoming, first, slice(out.shape[1] - alone, out.shape[1]))
    # Least squares of out = one + ramp * (other - one), summed over blocks in which the ramp hardly changes.
    n = out.shape[1] // BLOCK * BLOCK
    change, rest = (other - one)[:, :n], (out - one)[:, :n]
    blocks = (2, n // BLOCK, BLOCK)
    cross = (change * rest).reshape(blocks).sum(axis=(0, 2))
    power = (change**2).reshape(blocks).sum(axis=(0, 2))
    left = (rest**2).sum()
    times = (first + (np.arange(n // BLOCK) + 0.5) * BLOCK) / RATE
    offsets = np.arange(-0.12, 0.1201, 0.002)
    best, found = np.inf, (start, end)
    for a in start + offsets:
        ends = end + offsets
        ends = ends[ends - a > 0.004]
        ramp = np.clip((times[None] - a) / (ends - a)[:, None], 0, 1)
        errors = left - 2 * ramp @ cross + (ramp**2) @ power
        index = int(np.argmin(errors))
        if errors[index] < best:
            best, found = float(errors[index]), (float(a), float(ends[index]))
    return Measured(*found, unexplained=best / float((out**2).sum()))


def heard(rendered: np.ndarray, source: np.ndarray, start: float, end: float, within: float = 0.02) -> float:
    """Correlation (1 is equal) of a stretch of the rendering with a source, at most `within` seconds from its place."""
    first, last, reach = int(start * RATE), int(end * RATE), int(within * RATE)
    target = rendered[:, first:last].sum(axis=0)
    correlation = _correlation(target, source, first, reach)
    return float(np.abs(correlation).max() / np.linalg.norm(target))


def _correlation(target: np.ndarray, source: np.ndarray, first: int, reach: int) -> np.ndarray:
    """Cross-correlation with a source up to `reach` samples around its place, over the source's own norm there."""
    piece = np.pad(source.sum(axis=0), (reach, reach + len(target)))[first : first + len(target) + 2 * reach]
    size = 1 << (len(piece) + len(target)).bit_length()
    correlation = np.fft.irfft(np.fft.rfft(piece, size) * np.conj(np.fft.rfft(target, size)), size)[: 2 * reach]
    energy = np.convolve(piece**2, np.ones(len(target)), mode="valid")[: 2 * reach]
    return correlation / np.sqrt(energy + 1e-9)


def _mixed_like(out: np.ndarray, source: np.ndarray, first: int, where: slice) -> np.ndarray:
    """Align a source with the rendering and mix it as the engine did, both learnt where it plays alone."""
    # Decoders of the engine and ours may place a file's start up to some hundred milliseconds apart.
    reach = int(0.3 * RATE)
    correlation = _correlation(out[:, where].sum(axis=0), source, first + where.start, reach)
    start = first + int(np.argmax(np.abs(correlation))) - reach
    padded = np.pad(source, ((0, 0), (max(0, -start), max(0, start + out.shape[1] - source.shape[1]))))
    aligned = padded[:, max(0, start) : max(0, start) + out.shape[1]]
    weights, *_ = np.linalg.lstsq(aligned[:, where].T, out[:, where].T, rcond=None)
    return (aligned.T @ weights).T
