"""The clips of a set as a library takes them: a WAV of one second each, as the set asks for it.

A clip's file is named by what it was made from, so that a library knows the clip again without the file: it is
written only for representations that have not embedded it, and removed after. Its bytes depend on the sound alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import MediaError, OutputError
from amc_otio.evaluation.records import Clip, LabelledSet
from amc_otio.library.sources import content_key
from amc_otio.media.decode import decode_mono

_FORMAT = 1


def clip_samples(clip: Clip, shift: bool = False) -> NDArray[np.float32]:
    """Decode a clip.

    Parameters
    ----------
    shift
        Roll its second, so that the sound lies elsewhere in it.

    Returns
    -------
    numpy.ndarray
        (48000,) float32, mono. What lies beyond its content is silence, as it was before a codec smeared it.

    Raises
    ------
    MediaError
        When its file cannot be read.
    """
    whole = np.zeros(ANALYSIS_RATE, np.float32)
    whole[: clip.content] = decode_mono(clip.path, clip.start, ANALYSIS_RATE, ANALYSIS_RATE)[: clip.content]
    return np.roll(whole, clip.shift) if shift else whole


def clip_paths(labelled: LabelledSet, shift: bool, folder: Path) -> list[Path]:
    """Return where each clip's WAV lies, when it does: equal clips have one path, changed media another.

    Raises
    ------
    MediaError
        When a file cannot be read.
    """
    keys: dict[Path, str] = {}
    paths = []
    for clip in labelled.clips:
        try:
            key = keys.get(clip.path) or keys.setdefault(clip.path, content_key(clip.path))
        except OSError as error:
            raise MediaError(clip.path, f"cannot be read ({error.strerror})", "check the set") from error
        made_of = f"amc-otio clip {_FORMAT} {key} {clip.start} {clip.content} {clip.shift if shift else 0}"
        paths.append(folder / f"{hashlib.sha256(made_of.encode()).hexdigest()}.wav")
    return paths


def write_clip(path: Path, samples: NDArray[np.float32]) -> None:
    """Write a WAV of 32-bit floats under a temporary name, then rename.

    libsndfile writes the time of day into such files; here the same sound gives the same bytes. A file that is there
    is left alone: its name says what it holds, and another evaluation may be reading it.

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    data = np.ascontiguousarray(samples, "<f4").tobytes()
    # WAVE_FORMAT_IEEE_FLOAT, one channel; a format other than PCM needs a fact chunk (Microsoft, 1994).
    form = struct.pack("<HHIIHHH", 3, 1, ANALYSIS_RATE, ANALYSIS_RATE * 4, 4, 32, 0)
    chunks = b"".join(
        struct.pack("<4sI", name, len(body)) + body
        for name, body in ((b"fmt ", form), (b"fact", struct.pack("<I", len(samples))), (b"data", data))
    )
    whole = struct.pack("<4sI4s", b"RIFF", 4 + len(chunks), b"WAVE") + chunks
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        try:
            path.parent.mkdir(exist_ok=True)  # another evaluation may just have removed it
            if path.is_file() and path.stat().st_size == len(whole):
                return
            temporary.write_bytes(whole)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            path, f"cannot be written ({error.strerror})", "make room, or give another --library"
        ) from error


def remove_clips(paths: Iterable[Path], folder: Path) -> None:
    """Remove WAVs that were written, and their folder if it is empty then; what stays is in nobody's way."""
    with contextlib.suppress(OSError):
        for path in paths:
            path.unlink(missing_ok=True)
        folder.rmdir()
