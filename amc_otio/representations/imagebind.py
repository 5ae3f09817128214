"""The audio tower of ImageBind (huge), run by onnxruntime from weights that the user brings.

Girdhar et al., "ImageBind: One Embedding Space To Bind Them All" (CVPR 2023); [22] of the paper, a row of its Table 1.

**Licence: CC BY-NC-SA 4.0. Meta publishes the weights for non-commercial use only.** None are bundled or fetched.

The paper embeds windows of one second and says no more than that each encoder gets its own spectrogram (section 2.2).
ImageBind was trained on two seconds. A window is read here as ImageBind's own data code reads a file of one second:
98 frames of log-mel, then frames of zeros up to 204, normalised together. (It takes three clips of a file and averages
them; of a second all three are the same.) Repeating the second to fill two would be another representation.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import RepresentationError
from amc_otio.models import imagebind_checkpoint, onnx_seal
from amc_otio.models.imagebind_graph import INPUT, KIND, OUTPUT
from amc_otio.representations.base import FloatArray
from amc_otio.representations.checks import SILENT_PEAK, as_windows, peak, unit_rows
from amc_otio.representations.kaldi_fbank import fbank
from amc_otio.representations.onnx_session import open_session

SAMPLE_RATE = 16_000
BANDS, FRAMES = imagebind_checkpoint.BANDS, imagebind_checkpoint.FRAMES
MEAN, DEVIATION = -4.268, 9.138
"""Of log-mel values in ImageBind's training data, by its published data code."""
BATCH = 8
"""Windows in one run of the network."""

_CONVERT = f"convert imagebind_huge.pth ({imagebind_checkpoint.LICENCE}) with 'amc-otio models add'"


def find_weights(weights: Path | None) -> Path:
    """The converted model that is meant.

    INTEGRATION POINT: the one place where the model store is asked. A name in the store, and ``None`` (the converted
    model in the store), are to be looked up here; a path stays a path.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When none is meant; it says where weights come from and on which terms.
    """
    if weights is None:
        raise RepresentationError(
            "imagebind",
            f"its weights are not bundled: Meta publishes them under {imagebind_checkpoint.LICENCE}",
            "if yours is, convert imagebind_huge.pth with 'amc-otio models add' and name the result with --weights",
        )
    return Path(weights)


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
        The converted model (``.onnx``, made by `amc_otio.models.imagebind_graph.build`). There is no bundled one.

    Attributes
    ----------
    licence
        Of the weights, for whoever offers this representation.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When the weights are missing, damaged or of something else, or `threads` is not positive. onnxruntime itself is
        loaded by the first `embed`.
    """

    name = "imagebind"
    version = "1"
    sample_rate = SAMPLE_RATE
    dimension = imagebind_checkpoint.DIMENSION
    licence = imagebind_checkpoint.LICENCE

    def __init__(self, threads: int | None = None, weights: Path | None = None) -> None:
        if threads is not None and threads < 1:
            raise RepresentationError(self.name, f"{threads} threads cannot work", "ask for one or more")
        self._threads = threads
        self._path = find_weights(weights)
        self._stamp = _stamp(self._path)
        self.weights_hash = onnx_seal.check(self._path, KIND, _CONVERT)
        self._session: Any = None
        self._lock = threading.Lock()

    def embed(self, windows: FloatArray) -> NDArray[np.float32]:
        """See `amc_otio.representations.base.Representation.embed`."""
        batch = as_windows(windows, self.sample_rate, self.name)
        session = self._open()
        vectors = np.zeros((len(batch), self.dimension), np.float32)
        sounding = np.flatnonzero(peak(batch) >= SILENT_PEAK)
        for first in range(0, len(sounding), BATCH):
            rows = sounding[first : first + BATCH]
            vectors[rows] = self._run(session, log_mel(batch[rows]))
        silent = np.ones(len(batch), np.bool_)
        silent[sounding] = False
        return unit_rows(vectors, silent)

    def _run(self, session: Any, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            made: NDArray[np.float32] = session.run([OUTPUT], {INPUT: picture})[0]
        except Exception as error:  # onnxruntime's errors share no documented base class
            raise RepresentationError(self._path, f"onnxruntime cannot run the model ({error})", _CONVERT) from error
        if not np.isfinite(made).all():
            raise RepresentationError(self._path, "the model gives values that are not finite", _CONVERT)
        return made

    def _open(self) -> Any:
        """The onnxruntime session, made once and only when it is needed."""
        with self._lock:
            if self._session is None:
                if _stamp(self._path) != self._stamp:
                    raise RepresentationError(self._path, "changed since it was checked", "start again")
                session = open_session(self._path, self._threads, self.name)
                ends = [
                    (end.name, end.type, list(end.shape)[1:]) for end in (*session.get_inputs(), *session.get_outputs())
                ]
                wanted = [
                    (INPUT, "tensor(float)", [1, BANDS, FRAMES]),
                    (OUTPUT, "tensor(float)", [self.dimension]),
                ]
                if ends != wanted:
                    raise RepresentationError(self._path, "is not the audio tower of ImageBind (huge)", _CONVERT)
                self._session = session
            return self._session

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process makes its own: a session cannot be handed over."""
        return _made_again, (type(self), self._threads, self._path, self.weights_hash)


def _made_again(
    kind: type[ImageBindRepresentation], threads: int | None, path: Path, weights_hash: str
) -> ImageBindRepresentation:
    """What unpickling calls: the same weights, or an error."""
    made = kind(threads, path)
    if made.weights_hash != weights_hash:
        raise RepresentationError(path, "holds other weights here than where the work began", "use one file everywhere")
    return made


def _stamp(path: Path) -> tuple[int, int] | None:
    """What changes when the file is written anew; ``None`` where there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
