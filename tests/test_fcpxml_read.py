"""FCPXML that is read: Final Cut Pro's shapes, hostile files, and what was written comes back."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from timelines import clip, gap, span, timeline, track, transition

from amc_otio.cli import main
from amc_otio.errors import TimelineError
from amc_otio.formats.fcpxml_read import read, read_all
from amc_otio.formats.fcpxml_write import write
from amc_otio.timeline.edit_points import find_edit_points
from amc_otio.timeline.links import find_links
from amc_otio.timeline.rational import from_frames, seconds
from amc_otio.timeline.read import read_timeline
from amc_otio.timeline.select import markers_of
from amc_otio.timeline.validate import validate
from amc_otio.timeline.walk import walk_tracks

NTSC = Fraction(24000, 1001)

RESOURCES = """
  <format id="r1" name="FFVideoFormat1080p2398" frameDuration="1001/24000s" width="1920" height="1080"/>
  <asset id="r2" name="A" start="86486400/24000s" duration="480480/24000s" hasVideo="1" format="r1" hasAudio="1">
    <media-rep kind="proxy-media" src="file:///proxy/A.mov"/><media-rep src="file:///media/A.mov"/>
  </asset>
  <asset id="r3" name="B" start="0s" duration="480480/24000s" hasVideo="1" format="r1" hasAudio="1"
    src="file:///media/B%20b.mov"/>
  <asset id="r4" name="W" start="0s" duration="960960/48000s" hasAudio="1" src="file:///media/W.wav"/>
  <effect id="e1" name="Cross Dissolve" uid="FxPlug:4731E73A-8DAC-4113-9A30-AE85B1761265"/>
  <effect id="e2" name="Audio Crossfade" uid="FFAudioTransition"/>
  <effect id="e3" name="Basic Title" uid="title"/>
"""
BOTH = '<filter-video ref="e1"/><filter-audio ref="e2"/>'


def frames(count: int) -> str:
    """A time in frames at 23.976."""
    return f"{count * 1001}/24000s"


def document(spine: str, resources: str = "", attributes: str = "") -> str:
    """A project at 23.976 whose timecode starts at an hour."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE fcpxml><fcpxml version="1.11"><resources>'
        f"{RESOURCES}{resources}</resources><library><event><project name='P'>"
        f"<sequence format='r1' tcStart='{frames(86400)}' tcFormat='NDF' {attributes}><spine>{spine}</spine></sequence>"
        "</project></event></library></fcpxml>"
    )


def parsed(folder: Path, text: str) -> Any:
    """Read a document, and check that it is a timeline that the package can work on."""
    path = folder / "edit.fcpxml"
    path.write_text(text, encoding="utf-8")
    made = read(path)
    assert validate(made) == ()
    return made


def rows(made: Any) -> list[tuple[str, list[tuple[Any, ...]]]]:
    """Each track with its items: name, start and length in frames; transitions by their offsets; gaps by length."""
    found = []
    for track_ in made.tracks:
        items: list[tuple[Any, ...]] = []
        for item in track_:
            if isinstance(item, otio.schema.Transition):
                items.append(("fade", item.in_offset.value, item.out_offset.value))
            elif isinstance(item, otio.schema.Gap):
                items.append(("gap", item.source_range.duration.value))
            else:
                items.append((item.name, item.source_range.start_time.value, item.source_range.duration.value))
        found.append((track_.kind, items))
    return found


def at(offset: int) -> str:
    return f'offset="{frames(86400 + offset)}"'


