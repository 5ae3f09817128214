"""What OpenTimelineIO loads when it looks for plugins: the manifest of the folder ``adapters``.

Every program that reads or writes a timeline with OpenTimelineIO imports this module, so it imports nothing heavy.
"""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio

from amc_otio.bundled import bundled_folder

MANIFEST = "plugin_manifest.json"


def plugin_manifest() -> otio.plugins.manifest.Manifest:
    """Return the manifest, each plugin's file by its full path; in a damaged installation what is left of it.

    A hook whose file is missing would stop every conversion of the machine, ours or not.
    """
    try:
        folder = bundled_folder("adapters", MANIFEST)
        manifest = otio.plugins.manifest.manifest_from_file(str(folder / MANIFEST))
    except Exception:
        return otio.plugins.manifest.Manifest()
    for kind in ("adapters", "hook_scripts", "media_linkers"):
        there = []
        for plugin in getattr(manifest, kind):
            plugin.filepath = str(folder / plugin.filepath)
            if Path(plugin.filepath).is_file():
                there.append(plugin)
        setattr(manifest, kind, there)
    scripts = {plugin.name for plugin in manifest.hook_scripts}
    manifest.hooks = {hook: [name for name in names if name in scripts] for hook, names in manifest.hooks.items()}
    return manifest
