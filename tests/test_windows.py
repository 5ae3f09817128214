"""Windows of one second, and WAV files that are whole or not there."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from make_media import signal, write_sound

from amc_otio.errors import MediaError, OutputError
from amc_otio.media.decode import decode_mono, iter_mono
from amc_otio.media.wav import write_wav
from amc_otio.media.windows import iter_windows


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40_000), st.integers(1, 7))
def test_windows_hold_every_sample_once(tmp_path_factory, length, batch):
    path = tmp_path_factory.mktemp("w") / "a.wav"
    x = (np.arange(1, length + 1) / 65536).astype(np.float32)[None]
    write_sound(path, x, 8000, "WAV", "FLOAT")
    batches = list(iter_windows(path, 8000, batch=batch))
    assert [b.first for b in batches] == list(range(0, -(-length // 8000), batch))
    samples = np.concatenate([b.samples for b in batches])
    valid = np.concatenate([b.valid for b in batches])
    assert samples.dtype == np.float32 and valid.dtype == np.int64 and samples.shape == (-(-length // 8000), 8000)
    assert valid.sum() == length and (valid[:-1] == 8000).all() and valid[-1] > 0
    assert np.array_equal(samples.reshape(-1)[:length], x[0]) and not samples.reshape(-1)[length:].any()


def test_windows_of_a_film_are_its_spans(shared_data):
    path = shared_data / "video" / "big_buck_bunny-720p-30s-stereo.webm"
    batches = list(iter_windows(path, 48000, batch=8))
    assert sum(len(b.valid) for b in batches) == 31
    assert batches[-1].valid[-1] < 0.1 * 48000  # a short tail is kept, and marked
    for k in (0, 9, 29):
        window = batches[k // 8].samples[k % 8]
        assert np.abs(window - decode_mono(path, k * 48000, 48000, 48000)).max() <= 1e-5


def test_windows_pass_problems_on(tmp_path):
    path = write_sound(tmp_path / "a.wav", signal(3, 8000, 1), 8000, "WAV", "PCM_16")
    path.write_bytes(path.read_bytes()[:-20_000])
    problems: list[str] = []
    assert list(iter_windows(path, 8000, problems=problems)) and any("cut short" in p for p in problems)
    with pytest.raises(MediaError):
        list(iter_windows(tmp_path / "no.wav", 8000))


def test_chosen_channels(tmp_path):
    x = signal(2, 8000, 3)
    path = write_sound(tmp_path / "a.wav", x, 8000, "WAV", "FLOAT")
    (batch,) = iter_windows(path, 8000, channels=((0, 2), (0, 0)))
    assert np.abs(batch.samples.reshape(-1) - (x[0] + x[2]) / 2).max() < 1e-6
    assert len(np.concatenate(list(iter_mono(path, 8000)))) == 16000


def test_write_wav_round_trip(tmp_path):
    x = signal(1, 48000, 2)
    path = write_wav(tmp_path / "out.wav", x, 48000)
    got, rate = soundfile.read(str(path), dtype="float32")
    assert rate == 48000 and soundfile.info(str(path)).subtype == "PCM_24"
    assert np.abs(got.T - x).max() < 1e-6
    assert [p.name for p in tmp_path.iterdir()] == ["out.wav"]


def test_write_wav_never_overwrites_unless_told(tmp_path):
    path = tmp_path / "out.wav"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="is there already"):
        write_wav(path, signal(1, 8000, 1), 8000)
    assert path.read_bytes() == b"precious"
    write_wav(path, signal(1, 8000, 1), 8000, overwrite=True)
    assert soundfile.info(str(path)).frames == 8000


def test_write_wav_failures_leave_nothing(tmp_path):
    with pytest.raises(OutputError):
        write_wav(tmp_path / "no" / "out.wav", signal(1, 8000, 1), 8000)
    with pytest.raises(OutputError):
        write_wav(tmp_path / "out.wav", signal(1, 8000, 1), 8000, subtype="NONSENSE")
    assert list(tmp_path.iterdir()) == []
