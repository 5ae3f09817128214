"""Choosing edit points."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import opentimelineio as otio
import pytest
from timelines import RationalTime, clip, gap, span, stack, timeline, track

from amc_otio.errors import NoMatchError, UsageError
from amc_otio.timeline.edit_points import find_edit_points
from amc_otio.timeline.select import Selection, fold_linked, markers_of, select


def marker(name: str, start: float, color: str = "RED", rate: float = 24) -> Any:
    return otio.schema.Marker(name, span(start, 1, rate), color)


@pytest.fixture
def edit() -> Any:
    """Cuts at 2 s, 4 s and 6 s on A1 (10:00:00:00 on), at 2.25 s and 6 s on A2."""
    return timeline(
        track(clip("v"), kind="Video"),
        track(clip("a"), clip("b"), clip("c"), name="Dialogue"),
        track(clip("d", frames=54), clip("e", frames=90), name="FX"),
        start=RationalTime(864000, 24),
    )


def ids(edit: Any, selection: Selection, **options: Any) -> list[str]:
    rate = Fraction(24)
    return [p.id for p in select(find_edit_points(edit, rate), selection, edit, rate, **options)]


def fails(edit: Any, selection: Selection, error: type[Exception] = NoMatchError) -> str:
    with pytest.raises(error) as caught:
        ids(edit, selection)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_all_and_nothing_said() -> None:
    made = timeline(track(clip("a"), clip("b")))
    assert ids(made, Selection(all=True)) == ids(made, Selection()) == ["A1:1", "A1:2"]


def test_by_time(edit: Any) -> None:
    assert ids(edit, Selection(at=("10:00:02:00",))) == ["A1:1", "A2:1"]
    assert ids(edit, Selection(at=("10:00:02:00",)), within=Fraction(1, 10)) == ["A1:1"]
    assert ids(edit, Selection(at=("f98", "6s"), tracks=("A1",))) == ["A1:2", "A1:3"]
    text = fails(edit, Selection(at=("10:00:05:00",)))
    assert "within 0.5 s" in text
    assert "A1:2 at 10:00:04:00" in text
    fails(edit, Selection(at=("00:00:05:00",)), UsageError)


def test_by_track_and_number(edit: Any) -> None:
    assert ids(edit, Selection(tracks=("fx",))) == ["A2:1", "A2:2"]
    assert ids(edit, Selection(tracks=("a2", "Dialogue"), indexes=("1",))) == ["A1:1", "A2:1"]
    assert ids(edit, Selection(indexes=("a2:2",))) == ["A2:2"]
    assert "A1 'Dialogue', A2 'FX'" in fails(edit, Selection(tracks=("A3",)))
    assert "A1:1 at 10:00:02:00" in fails(edit, Selection(indexes=("A1:9",)))


def test_by_range(edit: Any) -> None:
    assert ids(edit, Selection(range=("10:00:02:00", "10:00:04:00"))) == ["A1:1", "A2:1", "A1:2"]
    assert ids(edit, Selection(range=("0", "60"), tracks=("A2",))) == ["A2:1"]
    assert "swap" in fails(edit, Selection(range=("60", "0")), UsageError)
    assert "holds no edit point" in fails(edit, Selection(range=("0", "10")))


def test_by_marker(edit: Any) -> None:
    edit.tracks.markers.append(marker("Hammer", 50))
    edit.tracks[1].markers.append(marker("on track", 97, "GREEN"))
    # On the media's clock: clip c begins there at 1000 and on the timeline at 4 s.
    edit.tracks[1][2].source_range = span(1000, 48)
    edit.tracks[1][2].markers.append(marker("on clip", 1044, "GREEN"))
    assert ids(edit, Selection(markers=("hammer",))) == ["A1:1", "A2:1"]
    assert ids(edit, Selection(markers=("green",))) == ["A1:2", "A1:3", "A2:2"]
    assert ids(edit, Selection(markers=("on clip",), tracks=("A2",))) == ["A2:2"]
    assert "'Hammer' (RED) at 10:00:02:02" in fails(edit, Selection(markers=("blue",)))
    edit.tracks.markers.append(marker("nowhere", 400))
    assert "within 0.5 s" in fails(edit, Selection(markers=("nowhere",)))


def test_no_marker_at_all(edit: Any) -> None:
    assert "the timeline has no marker" in fails(edit, Selection(markers=("x",)))


def test_where_markers_point(edit: Any) -> None:
    edit.tracks.markers.append(marker("from the timecode", 864048))
    edit.tracks[0][0].source_range = span(500, 48)
    edit.tracks[0][0].markers.extend([marker("media clock", 524), marker("from the clip", 6), marker("outside", 900)])
    edit.tracks[0][0].markers.append(marker("no rate", 1, rate=0))
    edit.tracks[2].insert(0, stack(track(gap(12), clip("n", 0, 48)), source_range=span(10, 20)))
    edit.tracks[2][0][0][1].markers.extend([marker("in the nest", 3), marker("trimmed away", 40)])
    assert {m.name: m.at for m in markers_of(edit)} == {
        "from the timecode": 2,
        "media clock": 1,
        "from the clip": Fraction(1, 4),
        "in the nest": Fraction(5, 24),
    }


def test_a_stereo_pair_is_one_cut() -> None:
    pair = timeline(
        track(clip("a"), clip("b"), kind="Video"),
        track(clip("a"), clip("b")),
        track(clip("a"), clip("b")),
        track(clip("music"), clip("b")),
    )
    found = find_edit_points(pair, Fraction(24))
    assert len(found) == 6
    # At the first cut A3 plays something else; at the second all three end together.
    assert [p.id for p in fold_linked(found)] == ["A1:1", "A3:1", "A1:2"]
    assert ids(pair, Selection(tracks=("A2",))) == ["A2:1", "A2:2"]
    assert ids(pair, Selection(at=("2s",), tracks=("A1", "A2"))) == ["A1:1"]
    folded = fold_linked(found)[0]
    assert {c.track_path for c in folded.linked} == {(0,), (2,), (3,)}
    assert {c.track_path for c in folded.linked if c.side != "incoming"} == {(0,), (2,)}


def test_a_timeline_without_sound() -> None:
    assert "no edit point" in fails(timeline(track(gap())), Selection(all=True))


def test_points_without_a_place_can_be_named() -> None:
    made = timeline(track(otio.schema.Clip("x", otio.schema.ExternalReference("/x.wav"))))
    assert ids(made, Selection(indexes=("A1:1",))) == ["A1:1"]
    assert "within" in fails(made, Selection(at=("1s",)))


def test_drop_frame_times_on_a_drop_frame_timeline() -> None:
    rate = Fraction(30000, 1001)
    made = timeline(track(clip("a", frames=1800, rate=29.97), clip("b", rate=29.97)), start=RationalTime(107892, 29.97))
    found = find_edit_points(made, rate)
    assert found[0].timecode == "01:01:00;02"
    for text in ("01:01:00;02", "01:01:00:02"):
        assert [p.id for p in select(found, Selection(at=(text,)), made, rate, within=Fraction(0))] == ["A1:1"]