def test_a_clip_with_both_brings_linked_picture_and_sound(tmp_path: Path) -> None:
    made = parsed(
        tmp_path,
        document(
            f'<asset-clip ref="r2" {at(0)} start="{frames(86410)}" duration="{frames(48)}" audioRole="dialogue">'
            f'<marker start="{frames(86420)}" duration="{frames(1)}" value="here" note="why"/></asset-clip>'
            f'<transition {at(42)} duration="{frames(12)}">{BOTH}</transition>'
            f'<asset-clip ref="r3" {at(48)} name="B" start="{frames(100)}" duration="{frames(24)}" enabled="0"/>'
        ),
    )
    fade = ("fade", 6, 6)
    both = [("A", 86410, 48), fade, ("B", 100, 24)]
    assert rows(made) == [("Video", both), ("Audio", both)]
    assert made.global_start_time == from_frames(86400, NTSC)
    assert find_links(made) == {(0, 0): ((1, 0),), (1, 0): ((0, 0),), (0, 2): ((1, 2),), (1, 2): ((0, 2),)}
    (marker,) = markers_of(made)
    assert (marker.name, marker.at) == ("here", Fraction(10) / NTSC)
    reference = made.tracks[0][0].media_reference
    assert reference.target_url == "file:///media/A.mov"
    assert reference.available_range.start_time.value == 86400
    assert made.tracks[1][2].enabled is False


def test_an_uneven_transition_keeps_its_offsets(tmp_path: Path) -> None:
    made = parsed(
        tmp_path,
        document(
            f'<asset-clip ref="r2" {at(0)} start="{frames(86410)}" duration="{frames(48)}"/>'
            f'<transition {at(44)} duration="{frames(14)}"><filter-audio ref="e2"/></transition>'
            f'<asset-clip ref="r3" {at(48)} start="{frames(100)}" duration="{frames(24)}"/>'
        ),
    )
    assert rows(made)[0] == ("Video", [("A", 86410, 48), ("B", 100, 24)])
    assert rows(made)[1] == ("Audio", [("A", 86410, 48), ("fade", 4, 10), ("B", 100, 24)])


def test_connected_clips_and_storylines_lie_by_lane(tmp_path: Path) -> None:
    made = parsed(
        tmp_path,
        document(
            f'<gap {at(0)} start="3600s" duration="{frames(100)}">'
            f'<asset-clip ref="r4" lane="-1" offset="3600s" name="W" duration="{frames(30)}"/>'
            f'<spine lane="-1" offset="{3600 * 24000 + 40 * 1001}/24000s" name="Atmo">'
            f'<asset-clip ref="r4" offset="0s" start="{frames(50)}" duration="{frames(20)}"/>'
            f'<asset-clip ref="r4" offset="{frames(20)}" start="{frames(90)}" duration="{frames(10)}"/></spine>'
            f'<asset-clip ref="r4" lane="-2" offset="3601s" name="over" duration="{frames(10)}"/>'
            f'<asset-clip ref="r3" lane="1" offset="3600s" name="B" srcEnable="video" duration="{frames(12)}"/>'
            f'<marker start="3601s" duration="{frames(1)}" value="in the gap"/></gap>'
        ),
    )
    second = 24000 / 1001
    assert [kind for kind, _ in rows(made)] == ["Video", "Video", "Audio", "Audio"]
    assert rows(made)[1][1] == [("B", 0, 12)]
    assert rows(made)[2][1] == [("W", 0, 30), ("gap", 10), ("W", 50, 20), ("W", 90, 10)]
    assert rows(made)[3][1][1][0] == "over"
    assert rows(made)[3][1][0][1] == pytest.approx(second)
    assert made.tracks[2].name == "Atmo"
    assert [m.at for m in markers_of(made)] == [pytest.approx(Fraction(1))]


