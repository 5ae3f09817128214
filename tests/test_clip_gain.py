"""A level match as clip gain: the ramp, each format's recipe read back or rendered, and what is said without one."""

from __future__ import annotations

import dataclasses
import json
import xml.etree.ElementTree as ElementTree
from fractions import Fraction
from pathlib import Path
from typing import Any

import ges
import numpy as np
import opentimelineio as otio
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from timelines import clip, span, stack, timeline, track

from amc_otio.config import MOST_GAIN_DB, Settings
from amc_otio.formats.base import Target
from amc_otio.formats.lost import gains_lost, what_was_lost
from amc_otio.formats.registry import format_for
from amc_otio.formats.write import write_timeline
from amc_otio.joining.fades import Blend, level_envelope
from amc_otio.timeline.apply import Applied, apply_edits
from amc_otio.timeline.clip_effects import has_effects, start_keyframes_later
from amc_otio.timeline.edits import Edit, RetrievedShot, TrackCut
from amc_otio.timeline.equality import fields, same_fields
from amc_otio.timeline.gain_ramp import SHORTEST_GLIDE, STEP_DB, Ramp
from amc_otio.timeline.level_match import Recipe
from amc_otio.timeline.rational import exact_rate
from amc_otio.timeline.revert import revert
from amc_otio.timeline.write import stamp
from amc_otio.workflow import Sources, apply, propose

RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange
RATES = [24000 / 1001, 24.0, 25.0, 30000 / 1001, 60.0, 48000.0]
SUFFIXES = [".otio", ".otioz", ".xml", ".xges", ".edl", ".aaf", ".fcpxml"]


def need(adapter: str) -> None:
    if adapter not in otio.adapters.available_adapter_names():
        pytest.skip(f"the adapter {adapter} is not installed")


def two_shots(rate: float = 24.0, start: float = 0, **changes: Any) -> Any:
    """Sound of two shots of four seconds, each from ten seconds into its file, which begins at frame `start`."""
    frames = round(4 * rate)
    media = span(start, round(40 * rate), rate)
    shots = [
        clip(name, start + round(10 * rate), frames, rate=rate, url=f"file:///media/{name}.wav", available=media)
        for name in ("a", "b")
    ]
    for key, value in changes.items():
        shots[1].metadata[key] = value
    return timeline(track(*shots, name="A1"))


def edit(
    rate: float = 24.0, mode: str = "align", gain: float = 6.0, glide: Fraction = Fraction(1), **changes: Any
) -> Edit:
    """The cut of `two_shots`, with a fade of six frames each side of it and a level match."""
    frame = 1 / exact_rate(rate)
    shot = RetrievedShot("found", "file:///media/c.wav", RT(0, rate), RT(40 * rate, rate), RT(5 * rate, rate), False, 1)
    made = Edit(
        name="A1:1",
        mode=mode,
        cuts=(TrackCut((0,), 0),),
        record_time=round(4 * rate) * frame,
        cut_shift=Fraction(0),
        shot=None if mode == "align" else shot,
        in_shift=Fraction(0),
        length=48 * frame if mode == "insert" else None,
        fade_before=6 * frame,
        fade_after=6 * frame,
        ripple=False,
        summary="x",
        metadata={"gain_db": gain},
        gain_db=gain,
        glide=glide,
    )
    return dataclasses.replace(made, **changes)


def recipe_for(suffix: str, made: Any, rate: Fraction) -> Recipe:
    return format_for(suffix).gain_recipe(made, rate)


def applied(made: Any, suffix: str, *edits: Edit, rate: float = 24.0) -> Applied:
    return apply_edits(made, edits, exact_rate(rate), recipe_for(suffix, made, exact_rate(rate)))


def incoming(made: Any, index: int = 2) -> Any:
    return made.tracks[0][index]


# -- The ramp


