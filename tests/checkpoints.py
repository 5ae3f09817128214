"""Checkpoints for tests, written byte by byte: torch is not needed, and hostile ones can be made too."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from amc_otio.models.clap_checkpoint import expected_shapes
from amc_otio.models.htsat_graph import Architecture

SMALL = Architecture(width=16, depths=(2, 2, 2, 2), heads=(2, 2, 4, 4), window=8)
"""A tower of the right kind that runs in a few milliseconds."""
TINY = Architecture(width=96, depths=(2, 2, 6, 2), heads=(4, 8, 16, 32), window=8)
BASE = Architecture(width=128, depths=(2, 2, 12, 2), heads=(4, 8, 16, 32), window=8)

# ---------------------------------------------------------------- pickles, opcode by opcode


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def whole(value: int) -> bytes:
    return b"J" + struct.pack("<i", value) if abs(value) < 2**31 else b"\x8a\x08" + struct.pack("<q", value)


def group(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + group(*arguments) + b"R"


def mapping(items: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def pickled(body: bytes, protocol: int = 2) -> bytes:
    return b"\x80" + bytes([protocol]) + body + b"."


def storage(key: str, count: int, kind: str = "FloatStorage") -> bytes:
    return group(text("storage"), name("torch", kind), text(key), text("cpu"), whole(count)) + b"Q"


def tensor(
    key: str,
    shape: tuple[int, ...],
    stride: tuple[int, ...] | None = None,
    offset: int = 0,
    count: int | None = None,
    kind: str = "FloatStorage",
) -> bytes:
    """A tensor; contiguous and as large as its storage unless something else is said."""
    steps = stride if stride is not None else tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))
    held = count if count is not None else int(np.prod(shape, dtype=np.int64))
    empty = name("collections", "OrderedDict") + b")R"
    return call(
        name("torch._utils", "_rebuild_tensor_v2"),
        storage(key, held, kind),
        whole(offset),
        group(*map(whole, shape)),
        group(*map(whole, steps)),
        b"\x89",
        empty,
    )


def write_zip(
    path: Path, data: bytes, storages: Mapping[str, bytes] | None = None, root: str = "archive/", deflate: bool = False
) -> Path:
    """A torch zip checkpoint of a pickle and its storages."""
    method = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(f"{root}data.pkl", data)
        for key, numbers in (storages or {}).items():
            archive.writestr(f"{root}data/{key}", numbers)
        archive.writestr(f"{root}version", b"3\n")
    return path


def write_state(path: Path, tensors: Mapping[str, np.ndarray], prefix: str = "", inside: str = "state_dict") -> Path:
    """A checkpoint of arrays, the way LAION's training code leaves one: noted numbers beside a ``state_dict``."""
    kinds = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage"}
    entries = {
        prefix + key: tensor(str(number), value.shape, kind=kinds[str(value.dtype)])
        for number, (key, value) in enumerate(tensors.items())
    }
    storages = {str(number): np.ascontiguousarray(value).tobytes() for number, value in enumerate(tensors.values())}
    dtype = call(name("numpy", "dtype"), text("i8"), b"\x89", b"\x88") + group(whole(3), text("<")) + b"b"
    latin = call(name("_codecs", "encode"), text("-\0\0\0\0\0\0\0"), text("latin1"))
    noted = call(name("numpy.core.multiarray", "scalar"), dtype, latin)
    body = mapping({"epoch": noted, "name": text("a run"), inside: mapping(entries)} if inside else entries)
    return write_zip(path, pickled(body), storages)


