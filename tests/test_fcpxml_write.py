"""FCPXML that is written: what Final Cut Pro and its document type ask for, and that joins stay where they sound."""

from __future__ import annotations

import os
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import opentimelineio as otio
import pytest
from fcpxml_checks import check_structure
from hypothesis import given
from hypothesis import strategies as st
from timelines import RationalTime, clip, gap, span, stack, timeline, track, transition

from amc_otio.errors import OutputError, TimelineError
from amc_otio.formats.fcpxml_read import read
from amc_otio.formats.fcpxml_time import format_time, parse_time
from amc_otio.formats.fcpxml_write import write
from amc_otio.timeline.read import read_timeline
from amc_otio.timeline.validate import validate

NTSC = Fraction(24000, 1001)
FRAME = 1001 / Fraction(24000)


def written(folder: Path, made: Any, rate: Fraction = Fraction(24)) -> tuple[ET.Element, tuple[str, ...]]:
    """Write a timeline, check it, and return its root and the notes."""
    path = folder / "edit.fcpxml"
    notes = write(made, path, rate)
    return check_structure(path), notes


def seconds(element: ET.Element | None, name: str) -> Fraction:
    assert element is not None
    return parse_time(element.attrib[name], name)


def fades(root: ET.Element) -> list[tuple[Fraction, Fraction]]:
    """Every transition of connected storylines with its first and last second on the timeline from its start."""
    found = []
    begin = seconds(root.find(".//project/sequence"), "tcStart")
    for base in root.findall(".//project/sequence/spine/*"):
        for spine in base.findall("spine"):
            zero = seconds(base, "offset") - begin + seconds(spine, "offset") - seconds(base, "start")
            for fade in spine.findall("transition"):
                first = zero + seconds(fade, "offset")
                found.append((first, first + seconds(fade, "duration")))
    return found


def busy(rate: float = 24) -> Any:
    """Picture and two audio tracks, with a crossfade, a dissolve, gaps, a nest, markers and what else there is."""

    def c(name: str, start: float, frames: float, **more: Any) -> Any:
        return clip(name, start, frames, rate=rate, url=f"/media/{name}.mov", **more)

    picture = track(
        c("a", 100, 48), transition(6, 6, rate), c("b", 200, 48), gap(10, rate), c("d", 9, 30), kind="Video"
    )
    upper = track(gap(20, rate), c("up", 5, 30), kind="Video")
    nest = stack(
        track(c("x", 10, 50), kind="Audio"), track(c("x", 10, 50), kind="Video"), source_range=span(5, 20, rate)
    )
    sound = track(c("a", 100, 48), transition(4, 10, rate), c("c", 300, 48), gap(7, rate), nest, name="A1")
    off = c("off", 0, 40, enabled=False)
    music = track(gap(20, rate), transition(0, 6, rate), c("m", 50, 40), off, name="Music")
    made = timeline(picture, upper, sound, music, start=RationalTime(86400, rate))
    made.tracks.markers.append(otio.schema.Marker("Match cut A1:1", span(48, 0, rate), comment='a & b "x" <y>'))
    sound[0].markers.append(otio.schema.Marker("on the clip", span(110, 0, rate)))
    return made


@pytest.mark.parametrize("rate", ["24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001"])
def test_it_is_as_final_cut_wants_it(tmp_path: Path, rate: str) -> None:
    exact = Fraction(rate)
    root, notes = written(tmp_path, busy(float(exact)), exact)
    assert len(fades(root)) == 2
    frame = root.find(".//format")
    assert frame is not None and parse_time(frame.attrib["frameDuration"], "") == 1 / exact
    assert frame.get("name", "").startswith("FFVideoFormat1080p")
    assert {e.get("uid") for e in root.iter("effect")} == {
        "FFAudioTransition",
        "FxPlug:4731E73A-8DAC-4113-9A30-AE85B1761265",
    }
    assert any("moved to the middle" in note and "samples" in note for note in notes)


def apples_dtd() -> Path | None:
    """Apple's document type: named by AMC_FCPXML_DTD, or in Final Cut Pro's own place."""
    named = os.environ.get("AMC_FCPXML_DTD")
    if named:
        return Path(named)
    frameworks = Path("/Applications/Final Cut Pro.app/Contents/Frameworks/Interchange.framework")
    return next(iter(sorted(frameworks.rglob("FCPXMLv1_10.dtd"))), None) if frameworks.is_dir() else None


