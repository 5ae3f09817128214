"""What a representation is: a named map from one second of sound to a unit vector."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]


@runtime_checkable
class Representation(Protocol):
    """One second of mono sound in, one L2-normalised float32 vector out.

    Attributes
    ----------
    name
        Registry name, for example ``"sfx"``.
    version
        Raised whenever the vectors change; part of a shard's key.
    dimension
        Length of a vector.
    sample_rate
        Rate in Hz at which `embed` takes its windows; a window is exactly `sample_rate` samples.
    weights_hash
        SHA-256 hex digest of the weights, ``""`` when there are none.
    """

    name: str
    version: str
    dimension: int
    sample_rate: int
    weights_hash: str

    def embed(self, windows: FloatArray) -> NDArray[np.float32]:
        """Embed a batch.

        Parameters
        ----------
        windows
            Shape ``(n, sample_rate)``, mono, nominal range [-1, 1].

        Returns
        -------
        numpy.ndarray
            Shape ``(n, dimension)``, float32, rows of unit length; a row for a silent window is all zeros.

        Raises
        ------
        amc_otio.errors.RepresentationError
            When the shape is wrong or a sample is not finite.
        """
        ...
