#!/usr/bin/env python3
"""Write the pages that are made from the code, so that they cannot drift: python docs/generate.py

tests/test_docs.py fails when one of them is not what this script would write.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import functools
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS.parent / "tests")]

import audition_attacks  # noqa: E402
import failure_cases  # noqa: E402

from amc_otio import config, environment, errors  # noqa: E402
from amc_otio.cli import FAULT, INTERRUPTED  # noqa: E402
from amc_otio.cli.parser import build_parser  # noqa: E402
from amc_otio.formats.kept import measure_all  # noqa: E402
from amc_otio.formats.registry import FORMATS  # noqa: E402
from amc_otio.formats.table import markdown  # noqa: E402
from amc_otio.proposals import decisions_schema, proposals_schema  # noqa: E402

INTRODUCTION = """\
# Commands

Written by `python docs/generate.py` from the options themselves: do not edit it by hand.

    amc-otio COMMAND [OPTION …]      (or: python -m amc_otio COMMAND …)

Every command takes `--json` (one JSON document on stdout and nothing else there), `-q` (errors only), `-v` (every
note and reason), `--log FILE` and `--progress`: on stderr, where there is progress, lines of JSON with `stage`
(`indexing` or `matching`; `train` names stages of its own), `done`, `total`, and `remaining_s`, null where nobody
knows. Results go to stdout; notes (`note: …`), progress and the one line of an error (`amc-otio: …`) go to stderr.
The timeline that is read is never changed, and nothing that exists is replaced without `--force`.

Settings come from the command line, then from the environment, then from the settings file, then from the defaults
below. The settings file is that of `--config`, else of `AMC_CONFIG`, else `amc.toml` beside the timeline or in the
working folder.
"""

ENVIRONMENT = """\
## Environment

An option wins over its variable, a variable over `amc.toml`, and that over the default. An empty variable is unset.

| Variable | What it does | The option that wins |
|---|---|---|
"""

LOG = """\
## The log

`--log FILE`, or `AMC_LOG` for every command, appends a line an event to a file: time (UTC), level, process, module, and
what was read, the settings, times, notes and errors, these with their traceback. Control characters are escaped, so
that an event is one line. Several processes may write to one log. The file is made so that only its owner can read
it; one that holds something else than a log is left as it is, with an error before any work (exit code 8).
"""

ERRORS = """\
With `--json` an error is an object on stdout too, so that stdout holds exactly one JSON document whatever happens, and
a program need not read stderr (where the same line stands for people) to know why there is no result:

    {"error": {"type": "TimelineError", "thing": "no.otio", "reason": "does not exist", "remedy": "…", "exit_code": 3}}

