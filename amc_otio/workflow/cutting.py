"""The chosen candidates cut into a timeline that was read; nothing is written here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import opentimelineio as otio

from amc_otio import __version__
from amc_otio.bounce.plan import Chosen
from amc_otio.choices import best_choices, nothing_found
from amc_otio.codec import encode
from amc_otio.config import ANALYSIS_RATE, Settings
from amc_otio.errors import ProposalsError
from amc_otio.formats.base import EQUAL_FRAMES, EXACT, Format
from amc_otio.formats.registry import format_for
from amc_otio.proposals import Candidate, Proposal, Proposals, edit_of
from amc_otio.timeline.apply import Applied, apply_edits
from amc_otio.timeline.edits import Edit
from amc_otio.timeline.read import LoadedTimeline
from amc_otio.timeline.undo import Record, last_track_added
from amc_otio.timeline.write import rebase_media, rebased_url
from amc_otio.workflow.ranges import fill_missing


@dataclass(frozen=True)
class Change:
    """One edit as written: for people and for the sidecar."""

    edit_point: str
    timecode: str
    track: str
    outgoing: str
    incoming: str | None
    summary: str
    reasons: tuple[str, ...]
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CutIn:
    """A timeline with edits carried out.

    Attributes
    ----------
    loaded
        What was read. `timeline` is its timeline, from which the edits were made; `applied` holds the new one.
    chosen
        The candidates and their edits.
    changes
        The same in words.
    records
        What undoes all of it.
    notes
        What an editor should know, but for `Applied.edit_notes` and level matches.
    """

    loaded: LoadedTimeline
    timeline: otio.schema.Timeline
    applied: Applied
    chosen: tuple[Chosen, ...]
    changes: tuple[Change, ...]
    records: tuple[Record, ...]
    notes: tuple[str, ...]


def cut_in(loaded: LoadedTimeline, proposals: Proposals, output: Path, choices: dict[int, int] | None = None) -> CutIn:
    """Cut the chosen candidates into a timeline; what `loaded` holds is changed, so read it again for another run.

    Parameters
    ----------
    output
        The file it is meant for: its suffix says what the format keeps, its folder what relative references mean.
    choices
        ``{edit point number: rank}``; None takes the best of each.

    Raises
    ------
    ProposalsError
        Where the proposals were made for another timeline.
    NoMatchError
        Where nothing is chosen.
    TimelineError
        Where two edits exclude each other.
    """
    if loaded.sha256 != proposals.timeline.sha256:
        raise ProposalsError(
            loaded.path, "is not the timeline that the proposals were made for, or was changed since", "propose again"
        )
    notes: tuple[str, ...] = ()
    if choices is None:
        choices, notes = best_choices(proposals, loaded)
    chosen = proposals.chosen(choices)
    if not chosen:
        raise nothing_found(loaded.path, proposals)
    form = format_for(output.suffix)
    offsets = _offsets(proposals.settings, form)
    edits = [edit_of(p, c, proposals.settings, loaded.rate, offsets) for p, c in chosen]
    notes += _fitted_notes(chosen, edits, output.suffix)
    timeline = loaded.timeline
    records: list[Record] = []
    if loaded.sound_track_added:
        records.append(last_track_added(timeline))
        notes += ("the timeline has no audio track; one with its clips' sound was added",)
    if proposals.timeline.ranges:
        records.append(fill_missing(timeline, proposals.timeline.ranges))
    rebased = rebase_media(timeline, loaded.base, output.parent)
    if rebased is not None:
        records.append(rebased)
        edits = [_rebased(e, loaded.base, output.parent) for e in edits]
    applied = apply_edits(timeline, edits, loaded.rate, form.gain_recipe(timeline, loaded.rate))
    records.extend(applied.records)
    if proposals.settings.edit.audio_only:
        notes += _split_notes(edits)
    pairs = list(zip(chosen, edits, strict=True))
    return CutIn(
        loaded=loaded,
        timeline=timeline,
        applied=applied,
        chosen=tuple(Chosen(p, c, e) for (p, c), e in pairs),
        changes=tuple(_change(p, c, e) for (p, c), e in pairs),
        records=tuple(records),
        notes=notes,
    )


def run_of(cut: CutIn, proposals: Proposals) -> dict[str, Any]:
    """What a run says of itself in the timeline's metadata and in the sidecar."""
    return {
        "tool": f"amc-otio {__version__}",
        "input": {"name": cut.loaded.path.name, "sha256": cut.loaded.sha256},
        "settings": encode(proposals.settings),
        "edits": [dict(one.edit.metadata) for one in cut.chosen],
    }


def _rebased(edit: Edit, old_base: Path, new_base: Path) -> Edit:
    """The edit with its shot's relative reference as it reads from the new file's folder."""
    if edit.shot is None:
        return edit
    return replace(edit, shot=replace(edit.shot, target_url=rebased_url(edit.shot.target_url, old_base, new_base)))


def _split_notes(edits: list[Edit]) -> tuple[str, ...]:
    """What --audio-only leaves: J- and L-cuts, and for ``align`` sound that slipped against its picture."""
    notes = ["only the sound is cut: linked picture keeps its cuts, which makes J- or L-cuts"]
    for edit in edits:
        slip = edit.in_shift - edit.cut_shift
        if edit.mode == "align" and not edit.ripple and slip:
            notes.append(f"{edit.name}: the incoming sound is {abs(float(slip)):.3f} s off any picture of its own")
    return tuple(notes)


def _offsets(settings: Settings, form: Format) -> str:
    if settings.edit.offsets == "auto":
        return form.offsets
    return EXACT if settings.edit.offsets == "exact" else EQUAL_FRAMES


def _fitted_notes(chosen: list[tuple[Proposal, Candidate]], edits: list[Edit], suffix: str) -> tuple[str, ...]:
    """What was done to fades so that the format keeps them, in samples of 48 kHz."""
    notes = []
    for (_, candidate), edit in zip(chosen, edits, strict=True):
        before, after = candidate.join.fade_before, candidate.join.fade_after
        moved = round((edit.cut_shift - candidate.cut_shift) * ANALYSIS_RATE)
        length = round((edit.fade_before + edit.fade_after) * ANALYSIS_RATE)
        if before + after and not length:
            notes.append(f"{edit.name}: a plain cut, as the fade of {before + after} samples is under two frames")
            continue
        said = []
        if moved:
            said.append(f"moved the cut by {moved:+d} samples to make the offsets equal")
        if length != before + after:
            said.append(f"made the fade {length} samples for {before + after}, in whole frames")
        elif not moved and round(edit.fade_before * ANALYSIS_RATE) != before:
            said.append(f"moved the fade by {before - round(edit.fade_before * ANALYSIS_RATE):+d} samples onto frames")
        if said:
            notes.append(f"{edit.name}: {' and '.join(said)}, for {suffix}")
    return tuple(notes)


def _change(proposal: Proposal, candidate: Candidate, edit: Edit) -> Change:
    point = proposal.point
    return Change(
        edit_point=point.id,
        timecode=point.timecode,
        track=point.track,
        outgoing=point.outgoing.name,
        incoming=point.incoming.name if point.incoming is not None else None,
        summary=edit.summary,
        reasons=candidate.reasons,
        metadata=dict(edit.metadata),
    )
