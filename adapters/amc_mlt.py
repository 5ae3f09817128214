"""Writes and reads MLT XML by amc-otio's own code: otioconvert -i new.otio -O amc_mlt -o new.mlt.

It claims no suffix: other conversions to .mlt go to OpenTimelineIO's own adapter. See its docs/otio-plugin.md.
"""

import opentimelineio as otio


def read_from_file(filepath):
    """Read a timeline."""
    return _adapter().read_file(filepath, ".mlt")


def write_to_file(input_otio, filepath):
    """Write a timeline; what is not kept is said on stderr."""
    return _adapter().write_file(input_otio, filepath, ".mlt")


def _adapter():
    try:
        from amc_otio.otio_hooks import own_formats
    except ImportError as error:
        raise otio.exceptions.OTIOError(
            f"amc-otio: is not installed completely ({error}); pip install --force-reinstall amc-otio"
        ) from error
    return own_formats
