"""A timeline and sounds in, proposals out."""

from __future__ import annotations

import logging
import time
from fractions import Fraction
from pathlib import Path

from amc_otio import __version__
from amc_otio.codec import encode
from amc_otio.config import Settings
from amc_otio.errors import NoMatchError
from amc_otio.library.indexing import IndexReport
from amc_otio.library.library import Library
from amc_otio.library.search import Searcher
from amc_otio.matching.media_table import MediaTable
from amc_otio.matching.propose import propose as propose_points
from amc_otio.media.locate import Locator
from amc_otio.proposals import FORMAT, VERSION, Proposals, TimelineRecord
from amc_otio.representations import create
from amc_otio.timeline.edit_points import EditPoint, find_edit_points
from amc_otio.timeline.read import LoadedTimeline, loaded_timeline
from amc_otio.timeline.select import Selection, select
from amc_otio.workflow.ranges import fill_missing, missing_ranges
from amc_otio.workflow.sources import Reporter, Sources, check_sources, gallery_paths

_log = logging.getLogger(__name__)


def propose(
    edit: Path | LoadedTimeline,
    sources: Sources | None = None,
    selection: Selection | None = None,
    settings: Settings | None = None,
    reporter: Reporter | None = None,
    timeline_name: str | None = None,
    timeline_rate: Fraction | None = None,
) -> Proposals:
    """Propose match cuts at the selected edit points of a timeline.

    Parameters
    ----------
    edit
        Anything that OTIO or an installed adapter reads; or one that is read already, which is left as it is.
    sources, selection, settings
        Where to look, which edit points, how.
    timeline_name
        Which one, where the file holds several timelines.
    timeline_rate
        Frames a second of a format that does not say (EDL); 24 when None.

    Returns
    -------
    Proposals

    Raises
    ------
    AmcError
        A subclass that names what is wrong; one bad file or edit point never stops the others.
    """
    sources, settings, reporter = sources or Sources(), settings or Settings(), reporter or Reporter()
    began = time.monotonic()
    _log.info("settings: %s", encode(settings))
    # All that can be known without indexing comes first: a run that cannot succeed leaves no library behind.
    check_sources(sources)
    weights = settings.match.weights_path
    representation = create(settings.match.representation, weights=weights)
    loaded = loaded_timeline(edit, timeline_name, timeline_rate)
    notes = list(loaded.notes)
    locator = Locator(base=loaded.base, path_maps=sources.path_maps, search_roots=sources.search_roots)
    media = MediaTable(loaded.timeline, locator, loaded.rate)
    notes += [str(error) for error in media.offline]
    ranges = missing_ranges(loaded.timeline, media)
    fill_missing(loaded.timeline, ranges)
    points = find_edit_points(loaded.timeline, loaded.rate, probe=media.available_range)
    chosen = _cuts(select(points, selection or Selection(), loaded.timeline, loaded.rate), selection or Selection())
    folder = sources.library or settings.library.beside(loaded.path.parent)
    _log.info("%d of %d edit points of %s, library %s", len(chosen), len(points), loaded.path, folder)
    align = settings.edit.mode == "align"
    paths = () if align else gallery_paths(sources, media)

    def searcher() -> Searcher:
        with Library.open(folder) as library:
            report = library.index(
                paths,
                settings.match.representation,
                workers=sources.workers,
                progress=reporter.indexing,
                weights=weights,
            )
            _log.info(
                "gallery: %d embedded, %d there already, %d failed, %d windows; %.3f s after the start",
                *(report.embedded, report.reused, len(report.failed), report.windows, time.monotonic() - began),
            )
            notes.extend(f"{path.name}: {reason}" for path, reason in report.failed)
            notes.extend(report.problems)
            if not report.windows:
                raise _nothing_heard(report)
            return library.searcher(representation, paths=paths, kind=settings.match.index, weights=weights)

    proposals = propose_points(
        loaded, chosen, media, None if align else searcher, representation, settings, reporter.matching
    )
    found = sum(len(p.candidates) for p in proposals)
    _log.info("%d candidates for %d edit points in %.3f s", found, len(proposals), time.monotonic() - began)
    return Proposals(
        format=FORMAT,
        version=VERSION,
        tool=__version__,
        timeline=TimelineRecord(
            path=str(loaded.path.absolute()),
            sha256=loaded.sha256,
            name=loaded.timeline.name or "",
            rate=loaded.rate,
            sound_track_added=loaded.sound_track_added,
            ranges=ranges,
        ),
        settings=settings,
        library=str(folder),
        proposals=proposals,
        notes=tuple(dict.fromkeys(notes)),
    )


def _cuts(points: tuple[EditPoint, ...], selection: Selection) -> tuple[EditPoint, ...]:
    """Leave out the ends of tracks unless an edit point was picked: appending a shot is not asked for by "all"."""
    if selection.at or selection.indexes or selection.markers:
        return points
    return tuple(p for p in points if p.incoming is not None) or points


def _nothing_heard(report: IndexReport) -> NoMatchError:
    """Why a gallery that holds files holds no sound."""
    path, reason = report.failed[0] if report.failed else (Path("gallery"), "it holds no second of sound")
    return NoMatchError(
        "gallery",
        f"none of its {max(len(report.failed), 1)} files has sound that can be read ({path.name}: {reason})",
        "give files with sound with --gallery",
    )
