"""ImageBind's audio tower twice more: written down in plain torch, and Meta's own code where it is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np


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


@contextmanager
def _modules(**stand_ins: ModuleType):
    """These modules in sys.modules for a while, and nothing left behind of what was imported meanwhile."""
    before = dict(sys.modules)
    sys.modules.update({name.replace("__", "."): module for name, module in stand_ins.items()})
    try:
        yield
    finally:
        for name in set(sys.modules) - set(before):
            if name.split(".")[0] in {stand_in.split("__")[0] for stand_in in stand_ins}:
                del sys.modules[name]
        sys.modules.update({name: before[name] for name in before if sys.modules.get(name) is not before[name]})


def _bare(name: str, folder: Path | None = None, **attributes: Any) -> ModuleType:
    module = ModuleType(name)
    if folder is not None:
        module.__path__ = [str(folder)]
    for key, value in attributes.items():
        setattr(module, key, value)
    return module


def meta_code() -> ModuleType | None:
    """``imagebind.models.imagebind_model`` of an installed ImageBind, or None.

    Its package's top imports torchaudio, pytorchvideo and torchvision, which the tower does not need: its models are
    loaded from a bare package. Of timm, ftfy, regex and iopath only names are needed while it is imported and built.
    """
    spec = find_spec("imagebind")
    if spec is None or not spec.submodule_search_locations or find_spec("einops") is None:
        return None
    import torch

    folder = Path(next(iter(spec.submodule_search_locations)))

    class DropPath(torch.nn.Identity):
        """Does nothing outside training."""

        def __init__(self, rate: float) -> None:
            super().__init__()

    with _modules(
        imagebind=_bare("imagebind", folder),
        timm=_bare("timm", Path("/nowhere")),
        timm__layers=_bare("timm.layers", DropPath=DropPath, trunc_normal_=torch.nn.init.trunc_normal_),
        ftfy=_bare("ftfy"),
        regex=_bare("regex"),
        iopath=_bare("iopath", Path("/nowhere")),
        iopath__common=_bare("iopath.common", Path("/nowhere")),
        iopath__common__file_io=_bare("iopath.common.file_io", g_pathmgr=None),
    ):
        return import_module("imagebind.models.imagebind_model")


def meta_tower(code: ModuleType, tensors: dict[str, np.ndarray], picture: np.ndarray) -> np.ndarray:
    """What Meta's own model gives for sound: the huge audio tower, the other modalities as small as they go."""
    import torch

    model = code.ImageBindModel(
        vision_embed_dim=16, vision_num_blocks=1, vision_num_heads=1, text_embed_dim=16, text_num_blocks=1,
        text_num_heads=1, depth_embed_dim=16, depth_num_blocks=1, depth_num_heads=1, thermal_embed_dim=16,
        thermal_num_blocks=1, thermal_num_heads=1, imu_embed_dim=16, imu_num_blocks=1, imu_num_heads=1,
        out_embed_dim=1024, audio_drop_path=0.1, imu_drop_path=0.7,
    )  # fmt: skip
    wanted = {name for name in model.state_dict() if name.split(".")[1] == "audio"}
    assert wanted == set(tensors)
    left = model.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()}, strict=False)
    assert not left.unexpected_keys and not wanted & set(left.missing_keys)
    with torch.inference_mode():
        return model.eval()({"audio": torch.from_numpy(picture)})["audio"].numpy()


def torchaudio_kaldi() -> ModuleType | None:
    """``torchaudio.compliance.kaldi`` alone: plain torch, even where torchaudio's own library does not load."""
    spec = find_spec("torchaudio")
    if spec is None or not spec.submodule_search_locations or find_spec("torch") is None:
        return None
    file = Path(next(iter(spec.submodule_search_locations))) / "compliance" / "kaldi.py"
    own = spec_from_file_location("torchaudio_compliance_kaldi", file)
    if own is None or own.loader is None or not file.is_file():
        return None
    module = module_from_spec(own)
    with _modules(torchaudio=_bare("torchaudio")):
        own.loader.exec_module(module)
    return module
