#!/usr/bin/env python3
"""Convert every timeline of a folder with the OTIO hook and with the command: python benchmarks/conversions.py FOLDER

Each timeline goes through ``otioconvert -H amc=best`` and through ``amc-otio match`` to several formats; what came of
it is a row of a table. Timelines of real editors come without their media, so most are refused in words before anything
is written. Some go again with media of the names that they want, found by relinking: sounds of examples/sounds in an
order that the name of the file seeds, as long as the timeline says, with a picture where the name is a film's.

A traceback is compared with the same conversion without the hook: where it is the same, it is the adapter's own.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numpy as np  # noqa: E402
import opentimelineio as otio  # noqa: E402
import soundfile  # noqa: E402
from make_media import write_av  # noqa: E402

from amc_otio.errors import AmcError  # noqa: E402
from amc_otio.media.urls import split_url  # noqa: E402
from amc_otio.timeline.edit_points import find_edit_points  # noqa: E402
from amc_otio.timeline.read import read_timeline  # noqa: E402

RATE = 48_000
FILMS = (".mov", ".mp4")
SOUNDS = (".wav",)
LONGEST_S = 400.0
"""No medium longer than this is made."""
RELINKED = 10
"""How many timelines go again with media."""
WIDTH = 150
KINDS = {
    "written": "written",
    "refused in words": "refused by amc-otio, in words",
    "OTIO's adapter": "refused by OTIO's adapter, in words",
    "OTIO's own": "a traceback of OTIO's own, the same without amc-otio",
    "TRACEBACK": "**a traceback of ours**",
}
"""How a row's text begins, and what that is called."""


@dataclass(frozen=True)
class Row:
    """One conversion."""

    file: str
    output: str
    media: str
    hook: str
    match: str


@dataclass(frozen=True)
class Place:
    """Where the runs work."""

    folder: Path
    gallery: Path
    library: Path


def run(arguments: list[str], folder: Path) -> tuple[int, list[str]]:
    """Run a module of Python; the exit code and the lines of stderr."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=300,
    )
    return done.returncode, [line for line in done.stderr.splitlines() if line.strip()]


def with_hook(file: Path, output: Path, place: Place, root: Path | None) -> str:
    """What ``otioconvert`` with the hook makes of a timeline, in words."""
    plain = ["opentimelineio.console.otioconvert", "-i", str(file)]
    if root is not None:
        plain += ["-m", "amc_relink", "-M", f"search_root={root}", "-M", "by_name=True", "-M", "quiet=True"]
    asked = [
        *("-H", "amc=best", "-H", f"amc_gallery={place.gallery}", "-H", f"amc_library={place.library}"),
        *("-H", "amc_representation=mfcc", "-H", f"amc_base={file.parent}", "-H", "amc_short=keep"),
        *("-H", "amc_workers=1"),
    ]
    code, lines = run([*plain, "-o", str(output), *asked], place.folder)
    if code == 0:
        made = sum(bool(re.match(r"amc-otio: \S+ at ", line)) for line in lines)
        return f"written: {made} match cuts{crossfades(output)}"
    last = lines[-1] if lines else f"exit code {code}"
    if any(line.startswith("Traceback") for line in lines):
        bare = output.with_name(f"bare-{output.name}")
        _, without = run([*plain, "-o", str(bare)], place.folder)
        same = bool(without) and any(line.startswith("Traceback") for line in without) and without[-1] == last
        return f"OTIO's own: same without us: {last}" if same else f"TRACEBACK: {last}"
    if last.startswith("ERROR: amc-otio: "):
        return f"refused in words: {last.removeprefix('ERROR: amc-otio: ')}"
    return f"OTIO's adapter, in words: {last.removeprefix('ERROR: ')}"


def with_match(file: Path, output: Path, place: Place, root: Path | None) -> str:
    """The same of ``amc-otio match``."""
    relinking = ["--search-root", str(root)] if root is not None else []
    code, lines = run(
        [
            *("amc_otio", "match", str(file), "-o", str(output), "--gallery", str(place.gallery)),
            *("--library", str(place.library), "--representation", "mfcc", "--short", "keep", "--workers", "1"),
            *relinking,
        ],
        place.folder,
    )
    if code == 0:
        return f"written{crossfades(output)}"
    last = lines[-1] if lines else f"exit code {code}"
    if any(line.startswith("Traceback") for line in lines):
        return f"TRACEBACK: {last}"
    return f"{'a fault of ours' if code == 70 else 'refused in words'}: {last.removeprefix('amc-otio: ')}"


def crossfades(output: Path) -> str:
    """How many crossfades of sound are in a file, as its adapter reads it back."""
    code = (
        "import sys, logging; logging.disable(50); import opentimelineio as otio\n"
        "t = otio.adapters.read_from_file(sys.argv[1])\n"
        "tracks = [k for k in t.find_children(descended_from_type=otio.schema.Track) if k.kind == 'Audio']\n"
        "print(sum(isinstance(c, otio.schema.Transition) for k in tracks for c in k))\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(output)], capture_output=True, text=True)
    found = done.stdout.split()
    return f", {found[-1]} crossfades read back" if done.returncode == 0 and found else ", does not read back"


def make_media(names: dict[str, tuple[float, Fraction]], folder: Path) -> None:
    """Make files of these names, each of so many seconds, films at so many frames a second."""
    folder.mkdir(parents=True)
    pieces = []
    for sound in sorted((ROOT / "examples" / "sounds").glob("*.ogg")):
        samples, rate = soundfile.read(sound, dtype="float32", always_2d=True)
        mono = samples.mean(axis=1)
        at = np.arange(int(len(mono) * RATE / rate)) * (rate / RATE)
        pieces.append(np.interp(at, np.arange(len(mono)), mono).astype(np.float32))
    for name, (seconds, fps) in sorted(names.items()):
        length = max(int(seconds * RATE), 1)
        random = np.random.default_rng(zlib.crc32(name.encode()))
        order = [pieces[i] for i in random.integers(len(pieces), size=1 + length // RATE)]
        sound = np.tile(np.concatenate(order), 1 + length // sum(map(len, order)))[:length]
        path = folder / name
        if path.suffix.lower() in FILMS:
            container = path.suffix.lower()[1:]
            write_av(path, sound[None], RATE, "aac", "mono", fmt=container, picture="mpeg4", fps=fps)
        else:
            soundfile.write(path, sound, RATE, subtype="PCM_16")


def wanted_media(file: Path) -> dict[str, tuple[float, Fraction]] | None:
    """Names, lengths and frame rates of a timeline's media; None where they cannot be made, or nothing can be cut."""
    try:
        loaded = read_timeline(file)
    except AmcError:
        return None
    if not any(p.refusal is None and p.incoming for p in find_edit_points(loaded.timeline, loaded.rate)):
        return None
    wanted: dict[str, tuple[float, Fraction]] = {}
    for clip in loaded.timeline.find_clips():
        reference = clip.media_reference
        if not isinstance(reference, otio.schema.ExternalReference) or reference.available_range is None:
            return None
        try:
            name = split_url(reference.target_url).name
        except AmcError:
            return None
        seconds = reference.available_range.duration.to_seconds()
        longest = max(seconds, wanted.get(name, (0.0, loaded.rate))[0])
        if Path(name).suffix.lower() not in (*FILMS, *SOUNDS) or not 0 < longest <= LONGEST_S:
            return None
        wanted[name] = (longest, loaded.rate)
    return wanted


