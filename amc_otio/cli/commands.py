"""What each command does: options in, an API call, words out. Heavy imports wait until a command runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amc_otio.cli.arguments import (
    check_folder,
    choices_of,
    console_of,
    gallery_of,
    make_folder,
    mute_of,
    path_maps_of,
    rate_of,
    reporter_for,
    selection_of,
    settings_of,
    sources_of,
)
from amc_otio.cli.console import Console
from amc_otio.errors import AmcError, MediaError, UsageError

if TYPE_CHECKING:
    from amc_otio.proposals import Candidate, Proposal
    from amc_otio.workflow import Written

_WIDTH = 118  # columns of a folded line


def match(arguments: argparse.Namespace) -> int:
    """``amc-otio match``."""
    from amc_otio import workflow
    from amc_otio.codec import encode
    from amc_otio.proposals import write_proposals
    from amc_otio.timeline.write import check_new_file

    console = console_of(arguments)
    settings = settings_of(arguments)
    if arguments.proposals is not None:
        check_new_file(arguments.proposals, arguments.edit, arguments.force)
    if arguments.preview is not None:
        check_folder(arguments.preview)
    proposals, written = workflow.match(
        arguments.edit,
        arguments.output,
        sources_of(arguments),
        selection_of(arguments),
        settings,
        reporter_for(console),
        force=arguments.force,
        dry_run=arguments.dry_run,
        timeline_name=arguments.timeline,
        timeline_rate=rate_of(arguments),
        bounce=arguments.bounce,
        mute=mute_of(arguments),
    )
    if arguments.proposals and not arguments.dry_run:
        write_proposals(proposals, arguments.proposals)
    console.notes(proposals.notes + written.notes)
    if arguments.preview and not arguments.dry_run:
        made = {change.edit_point for change in written.changes}
        _, problems = _render(proposals.best(made), arguments.preview, arguments.force)
        console.notes([str(problem) for problem in problems])
    _print_written(console, written, arguments.dry_run)
    console.result(
        {
            "output": str(written.output),
            "sidecar": str(written.sidecar),
            "changes": encode(written.changes),
            "bounces": encode(written.bounces),
            "notes": list(proposals.notes + written.notes),
        }
    )
    return 0


def propose(arguments: argparse.Namespace) -> int:
    """``amc-otio propose``."""
    from amc_otio import workflow
    from amc_otio.choices import nothing_found
    from amc_otio.codec import encode
    from amc_otio.proposals import write_proposals
    from amc_otio.timeline.write import check_new_file

    console = console_of(arguments)
    check_new_file(arguments.output, arguments.edit, arguments.force)
    proposals = workflow.propose(
        arguments.edit,
        sources_of(arguments),
        selection_of(arguments),
        settings_of(arguments),
        reporter_for(console),
        arguments.timeline,
        rate_of(arguments),
    )
    found = any(p.candidates for p in proposals.proposals)
    if found and not arguments.dry_run:
        write_proposals(proposals, arguments.output)
    console.notes(proposals.notes)
    for number, proposal in enumerate(proposals.proposals, 1):
        _print_proposal(console, number, proposal, arguments.show_refused or console.verbose)
    console.result(encode(proposals))
    if not found:
        raise nothing_found(arguments.edit, proposals)
    return 0


def apply(arguments: argparse.Namespace) -> int:
    """``amc-otio apply``."""
    from amc_otio import workflow
    from amc_otio.codec import encode
    from amc_otio.proposals import read_decisions, read_proposals

    console = console_of(arguments)
    choices = choices_of(arguments.choose)
    decisions = read_decisions(arguments.decisions) if arguments.decisions is not None else None
    written = workflow.apply(
        arguments.edit,
        read_proposals(arguments.proposals),
        arguments.output,
        choices if decisions is None else decisions,
        force=arguments.force,
        dry_run=arguments.dry_run,
        bounce=arguments.bounce,
        mute=mute_of(arguments),
    )
    console.notes(written.notes)
    _print_written(console, written, arguments.dry_run)
    console.result(
        {
            "output": str(written.output),
            "sidecar": str(written.sidecar),
            "changes": encode(written.changes),
            "bounces": encode(written.bounces),
            "notes": list(written.notes),
        }
    )
    return 0


def preview(arguments: argparse.Namespace) -> int:
    """``amc-otio preview``."""
    from amc_otio.proposals import decided, read_decisions, read_proposals
    from amc_otio.workflow.rejoining import rejoin_for

    console = console_of(arguments)
    proposals = read_proposals(arguments.proposals)
    choices = choices_of(arguments.choose)
    if arguments.decisions is not None:
        proposals, choices = decided(proposals, read_decisions(arguments.decisions), rejoin_for(proposals))
    if choices is None:
        choices = {n: 1 for n, p in enumerate(proposals.proposals, 1) if p.candidates}
    files, problems = _render(proposals.chosen(choices), arguments.output, arguments.force)
    if problems and not files:
        raise problems[0]
    console.notes([str(problem) for problem in problems])
    for file in files:
        console.say(file)
    console.result({"files": files, "notes": [str(problem) for problem in problems]})
    return 0


def revert(arguments: argparse.Namespace) -> int:
    """``amc-otio revert``."""
    from amc_otio import workflow

    console = console_of(arguments)
    done = workflow.revert(arguments.edit, arguments.output, arguments.force, arguments.dry_run)
    if done.bounces:
        console.notes([f"the bounces stay where they are: {', '.join(done.bounces)}"])
    verb = "would write" if arguments.dry_run else "wrote"
    console.say(f"{verb} {done.output}: {arguments.edit.name} as it was before amc-otio's last run")
    console.result({"output": str(done.output), "bounces": list(done.bounces)})
    return 0


def points(arguments: argparse.Namespace) -> int:
    """``amc-otio points``."""
    from amc_otio import workflow
    from amc_otio.timeline.read import read_timeline

    console = console_of(arguments)
    loaded = read_timeline(arguments.edit, name=arguments.timeline, rate=rate_of(arguments))
    console.notes(loaded.notes)
    found = workflow.points(loaded, selection_of(arguments))
    rows: list[list[str]] = []
    for point in found:
        names = [shot.name if shot is not None else "" for shot in (point.outgoing, point.incoming)]
        incoming = names[1] or (point.incoming.kind if point.incoming is not None else "end")
        rows.append([point.id, point.timecode, names[0], incoming, point.refusal or ""])
    console.table(("id", "timecode", "outgoing", "incoming", "cannot be cut because"), rows)
    keys = ("id", "timecode", "outgoing", "incoming", "refusal")
    console.result([dict(zip(keys, row, strict=True)) for row in rows])
    return 0


def index(arguments: argparse.Namespace) -> int:
    """``amc-otio index``."""
    from amc_otio import workflow
    from amc_otio.config import load

    console = console_of(arguments)
    if not arguments.paths and arguments.gallery_list is None:
        raise UsageError("index", "is given nothing to index", "name files, folders or timelines, or --gallery-list")
    settings = load()
    representation = arguments.representation or settings.match.representation
    # The weights of amc.toml are those of its own representation.
    weights = arguments.weights
    if weights is None and representation == settings.match.representation:
        weights = settings.match.weights_path
    folder = arguments.library or settings.library.beside(Path())
    sources = workflow.Sources(
        gallery=gallery_of(arguments.paths, arguments.gallery_list),
        path_maps=path_maps_of(arguments),
        search_roots=tuple(arguments.search_root),
        workers=arguments.workers,
    )
    report = workflow.index(sources, folder, representation, arguments.verify, console.indexing(), weights)
    if report.failed and not report.windows:
        path, reason = report.failed[0]
        more = f" (and {len(report.failed) - 1} more files)" if len(report.failed) > 1 else ""
        raise MediaError(path, f"{reason}{more}; nothing was embedded", "give files with sound")
    console.notes([f"{path}: {reason}" for path, reason in report.failed] + list(report.problems))
    console.say(
        f"{folder}: {report.embedded} embedded, {report.reused} there already, {len(report.failed)} without sound or "
        f"unreadable; {report.windows} windows, {report.seconds / 3600:.2f} h"
    )
    console.result(
        {
            "library": str(folder),
            "embedded": report.embedded,
            "reused": report.reused,
            "windows": report.windows,
            "seconds": report.seconds,
            "failed": [[str(p), r] for p, r in report.failed],
        }
    )
    return 0


def library(arguments: argparse.Namespace) -> int:
    """``amc-otio library info|verify|prune``."""
    import dataclasses

    from amc_otio.config import load
    from amc_otio.library.library import Library

    console = console_of(arguments)
    with Library.open(arguments.library or load().library.beside(Path()), create=False) as opened:
        report: Any = getattr(opened, arguments.action)()
    values = dataclasses.asdict(report)
    for key, value in values.items():
        if isinstance(value, (list, tuple)):
            console.say(f"{key}: {len(value)}")
            for item in value:
                console.say(f"  {_words(item)}")
        else:
            console.say(f"{key}: {_words(value)}")
    console.result({k: _plain(v) for k, v in values.items()})
    return 0


def doctor(arguments: argparse.Namespace) -> int:
    """``amc-otio doctor``."""
    from amc_otio.doctor import examine

    console = console_of(arguments)
    findings = examine()
    console.table(("", "what", "found"), [(f.state, f.name, f.found) for f in findings])
    console.say()
    for finding in findings:
        if finding.remedy:
            console.say(f"{finding.name}: {finding.remedy}")
    console.result([vars(finding) for finding in findings])
    return 0 if all(f.state != "missing" for f in findings) else 1


def demo(arguments: argparse.Namespace) -> int:
    """``amc-otio demo``."""
    from amc_otio.codec import encode
    from amc_otio.demo import run_demo

    console = console_of(arguments)
    check_folder(arguments.output)
    make_folder(arguments.output)
    shown = run_demo(arguments.output, arguments.force, reporter_for(console))
    for line in shown.lines:
        console.say(line)
    console.result({"changes": encode(shown.written.changes), "files": [str(f) for f in shown.files]})
    return 0


# ---------------------------------------------------------------- from results to words


def _render(
    chosen: Sequence[tuple[Proposal, Candidate]], folder: Path, force: bool
) -> tuple[list[str], list[AmcError]]:
    """Write the previews; what is wrong with one does not stop the others."""
    from amc_otio.preview import write_preview

    check_folder(folder)
    was_there = folder.exists()
    files: list[str] = []
    problems: list[AmcError] = []
    for proposal, candidate in chosen:
        stem = f"{proposal.point.id.replace(':', '-').replace('/', '-')}.{candidate.rank}"
        try:
            make_folder(folder)
            written = write_preview(proposal, candidate, folder, stem, force)
            files += [str(p) for p in (written.present, written.plain, written.join) if p is not None]
        except AmcError as error:
            problems.append(error)
    if not files and not was_there and folder.is_dir():
        folder.rmdir()
    return files, problems


def _print_written(console: Console, written: Written, dry_run: bool) -> None:
    for change in written.changes:
        instead = f" instead of {change.incoming}" if change.incoming else ""
        console.say(f"{change.edit_point} at {change.timecode}: {change.outgoing} -> {change.summary}{instead}")
        if console.verbose:
            for reason in change.reasons:
                console.say(f"    {reason}")
    verb = "would write" if dry_run else "wrote"
    for file in written.bounces:
        kind = f"{file.rate / 1000:g} kHz, {file.layout}, {file.plays_samples / file.rate:.2f} s for {file.track}"
        console.say(f"{verb} {file.path}: the join of {file.edit_point}, {kind}")
    console.say(f"{verb} {written.output} and {written.sidecar.name} ({len(written.changes)} match cut(s))")


def _print_proposal(console: Console, number: int, proposal: Proposal, refused: bool) -> None:
    point = proposal.point
    console.say(f"{number}. {point.id} at {point.timecode}: after {point.outgoing.name}")
    if proposal.present is not None:
        present = proposal.present
        scored = f", score {present.score:.3f}" if present.score != present.similarity else ""
        console.say(f"   0  {present.similarity:.3f}  {present.name} (as it is{scored})")
    for candidate in proposal.candidates:
        for line in _candidate_lines(candidate):
            console.say(line)
    if proposal.refusal:
        console.say(f"      {proposal.refusal}")
    if refused:
        for refusal in proposal.refused:
            missing = f" ({refusal.missing_frames} frames missing)" if refusal.missing_frames else ""
            console.say(f"   -  {refusal.similarity:.3f}  {refusal.name}: {refusal.reason}{missing}")


def _candidate_lines(candidate: Candidate) -> list[str]:
    """A candidate and its reasons, folded between reasons."""
    where = float(candidate.in_time - candidate.media.start)
    lines = [f"  {candidate.rank:>2}  {candidate.scores.similarity:.3f}  {candidate.media.name} at {where:.2f} s"]
    for reason in candidate.reasons[1:]:
        if len(lines[-1]) + len(reason) < _WIDTH:
            lines[-1] += f"; {reason}"
        else:
            lines[-1] += ";"
            lines.append(" " * 13 + reason)
    return lines


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_words(v)}" for k, v in value.items())
    if isinstance(value, (tuple, list)):
        return ": ".join(_words(v) for v in value)
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value if isinstance(value, (int, float, str, bool, type(None))) else str(value)