@given(
    st.floats(-MOST_GAIN_DB, MOST_GAIN_DB).filter(lambda g: abs(g) > 1e-3),
    st.integers(0, 48_000),
    st.integers(0, 48_000),
    st.integers(0, 96_000),
)
def test_the_ramp_is_the_envelope_that_a_bounce_applies(gain: float, before: int, after: int, glide: int) -> None:
    ramp = Ramp.around(Fraction(5), Fraction(before, 48_000), Fraction(after, 48_000), gain, Fraction(glide, 48_000))
    length = before + after + glide + 480
    envelope = 20 * np.log10(level_envelope(Blend(before, after, "equal-power", gain, glide), length))
    places = np.unique(np.linspace(0, length - 1, 60).astype(int))
    # The shortest glide is a millisecond: within it alone the two may differ.
    short = glide < SHORTEST_GLIDE * 48_000
    for place in places:
        if short and before + after <= place < before + after + 48:
            continue
        time = ramp.start + Fraction(2 * int(place) + 1, 2 * 48_000)  # the envelope is taken at sample centres
        assert ramp.at(time) == pytest.approx(envelope[place], abs=1e-6)


@given(
    st.floats(-MOST_GAIN_DB, MOST_GAIN_DB).filter(lambda g: abs(g) > 1e-3),
    st.fractions(0, 1, max_denominator=48_000),
    st.fractions(0, 3, max_denominator=48_000),
    st.sampled_from([Fraction(10**9), Fraction(48_000), Fraction(24), Fraction(30_000, 1001)]),
)
def test_straight_lines_between_keyframes_follow_the_ramp(
    gain: float, after: Fraction, glide: Fraction, rate: Fraction
) -> None:
    ramp = Ramp.around(Fraction(5), Fraction(1, 8), after, gain, glide)
    keys = ramp.keyframes(rate, Fraction(2))
    ticks = [tick for tick, _ in keys]
    assert ticks == sorted(set(ticks))
    assert keys[0][1] == gain
    assert keys[-1][1] == 0
    assert len(keys) <= MOST_GAIN_DB / STEP_DB + 6
    times = np.array([2 + float(tick / rate) for tick in ticks])
    values = np.array([value for _, value in keys])
    wanted = np.linspace(4.9, float(ramp.end) + 0.1, 500)
    truth = np.array([ramp.at(Fraction(t)) for t in wanted])
    in_decibels = np.interp(wanted, times, values)
    in_amplitude = 20 * np.log10(np.interp(wanted, times, 10 ** (values / 20)))
    # Where frames are too coarse for it, a reader is off by what the glide does in one frame.
    allowed = 0.02 + abs(gain) * min(1.0, float(1 / rate / (ramp.end - ramp.hold)))
    assert np.abs(in_decibels - truth).max() < allowed
    assert np.abs(in_amplitude - truth).max() < allowed + 0.02


def test_no_keyframe_lies_outside_the_media() -> None:
    ramp = Ramp.around(Fraction(5), Fraction(1), Fraction(1), 12.0, Fraction(4))
    keys = ramp.keyframes(Fraction(24), Fraction(9, 2), last=Fraction(8))
    assert keys[0] == (0, 12.0)
    assert keys[-1] == (84, ramp.at(Fraction(8)))
    assert keys[-1][1] == pytest.approx(6.0)


# -- Nothing without a gain


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("mode", ["align", "replace", "insert"])
def test_without_a_gain_no_format_gets_anything(suffix: str, mode: str) -> None:
    plain = applied(two_shots(), ".otio", edit(mode=mode, gain=0.0))
    made = applied(two_shots(), suffix, edit(mode=mode, gain=0.0))
    assert fields(made.timeline) == fields(plain.timeline)
    assert made.notes == plain.notes == ()


@pytest.mark.parametrize("suffix", [".xges"])
def test_without_a_gain_the_file_is_the_adapters_own(suffix: str, tmp_path: Path) -> None:
    need("xges")
    made = applied(two_shots(), suffix, edit(gain=0.0)).timeline
    assert write_timeline(made, tmp_path / f"new{suffix}") == ()
    otio.adapters.write_to_file(made, str(tmp_path / f"plain{suffix}"))
    assert (tmp_path / f"new{suffix}").read_bytes() == (tmp_path / f"plain{suffix}").read_bytes()


# -- Final Cut Pro 7 XML


