"""The audition as an editor has it: real programs, a real browser, and no hand on the mouse."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from audition_flow import (
    HOSTILE,
    HOSTILE_FILES,
    Editor,
    Server,
    artifacts,
    fits,
    hostile,
    many_file,
    own,
    ran,
    serving,
    wait_until,
)

from amc_otio.proposals import decided, read_decisions, read_proposals

pytestmark = pytest.mark.slow


def fades(path: Path, kind: str = "Audio") -> list[tuple[Fraction, Fraction, Fraction]]:
    """Where the transitions of the first track of a kind cut, and their offsets, in seconds."""
    timeline = otio.adapters.read_from_file(str(path))
    track = next(t for t in timeline.tracks if t.kind == kind)
    found, at = [], Fraction(0)
    for item in track:
        if isinstance(item, otio.schema.Transition):
            found.append((at, exact(item.in_offset), exact(item.out_offset)))
        else:
            at += exact(item.duration())
    return found


def exact(time: otio.opentime.RationalTime) -> Fraction:
    return Fraction(time.value) / Fraction(time.rate).limit_denominator(1001)


# ------------------------------------------------------------ the main job


def test_from_propose_to_a_written_timeline_with_the_keyboard_alone(
    made: tuple[Path, Path], server: Server, context: Any, tmp_path: Path
):
    edit, file = made
    before = edit.read_bytes()
    proposals = read_proposals(file)
    editor = Editor(context, server.url)
    page = editor.page
    assert page.locator("#points [role=option]").count() == len(proposals.proposals) == 6

    # Move: edit points sideways, candidates up and down, digits and 0.
    assert editor.state("number") == 1
    editor.press("ArrowRight")
    editor.until("window.amc.state.values.number === 2")
    editor.press("ArrowLeft")
    editor.until("window.amc.state.values.number === 1")
    editor.press("3")
    editor.until("window.amc.state.values.choice === 3")
    editor.press("0")
    editor.until("window.amc.state.values.choice === 0")
    editor.press("ArrowDown", "ArrowDown")
    editor.until("window.amc.state.values.choice === 2")
    editor.until("window.amc.state.values.status === 'ready'")

    # Listen: it sounds, and A, B and C go on where the one before was.
    assert page.evaluate("window.amc.player.playing") is False
    editor.press("Space")
    editor.until("window.amc.player.playing && window.loudness() > 0.001")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    last = 0.0
    for wanted in ("A", "B", "C"):
        editor.press("b")
        editor.until("wanted => window.amc.player.chosen === wanted", wanted)
        now = page.evaluate("window.amc.player.position")
        assert now >= last, "a switch does not start again"
        assert page.evaluate("window.amc.player.playing")
        assert page.locator(f"#players input[value={wanted}]").is_checked()
        last = now
    editor.until("last => window.amc.player.position > last + 0.05", last)
    editor.press("Space")
    editor.until("!window.amc.player.playing")
    rested = page.evaluate("window.amc.player.position")
    assert page.locator("#play").get_attribute("aria-label") == "Play"
    page.wait_for_timeout(150)
    assert page.evaluate("window.amc.player.position") == rested
    assert page.evaluate("window.loudness()") < 1e-4

    # Decide: accept with a nudge, a fade and a law; reject; keep; undo.
    nudged = next(
        candidate.rank
        for candidate in proposals.proposals[0].candidates
        if min(candidate.room.before - candidate.join.fade_before, candidate.room.after - candidate.join.fade_after)
        > 6000
    )
    editor.select(1, nudged)
    editor.press(".", ".")
    editor.until("document.getElementById('nudge').textContent === '+2'")
    editor.press("a")
    editor.until("document.querySelector('#points [data-number=\"1\"]').dataset.state === 'chosen'")
    length = int(page.locator("#fade").input_value())
    editor.press("]")
    editor.until("wanted => Number(document.getElementById('fade').value) === wanted", length + 10)
    editor.select(2)
    editor.press("x")
    editor.select(3)
    editor.press("k")
    editor.select(4, 1)
    editor.press("a")
    # The cut at 4 changes the shot that 5 would leave; 6 shares none with it.
    editor.select(5, 1)
    editor.press("a")
    editor.until("document.getElementById('said').textContent.includes('cannot be cut together with edit point 4')")
    editor.select(6, 1)
    editor.press("a")
    editor.until("document.querySelector('#points [data-number=\"6\"]').dataset.state === 'chosen'")
    editor.press("u")
    editor.until("document.querySelector('#points [data-number=\"6\"]').dataset.state === 'undecided'")
    editor.saved()
    assert [editor.mark(n) for n in range(1, 7)] == ["chosen", "rejected", "kept", "chosen", "undecided", "undecided"]
    page.screenshot(path=artifacts(tmp_path) / "flow-decided.png")

    # Write: the dialog is opened, tabbed through and confirmed with keys.
    editor.press("w")
    editor.until("document.getElementById('write').open")
    editor.until("document.querySelector('input[name=format]:checked')")
    page.screenshot(path=artifacts(tmp_path) / "flow-write.png")
    assert "2 cuts" in editor.text("#write-summary")
    editor.focus_with_tab("#write-now")
    editor.press("Enter")
    editor.until("document.querySelector('#written .path')")
    page.screenshot(path=artifacts(tmp_path) / "flow-written.png")
    output = Path(editor.text("#written .path >> nth=0"))
    editor.press("Escape")
    editor.until("!document.getElementById('write').open")

    # What was written is what was decided, and the timeline is as it was.
    assert edit.read_bytes() == before
    assert output.parent == tmp_path / "cut" and output.suffix == ".otio"
    decisions = read_decisions(tmp_path / "D.json")
    by_point = {one.point: one for one in decisions.decisions}
    ids = [one.point.id for one in proposals.proposals]
    assert by_point[ids[0]].state == "chosen" and by_point[ids[0]].nudge_frames == 2
    assert by_point[ids[0]].fade_length == Fraction(length + 10, 1000)
    assert by_point[ids[1]].state == "rejected" and by_point[ids[2]].state == "kept" and ids[4] not in by_point
    carried, choices = decided(proposals, decisions)
    assert choices == {1: nudged, 4: 1}
    wanted = []
    for number, rank in sorted(choices.items()):
        proposal = carried.proposals[number - 1]
        candidate = next(one for one in proposal.candidates if one.rank == rank)
        if candidate.join.fade_before or candidate.join.fade_after:
            wanted.append(proposal.point.record_time + candidate.cut_shift)
    found = fades(output)
    assert len(found) == len(wanted) >= 1
    for (at, _, _), expected in zip(found, wanted, strict=True):
        assert abs(at - expected) <= Fraction(1, 48_000)
    assert abs(found[0][1] + found[0][2] - Fraction(length + 10, 1000)) <= Fraction(2, 48_000)
    timeline = otio.adapters.read_from_file(str(output))
    assert timeline.metadata["amc_otio"]
    plain = next(c for c in proposals.proposals[0].candidates if c.rank == nudged)
    kept_at = proposals.proposals[0].point.record_time + plain.cut_shift
    assert found[0][0] - kept_at == Fraction(2) / proposals.timeline.rate, "two frames later than proposed"
    page.close()
    assert server.stop() == 0


def test_decisions_survive_a_reload(server: Server, context: Any):
    editor = Editor(context, server.url)
    editor.select(1, 2)
    editor.press("a")
    editor.select(2)
    editor.press("k")
    editor.saved()
    editor.page.reload()
    editor.ready()
    assert [editor.mark(n) for n in (1, 2, 3)] == ["chosen", "kept", "undecided"]
    editor.select(1)
    assert editor.state("choice") == 2
    editor.press("u")
    editor.until("document.querySelector('#points [data-number=\"2\"]').dataset.state === 'undecided'")


def test_a_killed_server_loses_nothing_and_the_page_says_so(
    made: tuple[Path, Path], context: Any, complaints: Any, tmp_path: Path
):
    complaints.expect(r"ERR_|Failed to (load|fetch)")
    with serving(tmp_path, made[1], *own(tmp_path)) as first:
        editor = Editor(context, first.url)
        editor.select(1, 1)
        editor.press("a")
        editor.saved()
        first.kill()
    assert [one.state for one in read_decisions(tmp_path / "D.json").decisions] == ["chosen"]
    # What is decided now is shown, and that it is not saved.
    editor.press("k")
    editor.until("!document.getElementById('banner').hidden")
    assert "does not answer" in editor.text("#banner")
    assert "not saved" in editor.text("#saved")
    editor.page.screenshot(path=artifacts(tmp_path) / "flow-killed.png")
    assert [one.state for one in read_decisions(tmp_path / "D.json").decisions] == ["chosen"]
    with serving(tmp_path, made[1], *own(tmp_path)) as second:
        assert second.url != first.url
        again = Editor(context, second.url)
        assert [again.mark(n) for n in (1, 2)] == ["chosen", "undecided"]
        again.press("x")
        again.saved()
    assert [one.state for one in read_decisions(tmp_path / "D.json").decisions][-1] == "rejected"
    # The first tab holds what was not saved and asks before it goes.
    editor.page.close(run_before_unload=False)


def test_two_tabs_see_each_others_decisions(server: Server, context: Any):
    one, other = Editor(context, server.url), Editor(context, server.url)
    one.page.bring_to_front()
    one.select(1, 3)
    one.press("a")
    other.until("document.querySelector('#points [data-number=\"1\"]').dataset.state === 'chosen'")
    other.page.bring_to_front()
    other.select(1)
    other.press("k")
    one.until("document.querySelector('#points [data-number=\"1\"]').dataset.state === 'kept'")
    one.page.bring_to_front()
    assert one.state("number") == 1
    one.press("x")
    other.until("document.querySelector('#points [data-number=\"1\"]').dataset.state === 'rejected'")


# ------------------------------------------------------------ what is hostile, and what is large


def test_names_of_clips_and_files_run_nothing_and_break_nothing(context: Any, tmp_path: Path):
    _, file = hostile(tmp_path)
    with serving(tmp_path, file, *own(tmp_path)) as server:
        editor = Editor(context, server.url)
        page = editor.page
        editor.until("!!document.title")
        for number in range(1, 7):
            editor.select(number, 1)
            fits(page)
        shots = page.locator("#points .shot").all_text_contents()
        for name in HOSTILE[:6]:
            assert name in shots, "names are shown as they are"
        names = page.locator("#takes .name b").all_text_contents()
        assert sum(stem in names for stem in (name.removesuffix(".ogg") for name in HOSTILE_FILES)) >= 3
        page.screenshot(path=artifacts(tmp_path) / "hostile.png")
        editor.press("Space")
        editor.until("window.amc.player.playing")
        editor.press("Space", "a")
        editor.saved()
        editor.press("w")
        editor.until("document.querySelector('input[name=format]:checked')")
        editor.focus_with_tab("#write-now")
        editor.press("Enter")
        editor.until("document.querySelector('#written .path, #written .bad')")
        page.screenshot(path=artifacts(tmp_path) / "hostile-written.png")
        assert page.locator("#written .path").count() >= 1, editor.text("#written")
        ran(page)
        handlers = "(one) => [...one.attributes].some(({ name }) => name.startsWith('on'))"
        assert not page.evaluate(f"[...document.querySelectorAll('*')].filter({handlers}).length")
        page.close()
    assert list((tmp_path / "cut").glob("*.otio"))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 edit points of 20 candidates."""
    return many_file(tmp_path_factory.mktemp("many"))


