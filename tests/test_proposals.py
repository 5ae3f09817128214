"""The proposals file: exact round trips, a strict reader, and a schema that says what it holds."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amc_otio.codec import decode, encode, schema
from amc_otio.config import EditSettings, JoinSettings, MatchSettings, Settings
from amc_otio.errors import AmcError, ProposalsError
from amc_otio.joining.fades import Room
from amc_otio.joining.join import Join
from amc_otio.proposals import (
    Candidate,
    Proposals,
    RangeRecord,
    edit_of,
    proposals_schema,
    read_proposals,
    write_proposals,
)
from amc_otio.timeline.edits import TrackCut
from amc_otio.workflow import Sources, apply, propose


@pytest.fixture(scope="module")
def real(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Proposals:
    """Proposals for the bundled timeline."""
    sources = Sources(gallery=(examples / "sounds",), library=tmp_path_factory.mktemp("library"), workers=1)
    wanted = {"match.representation": "mfcc", "match.k": 3, "match.max_level_step_lu": 0.0, "edit.short": "keep"}
    chosen = Settings().replace(wanted)
    return propose(examples / "match_cut.otio", sources, settings=chosen)


@pytest.fixture(scope="module")
def real_file(real: Proposals, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """They, as a file."""
    assert any(len(p.candidates) > 1 for p in real.proposals)
    path = tmp_path_factory.mktemp("proposals") / "real.json"
    write_proposals(real, path)
    return path


def test_a_real_file_reads_back_equal_and_fits_the_schema(real: Proposals, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    write_proposals(real, path)
    assert read_proposals(path) == real
    value = json.loads(path.read_text(encoding="utf-8"))
    made = proposals_schema()
    jsonschema.Draft202012Validator.check_schema(made)
    jsonschema.Draft202012Validator(made).validate(value)
    write_proposals(read_proposals(path), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.update(version=1),
        lambda v: v.update(format="other"),
        lambda v: v.update(more=1),
        lambda v: v.pop("notes"),
        lambda v: v["timeline"].update(rate="24"),
        lambda v: v["timeline"].update(rate=24),
        lambda v: v["timeline"].update(sound_track_added=0),
        lambda v: v["proposals"][0].update(candidates={}),
        lambda v: v["proposals"][0]["point"].update(cuts=[{"index": 1}]),
        lambda v: v["settings"]["match"].update(k=2.5),
    ],
)
def test_reader_and_schema_agree_on_what_is_wrong(change: Any, real_file: Path, tmp_path: Path) -> None:
    value = json.loads(real_file.read_text(encoding="utf-8"))
    change(value)
    path = tmp_path / "p.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(ProposalsError, match=r"p\.json"):
        read_proposals(path)
    assert not jsonschema.Draft202012Validator(proposals_schema()).is_valid(value)


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400, "1" + "0" * 5000, "true", '"8"', "null"]
)
def test_numbers_that_are_none(text: str, real_file: Path, tmp_path: Path) -> None:
    value = json.loads(real_file.read_text(encoding="utf-8"))
    value["settings"]["join"]["phi"] = "HERE"
    path = tmp_path / "p.json"
    path.write_text(json.dumps(value).replace('"HERE"', text), encoding="utf-8")
    with pytest.raises(ProposalsError):
        read_proposals(path)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("1001/24000", True),
        ("-1/3", True),
        ("0/1", True),
        ("1/0", False),
        ("1/-2", False),
        ("1", False),
        ("1.5/2", False),
        ("/", False),
        ("1/" + "3" * 80, False),
    ],
)
def test_exact_times_are_read_strictly(text: str, good: bool) -> None:
    if good:
        assert decode(Fraction, text, "x") == Fraction(text)
    else:
        with pytest.raises(ProposalsError, match="exact time"):
            decode(Fraction, text, "x")


names = st.text(max_size=20)
whole = st.integers(-(2**40), 2**40)
numbers = st.floats(allow_nan=False, allow_infinity=False)
exact = st.fractions(max_denominator=10**12)
joins = st.builds(
    Join, names, whole, whole, whole, whole, whole, whole, names, whole, numbers, whole, st.none() | numbers,
    st.lists(names, max_size=3).map(tuple), numbers, numbers,
)  # fmt: skip
paths = st.lists(st.integers(0, 50), max_size=3).map(tuple)
records = st.one_of(
    joins,
    st.builds(TrackCut, paths, whole),
    st.builds(Room, whole, whole, whole, whole),
    st.builds(RangeRecord, whole, exact, exact, exact),
    st.builds(
        Settings,
        st.builds(MatchSettings, names, names, whole, names, numbers, st.booleans(), whole, numbers, numbers, numbers),
        st.builds(JoinSettings, names, numbers, names, numbers, numbers, numbers, numbers),
        st.builds(EditSettings, names, st.booleans(), st.booleans(), numbers, names, names, whole),
    ),
)


@given(records)
def test_every_record_comes_back_equal_through_json_text(record: Any) -> None:
    text = json.dumps(encode(record), allow_nan=False)
    assert decode(type(record), json.loads(text), "x") == record
    jsonschema.Draft202012Validator(schema(type(record))).validate(json.loads(text))


def test_what_json_cannot_hold_is_not_written() -> None:
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="cannot be written"):
            encode(Settings(join=JoinSettings(phi=value)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["1/2", "-9/1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(json_values)
def test_any_json_is_refused_in_words(value: Any) -> None:
    for kind in (Proposals, Candidate, Settings):
        with pytest.raises(ProposalsError, match="x"):
            decode(kind, value, "x")


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in a JSON document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in items for place in places(inner, (*path, key)))]


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_file_is_applied_or_refused_but_never_a_fault(
    data: st.DataObject, real_file: Path, examples: Path, tmp_path: Path
) -> None:
    value = json.loads(real_file.read_text(encoding="utf-8"))
    value["proposals"] = [p for p in value["proposals"] if p["candidates"]][:1]
    place = data.draw(st.sampled_from(places(value)[1:]))
    new = data.draw(json_values | st.sampled_from([0, 1, -1, 10**6, -(10**6), 2**62, "0/1", "-5/24", "99999/1"]))
    target = value
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = copy.deepcopy(new)
    path = tmp_path / "p.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    output = tmp_path / "new.otio"
    try:
        written = apply(examples / "match_cut.otio", read_proposals(path), output, dry_run=True)
    except AmcError as error:
        assert str(error).isprintable()
    else:
        assert written.changes
    assert not output.exists()


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("candidates", 1, "join", "fade_before"), 1.5, ".candidates[1].join.fade_before"),
        (("candidates", 1, "in_time"), "1/0", ".candidates[1].in_time"),
        (("candidates", 0, "media"), None, ".candidates[0].media"),
        (("candidates", 0, "media", "duration"), f"{10**8}/1", ".candidates[0].media.duration"),
        (("candidates", 0, "reasons"), ["one", 2], ".candidates[0].reasons[1]"),
        (("point", "cuts", 0, "track_path"), [0, None], ".point.cuts[0].track_path[1]"),
        (("point", "outgoing", "channels"), [[0, 0], [0]], ".point.outgoing.channels[1]"),
        (("candidates", 0, "media", "name"), "a\0b", ".candidates[0].media.name"),
    ],
)
def test_the_place_of_what_is_wrong_is_named(
    path: tuple[Any, ...], value: Any, place: str, real_file: Path, tmp_path: Path
) -> None:
    text = json.loads(real_file.read_text(encoding="utf-8"))
    number = next(i for i, one in enumerate(text["proposals"]) if len(one["candidates"]) > 1)
    held = text["proposals"][number]
    for name in path[:-1]:
        held = held[name]
    held[path[-1]] = value
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(text), encoding="utf-8")
    with pytest.raises(ProposalsError) as refused:
        read_proposals(changed)
    assert refused.value.thing == f"changed.json.proposals[{number}]{place}"


def test_offsets_that_nobody_knows_are_refused(real: Proposals) -> None:
    proposal = next(one for one in real.proposals if one.candidates)
    arguments = proposal, proposal.candidates[0], real.settings, real.timeline.rate
    for known in ("exact", "frames", "equal frames"):
        assert edit_of(*arguments, known).name == proposal.point.id
    with pytest.raises(ValueError, match="equal-frames"):
        edit_of(*arguments, "equal-frames")


def test_chosen_names_what_is_not_there(real: Proposals) -> None:
    ready = next(n for n, p in enumerate(real.proposals, 1) if p.candidates)
    assert real.chosen({ready: 0}) == []
    assert real.chosen({ready: 1}) == [(real.proposals[ready - 1], real.proposals[ready - 1].candidates[0])]
    for choice in ({0: 1}, {len(real.proposals) + 1: 1}, {ready: 99}):
        with pytest.raises(ProposalsError, match="choose"):
            real.chosen(choice)


def test_proposals_do_not_change_when_made_again(real: Proposals, examples: Path) -> None:
    sources = Sources(gallery=(examples / "sounds",), library=Path(real.library), workers=1)
    again = propose(examples / "match_cut.otio", sources, settings=real.settings)
    assert dataclasses.replace(again, notes=real.notes) == real
