"""The paper's MFCC baseline: 48 kHz, window 2048, hop 1024, flattened (section 2.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amc_otio.config import ANALYSIS_RATE, HOP, N_FFT, N_MELS
from amc_otio.representations.base import FloatArray
from amc_otio.representations.checks import SILENT_PEAK, as_windows, peak, unit_rows
from amc_otio.representations.spectral import frame_count, mfcc

COEFFICIENTS = 20
"""The paper does not say how many; librosa's default."""


class MfccRepresentation:
    """20 MFCC of one second, by 47 frames, flattened coefficient by coefficient and L2-normalised."""

    name = "mfcc"
    version = "1"
    sample_rate = ANALYSIS_RATE
    dimension = COEFFICIENTS * frame_count(ANALYSIS_RATE, HOP)
    weights_hash = ""

    def embed(self, windows: FloatArray) -> NDArray[np.float32]:
        """See `amc_otio.representations.base.Representation.embed`."""
        batch = as_windows(windows, self.sample_rate, self.name)
        coefficients = mfcc(batch, self.sample_rate, COEFFICIENTS, N_FFT, HOP, N_MELS)
        return unit_rows(coefficients.reshape(len(batch), self.dimension), peak(batch) < SILENT_PEAK)
