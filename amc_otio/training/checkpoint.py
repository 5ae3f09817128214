"""A checkpoint: all that a killed training needs to end as if it had not been killed.

Batches follow from numbers (`chance`), so weights, Adam's moments and the losses so far are all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import OutputError
from amc_otio.library.layout import temporary_name, write_atomically
from amc_otio.representations.tensor_file import TensorFileDamage, encode, read

KIND: Final = "amc-otio training checkpoint"
FORMAT: Final = 1
MAX_BYTES: Final = 1 << 33
_RUN: Final = "train"
"""Names the temporary files: one of a killed run is written over by the next."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state after a number of steps.

    Attributes
    ----------
    identity
        What makes the run what it is, by name: settings, data, how it began. A run is resumed only with the same.
    done
        Steps.
    tensors
        Weights, moments and losses by name, float32 and float64.
    """

    identity: Mapping[str, str]
    done: int
    tensors: Mapping[str, NDArray[Any]]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint over the last one, so that one of them is there whenever the process dies.

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    about = {"kind": KIND, "format": FORMAT, "identity": dict(checkpoint.identity), "done": checkpoint.done}
    put(path, encode({"checkpoint": about}, checkpoint.tensors))


def load(path: Path, identity: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]]) -> Checkpoint | None:
    """Read a checkpoint of the same run.

    Parameters
    ----------
    path
        It need not exist.
    identity
        What the run at hand is.
    shapes
        The tensors that there must be; losses besides them may be of any length.

    Returns
    -------
    Checkpoint or None
        None when there is no file.

    Raises
    ------
    OutputError
        When the file is damaged, or is the checkpoint of another run: it says what differs, and is left as it is.
    """
    anew = "remove it, or give --restart to begin again"
    try:
        file = read(path, MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(path, f"the checkpoint cannot be read ({error.strerror})", anew) from error
    except TensorFileDamage as damage:
        raise OutputError(path, f"the checkpoint {damage}", anew) from damage
    about = file.about.get("checkpoint")
    if not isinstance(about, dict) or about.get("kind") != KIND or about.get("format") != FORMAT:
        raise OutputError(path, "is no checkpoint of this amc-otio", anew)
    then, done = about.get("identity"), about.get("done")
    if not isinstance(then, dict) or type(done) is not int or done < 0:
        raise OutputError(path, "the checkpoint is damaged", anew)
    differing = [
        f"{name} was {str(then.get(name, 'not there'))[:40]}, now {str(identity.get(name, 'not there'))[:40]}"
        for name in [*identity, *(name for name in then if name not in identity)]
        if then.get(name) != identity.get(name)
    ]
    if differing:
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise OutputError(
            path,
            f"a training of another kind was stopped here: {'; '.join(differing[:3])}{more}",
            "go on with the same settings and data, give another -o, or --restart to begin again",
        )
    for name, shape in shapes.items():
        if name not in file.tensors or file.tensors[name].shape != shape:
            raise OutputError(path, f"the checkpoint does not hold {name} of shape {shape}", anew)
    if any(not np.isfinite(array).all() for array in file.tensors.values()):
        raise OutputError(path, "the checkpoint holds values that are not numbers", anew)
    return Checkpoint(identity, done, file.tensors)


def damaged(path: Path) -> OutputError:
    """What is said of a checkpoint that contradicts itself."""
    return OutputError(path, "the checkpoint is damaged", "remove it, or give --restart to begin again")


def put(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    try:
        write_atomically(path, data, _RUN)
    except OSError as error:
        raise OutputError(
            path, f"cannot be written ({error.strerror})", "make room or give another -o, then run again"
        ) from error


def remove(path: Path) -> None:
    """Remove a checkpoint, and what a killed run left half-written of it.

    Raises
    ------
    OutputError
        When it cannot be removed.
    """
    for file in (path, temporary_name(path, _RUN)):
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                file, f"cannot be removed ({error.strerror})", "remove it yourself, or give another -o"
            ) from error