`type` is one of the table above; `Interrupted` is 130, `Fault` 70. Where a command has a result although it does not
end with 0, that result is the document: `propose` that found nothing to cut (7) prints the proposals with their
refusals, `doctor` that misses something (1) its findings. Only where stdout itself cannot be written is it empty.
"""

_CHANGE = (
    "a list of objects: `edit_point`, `timecode`, `track`, `outgoing`, `incoming`, `summary`, `reasons`, `metadata`"
)
_BOUNCES = (
    "a list of objects: `path`, `edit_point`, `track`, `rate`, `channels`, `layout`, `time_reference`, `samples`, "
    "`plays_first_sample`, `plays_samples`, `point_sample`, `fade_first_sample`, `fade_last_sample` (null for a plain "
    "cut), `fade_law`, `gain_db`, `glide_samples`, `slip_samples`, `lowered_db`, `muted`, `outgoing`, `incoming`, "
    "`outgoing_sample`, `incoming_sample`: [bouncing.md](bouncing.md)"
)
_FILES = "the path of each WAV that was written"
_NOTES = "what the notes on stderr say, all of them"
_OUTPUT = "path of the new timeline"
_SIDECAR = "path of the sidecar file, which says the same and holds the undo record"

_FILE = "`file`, `bytes`, `sha256`"
_MODEL = {
    "folder": "the model folder",
    "format": "`amc-otio model`",
    "version": "of the manifest",
    "kind": "the representation that runs it",
    "name": "what it is called",
    "architecture": "what it is",
    "dimension": "length of its vectors",
    "feature_dimension": "length of its features before the projection, or 0",
    "source": f"the checkpoint: {_FILE}",
    "layout": "`laion`, `huggingface`, …",
    "licence": "of the weights, or `unknown`",
    "url": "where the checkpoint is published, or an empty text",
    "onnx": f"the converted model: {_FILE}",
    "projection": f"its projection, or null: {_FILE}",
    "verification": "`against` (an empty text: not compared), `windows`, `lowest_cosine`",
    "precisions": "self-checks of reduced precisions by name, or an empty object",
    "versions": "of the packages that converted it",
}

JSON_SHAPES: dict[str, dict[str, str]] = {
    "formats": {
        "[].suffix": "of the format's files",
        "[].label": "what people call it",
        "[].writer": "who writes it: the adapter's package, `OpenTimelineIO` or `amc-otio`",
        "[].problem": "why it could not be measured, or an empty text",
        "[].crossfades": "of two audio crossfades, how many are read back",
        "[].offsets": "`exact`, `exact, cut in the middle`, `whole frames`, `whole frames, cut in the middle`, "
        "`equal whole frames` or `no`",
        "[].link": "whether picture and sound of a shot are found to belong together",
        "[].markers": "whether a marker is read back",
        "[].metadata": "whether a clip's own metadata is",
        "[].media": "what is left of the media reference: `with timecode`, `yes` (the file alone) or `no`",
        "[].rates": "frame rates at which cuts come back in their place",
        "[].sound_tracks": "cuts on tracks that count at 48 kHz: `exact`, `to the frame` or `no`",
        "[].mute": "whether a clip that is switched off stays so",
        "[].gain": "whether a level match is in the file: `yes`, `of Resolve` or `no`",
    },
    "match": {"output": _OUTPUT, "sidecar": _SIDECAR, "changes": _CHANGE, "bounces": _BOUNCES, "notes": _NOTES},
    "propose": {"": "the whole proposals file: [proposals.md](proposals.md)"},
    "apply": {"output": _OUTPUT, "sidecar": _SIDECAR, "changes": _CHANGE, "bounces": _BOUNCES, "notes": _NOTES},
    "preview": {"files": _FILES, "notes": "candidates that could not be rendered, and why"},
    "audition": {
        "address": "of the page, with its token; printed before it is served, which goes on until the page ends",
        "decisions": "the file in which decisions are kept",
    },
    "audition --export": {
        "output": "path of the page that was written",
        "bytes": "its size",
        "points": "edit points with sound in it",
        "takes": "candidates with sound in it",
        "notes": _NOTES,
    },
    "revert": {"output": _OUTPUT, "bounces": "file names of the undone run's bounces, which stay where they are"},
    "points": {
        "[].id": "name of the edit point: track and number, as `--index` takes it",
        "[].timecode": "where it is on the timeline",
        "[].outgoing": "name of the clip before it",
        "[].incoming": "name of the clip after it, or `gap`, or `end`",
        "[].refusal": "why nothing can be cut there, or an empty text",
    },
    "index": {
        "library": "its folder",
        "embedded": "sources embedded by this run",
        "reused": "sources that were there already",
        "windows": "seconds-long windows of all sources that were named",
        "seconds": "seconds of sound in them",
        "failed": "pairs of path and reason",
    },
    "train": {
        "output": "path of the model",
        "files": "the path of everything that was written, the model first; nothing with `--dry-run`",
        "sources": "sources with sound; with `--dry-run` files",
        "samples": "samples trained on and held back; with `--dry-run` at most",
        "steps": "steps of all epochs",
        "losses": "mean loss of each epoch",
        "validation": "loss of what was held back, before the first epoch and after each",
        "epoch": "the epoch whose weights were kept",
        "resumed_at": "steps that a stopped training had done already",
        "data": "what the model card says of the data, or null",
        "failed": "pairs of path and reason",
    },
    "library info": {
        "folder": "the library's folder",
        "sources": "files known",
        "contents": "different contents that have vectors",
        "representations": "a list of objects: `key`, `shards`, `windows`, `seconds`, `bytes`",
        "failures": "triples of path, reason and time",
        "indexes": "Annoy indexes on disk",
        "index_bytes": "their size",
        "bytes": "size of vectors and indexes",
        "annoy": "whether the annoy package is installed",
    },
    "library verify": {
        "checked": "shards that were read whole",
        "damaged": "pairs of paths and reason; they were set aside",
        "offline": "files that are not there any more",
        "changed": "files that are not what was embedded any more",
    },
    "library prune": {
        "sources": "files forgotten",
        "shards": "shards removed",
        "indexes": "indexes removed",
        "other_files": "other files removed",
        "bytes": "bytes freed",
    },
    "evaluate": {
        "format": "`amc-otio evaluation`",
        "version": "of this format: 1",
        "software": "the version of amc-otio",
        "sets": "a list of objects: `name`, `clips`, `packages`, `shifted`, `silent`, `protocols`",
        "representations": "a list of objects: `label`, `name`, `version`, `dimension`, `weights_hash`",
        "baseline": "the label that differences are against, or null",
        "shift": "whether clips were rolled in their second",
        "draws": "draws of the bootstrap",
        "seed": "of the bootstrap",
        "rows": "a list of objects, one a set, protocol and representation: `metrics` (`value`, `low`, `high` each), "
        "`group_mean_interval`, `difference`, `kinds`; see [evaluation.md](evaluation.md)",
        "notes": _NOTES,
    },
    "doctor": {
        "[].name": "what was looked at",
        "[].state": "`ok`, `optional` (absent, and that is fine) or `missing`",
        "[].found": "version or path",
        "[].remedy": "the line that gets it, or an empty text",
        "[].group": "`package`, `timeline` (a format), `plugin`, `model` or `program` (an editor or engine)",
    },
    "schema": {"": "the JSON schema (draft 2020-12) of the file: [proposals.md](proposals.md)"},
    "models list": {
        "folder": "the model folder",
        "models": "the models in it, as `models add` prints them",
        "problems": "what is wrong with those that cannot be read",
        "known": "published checkpoints, a list of objects: `name`, `kind`, `file`, `url`, `architecture`, `size`, "
        "`licence`, `trained_on`, `refusal` (why it is not run here), `sha256`",
    },
    "models add": _MODEL,
    "models check": {f"[].{key}": text for key, text in _MODEL.items()},
    "models pull": _MODEL,
    "models remove": {"removed": "the path of everything that was removed"},
    "resolve install": {
        "folder": "the menu folder",
        "written": "names of scripts that are new or replaced",
        "unchanged": "names of scripts that were there already",
        "removed": "names of scripts of an older version, which are gone",
        "kept": "copies of scripts that somebody had changed",
        "command": "the words that start amc-otio, as the scripts will",
        "exchange": "the folder through which timelines go",
    },
    "resolve status": {
        "[].folder": "a menu folder",
        "[].folder_exists": "whether it is there",
        "[].installed": "whether amc-otio's scripts are in it",
        "[].problem": "what is wrong with their record, or an empty text",
        "[].version": "of the amc-otio that installed them",
        "[].command": "the words that start amc-otio",
        "[].command_found": "whether that program is there",
        "[].command_is_this": "whether it is the one that was asked",
        "[].modules": "the folder whose modules the Python scripts import",
        "[].modules_found": "whether it is there",
        "[].exchange": "the exchange folder",
        "[].exchange_exists": "whether it is there",
        "[].watched": "whether `resolve watch` runs on it",
        "[].scripts": "a list of objects: `name`, `state` (`ok`, `changed` or `missing`)",
    },
    "resolve uninstall": {
        "folder": "the menu folder",
        "removed": "names of files that were removed",
        "kept": "names of scripts that were changed and stay",
    },
    "resolve watch": {
        "": "a line for each job, an object each: `request`, `job`, `state` (`done`, `failed`, `ignored`), "
        "`result`, `reason`, `changes`, `notes`"
    },
    "demo": {"changes": _CHANGE, "files": "the path of everything that was written"},
}
"""What ``--json`` prints; tests/test_docs.py runs each command and compares."""


def commands_page() -> str:
    """Return docs/commands.md."""
    lines = [INTRODUCTION, "## Exit codes", "", "| Code | Meaning | `type` |", "|---|---|---|"]
    names = {kind.exit_code: f"`{kind.__name__}`" for kind in error_classes()} | {FAULT: "`Fault`"}
    names[INTERRUPTED] = "`Interrupted`"
    lines += [f"| {code} | {meaning} | {names.get(code, '')} |" for code, meaning in exit_codes().items()]
    lines += ["", ERRORS]
    lines += ["", "[bad-input.md](bad-input.md) lists inputs that were tried, and what each of them gives.", ""]
    lines += [ENVIRONMENT.rstrip()]
    lines += [f"| `{one.name}` | {one.what} | {one.option} |" for one in environment.VARIABLES]
    lines += ["", LOG]
    parser = build_parser()
    subparsers = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    for name, command in subparsers.choices.items():
        lines += [f"## amc-otio {name}", "", command.description or "", ""]
        for group in command._action_groups:
            rows = list(option_rows(command, group))
            if rows:
                title = group.title or ""
                named = title not in ("positional arguments", "options", "optional arguments")
                lines += [f"| {title.capitalize() if named else 'Option'} | What it does |", "|---|---|", *rows, ""]
        for title, keys in JSON_SHAPES.items():
            if title.split()[0] == name:
                lines += [f"`amc-otio {title} --json` prints:", ""]
                lines += [f"- `{key}`: {text}" if key else f"- {text}" for key, text in keys.items()]
                lines.append("")
    return "\n".join(lines)


def option_rows(command: argparse.ArgumentParser, group: argparse._ArgumentGroup) -> Iterator[str]:
    """A table row for each option of a group that not every command has."""
    formatter = command._get_formatter()
    for action in group._group_actions:
        if action.dest in ("help", "json", "quiet", "verbose", "log", "progress"):
            continue
        value = formatter._format_args(action, formatter._get_default_metavar_for_optional(action))
        shown = " ".join(part for part in (", ".join(action.option_strings), value) if part)
        if not action.option_strings:
            shown = "|".join(action.choices) if action.choices else str(action.metavar)
        text = formatter._expand_help(action) if action.help else ""
        needed = " (required)" if action.required and action.option_strings else ""
        yield f"| `{_cell(shown)}` | {_cell(text)}{needed} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def error_classes() -> list[type[errors.AmcError]]:
    """Every class of errors, the root first."""
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    return [value for value in found if issubclass(value, errors.AmcError)]


def exit_codes() -> dict[int, str]:
    """Every exit code and its meaning."""
    codes = {0: "Done."}
    for kind in error_classes():
        codes[kind.exit_code] = (kind.__doc__ or "").splitlines()[0]
    codes[1] = "Something is missing in this installation (`doctor` says what)."
    codes[FAULT] = "A fault of ours, not of the input: please report it."
    codes[INTERRUPTED] = "Stopped by hand (Ctrl-C); what was finished is kept."
    return dict(sorted(codes.items()))


SETTINGS = """\
# Settings

