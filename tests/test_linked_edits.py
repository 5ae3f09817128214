"""Edits on several tracks at once: what linked tracks, ripples and neighbouring edits ask of each other."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest
from test_apply import TR, clip, edit, frames, stamped, through_json, timeline

from amc_otio.config import Settings
from amc_otio.errors import TimelineError
from amc_otio.matching.handles import shared_handles, shared_slot
from amc_otio.matching.media_table import MediaTable
from amc_otio.media.locate import Locator
from amc_otio.timeline.apply import apply_edits
from amc_otio.timeline.edits import RetrievedShot, TrackCut
from amc_otio.timeline.equality import fields, same_fields
from amc_otio.timeline.rational import RationalTime as RT
from amc_otio.timeline.revert import revert

RATE = Fraction(24)
BOTH = (TrackCut((1,), 0), TrackCut((0,), 0))


def fade(before: float = 4, after: float = 4) -> otio.schema.Transition:
    return otio.schema.Transition("x", "SMPTE_Dissolve", RT(before, 24), RT(after, 24))


def test_dual_mono_keeps_its_channels_whichever_track_was_chosen():
    made = timeline()
    for number in (0, 1):
        made.tracks[number].kind = "Audio"
        made.tracks[number][0].metadata["Resolve_OTIO"]["Channels"] = [
            {"Source Channel ID": number, "Source Track ID": 0}
        ]
    for cuts in (BOTH, BOTH[::-1]):
        new = apply_edits(made, [edit("replace", cuts=cuts)], RATE).timeline
        channels = [new.tracks[t][2].metadata["Resolve_OTIO"]["Channels"][0]["Source Channel ID"] for t in (0, 1)]
        assert channels == [0, 1]


def test_a_linked_picture_that_ends_at_the_cut_gets_as_much_as_the_sound():
    made = timeline()
    del made.tracks[0][1:]
    new = apply_edits(made, [edit("replace")], RATE).timeline
    assert frames(new.tracks[0]) == [("a", 100, 43), ("found", 10, 53)]
    assert frames(new.tracks[1])[2] == ("found", 10, 53)


def test_a_length_that_differs_by_rounding_leaves_no_sliver():
    made = timeline()
    made.tracks[0][1].source_range = TR(RT(100, 25), RT(48 / 24 * 25 + 1e-13, 25))
    new = apply_edits(made, [edit("replace", length=Fraction(53, 24))], RATE).timeline
    assert [name for name, _, _ in frames(new.tracks[0])] == ["a", "found", "c"]


@pytest.mark.parametrize("why", ["locked", "fade", "retimed"])
def test_a_ripple_leaves_alone_what_it_may_not_split(why: str):
    made = timeline()
    music = made.tracks[2]
    if why == "locked":
        music.metadata["Resolve_OTIO"] = {"Locked": True}
    elif why == "retimed":
        music[0].effects.append(otio.schema.LinearTimeWarp(time_scalar=0.5))
    else:
        music[0].source_range = TR(RT(0, 24), RT(50, 24))
        music.extend([fade(), clip("more", 100, 100)])
    applied = apply_edits(made, [edit("insert", ripple=True)], RATE)
    assert same_fields(fields(applied.timeline.tracks[2]), fields(music))
    assert any("A2" in note and "out of sync by +0.625 s" in note for note in applied.notes)


def test_a_gap_under_a_fade_is_not_closed_away():
    made = timeline()
    music = made.tracks[2]
    music[0].source_range = TR(RT(0, 24), RT(40, 24))
    music.extend([otio.schema.Gap(source_range=TR(RT(0, 24), RT(41, 24))), fade(3, 3), clip("more", 100, 60)])
    changes = {"ripple": True, "cut_shift": Fraction(-5, 24)}
    # 33 frames go: 8 stay, which the fade's 3 fit into. With 40 gone they would not.
    shorter = apply_edits(made, [edit("replace", length=Fraction(20, 24), **changes)], RATE).timeline
    assert frames(shorter.tracks[2])[1] == ("", 0, 8)
    kept = apply_edits(made, [edit("replace", length=Fraction(13, 24), **changes)], RATE)
    assert same_fields(fields(kept.timeline.tracks[2]), fields(music))
    assert kept.notes


def test_markers_lie_where_the_cuts_went():
    edits = [edit("insert", ripple=True), edit("insert", cut=1, ripple=True)]
    new = apply_edits(timeline(), edits, RATE).timeline
    # The first insert is 5 frames earlier and 15 longer.
    assert [m.marked_range.start_time.value for m in new.tracks.markers] == [43, 91 + 15]
    assert [length for _, _, length in frames(new.tracks[1])[:4]] == [43, 6, 20, 43]


def test_neighbours_may_not_use_up_the_shot_between_them():
    made = timeline()
    # 15 frames of b's head are overwritten, 5 and a fade of 4 leave its tail: 24 are left.
    assert apply_edits(made, [edit("insert"), edit("insert", cut=1)], RATE)
    long = edit("insert", length=Fraction(45, 24))
    with pytest.raises(TimelineError, match="share a shot"):
        apply_edits(made, [long, edit("insert", cut=1)], RATE)


def test_a_ripple_excludes_edits_of_what_it_splits():
    made = timeline()
    made.tracks[2].append(clip("next", 100, 100))
    other = edit("insert", ripple=True, name="A2:1", cuts=(TrackCut((2,), 0),), record_time=Fraction(200, 24))
    with pytest.raises(TimelineError, match="share a shot"):
        apply_edits(made, [edit("insert", ripple=True), other], RATE)


def test_the_new_clip_is_on_the_clock_that_its_in_point_was_found_on():
    made = timeline()
    for name, start in (("found", 0.0), ("found", 86400.0)):
        one = clip(name, start + 5, 10)
        one.media_reference.available_range = TR(RT(start, 24), RT(1000, 24))
        made.tracks[2].append(one)
    shot = RetrievedShot("found", "found.mov", RT(86400, 24), RT(1000, 24), RT(86410, 24), True, 2)
    new = apply_edits(made, [edit("replace", shot=shot)], RATE).timeline
    found = new.tracks[1][2]
    assert found.available_range().start_time == RT(86400, 24)
    assert found.source_range.start_time == RT(86410, 24)
    stamped_one = stamped(made, [edit("replace", shot=shot)], RATE)
    assert same_fields(fields(revert(through_json(stamped_one))), fields(made))


def table(made: otio.schema.Timeline, folder: Path) -> MediaTable:
    return MediaTable(made, Locator(base=folder), RATE)


def test_the_shortest_handle_of_all_linked_tracks_holds(tmp_path: Path):
    made = timeline()
    made.tracks[0][0].media_reference.available_range = TR(RT(0, 24), RT(151, 24))
    made.tracks[0][1].media_reference.available_range = TR(RT(90, 24), RT(60, 24))
    found = shared_handles(made, BOTH, table(made, tmp_path))
    assert found.outgoing_tail == Fraction(3, 24)
    assert found.incoming_tail == Fraction(2, 24)
    assert found.incoming_head == Fraction(100, 24)  # picture has no fade: its head does not count


def test_linked_shots_of_unlike_lengths_share_what_all_can_give():
    made = timeline()
    made.tracks[0][1].source_range = TR(RT(100, 24), RT(60, 24))
    slot = shared_slot(made, BOTH, Settings().edit)
    assert slot.incoming == 2
    assert slot.tail_needed == Fraction(12, 24)
    with pytest.raises(TimelineError, match="ends elsewhere"):
        shared_slot(made, BOTH, Settings().replace({"edit.ripple": True}).edit)
    with pytest.raises(TimelineError, match="goes on where this one ends"):
        shared_slot(made, (TrackCut((1,), 2), TrackCut((0,), 0)), Settings().edit)
