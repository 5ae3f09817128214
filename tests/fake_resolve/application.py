"""Resolve, ProjectManager and Project."""

from __future__ import annotations

from typing import Any

from fake_resolve.pool import MediaPool, MediaStorage
from fake_resolve.strict import ApiObject, documented
from fake_resolve.timeline_api import TimelineObject


class ProjectObject(ApiObject):
    """A project."""

    def __init__(self, session: Any, held: Any) -> None:
        super().__init__(session.edition, session.calls)
        self._session, self._project = session, held

    @documented()
    def GetName(self) -> str:
        return self._project.name

    @documented()
    def GetUniqueId(self) -> str:
        return f"project-{id(self._project)}"

    @documented()
    def GetMediaPool(self) -> MediaPool:
        return MediaPool(self._session, self._project)

    @documented()
    def GetTimelineCount(self) -> int:
        return len(self._project.timelines)

    @documented(int)
    def GetTimelineByIndex(self, index: int) -> TimelineObject | None:
        held = self._project.timelines
        return self._session.timeline(held[index - 1]) if 1 <= index <= len(held) else None

    @documented()
    def GetCurrentTimeline(self) -> TimelineObject | None:
        held = self._project.current
        return self._session.timeline(held) if held is not None else None

    @documented("TimelineObject")
    def SetCurrentTimeline(self, timeline: Any) -> bool:
        self._project.current = timeline._timeline
        return True

    @documented(str)
    def GetSetting(self, name: str) -> str:
        return "24" if name == "timelineFrameRate" else ""


class ProjectManager(ApiObject):
    """The projects of a database."""

    def __init__(self, session: Any) -> None:
        super().__init__(session.edition, session.calls)
        self._session = session

    @documented()
    def GetCurrentProject(self) -> ProjectObject | None:
        held = self._session.project
        return ProjectObject(self._session, held) if held is not None else None

    @documented()
    def SaveProject(self) -> bool:
        return self._session.project is not None


class Resolve(ApiObject):
    """The application."""

    def __init__(self, session: Any) -> None:
        super().__init__(session.edition, session.calls)
        self._session = session

    def __dir__(self) -> list[str]:
        return sorted([*super().__dir__(), *self._session.constants()])

    def _missing(self, name: str) -> Any:
        constants = self._session.constants()
        return constants[name] if name in constants else super()._missing(f"{name}")

    @documented()
    def Fusion(self) -> Any:
        return self._session.fusion

    @documented()
    def GetProjectManager(self) -> ProjectManager:
        return ProjectManager(self._session)

    @documented()
    def GetMediaStorage(self) -> MediaStorage:
        return MediaStorage(self._edition, self._calls)

    @documented()
    def GetProductName(self) -> str:
        return self._edition.product

    @documented()
    def GetVersion(self) -> list[Any]:
        return [*self._edition.version, 9, ""]

    @documented()
    def GetVersionString(self) -> str:
        return ".".join(str(n) for n in self._edition.version) + ".9"

    @documented()
    def GetCurrentPage(self) -> str:
        return "edit"

    @documented(str)
    def OpenPage(self, name: str) -> bool:
        return name in ("media", "cut", "edit", "fusion", "color", "fairlight", "deliver")
