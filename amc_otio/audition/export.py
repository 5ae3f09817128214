"""The audition page as one HTML file that needs no server: a colleague opens it, decides, and gives back decisions.

Everything is in the file: the page's modules as ``data:`` addresses in an import map, the list, and for the best
candidates of each edit point the sounds (FLAC, 16 bits, rounded and not dithered: what is written is heard once and
never processed again), spectrograms, matrices, joins and pictures, each in an element that no browser runs. The file
may ask nothing of any network (`amc_otio.audition.one_file.policy`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from amc_otio.audition.one_file import OneFile, in_script, need
from amc_otio.audition.packing import compressed, read_tensors, write_tensors
from amc_otio.audition.records import EditPointTold, Meeting, Stretch, Take, Told
from amc_otio.codec import encode
from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import AmcError, MediaError, UsageError
from amc_otio.media.wav import whole_file
from amc_otio.proposals.decisions import DECISIONS_FORMAT, DECISIONS_VERSION, Decisions

LARGEST: Final = 200_000_000
"""Bytes of a file that is written without being asked twice: a browser holds all of it in memory."""
_ID: Final = re.compile(r"[0-9]+(\.[0-9]+)?\.(out|in|present)")


class Media(Protocol):
    """What `amc_otio.audition.material.Material` gives: bytes by id; AmcError for what cannot be read."""

    def segment(self, id_: str, /) -> bytes: ...
    def matrix(self, number: int, rank: int, /) -> bytes: ...
    def joins(self, number: int, rank: int, /) -> dict[str, Meeting | str]: ...
    def frame(self, id_: str, /) -> bytes: ...
    def video(self, id_: str, /) -> bytes: ...
    @property
    def video_type(self) -> str: ...


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes
    ----------
    path
        The file.
    bytes
        Its size.
    points, takes
        Edit points and candidates that can be heard in it.
    notes
        What is not in it, in words.
    """

    path: Path
    bytes: int
    points: int
    takes: int
    notes: tuple[str, ...]


def export_page(
    material: Media,
    told: Told,
    decisions: Decisions | None,
    path: Path,
    top: int = 3,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
    *,
    video: bool = True,
) -> Exported:
    """Write the page with the best candidates of each edit point into one file (temporary name, then rename).

    The same input gives the same bytes, as far as the video encoder does. Candidates whose sound cannot be read are
    left out with a note.

    Parameters
    ----------
    material
        Gives the bytes of sounds and pictures.
    told
        The whole list; `live` and what is beyond `top` are changed here.
    decisions
        What was decided so far; a colleague goes on from there. What is decided of a candidate that is not in the file
        stays as it is.
    top
        Candidates of each edit point.
    force
        Replace a file that is there, and write one of more than `LARGEST` bytes.
    progress
        Called with how many edit points are done, and how many there are.
    video
        Also put in the moving pictures.

    Raises
    ------
    UsageError
        When `top` is less than 1, or the file would be larger than `LARGEST`.
    MediaError
        When no candidate's sound can be read.
    OutputError
        When the file cannot be written.
    """
    if top < 1:
        raise UsageError("--top", f"is {top}", "give 1 or more")
    if not force:
        _check_size(path, estimate(told, top, video=video))
    page = OneFile()
    notes: list[str] = []
    points: list[EditPointTold] = []
    joins: dict[str, Any] = {}
    with whole_file(path, overwrite=force) as file:
        out = _Counted(file, None if force else LARGEST, path)
        out.text(page.head)
        for done, point in enumerate(told.points):
            if progress is not None:
                progress(done, len(told.points))
            points.append(_point(point, material, top, video, out, joins, notes))
        if progress is not None:
            progress(len(points), len(points))
        takes = sum(len(point.takes) for point in points)
        if not takes:
            why = notes[0] if notes else "no edit point has a candidate"
            raise MediaError(told.file, f"nothing of it can be heard: {why}", "relink the media and propose again")
        shown = replace(told, live=False, points=tuple(points))
        so_far = decisions or _nothing_decided(told)
        out.json("amc-told", encode(shown))
        out.json("amc-joins", joins)
        out.json("amc-decisions", encode(so_far))
        out.text(page.tail)
    return Exported(path, out.written, sum(bool(p.takes) for p in points), takes, tuple(notes))


def estimate(told: Told, top: int, *, video: bool = True) -> int:
    """Say about how many bytes the file will have, before anything is read.

    FLAC of film sound takes about 0.55 of its 16 bits, base64 4/3 of the bytes; a picture is about 9 kB, a second of
    video about 30 kB.
    """
    total = 600_000
    for point in told.points:
        stretches = _stretches(point, top)
        for one in stretches:
            total += int(one.count * one.channels * 2 * 0.55 + one.count / 1024 * 128)
            if one.has_picture:
                total += 9_000 + (int(one.count / ANALYSIS_RATE * 30_000) if video else 0)
        total += 20_000 * min(top, len(point.takes))
    return total * 4 // 3


