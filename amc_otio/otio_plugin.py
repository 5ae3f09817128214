"""What OpenTimelineIO loads when it looks for plugins: the manifest of the folder ``adapters``.

Every program that reads or writes a timeline with OpenTimelineIO imports this module, so it imports nothing heavy.
"""

from __future__ import annotations

import opentimelineio as otio

from amc_otio.bundled import bundled_folder

MANIFEST = "plugin_manifest.json"


def plugin_manifest() -> otio.plugins.manifest.Manifest:
    """Return the manifest, each plugin's file by its full path."""
    folder = bundled_folder("adapters", MANIFEST)
    manifest = otio.plugins.manifest.manifest_from_file(str(folder / MANIFEST))
    for kind in ("adapters", "hook_scripts", "media_linkers"):
        for plugin in getattr(manifest, kind):
            plugin.filepath = str(folder / plugin.filepath)
    return manifest
