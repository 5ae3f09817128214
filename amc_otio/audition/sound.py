"""Sound for the page as safetensors: a segment with its spectrogram, and the similarity matrix of a candidate.

The page hears what `amc_otio.preview.render_join` renders: the same decoding, the same fitting of channels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from amc_otio.audition.segments import Segment, present_in
from amc_otio.config import ANALYSIS_RATE, HOP, N_FFT, N_MELS
from amc_otio.errors import MediaError
from amc_otio.joining.analysis import HOPS, MARGIN, analyse
from amc_otio.joining.render import to_channels
from amc_otio.joining.spectra import best_pair, similarity_matrix
from amc_otio.matching.query import Sound, read_window
from amc_otio.media.decode import decode
from amc_otio.proposals import Candidate, Proposal
from amc_otio.representations.spectral import spectra_at

DEPTH_DB: Final = 80.0
"""A spectrogram is told this far below its loudest value."""
SCALE: Final = "round(255 * sqrt(product / highest))"
"""How the products of a matrix become bytes."""
_MOST_CHANNELS: Final = 256
"""A file of more is not decoded: no camera and no mixer writes it, and its sound would not fit in memory."""


def segment_samples(segment: Segment) -> NDArray[np.float32]:
    """Decode a segment.

    Returns
    -------
    numpy.ndarray
        Shape ``(segment.target, segment.count)``, float32 at 48 kHz; zeros outside the file's sound.

    Raises
    ------
    MediaError
        When the file cannot be read any more.
    """
    path = Path(segment.path)
    if segment.decoded > _MOST_CHANNELS:
        raise MediaError(path.name, f"has {segment.decoded} channels", "map the clip to the channels that it plays")
    samples = decode(path, segment.first, segment.count, sample_rate=ANALYSIS_RATE, channels=segment.channels)
    fitted = to_channels(to_channels(samples, segment.through), segment.target)
    return np.ascontiguousarray(fitted, np.float32)


def segment_sound(segment: Segment) -> bytes:
    """Make the safetensors of a segment: ``samples`` and ``mel``, the clock in the metadata.

    Raises
    ------
    MediaError
        When the file cannot be read any more.
    """
    samples = segment_samples(segment)
    metadata = {"rate": str(ANALYSIS_RATE), "first": str(segment.first), "mel_hop": str(HOP)}
    return bytes(save({"samples": samples, "mel": mel_bytes(samples)}, metadata))


def mel_bytes(samples: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Mel spectrogram of a sound's mean over its channels: 0 is 80 dB below its loudest value, 255 that value.

    Parameters
    ----------
    samples
        Shape ``(channels, n)`` at 48 kHz.

    Returns
    -------
    numpy.ndarray
        Shape ``(128, 1 + n // 1024)``, uint8; column ``j`` is centred at sample ``1024 j``.
    """
    mono = samples.mean(axis=0, dtype=np.float32)
    power = spectra_at(mono, ANALYSIS_RATE, HOP * np.arange(1 + mono.size // HOP), N_FFT, N_MELS)
    loudest = float(power.max(initial=0.0))
    if loudest <= 0.0:
        return np.zeros(power.shape, np.uint8)
    # In float32: a byte is coarser by far.
    levels = 10.0 * np.log10(np.maximum(power / np.float32(loudest), np.float32(10.0 ** (-DEPTH_DB / 10.0))))
    scaled: NDArray[np.uint8] = np.rint((levels / DEPTH_DB + 1.0) * 255.0).astype(np.uint8)
    return scaled


def matrix_of(proposal: Proposal, candidate: Candidate) -> bytes:
    """Make the safetensors of a candidate's similarity matrix (paper, section 2.4), as its join was looked for in it.

    Rows are time steps of the query window, columns of the match's, 1024 samples apart.

    Raises
    ------
    MediaError
        When a file cannot be read any more.
    """
    shot = proposal.point.outgoing
    if shot.path is None:
        raise MediaError(shot.name, "is offline", "relink it")
    start = candidate.query_start
    query = read_window(Sound(Path(shot.path), 0, shot.channels), start)
    # The clip's own sound only, as in the search.
    query[: max(0, MARGIN + present_in(shot) - start)] = 0.0
    match = read_window(Sound(Path(candidate.media.path), 0, None), candidate.window_start)
    products = similarity_matrix(analyse(query, HOPS).window_mel, analyse(match, HOPS).window_mel)
    best = best_pair(products) or (0, 0)
    highest = float(products.max(initial=0.0))
    scaled = np.sqrt(np.maximum(products, 0.0) / highest) if highest > 0 else np.zeros(products.shape)
    metadata = {
        "out_first": str(start),
        "in_first": str(candidate.window_start),
        "hop": str(HOP),
        "best": f"{best[0]},{best[1]}",
        "scale": SCALE,
    }
    return bytes(save({"matrix": np.rint(255.0 * scaled).astype(np.uint8)}, metadata))
