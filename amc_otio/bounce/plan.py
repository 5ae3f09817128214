"""What each bounce plays, of which files, and what of the timeline it covers. Nothing is decoded here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import opentimelineio as otio

from amc_otio.bounce.sides import Facts, Side, format_of, mapped, own_rate, rate_for
from amc_otio.bounce.spans import Clock, Cover, Spans, cover_of, spans_of
from amc_otio.config import ANALYSIS_RATE, BOUNCE_HANDLE_S, BOUNCE_RUN_S
from amc_otio.errors import MediaError, ProposalsError
from amc_otio.joining.fades import Blend
from amc_otio.joining.join import Join
from amc_otio.joining.level import glide_samples
from amc_otio.proposals import Candidate, LinkedSound, Proposal, Proposals
from amc_otio.timeline.bounce_track import Site, Sites
from amc_otio.timeline.edits import Edit

MOST_VALUES: Final = 1 << 26
"""Samples times channels that the bounces of one edit may hold, so that memory stays bounded: 11 minutes of stereo at
48 kHz. All its tracks are rendered together, since what lowers one of them lowers them all."""

_RUN: Final = Fraction(BOUNCE_RUN_S)
_HANDLE: Final = Fraction(BOUNCE_HANDLE_S)
_SHORTEST_GLIDE: Final = ANALYSIS_RATE // 20
"""A gain that would have to return in less, where more is wanted, is heard as a step."""
_SHORTEST_FRAMES: Final = 2
"""Shorter stretches are not left of a clip beside a bounce."""


@dataclass(frozen=True)
class Chosen:
    """One edit that was made, and what it came from."""

    proposal: Proposal
    candidate: Candidate
    edit: Edit


@dataclass(frozen=True)
class Bounce:
    """One file to be rendered, for one track of one edit.

    Attributes
    ----------
    edit_point
        Its id.
    site
        Where the cut lies on the new timeline.
    point
        Where the two sounds meet, in seconds from the timeline's start.
    how
        The blend, in samples at 48 kHz, its glide as long as the shots allow.
    slip
        Samples at 48 kHz by which the incoming sound is entered later.
    channels, layout
        Of the file: the outgoing clip's own.
    """

    edit_point: str
    site: Site
    clock: Clock
    point: Fraction
    how: Blend
    slip: int
    outgoing: Side
    incoming: Side
    channels: int
    layout: str
    cover: Cover
    spans: Spans


@dataclass(frozen=True)
class _Draft:
    """A bounce before it is known what its neighbours need."""

    chosen: Chosen
    sound: LinkedSound
    site: Site
    point: Fraction

    @property
    def core(self) -> tuple[Fraction, Fraction]:
        """What the bounce must play: the fade, and the timeline's crossfade in its place."""
        join = self.chosen.candidate.join
        first = self.point - Fraction(join.fade_before, ANALYSIS_RATE)
        last = self.point + Fraction(join.fade_after, ANALYSIS_RATE)
        shift = self.site.to_record
        return min(first, self.site.fade_from + shift), max(last, self.site.fade_to + shift)


def plan_bounces(
    timeline: otio.schema.Timeline,
    chosen: Sequence[Chosen],
    cuts: dict[str, dict[tuple[int, ...], tuple[Fraction, Fraction]]],
    proposals: Proposals,
    clocks: tuple[int | None, Sequence[int]],
    facts: Facts,
    start: Fraction,
) -> tuple[list[list[Bounce]], list[str]]:
    """Plan the bounces of edits that were carried out.

    Parameters
    ----------
    timeline
        The new one.
    cuts
        Where each edit's cuts lie now (`amc_otio.timeline.apply.Applied`).
    clocks
        The sample rate that the timeline states, and those of its sound files.
    start
        Timecode of the timeline's first frame, in seconds.

    Returns
    -------
    tuple
        The bounces of each edit, one a track, in record order; and notes.

    Raises
    ------
    MediaError, ProposalsError
    """
    notes: list[str] = []
    drafts: list[list[_Draft]] = []
    sites = Sites(timeline)
    for one in sorted(chosen, key=lambda c: (c.edit.record_time, c.edit.name)):
        made = [_draft(sites, one, sound, cuts[one.edit.name], proposals) for sound in _sounds(one.proposal)]
        if None in made:
            notes.append(f"{one.edit.name}: is cut, not bounced: bounces are made for tracks of the timeline itself")
        drafts.append([draft for draft in made if draft is not None])
    rate = proposals.timeline.rate
    planned = []
    for group in drafts:
        if group:
            planned.append(_plan_edit(group, drafts, rate, clocks, facts, start, notes))
    return planned, notes


def _sounds(proposal: Proposal) -> list[LinkedSound]:
    point = proposal.point
    return [LinkedSound(point.cuts[0].track_path, point.outgoing, point.incoming), *point.linked]


