"""``amc-otio audition``: the page on which an editor listens, compares and decides."""

from __future__ import annotations

import argparse
import contextlib
import gc
from collections.abc import Iterator
from functools import partial
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING

from amc_otio.cli import options
from amc_otio.cli.arguments import check_folder, console_of, make_folder
from amc_otio.errors import UsageError

if TYPE_CHECKING:
    from amc_otio.audition.material import Material
    from amc_otio.audition.parts import Page
    from amc_otio.audition.records import Told
    from amc_otio.audition.session import Session

_TOP = 3
_IDLE = 60.0
_LIVE = {"edit": None, "decisions": None, "output": None, "port": None, "no_browser": False, "idle": None}


def add(sub: argparse._SubParsersAction[options.Parser]) -> None:
    """Add the command."""
    parser = options.command(
        sub, "audition", run, "listen to candidates, compare and decide, on a page in the browser (docs/audition.md)"
    )
    parser.add_argument("proposals", metavar="PROPOSALS", type=Path, help="the file that propose wrote")
    group = parser.add_argument_group("live (the default): a server on this machine alone, until it is told to end")
    group.add_argument(
        "--edit", metavar="FILE", type=Path, help="the timeline, where it is not in its recorded place any more"
    )
    group.add_argument(
        "--decisions",
        metavar="FILE",
        type=Path,
        help="where decisions are kept (default: PROPOSALS with .decisions.json for .json)",
    )
    group.add_argument(
        "-o", "--output", metavar="DIR", type=Path, help="folder for new timelines (default: the timeline's own)"
    )
    group.add_argument("--port", metavar="N", type=int, help="on 127.0.0.1 (default: any that is free)")
    group.add_argument("--no-browser", action="store_true", help="only print the address")
    group.add_argument(
        "--idle", metavar="MINUTES", type=float, help=f"end after so long without anybody there (default: {_IDLE:g})"
    )
    group = parser.add_argument_group("offline: one file that a colleague opens without installing anything")
    group.add_argument("--export", metavar="FILE.html", type=Path, help="write the page and its sounds into FILE.html")
    group.add_argument("--top", metavar="N", type=int, help=f"candidates of each edit point (default: {_TOP})")
    group.add_argument("--no-video", action="store_true", help="stills alone: a smaller file")
    group.add_argument(
        "--force", action="store_true", help="replace FILE.html if it exists, and write one of more than 200 MB"
    )


def run(arguments: argparse.Namespace) -> int:
    """``amc-otio audition``."""
    if arguments.export is not None:
        return _export(arguments)
    given = {"--top": arguments.top is not None, "--no-video": arguments.no_video, "--force": arguments.force}
    for name, is_given in given.items():
        if is_given:
            raise UsageError(name, "is about the file of --export, and nothing is exported", "add --export FILE.html")
    return _serve(arguments)