@pytest.mark.parametrize("rate", ["24000/1001", "25", "30000/1001"])
def test_apples_own_document_type_accepts_it(tmp_path: Path, rate: str) -> None:
    dtd = apples_dtd()
    if dtd is None:
        pytest.skip("Apple's FCPXMLv1_10.dtd is not here: name it in AMC_FCPXML_DTD")
    if shutil.which("xmllint") is None:
        pytest.skip("xmllint is not installed")
    exact = Fraction(rate)
    written(tmp_path, busy(float(exact)), exact)
    # xmllint takes a URI, and Final Cut Pro's own path has spaces.
    shutil.copy(dtd, tmp_path / "fcpxml.dtd")
    done = subprocess.run(
        ["xmllint", "--nonet", "--noout", "--dtdvalid", "fcpxml.dtd", "edit.fcpxml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_an_unequal_crossfade_keeps_its_span_and_its_sound(tmp_path: Path) -> None:
    rate = float(NTSC)
    made = timeline(track(clip("a", 100, 48, rate=rate), transition(4, 10, rate), clip("b", 300, 48, rate=rate)))
    root, notes = written(tmp_path, made, NTSC)
    assert fades(root) == [(44 * FRAME, 58 * FRAME)]
    first, second = root.findall(".//spine[@lane]/asset-clip")
    assert seconds(first, "duration") == 51 * FRAME
    # The incoming clip begins 3 frames later, and 3 frames later in itself.
    assert (seconds(second, "offset"), seconds(second, "start")) == (51 * FRAME, 303 * FRAME)
    assert seconds(second, "duration") == 45 * FRAME
    assert any("A1 at 00:00:02:00 (by 6006 samples) moved to the middle" in note for note in notes)


def test_an_odd_or_sub_frame_crossfade_gets_whole_frames_inside_its_span(tmp_path: Path) -> None:
    made = timeline(track(clip("a", 100, 48), transition(4, 5), clip("b", 300, 48)))
    root, notes = written(tmp_path, made)
    assert fades(root) == [(Fraction(44, 24), Fraction(52, 24))]
    assert any("as many on each side of the cut: an end of A1 at 00:00:02:00 (by 2000 samples)" in n for n in notes)
    made = timeline(track(clip("a", 100, 48), transition(4.3, 4.3), clip("b", 300, 48)))
    root, _ = written(tmp_path, made)
    assert fades(root) == [(Fraction(44, 24), Fraction(52, 24))]


def test_an_equal_crossfade_moves_nothing(tmp_path: Path) -> None:
    made = timeline(track(clip("a", 100, 48), transition(6, 6), clip("b", 300, 48)))
    root, notes = written(tmp_path, made)
    assert fades(root) == [(Fraction(42, 24), Fraction(54, 24))]
    assert not any("moved" in note for note in notes)


def test_a_crossfade_is_no_longer_than_its_media(tmp_path: Path) -> None:
    short = clip("b", 300, 48, available=span(298, 100))
    root, notes = written(tmp_path, timeline(track(clip("a", 100, 48), transition(6, 6), short)))
    assert fades(root) == [(Fraction(46, 24), Fraction(50, 24))]
    assert any("an end of A1" in note for note in notes)
    none = clip("b", 300, 48, available=span(300, 48))
    root, notes = written(tmp_path, timeline(track(clip("a", 100, 48), transition(6, 6), none)))
    assert fades(root) == []
    assert any("the transition of A1 at 00:00:02:00 has no room and is a cut" in note for note in notes)


def test_fades_at_the_ends_of_a_storyline_lie_in_their_clip(tmp_path: Path) -> None:
    made = timeline(track(gap(24), transition(4, 8), clip("a", 100, 48), transition(4, 6), gap(24)))
    root, _ = written(tmp_path, made)
    assert fades(root) == [(Fraction(20, 24), Fraction(32, 24)), (Fraction(68, 24), Fraction(78, 24))]
    (only,) = root.findall(".//spine[@lane]/asset-clip")
    assert (seconds(only, "start"), seconds(only, "duration")) == (Fraction(96, 24), Fraction(58, 24))


def test_fades_on_both_sides_of_a_short_gap_leave_a_gap(tmp_path: Path) -> None:
    made = timeline(track(clip("a", 100, 48), transition(4, 6), gap(3), transition(4, 4), clip("b", 100, 48)))
    root, notes = written(tmp_path, made)
    assert fades(root) == [(Fraction(44, 24), Fraction(50, 24)), (Fraction(51, 24), Fraction(55, 24))]
    assert len(root.findall(".//spine[@lane]")) == 2
    assert any("A1 at 00:00:02:00 (by 8000 samples)" in note for note in notes)
    # What the media does not have is not asked for.
    ends = clip("a", 100, 48, available=span(100, 48))
    root, _ = written(tmp_path, timeline(track(gap(24), transition(4, 4), ends, transition(4, 4), gap(24))))
    assert fades(root) == [(Fraction(24, 24), Fraction(28, 24)), (Fraction(68, 24), Fraction(72, 24))]


def test_sound_off_the_frames_stays_in_sync(tmp_path: Path) -> None:
    made = timeline(track(clip("a", 100.25, 47.75), clip("b", 300.5, 48.25)))
    root, notes = written(tmp_path, made)
    first, second = root.findall(".//spine[@lane]/asset-clip")
    # Record time less media time is what it was.
    assert seconds(first, "start") == Fraction(401, 96)
    assert seconds(second, "offset") - seconds(second, "start") == Fraction(191, 96) - Fraction(601, 48)
    assert any("A1 at 00:00:02:00 (by 500 samples) moved, and sound stays in sync" in note for note in notes)


def test_timecode_drop_frame_and_the_hour_of_gaps(tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    made = timeline(track(clip("a", 0, 60, rate=float(rate))), start=RationalTime(107892, float(rate)))
    made.metadata["fcp_xml"] = {"timecode": {"displayformat": "DF"}}
    root, _ = written(tmp_path, made, rate)
    sequence = root.find(".//sequence")
    assert sequence is not None
    assert (sequence.get("tcStart"), sequence.get("tcFormat")) == ("107999892/30000s", "DF")
    gap_ = root.find(".//gap")
    # As Final Cut Pro writes an hour at 29.97.
    assert gap_ is not None and gap_.get("start") == "107999892/30000s"


def test_media_missing_media_and_names(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "ä b.wav").write_bytes(b"x")
    urls = [
        "sub/ä b.wav",
        "C:\\Media\\a#1.wav",
        "\\\\server\\share\\b.wav",
        "file:///x/y%20z.wav",
        "/m/50% a?.wav",
        None,
    ]
    clips = [clip(f"c{i}\x0b", 100, 24, url=url) for i, url in enumerate(urls)]
    root, _ = written(tmp_path, timeline(track(*clips)))
    folder = tmp_path.as_posix()
    assert [e.get("src") for e in root.iter("media-rep")] == [
        f"file://{folder}/sub/%C3%A4%20b.wav",
        "file:///C:/Media/a%231.wav",
        "file://server/share/b.wav",
        "file:///x/y%20z.wav",
        "file:///m/50%25%20a%3F.wav",
        "file:///offline/c5%EF%BF%BD",
    ]
    assert [c.get("name") for c in root.iter("asset-clip")] == [f"c{i}\ufffd" for i in range(6)]
    assert root.findall(".//asset")[-1].find("metadata/md[@key='org.amc-otio.missing']") is not None


def test_what_fcpxml_does_not_have_is_said(tmp_path: Path) -> None:
    slow = clip("slow", 0, 24)
    slow.effects.append(otio.schema.LinearTimeWarp(time_scalar=0.5))
    title = otio.schema.Clip("title", otio.schema.GeneratorReference(), span(0, 24))
    picture = track(slow, title, clip("p", 0, 24), kind="Video")
    picture.insert(2, otio.schema.Transition("wipe", "Custom_Transition", RationalTime(0, 24), RationalTime(0, 24)))
    _, notes = written(tmp_path, timeline(picture))
    assert "1 retimed clip plays at normal speed: speed changes are not written" in notes
    assert "1 title or generator is written as a gap" in notes


def test_channels_roles_disabled_clips_and_nests(tmp_path: Path) -> None:
    root, _ = written(tmp_path, busy())
    assert [c.get("name") for c in root.iter("asset-clip") if c.get("enabled") == "0"] == ["off"]
    assert {c.get("audioRole") for c in root.findall(".//spine[@lane='-2']/asset-clip")} == {"music"}
    nest = root.find(".//spine[@lane='-1']/ref-clip")
    assert nest is not None and nest.get("srcEnable") == "audio"
    assert seconds(nest, "start") == Fraction(5, 24)
    dual = clip("d", 0, 24, metadata={"fcp_xml": {"sourcetrack": {"mediatype": "audio", "trackindex": "2"}}})
    root, _ = written(tmp_path, timeline(track(dual)))
    sound = root.find(".//spine[@lane='-1']/clip/audio")
    assert sound is not None and sound.get("srcCh") == "2"


def test_markers_lie_on_what_is_seen_there(tmp_path: Path) -> None:
    root, notes = written(tmp_path, busy())
    marker = root.find(".//project/sequence/spine/asset-clip[@name='b']/marker")
    assert marker is not None
    assert (marker.get("value"), marker.get("note")) == ("Match cut A1:1", 'a & b "x" <y>')
    assert seconds(marker, "start") == Fraction(200, 24)
    assert "markers keep their name and note, not their colour" in notes


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="48000 frames"):
        write(timeline(track(clip())), tmp_path / "a.fcpxml", Fraction(48000))
    with pytest.raises(TimelineError, match="no known length"):
        unknown = otio.schema.Clip("u", otio.schema.ExternalReference("/x.wav"))
        write(timeline(track(unknown)), tmp_path / "a.fcpxml", Fraction(24))
    with pytest.raises(OutputError, match="cannot be written"):
        write(timeline(track(clip())), tmp_path / "no" / "a.fcpxml", Fraction(24))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "rate", "text"),
    [
        (Fraction(5), Fraction(24), "5s"),
        (Fraction(1001, 24000) * 10, NTSC, "10010/24000s"),
        (Fraction(7, 25), Fraction(25), "700/2500s"),
        (Fraction(4146583, 720000), Fraction(30), "4146583/720000s"),
        (Fraction(0.1), Fraction(24), "72000/720000s"),
    ],
)
def test_times(value: Fraction, rate: Fraction, text: str) -> None:
    assert parse_time(format_time(value, rate), "") == parse_time(text, "")
    if value != Fraction(0.1):
        assert format_time(value, rate) == text


