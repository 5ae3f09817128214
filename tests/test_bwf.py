"""Broadcast Wave files read back equal, by our reader and by those of others."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from amc_otio.errors import OutputError
from amc_otio.media import bwf
from amc_otio.media.bwf import FULL_SCALE, Broadcast, to_24_bit, write_bwf
from amc_otio.media.decode import decode
from amc_otio.media.probe import probe
from amc_otio.media.riff import read_wave_header

RATES = st.sampled_from([44_100, 48_000, 96_000])


def noise(channels: int, length: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(-FULL_SCALE, FULL_SCALE, (channels, length)).astype(np.int32)


@pytest.mark.parametrize(("channels", "layout"), [(1, "mono"), (2, "stereo"), (6, "5.1"), (6, "5.1(side)"), (8, "7.1")])
def test_every_reader_gives_the_samples_and_the_layout_back(channels: int, layout: str, tmp_path: Path) -> None:
    samples = noise(channels, 4801)
    path = write_bwf(tmp_path / "x.wav", samples, 48_000, layout, Broadcast("d", "A1:3", 48_000 * 3601))
    as_float = (samples / FULL_SCALE).astype(np.float32)
    read, rate = soundfile.read(path, dtype="int32", always_2d=True)
    assert rate == 48_000
    np.testing.assert_array_equal(read.T, samples << 8)
    np.testing.assert_array_equal(decode(path, 0, 4801), as_float)
    info = probe(path)
    assert (info.streams[0].channels, info.streams[0].layout) == (channels, layout)
    assert info.streams[0].sample_rate == 48_000
    assert info.start_s == 3601
    assert info.duration == Fraction(4801, 48_000)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert (stream.channels, stream.codec_context.name) == (channels, "pcm_s24le")
        assert channels <= 2 or stream.layout.name == layout
        assert container.metadata["time_reference"] == str(48_000 * 3601)
        assert container.metadata["originator_reference"] == "A1:3"
        frames = [frame.to_ndarray().reshape(-1, channels) for frame in container.decode(stream)]
    np.testing.assert_array_equal(np.concatenate(frames).T, samples << 8)


def test_channels_without_a_layout_name_no_speakers(tmp_path: Path) -> None:
    path = write_bwf(tmp_path / "x.wav", noise(5, 9), 48_000, "5 channels", Broadcast("", "", 0))
    assert read_wave_header(path).channel_mask == 0
    assert soundfile.info(path).channels == 5


@given(
    rate=RATES,
    seconds=st.fractions(0, 30 * 3600),
    channels=st.integers(1, 8),
    length=st.integers(0, 33),
    text=st.text(max_size=300),
)
def test_bext_round_trip(rate: int, seconds: Fraction, channels: int, length: int, text: str, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("bwf") / "x.wav"
    first = round(seconds * rate)
    write_bwf(path, noise(channels, length), rate, "", Broadcast(text, text, first))
    header = read_wave_header(path)
    assert header.time_reference == first % (24 * 3600 * rate)
    assert (header.frames or 0) == length
    data = path.read_bytes()
    assert len(data) == int.from_bytes(data[4:8], "little") + 8
    assert len(data) % 2 == 0
    info = soundfile.info(path)
    assert (info.channels, info.samplerate, info.frames) == (channels, rate, length)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = (
        write_bwf(tmp_path / name, noise(2, 100), 48_000, "stereo", Broadcast("x", "y", 7)) for name in ("a", "b")
    )
    assert one.read_bytes() == other.read_bytes()


def test_24_bits_and_fewer_come_through_unchanged_and_overs_are_counted() -> None:
    exact = noise(1, 1000)
    held, over = to_24_bit((exact / FULL_SCALE).astype(np.float32))
    np.testing.assert_array_equal(held, exact)
    assert over == 0
    held, over = to_24_bit(np.array([[1.0, -1.0, 1.5, -2.0, 0.25]], np.float32))
    assert over == 2
    assert held.tolist() == [[FULL_SCALE - 1, -FULL_SCALE, FULL_SCALE - 1, -FULL_SCALE, FULL_SCALE // 4]]


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = Broadcast("", "", 0)
    (tmp_path / "there.wav").write_bytes(b"mine")
    with pytest.raises(OutputError, match="is there already"):
        write_bwf(tmp_path / "there.wav", noise(1, 5), 48_000, "mono", about)
    with pytest.raises(OutputError, match="cannot be written"):
        write_bwf(tmp_path / "no" / "x.wav", noise(1, 5), 48_000, "mono", about)
    monkeypatch.setattr(bwf, "MOST_BYTES", 10)
    with pytest.raises(OutputError, match="larger than 4 GB"):
        write_bwf(tmp_path / "x.wav", noise(1, 5), 48_000, "mono", about)
    assert [p.name for p in tmp_path.iterdir()] == ["there.wav"]
    assert (tmp_path / "there.wav").read_bytes() == b"mine"
