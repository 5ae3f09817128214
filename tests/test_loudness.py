"""Loudness against the printed coefficients of BS.1770, its reference tones, and pyloudnorm on real sounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc_otio.media.decode import decode
from amc_otio.media.loudness import batch_loudness, k_weighting, loudness
from amc_otio.media.probe import probe


def test_coefficients_are_those_printed_in_bs1770():
    (b1, a1), (b2, a2) = k_weighting(48000)
    assert b1 == pytest.approx([1.53512485958697, -2.69169618940638, 1.19839281085285], abs=1e-8)
    assert a1 == pytest.approx([1, -1.69065929318241, 0.73248077421585], abs=1e-8)
    assert b2 == pytest.approx([1, -2, 1])
    assert a2 == pytest.approx([1, -1.99004745483398, 0.99007225036621], abs=1e-8)


@pytest.mark.parametrize("rate", [22050, 32000, 44100, 48000, 96000])
def test_reference_tone(rate):
    """BS.1770: a 997 Hz tone of 0 dBFS in one front channel reads -3.01 LUFS."""
    x = np.sin(2 * np.pi * 997 * np.arange(rate) / rate).astype(np.float32)
    assert loudness(x[None], rate) == pytest.approx(-3.01, abs=0.05)
    assert loudness(np.stack([x, x]), rate) == pytest.approx(0.0, abs=0.05)
    assert loudness(0.1 * x[None], rate) == pytest.approx(-23.01, abs=0.05)


def test_channel_weights():
    x = np.sin(2 * np.pi * 997 * np.arange(48000) / 48000).astype(np.float32)
    silent = np.zeros((6, 48000), np.float32)
    for channel, expected in ((0, -3.01), (3, -120.0), (4, -3.01 + 10 * np.log10(1.41))):
        one = silent.copy()
        one[channel] = x
        assert loudness(one, 48000, "5.1") == pytest.approx(expected, abs=0.05)


def test_silence_and_nothing():
    assert loudness(np.zeros((2, 4800), np.float32), 48000) == -120.0
    assert loudness(np.zeros((1, 0), np.float32), 48000) == -120.0
    got = batch_loudness(np.zeros((3, 480), np.float32), 48000)
    assert got.dtype == np.float32 and got.tolist() == [-120.0] * 3
    assert loudness(np.ones((1, 48000), np.float32), 48000) == -120.0  # DC is not heard


@given(st.floats(1e-3, 1.0), st.integers(0, 1000))
def test_gain_moves_loudness_by_its_decibels(gain, seed):
    x = np.random.default_rng(seed).standard_normal((1, 4801)).astype(np.float32)
    assert loudness(gain * x, 48000) - loudness(x, 48000) == pytest.approx(20 * np.log10(gain), abs=0.01)


def test_batch_equals_one_by_one():
    x = np.random.default_rng(0).standard_normal((130, 8000)).astype(np.float32) * np.linspace(0, 1, 130)[:, None]
    got = batch_loudness(x.astype(np.float32), 16000)
    assert got == pytest.approx([loudness(row[None].astype(np.float32), 16000) for row in x], abs=1e-3)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("block", [0.1, 0.4, 1.0])
def test_real_sounds_agree_with_pyloudnorm(shared_data, block):
    pyloudnorm = pytest.importorskip("pyloudnorm")
    files = sorted((shared_data / "retrieval-dev" / "clips").glob("*.ogg"))[::60]
    films = [shared_data / "video" / n for n in ("sintel_trailer-720p.mp4", "fillets-intro.mpg")]
    errors = []
    for path, start in [(f, 0) for f in files] + [(f, s) for f in films for s in (3, 11, 17, 24)]:
        rate = probe(path).streams[0].sample_rate
        # The filters run over what comes before too, as on a timeline; the block itself is measured.
        samples = decode(path, start * rate, rate, sample_rate=rate)[:1]
        meter = pyloudnorm.Meter(rate, block_size=block)
        filtered = samples[0].astype(np.float64)
        for stage in meter._filters.values():
            filtered = stage.apply_filter(filtered)
        n = int(block * rate)
        power = np.mean(filtered[-n:] ** 2)
        if -0.691 + 10 * np.log10(max(power, 1e-12)) < -65:
            continue
        errors.append(abs(loudness(samples[:, -n:], rate) - (-0.691 + 10 * np.log10(power))))
    assert len(errors) > 20
    # A sound that is all rumble, 40 dB below hearing after the weighting, may be further off.
    assert np.quantile(errors, 0.95) <= 0.2 and max(errors) <= 2
    assert sum(e > 0.3 for e in errors) <= 1
