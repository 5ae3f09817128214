"""Options of every command. Defaults come from `amc_otio.config`; an option that is not given stays None."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from amc_otio import __version__
from amc_otio.cli import commands
from amc_otio.config import CONVENTIONS, INDEX_KINDS, METHODS, MODES, OFFSETS, QUERIES, SHORT_SHOTS, Settings
from amc_otio.errors import UsageError

DEFAULTS = Settings()

EXAMPLES = """\
examples:
  amc-otio demo
  amc-otio points edit.otio
  amc-otio match edit.otio -o new.otio --at 01:00:12:05 --gallery ~/footage
  amc-otio propose edit.xml -o proposals.json --marker Green -k 20
  amc-otio apply edit.xml proposals.json -o new.otio --choose 1=3,2=1
  amc-otio revert new.otio -o back.otio
"""


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the command line in one line, as every other error is said."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`."""
        raise UsageError("the command line", message, f"see: {self.prog} --help")


def build_parser() -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(
        prog="amc-otio",
        description="Find audio match cuts for a timeline and write them into a new one.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"amc-otio {__version__}")
    sub = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    match = _command(sub, "match", commands.match, "propose and apply the best match, in one go (the main job)")
    match.add_argument("edit", metavar="EDIT", type=Path, help="the timeline to read; it is never changed")
    _output(match, "the new timeline")
    _selection(match)
    _sources(match)
    _matching(match)
    _joining(match)
    _editing(match)
    match.add_argument("--proposals", metavar="FILE", type=Path, help="also write the proposals")
    match.add_argument("--preview", metavar="DIR", type=Path, help="also render each join as WAV: before, plain, after")
    _dry_run(match)

    propose = _command(sub, "propose", commands.propose, "propose match cuts and write them to a file to choose from")
    propose.add_argument("edit", metavar="EDIT", type=Path, help="the timeline to read")
    _output(propose, "the proposals file (JSON)")
    _selection(propose)
    _sources(propose)
    _matching(propose)
    _joining(propose)
    _editing(propose)
    propose.add_argument("--show-refused", action="store_true", help="list the matches that cannot be cut, and why")
    _dry_run(propose)

    apply = _command(sub, "apply", commands.apply, "cut chosen proposals into a new timeline")
    apply.add_argument("edit", metavar="EDIT", type=Path, help="the timeline that the proposals were made for")
    apply.add_argument("proposals", metavar="PROPOSALS", type=Path, help="the file that propose wrote")
    _output(apply, "the new timeline")
    apply.add_argument(
        "--choose",
        metavar="N=RANK,…",
        help="edit point N gets its candidate RANK (0 keeps the present shot); default: the best of each",
    )
    _dry_run(apply)

    preview = _command(sub, "preview", commands.preview, "render candidates as WAV files: before, plain cut, join")
    preview.add_argument("proposals", metavar="PROPOSALS", type=Path, help="the file that propose wrote")
    preview.add_argument("-o", "--output", metavar="DIR", type=Path, required=True, help="folder for the WAV files")
    preview.add_argument("--choose", metavar="N=RANK,…", help="which candidates; default: the best of each edit point")
    preview.add_argument("--force", action="store_true", help="replace files that exist")

    revert = _command(sub, "revert", commands.revert, "undo the last run on a timeline that amc-otio wrote")
    revert.add_argument("edit", metavar="NEW", type=Path, help="the timeline that amc-otio wrote")
    _output(revert, "where the timeline goes as it was before")
    _dry_run(revert)

    points = _command(sub, "points", commands.points, "list the edit points of a timeline")
    points.add_argument("edit", metavar="EDIT", type=Path, help="the timeline to read")
    _selection(points)

    index = _command(sub, "index", commands.index, "build or refresh a library of sounds")
    index.add_argument("paths", metavar="PATH", type=Path, nargs="+", help="media files, folders or timelines")
    index.add_argument(
        "--library", metavar="DIR", type=Path, help="the library's folder (default: amc.toml's, else .amc here)"
    )
    index.add_argument(
        "--representation", metavar="NAME", help=f"random, mfcc, mel or sfx (default: {DEFAULTS.match.representation})"
    )
    index.add_argument("--workers", metavar="N", type=int, help="processes (default: one a core)")
    index.add_argument("--verify", action="store_true", help="read every file whole to see whether it changed")
    _relinking(index)

    library = _command(sub, "library", commands.library, "look after a library: info, verify, prune")
    library.add_argument(
        "action",
        choices=("info", "verify", "prune"),
        help="say what it holds; read it all and set aside what is damaged; forget what is gone",
    )
    library.add_argument(
        "--library", metavar="DIR", type=Path, help="the library's folder (default: amc.toml's, else .amc here)"
    )

    _command(sub, "doctor", commands.doctor, "say what is installed, what is missing and how to get it")

    demo = _command(sub, "demo", commands.demo, "run the main job on the bundled film and sounds")
    demo.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        default=Path("amc-demo"),
        help="folder to write to (default: %(default)s)",
    )
    demo.add_argument("--force", action="store_true", help="replace files that exist")
    return parser


