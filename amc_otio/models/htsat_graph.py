"""The audio tower of LAION-CLAP as an ONNX graph, built by hand.

HTS-AT (Chen et al., "HTS-AT: A Hierarchical Token-Semantic Audio Transformer", ICASSP 2022) is a Swin transformer (Liu
et al., ICCV 2021) over a spectrogram that is cut into four parts and stacked to a square. The graph does the same
arithmetic as laion-clap's own code, in an order that costs less:

- Its input is the 104 mel frames that differ (`amc_otio.representations.clap_mel`). Repeating them to 1,001 places and
  stretching those to 1,024 (bicubic) are both linear, so one fixed matrix does both.
- Tokens lie in the order of the attention windows from the start, so that plain blocks move nothing; a shifted block,
  and the merging of four tokens, is one Gather of whole rows instead of rolls, partitions and their undoing.
- The mask of a shifted block and the relative position bias are added up once, here. The query's scale is in its
  weights; the key's and the value's bias need no step of their own (`_attention`).
- The classifier's heads, which the embedding does not pass through, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amc_otio.representations import clap_mel

if TYPE_CHECKING:
    import onnx

Tensors = Mapping[str, NDArray[np.float32]]

SIDE = 256
"""Height and width of the square that the spectrogram is folded to."""
PARTS = SIDE // clap_mel.MEL_BANDS
"""Parts that the time axis is cut into."""
PATCH = 4
STRETCHED = SIDE * PARTS
"""Frames after the stretching."""
EPSILON = 1e-5
"""torch's default, of batch and layer normalisation."""
MASKED = -100.0
"""What laion-clap adds where a shifted window's tokens were no neighbours."""
OPSET = 17
IR_VERSION = 8
"""Operators and file format that every onnxruntime from 1.16 on can read."""


@dataclass(frozen=True)
class Architecture:
    """What the shapes of the tensors say.

    Attributes
    ----------
    width
        Channels of the first stage; they double at every stage.
    depths, heads
        Blocks of each stage and their attention heads.
    window
        Side of an attention window, in tokens.
    """

    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int

    @property
    def features(self) -> int:
        """Channels of the last stage."""
        return int(self.width * 2 ** (len(self.depths) - 1))


@dataclass(frozen=True)
class Order:
    """A sequence of the tokens of a stage: window after window of the image rolled by `shift`."""

    side: int
    window: int
    shift: int

    def places(self) -> NDArray[np.int64]:
        """Raster index of the token at each place of the sequence, shape ``(side ** 2,)``."""
        rolled = (np.arange(self.side) + self.shift) % self.side
        raster = rolled[:, None] * self.side + rolled[None, :]
        n = self.side // self.window
        by_window = raster.reshape(n, self.window, n, self.window).transpose(0, 2, 1, 3)
        return np.asarray(by_window.reshape(-1), dtype=np.int64)

    def from_raster(self) -> NDArray[np.int64]:
        """Place of each raster index in the sequence; the inverse of `places`."""
        return np.asarray(np.argsort(self.places(), kind="stable"), dtype=np.int64)