def test_a_clip_with_its_channels_apart_is_one_sound(tmp_path: Path) -> None:
    # As Final Cut Pro writes a clip whose sound was detached, and one whose channels are listed.
    made = parsed(
        tmp_path,
        document(
            f'<clip name="X" {at(0)} start="{frames(10)}" duration="{frames(48)}">'
            f'<video ref="r3" offset="0s" duration="480480/24000s">'
            f'<audio ref="r3" lane="-1" offset="0s" srcCh="1" duration="480480/24000s" role="dialogue"/>'
            f'<audio ref="r3" lane="-2" offset="0s" srcCh="2" duration="480480/24000s" role="dialogue"/></video></clip>'
            f'<clip name="Y" {at(48)} duration="{frames(48)}"><video ref="r3" offset="0s" duration="480480/24000s"/>'
            f'<clip name="Z" lane="-1" offset="{frames(8)}" start="{frames(20)}" duration="{frames(30)}">'
            f'<gap offset="0s" duration="480480/24000s">'
            f'<audio lane="-1" ref="r3" offset="0s" srcCh="2" duration="480480/24000s"/></gap></clip></clip>'
        ),
    )
    assert rows(made) == [
        ("Video", [("X", 10, 48), ("Y", 0, 48)]),
        ("Audio", [("X", 10, 48)]),
        ("Audio", [("gap", 56), ("Z", 20, 30)]),
    ]
    assert "fcp_xml" not in made.tracks[1][0].metadata
    assert made.tracks[2][1].metadata["fcp_xml"]["sourcetrack"]["trackindex"] == "2"


def test_a_split_edit_is_split(tmp_path: Path) -> None:
    made = parsed(
        tmp_path,
        document(
            f'<asset-clip ref="r2" {at(0)} name="A" start="{frames(86410)}" duration="{frames(48)}"'
            f' audioStart="{frames(86410)}" audioDuration="{frames(60)}"/>'
            f'<asset-clip ref="r3" {at(48)} name="B" start="{frames(100)}" duration="{frames(24)}"'
            f' audioStart="{frames(112)}" audioDuration="{frames(12)}"/>'
        ),
    )
    assert rows(made)[0] == ("Video", [("A", 86410, 48), ("B", 100, 24)])
    assert rows(made)[1] == ("Audio", [("A", 86410, 60), ("B", 112, 12)])
    assert len(made.tracks) == 2


def test_synchronized_and_multicam_clips_are_what_is_seen_and_heard(tmp_path: Path) -> None:
    multicam = f"""<media id="m1" name="MC"><multicam format="r1" tcStart="0s">
      <mc-angle name="cam" angleID="a1"><asset-clip ref="r3" offset="0s" duration="{frames(400)}"/></mc-angle>
      <mc-angle name="rec" angleID="a2"><gap offset="0s" duration="{frames(10)}"/>
        <asset-clip ref="r4" offset="{frames(10)}" duration="{frames(300)}"/></mc-angle></multicam></media>"""
    made = parsed(
        tmp_path,
        document(
            f'<sync-clip name="S" {at(0)} start="{frames(20)}" duration="{frames(48)}"><spine>'
            f'<asset-clip ref="r3" offset="0s" start="0s" duration="{frames(300)}">'
            f'<asset-clip ref="r4" lane="-1" offset="{frames(5)}" duration="{frames(200)}"/></asset-clip></spine>'
            '<sync-source sourceID="storyline"><audio-role-source role="dialogue" active="0"/></sync-source>'
            "</sync-clip>"
            f'<mc-clip ref="m1" name="M" {at(48)} start="{frames(30)}" duration="{frames(24)}">'
            '<mc-source angleID="a1" srcEnable="video"/><mc-source angleID="a2" srcEnable="audio"/></mc-clip>',
            multicam,
        ),
    )
    assert rows(made) == [
        ("Video", [("S", 20, 48), ("M", 30, 24)]),
        ("Audio", [("S", 15, 48), ("M", 20, 24)]),
    ]
    assert made.tracks[1][0].media_reference.target_url == "file:///media/W.wav"
    assert find_links(made)[0, 0] == ((1, 0),)