def _export(arguments: argparse.Namespace) -> int:
    for name, absent in _LIVE.items():
        if getattr(arguments, name) != absent and name not in ("edit", "decisions"):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(option, "means nothing to --export, which serves no page", "leave one of them out")
    top = _TOP if arguments.top is None else arguments.top
    if top < 1:
        raise UsageError(f"--top {top}", "leaves no candidate", "give 1 or more")
    from amc_otio.audition.export import export_page
    from amc_otio.audition.keeping import decisions_path
    from amc_otio.audition.session import open_session
    from amc_otio.proposals import read_decisions
    from amc_otio.proposals.decisions import check_belongs

    console = console_of(arguments)
    session = open_session(arguments.proposals, arguments.edit)
    material, told = _opened(session, _excludes(session), live=False)
    path = arguments.decisions or decisions_path(arguments.proposals)
    decisions = read_decisions(path) if arguments.decisions is not None or path.exists() else None
    if decisions is not None:
        check_belongs(decisions, session.proposals, session.sha256)

    def progress(done: int, total: int) -> None:
        console.progress(done, total, "exporting")

    picture = not arguments.no_video
    written = export_page(material, told, decisions, arguments.export, top, arguments.force, progress, video=picture)
    console.notes(written.notes)
    size = f"{written.bytes / 1e6:.1f} MB"
    console.say(f"wrote {written.path}, {size}: {written.takes} candidates at {written.points} edit points")
    console.result(
        {
            "output": str(written.path),
            "bytes": written.bytes,
            "points": written.points,
            "takes": written.takes,
            "notes": list(written.notes),
        }
    )
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    idle = _IDLE if arguments.idle is None else arguments.idle
    if not 0 < idle <= 100_000:
        raise UsageError(f"--idle {arguments.idle:g}", "is no time to wait", "give minutes, such as 60")
    port = 0 if arguments.port is None else arguments.port
    if not (0 <= port < 65536):
        raise UsageError(f"--port {port}", "is no port", "give one from 1024 to 65535")
    if arguments.output is not None:
        check_folder(arguments.output)
    if any(util.find_spec(name) is None for name in ("starlette", "uvicorn")):
        raise UsageError(
            "the audition page",
            "needs starlette and uvicorn, which are not installed",
            "pip install 'amc-otio[audition]', or use --export FILE.html, which needs neither",
        )
    from amc_otio.audition.serving import Server
    from amc_otio.audition.session import open_session
    from amc_otio.cli.console import finish

    console = console_of(arguments)
    with _kept():
        try:
            console.progress(0, 2, "reading")
            session = open_session(arguments.proposals, arguments.edit)
            console.progress(1, 2, "reading")
            page = _page(session, arguments)
        finally:
            console.progress(2, 2, "reading")
    if session.no_timeline is not None:
        console.note(f"only listening and deciding, no timeline can be written: {session.no_timeline}")
    try:
        server = Server(page, port, 60 * idle)
        if arguments.output is not None:
            make_folder(arguments.output)
        console.say(server.address)
        console.result({"address": server.address, "decisions": str(page.decisions.path)})
        finish()  # whoever started this reads the address now, not at its end
        if not arguments.no_browser and not server.open_browser():
            console.note("no browser can be opened from here: open the address in one on this machine")
        reason = server.run()
    finally:
        gc.unfreeze()
        page.decisions.close()
    kept = f"decisions are in {page.decisions.path}" if page.decisions.path.exists() else "nothing was decided"
    console.note(f"the page ended: {reason}; {kept}")
    return 0


@contextlib.contextmanager
def _kept() -> Iterator[None]:
    """What is read stays until the end: no search for garbage looks through it, neither meanwhile nor later."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was:
            gc.enable()


def _page(session: Session, arguments: argparse.Namespace) -> Page:
    from amc_otio.audition.keeping import DecisionsFile, decisions_path
    from amc_otio.audition.parts import Page
    from amc_otio.audition.store import Busy
    from amc_otio.audition.writing import Writer
    from amc_otio.proposals import decided
    from amc_otio.workflow.rejoining import rejoin_for

    excludes = _excludes(session)
    material, told = _opened(session, excludes, live=True)
    path = arguments.decisions or decisions_path(arguments.proposals)
    # Another method than the proposed one finds its join in the sound.
    check = partial(decided, rejoin=rejoin_for(session.proposals, session.loaded or session.edit))
    return Page(
        told=told,
        decisions=DecisionsFile(path, session.proposals, check, excludes, sha256=session.sha256),
        material=material,
        writer=None if session.loaded is None else Writer(session.edit, session.proposals, arguments.output),
        busy=(Busy,),
    )


def _opened(session: Session, excludes: dict[int, tuple[int, ...]], live: bool) -> tuple[Material, Told]:
    """What the page plays and draws, and what it lists."""
    from amc_otio.audition.material import Material
    from amc_otio.audition.told import told

    material = Material(session.proposals, session.loaded or session.edit)
    segments = material.segments
    listed = told(
        session.proposals,
        lambda id_: segments.stretch(id_) if id_ in segments else None,
        file=session.path.name,
        live=live,
        no_timeline=session.no_timeline,
        excludes=excludes,
        sha256=session.sha256,
    )
    return material, listed


def _excludes(session: Session) -> dict[int, tuple[int, ...]]:
    from amc_otio.choices import rivals

    return {} if session.loaded is None else rivals(session.proposals, session.loaded)
