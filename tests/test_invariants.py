"""What an editor relies on, tried on random timelines with random settings."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest
import random_edits
import soundfile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from random_edits import Builder, Media, head, holds, length_of, seconds_of, settings_of, tail

from amc_otio.config import ANALYSIS_RATE, Settings
from amc_otio.errors import NoMatchError
from amc_otio.formats.base import EQUAL_FRAMES, EXACT
from amc_otio.proposals import Candidate, Proposal, Proposals, Refusal, edit_of
from amc_otio.timeline.edits import Edit
from amc_otio.timeline.equality import fields, same_fields
from amc_otio.timeline.revert import revert
from amc_otio.workflow import Sources, apply, propose

SAMPLE = Fraction(1, ANALYSIS_RATE)
NEAR = 4 * SAMPLE
"""Points are counted in samples, times in frames: the two meet within a few samples."""


@dataclass(frozen=True)
class Bench:
    """The files and their library, shared by the module."""

    media: dict[str, Media]
    sources: Sources
    folder: Path


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("invariants")
    media = random_edits.make_media(folder / "media")
    sources = Sources(gallery=(folder / "media",), library=folder / "library", workers=1)
    return Bench(media, sources, folder)


def write_edit(bench: Bench, seed: int) -> tuple[otio.schema.Timeline, Path, Builder]:
    builder = Builder(seed, bench.media)
    made = builder.timeline()
    path = bench.folder / "edit.otio"
    made.to_json_file(str(path))
    return otio.adapters.read_from_file(str(path)), path, builder


def through(value: Path) -> otio.schema.Timeline:
    return otio.adapters.read_from_file(str(value))


@settings(
    deadline=None,
    max_examples=25,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**31))
@example(seed=512)  # fades shorter than two frames, written exactly
def test_every_edit_keeps_what_an_editor_relies_on(bench: Bench, seed: int):
    try_seed(bench, seed)


def try_seed(bench: Bench, seed: int) -> int:
    before, path, builder = write_edit(bench, seed)
    chosen = settings_of(seed)
    try:
        proposals = propose(path, bench.sources, settings=chosen)
    except NoMatchError:
        return 0  # no edit point at all, or all at the ends of tracks
    made = 0
    for number, proposal in enumerate(proposals.proposals, 1):
        check_proposal(proposal, chosen, before)
        for candidate in proposal.candidates[:3]:
            output = bench.folder / "new.otio"
            written = apply(path, proposals, output, {number: candidate.rank}, force=True)
            check_output(before, through(output), proposals, [(proposal, candidate)], builder, written.notes)
            made += 1
    if any(p.candidates for p in proposals.proposals):
        output = bench.folder / "best.otio"
        written = apply(path, proposals, output, force=True)
        ids = {c.edit_point for c in written.changes}
        best = proposals.best(ids)
        check_output(before, through(output), proposals, best, builder, written.notes)
        again = bench.folder / "again" / "best.otio"
        again.parent.mkdir(exist_ok=True)
        assert encode_all(propose(path, bench.sources, settings=chosen)) == encode_all(proposals)
        apply(path, proposals, again, force=True)
        assert again.read_bytes() == output.read_bytes()
    return made


def encode_all(proposals: Proposals) -> str:
    from amc_otio.codec import encode

    return json.dumps(encode(proposals))


def check_proposal(proposal: Proposal, chosen: Settings, before: otio.schema.Timeline) -> None:
    match = chosen.match
    if proposal.refusal is not None:
        assert proposal.refusal.strip()
        assert not proposal.candidates
    sources: dict[str, int] = {}
    for candidate in proposal.candidates:
        name = Path(candidate.media.path).name
        assert candidate.rank == list(proposal.candidates).index(candidate) + 1
        check_points(candidate, chosen, candidate.media.path == proposal.point.outgoing.path)
        if chosen.edit.mode == "align":
            continue
        assert name != "silence.wav"
        sources[name] = sources.get(name, 0) + 1
        start = candidate.window_start
        if candidate.media.path == proposal.point.outgoing.path:
            assert match.same_source
            cut = candidate.query_start + candidate.edit_point
            gap = max(start - cut, cut - (start + ANALYSIS_RATE))
            assert gap >= match.neighbourhood_s * ANALYSIS_RATE
        if match.max_level_step_lu:
            assert abs(candidate.scores.level_step_lu) <= match.max_level_step_lu + 0.01
        left = candidate.media.start + candidate.media.duration - candidate.in_time
        assert left >= Fraction(str(match.min_remaining_s)) - NEAR
    if match.per_source:
        assert all(count <= match.per_source for count in sources.values())
    similarities = [c.scores.similarity for c in proposal.candidates]
    assert similarities == sorted(similarities, reverse=True)
    for refusal in proposal.refused:
        assert refusal.reason.strip()
        assert refusal.missing_frames is None or refusal.missing_frames > 0
    # The present incoming shot is listed wherever it can be heard.
    incoming, cut = proposal.point.incoming, proposal.point.cuts[0]
    if incoming is None or not (proposal.candidates or proposal.refused):
        return
    item = before.tracks[cut.track_path[0]][cut.index + 1]
    if item.enabled and (isinstance(item, otio.schema.Clip) or chosen.edit.mode != "align"):
        assert proposal.present is not None
        assert proposal.present.name == incoming.name


def check_points(candidate: Candidate, chosen: Settings, own: bool) -> None:
    """Both points lie where they were looked for; the fade and the glide lie in the sound that there is."""
    join, room = candidate.join, candidate.room
    reach = round(chosen.join.search_s * ANALYSIS_RATE)
    if own and chosen.edit.mode != "align":
        reach = 0
    for point in (join.out_point, join.in_point):
        assert -reach <= point <= ANALYSIS_RATE + reach
    assert 0 <= join.fade_before <= max(0, room.before)
    assert 0 <= join.fade_after <= max(0, room.after)
    assert join.fade_after + join.glide <= room.incoming_after or not join.glide
    assert abs(join.gain_db) <= chosen.join.max_gain_db


Shots = list[tuple[str, Fraction, Fraction, Fraction]]


def shots(track: otio.schema.Track) -> Shots:
    """(name, record start, length, first moment used) of each item of a track."""
    found, at = [], Fraction(0)
    for child in track:
        if child.overlapping():
            continue
        length = length_of(child)
        used = seconds_of(child.trimmed_range().start_time) if not isinstance(child, otio.schema.Gap) else Fraction(0)
        found.append((child.name, at, length, used))
        at += length
    return found


def alike(one: Shots, other: Shots, within: Fraction = SAMPLE / 100) -> bool:
    if len(one) != len(other):
        return False
    return all(
        a[0] == b[0] and all(abs(x - y) <= within for x, y in zip(a[1:], b[1:], strict=True))
        for a, b in zip(one, other, strict=True)
    )


def check_output(
    before: otio.schema.Timeline,
    after: otio.schema.Timeline,
    proposals: Proposals,
    chosen: list[tuple[Proposal, Candidate]],
    builder: Builder,
    notes: tuple[str, ...],
) -> None:
    edit, rate = proposals.settings.edit, proposals.timeline.rate
    exact = edit.offsets != "frames"  # what is written here is .otio
    old_tracks, new_tracks = list(before.tracks), list(after.tracks)
    assert len(old_tracks) == len(new_tracks)
    # A shot behind the last one of a track makes the track longer.
    appends = any(c.index == len(old_tracks[c.track_path[0]]) - 1 for p, _ in chosen for c in p.point.cuts)
    if edit.audio_only:
        assert any("J- or L-cut" in note for note in notes)
    cut_paths = {cut.track_path for p, _ in chosen for cut in p.point.cuts}
    for number, (old, new) in enumerate(zip(old_tracks, new_tracks, strict=True)):
        check_track(new)
        if not edit.ripple and not appends:
            assert abs(seconds_of(old.duration()) - seconds_of(new.duration())) < SAMPLE / 100
        if (number,) not in cut_paths and (not edit.ripple or is_locked(old)):
            assert same_fields(fields(new), fields(old))
        assert fields(new)["metadata"] == fields(old)["metadata"]
    # Tracks that were cut alike still are: picture with sound, the channels of a pair.
    for i, one in enumerate(old_tracks):
        for j in range(i + 1, len(old_tracks)):
            other = old_tracks[j]
            pictures = "Video" in (one.kind, other.kind)
            if not alike(shots(one), shots(other)):
                continue
            split = pictures and (edit.audio_only or any(not c.media.has_picture for _, c in chosen))
            if not split or (edit.mode == "align" and not edit.audio_only):
                assert alike(shots(new_tracks[i]), shots(new_tracks[j]))
            if edit.ripple and not appends and not any("out of sync" in note for note in notes):
                assert abs(length_of(new_tracks[i]) - length_of(new_tracks[j])) < SAMPLE
    if not edit.ripple:
        check_untouched(old_tracks, new_tracks, chosen)
    for proposal, candidate in chosen:
        made = edit_of(proposal, candidate, proposals.settings, rate, EXACT if exact else EQUAL_FRAMES)
        check_join(new_tracks, proposal, candidate, made, builder, edit.ripple, exact, rate)
    assert same_fields(fields(revert(after)), fields(before))


def is_locked(track: otio.schema.Track) -> bool:
    return bool(fields(track)["metadata"].get("Resolve_OTIO", {}).get("Locked"))


def check_track(track: otio.schema.Track) -> None:
    children = list(track)
    for index, child in enumerate(children):
        if isinstance(child, otio.schema.Transition):
            assert 0 < index < len(children) - 1
            one, other = children[index - 1], children[index + 1]
            assert not isinstance(one, otio.schema.Transition)
            assert not isinstance(other, otio.schema.Transition)
            assert tail(one) >= seconds_of(child.out_offset) - NEAR, "the crossfade lacks a tail handle"
            assert head(other) >= seconds_of(child.in_offset) - NEAR, "the crossfade lacks a head handle"
            assert seconds_of(child.in_offset) >= 0
            assert seconds_of(child.out_offset) >= 0
            continue
        assert length_of(child) > 0
        found = holds(child)
        if found is not None:
            played = child.trimmed_range()
            start = seconds_of(played.start_time)
            assert start >= found[0] - NEAR, "the clip starts before its media"
            assert start + length_of(child) <= found[1] + NEAR, "the clip outlasts its media"
        used = Fraction(0)
        if index and isinstance(children[index - 1], otio.schema.Transition):
            used += seconds_of(children[index - 1].out_offset)
        if index + 1 < len(children) and isinstance(children[index + 1], otio.schema.Transition):
            used += seconds_of(children[index + 1].in_offset)
        assert used <= length_of(child) + NEAR, "two transitions overlap, or one outlasts its clip"


def check_untouched(
    old_tracks: list[otio.schema.Track],
    new_tracks: list[otio.schema.Track],
    chosen: list[tuple[Proposal, Candidate]],
) -> None:
    """Every child but those at the cuts is as it was."""
    for number, (old, new) in enumerate(zip(old_tracks, new_tracks, strict=True)):
        indexes = {c.index for p, _ in chosen for c in p.point.cuts if c.track_path == (number,)}
        touched = indexes | {i + 1 for i in indexes}
        present = [fields(child) for child in new]
        for index, child in enumerate(old):
            if index not in touched:
                assert any(same_fields(fields(child), other) for other in present)


def check_join(
    new_tracks: list[otio.schema.Track],
    proposal: Proposal,
    candidate: Candidate,
    edit: Edit,
    builder: Builder,
    ripple: bool,
    exact: bool,
    rate: Fraction,
) -> None:
    path = proposal.point.cuts[0].track_path
    new = new_tracks[path[0]]
    metadata = edit.metadata
    found = [c for c in new if dict(c.metadata.get("amc_otio", {})).get("edit_point") == proposal.point.id]
    transitions = [c for c in found if isinstance(c, otio.schema.Transition)]
    clips = [c for c in found if isinstance(c, otio.schema.Clip)]
    assert len(transitions) == bool(edit.fade_before or edit.fade_after)
    assert len(clips) == (edit.mode != "align")
    moved = Fraction(metadata["cut_moved_for_format_s"])
    frame = 1 / rate
    children = list(new)
    if transitions:
        position = children.index(transitions[0])
        outgoing, incoming = children[position - 1], children[position + 1]
    elif clips:
        position = children.index(clips[0])
        outgoing, incoming = children[position - 1], children[position]
    else:
        return
    # What the metadata says of the point is where the timeline is cut.
    point = proposal.point.outgoing
    if isinstance(outgoing, otio.schema.Clip):
        end = seconds_of(outgoing.source_range.start_time) + length_of(outgoing) - point.media_start
        assert abs(end - moved - metadata["out_sample"] * SAMPLE) <= frame / 2 + SAMPLE
    if isinstance(incoming, otio.schema.Clip):
        start = seconds_of(incoming.source_range.start_time) - candidate.media.start
        assert abs(start - moved - metadata["in_sample"] * SAMPLE) <= frame / 2 + SAMPLE
    # A cut that lies on the timeline's frames stays on them.
    picture = any(new_tracks[cut.track_path[0]].kind == "Video" for cut in proposal.point.cuts)
    if not ripple and (picture or "samples" not in builder.layout) and rate == builder.rate:
        at = next(s for s in shots(new) if s[0] == incoming.name and s[3] == shots_start(incoming))[1]
        assert abs(at * builder.rate - round(at * builder.rate)) < Fraction(1, 1000)
    if transitions:
        before, after = (seconds_of(t) for t in (transitions[0].in_offset, transitions[0].out_offset))
        if exact:
            assert abs(before - metadata["fade_before_samples"] * SAMPLE) < SAMPLE / 100
            assert abs(after - metadata["fade_after_samples"] * SAMPLE) < SAMPLE / 100
        else:
            assert abs(before - after) < SAMPLE / 100
            assert abs(before * rate - round(before * rate)) < Fraction(1, 1000)


def shots_start(item: otio.core.Item) -> Fraction:
    return seconds_of(item.trimmed_range().start_time) if not isinstance(item, otio.schema.Gap) else Fraction(0)


def one_cut(bench: Bench, outgoing: str, incoming: str, length: float, into: float = 1.0) -> Path:
    """An edit of two sounds, each `length` seconds from `into`, at 24 frames."""
    builder = Builder(0, bench.media)
    builder.rate = Fraction(24)
    track = otio.schema.Track("A1", kind="Audio")
    for name in (outgoing, incoming):
        track.append(builder.plain(bench.media[name], Fraction(into), Fraction(length), Fraction(24)))
    made = otio.schema.Timeline("edit", global_start_time=otio.opentime.RationalTime(0, 24))
    made.tracks.append(track)
    path = bench.folder / "one.otio"
    made.to_json_file(str(path))
    return path


def test_a_recording_under_two_names_is_proposed_once(bench: Bench):
    chosen = Settings().replace({"match.representation": "mfcc", "match.k": 20, "edit.mode": "insert"})
    for into in (1.0, 1.5, 2.25):
        path = one_cut(bench, "other", "timecode", 1.5, into)
        (proposal,) = propose(path, bench.sources, settings=chosen).proposals
        names = [c.media.name for c in proposal.candidates]
        assert len({"long", "copy"} & set(names)) == 1
        assert any("same recording" in r.reason for r in proposal.refused)
        # A sound of its own is not folded away.
        assert {"stereo", "film", "short"} <= set(names)


def test_the_outgoing_sound_itself_is_no_match_in_another_copy(bench: Bench):
    chosen = Settings().replace({"match.representation": "mfcc", "match.k": 20, "edit.mode": "insert"})
    path = one_cut(bench, "long", "timecode", 1.5, 2.5)
    sources = replace(bench.sources, gallery=(bench.folder / "media" / "twin",))
    sources.gallery[0].mkdir(exist_ok=True)
    samples, rate = soundfile.read(bench.media["long"].path, dtype="float32")
    soundfile.write(sources.gallery[0] / "twin.wav", 0.7 * samples, rate)
    proposals = propose(path, sources, settings=chosen).proposals
    starts = [c.window_start / ANALYSIS_RATE for c in proposals[0].candidates]
    assert 3.0 not in starts
    assert any("outgoing sound itself, in another file" in r.reason for r in proposals[0].refused)


def test_missing_frames_are_what_is_missing(bench: Bench):
    """A shot that is too short for its place is cut in once its file is longer by the frames that were missing."""
    folder = bench.folder / "grows"
    folder.mkdir()
    sound = random_edits.bursts(6.0, 48_000, 1, 9)
    file = folder / "grows.wav"
    path = one_cut(bench, "other", "timecode", 2.5, 0.5)
    free = {"match.representation": "random", "match.max_level_step_lu": 0.0, "match.per_source": 0, "match.k": 50}
    sources = Sources(gallery=(file,), library=folder / "library", workers=1)

    def windows(length: Fraction) -> tuple[set[int], list[Refusal]]:
        random_edits.write_sound(file, sound[:, : int(length * 48_000)], 48_000, "WAV", "PCM_16")
        (proposal,) = propose(path, sources, settings=Settings().replace(free)).proposals
        return {c.window_start for c in proposal.candidates}, [r for r in proposal.refused if r.missing_frames]

    _, refused = windows(Fraction(3))
    assert refused
    for refusal in refused:
        assert refusal.missing_frames is not None
        assert "too short for the record length" in refusal.reason
        enough, _ = windows(Fraction(3) + Fraction(refusal.missing_frames, 24))
        assert refusal.window_start in enough
