"""What an installation left beside the menu scripts, so that they, ``status`` and ``uninstall`` know of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from amc_otio.errors import OutputError
from amc_otio.timeline.write import write_json

RECORD_NAME: Final = "amc_otio_command.json"
_MOST_BYTES: Final = 1 << 20
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .+-]{0,99}")


@dataclass(frozen=True)
class Record:
    """One installation.

    Attributes
    ----------
    command
        The words that start amc-otio; the first is an absolute path.
    version
        Of the amc-otio that installed.
    modules
        The folder whose Python modules the menu scripts import.
    exchange
        The folder through which files go to Resolve and back.
    files
        SHA-256 of each installed file by its name, 64 hexadecimal digits.
    """

    command: tuple[str, ...]
    version: str
    modules: str
    exchange: str
    files: dict[str, str]


def read_record(folder: Path) -> Record | None:
    """Read the record of a menu folder; None where there is none.

    Raises
    ------
    OutputError
        Where a file of that name is there and is no such record: it may be somebody else's.
    """
    path = folder / RECORD_NAME
    try:
        if path.is_symlink():
            raise ValueError("it is a link")
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("it is too large")
        value = json.loads(path.read_text(encoding="utf-8"))
        return _record(value)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(path, f"cannot be read ({error.strerror})", "make it readable") from error
    except (ValueError, RecursionError) as error:
        reason = "it is not JSON" if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)) else str(error)
        raise OutputError(
            path, f"is not what 'amc-otio resolve install' wrote ({reason})", "move it away and install again"
        ) from error


def write_record(folder: Path, record: Record) -> None:
    """Write the record: to a temporary name, synced, renamed."""
    value = {
        "command": list(record.command),
        "version": record.version,
        "modules": record.modules,
        "exchange": record.exchange,
        "files": record.files,
    }
    write_json(folder / RECORD_NAME, value)


def is_plain_name(name: str) -> bool:
    """Whether a name can only be that of a file in its folder, on every system."""
    return bool(_PLAIN_NAME.fullmatch(name)) and ".." not in name


def _record(value: Any) -> Record:
    if not isinstance(value, dict):
        raise ValueError("it is no object")
    command, files = value.get("command"), value.get("files")
    if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
        raise ValueError("'command' is no list of words")
    if not isinstance(files, dict) or not all(
        isinstance(digest, str) and is_plain_name(name) for name, digest in files.items()
    ):
        raise ValueError("'files' holds something that is no file of ours")
    texts: dict[str, str] = {}
    for key in ("version", "modules", "exchange"):
        text = value.get(key)
        if not isinstance(text, str):
            raise ValueError(f"'{key}' is no text")
        texts[key] = text
    return Record(tuple(command), files=dict(files), **texts)
