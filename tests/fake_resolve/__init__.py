"""A stand-in for DaVinci Resolve, built from the documented signatures of its scripting README alone.

It refuses every call that is not documented, with an AssertionError that names the call, and has the quirks that are
known of the real one. Nothing in it was compared with a running Resolve. `Session` is the way in.
"""

from fake_resolve.editions import (
    FREE_LUA,
    FREE_PYTHON,
    OLD,
    STUDIO,
    STUDIO_21_1,
    STUDIO_NO_UI,
    Edition,
)
from fake_resolve.faults import Faults
from fake_resolve.model import Bin, Marker, Media, Project, Shot, Timeline, Track, Transition
from fake_resolve.session import Session

__all__ = [
    "FREE_LUA",
    "FREE_PYTHON",
    "OLD",
    "STUDIO",
    "STUDIO_21_1",
    "STUDIO_NO_UI",
    "Bin",
    "Edition",
    "Faults",
    "Marker",
    "Media",
    "Project",
    "Session",
    "Shot",
    "Timeline",
    "Track",
    "Transition",
]