def test_two_hundred_edit_points_of_twenty_candidates(large: Path, context: Any, tmp_path: Path):
    with serving(tmp_path, large, *own(tmp_path)) as server:
        editor = Editor(context, server.url)
        page = editor.page
        timing = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
        print(f"open: {page.evaluate('performance.now()'):.0f} ms, DOMContentLoaded {timing:.0f} ms")
        assert page.locator("#points [role=option]").count() == 200
        assert page.locator("#takes [role=option]").count() == 21
        assert "200" in editor.text("#progress-text")
        fits(page)
        page.screenshot(path=artifacts(tmp_path) / "large.png")

        # From the first to the last edit point, as fast as keys repeat.
        began = page.evaluate("performance.now()")
        for _ in range(199):
            editor.press("ArrowRight")
        editor.until("window.amc.state.values.number === 200")
        print(f"199 edit points: {page.evaluate('performance.now()') - began:.0f} ms")
        editor.until("window.amc.state.values.status === 'ready'")
        assert page.locator("#points [aria-selected=true]").get_attribute("data-number") == "200"

        # Re-rank: with a weight all twenty are there, best first.
        order = "[...document.querySelectorAll('#takes [data-choice]')].map((row) => Number(row.dataset.choice))"
        before = page.evaluate(order)
        editor.press("s")
        editor.focus_with_tab("#weight-join")
        began = page.evaluate("performance.now()")
        for _ in range(20):
            editor.press("ArrowRight")
        editor.until(f"JSON.stringify({order}) !== '{json.dumps(before, separators=(',', ':'))}'")
        print(f"20 steps of a slider: {page.evaluate('performance.now()') - began:.0f} ms")
        after = page.evaluate(order)
        assert after != before and sorted(after) == sorted(before) == list(range(21))
        editor.press("Escape", "Escape")
        scores = [float(text) for text in page.locator("#takes .rank").all_text_contents() if text]
        assert scores == sorted(scores, reverse=True)

        # Search and filter.
        editor.press("/")
        page.keyboard.type("tyre-skid")
        editor.until("document.querySelectorAll('#takes [role=option]').length < 21")
        names = page.locator("#takes .take:not(.present) .name b").all_text_contents()
        assert names and set(names) == {"tyre-skid"}
        editor.press("Escape", "Escape")
        page.screenshot(path=artifacts(tmp_path) / "large-end.png")
        editor.select(200, 5)
        editor.press("a")
        editor.saved()
        page.close()
    assert [one.point for one in read_decisions(tmp_path / "D.json").decisions] == ["A1:200"]


def test_the_server_ends_when_it_is_told_to(server: Server, context: Any):
    editor = Editor(context, server.url)
    editor.press("?")
    editor.page.get_by_role("button", name="End the page’s server").click()
    assert server.process.wait(30) == 0
    editor.until("!document.getElementById('banner').hidden")
    wait_until(lambda: server.process.poll() is not None)
