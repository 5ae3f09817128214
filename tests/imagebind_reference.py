"""ImageBind's audio tower once more, written down in plain torch, and torchaudio's log-mel where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from amc_otio.models.stand_ins import bare, import_among, package_folder


def random_tensors(
    seed: int = 0, width: int = 768, blocks: int = 12, hidden: int = 3072, dimension: int = 1024
) -> dict[str, np.ndarray]:
    """An audio tower by its published names; everything is random, gains near one, nothing zero.

    Weights are scaled such that attention is neither flat nor a single token's, so that each part tells in the result.
    """
    draw = np.random.default_rng(seed)

    def normal(*shape: int, scale: float) -> np.ndarray:
        return draw.standard_normal(shape, dtype=np.float32) * np.float32(scale)

    def affine(name: str, out: int, into: int, gain: float = 1.0) -> dict[str, np.ndarray]:
        return {f"{name}weight": normal(out, into, scale=gain / into**0.5), f"{name}bias": normal(out, scale=0.3)}

    def norm(name: str) -> dict[str, np.ndarray]:
        return {f"{name}weight": 1 + normal(width, scale=0.3), f"{name}bias": normal(width, scale=0.3)}

    stem, head = "modality_preprocessors.audio.", "modality_heads.audio."
    tensors = {
        f"{stem}cls_token": normal(1, 1, width, scale=1.0),
        f"{stem}pos_embedding_helper.pos_embed": normal(1, 229, width, scale=0.5),
        f"{stem}rgbt_stem.proj.weight": normal(width, 1, 16, 16, scale=1 / 16),
        **norm(f"{stem}rgbt_stem.norm_layer."),
        **norm(f"{head}0."),
        f"{head}2.weight": normal(dimension, width, scale=width**-0.5),
        "modality_postprocessors.audio.1.log_logit_scale": np.array(np.log(20.0), np.float32),
    }
    for block in range(blocks):
        name = f"modality_trunks.audio.blocks.{block}."
        attention = affine(f"{name}attn.in_proj_", 3 * width, width, gain=1.5)
        tensors |= {
            **norm(f"{name}norm_1."),
            **attention,
            f"{name}attn.bias_k": normal(1, 1, width, scale=4.0),
            f"{name}attn.bias_v": normal(1, 1, width, scale=4.0),
            **affine(f"{name}attn.out_proj.", width, width),
            **norm(f"{name}norm_2."),
            **affine(f"{name}mlp.fc1.", hidden, width),
            **affine(f"{name}mlp.fc2.", width, hidden),
        }
    return tensors


def plain_network(tensors: dict[str, np.ndarray], double: bool = True) -> Callable[[np.ndarray], np.ndarray]:
    """The published architecture from torch's own layers: (n, 1, 128, 204) to (n, dimension), in double precision."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    kind = torch.float64 if double else torch.float32
    values = {name: torch.from_numpy(np.array(value)).to(kind) for name, value in tensors.items()}
    attentions: list[nn.MultiheadAttention] = []
    while (prefix := f"modality_trunks.audio.blocks.{len(attentions)}.attn.") + "bias_k" in values:
        own = {key[len(prefix) :]: value for key, value in values.items() if key.startswith(prefix)}
        width = own["bias_k"].shape[-1]
        attention = nn.MultiheadAttention(width, width // 64, add_bias_kv=True, batch_first=True, dtype=kind)
        attention.load_state_dict(own)
        attentions.append(attention.eval())

    def norm(x: Any, name: str, eps: float) -> Any:
        return F.layer_norm(x, x.shape[-1:], values[f"{name}.weight"], values[f"{name}.bias"], eps)

    def linear(x: Any, name: str) -> Any:
        return F.linear(x, values[f"{name}.weight"], values.get(f"{name}.bias"))

    stem, head = "modality_preprocessors.audio", "modality_heads.audio"

    def run(picture: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            maps = F.conv2d(torch.from_numpy(picture).to(kind), values[f"{stem}.rgbt_stem.proj.weight"], stride=10)
            x = norm(maps.flatten(2).transpose(1, 2), f"{stem}.rgbt_stem.norm_layer", 1e-5)
            x = torch.cat([values[f"{stem}.cls_token"].expand(len(x), 1, -1), x], dim=1)
            x = x + values[f"{stem}.pos_embedding_helper.pos_embed"]
            for block, attention in enumerate(attentions):
                name = f"modality_trunks.audio.blocks.{block}."
                y = norm(x, f"{name}norm_1", 1e-6)
                x = x + attention(y, y, y, need_weights=False)[0]
                x = x + linear(F.gelu(linear(norm(x, f"{name}norm_2", 1e-6), f"{name}mlp.fc1")), f"{name}mlp.fc2")
            made: np.ndarray = linear(norm(x, f"{head}.0", 1e-6)[:, 0], f"{head}.2").numpy()
        return made

    return run


def torchaudio_kaldi() -> ModuleType | None:
    """``torchaudio.compliance.kaldi`` alone: plain torch, even where torchaudio's own library does not load."""
    folder = package_folder("torchaudio")
    if folder is None or package_folder("torch") is None:
        return None
    stand_ins = {"torchaudio": bare("torchaudio"), "torchaudio.compliance": bare("c", folder / "compliance")}
    return import_among("torchaudio.compliance.kaldi", stand_ins)
