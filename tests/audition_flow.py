"""Proposals for the tests of the audition page, its server as a user starts it, and an editor who has a keyboard.

`conftest.py` names this module as a plugin, so its fixtures are everywhere.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from amc_otio.config import Settings
from amc_otio.proposals import Proposals, write_proposals
from amc_otio.workflow import Sources, propose

REPOSITORY = Path(__file__).resolve().parent.parent
WANTED = {"match.representation": "mfcc", "match.max_level_step_lu": 0.0, "edit.short": "keep"}
"""Settings under which most edit points of the example have ten candidates."""
PROPOSE = ("--representation", "mfcc", "--max-level-step", "0", "--short", "keep", "--workers", "1")

MARK = "amc_hostile_ran"
HOSTILE = (
    f'<img src=x onerror="window.{MARK}=1">',
    f"</script><script>window.{MARK}=1</script>",
    f"</style><svg onload=window.{MARK}=1>",
    f"\"'><input autofocus onfocus=window.{MARK}=1 x='",
    "\u202egnp.exe \u2066mixed\u2069 \u200f\u05d0\u05d1\u05d2",
    "W" * 4000,
    "line one\nline two\r\n\ttabbed\u2028separated",
    f"javascript:window.{MARK}=1 &lt;b&gt; ${{7*7}} {{{{7*7}}}} %3Cscript%3E",
)
"""What clips may be called."""
HOSTILE_FILES = (
    f"<img src=x onerror=window.{MARK}=1>.ogg",
    f"\"'><svg onload=window.{MARK}=1>.ogg",
    "\u202egnp.exe \u05d0\u05d1\u05d2.ogg",
    "two\nlines & 100% #1 ?x=1.ogg",
    "W" * 240 + ".ogg",
    f"<!--<script>window.{MARK}=1<!--.ogg",
)
"""What files may be called (a slash cannot be in a name)."""


def copy_example(folder: Path) -> Path:
    """Copy the bundled timeline and its media into a folder; return the timeline."""
    shutil.copytree(REPOSITORY / "examples", folder, dirs_exist_ok=True)
    return folder / "match_cut.otio"


def environment(folder: Path) -> dict[str, str]:
    """The environment of a command that must not see this user's settings, with this checkout on its path."""
    names = {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "XDG_CONFIG_HOME": str(folder / "config")}
    return {**os.environ, **names}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "amc_otio", *map(str, arguments)]


def run_command(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run amc-otio in a folder."""
    return subprocess.run(
        command(*arguments), cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=300
    )


def proposed(folder: Path) -> tuple[Path, Path]:
    """Copy the example and propose for it as a user does; return the timeline and the proposals file."""
    edit = copy_example(folder)
    made = folder / "P.json"
    done = run_command(folder, "propose", edit, "-o", made, "--gallery", folder / "sounds", folder / "media", *PROPOSE)
    assert done.returncode == 0, done.stderr
    return edit, made


def small(folder: Path, candidates: int = 10) -> tuple[Path, Proposals]:
    """Real proposals for a copy of the bundled timeline, made in this process."""
    edit = copy_example(folder)
    sources = Sources(gallery=(folder / "sounds", folder / "media"), library=folder / "library", workers=1)
    return edit, propose(edit, sources, settings=Settings().replace({**WANTED, "match.k": candidates}))


def many(proposals: Proposals, points: int, takes: int) -> Proposals:
    """Repeat real edit points and candidates until there are so many of both; ids and ranks stay unique."""
    real = [one for one in proposals.proposals if one.candidates]
    made = []
    for index in range(points):
        one = real[index % len(real)]
        candidates = tuple(
            dataclasses.replace(one.candidates[rank % len(one.candidates)], rank=rank + 1) for rank in range(takes)
        )
        point = dataclasses.replace(one.point, id=f"A1:{index + 1}")
        made.append(dataclasses.replace(one, point=point, candidates=candidates))
    return dataclasses.replace(proposals, proposals=tuple(made))


def many_file(folder: Path, points: int = 200, takes: int = 20) -> Path:
    """A proposals file of 200 edit points of 20 candidates for the example."""
    _, proposals = small(folder)
    made = folder / "many.json"
    write_proposals(many(proposals, points, takes), made)
    return made


def hostile(folder: Path) -> tuple[Path, Path]:
    """A timeline whose clips and sounds are called what nobody should call them, and proposals for it."""
    edit = copy_example(folder)
    timeline = otio.adapters.read_from_file(str(edit))
    timeline.name = HOSTILE[1] + HOSTILE[0]
    for track in timeline.tracks:
        for index, clip in enumerate(track.find_clips()):
            clip.name = HOSTILE[index % len(HOSTILE)]
    otio.adapters.write_to_file(timeline, str(edit))
    sounds = folder / "named"
    sounds.mkdir()
    for name, source in zip(HOSTILE_FILES, sorted((folder / "sounds").iterdir()), strict=False):
        shutil.copy(source, sounds / name)
    sources = Sources(gallery=(sounds,), library=folder / "library", workers=1)
    proposals = propose(edit, sources, settings=Settings().replace({**WANTED, "match.k": 6}))
    assert any(one.candidates for one in proposals.proposals)
    made = folder / "P.json"
    write_proposals(proposals, made)
    return edit, made


class Server:
    """``amc-otio audition`` as a process of its own."""

    def __init__(self, folder: Path, proposals: Path, *options: object) -> None:
        self.process = subprocess.Popen(
            command("audition", proposals, "--no-browser", "--json", *options),
            cwd=folder,
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.errors: list[str] = []
        threading.Thread(target=self._drain, daemon=True).start()
        assert self.process.stdout is not None
        # A JSON object says where it is; the process goes on.
        text = ""
        while not text.endswith("\n}\n"):
            line = self.process.stdout.readline()
            if not line:
                self.process.wait(30)
                raise AssertionError(text + "".join(self.errors))
            text += line
        self.told: dict[str, Any] = json.loads(text)
        self.url: str = self.told["address"]

    def _drain(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors.append(line)

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def stop(self) -> int:
        """Ask it to end, as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


@contextmanager
def serving(folder: Path, proposals: Path, *options: object) -> Iterator[Server]:
    """Start the page's server and end it."""
    server = Server(folder, proposals, *options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()


def artifacts(folder: Path) -> Path:
    """Where screenshots go: the folder that AMC_ARTIFACTS names, else the test's own."""
    made = Path(os.environ.get("AMC_ARTIFACTS") or folder)
    made.mkdir(parents=True, exist_ok=True)
    return made


def wait_until(true: Callable[[], object], seconds: float = 20.0, what: str = "") -> None:
    """Wait for what another process does."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"it did not come about: {what}"
        time.sleep(0.03)


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


def ran(page: Any) -> None:
    """None of the hostile names ran."""
    page.wait_for_timeout(200)
    assert page.evaluate(f"window.{MARK}") is None


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
