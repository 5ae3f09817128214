"""What an audition begins with: the proposals, and the timeline that they were made for where it is as it was."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from amc_otio.errors import AmcError
from amc_otio.proposals.decisions import content_hash
from amc_otio.proposals.file import read_proposals
from amc_otio.proposals.records import Proposals
from amc_otio.timeline.read import LoadedTimeline, read_timeline


@dataclass(frozen=True)
class Session:
    """An audition's input.

    Attributes
    ----------
    path
        The proposals file.
    proposals
        What it holds.
    edit
        The timeline file, whether it is there or not.
    loaded
        The timeline as it was read, or None where `no_timeline` says why not.
    no_timeline
        Why joins cannot be found anew and no timeline can be written, in words; None where both can.
    """

    path: Path
    proposals: Proposals
    edit: Path
    loaded: LoadedTimeline | None
    no_timeline: str | None

    @cached_property
    def sha256(self) -> str:
        """What `amc_otio.proposals.decisions.content_hash` gives for the proposals; of thousands it takes a while."""
        return content_hash(self.proposals)


def open_session(path: Path, edit: Path | None = None) -> Session:
    """Read a proposals file, and the timeline where it lies.

    Parameters
    ----------
    edit
        The timeline where it is not in its recorded place any more.

    Raises
    ------
    ProposalsError
        When the proposals cannot be read. A timeline that is gone or was changed is no error: listening and deciding
        go on without it.
    """
    proposals = read_proposals(path)
    where = edit if edit is not None else Path(proposals.timeline.path)
    try:
        loaded = read_timeline(where, name=proposals.timeline.name or None, rate=proposals.timeline.rate)
    except AmcError as error:
        remedy = "" if edit is not None else "; start again with --edit FILE where it lies elsewhere"
        return Session(path, proposals, where, None, f"{where}: {error.reason}{remedy}")
    except OSError as error:
        return Session(path, proposals, where, None, f"{where}: cannot be read ({error.strerror or error})")
    if loaded.sha256 != proposals.timeline.sha256:
        reason = "is not the timeline that the proposals were made for, or was changed since; propose again"
        return Session(path, proposals, where, None, f"{where}: {reason}")
    return Session(path, proposals, where, loaded, None)
