"""Which stretches of which files the page may ask for: an id is the only way to a file, and a path never comes in.

Positions count samples at 48 kHz from the start of a file's sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from amc_otio.audition.records import Stretch
from amc_otio.config import ANALYSIS_RATE
from amc_otio.joining.analysis import WINDOW
from amc_otio.media.decode import Channels
from amc_otio.proposals import Candidate, Proposal, Proposals, ShotRecord

LONGEST: Final = 15 * ANALYSIS_RATE
"""Most samples of a segment."""
WIDEST: Final = 2
"""Most channels that the page plays."""
_OUT_BEFORE: Final = 3 * ANALYSIS_RATE
_OUT_AFTER: Final = 2 * ANALYSIS_RATE
_IN_BEFORE: Final = 2 * ANALYSIS_RATE
_IN_AFTER: Final = 7 * ANALYSIS_RATE // 2
_PRESENT_BEFORE: Final = ANALYSIS_RATE
_SHARED: Final = ANALYSIS_RATE
"""A point within so much of the query window shares the edit point's outgoing segment."""


@dataclass(frozen=True)
class Facts:
    """What a file holds: its channels, those of all its audio streams, and whether pictures."""

    channels: int
    has_picture: bool


@dataclass(frozen=True)
class Segment:
    """A stretch of a file's sound and pictures.

    Attributes
    ----------
    id
        As in `amc_otio.audition.records.Stretch`.
    path
        As the proposals name it.
    channels
        The (stream, channel) pairs that are decoded; None is all.
    first, count
        Samples.
    decoded, through, target
        Channels: what is decoded is fitted to the outgoing clip's, as a preview does, and that to the 1 or 2 that the
        page plays (`amc_otio.joining.render.to_channels`).
    has_picture
        Whether there are pictures beside it.
    """

    id: str
    path: str
    channels: Channels | None
    first: int
    count: int
    decoded: int
    through: int
    target: int
    has_picture: bool

    @property
    def stretch(self) -> Stretch:
        """What the page is told of it."""
        return Stretch(self.id, self.first, self.count, self.target, self.has_picture)


@dataclass(frozen=True)
class Moment:
    """A picture that the page may ask for: one beside a point of a file.

    `at` is the point, in samples; `before` asks for the last picture before it, else it is the first one after it.
    """

    id: str
    path: str
    at: int
    before: bool


