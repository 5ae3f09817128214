"""Python's packages: those that amc-otio needs, and those of its extras."""

from __future__ import annotations

import platform
import sys
from importlib import metadata, util
from typing import Final

from amc_otio import __version__
from amc_otio.doctor.finding import Finding

_NEEDED: Final = ("opentimelineio", "numpy", "scipy", "soundfile", "soxr", "av", "onnxruntime", "safetensors")
_EXTRAS: Final = {
    "torch": "pip install 'amc-otio[train]', to train on your own footage and to verify models that you add",
    "onnx": "pip install onnx, to add models",
    "laion-clap": "pip install 'amc-otio[clap]', to verify models of LAION-CLAP that you add",
    "openvino": "pip install 'amc-otio[openvino]', to run clap-bf16 where the processor has bfloat16",
    "starlette": "pip install 'amc-otio[audition]', for the page on which candidates are heard and chosen",
    "uvicorn": "pip install 'amc-otio[audition]', which serves that page",
    "matplotlib": "pip install 'amc-otio[plot]', for the pictures of evaluate and train",
}
"""What some commands need, by its name on the package index: how to get it, and what for."""


def version(name: str) -> str:
    """The version of an installed package, or an empty text."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def examine() -> list[Finding]:
    """Look at the packages."""
    findings = [
        Finding("amc-otio", "ok", __version__),
        Finding("python", "ok", f"{platform.python_version()} ({sys.executable})"),
    ]
    for name in _NEEDED:
        found = version(name)
        findings.append(Finding(name, "ok", found) if found else Finding(name, "missing", "-", f"pip install {name}"))
    findings.append(_annoy())
    for name, remedy in _EXTRAS.items():
        found = version(name)
        findings.append(Finding(name, "ok", found) if found else Finding(name, "optional", "-", remedy))
    return findings


def _annoy() -> Finding:
    if util.find_spec("annoy") is None:
        return Finding(
            "annoy", "optional", "- (libraries are searched exactly)", "pip install annoy; it needs a C++ compiler"
        )
    try:
        __import__("annoy")
    except (ImportError, OSError) as error:
        return Finding("annoy", "missing", f"does not load ({error})", "pip install --force-reinstall annoy")
    return Finding("annoy", "ok", version("annoy"))
