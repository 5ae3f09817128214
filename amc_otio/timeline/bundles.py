"""Unpacking an .otioz bundle, once per content, into a folder of the user's cache."""

from __future__ import annotations

import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from amc_otio import environment
from amc_otio.errors import TimelineError
from amc_otio.timeline.guard import member_name_problem

_PIECE: Final = 1 << 20


def user_cache_folder() -> Path:
    """Return amc-otio's folder in the user's cache; it may not exist yet."""
    if sys.platform == "win32":
        base = environment.value("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = environment.value("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "amc-otio"


def unpack(path: Path, sha256: str, bundle_dir: Path | None = None) -> Path:
    """Unpack a bundle that `guard.check_before_parsing` passed, and return the folder.

    The folder's name is the content's hash, so a second run finds it; it appears by a rename, so it is whole or not
    there at all.

    Parameters
    ----------
    path
        The .otioz file.
    sha256
        Its hash, in hexadecimal.
    bundle_dir
        Where to put the folder; the user's cache when None.

    Raises
    ------
    TimelineError
        When a member is damaged or the folder cannot be written.
    """
    parent = bundle_dir if bundle_dir is not None else user_cache_folder() / "bundles"
    target = parent / sha256[:32]
    remedy = "free some space there, or unpack the bundle yourself and give its .otio"
    try:
        with zipfile.ZipFile(path) as bundle:
            members = bundle.infolist()
            if _is_whole(target, members):
                return target
            parent.mkdir(parents=True, exist_ok=True)
            needed = sum(m.file_size for m in members)
            if needed > shutil.disk_usage(parent).free:
                raise TimelineError(path, f"needs {needed >> 20} MB to unpack, more than {parent} has free", remedy)
            temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=parent))
            try:
                for member in members:
                    _extract(path, bundle, member, temporary)
                _put_in_place(temporary, target, members)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise TimelineError(path, f"is a damaged bundle ({error})", "export the bundle again") from error
    except OSError as error:
        raise TimelineError(path, f"cannot be unpacked into {parent} ({error.strerror or error})", remedy) from error
    return target


def _extract(path: Path, bundle: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    if member_name_problem(member.filename) is not None:
        raise TimelineError(path, f"its member '{member.filename}' is unsafe", "do not use this bundle")
    place = folder.joinpath(*member.filename.removesuffix("/").split("/"))
    if member.is_dir():
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    left = member.file_size
    try:
        with bundle.open(member) as source, place.open("xb") as out:
            while piece := source.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    raise TimelineError(path, f"'{member.filename}' is larger than it says", "do not use this bundle")
                out.write(piece)
    except (TimelineError, OSError, zipfile.BadZipFile):
        raise
    except Exception as error:
        # zlib.error and lzma.LZMAError derive from Exception alone.
        raise TimelineError(path, f"'{member.filename}' is damaged ({error})", "export the bundle again") from error


def _is_whole(folder: Path, members: list[zipfile.ZipInfo]) -> bool:
    if not folder.is_dir():
        return False
    for member in members:
        place = folder.joinpath(*member.filename.removesuffix("/").split("/"))
        if not member.is_dir() and not (place.is_file() and place.stat().st_size == member.file_size):
            return False
    return True


def _put_in_place(temporary: Path, target: Path, members: list[zipfile.ZipInfo]) -> None:
    # What stands there is not whole (a person deleted from it): move it out of the way first.
    if target.exists() and not _is_whole(target, members):
        shutil.rmtree(target)
    try:
        temporary.rename(target)
    except OSError:
        # Another process unpacked the same bundle in the meantime.
        if not _is_whole(target, members):
            raise
