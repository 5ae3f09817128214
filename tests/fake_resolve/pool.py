"""MediaStorage, MediaPool, Folder and MediaPoolItem."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from fake_resolve.build import medium
from fake_resolve.model import Bin, Media
from fake_resolve.reading import RefusedError, read
from fake_resolve.strict import ApiObject, ListOf, documented

_OPTIONS = {
    "timelineName": str,
    "importSourceClips": bool,
    "sourceClipsPath": str,
    "sourceClipsFolders": list,
    "interlaceProcessing": bool,
}


class MediaPoolItem(ApiObject):
    """A clip of the media pool."""

    def __init__(self, session: Any, held: Media) -> None:
        super().__init__(session.edition, session.calls)
        self._media = held

    @documented()
    def GetName(self) -> str:
        return self._media.name

    @documented()
    def GetUniqueId(self) -> str:
        return f"media-{id(self._media)}"

    @documented(str, optional=1)
    def GetClipProperty(self, name: str | None = None) -> Any:
        held = self._media
        values = {
            "File Path": held.path,
            "File Name": held.name,
            "Clip Name": held.name,
            "Type": held.kind,
            "FPS": float(held.rate),
            "Frames": str(held.frames),
            "Online Status": "Online" if held.online else "Offline",
        }
        return values if name is None else values.get(name, "")


class Folder(ApiObject):
    """A bin."""

    def __init__(self, session: Any, held: Bin) -> None:
        super().__init__(session.edition, session.calls)
        self._session, self._bin = session, held

    @documented()
    def GetName(self) -> str:
        return self._bin.name

    @documented()
    def GetClipList(self) -> list[MediaPoolItem]:
        return [self._session.media(clip) for clip in self._bin.clips]

    @documented()
    def GetSubFolderList(self) -> list[Folder]:
        return [Folder(self._session, folder) for folder in self._bin.folders]

    @documented()
    def GetUniqueId(self) -> str:
        return f"bin-{id(self._bin)}"


class MediaStorage(ApiObject):
    """Where media is mounted."""

    @documented()
    def GetMountedVolumeList(self) -> list[str]:
        return ["/"]


class MediaPool(ApiObject):
    """The media pool of a project."""

    def __init__(self, session: Any, project: Any) -> None:
        super().__init__(session.edition, session.calls)
        self._session, self._project = session, project

    @documented()
    def GetRootFolder(self) -> Folder:
        return Folder(self._session, self._project.root)

    @documented()
    def GetCurrentFolder(self) -> Folder:
        return Folder(self._session, self._project.current_bin or self._project.root)

    @documented(since=(19, 1))
    def GetSelectedClips(self) -> list[MediaPoolItem]:
        return [self._session.media(clip) for clip in self._project.selected]

    @documented(ListOf(str))
    def ImportMedia(self, paths: list[str]) -> list[MediaPoolItem]:
        folder = self._project.current_bin or self._project.root
        made = [m for path in paths if (m := medium(Path(path), Fraction(24))) is not None]
        folder.clips += made
        return [self._session.media(m) for m in made]

    @documented(ListOf("TimelineObject"))
    def DeleteTimelines(self, timelines: list[Any]) -> bool:
        held = [timeline._timeline for timeline in timelines]
        self._project.timelines = [t for t in self._project.timelines if t not in held]
        return True

    @documented(str, dict, optional=1)
    def ImportTimelineFromFile(self, path: str, options: dict[str, Any] | None = None) -> Any:
        options = options or {}
        for key, value in options.items():
            assert key in _OPTIONS, f"MediaPool.ImportTimelineFromFile: there is no option {key!r}"
            assert isinstance(value, _OPTIONS[key]), f"MediaPool.ImportTimelineFromFile: {key} is {value!r}"
        folders = options.get("sourceClipsFolders", [])
        assert all(isinstance(f, Folder) for f in folders), "sourceClipsFolders takes Folder objects"
        session, project = self._session, self._project
        name = options.get("timelineName", "")
        taken = {timeline.name for timeline in project.timelines}
        # Nothing happens in a project that was never saved; a name in use gives None.
        if project.name == "Untitled Project" or session.faults.import_fails or name in taken:
            return None
        if not Path(path).is_file():
            return None
        wanted = options.get("importSourceClips", True)
        known = {} if not wanted else {clip.path: clip for clip in project.every_clip() if clip.path}

        def find(url: str) -> Media | None:
            if not wanted or url in session.faults.lost_media:
                return None
            if url not in known and (made := medium(Path(url), Fraction(24))) is not None:
                known[url] = made
                (project.current_bin or project.root).clips.append(made)
            found = known.get(url)
            return found if found is not None and found.online else None

        try:
            faults = session.faults
            made = read(Path(path), name, find, faults.drops_crossfades, faults.moves_cuts)
        except RefusedError:
            return None
        if not name and made.name in taken:
            return None
        project.timelines.append(made)
        project.current = made
        return session.timeline(made)
