"""Relinks offline media with the rules of amc-otio: -m amc_relink -M search_root=DIR -M map_path="/Volumes/x=/mnt/x".

Options: search_root, map_path (lists, or with semicolons), base, by_name, quiet. See docs/otio-plugin.md of amc-otio.
"""

import opentimelineio as otio


def link_media_reference(in_clip, media_linker_argument_map=None):
    """Return a media reference that is found on this machine, or None: the clip keeps what it has."""
    try:
        from amc_otio.otio_hooks.relink import relinked
    except ImportError as error:
        raise otio.exceptions.OTIOError(
            f"amc-otio: is not installed completely ({error}); pip install --force-reinstall amc-otio"
        ) from error
    return relinked(in_clip, media_linker_argument_map)
