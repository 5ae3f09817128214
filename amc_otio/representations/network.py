"""What representations that run a network share: how a batch goes through it, and how its model is held and opened."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import RepresentationError
from amc_otio.representations.checks import SILENT_PEAK, peak, unit_rows
from amc_otio.representations.model_files import Model, StoredFile
from amc_otio.representations.sessions import Session


def embed_sounding(
    batch: NDArray[np.float32],
    dimension: int,
    at_once: int,
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    name: str,
) -> NDArray[np.float32]:
    """Unit rows for the windows that hold sound, zeros for the silent ones, which the network never sees.

    Parameters
    ----------
    batch
        Shape ``(n, sample_rate)``, float32, as `amc_otio.representations.checks.as_windows` gives it.
    dimension
        Length of a vector.
    at_once
        Windows in one run of the network.
    run
        The network: windows in, shape ``(m, sample_rate)``; vectors of any length out, shape ``(m, dimension)``.
    name
        The representation, for the message.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, dimension)``, float32.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When what the network gives is of another shape or not finite.
    """
    vectors = np.zeros((len(batch), dimension), np.float32)
    silent = peak(batch) < SILENT_PEAK
    sounding = np.flatnonzero(~silent)
    for first in range(0, len(sounding), at_once):
        rows = sounding[first : first + at_once]
        found = run(batch[rows])
        if found.shape != (len(rows), dimension):
            reason = f"its model gives {found.shape}, not {len(rows)} vectors of {dimension} numbers"
            raise RepresentationError(name, reason, "remove the model and add its checkpoint again")
        if not np.isfinite(found).all():
            raise RepresentationError(name, "its model gives values that are not finite", "use another model")
        vectors[rows] = found
    return unit_rows(vectors, silent)


class HeldFile:
    """A file of a model in the model folder: verified now, and the same one when it is opened later.

    Parameters
    ----------
    model, stored
        The model, and which of its files.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When the file is missing or not what the manifest says.
    """

    def __init__(self, model: Model, stored: StoredFile) -> None:
        self._path = model.path(stored)
        self._seen = _stamp(self._path)  # before it is verified: what is written in between shows
        self.sha256 = stored.sha256
        model.verified(stored)

    def path(self) -> Path:
        """Where it lies, as long as nobody replaced it.

        Raises
        ------
        amc_otio.errors.RepresentationError
            When somebody did.
        """
        if _stamp(self._path) != self._seen:
            raise RepresentationError(self._path, "the model was replaced while it was in use", "start again")
        return self._path


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of a file: whether it is still the one that was verified."""
    try:
        held = path.stat()
    except OSError:
        return -1, -1
    return held.st_size, held.st_mtime_ns


class LazySession:
    """A session that its first use opens, once, whatever number of threads ask.

    Parameters
    ----------
    opener
        Opens it; let go of afterwards, with whatever it holds.
    """

    def __init__(self, opener: Callable[[], Session]) -> None:
        self._opener: Callable[[], Session] | None = opener
        self._session: Session | None = None
        self._lock = threading.Lock()

    def get(self) -> Session:
        """The session.

        Raises
        ------
        amc_otio.errors.RepresentationError
            When it cannot be opened; the next call tries again.
        """
        with self._lock:
            if self._opener is not None:
                self._session, self._opener = self._opener(), None
            assert self._session is not None
            return self._session


def elsewhere(made: Any, settings: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a representation's ``__reduce__`` returns: another process opens the same model, or says that it cannot.

    Parameters
    ----------
    made
        The representation; a session cannot be handed over.
    settings
        The arguments that it was made with.
    """
    return _made_again, (type(made), settings, made.weights_hash)


def _made_again(kind: Callable[..., Any], settings: tuple[Any, ...], weights_hash: str) -> Any:
    made = kind(*settings)
    if made.weights_hash != weights_hash:
        raise RepresentationError(
            made.name, "its model here is another one than where the work began", "use the same model everywhere"
        )
    return made
