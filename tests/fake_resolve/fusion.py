"""Fusion's UIManager, as far as a settings window with buttons, fields and a progress text needs it."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from fake_resolve.strict import Absent

_ELEMENTS = {
    "Label": {"ID", "Text", "Weight", "WordWrap"},
    "LineEdit": {"ID", "Text", "PlaceholderText", "Weight"},
    "ComboBox": {"ID", "Weight"},
    "CheckBox": {"ID", "Text", "Checked", "Weight"},
    "SpinBox": {"ID", "Value", "Minimum", "Maximum", "Weight"},
    "Button": {"ID", "Text", "Weight"},
    "TextEdit": {"ID", "Text", "PlainText", "ReadOnly", "Weight"},
    "VGroup": {"ID", "Weight", "Spacing"},
    "HGroup": {"ID", "Weight", "Spacing"},
    "VGap": {"Weight"},
    "HGap": {"Weight"},
}
_WINDOW = {"ID", "WindowTitle", "Geometry", "Spacing", "StyleSheet", "TargetID"}


class Element:
    """A widget; its attributes are read and written as in Fusion."""

    def __init__(self, kind: str, options: dict[str, Any], children: list[Element]) -> None:
        unknown = set(options) - _ELEMENTS[kind]
        assert not unknown, f"ui.{kind}: undocumented attributes {unknown}"
        self.kind, self.children, self.items = kind, children, []
        self.CurrentIndex = 0
        for name, value in {"ID": "", "Text": "", "Value": 0, "Checked": False, **options}.items():
            setattr(self, name, value)

    def AddItem(self, text: str) -> None:
        assert self.kind == "ComboBox" and isinstance(text, str)
        self.items.append(text)

    @property
    def CurrentText(self) -> str:
        return self.items[self.CurrentIndex]

    def walk(self) -> list[Element]:
        return [self, *(inner for child in self.children for inner in child.walk())]


class UIManager:
    """Makes widgets."""

    def __getattr__(self, kind: str) -> Any:
        if kind.startswith("_"):
            raise AttributeError(kind)
        if kind not in _ELEMENTS:
            return Absent(f"UIManager.{kind}")

        def make(*arguments: Any) -> Element:
            options = next((a for a in arguments if isinstance(a, dict)), {})
            children = next((a for a in arguments if isinstance(a, list)), [])
            return Element(kind, options, children)

        return make


class Window:
    """A window; handlers are `window.On[ID].Event`."""

    def __init__(self, options: dict[str, Any], root: Any) -> None:
        assert set(options) <= _WINDOW, f"AddWindow: undocumented attributes {set(options) - _WINDOW}"
        roots = root if isinstance(root, list) else [root]
        self.elements = {e.ID: e for r in roots for e in r.walk() if e.ID}
        self.ID = options["ID"]
        self.On: Any = _Handlers()
        self.visible = False

    def GetItems(self) -> dict[str, Element]:
        return self.elements

    def Find(self, name: str) -> Element:
        return self.elements[name]

    def Show(self) -> None:
        self.visible = True

    def Hide(self) -> None:
        self.visible = False


class _Handlers(dict):  # type: ignore[type-arg]
    def __missing__(self, key: str) -> Any:
        self[key] = types.SimpleNamespace()
        return self[key]


class UIDispatcher:
    """Runs windows. `user` is called when a loop starts, and again at every step: it clicks."""

    def __init__(self, user: Callable[[Window, UIDispatcher], None]) -> None:
        self._user, self._windows, self._running = user, [], False

    def AddWindow(self, options: dict[str, Any], root: Any) -> Window:
        self._windows.append(Window(options, root))
        return self._windows[-1]

    def RunLoop(self) -> int:
        self._running = True
        window = self._windows[-1]
        for _ in range(20):
            self._user(window, self)
            if not self._running:
                return 0
        raise AssertionError("the window stays open: nothing ends its loop")

    def ExitLoop(self, code: int = 0) -> None:
        self._running = False

    def StepLoop(self) -> None:
        if self._windows:
            self._user(self._windows[-1], self)

    def click(self, window: Window, name: str) -> None:
        """What a user's click does (the stand-in's own call)."""
        window.On[name].Clicked({"who": name, "what": "Clicked"})


class Fusion:
    """The Fusion object; UIManager is None where the edition has none."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "UIManager":
            return UIManager() if self._session.edition.ui_manager else None
        return Absent(f"Fusion.{name}")
