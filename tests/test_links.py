"""Which clips move together."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from timelines import clip, gap, span, stack, timeline, track, transition

from amc_otio.timeline.edit_points import find_edit_points
from amc_otio.timeline.links import find_links


def test_the_same_stretch_of_the_same_media_is_linked() -> None:
    edit = timeline(
        track(clip("a", url="/m.mov"), clip("b"), kind="Video"),
        track(clip("a L", url="/m.mov"), clip("music")),
        track(clip("a R", url="/m.mov"), clip("b", start=10)),
    )
    assert find_links(edit) == {(0, 0): ((1, 0), (2, 0)), (1, 0): ((0, 0), (2, 0)), (2, 0): ((0, 0), (1, 0))}


def test_within_half_a_frame_and_across_rates() -> None:
    edit = timeline(
        track(clip("a", 0, 48, rate=24, url="/m.mov"), kind="Video"),
        track(clip("a", 0, 96000, rate=48000, url="/m.mov", available=span(0, 200000, 48000))),
        track(clip("a", 900, 96000, rate=48000, url="/m.mov", available=span(0, 200000, 48000))),
        track(clip("a", 2400, 96000, rate=48000, url="/m.mov", available=span(0, 200000, 48000))),
    )
    assert find_links(edit)[(0, 0)] == ((1, 0), (2, 0))
    assert (3, 0) not in find_links(edit)


def test_another_time_or_another_stack_is_not_linked() -> None:
    nest = stack(track(clip("a")))
    edit = timeline(track(gap(1), clip("a")), track(clip("a")), track(nest))
    assert find_links(edit) == {}


def resolve(group: int) -> dict[str, Any]:
    return {"Resolve_OTIO": {"Link Group ID": group}}


def test_a_stated_group_wins_over_the_inferred() -> None:
    edit = timeline(
        track(clip("a", url="/m.mov", metadata=resolve(1)), kind="Video"),
        track(clip("boom", url="/boom.wav", metadata=resolve(1))),
        track(clip("a", url="/m.mov", metadata=resolve(2))),
        track(clip("a", url="/m.mov")),
    )
    assert find_links(edit) == {(0, 0): ((1, 0),), (1, 0): ((0, 0),)}


def test_our_own_statement() -> None:
    stated = {"amc_otio": {"link": "scene 4"}}
    edit = timeline(track(clip("dx", metadata=stated)), track(clip("fx", start=7, metadata=stated)), track(clip("mx")))
    assert find_links(edit) == {(0, 0): ((1, 0),), (1, 0): ((0, 0),)}


def fcp(own: str, *others: str) -> dict[str, Any]:
    return {"fcp_xml": {"@id": own, "link": [{"linkclipref": name} for name in (own, *others)]}}


def test_final_cut_link_elements() -> None:
    edit = timeline(
        track(clip("v", metadata=fcp("c1", "c2", "c3")), kind="Video"),
        track(clip("l", metadata=fcp("c2", "c1", "c3")), clip("solo", metadata=fcp("c4"))),
        track(clip("r", metadata={"fcp_xml": {"@id": "c3"}}), clip("solo", start=9)),
    )
    links = find_links(edit)
    assert links[(2, 0)] == ((0, 0), (1, 0))
    assert (1, 1) not in links


def test_linked_cuts_of_an_edit_point() -> None:
    edit = timeline(
        track(clip("a"), transition(), clip("b"), kind="Video"),
        track(clip("a"), clip("b")),
        track(clip("a"), clip("music")),
        track(clip("atmos"), clip("b")),
    )
    point = find_edit_points(edit, Fraction(24))[0]
    assert point.id == "A1:1"
    assert [(c.track_path, c.index, c.kind, c.side) for c in point.linked] == [
        ((0,), 0, "Video", "both"),
        ((2,), 0, "Audio", "outgoing"),
        ((3,), 0, "Audio", "incoming"),
    ]
    assert point.refusal is None
    assert point.linked[0].refusal == "on track V1 a transition is already there"
    assert point.linked[1].refusal is None


def test_a_j_cut_is_not_the_same_cut() -> None:
    # The picture changes half a second after the sound.
    edit = timeline(
        track(clip("a", frames=60, metadata=resolve(1)), clip("b", metadata=resolve(2)), kind="Video"),
        track(clip("a", frames=48, metadata=resolve(1)), clip("b", frames=60, metadata=resolve(2))),
    )
    assert find_edit_points(edit, Fraction(24))[0].linked == ()


def test_a_locked_picture_track_is_said_on_the_linked_cut() -> None:
    locked = track(clip("a"), clip("b"), kind="Video", metadata={"Resolve_OTIO": {"Locked": True}})
    point = find_edit_points(timeline(locked, track(clip("a"), clip("b"))), Fraction(24))[0]
    assert point.refusal is None
    assert point.linked[0].refusal == "track V1 is locked"


def test_thousands_of_clips_of_one_file() -> None:
    def many() -> Any:
        return [clip("m", 10 * i, 10, url="/m.mov", available=span(0, 10**6)) for i in range(3000)]

    links = find_links(timeline(track(*many(), kind="Video"), track(*many()), track(*many())))
    assert len(links) == 9000
    assert links[(1, 1234)] == ((0, 1234), (2, 1234))
