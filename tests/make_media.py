"""Makes media files of a known signal, for the tests of decoding."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray


def signal(seconds: float, rate: int, channels: int, seed: int = 0) -> NDArray[np.float32]:
    """A chirp with clicks and a little noise, different in each channel: shape (channels, n), float32."""
    rng = np.random.default_rng(seed)
    n = int(seconds * rate)
    t = np.arange(n) / rate
    out = np.empty((channels, n))
    for c in range(channels):
        low, high = 200 + 90 * c, 3000 + 400 * c
        phase = 2 * np.pi * (low * t + (high - low) * t**2 / (2 * seconds))
        out[c] = 0.4 * np.sin(phase) * (0.6 + 0.4 * np.sin(2 * np.pi * (1.3 + 0.2 * c) * t))
        out[c] += 0.01 * rng.standard_normal(n)
        clicks = rng.integers(0, n, size=max(1, n // rate * 3))
        out[c, clicks] += 0.3
    return np.clip(out, -1, 1).astype(np.float32)


def write_sound(path: Path, samples: NDArray[np.float32], rate: int, fmt: str, subtype: str) -> Path:
    """Write through soundfile."""
    with soundfile.SoundFile(str(path), "w", rate, len(samples), subtype=subtype, format=fmt) as file:
        for first in range(0, samples.shape[1], rate):  # libsndfile's Ogg writer dislikes one huge block
            file.write(samples[:, first : first + rate].T)
    return path


def write_av(
    path: Path,
    samples: NDArray[np.float32],
    rate: int,
    codec: str,
    layout: str,
    *,
    fmt: str | None = None,
    streams: int = 1,
    picture: str | None = None,
    fps: Fraction | int = 25,
    sound_from: int = 0,
    timecode: str | None = None,
) -> Path:
    """Write through PyAV: the channels are shared out among `streams`; `sound_from` delays the sound (samples)."""
    container = av.open(str(path), "w", format=fmt)
    if timecode:
        container.metadata["timecode"] = timecode
    video = None
    if picture:
        video = container.add_stream(picture, rate=Fraction(fps))
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
    sounds = []
    for _ in range(streams if len(samples) else 0):
        stream = container.add_stream(codec, rate=rate)
        stream.layout = layout
        if codec.startswith("pcm_s"):
            stream.format = "s16" if "16" in codec else "s32"
        sounds.append(stream)
    each = len(samples) // streams
    step, frame_index = 4096, 0
    for first in range(0, samples.shape[1], step):
        until = (first + step) / rate
        while video is not None and frame_index / Fraction(fps) <= until:
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), frame_index % 200, np.uint8), "rgb24")
            frame.pts, frame.time_base = frame_index, 1 / Fraction(fps)
            container.mux(video.encode(frame))
            frame_index += 1
        for i, stream in enumerate(sounds):
            part = np.ascontiguousarray(samples[i * each : (i + 1) * each, first : first + step])
            frame = av.AudioFrame.from_ndarray(part, "fltp", layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, first + sound_from, Fraction(1, rate)
            container.mux(stream.encode(frame))
    for stream in ([video] if video is not None else []) + sounds:
        container.mux(stream.encode(None))
    container.close()
    return path
