"""The audio tower of a LAION-CLAP checkpoint under one set of names, every tensor checked.

LAION's own files keep it under ``audio_branch.`` and ``audio_projection.``, Hugging Face's under
``audio_model.audio_encoder.`` with the query, key and value apart. The text tower is passed over. The canonical names
are LAION's without ``audio_branch.``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from amc_otio.models.checkpoint_file import Checkpoint
from amc_otio.models.htsat_graph import EPSILON, PATCH, SIDE, Architecture
from amc_otio.models.torch_file import CheckpointError
from amc_otio.representations import clap_mel
from amc_otio.representations.spectral import mel_filters

EMBEDDING = 512
_REMEDY = "give an unfused LAION-CLAP checkpoint, such as 630k-audioset-best.pt (amc-otio models lists them)"
_SIZES: dict[tuple[int, tuple[int, ...]], str] = {
    (96, (2, 2, 6, 2)): "tiny",
    (128, (2, 2, 12, 2)): "base",
    (256, (2, 2, 12, 2)): "large",
}
_MOST_BLOCKS = 64

_HF_BLOCK = {
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "attention.output.dense": "attn.proj",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
}


def layout(names: Iterable[str]) -> str:
    """``"laion"``, ``"huggingface"``, or an empty text when it is no CLAP checkpoint."""
    held = {name.removeprefix("module.") for name in names}
    if any(name.startswith("audio_branch.layers.") for name in held):
        return "laion"
    if any(name.startswith("audio_model.audio_encoder.layers.") for name in held):
        return "huggingface"
    return ""


def _sources(checkpoint: Checkpoint) -> dict[str, tuple[str, ...]]:
    """Canonical name -> names in the file; the query, key and value of Hugging Face's layout become one."""
    found: dict[str, tuple[str, ...]] = {}
    for name in checkpoint:
        bare = name.removeprefix("module.")
        if bare.startswith("audio_branch."):
            found[bare.removeprefix("audio_branch.")] = (name,)
        elif bare.startswith("audio_projection."):
            found[bare.replace(".linear1.", ".0.").replace(".linear2.", ".2.")] = (name,)
        elif bare.startswith("audio_model.audio_encoder."):
            found.update(_from_huggingface(name, bare.removeprefix("audio_model.audio_encoder."), checkpoint))
    return found


def _from_huggingface(name: str, inner: str, checkpoint: Checkpoint) -> dict[str, tuple[str, ...]]:
    block = re.fullmatch(r"(layers\.\d+\.blocks\.\d+)\.(.+)\.(weight|bias)", inner)
    if block is None:
        if inner.endswith(".attention.self.relative_position_bias_table"):
            return {inner.replace(".attention.self.", ".attn."): (name,)}
        return {inner.replace("batch_norm.", "bn0."): (name,)}
    place, part, kind = block.groups()
    if part == "attention.self.query":
        start = name.removesuffix(f"query.{kind}")
        three = tuple(f"{start}{side}.{kind}" for side in ("query", "key", "value"))
        return {f"{place}.attn.qkv.{kind}": three} if all(side in checkpoint for side in three) else {}
    if part in ("attention.self.key", "attention.self.value"):
        return {}
    return {f"{place}.{_HF_BLOCK.get(part, part)}.{kind}": (name,)}