def test_compound_clips_are_nests_and_auditions_play_their_first_take(tmp_path: Path) -> None:
    compound = f"""<media id="m1" name="C"><sequence format="r1" tcStart="3600s"><spine>
      <asset-clip ref="r3" offset="3600s" name="in" start="0s" duration="{frames(40)}"/></spine></sequence></media>"""
    made = parsed(
        tmp_path,
        document(
            f'<ref-clip ref="m1" name="C" {at(0)} start="{3600 * 24000 + 5 * 1001}/24000s" duration="{frames(20)}"/>'
            f'<audition {at(20)}><asset-clip ref="r3" name="one" start="{frames(7)}" duration="{frames(9)}"/>'
            f'<asset-clip ref="r2" name="two" duration="{frames(9)}"/></audition>',
            compound,
        ),
    )
    assert rows(made) == [("Video", [("C", 5, 20), ("one", 7, 9)]), ("Audio", [("C", 5, 20), ("one", 7, 9)])]
    assert [t.kind for t in made.tracks[1][0]] == ["Audio"]
    found = find_edit_points(made, NTSC)
    assert [(p.id, p.timecode) for p in found if p.refusal is None] == [
        ("A1:1", "01:00:00:20"),
        ("A1:2", "01:00:01:05"),
    ]
    assert found[0].outgoing is not None and found[0].outgoing.name == "in"


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([("0s", "0s"), ("20s", "10s")], "plays at 50 % speed"),
        ([("0s", "10s"), ("10s", "0s")], "plays backwards"),
        ([("0s", "3s"), ("10s", "3s")], "is a freeze frame"),
        ([("0s", "0s"), ("1s", "5s"), ("10s", "10s")], "has a retime"),
        ([("0s", "0s"), ("10s", "10s")], None),
    ],
)
def test_retimed_clips_are_not_cut(tmp_path: Path, points: list[tuple[str, str]], said: str | None) -> None:
    map_ = "".join(f'<timept time="{t}" value="{v}" interp="linear"/>' for t, v in points)
    made = parsed(
        tmp_path,
        document(f'<asset-clip ref="r3" {at(0)} duration="{frames(48)}"><timeMap>{map_}</timeMap></asset-clip>'),
    )
    (point,) = find_edit_points(made, NTSC)
    assert (said in (point.refusal or "")) if said else point.refusal is None


def test_what_is_not_understood_is_said(tmp_path: Path) -> None:
    path = tmp_path / "edit.fcpxml"
    path.write_text(
        document(
            f'<asset-clip ref="gone" {at(0)} name="G" duration="{frames(48)}"><caption lane="1" offset="0s"'
            f' duration="1s"/></asset-clip><ref-clip ref="gone" {at(40)} duration="{frames(20)}"/>'
            f'<transition duration="1s"/><title ref="e3" {at(60)} name="T" duration="{frames(5)}"/>'
        ),
        encoding="utf-8",
    )
    loaded = read_timeline(path)
    assert loaded.notes == (
        "a caption is left out",
        "a clip has no media: what it refers to is not in the file",
        "a clip that runs into the next one of its storyline ends there",
        "a compound clip is empty: what it refers to is not in the file",
        "a transition without a place is left out",
    )
    assert rows(loaded.timeline)[0] == ("Video", [("G", 0, 40), ("", 0, 20), ("T", 0, 5)])


def nested(levels: int) -> str:
    start = '<asset-clip ref="r3" lane="1" offset="0s" duration="1s">'
    return start * levels + "</asset-clip>" * levels


def unfolding() -> str:
    """Compound clips in each other, ten in each: 10 ** 9 clips."""
    made = ""
    for n in range(9):
        inner = "".join(f'<ref-clip ref="m{n + 1}" offset="{i}s" duration="1s"/>' for i in range(10))
        made += f'<media id="m{n}"><sequence format="r1"><spine>{inner}</spine></sequence></media>'
    return made + '<media id="m9"><sequence format="r1"><spine><gap duration="9s"/></spine></sequence></media>'