def levels_of(item: Any) -> list[tuple[int, float]]:
    """Keyframes of the filter "Audio Levels" of a clip that was read from FCP 7 XML: frame and gain in dB."""
    effect = item.metadata["fcp_xml"]["filter"]["effect"]
    assert (effect["effectid"], effect["mediatype"]) == ("audiolevels", "audio")
    assert effect["parameter"]["parameterid"] == "level"
    keys = effect["parameter"]["keyframe"]
    return [(int(k["when"]), 20 * np.log10(float(k["value"]))) for k in keys]


@pytest.mark.parametrize("rate", RATES[:-1])
@pytest.mark.parametrize("hour", [0, 1])
@pytest.mark.parametrize("gain", [-5.5, 7.25])
def test_final_cut_xml_reads_back_with_the_ramp(rate: float, hour: int, gain: float, tmp_path: Path) -> None:
    need("fcp_xml")
    start = hour * 3600 * round(rate)
    made = applied(two_shots(rate, start), ".xml", edit(rate, gain=gain), rate=rate)
    assert made.notes == ()
    assert write_timeline(made.timeline, tmp_path / "new.xml") == ()
    read = otio.adapters.read_from_file(str(tmp_path / "new.xml"))
    back = incoming(read)
    keys = levels_of(back)
    # Frames of the media from its first, whatever its timecode says; the clip begins ten seconds in.
    cut = round(10 * rate)
    assert keys[0] == (cut - 6, pytest.approx(gain, abs=1e-3))
    frames, values = zip(*keys, strict=True)
    assert values[frames.index(cut + 6)] == pytest.approx(gain, abs=1e-3)
    assert frames[-1] == int(np.ceil(cut + 6 + float(exact_rate(rate)) - 1e-6))
    assert values[-1] == pytest.approx(0, abs=1e-5)
    half = cut + 6 + float(exact_rate(rate)) / 2
    assert np.interp(half, frames, values) == pytest.approx(gain / 2, abs=0.05)
    # A reader that knows no keyframes hears the clip at its own level.
    assert float(back.metadata["fcp_xml"]["filter"]["effect"]["parameter"]["value"]) == 1
    # The other clip has none.
    assert "filter" not in incoming(read, 0).metadata["fcp_xml"]


def test_final_cut_xml_keeps_other_filters_and_multiplies_a_steady_level(tmp_path: Path) -> None:
    need("fcp_xml")
    own = {"effect": {"effectid": "AudioLevels", "parameter": {"parameterid": "level", "value": "0.5"}}}
    pan = {"effect": {"effectid": "audiopan", "name": "Audio Pan"}}
    before = two_shots(fcp_xml={"filter": [own, pan], "enabled": "TRUE"})
    made = applied(before, ".xml", edit(gain=6.0)).timeline
    held = incoming(made).metadata["fcp_xml"]
    assert held["enabled"] == "TRUE"
    first, second = held["filter"]
    assert first["effect"]["effectid"] == "audiopan"
    parameter = second["effect"]["parameter"]
    assert float(parameter["value"]) == 0.5
    assert float(parameter["keyframe"][0]["value"]) == pytest.approx(0.5 * 10 ** (6 / 20), abs=1e-5)
    assert float(parameter["keyframe"][-1]["value"]) == pytest.approx(0.5)
    # What was read is not what is changed.
    assert before.tracks[0][1].metadata["fcp_xml"]["filter"][0]["effect"]["parameter"]["value"] == "0.5"
    assert write_timeline(made, tmp_path / "new.xml") == ()


def test_a_level_that_moves_already_is_left_alone() -> None:
    keyed = {"effectid": "audiolevels", "parameter": {"value": "1", "keyframe": {"when": "3", "value": "2"}}}
    before = two_shots(fcp_xml={"filter": {"effect": keyed}})
    made = applied(before, ".xml", edit())
    assert fields(incoming(made.timeline)) == fields(incoming(applied(before, ".xml", edit(gain=0.0)).timeline))
    (note,) = made.notes
    assert "A1:1 (+6.0 dB) is only in a bounce (--bounce): the clip has a keyframed level of its own" in note


