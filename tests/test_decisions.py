"""The decisions file: what an audition hands to apply, carried out as decided or refused in words."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc_otio.cli import main
from amc_otio.codec import encode
from amc_otio.config import ANALYSIS_RATE, METHODS, Settings
from amc_otio.errors import AmcError, NoMatchError, ProposalsError
from amc_otio.joining.fades import FADE_LAWS, Room
from amc_otio.proposals import (
    STATES,
    Candidate,
    Decision,
    Decisions,
    Proposal,
    Proposals,
    content_hash,
    decided,
    decisions_for,
    decisions_schema,
    read_decisions,
    read_proposals,
    write_decisions,
    write_proposals,
)
from amc_otio.proposals.decided import changed
from amc_otio.proposals.decisions import check_decisions
from amc_otio.workflow import Sources, apply, propose
from amc_otio.workflow.rejoining import rejoin_for


@pytest.fixture(scope="module")
def real(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Proposals:
    """Proposals for the bundled timeline."""
    sources = Sources(gallery=(examples / "sounds",), library=tmp_path_factory.mktemp("library"), workers=1)
    wanted = {"match.representation": "mfcc", "match.k": 3, "match.max_level_step_lu": 0.0, "edit.short": "keep"}
    return propose(examples / "match_cut.otio", sources, settings=Settings().replace(wanted))


@pytest.fixture(scope="module")
def ready(real: Proposals) -> Proposal:
    """An edit point with candidates."""
    return next(p for p in real.proposals if p.candidates)


@pytest.fixture(scope="module")
def edit(examples: Path) -> Path:
    """The timeline."""
    return examples / "match_cut.otio"


def with_room(candidate: Candidate, samples: int = 48_000, **join: Any) -> Candidate:
    """The candidate with as much room on every side."""
    room = Room(samples, samples, samples, samples)
    return dataclasses.replace(candidate, room=room, join=dataclasses.replace(candidate.join, **join))


def one(point: str, **values: Any) -> Decision:
    return Decision(point, "chosen", **{"rank": 1, **values})


def transition_of(path: Path, name: str = "A1") -> tuple[Fraction, Fraction, Fraction]:
    """Where the only transition of the sound track cuts, and its two offsets, in seconds."""
    made = otio.adapters.read_from_file(str(path))
    track = next(t for t in made.tracks if t.kind == "Audio" and any(isinstance(i, otio.schema.Transition) for i in t))
    index = next(i for i, item in enumerate(track) if isinstance(item, otio.schema.Transition))
    before = sum(
        (exact(item.duration()) for item in track[:index] if not isinstance(item, otio.schema.Transition)), Fraction(0)
    )
    return before, exact(track[index].in_offset), exact(track[index].out_offset)


def exact(time: Any) -> Fraction:
    return Fraction(time.value).limit_denominator(10**6) / Fraction(time.rate).limit_denominator(1001)


# ---------------------------------------------------------------- the file


def test_the_file_reads_back_equal_and_fits_its_schema(real: Proposals, ready: Proposal, tmp_path: Path) -> None:
    decision = one(ready.point.id, nudge_frames=-2, fade_length=Fraction(1, 8), fade_law="equal-gain", note="ü\n")
    made = decisions_for(real, (decision,), "second pass")
    path = tmp_path / "d.json"
    write_decisions(made, path)
    assert read_decisions(path) == made
    held = decisions_schema()
    jsonschema.Draft202012Validator.check_schema(held)
    jsonschema.Draft202012Validator(held).validate(json.loads(path.read_text(encoding="utf-8")))
    assert [p.name for p in tmp_path.iterdir()] == ["d.json"]


def test_the_hash_is_of_what_decides_a_cut_however_the_file_is_written(real: Proposals, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    write_proposals(real, path)
    value = json.loads(path.read_text(encoding="utf-8"))
    value["notes"] = ["another note"]
    value["timeline"]["path"] = "/elsewhere/edit.otio"
    path.write_text(json.dumps(value, separators=(",", ":"), sort_keys=True), encoding="utf-8")
    assert content_hash(read_proposals(path)) == content_hash(real)
    value["settings"]["edit"]["ripple"] = True
    path.write_text(json.dumps(value), encoding="utf-8")
    assert content_hash(read_proposals(path)) != content_hash(real)


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.update(version=2),
        lambda v: v.update(format="amc-otio proposals"),
        lambda v: v.update(more=1),
        lambda v: v.pop("timeline_sha256"),
        lambda v: v.update(proposals_sha256="0" * 63),
        lambda v: v.update(proposals_sha256="G" * 64),
        lambda v: v["decisions"][0].pop("note"),
        lambda v: v["decisions"][0].update(state="maybe"),
        lambda v: v["decisions"][0].update(state="kept"),
        lambda v: v["decisions"][0].update(rank=None),
        lambda v: v["decisions"][0].update(rank=0),
        lambda v: v["decisions"][0].update(rank=1.0),
        lambda v: v["decisions"][0].update(rank=True),
        lambda v: v["decisions"][0].update(nudge_frames=10**6),
        lambda v: v["decisions"][0].update(fade_length=0.5),
        lambda v: v["decisions"][0].update(fade_law="linear"),
        lambda v: v["decisions"][0].update(method="best"),
        lambda v: v["decisions"][0].update(note="x" * 10_001),
    ],
)
def test_reader_and_schema_agree_on_what_is_wrong(
    change: Any, real: Proposals, ready: Proposal, tmp_path: Path
) -> None:
    value = encode(decisions_for(real, (one(ready.point.id),)))
    change(value)
    path = tmp_path / "d.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(ProposalsError, match=r"d\.json"):
        read_decisions(path)
    if not isinstance(value.get("decisions", [{}])[0].get("rank"), float):  # 1.0 is an integer to JSON schema
        assert not jsonschema.Draft202012Validator(decisions_schema()).is_valid(value)


@pytest.mark.parametrize("fade", ["-1/2", "11/1"])
def test_a_fade_of_impossible_length_is_damage(fade: str, real: Proposals, ready: Proposal, tmp_path: Path) -> None:
    value = encode(decisions_for(real, (one(ready.point.id),)))
    value["decisions"][0]["fade_length"] = fade
    (tmp_path / "d.json").write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(ProposalsError, match=r"decisions\[0\]\.fade_length.*decide again"):
        read_decisions(tmp_path / "d.json")


decision_values = st.builds(
    Decision,
    st.text(max_size=8),
    st.sampled_from([*STATES, ""]),
    st.none() | st.integers(-1, 5),
    st.integers(-20_000, 20_000),
    st.none() | st.fractions(-1, 12, max_denominator=1000),
    st.none() | st.sampled_from([*FADE_LAWS, "x"]),
    st.none() | st.sampled_from([*METHODS, "x"]),
    st.text(max_size=8),
)


@given(st.lists(decision_values, max_size=4))
def test_what_passes_the_check_fits_the_schema(values: list[Decision]) -> None:
    made = Decisions("amc-otio decisions", 1, "0", "0" * 64, "f" * 64, tuple(values))
    try:
        check_decisions(made, "d")
    except ProposalsError as error:
        assert "d.decisions[" in str(error)
    else:
        jsonschema.Draft202012Validator(decisions_schema()).validate(encode(made))


# ---------------------------------------------------------------- what it belongs to


def test_decisions_of_other_proposals_are_refused(real: Proposals, ready: Proposal) -> None:
    made = decisions_for(real, (one(ready.point.id),))
    with pytest.raises(ProposalsError, match="another timeline"):
        decided(real, dataclasses.replace(made, timeline_sha256="0" * 64))
    fewer = dataclasses.replace(real, proposals=real.proposals[1:])
    with pytest.raises(ProposalsError, match="other proposals, or these were changed"):
        decided(fewer, made)
    with pytest.raises(ProposalsError, match="no such edit point"):
        decisions_for(real, (one("A9:9"),))
    with pytest.raises(ProposalsError, match="there is no candidate 99"):
        decisions_for(real, (one(ready.point.id, rank=99),))
    with pytest.raises(ProposalsError, match="twice"):
        decisions_for(real, (one(ready.point.id), one(ready.point.id)))


@pytest.mark.parametrize("state", ["kept", "rejected", "undecided"])
def test_nothing_chosen_is_said(state: str, real: Proposals, ready: Proposal) -> None:
    with pytest.raises(NoMatchError, match=f"choose no candidate: every edit point is {state}"):
        decided(real, decisions_for(real, (Decision(ready.point.id, state),)))


def test_what_is_not_named_is_undecided(real: Proposals) -> None:
    with pytest.raises(NoMatchError, match="undecided"):
        decided(real, decisions_for(real, ()))


def test_decisions_alone_choose_as_choose_does(real: Proposals, ready: Proposal, edit: Path, tmp_path: Path) -> None:
    number = real.proposals.index(ready) + 1
    rank = len(ready.candidates)
    by_choice = apply(edit, real, tmp_path / "a.otio", {number: rank})
    made = decisions_for(real, (one(ready.point.id, rank=rank),))
    by_decision = apply(edit, real, tmp_path / "b.otio", made)
    assert by_decision.changes == by_choice.changes
    assert (tmp_path / "a.otio").read_bytes() == (tmp_path / "b.otio").read_bytes()


# ---------------------------------------------------------------- joins that were changed


@given(nudge=st.integers(-24, 24), rate=st.sampled_from([Fraction(24), Fraction(24000, 1001), Fraction(30000, 1001)]))
def test_a_nudge_rolls_the_cut_and_nothing_else(nudge: int, rate: Fraction, real: Proposals, ready: Proposal) -> None:
    before = with_room(ready.candidates[0], 96_000, fade_before=100, fade_after=100)
    before = dataclasses.replace(before, length=Fraction(2))
    after = changed(before, one("x", nudge_frames=nudge), rate)
    move = nudge / rate
    assert after.cut_shift - before.cut_shift == after.in_time - before.in_time == move
    assert after.length is not None and 2 - after.length == move
    # The two sounds stay where they are against each other, and what they have in all.
    assert after.join.out_point - after.join.in_point == before.join.out_point - before.join.in_point
    assert after.room.outgoing_before + after.room.outgoing_after == 2 * 96_000
    assert abs((after.join.out_point - before.join.out_point) - move * ANALYSIS_RATE) <= Fraction(1, 2)
    assert after.join.moved_ms == before.join.moved_ms


@pytest.mark.parametrize(
    ("side", "frames", "says"),
    [
        ("outgoing_before", -13, "outgoing clip is shorter"),
        ("outgoing_after", 13, "tail handle"),
        ("incoming_before", -13, "head handle"),
        ("incoming_after", 13, "incoming clip is shorter"),
    ],
)
def test_a_nudge_beyond_the_handles_is_refused(side: str, frames: int, says: str, ready: Proposal) -> None:
    held = with_room(ready.candidates[0], 10**6, fade_before=0, fade_after=0)
    held = dataclasses.replace(held, length=None, room=dataclasses.replace(held.room, **{side: 24_000}))
    changed(held, one("x", nudge_frames=frames - frames // abs(frames)), Fraction(24))
    with pytest.raises(ProposalsError, match=f"decision on x: .*{says}.*nudge less"):
        changed(held, one("x", nudge_frames=frames), Fraction(24))


def test_a_fade_that_a_nudge_leaves_no_room_for_is_refused(ready: Proposal) -> None:
    held = with_room(ready.candidates[0], 24_000, fade_before=20_000, fade_after=20_000)
    held = dataclasses.replace(held, length=None)
    with pytest.raises(ProposalsError, match=r"fade of 0\.833 s has no room there.*shorter fade"):
        changed(held, one("x", nudge_frames=6), Fraction(24))
    both = changed(held, one("x", nudge_frames=6, fade_length=Fraction(1, 2)), Fraction(24))
    assert (both.join.fade_before, both.join.fade_after) == (12_000, 12_000)


def test_a_fade_longer_than_its_room_is_refused_and_not_clamped(ready: Proposal) -> None:
    held = with_room(ready.candidates[0], 12_000, fade_before=0, fade_after=0)
    fits = changed(held, one("x", fade_length=Fraction(1, 2)), Fraction(24))
    assert (fits.join.fade_before, fits.join.fade_after) == (12_000, 12_000)
    with pytest.raises(ProposalsError, match=r"0\.501 s does not fit: .* leaves 0\.500 s.*shorter"):
        changed(held, one("x", fade_length=Fraction(501, 1000)), Fraction(24))
    plain = changed(fits, one("x", fade_length=Fraction(0)), Fraction(24))
    assert (plain.join.fade_before, plain.join.fade_after, plain.join.wanted_fade_s) == (0, 0, None)


def test_another_method_is_refused_and_the_same_is_not(ready: Proposal) -> None:
    held = ready.candidates[0]
    assert changed(held, one("x", method=held.join.method), Fraction(24)) == held
    with pytest.raises(ProposalsError, match="would find it anew; propose again with --method max-ss"):
        changed(held, one("x", method="max-ss"), Fraction(24))


def test_another_method_is_carried_out_before_what_was_changed_by_hand(
    real: Proposals, ready: Proposal, edit: Path
) -> None:
    held = ready.candidates[0]
    finds = rejoin_for(real, edit)
    for method in METHODS:
        made, choices = decided(real, decisions_for(real, (one(ready.point.id, method=method, note="so"),)), finds)
        found = made.chosen(choices)[0][1]
        assert found.join == finds(ready, held, method).join
        assert found.join.method == method
        said = () if method == held.join.method else (f"joined by {method}, chosen by hand",)
        assert found.reasons[-1 - len(said) :] == (*said, "note: so")
    plain = decisions_for(
        real, (one(ready.point.id, method="concatenate", nudge_frames=1, fade_length=Fraction(1, 48)),)
    )
    found = decided(real, plain, finds)[0].proposals[real.proposals.index(ready)].candidates[0]
    before = finds(ready, held, "concatenate").join
    assert found.join.out_point == before.out_point + 2000
    assert found.join.fade_before + found.join.fade_after == 1000


def test_a_method_that_finds_no_point_is_refused_with_the_edit_point(real: Proposals, ready: Proposal) -> None:
    def none(proposal: Proposal, candidate: Candidate, method: str) -> Candidate:
        raise NoMatchError(candidate.media.name, f"cannot be joined by {method}: too short", "take another method")

    made = decisions_for(real, (one(ready.point.id, method="paper"),))
    with pytest.raises(ProposalsError, match=f"decision on {ready.point.id}: .*paper: too short; take another method"):
        decided(real, made, none)


def test_a_timeline_is_written_by_the_decided_method(
    real: Proposals, ready: Proposal, edit: Path, tmp_path: Path
) -> None:
    """As if it had been proposed by that method, but for the reason."""
    finds = rejoin_for(real, edit)
    for method in ("concatenate", "max-ss"):
        decision = decisions_for(real, (one(ready.point.id, method=method),))
        written = apply(edit, real, tmp_path / f"{method}.otio", decision)
        expected = finds(ready, ready.candidates[0], method)
        found = written.changes[0].metadata
        assert found["out_sample"] == expected.query_start + expected.join.out_point
        assert found["method"] == method
        assert written.changes[0].reasons[-1] == f"joined by {method}, chosen by hand"


def test_a_law_that_a_bounce_would_not_keep_is_refused(ready: Proposal) -> None:
    slipped = with_room(ready.candidates[0], slip=40, fade_before=0, fade_after=0)
    assert changed(slipped, one("x", fade_law="equal-gain"), Fraction(24)).join.fade_law == "equal-gain"
    with pytest.raises(ProposalsError, match="one waveform"):
        changed(slipped, one("x", fade_law="equal-power"), Fraction(24))


def test_the_written_timeline_is_cut_as_decided(real: Proposals, edit: Path, tmp_path: Path) -> None:
    rate = real.timeline.rate
    wide = 3 * ANALYSIS_RATE / rate
    point, start = next(
        (p, c)
        for p in real.proposals
        for c in p.candidates
        if c.join.fade_before == c.join.fade_after > 0 and min(c.room.before, c.room.after) > wide
    )
    plain = decisions_for(real, (one(point.point.id, rank=start.rank),))
    apply(edit, real, tmp_path / "plain.otio", plain)
    length = Fraction(2) / rate
    changes = {"rank": start.rank, "nudge_frames": 1, "fade_length": length, "note": "tighter"}
    moved = decisions_for(real, (one(point.point.id, **changes),))
    written = apply(edit, real, tmp_path / "moved.otio", moved)
    cut, before, after = transition_of(tmp_path / "moved.otio")
    was, *_ = transition_of(tmp_path / "plain.otio")
    assert cut - was == 1 / rate
    assert before == after == 1 / rate
    assert written.changes[0].metadata["fade_before_samples"] == round(ANALYSIS_RATE / rate)
    assert start.join.out_point + start.query_start != written.changes[0].metadata["out_sample"]
    reasons = written.changes[0].reasons
    assert reasons[-3:] == ("nudged 1 frame later by hand", f"fade of {1000 * float(length):.0f} ms set by hand",
                            "note: tighter")  # fmt: skip
    sidecar = json.loads(written.sidecar.read_text(encoding="utf-8"))
    assert sidecar["changes"][0]["reasons"][-1] == "note: tighter"


# ---------------------------------------------------------------- the command


@pytest.fixture
def here(real: Proposals, edit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_proposals(real, tmp_path / "p.json")
    return tmp_path


def test_the_command_takes_decisions_and_nothing_beside(
    here: Path, real: Proposals, ready: Proposal, edit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_decisions(decisions_for(real, (one(ready.point.id),)), here / "d.json")
    run = ["apply", str(edit), "p.json", "-o", "new.otio", "--decisions", "d.json", "--json"]
    assert main(run) == 0
    assert [c["edit_point"] for c in json.loads(capsys.readouterr().out)["changes"]] == [ready.point.id]
    assert main([*run, "--force", "--choose", "1=1"]) == 2
    assert "not allowed with" in capsys.readouterr().err
    assert main(["preview", "p.json", "-o", "wavs", "--decisions", "d.json"]) == 0
    assert list((here / "wavs").glob("*.1.after.wav"))
    other = next(m for m in ("concatenate", "max-ss") if m != ready.candidates[0].join.method)
    write_decisions(decisions_for(real, (one(ready.point.id, method=other),)), here / "d.json")
    assert main(["preview", "p.json", "-o", "other", "--decisions", "d.json"]) == 0
    (before, after) = (next((here / name).glob("*.1.after.wav")).read_bytes() for name in ("wavs", "other"))
    assert before != after


def test_a_refused_decision_writes_nothing(
    here: Path, real: Proposals, ready: Proposal, edit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_decisions(decisions_for(real, (one(ready.point.id, nudge_frames=-9000),)), here / "d.json")
    assert main(["apply", str(edit), "p.json", "-o", "new.otio", "--decisions", "d.json"]) == 9
    assert capsys.readouterr().err.startswith(f"amc-otio: decision on {ready.point.id}: a nudge of -9000 frames ")
    assert sorted(p.name for p in here.iterdir()) == ["d.json", "p.json"]
    assert main(["apply", str(edit), "p.json", "-o", "new.otio", "--decisions", "no.json"]) == 9
    assert "give the file that the audition wrote" in capsys.readouterr().err


@given(nudge=st.integers(-60, 60), fade=st.none() | st.fractions(0, 3, max_denominator=48))
def test_any_change_is_carried_out_or_refused(nudge: int, fade: Fraction | None, real: Proposals, edit: Path,
                                              tmp_path_factory: pytest.TempPathFactory) -> None:  # fmt: skip
    point = next(p for p in real.proposals if p.candidates)
    made = decisions_for(real, (one(point.point.id, nudge_frames=nudge, fade_length=fade),))
    output = tmp_path_factory.getbasetemp() / "never.otio"
    try:
        written = apply(edit, real, output, made, dry_run=True)
    except AmcError as error:
        assert str(error).isprintable()
    else:
        assert len(written.changes) == 1


def test_a_bounce_is_rendered_as_decided(real: Proposals, edit: Path, tmp_path: Path) -> None:
    plain = decisions_for(real, (one("A1:1", rank=3),))
    moved = decisions_for(real, (one("A1:1", rank=3, nudge_frames=2, fade_length=Fraction(1, 4)),))
    files = [
        apply(edit, real, tmp_path / f"{name}.otio", made, bounce=True).bounces[0]
        for name, made in (("plain", plain), ("moved", moved))
    ]
    first, second = (file.time_reference + file.point_sample for file in files)
    assert second - first == 2 * files[0].rate / real.timeline.rate
    assert files[1].fade_last_sample - files[1].fade_first_sample + 1 == files[1].rate // 4
    # The two sounds lie against each other as they did.
    assert files[1].outgoing_sample - files[0].outgoing_sample == files[1].incoming_sample - files[0].incoming_sample
