"""The frames beside a join and the films that the page plays: the right picture at the right time."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from amc_otio.audition.moving import content_type, segment_film
from amc_otio.audition.pictures import frame_jpeg
from amc_otio.audition.segments import Moment, Segment
from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import MediaError
from amc_otio.media import picture_frames
from amc_otio.media.picture_frames import PictureFile

FILMS = (
    pytest.param("sintel_trailer-720p.mp4", marks=pytest.mark.slow),
    pytest.param("big_buck_bunny-480p-30s-5.1.mp4", marks=pytest.mark.slow),
    pytest.param("big_buck_bunny-720p-30s-stereo.webm", marks=pytest.mark.slow),
    "big_buck_bunny-720p-5s-5.1-25fps.mp4",
    "tears_of_steel-2s.webm",
    "fillets-intro.mpg",
    "handheld-toy-frog.mp4",
)


def value(n: float) -> int:
    """How bright the nth picture is; neighbours are far apart."""
    return int(n) * 97 % 256


def numbered(path: Path, count: int, rate: int = 24, size: tuple[int, int] = (64, 48), **options: Any) -> Path:
    """A film whose nth picture is as bright as `value` says."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(options.pop("codec", "mpeg4"), rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = options.pop("gop", 12)
        if "aspect" in options:
            stream.codec_context.sample_aspect_ratio = options.pop("aspect")
        still = options.pop("still", False)
        for n in range(count):
            frame = av.VideoFrame.from_ndarray(
                np.full((size[1], size[0], 3), value(0 if still else n), np.uint8), "rgb24"
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def is_picture(frame: Any, n: float) -> bool:
    """Whether it is the nth picture of a numbered film."""
    return abs(float(frame.to_ndarray(format="rgb24").mean()) - value(n)) < 10


def decoded(data: bytes) -> list[Any]:
    with av.open(io.BytesIO(data)) as container:
        return list(container.decode(video=0))


@pytest.fixture(params=FILMS)
def film(request: pytest.FixtureRequest, shared_data: Path) -> Path:
    return shared_data / "video" / str(request.param)


def test_a_picture_after_a_seek_is_that_of_a_decode_from_the_start(film: Path) -> None:
    with PictureFile(film) as file:
        pictures = [(p.time, bytes(p.frame.planes[0])[::997]) for p in file._decoded()]
    last = pictures[-1][0]
    for share in (0, 0.13, 0.31, 0.5, 0.77, 0.999, 1.2):
        time = Fraction(round(float(last) * share * 48_000), 48_000)
        expected = [p for p in pictures if p[0] <= time] or pictures[:1]
        with PictureFile(film) as file:
            shown = file.shown_from(time)
            found = next(shown)
            assert (found.time, bytes(found.frame.planes[0])[::997]) == expected[-1]
            following = next(shown, None)
        after = [p for p in pictures if p[0] > max(time, found.time)]
        assert (following.time if following else None) == (after[0][0] if after else None)


def test_the_two_pictures_beside_a_point_are_the_ones_before_and_after_it(tmp_path: Path) -> None:
    path = numbered(tmp_path / "n.mp4", 100)
    for n in (1, 30, 77):
        at = n * ANALYSIS_RATE // 24
        before, after = (decoded(frame_jpeg(Moment("x", str(path), at, side)))[0] for side in (True, False))
        assert is_picture(before, n - 1)
        assert is_picture(after, n)


def test_where_a_container_does_not_begin_at_zero_the_clock_of_its_sound_holds(shared_data: Path) -> None:
    path = shared_data / "video" / "fillets-intro.mpg"
    with av.open(str(path)) as container:
        own = [f.pts * container.streams.video[0].time_base for f in container.decode(video=0)][:100]
    with PictureFile(path) as file:
        shown = file.shown_from(Fraction(2))
        first = next(shown)
        assert first.time <= 2 < next(shown).time
        # Its own clock starts at 0.233 s.
        assert first.time + Fraction(7, 30) in [Fraction(round(t * 30), 30) for t in own]


def test_a_jpeg_is_small_and_in_the_proportions_that_are_shown(film: Path, tmp_path: Path) -> None:
    data = frame_jpeg(Moment("x", str(film), ANALYSIS_RATE, False))
    assert data[:3] == b"\xff\xd8\xff"
    frame = decoded(data)[0]
    with PictureFile(film) as file:
        shown = next(file.shown_from(Fraction(1))).frame
        assert frame.width == 240
        assert abs(frame.height - 240 * shown.height / shown.width / float(file.aspect)) <= 1
    assert len(data) < 40_000


def test_wide_pixels_are_shown_wide(tmp_path: Path) -> None:
    path = numbered(tmp_path / "wide.mp4", 30, size=(64, 64), aspect=Fraction(2, 1))
    frame = decoded(frame_jpeg(Moment("x", str(path), 0, False)))[0]
    assert (frame.width, frame.height) == (240, 120)
    film = decoded(segment_film(segment(path)))[0]
    assert (film.width, film.height) == (128, 64)


def test_a_film_that_is_stored_on_its_side_is_shown_upright(tmp_path: Path) -> None:
    path = tmp_path / "phone.mp4"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 48, "yuv420p"
        picture = np.zeros((48, 96, 3), np.uint8)
        picture[:, :48] = 255  # the left half is bright: turned a quarter to the right, the upper half
        for _ in range(24):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    data = bytearray(path.read_bytes())
    # The matrix of the track header: a quarter turn to the right, as a telephone held upright writes it.
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30)
    path.write_bytes(bytes(data))
    with PictureFile(path) as file:
        if not hasattr(next(file.shown_from(Fraction(0))).frame, "rotation"):
            pytest.skip("this PyAV does not tell how a picture is turned")
    for frame in (decoded(frame_jpeg(Moment("x", str(path), 0, False)))[0], decoded(segment_film(segment(path)))[0]):
        assert frame.height == 2 * frame.width
        grey = frame.to_ndarray(format="gray")
        assert grey[: frame.height // 3].mean() > 200
        assert grey[-frame.height // 3 :].mean() < 60


# ---------------------------------------------------------------- films


def test_pictures_pause_between_steps(tmp_path: Path) -> None:
    path = numbered(tmp_path / "n.mp4", 48)
    steps: list[str] = []
    frame_jpeg(Moment("x", str(path), ANALYSIS_RATE, False), lambda: steps.append("still"))
    assert steps
    segment_film(segment(path), lambda: steps.append("film"))
    assert steps.count("film") >= 48  # at each picture


def segment(path: Path, first: int = 0, count: int = 2 * ANALYSIS_RATE) -> Segment:
    return Segment("1.out", str(path), None, first, count, 2, 2, 2, True)


def shown_at(frames: list[Any], seconds: float) -> Any:
    """What a browser shows at a time."""
    return [f for f in frames if float(f.pts * f.time_base) <= seconds + 1e-6][-1]


def test_every_picture_of_a_film_keeps_its_time(tmp_path: Path) -> None:
    path = numbered(tmp_path / "n.mp4", 100)
    first = ANALYSIS_RATE // 2 + 777
    frames = decoded(segment_film(segment(path, first)))
    for at in (0.0, 0.02, 0.5, 1.0, 1.9):
        expected = int((at + first / ANALYSIS_RATE) * 24)
        assert is_picture(shown_at(frames, at), expected), at
    assert float(frames[0].pts) == 0
    assert 1.96 <= float(frames[-1].pts * frames[-1].time_base) < 2


def test_before_and_after_a_file_its_nearest_picture_stands(tmp_path: Path) -> None:
    path = numbered(tmp_path / "n.mp4", 48)
    frames = decoded(segment_film(segment(path, -ANALYSIS_RATE, 4 * ANALYSIS_RATE)))
    assert is_picture(shown_at(frames, 0.9), 0)
    assert is_picture(shown_at(frames, 1.5), 12)
    assert is_picture(shown_at(frames, 3.5), 47)
    assert float(frames[-1].pts * frames[-1].time_base) > 3.9
    for far in (-100, 100):
        still = decoded(segment_film(segment(path, far * ANALYSIS_RATE)))
        assert is_picture(still[0], 47 if far > 0 else 0)
        assert float(still[-1].pts * still[-1].time_base) > 1.9


@pytest.mark.parametrize(("rate", "most"), [(24, 24), (30, 30), (50, 25), (60, 30)])
def test_a_fast_film_is_thinned_out(rate: int, most: int, tmp_path: Path) -> None:
    frames = decoded(segment_film(segment(numbered(tmp_path / "n.mp4", 2 * rate, rate))))
    assert abs(len(frames) - 2 * most) <= 1


def test_a_film_has_its_index_in_front_and_no_sound(film: Path) -> None:
    data = segment_film(segment(film, ANALYSIS_RATE // 2))
    assert content_type() == "video/mp4"
    assert data.find(b"moov") < data.find(b"mdat")
    with av.open(io.BytesIO(data)) as container:
        assert len(container.streams) == 1
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.width <= 426
        assert stream.height <= 240
        assert stream.width % 2 == stream.height % 2 == 0
        assert abs(float(container.duration) / 1e6 - 2) < 0.05
        keys = [float(p.pts * p.time_base) for p in container.demux(video=0) if p.is_keyframe and p.pts is not None]
        assert len(keys) > 1 or len(decoded(data)) < 12


def test_without_h264_it_is_a_webm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from amc_otio.audition import moving

    monkeypatch.setattr(moving, "_kind", lambda: moving._VP8)
    data = segment_film(segment(numbered(tmp_path / "n.mp4", 60)))
    assert content_type() == "video/webm"
    frames = decoded(data)
    assert is_picture(shown_at(frames, 1.0), 24)


# ---------------------------------------------------------------- hostile files


def test_sound_alone_and_a_cover_are_no_pictures(examples: Path, tmp_path: Path) -> None:
    sound = next((examples / "sounds").glob("*.ogg"))
    with pytest.raises(MediaError, match="has no moving pictures"):
        frame_jpeg(Moment("x", str(sound), 0, False))


@pytest.mark.parametrize("content", [b"", b"#EXTM3U\nfile:///etc/passwd\n", b"\0" * 5000, b"ftyp" * 2000])
def test_what_is_no_film_is_refused_in_words(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    for make in (lambda: frame_jpeg(Moment("x", str(path), 0, False)), lambda: segment_film(segment(path))):
        with pytest.raises(MediaError, match=r"x\.mp4"):
            make()
    path.unlink()
    with pytest.raises(MediaError, match=r"x\.mp4"):
        frame_jpeg(Moment("x", str(path), 0, False))


def test_a_film_that_was_cut_short_shows_what_is_left(tmp_path: Path) -> None:
    path = numbered(tmp_path / "n.mkv", 100)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames = decoded(segment_film(segment(path, 0, 4 * ANALYSIS_RATE)))
    assert is_picture(shown_at(frames, 0.5), 12)
    damaged = bytearray(data)
    damaged[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    path.write_bytes(bytes(damaged))
    assert decoded(segment_film(segment(path, 0, 4 * ANALYSIS_RATE)))


def test_pictures_that_are_too_large_are_refused_before_they_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = numbered(tmp_path / "n.mp4", 30)
    monkeypatch.setattr(picture_frames, "MOST_PIXELS", 64 * 48 - 1)
    for make in (lambda: frame_jpeg(Moment("x", str(path), 0, False)), lambda: segment_film(segment(path))):
        with pytest.raises(MediaError, match="64 x 48 are larger than are shown"):
            make()


def test_a_film_that_never_begins_anew_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = numbered(tmp_path / "n.mp4", 100, gop=1000, still=True)
    assert frame_jpeg(Moment("x", str(path), 4 * ANALYSIS_RATE, False))
    monkeypatch.setattr(picture_frames, "MOST_FRAMES", 20)
    with pytest.raises(MediaError, match="no whole picture in 20 before"):
        frame_jpeg(Moment("x", str(path), 4 * ANALYSIS_RATE, False))


# ---------------------------------------------------------------- a real browser


@pytest.fixture
def page() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="drives a browser")
    if not Path("/usr/bin/chromium").exists():
        pytest.skip("Debian's chromium is not installed")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def test_a_browser_plays_a_film_and_seeks_in_it(page: Any, tmp_path: Path) -> None:
    import base64

    path = numbered(tmp_path / "n.mp4", 100)
    data = segment_film(segment(path, 0, 4 * ANALYSIS_RATE))
    source = f"data:{content_type()};base64,{base64.b64encode(data).decode()}"
    found = page.evaluate(
        """async (source) => {
            const video = document.createElement("video");
            video.muted = true;
            const happens = name => new Promise((yes, no) => {
                video.addEventListener(name, yes, {once: true});
                video.addEventListener("error", () => no(video.error.message), {once: true});
            });
            let ready = happens("canplaythrough");
            video.src = source;
            await ready;
            const canvas = document.createElement("canvas");
            canvas.width = canvas.height = 16;
            const brightness = async (seconds) => {
                const seeked = happens("seeked");
                video.currentTime = seconds;
                await seeked;
                const context = canvas.getContext("2d", {willReadFrequently: true});
                context.drawImage(video, 0, 0, 16, 16);
                return context.getImageData(8, 8, 1, 1).data[0];
            };
            const seen = [];
            for (const at of [3.02, 0.52, 2.02, 1.02]) seen.push([at, await brightness(at)]);
            const ended = happens("ended");
            video.currentTime = 3.5;
            await video.play();
            await ended;
            return {duration: video.duration, seen, at: video.currentTime};
        }""",
        source,
    )
    assert abs(found["duration"] - 4) < 0.05
    for at, bright in found["seen"]:
        assert abs(bright - value(at * 24)) < 10, found
    assert found["at"] > 3.9
