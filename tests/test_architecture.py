"""Imports run one way, and asking for help loads nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "amc_otio"
ROOMS = (
    "timeline",
    "formats",
    "media",
    "representations",
    "models",
    "descriptors",
    "library",
    "joining",
    "proposals",
    "bounce",
    "matching",
    "training",
    "evaluation",
    "doctor",
    "workflow",
    "otio_hooks",
    "resolve",
    "audition",
    "cli",
)

# What each room may import besides itself and the plain modules errors, config, codec, environment and locks.
MAY = {
    "timeline": set(),
    "formats": {"media", "timeline"},
    "media": set(),
    "models": {"representations"},
    "representations": set(),
    "descriptors": {"representations"},
    "library": {"representations", "media"},
    "training": {"library", "representations", "media"},
    "joining": {"representations"},
    "proposals": {"joining", "timeline"},
    "bounce": {"formats", "joining", "media", "proposals", "timeline"},
    "matching": {"descriptors", "joining", "library", "representations", "media", "timeline", "proposals"},
    "doctor": {"formats", "representations", "resolve", "timeline"},
    "evaluation": {"joining", "library", "representations", "media"},
    "otio_hooks": {"formats", "media", "proposals", "run_options", "timeline", "workflow"},
    "resolve": {"formats", "workflow", "proposals", "timeline", "library", "media", "bundled"},
    "audition": {
        "choices",
        "formats",
        "joining",
        "matching",
        "media",
        "proposals",
        "representations",
        "timeline",
        "workflow",
    },
}
PLAIN = {"errors", "config", "codec", "environment", "locks"}


def imported(file: Path) -> set[str]:
    """First names below amc_otio that a module imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{a.name}" for a in node.names] if node.module == "amc_otio" else [node.module]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        found |= {n.split(".")[1] for n in names if n.startswith("amc_otio.")}
    return found


@pytest.mark.parametrize("room", sorted(MAY))
def test_imports_run_one_way(room: str):
    for file in sorted((PACKAGE / room).glob("*.py")):
        beyond = imported(file) - {room} - PLAIN - MAY[room] - {"__version__"}
        assert not beyond, f"{file.relative_to(PACKAGE)} imports {sorted(beyond)}"


@pytest.mark.parametrize("room", ROOMS)
def test_the_modules_of_a_room_import_each_other_one_way(room: str):
    files = {f"amc_otio.{room}.{file.stem}": file for file in (PACKAGE / room).glob("[!_]*.py")}
    imports = {}
    for name, file in files.items():
        found = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        imports[name] = found & set(files)
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the circle


def test_nobody_imports_the_command_line():
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.parent.name != "cli" and file.name != "__main__.py":
            assert "cli" not in imported(file), file


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom amc_otio.cli import main\nmain(['--help'])\n"
        "heavy = {'numpy', 'av', 'onnxruntime', 'opentimelineio', 'soundfile', 'soxr', 'annoy', 'sqlite3', 'torch'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "LOADED []" in done.stdout
