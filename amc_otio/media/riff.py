"""What soundfile does not tell of a WAV or AIFF file: its promised length, channel mask and BWF time reference.

A truncated WAV decodes short and without complaint, so the length that the header promises is read here.
Sources: EBU Tech 3285 (BWF), EBU Tech 3306 / ITU-R BS.2088 (RF64, BW64), Microsoft's WAVEFORMATEXTENSIBLE,
Apple's AIFF-C specification.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
_MAX_CHUNKS = 1000


@dataclass(frozen=True)
class WaveHeader:
    """Facts of a WAV or AIFF header; None where the file does not say.

    Attributes
    ----------
    frames
        Samples per channel that the header promises.
    channel_mask
        dwChannelMask of WAVEFORMATEXTENSIBLE; 0 when absent.
    time_reference
        BWF: samples since midnight of the first sample.
    """

    frames: int | None = None
    channel_mask: int = 0
    time_reference: int | None = None


def read_wave_header(path: Path) -> WaveHeader:
    """Read the header chunks of a RIFF, RF64, BW64 or AIFF file; a damaged header gives what could be read."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
            if head[:4] in (b"RIFF", b"RF64", b"BW64"):
                return _read_riff(file)
            if head[:4] == b"FORM":
                return _read_aiff(file)
    except (OSError, struct.error):
        pass
    return WaveHeader()


def _read_riff(file: BinaryIO) -> WaveHeader:
    block_align = 0
    mask = 0
    time_reference: int | None = None
    data_bytes: int | None = None
    data64: int | None = None
    compressed = False
    for name, size, start in _chunks(file, "<4sI"):
        if name == b"ds64":
            _, data64 = struct.unpack("<QQ", file.read(16))
        elif name == b"fmt ":
            body = file.read(min(size, 40))
            code, _, _, _, block_align, _ = struct.unpack("<HHIIHH", body[:16])
            extensible = code == 0xFFFE and len(body) >= 26
            if extensible:
                mask = struct.unpack("<I", body[20:24])[0]
                code = struct.unpack("<H", body[24:26])[0]
            compressed = code not in (1, 3, 6, 7)  # PCM, float, A-law, µ-law: one block is one sample of every channel
        elif name == b"bext" and size >= 346:
            body = file.read(346)
            low, high = struct.unpack("<II", body[338:346])
            time_reference = low + (high << 32)
        elif name == b"data":
            if size == 0xFFFFFFFF and data64:
                size = data64
            data_bytes = None if size in _UNKNOWN_SIZES else size
            if data_bytes is None:
                break  # its end is unknown, so what follows cannot be found
        file.seek(start + size + (size & 1))
    frames = data_bytes // block_align if data_bytes and block_align and not compressed else None
    return WaveHeader(frames=frames, channel_mask=mask, time_reference=time_reference)


def _read_aiff(file: BinaryIO) -> WaveHeader:
    for name, size, start in _chunks(file, ">4sI"):
        if name == b"COMM":
            _, frames = struct.unpack(">hI", file.read(6))
            return WaveHeader(frames=frames or None)
        file.seek(start + size + (size & 1))
    return WaveHeader()


def _chunks(file: BinaryIO, head_format: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name, size and place of each chunk's body; the caller seeks to the end of it before the next."""
    for _ in range(_MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return
        name, size = struct.unpack(head_format, head)
        yield name, size, file.tell()
