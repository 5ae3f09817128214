"""A running Resolve: the names that a menu script finds, and the module that a script outside imports."""

from __future__ import annotations

import contextlib
import io
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fake_resolve.application import Resolve
from fake_resolve.editions import STUDIO, Edition
from fake_resolve.faults import Faults
from fake_resolve.fusion import Fusion, UIDispatcher, Window
from fake_resolve.model import Media, Project, Timeline
from fake_resolve.pool import MediaPoolItem
from fake_resolve.timeline_api import TimelineObject

_CONSTANTS = [
    "EXPORT_NONE",
    "EXPORT_AAF",
    "EXPORT_AAF_NEW",
    "EXPORT_AAF_EXISTING",
    "EXPORT_DRT",
    "EXPORT_EDL",
    "EXPORT_FCP_7_XML",
    "EXPORT_FCPXML_1_8",
    "EXPORT_FCPXML_1_9",
    "EXPORT_FCPXML_1_10",
    "EXPORT_TEXT_CSV",
    "EXPORT_TEXT_TAB",
    "EXPORT_ALE",
]


class Session:
    """A running Resolve with one project, or none.

    Attributes
    ----------
    calls
        Every documented call that was made: its name and its arguments.
    user
        What clicks in a window: called with the window and its dispatcher until the window closes.
    """

    def __init__(
        self,
        project: Project | None,
        edition: Edition = STUDIO,
        faults: Faults | None = None,
        user: Callable[[Window, UIDispatcher], None] | None = None,
    ) -> None:
        self.project, self.edition, self.faults = project, edition, faults or Faults()
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.user = user or _nobody
        self.fusion = Fusion(self)
        self.resolve = Resolve(self)

    def constants(self) -> dict[str, float]:
        """The EXPORT_* constants of this build."""
        names = list(_CONSTANTS)
        if self.edition.version >= (18, 5, 0):
            names.append("EXPORT_OTIO")
        return {name: self.edition.export_base + n for n, name in enumerate(names)}

    def timeline(self, held: Timeline) -> TimelineObject:
        """The object of a timeline."""
        return TimelineObject(self, held)

    def media(self, held: Media) -> MediaPoolItem:
        """The object of a clip."""
        return MediaPoolItem(self, held)

    def names(self) -> dict[str, Any]:
        """What a script from the menu finds; there is no ``__file__``."""
        bmd = types.SimpleNamespace(
            UIDispatcher=lambda ui: UIDispatcher(self.user), scriptapp=lambda name: self.scriptapp(name)
        )
        return {
            "__name__": "__main__",
            "resolve": self.resolve,
            "fusion": self.fusion,
            "fu": self.fusion,
            "app": self.fusion,
            "bmd": bmd,
        }

    def scriptapp(self, name: str) -> Any:
        """``DaVinciResolveScript.scriptapp``; None for whom this edition does not let in."""
        if not self.edition.external:
            return None
        return {"Resolve": self.resolve, "Fusion": self.fusion}.get(name)

    def module(self) -> types.ModuleType:
        """The module ``DaVinciResolveScript``, for scripts outside."""
        module = types.ModuleType("DaVinciResolveScript")
        module.scriptapp = self.scriptapp  # type: ignore[attr-defined]
        return module

    def click(self, script: Path, **more: Any) -> str:
        """Run a Python script as the menu does, and return what it printed.

        `more` adds names (``__file__`` in a test of that). Modules that the script imported are forgotten after.
        """
        assert self.edition.python, "this edition lists no Python script"
        before, path = set(sys.modules), list(sys.path)
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                exec(compile(script.read_text("utf-8"), str(script), "exec"), {**self.names(), **more})
        except SystemExit:
            pass
        finally:
            sys.path[:] = path
            for name in set(sys.modules) - before:
                if name.startswith("amc_otio_resolve"):
                    del sys.modules[name]
        return said.getvalue()


def _nobody(window: Window, dispatcher: UIDispatcher) -> None:
    raise AssertionError(f"the window {window.ID} opened and nobody was there to close it")
