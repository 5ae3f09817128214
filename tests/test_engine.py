"""The main job on real films, and what a real engine makes of its output."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import ges
import numpy as np
import opentimelineio as otio
import pytest

from amc_otio.config import Settings
from amc_otio.media.decode import decode
from amc_otio.timeline.rational import seconds
from amc_otio.workflow import Sources, match

RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange

# name, file, media rate, media seconds, in, length (seconds): two containers of the same film, five codecs, four rates.
SHOTS = [
    ("sintel", "sintel_trailer-720p.mp4", 24, 51.9, 13.0, 2.0),
    ("bunny 5.1", "big_buck_bunny-480p-30s-5.1.mp4", 24, 30.0, 6.0, 2.5),
    ("fillets", "fillets-intro.mpg", 30, 73.0, 30.0, 2.5),
    ("bunny webm", "big_buck_bunny-720p-30s-stereo.webm", 24, 30.0, 12.0, 2.0),
    ("bunny 25", "big_buck_bunny-720p-5s-5.1-25fps.mp4", 25, 5.2, 1.0, 2.0),
    ("sintel fight", "sintel_trailer-720p.mp4", 24, 51.9, 27.5, 2.0),
    ("fillets 2", "fillets-intro.mpg", 30, 73.0, 50.0, 2.0),
    ("sintel end", "sintel_trailer-720p.mp4", 24, 51.9, 35.0, 3.0),
]


def film_timeline(video: Path, rate: float) -> otio.schema.Timeline:
    """A cut of the real films at a timeline rate, picture and sound."""
    made = otio.schema.Timeline("films", global_start_time=RT(0, rate))
    for name, kind in (("V1", otio.schema.TrackKind.Video), ("A1", otio.schema.TrackKind.Audio)):
        track = otio.schema.Track(name, kind=kind)
        for clip, file, media_rate, length, start, duration in SHOTS:
            frames = round(duration * rate)
            track.append(
                otio.schema.Clip(
                    clip,
                    otio.schema.ExternalReference(
                        str(video / file), TR(RT(0, media_rate), RT(round(length * media_rate), media_rate))
                    ),
                    TR(RT(round(start * media_rate), media_rate), RT(frames, rate)),
                )
            )
        made.tracks.append(track)
    return made


def on_timeline(clip: otio.schema.Clip, starts_at: Fraction, length: int) -> np.ndarray:
    """A clip's whole file laid on the timeline's clock."""
    path = Path(clip.media_reference.target_url.removeprefix("file://"))
    offset = round((seconds(clip.source_range.start_time) - starts_at) * ges.RATE)
    return decode(path, offset, length, sample_rate=ges.RATE).astype(np.float64)


def make_cut(mode: str, rate: float, shared_data: Path, tmp_path: Path) -> otio.schema.Timeline:
    """Run the main job on the films, with the labelled clips as gallery."""
    source, output = tmp_path / "edit.otio", tmp_path / "new.otio"
    film_timeline(shared_data / "video", rate).to_json_file(str(source))
    settings = Settings().replace(
        {
            "edit.mode": mode,
            "edit.short": "keep",
            "edit.length_s": 0.8,
            "join.max_fade_s": 0.4,
            "match.k": 3,
            "match.representation": "mfcc",
        }
    )
    sources = Sources(gallery=(shared_data / "retrieval-dev" / "clips",), library=shared_library(tmp_path), workers=2)
    _, written = match(source, output, sources, settings=settings)
    assert len(written.changes) >= 3
    timeline = otio.adapters.read_from_file(str(output))
    before = otio.adapters.read_from_file(str(source))
    assert seconds(timeline.duration()) == pytest.approx(seconds(before.duration()), abs=1e-6)
    return timeline


def shared_library(tmp_path: Path) -> Path:
    """One library for all cases of a run: the clips are embedded once."""
    return tmp_path.parent / "library"


def fades(track: otio.schema.Track) -> Iterator[tuple[float, float, Fraction, Fraction, int]]:
    """(start, end, start of the outgoing clip, start of the incoming one, child index) of each crossfade."""
    starts, at = [], Fraction(0)
    for child in track:
        starts.append(at)
        if not isinstance(child, otio.schema.Transition):
            at += seconds(child.duration())
    for index, child in enumerate(track):
        if isinstance(child, otio.schema.Transition):
            start, end = starts[index] - seconds(child.in_offset), starts[index] + seconds(child.out_offset)
            yield float(start), float(end), starts[index - 1], starts[index + 1], index


@pytest.mark.slow
@pytest.mark.ges
@pytest.mark.parametrize(
    ("mode", "rate"), [("replace", 24.0), ("align", 24000 / 1001), ("insert", 25.0), ("insert", 30000 / 1001)]
)
def test_ges_renders_each_crossfade_where_the_timeline_says(mode: str, rate: float, shared_data: Path, tmp_path: Path):
    ges.need_ges()
    assert check_fades(make_cut(mode, rate, shared_data, tmp_path), tmp_path) >= 3


@pytest.mark.slow
@pytest.mark.ges
def test_ges_renders_the_bundled_example(examples: Path, tmp_path: Path):
    """The same in a user's clone, from the bundled film and sounds, with the default representation."""
    ges.need_ges()
    output = tmp_path / "new.otio"
    settings = Settings().replace({"edit.mode": "insert", "edit.length_s": 0.9, "join.max_fade_s": 0.4})
    sources = Sources(gallery=(examples / "sounds",), library=tmp_path / "library", workers=1)
    match(examples / "match_cut.otio", output, sources, settings=settings)
    timeline = otio.adapters.read_from_file(str(output))
    for clip in timeline.find_clips():
        reference = clip.media_reference
        reference.target_url = str((tmp_path / reference.target_url.removeprefix("file://")).resolve())
    assert check_fades(timeline, tmp_path) >= 3


