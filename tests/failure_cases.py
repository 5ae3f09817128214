"""Bad input, as a table: what is wrong, the command, what the line says, the exit code.

tests/test_failures.py runs every case; docs/generate.py writes docs/bad-input.md from it.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import opentimelineio as otio
import soundfile
from training_helpers import model_bytes

from amc_otio.timeline.write import sidecar_path

RATE = 48_000
SIDECAR = sidecar_path(Path("new.otio")).name
MATCH = "match edit.otio -o new.otio --gallery sounds"
ONE = MATCH + " --index A1:1"
PROPOSE = "propose edit.otio -o p2.json --gallery sounds"
FAST = ("--representation", "mfcc", "--workers", "1")
"""What every match and propose is run with, so that the cases are quick; not shown in the table."""


def nothing(_: Path) -> None:
    """No preparation."""


@dataclass(frozen=True)
class Case:
    """One bad input.

    Attributes
    ----------
    group, what
        Heading and first column of the table.
    command
        Command line, split at spaces; run in a folder that holds what `prepare_good` made.
    code
        Exit code.
    says
        Parts of the line, in their order.
    prepare
        Makes the input bad.
    keeps
        Names of folders that the run may make or change before it fails (a library that was indexed).
    only
        ``"posix"`` where the input cannot exist on Windows; ``"user"`` where root is not refused.
    """

    group: str
    what: str
    command: str
    code: int
    says: tuple[str, ...]
    prepare: Callable[[Path], None] = nothing
    keeps: tuple[str, ...] = ()
    only: str = ""

    @property
    def argv(self) -> list[str]:
        """The arguments."""
        words = [word.replace("␣", " ") for word in self.command.split()]
        plain = words and words[0] in ("match", "propose") and "--representation" not in words
        return words + (list(FAST) if plain else [])

    @property
    def name(self) -> str:
        """What pytest calls it."""
        return f"{self.group}: {self.what}".replace("::", ":")


# ---------------------------------------------------------------- what good input is


def sound(seconds: float, seed: int, level: float = 0.2) -> Any:
    """A tone with noise, different for each seed; float32, shape (n,)."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).standard_normal(len(time))
    wave = np.sin(2 * np.pi * (150 + 90 * seed) * time * (1 + 0.05 * time)) + 0.2 * noise
    return (level * wave).astype(np.float32)


def timeline(*urls: str | None, frames: int = 48) -> Any:
    """A timeline of one audio track at 24 frames a second: 2 s of each 5 s file, handles on both sides."""
    made = otio.schema.Timeline("edit", global_start_time=otio.opentime.RationalTime(86400, 24))
    track = otio.schema.Track("A1", kind="Audio")
    for number, url in enumerate(urls, 1):
        reference: Any = otio.schema.MissingReference()
        if url is not None:
            reference = otio.schema.ExternalReference(url, _range(0, 120))
        track.append(otio.schema.Clip(f"shot {number}", reference, _range(36, frames)))
    made.tracks.append(track)
    return made


def _range(start: float, frames: float) -> Any:
    time = otio.opentime.RationalTime
    return otio.opentime.TimeRange(time(start, 24), time(frames, 24))


def prepare_good(folder: Path) -> None:
    """An edit of three shots, their media, three sounds to match with, and a labelled set of them."""
    for number, name in enumerate("abc"):
        write(folder / "media" / f"{name}.wav", sound(5, number))
    for number in range(3):
        write(folder / "sounds" / f"s{number}.wav", sound(4, 10 + number))
    judged = "sounds/s0.wav,sounds/s1.wav,1\nsounds/s0.wav,media/a.wav@2.5,0\n"
    (folder / "set.csv").write_text("query,candidate,relevant\n" + judged, encoding="utf-8")
    made = timeline("media/a.wav", "media/b.wav", "media/c.wav")
    made.tracks.markers.append(otio.schema.Marker("here", _range(48, 1), otio.schema.MarkerColor.RED))
    made.to_json_file(str(folder / "edit.otio"))


def write(path: Path, samples: Any, subtype: str = "PCM_16") -> None:
    """Write a WAV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE, subtype=subtype)


# ---------------------------------------------------------------- what makes it bad


def text(name: str, content: str | bytes) -> Callable[[Path], None]:
    """Write a file."""

    def prepare(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return prepare


def folder(name: str) -> Callable[[Path], None]:
    """Make a folder."""
    return lambda where: (where / name).mkdir()


def remove(name: str) -> Callable[[Path], None]:
    """Remove a file or folder."""

    def prepare(where: Path) -> None:
        path = where / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return prepare


def edited(change: Callable[[str], str], name: str = "edit.otio") -> Callable[[Path], None]:
    """Change a file's text."""

    def prepare(where: Path) -> None:
        before = (where / name).read_text(encoding="utf-8")
        after = change(before)
        assert after != before
        (where / name).write_text(after, encoding="utf-8")

    return prepare


def proposals(change: Callable[[Any], None]) -> Callable[[Path], None]:
    """Change a value of the proposals file."""

    def prepare(where: Path) -> None:
        value = json.loads((where / "p.json").read_text(encoding="utf-8"))
        change(value)
        (where / "p.json").write_text(json.dumps(value), encoding="utf-8")

    return prepare


def both(*steps: Callable[[Path], None]) -> Callable[[Path], None]:
    """Several preparations."""

    def prepare(where: Path) -> None:
        for step in steps:
            step(where)

    return prepare


def built(change: Callable[[Any], None]) -> Callable[[Path], None]:
    """Change the timeline object."""

    def prepare(where: Path) -> None:
        made = otio.adapters.read_from_file(str(where / "edit.otio"))
        change(made)
        made.to_json_file(str(where / "edit.otio"))

    return prepare


def two_shots(url: str | None) -> Callable[[Path], None]:
    """The edit is one cut whose outgoing shot refers to `url`, and ends in a gap: one edit point, that one."""

    def prepare(where: Path) -> None:
        timeline(url, "media/b.wav").to_json_file(str(where / "edit.otio"))

    return prepare


def media(name: str, content: bytes | str) -> Callable[[Path], None]:
    """The outgoing shot's media is this."""
    return both(two_shots(f"media/{name}"), text(f"media/{name}", content))


def media_sound(samples: Any, subtype: str = "PCM_16") -> Callable[[Path], None]:
    """The outgoing shot's media is a WAV of these samples."""
    return both(two_shots("media/x.wav"), lambda where: write(where / "media" / "x.wav", samples, subtype))


def cut_media(keep: int) -> Callable[[Path], None]:
    """The outgoing shot's media is a WAV cut off after `keep` bytes."""

    def prepare(where: Path) -> None:
        (where / "media" / "x.wav").write_bytes((where / "media" / "a.wav").read_bytes()[:keep])

    return both(two_shots("media/x.wav"), prepare)


def picture_only(where: Path) -> None:
    """A film without sound."""
    with av.open(str(where / "media" / "x.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(120):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")))
        container.mux(stream.encode(None))


def fifo(name: str) -> Callable[[Path], None]:
    """Make a named pipe."""

    def prepare(where: Path) -> None:
        if (where / name).exists():
            (where / name).unlink()
        os.mkfifo(where / name)

    return prepare


def link(name: str, target: str) -> Callable[[Path], None]:
    """Make a symbolic link."""
    return lambda where: (where / name).symlink_to(where / target)


def hard_link(name: str, target: str) -> Callable[[Path], None]:
    """Make a hard link."""
    return lambda where: os.link(where / target, where / name)


def bundle(members: dict[str, bytes], name: str = "edit.otioz") -> Callable[[Path], None]:
    """Make a zip file."""

    def prepare(where: Path) -> None:
        with zipfile.ZipFile(where / name, "w", zipfile.ZIP_DEFLATED) as made:
            for member, data in members.items():
                made.writestr(member, data)

    return prepare


