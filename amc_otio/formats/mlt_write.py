"""MLT XML, as melt renders it and Shotcut opens it: OTIO's own adapter writes crossfades as a flat mix or a cut."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from amc_otio.errors import OutputError
from amc_otio.formats.mlt_arrange import arrange
from amc_otio.formats.mlt_notes import Notes
from amc_otio.formats.mlt_xml import document


def write(timeline: otio.schema.Timeline, path: Path, rate: Fraction, base: Path | None = None) -> tuple[str, ...]:
    """Write a timeline as MLT XML.

    Parameters
    ----------
    timeline
        Left as it is.
    path
        Where to write; a temporary name of the caller's, who syncs and renames.
    rate
        Frames a second of the file, exact: MLT counts whole frames of it alone.
    base
        Folder in which relative media begins; when None the file's own folder is tried, then the one above it.

    Returns
    -------
    tuple of str
        What is not kept, and what was done instead, in words.

    Raises
    ------
    OutputError
        Something on the timeline cannot be said in MLT and leaving it out would be wrong (a retime that is no forward
        LinearTimeWarp, two transitions over the same frames), or the file cannot be written.
    TimelineError
        The timeline is nested too deep.
    """
    if not 1 <= rate <= 1000:
        raise OutputError(path, f"{float(rate):g} is no frame rate that MLT plays", "give a rate from 1 to 1000")
    notes = Notes()
    folder = path.absolute().parent
    project = arrange(timeline, rate, (folder, folder.parent) if base is None else (base,), notes)
    try:
        path.write_bytes(document(project))
    except OSError as error:
        raise OutputError(path, f"cannot be written ({error.strerror})", "choose a folder you may write to") from error
    return (*notes.words(), *_always(timeline))


def _always(timeline: otio.schema.Timeline) -> tuple[str, ...]:
    """What MLT has no place for, where the timeline has it."""
    kinds = {str(track.kind) for track in timeline.tracks if isinstance(track, otio.schema.Track)}
    said = []
    if {"Video", "Audio"} <= kinds:
        said.append("MLT does not link picture and sound: they move apart in the editor")
    if any(len(clip.metadata) for clip in timeline.find_clips()):
        said.append("MLT keeps no metadata of clips")
    return tuple(said)
