"""Editors and engines that take what amc-otio writes: looked for by their usual places and on PATH, never started."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from amc_otio import environment
from amc_otio.doctor.finding import Finding
from amc_otio.errors import AmcError
from amc_otio.resolve.places import scripts_folder
from amc_otio.resolve.record import RECORD_NAME


@dataclass(frozen=True)
class Program:
    """Where a program usually is.

    Attributes
    ----------
    name
        As its makers write it.
    commands
        Names on PATH.
    places
        By `sys.platform`: patterns below a root, such as ``Applications/Kdenlive.app``.
    """

    name: str
    commands: tuple[str, ...] = ()
    places: tuple[tuple[str, str], ...] = ()


PROGRAMS: Final = (
    Program("DaVinci Resolve", ("resolve",), (
        ("linux", "opt/resolve/bin/resolve"),
        ("darwin", "Applications/DaVinci Resolve/DaVinci Resolve.app"),
        ("win32", "Program Files/Blackmagic Design/DaVinci Resolve/Resolve.exe"),
    )),
    Program("Premiere Pro", (), (
        ("darwin", "Applications/Adobe Premiere Pro*/Adobe Premiere Pro*.app"),
        ("win32", "Program Files/Adobe/Adobe Premiere Pro*/Adobe Premiere Pro.exe"),
    )),
    Program("Final Cut Pro", (), (("darwin", "Applications/Final Cut Pro*.app"),)),
    Program("Kdenlive", ("kdenlive",), (
        ("darwin", "Applications/kdenlive.app"),
        ("win32", "Program Files/kdenlive/bin/kdenlive.exe"),
    )),
    Program("Shotcut", ("shotcut",), (
        ("darwin", "Applications/Shotcut.app"),
        ("win32", "Program Files/Shotcut/shotcut.exe"),
    )),
    Program("Blender", ("blender",), (
        ("darwin", "Applications/Blender.app"),
        ("win32", "Program Files/Blender Foundation/Blender*/blender.exe"),
    )),
    Program("melt", ("melt", "melt-7")),
    Program("GES", ("ges-launch-1.0",)),
)  # fmt: skip
_INSTALL: Final = {
    "melt": "apt-get install melt, to render MLT XML",
    "GES": "apt-get install ges1.0-tools, to render .otio and .xges",
    "Kdenlive": "https://kdenlive.org",
    "Shotcut": "https://shotcut.org",
    "Blender": "https://www.blender.org",
    "DaVinci Resolve": "https://www.blackmagicdesign.com/products/davinciresolve",
}


def examine() -> list[Finding]:
    """Look for the programs, and for Resolve's script folder."""
    findings = [_program(program) for program in PROGRAMS]
    findings.insert(1, _scripts())
    return findings


def find(program: Program, platform: str = sys.platform, root: Path | None = None) -> Path | None:
    """Where a program is: on PATH, or in its usual place; None where it is in neither."""
    for command in program.commands:
        found = shutil.which(command)
        if found:
            return Path(found)
    for where, pattern in program.places:
        if where == platform:
            for base in (root,) if root is not None else _roots():
                match = next(_glob(base, pattern), None)
                if match is not None:
                    return match
    return None


def _roots() -> tuple[Path, ...]:
    root = Path(Path.home().anchor or os.sep)
    return (root, Path.home()) if sys.platform == "darwin" else (root,)


def _glob(base: Path, pattern: str) -> Iterator[Path]:
    try:
        yield from sorted(base.glob(pattern))
    except OSError:  # a place that may not be listed
        return


def _program(program: Program) -> Finding:
    found = find(program)
    if found is not None:
        return Finding(program.name, "ok", str(found), group="program")
    return Finding(program.name, "optional", "-", _INSTALL.get(program.name, ""), "program")


def _scripts() -> Finding:
    name = "Resolve scripts"
    try:
        folder = scripts_folder(sys.platform, environment.given())
    except AmcError as error:
        return Finding(name, "optional", f"- ({error})", "", "program")
    installed = folder / RECORD_NAME
    if installed.is_file():
        return Finding(name, "ok", str(folder), group="program")
    return Finding(name, "optional", f"- (none in {folder})", "amc-otio resolve install", "program")
