"""The paper's mel spectrogram baseline: 48 kHz, window 2048, hop 1024, flattened (section 2.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE, HOP, N_FFT, N_MELS
from amc_otio.representations.base import FloatArray
from amc_otio.representations.checks import SILENT_PEAK, as_windows, peak, unit_rows
from amc_otio.representations.spectral import frame_count, mel_spectrogram


class MelRepresentation:
    """Power mel of one second, 128 bands by 47 frames, flattened band by band and L2-normalised."""

    name = "mel"
    version = "1"
    sample_rate = ANALYSIS_RATE
    dimension = N_MELS * frame_count(ANALYSIS_RATE, HOP)
    weights_hash = ""

    def embed(self, windows: FloatArray) -> NDArray[np.float32]:
        """See `amc_otio.representations.base.Representation.embed`."""
        batch = as_windows(windows, self.sample_rate, self.name)
        mel = mel_spectrogram(batch, self.sample_rate, N_FFT, HOP, N_MELS)
        return unit_rows(mel.reshape(len(batch), self.dimension), peak(batch) < SILENT_PEAK)
