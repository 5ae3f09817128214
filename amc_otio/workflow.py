"""The main job in four calls: propose, apply, match, revert. The command line and the adapters are thin over it.

>>> from pathlib import Path
>>> from amc_otio.workflow import Sources, match
>>> match(Path("edit.otio"), Path("new.otio"), Sources(gallery=(Path("sounds"),)))  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from amc_otio import __version__
from amc_otio.bounce.plan import Chosen
from amc_otio.bounce.run import BounceFile, bounced
from amc_otio.choices import best_choices, nothing_found
from amc_otio.codec import encode
from amc_otio.config import Settings
from amc_otio.errors import NoMatchError, ProposalsError, TimelineError, UsageError
from amc_otio.library.indexing import IndexReport
from amc_otio.library.library import Library
from amc_otio.library.search import Searcher
from amc_otio.library.sources import holds_media
from amc_otio.matching.media_table import MediaTable
from amc_otio.matching.propose import propose as propose_points
from amc_otio.media.locate import Locator
from amc_otio.proposals import FORMAT, VERSION, Candidate, Proposal, Proposals, RangeRecord, TimelineRecord, edit_of
from amc_otio.representations import create
from amc_otio.timeline.apply import apply_edits
from amc_otio.timeline.beside import beside
from amc_otio.timeline.clip_gain import notes_of
from amc_otio.timeline.edit_points import EditPoint, find_edit_points
from amc_otio.timeline.edits import Edit
from amc_otio.timeline.metadata import items_of
from amc_otio.timeline.rational import TimeRange, exact_rate, from_seconds, seconds
from amc_otio.timeline.read import read_timeline
from amc_otio.timeline.revert import revert as revert_run
from amc_otio.timeline.revert import runs_of
from amc_otio.timeline.select import Selection, select
from amc_otio.timeline.undo import Record, fill_ranges, last_track_added, owned_references
from amc_otio.timeline.write import (
    EXACT_SUFFIXES,
    check_output,
    rebase_media,
    rebased_url,
    sidecar_path,
    staged,
    stamp,
    write_json,
    write_timeline,
)


@dataclass(frozen=True)
class Sources:
    """Where sound comes from.

    Attributes
    ----------
    gallery
        Files, folders or timelines in which matches are looked for; empty is the timeline's own media.
    library
        Folder of the library; None is what the settings say, else ``.amc`` beside the timeline.
    path_maps, search_roots
        How media is relinked (see `amc_otio.media.locate.Locator`).
    workers
        Processes that index; None is one a core.
    """

    gallery: tuple[Path, ...] = ()
    library: Path | None = None
    path_maps: tuple[tuple[str, str], ...] = ()
    search_roots: tuple[Path, ...] = ()
    workers: int | None = None


@dataclass(frozen=True)
class Reporter:
    """Where progress and remarks go; both may be None.

    `indexing` gets what `Library.index` reports; `matching` gets edit points done and their number.
    """

    indexing: Callable[[Any], None] | None = None
    matching: Callable[[int, int], None] | None = None


@dataclass(frozen=True)
class Change:
    """One edit as written: for people and for the sidecar."""

    edit_point: str
    timecode: str
    track: str
    outgoing: str
    incoming: str | None
    summary: str
    reasons: tuple[str, ...]
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """What a run wrote."""

    output: Path
    sidecar: Path
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    bounces: tuple[BounceFile, ...] = ()


@dataclass(frozen=True)
class Reverted:
    """What an undoing wrote, and the names of the undone run's bounces, which are left where they are."""

    output: Path
    bounces: tuple[str, ...]