def stretching() -> NDArray[np.float32]:
    """Matrix from the 104 different frames to the 1,024 columns of the image, shape ``(1024, 104)``.

    torch's bicubic interpolation with aligned corners (kernel of Keys, 1981, with a = -0.75; positions in float32, as
    torch computes them) of the frames in their 1,001 places.
    """
    scale = np.float32(clap_mel.FRAMES - 1) / np.float32(STRETCHED - 1)
    position = scale * np.arange(STRETCHED, dtype=np.float32)
    first = np.floor(position)
    t = (position - first).astype(np.float32)
    a = np.float32(-0.75)

    def near(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(((a + 2) * x - (a + 3)) * x * x + 1, dtype=np.float32)

    def far(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(((a * x - 5 * a) * x + 8 * a) * x - 4 * a, dtype=np.float32)

    weights = (far(t + 1), near(t), near(1 - t), far(2 - t))
    places = clap_mel.frame_places()
    matrix = np.zeros((STRETCHED, clap_mel.UNIQUE), np.float32)
    for tap, weight in enumerate(weights):
        read = np.clip(first.astype(np.int64) + tap - 1, 0, clap_mel.FRAMES - 1)
        np.add.at(matrix, (np.arange(STRETCHED), places[read]), weight)
    return matrix


def relative_places(window: int) -> NDArray[np.int64]:
    """Row of the relative position table for each pair of tokens of a window, shape ``(window ** 2, window ** 2)``."""
    y, x = np.divmod(np.arange(window * window), window)
    down, across = y[:, None] - y[None, :] + window - 1, x[:, None] - x[None, :] + window - 1
    return np.asarray(down * (2 * window - 1) + across, dtype=np.int64)


def mask(order: Order) -> NDArray[np.float32]:
    """What a shifted block adds to its scores: 0, or -100 between tokens that the roll brought together.

    Returns
    -------
    numpy.ndarray
        Shape ``(windows, window ** 2, window ** 2)``.
    """
    # The rolled image falls into three stripes each way: untouched, and the two parts of the windows at the seam.
    stripe = np.zeros(order.side, np.int64)
    stripe[order.side - order.window :] = 1
    stripe[order.side - order.shift :] = 2
    region = 3 * stripe[:, None] + stripe[None, :]
    n = order.side // order.window
    by_window = region.reshape(n, order.window, n, order.window).transpose(0, 2, 1, 3).reshape(n * n, -1)
    apart = by_window[:, :, None] != by_window[:, None, :]
    return np.asarray(np.where(apart, MASKED, 0.0), dtype=np.float32)


class _Builder:
    """Collects nodes and constants."""

    def __init__(self) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy_helper = helper, numpy_helper
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._known: dict[bytes, str] = {}

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Name of a constant; the same small one is kept once."""
        value = np.ascontiguousarray(value)
        key = f"{value.dtype}{value.shape}".encode() + value.tobytes() if value.size < 4096 else name.encode()
        if key not in self._known:
            self._known[key] = name
            self.constants.append(self._numpy_helper.from_array(value, name))
        return self._known[key]

    def __call__(self, operator: str, *inputs: str, to: str, **attributes: Any) -> str:
        """Add a node; its output is called `to`."""
        self.nodes.append(self._helper.make_node(operator, list(inputs), [to], name=to, **attributes))
        return to

    def shape(self, value: str, *sizes: int, to: str) -> str:
        """Reshape; 0 keeps the batch, so that onnxruntime knows that it is the same everywhere and fuses more."""
        text = "x".join(str(size) for size in sizes)
        return self("Reshape", value, self.constant(f"shape_{text}", np.array(sizes, np.int64)), to=to)

    def linear(self, value: str, weight: NDArray[Any], bias: NDArray[Any] | None, to: str) -> str:
        """``value @ weight.T + bias`` with torch's weight of shape (out, in)."""
        product = self(
            "MatMul", value, self.constant(f"{to}_weight", weight.T), to=f"{to}_product" if bias is not None else to
        )
        if bias is None:
            return product
        return self("Add", product, self.constant(f"{to}_bias", bias), to=to)

    def norm(self, value: str, tensors: Tensors, name: str, to: str) -> str:
        """Layer normalisation over the channels."""
        return self(
            "LayerNormalization",
            value,
            self.constant(f"{to}_gain", tensors[f"{name}.weight"]),
            self.constant(f"{to}_offset", tensors[f"{name}.bias"]),
            to=to,
            axis=-1,
            epsilon=EPSILON,
        )

    def gelu(self, value: str, to: str) -> str:
        """Gaussian error linear unit in its exact form, written so that onnxruntime and OpenVINO fuse it."""
        scaled = self("Div", value, self.constant("root_two", np.array(np.sqrt(2.0), np.float32)), to=f"{to}_scaled")
        erf = self("Erf", scaled, to=f"{to}_erf")
        raised = self("Add", erf, self.constant("one", np.array(1.0, np.float32)), to=f"{to}_raised")
        product = self("Mul", value, raised, to=f"{to}_twice")
        return self("Mul", product, self.constant("half", np.array(0.5, np.float32)), to=to)


def _image(graph: _Builder, tensors: Tensors, window: int) -> str:
    """From mel frames to patches ``(n, 4096, 16)`` in the order of the attention windows."""
    gain = tensors["bn0.weight"].astype(np.float64) / np.sqrt(tensors["bn0.running_var"].astype(np.float64) + EPSILON)
    offset = tensors["bn0.bias"] - tensors["bn0.running_mean"] * gain
    scaled = graph("Mul", "log_mel", graph.constant("bn_gain", gain.astype(np.float32)), to="bn_scaled")
    normal = graph("Add", scaled, graph.constant("bn_offset", offset.astype(np.float32)), to="bn")
    image = graph("MatMul", graph.constant("stretching", stretching()), normal, to="stretched")
    # Time: part, window, token, sample. Bands: window, token, sample. Of the image's rows the part comes first.
    across, down = SIDE // PATCH // window, clap_mel.MEL_BANDS // PATCH // window
    split = graph.shape(image, 0, PARTS, across, window, PATCH, down, window, PATCH, to="split")
    ordered = graph("Transpose", split, to="ordered", perm=[0, 1, 5, 2, 6, 3, 4, 7])
    return graph.shape(ordered, 0, (SIDE // PATCH) ** 2, PATCH * PATCH, to="patches")


def _attention(graph: _Builder, tensors: Tensors, name: str, value: str, order: Order, heads: int, to: str) -> str:
    """Windowed self-attention of tokens in `order`; ``(n, tokens, channels)`` in and out."""
    weight, bias = tensors[f"{name}.qkv.weight"], tensors[f"{name}.qkv.bias"]
    channels = weight.shape[1]
    size = channels // heads
    windows, inside = (order.side // order.window) ** 2, order.window**2
    queries, keys, values = (slice(part * channels, (part + 1) * channels) for part in range(3))
    scale = np.float32(size**-0.5)
    # The key's bias adds the same to all scores of a query, which the softmax takes away again. The value's bias passes
    # through the shares, which add up to one, and joins the bias of the projection.
    flat = {
        "query": graph.linear(value, weight[queries] * scale, bias[queries] * scale, f"{to}_query"),
        "key": graph.linear(value, weight[keys], None, f"{to}_key"),
        "value": graph.linear(value, weight[values], None, f"{to}_value"),
    }
    heads_of = {}
    for part, rows in flat.items():
        split = graph.shape(rows, 0, windows, inside, heads, size, to=f"{to}_{part}_split")
        perm = [0, 1, 3, 4, 2] if part == "key" else [0, 1, 3, 2, 4]
        heads_of[part] = graph("Transpose", split, to=f"{to}_{part}_heads", perm=perm)
    table = tensors[f"{name}.relative_position_bias_table"]
    added = table[relative_places(order.window)].transpose(2, 0, 1)[None, None]
    if order.shift:
        added = added + mask(order)[None, :, None]
    scores = graph("MatMul", heads_of["query"], heads_of["key"], to=f"{to}_scores")
    biased = graph("Add", scores, graph.constant(f"{to}_added", added.astype(np.float32)), to=f"{to}_biased")
    share = graph("Softmax", biased, to=f"{to}_share", axis=-1)
    mixed = graph("MatMul", share, heads_of["value"], to=f"{to}_mixed")
    joined = graph("Transpose", mixed, to=f"{to}_joined", perm=[0, 1, 3, 2, 4])
    together = graph.shape(joined, 0, windows * inside, channels, to=f"{to}_together")
    last = tensors[f"{name}.proj.weight"]
    carried = tensors[f"{name}.proj.bias"] + last.astype(np.float64) @ bias[values]
    return graph.linear(together, last, carried.astype(np.float32), to)


def build(tensors: Tensors, architecture: Architecture) -> onnx.ModelProto:
    """Build the graph.

    Parameters
    ----------
    tensors
        As `amc_otio.models.clap_checkpoint.canonical` gives them, checked.
    architecture
        As `amc_otio.models.clap_checkpoint.architecture_of` gives it.

    Returns
    -------
    onnx.ModelProto
        Input ``log_mel`` ``(n, 104, 64)``; outputs ``features`` ``(n, 8 * width)``, before the projection, and
        ``embedding`` ``(n, 512)``, after it and not normalised.
    """
    import onnx
    from onnx import TensorProto, helper

    graph = _Builder()
    side = SIDE // PATCH
    here = Order(side, architecture.window, 0)
    patches = _image(graph, tensors, architecture.window)
    # Samples of a patch are time first here, bands first in the convolution that LAION's code runs.
    kernel = tensors["patch_embed.proj.weight"][:, 0].transpose(0, 2, 1).reshape(architecture.width, PATCH * PATCH)
    value = graph.linear(patches, kernel, tensors["patch_embed.proj.bias"], "embedded")
    value = graph.norm(value, tensors, "patch_embed.norm", "tokens")
    width = architecture.width
    for stage, (depth, heads) in enumerate(zip(architecture.depths, architecture.heads, strict=True)):
        window = min(side, architecture.window)
        for block in range(depth):
            to, name = f"s{stage}b{block}", f"layers.{stage}.blocks.{block}"
            # Every second block looks across the windows, unless there is but one.
            wanted = Order(side, window, window // 2 if block % 2 and side > window else 0)
            if wanted != here:
                moves = graph.constant(f"{to}_moves", here.from_raster()[wanted.places()])
                value = graph("Gather", value, moves, to=f"{to}_moved", axis=1)
                here = wanted
            normal = graph.norm(value, tensors, f"{name}.norm1", f"{to}_norm1")
            attended = _attention(graph, tensors, f"{name}.attn", normal, here, heads, f"{to}_attention")
            value = graph("Add", value, attended, to=f"{to}_between")
            normal = graph.norm(value, tensors, f"{name}.norm2", f"{to}_norm2")
            first, second = f"{name}.mlp.fc1", f"{name}.mlp.fc2"
            hidden = graph.linear(normal, tensors[f"{first}.weight"], tensors[f"{first}.bias"], f"{to}_hidden")
            hidden = graph.gelu(hidden, f"{to}_gelu")
            hidden = graph.linear(hidden, tensors[f"{second}.weight"], tensors[f"{second}.bias"], f"{to}_mlp")
            value = graph("Add", value, hidden, to=f"{to}_out")
        if stage + 1 < len(architecture.depths):
            name, to = f"layers.{stage}.downsample", f"merge{stage}"
            after = Order(side // 2, min(side // 2, architecture.window), 0)
            y, x = np.divmod(after.places(), side // 2)
            # The four tokens of a merged one, in LAION's order: down first.
            four = np.stack([(2 * y + dy) * side + 2 * x + dx for dx in (0, 1) for dy in (0, 1)], axis=1)
            moves = graph.constant(f"{to}_moves", here.from_raster()[four].reshape(-1))
            value = graph("Gather", value, moves, to=f"{to}_moved", axis=1)
            value = graph.shape(value, 0, (side // 2) ** 2, 4 * width, to=f"{to}_together")
            value = graph.norm(value, tensors, f"{name}.norm", f"{to}_norm")
            value = graph.linear(value, tensors[f"{name}.reduction.weight"], None, to)
            here, side, width = after, side // 2, 2 * width
    value = graph.norm(value, tensors, "norm", "last_norm")
    features = graph("ReduceMean", value, to="features", axes=[1], keepdims=0)
    first, second = "audio_projection.0", "audio_projection.2"
    hidden = graph.linear(features, tensors[f"{first}.weight"], tensors[f"{first}.bias"], "projected")
    hidden = graph("Relu", hidden, to="projected_relu")
    graph.linear(hidden, tensors[f"{second}.weight"], tensors[f"{second}.bias"], "embedding")

    shape = ["n", clap_mel.UNIQUE, clap_mel.MEL_BANDS]
    outputs = (("features", architecture.features), ("embedding", tensors[f"{second}.weight"].shape[0]))
    made = helper.make_graph(
        graph.nodes,
        "htsat",
        [helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in outputs],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name = "amc-otio"
    onnx.checker.check_model(model)
    return model
