"""Menu scripts into Resolve's folder, and out of it again. Only files of ours are ever replaced or removed."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from amc_otio import __version__
from amc_otio.bundled import bundled_folder
from amc_otio.errors import OutputError
from amc_otio.resolve.exchange import Exchange
from amc_otio.resolve.lua_text import MENU_ENTRIES, SOURCE, menu_entry
from amc_otio.resolve.record import RECORD_NAME, Record, is_plain_name, read_record, write_record

EDITIONS: Final = {"auto": (".py", ".lua"), "python": (".py",), "lua": (".lua",)}
"""Kinds of scripts by edition. ``auto`` is both: a file does not tell which edition will open it, and the free one
does not list what it cannot run."""
MENU_PREFIX: Final = "Match Cut"
"""Python files of the bundled folder that begin so are menu entries; the others are what those import."""
HEADER: Final = b"amc-otio resolve install"
"""Words near the top of every menu script of ours."""
_HEAD: Final = 4096


@dataclass(frozen=True)
class Installed:
    """What an installation did.

    Attributes
    ----------
    folder
        The menu folder.
    written, unchanged, removed, kept
        Names of files: new or replaced; there already; of an older version and gone now; the copies (``NAME.bak``)
        of files that somebody had changed.
    """

    folder: Path
    record: Record
    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class Uninstalled:
    """What was removed, and what stays because it was changed or replaced since."""

    folder: Path
    removed: tuple[str, ...]
    kept: tuple[str, ...]


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def this_command() -> tuple[str, ...]:
    """The words that start this amc-otio from anywhere: its program beside the interpreter, or the interpreter."""
    name = "amc-otio.exe" if sys.platform == "win32" else "amc-otio"
    beside = Path(sys.executable).absolute().with_name(name)
    if beside.is_file():
        return (str(beside),)
    called = Path(sys.argv[0]).absolute() if sys.argv and sys.argv[0] else None
    if called is not None and called.name.lower() == name and os.access(called, os.X_OK):
        return (str(called),)
    found = shutil.which("amc-otio")
    return (found,) if found and Path(found).is_absolute() else (str(Path(sys.executable).absolute()), "-m", "amc_otio")


def modules_folder() -> Path:
    """The bundled folder of scripts."""
    return bundled_folder("resolve_script", "README.md")


def menu_scripts(edition: str, exchange: Path) -> dict[str, bytes]:
    """The menu scripts of an edition by name, as they are to be installed."""
    folder, scripts = modules_folder(), {}
    if ".py" in EDITIONS[edition]:
        found = (path for path in sorted(folder.glob(f"{MENU_PREFIX}*.py")) if is_plain_name(path.name))
        scripts.update({path.name: path.read_bytes() for path in found})
    if ".lua" in EDITIONS[edition]:
        source = (folder / SOURCE).read_bytes()
        scripts.update({name: menu_entry(source, str(exchange), action) for name, action in MENU_ENTRIES.items()})
    return scripts


def install(
    folder: Path,
    exchange: Path,
    edition: str = "auto",
    command: tuple[str, ...] | None = None,
    dry_run: bool = False,
    force_ours: bool = False,
) -> Installed:
    """Put the menu scripts into a folder, with a record of how they find amc-otio, and make the exchange folder.

    Parameters
    ----------
    folder
        Resolve's menu folder (`places.scripts_folder`); made where it is missing.
    edition
        A key of `EDITIONS`.
    command
        The words that start amc-otio; None is this one.
    force_ours
        Replace a script of ours that was changed since it was installed; it is kept as ``NAME.bak``.

    Raises
    ------
    OutputError
        Where a file of somebody else has a name that is needed, a script of ours was changed, or the folder cannot
        be written. Nothing is changed then.
    """
    exchange = exchange.absolute()
    old = read_record(folder) if folder.is_dir() else None
    scripts = menu_scripts(edition, exchange)
    written: list[str] = []
    unchanged: list[str] = []
    edited: list[str] = []
    for name, content in scripts.items():
        state = _state(folder / name, content, old)
        {"same": unchanged, "edited": edited}.get(state, written).append(name)
    if edited and not force_ours:
        raise OutputError(
            folder / edited[0],
            "was changed since it was installed",
            "--force-ours replaces it and keeps it as a .bak, or move it away",
        )
    gone = [name for name in (old.files if old else ()) if name not in scripts]
    removed = [name for name in gone if _hash(folder / name) == (old.files[name] if old else "")]
    record = Record(
        command or this_command(),
        __version__,
        str(modules_folder()),
        str(exchange),
        {name: digest(content) for name, content in scripts.items()},
    )
    kept = []
    if not dry_run:
        _make(folder)
        Exchange(exchange).make()
        for name in edited:
            kept.append(_keep(folder / name))
        for name in (*written, *edited):
            _place(folder / name, scripts[name])
        # Last: a stop before leaves new files that are known by their content, and old ones by the old record.
        write_record(folder, record)
        for name in removed:
            (folder / name).unlink(missing_ok=True)
    return Installed(folder, record, (*written, *edited), tuple(unchanged), tuple(removed), tuple(kept))


def uninstall(folder: Path, dry_run: bool = False) -> Uninstalled:
    """Remove the scripts that `install` wrote and nobody changed, and the record last.

    Raises
    ------
    OutputError
        Where nothing is installed, or a file cannot be removed.
    """
    record = read_record(folder) if folder.is_dir() else None
    if record is None:
        raise OutputError(folder, "holds no installation of amc-otio", "name the menu folder with --folder or --page")
    removed: list[str] = []
    kept: list[str] = []
    for name, expected in record.files.items():
        path = folder / name
        if not os.path.lexists(path):
            continue
        (removed if _hash(path) == expected else kept).append(name)
    if not dry_run:
        for name in (*removed, RECORD_NAME):
            try:
                (folder / name).unlink(missing_ok=True)
            except OSError as error:
                raise OutputError(
                    folder / name, f"cannot be removed ({error.strerror})", "remove it by hand"
                ) from error
    return Uninstalled(folder, (*removed, RECORD_NAME), tuple(kept))


def _state(path: Path, content: bytes, old: Record | None) -> str:
    """``new``, ``same``, ``ours`` or ``edited``; a stranger's file is an error."""
    if not os.path.lexists(path):
        return "new"
    remedy = "move or rename it, or install into another folder with --folder or --page"
    if path.is_symlink() or not path.is_file():
        raise OutputError(path, "is a link or a folder that amc-otio did not make", remedy)
    try:
        there = path.read_bytes()
    except OSError as error:
        raise OutputError(path, f"cannot be read ({error.strerror})", remedy) from error
    if there == content:
        return "same"
    if old is not None and old.files.get(path.name) == digest(there):
        return "ours"
    if HEADER in there[:_HEAD]:
        return "edited"
    raise OutputError(path, "is there already and is not amc-otio's", remedy)


def _hash(path: Path) -> str:
    """Hash of a file that is one itself; an empty text for links, folders and what cannot be read."""
    try:
        return "" if path.is_symlink() or not path.is_file() else digest(path.read_bytes())
    except OSError:
        return ""


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            folder, f"cannot be made a folder ({error.strerror})", "name another with --folder"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(folder, "may not be written to", "name another with --folder")


def _keep(path: Path) -> str:
    """Copy a changed script to the first free ``.bak``; Resolve's menu does not show those."""
    number = 1
    while True:
        copy = path.with_name(path.name + (".bak" if number == 1 else f".bak{number}"))
        try:
            with copy.open("xb") as file:
                file.write(path.read_bytes())
            return copy.name
        except FileExistsError:
            number += 1
        except OSError as error:
            raise OutputError(copy, f"cannot be written ({error.strerror})", "free some space") from error


def _place(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(path, f"cannot be written ({error.strerror})", "name another --folder") from error
