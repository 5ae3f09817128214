"""Segments as an exported page holds them: the sound in 16 bits, tensors in an order that is the same every time."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE


def flac(samples: NDArray[np.float32]) -> bytes:
    """Return samples, shape ``(channels, n)`` at 48 kHz, as FLAC of 16 bits: rounded to the nearest, without dither."""
    import soundfile

    whole = np.clip(np.rint(samples.astype(np.float64) * 32768), -32768, 32767).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, whole.T, ANALYSIS_RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def compressed(segment: bytes) -> bytes:
    """Return a segment's safetensors with its tensor ``samples`` as ``flac``; the rest as it is.

    ``flac`` has the shape ``[bytes]``; ``channels`` and ``count`` join the metadata, as that no longer says them.
    """
    tensors, metadata = read_tensors(segment)
    samples = tensors.pop("samples")
    channels, count = samples.shape
    tensors["flac"] = np.frombuffer(flac(samples), np.uint8)
    return write_tensors(tensors, metadata | {"channels": str(channels), "count": str(count)})


def read_tensors(data: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the tensors and the metadata of safetensors that were made here."""
    from safetensors.numpy import load

    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return load(data), header.get("__metadata__", {})


def write_tensors(tensors: dict[str, NDArray[Any]], metadata: dict[str, str]) -> bytes:
    """Safetensors with everything in the order of its name: safetensors' own writer orders metadata by chance."""
    kinds = {"float32": "F32", "uint8": "U8"}
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    data = b""
    for name in sorted(tensors, key=lambda n: (-tensors[n].dtype.itemsize, n)):  # so that each is aligned
        array = np.ascontiguousarray(tensors[name])
        begin = len(data)
        data += array.tobytes()
        header[name] = {
            "dtype": kinds[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [begin, len(data)],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data
