"""From the parsed options to what the API takes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amc_otio.cli.console import Console
from amc_otio.config import MUTES
from amc_otio.errors import UsageError, one_line
from amc_otio.run_options import selection_from, settings_from, sources_from

if TYPE_CHECKING:
    from fractions import Fraction

    from amc_otio.config import Settings
    from amc_otio.timeline.select import Selection
    from amc_otio.workflow import Sources


def console_of(arguments: argparse.Namespace) -> Console:
    """Where a command prints."""
    return Console(arguments.json, arguments.quiet, arguments.verbose, arguments.progress)


def reporter_for(console: Console) -> Any:
    """Progress of indexing and matching on a console."""
    from amc_otio.workflow import Reporter

    return Reporter(console.indexing(), lambda done, total: console.progress(done, total, "matching"))


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings of a run: the command line over amc.toml over the defaults."""
    return settings_from(vars(arguments), arguments.edit.parent, _spelled)


def _spelled(option: str) -> str:
    """An option as it is typed."""
    return f"-{option}" if len(option) == 1 else f"--{option.replace('_', '-')}"


def mute_of(arguments: argparse.Namespace) -> str:
    """How what a bounce replaces is silenced."""
    if arguments.mute is not None and not arguments.bounce:
        raise UsageError("--mute", "is about what a bounce replaces, and nothing is bounced", "add --bounce")
    return arguments.mute or MUTES[0]


def rate_of(arguments: argparse.Namespace) -> Fraction | None:
    """Frames a second of a format that does not say."""
    from amc_otio.timeline.rational import exact_rate

    if arguments.rate is None:
        return None
    try:
        rate = float(arguments.rate)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 100_000:
        raise UsageError(f"--rate {arguments.rate}", "is no frame rate", "write 25 or 23.976")
    return exact_rate(rate)


def selection_of(arguments: argparse.Namespace) -> Selection:
    """Which edit points."""
    return selection_from(vars(arguments))


def path_maps_of(arguments: argparse.Namespace) -> tuple[tuple[str, str], ...]:
    """Where media went."""
    from amc_otio.media.locate import parse_path_map

    return tuple(parse_path_map(text) for text in arguments.map_path)


def sources_of(arguments: argparse.Namespace) -> Sources:
    """Where sound comes from."""
    return sources_from({**vars(arguments), "gallery": list(gallery_of(arguments.gallery, arguments.gallery_list))})


_LIST_BYTES = 64 * 1024 * 1024


def gallery_of(paths: list[Path], listed: Path | None) -> tuple[Path, ...]:
    """What ``--gallery`` names, and after it what the file of ``--gallery-list`` names.

    Raises
    ------
    UsageError
        The list cannot be read, or names nothing.
    """
    if listed is None:
        return tuple(paths)
    remedy = "give --gallery-list a text file in UTF-8 with a path on each line"
    try:
        with listed.open("rb") as file:  # a pipe is welcome, so its size is not asked for
            held = file.read(_LIST_BYTES + 1)
        if len(held) > _LIST_BYTES:
            raise UsageError(listed, "is too large for a list of paths", remedy)
        lines = held.decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "is not UTF-8 text"
        raise UsageError(listed, f"cannot be read as a list ({reason})", remedy) from error
    names = [line for line in lines if line.strip()]
    if not names or any("\0" in name for name in names):
        raise UsageError(listed, "names no path" if not names else "holds what no path can hold", remedy)
    return (*paths, *(listed.parent / name for name in names))


def choices_of(text: str | None) -> dict[int, int] | None:
    """``1=3,2=1`` as ``{edit point: rank}``; None when nothing was chosen."""
    if text is None:
        return None
    option = one_line(f"--choose {text}", 60)
    choices: dict[int, int] = {}
    for part in text.split(","):
        number, equals, rank = part.partition("=")
        if not (equals and number.strip().isdecimal() and rank.strip().isdecimal()):
            raise UsageError(option, f"'{part}' is not N=RANK", "write it like 1=3,2=1")
        if max(len(number), len(rank)) > 9:
            raise UsageError(option, "names an edit point or rank that cannot be", "write it like 1=3,2=1")
        if int(number) in choices:
            raise UsageError(option, f"edit point {int(number)} is named twice", "name it once")
        choices[int(number)] = int(rank)
    return choices


def check_folder(path: Path) -> None:
    """Refuse a folder to write into that is something else, or cannot be made."""
    from amc_otio.errors import OutputError

    if path.exists() and not path.is_dir():
        raise OutputError(path, "is a file, not a folder", "give another folder")
    if not path.exists() and not path.parent.is_dir():
        raise OutputError(path.parent, "is no folder", "make it first or give another folder")


def make_folder(path: Path) -> None:
    """Make a folder to write into."""
    from amc_otio.errors import OutputError

    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(path, f"cannot be made a folder ({error.strerror})", "give another -o") from error