def test_more_than_the_format_can_is_said() -> None:
    for suffix, most in ((".xml", "12 dB"), (".xges", "20 dB")):
        made = applied(two_shots(), suffix, edit(gain=23.0))
        (note,) = made.notes
        assert f"A1:1 (+23.0 dB) is written up to {most}, where the clip gain of {suffix} ends" in note
        assert applied(two_shots(), suffix, edit(gain=-23.0)).notes == ()
    made = applied(two_shots(), ".xml", edit(gain=23.0))
    levels = incoming(made.timeline).metadata["fcp_xml"]["filter"]["effect"]
    values = [float(k["value"]) for k in levels["parameter"]["keyframe"]]
    assert max(values) == pytest.approx(3.98109)


def test_stereo_pairs_and_retrieved_shots_have_it_on_every_sound_track(tmp_path: Path) -> None:
    need("fcp_xml")
    made = two_shots()
    pair, picture = made.tracks[0].clone(), made.tracks[0].clone()
    picture.kind = "Video"
    made.tracks.extend([pair, picture])
    cuts = (TrackCut((0,), 0), TrackCut((1,), 0), TrackCut((2,), 0))
    shot = edit(mode="replace").shot
    assert shot is not None
    stereo = dataclasses.replace(shot, has_picture=True, channels=2)
    new = applied(made, ".xml", edit(mode="replace", cuts=cuts, shot=stereo))
    assert new.notes == ()
    first, second, third = new.timeline.tracks
    assert levels_of(first[2]) == levels_of(second[2])
    assert "fcp_xml" not in third[1].metadata


def test_what_a_writer_drops_is_told(tmp_path: Path) -> None:
    made = applied(two_shots(), ".xml", edit()).timeline
    bare = applied(two_shots(), ".xml", edit(gain=0.0)).timeline
    assert gains_lost(made, made, format_for(".xml"), Path("x.xml")) == ()
    (lost,) = gains_lost(made, bare, format_for(".xml"), Path("x.xml"))
    assert ".xml kept 0 of 1 clip gains" in lost
    assert gains_lost(bare, made, format_for(".xml"), Path("x.xml")) == ()
    assert what_was_lost(made, made, format_for(".xml"), Path("x.xml"), Target(Path("x.xml"), Fraction(24))) == ()


# -- XGES


def bindings(file: Path) -> list[list[tuple[int, float]]]:
    """Keyframes of every volume binding in an .xges file: nanoseconds of the media, and dB."""
    found = []
    for binding in ElementTree.fromstring(file.read_text(encoding="utf-8")).iter("binding"):
        assert (binding.get("property"), binding.get("type"), binding.get("mode")) == ("volume", "direct", "1")
        pairs = [pair.split(":") for pair in str(binding.get("values")).split()]
        found.append([(int(time), 20 * np.log10(10 * float(value))) for time, value in pairs])
    return found


@pytest.mark.parametrize("rate", RATES)
def test_xges_holds_the_ramp_as_a_binding_of_the_clips_volume(rate: float, tmp_path: Path) -> None:
    need("xges")
    made = applied(two_shots(rate), ".xges", edit(rate, gain=-9.0), rate=rate)
    assert made.notes == ()
    file = tmp_path / "new.xges"
    assert write_timeline(made.timeline, file) == ()
    (keys,) = bindings(file)
    cut, frame = round(10 * rate) / exact_rate(rate), 1 / exact_rate(rate)
    assert keys[0] == (pytest.approx(float((cut - 6 * frame) * 10**9), abs=2), pytest.approx(-9.0, abs=1e-6))
    assert keys[-1] == (pytest.approx(float((cut + 6 * frame + 1) * 10**9), abs=2), pytest.approx(0, abs=1e-6))
    assert "amc-otio clip gain" not in file.read_text(encoding="utf-8")
    # It stays a file that the adapter reads.
    assert len(list(otio.adapters.read_from_file(str(file)).find_clips())) == 2


def test_names_in_an_xges_file_cannot_pass_for_a_ramp(tmp_path: Path) -> None:
    need("xges")
    made = applied(two_shots(), ".xges", edit(gain=0.0)).timeline
    name = '<effect asset-id="amc-otio clip gain 1:1" track-id="0" />'
    incoming(made).name = name
    otio.adapters.write_to_file(made, str(tmp_path / "plain.xges"))
    assert write_timeline(made, tmp_path / "new.xges") == ()
    assert (tmp_path / "new.xges").read_bytes() == (tmp_path / "plain.xges").read_bytes()