def several_timelines(where: Path) -> None:
    """Two timelines in one file."""
    both_of_them = otio.schema.SerializableCollection()
    for name in ("reel 1", "reel 2"):
        made = timeline("media/a.wav", "media/b.wav")
        made.name = name
        both_of_them.append(made)
    otio.adapters.write_to_file(both_of_them, str(where / "edit.otio"))


def read_only(name: str) -> Callable[[Path], None]:
    """Make a folder that may not be written to."""

    def prepare(where: Path) -> None:
        (where / name).mkdir(exist_ok=True)
        (where / name).chmod(0o555)

    return prepare


def newer_library(where: Path) -> None:
    """A library of a later format."""
    (where / "lib").mkdir()
    (where / "lib" / "library.json").write_text(json.dumps({"kind": "amc-otio library", "format": 99}))


def newer_catalogue(where: Path) -> None:
    """A library whose catalogue a later version wrote."""
    from amc_otio.library.library import Library

    Library.open(where / "lib").close()
    with sqlite3.connect(where / "lib" / "catalogue.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def two_of_a_name(where: Path) -> None:
    """Two different files that could be the clip's."""
    write(where / "footage" / "one" / "gone.wav", sound(5, 30))
    write(where / "footage" / "two" / "gone.wav", sound(5, 31))
    two_shots("elsewhere/gone.wav")(where)


def damaged_undo(where: Path) -> None:
    """The written timeline's undo record is nonsense."""
    value = json.loads((where / "done.otio").read_text(encoding="utf-8"))
    value["metadata"]["amc_otio"]["runs"][-1]["undo"] = '[{"change": "children", "track": [0]}]'
    (where / "done.otio").write_text(json.dumps(value), encoding="utf-8")


def edited_since(where: Path) -> None:
    """The match cut in the written timeline was moved by hand."""
    made = otio.adapters.read_from_file(str(where / "done.otio"))
    for clip in made.find_clips():
        clip.source_range = _range(40, 20)
    made.to_json_file(str(where / "done.otio"))


def _first(value: Any) -> Any:
    return value["proposals"][0]["candidates"][0]


def _put(*keys: Any, to: Any) -> Callable[[Path], None]:
    """Set a value deep in the proposals file."""

    def change(value: Any) -> None:
        for key in keys[:-1]:
            value = value[key]
        value[keys[-1]] = to

    return proposals(change)


CANDIDATE = ("proposals", 0, "candidates", 0)
BILLION_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE xmeml [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><xmeml version="5">&b;</xmeml>'
)
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
USAGE, TIMELINE, MEDIA, LIBRARY, REPRESENTATION, NO_MATCH, OUTPUT, PROPOSALS = range(2, 10)
DONE = "match edit.otio -o done.otio"


def _group(group: str, *rows: Any) -> tuple[Case, ...]:
    return tuple(Case(group, *row[:4], **(row[4] if len(row) > 4 else {})) for row in rows)


COMMAND_LINE = _group(
    "The command line",
    ("no command", "", USAGE, ("the command line", "COMMAND", "--help")),
    ("a command that does not exist", "mtach edit.otio", USAGE, ("invalid choice", "'mtach'", "--help")),
    ("an option that does not exist", MATCH + " --frobnicate", USAGE, ("--frobnicate", "--help")),
    ("no output", "match edit.otio", USAGE, ("-o/--output", "match --help")),
    ("a text for a number", MATCH + " -k many", USAGE, ("-k", "'many'", "--help")),
    ("an unknown mode", MATCH + " --mode swap", USAGE, ("--mode", "'swap'", "--help")),
    ("no candidates asked for", MATCH + " -k 0", USAGE, ("-k", "out of range", "give a number")),
    ("a negative fade", MATCH + " --fade -1", USAGE, ("--fade", "out of range", "give a number")),
    ("a fade of NaN", MATCH + " --fade nan", USAGE, ("--fade", "nan", "give a number")),
    ("phi of zero", MATCH + " --phi 0", USAGE, ("--phi", "out of range", "give a number")),
    ("a level match of 100 dB", MATCH + " --max-gain 100", USAGE, ("--max-gain", "out of range", "from 0 to 24")),
    ("an infinite neighbourhood", MATCH + " --neighbourhood inf", USAGE, ("--neighbourhood", "give a number")),
    ("a length of zero", MATCH + " --mode insert --length 0", USAGE, ("--length", "give a number")),
    ("a frame rate of zero", MATCH + " --rate 0", USAGE, ("--rate 0", "no frame rate", "write 25")),
    ("a frame rate in words", "points edit.otio --rate fast", USAGE, ("--rate fast", "no frame rate", "write 25")),
    ("no workers", MATCH + " --representation mfcc --workers 0", USAGE, ("--workers", "below 1", "give 1 or more")),
    ("no workers to index", "index sounds --library lib --workers -2", USAGE, ("--workers", "below 1", "give 1")),
    ("a path map without =", MATCH + " --map-path /a:/b", USAGE, ("/a:/b", "FROM=TO")),
    (
        "a search root that is not there",
        ONE + " --search-root nowhere",
        USAGE,
        ("nowhere", "no folder", "--search-root"),
    ),
    ("a weight for something unknown", MATCH + " --weigh colour=1", USAGE, ("--weigh", "colour", "choose from")),
    ("an unknown representation", MATCH + " --representation magic", REPRESENTATION, ("magic", "choose one of")),
    (
        "an unknown representation to index",
        "index sounds --library lib --representation magic",
        REPRESENTATION,
        ("magic", "choose one of"),
    ),
    ("an unknown action on a library", "library burn", USAGE, ("invalid choice", "'burn'", "--help")),
)

SETTINGS = _group(
    "Settings (amc.toml)",
    (
        "a file that is not there",
        MATCH + " --config no.toml",
        USAGE,
        ("no.toml", "cannot be read", "--config"),
    ),
    ("a folder as settings", MATCH + " --config sounds", USAGE, ("sounds", "not a regular file", "--config")),
    (
        "not TOML, beside the timeline",
        MATCH,
        USAGE,
        ("amc.toml", "is not TOML", "mend it"),
        {"prepare": text("amc.toml", "match = = 3")},
    ),
    ("not text", MATCH, USAGE, ("amc.toml", "is not TOML", "mend it"), {"prepare": text("amc.toml", b"\xff\xfe\x00k")}),
    (
        "nested deeper than a reader can go",
        MATCH,
        USAGE,
        ("amc.toml", "is not TOML", "mend it"),
        {"prepare": text("amc.toml", "x = " + "[" * 200_000)},
    ),
    (
        "an unknown section",
        MATCH,
        USAGE,
        ("amc.toml", "'sound' is no section", "known are"),
        {"prepare": text("amc.toml", "[sound]\nk = 3")},
    ),
    (
        "an unknown setting",
        MATCH,
        USAGE,
        ("amc.toml", "'match.kk' is no setting", "known are"),
        {"prepare": text("amc.toml", "[match]\nkk = 3")},
    ),
    (
        "a text for a number",
        MATCH,
        USAGE,
        ("amc.toml", "'match.k' must be a whole number", "mend it"),
        {"prepare": text("amc.toml", '[match]\nk = "three"')},
    ),
    (
        "a number out of range",
        MATCH,
        USAGE,
        ("amc.toml", "match.k", "out of range", "give a number"),
        {"prepare": text("amc.toml", "[match]\nk = 100000")},
    ),
    (
        "a NaN",
        MATCH,
        USAGE,
        ("amc.toml", "join.phi", "nan", "give a number"),
        {"prepare": text("amc.toml", "[join]\nphi = nan")},
    ),
    (
        "an unknown choice",
        MATCH,
        USAGE,
        ("amc.toml", "edit.mode", "'swap' is not known", "choose one of"),
        {"prepare": text("amc.toml", '[edit]\nmode = "swap"')},
    ),
    (
        "an unknown representation",
        "match edit.otio -o new.otio --gallery sounds --workers 1 --representation nope",
        REPRESENTATION,
        ("nope", "choose one of"),
        {"prepare": text("amc.toml", '[match]\nrepresentation = "nope"')},
    ),
)

TIMELINES = _group(
    "Timelines",
    ("not there", "match no.otio -o new.otio", TIMELINE, ("no.otio", "does not exist", "check the path")),
    ("not there, for points", "points no.otio", TIMELINE, ("no.otio", "does not exist", "check the path")),
    ("not there, for propose", "propose no.otio -o p2.json", TIMELINE, ("no.otio", "does not exist", "check the path")),
    ("a folder", "match sounds -o new.otio", TIMELINE, ("sounds", "is a folder", "give a timeline file")),
    ("empty", MATCH, TIMELINE, ("edit.otio", "is empty", "export"), {"prepare": text("edit.otio", "")}),
    ("text", MATCH, TIMELINE, ("edit.otio", "cannot be read", "export"), {"prepare": text("edit.otio", "hello there")}),
    (
        "not UTF-8",
        MATCH,
        TIMELINE,
        ("edit.otio", "cannot be read", "export"),
        {"prepare": text("edit.otio", b'{"OTIO_SCHEMA": "Timeline.1", "name": "\xff\xfe"')},
    ),
    (
        "cut short in the middle",
        MATCH,
        TIMELINE,
        ("edit.otio", "cannot be read", "export"),
        {"prepare": edited(lambda t: t[: len(t) // 2])},
    ),
    (
        "100,000 levels deep",
        MATCH,
        TIMELINE,
        ("edit.otio", "nested deeper than 1000 levels", "export"),
        {"prepare": text("edit.otio", "[" * 100_000)},
    ),
    ("a bare list", MATCH, TIMELINE, ("edit.otio", "a bare JSON list", "export"), {"prepare": text("edit.otio", "[]")}),
    (
        "a bare object",
        MATCH,
        TIMELINE,
        ("edit.otio", "a bare JSON object", "export"),
        {"prepare": text("edit.otio", "{}")},
    ),
    (
        "another schema",
        MATCH,
        TIMELINE,
        ("edit.otio", "holds no timeline", "export"),
        {"prepare": lambda where: otio.schema.Marker("m", _range(0, 1)).to_json_file(str(where / "edit.otio"))},
    ),
    (
        "written by a later OpenTimelineIO",
        MATCH,
        TIMELINE,
        ("edit.otio", "newer OpenTimelineIO", "upgrade"),
        {"prepare": edited(lambda t: t.replace("Track.1", "Track.99"))},
    ),
    (
        "a rate of NaN",
        MATCH,
        TIMELINE,
        ("edit.otio", "impossible rate nan", "export"),
        {"prepare": edited(lambda t: t.replace('"rate": 24.0', '"rate": NaN'))},
    ),
    (
        "a rate of zero",
        MATCH,
        TIMELINE,
        ("edit.otio", "impossible rate 0.0", "export"),
        {"prepare": edited(lambda t: t.replace('"rate": 24.0', '"rate": 0.0'))},
    ),
    (
        "a negative rate",
        MATCH,
        TIMELINE,
        ("edit.otio", "impossible rate -24.0", "export"),
        {"prepare": edited(lambda t: t.replace('"rate": 24.0', '"rate": -24.0'))},
    ),
    (
        "an infinite start",
        MATCH,
        TIMELINE,
        ("edit.otio", "impossible value inf", "export"),
        {"prepare": edited(lambda t: t.replace('"value": 36.0', '"value": Infinity'))},
    ),
    (
        "a negative duration",
        MATCH,
        TIMELINE,
        ("edit.otio", "negative duration", "export"),
        {"prepare": edited(lambda t: t.replace('"value": 48.0', '"value": -48.0'))},
    ),
    (
        "a suffix that no adapter reads",
        "match edit.xyz -o new.otio",
        TIMELINE,
        ("edit.xyz", "no installed OTIO adapter", "export an .otio"),
        {"prepare": text("edit.xyz", "hello")},
    ),
    (
        "a wrong suffix: OTIO named .xml",
        "match edit.xml -o new.otio",
        TIMELINE,
        ("edit.xml", "cannot be read", "export"),
        {"prepare": lambda where: shutil.copy(where / "edit.otio", where / "edit.xml")},
    ),
    (
        "a wrong suffix: a sound named .otio",
        MATCH,
        TIMELINE,
        ("edit.otio", "cannot be read", "export"),
        {"prepare": lambda where: shutil.copy(where / "media/a.wav", where / "edit.otio")},
    ),
    (
        "an EDL that is no EDL",
        "match edit.edl -o new.otio",
        TIMELINE,
        ("edit.edl", "cannot be read", "export"),
        {"prepare": text("edit.edl", "once upon a time\n")},
    ),
    (
        "XML that defines entities",
        "match edit.xml -o new.otio",
        TIMELINE,
        ("edit.xml", "defines entities", "remove the DOCTYPE"),
        {"prepare": text("edit.xml", BILLION_LAUGHS)},
    ),
    (
        "XML that is not well-formed",
        "match edit.fcpxml -o new.otio",
        TIMELINE,
        ("edit.fcpxml", "not well-formed XML", "export"),
        {"prepare": text("edit.fcpxml", "<fcpxml><resources></fcpxml>")},
    ),
    (
        "a bundle that is no zip file",
        "match edit.otioz -o new.otio",
        TIMELINE,
        ("edit.otioz", "not a sound .otioz bundle", "export"),
        {"prepare": text("edit.otioz", "not a zip")},
    ),
    (
        "a bundle without a timeline",
        "match edit.otioz -o new.otio",
        TIMELINE,
        ("edit.otioz", "holds no content.otio", "export"),
        {"prepare": bundle({"media/a.wav": b"x"})},
    ),
    (
        "a bundle that writes outside its folder",
        "match edit.otioz -o new.otio",
        TIMELINE,
        ("edit.otioz", "../evil.wav", "do not use"),
        {"prepare": bundle({"content.otio": b"{}", "../evil.wav": b"x"})},
    ),
    (
        "a zip bomb",
        "match edit.otioz -o new.otio",
        TIMELINE,
        ("edit.otioz", "zip bomb", "do not use"),
        {"prepare": bundle({"content.otio": b"{}", "media/a": bytes(80 << 20)})},
    ),
    (
        "an .otiod folder without a timeline",
        "match edit.otiod -o new.otio",
        TIMELINE,
        ("edit.otiod", "holds no content.otio", "export"),
        {"prepare": folder("edit.otiod")},
    ),
    (
        "a named pipe",
        MATCH,
        TIMELINE,
        ("edit.otio", "is not a regular file", "give a timeline file"),
        {"prepare": fifo("edit.otio"), "only": "posix"},
    ),
    (
        "larger than 512 MB",
        MATCH,
        TIMELINE,
        ("edit.otio", "are refused", "check that this is a timeline"),
        {"prepare": lambda where: os.truncate(where / "edit.otio", 600 << 20)},
    ),
    (
        "several timelines in the file",
        MATCH,
        TIMELINE,
        ("edit.otio", "holds 2 timelines", "reel 1", "choose one"),
        {"prepare": several_timelines},
    ),
    (
        "a name that none of them has",
        MATCH + " --timeline reel␣9",
        TIMELINE,
        ("edit.otio", "no timeline 'reel 9'", "choose one of"),
        {"prepare": several_timelines},
    ),
    (
        "no tracks",
        MATCH,
        NO_MATCH,
        ("the timeline", "has no edit point", "put clips with sound"),
        {"prepare": built(lambda t: t.tracks.clear())},
    ),
    (
        "no clips on its tracks",
        MATCH,
        NO_MATCH,
        ("the timeline", "has no edit point", "put clips with sound"),
        {"prepare": built(lambda t: t.tracks[0].clear())},
    ),
    (
        "retimed clips only",
        MATCH,
        NO_MATCH,
        ("edit.otio", "no match can be cut", "A1:1", "choose other"),
        {
            "prepare": built(
                lambda t: [c.effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0)) for c in t.find_clips()]
            )
        },
    ),
)

SELECTIONS = _group(
    "Edit points that are asked for",
    ("no timecode", MATCH + " --at 1:2:3:4:5", USAGE, ("'1:2:3:4:5'", "is not a time", "write 01:00:05:12")),
    ("a word for a time", MATCH + " --at noon", USAGE, ("'noon'", "is not a time", "write 01:00:05:12")),
    (
        "a frame number that the rate does not have",
        MATCH + " --at 01:00:01:24",
        USAGE,
        ("01:00:01:24", "does not exist at 24 fps", "frames go to 23"),
    ),
    ("a time far from any cut", MATCH + " --at 01:00:59:00", NO_MATCH, ("01:00:59:00", "no edit point", "the nearest")),
    ("a track that is not there", MATCH + " --track A7", NO_MATCH, ("track 'A7'", "tracks with some are A1")),
    ("a number that is not there", MATCH + " --index A1:9", NO_MATCH, ("'A1:9'", "does not exist", "there are A1:1")),
    ("a marker that is not there", MATCH + " --marker Mauve", NO_MATCH, ("'Mauve'", "there are 'here'")),
    (
        "a range that is turned round",
        MATCH + " --range 01:00:05:00 01:00:01:00",
        USAGE,
        ("range", "ends before it starts", "swap"),
    ),
    (
        "a range without a cut",
        MATCH + " --range 01:00:00:00 01:00:00:10",
        NO_MATCH,
        ("range", "holds no edit point", "there are"),
    ),
    (
        "the same mistake, for points",
        "points edit.otio --at noon",
        USAGE,
        ("'noon'", "is not a time", "write 01:00:05:12"),
    ),
)

MEDIAS = _group(
    "Media of the outgoing shot",
    (
        "everything offline, and no gallery",
        "match edit.otio -o new.otio",
        NO_MATCH,
        ("gallery", "none of the timeline's media was found", "--search-root"),
        {"prepare": remove("media")},
    ),
    (
        "everything offline",
        MATCH,
        NO_MATCH,
        ("edit.otio", "A1:1", "not there", "A1:2", "choose other"),
        {"prepare": remove("media")},
    ),
    (
        "offline",
        ONE,
        NO_MATCH,
        ("A1:1", "gone/x.wav", "not there", "choose other"),
        {"prepare": two_shots("gone/x.wav")},
    ),
    (
        "no media file at all",
        ONE,
        NO_MATCH,
        ("edit.otio", "A1:1", "names no media file", "choose other"),
        {"prepare": two_shots(None)},
    ),
    (
        "two files of its name under the search root",
        ONE + " --search-root footage",
        NO_MATCH,
        ("A1:1", "2 different files have this name", "choose other"),
        {"prepare": two_of_a_name},
    ),
    (
        "a network address",
        ONE,
        NO_MATCH,
        ("A1:1", "network", "choose other"),
        {"prepare": two_shots("https://127.0.0.1:9/x.wav")},
    ),
    ("a folder", ONE, NO_MATCH, ("A1:1", "is a folder", "choose other"), {"prepare": two_shots("sounds")}),
    (
        "a named pipe",
        ONE,
        NO_MATCH,
        ("A1:1", "not a regular file", "choose other"),
        {"prepare": both(two_shots("media/x.wav"), fifo("media/x.wav")), "only": "posix"},
    ),
    (
        "a device",
        ONE,
        NO_MATCH,
        ("A1:1", "not a regular file", "choose other"),
        {"prepare": two_shots("/dev/zero"), "only": "posix"},
    ),
    (
        "text named .wav",
        ONE,
        NO_MATCH,
        ("A1:1", "x.wav", "it is text", "choose other"),
        {"prepare": media("x.wav", "once upon a time\n" * 100)},
    ),
    (
        "an HLS playlist named .wav",
        ONE,
        NO_MATCH,
        ("A1:1", "x.wav", "playlist", "choose other"),
        {"prepare": media("x.wav", HLS)},
    ),
    ("zero bytes", ONE, NO_MATCH, ("A1:1", "x.wav", "is empty", "choose other"), {"prepare": media("x.wav", "")}),
    (
        "cut off in the header",
        ONE,
        NO_MATCH,
        ("A1:1", "x.wav", "not a media file", "choose other"),
        {"prepare": cut_media(30)},
    ),
    (
        "cut off before the sound that is used",
        ONE,
        NO_MATCH,
        ("A1:1", "sound that its file does not hold", "choose other"),
        {"prepare": cut_media(60_000)},
    ),
    (
        "no sample in it",
        ONE,
        NO_MATCH,
        ("A1:1", "sound that its file does not hold", "choose other"),
        {"prepare": media_sound(np.zeros(0, np.float32))},
    ),
    (
        "no audio stream",
        ONE,
        NO_MATCH,
        ("A1:1", "no audio stream", "choose other"),
        {"prepare": both(two_shots("media/x.mp4"), picture_only)},
    ),
    ("silent", ONE, NO_MATCH, ("A1:1", "is silent", "choose other"), {"prepare": media_sound(np.zeros(5 * RATE))}),
    (
        "NaN for sound",
        ONE,
        NO_MATCH,
        ("A1:1", "its samples are no numbers", "choose other"),
        {"prepare": media_sound(np.full(5 * RATE, math.nan, np.float32), "FLOAT")},
    ),
)

GALLERIES = _group(
    "Galleries",
    ("not there", "match edit.otio -o new.otio --gallery nowhere", MEDIA, ("nowhere", "does not exist", "give")),
    (
        "an empty folder",
        "match edit.otio -o new.otio --gallery void",
        NO_MATCH,
        ("void", "holds no media file", "give"),
        {"prepare": folder("void")},
    ),
    (
        "only files that are broken",
        "match edit.otio -o new.otio --gallery bad",
        NO_MATCH,
        ("gallery", "none of its 2 files", "x.wav", "--gallery"),
        {"prepare": both(text("bad/x.wav", "no sound"), text("bad/y.mp3", "none here")), "keeps": (".amc",)},
    ),
    (
        "only silence",
        "match edit.otio -o new.otio --gallery bad",
        NO_MATCH,
        ("edit.otio", "gallery holds none", "choose other"),
        {"prepare": lambda where: write(where / "bad" / "x.wav", np.zeros(3 * RATE)), "keeps": (".amc",)},
    ),
    (
        "a damaged timeline as gallery",
        "match edit.otio -o new.otio --gallery other.otio",
        TIMELINE,
        ("other.otio", "cannot be read", "export"),
        {"prepare": text("other.otio", "{")},
    ),
    (
        "a timeline whose media are offline",
        "match edit.otio -o new.otio --gallery other.otio",
        NO_MATCH,
        ("other.otio", "holds no media file", "give"),
        {"prepare": lambda where: timeline("gone.wav").to_json_file(str(where / "other.otio"))},
    ),
    ("not there, to index", "index nowhere --library lib", MEDIA, ("nowhere", "does not exist", "give")),
    (
        "an empty folder, to index",
        "index void --library lib",
        NO_MATCH,
        ("void", "holds no media file", "give"),
        {"prepare": folder("void")},
    ),
    (
        "only a broken file, to index",
        "index bad.wav --library lib --representation mfcc --workers 1",
        MEDIA,
        ("bad.wav", "nothing was embedded", "give files with sound"),
        {"prepare": text("bad.wav", "no sound"), "keeps": ("lib",)},
    ),
)

LIBRARIES = _group(
    "Libraries",
    ("none here", "library info", LIBRARY, (".amc", "there is no library here", "amc-otio index")),
    ("none there", "library verify --library lib", LIBRARY, ("lib", "there is no library here", "amc-otio index")),
    ("a stranger's folder", MATCH + " --library sounds", LIBRARY, ("sounds", "is not a library", "--library")),
    (
        "a stranger's folder, to prune",
        "library prune --library sounds",
        LIBRARY,
        ("sounds", "is not a library", "--library"),
    ),
    ("a file", MATCH + " --library edit.otio", LIBRARY, ("edit.otio", "is a file", "--library")),
    (
        "made by a later version",
        MATCH + " --library lib",
        LIBRARY,
        ("lib", "newer amc-otio", "update"),
        {"prepare": newer_library},
    ),
    (
        "with the catalogue of a later version",
        MATCH + " --library lib",
        LIBRARY,
        ("lib", "newer", "update"),
        {"prepare": newer_catalogue, "keeps": ("lib",)},
    ),
    (
        "read-only",
        MATCH + " --library locked/lib",
        LIBRARY,
        ("locked", "cannot be written", "--library"),
        {"prepare": read_only("locked"), "only": "user"},
    ),
)

OUTPUTS = _group(
    "Outputs",
    (
        "there already",
        "match edit.otio -o old.otio",
        OUTPUT,
        ("old.otio", "exists", "--force"),
        {"prepare": text("old.otio", "mine")},
    ),
    (
        "a sidecar of its name is there",
        MATCH,
        OUTPUT,
        (SIDECAR, "exists", "--force"),
        {"prepare": text(SIDECAR, "mine")},
    ),
    (
        "the input itself",
        "match edit.otio -o edit.otio --force",
        OUTPUT,
        ("edit.otio", "never overwritten", "give another"),
    ),
    (
        "the input through a symbolic link",
        "match edit.otio -o link.otio --force",
        OUTPUT,
        ("link.otio", "never overwritten", "give another"),
        {"prepare": link("link.otio", "edit.otio"), "only": "posix"},
    ),
    (
        "the input through a hard link",
        "match edit.otio -o link.otio --force",
        OUTPUT,
        ("link.otio", "never overwritten", "give another"),
        {"prepare": hard_link("link.otio", "edit.otio")},
    ),
    ("no suffix", "match edit.otio -o new", OUTPUT, ("new", "no suffix", "NEW.otio")),
    ("a suffix that no adapter writes", "match edit.otio -o new.xyz", OUTPUT, ("new.xyz", "no installed adapter")),
    ("a folder that is not there", "match edit.otio -o deep/new.otio", OUTPUT, ("deep", "is no folder", "make it")),
    (
        "a folder",
        "match edit.otio -o new.otio --force",
        OUTPUT,
        ("new.otio", "is a folder", "give a file name"),
        {"prepare": folder("new.otio")},
    ),
    (
        "a folder where the sidecar goes",
        "match edit.otio -o new.otio --force",
        OUTPUT,
        (SIDECAR, "is a folder", "give a file name"),
        {"prepare": folder(SIDECAR)},
    ),
    (
        "a device",
        "match edit.otio -o pipe.otio --force",
        OUTPUT,
        ("pipe.otio", "device or a pipe", "give a file name"),
        {"prepare": fifo("pipe.otio"), "only": "posix"},
    ),
    (
        "a folder that may not be written to",
        "match edit.otio -o locked/new.otio",
        OUTPUT,
        ("locked", "may not be written", "another folder"),
        {"prepare": read_only("locked"), "only": "user"},
    ),
    (
        "proposals over the timeline",
        "propose edit.otio -o edit.otio --force",
        OUTPUT,
        ("edit.otio", "never overwritten", "give another"),
    ),
    ("proposals that are there already", "propose edit.otio -o p.json", OUTPUT, ("p.json", "exists", "--force")),
    (
        "proposals into a folder that is not there",
        "propose edit.otio -o deep/p.json",
        OUTPUT,
        ("deep", "is no folder", "make it"),
    ),
    ("proposals of a match, there already", MATCH + " --proposals p.json", OUTPUT, ("p.json", "exists", "--force")),
    ("previews into a file", MATCH + " --preview edit.otio", OUTPUT, ("edit.otio", "is a file", "another folder")),
    (
        "a reverted timeline over its input",
        "revert done.otio -o done.otio --force",
        OUTPUT,
        ("done.otio", "never overwritten", "give another"),
    ),
    (
        "an applied timeline over its input",
        "apply edit.otio p.json -o edit.otio --force",
        OUTPUT,
        ("edit.otio", "never overwritten", "give another"),
    ),
    ("the demo into a file", "demo -o edit.otio", OUTPUT, ("edit.otio", "is a file", "another folder")),
    (
        "the demo where it ran before",
        "demo -o old",
        OUTPUT,
        ("match_cut.new.otio", "exists", "--force"),
        {"prepare": text("old/match_cut.new.otio", "mine")},
    ),
)

APPLY = "apply edit.otio p.json -o new.otio"
FILES_OF_PROPOSALS = _group(
    "Proposals",
    ("not there", "apply edit.otio no.json -o new.otio", PROPOSALS, ("no.json", "cannot be read", "give the file")),
    ("a folder", "apply edit.otio sounds -o new.otio", PROPOSALS, ("sounds", "not a regular file", "give the file")),
    ("not JSON", APPLY, PROPOSALS, ("p.json", "not JSON", "give the file"), {"prepare": text("p.json", "hello")}),
    ("not UTF-8", APPLY, PROPOSALS, ("p.json", "not JSON", "give the file"), {"prepare": text("p.json", b"\xff\xfe{")}),
    (
        "100,000 levels deep",
        APPLY,
        PROPOSALS,
        ("p.json", "not JSON", "give the file"),
        {"prepare": text("p.json", "[" * 100_000)},
    ),
    (
        "other JSON",
        APPLY,
        PROPOSALS,
        ("p.json", "no proposals file", "give the file"),
        {"prepare": text("p.json", '{"a": 1}')},
    ),
    ("a timeline", "apply edit.otio edit.otio -o new.otio", PROPOSALS, ("edit.otio", "no proposals file", "give")),
    (
        "of a later version",
        APPLY,
        PROPOSALS,
        ("p.json", "version 99", "propose again"),
        {"prepare": _put("version", to=99)},
    ),
    (
        "a field too many",
        APPLY,
        PROPOSALS,
        ("p.json", "'extra' is not known", "another version"),
        {"prepare": _put("extra", to=1)},
    ),
    (
        "a field missing",
        APPLY,
        PROPOSALS,
        ("p.json.timeline", "'sha256' is missing", "another version"),
        {"prepare": proposals(lambda v: v["timeline"].pop("sha256"))},
    ),
    (
        "a text for a number",
        APPLY,
        PROPOSALS,
        ("p.json.proposals[0]", "expected a whole number", "propose again"),
        {"prepare": _put(*CANDIDATE, "rank", to="1")},
    ),
    (
        "a time that is none",
        APPLY,
        PROPOSALS,
        ("p.json.proposals[0]", "expected an exact time", "propose again"),
        {"prepare": _put(*CANDIDATE, "cut_shift", to="1/0")},
    ),
    (
        "a NaN",
        APPLY,
        PROPOSALS,
        ("p.json", "not JSON", "give the file"),
        {"prepare": _put(*CANDIDATE, "scores", "similarity", to=math.nan)},
    ),
    (
        "a number out of all bounds",
        APPLY,
        PROPOSALS,
        ("window_start", "out of all bounds", "propose again"),
        {"prepare": _put(*CANDIDATE, "window_start", to=10**30)},
    ),
    (
        "a time out of all bounds",
        APPLY,
        PROPOSALS,
        ("in_time", "out of all bounds", "propose again"),
        {"prepare": _put(*CANDIDATE, "in_time", to="1000000000000/1")},
    ),
    (
        "a rate of zero",
        APPLY,
        PROPOSALS,
        ("timeline.rate", "no frame rate", "propose again"),
        {"prepare": _put("timeline", "rate", to="0/1")},
    ),
    (
        "a setting that is not known",
        APPLY,
        PROPOSALS,
        ("settings.edit.mode", "'swap'", "propose again"),
        {"prepare": _put("settings", "edit", "mode", to="swap")},
    ),
    (
        "a cut that the timeline does not have",
        APPLY,
        TIMELINE,
        ("clip 77", "not in this timeline", "propose again"),
        {"prepare": _put("proposals", 0, "point", "cuts", 0, "index", to=77)},
    ),
    (
        "a track that the timeline does not have",
        APPLY,
        TIMELINE,
        ("track [9]", "not in this timeline", "propose again"),
        {"prepare": _put("proposals", 0, "point", "cuts", 0, "track_path", to=[9])},
    ),
    (
        "a range of media that the timeline does not have",
        APPLY,
        TIMELINE,
        ("media reference 99", "not in this timeline", "propose again"),
        {"prepare": _put("timeline", "ranges", to=[{"index": 99, "start": "0/1", "duration": "5/1", "rate": "24/1"}])},
    ),
    (
        "of another timeline",
        "apply other.otio p.json -o new.otio",
        PROPOSALS,
        ("other.otio", "not the timeline that the proposals were made for", "propose again"),
        {"prepare": lambda where: timeline("media/c.wav", "media/a.wav").to_json_file(str(where / "other.otio"))},
    ),
    (
        "older than the last change of the timeline",
        APPLY,
        PROPOSALS,
        ("edit.otio", "or was changed since", "propose again"),
        {"prepare": edited(lambda t: t.replace("shot 1", "shot one"))},
    ),
    ("a timeline that is gone", "apply no.otio p.json -o new.otio", TIMELINE, ("no.otio", "does not exist", "check")),
    ("a choice without a rank", APPLY + " --choose 1", USAGE, ("--choose 1", "N=RANK", "1=3")),
    ("a choice in words", APPLY + " --choose one=two", USAGE, ("--choose one=two", "N=RANK", "1=3")),
    ("an empty choice", APPLY + " --choose ,", USAGE, ("--choose", "N=RANK", "1=3")),
    ("a choice twice", APPLY + " --choose 1=1,1=2", USAGE, ("--choose", "named twice", "name it once")),
    ("a choice of 5,000 digits", APPLY + " --choose " + "9" * 5000 + "=1", USAGE, ("--choose 999", "cannot be", "1=3")),
    ("a negative choice", APPLY + " --choose 1=-1", USAGE, ("--choose 1=-1", "N=RANK", "1=3")),
    ("an edit point that is not there", APPLY + " --choose 99=1", PROPOSALS, ("99=1", "edit points", "choose")),
    ("a rank that is not there", APPLY + " --choose 1=99", PROPOSALS, ("1=99", "candidates", "choose another")),
    ("keeping everything as it is", APPLY + " --choose 1=0", NO_MATCH, ("edit.otio", "nothing is chosen", "choose")),
    (
        "two choices that exclude each other",
        APPLY + " --choose 1=1,2=1",
        TIMELINE,
        ("A1:1 and A1:2", "share a shot", "choose one"),
    ),
)

REVERTS = _group(
    "Reverting",
    (
        "a timeline that amc-otio did not write",
        "revert edit.otio -o back.otio",
        TIMELINE,
        ("edit.otio", "no change of amc-otio", "sidecar"),
    ),
    (
        "edited since",
        "revert done.otio -o back.otio",
        TIMELINE,
        ("done.otio", "was edited after", "original timeline"),
        {"prepare": edited_since},
    ),
    (
        "a damaged undo record",
        "revert done.otio -o back.otio",
        TIMELINE,
        ("done.otio", "undo record is damaged", "original timeline"),
        {"prepare": damaged_undo},
    ),
    ("not there", "revert no.otio -o back.otio", TIMELINE, ("no.otio", "does not exist", "check the path")),
)

PREVIEWS = _group(
    "Previews",
    (
        "media that went offline",
        "preview p.json -o wavs",
        MEDIA,
        ("a.wav", "cannot be reached", "relink"),
        {"prepare": both(remove("media"), remove("sounds"))},
    ),
    ("a rank that is not there", "preview p.json -o wavs --choose 1=99", PROPOSALS, ("1=99", "choose another")),
    ("a proposals file that is not there", "preview no.json -o wavs", PROPOSALS, ("no.json", "cannot be read", "give")),
    ("into a file", "preview p.json -o edit.otio", OUTPUT, ("edit.otio", "is a file", "another folder")),
    (
        "where they are already",
        "preview p.json -o wavs --choose 1=1",
        OUTPUT,
        ("A1-1.1.plain.wav", "exists", "--force"),
        {"prepare": text("wavs/A1-1.1.plain.wav", "mine")},
    ),
)

TRAIN = "train sounds -o m.safetensors"
TRAINED = MATCH + " --representation split-and-contrast --workers 1"


TRAININGS = _group(
    "Training, and models that it made",
    ("no output", "train sounds", USAGE, ("the command line", "-o", "train --help")),
    ("a sample of one window", TRAIN + " --frames 1", USAGE, ("--frames", "out of range", "from 2")),
    ("no number for a rate", TRAIN + " --lr nan", USAGE, ("--lr", "out of range", "give a number")),
    ("an unknown encoder", TRAIN + " --encoder magic --dry-run", REPRESENTATION, ("magic", "choose one of")),
    ("media that is not there", "train nowhere -o m.safetensors --dry-run", MEDIA, ("nowhere", "no such file", "give")),
    ("another kind of file", "train sounds -o m.bin", OUTPUT, ("m.bin", "does not end in .safetensors", "name it")),
    ("over a card", TRAIN, OUTPUT, ("m.md", "exists already", "--force"), {"prepare": text("m.md", "mine")}),
    ("a model that was not given", TRAINED, REPRESENTATION, ("split-and-contrast", "no weights", "amc-otio train")),
    (
        "a model that is not there",
        TRAINED + " --weights no.safetensors",
        REPRESENTATION,
        ("no.safetensors", "cannot be read", "give a file"),
    ),
    (
        "text for a model",
        TRAINED + " --weights m.safetensors",
        REPRESENTATION,
        ("m.safetensors", "not a safetensors file", "give a file"),
        {"prepare": text("m.safetensors", "no weights\n" * 99)},
    ),
    (
        "a model cut short",
        TRAINED + " --weights m.safetensors",
        REPRESENTATION,
        ("m.safetensors", "cut short", "give a file"),
        {"prepare": text("m.safetensors", model_bytes()[:-9])},
    ),
    (
        "a model that names itself as its encoder",
        TRAINED + " --weights m.safetensors",
        REPRESENTATION,
        ("m.safetensors", "names itself", "give a file"),
        {"prepare": text("m.safetensors", model_bytes(features_name="split-and-contrast"))},
    ),
    (
        "a model over another version of its encoder",
        TRAINED + " --weights m.safetensors",
        REPRESENTATION,
        ("m.safetensors", "with version 0", "train it again"),
        {"prepare": text("m.safetensors", model_bytes(features_version="0"))},
    ),
)


def labels(*lines: str | bytes) -> dict[str, Any]:
    """A case whose labelled set holds these lines."""
    content = b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    return {"prepare": text("set.csv", content + b"\n")}


EVALUATE = "evaluate set.csv --representations mfcc --workers 1"
HEADER = "query,candidate,relevant"
LABELLED_SETS = _group(
    "Labelled sets",
    ("none", "evaluate", USAGE, ("SET", "evaluate --help")),
    ("not there", "evaluate no.csv", MEDIA, ("no.csv", "cannot be reached", "docs/evaluation.md")),
    ("a folder that is none", "evaluate sounds", MEDIA, ("sounds", "is no labelled set", "clips.csv", "queries.csv")),
    ("a film instead", "evaluate media/a.wav", MEDIA, ("a.wav", "not UTF-8", "save it as")),
    ("a column missing", EVALUATE, MEDIA, ("set.csv", "no column 'relevant'", "see"), labels("query,candidate")),
    ("no line", EVALUATE, MEDIA, ("set.csv", "judges nothing", "see"), labels(HEADER)),
    (
        "a label of NaN",
        EVALUATE,
        MEDIA,
        ("set.csv", "line 2", "'NaN'", "write 1 or 0"),
        labels(HEADER, "sounds/s0.wav,sounds/s1.wav,NaN"),
    ),
    (
        "the same pair twice",
        EVALUATE,
        MEDIA,
        ("set.csv", "line 3", "a second time", "take it out"),
        labels(HEADER, "sounds/s0.wav,sounds/s1.wav,1", "sounds/s0.wav,sounds/s1.wav@0,0"),
    ),
    (
        "a query without positives",
        EVALUATE,
        MEDIA,
        ("set.csv", "'sounds/s0.wav'", "has no positives", "judge some"),
        labels(HEADER, "sounds/s0.wav,sounds/s1.wav,0"),
    ),
    (
        "a path out of its folder",
        EVALUATE,
        MEDIA,
        ("set.csv", "line 2", "../x.wav", "not in the folder", "mend"),
        labels(HEADER, "sounds/s0.wav,../x.wav,1"),
    ),
    (
        "a link out of its folder",
        EVALUATE,
        MEDIA,
        ("set.csv", "line 2", "hosts.wav", "not in the folder", "mend"),
        {
            "prepare": both(labels(HEADER, "sounds/s0.wav,hosts.wav,1")["prepare"], link("hosts.wav", "/etc/hosts")),
            "only": "posix",
        },
    ),
    (
        "a field of 200,000 letters",
        EVALUATE,
        MEDIA,
        ("set.csv", "line 2", "field larger than", "mend"),
        labels(HEADER, "a" * 200_000 + ",sounds/s1.wav,1"),
    ),
    (
        "UTF-16",
        EVALUATE,
        MEDIA,
        ("set.csv", "not UTF-8", "save it as"),
        {"prepare": text("set.csv", (HEADER + "\n").encode("utf-16"))},
    ),
    (
        "a text named .wav",
        EVALUATE,
        MEDIA,
        ("s1.wav", "; "),
        {"prepare": text("sounds/s1.wav", "no sound\n" * 99)},
    ),
    (
        "a text named .wav, with a library",
        EVALUATE + " --library lib",
        MEDIA,
        ("s1.wav", "; "),
        {"prepare": text("sounds/s1.wav", "no sound\n" * 99), "keeps": ("lib",)},
    ),
    ("an unknown protocol", EVALUATE + " --protocols quick", USAGE, ("--protocols", "'quick'", "--help")),
    ("a protocol without labels", EVALUATE + " --protocols hard", USAGE, ("set", "no labels for 'hard'", "choose")),
    ("a shift that it does not say", EVALUATE + " --shift", USAGE, ("set", "no shift", "leave --shift out")),
    ("no package at all", EVALUATE + " --packages ,", USAGE, ("--packages", "names no package", "--help")),
    ("packages that it does not name", EVALUATE + " --packages a,b", USAGE, ("set", "no packages", "whole set")),
    (
        "an unknown representation",
        "evaluate set.csv --representations magic",
        REPRESENTATION,
        ("magic", "choose one of"),
    ),
    (
        "weights that are not there",
        "evaluate set.csv --representations sfx=no.onnx",
        REPRESENTATION,
        ("no.onnx", "cannot be read", "leave the weights out"),
    ),
    ("weights without a name", "evaluate set.csv --representations =x", USAGE, ("'=x'", "NAME=WEIGHTS", "write")),
    ("a representation twice", EVALUATE + " --representations mfcc mfcc", USAGE, ("'mfcc'", "twice", "once")),
    ("a baseline that is not judged", EVALUATE + " --baseline mel", USAGE, ("'mel'", "is judged", "choose among mfcc")),
    ("no workers", "evaluate set.csv --workers 0", USAGE, ("--workers", "below 1", "give 1 or more")),
    (
        "a report of no known kind",
        EVALUATE + " -o report.pdf",
        OUTPUT,
        ("report.pdf", "neither .md nor .json", "name it"),
    ),
    ("a plot of another kind", EVALUATE + " --plot plot.jpg", OUTPUT, ("plot.jpg", "no .png", "name it")),
    (
        "a report that is there",
        EVALUATE + " -o mine.md",
        OUTPUT,
        ("mine.md", "exists already", "--force"),
        {"prepare": text("mine.md", "mine")},
    ),
    (
        "one name for two results",
        EVALUATE + " -o r.md -o ./r.md",
        OUTPUT,
        ("r.md", "two results", "name of its own"),
    ),
    (
        "a report over the labels",
        EVALUATE + " -o link.md --force",
        OUTPUT,
        ("link.md", "belongs to the set", "another file"),
        {"prepare": link("link.md", "set.csv"), "only": "posix"},
    ),
    ("a folder that is not there", EVALUATE + " -o no/r.md", OUTPUT, ("no", "is no folder", "make it")),
    (
        "a stranger's folder for a library",
        EVALUATE + " --library sounds",
        LIBRARY,
        ("sounds", "is not a library", "--library"),
    ),
)


def checkpoint(pickled: bytes) -> Callable[[Path], None]:
    """A torch checkpoint that holds a pickle."""

    def prepare(where: Path) -> None:
        with zipfile.ZipFile(where / "m.pt", "w") as archive:
            archive.writestr("archive/data.pkl", pickled)

    return prepare


ADD = "models add m.pt --unverified"
MODELS = _group(
    "Models",
    (
        "a checkpoint that would run a command",
        ADD,
        REPRESENTATION,
        ("m.pt", "asks for os.system", "nothing of it was run"),
        {"prepare": checkpoint(b"\x80\x02cos\nsystem\n(X\x0a\0\0\0touch ran.xtR.")},
    ),
    (
        "a bare pickle",
        ADD,
        REPRESENTATION,
        ("m.pt", "bare pickle", "save it again"),
        {"prepare": text("m.pt", b"\x80\x04}.")},
    ),
    (
        "a page of a web server for a checkpoint",
        ADD,
        REPRESENTATION,
        ("m.pt", "is not a torch checkpoint", "save it again"),
        {"prepare": text("m.pt", "<!DOCTYPE html>")},
    ),
    (
        "a checkpoint cut short",
        ADD,
        REPRESENTATION,
        ("m.pt", "no whole zip archive", "get it again"),
        {"prepare": both(checkpoint(b"\x80\x02}."), lambda f: os.truncate(f / "m.pt", 80))},
    ),
    ("a checkpoint that is not there", ADD, REPRESENTATION, ("m.pt", "no such file", "give")),
    ("no checkpoint named", "models add", USAGE, ("models add", "needs a checkpoint file", "--help")),
    ("no model for clap", ONE + " --representation clap", REPRESENTATION, ("clap", "no model", "models add FILE")),
    (
        "no model for imagebind",
        ONE + " --representation imagebind",
        REPRESENTATION,
        ("imagebind", "non-commercial", "models add FILE"),
    ),
    ("a checkpoint with fusion", "models pull 630k-fusion-best", REPRESENTATION, ("fusion", "choose another")),
    ("a model that is not there", "models remove none", REPRESENTATION, ("none", "no model", "lists")),
)

BOUNCE = "apply edit.otio p.json -o new.otio --choose 1=1 --bounce"
BOUNCES = _group(
    "Bounces",
    ("a mute without a bounce", APPLY + " --mute gap", USAGE, ("--mute", "nothing is bounced", "--bounce")),
    ("an unknown mute", BOUNCE + " --mute loud", USAGE, ("--mute", "'loud'", "--help")),
    (
        "a bounce of its name is there",
        BOUNCE,
        OUTPUT,
        ("new.A1-1.bounce.wav", "exists", "--force"),
        {"prepare": text("new.A1-1.bounce.wav", "mine")},
    ),
    (
        "a folder where the bounce goes",
        BOUNCE + " --force",
        OUTPUT,
        ("new.A1-1.bounce.wav", "is a folder", "give a file name"),
        {"prepare": folder("new.A1-1.bounce.wav")},
    ),
    (
        "media of the timeline where the bounce goes",
        BOUNCE + " --force",
        OUTPUT,
        ("new.A1-1.bounce.wav", "media of this timeline", "another -o"),
        {"prepare": hard_link("new.A1-1.bounce.wav", "media/a.wav")},
    ),
    (
        "media that went offline since they were proposed",
        BOUNCE,
        MEDIA,
        ("a.wav", "cannot be reached", "relink"),
        {"prepare": remove("media/a.wav")},
    ),
    (
        "media that are no sound any more",
        BOUNCE,
        MEDIA,
        ("a.wav", "it is text", "relink"),
        {"prepare": text("media/a.wav", "no sound\n" * 999)},
    ),
    (
        "a fade that the shots do not hold",
        BOUNCE,
        PROPOSALS,
        ("candidates[0].join", "beyond the two shots", "propose again"),
        {"prepare": _put(*CANDIDATE, "join", "fade_before", to=900_000)},
    ),
    (
        "a shift of two seconds",
        BOUNCE,
        PROPOSALS,
        ("join.slip", "further than 10 ms", "propose again"),
        {"prepare": _put(*CANDIDATE, "join", "slip", to=96_000)},
    ),
    (
        "a join whose samples are not those of its cut",
        BOUNCE,
        PROPOSALS,
        ("cut_shift", "not where its samples say", "propose again"),
        {"prepare": _put(*CANDIDATE, "query_start", to=96_000_000)},
    ),
    (
        "a sound that is entered beyond its file",
        APPLY,
        PROPOSALS,
        ("in_time", "outside the file", "propose again"),
        {"prepare": _put(*CANDIDATE, "in_time", to="100000/1")},
    ),
    (
        "channels of a shot that no file has",
        BOUNCE,
        PROPOSALS,
        ("point", "names no channels of shot", "propose again"),
        {"prepare": _put(*CANDIDATE[:-2], "point", "outgoing", "channels", to=[[0, -7]])},
    ),
    (
        "a stream of a shot that its file does not have",
        BOUNCE,
        MEDIA,
        ("a.wav", "no channel 1 in audio stream 100", "channel mapping"),
        {"prepare": _put(*CANDIDATE[:-2], "point", "outgoing", "channels", to=[[99, 0]])},
    ),
    (
        "a linked sound on a track that is not cut",
        BOUNCE,
        PROPOSALS,
        ("linked", "not cut together with its own", "propose again"),
        {
            "prepare": _put(
                *CANDIDATE[:-2], "point", "linked", to=[{"track_path": [9], "outgoing": None, "incoming": None}]
            )
        },
    ),
)

_FOREIGN = {
    **{"format": "amc-otio decisions", "version": 1, "tool": "0", "decisions": [], "note": ""},
    **{"proposals_sha256": "0" * 64, "timeline_sha256": "0" * 64},
}
AUDITION = "audition p.json --no-browser --idle 0.01"

AUDITIONS = _group(
    "The audition page",
    ("proposals that are not there", "audition no.json", PROPOSALS, ("no.json", "cannot be read", "give the file")),
    ("not JSON", AUDITION, PROPOSALS, ("p.json", "not JSON", "give the file"), {"prepare": text("p.json", "hello")}),
    (
        "decisions for proposals",
        "audition d.json",
        PROPOSALS,
        ("d.json", "is no proposals file", "propose"),
        {"prepare": text("d.json", json.dumps(_FOREIGN))},
    ),
    (
        "decisions on other proposals",
        AUDITION,
        PROPOSALS,
        ("p.decisions.json", "decisions on other proposals", "--decisions, or move this one away"),
        {"prepare": text("p.decisions.json", json.dumps(_FOREIGN))},
    ),
    (
        "damaged decisions",
        AUDITION,
        PROPOSALS,
        ("p.decisions.json", "damaged", "--decisions, or move this one away"),
        {"prepare": text("p.decisions.json", "{")},
    ),
    (
        "proposals for decisions",
        AUDITION + " --decisions p.json",
        PROPOSALS,
        ("p.json", "is no decisions file", "--decisions, or move this one away"),
    ),
    (
        "a folder for decisions that is not there",
        AUDITION + " --decisions gone/d.json",
        OUTPUT,
        ("gone", "is no folder", "name another file with --decisions"),
    ),
    ("a file for a folder", AUDITION + " -o p.json", OUTPUT, ("p.json", "is a file, not a folder", "another folder")),
    ("a port that cannot be", AUDITION + " --port 70000", USAGE, ("--port 70000", "is no port", "give one")),
    ("no time to wait", "audition p.json --idle 0", USAGE, ("--idle 0", "no time to wait", "give minutes")),
    ("an idle time of NaN", "audition p.json --idle nan", USAGE, ("--idle nan", "no time to wait", "give minutes")),
    ("no proposals", "audition", USAGE, ("PROPOSALS", "audition --help")),
    ("the export's option without it", "audition p.json --top 3", USAGE, ("--top", "--export", "add --export")),
    (
        "both of the two ways",
        "audition p.json --export page.html --port 8000",
        USAGE,
        ("--port", "means nothing to --export", "leave one of them out"),
    ),
    ("no candidate", "audition p.json --export page.html --top 0", USAGE, ("--top 0", "leaves no candidate", "1 or")),
)

CASES = (
    COMMAND_LINE
    + SETTINGS
    + TIMELINES
    + SELECTIONS
    + MEDIAS
    + GALLERIES
    + LIBRARIES
    + OUTPUTS
    + FILES_OF_PROPOSALS
    + BOUNCES
    + REVERTS
    + PREVIEWS
    + AUDITIONS
    + TRAININGS
    + LABELLED_SETS
    + MODELS
)

INTRODUCTION = """\
# Bad input

Written by `python docs/generate.py` from the table that `tests/test_failures.py` runs: do not edit it by hand.

Each of these gives one line that starts with `amc-otio:`, on stderr: the thing, what is wrong with it, and what to do
next. The exit codes are those of [commands.md](commands.md). Nothing is written or changed; where a library was built
before the problem could be known, it stays, and the table says so. One bad file or edit point among good ones is a
`note:` instead, and the run goes on to exit code 0 ([at the end](#one-bad-thing-among-good-ones)).

All are tried in a folder with a good timeline `edit.otio`, its media, the folder `sounds`, a proposals file `p.json`
made from them, a timeline `done.otio` that amc-otio wrote, and a labelled set `set.csv`.
"""

GOES_ON = """\
## One bad thing among good ones

| What is wrong | What happens |
|---|---|
| a broken, silent, empty or offline file in a gallery | a note that names it; matches come from the others |
| media of one shot offline, broken, silent or ambiguous | its edit points are refused in words; the others are cut |
| one edit point that cannot be cut (a retime, a transition, no handle) | as above |
| one source of several that previews cannot read any more | a note; the other previews are written |
| a damaged catalogue of a library | set aside and built again from the vectors, with a note |
| damaged or missing vectors of a source | set aside and embedded again, with a note |
| Ctrl-C while a library is built | exit code 130; what was embedded is kept |
"""


def table() -> str:
    """The cases as a Markdown document."""
    lines = [INTRODUCTION]
    for group in dict.fromkeys(case.group for case in CASES):
        lines += [f"## {group}", "", "| What is wrong | Command | What is said | Exit code |", "|---|---|---|---|"]
        for case in CASES:
            if case.group == group:
                says = " … ".join(part.strip() for part in case.says if part.strip() != ";").replace("|", "\\|")
                command = case.command.replace("␣", "\\ ").replace("|", "\\|")
                command = command if len(command) < 100 else command[:60] + "…"
                kept = f" (keeps `{'`, `'.join(case.keeps)}`)" if case.keeps else ""
                lines.append(f"| {case.what} | `amc-otio {command}`{kept} | {says} | {case.code} |")
        lines.append("")
    return "\n".join(lines) + "\n" + GOES_ON