@pytest.mark.parametrize("text", ["", "5", "1/0s", "1e9s", "99999999999s", "1/2/3s", "-s", "1/99999999999s", "nan"])
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(TimelineError):
        parse_time(text, "the offset of clip 'a'")


@st.composite
def wild_tracks(draw: st.DrawFn, kind: str) -> Any:
    """Clips with few handles, gaps and transitions anywhere, on frames and off them, some longer than their clips."""
    made = track(kind=kind)
    length = st.one_of(st.integers(1, 40), st.floats(0.3, 40))
    for number in range(draw(st.integers(1, 7))):
        what = draw(st.sampled_from(["clip", "clip", "clip", "gap", "fade"]))
        if what == "fade":
            made.append(transition(draw(st.floats(0, 20)), draw(st.integers(0, 20))))
        elif what == "gap":
            made.append(gap(draw(length)))
        else:
            size, head, tail = draw(length), draw(st.integers(0, 9)), draw(st.integers(0, 9))
            available = span(100 - head, size + head + tail) if draw(st.booleans()) else None
            made.append(clip(f"c{number}", 100, size, available=available))
    return made


@given(tracks=st.lists(st.sampled_from(["Video", "Audio"]).flatmap(wild_tracks), min_size=1, max_size=4))
def test_whatever_is_written_is_sound(tracks: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("wild") / "edit.fcpxml"
    write(timeline(*tracks), path, Fraction(24))
    check_structure(path)


@pytest.mark.slow
def test_every_real_timeline_is_written_soundly(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("otio_aaf_adapter")
    pytest.importorskip("otio_cmx3600_adapter")
    pytest.importorskip("otio_fcp_adapter")
    count = 0
    for source in sorted((shared_data / "timelines").iterdir()):
        try:
            loaded = read_timeline(source)
        except TimelineError:
            continue  # broken on purpose, or of several timelines: tests/test_real_timelines.py
        path = tmp_path / "edit.fcpxml"
        write(loaded.timeline, path, loaded.rate)
        check_structure(path)
        back = read(path)
        assert validate(back) == (), source.name
        count += 1
    assert count >= 50
