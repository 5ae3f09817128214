"""From decisions to what ``apply`` cuts: the chosen candidates, with their joins as the editor changed them.

Another method finds the join anew from the sound, which is not read here: what does is passed in. Then a nudge, the
length of a fade and its law are carried out, within what the handles hold. Nothing is clamped: what cannot be carried
out as it was decided is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import NoMatchError, ProposalsError
from amc_otio.joining.fades import Room, place
from amc_otio.proposals.decisions import Decision, Decisions, check_belongs
from amc_otio.proposals.records import Candidate, Proposal, Proposals

Rejoin = Callable[[Proposal, Candidate, str], Candidate]
"""Finds a candidate's join anew by another method (`amc_otio.workflow.rejoining.rejoin_for`)."""


def decided(
    proposals: Proposals, decisions: Decisions, rejoin: Rejoin | None = None
) -> tuple[Proposals, dict[int, int]]:
    """Return the proposals with the decided joins, and what of them is chosen.

    Parameters
    ----------
    rejoin
        Carries out a method that is not the one by which the candidate was proposed; None refuses it.

    Returns
    -------
    Proposals
        Those that were given; the chosen candidates with their joins as they were decided.
    dict
        ``{edit point number: rank}``, both from 1, as `apply` takes it.

    Raises
    ------
    ProposalsError
        When the decisions belong to other proposals, or a change at a join cannot be carried out; it names the edit
        point.
    NoMatchError
        When nothing is chosen.
    MediaError
        When a join is found anew and a file cannot be read any more.
    """
    check_belongs(decisions, proposals)
    by_point = {one.point: one for one in decisions.decisions if one.state == "chosen"}
    if not by_point:
        states = sorted({one.state for one in decisions.decisions}) or ["undecided"]
        raise NoMatchError(
            "the decisions", f"choose no candidate: every edit point is {' or '.join(states)}", "choose one at least"
        )
    choices: dict[int, int] = {}
    made = list(proposals.proposals)
    for index, proposal in enumerate(proposals.proposals):
        one = by_point.get(proposal.point.id)
        if one is None or one.rank is None:
            continue
        choices[index + 1] = one.rank
        candidates = tuple(
            changed(_by_method(proposal, candidate, one, rejoin), one, proposals.timeline.rate)
            if candidate.rank == one.rank
            else candidate
            for candidate in proposal.candidates
        )
        made[index] = replace(proposal, candidates=candidates)
    return replace(proposals, proposals=tuple(made)), choices


def _by_method(proposal: Proposal, candidate: Candidate, decision: Decision, rejoin: Rejoin | None) -> Candidate:
    """The candidate by the decided method; as it is where that is its own, or nothing finds it anew."""
    if rejoin is None or decision.method in (None, candidate.join.method):
        return candidate
    assert decision.method is not None
    try:
        made = rejoin(proposal, candidate, decision.method)
    except NoMatchError as error:
        raise _refused(decision, f"{error.thing}: {error.reason}", error.remedy) from error
    return replace(made, reasons=(*made.reasons, f"joined by {decision.method}, chosen by hand"))


def changed(candidate: Candidate, decision: Decision, rate: Fraction) -> Candidate:
    """Return a candidate with its join as it was decided, found by the decided method already.

    Parameters
    ----------
    rate
        The timeline's, in frames a second: what a nudge counts.

    Raises
    ------
    ProposalsError
        When a change cannot be carried out.
    """
    if decision.method is not None and decision.method != candidate.join.method:
        raise _refused(
            decision,
            f"its join was found by {candidate.join.method}; another method, {decision.method}, would find it anew",
            f"propose again with --method {decision.method}",
        )
    said: list[str] = []
    if decision.nudge_frames:
        candidate = _nudged(candidate, decision, rate)
        frames, way = abs(decision.nudge_frames), "later" if decision.nudge_frames > 0 else "earlier"
        said.append(f"nudged {frames} frame{'s' if frames > 1 else ''} {way} by hand")
    if decision.fade_length is not None:
        candidate = _faded(candidate, decision, decision.fade_length)
        said.append(f"fade of {1000 * float(decision.fade_length):.0f} ms set by hand")
    if decision.fade_law is not None:
        candidate = _with_law(candidate, decision, decision.fade_law)
        said.append(f"{decision.fade_law} fade set by hand")
    if candidate.join.fade_before > candidate.room.before or candidate.join.fade_after > candidate.room.after:
        length = (candidate.join.fade_before + candidate.join.fade_after) / ANALYSIS_RATE
        raise _refused(
            decision, f"its fade of {length:.3f} s has no room there any more", "nudge less, or give a shorter fade"
        )
    if decision.note:
        said.append(f"note: {decision.note}")
    return replace(candidate, reasons=(*candidate.reasons, *said))


