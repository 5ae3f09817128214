"""Picture and sound together: what a real engine plays of our output, frame by frame.

Each frame of the test clips has its clip's colour and its own number, burnt in as bits; each clip has its own noise. So
every rendered frame says which frame of which clip it is.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import ges
import numpy as np
import opentimelineio as otio
import pytest

from amc_otio.config import Settings
from amc_otio.media.decode import decode
from amc_otio.timeline.rational import exact_rate, seconds
from amc_otio.workflow import Sources, match

RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange
RATES = [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001)]
COLOURS = {"red": (200, 30, 30), "green": (30, 170, 30), "blue": (30, 30, 210)}
SIZE, BITS, BAND = 96, 8, 24
FRAMES = 6 * 25
FILM = (128, 72)


def write_clip(path: Path, name: str, rate: Fraction) -> Path:
    """A clip of one colour with numbered frames and noise of its own."""
    colours = list(COLOURS)
    noise = np.random.default_rng(colours.index(name)).normal(0, 0.15, (2, int(FRAMES / rate * ges.RATE)))
    # Low, so that a fraction of a sample, by which the engine places a clip between two samples, hardly shows.
    low = np.hanning(32) / np.linalg.norm(np.hanning(32))
    noise = np.stack([np.convolve(channel, low, mode="same") for channel in noise])
    noise = (np.clip(noise, -1, 1) * 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        video = container.add_stream("mjpeg", rate=rate)
        video.width = video.height = SIZE
        video.pix_fmt = "yuvj420p"
        video.codec_context.qmin = video.codec_context.qmax = 2
        sound = container.add_stream("pcm_s16le", rate=ges.RATE)
        sound.layout = "stereo"
        for number in range(FRAMES):
            image = np.full((SIZE, SIZE, 3), COLOURS[name], np.uint8)
            for bit in range(BITS):
                width = SIZE // BITS
                image[:BAND, bit * width : (bit + 1) * width] = 255 * (number >> bit & 1)
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(video.encode(frame))
            first, last = (int(n / rate * ges.RATE) for n in (number, number + 1))
            piece = np.ascontiguousarray(noise[:, first:last].T.reshape(1, -1))
            heard = av.AudioFrame.from_ndarray(piece, "s16", "stereo")
            heard.sample_rate, heard.pts, heard.time_base = ges.RATE, first, Fraction(1, ges.RATE)
            container.mux(sound.encode(heard))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    return path


def read_frame(image: np.ndarray) -> tuple[str, int]:
    """Colour and number of a rendered frame."""
    mean = image[BAND + 8 :].reshape(-1, 3).mean(axis=0)
    name = min(COLOURS, key=lambda colour: float(np.abs(mean - COLOURS[colour]).sum()))
    assert np.abs(mean - COLOURS[name]).max() < 40, f"a mixture of two shots, or none: {mean}"
    width = SIZE // BITS
    bits = [image[6 : BAND - 6, bit * width + 3 : (bit + 1) * width - 3].mean() > 128 for bit in range(BITS)]
    return name, sum(1 << bit for bit, on in enumerate(bits) if on)


def planned(track: otio.schema.Track, rate: Fraction) -> list[tuple[str, int]]:
    """The clip and the source frame that the timeline has at each of its frames; gaps are not expected."""
    frames = []
    for child in track:
        if isinstance(child, otio.schema.Transition):
            continue
        first = seconds(child.source_range.start_time) * rate
        count = seconds(child.source_range.duration) * rate
        assert first.denominator == count.denominator == 1
        name = Path(child.media_reference.target_url).stem
        frames += [(name, int(first) + n) for n in range(int(count))]
    return frames


def cut(
    tmp_path: Path, rate: Fraction, suffix: str, audio_only: bool
) -> tuple[Path, otio.schema.Timeline, dict[str, Path]]:
    """Run the main job on a cut from red to blue, with green as gallery; the output as the library wrote it."""
    (tmp_path / "gallery").mkdir()
    clips = {
        name: write_clip(tmp_path / ("gallery" if name == "green" else "") / f"{name}.mov", name, rate)
        for name in COLOURS
    }
    fps = float(rate)
    timeline = otio.schema.Timeline("cut", global_start_time=RT(0, fps))
    for name, kind in (("V1", otio.schema.TrackKind.Video), ("A1", otio.schema.TrackKind.Audio)):
        track = otio.schema.Track(name, kind=kind)
        for colour, first, count in (("red", 20, 60), ("blue", 35, 70)):
            reference = otio.schema.ExternalReference(clips[colour].as_uri(), TR(RT(0, fps), RT(FRAMES, fps)))
            track.append(otio.schema.Clip(colour, reference, TR(RT(first, fps), RT(count, fps))))
        timeline.tracks.append(track)
    source, output = tmp_path / "edit.otio", tmp_path / f"new{suffix}"
    timeline.to_json_file(str(source))
    settings = Settings().replace(
        {
            "edit.mode": "insert",
            "edit.length_s": 1.2,
            "edit.audio_only": audio_only,
            "join.max_fade_s": 0.3,
            "match.representation": "mfcc",
        }
    )
    sources = Sources(gallery=(tmp_path / "gallery",), library=tmp_path / "library", workers=1)
    _, written = match(source, tmp_path / "plan.otio", sources, settings=settings)
    assert len(written.changes) == 1
    match(source, output, sources, settings=settings, force=True)
    return output, otio.adapters.read_from_file(str(tmp_path / "plan.otio")), clips


@pytest.mark.slow
@pytest.mark.ges
@pytest.mark.parametrize("suffix", [".otio", ".xges"])
@pytest.mark.parametrize("audio_only", [False, True], ids=["straight", "split"])
@pytest.mark.parametrize("rate", RATES, ids=["23.976", "25", "29.97"])
def test_every_frame_and_the_join_are_where_the_timeline_has_them(
    rate: Fraction, audio_only: bool, suffix: str, tmp_path: Path
):
    ges.need_ges()
    output, timeline, clips = cut(tmp_path, rate, suffix, audio_only)
    video, audio = timeline.tracks
    assert exact_rate(timeline.duration().rate) == rate
    pictures, sound = ges.render_with_picture(output, rate, (SIZE, SIZE))

    expected = planned(video, rate)
    shots = [name for name, _ in expected]
    if audio_only:
        assert shots == ["red"] * 60 + ["blue"] * 70, "the picture stays"
    else:
        assert sorted(set(shots)) == sorted(COLOURS)
    seen = [read_frame(picture) for picture in pictures]
    assert [name for name, _ in seen] == shots
    # A second into the first shot the engine plays the next frame once, whatever the timeline: not at a cut.
    cuts = [0] + [index for index in range(1, len(shots)) if shots[index] != shots[index - 1]]
    others = [index for index, (is_, should) in enumerate(zip(seen, expected, strict=True)) if is_ != should]
    assert len(others) <= 2
    assert all(abs(seen[index][1] - expected[index][1]) == 1 for index in others)
    assert all(cut - index not in (0, 1) for index in others for cut in cuts)

    at, measured = Fraction(0), 0
    for index, child in enumerate(audio):
        if isinstance(child, otio.schema.Transition):
            start, end = float(at - seconds(child.in_offset)), float(at + seconds(child.out_offset))
            sides = []
            for clip, begins in (
                (audio[index - 1], at - seconds(audio[index - 1].duration())),
                (audio[index + 1], at),
            ):
                file = clips[Path(clip.media_reference.target_url).stem]
                offset = round((seconds(clip.source_range.start_time) - begins) * ges.RATE)
                sides.append(decode(file, offset, sound.shape[1], sample_rate=ges.RATE).astype(np.float64))
            found = ges.measure_fade(sound, sides[0], sides[1], (start, end))
            assert found.unexplained < 0.02
            assert found.start == pytest.approx(start, abs=0.020)
            assert found.end == pytest.approx(end, abs=0.020)
            measured += 1
        else:
            at += seconds(child.duration())
    assert measured >= 1


@pytest.mark.slow
@pytest.mark.ges
def test_the_bundled_films_change_shot_on_the_frame(examples: Path, tmp_path: Path):
    """The same with real films: on both sides of every cut the rendered frame is the source's, not the other shot's."""
    ges.need_ges()
    output = tmp_path / "new.otio"
    sources = Sources(gallery=(examples / "media",), library=tmp_path / "library", workers=1)
    match(examples / "match_cut.otio", output, sources, settings=Settings())
    timeline = otio.adapters.read_from_file(str(output))
    for clip in timeline.find_clips():
        file = (tmp_path / clip.media_reference.target_url.removeprefix("file://")).resolve()
        clip.media_reference.target_url = file.as_uri()
    timeline.to_json_file(str(tmp_path / "absolute.otio"))
    pictures, _ = ges.render_with_picture(tmp_path / "absolute.otio", Fraction(24), FILM)

    frames = {
        url: source_frames(Path(url.removeprefix("file://")))
        for url in {clip.media_reference.target_url for clip in timeline.find_clips()}
    }
    at, checked, empty = 0, 0, 0
    shots = list(timeline.tracks[0])
    assert len(shots) > 5
    for before, after in pairwise(shots):
        at += round(before.source_range.duration.value)
        last = before.source_range.end_time_inclusive()
        here = [
            near(frames[clip.media_reference.target_url], clip.media_reference.available_range, moment)
            for clip, moment in ((before, last), (after, after.source_range.start_time))
        ]
        for picture, right, wrong in ((pictures[at - 1], *here), (pictures[at], *reversed(here))):
            if picture.std() < 2:  # the trailer has black between its shots, which is like nothing
                assert min(frame.std() for frame in right) < 2
                empty += 1
                continue
            assert difference(picture, right) < 0.5 * difference(picture, wrong)
            checked += 1
    assert empty <= 1
    assert checked == 2 * (len(shots) - 1) - empty


def source_frames(path: Path) -> list[np.ndarray]:
    """Every frame of a file, scaled as the engine scales."""
    with av.open(str(path)) as container:
        return [frame.reformat(*FILM, "rgb24").to_ndarray().astype(float) for frame in container.decode(video=0)]


def near(frames: list[np.ndarray], available: TR, moment: RT) -> list[np.ndarray]:
    """The frame at a moment of the media, and its neighbours: the engine picks one of them at another frame rate."""
    rate = exact_rate(available.start_time.rate)
    index = round((seconds(moment) - seconds(available.start_time)) * rate)
    return frames[max(0, index - 1) : index + 2]


def difference(picture: np.ndarray, frames: list[np.ndarray]) -> float:
    """How unlike a picture is to the most like of some frames: 0 is the same, whatever the range; 1 is unrelated."""
    seen = [frame for frame in frames if frame.std() > 0]  # nothing is like black
    return min([1.0, *(1 - float(np.corrcoef(picture.ravel(), frame.ravel())[0, 1]) for frame in seen)])