@pytest.mark.slow
@pytest.mark.ges
@pytest.mark.parametrize(("mode", "gain"), [("align", 8.0), ("replace", -11.0), ("insert", 19.5)])
def test_ges_plays_the_ramp(mode: str, gain: float, tmp_path: Path) -> None:
    """Rendered with and without: the ratio of the two, over 10 ms each, is the gain."""
    ges.need_ges()
    seconds = 40
    rng = np.random.default_rng(5)
    soundfile.write(tmp_path / "a.wav", np.zeros(seconds * ges.RATE), ges.RATE, subtype="FLOAT")
    for name in "bc":
        sound = 0.02 * rng.standard_normal(seconds * ges.RATE)
        soundfile.write(tmp_path / f"{name}.wav", sound, ges.RATE, subtype="FLOAT")
    rendered = []
    for match in (gain, 0.0):
        made = applied(two_shots(), ".xges", edit(mode=mode, gain=match, glide=Fraction(3, 4))).timeline
        for item in made.find_clips():
            item.media_reference.target_url = (tmp_path / Path(item.media_reference.target_url).name).as_uri()
        write_timeline(made, tmp_path / f"{match}.xges")
        rendered.append(ges.render_file(tmp_path / f"{match}.xges")[0])
    block = 480
    power = [(r[: len(r) // block * block].reshape(-1, block) ** 2).mean(axis=1) for r in rendered]
    # From the middle of the fade, where the incoming sound is loud enough, to the end of the shot.
    first, last = int(4.0 * 100), int((5.9 if mode == "insert" else 7.9) * 100)
    measured = 10 * np.log10(power[0][first:last] / power[1][first:last])
    times = (np.arange(first, last) + 0.5) / 100
    wanted = np.interp(times, [0, 4.25, 5.0], [gain, gain, 0.0])
    assert np.abs(measured - wanted).max() < 0.1
    assert np.sqrt(np.mean((measured - wanted) ** 2)) < 0.02


# -- OTIO


def resolve_two_shots(effects: list[Any] | None = None, rate: float = 24.0, start: float = 0) -> Any:
    made = two_shots(rate, start, Resolve_OTIO={"Link Group ID": 3})
    for effect in effects or []:
        made.tracks[0][1].effects.append(effect)
    return made


def volume_of(item: Any) -> Any:
    (effect,) = [e for e in item.effects if e.metadata["Resolve_OTIO"]["Effect Name"].startswith("Fairlight Clip Vol")]
    (volume,) = [p for p in effect.metadata["Resolve_OTIO"]["Parameters"] if p["Parameter ID"] == "volume"]
    return volume


def resolve_volume(*parameters: dict[str, Any]) -> otio.schema.Effect:
    effect = {"Effect Name": "Fairlight Clip Volume and Fades", "Enabled": True, "Parameters": list(parameters)}
    return otio.schema.Effect("", effect_name="Resolve Effect", metadata={"Resolve_OTIO": effect})


def test_a_timeline_of_resolve_gets_its_own_clip_volume(tmp_path: Path) -> None:
    made = applied(resolve_two_shots(start=86_400), ".otio", edit(gain=6.0))
    (note,) = made.notes
    assert "A1:1 (+6.0 dB) is written as DaVinci Resolve's clip volume; for any other reader it is only in a" in note
    write_timeline(made.timeline, tmp_path / "new.otio")
    read = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    volume = volume_of(incoming(read))
    keys = {int(frame): key["Value"] for frame, key in volume["Key Frames"].items()}
    # Decibels, in frames from the clip's start on the timeline.
    assert keys[0] == keys[6] == 6.0
    assert keys[18] == pytest.approx(3.0)
    assert max(keys) == 30
    assert keys[30] == 0
    assert volume["Parameter Value"] == 0


def test_it_has_the_form_of_what_resolve_itself_wrote(shared_data: Path) -> None:
    """A file that Resolve wrote holds two clips with keyframed volume."""
    value = json.loads((shared_data / "timelines" / "OpenTimelineIO__effects.otio").read_text(encoding="utf-8"))
    keyed: list[dict[str, Any]] = []

    def walk(thing: Any) -> None:
        if isinstance(thing, dict):
            if thing.get("Parameter ID") == "volume" and thing.get("Key Frames"):
                keyed.append(thing)
            for inner in thing.values():
                walk(inner)
        elif isinstance(thing, list):
            for inner in thing:
                walk(inner)

    walk(value)
    assert len(keyed) == 2
    made = applied(resolve_two_shots(), ".otio", edit()).timeline
    ours = json.loads(made.to_json_string())["tracks"]["children"][0]["children"][2]["effects"][0]
    volume = ours["metadata"]["Resolve_OTIO"]["Parameters"][0]
    theirs = keyed[0]
    assert set(volume) == set(theirs)
    for name in ("Default Parameter Value", "Variant Type", "maxValue", "minValue"):
        assert volume[name] == theirs[name]
    assert {tuple(sorted(key)) for key in volume["Key Frames"].values()} == {
        tuple(sorted(key)) for key in theirs["Key Frames"].values()
    }
    assert all(isinstance(key["Value"], float) for key in volume["Key Frames"].values())


def test_resolves_own_steady_level_is_added_to_and_a_moving_one_left_alone() -> None:
    steady = resolve_volume({"Parameter ID": "fade", "x": 1}, {"Parameter ID": "volume", "Parameter Value": -4.0})
    pan = otio.schema.Effect(
        "", effect_name="Resolve Effect", metadata={"Resolve_OTIO": {"Effect Name": "Fairlight Clip Pan"}}
    )
    made = applied(resolve_two_shots([pan, steady]), ".otio", edit(gain=6.0)).timeline
    volume = volume_of(incoming(made))
    assert volume["Parameter Value"] == -4.0
    assert volume["Key Frames"]["0"]["Value"] == 2.0
    assert len(incoming(made).effects) == 2
    assert incoming(made).effects[1].metadata["Resolve_OTIO"]["Parameters"][1]["Parameter ID"] == "fade"
    moving = resolve_volume({"Parameter ID": "volume", "Parameter Value": 0.0, "Key Frames": {"3": {"Value": 1.0}}})
    loud = applied(
        resolve_two_shots([resolve_volume({"Parameter ID": "volume", "Parameter Value": 28.0})]), ".otio", edit()
    )
    assert "written up to 30 dB, where the clip gain of DaVinci Resolve ends" in loud.notes[0]
    left = applied(resolve_two_shots([moving]), ".otio", edit())
    assert "only in a bounce (--bounce): the clip has a keyframed level" in left.notes[0]
    assert list(volume_of(incoming(left.timeline))["Key Frames"]) == ["3"]


@pytest.mark.parametrize("suffix", [".otio", ".otioz", ".edl", ".aaf", ".fcpxml", ".OTIO"])
def test_a_format_without_clip_gain_says_so_once_for_all_joins(suffix: str) -> None:
    many = timeline(track(*[clip(name, 100, 48) for name in "abcdefghi"]))
    edits = [
        edit(
            name=f"A1:{i + 1}", cuts=(TrackCut((0,), i),), record_time=Fraction(2 * i + 2), mode="insert", gain=3.0 + i
        )
        for i in range(8)
    ]
    shots = [dataclasses.replace(e, length=Fraction(1, 2)) for e in edits]
    made = applied(many, suffix, *shots)
    (note,) = made.notes
    assert note.startswith("the level match of A1:1 (+3.0 dB), A1:2 (+4.0 dB)")
    assert "and 2 more is only in a bounce (--bounce)" in note
    assert f"{suffix.lower()} has no clip gain that an editor reads" in note
    bare = applied(many, suffix, *[dataclasses.replace(e, gain_db=0.0) for e in shots])
    assert fields(made.timeline) == fields(bare.timeline)


@pytest.mark.parametrize("suffix", [".xml", ".xges", ".otio"])
def test_a_nests_level_is_left_alone(suffix: str) -> None:
    made = resolve_two_shots()
    made.metadata["Resolve_OTIO"] = {"Resolve OTIO Meta Version": "1.0"}
    inner = track(clip("inner", 0, 480))
    made.tracks[0][1] = stack(inner, source_range=span(48, 96))
    new = applied(made, suffix, edit())
    assert "only in a bounce (--bounce): the level of a nest is left alone" in new.notes[0]


@pytest.mark.slow
def test_every_recipe_takes_what_real_editors_wrote(shared_data: Path) -> None:
    """Whatever metadata and effects a clip has: a recipe puts the ramp there or says why not, and never raises."""
    ramp = Ramp.around(Fraction(10), Fraction(1, 4), Fraction(1, 4), 6.0, Fraction(1))
    seen = 0
    for file in sorted((shared_data / "timelines").iterdir()):
        try:
            read = otio.adapters.read_from_file(str(file))
        except Exception:
            continue  # broken on purpose, or a format whose adapter is not here
        made = read if isinstance(read, otio.schema.Timeline) else timeline()
        recipes = [recipe_for(suffix, made, Fraction(24)) for suffix in (".xml", ".xges", ".otio", ".aaf")]
        for item in made.find_clips():
            copy = item.clone()
            if copy.source_range is None:
                copy.source_range = span(0, 48)
            for recipe in recipes:
                outcome = recipe(copy, ramp)
                assert outcome.written or "only in a bounce" in outcome.note
            seen += 1
    assert seen > 100


# -- Undoing, and the whole way


@pytest.mark.parametrize("suffix", [".xml", ".xges", ".otio"])
@pytest.mark.parametrize("mode", ["align", "replace", "insert"])
def test_revert_gives_the_input_back(suffix: str, mode: str, tmp_path: Path) -> None:
    before = resolve_two_shots([resolve_volume({"Parameter ID": "volume", "Parameter Value": 1.5})])
    before.tracks[0][1].metadata["fcp_xml"] = {"filter": {"effect": {"effectid": "audiopan"}}}
    untouched = before.clone()
    made = applied(before, suffix, edit(mode=mode))
    assert not same_fields(fields(made.timeline), fields(applied(before, suffix, edit(mode=mode, gain=0.0)).timeline))
    stamp(made.timeline, {}, made.records)
    made.timeline.to_json_file(str(tmp_path / "new.otio"))
    back = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    assert same_fields(fields(revert(back)), fields(untouched))
    assert same_fields(fields(before), fields(untouched))


@pytest.mark.parametrize("suffix", [".otio", ".xml", ".xges", ".edl"])
def test_from_a_proposal_to_the_written_file(suffix: str, examples: Path, tmp_path: Path) -> None:
    need({".otio": "otio_json", ".xml": "fcp_xml", ".xges": "xges", ".edl": "cmx_3600"}[suffix])
    source = examples / "match_cut.otio"
    wanted = {"match.representation": "mfcc", "match.k": 1, "edit.mode": "insert", "edit.length_s": 0.9}
    settings = Settings().replace(wanted | {"join.max_fade_s": 0.4})
    sources = Sources(gallery=(examples / "sounds",), library=tmp_path / "library", workers=1)
    proposals = propose(source, sources, settings=settings)
    place = next(i for i, p in enumerate(proposals.proposals) if p.candidates)
    proposal = proposals.proposals[place]
    candidate = proposal.candidates[0]
    matched = dataclasses.replace(candidate, join=dataclasses.replace(candidate.join, gain_db=4.5, glide=24_000))
    changed = list(proposals.proposals)
    changed[place] = dataclasses.replace(proposal, candidates=(matched,))
    new = dataclasses.replace(proposals, proposals=tuple(changed))
    output = tmp_path / f"new{suffix}"
    written = apply(source, new, output, choices={place + 1: 1})
    said = [note for note in written.notes if "level match" in note]
    sidecar = json.loads(written.sidecar.read_text(encoding="utf-8"))
    assert [note for note in sidecar["notes"] if "level match" in note] == said
    if suffix == ".xml":
        read = otio.adapters.read_from_file(str(output))
        keyed = [c for c in read.find_clips() if "filter" in c.metadata.get("fcp_xml", {})]
        assert keyed
        assert all(levels_of(c)[0][1] == pytest.approx(4.5, abs=1e-3) for c in keyed)
        assert said == []
    elif suffix == ".xges":
        assert all(keys[0][1] == pytest.approx(4.5, abs=1e-6) for keys in bindings(output))
        assert bindings(output)
        assert said == []
    elif suffix == ".otio":  # the example looks like one of Resolve's
        read = otio.adapters.read_from_file(str(output))
        joined = [c for c in read.find_clips() if any("Resolve_OTIO" in e.metadata for e in c.effects)]
        assert [volume_of(c)["Key Frames"]["0"]["Value"] for c in joined] == [4.5]
        assert f"{proposal.point.id} (+4.5 dB) is written as DaVinci Resolve's clip volume" in said[0]
    else:
        assert f"{proposal.point.id} (+4.5 dB) is only in a bounce (--bounce): {suffix} has no clip gain" in said[0]


def test_a_recipe_is_chosen_by_suffix_in_any_case() -> None:
    made = two_shots()
    ramp = Ramp.around(Fraction(10), Fraction(0), Fraction(0), 3.0, Fraction(1))
    assert recipe_for(".XML", made, Fraction(24))(made.tracks[0][1].clone(), ramp).written
    assert not recipe_for(".otio", made, Fraction(24))(made.tracks[0][1].clone(), ramp).written


@pytest.mark.parametrize(
    ("later", "expected"),
    [(0, {0: 6.0, 10: 6.0, 20: 0.0}), (15, {0: 3.0, 5: 0.0}), (20, {0: 0.0}), (40, {0: 0.0})],
)
def test_keyframes_stay_in_their_place_when_a_clip_starts_later(later: int, expected: dict[int, float]) -> None:
    keys = {"0": {"Value": 6.0}, "10": {"Value": 6.0}, "20": {"Value": 0.0}}
    shot = resolve_two_shots([resolve_volume({"Parameter ID": "volume", "Key Frames": keys})]).tracks[0][1]
    start_keyframes_later(shot, later)
    found = dict(shot.effects[0].metadata["Resolve_OTIO"]["Parameters"][0]["Key Frames"])
    assert {int(frame): key["Value"] for frame, key in found.items()} == expected


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, False),
        ({"fcp_xml": {"filter": {"effect": {"effectid": "audiolevels", "parameter": {"value": "1"}}}}}, False),
        ({"fcp_xml": {"filter": {"effect": {"effectid": "audiolevels", "parameter": {"value": "0.5"}}}}}, True),
        ({"fcp_xml": {"filter": {"effect": {"effectid": "audiopan", "parameter": {"value": "0"}}}}}, True),
    ],
)
def test_filters_of_final_cut_are_effects(metadata: dict[str, Any], expected: bool) -> None:
    assert has_effects(clip("a", metadata=metadata)) is expected


@pytest.mark.parametrize("ripple", [False, True])
def test_an_editors_keyframes_stay_where_they_sound(ripple: bool) -> None:
    """What an insert leaves of a clip begins later in it; so does the second part of one that a ripple splits."""
    keys = {"0": {"Value": 0.0}, "60": {"Value": -6.0}, "72": {"Value": -6.0}}

    def keyed() -> otio.schema.Effect:
        return resolve_volume({"Parameter ID": "volume", "Key Frames": dict(keys)})

    made = resolve_two_shots([keyed()])
    long = clip("under", 0, 192)
    long.effects.append(keyed())
    made.tracks.append(track(long, name="A2"))
    new = applied(made, ".otio", edit(mode="insert", gain=0.0, ripple=ripple)).timeline
    rest = new.tracks[1][2] if ripple else new.tracks[0][3]
    assert rest.name == ("under" if ripple else "b")
    into = 96 if ripple else 48
    found = {int(frame): key["Value"] for frame, key in volume_of(rest)["Key Frames"].items()}
    assert found == ({0: -6.0} if ripple else {0: pytest.approx(-4.8), 60 - into: -6.0, 72 - into: -6.0})
