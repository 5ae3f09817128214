"""Find a timeline's media on this machine.

An address is tried as it is written, through path maps, and last by its file name under the search roots. A file
that cannot be told from another of the same name is an error that lists them: a wrong guess would put a wrong
sound into the edit.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from amc_otio.errors import MediaError
from amc_otio.media.files import full_hash, why_not_a_file
from amc_otio.media.urls import Address, components, map_path, parse_path_map, split_url

__all__ = ["MAX_FILES", "Locator", "parse_path_map", "split_url"]

#: How many files a search root may hold before the search gives up on the rest of it.
MAX_FILES = 500_000
#: Two lengths or start times that differ by no more than this are the same: frames and codec padding round them.
TOLERANCE_S = 0.1


@dataclass(frozen=True)
class Locator:
    """Finds media files for one timeline.

    Attributes
    ----------
    base
        The timeline's folder (or that of an extracted bundle), where relative addresses begin; None is the current one.
    path_maps
        Pairs (FROM, TO): the longest FROM that fits is tried first. See `amc_otio.media.urls.map_path`.
    search_roots
        Folders that are searched by file name when nothing else finds the file. Walked once, on first need.
    """

    base: Path | None = None
    path_maps: tuple[tuple[str, str], ...] = ()
    search_roots: tuple[Path, ...] = ()
    _walked: dict[str, _NameIndex] = field(default_factory=dict, init=False, repr=False, compare=False)

    def locate(self, target_url: str, *, duration_s: float | None = None, start_s: float | None = None) -> Path:
        """Return the absolute path of the regular file that `target_url` means.

        Parameters
        ----------
        target_url
            In any form that editors write (`amc_otio.media.urls.split_url`).
        duration_s, start_s
            Length and start timecode (s) of the media as the timeline knows them. They are used only to choose among
            several files of one name under the search roots.

        Raises
        ------
        MediaError
            It is a network address, a folder or a device, it is nowhere, or several different files fit.
        """
        address = split_url(target_url)
        refused = ""
        for candidate in self._candidates(address):
            found = _spelled_on_disk(candidate)
            if found is None:
                continue
            refused = refused or why_not_a_file(found)
            if not why_not_a_file(found):
                return found
        relinked = self._relink(address, duration_s, start_s)
        if relinked is not None:
            return relinked
        if refused:
            raise MediaError(target_url, refused, "relink the clip to a media file")
        raise MediaError(target_url, "the file is not there" + self._where_searched(), self._remedy())

    def _candidates(self, address: Address) -> Iterable[Path]:
        for text in map_path(address, self.path_maps):
            yield self._absolute(text)
        for spelling in address.spellings:
            if address.windows and os.name != "nt":
                continue  # a drive or a UNC path is nothing on this system unless a path map says where it is
            yield self._absolute(spelling)

    def _absolute(self, text: str) -> Path:
        path = Path(text)
        return path if path.is_absolute() else (self.base or Path.cwd()).absolute() / path

    def _remedy(self) -> str:
        if self.search_roots:
            return "relink the clip, or add --map-path FROM=TO or another --search-root"
        return "relink the clip, or use --map-path FROM=TO or --search-root FOLDER"

    def _where_searched(self) -> str:
        if not self.search_roots:
            return ""
        text = " and no file of its name is under " + ", ".join(str(r) for r in self.search_roots)
        if any(index.cut_short for index in self._walked.values()):
            text += f" (a search root holds more than {MAX_FILES} files; only the first were looked at)"
        return text

    def _relink(self, address: Address, duration_s: float | None, start_s: float | None) -> Path | None:
        if not self.search_roots:
            return None
        found: list[Path] = []
        for name in address.names:
            for root in self.search_roots:
                index = self._walked.get(str(root))
                if index is None:
                    index = self._walked[str(root)] = _walk(root)
                found += index.find(name)
            if found:
                break
        found = _without_same_inode(found)
        if len(found) <= 1:
            return found[0] if found else None
        return _choose(address.name, found, duration_s, start_s)


@dataclass(frozen=True)
class _NameIndex:
    """File paths under a root by their folded name."""

    by_name: dict[str, list[Path]]
    cut_short: bool

    def find(self, name: str) -> list[Path]:
        """Return the files called `name`: those of the exact case when there are any."""
        found = self.by_name.get(_fold(name), [])
        exact = [p for p in found if _nfc(p.name) == _nfc(name)]
        return exact or found


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _fold(name: str) -> str:
    return _nfc(_nfc(name).casefold())


def _walk(root: Path) -> _NameIndex:
    """List the regular files under `root`; a folder reached twice through links is entered once."""
    if not root.is_dir():
        raise MediaError(root, "the search root is not a folder", "give --search-root an existing folder")
    by_name: dict[str, list[Path]] = {}
    seen: set[tuple[int, int]] = set()
    count = 0
    for folder, folders, files in os.walk(root.absolute(), followlinks=True):
        kept = []
        for name in sorted(folders):
            try:
                status = (Path(folder) / name).stat()
            except OSError:
                continue
            identity = (status.st_dev, status.st_ino)
            if identity not in seen:
                seen.add(identity)
                kept.append(name)
        folders[:] = kept
        for name in sorted(files):
            count += 1
            if count > MAX_FILES:
                return _NameIndex(by_name, cut_short=True)
            by_name.setdefault(_fold(name), []).append(Path(folder) / name)
    return _NameIndex(by_name, cut_short=False)


def _spelled_on_disk(path: Path) -> Path | None:
    """Return `path` as the disk spells it: systems differ in whether é is one code point (NFC) or two (NFD)."""
    try:
        if path.exists():
            return path
        if str(path).isascii():
            return None
        for other in (Path(unicodedata.normalize("NFC", str(path))), Path(unicodedata.normalize("NFD", str(path)))):
            if other.exists():
                return other
        return _component_by_component(path)
    except (OSError, ValueError):  # too long a name, an embedded NUL, a folder that may not be read
        return None


def _component_by_component(path: Path) -> Path | None:
    """Follow `path` where its folders and its name are spelled in different Unicode forms."""
    here = Path(path.anchor)
    for part in components(path.as_posix(), windows=os.name == "nt")[1:]:
        step = here / part
        if not step.exists():
            if part.isascii() or not here.is_dir():
                return None
            matches = sorted(p for p in here.iterdir() if _nfc(p.name) == _nfc(part))
            if not matches:
                return None
            step = matches[0]
        here = step
    return here


def _without_same_inode(paths: list[Path]) -> list[Path]:
    """Drop what is no regular file, and all but the first of several links to one file."""
    kept: dict[tuple[int, int], Path] = {}
    for path in paths:
        if why_not_a_file(path):
            continue
        status = path.stat()
        kept.setdefault((status.st_dev, status.st_ino) if status.st_ino else (0, hash(path)), path)
    return list(kept.values())


def _choose(name: str, found: list[Path], duration_s: float | None, start_s: float | None) -> Path:
    """Choose among several files called `name`, by length, then start timecode, then equal content."""
    left = found
    if duration_s is not None or start_s is not None:
        # Imported here: most timelines never need to open a file in order to find it.
        from amc_otio.media.probe import MediaInfo, probe

        infos: dict[Path, MediaInfo] = {}
        for path in found:
            try:
                infos[path] = probe(path)
            except MediaError:
                continue
        left = list(infos)
        if duration_s is not None:
            wanted = duration_s
            left = [p for p in left if abs(float(infos[p].duration) - wanted) <= TOLERANCE_S]
        if start_s is not None and len(left) > 1:
            wanted_start = start_s
            left = [p for p in left if abs(float(infos[p].start_s or 0) - wanted_start) <= TOLERANCE_S] or left
    if not left:
        raise MediaError(
            name,
            f"{len(found)} files have this name and none has the length of the clip's media: {_listed(found)}",
            "relink the clip, or name a narrower --search-root",
        )
    left = _one_of_each_content(left)
    if len(left) > 1:
        raise MediaError(
            name,
            f"{len(left)} different files have this name: {_listed(left)}",
            "relink the clip, or name a narrower --search-root",
        )
    return left[0]


def _listed(paths: list[Path], limit: int = 8) -> str:
    text = ", ".join(str(p) for p in paths[:limit])
    return text + (f" and {len(paths) - limit} more" if len(paths) > limit else "")


def _one_of_each_content(paths: list[Path]) -> list[Path]:
    """Keep the first of the files whose bytes are the same; only files of one size are read."""
    same_size: dict[int, list[Path]] = {}
    for path in paths:
        same_size.setdefault(path.stat().st_size, []).append(path)
    kept: list[Path] = []
    for group in same_size.values():
        by_content: dict[str, Path] = {}
        for path in group:
            by_content.setdefault(_hash(path) if len(group) > 1 else "", path)
        kept += by_content.values()
    return sorted(kept)


def _hash(path: Path) -> str:
    try:
        return full_hash(path)
    except OSError as error:
        raise MediaError(path, f"cannot be read ({error.strerror})", "check its permissions") from error
