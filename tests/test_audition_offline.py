"""The exported page from a file, as a colleague has it: no server, no network, decisions given back."""

from __future__ import annotations

import base64
import io
import json
import re
import socket
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import pytest
import soundfile
from audition_flow import HOSTILE, WAIT, Editor, artifacts, fits, hostile, ran, run_command

from amc_otio.audition.packing import read_tensors
from amc_otio.proposals import decided, read_decisions, read_proposals

pytestmark = pytest.mark.slow


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
    # Neighbours share a shot, and apply cuts one of them at a time.
    editor.select(4, 1)
    editor.press("a")
    editor.select(3)
    editor.press("x")
    editor.saved()
    page.screenshot(path=artifacts(tmp_path) / "exported.png")
    page.reload()
    editor.ready()
    assert [editor.mark(n) for n in (1, 2, 3, 4)] == ["chosen", "undecided", "rejected", "chosen"]
    with page.expect_download(timeout=WAIT) as waiting:
        editor.press("w")
    given = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(given)
    assert given.name.endswith(".decisions.json")
    decisions = read_decisions(given)
    assert [(one.state, one.rank) for one in decisions.decisions] == [("chosen", 2), ("rejected", None), ("chosen", 1)]
    output = tmp_path / "cut.otio"
    done = run_command(tmp_path, "apply", edit, file, "--decisions", given, "-o", output, "--json")
    assert done.returncode == 0, done.stderr
    _, choices = decided(read_proposals(file), decisions)
    assert choices == {1: 2, 4: 1}
    assert len(json.loads(done.stdout)["changes"]) == 2
    timeline = otio.adapters.read_from_file(str(output))
    assert timeline.metadata["amc_otio"]


def test_the_browser_decodes_the_exported_sounds_to_16_bits(exported: Path, context: Any):
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
        # Chromium divides what is positive by 32767: at most the last bit is another.
        assert np.abs(heard - expected.T).max() <= 1.001
        assert np.abs(np.rint(np.where(heard > 0, heard * 32767 / 32768, heard)) - expected.T).max() == 0
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
    complaints.expect("Content Security Policy|Refused|Trusted|Failed to load")
    editor = Editor(context, exported.as_uri())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(1.0)
        tried = editor.page.evaluate(
            """async (address) => {
              const tries = {};
              tries.fetch = await fetch(`${address}x`).then(() => "got", () => "refused");
              tries.image = await new Promise((done) => {
                const image = new Image();
                image.onload = () => done("got");
                image.onerror = () => done("refused");
                image.src = `${address}x.png`;
              });
              try { document.body.insertAdjacentHTML("beforeend", "<b>x</b>"); } catch { tries.markup = "refused"; }
              const script = document.createElement("script");
              try { script.textContent = "window.got = 1"; } catch { tries.script = "refused"; }
              document.head.append(script);
              return { ...tries, ran: window.got ?? null };
            }""",
            f"http://127.0.0.1:{listening.getsockname()[1]}/",
        )
        assert tried == {"fetch": "refused", "image": "refused", "markup": "refused", "script": "refused", "ran": None}
        with pytest.raises(TimeoutError):
            listening.accept()


def test_two_tabs_of_the_exported_page_see_each_other(exported: Path, context: Any):
    one, other = Editor(context, exported.as_uri()), Editor(context, exported.as_uri())
    one.page.bring_to_front()
    one.select(4, 1)
    one.press("a")
    other.until("document.querySelector('#points [data-number=\"4\"]').dataset.state === 'chosen'")


def test_a_second_cut_of_one_shot_is_refused_and_decisions_are_loaded(exported: Path, context: Any, tmp_path: Path):
    told = json.loads(re.search(r'id="amc-told">(.*?)</script>', exported.read_text("utf-8"), re.S)[1])
    assert 2 in told["points"][0]["excludes"]
    editor = Editor(context, exported.as_uri())
    page = editor.page
    editor.select(1, 1)
    editor.press("a")
    editor.saved()
    assert "the cut at 1 changes this shot" in editor.text("#points [data-number='2']")
    editor.select(2, 1)
    editor.press("a")
    editor.until("document.querySelector('#problem').textContent.includes('edit point 1')")
    assert editor.mark(2) == "undecided"
    with page.expect_download(timeout=WAIT) as waiting:
        page.locator("#write-button").click()
    given = json.loads(Path(waiting.value.path()).read_text("utf-8"))
    # A file with both is refused whole; one with another decision is taken over.
    chosen = given["decisions"][0]
    both = [chosen, {**chosen, "point": told["points"][1]["id"]}]
    (tmp_path / "both.json").write_text(json.dumps({**given, "decisions": both}), "utf-8")
    page.locator("#load-file").set_input_files(tmp_path / "both.json")
    editor.until("document.querySelector('#said').textContent.includes('changes the same shot')")
    assert editor.mark(2) == "undecided"
    kept = {**chosen, "point": told["points"][2]["id"], "state": "kept", "rank": None}
    # So is one that the format does not allow.
    beyond = {"nudge_frames": 10_001, "fade_length": "11/1", "fade_law": "loud", "method": "x", "note": "n" * 10_001}
    for key, value in beyond.items():
        (tmp_path / f"{key}.json").write_text(json.dumps({**given, "decisions": [{**kept, key: value}]}), "utf-8")
        page.locator("#load-file").set_input_files(tmp_path / f"{key}.json")
        damaged = "words => document.querySelector('#said').textContent.startsWith(words)"
        editor.until(damaged, f"{key}.json: the file is damaged")
        assert editor.mark(3) == "undecided"
    (tmp_path / "other.json").write_text(json.dumps({**given, "decisions": [kept]}), "utf-8")
    assert page.locator("#load-button").is_visible()
    page.locator("#load-file").set_input_files(tmp_path / "other.json")
    editor.until("document.querySelector('#said').textContent.includes('1 decision loaded from other.json')")
    assert [editor.mark(n) for n in (1, 3)] == ["chosen", "kept"]
