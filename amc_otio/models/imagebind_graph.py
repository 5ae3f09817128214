"""ImageBind's audio tower as an ONNX graph, written node by node: no torch is needed to make it or to run it.

Equal to the published model up to rounding. Three things are done differently, each exactly: the attention's scale
(1/8) is multiplied into the query's weights; the extra key and value are appended together; and the last block is
computed for the class token alone, since the head reads nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import RepresentationError
from amc_otio.models.imagebind_checkpoint import HEAD, HEAD_WIDTH, PATCH, STEM, STRIDE, TRUNK
from amc_otio.representations.imagebind import BANDS, FRAMES, INPUT, LICENCE, OUTPUT

if TYPE_CHECKING:
    import onnx

OPSET, IR_VERSION = 17, 8
"""The oldest operator set with LayerNormalization; every onnxruntime that the project allows reads it."""
STEM_EPSILON = 1e-5
"""The stem's norm was built with torch's default,"""
EPSILON = 1e-6
"""all others with this."""


def build(tensors: Mapping[str, NDArray[np.float32]]) -> onnx.ModelProto:
    """The audio tower as a model.

    Parameters
    ----------
    tensors
        What `amc_otio.models.imagebind_checkpoint.canonical` gives. Width, blocks and output size are read off the
        shapes, so that a smaller tower of the same make can be built too.

    Returns
    -------
    onnx.ModelProto
        Input ``log_mel``, shape ``(n, 1, 128, 204)``, float32; output ``embedding``, shape ``(n, 1024)``, float32, not
        of unit length yet. Its metadata give the licence.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When the onnx package is not installed.
    """
    try:
        import onnx
        from onnx import TensorProto, helper
    except ImportError as error:
        raise RepresentationError(
            "imagebind", f"the weights cannot be converted ({error})", "pip install 'amc-otio[imagebind]'"
        ) from error

    graph = _Graph()
    tokens = _stem(graph, tensors)
    blocks = 0
    while f"{TRUNK}blocks.{blocks}.attn.bias_k" in tensors:
        blocks += 1
    for block in range(blocks):
        tokens = _block(graph, tensors, block, tokens, last=block == blocks - 1)
    normed = graph.norm("head_norm", tokens, tensors, f"{HEAD}0", EPSILON)
    projected = graph.matmul("head", normed, tensors[f"{HEAD}2.weight"])
    graph.node("Squeeze", [projected, graph.integers("token_axis", [1])], OUTPUT)

    dimension = len(tensors[f"{HEAD}2.weight"])
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "imagebind-audio",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", 1, BANDS, FRAMES])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", dimension])],
            list(graph.constants.values()),
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="amc-otio",
        doc_string=f"Audio tower of ImageBind (huge) by Meta; {LICENCE}. Changed: converted to ONNX.",
    )
    helper.set_model_props(model, {"licence": LICENCE})
    onnx.checker.check_model(model)
    return model


class _Graph:
    """Nodes and constants as they come; each method returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def integers(self, name: str, values: list[int]) -> str:
        return self.constant(name, np.array(values, np.int64))

    def number(self, name: str, value: float) -> str:
        return self.constant(name, np.array(value, np.float32))

    def matmul(self, name: str, x: str, weights: NDArray[np.float32], bias: NDArray[np.float32] | None = None) -> str:
        """``x W' + b``, with the weights stored the way torch does: (out, in)."""
        product = self.node("MatMul", [x, self.constant(f"{name}_weights", weights.T)], f"{name}_product")
        if bias is None:
            return product
        return self.node("Add", [product, self.constant(f"{name}_bias", bias)], f"{name}_sum")

    def norm(self, name: str, x: str, tensors: Mapping[str, NDArray[np.float32]], source: str, epsilon: float) -> str:
        inputs = [
            x,
            self.constant(f"{name}_gain", tensors[f"{source}.weight"]),
            self.constant(f"{name}_bias", tensors[f"{source}.bias"]),
        ]
        return self.node("LayerNormalization", inputs, name, axis=-1, epsilon=epsilon)

    def gelu(self, name: str, x: str) -> str:
        """The exact one, by the error function; onnxruntime fuses these nodes into one."""
        scaled = self.node("Div", [x, self.number("root_two", np.sqrt(2.0))], f"{name}_scaled")
        erf = self.node("Erf", [scaled], f"{name}_erf")
        share = self.node("Add", [erf, self.number("one", 1.0)], f"{name}_share")
        twice = self.node("Mul", [x, share], f"{name}_twice")
        return self.node("Mul", [twice, self.number("half", 0.5)], f"{name}_out")

    def for_each_window(self, name: str, value: NDArray[np.float32]) -> str:
        """A constant of shape (1, 1, width), once for each window of the batch: (n, 1, width)."""
        batch = "windows"
        if all(node.name != batch for node in self.nodes):
            self.node("Shape", [INPUT], batch, start=0, end=1)
        tail = self.integers(f"one_of_{value.shape[-1]}", [1, value.shape[-1]])
        shape = self.node("Concat", [batch, tail], f"{name}_shape", axis=0)
        return self.node("Expand", [self.constant(f"{name}_values", value), shape], name)

    def heads(self, name: str, x: str, perm: list[int]) -> str:
        """(n, tokens, width) to heads, in the order `perm` of (n, tokens, head, 64)."""
        split = self.node("Reshape", [x, self.integers("to_heads", [0, 0, -1, HEAD_WIDTH])], f"{name}_heads")
        return self.node("Transpose", [split], name, perm=perm)


