"""``amc-otio resolve``: menu scripts for DaVinci Resolve, and the work for the edition that starts no program."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from amc_otio import environment
from amc_otio.cli import options
from amc_otio.cli.arguments import console_of, reporter_for, settings_of, sources_of
from amc_otio.cli.console import Console
from amc_otio.errors import UsageError

if TYPE_CHECKING:
    from amc_otio.resolve.job import Outcome

ACTIONS = ("install", "status", "uninstall", "watch")
_ONLY = {
    "page": ("install", "status", "uninstall"),
    "folder": ("install", "status", "uninstall"),
    "edition": ("install",),
    "force_ours": ("install",),
    "dry_run": ("install", "uninstall"),
    "once": ("watch",),
    "exchange": ("install", "watch"),
}


def add(sub: argparse._SubParsersAction[options.Parser]) -> None:
    """Add the command."""
    parser = options.command(
        sub, "resolve", run, "put menu scripts into DaVinci Resolve, and do the work for its free edition"
    )
    parser.add_argument(
        "action",
        choices=ACTIONS,
        nargs="?",
        default="status",
        help="put the scripts into the menu; say what is there (the default); remove them; match what the free "
        "edition's scripts send, until Ctrl-C (docs/resolve-free.md)",
    )
    group = parser.add_argument_group("menu")
    group.add_argument("--folder", metavar="DIR", type=Path, help="the menu folder (default: the user's of Resolve)")
    group.add_argument(
        "--page", choices=("utility", "edit"), help="show them on every page, or on the edit page (default: utility)"
    )
    group.add_argument(
        "--edition", choices=("auto", "python", "lua"), help="which scripts: both, or one kind (default: auto, both)"
    )
    group.add_argument(
        "--force-ours",
        action="store_true",
        help="replace scripts of ours that were changed, and keep them as .bak (never a file of somebody else)",
    )
    options.dry_run(parser)
    group = parser.add_argument_group("watch")
    group.add_argument(
        "--exchange", metavar="DIR", type=Path, help="the folder through which timelines go (default: the user's own)"
    )
    group.add_argument("--once", action="store_true", help="stop when what is there now is done")
    options.sources(parser)
    options.matching(parser)
    options.joining(parser)
    options.editing(parser)


def run(arguments: argparse.Namespace) -> int:
    """``amc-otio resolve install|status|uninstall|watch``."""
    action = arguments.action
    for name, actions in _ONLY.items():
        if getattr(arguments, name) and action not in actions:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(option, f"means nothing to 'resolve {action}'", f"use it with 'resolve {actions[0]}'")
    if arguments.folder is not None and arguments.page is not None:
        raise UsageError("--page", "names a folder, and --folder names another", "give one of them")
    console = console_of(arguments)
    return {"install": _install, "status": _status, "uninstall": _uninstall, "watch": _watch}[action](
        console, arguments
    )


def _folder(arguments: argparse.Namespace) -> Path:
    from amc_otio.resolve.places import scripts_folder

    if arguments.folder is not None:
        return Path(arguments.folder).absolute()
    return scripts_folder(sys.platform, environment.given(), arguments.page or "utility")


def _exchange(arguments: argparse.Namespace) -> Path:
    """The folder that was named, else the recorded one, else the user's own."""
    from amc_otio.errors import AmcError
    from amc_otio.resolve.places import PAGES, exchange_folder, scripts_folder
    from amc_otio.resolve.record import read_record

    if arguments.exchange is not None:
        return Path(arguments.exchange).absolute()
    if arguments.action == "watch":
        for page in PAGES:
            try:
                record = read_record(scripts_folder(sys.platform, environment.given(), page))
            except AmcError:
                continue
            if record is not None:
                return Path(record.exchange)
    return exchange_folder(sys.platform, environment.given())


def _install(console: Console, arguments: argparse.Namespace) -> int:
    from amc_otio.resolve.installing import install

    done = install(
        _folder(arguments),
        _exchange(arguments),
        arguments.edition or "auto",
        dry_run=arguments.dry_run,
        force_ours=arguments.force_ours,
    )
    verb = "would put" if arguments.dry_run else "put"
    console.say(f"{verb} {len(done.written)} script(s) into {done.folder} ({len(done.unchanged)} there already)")
    for name in (*done.written, *done.unchanged):
        console.say(f"  {name}")
    console.notes([f"what was changed in a script is kept as {name}" for name in done.kept])
    console.say("In Resolve: Workspace > Scripts. The free edition from 21.1 lists the Lua scripts only;")
    console.say("for those keep this running: amc-otio resolve watch")
    console.result(
        {
            "folder": str(done.folder),
            "written": list(done.written),
            "unchanged": list(done.unchanged),
            "removed": list(done.removed),
            "kept": list(done.kept),
            "command": list(done.record.command),
            "exchange": done.record.exchange,
        }
    )
    return 0


