"""A Lua menu script against the stand-in for DaVinci Resolve: each call goes over as a line of text."""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from fake_resolve import Session
from fake_resolve.strict import ApiObject

HARNESS = Path(__file__).with_name("lua_harness.lua")
INTERPRETERS = [name for name in ("luajit", "lua5.1", "lua5.4") if shutil.which(name)]


class Bridge:
    """Runs menu scripts; `undocumented` are the names that one asked for and that no Resolve has."""

    def __init__(self, session: Session, interpreter: str, with_os: bool = True) -> None:
        self.session, self.interpreter, self.with_os = session, interpreter, with_os
        self.undocumented: list[str] = []

    def click(self, script: Path) -> str:
        """Run a script as the menu does and return what it printed; a fault of the script is an AssertionError."""
        objects: list[Any] = [self.session.resolve]
        said: list[str] = []
        arguments = [self.interpreter, str(HARNESS), str(script), "os" if self.with_os else "no-os"]
        with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None and process.stdout is not None
            ended = None
            for line in process.stdout:
                kind, *rest = (self._value(v, objects) for v in json.loads(line))
                if kind == "end":
                    ended = rest
                    answer = "nil"
                elif kind == "print":
                    said.append(rest[0])
                    answer = "nil"
                else:
                    answer = self._answer(kind, rest, objects)
                process.stdin.write(answer.encode("utf-8", "surrogateescape") + b"\n")
                process.stdin.flush()
        assert ended is not None, "the interpreter stopped"
        assert ended[0], ended[1]
        assert not self.undocumented, self.undocumented
        return "\n".join(said)

    def _answer(self, kind: str, rest: list[Any], objects: list[Any]) -> str:
        held, name = objects[int(rest[0])], rest[1]
        if kind == "get":
            found = getattr(held, name)
            if isinstance(found, (int, float)):
                return self._lua(found, objects)
            if callable(getattr(inspect.getattr_static(type(held), name, None), "documented", None)) or held._has(name):
                return f"method({int(rest[0])}, {_text(name)})"
            if inspect.getattr_static(type(held), name, None) is None and not name.startswith("EXPORT_"):
                self.undocumented.append(f"{type(held).__name__}.{name}")
            return "nil"
        try:
            return self._lua(getattr(held, name)(*rest[2:]), objects)
        except AssertionError as error:
            self.undocumented.append(str(error))
            return "{raised = " + _text(str(error)) + "}"

    def _value(self, value: Any, objects: list[Any]) -> Any:
        """From the harness's JSON to what the stand-in takes."""
        if not isinstance(value, dict):
            return value
        if "text" in value:
            return bytes.fromhex(value["text"]).decode("utf-8", "surrogateescape")
        if "object" in value:
            return objects[value["object"]]
        pairs = [(self._value(k, objects), self._value(v, objects)) for k, v in value["table"]]
        if pairs and all(isinstance(k, int) for k, _ in pairs):
            return [v for _, v in sorted(pairs, key=lambda pair: pair[0])]
        return dict(pairs)

    def _lua(self, value: Any, objects: list[Any]) -> str:
        """From what the stand-in gives to Lua source."""
        if value is None:
            return "nil"
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, (int, float)):
            return repr(value)
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, (list, tuple)):
            return "{" + ", ".join(self._lua(v, objects) for v in value) + "}"
        if isinstance(value, dict):
            return (
                "{" + ", ".join(f"[{self._lua(k, objects)}] = {self._lua(v, objects)}" for k, v in value.items()) + "}"
            )
        assert isinstance(value, ApiObject), value
        objects.append(value)
        return f"proxy({len(objects) - 1})"


def _text(text: str) -> str:
    return '"' + "".join(f"\\{byte:03d}" for byte in text.encode("utf-8", "surrogateescape")) + '"'
