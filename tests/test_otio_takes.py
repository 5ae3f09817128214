"""The adapter amc_proposals: a proposals file as a timeline of takes, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import failure_cases
import opentimelineio as otio
import pytest
from otio_tools import convert

from amc_otio.cli import main
from amc_otio.media.locate import Locator
from amc_otio.otio_hooks.failing import AmcPluginError
from amc_otio.proposals import read_proposals
from amc_otio.timeline.rational import seconds
from amc_otio.timeline.undo import external_references

FILE = "p.amcproposals"
READ = ["--gallery", "sounds", "--representation", "mfcc", "--workers", "1", "--max-level-step", "0"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an edit and proposals for it."""
    folder = tmp_path_factory.mktemp("takes")
    failure_cases.prepare_good(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["propose", "edit.otio", "-o", FILE, *READ]) == 0
    return folder


@pytest.fixture(autouse=True)
def here(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)


def stacks(timeline: otio.schema.Timeline) -> list[Any]:
    return [item for track in timeline.tracks for item in track if isinstance(item, otio.schema.Stack)]


def test_each_edit_point_is_a_stack_of_takes_at_its_record_time() -> None:
    proposals = read_proposals(Path(FILE))
    timeline = otio.adapters.read_from_file(FILE)
    assert len(stacks(timeline)) == len(proposals.proposals) >= 2
    for stack, proposal in zip(stacks(timeline), proposals.proposals, strict=True):
        takes = [take for take in stack if not take.name.startswith("0 ")]
        assert [take.name.split()[1] for take in takes] == [c.media.name for c in proposal.candidates]
        assert [take.enabled for take in stack] == [True, *[False] * (len(stack) - 1)]
        start = seconds(stack.range_in_parent().start_time)
        for take, candidate in zip(takes, proposal.candidates, strict=True):
            fade = next(c for c in take if isinstance(c, otio.schema.Transition))
            shot = list(take)[list(take).index(fade) + 1]
            at = start + seconds(shot.range_in_parent().start_time)
            assert at == pytest.approx(proposal.point.record_time + candidate.cut_shift, abs=1e-6)
            assert seconds(shot.source_range.start_time) == pytest.approx(candidate.in_time, abs=1e-6)
            assert seconds(fade.in_offset) * 48_000 == candidate.join.fade_before
            assert seconds(take.duration()) == pytest.approx(seconds(stack.duration()), abs=1e-6)
        marker = stack.markers[0]
        assert start + seconds(marker.marked_range.start_time) == pytest.approx(proposal.point.record_time, abs=1e-6)
        assert stack[0].metadata["amc_proposals"]["similarity"] == proposal.candidates[0].scores.similarity
    for reference in external_references(timeline):
        assert Locator().locate(reference.target_url).is_file()
        assert reference.target_url.startswith("file:///")


def test_back_it_is_the_same_file_through_otioconvert(tmp_path: Path) -> None:
    assert convert(tmp_path, Path(FILE).absolute(), "takes.otio") == (0, "")
    assert convert(tmp_path, "takes.otio", "back.amcproposals") == (0, "")
    assert (tmp_path / "back.amcproposals").read_bytes() == Path(FILE).read_bytes()
    code, err = convert(tmp_path, "takes.otio", "back.json", "-O", "amc_proposals")
    assert (code, err) == (0, "")
    code, err = convert(tmp_path, "back.json", "again.otio", "-I", "amc_proposals")
    assert (code, err) == (0, "")
    assert (tmp_path / "again.otio").read_bytes() == (tmp_path / "takes.otio").read_bytes()
    text = otio.adapters.write_to_string(otio.adapters.read_from_file(FILE), "amc_proposals")
    assert text == Path(FILE).read_text(encoding="utf-8")
    assert otio.adapters.read_from_string(text, "amc_proposals").is_equivalent_to(otio.adapters.read_from_file(FILE))