def _status(console: Console, arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from amc_otio.resolve.places import PAGES, resolve_folder, scripts_folder
    from amc_otio.resolve.status import every_status

    if arguments.folder is not None or arguments.page is not None:
        folders = [_folder(arguments)]
    else:
        folders = [scripts_folder(sys.platform, environment.given(), page) for page in PAGES]
    found = every_status(folders)
    if arguments.folder is None:
        resolve = resolve_folder(sys.platform, environment.given())
        console.say(f"Resolve's folder {resolve}: {'there' if resolve.is_dir() else 'not there (never started here?)'}")
    for one in found:
        if one.problem:
            console.say(f"{one.folder}: {one.problem}")
            continue
        if not one.installed:
            console.say(f"{one.folder}: nothing of amc-otio" + ("" if one.folder_exists else " (no such folder)"))
            continue
        console.say(f"{one.folder}: amc-otio {one.version}")
        for script in one.scripts:
            console.say(f"  {script.name}: {script.state}")
        missing = "" if one.command_found else ", which is not there any more: install again"
        other = "" if one.command_is_this or missing else " (another than this one)"
        console.say(f"  command: {' '.join(one.command)}{missing}{other}")
        if not one.modules_found:
            console.say(f"  its modules are not in {one.modules} any more: install again")
        there = "" if one.exchange_exists else " (not there: install again)"
        console.say(f"  exchange folder: {one.exchange}{there}, {'watched' if one.watched else 'nobody watches it'}")
    console.result([asdict(one) for one in found])
    return 0


def _uninstall(console: Console, arguments: argparse.Namespace) -> int:
    from amc_otio.resolve.installing import uninstall

    done = uninstall(_folder(arguments), arguments.dry_run)
    console.notes([f"{done.folder / name} was changed and stays" for name in done.kept])
    verb = "would remove" if arguments.dry_run else "removed"
    console.say(f"{verb} {len(done.removed)} file(s) from {done.folder}; the exchange folder stays")
    console.result({"folder": str(done.folder), "removed": list(done.removed), "kept": list(done.kept)})
    return 0


def _watch(console: Console, arguments: argparse.Namespace) -> int:
    from amc_otio.resolve.exchange import Exchange, parse_request
    from amc_otio.resolve.job import run_job
    from amc_otio.resolve.watching import watch
    from amc_otio.workflow.sources import check_sources, gallery_paths

    exchange = Exchange(_exchange(arguments))
    arguments.edit = exchange.folder / "amc.toml"  # beside which settings are looked for
    settings, sources = settings_of(arguments), sources_of(arguments)
    check_sources(sources)
    if sources.gallery:
        gallery_paths(sources, None)  # what cannot be is said now, not at the first job
    reporter = reporter_for(console)

    def job(path: Path, sha256: str) -> Outcome:
        request = parse_request(path.name)
        assert request is not None
        console.say(f"{path.name}: matching")
        return run_job(exchange, path, sha256, request, sources, settings, reporter)

    if not arguments.once:
        console.say(f"watching {exchange.folder}; stop with Ctrl-C")
    failed = 0
    try:
        for outcome in watch(exchange, job, arguments.once):
            failed += outcome.state == "failed"
            _say(console, outcome)
    except KeyboardInterrupt:
        console.note("stopped; a job that was not finished begins again at the next start")
    return 7 if failed and arguments.once else 0


def _say(console: Console, outcome: Outcome) -> None:
    """One job: in words, or with --json one line."""
    from amc_otio.codec import encode

    if console.json_output:
        print(json.dumps(encode(outcome), ensure_ascii=False, allow_nan=False), flush=True)
        return
    if outcome.state != "done":
        console.note(f"{outcome.request}: {outcome.reason}")
    console.notes(outcome.notes)
    for change in outcome.changes:
        console.say(f"{change.edit_point} at {change.timecode}: {change.outgoing} -> {change.summary}")
    if outcome.result is not None and outcome.state == "done":
        console.say(f"wrote {outcome.result}: in Resolve, click Match Cut - Bring Back")
    sys.stdout.flush()