Written by `python docs/generate.py` from `amc_otio/config.py`: do not edit it by hand.

A file `amc.toml` beside the timeline or in the working folder, or one given with `--config` or `AMC_CONFIG`.
The command line wins over it, and so do the variables of the environment ([commands.md](commands.md)). All
settings with their defaults:

"""


def settings_page() -> str:
    """amc.toml with every default and what each setting means."""
    tree = ast.parse(inspect.getsource(config))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    lines = ["```toml"]
    for section in dataclasses.fields(config.AllSettings):
        held = getattr(config.AllSettings(), section.name)
        source = classes[type(held).__name__]
        lines += [f"[{section.name}]  # {ast.get_docstring(source).splitlines()[0]}"]
        for node, after in zip(source.body, [*source.body[1:], None], strict=True):
            if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
                continue
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                lines += [f"# {' '.join(line.split())}" for line in str(after.value.value).splitlines()]
            choices = config.CHOICES.get(f"{section.name}.{node.target.id}")
            if choices:
                lines.append(f"# One of {', '.join(choices)}.")
            lines.append(f"{node.target.id} = {json.dumps(getattr(held, node.target.id))}")
        lines.append("")
    return SETTINGS + "\n".join(lines[:-1]) + "\n```\n"


FORMATS_BLOCK = ("<!-- formats -->", "<!-- /formats -->")


@functools.cache
def formats_table() -> str:
    """What each format keeps, measured now; only what the extra ``formats`` or amc-otio itself writes."""
    elsewhere = {"otio-kdenlive-adapter", "otio-mlt-adapter"}
    return markdown(measure_all(form for form in FORMATS if form.package not in elsewhere))


def with_formats(text: str) -> str:
    """A page with the table between its markers."""
    first, rest = text.split(FORMATS_BLOCK[0])
    return f"{first}{FORMATS_BLOCK[0]}\n{formats_table()}{FORMATS_BLOCK[1]}{rest.split(FORMATS_BLOCK[1])[1]}"


ATTACKS_PAGE = """# Attacks on the audition page

What [audition.md](audition.md) says of the page's server, tried against it. Written by `docs/generate.py` from
`tests/audition_attacks.py`; each row is a test against the real server over a real socket, and after each it serves on,
and nothing was decided, written or told. T is the token, P the port.

"""


def attacks_page() -> str:
    """What was tried against the audition page's server, and what it got."""
    return ATTACKS_PAGE + audition_attacks.table()


def pages() -> dict[str, str]:
    """Every generated page by its file name."""
    return {
        "audition-attacks.md": attacks_page(),
        "bad-input.md": failure_cases.table(),
        "commands.md": commands_page(),
        "formats.md": with_formats((DOCS / "formats.md").read_text(encoding="utf-8")),
        "settings.md": settings_page(),
        "decisions.schema.json": json.dumps(decisions_schema(), indent=1, ensure_ascii=False) + "\n",
        "proposals.schema.json": json.dumps(proposals_schema(), indent=1, ensure_ascii=False) + "\n",
    }


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8", newline="\n")
        print(f"wrote docs/{name}")
    readme = DOCS.parent / "README.md"
    readme.write_text(with_formats(readme.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    print("wrote the table of README.md")