HOSTILE = {
    "entities": (
        '<?xml version="1.0"?><!DOCTYPE fcpxml [<!ENTITY a "b">]><fcpxml version="1.10"/>',
        "defines entities",
    ),
    "not XML": ("<fcpxml>", "not well-formed"),
    "another kind": ("<xmeml/>", "is not FCPXML"),
    "browser clips": ('<fcpxml version="1.10"><resources/><event/></fcpxml>', "holds no project"),
    "deep": (document(nested(990)), "nested deeper"),
    "deep holders": (document('<clip duration="1s">' * 60 + "</clip>" * 60), "nested deeper than 40"),
    "a bomb": (document('<ref-clip ref="m0" duration="9s"/>', unfolding()), "unfolds to more than"),
    "itself": (
        document(
            '<ref-clip ref="m" duration="9s"/>',
            '<media id="m"><sequence format="r1"><spine><ref-clip ref="m" duration="1s"/></spine></sequence></media>',
        ),
        "contains itself",
    ),
    "huge": (document('<gap duration="9999999999999999999s"/>'), "longer than any timeline"),
    "digits": (document(f'<gap duration="{"9" * 5000}s"/>'), "is no time"),
    "no rate": (document('<gap duration="9s"/>').replace("format='r1'", "format='r2'"), "does not say its frame rate"),
    "no frame": (document("").replace("1001/24000s", "0s", 1), "lasts 0s"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_in_words(tmp_path: Path, name: str) -> None:
    text, said = HOSTILE[name]
    path = tmp_path / "bad.fcpxml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TimelineError, match=said) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_metadata_of_a_file_is_only_what_otio_can_hold(tmp_path: Path) -> None:
    def read_with(value: str) -> Any:
        md = f'<metadata><md key="org.amc-otio.metadata" value="{value}"/></metadata>'
        made = parsed(tmp_path, document(f'<asset-clip ref="r4" {at(0)} duration="1s">{md}</asset-clip>'))
        held = made.tracks[-1][0].metadata.get("amc_otio")
        return None if held is None else dict(held)

    assert read_with("{&quot;a&quot;: 1, &quot;link&quot;: 4}") == {"a": 1}
    for bad in ("[" * 3000, f"{{&quot;a&quot;: {'9' * 40}}}", "[1]", "{", "[" * 90 + "]" * 90):
        assert read_with(bad) is None


def test_a_bundle_and_a_23_976_project_need_no_adapter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tmp_path / "edit.fcpxmld"
    bundle.mkdir()
    text = document(
        f'<asset-clip ref="r2" {at(0)} name="A" start="{frames(86410)}" duration="{frames(48)}"/>'
        f'<asset-clip ref="r3" {at(48)} name="B" start="{frames(100)}" duration="{frames(24)}"/>'
    )
    (bundle / "Info.fcpxml").write_text(text, encoding="utf-8")
    assert main(["points", str(bundle)]) == 0
    out = capsys.readouterr().out
    assert "A1:1" in out and "01:00:02:00" in out and "01:00:03:00" in out
    assert read_timeline(bundle).rate == NTSC


def test_final_cuts_own_exports_read(shared_data: Path) -> None:
    for name in ("example", "library"):
        made = read_all(shared_data / "timelines" / f"otio-fcpx-xml-adapter__fcpx_{name}.fcpxml")
        assert [t.name for t in made] == ["OpenTimeline_Project", "OpenTimeline_Project 1"]
    made = read(shared_data / "timelines" / "otio-fcpx-xml-adapter__fcpx_project.fcpxml")
    assert validate(made) == ()
    assert [t.kind for t in made.tracks] == ["Video"] * 3 + ["Audio"] * 4
    fades_ = [item for t in made.tracks if t.kind == "Audio" for item in t if isinstance(item, otio.schema.Transition)]
    assert [(f.in_offset.value, f.out_offset.value) for f in fades_] == [(0, 30), (15, 15)]
    by_id = {p.id: p for p in find_edit_points(made, Fraction(30))}
    # A clip that was moved on the samples ends 0.98 s after a whole second.
    assert by_id["A2:2"].timecode == "00:00:30:29"
    assert by_id["A2:4"].timecode == "00:02:00:00"


RATES = [NTSC, Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(50), Fraction(60000, 1001)]


@st.composite
def edits(draw: st.DrawFn) -> tuple[Any, Fraction]:
    """A picture track with its sound, crossfades of any offsets, a second audio track, markers and a start."""
    rate = draw(st.sampled_from(RATES))
    speed = float(rate)
    lengths = draw(st.lists(st.integers(30, 300), min_size=1, max_size=5))
    picture, sound = track(kind="Video", name="V1"), track(name="A1")
    for number, length in enumerate(lengths):
        if number and draw(st.booleans()):
            sound.append(transition(draw(st.integers(0, 14)), draw(st.integers(1, 14)), speed))
        start = draw(st.integers(100, 200_000))
        for target in (picture, sound):
            target.append(clip(f"s{number}", start, length, rate=speed, url=f"/media/s{number}.mov"))
    made = [picture, sound]
    if draw(st.booleans()):
        made.append(track(gap(draw(st.integers(1, 29)), speed), clip("m", 0, 20, rate=speed), name="Music"))
    start = from_frames(draw(st.integers(0, 200_000)), rate)
    edit = timeline(*made, start=start)
    for frame in draw(st.lists(st.integers(0, sum(lengths) - 1), max_size=3)):
        edit.tracks.markers.append(otio.schema.Marker(f"m{frame}", span(frame, 0, speed), comment="why & how"))
    return edit, rate


def spans(made: Any) -> list[list[tuple[Fraction, Fraction]]]:
    """First and last second of every audio crossfade, by track."""
    return [
        [(t.start - seconds(t.item.in_offset), t.start + seconds(t.item.out_offset)) for t in placed.transitions]
        for placed in walk_tracks(made)
        if placed.kind == "Audio" and placed.transitions
    ]


def cuts(made: Any) -> list[list[tuple[str, Fraction, Fraction, Fraction]]]:
    """Every clip by track: its name, its place, and the record time at which its media's clock stands at 0."""
    found = []
    for placed in walk_tracks(made):
        row = []
        for one in placed.items:
            if isinstance(one.item, otio.schema.Clip):
                zero = one.start - seconds(one.item.source_range.start_time)
                row.append((one.item.name, one.start, one.end, zero))
        found.append(row)
    return found


@given(made=edits())
def test_what_is_written_comes_back(made: tuple[Any, Fraction], tmp_path_factory: pytest.TempPathFactory) -> None:
    edit, rate = made
    path = tmp_path_factory.mktemp("fcpxml") / "edit.fcpxml"
    notes = write(edit, path, rate)
    back = read(path)
    assert validate(back) == ()
    assert back.global_start_time == edit.global_start_time
    assert [t.kind for t in back.tracks] == [t.kind for t in edit.tracks]
    assert [t.name for t in back.tracks][1:] == [t.name for t in edit.tracks][1:]
    frame = 1 / rate
    written, returned = spans(edit), spans(back)
    assert len(returned) == len(written)
    for before, after in zip(written, returned, strict=True):
        assert len(before) == len(after)
        for (first, last), (one, other) in zip(before, after, strict=True):
            if (last - first) / frame % 2 == 0:
                assert (one, other) == (first, last)
            else:
                assert abs(one - first) + abs(other - last) == frame
    for before, after in zip(cuts(edit), cuts(back), strict=True):
        assert [(name, zero) for name, _, _, zero in before] == [(name, zero) for name, _, _, zero in after]
        if not edit.tracks[1].find_children(descended_from_type=otio.schema.Transition):
            assert before == after
    assert cuts(edit)[0] == cuts(back)[0]
    assert sorted((m.name, m.at) for m in markers_of(back)) == sorted((m.name, m.at) for m in markers_of(edit))
    before_links = {(cuts_, other) for cuts_, partners in find_links(edit).items() for other in partners}
    assert len({pair for k, v in find_links(back).items() for pair in ((k, o) for o in v)}) == len(before_links)
    # Writing again what came back says nothing new and changes nothing.
    again = path.with_name("again.fcpxml")
    assert not any("moved" in note for note in write(back, again, rate))
    assert cuts(read(again)) == cuts(back) and spans(read(again)) == spans(back)
    assert any("moved" in note for note in notes) == (cuts(edit) != cuts(back) or spans(edit) != spans(back))
