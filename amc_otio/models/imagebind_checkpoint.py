"""The tensors of ImageBind's audio tower, as published, checked.

ImageBind (huge): Girdhar et al., "ImageBind: One Embedding Space To Bind Them All" (CVPR 2023), published by Meta as
``imagebind_huge.pth``. Its licence forbids commercial use; see `amc_otio.representations.imagebind.LICENCE`.

The audio tower is a ViT-B/16 over a log-mel picture of 128 bands and 204 frames (two seconds): patches of 16 x 16 at a
step of 10, 12 x 19 of them and a class token, 12 blocks of width 768 whose attention has one learned extra key and
value, and a projection of the class token to 1,024 dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import RepresentationError
from amc_otio.models.checkpoint_file import Checkpoint
from amc_otio.representations.imagebind import BANDS, DIMENSION, FRAMES

PATCH, STRIDE = 16, 10
PATCHES = ((BANDS - PATCH) // STRIDE + 1) * ((FRAMES - PATCH) // STRIDE + 1)
"""228, row by row: 12 in frequency by 19 in time."""
WIDTH, HIDDEN, BLOCKS = 768, 3072, 12
HEAD_WIDTH = 64

STEM = "modality_preprocessors.audio."
TRUNK = "modality_trunks.audio."
HEAD = "modality_heads.audio."
SCALE = "modality_postprocessors.audio.1.log_logit_scale"
"""A factor on the unit vector, for training; it changes no direction and is left out."""
_AUDIO = (STEM, TRUNK, HEAD, "modality_postprocessors.audio.")
_REMEDY = "the file has to be Meta's imagebind_huge.pth, unchanged"


def shapes() -> dict[str, tuple[int, ...]]:
    """Names of the audio tower's tensors as published, in the order of the computation, and their shapes."""
    found: dict[str, tuple[int, ...]] = {
        f"{STEM}rgbt_stem.proj.weight": (WIDTH, 1, PATCH, PATCH),
        f"{STEM}rgbt_stem.norm_layer.weight": (WIDTH,),
        f"{STEM}rgbt_stem.norm_layer.bias": (WIDTH,),
        f"{STEM}cls_token": (1, 1, WIDTH),
        f"{STEM}pos_embedding_helper.pos_embed": (1, PATCHES + 1, WIDTH),
    }
    for block in range(BLOCKS):
        name = f"{TRUNK}blocks.{block}."
        found |= {
            f"{name}norm_1.weight": (WIDTH,),
            f"{name}norm_1.bias": (WIDTH,),
            f"{name}attn.in_proj_weight": (3 * WIDTH, WIDTH),
            f"{name}attn.in_proj_bias": (3 * WIDTH,),
            f"{name}attn.bias_k": (1, 1, WIDTH),
            f"{name}attn.bias_v": (1, 1, WIDTH),
            f"{name}attn.out_proj.weight": (WIDTH, WIDTH),
            f"{name}attn.out_proj.bias": (WIDTH,),
            f"{name}norm_2.weight": (WIDTH,),
            f"{name}norm_2.bias": (WIDTH,),
            f"{name}mlp.fc1.weight": (HIDDEN, WIDTH),
            f"{name}mlp.fc1.bias": (HIDDEN,),
            f"{name}mlp.fc2.weight": (WIDTH, HIDDEN),
            f"{name}mlp.fc2.bias": (WIDTH,),
        }
    return found | {
        f"{HEAD}0.weight": (WIDTH,),
        f"{HEAD}0.bias": (WIDTH,),
        f"{HEAD}2.weight": (DIMENSION, WIDTH),
    }


def canonical(
    tensors: Mapping[str, Any] | Checkpoint, source: object = "imagebind weights"
) -> dict[str, NDArray[np.float32]]:
    """Take the audio tower out of ImageBind's tensors and check it.

    Parameters
    ----------
    tensors
        Arrays by their published names. It may be lazy: only names of the audio tower are looked up, one at a time.
        Where it has a method ``shape(name)``, as an `amc_otio.models.checkpoint_file.Checkpoint` has, no tensor of
        another shape is read.
    source
        Where they come from, for the messages.

    Returns
    -------
    dict of str to numpy.ndarray
        Exactly the tensors of `shapes`, float32, finite. The logit scale is left out.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When there is no audio tower, a name is missing or unknown, a shape or type is another one, or a value is not
        finite.
    """
    names = [name for name in tensors if isinstance(name, str) and name.startswith(_AUDIO)]
    if not names:
        raise RepresentationError(source, f"holds no audio tower of ImageBind (nothing is named {TRUNK}…)", _REMEDY)
    wanted = shapes()
    for what, some in (
        ("lacks", [name for name in wanted if name not in names]),
        ("has an unknown", [name for name in names if name not in wanted and name != SCALE]),
    ):
        if some:
            more = f" and {len(some) - 1} more" if len(some) > 1 else ""
            reason = f"is not the audio tower of ImageBind (huge): it {what} {some[0]}{more}"
            raise RepresentationError(source, reason, _REMEDY)
    shape_of = getattr(tensors, "shape", lambda name: getattr(tensors[name], "shape", ()))
    for name, shape in wanted.items():
        found = tuple(shape_of(name))
        if found != shape:
            reason = f"is not the audio tower of ImageBind (huge): {name} has the shape {found}, not {shape}"
            raise RepresentationError(source, reason, _REMEDY)
    return {name: _checked(name, tensors[name], source) for name in wanted}


def _checked(name: str, value: Any, source: object) -> NDArray[np.float32]:
    """One tensor as float32, or what is wrong with it."""
    array = np.asarray(value)
    if array.dtype.kind != "f":
        raise RepresentationError(source, f"{name} is of type {array.dtype}, not floating point", _REMEDY)
    with np.errstate(over="ignore"):
        weights = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(weights).all():
        raise RepresentationError(source, f"{name} holds values that are not finite", "get the file again")
    return weights
