"""Tells amc_match_cuts that a conversion has ended. It does nothing in a process where that never cut."""

import sys


def hook_function(in_timeline, argument_map=None):
    """Forget what the conversion cut."""
    running = sys.modules.get("amc_otio.otio_hooks.match_cuts")
    if running is not None:
        running.forget()
    return in_timeline
