"""Silencing a stretch of a track: exactly that stretch, nothing moved, and undone field by field."""

from __future__ import annotations

from fractions import Fraction

import opentimelineio as otio
import pytest
import timelines as tl
from hypothesis import given
from hypothesis import strategies as st

from amc_otio.errors import TimelineError
from amc_otio.formats.mute import keeps_mute
from amc_otio.timeline.equality import fields, same_fields
from amc_otio.timeline.muting import mute_span
from amc_otio.timeline.rational import exact_rate, seconds
from amc_otio.timeline.undo import undo

NEAR = Fraction(1, 10**6)


def placed(track: otio.schema.Track) -> list[tuple[otio.core.Item, Fraction, Fraction]]:
    """The items of a track with their start and end."""
    found, at = [], Fraction(0)
    for child in track:
        if not child.overlapping():
            found.append((child, at, at + seconds(child.duration())))
            at = found[-1][2]
    return found


@given(
    lengths=st.lists(st.integers(6, 60), min_size=2, max_size=5),
    rate=st.sampled_from([24.0, 24000 / 1001, 25.0, 30000 / 1001]),
    cut=st.data(),
    gap=st.booleans(),
    fade=st.booleans(),
)
def test_muting_a_span(lengths: list[int], rate: float, cut: st.DataObject, gap: bool, fade: bool) -> None:
    items = [tl.clip(f"c{n}", 100, length, rate=rate) for n, length in enumerate(lengths)]
    track = tl.track(*items)
    where = cut.draw(st.integers(1, len(lengths) - 1))
    if fade:
        track.insert(where, tl.transition(2, 2, rate))
    timeline = tl.timeline(track)
    before = fields(timeline)
    spans = placed(timeline.tracks[0])
    frame = seconds(otio.opentime.RationalTime(1, rate))
    middle = spans[where][1]
    first = middle - frame * cut.draw(st.integers(3, lengths[where - 1]))
    last = middle + frame * cut.draw(st.integers(3, lengths[where]))
    record = mute_span(timeline, (0,), first, last, "A1:1", gap, exact_rate(rate))
    after = placed(timeline.tracks[0])
    assert abs(after[-1][2] - spans[-1][2]) < NEAR
    for item, start, end in after:
        inside = first - NEAR < start and end < last + NEAR
        assert inside or end < first + NEAR or start > last - NEAR
        if gap:
            assert isinstance(item, otio.schema.Gap) == inside
        else:
            assert item.enabled != inside
        if not isinstance(item, otio.schema.Gap):
            # Every clip still plays what it played at that place.
            was, was_at, _ = next(s for s in spans if s[1] - NEAR < start and end < s[2] + NEAR)
            moved = seconds(item.source_range.start_time) - seconds(was.source_range.start_time)
            assert abs(moved - (start - was_at)) < NEAR
            assert item.media_reference.target_url == was.media_reference.target_url
    transitions = sum(child.overlapping() for child in timeline.tracks[0])
    assert transitions == (fade and not gap)
    undo(timeline, [record])
    assert same_fields(fields(timeline), before)


def test_what_a_split_clip_carries() -> None:
    """Markers go with the part that they lie in; only the first part keeps the name that links refer to."""
    shot = tl.clip("a", 100, 48, metadata={"fcp_xml": {"@id": "c1", "link": [1], "enabled": "TRUE", "alpha": "x"}})
    for at in (105, 140):
        shot.markers.append(otio.schema.Marker(f"m{at}", tl.span(at, 1)))
    timeline = tl.timeline(tl.track(shot, tl.clip("b")))
    mute_span(timeline, (0,), Fraction(1), Fraction(2), "A1:1", False, Fraction(24))
    head, muted, _ = timeline.tracks[0]
    assert [m.name for m in head.markers] == ["m105"]
    assert [m.name for m in muted.markers] == ["m140"]
    assert dict(head.metadata["fcp_xml"])["@id"] == "c1"
    assert dict(muted.metadata["fcp_xml"]) == {"enabled": "FALSE", "alpha": "x"}
    assert muted.metadata["amc_otio"]["bounced"] == "A1:1"


def test_nothing_there_is_an_error() -> None:
    timeline = tl.timeline(tl.track(tl.clip("a", 0, 24)))
    with pytest.raises(TimelineError, match="has nothing where the bounce plays"):
        mute_span(timeline, (0,), Fraction(5), Fraction(6), "A1:1", False, Fraction(24))


def test_without_a_folder_to_try_it_in_nothing_is_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    assert not keeps_mute(".otio2")


def test_which_formats_keep_it() -> None:
    assert keeps_mute(".otio")
    assert keeps_mute(".OTIO")
    assert keeps_mute(".otioz")
    assert not keeps_mute(".xyz")
    if "fcp_xml" in otio.adapters.available_adapter_names():
        assert keeps_mute(".xml")
    if "xges" in otio.adapters.available_adapter_names():
        assert not keeps_mute(".xges")