class _Counted:
    """Writes text elements, and no more bytes than are allowed."""

    def __init__(self, file: BinaryIO, most: int | None, path: Path) -> None:
        self.written = 0
        self._file, self._most, self._path = file, most, path

    def text(self, text: str) -> None:
        data = text.encode("utf-8")
        self.written += len(data)
        if self._most is not None and self.written > self._most:
            _check_size(self._path, self.written, "more than ")
        self._file.write(data)

    def json(self, id_: str, value: Any) -> None:
        self.text(f'<script type="application/json" id="{id_}">{in_script(value)}</script>\n')

    def bytes(self, kind: str, id_: str, data: bytes, media_type: str = "") -> None:
        need(_ID.fullmatch(id_) is not None or re.fullmatch(r"[0-9]+/[0-9]+", id_) is not None, f"{id_} is no id")
        coded = base64.b64encode(data).decode("ascii")
        of = f' data-type="{media_type}"' if media_type else ""
        self.text(f'<script type="text/plain" id="amc-{kind}-{id_}"{of}>{coded}</script>\n')


def _point(
    point: EditPointTold,
    material: Media,
    top: int,
    video: bool,
    out: _Counted,
    joins: dict[str, Any],
    notes: list[str],
) -> EditPointTold:
    """Write what an edit point needs; return it with the candidates that are in the file."""
    if point.sound is None or not point.takes:
        return replace(point, takes=())
    held: dict[str, Stretch | None] = {}

    def hold(stretch: Stretch | None, what: str) -> Stretch | None:
        if stretch is not None and stretch.id not in held:
            held[stretch.id] = _hold(stretch, what, material, video, out, notes)
        return held[stretch.id] if stretch is not None else None

    where = f"edit point {point.number}"
    sound = hold(point.sound, f"{where}, {point.outgoing}")
    takes: list[Take] = []
    for take in point.takes[:top]:
        what = f"{where}, candidate {take.rank}, {take.name}"
        outgoing, incoming = hold(take.outgoing, f"{where}, {point.outgoing}"), hold(take.incoming, what)
        if outgoing is None or incoming is None:
            continue
        takes.append(replace(take, outgoing=outgoing, incoming=incoming))
        _analysis(point.number, take, what, material, out, joins, notes)
    present = point.present
    if present is not None:
        present = replace(present, incoming=hold(present.incoming, f"{where}, the present {present.name}"))
    if point.sound.has_picture:
        _frame(f"{point.number}.out", material, out)
    if present is not None and present.incoming is not None and present.incoming.has_picture:
        _frame(f"{point.number}.present", material, out)
    for take in takes:
        for side, stretch in (("out", take.outgoing), ("in", take.incoming)):
            if stretch.has_picture:
                _frame(f"{point.number}.{take.rank}.{side}", material, out)
    return replace(point, sound=sound, present=present, takes=tuple(takes))


def _hold(stretch: Stretch, what: str, material: Media, video: bool, out: _Counted, notes: list[str]) -> Stretch | None:
    """Write a segment; return what is told of it, or None where its sound cannot be read."""
    try:
        sound = material.segment(stretch.id)
    except (AmcError, KeyError) as error:
        reason = error.reason if isinstance(error, AmcError) else "has no sound"
        notes.append(f"{what}: left out: {getattr(error, 'thing', '')} {reason}".replace(":  ", ": "))
        return None
    out.bytes("segment", stretch.id, compressed(sound))
    if not (video and stretch.has_picture):
        return stretch
    try:
        out.bytes("video", stretch.id, material.video(stretch.id), material.video_type)
    except (AmcError, KeyError):
        notes.append(f"{what}: without moving pictures")
    return stretch


def _analysis(
    number: int, take: Take, what: str, material: Media, out: _Counted, joins: dict[str, Any], notes: list[str]
) -> None:
    key = f"{number}/{take.rank}"
    try:
        out.bytes("matrix", key, write_tensors(*read_tensors(material.matrix(number, take.rank))))
    except (AmcError, KeyError) as error:
        notes.append(f"{what}: without its matrix: {getattr(error, 'reason', 'it has none')}")
    try:
        found = material.joins(number, take.rank)
        joins[key] = {
            method: {"refusal": one} if isinstance(one, str) else encode(one) for method, one in found.items()
        }
    except (AmcError, KeyError) as error:
        notes.append(f"{what}: without the other methods: {getattr(error, 'reason', 'they cannot be found')}")


def _frame(id_: str, material: Media, out: _Counted) -> None:
    try:
        picture = material.frame(id_)
    except (AmcError, KeyError):
        return  # the page shows the sign of sound there, as live
    out.bytes("frame", id_, picture)


def _stretches(point: EditPointTold, top: int) -> Iterator[Stretch]:
    if point.sound is None or not point.takes:
        return
    found = {point.sound.id: point.sound}
    if point.present is not None and point.present.incoming is not None:
        found[point.present.incoming.id] = point.present.incoming
    for take in point.takes[:top]:
        found |= {take.outgoing.id: take.outgoing, take.incoming.id: take.incoming}
    yield from found.values()


def _nothing_decided(told: Told) -> Decisions:
    return Decisions(
        DECISIONS_FORMAT, DECISIONS_VERSION, told.tool, told.proposals_sha256, told.timeline_sha256, (), ""
    )


def _check_size(path: Path, size: int, about: str = "about ") -> None:
    if size > LARGEST:
        raise UsageError(
            path,
            f"would have {about}{size / 1e6:.0f} MB, more than the {LARGEST / 1e6:.0f} MB that a browser opens readily",
            "export fewer candidates with --top, leave out the moving pictures with --no-video, or give --force",
        )
