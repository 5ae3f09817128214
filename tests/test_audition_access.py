"""The audition page for everyone: names and roles, contrast, focus, no trap, and every size of screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from audition_flow import Editor, Server, artifacts, fits

pytestmark = pytest.mark.slow


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
    const where = `${element.tagName}.${element.className} in #${place}`;
    if (ratio < 4.5) poor.push(`${where} "${text.slice(0, 20)}" ${ratio.toFixed(2)}`);
  }
  return { seen, poor };
}"""

NAMES = """() => {
  const wanted = ["button", "input", "select", "textarea", "a[href]", "summary", "[tabindex]:not([tabindex='-1'])",
                  "[role=option]", "[role=listbox]", "canvas"];
  const without = [];
  for (const element of document.querySelectorAll(wanted.join())) {
    if (!element.checkVisibility()) continue;
    const ids = (element.getAttribute("aria-labelledby") ?? "").split(" ");
    const byId = ids.map((id) => document.getElementById(id)?.textContent ?? "").join("");
    const labels = [...(element.labels ?? [])].map((label) => label.textContent).join("");
    const own = element.matches("button, a, summary, [role=option]") ? element.textContent : "";
    const name = (element.getAttribute("aria-label") || byId || labels || own || element.title || "").trim();
    if (!name) without.push(element.outerHTML.slice(0, 120));
  }
  return without;
}"""

STILL = """() => document.getAnimations().every((one) => one.playState !== "running")
  && window.amc.state.values.status !== "loading" """

FOCUSED = """() => {
  const at = document.activeElement;
  return at === document.body ? "body" : at.id || at.dataset.choice || at.dataset.number || at.value || at.tagName;
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
    editor.until(STILL)
    for where, keys, closing in (
        ("main", (), ()),
        ("#weigh", ("s",), ("Escape",)),
        ("#help", ("?",), ("Escape",)),
        ("#write", ("w",), ()),
    ):
        editor.press(*keys)
        editor.until("box => document.querySelector(box).checkVisibility()", where)
        editor.until(STILL)
        found = editor.page.evaluate(CONTRAST)
        assert found["seen"] > 20
        assert not found["poor"], (where, found["poor"])
        editor.page.screenshot(path=artifacts(tmp_path) / f"{scheme}-{where.lstrip('#')}.png")
        editor.press(*closing)


def test_everything_that_can_be_used_has_a_name_and_a_role(server: Server, context: Any):
    editor = Editor(context, server.url)
    editor.select(1, 1)
    assert editor.page.evaluate(NAMES) == []
    for key, box in (("s", "#weigh"), ("?", "#help"), ("w", "#write")):
        editor.press(key)
        editor.until(STILL)
        editor.until("box => document.querySelector(box).checkVisibility()", box)
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
        seen.append(editor.page.evaluate(FOCUSED))
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
    editor.until(STILL)
    fits(editor.page)
    editor.page.screenshot(path=artifacts(tmp_path) / f"size-{size[0]}x{size[1]}.png")
