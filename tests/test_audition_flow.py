"""The audition as an editor has it: real programs, a real browser, and no hand on the mouse."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from audition_flow import (
    HOSTILE,
    HOSTILE_FILES,
    MARK,
    Server,
    artifacts,
    hostile,
    many_file,
    proposed,
    run_command,
    serving,
    wait_until,
)

from amc_otio.proposals import decided, read_decisions, read_proposals

pytestmark = pytest.mark.slow

WAIT = 20_000
"""Milliseconds that a test waits for what the page does, at most."""

# Hears what reaches the loudspeaker, whatever the page calls it.
TAP = """(() => {
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...rest) {
    const made = connect.call(this, to, ...rest);
    if (to instanceof AudioDestinationNode && this.context instanceof AudioContext && !window.tap) {
      window.tap = new AnalyserNode(this.context, { fftSize: 8192 });
      connect.call(this, window.tap);
    }
    return made;
  };
  window.loudness = () => {
    if (!window.tap) return 0;
    const samples = new Float32Array(window.tap.fftSize);
    window.tap.getFloatTimeDomainData(samples);
    return Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
  };
})()"""


class Editor:
    """Keys that are pressed on a page, and what it shows. There is no pointer."""

    def __init__(self, context: Any, url: str) -> None:
        self.page = context.new_page()
        self.page.set_default_timeout(WAIT)
        self.page.add_init_script(TAP)
        self.page.goto(url)
        self.ready()

    def ready(self) -> None:
        """Wait until a candidate can be heard."""
        self.until("!!window.amc && window.amc.state.values.status !== 'loading'")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def state(self, name: str) -> Any:
        return self.page.evaluate("name => window.amc.state.values[name]", name)

    def until(self, script: str, argument: Any = None) -> None:
        # Not Playwright's own waiting: that evaluates text in the page, which its policy forbids.
        wait_until(lambda: self.page.evaluate(script, argument), WAIT / 1000, script)

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).text_content())

    def select(self, number: int, choice: int | None = None) -> None:
        """Go to an edit point and a candidate with the arrows."""
        while self.state("number") != number:
            self.press("ArrowRight" if self.state("number") < number else "ArrowLeft")
            self.page.wait_for_timeout(20)
        if choice is not None:
            # The rows may stand in any order.
            while self.state("choice") != choice:
                order = self.page.evaluate(
                    "[...document.querySelectorAll('#takes [data-choice]')].map((row) => Number(row.dataset.choice))"
                )
                down = order.index(choice) > order.index(self.state("choice"))
                self.press("ArrowDown" if down else "ArrowUp")
                self.page.wait_for_timeout(20)
        self.until("window.amc.state.values.status === 'ready'")

    def mark(self, number: int) -> str:
        """What the list says of an edit point's decision."""
        return str(self.page.locator(f"#points [data-number='{number}']").get_attribute("data-state"))

    def saved(self) -> None:
        self.until("document.getElementById('saved').textContent.startsWith('Saved in')")

    def focus_with_tab(self, selector: str, most: int = 80) -> None:
        """Press Tab until an element has the focus."""
        for _ in range(most):
            if self.page.evaluate("selector => document.activeElement?.matches(selector)", selector):
                return
            self.press("Tab")
        raise AssertionError(f"{selector} is not reached with Tab")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The example's timeline and what ``amc-otio propose`` says of it."""
    return proposed(tmp_path_factory.mktemp("made"))


@pytest.fixture
def server(made: tuple[Path, Path], tmp_path: Path) -> Iterator[Server]:
    """A server whose decisions and timelines go to the test's own folder."""
    with serving(tmp_path, made[1], *own(tmp_path)) as started:
        yield started


def own(folder: Path) -> tuple[object, ...]:
    return ("--decisions", folder / "D.json", "--output", folder / "cut")


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
        if min(candidate.room.before - candidate.join.fade_before, candidate.room.after - candidate.join.fade_after) > 6000
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
    editor.select(5, 1)
    editor.press("a")
    editor.until("document.querySelector('#points [data-number=\"5\"]').dataset.state === 'chosen'")
    editor.press("u")
    editor.until("document.querySelector('#points [data-number=\"5\"]').dataset.state === 'undecided'")
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