def convert(file: Path, suffix: str, place: Place, root: Path | None) -> Row:
    """One row: a timeline, an output."""
    stem = f"{file.name}.{'media' if root else 'bare'}"
    media = "relinked" if root else "as it is"
    texts = [
        function(file, place.folder / f"{stem}.{kind}{suffix}", place, root)
        for kind, function in (("hook", with_hook), ("match", with_match))
    ]
    short = [text.replace(str(place.folder), "…").replace(str(file.parent), "…").replace("|", "\\|") for text in texts]
    short = [text if len(text) <= WIDTH else text[: WIDTH - 1] + "…" for text in short]
    return Row(file.name, suffix, media, *short)


def page(rows: list[Row], files: int) -> str:
    """The Markdown page."""
    lines = [
        "# Conversions",
        "",
        "Written by `python benchmarks/conversions.py FOLDER -o docs/conversions.md`: do not edit it by hand.",
        "",
        f"{files} timelines, {len(rows)} conversions, each through `otioconvert -H amc=best` and through "
        "`amc-otio match`.",
        "The timelines come without their media; those marked *relinked* found sounds of that name and length by",
        f"`-m amc_relink` (`--search-root`). OpenTimelineIO {otio.__version__}.",
        "",
        "| | otioconvert with the hook | amc-otio match |",
        "|---|---|---|",
    ]
    counts = [
        Counter(getattr(row, name).partition(":")[0].partition(",")[0] for row in rows) for name in ("hook", "match")
    ]
    for kind, words in KINDS.items():
        lines.append(f"| {words} | {counts[0][kind]} | {counts[1][kind]} |")
    lines += ["", "| file | output | media | otioconvert with the hook | amc-otio match |", "|---|---|---|---|---|"]
    lines += [f"| {r.file} | {r.output} | {r.media} | {r.hook} | {r.match} |" for r in rows]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of timelines")
    parser.add_argument("-o", "--output", type=Path, help="write the page here too")
    parser.add_argument("--outputs", nargs="+", default=[".otio", ".xml", ".edl"], help="formats")
    parser.add_argument("--relinked-outputs", nargs="+", default=[".otio", ".xml", ".aaf", ".edl", ".xges"])
    parser.add_argument("--only", default="", help="files whose name holds this")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    files = sorted(f.resolve() for f in arguments.folder.iterdir() if f.is_file() and arguments.only in f.name)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        place = Place(folder, ROOT / "examples" / "sounds", folder / "library")
        jobs: list[tuple[Path, str, Path | None]] = [(f, suffix, None) for f in files for suffix in arguments.outputs]
        relinked = 0
        for file in files:
            wanted = wanted_media(file) if relinked < RELINKED else None
            if wanted:
                relinked += 1
                root = folder / f"media{relinked}"
                make_media(wanted, root)
                jobs += [(file, suffix, root) for suffix in arguments.relinked_outputs]
        run(
            ["amc_otio", "index", str(place.gallery), "--library", str(place.library), "--representation", "mfcc"],
            folder,
        )
        with ThreadPoolExecutor(arguments.jobs) as pool:
            rows = list(pool.map(lambda job: convert(job[0], job[1], place, job[2]), jobs))
    text = page(rows, len(files))
    print(text)
    if arguments.output is not None:
        arguments.output.write_text(text, encoding="utf-8", newline="\n")
    return int(any("TRACEBACK" in row.hook + row.match for row in rows))


if __name__ == "__main__":
    sys.exit(main())
