"""``amc-otio models``: list, add, check, pull and remove other people's models."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amc_otio.cli import options
from amc_otio.cli.arguments import console_of
from amc_otio.cli.console import Console
from amc_otio.errors import UsageError

if TYPE_CHECKING:
    from amc_otio.representations.model_files import Model

ACTIONS = ("list", "add", "check", "pull", "remove")


def add(sub: argparse._SubParsersAction[options.Parser]) -> None:
    """Add the command."""
    parser = options.command(
        sub, "models", run, "look after models for clap and imagebind: list, add, check, pull, remove"
    )
    parser.add_argument(
        "action",
        choices=ACTIONS,
        nargs="?",
        default="list",
        help="list what is there and what is known (the default); add a checkpoint that you have; compare a model with "
        "its manifest, or its reduced form with fp32; fetch a known checkpoint and add it; remove a model",
    )
    parser.add_argument(
        "target", metavar="FILE|NAME", nargs="?", help="add: a checkpoint file or Hugging Face folder; others: a name"
    )
    parser.add_argument("--name", metavar="NAME", help="add: what to call the model (default: from the file's name)")
    parser.add_argument(
        "--unverified",
        action="store_true",
        help="add, pull: do not compare with the authors' own code (which needs torch and laion-clap, or imagebind)",
    )
    parser.add_argument("--force", action="store_true", help="add, pull: replace a model of the same name")
    parser.add_argument(
        "--precision", choices=("int8", "bf16"), help="check: make this reduced form and compare it with fp32"
    )


def run(arguments: argparse.Namespace) -> int:
    """``amc-otio models list|add|check|pull|remove``."""
    console = console_of(arguments)
    action = arguments.action
    if action == "list":
        if arguments.target is not None:
            raise UsageError("models list", f"takes no '{arguments.target}'", "see: amc-otio models --help")
        return _list(console)
    if arguments.target is None and action != "check":
        what = "a checkpoint file" if action == "add" else "a name"
        raise UsageError(f"models {action}", f"needs {what}", "see: amc-otio models --help")
    if arguments.precision is not None and action != "check":
        raise UsageError("--precision", f"means nothing to 'models {action}'", "use it with 'models check NAME'")
    if arguments.name is not None and action != "add":
        raise UsageError("--name", f"means nothing to 'models {action}'", "use it with 'models add FILE'")
    return {"add": _add, "check": _check, "pull": _pull, "remove": _remove}[action](console, arguments)


def _list(console: Console) -> int:
    from amc_otio.models.known import CHECKPOINTS
    from amc_otio.representations.model_files import installed, model_folder

    folder = model_folder()
    models, problems = installed(folder)
    console.notes([str(problem) for problem in problems])
    console.say(f"In {folder}:" if models else f"Nothing is in {folder} yet.")
    if models:
        console.table(("name", "kind", "architecture", "licence", "verified", "reduced"), [_row(m) for m in models])
    console.say()
    console.say("Known checkpoints:")
    console.table(
        ("name", "architecture", "size", "licence", "trained on"),
        [(k.name, k.architecture, k.size, k.licence, k.trained_on) for k in CHECKPOINTS if not k.refusal],
    )
    console.say()
    for one in CHECKPOINTS:
        if one.refusal:
            console.say(f"Not run here: {one.name} ({one.refusal})")
    if console.verbose:
        for one in CHECKPOINTS:
            console.say(f"{one.name}: {one.url}")
    console.say("Get one yourself and add it: amc-otio models add FILE; or fetch it: amc-otio models pull NAME")
    console.result(
        {
            "folder": str(folder),
            "models": [_plain(model) for model in models],
            "problems": [str(problem) for problem in problems],
            "known": [vars(known) for known in CHECKPOINTS],
        }
    )
    return 0


def _add(console: Console, arguments: argparse.Namespace) -> int:
    from amc_otio.models.add import add as add_model

    model = add_model(
        Path(arguments.target),
        name=arguments.name,
        unverified=arguments.unverified,
        force=arguments.force,
        say=_sayer(console),
    )
    return _added(console, model)


def _pull(console: Console, arguments: argparse.Namespace) -> int:
    from amc_otio.models.pull import pull

    def progress(done: int, total: int) -> None:
        console.progress(done // 10**6, max(done, total) // 10**6, "fetching, MB")

    model = pull(
        arguments.target,
        unverified=arguments.unverified,
        force=arguments.force,
        say=_sayer(console),
        progress=progress,
    )
    return _added(console, model)


def _sayer(console: Console) -> Any:
    return console.note if console.verbose else lambda _: None


def _added(console: Console, model: Model) -> int:
    manifest = model.manifest
    verified = manifest.verification
    if verified.against:
        console.say(
            f"verified against {verified.against}: cosine of at least {verified.lowest_cosine:.6f} on "
            f"{verified.windows} windows"
        )
    else:
        console.note(f"{manifest.name} was not compared with its authors' own code")
    console.say(f"licence of the weights: {manifest.licence}")
    console.say(f"added {manifest.name} ({manifest.architecture}): --representation {manifest.kind}")
    console.result(_plain(model))
    return 0


def _check(console: Console, arguments: argparse.Namespace) -> int:
    from amc_otio.models.check import check_files, check_precision
    from amc_otio.representations.model_files import find, installed

    if arguments.target is None:
        if arguments.precision is not None:
            raise UsageError("models check", "needs a name with --precision", "see: amc-otio models --help")
        models, problems = installed()
        if problems:
            raise problems[0]
    else:
        models = (find(_kind_of(arguments.target), Path(arguments.target)),)
    for model in models:
        check_files(model)
        console.say(f"{model.manifest.name}: its files are whole")
    if arguments.precision is not None:
        models = (check_precision(models[0], arguments.precision),)
        found = models[0].manifest.precisions[arguments.precision]
        console.say(
            f"{arguments.precision}: lowest cosine {found.lowest_cosine:.5f}, {found.overlap:.1%} of the nearest "
            f"{found.top_k} the same on {found.windows} windows, {found.speed:.2f} times as fast as fp32: "
            + ("passed" if found.passed else "failed, and is not offered")
        )
    console.result([_plain(model) for model in models])
    return 0


def _kind_of(name: str) -> str:
    from amc_otio.representations.model_files import installed, read_manifest

    path = Path(name)
    if path.is_file() and path.suffix in (".onnx", ".json") and path.with_suffix(".json").is_file():
        return read_manifest(path.with_suffix(".json")).kind
    return next((m.manifest.kind for m in installed()[0] if m.manifest.name == name), "clap")


def _remove(console: Console, arguments: argparse.Namespace) -> int:
    from amc_otio.models.store import remove
    from amc_otio.representations.model_files import model_folder

    gone = remove(arguments.target, model_folder())
    console.say(f"removed {arguments.target} ({len(gone)} files)")
    console.result({"removed": [str(path) for path in gone]})
    return 0


def _row(model: Model) -> tuple[str, ...]:
    manifest = model.manifest
    verified = f"cosine {manifest.verification.lowest_cosine:.6f}" if manifest.verification.against else "no"
    reduced = ", ".join(f"{p} {'passed' if c.passed else 'failed'}" for p, c in manifest.precisions.items())
    return manifest.name, manifest.kind, manifest.architecture, manifest.licence, verified, reduced or "-"


def _plain(model: Model) -> dict[str, Any]:
    from amc_otio.codec import encode

    value: dict[str, Any] = encode(model.manifest)
    return {"folder": str(model.folder), **value}
