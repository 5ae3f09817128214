"""The page as an editor uses it, in a real Chromium, against a server of made-up proposals (`audition_mock`)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from audition_mock import HOSTILE, PAGE, Mock, frames, serving, told

READY = "document.querySelector('#stage').getAttribute('aria-busy') === 'false'"


@pytest.fixture
def mock(examples: Path) -> Iterator[Mock]:
    with serving(
        Mock(told(5, 6), frames(examples / "media" / "bbb_opening_25fps.mp4", 2), examples_video(examples))
    ) as m:
        yield m


def examples_video(examples: Path) -> Path:
    return examples / "media" / "bbb_opening_25fps.mp4"


@pytest.fixture
def page(context: Any, mock: Mock) -> Any:
    return opened(context, mock)


def until(page: Any, expression: str, arg: Any = None, seconds: float = 15) -> None:
    """Wait until JavaScript is true (Playwright's own waiting needs `eval`, which the page forbids)."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression, arg):
        assert time.monotonic() < end, f"never true: {expression} {arg or ''}; {page.locator('#said').text_content()}"
        page.wait_for_timeout(20)


def opened(context: Any, mock: Mock) -> Any:
    page = context.new_page()
    page.goto(mock.url)
    until(page, "window.amc !== undefined")
    until(page, READY)
    return page


def said(page: Any, words: str) -> None:
    """Wait until the page has said it."""
    until(page, "words => document.querySelector('#said').textContent.includes(words)", words)


def saved(page: Any) -> None:
    until(page, "document.querySelector('#saved').textContent.startsWith('Saved in')")


def selected(page: Any) -> int:
    return int(page.locator("#takes [aria-selected=true]").get_attribute("data-choice"))


def point(page: Any) -> int:
    return int(page.locator("#points [aria-selected=true]").get_attribute("data-number"))


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
        page.evaluate("() => new Promise(done => setTimeout(done))")


def test_lists_what_it_is_told(page: Any) -> None:
    assert page.locator("h1").text_content() == "Reel 3 picture lock"
    assert page.locator("#progress-text").text_content() == "0 of 4 decided"
    assert page.locator("#points [role=option]").count() == 5
    assert page.locator("#takes [role=option]").count() == 7  # the present shot and six candidates
    refused = page.locator("#points [data-number='3']")
    assert refused.get_attribute("aria-disabled") == "true"
    assert "retimed" in refused.text_content()
    row = page.locator("#takes [data-choice='2']")
    assert re.search(r"^2: .* at 14:02:07:10; similarity 0\.91; timbre 0\.\d\d, pitch", row.get_attribute("aria-label"))
    assert selected(page) == 1 and point(page) == 1
    page.locator("#refused-title").click()
    assert "the head handle is too short (4 frames missing)" in page.locator("#refused").text_content()


def test_names_from_the_timeline_are_never_markup(page: Any) -> None:
    press(page, "ArrowRight")
    assert page.locator("#takes [data-choice='0'] b").text_content() == HOSTILE
    assert page.locator("img[src=x]").count() == 0


def test_the_keyboard_moves_and_numbers_choose(page: Any) -> None:
    press(page, "ArrowDown", "ArrowDown")
    assert selected(page) == 3
    press(page, "ArrowUp", "5")
    assert selected(page) == 5
    press(page, "0")
    assert selected(page) == 0
    assert page.locator("#accept").is_disabled()
    press(page, "9")
    said(page, "There is no candidate 9")
    press(page, "ArrowRight", "ArrowRight")
    assert point(page) == 3
    until(page, "document.querySelector('#stage-message').textContent.includes('retimed')")
    press(page, "a")
    said(page, "cannot be cut")
    press(page, "n")
    assert point(page) == 4
    assert page.evaluate("document.activeElement.closest('#takes') !== null")


def test_plays_switches_and_goes_on_with_the_next_row(page: Any) -> None:
    assert page.evaluate("amc.player.playing") is False
    press(page, " ")
    until(page, "amc.player.playing && amc.player.position > 1.5")
    assert page.evaluate("amc.player.chosen") == "C"
    press(page, "b")
    assert page.evaluate("amc.player.chosen") == "A"
    assert page.locator("#players input[value=A]").is_checked()
    assert page.evaluate("amc.player.playing && amc.player.position > 1.5")
    press(page, "ArrowDown")
    until(page, "amc.player.playing && amc.player.position < 1.5")
    assert page.evaluate("amc.player.chosen") == "A"
    press(page, " ")
    assert page.evaluate("amc.player.playing") is False
    press(page, "Shift+b")
    assert page.evaluate("amc.player.chosen") == "C"


def test_what_is_not_loaded_yet_plays_as_soon_as_it_is(context: Any, mock: Mock) -> None:
    mock.delay["1.1.in"] = 1.0
    page = context.new_page()
    page.goto(mock.url)
    until(page, "window.amc !== undefined")
    press(page, " ")
    assert page.evaluate("amc.player.playing") is False
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    until(page, "amc.player.playing")


def test_a_late_answer_for_another_row_is_dropped(context: Any, mock: Mock) -> None:
    mock.delay["1.5.in"] = 1.0
    page = opened(context, mock)
    press(page, "5")
    page.wait_for_timeout(300)
    press(page, "2")
    until(page, READY)
    page.wait_for_timeout(1200)
    assert page.locator("#stage-in").text_content() == mock.told.points[0].takes[1].name
    assert selected(page) == 2


def test_a_decision_is_saved_as_it_is_made_and_survives_a_reload(page: Any, mock: Mock) -> None:
    press(page, "2", "a")
    said(page, "Edit point 1: accepted")
    saved(page)
    assert mock.decisions[1][1]["state"] == "chosen"
    assert mock.decisions[1][1]["rank"] == 2
    press(page, "ArrowRight", "k", "n", "x")
    saved(page)
    assert [mock.decisions[n][1]["state"] for n in (2, 4)] == ["kept", "rejected"]
    page.reload()
    until(page, "window.amc !== undefined")
    assert page.locator("#progress-text").text_content() == "3 of 4 decided"
    assert point(page) == 5  # the first that is open
    assert "candidate 2 accepted" in page.locator("#points [data-number='1']").get_attribute("aria-label")
    # Undo goes back through the points, also after the reload.
    press(page, "u")
    said(page, "Undone. Edit point 4: undecided")
    assert point(page) == 4
    press(page, "u", "u", "u")
    said(page, "There is nothing to undo")
    saved(page)
    assert {d["state"] for _, d in mock.decisions.values()} == {"undecided"}


def test_adjustments_are_heard_and_taken_along(page: Any, mock: Mock) -> None:
    until(page, READY)
    press(page, ".", ".", ",", ".", "]")
    until(page, "document.querySelector('#nudge').textContent === '+2'")
    until(page, "document.querySelector('#fade').value === '310'")
    assert "adjusted" in page.locator("#stage-join").text_content()
    assert 1 not in mock.decisions
    press(page, "ArrowDown", "ArrowUp")
    until(page, "document.querySelector('#nudge').textContent === '+2'")
    press(page, "a")
    saved(page)
    until(page, READY)
    assert mock.decisions[1][1] | {"note": ""} == {
        "point": "point-1",
        "state": "chosen",
        "rank": 1,
        "nudge_frames": 2,
        "fade_length": "14880/48000",
        "fade_law": None,
        "method": None,
        "note": "",
    }
    # Of an accepted candidate they are saved as they are made.
    press(page, "l")
    said(page, "fade law")
    saved(page)
    assert mock.decisions[1][1]["fade_law"] == "equal-power"
    press(page, "r")
    said(page, "back to the join as proposed")
    saved(page)
    assert mock.decisions[1][1]["nudge_frames"] == 0
    assert mock.decisions[1][1]["fade_length"] is None


def test_what_the_handles_do_not_hold_is_refused_in_words(page: Any) -> None:
    press(page, "Shift+.", "Shift+.")
    until(page, "!document.querySelector('#problem').hidden")
    assert (
        "tail handle is shorter" in page.locator("#problem").text_content()
        or "room" in page.locator("#problem").text_content()
    )
    assert page.locator("#nudge").text_content() in ("0", "+10")


def test_the_method_is_another_join_or_says_why_not(page: Any, mock: Mock) -> None:
    press(page, "m")
    until(page, "document.querySelector('#method').value === 'max-ss-adaptive'")  # "paper" is refused here
    paper = page.locator("#method option[value=paper]")
    assert paper.is_disabled() and "head handle" in paper.text_content()
    press(page, "a")
    saved(page)
    assert mock.decisions[1][1]["method"] == "max-ss-adaptive"


def test_another_tab_is_followed_and_undo_does_not_go_over_it(page: Any, mock: Mock) -> None:
    press(page, "a")
    saved(page)
    mock.decide(1, state="kept")
    said(page, "Edit point 1 was changed elsewhere: the present shot is kept")
    assert page.locator("#takes [data-choice='0'] .state").text_content() == "kept"
    press(page, "u")
    said(page, "changed elsewhere since")
    assert mock.decisions[1][1]["state"] == "kept"


def test_a_conflict_shows_what_is_there(page: Any, mock: Mock, complaints: Any) -> None:
    complaints.expect("409")
    mock.decide(1, quiet=True, state="rejected")
    press(page, "a")
    said(page, "not saved: it was changed elsewhere meanwhile")
    assert page.locator("#reject").text_content() == "Rejected"
    press(page, "a")
    saved(page)
    assert mock.decisions[1][1]["state"] == "chosen"


def test_a_refusal_rolls_back_in_words(page: Any, mock: Mock, complaints: Any) -> None:
    complaints.expect("422")
    mock.refuse = "a nudge of +3 frames cannot be cut"
    press(page, "a")
    said(page, "a nudge of +3 frames cannot be cut; nudge less")
    assert page.locator("#accept").text_content() == "Accept"
    press(page, "u")
    said(page, "nothing to undo")


def test_a_server_that_is_gone_keeps_the_change(context: Any, mock: Mock, complaints: Any) -> None:
    complaints.expect("ERR_|Failed to load")
    page = opened(context, mock)
    page.route("**/api/decisions/*", lambda route: route.abort())
    press(page, "a")
    page.wait_for_selector("#banner:not([hidden])")
    assert (
        "Not saved: the server does not answer; run amc-otio audition again" in page.locator("#banner").text_content()
    )
    assert page.locator("#accept").text_content() == "Accepted"
    assert 1 not in mock.decisions
    page.unroute("**/api/decisions/*")
    page.wait_for_selector("#banner", state="hidden", timeout=15_000)
    assert mock.decisions[1][1]["state"] == "chosen"


def test_a_server_that_was_started_anew_keeps_the_change(page: Any, mock: Mock, complaints: Any) -> None:
    complaints.expect("403")
    page.route("**/api/decisions/*", lambda route: route.fulfill(status=403, json={"error": {"reason": "no token"}}))
    press(page, "a")
    until(page, "document.querySelector('#banner').textContent.includes('open the address that it printed')")
    assert page.locator("#accept").text_content() == "Accepted"
    press(page, "w")
    page.locator("#write-now").click()
    until(page, "document.querySelector('#written').textContent.includes('1 change is not saved yet')")
    assert mock.written == []
    press(page, "Escape")
    page.unroute("**/api/decisions/*")
    page.wait_for_selector("#banner", state="hidden", timeout=15_000)
    assert mock.decisions[1][1]["state"] == "chosen"


def test_events_that_were_refused_are_asked_for_again(context: Any, mock: Mock, complaints: Any) -> None:
    complaints.expect("503")
    page = context.new_page()
    page.route("**/api/events", lambda route: route.fulfill(status=503), times=1)
    page.goto(mock.url)
    until(page, "window.amc !== undefined")
    end = time.monotonic() + 15
    while not mock.listeners:
        assert time.monotonic() < end
        page.wait_for_timeout(50)
    mock.decide(1, state="kept")
    said(page, "Edit point 1 was changed elsewhere")


def test_a_nudge_while_joins_are_on_their_way_is_kept(page: Any) -> None:
    held: list[Any] = []
    page.route("**/api/joins/**", lambda route: held.append(route))
    page.locator("#method").select_option("max-ss-adaptive")
    press(page, ".")
    until(page, "document.querySelector('#nudge').textContent === '+1'")
    end = time.monotonic() + 15
    while not held:
        assert time.monotonic() < end
        page.wait_for_timeout(20)
    for route in held:
        route.continue_()
    said(page, "method Max-SS")
    assert page.locator("#nudge").text_content() == "+1"
    assert page.locator("#method").input_value() == "max-ss-adaptive"


def test_filters_search_and_weights(page: Any, mock: Mock) -> None:
    press(page, "/")
    page.keyboard.type("blender")
    until(page, "document.querySelectorAll('#points [role=option]:not([hidden])').length < 6")
    assert selected(page) >= 0
    assert page.evaluate("document.activeElement.id") == "search"  # letters are typed, not carried out
    assert mock.decisions == {}
    press(page, "Escape")
    assert page.evaluate("document.activeElement.closest('#takes') !== null")
    press(page, "Escape")
    assert page.locator("#search").input_value() == ""
    page.select_option("#source", "/media/sfx/rain.wav")
    assert page.locator("#takes-count").text_content() == "1 of 6"
    page.select_option("#source", "")
    before = page.locator("#takes .take:not(.present)").evaluate_all("rows => rows.map(r => r.dataset.choice)")
    page.locator("#weigh-button").click()
    page.locator("#weight-timbre").fill("1")
    until(page, "document.querySelector('#takes-count').textContent.includes('weighed')")
    after = page.locator("#takes .take:not(.present)").evaluate_all("rows => rows.map(r => r.dataset.choice)")
    takes = {str(t.rank): t for t in mock.told.points[0].takes}
    assert after == sorted(before, key=lambda rank: -(takes[rank].similarity + takes[rank].bars.timbre))
    page.locator("#weigh-reset").click()
    until(page, "!document.querySelector('#takes-count').textContent.includes('weighed')")


def test_keys_leave_fields_and_other_programs_alone(page: Any, mock: Mock) -> None:
    page.locator("#note").fill("as k x a")
    page.keyboard.press("a")
    assert mock.decisions == {}
    page.keyboard.press("Enter")
    saved(page)
    assert mock.decisions[1][1]["note"] == "as k x aa"
    assert mock.decisions[1][1]["state"] == "undecided"
    page.keyboard.press("Control+a")
    assert mock.decisions[1][1]["state"] == "undecided"


def test_the_timeline_is_written_from_its_dialog(page: Any, mock: Mock) -> None:
    press(page, "a", "w")
    assert page.locator("#write").evaluate("dialog => dialog.open")
    assert page.locator("#write-summary").text_content().startswith("1 cut will be made")
    until(page, "document.querySelectorAll('#formats td.wait').length === 1")
    assert page.locator("input[name=format]:checked").get_attribute("value") == ".otio"
    assert page.locator("input[value='.aaf']").is_disabled()
    page.locator("#write-now").click()
    page.wait_for_selector("#written .path")
    assert page.locator("#written .path").first.text_content() == "/projects/reel 3.match.otio"
    assert mock.written == [{"format": ".otio", "bounce": False}]
    page.get_by_role("button", name="Show in folder").click()
    until(page, "document.querySelector('#written .said').textContent.includes('/projects')")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.closest('#takes') !== null")


def test_help_names_every_key_and_the_theme_is_kept(page: Any) -> None:
    press(page, "?")
    words = page.locator("#help-body").text_content()
    for what in ("Play or pause", "Accept the candidate", "Undo", "Nudge one frame", "Light or dark"):
        assert what in words
    press(page, "Escape", "t")
    theme = page.evaluate("document.documentElement.dataset.theme")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == theme == "dark"


def test_every_control_has_a_name(page: Any) -> None:
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, [role=listbox], [role=option], canvas, summary")]
          .filter((one) => !(one.getAttribute("aria-label") || one.labels?.length || one.textContent.trim()))
          .map((one) => one.outerHTML)"""
    )
    assert nameless == []


def test_two_hundred_points_of_twenty(context: Any, examples: Path) -> None:
    pictures = frames(examples / "media" / "bbb_opening_25fps.mp4", 2)
    with serving(Mock(told(200, 20), pictures, examples_video(examples))) as mock:
        page = opened(context, mock)
        assert page.locator("#points [role=option]").count() == 200
        assert page.locator("#takes [role=option]").count() == 21
        asked = [path for path in mock.asked if re.fullmatch(r"api/frames/\d+\.(out|present)", path)]
        assert len(asked) < 80  # only those that are about to be seen
        for _ in range(30):
            press(page, "ArrowDown")
        assert selected(page) == 20
        page.locator("#points [data-number='200']").click()
        until(page, READY)
        assert page.locator("#points-title").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.close()


def test_a_cut_that_another_excludes_is_told_before_and_refused_in_words(context: Any, mock: Mock) -> None:
    first, second, *rest = mock.told.points
    points = (replace(first, excludes=(2,)), replace(second, excludes=(1,)), *rest)
    mock.told = replace(mock.told, points=points)
    page = opened(context, mock)
    row = page.locator("#points [data-number='2']")
    press(page, "a")
    saved(page)
    assert "excluded" in row.get_attribute("class")
    assert "the cut at 1 changes this shot" in row.get_attribute("aria-label")
    assert row.locator(".beside").is_visible()
    press(page, "ArrowRight")
    until(page, READY)
    press(page, "a")
    said(page, "cannot be cut together with edit point 1")
    assert "clear it" in page.locator("#problem").text_content()
    assert list(mock.decisions) == [1]
    # The way on that it names.
    press(page, "ArrowLeft", "Delete", "ArrowRight")
    until(page, READY)
    assert "excluded" not in row.get_attribute("class")
    press(page, "a")
    saved(page)
    assert mock.decisions[2][1]["state"] == "chosen"
    # Undone back into what would be both.
    mock.decide(2, state="undecided")
    said(page, "Edit point 2 was changed elsewhere")
    mock.decide(2, state="undecided")
    press(page, "u")
    said(page, "changed elsewhere since")
    mock.decide(2, state="chosen", rank=1)
    said(page, "Edit point 2 was changed elsewhere")
    asked = len(mock.asked)
    press(page, "u")  # the clearing of the first
    said(page, "cannot be cut together with edit point 2")
    assert mock.decisions[1][1]["state"] == "undecided"
    assert not [path for path in mock.asked[asked:] if path.startswith("PUT")]


def test_the_viewer_shows_the_outgoing_shot_until_the_point(page: Any) -> None:
    visible = """() => ["out", "in"].filter((side) => ["video", "still", "plate"].some(
      (kind) => document.getElementById(`${kind}-${side}`).style.visibility === "visible"))"""
    until(page, f"JSON.stringify(({visible})()) === '[\"out\"]'")
    assert not page.locator("#plate-out").is_visible() and not page.locator("#plate-in").is_visible()
    page.evaluate("amc.player.seek(amc.player.duration - 0.1)")
    until(page, f"JSON.stringify(({visible})()) === '[\"in\"]'")
    # The third candidate is a sound: a plate with its name stands where its picture would be.
    press(page, "3")
    until(page, READY)
    until(page, "document.querySelector('#plate-in .name').textContent !== ''")
    assert not page.locator("#plate-in").is_visible()
    page.evaluate("amc.player.seek(amc.player.duration - 0.1)")
    until(page, "document.getElementById('plate-in').style.visibility === 'visible'")
    assert page.locator("#plate-in .name").text_content() == page.locator("#stage-in").text_content()


COUNTING = """(() => {
  const ask = fetch;
  let flying = 0;
  window.mostFrames = 0;
  window.fetch = async (address, options) => {
    const frame = String(address).startsWith("api/frames/");
    flying += frame;
    window.mostFrames = Math.max(window.mostFrames, flying);
    try {
      return await ask(address, options);
    } finally {
      flying -= frame;
    }
  };
})()"""


def test_few_pictures_are_asked_for_at_once_and_none_of_rows_that_are_passed(context: Any, examples: Path) -> None:
    pictures = frames(examples / "media" / "bbb_opening_25fps.mp4", 2)
    with serving(Mock(told(40, 12), pictures, examples_video(examples))) as mock:
        page = context.new_page()
        page.add_init_script(COUNTING)
        page.goto(mock.url)
        until(page, "window.amc !== undefined")
        for _ in range(39):
            press(page, "ArrowRight")
        until(page, f"{READY} && amc.state.values.number === 40")
        until(page, "document.querySelectorAll('#takes img').length > 4")
        assert 1 <= page.evaluate("mostFrames") <= 2
        passed = {path for path in mock.asked if re.fullmatch(r"api/frames/(1[0-9]|2[0-9])\.\d+\.(out|in)", path)}
        assert len(passed) < 20, "rows of twenty edit points that the keys ran past"
        page.close()


def test_the_same_source_is_hidden_by_the_file(context: Any, mock: Mock) -> None:
    first, *rest = mock.told.points
    takes = tuple(replace(take, same_source=take.rank in (2, 5)) for take in first.takes)
    mock.told = replace(mock.told, points=(replace(first, takes=takes), *rest))
    page = opened(context, mock)
    page.locator("#hide-same").check()
    until(page, "document.querySelector('#takes-count').textContent === '4 of 6'")
    listed = page.locator("#takes .take:not(.present)").evaluate_all("rows => rows.map(r => r.dataset.choice)")
    assert listed == ["1", "3", "4", "6"]


def test_a_server_that_has_ended_is_told_calmly_and_asked_nothing(page: Any, mock: Mock) -> None:
    assert page.locator("#saved").text_content() == "Decisions are kept in /projects/reel 3.decisions.json"
    for listener in mock.listeners:
        listener.put('event: end\ndata: {"reason": "nobody used the page for a while"}\n\n')
    page.wait_for_selector("#banner:not([hidden])")
    words = page.locator("#banner").text_content()
    assert "The server has ended: nobody used the page for a while" in words
    assert "kept in /projects/reel 3.decisions.json" in words and "run amc-otio audition again" in words
    assert "calm" in page.locator("#banner").get_attribute("class")
    asked = len(mock.asked)
    press(page, "ArrowRight", "ArrowRight", "ArrowRight", "a")
    until(page, "document.querySelector('#banner').textContent.startsWith('Not saved')")
    page.wait_for_timeout(300)
    assert len(mock.asked) == asked
    page.close(run_before_unload=False)


def test_a_closed_dialog_measures_no_more_formats(page: Any, mock: Mock) -> None:
    page.route("**/api/formats/*", lambda route: None)  # no answer
    press(page, "w")
    until(page, "document.querySelectorAll('#formats td.wait').length === 4")
    press(page, "Escape")
    page.unroute("**/api/formats/*")
    page.wait_for_timeout(200)
    assert not [path for path in mock.asked if path.startswith("api/formats/")]
    press(page, "w")
    until(page, "document.querySelectorAll('#formats td.wait').length === 1")


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("block", [":root {", ':root[data-theme="dark"] {'])
def test_colours_have_contrast(block: str) -> None:
    """WCAG 2 AA: 4.5 for text, 3 for what draws."""
    text = (PAGE / "style.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", text.split(block, 1)[1].split("}", 1)[0]))
    for ground in ("ground", "panel", "raised", "selected", "hover", "well"):
        for words in ("text", "muted", "accent", "bad", "out", "in"):
            if (words, ground) in {("muted", "selected"), ("bad", "selected"), ("out", "selected"), ("in", "selected")}:
                continue  # not used there
            assert _contrast(colours[words], colours[ground]) >= 4.5, (words, ground)
    assert _contrast(colours["on-accent"], colours["accent"]) >= 4.5
    assert _contrast(colours["bad"], colours["bad-ground"]) >= 4.5
    for drawn in ("out", "in", "join", "playhead"):
        assert _contrast(colours[f"draw-{drawn}"], colours["draw-surface"]) >= 3, drawn