def _draft(
    sites: Sites,
    chosen: Chosen,
    sound: LinkedSound,
    cuts: dict[tuple[int, ...], tuple[Fraction, Fraction]],
    proposals: Proposals,
) -> _Draft | None:
    if sound.track_path not in cuts:
        raise ProposalsError(chosen.edit.name, "a linked sound is on no track that is cut", "propose again")
    site = sites.at(sound.track_path, cuts[sound.track_path])
    if site is None:
        return None
    # Where the format wants whole frames the cut has moved, and the two sounds have not.
    moved = chosen.edit.cut_shift - chosen.candidate.cut_shift
    return _Draft(chosen, sound, site, site.cut + site.to_record - moved)


def _plan_edit(
    group: Sequence[_Draft],
    drafts: Sequence[Sequence[_Draft]],
    rate: Fraction,
    clocks: tuple[int | None, Sequence[int]],
    facts: Facts,
    start: Fraction,
    notes: list[str],
) -> list[Bounce]:
    """The bounces of one edit. Its tracks are one sound, so they share the slip and the glide."""
    join = group[0].chosen.candidate.join
    name = group[0].chosen.edit.name
    limits = [_limits(draft, drafts, rate) for draft in group]
    how = join.blend
    glide = min(_room_after(draft, most) for draft, (_, most) in zip(group, limits, strict=True))
    how = replace(how, glide=min(_glide(join), max(0, glide)))
    if how.glide < min(glide_samples(how.gain_db), _SHORTEST_GLIDE):
        how = replace(how, gain_db=0.0, glide=0)
        notes.append(
            f"{name}: bounced without the gain of {join.gain_db:+.1f} dB: the shot leaves no room to return from it"
        )
    slip, why = join.slip, None
    if slip:
        why = next((reason for d, (_, m) in zip(group, limits, strict=True) if (reason := _why_no_slip(d, m))), None)
    if why is not None:
        slip = 0
        notes.append(f"{name}: bounced without the shift of {join.slip / 48:+.1f} ms that aligns the waveforms: {why}")
    slipped = replace(how, law=join.bounced.law) if slip else how
    made = [_bounce(d, lim, slipped, slip, rate, clocks, facts, start) for d, lim in zip(group, limits, strict=True)]
    held = sum((b.spans.stop - b.spans.first) * b.channels for b in made)
    if slip and held > MOST_VALUES:
        notes.append(
            f"{name}: bounced without the shift of {slip / 48:+.1f} ms that aligns the waveforms: the shot is too long "
            "to be bounced to its end"
        )
        made = [_bounce(d, lim, how, 0, rate, clocks, facts, start) for d, lim in zip(group, limits, strict=True)]
    late = max((_silent_end(bounce, facts) for bounce in made), default=0) if made[0].slip else 0
    if late > 0:
        notes.append(
            f"{name}: the last {late / made[0].clock.rate * 1000:.1f} ms of the shot are silent: its media end there"
        )
    for draft in group:
        if draft.site.effects:
            notes.append(
                f"{name}: clips on {draft.site.label} carry effects, which the bounce does not: it is the plain sound"
            )
    return made


def _limits(draft: _Draft, drafts: Sequence[Sequence[_Draft]], rate: Fraction) -> tuple[Fraction, Fraction]:
    """From where and to where a bounce may play: its two shots, clear of other transitions and bounces."""
    site, shift = draft.site, draft.site.to_record
    least, most = site.outgoing_from + shift, site.incoming_to + shift
    outgoing = draft.sound.outgoing
    if outgoing is not None:
        # Of a nest, what plays at the cut may begin after the nest does.
        begins = draft.point - draft.chosen.candidate.cut_shift - (outgoing.used_to - outgoing.used_from)
        least = max(least, begins) if begins < draft.core[0] else least
    for other in (other for group in drafts for other in group if other.site.path == site.path):
        # Two bounces share a shot where the one's incoming is the other's outgoing.
        if site.cut < other.site.cut and other.site.outgoing_start < site.incoming_end:
            most = min(most, _between(draft, other, rate))
        elif other.site.cut < site.cut and site.outgoing_start < other.site.incoming_end:
            least = max(least, _between(other, draft, rate))
    return least, most


def _between(one: _Draft, other: _Draft, rate: Fraction) -> Fraction:
    """The boundary of two bounces on one track: between their fades, on a whole frame where one lies there."""
    join = one.chosen.candidate.join
    first = one.core[1]
    last = max(other.core[0], first)
    glided = one.point + Fraction(join.fade_after + _glide(join), ANALYSIS_RATE)
    least = min(max(first, glided), last)
    middle = (least + last) / 2
    frame = Fraction(round(middle * rate)) / rate
    return frame if least <= frame <= last else middle


def _glide(join: Join) -> int:
    """Samples at 48 kHz over which the gain is wanted to return; 0 without one."""
    return join.glide if join.gain_db else 0