def check_fades(timeline: otio.schema.Timeline, folder: Path) -> int:
    """Render, and hold every crossfade to its place; returns how many there were."""
    rendered = ges.render(timeline, folder, ges.as_wav(timeline, folder / "wav"))
    length = rendered.shape[1]
    assert length / ges.RATE == pytest.approx(float(seconds(timeline.duration())), abs=0.05)
    track = timeline.tracks[1]
    measured = 0
    for start, end, outgoing_at, incoming_at, index in fades(track):
        one = on_timeline(track[index - 1], outgoing_at, length)
        other = on_timeline(track[index + 1], incoming_at, length)
        # Beyond its end the next shot plays.
        stop = float(incoming_at + seconds(track[index + 1].duration()))
        if stop - end < 0.1:
            continue
        found = ges.measure_fade(rendered, one, other, (start, end), context=min(0.25, stop - end))
        assert found.unexplained < 0.05
        assert found.start == pytest.approx(start, abs=0.020)
        assert found.end == pytest.approx(end, abs=0.020)
        measured += 1
    return measured


@pytest.mark.slow
@pytest.mark.ges
def test_ges_plays_the_retrieved_sounds_from_the_films_themselves(shared_data: Path, tmp_path: Path):
    """The same, without decoding the films first: the whole length is rendered, and the matches are where they belong.

    Not every one can be told: in compressed files the engine's own seeks miss (docs/development.md).
    """
    ges.need_ges()
    timeline = make_cut("insert", 25.0, shared_data, tmp_path)
    rendered = ges.render(timeline, tmp_path)
    length = rendered.shape[1]
    assert length / ges.RATE == pytest.approx(float(seconds(timeline.duration())), abs=0.05)
    track = timeline.tracks[1]
    heard = []
    for _, end, _, incoming_at, index in fades(track):
        other = on_timeline(track[index + 1], incoming_at, length)
        stop = float(incoming_at + seconds(track[index + 1].duration()))
        if stop - end > 0.1:
            heard.append(ges.heard(rendered, other, end, stop) > 0.7)
    assert sum(heard) >= 3
    assert sum(heard) > len(heard) / 2
