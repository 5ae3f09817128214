"""What of Resolve and of its menu scripts is here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from amc_otio.errors import AmcError
from amc_otio.resolve.exchange import Exchange
from amc_otio.resolve.installing import digest, this_command
from amc_otio.resolve.record import read_record


@dataclass(frozen=True)
class ScriptState:
    """An installed script: ``ok``, ``changed`` or ``missing``."""

    name: str
    state: str


@dataclass(frozen=True)
class Status:
    """One menu folder.

    Attributes
    ----------
    installed
        Whether a record of ours is there.
    problem
        What is wrong with the record, or an empty text.
    command, version, modules, exchange
        As recorded; empty where nothing is installed.
    command_found, command_is_this
        Whether the recorded program is still there, and whether it is the one that asks.
    watched
        Whether ``resolve watch`` runs on the exchange folder.
    """

    folder: str
    folder_exists: bool
    installed: bool
    problem: str = ""
    version: str = ""
    command: tuple[str, ...] = ()
    command_found: bool = False
    command_is_this: bool = False
    modules: str = ""
    modules_found: bool = False
    exchange: str = ""
    exchange_exists: bool = False
    watched: bool = False
    scripts: tuple[ScriptState, ...] = ()


def status(folder: Path) -> Status:
    """Look at one menu folder; nothing is changed."""
    exists = folder.is_dir()
    try:
        record = read_record(folder) if exists else None
    except AmcError as error:
        return Status(str(folder), exists, False, str(error))
    if record is None:
        return Status(str(folder), exists, False)
    exchange = Exchange(Path(record.exchange))
    program = Path(record.command[0])
    return Status(
        str(folder),
        exists,
        True,
        version=record.version,
        command=record.command,
        command_found=program.is_absolute() and program.is_file() and os.access(program, os.X_OK),
        command_is_this=record.command == this_command(),
        modules=record.modules,
        modules_found=Path(record.modules).is_dir(),
        exchange=record.exchange,
        exchange_exists=exchange.requests.is_dir() and exchange.results.is_dir(),
        watched=exchange.is_watched(),
        scripts=tuple(ScriptState(name, _state(folder / name, sha256)) for name, sha256 in record.files.items()),
    )


def every_status(folders: Mapping[str, Path] | Sequence[Path]) -> tuple[Status, ...]:
    """Look at several menu folders."""
    paths = folders.values() if isinstance(folders, Mapping) else folders
    return tuple(status(path) for path in paths)


def _state(path: Path, sha256: str) -> str:
    if not os.path.lexists(path):
        return "missing"
    try:
        same = not path.is_symlink() and path.is_file() and digest(path.read_bytes()) == sha256
    except OSError:
        same = False
    return "ok" if same else "changed"
