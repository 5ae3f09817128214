"""Menu folders, stand-in commands and projects for the tests of Resolve's scripts."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fake_resolve import Edition, Faults, Session
from fake_resolve.build import project_of

REPOSITORY = Path(__file__).resolve().parent.parent
SCRIPTS = REPOSITORY / "resolve_script"

# Answers as the real command did when it was recorded; FAIL in its environment makes it fail with that line.
STAND_IN = """\
import json, os, shutil, sys
recorded = {recorded!r}
words = sys.argv[1:]
if "--help" in words:
    if words[0] not in ("propose", "apply", *{more!r}):
        sys.exit(2)
    print({options!r})
    sys.exit(0)
if words[0] == "audition":
    if {no_page!r}:
        sys.exit("amc-otio: " + {no_page!r})
    print("listen to", words[1])
    sys.exit(0)
print(json.dumps({{"stage": "indexing", "done": 1, "total": 2, "remaining_s": 3.5}}), file=sys.stderr, flush=True)
if {hangs!r}:
    import time
    time.sleep(60)
if {fails!r}:
    print("amc-otio: " + {fails!r}, file=sys.stderr)
    sys.exit(7)
output = words[words.index("-o") + 1]
with open(os.path.join(os.path.dirname(output), "words.json"), "w") as stream:
    json.dump(words, stream)
shutil.copy(os.path.join(recorded, os.path.basename(output)), output)
print(open(os.path.join(recorded, words[0] + ".json"), encoding="utf-8").read())
"""


@dataclass
class Menu:
    """A menu folder with the scripts and a record, and a folder for jobs."""

    folder: Path
    work: Path
    settings: Path

    def click(self, session: Session, name: str, **more: Any) -> str:
        """Choose a menu entry; the script lies where `__file__` says."""
        script = self.folder / f"Match Cut - {name}.py"
        return session.click(script, __file__=str(script), **more)

    def jobs(self) -> list[Path]:
        """Folders of the runs so far, in order."""
        return sorted((self.work / "jobs").iterdir(), key=lambda p: p.stat().st_mtime_ns)

    def set(self, **settings: Any) -> None:
        """Write the settings file."""
        self.settings.write_text(json.dumps({"folder": str(self.work), **settings}))


def make_menu(folder: Path, command: list[str]) -> Menu:
    """Install the scripts by hand."""
    menu = Menu(folder / "Utility", folder / "work", folder / "settings.json")
    menu.folder.mkdir(parents=True)
    for script in SCRIPTS.glob("*.py"):
        shutil.copy(script, menu.folder)
    record = {"command": command, "modules": str(SCRIPTS)}
    (menu.folder / "amc_otio_command.json").write_text(json.dumps(record))
    menu.set(points="all")
    return menu


def stand_in(
    folder: Path,
    recorded: Path,
    *,
    fails: str = "",
    hangs: bool = False,
    old: bool = False,
    auditions: bool = False,
    no_page: str = "",
) -> list[str]:
    """A command that answers as recorded."""
    path = folder / "stand_in.py"
    options = "" if old else "--gallery-list FILE --progress"
    path.write_text(
        STAND_IN.format(
            recorded=str(recorded),
            options=options,
            fails=fails,
            hangs=hangs,
            more=["audition"] * auditions,
            no_page=no_page,
        )
    )
    return [sys.executable, str(path)]


def film(examples: Path, edition: Edition, faults: Faults | None = None, **more: Any) -> Session:
    """A session with the bundled film open."""
    project = project_of(examples / "match_cut.otio", sorted((examples / "sounds").glob("*.ogg")))
    return Session(project, edition, faults, **more)


def real_command() -> list[str]:
    """The command of this checkout, without its audition page: that would stay, and look for a browser."""
    run = "import sys; from amc_otio.cli import main; sys.exit(2 if sys.argv[1] == 'audition' else main())"
    return [sys.executable, "-c", run]
