"""What is installed, what is missing, and the line that installs it."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata, util

from amc_otio import __version__
from amc_otio.errors import AmcError


@dataclass(frozen=True)
class Finding:
    """One line of the report; `state` is ``ok``, ``optional`` (absent, and that is fine) or ``missing``."""

    name: str
    state: str
    found: str
    remedy: str = ""


_NEEDED = ("opentimelineio", "numpy", "soundfile", "soxr", "av", "onnxruntime", "safetensors")
_FORMATS = {
    "otio-fcp-adapter": "FCP 7 XML",
    "otio-aaf-adapter": "AAF",
    "otio-cmx3600-adapter": "EDL",
    "otio-fcpx-xml-adapter": "FCPX XML",
    "otio-xges-adapter": "XGES",
}
_EXTRAS = {
    "torch": "pip install 'amc-otio[train]', to train on your own footage and to verify models that you add",
    "onnx": "pip install onnx, to add models",
    "laion-clap": "pip install 'amc-otio[clap]', to verify models of LAION-CLAP that you add",
    "openvino": "pip install 'amc-otio[openvino]', to run clap-bf16 where the processor has bfloat16",
    "matplotlib": "pip install 'amc-otio[plot]', for the pictures of evaluate and train",
}
"""What some commands need, by its name on the package index: how to get it, and what for."""


def examine() -> tuple[Finding, ...]:
    """Look at this installation; nothing is changed and nothing is fetched."""
    findings = [
        Finding("amc-otio", "ok", __version__),
        Finding("python", "ok", f"{platform.python_version()} ({sys.executable})"),
    ]
    for name in _NEEDED:
        version = _version(name)
        findings.append(
            Finding(name, "ok", version) if version else Finding(name, "missing", "-", f"pip install {name}")
        )
    findings.append(_annoy())
    for name, what in _FORMATS.items():
        version = _version(name)
        findings.append(
            Finding(what, "ok", f"{name} {version}")
            if version
            else Finding(what, "optional", "-", f"pip install {name}, to read and write {what}")
        )
    for name, remedy in _EXTRAS.items():
        version = _version(name)
        findings.append(Finding(name, "ok", version) if version else Finding(name, "optional", "-", remedy))
    findings.append(_sfx())
    findings.append(_models())
    ges = shutil.which("ges-launch-1.0")
    findings.append(
        Finding("GES", "ok" if ges else "optional", ges or "-", "" if ges else "only the render tests use it")
    )
    return tuple(findings)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _annoy() -> Finding:
    if util.find_spec("annoy") is None:
        return Finding(
            "annoy", "optional", "- (libraries are searched exactly)", "pip install annoy; it needs a C++ compiler"
        )
    return _tried("annoy", _version("annoy"), lambda: __import__("annoy"), "pip install --force-reinstall annoy")


def _sfx() -> Finding:
    def load() -> object:
        from amc_otio.representations import create

        return create("sfx-match", threads=1)  # the network and its statistics

    return _tried("sfx weights", "bundled, hash verified", load, "install amc-otio again")


def _models() -> Finding:
    """The user's model folder: manifests are read, the models themselves are not (``models check`` does that)."""
    from amc_otio.representations.model_files import installed, model_folder

    models, problems = installed()
    found = [f"{m.manifest.name} ({m.manifest.kind}; {m.manifest.licence})" for m in models]
    if problems:
        found += [f"{error.thing} {error.reason}" for error in problems]
        return Finding(
            "models", "missing", ", ".join(found), "amc-otio models remove NAME, then add its checkpoint again"
        )
    if not found:
        remedy = "clap and imagebind need one: 'amc-otio models' lists those to get; amc-otio models add FILE"
        return Finding("models", "optional", f"- (none in {model_folder()})", remedy)
    return Finding("models", "ok", ", ".join(found))


def _tried(name: str, found: str, load: Callable[[], object], remedy: str) -> Finding:
    try:
        load()
    except (AmcError, ImportError, OSError) as error:
        return Finding(name, "missing", f"does not load ({error})", remedy)
    return Finding(name, "ok", found)
