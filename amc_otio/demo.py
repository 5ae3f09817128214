"""The main job on the bundled film and sounds: what ``amc-otio demo`` runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from amc_otio.bundled import bundled_folder
from amc_otio.preview import write_preview
from amc_otio.workflow import Reporter, Sources, Written, match

TIMELINE = "match_cut.otio"


@dataclass(frozen=True)
class Demo:
    """What the demo wrote and what there is to say about it."""

    written: Written
    files: tuple[Path, ...]
    lines: tuple[str, ...]


def examples_folder() -> Path:
    """Where the bundled example lies.

    Raises
    ------
    AmcError
        When it is not there.
    """
    return bundled_folder("examples", TIMELINE)


def run_demo(folder: Path, force: bool = False, reporter: Reporter | None = None) -> Demo:
    """Run the main job on the example and write everything into `folder`.

    Raises
    ------
    AmcError
        Files that exist are not replaced without `force`.
    """
    example = examples_folder()
    output = folder / "match_cut.new.otio"
    sources = Sources(gallery=(example / "sounds", example / "media"), library=folder / "library")
    proposals, written = match(example / TIMELINE, output, sources, reporter=reporter, force=force)
    files = [written.output, written.sidecar]
    lines = [f"{TIMELINE}: {len(proposals.proposals)} edit points, {len(written.changes)} match cuts"]
    changed = {change.edit_point for change in written.changes}
    for proposal in proposals.proposals:
        point = proposal.point
        incoming = point.incoming.name if point.incoming is not None else "end"
        lines.append(f"  {point.timecode}  {point.outgoing.name} | {incoming}")
        if point.id not in changed:
            lines.append(
                f"      left as it is: {proposal.refusal or 'a better match next to it changes the same shot'}"
            )
            continue
        best = proposal.candidates[0]
        at = float(best.in_time - best.media.start)
        present = proposal.present
        was = f", where the present cut has {present.similarity:.3f}" if present is not None else ""
        lines.append(f"      match: {best.media.name} at {at:.2f} s, similarity {best.scores.similarity:.3f}{was}")
        lines += [f"        {reason}" for reason in best.reasons[1:]]
        made = write_preview(proposal, best, folder, point.id.replace(":", "-"), force)
        files += [path for path in (made.present, made.plain, made.join) if path is not None]
    lines.append("")
    lines.append("Wrote:")
    lines += [f"  {path}" for path in files]
    lines.append("Listen: *.before.wav is the cut as it was, *.plain.wav the match cut hard, *.after.wav the join.")
    return Demo(written, tuple(files), tuple(lines))
