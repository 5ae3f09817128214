"""Probing: what a file holds, or in words why it is no media."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from make_media import signal, write_av, write_sound

from amc_otio.errors import MediaError
from amc_otio.media.probe import probe
from amc_otio.media.riff import read_wave_header
from amc_otio.media.timecode import timecode_seconds


def with_time_reference(path: Path, samples: int) -> Path:
    """Put a BWF bext chunk before the other chunks of a RIFF file."""
    data = path.read_bytes()
    body = bytes(338) + struct.pack("<QH", samples, 1) + bytes(254)
    chunk = b"bext" + struct.pack("<I", len(body)) + body
    path.write_bytes(b"RIFF" + struct.pack("<I", len(data) - 8 + len(chunk)) + b"WAVE" + chunk + data[12:])
    return path


def test_wav(tmp_path):
    path = write_sound(tmp_path / "a.wav", signal(2.5, 44100, 2), 44100, "WAV", "PCM_24")
    info = probe(path)
    assert info.duration == Fraction(5, 2) and info.frame_rate is None and not info.has_picture
    assert info.container == "wav" and info.start_timecode is None and info.start_s is None
    (stream,) = info.streams
    assert (stream.sample_rate, stream.channels, stream.layout) == (44100, 2, "stereo")


def test_bwf_time_reference(tmp_path):
    path = write_sound(tmp_path / "a.wav", signal(1, 48000, 1), 48000, "WAV", "PCM_16")
    info = probe(with_time_reference(path, 48000 * 3600 + 24000))
    assert info.start_s == 3600 + Fraction(1, 2) and info.start_timecode == "01:00:00.500"
    assert info.duration == 1


@pytest.mark.parametrize(
    ("fmt", "subtype", "channels", "layout"),
    [
        ("WAVEX", "PCM_16", 6, "5.1"),
        ("WAV", "PCM_16", 6, "6 channels"),
        ("WAV", "PCM_16", 8, "8 channels"),
        ("FLAC", "PCM_16", 6, "5.1"),
        ("OGG", "VORBIS", 6, "5.1"),
        ("AIFF", "PCM_16", 6, "6 channels"),
        ("RF64", "PCM_16", 2, "stereo"),
    ],
)
def test_layouts_of_sound_files(tmp_path, fmt, subtype, channels, layout):
    path = write_sound(tmp_path / "a.x", signal(1, 48000, channels), 48000, fmt, subtype)
    assert probe(path).streams[0].layout == layout


def test_speaker_mask_names_the_layout(tmp_path):
    path = write_sound(tmp_path / "a.wav", signal(1, 48000, 6), 48000, "WAVEX", "PCM_16")
    data = bytearray(path.read_bytes())
    at = data.find(b"fmt ") + 8 + 20
    data[at : at + 4] = struct.pack("<I", 0x60F)
    path.write_bytes(bytes(data))
    assert probe(path).streams[0].layout == "5.1(side)"


def test_rf64_and_aiff_headers_tell_their_length(tmp_path):
    for fmt in ("RF64", "AIFF", "WAV"):
        path = write_sound(tmp_path / fmt, signal(1.5, 48000, 2), 48000, fmt, "PCM_24")
        assert read_wave_header(path).frames == 72000


@pytest.mark.parametrize(("suffix", "codec"), [("mov", "mpeg4"), ("mxf", "mpeg2video")])
def test_timecode_of_films(tmp_path, suffix, codec):
    path = write_av(tmp_path / f"a.{suffix}", signal(2, 48000, 2), 48000, "pcm_s16le", "stereo", picture=codec,
                    fps=Fraction(30000, 1001), timecode="01:00:00;00")  # fmt: skip
    info = probe(path)
    assert info.has_picture and info.frame_rate == Fraction(30000, 1001)
    assert info.start_timecode == "01:00:00;00"
    assert info.start_s == 107892 / Fraction(30000, 1001)


def test_timecode_seconds_at_broadcast_rates():
    ntsc = Fraction(30000, 1001)
    assert timecode_seconds("01:00:00:00", Fraction(24000, 1001)) == Fraction(36036, 10)
    assert timecode_seconds("00:01:00;02", ntsc) == 1800 / ntsc
    assert timecode_seconds("00:10:00;00", ntsc) == 17982 / ntsc
    assert timecode_seconds("00:01:00;04", ntsc * 2) == 3600 / (ntsc * 2)
    assert timecode_seconds("00:00:01:05", Fraction(25)) == Fraction(6, 5)
    assert timecode_seconds("nonsense", Fraction(25)) is None and timecode_seconds("01:00:00:00", None) is None


def test_real_films(shared_data):
    films = shared_data / "video"
    info = probe(films / "big_buck_bunny-480p-30s-5.1.mp4")
    assert info.streams[0].layout.startswith("5.1") and info.streams[0].codec == "aac"
    assert info.frame_rate == 24 and info.has_picture and info.duration == 30
    info = probe(films / "fillets-intro.mpg")
    assert info.streams[0].sample_rate == 22050 and info.frame_rate == 30
    assert probe(films / "tears_of_steel-2s.webm").streams[0].layout == "mono"


def test_a_file_without_sound_is_no_error(tmp_path):
    path = write_av(tmp_path / "mute.mp4", np.zeros((0, 96000), np.float32), 48000, "aac", "mono", picture="mpeg4")
    info = probe(path)
    assert info.streams == () and info.has_picture and float(info.duration) == pytest.approx(2, abs=0.1)


def test_cover_art_is_not_a_picture(tmp_path):
    import av

    path = tmp_path / "cover.m4a"
    with av.open(str(path), "w", format="mp4") as out:
        sound = out.add_stream("aac", rate=48000, layout="mono")
        cover = out.add_stream("png", rate=25)
        cover.width = cover.height = 16
        cover.pix_fmt = "rgb24"
        try:
            cover.disposition = 0x400
        except AttributeError:
            pytest.skip("this PyAV cannot mark a picture as a cover")
        frame = av.AudioFrame.from_ndarray(signal(1, 48000, 1), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
        image = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), "rgb24")
        image.pts = 0
        out.mux(cover.encode(image))
        out.mux(cover.encode(None))
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    info = probe(path)
    assert not info.has_picture and info.frame_rate is None and len(info.streams) == 1


# --- what is no media -------------------------------------------------------------------------------------------------

PLAYLIST = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"hello, this is a note\n" * 30, "text, not media"),
        ("vélo café 音\n".encode() * 900, "text, not media"),
        (b"<?xml version='1.0'?><MPD></MPD>", "XML"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "concat list"),
        (b"\xef\xbb\xbf#EXTM3U\nhttp://x/a.ts\n", "playlist"),
        (b"[playlist]\nFile1=http://x\n", "playlist"),
        (bytes(5000), "nothing but zeros"),
        (bytes(range(1, 256)) * 20, "not a media file"),
        (b"RIFF\x24\x00\x00\x00WAVE", "not a media file"),
        (b"\0\0\0\x18ftypisom" + bytes(200), "index .moov. is missing"),
    ],
)
def test_not_media_is_named(tmp_path, content, words):
    for name in ("a.wav", "b.mp4", "c.flac"):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(MediaError, match=words) as caught:
            probe(path)
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_playlist_in_disguise_is_not_followed(tmp_path):
    target = write_av(tmp_path / "real.ts", signal(1, 48000, 1), 48000, "aac", "mono", fmt="mpegts")
    path = tmp_path / "sound.wav"
    for lead in ("", "\n\n  "):
        path.write_text(lead + PLAYLIST.format(target=target))
        with pytest.raises(MediaError, match="HLS or M3U playlist"):
            probe(path)


def test_missing_folder_pipe(tmp_path):
    with pytest.raises(MediaError, match="cannot be reached"):
        probe(tmp_path / "no.wav")
    with pytest.raises(MediaError, match="folder"):
        probe(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "p.wav")
        with pytest.raises(MediaError, match="not a regular file"):
            probe(tmp_path / "p.wav")


def test_truncated_mp4_without_its_index(tmp_path):
    path = write_av(tmp_path / "a.mp4", signal(3, 48000, 2), 48000, "aac", "stereo")
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(MediaError, match="cut short"):
        probe(path)


@pytest.mark.parametrize("name", ["é à.wav", "50% #1?.flac", "音.mp4", "file:x.mp4", "a:b.wav", "-o.wav", "%03d.mp4"])
def test_odd_names_open(tmp_path, name):
    path = tmp_path / name
    if path.suffix == ".mp4":
        made = write_av(tmp_path / "plain.mp4", signal(1, 48000, 1), 48000, "aac", "mono")
        made.rename(path)
    else:
        write_sound(path, signal(1, 48000, 1), 48000, "WAV" if path.suffix == ".wav" else "FLAC", "PCM_16")
    assert float(probe(path).duration) == pytest.approx(1, abs=0.05)
