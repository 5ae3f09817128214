"""What is installed, what is missing, and the line that gets it.

Each module looks at one thing: `packages` at Python's, `timelines` at what OpenTimelineIO reads and writes and at our
plugin in it, `weights` at what representations need, `programs` at editors and engines. Nothing is changed, fetched or
started.
"""

from __future__ import annotations

from amc_otio.doctor import packages, programs, timelines, weights
from amc_otio.doctor.finding import GROUPS, STATES, Finding

__all__ = ["GROUPS", "STATES", "Finding", "examine"]


def examine() -> tuple[Finding, ...]:
    """Look at this installation.

    Returns
    -------
    tuple of Finding
        In the order of `GROUPS`.
    """
    return (*packages.examine(), *timelines.examine(), *weights.examine(), *programs.examine())
