"""The files of bounces: what they are called, how a timeline refers to them, and what they may not replace."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from amc_otio.errors import OutputError
from amc_otio.timeline.bounce_track import SUFFIX
from amc_otio.timeline.write import check_new_file, is_relative

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def file_name(output: Path, edit_point: str, label: str, own: bool) -> str:
    """``new.A1-3.bounce.wav`` for edit point A1:3 of new.otio; ``new.A1-3.A2.bounce.wav`` for its linked track A2."""
    parts = [output.stem, _UNSAFE.sub("-", edit_point)] + ([] if own else [_UNSAFE.sub("-", label)])
    return ".".join(parts) + SUFFIX


def url_like(other: str, path: Path) -> str:
    """How a timeline refers to a file beside it, in the way of another of its references."""
    if other.lower().startswith("file:"):
        return path.absolute().as_uri()
    return path.name if is_relative(other) else str(path.absolute())


def check_files(paths: Iterable[Path], media: Iterable[Path], force: bool) -> None:
    """Refuse names that are taken, and whatever `force` says those of media that the timeline plays.

    Raises
    ------
    OutputError
    """
    sources = [path for path in dict.fromkeys(media) if path.exists()]
    for path in paths:
        if path.exists() and any(path.samefile(source) for source in sources):
            raise OutputError(path, "is media of this timeline, which is never overwritten", "give another -o")
        check_new_file(path, None, force)
