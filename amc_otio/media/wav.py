"""Write WAV files that are either whole or not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import OutputError


def write_wav(
    path: Path | str,
    samples: NDArray[np.float32],
    rate: int,
    subtype: str = "PCM_24",
    *,
    overwrite: bool = False,
) -> Path:
    """Write `samples` to `path` under a temporary name, then rename.

    Parameters
    ----------
    samples : ndarray, shape (channels, n), float32
        Full scale is 1; integer formats clip what is beyond.
    rate
        Samples a second.
    subtype
        soundfile's name: ``PCM_16``, ``PCM_24``, ``FLOAT``.
    overwrite
        Replace a file that is there.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    OutputError
        The file is there already, its folder is missing or full, or the sound cannot be written so.
    """
    import soundfile

    path = Path(path)
    with whole_file(path, overwrite=overwrite) as file:
        soundfile.write(file, np.asarray(samples, np.float32).T, rate, format="WAV", subtype=subtype)
    return path


@contextmanager
def whole_file(path: Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Open a file to write that appears at `path` whole, when the block ends without an error, or not at all.

    Raises
    ------
    OutputError
        As `write_wav`.
    """
    if path.exists() and not overwrite:
        raise OutputError(path, "is there already", "choose another name or allow overwriting")
    try:
        handle, temporary_name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise OutputError(path, f"cannot be written ({error.strerror or error})", "check the folder") from error
    temporary = Path(temporary_name)
    try:
        with os.fdopen(handle, "wb+") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        if overwrite:
            temporary.replace(path)
        else:
            _rename_to_new(temporary, path)
    except (OSError, RuntimeError, ValueError) as error:
        raise OutputError(path, f"cannot be written ({error})", "check the folder and its free space") from error
    finally:
        temporary.unlink(missing_ok=True)


def _rename_to_new(temporary: Path, path: Path) -> None:
    """Rename without ever replacing: a file that has appeared meanwhile stays as it is."""
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise OutputError(path, "is there already", "choose another name or allow overwriting") from error
    except (OSError, NotImplementedError):
        temporary.rename(path)  # a file system without hard links


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
