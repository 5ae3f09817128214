"""From the parsed options to what the API takes."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amc_otio.cli.console import Console
from amc_otio.config import MUTES, WEIGHED
from amc_otio.errors import UsageError, one_line

if TYPE_CHECKING:
    from fractions import Fraction

    from amc_otio.config import Settings
    from amc_otio.timeline.select import Selection
    from amc_otio.workflow import Sources

# Settings, and the options that give them.
_OPTIONS = {
    "match.representation": "representation",
    "match.weights": "weights",
    "match.k": "k",
    "match.query": "query",
    "match.neighbourhood_s": "neighbourhood",
    "match.per_source": "per_source",
    "match.min_remaining_s": "min_remaining",
    "match.max_level_step_lu": "max_level_step",
    "match.index": "index_kind",
    "match.pool": "pool",
    "join.method": "method",
    "join.fade_s": "fade",
    "join.phi": "phi",
    "join.convention": "convention",
    "join.search_s": "search",
    "join.max_gain_db": "max_gain",
    "edit.mode": "mode",
    "edit.length_s": "length",
    "edit.short": "short",
    "edit.offsets": "offsets",
}


def console_of(arguments: argparse.Namespace) -> Console:
    """Where a command prints."""
    return Console(arguments.json, arguments.quiet, arguments.verbose, arguments.progress)


def reporter_for(console: Console) -> Any:
    """Progress of indexing and matching on a console."""
    from amc_otio.workflow import Reporter

    return Reporter(console.indexing(), lambda done, total: console.progress(done, total, "matching"))


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings of a run: the command line over amc.toml over the defaults."""
    from amc_otio.config import load

    settings = load(arguments.config, arguments.edit.parent)
    given = {setting: getattr(arguments, name) for setting, name in _OPTIONS.items()}
    if given["match.weights"] is not None:
        given["match.weights"] = str(given["match.weights"])
    elif arguments.representation is not None and arguments.representation != settings.match.representation:
        given["match.weights"] = ""  # those of amc.toml are another representation's
    given |= {f"match.weigh_{family}": weight for family, weight in weights_of(arguments.weigh).items()}
    given["match.same_source"] = False if arguments.other_sources else None
    given["edit.ripple"] = True if arguments.ripple else None
    given["edit.audio_only"] = True if arguments.audio_only else None
    try:
        return settings.replace(given)
    except UsageError as error:
        # A weight has no option of its own: match.weigh_pitch is what --weigh says of pitch.
        weight = error.thing.removeprefix("match.").replace("_", " ")
        name = _OPTIONS[error.thing].replace("_", "-") if error.thing in _OPTIONS else weight
        raise UsageError(f"-{name}" if len(name) == 1 else f"--{name}", error.reason, error.remedy) from error


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
    from amc_otio.timeline.select import Selection

    return Selection(
        at=tuple(arguments.at),
        tracks=tuple(arguments.track),
        indexes=tuple(arguments.index),
        markers=tuple(arguments.marker),
        range=tuple(arguments.range) if arguments.range else None,
        all=arguments.all,
    )


def path_maps_of(arguments: argparse.Namespace) -> tuple[tuple[str, str], ...]:
    """Where media went."""
    from amc_otio.media.locate import parse_path_map

    return tuple(parse_path_map(text) for text in arguments.map_path)


def sources_of(arguments: argparse.Namespace) -> Sources:
    """Where sound comes from."""
    from amc_otio.workflow import Sources

    return Sources(
        gallery=gallery_of(arguments.gallery, arguments.gallery_list),
        library=arguments.library,
        path_maps=path_maps_of(arguments),
        search_roots=tuple(arguments.search_root),
        workers=arguments.workers,
    )


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
        if listed.stat().st_size > _LIST_BYTES:
            raise UsageError(listed, "is too large for a list of paths", remedy)
        lines = listed.read_text("utf-8-sig").splitlines()
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


def weights_of(text: str | None) -> dict[str, float]:
    """``timbre=0.3,pitch=0.2`` as ``{family: weight}``; nothing when nothing is weighed."""
    if text is None:
        return {}
    option = one_line(f"--weigh {text}", 60)
    weights: dict[str, float] = {}
    for part in text.split(","):
        family, equals, number = (side.strip() for side in part.partition("="))
        if not equals:
            raise UsageError(option, f"'{part}' is not FAMILY=W", "write it like timbre=0.3,pitch=0.2")
        if family not in WEIGHED:
            raise UsageError(option, f"'{family}' cannot be weighed", f"choose from {', '.join(WEIGHED)}")
        if family in weights:
            raise UsageError(option, f"{family} is named twice", "name it once")
        # Plain decimals only: float() would also take nan, inf and 1_0.
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}", number):
            raise UsageError(option, f"'{number}' is no weight", "write it like timbre=0.3,pitch=0.2")
        weights[family] = float(number)
    return weights


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
