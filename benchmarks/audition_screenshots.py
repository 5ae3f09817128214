"""Draw docs/pictures/audition-*.png: the audition page of the bundled timeline, in two sizes, light and dark.

    python benchmarks/audition_screenshots.py [--output docs/pictures]

Needs Chromium and the Python package playwright. What is on the pictures follows from the bundled media and the page
alone; text is drawn with the fonts of the machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))
SIZES = ((1280, 800), (2560, 1440))
MISSING = """[...document.querySelectorAll(".thumb:not(.sound-only)")].filter((box) => {
  const { top, bottom } = box.getBoundingClientRect();
  return bottom > 0 && top < innerHeight && !box.querySelector("img")?.complete;
}).length"""
"""Pictures in view that are not there yet."""


def main() -> int:
    """Propose, serve, decide a little, and take the pictures."""
    from audition_flow import Editor, copy_example, run_command, serving
    from browser import FLAGS, NOWHERE, chromium
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=REPOSITORY / "docs" / "pictures")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        # The footer names the decisions file: a short place is one that a reader's could be.
        folder = Path(name) / "film"
        folder.mkdir()
        edit, proposals = copy_example(folder), folder / "proposals.json"
        gallery = ("--gallery", folder / "sounds", folder / "media")
        wider = ("--per-source", "4", "--short", "keep", "-k", "12")  # so that the few bundled sounds fill the list
        done = run_command(folder, "propose", edit, "-o", proposals, *gallery, *wider)
        if done.returncode:
            raise SystemExit(done.stderr)
        with serving(folder, proposals) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS), proxy=NOWHERE)
            for first, (width, height) in enumerate(SIZES):
                for scheme in ("light", "dark"):
                    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
                    editor = Editor(context, server.url)
                    if first == 0 and scheme == "light":
                        decide(editor)
                    editor.select(1, 2)
                    # Where both sounds are heard.
                    editor.page.evaluate("window.amc.player.seek(window.amc.player.duration * 0.53)")
                    for _ in range(600):
                        editor.page.wait_for_timeout(200)
                        if not editor.page.evaluate(MISSING):
                            break
                    editor.page.wait_for_timeout(1000)
                    path = output / f"audition-{width}x{height}-{scheme}.png"
                    editor.page.screenshot(path=path)
                    print(path)
                    context.close()
            browser.close()
    return 0


def decide(editor) -> None:
    """Some edit points are decided, so that the list shows what that looks like."""
    editor.select(3, 1)
    editor.press("a")
    editor.select(5)
    editor.press("x")
    editor.select(6)
    editor.press("k")
    editor.saved()


if __name__ == "__main__":
    raise SystemExit(main())
