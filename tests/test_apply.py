"""Edits on the timeline: each mode, what stays as it was, and that revert gives the input back."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import OutputError, TimelineError
from amc_otio.formats.write import check_output, write_timeline
from amc_otio.joining.fades import Room
from amc_otio.proposals import symmetric
from amc_otio.timeline.apply import apply_edits
from amc_otio.timeline.edits import Edit, RetrievedShot, TrackCut
from amc_otio.timeline.equality import fields, same_fields
from amc_otio.timeline.rational import exact_rate, seconds
from amc_otio.timeline.revert import revert
from amc_otio.timeline.undo import last_track_added
from amc_otio.timeline.write import rebase_media, stamp

RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange
RATES = [24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 48000 / 1001, 48.0, 50.0, 60000 / 1001, 60.0]


def clip(name: str, start: float, frames: float, rate: float = 24.0) -> otio.schema.Clip:
    return otio.schema.Clip(
        name=name,
        media_reference=otio.schema.ExternalReference(
            target_url=f"{name}.mov", available_range=TR(RT(0, rate), RT(1000, rate))
        ),
        source_range=TR(RT(start, rate), RT(frames, rate)),
        metadata={"Resolve_OTIO": {"Link Group ID": ord(name[0])}, "keep": {"me": [1, 2.5, "x"]}},
        markers=[otio.schema.Marker(name="note", marked_range=TR(RT(start + 2, rate), RT(1, rate)))],
        effects=[otio.schema.Effect(name="eq", effect_name="Equaliser")],
    )


def timeline(rate: float = 24.0) -> otio.schema.Timeline:
    """Picture and sound of three linked shots, and a music track that plays across the cuts."""
    made = otio.schema.Timeline("edit", global_start_time=RT(86400, rate))
    video = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    audio = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    music = otio.schema.Track("A2", kind=otio.schema.TrackKind.Audio)
    for track in (video, audio):
        for name in ("a", "b", "c"):
            track.append(clip(name, 100, 48, rate))
    music.append(clip("music", 0, 200, rate))
    made.tracks.extend([video, audio, music])
    made.metadata["studio"] = {"show": "x"}
    return made


def edit(mode: str, rate: Fraction = Fraction(24), cut: int = 0, **changes: object) -> Edit:
    frame = 1 / rate
    shot = RetrievedShot("found", "found.mov", RT(0, float(rate)), RT(500, float(rate)), RT(10, float(rate)), True, 2)
    values: dict[str, object] = {
        "name": f"A1:{cut + 1}",
        "mode": mode,
        "cuts": (TrackCut((1,), cut), TrackCut((0,), cut)),
        "record_time": 48 * (cut + 1) * frame,
        "cut_shift": -5 * frame,
        "shot": None if mode == "align" else shot,
        "in_shift": 7 * frame if mode == "align" else Fraction(0),
        "length": 20 * frame if mode == "insert" else None,
        "fade_before": 4 * frame,
        "fade_after": 6 * frame,
        "ripple": False,
        "summary": "found at 0.417 s",
        "metadata": {"similarity": 0.9},
    }
    return Edit(**{**values, **changes})  # type: ignore[arg-type]


def frames(track: otio.schema.Track) -> list[tuple[str, float, float]]:
    """(name, first frame on the media, length in frames) of each item; transitions as ("X", in, out)."""
    out = []
    for child in track:
        if isinstance(child, otio.schema.Transition):
            out.append(("X", child.in_offset.value, child.out_offset.value))
        else:
            r = child.trimmed_range()
            out.append((child.name, r.start_time.value, r.duration.value))
    return out


def test_replace_keeps_the_record_length():
    new = apply_edits(timeline(), [edit("replace")], Fraction(24)).timeline
    audio, video = new.tracks[1], new.tracks[0]
    assert frames(audio) == [("a", 100, 43), ("X", 4, 6), ("found", 10, 53), ("c", 100, 48)]
    assert frames(video) == [("a", 100, 43), ("found", 10, 53), ("c", 100, 48)]
    assert new.duration() == timeline().duration()


def test_align_keeps_both_shots_and_slips_the_incoming():
    new = apply_edits(timeline(), [edit("align")], Fraction(24)).timeline
    assert frames(new.tracks[1]) == [("a", 100, 43), ("X", 4, 6), ("b", 107, 53), ("c", 100, 48)]
    rippled = apply_edits(timeline(), [edit("align", ripple=True)], Fraction(24)).timeline
    assert frames(rippled.tracks[1]) == [("a", 100, 43), ("X", 4, 6), ("b", 107, 41), ("c", 100, 48)]


def test_insert_overwrites_the_head_of_what_follows_or_pushes_it():
    new = apply_edits(timeline(), [edit("insert")], Fraction(24)).timeline
    assert frames(new.tracks[1]) == [("a", 100, 43), ("X", 4, 6), ("found", 10, 20), ("b", 115, 33), ("c", 100, 48)]
    assert new.duration() == timeline().duration()
    applied = apply_edits(timeline(), [edit("insert", ripple=True)], Fraction(24))
    pushed = applied.timeline
    assert frames(pushed.tracks[1])[2:] == [("found", 10, 20), ("b", 100, 48), ("c", 100, 48)]
    # The music is split at the cut, as an insert edit does, so that what follows stays in sync.
    assert [(n, s, d) for n, s, d in frames(pushed.tracks[2])] == [("music", 0, 48), ("", 0, 15), ("music", 48, 152)]
    assert applied.notes == ()


def test_a_shorter_edit_says_what_it_leaves_out_of_sync():
    applied = apply_edits(timeline(), [edit("replace", ripple=True, length=Fraction(20, 24))], Fraction(24))
    assert frames(applied.timeline.tracks[1])[2:] == [("found", 10, 20), ("c", 100, 48)]
    assert any("A2" in note and "out of sync" in note for note in applied.notes)


def test_a_short_shot_leaves_the_present_ones_rest_behind_it():
    new = apply_edits(timeline(), [edit("replace", length=Fraction(30, 24))], Fraction(24)).timeline
    assert frames(new.tracks[1]) == [("a", 100, 43), ("X", 4, 6), ("found", 10, 30), ("b", 125, 23), ("c", 100, 48)]


def test_sound_without_picture_leaves_the_picture_cut():
    shot = RetrievedShot("hit", "hit.wav", RT(0, 24), RT(500, 24), RT(10, 24), False, 1)
    applied = apply_edits(timeline(), [edit("replace", shot=shot)], Fraction(24))
    assert frames(applied.timeline.tracks[0]) == frames(timeline().tracks[0])
    assert frames(applied.timeline.tracks[1])[2] == ("hit", 10, 53)
    assert any("no picture" in note for note in applied.notes)


def test_a_ripple_opens_a_gap_in_linked_picture_that_has_nothing_to_show():
    shot = RetrievedShot("hit", "hit.wav", RT(0, 24), RT(500, 24), RT(10, 24), False, 1)
    new = apply_edits(timeline(), [edit("insert", shot=shot, ripple=True)], Fraction(24)).timeline
    assert frames(new.tracks[0]) == [("a", 100, 48), ("", 0, 15), ("b", 100, 48), ("c", 100, 48)]
    assert new.tracks[0].duration() == new.tracks[1].duration()


def test_at_the_end_of_a_track_the_shot_is_appended():
    new = apply_edits(timeline(), [edit("replace", cut=2, length=Fraction(20, 24))], Fraction(24)).timeline
    assert frames(new.tracks[1])[2:] == [("c", 100, 43), ("X", 4, 6), ("found", 10, 20)]


def test_everything_else_stays_as_it_was():
    before = timeline()
    new = apply_edits(before, [edit("replace")], Fraction(24)).timeline
    assert new.tracks[2].is_equivalent_to(before.tracks[2])
    assert fields(new)["metadata"] == fields(before)["metadata"]
    assert new.global_start_time == before.global_start_time
    # Of the outgoing clip only its length differs: names, markers, effects, metadata are the same.
    kept, was = fields(new.tracks[1][0]), fields(before.tracks[1][0])
    assert {key for key in was if kept[key] != was[key]} == {"source_range"}
    assert new.tracks[1][3].is_equivalent_to(before.tracks[1][2])
    # The input itself is untouched.
    assert before.is_equivalent_to(timeline())


def test_the_change_is_marked_and_linked():
    new = apply_edits(timeline(), [edit("replace")], Fraction(24)).timeline
    assert new.tracks[1][1].metadata["amc_otio"]["similarity"] == 0.9
    assert new.tracks[1][2].metadata["amc_otio"]["similarity"] == 0.9
    marker = new.tracks.markers[0]
    assert marker.marked_range.start_time == RT(43, 24)
    assert "found" in marker.comment
    groups = {new.tracks[t][i].metadata["Resolve_OTIO"]["Link Group ID"] for t, i in ((0, 1), (1, 2))}
    assert len(groups) == 1
    assert groups.pop() > max(ord(c) for c in "abcm")


def test_edits_that_take_the_same_shot_are_refused_together():
    with pytest.raises(TimelineError, match="share a shot"):
        apply_edits(timeline(), [edit("replace"), edit("replace", cut=1)], Fraction(24))
    both = apply_edits(timeline(), [edit("insert"), edit("insert", cut=1)], Fraction(24)).timeline
    assert [n for n, _, _ in frames(both.tracks[1])] == ["a", "X", "found", "b", "X", "found", "c"]
    assert both.duration() == timeline().duration()


def stamped(before: otio.schema.Timeline, edits: list[Edit], rate: Fraction) -> otio.schema.Timeline:
    applied = apply_edits(before, edits, rate)
    stamp(applied.timeline, {"tool": "test"}, applied.records)
    return applied.timeline


def through_json(value: otio.schema.Timeline) -> otio.schema.Timeline:
    return otio.adapters.read_from_string(value.to_json_string(), "otio_json")


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(RATES),
    st.sampled_from(["replace", "align", "insert"]),
    st.booleans(),
    st.integers(-20, 0),
    st.integers(0, 2),
)
def test_revert_gives_the_input_back_field_by_field(rate: float, mode: str, ripple: bool, shift: int, cut: int):
    exact = exact_rate(rate)
    if mode == "align" and cut == 2:
        cut = 1
    before = timeline(rate)
    changes: dict[str, object] = {"ripple": ripple, "cut_shift": shift / exact}
    if cut == 2 or (mode == "replace" and ripple):
        changes["length"] = 20 / exact
    new = stamped(before, [edit(mode, exact, cut, **changes)], exact)
    assert same_fields(fields(revert(through_json(new))), fields(before))
    if not ripple and cut < 2:
        assert seconds(new.duration()) == seconds(before.duration())


@given(st.floats(-1e12, 1e12).filter(lambda v: v == 0 or abs(v) > 1e-100))
def test_equality_forgives_only_the_last_bits(value: float):
    assert same_fields({"v": [value]}, {"v": [value * (1 + 2e-16)]})
    assert not same_fields({"v": [value]}, {"v": [value * (1 + 1e-9) + 1e-200]})
    assert not same_fields({"v": 1.0}, {"v": 1})
    assert not same_fields({"v": "1"}, {"w": "1"})


def test_two_runs_are_undone_one_after_the_other():
    before = timeline()
    once = stamped(before, [edit("insert")], Fraction(24))
    twice = stamped(once, [edit("insert", cut=1, cuts=(TrackCut((1,), 3), TrackCut((0,), 2)))], Fraction(24))
    back = revert(through_json(twice))
    assert same_fields(fields(back), fields(once))
    assert same_fields(fields(revert(back)), fields(before))


def test_revert_refuses_what_was_edited_since():
    new = stamped(timeline(), [edit("replace")], Fraction(24))
    new.tracks[1][2].name = "renamed"
    with pytest.raises(TimelineError, match="was edited after"):
        revert(new)
    with pytest.raises(TimelineError, match="holds no change"):
        revert(timeline())


def test_an_added_sound_track_is_undone():
    before = timeline()
    new = before.clone()
    new.tracks.append(otio.schema.Track("A9", kind=otio.schema.TrackKind.Audio))
    record = last_track_added(new)
    stamp(new, {}, [record])
    assert fields(revert(new)) == fields(before)


@given(
    st.integers(0, 48000),
    st.integers(0, 48000),
    st.sampled_from([Fraction(24), Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60)]),
)
def test_equal_whole_frames_keep_the_fades_place(before: int, after: int, rate: Fraction):
    room = Room(before, after, before, after)
    one, other, move = symmetric(Fraction(before, ANALYSIS_RATE), Fraction(after, ANALYSIS_RATE), rate, room)
    assert one == other
    assert (one * rate).denominator == 1
    assert (move * rate).denominator == 1
    # Never outside what the handles hold.
    assert one - move <= Fraction(before, ANALYSIS_RATE)
    assert other + move <= Fraction(after, ANALYSIS_RATE)
    # The middle of the fade stays within half a frame, the length within two frames; with no fade the cut stays.
    middle = Fraction(after - before, 2 * ANALYSIS_RATE)
    if not one:
        assert move == 0
    else:
        assert abs(move - middle) <= 1 / rate / 2
        assert abs((one + other) - Fraction(before + after, ANALYSIS_RATE)) <= 3 / rate


def test_relative_media_still_points_at_its_file_from_another_folder(tmp_path: Path):
    (tmp_path / "old" / "media").mkdir(parents=True)
    (tmp_path / "new").mkdir()
    (tmp_path / "old" / "media" / "a b#1.mov").write_bytes(b"x")
    made = timeline()
    made.tracks[0][0].media_reference.target_url = "media/a b#1.mov"
    before = made.clone()
    record = rebase_media(made, tmp_path / "old", tmp_path / "new")
    assert record is not None
    assert made.tracks[0][0].media_reference.target_url == "../old/media/a b#1.mov"
    stamp(made, {}, [record])
    assert fields(revert(made)) == fields(before)
    assert rebase_media(before, tmp_path / "old", tmp_path / "old") is None


def test_nothing_of_the_users_is_overwritten(tmp_path: Path):
    source, other = tmp_path / "edit.otio", tmp_path / "other.otio"
    write_timeline(timeline(), source)
    write_timeline(timeline(), other)
    link = tmp_path / "link.otio"
    link.symlink_to(source)
    for path in (source, link):
        with pytest.raises(OutputError, match="never overwritten"):
            check_output(path, source, force=True)
    with pytest.raises(OutputError, match="exists already"):
        check_output(other, source, force=False)
    check_output(other, source, force=True)
    with pytest.raises(OutputError, match="suffix"):
        check_output(tmp_path / "new", source, force=False)
    with pytest.raises(OutputError, match="no folder"):
        check_output(tmp_path / "absent" / "new.otio", source, force=False)
    with pytest.raises(OutputError, match="no installed adapter"):
        check_output(tmp_path / "new.mp3", source, force=False)


def test_a_write_that_fails_leaves_nothing(tmp_path: Path):
    broken = otio.schema.Timeline("x")
    broken.tracks.append(otio.schema.Track("A1", kind="Audio"))
    broken.tracks[0].append(otio.schema.Gap(source_range=TR(RT(0, 24), RT(float("nan"), 24))))
    with pytest.raises(OutputError):
        write_timeline(broken, tmp_path / "out.edl")
    assert list(tmp_path.iterdir()) == []
