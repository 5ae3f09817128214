"""Options that several commands share, by subject. A command's parser puts them together."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from amc_otio.config import (
    CONVENTIONS,
    INDEX_KINDS,
    METHODS,
    MODES,
    MUTES,
    OFFSETS,
    QUERIES,
    SEARCH_S,
    SHORT_SHOTS,
    Settings,
)
from amc_otio.errors import UsageError
from amc_otio.representations.registry import names

DEFAULTS = Settings()


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the command line in one line, as every other error is said."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`."""
        raise UsageError("the command line", message, f"see: {self.prog} --help")


def command(sub: argparse._SubParsersAction[Parser], name: str, function: object, text: str) -> Parser:
    """Add a command with the options that every command has."""
    parser = sub.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=function)
    common = parser.add_argument_group("output")
    common.add_argument("--json", action="store_true", help="print JSON for machines on stdout")
    common.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    common.add_argument("-v", "--verbose", action="store_true", help="print notes and every reason")
    common.add_argument("--log", metavar="FILE", type=Path, help="append what is done to FILE, a line an event")
    common.add_argument(
        "--progress", action="store_true", help="print progress for machines on stderr, a line of JSON at a time"
    )
    return parser


def output(parser: argparse.ArgumentParser, text: str) -> None:
    """Where a new file goes."""
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help=text)
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists (never the file that is read)")


def choosing(parser: argparse.ArgumentParser, text: str, default: str) -> None:
    """Which candidates."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--choose", metavar="N=RANK,…", help=f"{text}; default: {default}")
    group.add_argument(
        "--decisions", metavar="FILE", type=Path, help="what was decided of the proposals, joins included, as a file"
    )


def dry_run(parser: argparse.ArgumentParser) -> None:
    """Do all but write."""
    parser.add_argument("--dry-run", action="store_true", help="do everything but write")


def bouncing(parser: argparse.ArgumentParser) -> None:
    """The blended sound as a file."""
    group = parser.add_argument_group("bounce")
    group.add_argument(
        "--bounce",
        action="store_true",
        help="also render each join as a 24-bit BWF file beside FILE, on a track of its own, and mute what it replaces",
    )
    group.add_argument(
        "--mute",
        choices=MUTES,
        help="what a bounce replaces is switched off, or a gap is left; auto: off, where the format keeps that "
        f"(default: {MUTES[0]})",
    )


def selection(parser: argparse.ArgumentParser) -> None:
    """Which edit points."""
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


def representation(parser: argparse._ActionsContainer) -> None:
    """By what sounds are compared."""
    parser.add_argument(
        "--representation",
        metavar="NAME",
        help=f"{', '.join(names()[:-1])} or {names()[-1]} (default: {DEFAULTS.match.representation}); the weights of "
        "imagebind are for non-commercial use only",
    )
    parser.add_argument(
        "--weights",
        metavar="FILE",
        type=Path,
        help="weights of the representation, where it takes some: a file, or the name of a model",
    )


def relinking(parser: argparse._ActionsContainer) -> None:
    """Where media went."""
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


def gallery_list(parser: argparse._ActionsContainer) -> None:
    """A gallery that is longer than a command line may be."""
    parser.add_argument(
        "--gallery-list",
        metavar="FILE",
        type=Path,
        help="a text file (UTF-8) that names more of them, one a line, relative to its folder",
    )


def sources(parser: argparse.ArgumentParser) -> None:
    """Where matches are looked for."""
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
    gallery_list(group)
    group.add_argument(
        "--library",
        metavar="DIR",
        type=Path,
        help="the library's folder (default: AMC_LIBRARY, amc.toml's, else .amc beside EDIT)",
    )
    group.add_argument("--workers", metavar="N", type=int, help="processes that index (default: one a core)")
    relinking(group)


def matching(parser: argparse.ArgumentParser) -> None:
    """What counts as a match."""
    match = DEFAULTS.match
    group = parser.add_argument_group("matching")
    representation(group)
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
        "--weigh",
        metavar="FAMILY=W,…",
        help="rank by similarity plus W times how far timbre, pitch, rhythm or loudness agree, such as "
        "timbre=0.3,pitch=0.2 (default: similarity alone)",
    )
    group.add_argument(
        "--pool",
        metavar="N",
        type=int,
        help=f"with --weigh: how many of the most similar are ranked again (default: {match.pool})",
    )
    group.add_argument(
        "--index-kind", choices=INDEX_KINDS, help=f"how the library is searched (default: {match.index})"
    )
    group.add_argument(
        "--config", metavar="FILE", type=Path, help="settings (default: AMC_CONFIG, else amc.toml beside EDIT or here)"
    )


def joining(parser: argparse.ArgumentParser) -> None:
    """How two sounds are joined."""
    join = DEFAULTS.join
    group = parser.add_argument_group("joining")
    group.add_argument(
        "--method",
        choices=METHODS,
        help="how the join is found: our own, the paper's as printed, its Max-SS with a fade that adapts or with none, "
        f"a crossfade at the edit point, or none (default: {join.method})",
    )
    group.add_argument("--fade", metavar="S", type=float, help=f"crossfade: its length (default: {join.fade_s:g})")
    group.add_argument("--phi", type=float, help=f"max-ss-adaptive: scale of equation (2) (default: {join.phi:g})")
    group.add_argument(
        "--convention",
        choices=CONVENTIONS,
        help=f"max-ss-adaptive: spectra on which equation (2) is evaluated (default: {join.convention})",
    )
    group.add_argument(
        "--search",
        metavar="S",
        type=float,
        nargs="?",
        const=SEARCH_S,
        help=f"look for the point beyond the two windows too, up to S seconds ({SEARCH_S:g} when not said) as clips "
        "and handles allow (default: in the windows alone)",
    )
    group.add_argument(
        "--max-gain",
        metavar="DB",
        type=float,
        help="match the incoming sound's level over the fade, by so many dB at most; 0 is not at all "
        f"(default: {join.max_gain_db:g})",
    )


def editing(parser: argparse.ArgumentParser) -> None:
    """What an edit means on the timeline."""
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