def write_safetensors(path: Path, tensors: Mapping[str, np.ndarray]) -> Path:
    """A safetensors file, by the format's description."""
    header, at = {}, 0
    kinds = {"float32": "F32", "float16": "F16", "int64": "I64"}
    for key, value in tensors.items():
        header[key] = {"dtype": kinds[str(value.dtype)], "shape": value.shape, "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    packed = json.dumps(header).encode()
    body = b"".join(np.ascontiguousarray(value).tobytes() for value in tensors.values())
    path.write_bytes(struct.pack("<Q", len(packed)) + packed + body)
    return path


# ---------------------------------------------------------------- CLAP


def random_tower(architecture: Architecture, seed: int = 0) -> dict[str, np.ndarray]:
    """Random tensors by canonical name, of a size at which every part of the tower shapes the outcome."""
    draw = np.random.default_rng(seed)
    made = {}
    for key, shape in expected_shapes(architecture).items():
        values = draw.standard_normal(shape, dtype=np.float32)
        if key == "bn0.running_mean":
            values = 5 * values - 30
        elif key == "bn0.running_var":
            values = 100 + 200 * draw.random(shape, dtype=np.float32)
        elif key.endswith("bias_table"):
            pass
        elif key.endswith("bias"):
            values *= 0.1
        elif len(shape) == 1:
            values = 1 + 0.2 * values
        else:
            values /= np.sqrt(np.prod(shape[1:]))
        made[key] = values.astype(np.float32)
    return made


def laion_names(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """As LAION's files call them, with tensors of a text tower and classifier beside them."""
    named = {key if key.startswith("audio_projection.") else f"audio_branch.{key}": v for key, v in tensors.items()}
    named["audio_branch.bn0.num_batches_tracked"] = np.array(7, np.int64)
    named["text_branch.embeddings.position_ids"] = np.arange(8, dtype=np.int64)[None]
    named["text_branch.embeddings.word_embeddings.weight"] = np.ones((5, 4), np.float32)
    named["logit_scale_a"] = np.array(2.6, np.float32)
    return {f"module.{key}": value for key, value in named.items()}


def huggingface_names(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """As transformers' ClapModel calls them."""
    parts = {
        "norm1": "layernorm_before",
        "norm2": "layernorm_after",
        "attn.proj": "attention.output.dense",
        "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense",
    }
    named = {"text_model.embeddings.word_embeddings.weight": np.ones((5, 4), np.float32)}
    for key, value in tensors.items():
        if key.startswith("audio_projection."):
            named[key.replace(".0.", ".linear1.").replace(".2.", ".linear2.")] = value
            continue
        start = "audio_model.audio_encoder."
        if ".attn.qkv." in key:
            place, kind = key.split(".attn.qkv.")
            for side, rows in zip(("query", "key", "value"), np.split(value, 3), strict=True):
                named[f"{start}{place}.attention.self.{side}.{kind}"] = rows
            continue
        key = key.replace("bn0.", "batch_norm.").replace(".attn.relative", ".attention.self.relative")
        for ours, theirs in parts.items():
            if ".blocks." in key:
                key = key.replace(f".{ours}.", f".{theirs}.")
        named[start + key] = value
    return named


# ---------------------------------------------------------------- ImageBind


def put_imagebind(folder: Path, tensors: Mapping[str, np.ndarray], name: str = "small") -> Path:
    """Put a tower of any size into a model folder: `models add` takes none but the published one."""
    from amc_otio.models.imagebind_graph import build
    from amc_otio.models.store import described, write_manifest
    from amc_otio.representations.imagebind import DIMENSION, KIND, LICENCE
    from amc_otio.representations.model_files import FORMAT, VERSION, Manifest, StoredFile, Verification

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    path.write_bytes(build(tensors).SerializeToString(deterministic=True))
    source = StoredFile(f"{name}.pth", 0, "")
    manifest = Manifest(
        FORMAT, VERSION, KIND, name, "a small tower", DIMENSION, 0, source, "imagebind", LICENCE, "",
        described(path), None, Verification("", 0, 0.0), {}, {},
    )  # fmt: skip
    write_manifest(folder, manifest)
    return path


def damaged_sum(path: Path, entry: str) -> None:
    """Flip a byte of a stored entry."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(entry)
    data = bytearray(path.read_bytes())
    at = info.header_offset + 30 + len(info.filename) + 4
    data[at] ^= 0xFF
    assert zlib.crc32(bytes(data)) != 0
    path.write_bytes(bytes(data))
