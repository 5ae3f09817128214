"""``amc-otio formats``: what each file format keeps, measured as it runs."""

from __future__ import annotations

import argparse

from amc_otio.cli import options
from amc_otio.cli.arguments import console_of


def add(sub: argparse._SubParsersAction[options.Parser]) -> None:
    """Add the command."""
    options.command(
        sub, "formats", run, "say what each file format keeps of a match cut: a small timeline is written and read back"
    )


def run(arguments: argparse.Namespace) -> int:
    """``amc-otio formats``."""
    from amc_otio.codec import encode
    from amc_otio.formats.kept import measure_all
    from amc_otio.formats.table import HEADER, row

    console = console_of(arguments)
    measured = measure_all()
    found = [kept for kept in measured if not kept.problem]
    console.table(HEADER, [row(kept) for kept in found])
    console.say()
    for kept in measured:
        if kept.problem:
            console.say(f"{kept.suffix}: {kept.problem}")
    console.say("Measured by writing and reading back; what an editor makes of a file on import is not.")
    console.result(encode(measured))
    return 0
