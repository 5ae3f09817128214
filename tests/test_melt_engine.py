"""What melt makes of our MLT XML: crossfades lie where the timeline says, without a click, at full power."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import melt
import numpy as np
import opentimelineio as otio
import pytest

from amc_otio.config import Settings
from amc_otio.formats.mlt_write import write
from amc_otio.media.decode import decode
from amc_otio.timeline.rational import seconds
from amc_otio.workflow import Sources, match

RT, TR = melt.RT, melt.TR
RATES = {"23.976": Fraction(24000, 1001), "24": Fraction(24), "25": Fraction(25), "29.97": Fraction(30000, 1001)}
LOW, HIGH = 600.0, 1800.0  # whole periods in 5 ms
CUT, LENGTH = 50, 50  # frames


def tones(folder: Path, rate: Fraction, before: float, after: float, law: str = "equal-power", head: int = 60):
    """Two tones with a crossfade around frame 50; media with timecode, `head` frames before the incoming one.

    With as little head as the fade takes, both play from the first sample of their files on.
    """
    outgoing = 0 if head == before else 30
    track = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    start = 86_400
    for name, frequency, first, length in (("low", LOW, outgoing, CUT), ("high", HIGH, head, LENGTH)):
        media = otio.schema.ExternalReference(
            melt.tone(folder / f"{name}.wav", frequency).as_uri(),
            TR(RT(start, float(rate)), RT(int(20 * rate), float(rate))),
        )
        track.append(otio.schema.Clip(name, media, TR(RT(start + first, float(rate)), RT(length, float(rate)))))
    fade = otio.schema.Transition("fade", "SMPTE_Dissolve", RT(before, float(rate)), RT(after, float(rate)))
    fade.metadata["amc_otio"] = {"fade_law": law}
    track.insert(1, fade)
    made = otio.schema.Timeline("tones")
    made.tracks.append(track)
    return made


def laid(length: int) -> tuple[np.ndarray, np.ndarray]:
    """The two tones of `tones`, of any phase: after a seek melt is up to a packet of the file early (docs/mlt.md)."""
    return melt.quadrature(LOW, length), melt.quadrature(HIGH, length)


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(6, 6), (4, 10), (10, 4), (0, 8), (8, 0), (1, 1)])
@pytest.mark.parametrize("name", RATES)
def test_a_crossfade_lies_where_the_timeline_says(name: str, before: int, after: int, tmp_path: Path):
    melt.need_melt()
    rate = RATES[name]
    rendered = melt.render(tones(tmp_path, rate, before, after), tmp_path, rate)[0]
    assert len(rendered) == pytest.approx(float((CUT + LENGTH) / rate) * melt.RATE, abs=1)
    one, other = laid(len(rendered))
    start, end = float((CUT - before) / rate), float((CUT + after) / rate)
    found = melt.measure(rendered, one, other, (start, end))
    assert found.start == pytest.approx(start, abs=0.005)
    assert found.end == pytest.approx(end, abs=0.005)


@pytest.mark.parametrize("law", ["equal-power", "equal-gain"])
@pytest.mark.parametrize(("before", "after"), [(5, 7), (1, 1), (3, 0)])
def test_every_sample_of_a_fade_is_what_its_law_says(law: str, before: int, after: int, tmp_path: Path):
    """No click at either end, and the power of the law; the incoming file starts only where the fade does."""
    melt.need_melt()
    rate = Fraction(25)
    rendered = melt.render(tones(tmp_path, rate, before, after, law, head=before), tmp_path, rate)[0]
    one = melt.tone_at(LOW, Fraction(0), len(rendered))
    other = melt.tone_at(HIGH, Fraction(before - CUT) / rate, len(rendered))
    t = np.arange(len(rendered)) / melt.RATE * 25
    w = np.clip((t - (CUT - before)) / (before + after), 0, 1)
    gains = (1 - w, w)
    if law == "equal-power":
        # Between two frames melt's make-up gain is straight.
        knots = np.arange(CUT - before, CUT + after + 1)
        share = (knots - knots[0]) / (before + after)
        make_up = np.interp(t, knots, 1 / np.sqrt(share**2 + (1 - share) ** 2))
        gains = (gains[0] * make_up, gains[1] * make_up)
    assert np.abs(rendered - (gains[0] * one + gains[1] * other)).max() < 0.0005


@pytest.mark.parametrize(("law", "lowest"), [("equal-power", -0.1), ("equal-gain", -3.1)])
def test_the_power_in_a_fade(law: str, lowest: float, tmp_path: Path):
    melt.need_melt()
    rendered = melt.render(tones(tmp_path, Fraction(25), 6, 6, law), tmp_path, Fraction(25))[0]
    found = melt.measure(rendered, *laid(len(rendered)), (44 / 25, 56 / 25))
    assert found.power_db[0] == pytest.approx(lowest, abs=0.15)
    assert found.power_db[1] == pytest.approx(0, abs=0.15)


def test_without_a_fade_melt_cuts_hard(tmp_path: Path):
    """The measure can fail: a plain cut does not look like a fade."""
    melt.need_melt()
    made = tones(tmp_path, Fraction(25), 6, 6)
    del made.tracks[0][1]
    rendered = melt.render(made, tmp_path, Fraction(25))[0]
    found = melt.measure(rendered, *laid(len(rendered)), (44 / 25, 56 / 25))
    assert found.end - found.start < 0.02


def test_parts_of_frames_move_by_as_much_as_is_said(tmp_path: Path):
    melt.need_melt()
    rate = Fraction(24)
    notes = write(tones(tmp_path, rate, 5.3, 5.3), tmp_path / "edit.mlt", rate)
    assert any("600 samples" in note and "end of the crossfade" in note for note in notes), notes
    rendered = melt.render_file(tmp_path / "edit.mlt")[0]
    one, other = laid(len(rendered))
    exact = ((CUT - 5.3) / 24, (CUT + 5.3) / 24)
    found = melt.measure(rendered, one, other, exact)
    assert abs(found.start - exact[0]) == pytest.approx(0.0125, abs=0.002)
    assert abs(found.end - exact[1]) == pytest.approx(0.0125, abs=0.002)


def test_tracks_are_added_up_and_disabled_ones_are_not_heard(tmp_path: Path):
    melt.need_melt()
    rate = Fraction(25)
    made = tones(tmp_path, rate, 0, 0, head=0)
    del made.tracks[0][1]
    second = made.tracks[0].clone()
    second.insert(0, otio.schema.Gap(source_range=TR(RT(0, 25), RT(10, 25))))
    third = made.tracks[0].clone()
    third.enabled = False
    made.tracks.extend([second, third])
    rendered = melt.render(made, tmp_path, rate)[0]
    one = melt.tone_at(LOW, Fraction(0), len(rendered))
    late = melt.tone_at(LOW, Fraction(-10, 25), len(rendered))
    at = slice(10 * 1920, 40 * 1920)
    np.testing.assert_allclose(rendered[at], (one + late)[at], atol=1e-3)
    np.testing.assert_allclose(rendered[: 10 * 1920], one[: 10 * 1920], atol=1e-3)


def test_a_retimed_clip_plays_at_its_speed(tmp_path: Path):
    melt.need_melt()
    made = tones(tmp_path, Fraction(25), 0, 0)
    del made.tracks[0][1]
    made.tracks[0][0].effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    rendered = melt.render(made, tmp_path, Fraction(25))[0]
    spectrum = np.abs(np.fft.rfft(rendered[9600:57600]))
    assert np.argmax(spectrum) == pytest.approx(2 * LOW, abs=3)  # one second: bins are Hz


def test_a_nest_is_heard(tmp_path: Path):
    melt.need_melt()
    rate = Fraction(25)
    inner = tones(tmp_path, rate, 4, 10)
    nest = inner.tracks.clone()
    nest.name, nest.source_range = "nest", TR(RT(20, 25), RT(60, 25))
    track = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    track.append(otio.schema.Gap(source_range=TR(RT(0, 25), RT(5, 25))))
    track.append(nest)
    made = otio.schema.Timeline("outer")
    made.tracks.append(track)
    rendered = melt.render(made, tmp_path, rate)[0]
    start, end = (CUT - 4 - 15) / 25, (CUT + 10 - 15) / 25
    found = melt.measure(rendered, *laid(len(rendered)), (start, end))
    assert (found.start, found.end) == (pytest.approx(start, abs=0.002), pytest.approx(end, abs=0.002))


def test_picture_and_sound_cut_where_they_should(examples: Path, tmp_path: Path):
    """Two films of two rates in one timeline: the picture's cut is on its frame, the sound's fade around its own."""
    melt.need_melt()
    rate, cut, length = Fraction(24), 30, 60
    media = examples / "media"
    shots = [("sintel_trailer.mp4", 24, 1246, 571, 30), ("bbb_opening_25fps.mp4", 25, 131, 50, 30)]
    made = otio.schema.Timeline("films")
    for name, kind in (("V1", "Video"), ("A1", "Audio")):
        track = otio.schema.Track(name, kind=kind)
        for file, media_rate, total, first, frames in shots:
            reference = otio.schema.ExternalReference(file, TR(RT(0, media_rate), RT(total, media_rate)))
            reference.available_image_bounds = otio.schema.Box2d(otio.schema.V2d(0, 0), otio.schema.V2d(320, 180))
            track.append(otio.schema.Clip(file, reference, TR(RT(first, media_rate), RT(frames, 24))))
        made.tracks.append(track)
    made.tracks[1].insert(1, otio.schema.Transition("fade", "SMPTE_Dissolve", RT(3, 24), RT(5, 24)))
    source, target = tmp_path / "films.mlt", tmp_path / "films.mkv"
    write(made, source, rate, base=media)
    melt.run(source, target, "vcodec=ffv1", "acodec=pcm_s16le", f"ar={melt.RATE}", "ac=2")
    with av.open(str(target)) as film:
        pictures = [frame.to_ndarray(format="gray").astype(float) for frame in film.decode(video=0)]
    with av.open(str(target)) as film:
        sound = np.concatenate([frame.to_ndarray().reshape(-1, 2).T for frame in film.decode(audio=0)], axis=1) / 32768
    assert len(pictures) == length
    jumps = [np.abs(b - a).mean() for a, b in pairwise(pictures)]
    assert int(np.argmax(jumps)) == cut - 1
    assert sound.shape[1] == pytest.approx(length * 2000, abs=2000)
    laid_out = []
    for (file, media_rate, _, first, _), starts in zip(shots, (0, cut * 2000), strict=True):
        offset = round(Fraction(first, media_rate) * melt.RATE) - starts
        laid_out.append(decode(media / file, offset, sound.shape[1], sample_rate=melt.RATE).astype(float))
    one, other = (source[:2].sum(axis=0) for source in laid_out)
    check_join(sound.sum(axis=0), one, other, (27 / 24, 35 / 24), 0.020)


def check_join(rendered: np.ndarray, one: np.ndarray, other: np.ndarray, expected: tuple[float, float], within: float):
    """Both sources are at their places, and the fade from one to the other at its own."""
    start, end = (round(time * melt.RATE) for time in expected)
    shifts = (
        melt.shift_of(rendered, one, max(start - 24_000, 3000), start - 2400),
        melt.shift_of(rendered, other, end + 2400, min(end + 24_000, len(rendered) - 3000)),
    )
    assert max(abs(shift) for shift in shifts) <= within * melt.RATE, shifts
    found = melt.fit(rendered, np.roll(one, shifts[0]), np.roll(other, shifts[1]), expected)
    # A part of a frame may be rounded away: half a frame is 20.8 ms.
    assert found[0] == pytest.approx(expected[0], abs=0.0215)
    assert found[1] == pytest.approx(expected[1], abs=0.0215)
    return shifts, found


@pytest.mark.slow
def test_the_main_job_is_heard_where_it_says(examples: Path, tmp_path: Path):
    """Match cuts of the bundled films: melt joins the very samples that the changes' metadata name."""
    melt.need_melt()
    output = tmp_path / "new.otio"
    settings = Settings().replace({"edit.short": "keep", "match.representation": "mfcc"})
    gallery = (examples / "sounds", examples / "media")
    sources = Sources(gallery=gallery, library=tmp_path / "library", workers=1)
    _, written = match(examples / "match_cut.otio", output, sources, settings=settings)
    timeline = otio.adapters.read_from_file(str(output))
    rendered = melt.render(timeline, tmp_path, Fraction(24)).sum(axis=0)
    track, at, measured = timeline.tracks[1], Fraction(0), 0
    for index, child in enumerate(track):
        if not isinstance(child, otio.schema.Transition):
            at += seconds(child.duration())
            continue
        note = child.metadata["amc_otio"]
        change = next(one for one in written.changes if one.edit_point == note["edit_point"])
        (before, after) = (seconds(child.in_offset), seconds(child.out_offset))
        cut = round(at * melt.RATE)
        laid_out = []
        for clip, sample in ((track[index - 1], "out_sample"), (track[index + 1], "in_sample")):
            media = (tmp_path / clip.media_reference.target_url.removeprefix("file://")).resolve()
            offset = change.metadata[sample] - cut
            laid_out.append(decode(media, offset, len(rendered), sample_rate=melt.RATE)[:2].astype(float).sum(axis=0))
        shifts, found = check_join(rendered, *laid_out, (float(at - before), float(at + after)), 0.025)
        print(change.edit_point, shifts, float(at - before), float(at + after), found)
        measured += 1
    assert measured == len(written.changes) >= 2
