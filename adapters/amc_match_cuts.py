"""Match cuts while converting: otioconvert -i edit.xml -o cut.otio -H amc=best -H amc_gallery=sounds.

Every option: docs/otio-plugin.md of amc-otio. A conversion without the argument amc passes through untouched.
"""

import opentimelineio as otio


def hook_function(in_timeline, argument_map=None):
    """Cut match cuts into a timeline that is about to be written, where the argument amc asks for it."""
    if not isinstance(argument_map, dict):
        return in_timeline
    if not any(isinstance(key, str) and (key == "amc" or key.startswith("amc_")) for key in argument_map):
        return in_timeline
    try:
        from amc_otio.otio_hooks.match_cuts import cut_on_write
    except ImportError as error:
        raise otio.exceptions.OTIOError(
            f"amc-otio: is not installed completely ({error}); pip install --force-reinstall amc-otio"
        ) from error
    return cut_on_write(in_timeline, argument_map)
