"""Edit points: where they are, what is on both sides, and why some are refused."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import opentimelineio as otio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timelines import RationalTime, clip, gap, span, stack, timeline, track, transition

from amc_otio.errors import MediaError
from amc_otio.timeline.edit_points import EditPoint, find_edit_points
from amc_otio.timeline.rational import exact_rate, seconds
from amc_otio.timeline.shots import channels_of
from amc_otio.timeline.timecode import RATES


def points(edit: Any, rate: Any = 24, **options: Any) -> tuple[EditPoint, ...]:
    return find_edit_points(edit, Fraction(rate), **options)


def frames(point: EditPoint) -> float | None:
    return None if point.record_time is None else point.record_time.value


def test_between_clips_before_gaps_and_at_the_end() -> None:
    edit = timeline(track(gap(12), clip("a"), clip("b"), gap(), clip("c"), name="DX"))
    found = points(edit)
    assert [(p.id, p.index, frames(p)) for p in found] == [("A1:1", 1, 60), ("A1:2", 2, 108), ("A1:3", 4, 180)]
    assert [p.outgoing.name for p in found if p.outgoing] == ["a", "b", "c"]
    assert [p.incoming.kind if p.incoming else None for p in found] == ["clip", "gap", None]
    assert all(p.refusal is None and p.track_name == "DX" and p.track_label == "A1" for p in found)
    assert found[0].outgoing is not None and found[0].outgoing.path == (0, 1)
    assert found[0].incoming is not None and found[0].incoming.path == (0, 2)


def test_in_record_order_then_track_order_and_picture_left_out() -> None:
    edit = timeline(track(clip("v"), kind="Video"), track(clip("a", frames=60)), track(clip("b"), clip("c", frames=12)))
    assert [p.id for p in points(edit)] == ["A2:1", "A1:1", "A2:2"]
    assert [p.track_path for p in points(edit)] == [(2,), (1,), (2,)]


def test_media_timecode_handles_and_global_start() -> None:
    available = span(86400, 240)
    edit = timeline(track(clip("a", 86448, 48, available=available), clip("b")), start=RationalTime(864000, 24))
    point = points(edit)[0]
    assert point.timecode == "10:00:02:00"
    assert frames(point) == 48
    shot = point.outgoing
    assert shot is not None and shot.head_handle is not None and shot.tail_handle is not None
    assert shot.source_range.start_time.value == 86448
    assert (shot.head_handle.value, shot.tail_handle.value) == (48, 144)


@pytest.mark.parametrize("rate", RATES.values(), ids=RATES.keys())
@settings(deadline=None)
@given(lengths=st.lists(st.integers(1, 50_000), min_size=1, max_size=8), written=st.sampled_from(["exact", "short"]))
def test_every_rate_counts_whole_frames(rate: Fraction, lengths: list[int], written: str) -> None:
    value = float(rate) if written == "exact" else round(float(rate), 3)
    edit = timeline(track(*(clip(str(i), 0, n, rate=value) for i, n in enumerate(lengths))))
    found = find_edit_points(edit, rate)
    assert [frames(p) for p in found] == [sum(lengths[: i + 1]) for i in range(len(lengths))]
    assert all(exact_rate(p.record_time.rate) == rate for p in found)


def test_mixed_rates_on_one_track() -> None:
    # Four seconds of 25, four of 48000, then one frame of 30: the last cut is on no frame of 24.
    edit = timeline(
        track(
            clip("a", 0, 100, rate=25),
            clip("b", 0, 192000, rate=48000),
            clip("c", 0, 1, rate=30),
            clip("d", 0, 48, rate=24),
        )
    )
    found = points(edit)
    assert [seconds(p.record_time) for p in found[:3]] == [4, 8, Fraction(241, 30)]
    assert float(seconds(found[3].record_time)) == pytest.approx(301 / 30)
    assert [p.record_time.rate for p in found[:3]] == [24, 24, 30]
    assert found[2].record_time.value == 241


def test_a_track_of_samples_lies_on_the_edit_rate() -> None:
    edit = timeline(track(clip("a", 0, 96000, rate=48000), clip("b", 0, 48001, rate=48000)))
    found = points(edit, 25)
    assert (found[0].record_time.value, found[0].record_time.rate) == (50, 25)
    assert (found[1].record_time.value, found[1].record_time.rate) == (144001, 48000)


def retimed(effect: Any, name: str = "fast") -> Any:
    made = clip(name)
    made.effects.append(effect)
    return made


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (otio.schema.LinearTimeWarp(time_scalar=2.0), "plays at 200 % speed"),
        (otio.schema.LinearTimeWarp(time_scalar=-1.0), "plays backwards"),
        (otio.schema.FreezeFrame(), "is a freeze frame"),
        (otio.schema.TimeEffect(), "has a retime"),
        (
            otio.schema.Effect(
                metadata={"fcp_xml": {"effectid": "timeremap", "parameter": [{"parameterid": "speed", "value": "50"}]}}
            ),
            "has a retime",
        ),
    ],
)
def test_retimes_are_refused_on_both_sides(effect: Any, words: str) -> None:
    found = points(timeline(track(clip("a"), retimed(effect), clip("b"))))
    assert found[0].refusal == f"the incoming clip 'fast' {words}"
    assert found[1].refusal == f"the outgoing clip 'fast' {words}"
    assert found[2].refusal is None


def test_a_time_warp_of_one_and_other_effects_are_no_retime() -> None:
    plain = retimed(otio.schema.LinearTimeWarp(time_scalar=1.0))
    plain.effects.append(otio.schema.Effect(effect_name="Equaliser"))
    plain.effects.append(
        otio.schema.Effect(
            metadata={"fcp_xml": {"effectid": "timeremap", "parameter": {"parameterid": "speed", "value": "100"}}}
        )
    )
    assert points(timeline(track(plain)))[0].refusal is None


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (clip("x", enabled=False), "is disabled"),
        (clip("x", metadata={"fcp_xml": {"enabled": "FALSE"}}), "is disabled"),
        (clip("x", url=None), "names no media file"),
        (otio.schema.Clip("x", otio.schema.GeneratorReference(), span(0, 48)), "made by a generator"),
        (otio.schema.Clip("x", otio.schema.ImageSequenceReference(), span(0, 48)), "image sequence"),
        (clip("x", 0, 48, available=span(86400, 480)), "before its media does"),
        (clip("x", 86400, 480, available=span(86400, 48)), "18.00 s past the end of its media"),
    ],
)
def test_clips_without_usable_sound_are_refused_as_outgoing_only(made: Any, words: str) -> None:
    found = points(timeline(track(clip("a"), made.deepcopy(), clip("b"))))
    assert found[0].refusal is None
    assert found[1].refusal is not None and words in found[1].refusal
    assert found[0].incoming is not None and found[0].incoming.name == "x"


@pytest.mark.parametrize(
    "metadata", [{"Resolve_OTIO": {"Locked": True}}, {"fcp_xml": {"locked": "TRUE"}}, {"fcp_xml": {"enabled": "FALSE"}}]
)
def test_locked_and_disabled_tracks(metadata: dict[str, Any]) -> None:
    refusal = points(timeline(track(clip("a"), metadata=metadata)))[0].refusal
    assert refusal is not None and refusal.startswith("track A1 is ")


def test_a_disabled_track() -> None:
    edit = timeline(track(clip("a")))
    edit.tracks[0].enabled = False
    assert points(edit)[0].refusal == "track A1 is disabled"
    unlocked = {"Resolve_OTIO": {"Locked": False}, "fcp_xml": {"locked": "FALSE", "enabled": "TRUE"}}
    assert points(timeline(track(clip("a"), metadata=unlocked)))[0].refusal is None


def test_existing_transitions() -> None:
    edit = timeline(
        track(clip("a"), transition(60, 4), clip("b"), clip("c", frames=2), transition(4, 4), clip("d"), clip("e"))
    )
    found = points(edit)
    assert [p.refusal is None for p in found] == [False, False, False, True, True]
    assert found[0].refusal == "a transition is already there"
    assert found[0].incoming is not None and (found[0].incoming.name, found[0].incoming.path) == ("b", (0, 2))
    assert found[1].refusal == "it lies within a transition"


def test_nested_stack_with_one_sound_at_the_cut() -> None:
    inner = track(clip("x", 0, 24), clip("y", 1000, 48))
    nest = stack(inner, source_range=span(12, 40))
    edit = timeline(track(clip("a", frames=24), nest, clip("b")))
    found = points(edit)
    assert [(p.id, frames(p), p.refusal) for p in found] == [
        ("A1:1", 24, None),
        ("A1/2.A1:1", 36, None),
        ("A1:2", 64, None),
        ("A1:3", 112, None),
        ("A1/2.A1:2", None, "track A1/2.A1 does not show it: it is trimmed away"),
    ]
    shot = found[2].outgoing
    assert shot is not None
    assert (shot.kind, shot.name, shot.target_url, shot.path) == ("stack", "y", "/media/y.wav", (0, 1))
    # The nest shows y from its first frame to 28 in; 20 more frames of it lie in the nest.
    assert shot.source_range == span(1000, 28)
    assert shot.tail_handle.value == 20
    assert shot.head_handle.value == 0
    first = found[0].incoming
    assert first is not None and (first.name, first.kind) == ("x", "stack")
    assert first.source_range == span(12, 12)
    assert first.head_handle.value == 12
    assert found[1].track_path == (0, 1, 0)


def test_nested_stack_with_several_or_no_sounds() -> None:
    both = stack(track(clip("x")), track(clip("y")), name="two")
    none = stack(track(clip("x"), gap()), name="none")
    edit = timeline(track(both, none, clip("b")))
    outer = [p for p in points(edit) if p.track_label == "A1"]
    assert [p.index for p in outer] == [0, 2]
    assert outer[0].refusal == "the outgoing clip 'two' is a nest in which 2 clips sound at the cut"
    muted = stack(track(clip("x")), track(clip("y", enabled=False)))
    assert points(timeline(track(muted)))[0].refusal is None


def test_the_end_of_a_nest_is_cut_outside_it() -> None:
    found = points(timeline(track(stack(track(clip("x"))), clip("b"))))
    assert [(p.id, p.refusal) for p in found] == [
        ("A1:1", None),
        ("A1:2", None),
        ("A1/1.A1:1", "the nest that holds it ends here too: cut outside the nest"),
    ]


def test_retimed_locked_and_disabled_nests() -> None:
    fast = stack(track(clip("x", frames=24), clip("y")), name="fast")
    fast.effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    found = {p.id: p for p in points(timeline(track(fast, metadata={"Resolve_OTIO": {"Locked": True}})))}
    assert found["A1:1"].refusal == "track A1 is locked; the outgoing clip 'y' plays at 200 % speed"
    assert found["A1/1.A1:1"].refusal == "track A1/1.A1 is locked; track A1/1.A1 lies in something retimed"


def test_sound_inside_picture_nests_and_tracks_in_tracks() -> None:
    nest = stack(track(clip("v"), kind="Video"), track(clip("x", frames=24), clip("y", frames=24)))
    edit = timeline(
        track(gap(10), nest, kind="Video"), track(clip("a"), track(clip("p", frames=6), clip("q", frames=6)))
    )
    found = points(edit)
    assert [(p.id, frames(p)) for p in found if p.record_time] == [
        ("V1/2.A1:1", 34),
        ("A1:1", 48),
        ("A1/2.A1:1", 54),
        ("A1:2", 60),
    ]


def test_trimmed_tracks_and_a_trimmed_timeline() -> None:
    made = track(clip("a"), clip("b"), clip("c"))
    made.source_range = span(24, 96)
    found = points(timeline(made))
    assert [(p.id, frames(p)) for p in found] == [("A1:1", 24), ("A1:2", 72), ("A1:3", None)]
    edit = timeline(track(clip("a"), clip("b")))
    edit.tracks.source_range = span(24, 72)
    assert [frames(p) for p in points(edit)] == [24, 72]


def test_record_timecode_of_edl_tracks() -> None:
    # What OTIO's EDL reader makes of record timecode 10:00:00:00 and 10:00:01:00.
    first, second = track(clip("a"), clip("b")), track(clip("c"))
    first.source_range, second.source_range = span(-864000, 96), span(-864024, 48)
    found = points(timeline(first, second))
    assert [(p.id, frames(p), p.timecode) for p in found] == [
        ("A1:1", 48, "10:00:02:00"),
        ("A2:1", 72, "10:00:03:00"),
        ("A1:2", 96, "10:00:04:00"),
    ]


def test_media_is_probed_once_a_file_and_only_where_needed() -> None:
    asked: list[str] = []

    def probe(url: str) -> Any:
        asked.append(url)
        if url == "/media/off.wav":
            raise MediaError(url, "is offline")
        return span(48000, 96000, 48000)

    bare = otio.schema.Clip("bare", otio.schema.ExternalReference("/media/bare.wav"))
    edit = timeline(
        track(bare, clip("b", 24, 24, available=None, url="/media/bare.wav"), clip("c", available=None), clip("d")),
        track(otio.schema.Clip("off", otio.schema.ExternalReference("/media/off.wav")), clip("e")),
    )
    found = {p.id: p for p in points(edit, probe=probe)}
    assert sorted(asked) == ["/media/bare.wav", "/media/c.wav", "/media/off.wav"]
    assert frames(found["A1:1"]) == 48
    assert found["A1:1"].outgoing is not None
    assert found["A1:1"].outgoing.source_range == span(48000, 96000, 48000)
    assert found["A1:2"].outgoing is not None and found["A1:2"].outgoing.tail_handle.value == 24
    # Nothing after a clip of unknown length has a place, and it is said why.
    for name in ("A2:1", "A2:2"):
        assert frames(found[name]) is None
        assert "no known length" in (found[name].refusal or "")
        assert found[name].timecode == ""


def test_without_a_probe_handles_are_unknown() -> None:
    shot = points(timeline(track(clip("a", available=None))))[0].outgoing
    assert shot is not None and shot.head_handle is None and shot.tail_handle is None


def test_channels() -> None:
    resolve = {
        "Channels": [{"Source Channel ID": 0, "Source Track ID": 1}, {"Source Channel ID": 1, "Source Track ID": 1}]
    }
    assert channels_of(clip("a", metadata={"Resolve_OTIO": resolve})) == ((1, 0), (1, 1))
    fcp = {"sourcetrack": {"mediatype": "audio", "trackindex": "2"}}
    assert channels_of(clip("a", metadata={"fcp_xml": fcp})) == ((-1, 1),)
    assert channels_of(clip("a")) is None
    for odd in (
        {"Channels": 3},
        {"Channels": [{}]},
        {"Channels": [{"Source Channel ID": -1, "Source Track ID": 0}]},
        [],
    ):
        assert channels_of(clip("a", metadata={"Resolve_OTIO": odd})) is None


def test_items_of_no_length() -> None:
    found = points(timeline(track(clip("a"), clip("none", frames=0), clip("b"))))
    assert [p.id for p in found] == ["A1:1", "A1:2"]
    assert found[0].refusal == "an item of no length follows"


def test_the_same_twice() -> None:
    edit = timeline(track(clip("a"), stack(track(clip("x"))), clip("b")), track(clip("a"), clip("c")))
    assert [p.id for p in points(edit)] == [p.id for p in points(edit.deepcopy())]
