"""What the addresses give: the page's own files, what it plays, where decisions go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from amc_otio.audition.events import Events
from amc_otio.audition.keeping import DecisionsFile
from amc_otio.audition.records import Meeting, Told
from amc_otio.audition.writing import Writer


class Material(Protocol):
    """What the page plays and draws, by the ids that the proposals name.

    Each raises KeyError for an unknown id and `AmcError` where a file cannot be read; what `Page.busy` names where
    too much is being rendered.
    """

    def segment(self, name: str) -> bytes:
        """Sound and its spectrogram, as safetensors."""

    def matrix(self, number: int, rank: int) -> bytes:
        """The similarity matrix of a candidate, as safetensors."""

    def joins(self, number: int, rank: int) -> Mapping[str, Meeting | str]:
        """A candidate's join by every method, or why there is none, in words."""

    def frame(self, name: str) -> bytes:
        """A frame at a join, as JPEG."""

    def video(self, name: str) -> bytes:
        """A segment's picture as a film, of the type `video_type`."""

    @property
    def video_type(self) -> str:
        """The media type of films."""


@dataclass(frozen=True)
class PageFile:
    """A file of the page: its media type and what it holds."""

    kind: str
    content: bytes


_KINDS: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
PAGE_FOLDER: Final = Path(__file__).parent / "page"


def page_files(folder: Path = PAGE_FOLDER) -> dict[str, PageFile]:
    """Read the page: the only files that are ever served, each by its name alone."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    wanted = [file for file in files if file.suffix in _KINDS and file.is_file()]
    return {file.name: PageFile(_KINDS[file.suffix], file.read_bytes()) for file in wanted}


@dataclass
class Page:
    """What the addresses give.

    Attributes
    ----------
    told
        What the page lists.
    decisions
        Where decisions are kept.
    material
        What it plays and draws.
    writer
        Writes timelines; None where `told.no_timeline` says why not.
    events
        To all tabs.
    end
        Ends the server; takes the reason.
    active
        Is told of every request but those for events.
    busy
        What `material` raises where too much is being rendered.
    files
        The page's own.
    """

    told: Told
    decisions: DecisionsFile
    material: Material
    writer: Writer | None
    events: Events = field(default_factory=Events)
    end: Callable[[str], None] = lambda reason: None
    active: Callable[[], None] = lambda: None
    busy: tuple[type[Exception], ...] = ()
    files: Mapping[str, PageFile] = field(default_factory=page_files)
