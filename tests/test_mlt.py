"""MLT XML written and read back: what is kept, what is said, what is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from timelines import clip, gap, span, stack, timeline, track, transition

from amc_otio.errors import AmcError, OutputError, TimelineError
from amc_otio.formats.mlt_ramp import end_value, make_up_db, weight
from amc_otio.formats.mlt_read import read
from amc_otio.formats.mlt_write import write
from amc_otio.timeline.rational import seconds

RATE = Fraction(24)


def there_and_back(made: otio.schema.Timeline, folder: Path, rate: Fraction = RATE):
    """What comes back, and the notes."""
    path = folder / "edit.mlt"
    notes = write(made, path, rate)
    return read(path), notes


def shape(one: otio.schema.Track) -> list[tuple[str, float, float]]:
    """A track as (what, first, frames), or (fade, in, out)."""
    found = []
    for child in one:
        if isinstance(child, otio.schema.Transition):
            found.append(("fade", child.in_offset.value, child.out_offset.value))
        else:
            start = 0 if isinstance(child, otio.schema.Gap) else child.source_range.start_time.value
            found.append((type(child).__name__, start, child.source_range.duration.value))
    return found


@pytest.mark.parametrize(("into", "out"), [(4, 4), (4, 10), (12, 0), (0, 12), (1, 0), (0, 1)])
@pytest.mark.parametrize("kind", ["Audio", "Video"])
def test_a_crossfade_comes_back_with_its_offsets(into: int, out: int, kind: str, tmp_path: Path):
    made = timeline(track(clip("a", 200), transition(into, out), clip("b", 300), kind=kind))
    back, notes = there_and_back(made, tmp_path)
    # The media's clock starts at 0 in MLT.
    assert shape(back.tracks[0]) == [("Clip", 100, 48), ("fade", into, out), ("Clip", 100, 48)]
    assert back.tracks[0].kind == kind
    assert not any("whole frames" in note for note in notes)


@given(
    frames=st.lists(st.integers(20, 60), min_size=2, max_size=5),
    offsets=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=4, max_size=4),
    gaps=st.lists(st.booleans(), min_size=5, max_size=5),
    rate=st.sampled_from([Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001)]),
)
def test_any_track_comes_back(
    frames: list[int], offsets: list[tuple[int, int]], gaps: list[bool], rate: Fraction, tmp_path_factory
):
    children = []
    for number, length in enumerate(frames):
        if number and sum(offsets[number - 1]):
            children.append(transition(*offsets[number - 1], rate=float(rate)))
        blank = gaps[number] and not (number and gaps[number - 1])
        children.append(gap(length, float(rate)) if blank else clip(f"c{number}", 150, length, rate=float(rate)))
    made = timeline(track(*children))
    back, _ = there_and_back(made, tmp_path_factory.mktemp("mlt"), rate)
    expected = [
        (what, first - 50 if what == "Clip" else first, length) for what, first, length in shape(made.tracks[0])
    ]
    assert shape(back.tracks[0]) == expected


def test_head_that_the_media_does_not_have_is_silence(tmp_path: Path):
    late = clip("b", 3, available=span(0, 200))
    back, _ = there_and_back(timeline(track(clip("a", 200), transition(6, 2), late)), tmp_path)
    assert shape(back.tracks[0])[1:] == [("fade", 6, 2), ("Clip", 3, 48)]


def test_rates_are_exact_and_the_media_is_absolute(tmp_path: Path):
    (tmp_path / "a b#1.wav").write_bytes(b"x")
    made = timeline(
        track(clip("a", url="a%20b%231.wav"), clip("b", url="file:///m/%C3%A4.wav"), clip("c", url="no.wav"))
    )
    write(made, tmp_path / "edit.mlt", Fraction(30000, 1001))
    root = ElementTree.parse(tmp_path / "edit.mlt").getroot()
    profile = root.find("profile")
    assert (profile.get("frame_rate_num"), profile.get("frame_rate_den")) == ("30000", "1001")
    media = [p.text for p in root.iterfind(".//chain/property[@name='resource']")]
    assert media == [str(tmp_path / "a b#1.wav"), "/m/ä.wav", str(tmp_path / "no.wav")]


def test_parts_of_frames_are_moved_and_said(tmp_path: Path):
    made = timeline(track(clip("a", 100.25, available=span(0, 300)), transition(2.5, 2.5), clip("b")))
    back, notes = there_and_back(made, tmp_path)
    assert all(value == int(value) for _, *values in shape(back.tracks[0]) for value in values)
    assert any("source in-point of 'a' on A1 moved" in n and "500 samples" in n for n in notes), notes
    assert any("end of the crossfade" in n and "1000 samples" in n for n in notes), notes


def test_media_of_another_rate_is_entered_at_its_second(tmp_path: Path):
    film = clip("film", 3000, 48, rate=30000 / 1001, available=span(2700, 900, 30000 / 1001))
    sound = clip("sound", 96_000, 48_000, rate=48_000, available=span(48_000, 960_000, 48_000))
    back, notes = there_and_back(timeline(track(film, sound)), tmp_path)
    one, other = (child.source_range for child in back.tracks[0])
    assert one.start_time.value == round(300 * 1001 / 30000 * 24)
    assert other.start_time.value == 24
    assert one.duration.value + other.duration.value == round((48 * 1001 / 30000 + 1) * 24)
    assert any("source in-point" in note for note in notes)


def test_tracks_markers_nests_and_retimes(tmp_path: Path):
    slow = clip("slow", 150)
    slow.effects.append(otio.schema.LinearTimeWarp(time_scalar=0.5))
    nest = stack(track(clip("in", 200), transition(2, 2), clip("side", 200)), name="scene", source_range=span(10, 60))
    off = track(clip("x"), name="off")
    off.enabled = False
    made = timeline(
        track(clip("p", 200), kind="Video", name="Picture"),
        track(slow, gap(10), nest, clip("quiet", enabled=False), name="Sound"),
        off,
    )
    made.tracks.markers.append(otio.schema.Marker("here", span(46, 3), "RED"))
    back, notes = there_and_back(made, tmp_path)
    assert [(t.name, t.kind, t.enabled) for t in back.tracks] == [
        ("Picture", "Video", True),
        ("Sound", "Audio", True),
        ("off", "Audio", False),
    ]
    sound = back.tracks[1]
    assert shape(sound) == [("Clip", 100, 48), ("Gap", 0, 10), ("Stack", 10, 60), ("Gap", 0, 48)]
    assert sound[0].effects[0].time_scalar == 0.5
    assert shape(sound[2][0])[1] == ("fade", 2, 2)
    (mark,) = back.tracks.markers
    assert (mark.name, mark.color, mark.marked_range) == ("here", "RED", span(46, 3))
    assert any("cannot switch a clip off" in note and "'quiet'" in note for note in notes)


def test_picture_is_muted_and_sound_hidden(tmp_path: Path):
    made = timeline(track(clip("p"), kind="Video"), track(clip("s")))
    write(made, tmp_path / "edit.mlt", RATE)
    root = ElementTree.parse(tmp_path / "edit.mlt").getroot()
    main = root.find("tractor[@id='timeline']")
    assert [t.get("hide") for t in main.findall("track")] == [None, "audio", "video"]
    mixed = [t.find("property[@name='b_track']").text for t in main.findall("transition")]
    assert mixed == ["1", "2"]


def test_names_that_xml_cannot_hold(tmp_path: Path):
    back, _ = there_and_back(timeline(track(clip("a\x01<&>'\"é", url="/m/a.wav"))), tmp_path)
    assert back.tracks[0][0].name == "a\ufffd<&>'\"é"


@pytest.mark.parametrize("effect", [otio.schema.FreezeFrame(), otio.schema.LinearTimeWarp(time_scalar=-1.0)])
def test_other_retimes_are_refused(effect: otio.schema.TimeEffect, tmp_path: Path):
    bent = clip("bent")
    bent.effects.append(effect)
    with pytest.raises(OutputError, match=r"'bent' on A1: .*write \.otio"):
        write(timeline(track(bent)), tmp_path / "edit.mlt", RATE)
    assert not (tmp_path / "edit.mlt").exists()


def test_overlapping_transitions_are_refused(tmp_path: Path):
    made = timeline(track(clip("a", 200), transition(2, 30), clip("b", 200), transition(30, 2), clip("c", 200)))
    with pytest.raises(OutputError, match="two transitions use the same frames"):
        write(made, tmp_path / "edit.mlt", RATE)


def test_clips_without_media_become_gaps(tmp_path: Path):
    made = timeline(track(clip("a", url=None), clip("b", url="https://x/y.wav"), clip("c")))
    back, notes = there_and_back(made, tmp_path)
    assert [what for what, *_ in shape(back.tracks[0])] == ["Gap", "Gap", "Clip"]
    assert any("'a' on A1" in note for note in notes)
    assert any("network" in note and "'b'" in note for note in notes)


HEAD = '<mlt><profile frame_rate_num="24" frame_rate_den="1"/>'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<otio/>", "no MLT XML"),
        ("<mlt/>", "frame rate"),
        ('<mlt><profile frame_rate_num="24" frame_rate_den="0"/></mlt>', "frame rate"),
        (HEAD + "</mlt>", "no tractor"),
        (HEAD + '<tractor id="t"><track producer="gone"/></tractor></mlt>', "does not hold"),
        (
            HEAD
            + '<tractor id="t"><track producer="p"/></tractor><playlist id="p"><blank length="x"/></playlist></mlt>',
            "no time",
        ),
        (
            HEAD + '<playlist id="p"><entry producer="t" in="0" out="1"/></playlist>'
            '<tractor id="t" out="9"><track producer="p"/></tractor></mlt>',
            "nested deeper",
        ),
        ('<!DOCTYPE mlt [<!ENTITY a "b">]><mlt/>', "entities"),
    ],
)
def test_damaged_files_are_refused_in_words(text: str, said: str, tmp_path: Path):
    path = tmp_path / "bad.mlt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TimelineError, match=said):
        read(path)


def test_a_file_that_cannot_be_written(tmp_path: Path):
    with pytest.raises(AmcError, match="cannot be written"):
        write(timeline(track(clip("a"))), tmp_path / "none" / "edit.mlt", RATE)


@given(frames=st.integers(2, 200), law=st.sampled_from(["equal-power", "equal-gain"]))
def test_the_ramp_arrives_and_its_power_is_the_laws(frames: int, law: str):
    assert weight(0, frames) == 0
    assert weight(frames - 1, frames) == 1
    assert end_value(frames) * (frames - 1) / frames == pytest.approx(1)
    gains = make_up_db(frames, law)
    assert len(gains) == frames
    for k, gain in enumerate(gains):
        w = float(weight(k, frames))
        power = (w * w + (1 - w) ** 2) * 10 ** (gain / 10)
        assert power == pytest.approx(1 if law == "equal-power" else w * w + (1 - w) ** 2)


def test_what_is_written_is_the_same_every_time(examples: Path, tmp_path: Path):
    made = otio.adapters.read_from_file(str(examples / "match_cut.otio"))
    for name in ("one.mlt", "two.mlt"):
        write(made, tmp_path / name, RATE, base=examples)
    assert (tmp_path / "one.mlt").read_bytes() == (tmp_path / "two.mlt").read_bytes()
    back = read(tmp_path / "one.mlt")
    assert seconds(back.duration()) == pytest.approx(float(seconds(made.duration())), abs=0.03)
