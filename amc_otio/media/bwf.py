"""Write Broadcast Wave files: 24-bit PCM with a time reference, so that an editor can lay it by its timecode.

Sources: EBU Tech 3285 (the ``bext`` chunk, version 1), Microsoft's WAVEFORMATEXTENSIBLE.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import OutputError
from amc_otio.media.channels import layout_mask
from amc_otio.media.wav import whole_file

ORIGINATOR: Final = "amc-otio"
FULL_SCALE: Final = 1 << 23
"""What 1.0 is in 24 bits; the highest sample is one less."""
MOST_BYTES: Final = 0xFFFF_FFFF - 4096
"""A RIFF file counts its bytes in 32 bits."""

_DAY_S: Final = 24 * 3600
_BLOCK: Final = 1 << 18
_PCM_GUID: Final = struct.pack("<IHH", 1, 0, 0x10) + bytes.fromhex("800000aa00389b71")


@dataclass(frozen=True)
class Broadcast:
    """What the ``bext`` chunk says; text beyond a field's length is cut off, and what is not ASCII becomes ``?``.

    Attributes
    ----------
    description
        At most 256 characters.
    reference
        The originator's reference, at most 32 characters.
    time_reference
        Samples from midnight to the file's first sample; counted within one day when written.
    """

    description: str
    reference: str
    time_reference: int


def to_24_bit(samples: NDArray[np.float32]) -> tuple[NDArray[np.int32], int]:
    """Round to 24 bits, without dither.

    A sound of 24 bits or fewer comes through unchanged, which dither would spoil; and its noise lies below what any
    recording of more bits holds.

    Returns
    -------
    ndarray of int32
        Of the same shape, from -2^23 to 2^23 - 1.
    int
        How many samples were beyond full scale and are held at it.
    """
    scaled = np.rint(np.asarray(samples, np.float64) * FULL_SCALE)
    held = np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1)
    # 1.0 itself is one step over and cannot be heard to be: only what is truly beyond counts.
    over = int(np.count_nonzero((scaled > FULL_SCALE) | (scaled < -FULL_SCALE)))
    return held.astype(np.int32), over


def write_bwf(
    path: Path, samples: NDArray[np.int32], rate: int, layout: str, about: Broadcast, *, overwrite: bool = False
) -> Path:
    """Write a 24-bit BWF file under a temporary name, then rename.

    The same input gives the same bytes: the date and time of origin, which would differ in every run, stay empty.

    Parameters
    ----------
    samples : ndarray, shape (channels, n), int32
        As `to_24_bit` gives them.
    layout
        FFmpeg's name of the channels' layout; says the speakers where there are more than two.

    Raises
    ------
    OutputError
        As `amc_otio.media.wav.whole_file`, and where the file would be larger than RIFF can count.
    """
    channels, length = samples.shape
    data_bytes = channels * 3 * length
    if data_bytes > MOST_BYTES:
        raise OutputError(path, "would be larger than 4 GB, the most that a WAV file holds", "bounce a shorter shot")
    chunks = _chunk(b"bext", _bext(about, rate, channels)) + _chunk(b"fmt ", _format(rate, channels, layout))
    pad = data_bytes & 1
    riff = 4 + len(chunks) + 8 + data_bytes + pad
    with whole_file(path, overwrite=overwrite) as file:
        file.write(b"RIFF" + struct.pack("<I", riff) + b"WAVE" + chunks + b"data" + struct.pack("<I", data_bytes))
        for first in range(0, length, _BLOCK):
            file.write(_packed(samples[:, first : first + _BLOCK]))
        file.write(b"\0" * pad)
    return path


def _packed(samples: NDArray[np.int32]) -> bytes:
    """Interleave and keep the low three bytes of each sample, little-endian."""
    words = np.ascontiguousarray(samples.T, "<i4")
    return words.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


def _bext(about: Broadcast, rate: int, channels: int) -> bytes:
    mode = {1: "mono", 2: "stereo"}.get(channels, "multi")
    history = f"A=PCM,F={rate},W=24,M={mode},T={ORIGINATOR}\r\n".encode("ascii")
    first = about.time_reference % (_DAY_S * rate)
    return (
        _text(about.description, 256)
        + _text(ORIGINATOR, 32)
        + _text(about.reference, 32)
        + bytes(18)  # date and time of origin
        + struct.pack("<IIH", first & 0xFFFF_FFFF, first >> 32, 1)
        + bytes(64 + 190)  # no UMID; reserved
        + history
    )


def _text(text: str, length: int) -> bytes:
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable.encode("ascii", "replace")[:length].ljust(length, b"\0")


def _format(rate: int, channels: int, layout: str) -> bytes:
    align = channels * 3
    body = struct.pack("<HHIIHH", 1 if channels <= 2 else 0xFFFE, channels, rate, rate * align, align, 24)
    if channels > 2:
        body += struct.pack("<HHI", 22, 24, layout_mask(layout, channels)) + _PCM_GUID
    return body