def fits(page: Any) -> None:
    """Nothing makes the page wider than its window, and the controls are in it."""
    width, height = page.viewport_size["width"], page.viewport_size["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for selector in ("#write-button", "#play", "#accept", "#takes", "#points", "#waveform"):
        box = page.locator(selector).bounding_box()
        assert box is not None and box["width"] > 0 and box["height"] > 0, selector
        assert box["x"] >= 0 and box["x"] + box["width"] <= width + 0.5, (selector, box)
    for selector in ("#play", "#accept", "#waveform"):
        box = page.locator(selector).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= height + 0.5, (selector, box)


def test_names_of_clips_and_files_run_nothing_and_break_nothing(context: Any, tmp_path: Path):
    edit, file = hostile(tmp_path)
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
        assert not page.evaluate("document.querySelectorAll('img[onerror], [onload], [onfocus], [autofocus]').length")
    assert list((tmp_path / "cut").glob("*.otio"))


def ran(page: Any) -> None:
    """None of the hostile names ran."""
    page.wait_for_timeout(200)
    assert page.evaluate(f"window.{MARK}") is None


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
    assert [one.point for one in read_decisions(tmp_path / "D.json").decisions] == ["A1:200"]


# ------------------------------------------------------------ one file


@pytest.fixture(scope="module")
def exported(made: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    page = folder / "page.html"
    done = run_command(folder, "audition", made[1], "--export", page, "--top", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"] == str(page)
    return page


def test_the_exported_page_plays_decides_and_gives_decisions_back(
    made: tuple[Path, Path], exported: Path, context: Any, tmp_path: Path
):
    edit, file = made
    context.set_offline(True)
    editor = Editor(context, exported.as_uri())
    page = editor.page
    assert page.locator("#points [role=option]").count() == 6
    assert page.locator("#takes .take:not(.present)").count() == 2
    editor.select(1, 2)
    editor.press("Space")
    editor.until("window.amc.player.playing && window.loudness() > 0.001")
    editor.press("b")
    editor.until("window.amc.player.chosen === 'A'")
    editor.press("Space", "a")
    editor.select(2, 1)
    editor.press("a")
    editor.select(3)
    editor.press("x")
    editor.saved()
    page.screenshot(path=artifacts(tmp_path) / "exported.png")
    page.reload()
    editor.ready()
    assert [editor.mark(n) for n in (1, 2, 3, 4)] == ["chosen", "chosen", "rejected", "undecided"]
    with page.expect_download(timeout=WAIT) as waiting:
        editor.press("w")
    given = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(given)
    assert given.name.endswith(".decisions.json")
    decisions = read_decisions(given)
    assert [(one.state, one.rank) for one in decisions.decisions] == [("chosen", 2), ("chosen", 1), ("rejected", None)]
    output = tmp_path / "cut.otio"
    done = run_command(tmp_path, "apply", edit, file, "--decisions", given, "-o", output, "--json")
    assert done.returncode == 0, done.stderr
    _, choices = decided(read_proposals(file), decisions)
    assert choices == {1: 2, 2: 1}
    assert len(json.loads(done.stdout)["changes"]) == 2
    assert output.is_file() and otio.adapters.read_from_file(str(output)).metadata["amc_otio"]


def test_the_browser_decodes_the_exported_sounds_sample_for_sample(exported: Path, context: Any):
    import base64
    import io

    import numpy as np
    import soundfile

    from amc_otio.audition.export import read_tensors

    text = exported.read_text(encoding="utf-8")
    editor = Editor(context, exported.as_uri())
    found = 0
    for id_ in ("1.out", "1.1.in", "1.2.in", "2.present"):
        coded = re.search(rf'id="amc-segment-{re.escape(id_)}">([^<]+)<', text)
        if coded is None:
            continue
        tensors, metadata = read_tensors(base64.b64decode(coded[1]))
        expected, _ = soundfile.read(io.BytesIO(tensors["flac"].tobytes()), dtype="int16", always_2d=True)
        got = editor.page.evaluate(
            """async (id) => {
              const { makeSource } = await import("amc/source.js");
              const { channels, first } = await makeSource().segment(id);
              return { first, channels: channels.map((one) => Array.from(one, (x) => x * 32768)) };
            }""",
            id_,
        )
        assert got["first"] == int(metadata["first"])
        heard = np.array(got["channels"])
        assert heard.shape == expected.T.shape == (int(metadata["channels"]), int(metadata["count"]))
        assert (heard == expected.T).all()
        found += 1
    assert found >= 3


def test_hostile_names_run_nothing_in_the_exported_page(context: Any, tmp_path: Path):
    _, file = hostile(tmp_path)
    page_file = tmp_path / "page.html"
    done = run_command(tmp_path, "audition", file, "--export", page_file, "--top", "2")
    assert done.returncode == 0, done.stderr
    editor = Editor(context, page_file.as_uri())
    for number in (1, 2, 6):
        editor.select(number, 1)
    assert HOSTILE[0] in editor.page.locator("#points .shot").all_text_contents()
    fits(editor.page)
    with editor.page.expect_download(timeout=WAIT) as waiting:
        editor.press("a", "w")
    assert "/" not in waiting.value.suggested_filename and "<" not in waiting.value.suggested_filename
    ran(editor.page)


def test_the_exported_page_can_ask_nothing_of_a_network(exported: Path, context: Any, complaints: Any):
    complaints.expect("Content Security Policy|Refused|TrustedHTML|Failed to load")
    editor = Editor(context, exported.as_uri())
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    tried = editor.page.evaluate(
        """async () => {
          const tries = {};
          tries.fetch = await fetch("http://127.0.0.1:9/x").then(() => "got", () => "refused");
          tries.image = await new Promise((done) => {
            const image = new Image();
            image.onload = () => done("got");
            image.onerror = () => done("refused");
            image.src = "http://127.0.0.1:9/x.png";
          });
          try { document.body.insertAdjacentHTML("beforeend", "<b id=got>x</b>"); } catch { tries.markup = "refused"; }
          const script = document.createElement("script");
          try { script.textContent = "window.got = 1"; } catch { tries.script = "refused"; }
          document.head.append(script);
          return { ...tries, ran: window.got ?? null };
        }"""
    )
    assert tried == {"fetch": "refused", "image": "refused", "markup": "refused", "script": "refused", "ran": None}
    assert not [url for url in asked if url.startswith("http")]


def test_two_tabs_of_the_exported_page_see_each_other(exported: Path, context: Any):
    one, other = Editor(context, exported.as_uri()), Editor(context, exported.as_uri())
    one.page.bring_to_front()
    one.select(4, 1)
    one.press("a")
    other.until("document.querySelector('#points [data-number=\"4\"]').dataset.state === 'chosen'")


# ------------------------------------------------------------ for everyone


CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => {
    const a = top[3];
    return [0, 1, 2].map((i) => top[i] * a + below[i] * (1 - a)).concat(1);
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => {
      const s = v / 255;
      return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    let made = rgba("Canvas");
    for (const layer of layers.reverse()) made = over(layer, made);
    return made;
  };
  const opacity = (element) => {
    let made = 1;
    for (let at = element; at; at = at.parentElement) made *= Number(getComputedStyle(at).opacity);
    return made;
  };
  const poor = [];
  let seen = 0;
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join("");
    if (!text || !element.checkVisibility({ visibilityProperty: true })) continue;
    // What cannot be used may be pale (WCAG 1.4.3).
    if (element.closest(":disabled, [aria-disabled=true], fieldset:disabled, label:has(:disabled)")) continue;
    if (element.closest(".unseen, .skip, [aria-hidden=true] .value")) continue;
    const below = ground(element);
    const colour = rgba(getComputedStyle(element).color);
    colour[3] *= opacity(element);
    const [one, other] = [light(over(colour, below)), light(below)];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    seen += 1;
    const place = element.closest("[id]")?.id;
    if (ratio < 4.5) poor.push(`${element.tagName}.${element.className} in #${place} "${text.slice(0, 20)}" ${ratio.toFixed(2)}`);
  }
  return { seen, poor };
}"""

NAMES = """() => {
  const wanted = "button, input, select, textarea, a[href], summary, [tabindex]:not([tabindex='-1']), [role=option], [role=listbox], canvas";
  const without = [];
  for (const element of document.querySelectorAll(wanted)) {
    if (!element.checkVisibility()) continue;
    const byId = (element.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join("");
    const labels = [...(element.labels ?? [])].map((label) => label.textContent).join("");
    const own = element.matches("button, a, summary, [role=option]") ? element.textContent : "";
    const name = (element.getAttribute("aria-label") || byId || labels || own || element.title || "").trim();
    if (!name) without.push(element.outerHTML.slice(0, 120));
  }
  return without;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_in_both_schemes(server: Server, context: Any, scheme: str, tmp_path: Path):
    editor = Editor(context, server.url)
    editor.page.emulate_media(color_scheme=scheme)
    editor.select(1, 2)
    editor.press("a")
    editor.saved()
    editor.select(2)
    editor.press("x")
    editor.saved()
    editor.page.wait_for_timeout(300)
    for where, keys, closing in (("page", (), ()), ("weigh", ("s",), ("Escape",)), ("help", ("?",), ("Escape",)), ("write", ("w",), ())):
        editor.press(*keys)
        editor.page.wait_for_timeout(300)
        found = editor.page.evaluate(CONTRAST)
        assert found["seen"] > 20
        assert not found["poor"], (where, found["poor"])
        editor.page.screenshot(path=artifacts(tmp_path) / f"{scheme}-{where}.png")
        editor.press(*closing)


def test_everything_that_can_be_used_has_a_name_and_a_role(server: Server, context: Any):
    editor = Editor(context, server.url)
    editor.select(1, 1)
    assert editor.page.evaluate(NAMES) == []
    for key, box in (("s", "#weigh"), ("?", "#help"), ("w", "#write")):
        editor.press(key)
        editor.page.wait_for_timeout(300)
        assert editor.page.locator(box).is_visible()
        assert editor.page.evaluate(NAMES) == []
        editor.press("Escape")
        editor.until("box => !document.querySelector(box).open", box)
    snapshot = editor.page.locator("body").aria_snapshot()
    for expected in (
        'listbox "Edit points"',
        'listbox "Candidates"',
        'button "Play"',
        'button "Accept"',
        'radio "C Ours" [checked]',
        'searchbox "Search shots and sources"',
        'button "Write timeline"',
        "[selected]",
    ):
        assert expected in snapshot, f"{expected}\n{snapshot}"
    assert editor.page.locator("html").get_attribute("lang") == "en"
    assert editor.page.locator("h1").count() == 1
    for list_ in ("#points", "#takes"):
        assert editor.page.locator(f"{list_} [aria-selected=true]").count() == 1


def test_tab_goes_through_everything_and_is_caught_nowhere(server: Server, context: Any):
    editor = Editor(context, server.url)
    editor.select(1, 1)
    editor.page.evaluate("document.activeElement.blur()")
    seen: list[str] = []
    for _ in range(120):
        editor.press("Tab")
        seen.append(
            editor.page.evaluate(
                "(() => { const at = document.activeElement;"
                " return at === document.body ? 'body' : at.id || at.getAttribute('data-choice') || at.dataset.number || at.value || at.tagName; })()"
            )
        )
        if seen.count("body") == 2 or (len(seen) > 5 and seen[-1] == seen[0] and "write-button" in seen):
            break
    reached = set(seen)
    assert {"search", "source", "hide-same", "weigh-button", "theme-button", "help-button", "write-button"} <= reached
    assert {"play", "accept", "keep", "reject", "nudge-less", "nudge-more", "fade", "law", "method", "note"} <= reached
    # Filters before decisions, decisions before adjustments: as they stand on the page.
    order = [seen.index(one) for one in ("search", "write-button", "play", "accept", "nudge-less", "method", "note")]
    assert order == sorted(order), seen
    # Back again: Shift+Tab leaves every control, too.
    before = editor.page.evaluate("document.activeElement.id")
    moved = set()
    for _ in range(10):
        editor.press("Shift+Tab")
        moved.add(editor.page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert len(moved) >= 8, (before, moved)


def test_the_focus_is_seen(server: Server, context: Any):
    editor = Editor(context, server.url)
    for selector in ("#search", "#write-button", "#play", "#fade", "#takes [aria-selected=true]"):
        editor.page.locator(selector).first.focus()
        editor.press("Shift+Tab", "Tab")
        ring = editor.page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement);"
            " return [s.outlineStyle, parseFloat(s.outlineWidth), s.boxShadow]; })()"
        )
        assert (ring[0] != "none" and ring[1] >= 1) or ring[2] != "none", (selector, ring)


@pytest.mark.parametrize("size", [(1280, 800), (1440, 900), (2560, 1440)])
def test_it_fits_the_screen(server: Server, context: Any, size: tuple[int, int], tmp_path: Path):
    editor = Editor(context, server.url)
    editor.page.set_viewport_size({"width": size[0], "height": size[1]})
    editor.select(2, 3)
    editor.page.wait_for_timeout(300)
    fits(editor.page)
    editor.page.screenshot(path=artifacts(tmp_path) / f"size-{size[0]}x{size[1]}.png")


def test_the_server_ends_when_it_is_told_to(server: Server, context: Any):
    editor = Editor(context, server.url)
    page.close()
    assert server.stop() == 0
    editor.until("!document.getElementById('banner').hidden")
    wait_until(lambda: server.process.poll() is not None)
