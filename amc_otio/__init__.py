"""amc-otio: audio match cuts for OpenTimelineIO timelines."""

__version__ = "0.1.0"
