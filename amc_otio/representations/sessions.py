"""Runs ONNX models: onnxruntime everywhere, OpenVINO where bfloat16 is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import RepresentationError


class Session(Protocol):
    """A loaded model."""

    def run(self, output: str, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """One of its outputs for a batch.

        Raises
        ------
        RepresentationError
            When the model does not take these inputs, or has no such output.
        """
        ...


class OnnxruntimeSession:
    """onnxruntime on the CPU.

    Parameters
    ----------
    model
        The model's file, or its bytes.
    threads
        Processor threads; all cores when ``None``.
    name
        Who asks, for the message.

    Raises
    ------
    RepresentationError
        When onnxruntime cannot be loaded or refuses the model.
    """

    def __init__(self, model: Path | bytes, threads: int | None, name: str) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise RepresentationError(
                name, f"onnxruntime cannot be loaded ({error})", "install it (pip install onnxruntime), or use mfcc"
            ) from error
        self._name = name
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3  # its warnings are not for editors
        options.inter_op_num_threads = 1
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            given = model if isinstance(model, bytes) else str(model)
            self._session = onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors share no documented base class
            raise RepresentationError(
                name, f"onnxruntime cannot run the model ({error})", "update onnxruntime"
            ) from error

    def run(self, output: str, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """See `Session`."""
        try:
            return np.asarray(self._session.run([output], dict(inputs))[0], dtype=np.float32)
        except Exception as error:
            raise RepresentationError(
                self._name, f"onnxruntime cannot run the model ({error})", "add it again, or update onnxruntime"
            ) from error


class OpenvinoSession:
    """OpenVINO on the CPU, in float32 or bfloat16.

    Parameters
    ----------
    path
        The model's file.
    threads, name
        As in `OnnxruntimeSession`.
    precision
        ``"f32"`` or ``"bf16"``: what its products are computed in.

    Raises
    ------
    RepresentationError
        When OpenVINO is not installed or refuses the model.
    """

    def __init__(self, path: Path, threads: int | None, name: str, precision: str) -> None:
        try:
            import openvino
        except ImportError as error:
            raise RepresentationError(
                name, f"OpenVINO cannot be loaded ({error})", "install it: pip install 'amc-otio[openvino]'"
            ) from error
        self._name = name
        options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": 1}
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = threads
        try:
            core = openvino.Core()
            self._request = core.compile_model(core.read_model(str(path)), "CPU", options).create_infer_request()
        except Exception as error:  # OpenVINO raises plain RuntimeErrors
            raise RepresentationError(name, f"OpenVINO cannot run {path} ({error})", "update openvino") from error

    def run(self, output: str, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """See `Session`."""
        try:
            self._request.infer(dict(inputs))
            return np.array(self._request.get_tensor(output).data, dtype=np.float32)
        except Exception as error:
            raise RepresentationError(
                self._name, f"OpenVINO cannot run the model ({error})", "add it again, or update openvino"
            ) from error