def _nudged(candidate: Candidate, decision: Decision, rate: Fraction) -> Candidate:
    """Roll the cut: both sounds stay where they are against each other, and the shot ends where it did."""
    move = Fraction(decision.nudge_frames) / rate
    samples = round(move * ANALYSIS_RATE)
    held = candidate.room
    room = Room(
        held.outgoing_before + samples,
        held.outgoing_after - samples,
        held.incoming_before + samples,
        held.incoming_after - samples,
    )
    lacks = {
        "the outgoing clip is shorter": room.outgoing_before,
        "the outgoing clip's tail handle is shorter": room.outgoing_after,
        "the incoming sound's head handle is shorter": room.incoming_before,
        "the incoming clip is shorter": room.incoming_after,
    }
    length = None if candidate.length is None else candidate.length - move
    for why, left in lacks.items():
        if left < 0:
            raise _refused(decision, f"a nudge of {decision.nudge_frames:+d} frames cannot be cut: {why}", "nudge less")
    if length is not None and length <= 0:
        raise _refused(decision, "nothing of the shot would be left by such a nudge", "nudge less")
    join = candidate.join
    return replace(
        candidate,
        join=replace(
            join,
            out_point=join.out_point + samples,
            in_point=join.in_point + samples,
            exact_out=join.exact_out + samples,
            exact_in=join.exact_in + samples,
            glide=min(join.glide, max(0, room.incoming_after - join.fade_after - max(0, join.slip))),
        ),
        cut_shift=candidate.cut_shift + move,
        in_time=candidate.in_time + move,
        in_shift=candidate.in_shift + move,
        length=length,
        room=room,
    )


def _faded(candidate: Candidate, decision: Decision, seconds: Fraction) -> Candidate:
    """Another length, centred on the join; where one side has no room the other takes what is missing."""
    wanted, room, join = round(seconds * ANALYSIS_RATE), candidate.room, candidate.join
    fade = place(wanted, wanted, room)
    if fade.before + fade.after < wanted:
        limits = " and the ".join(fade.clamped_by)
        most = (fade.before + fade.after) / ANALYSIS_RATE
        raise _refused(
            decision,
            f"a fade of {float(seconds):.3f} s does not fit: the {limits} leaves {most:.3f} s",
            "give a shorter one",
        )
    return replace(
        candidate,
        join=replace(
            join,
            fade_before=fade.before,
            fade_after=fade.after,
            glide=min(join.glide, max(0, room.incoming_after - fade.after - max(0, join.slip))),
            wanted_fade_s=float(seconds) or None,
            clamped_by=fade.clamped_by,
        ),
    )


def _with_law(candidate: Candidate, decision: Decision, law: str) -> Candidate:
    if candidate.join.slip and law != "equal-gain":
        # A bounce runs the two waveforms together, and fades them in equal gain whatever the law is.
        raise _refused(
            decision,
            f"its two sounds run together as one waveform where they are bounced, which {law} would swell",
            "leave the fade law, or take equal-gain",
        )
    return replace(candidate, join=replace(candidate.join, fade_law=law))


def _refused(decision: Decision, reason: str, remedy: str) -> ProposalsError:
    return ProposalsError(f"decision on {decision.point}", reason, remedy)