class Segments:
    """The table of a proposals file's segments, by id.

    An edit point that was refused, or whose outgoing file is not at hand, has none.

    Parameters
    ----------
    proposals
        Whose files, and no others, can be asked for.
    facts
        What a file holds that is no candidate's; None leaves it at two channels without pictures where the proposals
        do not say.
    """

    def __init__(self, proposals: Proposals, facts: Callable[[str], Facts] | None = None) -> None:
        self._facts: dict[str, Facts] = {}
        for proposal in proposals.proposals:
            for one in proposal.candidates:
                self._facts[one.media.path] = Facts(one.media.channels, one.media.has_picture)
        self._ask = facts
        self._table: dict[str, Segment] = {}
        self._moments: dict[str, Moment] = {}
        for number, proposal in enumerate(proposals.proposals, 1):
            if proposal.refusal is None and proposal.point.outgoing.path is not None:
                reach = min(round(proposals.settings.join.search_s * ANALYSIS_RATE), LONGEST)
                self._add_point(number, proposal, reach)

    def __getitem__(self, id_: str) -> Segment:
        """The segment of an id; KeyError for an unknown one."""
        return self._table[id_]

    def __contains__(self, id_: object) -> bool:
        return id_ in self._table

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def stretch(self, id_: str) -> Stretch:
        """What the page is told of a segment; KeyError for an unknown id."""
        return self._table[id_].stretch

    def moment(self, id_: str) -> Moment:
        """The picture of an id; KeyError for an unknown one, and where the file has no pictures."""
        return self._moments[id_]

    def outgoing(self, number: int, rank: int) -> Segment:
        """What holds the outgoing sound of a candidate: its edit point's segment, or one of its own."""
        return self._table.get(f"{number}.{rank}.out") or self._table[f"{number}.out"]

    def _add_point(self, number: int, proposal: Proposal, reach: int) -> None:
        shot = proposal.point.outgoing
        assert shot.path is not None
        cut, held = present_cut(shot), self._held(shot.path)
        through = self._channels(shot)
        points = {one.rank: one.query_start + one.join.out_point for one in proposal.candidates}
        starts = {one.query_start for one in proposal.candidates} or {cut - WINDOW}
        near = [at for at in points.values() if any(s - _SHARED <= at <= s + WINDOW + _SHARED for s in starts)]
        earliest, latest = min([cut, *near]), max([cut, *near])
        if reach:
            # Another method may find its point anywhere in what is searched.
            spare = max(0, (LONGEST - _OUT_BEFORE - _OUT_AFTER - WINDOW) // 2)
            earliest = min(earliest, min(starts) - min(reach, spare))
            latest = max(latest, max(starts) + WINDOW + min(reach, spare))
        first, count = _limited(earliest - _OUT_BEFORE, latest + _OUT_AFTER, cut)
        target, pictures = min(through, WIDEST), held.has_picture
        out = Segment(f"{number}.out", shot.path, shot.channels, first, count, through, through, target, pictures)
        self._table[out.id] = out
        self._picture(out.id, out, cut, before=True)
        self._add_present(number, proposal.point.incoming, through)
        for one in proposal.candidates:
            at, going = points[one.rank], out
            if at - _OUT_BEFORE < first or at + _OUT_AFTER > first + count:
                length = _OUT_BEFORE + _OUT_AFTER
                going = replace(out, id=f"{number}.{one.rank}.out", first=at - _OUT_BEFORE, count=length)
                self._table[going.id] = going
            self._picture(f"{number}.{one.rank}.out", going, at, before=True)
            self._add_incoming(number, one, through, reach)

    def _add_incoming(self, number: int, one: Candidate, through: int, reach: int) -> None:
        at = one.window_start + one.join.in_point
        spare = max(0, (LONGEST - _IN_BEFORE - _IN_AFTER - WINDOW) // 2)
        earliest = min(one.window_start - min(reach, spare), at)
        latest = max(one.window_start + WINDOW + min(reach, spare), at)
        first, count = _limited(earliest - _IN_BEFORE, latest + _IN_AFTER, at)
        made = Segment(
            f"{number}.{one.rank}.in",
            one.media.path,
            None,
            first,
            count,
            one.media.channels,
            through,
            min(through, WIDEST),
            one.media.has_picture,
        )
        self._table[made.id] = made
        self._picture(made.id, made, at, before=False)

    def _add_present(self, number: int, shot: ShotRecord | None, through: int) -> None:
        if shot is None or shot.path is None:
            return
        at = present_in(shot)
        made = Segment(
            f"{number}.present",
            shot.path,
            shot.channels,
            at - _PRESENT_BEFORE,
            _PRESENT_BEFORE + _IN_AFTER,
            self._channels(shot),
            through,
            min(through, WIDEST),
            self._held(shot.path).has_picture,
        )
        self._table[made.id] = made
        self._picture(made.id, made, at, before=False)

    def _picture(self, id_: str, segment: Segment, at: int, *, before: bool) -> None:
        if segment.has_picture:
            self._moments[id_] = Moment(id_, segment.path, at, before)

    def _channels(self, shot: ShotRecord) -> int:
        if shot.channels is not None:
            return len(shot.channels)
        assert shot.path is not None
        return self._held(shot.path).channels

    def _held(self, path: str) -> Facts:
        if path not in self._facts:
            self._facts[path] = self._ask(path) if self._ask is not None else Facts(WIDEST, False)
        return self._facts[path]


def present_cut(shot: ShotRecord) -> int:
    """Where the outgoing shot ends on its file's sound, in samples."""
    return round((shot.used_to - shot.media_start) * ANALYSIS_RATE)


def present_in(shot: ShotRecord) -> int:
    """Where a shot begins on its file's sound, in samples."""
    return round((shot.used_from - shot.media_start) * ANALYSIS_RATE)


def _limited(first: int, last: int, around: int) -> tuple[int, int]:
    """First sample and count, `LONGEST` at most: what is too long is cut about a point, a third before it."""
    if last - first > LONGEST:
        first = min(max(first, around - LONGEST // 3), last - LONGEST)
        last = first + LONGEST
    return first, last - first
