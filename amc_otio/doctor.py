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
    findings.append(_sfx())
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

        return create("sfx", threads=1)

    return _tried("sfx weights", "bundled, hash verified", load, "install amc-otio again")


def _tried(name: str, found: str, load: Callable[[], object], remedy: str) -> Finding:
    try:
        load()
    except (AmcError, ImportError, OSError) as error:
        return Finding(name, "missing", f"does not load ({error})", remedy)
    return Finding(name, "ok", found)
