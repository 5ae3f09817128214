"""The audio tower of ImageBind (huge), run by onnxruntime from weights that the user brings.

Girdhar et al., "ImageBind: One Embedding Space To Bind Them All" (CVPR 2023); [22] of the paper, a row of its Table 1.

**Licence: CC BY-NC-SA 4.0. Meta publishes the weights for non-commercial use only.** None are bundled;
`amc-otio models add` converts them, and `amc_otio.representations.model_files` finds them.

The paper embeds windows of one second and says no more than that each encoder gets its own spectrogram (section 2.2).
ImageBind was trained on two seconds. A window is read here as ImageBind's own data code reads a file of one second:
98 frames of log-mel, then frames of zeros up to 204, normalised together. (It takes three clips of a file and averages
them; of a second all three are the same.) Repeating the second to fill two would be another representation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from amc_otio.representations.base import FloatArray
from amc_otio.representations.checks import as_windows, check_threads
from amc_otio.representations.kaldi_fbank import fbank
from amc_otio.representations.model_files import find
from amc_otio.representations.network import HeldFile, LazySession, elsewhere, embed_sounding
from amc_otio.representations.sessions import OnnxruntimeSession

KIND: Final = "imagebind"
LICENCE: Final = "CC BY-NC-SA 4.0, non-commercial use only"
"""Meta's, by the LICENSE file and the model card of ImageBind (its README says CC BY-NC 4.0)."""

SAMPLE_RATE: Final = 16_000
BANDS: Final = 128
FRAMES: Final = 204
"""Size of the picture that the network takes: mel bands and frames of 10 ms, two seconds of them."""
DIMENSION: Final = 1024
INPUT: Final = "log_mel"
OUTPUT: Final = "embedding"
"""Names of the converted network's ends."""
MEAN, DEVIATION = -4.268, 9.138
"""Of log-mel values in ImageBind's training data, by its published data code."""
BATCH: Final = 8
"""Windows in one run of the network."""


def log_mel(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The network's input: the normalised log-mel picture of each window.

    Parameters
    ----------
    windows
        Shape ``(n, 16000)``, finite. Their level matters: ImageBind does not normalise it.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, 1, 128, 204)``, float32, frequency before time; frames 98 to 203 are ``(0 - MEAN) / DEVIATION``.
    """
    sound = windows.astype(np.float64)
    bands = fbank(sound - sound.mean(axis=1, keepdims=True), SAMPLE_RATE, BANDS)
    picture = np.zeros((len(windows), 1, BANDS, FRAMES), np.float32)
    picture[:, 0, :, : bands.shape[1]] = bands.transpose(0, 2, 1)
    picture -= np.float32(MEAN)
    picture /= np.float32(DEVIATION)
    return picture


class ImageBindRepresentation:
    """Unit vectors of 1,024 dimensions from ImageBind's audio tower.

    The weights are Meta's, **CC BY-NC-SA 4.0: non-commercial use only**.

    Parameters
    ----------
    threads
        Processor threads of one embedding; onnxruntime decides (all cores) when ``None``. Several processes should
        use one each.
    weights
        A model's name in the model folder, or the path of its file; the preferred one when ``None``.

    Attributes
    ----------
    licence
        Of the weights, for whoever offers this representation.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When there is no such model, it is damaged, or `threads` is not positive. onnxruntime itself is loaded by the
        first `embed`.
    """

    name = KIND
    version = "1"
    sample_rate = SAMPLE_RATE
    dimension = DIMENSION
    licence = LICENCE

    def __init__(self, threads: int | None = None, weights: Path | None = None) -> None:
        check_threads(threads, self.name)
        self._settings = (threads, weights)
        self.model = find(KIND, weights, LICENCE)
        self._file = HeldFile(self.model, self.model.manifest.onnx)
        self.weights_hash = self._file.sha256
        self._session = LazySession(lambda: OnnxruntimeSession(self._file.path(), threads, self.name))

    def embed(self, windows: FloatArray) -> NDArray[np.float32]:
        """See `amc_otio.representations.base.Representation.embed`."""
        batch = as_windows(windows, self.sample_rate, self.name)
        session = self._session.get()

        def run(some: NDArray[np.float32]) -> NDArray[np.float32]:
            return session.run(OUTPUT, {INPUT: log_mel(some)})

        return embed_sounding(batch, self.dimension, BATCH, run, self.name)

    def __reduce__(self) -> tuple[Any, ...]:
        """See `amc_otio.representations.network.elsewhere`."""
        return elsewhere(self, self._settings)
