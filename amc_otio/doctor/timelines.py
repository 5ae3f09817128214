"""What is read and written here, by suffix, and whether it finds our plugin."""

from __future__ import annotations

from importlib import metadata
from typing import Any, Final

from amc_otio.doctor.finding import Finding
from amc_otio.doctor.packages import version

_GROUP: Final = "timeline"
_FORMATS: Final = {
    "OTIO": ("otio", ""),
    "OTIO bundles": ("otioz", ""),
    "FCP 7 XML": ("xml", "otio-fcp-adapter"),
    "AAF": ("aaf", "otio-aaf-adapter"),
    "EDL": ("edl", "otio-cmx3600-adapter"),
    "XGES": ("xges", "otio-xges-adapter"),
}
"""Formats that editors hand over: their suffix, and the package with OTIO's adapter for it."""
_OWN: Final = {"FCPX XML": ("fcpxml", "read and written"), "MLT XML": ("mlt", "written")}
"""Formats that amc-otio needs no adapter for: their suffix, and what it does itself."""
_INSTALL: Final = "install amc-otio again (pip install --force-reinstall --no-deps amc-otio)"


def examine() -> list[Finding]:
    """Look at OTIO's adapters and at our entry point."""
    try:
        import opentimelineio as otio
    except (ImportError, OSError) as error:
        return [Finding("readers", "missing", f"opentimelineio does not load ({error})", "pip install opentimelineio",
                        _GROUP)]  # fmt: skip
    reads, writes = (_suffixes(otio, way) for way in ("read", "write"))
    reads |= {suffix for suffix, ways in _OWN.values() if "read" in ways}
    writes |= {suffix for suffix, ways in _OWN.values() if "written" in ways}
    findings = [
        Finding("readers", "ok" if "otio" in reads else "missing", _listed(reads), group=_GROUP),
        Finding("writers", "ok" if "otio" in writes else "missing", _listed(writes), group=_GROUP),
    ]
    findings += [_format(name, suffix, package, reads, writes) for name, (suffix, package) in _FORMATS.items()]
    findings += [
        Finding(name, "ok", f".{suffix} is {ways}, by amc-otio", group=_GROUP) for name, (suffix, ways) in _OWN.items()
    ]
    return [*findings, _plugin(otio)]


def _suffixes(otio: Any, way: str) -> set[str]:
    return {str(s).lower() for s in otio.adapters.suffixes_with_defined_adapters(**{way: True})}


def _listed(suffixes: set[str]) -> str:
    return " ".join(f".{suffix}" for suffix in sorted(suffixes)) or "-"


def _format(name: str, suffix: str, package: str, reads: set[str], writes: set[str]) -> Finding:
    ways = " and ".join(way for way, held in (("read", reads), ("written", writes)) if suffix in held)
    if ways:
        by = f", {package} {version(package)}" if package and version(package) else ""
        return Finding(name, "ok", f".{suffix} is {ways}{by}", group=_GROUP)
    if not package:
        return Finding(name, "missing", "-", "pip install --force-reinstall opentimelineio", _GROUP)
    if version(package):
        remedy = f"pip install --force-reinstall {package}"
        return Finding(name, "missing", f"{package} is installed, but OTIO does not load it", remedy, _GROUP)
    return Finding(name, "optional", "-", f"pip install {package}, to read and write {name}", _GROUP)


def _plugin(otio: Any) -> Finding:
    """Whether OTIO finds us: the entry point, and what its manifest declares."""
    name, group = "OTIO plugin", "plugin"
    entries = [e for e in metadata.entry_points(group="opentimelineio.plugins") if e.name == "amc_otio"]
    if not entries:
        return Finding(name, "missing", "no entry point 'amc_otio' is installed", _INSTALL, group)
    try:
        manifest = entries[0].load().plugin_manifest()
    except Exception as error:  # whatever a broken installation raises
        return Finding(name, "missing", f"its manifest does not load ({error!r})", _INSTALL, group)
    held = {
        kind: [plugin.name for plugin in getattr(manifest, kind)]
        for kind in ("adapters", "hook_scripts", "media_linkers")
    }
    loaded = otio.plugins.ActiveManifest()
    lost = [
        name
        for kind, names in held.items()
        for name in names
        if name not in {plugin.name for plugin in getattr(loaded, kind)}
    ]
    if lost:
        return Finding(name, "missing", f"OTIO does not load {', '.join(lost)}", _INSTALL, group)
    said = ", ".join(f"{kind.replace('_', ' ')}: {' '.join(names)}" for kind, names in held.items() if names)
    return Finding(name, "ok", said or "its manifest loads", group=group)