def _stem(graph: _Graph, tensors: Mapping[str, NDArray[np.float32]]) -> str:
    """The picture to tokens: (n, 1 + patches, width), the class token first."""
    kernel = graph.constant("stem_weights", tensors[f"{STEM}rgbt_stem.proj.weight"])
    patches = graph.node("Conv", [INPUT, kernel], "stem", kernel_shape=[PATCH, PATCH], strides=[STRIDE, STRIDE])
    flat = graph.node("Reshape", [patches, graph.integers("to_tokens", [0, 0, -1])], "stem_flat")
    tokens = graph.node("Transpose", [flat], "stem_tokens", perm=[0, 2, 1])
    normed = graph.norm("stem_norm", tokens, tensors, f"{STEM}rgbt_stem.norm_layer", STEM_EPSILON)
    class_token = graph.for_each_window("class_token", tensors[f"{STEM}cls_token"])
    together = graph.node("Concat", [class_token, normed], "tokens_unplaced", axis=1)
    places = graph.constant("places", tensors[f"{STEM}pos_embedding_helper.pos_embed"])
    return graph.node("Add", [together, places], "tokens")


def _block(graph: _Graph, tensors: Mapping[str, NDArray[np.float32]], block: int, tokens: str, *, last: bool) -> str:
    """One pre-norm transformer block; of the last one only the class token's row: (n, 1, width)."""
    name, source = f"block{block}", f"{TRUNK}blocks.{block}."
    normed = graph.norm(f"{name}_norm1", tokens, tensors, f"{source}norm_1", EPSILON)
    queries = normed
    if last:
        queries, tokens = (
            graph.node(
                "Slice",
                [x, graph.integers("first", [0]), graph.integers("second", [1]), graph.integers("token_axis", [1])],
                f"{x}_of_class",
            )
            for x in (normed, tokens)
        )
    weights, bias = tensors[f"{source}attn.in_proj_weight"], tensors[f"{source}attn.in_proj_bias"]
    width = weights.shape[1]
    scale = np.float32(HEAD_WIDTH**-0.5)  # 1/8: exact in binary
    q = graph.matmul(f"{name}_q", queries, weights[:width] * scale, bias[:width] * scale)
    kv = graph.matmul(f"{name}_kv", normed, weights[width:], bias[width:])
    extra = np.concatenate([tensors[f"{source}attn.bias_k"], tensors[f"{source}attn.bias_v"]], axis=2)
    kv = graph.node("Concat", [kv, graph.for_each_window(f"{name}_extra", extra)], f"{name}_kv_and_extra", axis=1)
    k, v = (
        graph.node(
            "Slice",
            [
                kv,
                graph.integers(f"from_{at}", [at * width]),
                graph.integers(f"from_{at + 1}", [(at + 1) * width]),
                graph.integers("width_axis", [2]),
            ],
            f"{name}_{part}",
        )
        for at, part in enumerate("kv")
    )
    by_head = graph.heads(f"{name}_q_by_head", q, [0, 2, 1, 3])
    turned = graph.heads(f"{name}_k_by_head", k, [0, 2, 3, 1])
    logits = graph.node("MatMul", [by_head, turned], f"{name}_logits")
    shares = graph.node("Softmax", [logits], f"{name}_shares", axis=-1)
    mixed = graph.node("MatMul", [shares, graph.heads(f"{name}_v_by_head", v, [0, 2, 1, 3])], f"{name}_mixed")
    back = graph.node("Transpose", [mixed], f"{name}_mixed_by_token", perm=[0, 2, 1, 3])
    joined = graph.node("Reshape", [back, graph.integers("from_heads", [0, 0, -1])], f"{name}_joined")
    attended = graph.matmul(
        f"{name}_out", joined, tensors[f"{source}attn.out_proj.weight"], tensors[f"{source}attn.out_proj.bias"]
    )
    tokens = graph.node("Add", [tokens, attended], f"{name}_attended")

    normed = graph.norm(f"{name}_norm2", tokens, tensors, f"{source}norm_2", EPSILON)
    hidden = graph.matmul(f"{name}_fc1", normed, tensors[f"{source}mlp.fc1.weight"], tensors[f"{source}mlp.fc1.bias"])
    made = graph.matmul(
        f"{name}_fc2",
        graph.gelu(f"{name}_gelu", hidden),
        tensors[f"{source}mlp.fc2.weight"],
        tensors[f"{source}mlp.fc2.bias"],
    )
    return graph.node("Add", [tokens, made], name)
