"""One exported timeline in, a timeline with match cuts or with the reason out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import opentimelineio as otio

from amc_otio import __version__
from amc_otio.codec import encode
from amc_otio.config import Settings
from amc_otio.errors import AmcError, TimelineError, one_line
from amc_otio.formats.write import write_timeline
from amc_otio.library.sources import holds_media
from amc_otio.resolve.exchange import Exchange, Request
from amc_otio.timeline.level_match import notes_of
from amc_otio.timeline.read import edit_rate, read_timeline
from amc_otio.timeline.select import Selection
from amc_otio.timeline.write import stamp, write_json
from amc_otio.workflow import Change, Reporter, Sources, propose
from amc_otio.workflow.cutting import cut_in, run_of

MARKER: Final = "amc-otio"
"""Name of the marker by which a result speaks to the menu script."""
SENT: Final = "Match Cut: sent"
"""Name of the markers by which a menu script remembers what it sent; they mean nothing in a result."""
_MOST_REPORT: Final = 1 << 24
_REASON: Final = 400  # characters of a reason in a marker and a name


@dataclass(frozen=True)
class Outcome:
    """What became of one exported timeline.

    Attributes
    ----------
    state
        ``done``, ``failed``, or ``ignored`` (no menu script named the file).
    result
        The file for the menu script to import; None where none could be written.
    reason
        Why there are no match cuts; an empty text where there are.
    """

    request: str
    job: str
    state: str
    result: str | None
    reason: str
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()


def is_done(exchange: Exchange, job: str, sha256: str) -> bool:
    """Whether the report of a job is there, of a file with this content, and its result too."""
    try:
        path = exchange.report(job)
        if path.is_symlink() or path.stat().st_size > _MOST_REPORT:
            return False
        report = json.loads(path.read_text(encoding="utf-8"))
        result = report["result"]
        return report["sha256"] == sha256 and (result is None or (exchange.results / Path(result).name).is_file())
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def run_job(
    exchange: Exchange, path: Path, sha256: str, request: Request, sources: Sources, settings: Settings, say: Reporter
) -> Outcome:
    """Match an exported timeline and write what its menu script will import, and a report.

    Parameters
    ----------
    path
        The exported file.
    sha256
        Of the file, for the report.
    sources, settings
        What the watcher was given; the request's mode goes over `settings`.

    Returns
    -------
    Outcome
        A failure of whatever kind is one too: nothing but Ctrl-C leaves this function.
    """
    for old in (exchange.result(request.job), exchange.failed(request.job), exchange.report(request.job)):
        with suppress(OSError):
            old.unlink(missing_ok=True)
    try:
        outcome = _matched(exchange, path, request, sources, settings, say)
    except AmcError as error:
        outcome = _failed(exchange, path, request, str(error))
    except Exception as error:
        outcome = _failed(exchange, path, request, f"a fault of ours: {type(error).__name__}: {error}")
    try:
        write_json(exchange.report(request.job), _report(outcome, sha256))
    except (AmcError, ValueError) as error:
        outcome = replace(outcome, notes=(*outcome.notes, str(error)))
    return outcome


def _matched(
    exchange: Exchange, path: Path, request: Request, sources: Sources, settings: Settings, say: Reporter
) -> Outcome:
    settings = settings.replace({"edit.mode": request.mode})
    output = exchange.result(request.job)
    gallery = sources.gallery or ((exchange.gallery,) if holds_media(exchange.gallery) else ())
    sources = replace(sources, gallery=gallery, library=sources.library or settings.library.beside(exchange.folder))
    proposals = propose(path, sources, Selection(at=request.at, range=request.range), settings, say)
    cut = cut_in(read_timeline(path), proposals, output)
    timeline = cut.applied.timeline
    stamp(timeline, run_of(cut, proposals), cut.records)
    count = len(cut.changes)
    clips = sum(1 for _ in _audio_clips(timeline))
    note = f"{count} match cut{'' if count == 1 else 's'}; {clips} audio clips"
    _mark(timeline, "GREEN", note, ". ".join(change.summary for change in cut.changes))
    lost = write_timeline(timeline, output)
    notes = (*proposals.notes, *cut.notes, *cut.applied.edit_notes, *notes_of(cut.applied.levels), *lost)
    return Outcome(path.name, request.job, "done", str(output), "", cut.changes, notes)


def _failed(exchange: Exchange, path: Path, request: Request, reason: str) -> Outcome:
    """Write the reason where the menu script can see it: in a marker, and in the timeline's name."""
    # The path of the exchange is of no use to an editor, and it may be long.
    reason = one_line(reason.replace(f"{path}: ", "the exported timeline: "), _REASON)
    output = exchange.failed(request.job)
    notes: tuple[str, ...] = ()
    try:
        try:
            timeline = read_timeline(path, sound_track=False).timeline
        except TimelineError:
            timeline = _blank()
        timeline.name = f"{MARKER} {request.job[:6]}: {reason}"
        _mark(timeline, "RED", "nothing was done", reason)
        write_timeline(timeline, output)
    except Exception as error:  # the report and the watcher's own words still say it
        notes = (f"the reason could not be written for Resolve ({error})",)
        return Outcome(path.name, request.job, "failed", None, reason, notes=notes)
    return Outcome(path.name, request.job, "failed", str(output), reason, notes=notes)


def _mark(timeline: otio.schema.Timeline, color: str, short: str, note: str) -> None:
    """Put a marker on the first frame that is free, in the form in which Resolve writes its own."""
    rate = float(edit_rate(timeline))
    kept = [marker.clone() for marker in timeline.tracks.markers if marker.name != SENT]
    del timeline.tracks.markers[:]
    timeline.tracks.markers.extend(kept)
    taken = {round(m.marked_range.start_time.value) for m in timeline.tracks.markers}
    frame = next(f for f in range(len(taken) + 1) if f not in taken)
    marker = otio.schema.Marker(
        name=f"{MARKER}: {short}",
        color=color,
        marked_range=otio.opentime.TimeRange(
            otio.opentime.RationalTime(frame, rate), otio.opentime.RationalTime(1, rate)
        ),
        metadata={"Resolve_OTIO": {"Keywords": [], "Note": one_line(note, 1000)}},
    )
    if hasattr(marker, "comment"):
        marker.comment = one_line(note, 1000)
    timeline.tracks.markers.append(marker)


def _audio_clips(timeline: otio.schema.Timeline) -> Iterator[Any]:
    """Clips that lie on audio tracks of the timeline itself, as Resolve lists them (a compound is one)."""
    tracks = list(timeline.audio_tracks())
    for track in tracks:
        for child in track:
            if isinstance(child, (otio.schema.Clip, otio.schema.Stack)):
                yield child


def _blank() -> otio.schema.Timeline:
    """A second of nothing: all that can be handed back where what came cannot be read."""
    second = otio.opentime.TimeRange(otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(24, 24))
    timeline = otio.schema.Timeline(global_start_time=otio.opentime.RationalTime(86400, 24))
    track = otio.schema.Track(kind=otio.schema.TrackKind.Audio, children=[otio.schema.Gap(source_range=second)])
    timeline.tracks.append(track)
    return timeline


def _report(outcome: Outcome, sha256: str) -> dict[str, Any]:
    return {
        "format": "amc-otio exchange report",
        "version": 1,
        "tool": f"amc-otio {__version__}",
        "request": outcome.request,
        "sha256": sha256,
        "state": outcome.state,
        "reason": outcome.reason,
        "result": Path(outcome.result).name if outcome.result else None,
        "changes": encode(outcome.changes),
        "notes": list(outcome.notes),
    }