def _command(sub: argparse._SubParsersAction[Parser], name: str, function: object, text: str) -> Parser:
    parser = sub.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=function)
    common = parser.add_argument_group("output")
    common.add_argument("--json", action="store_true", help="print JSON for machines on stdout")
    common.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    common.add_argument("-v", "--verbose", action="store_true", help="print notes and every reason")
    return parser


def _output(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help=text)
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists (never the file that is read)")


def _dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="do everything but write")


def _selection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("edit points (default: all)")
    group.add_argument(
        "--at",
        metavar="TC",
        action="append",
        default=[],
        help="the edit point nearest to a timecode, a frame or seconds such as 12.5s",
    )
    group.add_argument(
        "--track", metavar="A1", action="append", default=[], help="only those on this track (label or name)"
    )
    group.add_argument(
        "--index", metavar="A1:3", action="append", default=[], help="the edit point of this id, as 'points' lists them"
    )
    group.add_argument(
        "--marker", metavar="NAME|COLOUR", action="append", default=[], help="those at markers of this name or colour"
    )
    group.add_argument("--range", metavar=("FROM", "TO"), nargs=2, help="only those between two timecodes")
    group.add_argument("--all", action="store_true", help="every one (the default when nothing is chosen)")
    group.add_argument("--timeline", metavar="NAME", help="which timeline, where the file holds several")
    group.add_argument("--rate", metavar="FPS", help="frames a second of a format that does not say, such as EDL")


def _relinking(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--map-path", metavar="FROM=TO", action="append", default=[], help="media under FROM lies under TO here"
    )
    parser.add_argument(
        "--search-root",
        metavar="DIR",
        type=Path,
        action="append",
        default=[],
        help="relink offline media by name in here",
    )


def _sources(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("sounds")
    group.add_argument(
        "--gallery",
        metavar="PATH",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        help="files, folders or timelines to find matches in (default: the timeline's own media)",
    )
    group.add_argument(
        "--library", metavar="DIR", type=Path, help="the library's folder (default: amc.toml's, else .amc beside EDIT)"
    )
    group.add_argument("--workers", metavar="N", type=int, help="processes that index (default: one a core)")
    _relinking(group)


def _matching(parser: argparse.ArgumentParser) -> None:
    match = DEFAULTS.match
    group = parser.add_argument_group("matching")
    group.add_argument(
        "--representation", metavar="NAME", help=f"random, mfcc, mel or sfx (default: {match.representation})"
    )
    group.add_argument("-k", type=int, help=f"candidates for each edit point (default: {match.k})")
    group.add_argument("--query", choices=QUERIES, help=f"which second of the outgoing clip (default: {match.query})")
    group.add_argument(
        "--neighbourhood",
        metavar="S",
        type=float,
        help=f"seconds around the edit point in its own source that never match (default: {match.neighbourhood_s:g})",
    )
    group.add_argument("--other-sources", action="store_true", help="no match from the outgoing clip's own source")
    group.add_argument(
        "--per-source",
        metavar="N",
        type=int,
        help=f"candidates from one source; 0 is any number (default: {match.per_source})",
    )
    group.add_argument(
        "--min-remaining",
        metavar="S",
        type=float,
        help=f"sound that must remain after the in point (default: {match.min_remaining_s:g})",
    )
    group.add_argument(
        "--max-level-step",
        metavar="LU",
        type=float,
        help=f"largest loudness jump; 0 is any (default: {match.max_level_step_lu:g})",
    )
    group.add_argument(
        "--index-kind", choices=INDEX_KINDS, help=f"how the library is searched (default: {match.index})"
    )
    group.add_argument("--config", metavar="FILE", type=Path, help="settings (default: amc.toml beside EDIT or here)")


def _joining(parser: argparse.ArgumentParser) -> None:
    join = DEFAULTS.join
    group = parser.add_argument_group("joining")
    group.add_argument("--method", choices=METHODS, help=f"how the join is found (default: {join.method})")
    group.add_argument(
        "--fade", metavar="S", type=float, help=f"length of a fixed crossfade (default: {join.fade_s:g})"
    )
    group.add_argument("--phi", type=float, help=f"scale of equation (2) (default: {join.phi:g})")
    group.add_argument(
        "--convention",
        choices=CONVENTIONS,
        help=f"spectra on which equation (2) is evaluated (default: {join.convention})",
    )


def _editing(parser: argparse.ArgumentParser) -> None:
    edit = DEFAULTS.edit
    group = parser.add_argument_group("editing")
    group.add_argument(
        "--mode",
        choices=MODES,
        help=f"replace the incoming shot, align both shots, or insert one between (default: {edit.mode})",
    )
    group.add_argument(
        "--ripple", action="store_true", help="let what follows move, instead of keeping the record length"
    )
    group.add_argument("--audio-only", action="store_true", help="leave linked picture as it is (makes a J- or L-cut)")
    group.add_argument(
        "--length", metavar="S", type=float, help=f"length of an inserted shot (default: {edit.length_s:g})"
    )
    group.add_argument(
        "--short",
        choices=SHORT_SHOTS,
        help="a shot shorter than the record length: refuse it, or keep the present shot's rest behind it "
        f"(default: {edit.short})",
    )
    group.add_argument(
        "--offsets",
        choices=OFFSETS,
        help=f"crossfade offsets: exact, or equal whole frames (default: {edit.offsets}, by format)",
    )
