"""The kinds of checkpoint that can be added: how each is told, converted and judged. A new kind is one more entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import AmcError, RepresentationError
from amc_otio.models.checkpoint_file import Checkpoint

if TYPE_CHECKING:
    import onnx

    from amc_otio.representations.base import Representation

Embed = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Windows of one second, at the rate of the representation that runs the model, to unit vectors."""


@dataclass(frozen=True)
class Converted:
    """What became of a checkpoint.

    Attributes
    ----------
    model
        The ONNX graph.
    architecture, layout
        For the manifest.
    dimension, feature_dimension
        Of its vectors, after and before the projection (0 where there is none).
    projection
        Tensors of the projection (``"0.weight"``, ``"0.bias"``, …), or none.
    reference
        Makes its authors' own code with the same tensors; ``None`` where there is none to compare with.
    described
        Versions of that code.
    licence
        Of every checkpoint of this kind; an empty text where that depends on the checkpoint.
    """

    model: onnx.ModelProto
    architecture: str
    layout: str
    dimension: int
    feature_dimension: int
    projection: Mapping[str, NDArray[np.float32]]
    reference: Callable[[], Embed] | None
    described: Callable[[], str]
    licence: str = ""


@dataclass(frozen=True)
class Kind:
    """One kind of checkpoint.

    Attributes
    ----------
    name
        The representation that runs it.
    recognise
        Whether a checkpoint's tensor names are of this kind.
    convert
        Reads and checks every tensor, and builds the graph.
    representation
        Runs the converted file at a path, on so many threads.
    """

    name: str
    recognise: Callable[[Checkpoint], bool]
    convert: Callable[[Checkpoint], Converted]
    representation: Callable[[Path, int | None], Representation]


def _is_clap(checkpoint: Checkpoint) -> bool:
    from amc_otio.models.clap_checkpoint import layout

    return bool(layout(checkpoint))


def _convert_clap(checkpoint: Checkpoint) -> Converted:
    from amc_otio.models import clap_checkpoint, htsat_graph, laion_reference

    tensors, architecture = clap_checkpoint.canonical(checkpoint)
    size = clap_checkpoint.size_of(architecture)
    prefix = "audio_projection."
    projection = {
        f"{layer}.{part}": tensors[f"{prefix}{number}.{part}"]
        for layer, number in enumerate((0, 2))
        for part in ("weight", "bias")
    }
    return Converted(
        model=htsat_graph.build(tensors, architecture),
        architecture=f"HTSAT-{size}" if size else f"HTSAT of width {architecture.width}, depths {architecture.depths}",
        layout=clap_checkpoint.layout(checkpoint),
        dimension=clap_checkpoint.EMBEDDING,
        feature_dimension=architecture.features,
        projection=projection,
        reference=(lambda: laion_reference.LaionReference(tensors, size)) if size else None,
        described=laion_reference.described,
    )


def _run_clap(path: Path, threads: int | None) -> Representation:
    from amc_otio.representations.clap import ClapRepresentation

    return ClapRepresentation(threads, path)


def _is_imagebind(checkpoint: Checkpoint) -> bool:
    from amc_otio.models.imagebind_checkpoint import TRUNK

    return any(name.startswith(TRUNK) for name in checkpoint)


def _convert_imagebind(checkpoint: Checkpoint) -> Converted:
    from amc_otio.models import imagebind_checkpoint, imagebind_graph, imagebind_reference
    from amc_otio.representations.imagebind import DIMENSION, LICENCE

    tensors = imagebind_checkpoint.canonical(checkpoint, checkpoint.path)
    return Converted(
        model=imagebind_graph.build(tensors),
        architecture="ImageBind huge, audio tower",
        layout="imagebind",
        dimension=DIMENSION,
        feature_dimension=0,
        projection={},
        reference=lambda: imagebind_reference.ImageBindReference(tensors),
        described=imagebind_reference.described,
        licence=LICENCE,
    )


def _run_imagebind(path: Path, threads: int | None) -> Representation:
    from amc_otio.representations.imagebind import ImageBindRepresentation

    return ImageBindRepresentation(threads, path)


KINDS: Final[tuple[Kind, ...]] = (
    Kind("clap", _is_clap, _convert_clap, _run_clap),
    Kind("imagebind", _is_imagebind, _convert_imagebind, _run_imagebind),
)


def recognise(checkpoint: Checkpoint) -> Kind:
    """The kind of a checkpoint.

    Raises
    ------
    RepresentationError
        When it is none of those that are known.
    """
    for kind in KINDS:
        if kind.recognise(checkpoint):
            return kind
    raise RepresentationError(
        checkpoint.path,
        f"holds {len(checkpoint)} tensors, but of no model that is known here",
        "'amc-otio models' lists the checkpoints that can be added",
    )


def need_onnx() -> None:
    """Say at once when the package that builds graphs is missing.

    Raises
    ------
    AmcError
    """
    try:
        import_module("onnx")
    except ImportError as error:
        raise AmcError(
            "onnx", f"cannot be loaded ({error}), and converting a checkpoint needs it", "pip install onnx"
        ) from error
