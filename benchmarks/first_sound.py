"""How long after a key is pressed on a candidate its sound is there, in a real browser.

    python benchmarks/first_sound.py [PROPOSALS] [--gallery PATH …] [--count 100] [--json FILE]

Without PROPOSALS they are made for the bundled timeline, with the bundled sounds, films and the --gallery as gallery.
Each candidate is measured twice, in two browser profiles and with a server of its own for each:

cold
    The page jumps to an edit point, a digit selects a candidate and Space plays it at once, before anything of it was
    asked for: the server decodes it, sends it, the page mixes it. No candidate is measured twice. Time counts from the
    digit. (The outgoing sound is the edit point's and may be there already, as for an editor who walks down the list;
    how often it was is printed.)
as used
    The page is left alone for --rest seconds on the row before, in which it asks for what may come next; then an arrow
    selects the candidate and Space plays it. Time counts from the arrow.

The clock runs from the key event's own time stamp (when the browser got it) to the first sample that is not zero on
the way into the AudioContext's destination, by the context's clock, and from there to the loudspeaker by
`AudioContext.getOutputTimestamp`, which counts the buffers that Chromium knows of. A sound card's own delay is not in
it. The context is made and running before: a first play warms it up, and its time is printed apart.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))

# Watches the destination: what enters it, by the context's clock, is kept for 0.68 s (32768 samples).
WATCH = """(() => {
  const connect = AudioNode.prototype.connect;
  let tap = null;
  AudioNode.prototype.connect = function (to, ...rest) {
    const made = connect.call(this, to, ...rest);
    if (to instanceof AudioDestinationNode && this.context instanceof AudioContext && !tap) {
      tap = new AnalyserNode(this.context, { fftSize: 32768 });
      connect.call(this, tap);
    }
    return made;
  };
  const keys = [];
  addEventListener("keydown", (event) => keys.push({ key: event.key, at: event.timeStamp }), true);
  window.firstSound = async (key, needed, seconds) => {
    const samples = new Float32Array(32768);
    const until = performance.now() + 1000 * seconds;
    let from = null;
    while (performance.now() < until) {
      await new Promise((done) => setTimeout(done, 3));
      const pressed = keys.findLast((one) => one.key === key);
      if (!pressed || !tap) continue;
      const { context } = tap;
      const now = context.currentTime;
      tap.getFloatTimeDomainData(samples);
      // When the key was pressed, by the context's clock.
      const { contextTime, performanceTime } = context.getOutputTimestamp();
      from ??= now - (performance.now() - pressed.at) / 1000;
      const begin = Math.max(0, Math.floor(32768 - (now - from) * context.sampleRate));
      for (let i = begin; i < 32768; i += 1) {
        if (samples[i] === 0) continue;
        const enters = now - (32768 - i) / context.sampleRate;
        const heard = performanceTime + (enters - contextTime) * 1000;
        const requests = performance.getEntriesByType("resource")
          .filter((one) => new RegExp(needed).test(one.name) && one.responseEnd > pressed.at)
          .map((one) => ({ asked: one.startTime - pressed.at, first: one.responseStart - pressed.at,
                           last: one.responseEnd - pressed.at, bytes: one.transferSize }));
        return { enters: (enters - from) * 1000, heard: heard - pressed.at, requests,
                 base: context.baseLatency * 1000, output: context.outputLatency * 1000 };
      }
    }
    return null;
  };
  window.forget = () => { keys.length = 0; performance.clearResourceTimings(); };
})()"""

STATE = "name => window.amc.state.values[name]"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proposals", nargs="?", type=Path)
    parser.add_argument("--gallery", nargs="*", type=Path, default=[])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--rest", type=float, default=1.5, help="seconds on the row before, as used")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        proposals = arguments.proposals or _made(Path(folder), [path.absolute() for path in arguments.gallery])
        report = {"machine": machine(), "settings": {"count": arguments.count, "rest": arguments.rest}}
        for name in ("cold", "as used"):
            report[name] = _measure(Path(folder), proposals, name, arguments.count, arguments.rest)
            print(_words(name, report[name]), flush=True)
    print(report["machine"])
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def machine() -> str:
    """The processor, how many of its cores, and the system."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text(encoding="utf-8"))
        name = found[1] if found else name
    load = ", load " + " ".join(f"{one:.1f}" for one in os.getloadavg()) if hasattr(os, "getloadavg") else ""
    return f"{name}, {os.cpu_count()} cores, {platform.system()}{load}"


def _made(folder: Path, gallery: Sequence[Path]) -> Path:
    from audition_flow import PROPOSE, copy_example, run_command

    edit = copy_example(folder)
    made = folder / "P.json"
    done = run_command(
        folder,
        "propose",
        edit,
        "-o",
        made,
        "--gallery",
        folder / "sounds",
        folder / "media",
        *gallery,
        *PROPOSE,
        "-k",
        20,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return made


def _measure(folder: Path, proposals: Path, name: str, count: int, rest: float) -> dict[str, Any]:
    from audition_flow import serving
    from browser import FLAGS, NOWHERE, chromium
    from playwright.sync_api import sync_playwright

    with (
        serving(folder, proposals, "--decisions", folder / f"{name}.json") as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS), proxy=NOWHERE)
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.add_init_script(WATCH)
        asked: set[str] = set()
        page.on("request", lambda sent: "/api/segments/" in sent.url and asked.add(sent.url.rsplit("/", 1)[1]))
        page.goto(server.url)
        _until(page, "!!window.amc && window.amc.state.values.status === 'ready'")
        version = browser.version
        page.evaluate("window.forget()")
        page.keyboard.press("Space")
        first = page.evaluate("window.firstSound(' ', '.', 10)")
        _quiet(page)
        measured = _walk_cold(page, asked, count) if name == "cold" else _walk_used(page, count, rest)
        browser.close()
    return {"chromium": version, "first_play": first, "measured": measured}


