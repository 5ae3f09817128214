"""Decisions are on the disk when they are answered, whoever else writes them and whenever the server dies."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

import audition_helpers as helpers

from amc_otio.audition.keeping import Changed, DecisionsFile, Entry, decisions_path
from amc_otio.choices import rivals
from amc_otio.errors import OutputError, ProposalsError
from amc_otio.proposals import Decision, Proposals, decisions_for, read_decisions, write_decisions, write_proposals
from amc_otio.timeline.read import read_timeline


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Proposals:
    """Proposals at two edit points."""
    return helpers.read(helpers.make_proposals(tmp_path_factory.mktemp("made")))


def chosen(number: int, rank: int = 1, **more: Any) -> Decision:
    return Decision(f"A1:{number}", "chosen", rank, **more)


def test_where_decisions_are_kept() -> None:
    assert decisions_path(Path("a/proposals.json")) == Path("a/proposals.decisions.json")
    assert decisions_path(Path("P.JSON")) == Path("P.decisions.json")
    assert decisions_path(Path("edit.otio")) == Path("edit.otio.decisions.json")


def test_a_decision_is_in_the_file_at_once(made: Proposals, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    kept = DecisionsFile(path, made)
    assert not path.exists()  # a file without decisions would say that nothing is chosen
    first = kept.change(1, chosen(1, 2, note="rain"), 0)
    assert read_decisions(path) == decisions_for(made, (chosen(1, 2, note="rain"),))
    second = kept.change(2, Decision("A1:2", "kept"), 0)
    assert second.revision > first.revision
    assert kept.entries() == {1: first, 2: second}
    again = DecisionsFile(path, made)
    assert {n: e.decision for n, e in again.entries().items()} == {1: first.decision, 2: second.decision}
    again.close()
    assert [p.name for p in tmp_path.iterdir()] == ["d.json"]


def test_who_has_not_seen_the_last_change_is_told_it(made: Proposals, tmp_path: Path) -> None:
    kept = DecisionsFile(tmp_path / "d.json", made)
    first = kept.change(1, chosen(1), 0)
    before = (tmp_path / "d.json").read_bytes()
    for seen in (0, first.revision + 1, -1):
        with pytest.raises(Changed) as caught:
            kept.change(1, chosen(1, 2), seen)
        assert caught.value.entry == first
    assert (tmp_path / "d.json").read_bytes() == before
    second = kept.change(1, chosen(1, 2), first.revision)
    assert kept.change(2, chosen(2), 0).revision > second.revision  # another point is nobody's business


def test_what_is_undecided_again_leaves_the_file(made: Proposals, tmp_path: Path) -> None:
    kept = DecisionsFile(tmp_path / "d.json", made)
    first = kept.change(1, chosen(1), 0)
    gone = kept.change(1, Decision("A1:1", "undecided"), first.revision)
    assert kept.entries() == {}
    assert read_decisions(tmp_path / "d.json").decisions == ()
    with pytest.raises(Changed):  # a tab that still shows the choice
        kept.change(1, chosen(1, 2), first.revision)
    assert kept.change(1, chosen(1, 2), 0).revision > gone.revision  # one that was loaded since
    noted = kept.change(2, Decision("A1:2", "undecided", note="ask the director"), 0)
    assert read_decisions(tmp_path / "d.json").decisions[1] == noted.decision


@pytest.mark.parametrize(
    ("decision", "says"),
    [
        (chosen(1, 99), "no candidate 99"),
        (chosen(1, nudge_frames=5000), "a nudge of"),
        (chosen(1, fade_length=Fraction(9)), "does not fit"),
        (chosen(1, method="paper"), "another method"),
        (chosen(1, fade_law="cubic"), "is none of"),
        (Decision("A1:1", "liked"), "is none of"),
        (Decision("A1:1", "kept", 1), "belongs to a chosen"),
        (chosen(2), "is not the one"),
        (Decision("A9:9", "kept"), "is not the one"),
        (chosen(1, note="\udc80"), "half a character"),
    ],
)
def test_what_apply_could_not_carry_out_is_not_kept(
    decision: Decision, says: str, made: Proposals, tmp_path: Path
) -> None:
    kept = DecisionsFile(tmp_path / "d.json", made)
    with pytest.raises(ProposalsError, match=says):
        kept.change(1, decision, 0)
    assert not (tmp_path / "d.json").exists()
    assert kept.revision == 0


def test_a_method_is_asked_of_whoever_can_find_it(made: Proposals, tmp_path: Path) -> None:
    asked = []
    kept = DecisionsFile(tmp_path / "d.json", made, lambda some, decisions: asked.append((some, decisions)))
    kept.change(2, chosen(2, method="paper"), 0)
    kept.change(1, Decision("A1:1", "rejected"), 0)
    ((some, decisions),) = asked
    assert [one.point.id for one in some.proposals] == ["A1:2"]
    assert decisions.decisions == (chosen(2, method="paper"),)


def foreign(made: Proposals, path: Path) -> None:
    fewer = Proposals(**{**vars(made), "proposals": made.proposals[:1]})
    write_decisions(decisions_for(fewer, (chosen(1),)), path)


@pytest.mark.parametrize("kind", ["foreign", "damaged", "proposals", "large", "folder"])
def test_a_file_that_is_something_else_is_left_as_it_is(kind: str, made: Proposals, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    if kind == "foreign":
        foreign(made, path)
    elif kind == "damaged":
        path.write_text('{"format": "amc-otio deci')
    elif kind == "proposals":
        write_proposals(made, path)
    elif kind == "large":
        with path.open("wb") as file:
            file.truncate(65 * 1024 * 1024)
    else:
        path.mkdir()
    before = path.stat().st_size, path.stat().st_mtime_ns
    with pytest.raises((ProposalsError, OutputError)) as caught:
        DecisionsFile(path, made)
    assert str(path) in str(caught.value)
    assert caught.value.remedy
    assert (path.stat().st_size, path.stat().st_mtime_ns) == before


def test_a_file_that_becomes_something_else_is_left_as_it_is(made: Proposals, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    kept = DecisionsFile(path, made)
    first = kept.change(1, chosen(1), 0)
    foreign(made, path)
    before = path.read_bytes()
    with pytest.raises(ProposalsError, match="holds decisions on other proposals"):
        kept.change(1, chosen(1, 2), first.revision)
    assert path.read_bytes() == before


def test_a_file_that_is_removed_is_written_anew(made: Proposals, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    kept = DecisionsFile(path, made)
    kept.change(1, chosen(1), 0)
    path.unlink()
    kept.change(2, chosen(2), 0)
    assert read_decisions(path).decisions == (chosen(1), chosen(2))


def test_two_servers_on_one_file_lose_nothing_to_each_other(made: Proposals, tmp_path: Path) -> None:
    path, told = tmp_path / "d.json", []
    one = DecisionsFile(path, made)
    two = DecisionsFile(path, made, tell=lambda number, entry: told.append((number, entry.decision)))
    one.change(1, chosen(1, 2), 0)
    assert two.looks_changed
    two.change(2, chosen(2, 3), 0)
    assert read_decisions(path).decisions == (chosen(1, 2), chosen(2, 3))
    assert told == [(1, chosen(1, 2)), (2, chosen(2, 3))]
    one.refresh()
    assert not one.looks_changed
    assert {n: e.decision for n, e in one.entries().items()} == {1: chosen(1, 2), 2: chosen(2, 3)}
    with pytest.raises(Changed) as caught:  # decided by the other server meanwhile
        one.change(2, chosen(2), 0)
    assert caught.value.entry.decision == chosen(2, 3)


def test_the_words_of_the_whole_file_stay(made: Proposals, tmp_path: Path) -> None:
    write_decisions(decisions_for(made, (), "reel 2, Friday"), tmp_path / "d.json")
    DecisionsFile(tmp_path / "d.json", made).change(1, chosen(1), 0)
    assert read_decisions(tmp_path / "d.json").note == "reel 2, Friday"


def test_many_threads_and_two_servers(made: Proposals, tmp_path: Path) -> None:
    many = helpers.of_points(made, 40)
    files = [DecisionsFile(tmp_path / "d.json", many) for _ in range(2)]

    def decide(file: DecisionsFile, numbers: range) -> None:
        for number in numbers:
            file.change(number, chosen(number, 1 + number % 3), 0)

    threads = [threading.Thread(target=decide, args=(files[n % 2], range(1 + n, 41, 4)), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {one.point: one.rank for one in read_decisions(tmp_path / "d.json").decisions}
    assert found == {f"A1:{n}": 1 + n % 3 for n in range(1, 41)}


def test_what_killed_servers_left_is_removed(made: Proposals, tmp_path: Path) -> None:
    left = tmp_path / ".d.json.4711.part"
    left.write_text("{")
    other = tmp_path / ".e.json.4711.part"
    other.write_text("{")
    DecisionsFile(tmp_path / "d.json", made)
    assert not left.exists()
    assert other.exists()


def test_a_folder_that_is_not_there_is_said(made: Proposals, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is no folder"):
        DecisionsFile(tmp_path / "gone" / "d.json", made)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no kill -9")
@pytest.mark.slow
def test_killed_at_any_moment_it_loses_nothing_that_was_answered(made: Proposals, tmp_path: Path) -> None:
    """kill -9 while decisions arrive: what was answered 200 is in the file, and the file is always whole."""
    path = tmp_path / "p.json"
    many = helpers.of_points(made, 60)
    write_proposals(many, path)
    file = decisions_path(path)
    dice = random.Random(6)
    answered: dict[str, int] = {}
    killed_between = 0
    for _ in range(12):
        server = helpers.start(path)
        entries = server.client.get("api/decisions").json()["decisions"]
        assert {point: one["decision"]["rank"] for point, one in entries.items()} == answered
        seen = {point: one["revision"] for point, one in entries.items()}
        asked: dict[str, int] = {}
        timer = threading.Timer(dice.uniform(0.0, 0.12), os.kill, (server.process.pid, signal.SIGKILL))
        timer.start()
        try:
            while True:
                number = dice.randint(1, 60)
                point, rank = f"A1:{number}", dice.randint(1, 3)
                decision = json.loads(json.dumps({**vars(chosen(number, rank))}))
                asked = {point: rank}
                answer = server.put(number, decision, seen.get(point, 0))
                assert answer.status_code == 200, answer.text
                seen[point] = answer.json()["revision"]
                answered[point] = rank
                asked = {}
        except helpers.httpx.HTTPError:
            pass
        timer.join()
        server.process.wait(10)
        server.close()
        if not file.exists():
            assert not answered
            continue
        found = {one.point: one.rank for one in read_decisions(file).decisions}
        killed_between += bool(answered)
        # The one that was under way may be there, without its answer.
        assert found in (answered, {**answered, **asked})
        answered = {point: rank for point, rank in found.items() if rank is not None}
    assert killed_between >= 6


def test_an_entry_says_its_revision(made: Proposals, tmp_path: Path) -> None:
    kept = DecisionsFile(tmp_path / "d.json", made)
    assert kept.change(1, chosen(1), 0) == Entry(1, chosen(1))
    assert kept.revision == 1


def test_two_cuts_of_one_shot_are_not_both_kept(tmp_path: Path, made: Proposals) -> None:
    kept = DecisionsFile(tmp_path / "d.json", made, excludes={1: (2,), 2: (1,)})
    first, second = (made.proposals[n].point.id for n in (0, 1))
    held = kept.change(1, Decision(first, "chosen", 1), 0)
    with pytest.raises(ProposalsError, match=f"{first} is cut already and changes the same shot; clear that one first"):
        kept.change(2, Decision(second, "chosen", 1), 0)
    kept.change(2, Decision(second, "kept"), 0)
    kept.change(1, Decision(first, "undecided"), held.revision)
    kept.change(2, Decision(second, "chosen", 1), kept.entries()[2].revision)


def test_edit_points_beside_each_other_exclude_each_other(tmp_path: Path) -> None:
    made = helpers.read(helpers.make_proposals(tmp_path))
    assert rivals(made, read_timeline(tmp_path / "edit.otio")) == {1: (2,), 2: (1,)}
