"""Timelines that OTIO reads in silence and that must not go on in silence."""

from __future__ import annotations

from typing import Any

import opentimelineio as otio
import pytest
from timelines import RationalTime, clip, gap, span, stack, timeline, track, transition

from amc_otio.errors import TimelineError
from amc_otio.timeline.edit_points import find_edit_points
from amc_otio.timeline.validate import validate


def test_a_sound_timeline_has_no_warning() -> None:
    edit = timeline(track(clip("a"), transition(), clip("b"), gap()), start=RationalTime(86400, 24))
    assert validate(edit) == ()


@pytest.mark.parametrize("rate", [0.0, -24.0, float("nan"), float("inf")])
def test_impossible_rates(rate: float) -> None:
    for edit in (
        timeline(track(clip("a", rate=rate, available=None))),
        timeline(track(clip("a", available=span(0, 100, rate)))),
        timeline(track(clip("a")), start=RationalTime(0, rate)),
        timeline(track(clip("a"), transition(rate=rate), clip("b"))),
        timeline(track(stack(track(clip("deep", rate=rate, available=None))))),
    ):
        with pytest.raises(TimelineError, match="impossible rate"):
            validate(edit)


@pytest.mark.parametrize(("value", "words"), [(-5.0, "negative"), (float("nan"), "value"), (float("inf"), "value")])
def test_impossible_durations_name_the_place(value: float, words: str) -> None:
    with pytest.raises(TimelineError) as caught:
        validate(timeline(track(clip("a"), clip("bad one", frames=value, available=None), name="DX")))
    assert words in str(caught.value)
    assert "item 2 'bad one'" in str(caught.value)
    assert "'DX'" in str(caught.value)


@pytest.mark.parametrize(
    ("children", "words"),
    [
        ((transition(4, 0), clip("a")), "before the first item"),
        ((clip("a"), transition(0, 4)), "past the last item"),
        ((clip("a"), transition(), transition(), clip("b")), "next to another transition"),
        ((clip("a", frames=3), transition(4, 4), clip("b")), "item before it"),
        ((clip("a"), transition(4, 9), clip("b", frames=8)), "item after it"),
        ((clip("a"), transition(4, 4), clip("b", frames=6), transition(4, 4), clip("c")), "room for"),
        ((clip("a"), transition(-1, 4), clip("b")), "negative offset"),
    ],
)
def test_transitions_that_do_not_fit_are_warned_of(children: tuple[Any, ...], words: str) -> None:
    edit = timeline(track(*(c.deepcopy() for c in children)))
    warnings = validate(edit)
    assert any(words in w and "audio track 1" in w for w in warnings)
    refused = [p for p in find_edit_points(edit, 24) if p.refusal]
    inner = [i for i, c in enumerate(children[:-1]) if isinstance(children[i + 1], otio.schema.Transition)]
    assert {p.index for p in refused} >= {i for i in inner if not isinstance(children[i], otio.schema.Transition)}


def test_fades_from_and_to_nothing_are_fine() -> None:
    assert validate(timeline(track(transition(0, 4), clip("a"), transition(4, 0)))) == ()


def test_too_deep_nesting_is_refused() -> None:
    inner: Any = track(clip("a"))
    for _ in range(60):
        inner = track(stack(inner))
    with pytest.raises(TimelineError, match="nested deeper"):
        validate(timeline(inner))


def test_odd_but_harmless_things_are_warned_of() -> None:
    assert "holds no track" in validate(timeline())[0]
    edit = timeline(track(clip("a")))
    edit.tracks.append(clip("loose"))
    assert any("'loose' lies beside the tracks" in w for w in validate(edit))
    bare = otio.schema.Clip("bare", otio.schema.ExternalReference("/a.wav"))
    assert any("'bare' says no length" in w for w in validate(timeline(track(bare))))
