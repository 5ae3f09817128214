"""OpenTimelineIO's own programs, run as a user runs them, with the plugins of this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run_tool(tool: str, *arguments: object, cwd: Path, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Run ``python -m opentimelineio.console.TOOL``: exit code, stdout, stderr without the interpreter's remarks."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", f"opentimelineio.console.{tool}", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def convert(cwd: Path, source: object, target: object, *arguments: object) -> tuple[int, str]:
    """Run ``otioconvert``: exit code and stderr."""
    code, _, err = run_tool("otioconvert", "-i", source, "-o", target, *arguments, cwd=cwd)
    return code, err


def hook(**options: object) -> list[str]:
    """``-H`` for each option, and that which asks for match cuts."""
    return ["-H", "amc=best", *(word for name, value in options.items() for word in ("-H", f"amc_{name}={value}"))]
