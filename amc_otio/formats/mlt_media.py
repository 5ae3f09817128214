"""Where the media of a clip lies, as an absolute path: MLT takes relative ones from its own folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from amc_otio.errors import MediaError
from amc_otio.media.urls import split_url


def absolute_path(target_url: str, bases: Iterable[Path]) -> str:
    """Return the path that an address means, absolute; the disk decides between its spellings.

    Parameters
    ----------
    target_url
        In any form that editors write (`amc_otio.media.urls`).
    bases
        Folders in which a relative one may begin, best first. Where the file is in none of them, the first is taken.

    Raises
    ------
    MediaError
        The address is empty or of a network.
    """
    address = split_url(target_url)
    if address.windows:
        return address.spellings[0]
    folders = [Path("/")] if address.absolute else [Path(base).absolute() for base in bases]
    for folder in folders:
        for spelling in address.spellings:
            found = folder / spelling
            if _is_file(found):
                return str(found.resolve())
    if not folders:
        raise MediaError(target_url, "is relative and nobody knows to which folder", "relink the clip")
    return str(folders[0] / address.spellings[0])


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
