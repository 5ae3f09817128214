"""onnxruntime sessions, opened alike by every representation that runs a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amc_otio.errors import RepresentationError


def open_session(model: bytes | Path, threads: int | None, name: str) -> Any:
    """An onnxruntime session on the CPU.

    Parameters
    ----------
    model
        An ONNX model, or the file that holds it.
    threads
        Processor threads of one run; onnxruntime decides (all cores) when ``None``.
    name
        The representation, for the messages.

    Returns
    -------
    onnxruntime.InferenceSession

    Raises
    ------
    amc_otio.errors.RepresentationError
        When onnxruntime cannot be loaded or refuses the model.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise RepresentationError(
            name, f"onnxruntime cannot be loaded ({error})", "install it (pip install onnxruntime), or use mfcc"
        ) from error
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3  # its warnings are not for editors
    options.inter_op_num_threads = 1
    if threads is not None:
        options.intra_op_num_threads = threads
    source = str(model) if isinstance(model, Path) else model
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no documented base class
        raise RepresentationError(name, f"onnxruntime cannot run the model ({error})", "update onnxruntime") from error