ROWS = "[...document.querySelectorAll('#takes .take:not(.present)')].map((row) => Number(row.dataset.choice))"
POINTS = "[...document.querySelectorAll('#points [data-number]')].map((row) => Number(row.dataset.number))"


def _walk_cold(page: Any, asked: set[str], count: int) -> list[dict[str, Any]]:
    """Rows whose sound was never asked for, in turn among the edit points; from the last one up."""
    measured: list[dict[str, Any]] = []
    points = page.evaluate(POINTS)
    while points:
        for number in list(points):
            _go(page, number)
            rows = page.evaluate(ROWS)
            left = [rank for rank in rows if f"{number}.{rank}.in" not in asked]
            if not left:
                points.remove(number)
                continue
            one = _play(page, number, left[-1], rows)
            if one is not None:
                measured.append(one)
            _quiet(page)
            if len(measured) >= count:
                return measured
    return measured


def _walk_used(page: Any, count: int, rest: float) -> list[dict[str, Any]]:
    """Down every list, row by row."""
    measured: list[dict[str, Any]] = []
    for number in page.evaluate(POINTS):
        _go(page, number)
        page.keyboard.press("1")
        for rank in page.evaluate(ROWS)[1:]:
            page.wait_for_timeout(1000 * rest)
            one = _play(page, number, rank, None)
            if one is not None:
                measured.append(one)
            _quiet(page)
            if len(measured) >= count:
                return measured
    return measured


def _play(page: Any, number: int, rank: int, rows: list[int] | None) -> dict[str, Any] | None:
    """Select a row with one key (an arrow where no rows are given) and play it."""
    page.evaluate("window.forget()")
    if rows is None:
        key = "ArrowDown"
        page.keyboard.press(key)
    elif rows.index(rank) < 9:
        key = str(rows.index(rank) + 1)
        page.keyboard.press(key)
    else:
        key = "row"  # no single key reaches it: the page is told as a digit tells it
        page.evaluate(
            """rank => {
              dispatchEvent(new KeyboardEvent("keydown", { key: "row" }));
              window.amc.state.set({ choice: rank });
            }""",
            rank,
        )
    page.keyboard.press("Space")
    needed = rf"/api/segments/{number}\.({rank}\.)?(in|out)$"
    found = page.evaluate("([key, needed]) => window.firstSound(key, needed, 15)", [key, needed])
    return None if found is None else {"point": number, "rank": rank, **found}


def _go(page: Any, number: int) -> None:
    while (now := page.evaluate(STATE, "number")) != number:
        page.keyboard.press("ArrowRight" if now < number else "ArrowLeft")
        page.wait_for_timeout(20)
    _until(page, "window.amc.state.values.status !== 'loading'")
    page.wait_for_timeout(300)


def _quiet(page: Any) -> None:
    """Pause, and wait until what was heard has left the watcher's memory."""
    if page.evaluate("window.amc.player.playing"):
        page.keyboard.press("Space")
    _until(page, "!window.amc.player.playing")
    page.wait_for_timeout(750)


def _until(page: Any, script: str) -> None:
    from audition_flow import wait_until

    wait_until(lambda: page.evaluate(script), 30, script)


def _words(name: str, report: dict[str, Any]) -> str:
    import numpy as np

    measured = report["measured"]
    if not measured:
        return f"{name}: nothing was measured"
    heard = np.array([one["heard"] for one in measured])
    enters = np.array([one["enters"] for one in measured])
    lines = [
        f"{name}: {len(measured)} candidates, Chromium {report['chromium']}",
        f"  key to loudspeaker:   {_spread(heard)}",
        f"  key to destination:   {_spread(enters)}",
        f"  within 300 ms: {np.mean(heard <= 300):.0%}",
    ]
    waited = [one for one in measured if one["requests"]]
    if waited:
        ends = [(max(one["requests"], key=lambda r: r["last"]), one) for one in waited]
        two = sum(len(one["requests"]) > 1 for one in waited)
        asked = np.array([last["asked"] for last, _ in ends])
        server = np.array([last["first"] - last["asked"] for last, _ in ends])
        transfer = np.array([last["last"] - last["first"] for last, _ in ends])
        rest = np.array([one["enters"] - last["last"] for last, one in ends])
        lines += [
            f"  waited for a request: {len(waited)} of {len(measured)}, {two} of them for two",
            f"    until it is asked:  {_spread(asked)}",
            f"    server (decode):    {_spread(server)}",
            f"    transfer:           {_spread(transfer)}",
            f"    mix and start:      {_spread(rest)}",
        ]
    if report["first_play"]:
        lines.append(f"  the very first play, which makes the context: {report['first_play']['heard']:.0f} ms")
    return "\n".join(lines)


def _spread(values: Any) -> str:
    import numpy as np

    return (
        f"median {np.median(values):6.1f} ms, 95th percentile {np.percentile(values, 95):6.1f} ms, "
        f"maximum {np.max(values):6.1f} ms"
    )


if __name__ == "__main__":
    raise SystemExit(main())
