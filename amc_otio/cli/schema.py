"""``amc-otio schema``: the JSON schema of a file that programs exchange with amc-otio."""

from __future__ import annotations

import argparse
import json

from amc_otio.cli import options
from amc_otio.cli.options import Parser

FILES = ("proposals", "decisions")


def add(sub: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = options.command(sub, "schema", run, "print the JSON schema of the proposals or the decisions file")
    parser.add_argument("file", choices=FILES, help="what propose writes; what an audition hands to apply")


def run(arguments: argparse.Namespace) -> int:
    """``amc-otio schema``."""
    from amc_otio.cli.arguments import console_of
    from amc_otio.proposals import decisions_schema, proposals_schema

    console = console_of(arguments)
    made = {"proposals": proposals_schema, "decisions": decisions_schema}[arguments.file]()
    # A schema is JSON whoever reads it.
    for line in json.dumps(made, indent=1, ensure_ascii=False).splitlines():
        console.say(line)
    console.result(made)
    return 0
