"""Decoding: where samples lie, that spans equal the whole, and what happens with damaged files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from make_media import signal, write_av, write_sound

from amc_otio.errors import MediaError
from amc_otio.media.clock import StreamClock, anchor
from amc_otio.media.decode import check, decode, decode_mono, iter_mono, mono
from amc_otio.media.probe import open_reader, probe
from amc_otio.media.resample import out_end, source_range

SECONDS = 8.3

#: name -> (format, subtype, rate, channels, exact)
SOUNDS = {
    "a.wav": ("WAV", "PCM_16", 48000, 2),
    "a24.wav": ("WAVEX", "PCM_24", 96000, 6),
    "f.wav": ("WAV", "FLOAT", 44100, 1),
    "a.rf64.wav": ("RF64", "PCM_24", 48000, 2),
    "a.w64": ("W64", "PCM_16", 22050, 1),
    "a.aiff": ("AIFF", "PCM_24", 44100, 2),
    "a.flac": ("FLAC", "PCM_24", 96000, 2),
    "a.caf": ("CAF", "PCM_16", 48000, 8),
}
LOSSY_SOUNDS = {
    "a.mp3": ("MP3", "MPEG_LAYER_III", 44100, 2),
    "a22.mp3": ("MP3", "MPEG_LAYER_III", 22050, 1),
    "a.ogg": ("OGG", "VORBIS", 48000, 2),
    "a51.ogg": ("OGG", "VORBIS", 48000, 6),
    "a.opus": ("OGG", "OPUS", 48000, 2),
}
P = {"picture": "mpeg4"}
#: name -> (codec, layout, rate, channels, more)
EXACT_FILMS = {
    "pcm.mov": ("pcm_s16le", "stereo", 48000, 2, P),
    "eight.mov": ("pcm_s24le", "mono", 48000, 8, {**P, "streams": 8, "fps": Fraction(30000, 1001)}),
    "hi.mov": ("pcm_s24le", "stereo", 96000, 2, {}),
    "alac.m4a": ("alac", "stereo", 44100, 2, {}),
    "flac.mkv": ("flac", "stereo", 44100, 2, P),
    "pcm.mkv": ("pcm_s16le", "stereo", 48000, 2, P),
    "eight25.mxf": ("pcm_s24le", "mono", 48000, 8, {"picture": "mpeg2video", "streams": 8}),
    "eight2997.mxf": (
        "pcm_s24le",
        "mono",
        48000,
        8,
        {"picture": "mpeg2video", "streams": 8, "fps": Fraction(30000, 1001)},
    ),
    "stereo2398.mxf": ("pcm_s16le", "stereo", 48000, 2, {"picture": "mpeg2video", "fps": Fraction(24000, 1001)}),
    "pcm.avi": ("pcm_s16le", "stereo", 44100, 2, P),
}
LOSSY_FILMS = {
    "aac.mp4": ("aac", "stereo", 48000, 2, P),
    "aac22.mp4": ("aac", "mono", 22050, 1, {}),
    "aac51.mov": ("aac", "5.1", 48000, 6, P),
    "aac.m4a": ("aac", "stereo", 44100, 2, {}),
    "aac.mkv": ("aac", "stereo", 44100, 2, P),
    "mp3.mkv": ("libmp3lame", "stereo", 44100, 2, P),
    "mp3.mp4": ("libmp3lame", "stereo", 48000, 2, P),
    "opus.webm": ("libopus", "stereo", 48000, 2, {"picture": "libvpx"}),
}
#: Containers that keep no encoder delay: spans still equal the whole.
DELAYED_FILMS = {
    "mp2.mpg": ("mp2", "stereo", 44100, 2, {"picture": "mpeg1video"}),
    "aac.ts": ("aac", "stereo", 48000, 2, {"picture": "mpeg2video", "fmt": "mpegts"}),
    "ac3.mkv": ("ac3", "5.1", 48000, 6, P),
    "mp3.avi": ("libmp3lame", "stereo", 44100, 2, P),
    "raw.aac": ("aac", "stereo", 44100, 2, {"fmt": "adts"}),
}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory):
    """Return a function that makes a file of the tables above once: name -> (path, signal, rate)."""
    folder = tmp_path_factory.mktemp("media")
    done = {}

    def make(name: str):
        if name not in done:
            path = folder / name
            if name in SOUNDS or name in LOSSY_SOUNDS:
                fmt, subtype, rate, channels = {**SOUNDS, **LOSSY_SOUNDS}[name]
                x = signal(SECONDS, rate, channels)
                write_sound(path, x, rate, fmt, subtype)
            else:
                codec, layout, rate, channels, more = {**EXACT_FILMS, **LOSSY_FILMS, **DELAYED_FILMS}[name]
                x = signal(SECONDS, rate, channels)
                write_av(path, x, rate, codec, layout, **more)
            done[name] = (path, x, rate)
        return done[name]

    return make


def whole(path: Path) -> np.ndarray:
    """Decode a file sequentially, all channels of all streams."""
    reader = open_reader(path)
    pieces = list(reader.pieces(range(len(reader.streams))))
    length = max(p.position + p.samples.shape[1] for p in pieces)
    out = [np.zeros((s.channels, length), np.float32) for s in reader.streams]
    for p in pieces:
        out[p.stream][:, p.position : p.position + p.samples.shape[1]] = p.samples
    reader.close()
    return np.concatenate(out)


def cut(samples: np.ndarray, start: int, count: int) -> np.ndarray:
    """The span of an array, zeros outside it."""
    out = np.zeros((len(samples), count), np.float32)
    first, last = max(start, 0), min(start + count, samples.shape[1])
    if last > first:
        out[:, first - start : last - start] = samples[:, first:last]
    return out


def places(length: int, rate: int) -> list[int]:
    rng = np.random.default_rng(length)
    return [
        -rate // 3,
        0,
        1,
        length - rate // 2,
        length - 300,
        length - 3001,
        length + 10,
        *rng.integers(0, length, 6).tolist(),
    ]


@pytest.mark.parametrize("name", [*SOUNDS, *EXACT_FILMS])
def test_lossless_spans_are_the_signal(made, name):
    path, x, rate = made(name)
    bits = 16 if "16" in str({**SOUNDS, **EXACT_FILMS}[name]) or name == "flac.mkv" else 24
    full = whole(path)
    n = min(full.shape[1], x.shape[1])  # MXF keeps whole picture frames only
    assert n > x.shape[1] - 0.1 * rate
    assert np.abs(full[:, :n] - x[:, :n]).max() <= 2.5 / 2 ** (bits - 1)
    for start in places(n, rate):
        assert np.array_equal(decode(path, start, rate // 2), cut(full, start, rate // 2))


@pytest.mark.parametrize("name", [n for n in [*LOSSY_SOUNDS, *LOSSY_FILMS] if n != "a51.ogg"])
def test_encoder_delay_is_taken_off(made, name):
    path, x, rate = made(name)
    assert probe(path).duration == pytest.approx(SECONDS, abs=0.06)
    start, count = int(3.1 * rate), rate
    got = decode(path, start, count)
    assert len(got) == len(x)
    for c in range(len(x)):
        if len(x) == 6 and c == 3:
            continue  # LFE is filtered by the codec
        reach = 3000
        size = 1 << (count + 2 * reach).bit_length()
        spectrum = np.fft.rfft(x[c, start - reach : start + count + reach], size)
        scores = np.fft.irfft(spectrum * np.conj(np.fft.rfft(got[c], size)))[: 2 * reach]
        # FFmpeg before 8 writes AAC's and MP3's delay into Matroska as a rounded stamp.
        rounded = path.suffix == ".mkv" and av.library_versions["libavformat"][0] < 62
        assert abs(int(np.argmax(scores)) - reach) <= (rate // 1000 if rounded else 0)


@pytest.mark.parametrize("name", [*LOSSY_SOUNDS, *LOSSY_FILMS, *DELAYED_FILMS])
def test_lossy_span_equals_sequential_decode(made, name):
    path, _, rate = made(name)
    full = whole(path)
    # AAC's noise substitution and the dither of AC-3 and MPEG layer II draw other random numbers after a seek.
    tolerance, rms = 1e-6, 1e-6
    if "aac" in name or "ac3" in name:
        tolerance, rms = 0.15, 0.02
    elif "mp2" in name:
        tolerance, rms = 1e-4, 1e-4
    for start in places(full.shape[1], rate):
        span, expected = decode(path, start, rate // 2), cut(full, start, rate // 2)
        assert np.abs(span - expected).max() <= tolerance
        assert np.sqrt(np.mean((span - expected) ** 2)) <= rms


FILMS = [
    "sintel_trailer-720p.mp4",
    "big_buck_bunny-480p-30s-5.1.mp4",
    "big_buck_bunny-720p-30s-stereo.webm",
    "big_buck_bunny-720p-5s-5.1-25fps.mp4",
    "tears_of_steel-2s.webm",
    "fillets-intro.mpg",
    "handheld-toy-crystal.mp4",
    "handheld-toy-elf.mp4",
    "handheld-toy-frog.mp4",
]


@pytest.mark.parametrize("name", FILMS)
def test_real_film_spans(shared_data, name):
    path = shared_data / "video" / name
    full = whole(path)
    rate = probe(path).streams[0].sample_rate
    rng = np.random.default_rng(7)
    for start in [0, full.shape[1] - 1000, *rng.integers(-rate, full.shape[1], 12).tolist()]:
        count = int(rng.integers(1, rate))
        assert np.abs(decode(path, start, count) - cut(full, start, count)).max() <= 1e-4


@pytest.mark.parametrize(
    "name", ["sintel_trailer-720p.mp4", "big_buck_bunny-720p-30s-stereo.webm", "fillets-intro.mpg"]
)
def test_resampled_film_span_equals_resampled_whole(shared_data, name):
    path = shared_data / "video" / name
    for rate in (32000, 44100, 48000):
        full = np.concatenate(list(iter_mono(path, rate)))
        for start in np.random.default_rng(1).integers(0, len(full), 5).tolist():
            span = decode_mono(path, start, rate, rate)
            assert np.abs(span - cut(full[None], start, rate)[0]).max() <= 1e-5


@pytest.mark.parametrize("target", [22050, 32000, 44100, 47952, 48000, 96000])
def test_resampling_equals_the_whole_file(made, target):
    path, x, rate = made("f.wav")
    expected = soxr.resample(x[0], rate, target, "HQ")
    parts = list(iter_mono(path, target, block=10_000))
    assert all(len(p) == 10_000 for p in parts[:-1])
    streamed = np.concatenate(parts)
    assert len(streamed) == out_end(x.shape[1], rate, target)
    assert np.abs(streamed[: len(expected) - 1] - expected[: len(streamed)][:-1]).max() <= 1e-5
    for start in (0, 5, target // 7, 3 * target + 11, len(streamed) - 100):
        span = decode(path, start, target, sample_rate=target)
        assert np.abs(span - cut(streamed[None], start, target)).max() <= 1e-5
    assert not decode(path, -target, target, sample_rate=target).any()


@given(
    st.integers(0, 10**9),
    st.integers(1, 10**6),
    st.sampled_from([8000, 22050, 44100, 47952, 48000, 88200, 96000]),
    st.sampled_from([16000, 44100, 48000]),
)
def test_source_range_covers_the_span(start, count, rate_in, rate_out):
    first, n = source_range(start, count, rate_in, rate_out)
    assert Fraction(first, rate_in) <= Fraction(start, rate_out)
    assert Fraction(first + n, rate_in) >= Fraction(start + count - 1, rate_out)
    if rate_in != rate_out:
        assert Fraction(first, rate_in) * rate_out == int(Fraction(first, rate_in) * rate_out)
        assert first == 0 or Fraction(start, rate_out) - Fraction(first, rate_in) >= Fraction(1, 10)


def test_streams_become_channels_and_channels_can_be_chosen(made):
    path, x, _ = made("eight.mov")
    assert len(decode(path, 1000, 50)) == 8
    chosen = decode(path, 96_000, 500, channels=((5, 0), (2, 0)))
    assert np.abs(chosen - x[[5, 2], 96_000:96_500]).max() < 1e-6
    path, x, _ = made("a24.wav")
    assert np.abs(decode(path, 5, 60, channels=((0, 4),)) - x[4:5, 5:65]).max() < 1e-6


def test_missing_channel_is_an_error_in_words(made):
    path, *_ = made("a.wav")
    with pytest.raises(MediaError, match="no channel 3 in audio stream 1"):
        decode(path, 0, 10, channels=((0, 2),))
    with pytest.raises(MediaError, match="no channel was chosen"):
        decode(path, 0, 10, channels=())


def test_mono_leaves_lfe_out():
    x = np.arange(6, dtype=np.float32)[:, None] * np.ones(4, np.float32)
    assert mono(x, "5.1(side)") == pytest.approx(np.full(4, (0 + 1 + 2 + 4 + 5) / 5))
    assert mono(x, "6 channels") == pytest.approx(np.full(4, 2.5))
    assert mono(x[:2], "stereo") == pytest.approx(np.full(4, 0.5))
    assert mono(x[3:4], None) == pytest.approx(np.full(4, 3.0))


@pytest.mark.parametrize("name", ["a51.ogg", "aac51.mov", "eight25.mxf", "a24.wav"])
def test_mono_of_a_span_is_the_streamed_mono(made, name):
    path, *_ = made(name)
    full = np.concatenate(list(iter_mono(path, 48000)))
    span = decode_mono(path, 100_001, 48_000, 48_000)
    assert np.abs(span - full[100_001:148_001]).max() <= (0.05 if "aac" in name else 1e-5)


def test_vorbis_surround_has_ffmpegs_channel_order(made):
    path, x, _ = made("a51.ogg")
    # soundfile wrote Vorbis' own order L C R Ls Rs LFE; the reader gives L R C LFE Ls Rs.
    got = decode(path, 100_000, 48_000)
    for place, written in enumerate((0, 2, 1, 5, 3, 4)):
        assert np.corrcoef(got[place], x[written, 100_000:148_000])[0, 1] > 0.9 or written == 5


def test_sound_that_starts_late_begins_with_silence(tmp_path):
    x = signal(4, 48000, 2)
    path = write_av(tmp_path / "late.mov", x, 48000, "pcm_s16le", "stereo", picture="mpeg4", sound_from=12_000)
    assert not decode(path, 0, 12_000).any()
    assert np.abs(decode(path, 12_000, 9_000) - x[:, :9_000]).max() < 1e-4
    assert np.abs(decode(path, 100_000, 9_000) - x[:, 88_000:97_000]).max() < 1e-4
    mixed = np.concatenate(list(iter_mono(path, 48_000)))
    assert len(mixed) == 12_000 + x.shape[1] and not mixed[:12_000].any()


def test_mpeg_start_time_is_sample_zero(shared_data):
    """The program stream begins at 0.233 s: its first sample is sample 0."""
    got = decode(shared_data / "video" / "fillets-intro.mpg", 0, 22050)
    assert probe(shared_data / "video" / "fillets-intro.mpg").duration == pytest.approx(72.5, abs=0.2)
    assert got.shape == (2, 22050)


def test_streams_of_different_rates_are_joined(tmp_path):
    path = tmp_path / "two.mkv"
    a, b = signal(3, 48000, 1), signal(3, 44100, 1, seed=5)
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("flac", rate=48000, layout="mono"), out.add_stream("flac", rate=44100, layout="mono")]
        for stream, x, rate in zip(streams, (a, b), (48000, 44100), strict=True):
            ints = (x * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(ints, "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    got = decode(path, 48_000, 24_000)
    assert got.shape == (2, 24_000)
    expected = soxr.resample(b[0], 44100, 48000, "HQ")[48_000:72_000]
    assert np.abs(got[0] - a[0, 48_000:72_000]).max() < 1e-4
    assert np.abs(got[1] - expected).max() < 1e-3
    assert len(np.concatenate(list(iter_mono(path, 48_000)))) == 3 * 48_000


# --- bad media --------------------------------------------------------------------------------------------------------


def test_nan_and_infinity_become_silence_and_are_named(tmp_path):
    x = signal(2, 48000, 1)
    x[0, 1000:1010] = np.nan
    x[0, 2000] = np.inf
    path = write_sound(tmp_path / "nan.wav", x, 48000, "WAV", "FLOAT")
    assert not decode(path, 1000, 10).any() and decode(path, 2000, 1)[0, 0] == 0
    problems: list[str] = []
    mixed = np.concatenate(list(iter_mono(path, 44100, problems=problems)))
    assert np.isfinite(mixed).all() and any("11 samples are not numbers" in p for p in problems)


def test_zero_length_is_named(tmp_path):
    path = write_sound(tmp_path / "zero.wav", np.zeros((2, 0), np.float32), 48000, "WAV", "PCM_16")
    assert decode(path, 0, 10).shape == (2, 10)
    with pytest.raises(MediaError, match="length of zero"):
        list(iter_mono(path, 48000))


def test_no_audio_stream_is_named(tmp_path):
    path = tmp_path / "mute.mp4"
    write_av(path, np.zeros((0, 48000), np.float32), 48000, "aac", "mono", picture="mpeg4")
    with pytest.raises(MediaError, match="no audio stream"):
        decode(path, 0, 10)
    with pytest.raises(MediaError, match="no audio stream"):
        list(iter_mono(path, 48000))


def test_truncated_wav_gives_what_is_there_and_says_so(made, tmp_path):
    path, x, rate = made("a.wav")
    cut_path = tmp_path / "cut.wav"
    cut_path.write_bytes(path.read_bytes()[: 44 + 4 * 3 * rate])
    report = check(cut_path)
    assert report.expected_s == pytest.approx(SECONDS) and report.decoded_s == pytest.approx(3, abs=0.01)
    assert any("cut short" in p for p in report.problems)
    assert np.abs(decode(cut_path, 2 * rate, rate // 2) - x[:, 2 * rate : 2 * rate + rate // 2]).max() < 1e-4
    assert not decode(cut_path, 4 * rate, rate).any()


def test_an_intact_file_has_no_problems(made):
    for name in [*SOUNDS, *LOSSY_SOUNDS, *EXACT_FILMS, *LOSSY_FILMS, *DELAYED_FILMS]:
        path, *_ = made(name)
        report = check(path)
        assert report.problems == (), name
        assert report.decoded_s == pytest.approx(SECONDS, abs=0.1), name


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "a.wav",
        "a.flac",
        "a.mp3",
        "a.ogg",
        "a.opus",
        "aac.mp4",
        "aac.mkv",
        "pcm.mov",
        "eight25.mxf",
        "mp2.mpg",
        "aac.ts",
        "raw.aac",
        "pcm.avi",
    ],
)
def test_truncated_or_damaged_anywhere_is_never_a_traceback(made, tmp_path, name):
    path, _, rate = made(name)
    data = path.read_bytes()
    rng = np.random.default_rng(len(data))
    for trial in range(10):
        at = int(rng.integers(1, len(data)))
        broken = bytearray(data[:at]) if trial % 2 else bytearray(data)
        if not trial % 2:
            broken[at : at + 2000] = rng.integers(0, 256, len(broken[at : at + 2000]), dtype=np.uint8).tobytes()
        bad = tmp_path / f"{trial}-{name}"
        bad.write_bytes(bytes(broken))
        try:
            problems: list[str] = []
            total = sum(len(b) for b in iter_mono(bad, rate, problems=problems))
            span = decode(bad, rate, rate // 4)
        except MediaError as error:
            assert "\n" not in str(error)
            continue
        assert np.isfinite(span).all()
        assert 0 < total < 30 * rate


def test_sound_after_damage_stays_in_its_place(made, tmp_path):
    """A hole in the middle of a file must not shift what follows."""
    for name in ("a.flac", "a.ogg", "aac.mp4", "aac.mkv"):
        path, _, rate = made(name)
        data = bytearray(path.read_bytes())
        middle = len(data) // 3
        data[middle : middle + 1500] = bytes(range(250)) * 6
        bad = tmp_path / name
        bad.write_bytes(bytes(data))
        late = slice(int(7 * rate), int(7.5 * rate))
        good, after = whole(path)[0, late], whole(bad)[0, late]
        assert np.corrcoef(good, after)[0, 1] > 0.99, name
        problems: list[str] = []
        assert len(list(iter_mono(bad, rate, problems=problems)))
        assert problems, name


# --- the clock --------------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(
    st.integers(0, 5000),
    st.integers(0, 1_000_000),
    st.sampled_from([1024, 1152, 576, 4608]),
    st.sampled_from([22050, 44100, 48000, 96000]),
    st.integers(3, 40),
)
def test_anchor_finds_the_sample_behind_millisecond_stamps(phase, index, size, rate, frames):
    true = phase + index * size
    tick = rate / 1000
    stamps = [round((true + k * size) / tick) * tick for k in range(frames)]
    assert anchor(stamps, [size] * frames, tick=tick, codec="aac", grid=size, phase=phase) == true


def test_clock_counts_and_follows_real_gaps_only():
    clock = StreamClock(48000, tick=48.0, grid=1024)
    assert [clock.place(s, 1024) for s in (0.0, 1008.0, 2064.0)] == [0, 1024, 2048]
    assert clock.place(48000.0, 1024) == 3072 + 44 * 1024
    clock.resync = True
    assert clock.place(clock.next + 1024.0, 1024) % 1024 == 0
    before = clock.next
    assert clock.place(1e12, 1024) == before


def test_samples_beyond_any_sound_are_taken_as_silence(tmp_path: Path) -> None:
    samples = np.full(48_000, 0.1, np.float32)
    samples[100] = 1e30
    soundfile.write(tmp_path / "wild.wav", samples, 48_000, subtype="FLOAT")
    problems: list[str] = []
    decoded = np.concatenate(list(iter_mono(tmp_path / "wild.wav", 48_000, problems=problems)))
    assert np.abs(decoded).max() <= 0.2
    assert any("1 samples are not numbers" in problem for problem in problems)
