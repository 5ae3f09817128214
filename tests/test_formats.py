"""What each format needs so that a crossfade survives: written, read back, and looked into with other readers."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from fractions import Fraction
from pathlib import Path
from typing import Any

import failure_cases
import opentimelineio as otio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from timelines import clip, gap, span, stack, timeline, track, transition

from amc_otio.cli import main
from amc_otio.errors import AmcError, OutputError
from amc_otio.formats.any_adapter import AdapterFormat
from amc_otio.formats.kept import RATES, little, measure
from amc_otio.formats.media_urls import absolute_url
from amc_otio.formats.own_writer import OwnFormat
from amc_otio.formats.registry import FORMATS, format_for
from amc_otio.formats.write import check_output, rehearse, write_timeline
from amc_otio.timeline.apply import apply_edits
from amc_otio.timeline.crossfade import FCP_CROSSFADE
from amc_otio.timeline.edits import Edit, TrackCut
from amc_otio.timeline.links import find_links
from amc_otio.timeline.rational import exact_rate, seconds
from amc_otio.timeline.read import read_timeline
from amc_otio.timeline.slots import duration_of
from amc_otio.timeline.validate import validate

ADAPTERS = {".xml": "fcp_xml", ".aaf": "AAF", ".edl": "cmx_3600", ".xges": "xges"}
FEW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
rates = st.sampled_from(list(RATES.values()))
offsets = st.integers(1, 40)


def need(suffix: str) -> None:
    if suffix in ADAPTERS and ADAPTERS[suffix] not in otio.adapters.available_adapter_names():
        pytest.skip(f"the adapter {ADAPTERS[suffix]} is not installed")


def fades(read: Any) -> list[tuple[Fraction, Fraction, Fraction]]:
    """Cut, in offset and out offset of each audio crossfade, in seconds."""
    found = []
    for one in [t for t in read.tracks if t.kind == "Audio"]:
        at = Fraction(0)
        for child in one:
            if isinstance(child, otio.schema.Transition):
                found.append((at, seconds(child.in_offset), seconds(child.out_offset)))
            else:
                at += duration_of(child)
    return found


def through(made: Any, suffix: str, folder: Path) -> tuple[Any, tuple[str, ...], Path]:
    path = folder / f"new{suffix}"
    path.unlink(missing_ok=True)
    notes = write_timeline(made, path)
    arguments = {"rate": made.tracks[0].duration().rate} if suffix == ".edl" else {}
    return otio.adapters.read_from_file(str(path), **arguments), notes, path


# -- names and addresses


@pytest.mark.parametrize("suffix", [".xml", ".aaf", ".xges", ".fcpxml"])
@pytest.mark.parametrize("spelled", ["a b#1.wav", "sub/../a b#1.wav", "{folder}/a b#1.wav", "a%20b%231.wav"])
def test_editors_get_absolute_urls(suffix: str, spelled: str, tmp_path: Path) -> None:
    need(suffix)
    (tmp_path / "sub").mkdir()
    (tmp_path / "a b#1.wav").write_bytes(b"x")
    made = little(Fraction(25), Fraction(6, 25), Fraction(6, 25))
    for one in made.find_clips():
        one.media_reference.target_url = spelled.format(folder=tmp_path)
    path = tmp_path / f"new{suffix}"
    write_timeline(made, path)
    read = read_timeline(path, sound_track=False).timeline
    wanted = (tmp_path / "a b#1.wav").as_uri()
    assert {c.media_reference.target_url for c in read.find_clips()} == {wanted}
    assert {c.media_reference.target_url for c in made.find_clips()} == {spelled.format(folder=tmp_path)}


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("file://localhost/C%3a/a.mov", "file://localhost/C%3a/a.mov"),
        ("D:\\Media\\a b.mov", "file:///D:/Media/a%20b.mov"),
        ("\\\\server\\share\\a.mov", "file://server/share/a.mov"),
        ("/a/ü.mov", "file:///a/%C3%BC.mov"),
        ("https://example.org/a.mov", "https://example.org/a.mov"),
        ("a\x01.mov", "file:///base/a%EF%BF%BD.mov"),
        ("x" * 5000, "file:///base/" + "x" * 5000),
    ],
)
def test_references_of_every_form_become_urls(reference: str, url: str) -> None:
    assert absolute_url(reference, Path("/base")) == url


def test_names_that_xml_cannot_hold_are_mended(tmp_path: Path) -> None:
    need(".xml")
    made = little(Fraction(25), Fraction(6, 25), Fraction(6, 25))
    made.name = "cut\x02]]>"
    for one in made.find_clips():
        one.name = "shot\x01<&>"
    made.tracks.markers.append(otio.schema.Marker("m\x03", comment="c\x0c"))
    _, _, path = through(made, ".xml", tmp_path)
    root = ElementTree.parse(path).getroot()
    assert root.findtext(".//sequence/name") == "cut\ufffd]]>"
    assert {item.findtext("name") for item in root.iter("clipitem")} == {"shot\ufffd<&>"}


def test_a_line_break_in_a_name_makes_no_event(tmp_path: Path) -> None:
    need(".edl")
    event = "\n009  AX       V     C        00:00:00:00 00:00:01:00 00:00:05:00 00:00:06:00\n"
    made = little(Fraction(25), Fraction(6, 25), Fraction(6, 25))
    count = sum(1 for _ in made.tracks[0].find_clips())
    made.name += event
    for one in made.find_clips():
        one.name += event
        one.media_reference.target_url += event
    read, _, path = through(made, ".edl", tmp_path)
    assert sum(1 for _ in read.find_clips()) == count
    assert not any(line.startswith("009") for line in path.read_text("utf-8").splitlines())


def test_shots_of_one_file_keep_their_names_in_aaf(tmp_path: Path) -> None:
    need(".aaf")
    made = little(Fraction(25), Fraction(6, 25), Fraction(6, 25))
    first = made.tracks[0][0].media_reference
    for one in made.find_clips():
        one.media_reference = first.clone()
    read, _, _ = through(made, ".aaf", tmp_path)
    assert [[c.name for c in t.find_clips()][:2] for t in read.tracks] == [["one", "two"]] * 3


# -- Final Cut Pro 7 XML


@FEW
@given(rates, offsets)
def test_equal_offsets_of_a_stereo_pair_survive_final_cut_xml(tmp_path: Path, rate: Fraction, frames: int) -> None:
    need(".xml")
    read, notes, path = through(little(rate, frames / rate, frames / rate), ".xml", tmp_path)
    assert fades(read) == [(48 / rate, frames / rate, frames / rate)] * 2
    assert not notes
    for item in ElementTree.parse(path).getroot().iter("transitionitem"):
        assert item.findtext("alignment") == "center"
        assert (int(item.findtext("start")), int(item.findtext("end"))) == (48 - frames, 48 + frames)
        assert item.findtext("effect/mediatype") == "audio"
        assert item.findtext("effect/effectid") == "KGAudioTransCrossFade3dB"
        assert item.findtext("effect/name") == "Cross Fade (+3dB)"


@pytest.mark.parametrize("name", list(RATES))
def test_sound_that_equals_its_picture_keeps_its_handles(name: str, tmp_path: Path) -> None:
    need(".xml")
    rate = RATES[name]
    _, _, path = through(little(rate, 6 / rate, 6 / rate), ".xml", tmp_path)
    root = ElementTree.parse(path).getroot()
    tracks = {kind: root.findall(f".//sequence/media/{kind}/track") for kind in ("video", "audio")}
    assert [len(tracks[kind]) for kind in ("video", "audio")] == [1, 2]
    assert [item.tag for item in tracks["audio"][0]][:3] == ["clipitem", "transitionitem", "clipitem"]
    picture = tracks["video"][0].findall("clipitem")
    assert [(c.findtext("start"), c.findtext("end"), c.findtext("in"), c.findtext("out")) for c in picture] == [
        ("0", "48", "100", "148"),
        ("48", "108", "100", "160"),
    ]
    ids = [item.get("id") for item in root.iter("clipitem")]
    assert len(set(ids)) == len(ids)
    for pair in tracks["audio"]:
        one, two = pair.findall("clipitem")[:2]
        # -1 is the transition's middle; the handles are in the media's range.
        assert [one.findtext(tag) for tag in ("start", "end", "in", "out")] == ["0", "-1", "100", "154"]
        assert [two.findtext(tag) for tag in ("start", "end", "in", "out")] == ["-1", "108", "94", "160"]
        assert one.findtext("rate/timebase") == str(round(rate))
        assert one.findtext("rate/ntsc") == ("TRUE" if rate.denominator == 1001 else "FALSE")
        # Names are as an editor knows them.
        assert [one.findtext("name"), two.findtext("name")] == ["one", "two"]
    timecode = next(root.iter("file")).find("timecode")
    assert timecode is not None
    assert timecode.findtext("frame") == str(3600 * round(rate))
    links = tracks["audio"][0].find("clipitem").findall("link")
    assert [(e.findtext("mediatype"), e.findtext("trackindex"), e.findtext("clipindex")) for e in links] == [
        ("video", "1", "1"),
        ("audio", "1", "1"),
        ("audio", "2", "1"),
    ]
    assert {e.findtext("linkclipref") for e in links} <= set(ids)
    channels = [one.find("clipitem").findtext("sourcetrack/trackindex") for one in tracks["audio"]]
    assert channels == ["1", "2"]


def test_links_of_a_file_that_was_read_are_not_mixed_up(tmp_path: Path) -> None:
    need(".xml")
    rate = Fraction(24)
    read, _, _ = through(little(rate, 6 / rate, 6 / rate), ".xml", tmp_path)
    before = find_links(read)
    again, _, _ = through(read, ".xml", tmp_path)
    assert find_links(again) == before
    assert before[(0, 0)] == ((1, 0), (2, 0))


@FEW
@given(st.integers(1, 1919))
def test_sound_between_frames_moves_to_them_and_it_is_said(tmp_path: Path, off: int) -> None:
    need(".xml")
    made = little(Fraction(25), Fraction(6, 25), Fraction(6, 25), sound=Fraction(48_000))
    for one in made.tracks[1:]:
        old = one[0].source_range
        one[0].source_range = otio.opentime.TimeRange(
            old.start_time, old.duration + otio.opentime.RationalTime(off, 48000)
        )
    for suffix in (".xml", ".aaf"):
        need(suffix)
        read, notes, _ = through(made, suffix, tmp_path)
        moved = min(off, 1920 - off)
        assert any(f"moved, by at most {moved} samples of 48 kHz" in note for note in notes)
        cuts = {cut for cut, _, _ in fades(read)}
        assert all(abs(cut - (Fraction(48, 25) + Fraction(off, 48_000))) <= Fraction(1, 50) for cut in cuts)
        assert len(fades(read)) == 2


def test_a_cut_that_final_cut_xml_moves_is_said(tmp_path: Path) -> None:
    need(".xml")
    read, notes, _ = through(little(Fraction(24), Fraction(4, 24), Fraction(10, 24)), ".xml", tmp_path)
    assert fades(read)[0] == (Fraction(51, 24), Fraction(7, 24), Fraction(7, 24))
    assert any("moved the cut of 2 crossfades of sound, by at most 6000 samples" in note for note in notes)


def test_nests_and_image_sequences_reach_final_cut_xml(tmp_path: Path) -> None:
    need(".xml")
    frames = otio.schema.ImageSequenceReference(
        "file:///frames", "a.", ".exr", 1001, 1, 24, 4, available_range=span(0, 100)
    )
    picture = otio.schema.Clip("seq", frames, span(0, 48))
    inner = stack(track(clip("inner", 0, 100)), source_range=span(10, 48))
    made = timeline(track(picture, kind="Video"), track(clip("a"), inner, track(clip("b", 0, 24)), gap()))
    read, notes, _ = through(made, ".xml", tmp_path)
    assert read.tracks[0][0].media_reference.target_url.startswith("file:///frames")
    assert any("1 image sequences" in note for note in notes)
    assert [duration_of(child) for child in read.tracks[1]][:3] == [2, 2, 1]


# -- AAF


@FEW
@given(rates, offsets, offsets)
def test_whole_offsets_survive_aaf(tmp_path: Path, rate: Fraction, before: int, after: int) -> None:
    need(".aaf")
    read, notes, path = through(little(rate, before / rate, after / rate), ".aaf", tmp_path)
    assert fades(read) == [(48 / rate, before / rate, after / rate)] * 2
    aaf2 = pytest.importorskip("aaf2")
    with aaf2.open(str(path)) as file:
        found = []
        for mob in file.content.toplevel():
            for slot in mob.slots:
                # Sound lies in a sequence in an operation group (its pan).
                inside = getattr(slot.segment, "segments", ())
                found += [c for s in inside for c in s.components if isinstance(c, aaf2.components.Transition)]
        assert len(found) == 2
        for one in found:
            group = one["OperationGroup"].value
            assert group.operation.name == "Audio Dissolve"
            assert str(group.operation.auid) == "0c3bea41-fc05-11d2-8a29-0050040ef7d2"
            assert (one["CutPoint"].value, one.length) == (before, before + after)
    # What AAF drops is said: the marker, and the clip that is off.
    assert any("markers" in note for note in notes)
    assert any("switches 1 clips on again" in note for note in notes)


def test_the_same_media_is_one_master_mob_in_every_aaf(tmp_path: Path) -> None:
    need(".aaf")
    aaf2 = pytest.importorskip("aaf2")
    seen = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}.aaf"
        write_timeline(little(Fraction(24), Fraction(1, 4), Fraction(1, 4)), path)
        with aaf2.open(str(path)) as file:
            seen.append(sorted((mob.name, str(mob.mob_id)) for mob in file.content.mastermobs()))
    assert seen[0] == seen[1]
    assert [name for name, _ in seen[0]] == ["off", "one", "two"]


def test_media_without_a_length_and_generators_are_said(tmp_path: Path) -> None:
    need(".aaf")
    bars = otio.schema.Clip("bars", otio.schema.GeneratorReference("bars", "SMPTEBars"), span(0, 24))
    made = timeline(track(clip("a", available=None), transition(), clip("b", 100), bars))
    read, notes, _ = through(made, ".aaf", tmp_path)
    assert len(fades(read)) == 1
    assert any("1 clips do not say how long their media is" in note for note in notes)
    assert any("1 became gaps" in note for note in notes)


# -- EDL


@pytest.mark.parametrize("name", list(RATES))
def test_an_edl_says_its_joins(name: str, tmp_path: Path) -> None:
    need(".edl")
    rate = RATES[name]
    read, notes, path = through(little(rate, 4 / rate, 10 / rate), ".edl", tmp_path)
    lines = path.read_text(encoding="utf-8").splitlines()
    joins = [line for line in lines if line.startswith("* AMC-OTIO: ")]
    # At the event that begins with the join.
    second = next(n for n, line in enumerate(lines) if line.startswith("002"))
    assert [lines.index(join) > second for join in joins] == [True, True]
    assert joins[0].startswith("* AMC-OTIO: A1 CROSSFADE, 4 FRAMES BEFORE AND 10 AFTER 00:00:0")
    assert any("dropped the audio tracks" in note for note in notes)
    assert any("2 joins of sound in comments" in note for note in notes)
    assert [round(seconds(c.source_range.duration) * rate) for c in read.find_clips()] == [48, 60]


def test_an_edl_without_picture_is_refused_in_words(tmp_path: Path) -> None:
    need(".edl")
    with pytest.raises(OutputError, match="an EDL holds picture cuts, and there is none"):
        write_timeline(timeline(track(clip("a"))), tmp_path / "new.edl")
    assert not list(tmp_path.iterdir())


# -- Crossfades of ours


def applied(rate: Fraction = Fraction(24)) -> Any:
    made = little(rate, Fraction(0), Fraction(0))
    edit = Edit(
        name="A1:1",
        mode="align",
        cuts=(TrackCut((1,), 0), TrackCut((2,), 0)),
        record_time=48 / rate,
        cut_shift=Fraction(0),
        shot=None,
        in_shift=Fraction(0),
        length=None,
        fade_before=6 / rate,
        fade_after=6 / rate,
        ripple=False,
        summary="x",
        metadata={},
    )
    return apply_edits(made, [edit], rate).timeline


@pytest.mark.parametrize(("suffix", "arguments"), [(".xml", {}), (".aaf", {"use_empty_mob_ids": True})])
def test_otios_own_conversion_keeps_a_crossfade_of_ours(suffix: str, arguments: dict[str, Any], tmp_path: Path) -> None:
    need(suffix)
    made = applied()
    made.to_json_file(str(tmp_path / "new.otio"))
    read = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    # Names of their own, as this adapter needs them.
    for number, one in enumerate(read.find_clips()):
        one.name += f" {number}"
    otio.adapters.write_to_file(read, str(tmp_path / f"new{suffix}"), **arguments)
    back = otio.adapters.read_from_file(str(tmp_path / f"new{suffix}"))
    assert fades(back) == [(Fraction(2), Fraction(1, 4), Fraction(1, 4))] * 2
    if suffix == ".xml":
        text = (tmp_path / "new.xml").read_text(encoding="utf-8")
        assert text.count(FCP_CROSSFADE["effectid"]) == 2


# -- The measured table


@pytest.mark.parametrize("suffix", [".otio", ".otioz", ".otiod"])
def test_otio_keeps_everything(suffix: str) -> None:
    kept = measure(format_for(suffix))
    assert (kept.problem, kept.crossfades, kept.offsets, kept.gain) == ("", 2, "exact", "of Resolve")
    assert kept.link and kept.markers and kept.metadata and kept.mute
    assert (kept.media, kept.rates, kept.sound_tracks) == ("with timecode", tuple(RATES), "exact")


def test_what_the_adapters_keep() -> None:
    for suffix in (".xml", ".aaf", ".edl"):
        need(suffix)
    xml, aaf, edl = (measure(format_for(suffix)) for suffix in (".xml", ".aaf", ".edl"))
    assert (xml.crossfades, xml.offsets, xml.sound_tracks) == (2, "whole frames, cut in the middle", "to the frame")
    assert xml.link and xml.mute and xml.gain == "yes"
    assert (aaf.crossfades, aaf.offsets, aaf.markers) == (2, "whole frames", False)
    assert (edl.crossfades, edl.offsets, edl.sound_tracks) == (0, "no", "no")
    assert xml.rates == aaf.rates == edl.rates == tuple(RATES)


class Broken(AdapterFormat):
    """An adapter that raises, or is not there."""

    def __init__(self, available: bool) -> None:
        super().__init__(".broken", "Broken", "otio-broken-adapter")
        self._available = available

    @property
    def is_available(self) -> bool:
        return self._available

    def write(self, *_: Any) -> tuple[str, ...]:
        raise ValueError("no such thing\nas this")


def test_a_format_that_cannot_be_measured_says_why() -> None:
    assert measure(Broken(True)).problem == "no such thing as this"
    assert measure(Broken(False)).problem == "not installed: pip install otio-broken-adapter"


def test_a_writer_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(timeline: Any, path: Path, rate: Fraction, base: Path | None = None) -> tuple[str, ...]:
        timeline.to_json_file(str(path))
        return (f"{float(rate):g}, {base}",)

    def refuse(timeline: Any, path: Path, rate: Fraction, base: Path | None = None) -> tuple[str, ...]:
        raise OutputError(path, "cannot hold it", "write .otio instead")

    def read(path: Path) -> Any:
        return otio.adapters.read_from_file(str(path), "otio_json")

    form = OwnFormat(".ours", "Ours", lambda: (write, read), "exact")
    monkeypatch.setattr("amc_otio.formats.write.format_for", lambda _: form)
    check_output(tmp_path / "new.ours", None, False)
    made = little(Fraction(25), Fraction(0), Fraction(0))
    assert write_timeline(made, tmp_path / "new.ours") == (f"25, {tmp_path}",)
    assert measure(form).offsets == "exact"
    form = OwnFormat(".ours", "Ours", lambda: (refuse, read), "exact")
    with pytest.raises(OutputError, match="cannot hold it") as caught:
        write_timeline(made, tmp_path / "other.ours")
    assert str(caught.value.thing) == str(tmp_path / "other.ours")


def test_every_suffix_is_registered_once() -> None:
    suffixes = [form.suffix for form in FORMATS]
    assert len(set(suffixes)) == len(suffixes)
    assert format_for(".XML") is format_for(".xml")
    assert format_for(".unheard").offsets == "equal frames"


def test_kdenlive_is_pointed_to_otio(tmp_path: Path) -> None:
    if "kdenlive" in otio.adapters.suffixes_with_defined_adapters(write=True):
        pytest.skip("the adapter is installed")
    with pytest.raises(OutputError, match=r"write \.otio, which Kdenlive opens itself"):
        check_output(tmp_path / "new.kdenlive", None, False)


# -- What apply and match say


@pytest.mark.parametrize("suffix", [".xml", ".aaf", ".edl", ".otio"])
def test_a_dry_run_says_what_a_run_says(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    need(suffix)
    monkeypatch.chdir(tmp_path)
    failure_cases.prepare_good(tmp_path)
    arguments = ["match", "edit.otio", "-o", f"new{suffix}", "--gallery", "sounds", "--json", *failure_cases.FAST]
    code = main([*arguments, "--dry-run"])
    rehearsed = capsys.readouterr()
    if suffix == ".edl" and code:
        assert "an EDL holds picture cuts" in rehearsed.err
        return
    assert code == 0
    assert not (tmp_path / f"new{suffix}").exists()
    assert main(arguments) == 0
    done = json.loads(capsys.readouterr().out)
    assert json.loads(rehearsed.out)["notes"] == done["notes"]
    sidecar = json.loads((tmp_path / f"new{suffix}.amc.json").read_text(encoding="utf-8"))
    assert set(sidecar["notes"]) <= set(done["notes"])
    moved = [note for note in done["notes"] if "samples" in note]
    assert bool(moved) is (suffix != ".otio"), done["notes"]


def test_a_rehearsal_of_a_bundle_takes_nothing_along(tmp_path: Path) -> None:
    made = little(Fraction(24), Fraction(1, 4), Fraction(1, 4))
    assert rehearse(made, tmp_path / "new.otioz") == write_timeline(made, tmp_path / "new.otioz")
    assert [file.name for file in tmp_path.iterdir()] == ["new.otioz"]


# -- Timelines of real editors


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".xml", ".aaf", ".edl", ".xges", ".otioz"])
def test_real_timelines_are_written_or_refused_in_words(
    suffix: str, shared_data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    need(suffix)
    written, refused = 0, []
    for file in sorted((shared_data / "timelines").iterdir()):
        try:
            made = read_timeline(file, bundle_dir=tmp_path).timeline
        except AmcError:
            continue
        before = made.to_json_string()
        try:
            write_timeline(made, tmp_path / f"{file.stem}{suffix}")
            written += 1
        except OutputError as error:
            refused.append(str(error))
        assert made.to_json_string() == before, f"{file.name} was changed"
    assert written >= {".otioz": 50, ".xml": 50, ".aaf": 49, ".xges": 42, ".edl": 41}[suffix], refused
    assert all("\n" not in line for line in refused)


@pytest.mark.parametrize("suffix", [".xml", ".aaf"])
def test_what_is_read_back_is_a_timeline_of_ours(suffix: str, tmp_path: Path) -> None:
    need(suffix)
    path = tmp_path / f"new{suffix}"
    write_timeline(little(RATES["29.97"], 6 / RATES["29.97"], 6 / RATES["29.97"]), path)
    loaded = read_timeline(path)
    validate(loaded.timeline)
    assert loaded.rate == exact_rate(29.97)
