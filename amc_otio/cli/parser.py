"""Options of every command. Defaults come from `amc_otio.config`; an option that is not given stays None."""

from __future__ import annotations

import argparse
from pathlib import Path

from amc_otio import __version__
from amc_otio.cli import audition, commands, evaluate, formats, models, options, resolve, schema
from amc_otio.cli import train as train_command
from amc_otio.cli.options import Parser

EXAMPLES = """\
examples:
  amc-otio demo
  amc-otio points edit.otio
  amc-otio match edit.otio -o new.otio --at 01:00:12:05 --gallery ~/footage
  amc-otio propose edit.xml -o proposals.json --marker Green -k 20
  amc-otio audition proposals.json
  amc-otio apply edit.xml proposals.json -o new.otio --choose 1=3,2=1
  amc-otio apply edit.otio proposals.json -o new.otio --bounce
  amc-otio revert new.otio -o back.otio
  amc-otio train ~/footage -o model.safetensors
"""


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

    match = options.command(sub, "match", commands.match, "propose and apply the best match, in one go (the main job)")
    match.add_argument("edit", metavar="EDIT", type=Path, help="the timeline to read; it is never changed")
    options.output(match, "the new timeline")
    options.selection(match)
    options.sources(match)
    options.matching(match)
    options.joining(match)
    options.editing(match)
    options.bouncing(match)
    match.add_argument("--proposals", metavar="FILE", type=Path, help="also write the proposals")
    match.add_argument("--preview", metavar="DIR", type=Path, help="also render each join as WAV: before, plain, after")
    options.dry_run(match)

    propose = options.command(
        sub, "propose", commands.propose, "propose match cuts and write them to a file to choose from"
    )
    propose.add_argument("edit", metavar="EDIT", type=Path, help="the timeline to read")
    options.output(propose, "the proposals file (JSON)")
    options.selection(propose)
    options.sources(propose)
    options.matching(propose)
    options.joining(propose)
    options.editing(propose)
    propose.add_argument("--show-refused", action="store_true", help="list the matches that cannot be cut, and why")
    options.dry_run(propose)

    apply = options.command(sub, "apply", commands.apply, "cut chosen proposals into a new timeline")
    apply.add_argument("edit", metavar="EDIT", type=Path, help="the timeline that the proposals were made for")
    apply.add_argument("proposals", metavar="PROPOSALS", type=Path, help="the file that propose wrote")
    options.output(apply, "the new timeline")
    options.choosing(apply, "edit point N gets its candidate RANK (0 keeps the present shot)", "the best of each")
    options.bouncing(apply)
    options.dry_run(apply)

    audition.add(sub)

    preview = options.command(
        sub, "preview", commands.preview, "render candidates as WAV files: before, plain cut, join"
    )
    preview.add_argument("proposals", metavar="PROPOSALS", type=Path, help="the file that propose wrote")
    preview.add_argument("-o", "--output", metavar="DIR", type=Path, required=True, help="folder for the WAV files")
    options.choosing(preview, "which candidates", "the best of each edit point")
    preview.add_argument("--force", action="store_true", help="replace files that exist")

    revert = options.command(sub, "revert", commands.revert, "undo the last run on a timeline that amc-otio wrote")
    revert.add_argument("edit", metavar="NEW", type=Path, help="the timeline that amc-otio wrote")
    options.output(revert, "where the timeline goes as it was before")
    options.dry_run(revert)

    points = options.command(sub, "points", commands.points, "list the edit points of a timeline")
    points.add_argument("edit", metavar="EDIT", type=Path, help="the timeline to read")
    options.selection(points)

    index = options.command(sub, "index", commands.index, "build or refresh a library of sounds")
    index.add_argument("paths", metavar="PATH", type=Path, nargs="*", help="media files, folders or timelines")
    options.gallery_list(index)
    index.add_argument(
        "--library",
        metavar="DIR",
        type=Path,
        help="the library's folder (default: AMC_LIBRARY, amc.toml's, else .amc here)",
    )
    options.representation(index)
    index.add_argument("--workers", metavar="N", type=int, help="processes (default: one a core)")
    index.add_argument("--verify", action="store_true", help="read every file whole to see whether it changed")
    options.relinking(index)

    train_command.add(sub)

    library = options.command(sub, "library", commands.library, "look after a library: info, verify, prune")
    library.add_argument(
        "action",
        choices=("info", "verify", "prune"),
        help="say what it holds; read it all and set aside what is damaged; forget what is gone",
    )
    library.add_argument(
        "--library",
        metavar="DIR",
        type=Path,
        help="the library's folder (default: AMC_LIBRARY, amc.toml's, else .amc here)",
    )

    evaluate.add(sub)
    models.add(sub)
    schema.add(sub)
    formats.add(sub)
    resolve.add(sub)

    options.command(sub, "doctor", commands.doctor, "say what is installed, what is missing and how to get it")

    demo = options.command(sub, "demo", commands.demo, "run the main job on the bundled film and sounds")
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
