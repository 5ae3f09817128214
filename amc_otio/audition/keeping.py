"""The decisions file while the page is open: one point changes at a time, and what was answered is on the disk.

Every change happens under a lock of the operating system: the file is read anew, one edit point's decision is set, the
whole is written to a temporary name, synced and renamed. Two servers on one file, or a program that writes it in
between, therefore lose nothing to each other, and a process that is killed leaves the last whole file.

Each edit point has a revision that grows with every change of it; who changes it says which one was seen.
"""

from __future__ import annotations

import contextlib
import glob
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from amc_otio.codec import encode
from amc_otio.errors import AmcError, OutputError, ProposalsError
from amc_otio.locks import FileLock
from amc_otio.proposals.decided import decided
from amc_otio.proposals.decisions import (
    MAX_DECISIONS_BYTES,
    Decision,
    Decisions,
    check_belongs,
    content_hash,
    decisions_for,
    read_decisions,
)
from amc_otio.proposals.records import Proposals
from amc_otio.timeline.write import check_new_file, json_text, write_json

_ELSEWHERE: Final = "name another file with --decisions, or move this one away"


@dataclass(frozen=True)
class Entry:
    """What is decided of an edit point, and the revision of that."""

    revision: int
    decision: Decision


class Changed(Exception):
    """An edit point was decided otherwise meanwhile; `entry` says how."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(f"edit point {entry.decision.point} was decided otherwise meanwhile")
        self.entry = entry


Check = Callable[[Proposals, Decisions], object]
"""Raises `ProposalsError` where decisions cannot be carried out; `amc_otio.proposals.decided` is one."""


def decisions_path(proposals: Path) -> Path:
    """Where the decisions on a proposals file are kept: ``p.json`` has ``p.decisions.json`` beside it."""
    stem = proposals.name[: -len(".json")] if proposals.name.lower().endswith(".json") else proposals.name
    return proposals.with_name(f"{stem}.decisions.json")


class DecisionsFile:
    """The decisions on some proposals, kept in a file. May be used from several threads.

    Parameters
    ----------
    path
        Read where it is there; made with the first decision where not: a file without decisions would say that
        nothing is chosen.
    check
        Carries out the decisions on proposals with a single edit point, and is asked before each one is kept.
    excludes
        Which edit points cannot be cut together, by number (`amc_otio.choices.rivals`): one of them is chosen.
    sha256
        What `content_hash` gives for the proposals, where it is known already.
    tell
        Is called with the number of an edit point and what is decided of it now, after each change, whoever made it.

    Raises
    ------
    ProposalsError
        When the file holds no decisions, or those on other proposals. It is left as it is.
    OutputError
        When its folder cannot be written to.
    """

    def __init__(
        self,
        path: Path,
        proposals: Proposals,
        check: Check = decided,
        excludes: Mapping[int, tuple[int, ...]] | None = None,
        tell: Callable[[int, Entry], None] = lambda number, entry: None,
        sha256: str | None = None,
    ) -> None:
        self.path = path.absolute()
        self._proposals = proposals
        self._sha256 = content_hash(proposals) if sha256 is None else sha256
        self._check = check
        self._excludes = excludes or {}
        self.tell = tell
        self._numbers = {p.point.id: number for number, p in enumerate(proposals.proposals, 1)}
        self._entries: dict[int, Entry] = {}
        self._revision = 0
        self._note = ""
        self._held: bytes | None = None
        self._seen: tuple[int, ...] | None = None
        self._mutex = threading.Lock()
        try:
            check_new_file(self.path, None, force=True)
        except OutputError as error:
            raise OutputError(error.thing, error.reason, "name another file with --decisions") from error
        try:
            with self._alone():
                self._remove_left_over()
                self._read()
        except AmcError:
            self.close()
            raise

    @property
    def revision(self) -> int:
        """Grows with every change of any edit point."""
        return self._revision

    def entries(self) -> dict[int, Entry]:
        """What is decided, by the edit point's number; those that are undecided are not named."""
        with self._mutex:
            return {number: one for number, one in sorted(self._entries.items()) if not _is_empty(one.decision)}

    def decisions(self) -> Decisions:
        """All that is decided, as the file says it."""
        with self._mutex:
            return self._whole()

    @property
    def looks_changed(self) -> bool:
        """Whether another program seems to have written the file."""
        return self._state() != self._seen

    def refresh(self) -> None:
        """Take over what another program wrote to the file.

        Raises
        ------
        ProposalsError
            When it holds something else now.
        """
        with self._alone():
            self._read()

    def change(self, number: int, decision: Decision, seen: int) -> Entry:
        """Keep a decision; it is on the disk when this returns.

        Parameters
        ----------
        number
            The edit point's, from 1.
        seen
            The revision that whoever decides has seen of it; 0 is none.

        Raises
        ------
        Changed
            When it was decided otherwise meanwhile. Nothing is changed.
        ProposalsError
            When it cannot be carried out, or the file holds something else now.
        OutputError
            When the file cannot be written.
        """
        if self._numbers.get(decision.point) != number:
            raise ProposalsError(f"edit point {number}", "is not the one that the decision names", "reload the page")
        self._carry_out(number, decision)
        with self._alone():
            self._read()
            now = self._entries.get(number)
            if now is not None and seen != now.revision and not (_is_empty(now.decision) and seen == 0):
                raise Changed(now)
            if now is None and seen != 0:
                raise Changed(Entry(0, Decision(decision.point, "undecided")))
            self._check_beside(number, decision)
            made = Entry(self._revision + 1, decision)
            whole = self._whole({**self._entries, number: made})
            value = encode(whole)
            write_json(self.path, value)
            _sync_folder(self.path.parent)
            self._held = json_text(value).encode()
            self._seen = self._state()
            self._revision = made.revision
            self._entries[number] = made
            self.tell(number, made)
            return made

    def close(self) -> None:
        """Remove the lock's file, unless another server uses it now."""
        lock = FileLock(self._lock_path)
        with contextlib.suppress(OSError):
            if self._lock_path.exists() and lock.acquire(blocking=False):
                lock.release(unlink=True)

    # ------------------------------------------------------------ the file

    @property
    def _lock_path(self) -> Path:
        return self.path.with_name(f".{self.path.name}.lock")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with self._mutex:
            lock = FileLock(self._lock_path)
            try:
                lock.acquire()
            except OSError as error:
                raise OutputError(
                    self.path, f"cannot be locked ({error.strerror or error})", "name another file with --decisions"
                ) from error
            try:
                yield
            finally:
                lock.release()

    def _remove_left_over(self) -> None:
        """Temporary files of servers that were killed while they wrote; nobody writes now."""
        for path in self.path.parent.glob(f".{glob.escape(self.path.name)}.*.part"):
            with contextlib.suppress(OSError):
                path.unlink()

    def _read(self) -> None:
        """Take over the file where it is not what was written or read last; one that is gone is written anew."""
        self._seen = self._state()
        try:
            held = self.path.read_bytes() if self.path.is_file() and not self._is_large() else None
        except OSError as error:
            raise ProposalsError(self.path, f"cannot be read ({error.strerror})", _ELSEWHERE) from error
        if held is not None and held == self._held:
            return
        if held is None and not os.path.lexists(self.path):
            return
        try:
            found = read_decisions(self.path)
            if found.proposals_sha256 != self._sha256 or found.timeline_sha256 != self._proposals.timeline.sha256:
                raise ProposalsError(self.path, "holds decisions on other proposals, or these were changed since")
            check_belongs(found, self._proposals, self._sha256)
        except ProposalsError as error:
            raise ProposalsError(self.path, f"{_about(error, self.path)}", _ELSEWHERE) from error
        self._held = held
        self._note = found.note
        self._take(found)

    def _state(self) -> tuple[int, ...] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return (found.st_ino, found.st_size, found.st_mtime_ns)

    def _is_large(self) -> bool:
        return self.path.stat().st_size > MAX_DECISIONS_BYTES

    def _take(self, found: Decisions) -> None:
        new = {self._numbers[one.point]: one for one in found.decisions if not _is_empty(one)}
        for number in sorted(new.keys() | self._entries.keys()):
            now = self._entries.get(number)
            decision = new.get(number) or Decision(self._proposals.proposals[number - 1].point.id, "undecided")
            if now is None or now.decision != decision:
                self._revision += 1
                self._entries[number] = Entry(self._revision, decision)
                self.tell(number, self._entries[number])

    def _whole(self, entries: dict[int, Entry] | None = None) -> Decisions:
        entries = self._entries if entries is None else entries
        empty = decisions_for(replace(self._proposals, proposals=()), (), self._note)
        kept = tuple(one.decision for _, one in sorted(entries.items()) if not _is_empty(one.decision))
        return replace(empty, proposals_sha256=self._sha256, decisions=kept)

    def _check_beside(self, number: int, decision: Decision) -> None:
        """Refuse a second cut of one shot: no timeline could be written with both."""
        if decision.state != "chosen":
            return
        for other in self._excludes.get(number, ()):
            entry = self._entries.get(other)
            if entry is not None and entry.decision.state == "chosen":
                raise ProposalsError(
                    f"decision on {decision.point}",
                    f"edit point {entry.decision.point} is cut already and changes the same shot",
                    "clear that one first",
                )

    def _carry_out(self, number: int, decision: Decision) -> None:
        """Refuse what ``apply`` could not carry out, and what no file could hold."""
        try:
            decision.note.encode()
        except UnicodeEncodeError as error:
            thing = f"decision on {decision.point}"
            raise ProposalsError(thing, "has half a character in its note", "write the note anew") from error
        proposal = self._proposals.proposals[number - 1]
        # The chosen candidate alone, where it is there: hashing the others would take most of the time.
        one = tuple(candidate for candidate in proposal.candidates if candidate.rank == decision.rank)
        alone = replace(self._proposals, proposals=(replace(proposal, candidates=one) if one else proposal,))
        made = decisions_for(alone, (decision,))
        if decision.state == "chosen":
            self._check(alone, made)


def _is_empty(decision: Decision) -> bool:
    """Whether it says nothing that would be missed."""
    return decision == Decision(decision.point, "undecided")


def _about(error: ProposalsError, path: Path) -> str:
    """An error's words about a file whose name stands before them already."""
    names = {str(path), path.name, "the decisions"}
    return error.reason if error.thing in names else f"{error.thing}: {error.reason}"


def _sync_folder(folder: Path) -> None:
    """Let a rename outlast a power cut too, where the system knows how."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):  # some network file systems sync no folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