def architecture_of(tensors: dict[str, tuple[int, ...]]) -> Architecture:
    """What the shapes of the canonical tensors say.

    Raises
    ------
    ValueError
        When they are not those of an HTS-AT tower.
    """
    depths: list[int] = []
    for stage in range(4):
        blocks = 0
        while f"layers.{stage}.blocks.{blocks}.attn.qkv.weight" in tensors and blocks < _MOST_BLOCKS:
            blocks += 1
        depths.append(blocks)
    if not all(depths):
        raise ValueError("its tower does not have four stages")
    width = tensors.get("patch_embed.proj.weight", (0,))[0]
    tables = [tensors.get(f"layers.{stage}.blocks.0.attn.relative_position_bias_table", ()) for stage in range(4)]
    if not all(len(table) == 2 and 0 < table[1] <= 1024 for table in tables) or not 0 < width <= 1024:
        raise ValueError("its attention has no relative position bias")
    window = (math.isqrt(tables[0][0]) + 1) // 2
    heads = tuple(table[1] for table in tables)
    if (2 * window - 1) ** 2 != tables[0][0] or window < 2 or (SIDE // PATCH) % window or window > 8:
        raise ValueError(f"a relative position table of {tables[0][0]} rows is of no window that fits")
    if any((width * 2**stage) % count for stage, count in enumerate(heads)):
        raise ValueError("its heads do not divide its channels")
    return Architecture(width, tuple(depths), heads, window)


def size_of(architecture: Architecture) -> str:
    """``"tiny"``, ``"base"`` or ``"large"`` as laion-clap calls it, or an empty text."""
    return _SIZES.get((architecture.width, architecture.depths), "") if architecture.window == 8 else ""


def expected_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Every tensor of the tower and the projection that the graph needs, and its shape."""
    width, bands = architecture.width, clap_mel.MEL_BANDS
    shapes: dict[str, tuple[int, ...]] = {
        **{f"bn0.{part}": (bands,) for part in ("weight", "bias", "running_mean", "running_var")},
        "patch_embed.proj.weight": (width, 1, PATCH, PATCH),
        "patch_embed.proj.bias": (width,),
        **{f"patch_embed.norm.{part}": (width,) for part in ("weight", "bias")},
        **{f"norm.{part}": (architecture.features,) for part in ("weight", "bias")},
        "audio_projection.0.weight": (EMBEDDING, architecture.features),
        "audio_projection.0.bias": (EMBEDDING,),
        "audio_projection.2.weight": (EMBEDDING, EMBEDDING),
        "audio_projection.2.bias": (EMBEDDING,),
    }
    table = (2 * architecture.window - 1) ** 2
    for stage, (depth, heads) in enumerate(zip(architecture.depths, architecture.heads, strict=True)):
        c = width * 2**stage
        for block in range(depth):
            name = f"layers.{stage}.blocks.{block}"
            shapes[f"{name}.attn.relative_position_bias_table"] = (table, heads)
            for part, (rows, columns) in {
                "attn.qkv": (3 * c, c),
                "attn.proj": (c, c),
                "mlp.fc1": (4 * c, c),
                "mlp.fc2": (c, 4 * c),
            }.items():
                shapes[f"{name}.{part}.weight"], shapes[f"{name}.{part}.bias"] = (rows, columns), (rows,)
            for part in ("norm1", "norm2"):
                shapes[f"{name}.{part}.weight"] = shapes[f"{name}.{part}.bias"] = (c,)
        if stage < 3:
            shapes[f"layers.{stage}.downsample.norm.weight"] = (4 * c,)
            shapes[f"layers.{stage}.downsample.norm.bias"] = (4 * c,)
            shapes[f"layers.{stage}.downsample.reduction.weight"] = (2 * c, 4 * c)
    return shapes


def canonical(checkpoint: Checkpoint) -> tuple[dict[str, NDArray[np.float32]], Architecture]:
    """Read the tower and the projection.

    Parameters
    ----------
    checkpoint
        An opened file.

    Returns
    -------
    tensors, Architecture
        float32 arrays by canonical name, exactly those that the graph needs; what their shapes say.

    Raises
    ------
    CheckpointError
        When it is no CLAP checkpoint, one with fusion, or when a tensor is missing, of a wrong shape or not finite.
    """
    if not layout(checkpoint):
        raise CheckpointError(checkpoint.path, "is no LAION-CLAP checkpoint", _REMEDY)
    sources = _sources(checkpoint)
    if any(".mel_conv" in f".{name}" or ".fusion_model." in f".{name}" for name in sources):
        raise CheckpointError(
            checkpoint.path,
            "is a fusion checkpoint: its tower also takes four views of sounds longer than ten seconds, which a window "
            "of one second never is",
            _REMEDY,
        )
    shapes = {name: _shape(checkpoint, names) for name, names in sources.items()}
    try:
        architecture = architecture_of(shapes)
    except ValueError as error:
        raise CheckpointError(checkpoint.path, f"is of a kind that is not known here: {error}", _REMEDY) from error
    expected = expected_shapes(architecture)
    for name, shape in expected.items():
        if name not in shapes:
            raise CheckpointError(
                checkpoint.path, f"lacks {name}", "the file is damaged or of another model; get it again"
            )
        if shapes[name] != shape:
            raise CheckpointError(checkpoint.path, f"{name} has the shape {shapes[name]} instead of {shape}", _REMEDY)
    extra = {name for name in shapes if name.startswith("layers.") and name.endswith((".weight", "table"))} - set(
        expected
    )
    if extra:
        raise CheckpointError(checkpoint.path, f"has {min(extra)}, which no HTS-AT tower has", _REMEDY)
    _check_mel(checkpoint, sources)
    tensors: dict[str, NDArray[np.float32]] = {}
    for name in expected:
        values = [np.asarray(checkpoint[part], dtype=np.float32) for part in sources[name]]
        tensors[name] = np.concatenate(values) if len(values) > 1 else values[0]
        if not bool(np.isfinite(tensors[name]).all()):
            raise CheckpointError(checkpoint.path, f"{name} holds values that are no numbers", "get the file again")
    if float(tensors["bn0.running_var"].min()) + EPSILON <= 0.0:
        raise CheckpointError(checkpoint.path, "bn0.running_var is negative", "get the file again")
    return tensors, architecture


def _shape(checkpoint: Checkpoint, names: tuple[str, ...]) -> tuple[int, ...]:
    """Shape of a tensor, or of three joined along the first axis."""
    shapes = [checkpoint.shape(name) for name in names]
    if len(shapes) == 1:
        return shapes[0]
    same = len({shape[1:] for shape in shapes}) == 1 and all(shapes)
    return (sum(shape[0] for shape in shapes), *shapes[0][1:]) if same else ()


def _check_mel(checkpoint: Checkpoint, sources: dict[str, tuple[str, ...]]) -> None:
    """LAION's files keep the mel filters that the model was trained with: they must be the ones used here."""
    if "logmel_extractor.melW" not in sources:
        return
    held = checkpoint[sources["logmel_extractor.melW"][0]]
    ours = mel_filters(clap_mel.SAMPLE_RATE, clap_mel.N_FFT, clap_mel.MEL_BANDS, clap_mel.FMIN, clap_mel.FMAX).T
    if held.shape != ours.shape or not bool(np.allclose(held, ours, rtol=1e-3, atol=1e-6)):
        raise CheckpointError(checkpoint.path, "was trained on another spectrogram (its mel filters differ)", _REMEDY)
