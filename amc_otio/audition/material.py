"""What the page may ask for of a proposals file's media: made when it is asked for, and kept while it fits."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from amc_otio.audition.joins import joins_of
from amc_otio.audition.moving import content_type, segment_film
from amc_otio.audition.pictures import frame_jpeg
from amc_otio.audition.records import Meeting
from amc_otio.audition.segments import Facts, Segments
from amc_otio.audition.sound import matrix_of, segment_sound
from amc_otio.audition.store import Lane, Store
from amc_otio.errors import MediaError
from amc_otio.media.probe import probe
from amc_otio.proposals import Candidate, Proposal, Proposals
from amc_otio.timeline.read import LoadedTimeline
from amc_otio.workflow.rejoining import rejoiner

LANES: Final = {
    "sound": Lane(2, 32, first=True),
    "joins": Lane(1, 64),
    "pictures": Lane(1, 256),
    "videos": Lane(1, 8),
}
"""Sound never waits for anything else, and pictures pause for it: an editor who presses play hears it first."""


def facts_of(path: str) -> Facts:
    """What a file holds, as far as the page must know; a file that cannot be read has two channels and no pictures."""
    try:
        info = probe(Path(path))
    except MediaError:
        return Facts(2, False)
    return Facts(sum(stream.channels for stream in info.streams) or 2, info.has_picture)


class Material:
    """Sounds and pictures of a proposals file's candidates; safe among threads.

    What is unknown raises KeyError, what cannot be read `MediaError`, and `amc_otio.audition.store.Busy` says that too
    much is asked for at once.

    Parameters
    ----------
    proposals
        Nothing but the files that they name is read.
    edit
        The timeline that they were made for, read or not; None is where it was then. It is read when a join is first
        asked for by another method.
    """

    def __init__(
        self, proposals: Proposals, edit: Path | LoadedTimeline | None = None, store: Store | None = None
    ) -> None:
        self.proposals = proposals
        self._rejoiner = cache(lambda: rejoiner(proposals, edit))
        self.segments = Segments(proposals, facts_of)
        self._store = Store(LANES) if store is None else store

    def segment(self, id_: str, later: bool = False) -> bytes:
        """Sound and spectrogram of a segment as safetensors (`amc_otio.audition.sound.segment_sound`)."""
        segment = self.segments[id_]
        return self._store.get("sound", ("sound", id_), lambda: segment_sound(segment), later=later)

    def frame(self, id_: str, later: bool = False) -> bytes:
        """A picture beside a join as JPEG (`amc_otio.audition.pictures.frame_jpeg`)."""
        moment = self.segments.moment(id_)
        # By the moment, not the id: the candidates of an edit point mostly leave the outgoing shot at the same frames.
        key = ("frame", moment.path, moment.at, moment.before)
        return self._store.get("pictures", key, lambda: frame_jpeg(moment, self._store.make_way), later=later)

    def video(self, id_: str, later: bool = False) -> bytes:
        """A segment's pictures as a film (`amc_otio.audition.moving.segment_film`), of the type `video_type`."""
        segment = self.segments[id_]
        if not segment.has_picture:
            raise KeyError(id_)
        return self._store.get(
            "videos", ("video", id_), lambda: segment_film(segment, self._store.make_way), later=later
        )

    @property
    def video_type(self) -> str:
        """The media type of videos."""
        return content_type()

    def matrix(self, number: int, rank: int, later: bool = False) -> bytes:
        """Similarity matrix of a candidate as safetensors (`amc_otio.audition.sound.matrix_of`)."""
        proposal, candidate = self.candidate(number, rank)
        return self._store.get("joins", ("matrix", number, rank), lambda: matrix_of(proposal, candidate), later=later)

    def joins(self, number: int, rank: int, later: bool = False) -> dict[str, Meeting | str]:
        """Meetings of a candidate by every method, or refusals in words (`amc_otio.audition.joins.joins_of`).

        Raises
        ------
        AmcError
            When none can be found anew: the timeline or a file is gone or was changed.
        """
        proposal, candidate = self.candidate(number, rank)

        def make() -> dict[str, Meeting | str]:
            return joins_of(self._rejoiner(), proposal, candidate)

        return self._store.get("joins", ("joins", number, rank), make, _size_of_joins, later)

    def candidate(self, number: int, rank: int) -> tuple[Proposal, Candidate]:
        """The edit point and the candidate of two numbers, both from 1; KeyError for unknown ones."""
        proposals = self.proposals.proposals
        if not 1 <= number <= len(proposals):
            raise KeyError(number)
        proposal = proposals[number - 1]
        for one in proposal.candidates:
            if one.rank == rank:
                return proposal, one
        raise KeyError(rank)


def _size_of_joins(joins: dict[str, Meeting | str]) -> int:
    """About so many bytes."""
    return 2000 * len(joins)
