"""The join of a candidate found anew by another method, as proposing by that method would have found it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final

from amc_otio.config import ANALYSIS_RATE, METHODS
from amc_otio.errors import MediaError, NoMatchError, ProposalsError
from amc_otio.joining.analysis import WINDOW, Analysis, analyse
from amc_otio.library.sources import content_key
from amc_otio.matching.candidate import with_join
from amc_otio.matching.geometry import Shortfall
from amc_otio.matching.joined import Incoming, join_window, present_of, window_of
from amc_otio.matching.media_table import MediaTable
from amc_otio.matching.query import Sound, read_window
from amc_otio.matching.ready import Ready, make_ready
from amc_otio.media.locate import Locator
from amc_otio.proposals import Candidate, Proposal, Proposals, ShotRecord
from amc_otio.timeline.edit_points import EditPoint, find_edit_points
from amc_otio.timeline.read import LoadedTimeline

_KEPT_POINTS: Final = 4
"""Edit points whose sound is kept, the ones used last."""
_SAME_S: Final = Fraction(1, 100)
"""A file whose length differs by less, in seconds, is the one that was proposed."""
_AGAIN: Final = "propose again"


class RecordedLocator:
    """Finds the files of a timeline where they were when it was proposed, and others as `Locator` does.

    How they were found then (search roots, path maps) is not in a proposals file; the paths are.

    Parameters
    ----------
    known
        Path by reference.
    """

    def __init__(self, known: dict[str, str], base: Path | None) -> None:
        self._known = known
        self._other = Locator(base=base)

    def locate(self, target_url: str, *, duration_s: float | None = None, start_s: float | None = None) -> Path:
        """Return the file of a reference.

        Raises
        ------
        MediaError
            When it is not there.
        """
        known = self._known.get(target_url)
        if known is None:
            return self._other.locate(target_url, duration_s=duration_s, start_s=start_s)
        return _there(Path(known))


class Rejoiner:
    """Finds joins of a proposals file's candidates anew; safe among threads.

    Parameters
    ----------
    loaded
        The timeline that the proposals were made for; its ranges that were probed then filled in
        (`amc_otio.workflow.rejoining` does both). It is read, and never changed.

    Raises
    ------
    ProposalsError
        When it is another timeline.
    """

    def __init__(self, loaded: LoadedTimeline, proposals: Proposals) -> None:
        if loaded.sha256 != proposals.timeline.sha256:
            raise ProposalsError(
                loaded.path, "is not the timeline that the proposals were made for, or was changed since", _AGAIN
            )
        self._loaded = loaded
        self._settings = proposals.settings
        # Once for the references that the proposals' paths stand for, then with the ranges of those files.
        known = _known(proposals, _by_id(find_edit_points(loaded.timeline, loaded.rate)))
        self._media = MediaTable(loaded.timeline, RecordedLocator(known, loaded.base), loaded.rate)
        found = find_edit_points(loaded.timeline, loaded.rate, probe=self._media.available_range)
        self._points = _by_id(found)
        self._ready: OrderedDict[str, Ready] = OrderedDict()
        self._keys: dict[Path, str] = {}
        self._lock = threading.RLock()

    def rejoin(self, proposal: Proposal, candidate: Candidate, method: str) -> Candidate:
        """Return the candidate with its join by another method.

        The match is the same: its scores stay, but for what the join gives; reasons are written anew.

        Raises
        ------
        NoMatchError
            When that method finds no point that can be cut.
        MediaError
            When a file is gone, or was changed since.
        ProposalsError
            When the proposals and the timeline do not fit.
        """
        with self._lock:
            ready, incoming, analysis = self._sides(proposal, candidate)
            return _by(ready, incoming, analysis, candidate, method)

    def rejoin_all(self, proposal: Proposal, candidate: Candidate) -> dict[str, Candidate | NoMatchError]:
        """The candidate by every method, or why it cannot be; its sound is read once.

        Raises
        ------
        MediaError, ProposalsError
            As `rejoin`.
        """
        made: dict[str, Candidate | NoMatchError] = {}
        with self._lock:
            ready, incoming, analysis = self._sides(proposal, candidate)
            for method in METHODS:
                try:
                    made[method] = _by(ready, incoming, analysis, candidate, method)
                except NoMatchError as error:
                    made[method] = error
        return made

    def _sides(self, proposal: Proposal, candidate: Candidate) -> tuple[Ready, Incoming, Analysis]:
        shot = proposal.point.outgoing
        if shot.path is not None:
            _there(Path(shot.path))
        self._check_unchanged(candidate)
        ready = self._point(proposal)
        query, place = ready.query, ready.place
        if (query.start, query.outgoing.edit_point) != (candidate.query_start, candidate.edit_point):
            raise ProposalsError(f"edit point {proposal.point.id}", "lies elsewhere in its sound now", _AGAIN)
        media, start = candidate.media, candidate.window_start
        path = Path(media.path)
        if place.settings.edit.mode == "align":
            if ready.incoming is None:
                raise ProposalsError(f"edit point {proposal.point.id}", "has no incoming shot any more", _AGAIN)
            sound, start = ready.incoming
            incoming = present_of(query, media, start, sound.length, ready.handles, place)
        else:
            sound = Sound(path, 0, None)
            length = round(media.duration * ANALYSIS_RATE)
            own = self._key(path) == self._key(query.sound.path)
            incoming = window_of(query, media, start, max(0, min(WINDOW, length - start)), own, place)
        samples = read_window(sound, start, incoming.reach)
        return ready, incoming, analyse(samples, incoming.grid.samples, incoming.reach)

    def _point(self, proposal: Proposal) -> Ready:
        """The edit point with its sound, kept while its neighbours are few."""
        id_ = proposal.point.id
        if id_ not in self._ready:
            point = self._points.get(id_)
            if point is None or point.outgoing is None:
                raise ProposalsError(f"edit point {id_}", "is not in the timeline any more", _AGAIN)
            # The loudness and silence of the query were judged when it was proposed: its rate does not matter.
            ready = make_ready(self._loaded, point, proposal.point, self._media, ANALYSIS_RATE, self._settings)
            self._ready[id_] = ready
            if len(self._ready) > _KEPT_POINTS:
                self._ready.popitem(last=False)
        self._ready.move_to_end(id_)
        return self._ready[id_]

    def _check_unchanged(self, candidate: Candidate) -> None:
        media, path = candidate.media, _there(Path(candidate.media.path))
        info = self._media.info(path)
        channels = sum(stream.channels for stream in info.streams)
        if info.duration < media.duration - _SAME_S or channels != media.channels:
            raise MediaError(path.name, "was changed since it was proposed", _AGAIN)

    def _key(self, path: Path) -> str:
        if path not in self._keys:
            try:
                self._keys[path] = content_key(path)
            except OSError as error:
                raise MediaError(path.name, "cannot be read", "check that it is still there") from error
        return self._keys[path]


def _there(path: Path) -> Path:
    """The path, where a file still is."""
    if not path.is_file():
        raise MediaError(path.name, f"is not in {path.parent} any more", f"put it back, or {_AGAIN}")
    return path


def _by(ready: Ready, incoming: Incoming, analysis: Analysis, candidate: Candidate, method: str) -> Candidate:
    place = ready.place
    settings = place.settings
    place = replace(place, settings=replace(settings, join=replace(settings.join, method=method)))
    joined = join_window(ready.query, incoming, analysis, place)
    if isinstance(joined, Shortfall):
        raise NoMatchError(
            candidate.media.name, f"cannot be joined by {method}: {joined.reason}", "take another method"
        )
    return with_join(candidate, joined, place)


def _by_id(points: Iterable[EditPoint]) -> dict[str, EditPoint]:
    return {point.id: point for point in points}


def _known(proposals: Proposals, points: dict[str, EditPoint]) -> dict[str, str]:
    """Path by reference, as it was found when it was proposed."""
    known: dict[str, str] = {}

    def add(url: str | None, shot: ShotRecord | None) -> None:
        if url and shot is not None and shot.path is not None:
            known.setdefault(url, shot.path)

    for proposal in proposals.proposals:
        for one in proposal.candidates:
            known.setdefault(one.media.target_url, one.media.path)
    for proposal in proposals.proposals:
        point = points.get(proposal.point.id)
        if point is not None:
            add(point.outgoing.target_url if point.outgoing is not None else None, proposal.point.outgoing)
            add(point.incoming.target_url if point.incoming is not None else None, proposal.point.incoming)
    return known
