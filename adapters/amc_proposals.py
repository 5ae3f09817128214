"""Reads and writes the proposals file of amc-otio as a timeline of candidates: each edit point is a stack of takes.

Suffix .amcproposals; by name for a .json: otioconvert -I amc_proposals -i p.json -o takes.otio. See docs/otio-plugin.md
of amc-otio.
"""

import opentimelineio as otio


def read_from_file(filepath):
    """Read a proposals file as a timeline of candidates."""
    return _adapter().read_file(filepath)


def read_from_string(input_str):
    """Read the text of a proposals file as a timeline of candidates."""
    return _adapter().read_text(input_str)


def write_to_file(input_otio, filepath):
    """Write a timeline of candidates back as a proposals file: what was taken out is gone, the order is the rank."""
    return _adapter().write_file(input_otio, filepath)


def write_to_string(input_otio):
    """Write a timeline of candidates back as the text of a proposals file."""
    return _adapter().write_text(input_otio)


def _adapter():
    try:
        from amc_otio.otio_hooks import proposals_adapter
    except ImportError as error:
        raise otio.exceptions.OTIOError(
            f"amc-otio: is not installed completely ({error}); pip install --force-reinstall amc-otio"
        ) from error
    return proposals_adapter