def test_what_was_taken_out_is_gone_and_the_order_is_the_rank(tmp_path: Path) -> None:
    old = read_proposals(Path(FILE))
    timeline = otio.adapters.read_from_file(FILE)
    first, second = stacks(timeline)[:2]
    best = first.pop(0)
    first.insert(1, best)
    names = [take.name.split()[1] for take in first if not take.name.startswith("0 ")]
    while len(second):
        second.pop(0)
    # Not an empty stack only, but one whose takes were all taken out while the present cut stayed.
    second.append(otio.schema.Track("0  as it is"))
    target = tmp_path / FILE
    otio.adapters.write_to_file(timeline, str(target))
    new = read_proposals(target)
    assert [c.media.name for c in new.proposals[0].candidates] == names
    assert [c.rank for c in new.proposals[0].candidates] == list(range(1, len(names) + 1))
    assert new.proposals[1].candidates == ()
    assert new.proposals[1].refusal == "no take of it was kept"
    assert main(["apply", "edit.otio", str(target), "-o", str(tmp_path / "new.otio")]) == 0
    cut = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    assert any(c.name == names[0] for c in cut.find_clips())
    track = next(t for t in timeline.tracks if any(item is second for item in t))
    track.remove(second)
    otio.adapters.write_to_file(timeline, str(target))
    assert [p.point.id for p in read_proposals(target).proposals] == [
        p.point.id for p in old.proposals if p.point.id != old.proposals[1].point.id
    ]


def test_an_edit_point_without_candidates_is_a_gap_with_a_red_marker(tmp_path: Path) -> None:
    value = json.loads(Path(FILE).read_text(encoding="utf-8"))
    value["proposals"][0] |= {"candidates": [], "refusal": "no match can be cut here: the media is offline"}
    changed = tmp_path / FILE
    changed.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    timeline = otio.adapters.read_from_file(str(changed))
    gap = next(i for track in timeline.tracks for i in track if i.metadata.get("amc_proposals"))
    assert isinstance(gap, otio.schema.Gap)
    assert gap.markers[0].color == otio.schema.MarkerColor.RED
    assert "offline" in gap.markers[0].comment
    otio.adapters.write_to_file(timeline, str(tmp_path / "back.amcproposals"))
    assert (tmp_path / "back.amcproposals").read_bytes() == changed.read_bytes()


def test_other_timelines_are_refused_in_words(tmp_path: Path, made: Path) -> None:
    code, err = convert(made, "edit.otio", tmp_path / "x.amcproposals")
    assert code == 1
    assert err.startswith("ERROR: amc-otio: edit: is no timeline of candidates")
    assert not (tmp_path / "x.amcproposals").exists()
    for thing in (otio.schema.Marker(), otio.schema.SerializableCollection(), otio.schema.Timeline()):
        with pytest.raises(AmcPluginError, match="is no timeline of candidates"):
            otio.adapters.write_to_string(thing, "amc_proposals")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"format": "amc-otio proposals", "version": 99}', "[" * 100_000, '{"a": NaN}', "\0"],
)
def test_hostile_files_are_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    code, err = convert(tmp_path, FILE, "takes.otio")
    assert code == 1
    assert len(err.splitlines()) == 1
    assert err.startswith("ERROR: amc-otio: ")


@pytest.mark.parametrize(
    ("key", "value"), [("proposal", "{"), ("proposal", "[]"), ("proposal", 7), ("proposal", "NaN"), ("number", "x")]
)
def test_damaged_metadata_is_refused_or_harmless(key: str, value: object) -> None:
    timeline = otio.adapters.read_from_file(FILE)
    stacks(timeline)[0].metadata["amc_proposals"][key] = value
    if key == "number":
        otio.adapters.write_to_string(timeline, "amc_proposals")
        return
    with pytest.raises(AmcPluginError):
        otio.adapters.write_to_string(timeline, "amc_proposals")


def test_an_edit_point_twice_is_refused() -> None:
    timeline = otio.adapters.read_from_file(FILE)
    timeline.tracks[0].append(stacks(timeline)[0].deepcopy())
    with pytest.raises(AmcPluginError, match="one edit point twice"):
        otio.adapters.write_to_string(timeline, "amc_proposals")