def _room_after(draft: _Draft, most: Fraction) -> int:
    """Samples at 48 kHz after the fade in which the gain may glide."""
    end = draft.point + Fraction(draft.chosen.candidate.join.fade_after, ANALYSIS_RATE)
    return int((most - end) * ANALYSIS_RATE)


def _why_no_slip(draft: _Draft, most: Fraction) -> str | None:
    """What keeps a bounce from carrying a shifted sound to its shot's end, in words."""
    site = draft.site
    if most < site.incoming_end + site.to_record:
        return "a later transition uses the incoming shot's tail"
    join, at = draft.chosen.candidate.join, _incoming_at(draft)
    if at is not None and at * ANALYSIS_RATE - join.fade_before + join.slip < 0:
        return "the incoming media have no sound so early"
    return None


def _incoming_at(draft: _Draft) -> Fraction | None:
    """Second of the incoming file at the point; None where nothing plays after it."""
    candidate = draft.chosen.candidate
    if draft.chosen.edit.mode != "align":
        return candidate.in_time - candidate.media.start
    incoming = draft.sound.incoming
    return None if incoming is None else incoming.used_from - incoming.media_start + candidate.in_shift


def _bounce(
    draft: _Draft,
    limits: tuple[Fraction, Fraction],
    how: Blend,
    slip: int,
    frame_rate: Fraction,
    clocks: tuple[int | None, Sequence[int]],
    facts: Facts,
    start: Fraction,
) -> Bounce:
    chosen, site, point = draft.chosen, draft.site, draft.point
    candidate, outgoing = chosen.candidate, draft.sound.outgoing
    one, other = _outgoing_side(draft), _incoming_side(draft, facts)
    clock = Clock(rate_for(clocks[0], clocks[1], own_rate(one, facts)), frame_rate, start)
    core = (draft.core[0], max(draft.core[1], point + Fraction(how.after + how.glide, ANALYSIS_RATE)))
    least, most = limits
    if slip:
        core = (core[0], site.incoming_end + site.to_record)
    if core[0] < least - 1 / frame_rate or core[1] > most + 1 / frame_rate:
        raise ProposalsError(chosen.edit.name, "its fade reaches beyond the two shots", "propose again")
    cover = cover_of(clock, core, least, most, _RUN, _SHORTEST_FRAMES / frame_rate)
    out_at = None
    if outgoing is not None:
        out_at = outgoing.used_to - outgoing.media_start + candidate.cut_shift
    in_at = _incoming_at(draft)
    spans = spans_of(
        clock,
        cover,
        point,
        how,
        out_at,
        in_at or Fraction(0),
        facts.of(other.path).duration if other.path is not None else None,
        _shift(chosen, slip),
        _HANDLE,
    )
    channels, layout = format_of(one if one.path is not None else other, facts)
    return Bounce(chosen.edit.name, site, clock, point, how, slip, one, other, channels, layout, cover, spans)


def _silent_end(bounce: Bounce, facts: Facts) -> int:
    """Samples at the end of what a bounce plays that its media no longer hold."""
    path = bounce.incoming.path
    length = round(facts.of(path).duration * bounce.clock.rate) if path is not None else 0
    return bounce.clock.sample(bounce.cover.end) + bounce.spans.in_offset - length


def _shift(chosen: Chosen, slip: int) -> Fraction:
    """Seconds between where the timeline enters the incoming sound and where the bounce does; 0 without a slip.

    The slip was found on samples at 48 kHz, to which the frames' times had been rounded: that is taken back, so that
    the same two samples meet.
    """
    if not slip:
        return Fraction(0)
    candidate, own = chosen.candidate, chosen.proposal.point
    join = candidate.join
    apart = candidate.window_start + join.in_point + slip - candidate.query_start - join.out_point
    out_at = own.outgoing.used_to - own.outgoing.media_start + candidate.cut_shift
    in_at = candidate.in_time - candidate.media.start
    if chosen.edit.mode == "align" and own.incoming is not None:
        in_at = own.incoming.used_from - own.incoming.media_start + candidate.in_shift
    return Fraction(apart, ANALYSIS_RATE) - (in_at - out_at)


def _outgoing_side(draft: _Draft) -> Side:
    shot = draft.sound.outgoing
    if shot is None:
        return Side(None, None)
    if shot.path is None:
        raise MediaError(shot.name, f"is offline on track {draft.site.label}", "relink it and propose again")
    return Side(Path(shot.path), shot.channels)


def _incoming_side(draft: _Draft, facts: Facts) -> Side:
    candidate = draft.chosen.candidate
    if draft.chosen.edit.mode != "align":
        path = Path(candidate.media.path)
        return Side(path, mapped(draft.site.channels, facts.of(path)))
    shot = draft.sound.incoming
    if shot is None:
        return Side(None, None)
    if shot.path is None:
        raise MediaError(shot.name, f"is offline on track {draft.site.label}", "relink it and propose again")
    return Side(Path(shot.path), shot.channels)