def propose(
    edit: Path,
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
        Anything that OTIO or an installed adapter reads.
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
    # All that can be known without indexing comes first: a run that cannot succeed leaves no library behind.
    _check_sources(sources)
    weights = settings.match.weights_path
    representation = create(settings.match.representation, weights=weights)
    loaded = read_timeline(edit, name=timeline_name, rate=timeline_rate)
    notes = list(loaded.notes)
    locator = Locator(base=loaded.base, path_maps=sources.path_maps, search_roots=sources.search_roots)
    media = MediaTable(loaded.timeline, locator, loaded.rate)
    notes += [str(error) for error in media.offline]
    ranges = missing_ranges(loaded.timeline, media)
    _fill_ranges(loaded.timeline, ranges)
    points = find_edit_points(loaded.timeline, loaded.rate, probe=media.available_range)
    chosen = _cuts(select(points, selection or Selection(), loaded.timeline, loaded.rate), selection or Selection())
    folder = sources.library or settings.library.beside(edit.parent)
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
            notes.extend(f"{path.name}: {reason}" for path, reason in report.failed)
            notes.extend(report.problems)
            if not report.windows:
                raise _nothing_heard(report)
            return library.searcher(representation, paths=paths, kind=settings.match.index, weights=weights)

    proposals = propose_points(
        loaded, chosen, media, None if align else searcher, representation, settings, reporter.matching
    )
    return Proposals(
        format=FORMAT,
        version=VERSION,
        tool=__version__,
        timeline=TimelineRecord(
            path=str(edit.absolute()),
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


def apply(
    edit: Path,
    proposals: Proposals,
    output: Path,
    choices: dict[int, int] | None = None,
    force: bool = False,
    dry_run: bool = False,
    bounce: bool = False,
    mute: str = "auto",
) -> Written:
    """Write a new timeline with the chosen candidates cut in, and its sidecar.

    Parameters
    ----------
    choices
        ``{edit point number: rank}``, both from 1; rank 0 keeps the present shot. None takes the best of each.
    dry_run
        Do everything but write.
    bounce
        Also render each join and put it on a track of its own (docs/bouncing.md).
    mute
        How what a bounce replaces is silenced: one of `amc_otio.config.MUTES`.

    Raises
    ------
    AmcError
        Nothing is written then.
    """
    check_output(output, edit, force)
    loaded = read_timeline(edit, name=proposals.timeline.name or None, rate=proposals.timeline.rate)
    if loaded.sha256 != proposals.timeline.sha256:
        raise ProposalsError(
            edit, "is not the timeline that the proposals were made for, or was changed since", "propose again"
        )
    notes: tuple[str, ...] = ()
    if choices is None:
        choices, notes = best_choices(proposals, loaded)
    chosen = proposals.chosen(choices)
    if not chosen:
        raise nothing_found(edit, proposals)
    exact = _exact_offsets(proposals.settings, output)
    edits = [edit_of(p, c, proposals.settings, loaded.rate, exact) for p, c in chosen]
    timeline = loaded.timeline
    records: list[Record] = []
    if loaded.sound_track_added:
        records.append(last_track_added(timeline))
        notes += ("the timeline has no audio track; one with its clips' sound was added",)
    if proposals.timeline.ranges:
        records.append(_fill_ranges(timeline, proposals.timeline.ranges))
    rebased = rebase_media(timeline, loaded.base, output.parent)
    if rebased is not None:
        records.append(rebased)
        edits = [_rebased(e, loaded.base, output.parent) for e in edits]
    applied = apply_edits(timeline, edits, loaded.rate, output.suffix)
    records.extend(applied.records)
    if proposals.settings.edit.audio_only:
        notes += _split_notes(edits)
    changes = tuple(_change(p, c, e) for (p, c), e in zip(chosen, edits, strict=True))
    made = [Chosen(p, c, e) for (p, c), e in zip(chosen, edits, strict=True)] if bounce else []
    sidecar = sidecar_path(output)
    with nullcontext() if dry_run else beside(output) as files:
        bounces = bounced(timeline, applied, made, proposals, output, mute, force, files)
        records.extend(bounces.records)
        run = {
            "tool": f"amc-otio {__version__}",
            "input": {"name": edit.name, "sha256": loaded.sha256},
            "settings": encode(proposals.settings),
            "edits": [dict(e.metadata) for e in edits],
        }
        if bounces.files:
            run["bounces"] = [Path(file.path).name for file in bounces.files]
        stamp(applied.timeline, run, records)
        gains = {file.edit_point: file.gain_db for file in bounces.files}
        notes += (*applied.edit_notes, *notes_of(applied.levels, gains), *bounces.notes)
        if files is not None:
            with staged(applied.timeline, output, bounces.media) as stage:
                notes += stage.lost
                content = {
                    "format": "amc-otio sidecar",
                    "version": 1,
                    **run,
                    "input": {"path": str(edit.absolute()), "sha256": loaded.sha256},
                    "output": output.name,
                    "changes": encode(changes),
                    "bounces": encode(bounces.files),
                    "notes": list(notes),
                    "undo": records,
                }
                write_json(files.new(sidecar.name), content)
                files.place()
                stage.commit()
    return Written(output, sidecar, changes, notes, bounces.files)


def match(
    edit: Path,
    output: Path,
    sources: Sources | None = None,
    selection: Selection | None = None,
    settings: Settings | None = None,
    reporter: Reporter | None = None,
    force: bool = False,
    dry_run: bool = False,
    timeline_name: str | None = None,
    timeline_rate: Fraction | None = None,
    bounce: bool = False,
    mute: str = "auto",
) -> tuple[Proposals, Written]:
    """Propose and apply the best, in one go: the main job.

    Raises
    ------
    AmcError
        Nothing is written then.
    """
    check_output(output, edit, force)
    proposals = propose(edit, sources, selection, settings, reporter, timeline_name, timeline_rate)
    return proposals, apply(edit, proposals, output, force=force, dry_run=dry_run, bounce=bounce, mute=mute)


def index(
    sources: Sources,
    library: Path,
    representation: str,
    verify: bool = False,
    progress: Callable[[Any], None] | None = None,
    weights: Path | None = None,
) -> IndexReport:
    """Build or refresh a library from files, folders and timelines (`Sources.gallery`).

    Raises
    ------
    AmcError
        A file that cannot be read is in the report, not an error.
    """
    _check_sources(sources)
    create(representation, weights=weights)
    paths = gallery_paths(sources, None)
    with Library.open(library) as opened:
        return opened.index(
            paths, representation, workers=sources.workers, verify=verify, progress=progress, weights=weights
        )


def revert(edit: Path, output: Path, force: bool = False, dry_run: bool = False) -> Reverted:
    """Undo the last run on a timeline that amc-otio wrote, into a new file; `dry_run` does all but write it.

    The run's bounces stay on the disk: what was mixed on the bounced timeline may refer to them.

    Raises
    ------
    AmcError
        When there is nothing to undo, or it was edited since.
    """
    check_output(output, edit, force)
    timeline = read_timeline(edit, sound_track=False).timeline
    try:
        restored = revert_run(timeline)
        bounces = tuple(str(name) for name in items_of(runs_of(timeline)[-1].get("bounces")))
    except TimelineError as error:
        if edit.suffix.lower() in (".otioz", ".otiod") and runs_of(timeline):
            reason = f"is a bundle with its own copies of the media, in which {error.thing} cannot be put back"
            raise TimelineError(edit, reason, "go on from the untouched input, which the sidecar names") from error
        raise TimelineError(edit, f"{error.thing} {error.reason}", error.remedy) from error
    if not dry_run:
        write_timeline(restored, output)
    return Reverted(output, bounces)


def _rebased(edit: Edit, old_base: Path, new_base: Path) -> Edit:
    """The edit with its shot's relative reference as it reads from the new file's folder."""
    if edit.shot is None:
        return edit
    return replace(edit, shot=replace(edit.shot, target_url=rebased_url(edit.shot.target_url, old_base, new_base)))


def _split_notes(edits: list[Edit]) -> tuple[str, ...]:
    """What --audio-only leaves: J- and L-cuts, and for ``align`` sound that slipped against its picture."""
    notes = ["only the sound is cut: linked picture keeps its cuts, which makes J- or L-cuts"]
    for edit in edits:
        slip = edit.in_shift - edit.cut_shift
        if edit.mode == "align" and not edit.ripple and slip:
            notes.append(f"{edit.name}: the incoming sound is {abs(float(slip)):.3f} s off any picture of its own")
    return tuple(notes)


def _cuts(points: tuple[EditPoint, ...], selection: Selection) -> tuple[EditPoint, ...]:
    """Leave out the ends of tracks unless an edit point was picked: appending a shot is not asked for by "all"."""
    if selection.at or selection.indexes or selection.markers:
        return points
    return tuple(p for p in points if p.incoming is not None) or points


def missing_ranges(timeline: otio.schema.Timeline, media: MediaTable) -> tuple[RangeRecord, ...]:
    """Probe the files of clips that state neither what they play nor what their file holds.

    Such a clip plays its whole file; without its length nothing after it has a place on the timeline.
    """
    found = []
    for index, (clip, key, reference) in enumerate(owned_references(timeline)):
        stated = clip.source_range is not None or reference.available_range is not None
        if stated or key != clip.active_media_reference_key:
            continue
        available = media.available_range(reference.target_url)
        if available is not None:
            rate = exact_rate(available.start_time.rate)
            found.append(RangeRecord(index, seconds(available.start_time), seconds(available.duration), rate))
    return tuple(found)


def _check_sources(sources: Sources) -> None:
    if sources.workers is not None and sources.workers < 1:
        raise UsageError("--workers", f"{sources.workers} is below 1", "give 1 or more, or leave it out")
    for root in sources.search_roots:
        if not root.is_dir():
            raise UsageError(root, "is no folder", "give --search-root an existing folder")


def _fill_ranges(timeline: otio.schema.Timeline, ranges: tuple[RangeRecord, ...]) -> Record:
    return fill_ranges(
        timeline,
        [(r.index, TimeRange(from_seconds(r.start, r.rate), from_seconds(r.duration, r.rate))) for r in ranges],
    )


def gallery_paths(sources: Sources, media: MediaTable | None) -> tuple[Path, ...]:
    """The files and folders in which matches are looked for; a timeline stands for its media.

    Raises
    ------
    AmcError
        When a path is missing or the timeline's own media are all offline.
    """
    if not sources.gallery and media is not None:
        if not media.paths:
            first = f" ({media.offline[0]})" if media.offline else ""
            raise NoMatchError(
                "gallery",
                f"none of the timeline's media was found{first}",
                "give --gallery, --map-path or --search-root",
            )
        return media.paths
    suffixes = {f".{s}" for s in otio.adapters.suffixes_with_defined_adapters(read=True)}
    paths: list[Path] = []
    for path in sources.gallery:
        if path.suffix.lower() in suffixes and (path.is_file() or path.suffix.lower() == ".otiod"):
            loaded = read_timeline(path)
            locator = Locator(base=loaded.base, path_maps=sources.path_maps, search_roots=sources.search_roots)
            paths.extend(MediaTable(loaded.timeline, locator, loaded.rate).paths)
        elif path.exists():
            paths.append(path)
        else:
            raise NoMatchError(path, "does not exist", "give files, folders or timelines that do")
    if not any(not path.is_dir() or holds_media(path) for path in paths):
        where = ", ".join(str(path) for path in sources.gallery)
        raise NoMatchError(where, "holds no media file", "give files, folders or timelines that do")
    return tuple(dict.fromkeys(paths))


def _nothing_heard(report: IndexReport) -> NoMatchError:
    """Why a gallery that holds files holds no sound."""
    path, reason = report.failed[0] if report.failed else (Path("gallery"), "it holds no second of sound")
    return NoMatchError(
        "gallery",
        f"none of its {max(len(report.failed), 1)} files has sound that can be read ({path.name}: {reason})",
        "give files with sound with --gallery",
    )


def _exact_offsets(settings: Settings, output: Path) -> bool:
    if settings.edit.offsets == "auto":
        return output.suffix.lower() in EXACT_SUFFIXES
    return settings.edit.offsets == "exact"


def _change(proposal: Proposal, candidate: Candidate, edit: Edit) -> Change:
    point = proposal.point
    return Change(
        edit_point=point.id,
        timecode=point.timecode,
        track=point.track,
        outgoing=point.outgoing.name,
        incoming=point.incoming.name if point.incoming is not None else None,
        summary=edit.summary,
        reasons=candidate.reasons,
        metadata=dict(edit.metadata),
    )
