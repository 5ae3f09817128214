"""A bounce is the join that was chosen, sample by sample, in its place on the timeline."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import bounce_helpers as helpers
import numpy as np
import opentimelineio as otio
import pytest
import soundfile
from bounce_helpers import bounce_clips, check_exact, make_edit, proposals_for, read_24, with_joins

from amc_otio.media.bwf import to_24_bit
from amc_otio.media.decode import decode
from amc_otio.media.probe import probe
from amc_otio.timeline.audio_rate import stated_audio_rate
from amc_otio.timeline.equality import fields, same_fields
from amc_otio.timeline.rational import seconds
from amc_otio.workflow import apply, revert

FADE = {"fade_before": 9_001, "fade_after": 7_003}


@pytest.mark.parametrize(
    ("fps", "rates"),
    [
        (24.0, (48_000, 48_000, 48_000)),
        (24000 / 1001, (44_100, 44_100, 44_100)),
        (25.0, (96_000, 96_000, 96_000)),
        (30000 / 1001, (48_000, 44_100, 48_000)),
        (30000 / 1001, (44_100, 44_100, 44_100)),
    ],
)
def test_outside_the_fade_every_sample_is_the_sources(fps: float, rates: tuple[int, int, int], tmp_path: Path) -> None:
    shots = make_edit(tmp_path, fps, rates)
    proposals = with_joins(proposals_for(shots, {"join.max_fade_s": 0.5}), **FADE)
    written = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    assert check_exact(tmp_path / "new.otio") == len(written.bounces) >= 1
    for file in written.bounces:
        assert file.rate == max(set(rates), key=rates.count)
        info = probe(file.path)
        assert info.start_s is not None
        assert info.start_s * file.rate == file.time_reference
        assert (info.streams[0].sample_rate, info.streams[0].codec) == (file.rate, "pcm_24")


@pytest.mark.parametrize("ripple", [False, True])
@pytest.mark.parametrize("mode", ["replace", "align", "insert"])
@pytest.mark.parametrize("fade", [{"fade_before": 0, "fade_after": 0}, {"fade_before": 4_800, "fade_after": 2_400}])
def test_every_mode_bounces_and_reverts(mode: str, ripple: bool, fade: dict[str, int], tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    settings = {"edit.mode": mode, "edit.ripple": ripple, "edit.length_s": 1.5, "join.max_fade_s": 0.2}
    proposals = with_joins(proposals_for(shots, settings), **fade)
    new = tmp_path / "new.otio"
    plain = apply(shots.edit, proposals, tmp_path / "plain.otio")
    written = apply(shots.edit, proposals, new, bounce=True)
    assert check_exact(new) == len(written.bounces) == len(plain.changes) >= 1
    # But for what is split and muted, the cut is the one that is made without a bounce.
    made, without = (otio.adapters.read_from_file(str(p)) for p in (new, tmp_path / "plain.otio"))
    assert sum(isinstance(c, otio.schema.Transition) for c in made.tracks[0]) == sum(
        isinstance(c, otio.schema.Transition) for c in without.tracks[0]
    )
    assert made.tracks[0].duration() == without.tracks[0].duration()
    revert(new, tmp_path / "back.otio")
    back = otio.adapters.read_from_file(str(tmp_path / "back.otio"))
    assert same_fields(fields(back), fields(otio.adapters.read_from_file(str(shots.edit))))
    assert all(Path(f.path).exists() for f in written.bounces)


def test_gain_is_back_at_one_where_the_clip_goes_on(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    proposals = with_joins(proposals_for(shots), **FADE, gain_db=4.0, glide=24_000)
    (file, *_) = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True).bounces
    assert file.glide_samples == 24_000
    assert check_exact(tmp_path / "new.otio") >= 1
    assert file.fade_last_sample is not None
    assert file.plays_first_sample + file.plays_samples >= file.fade_last_sample + 1 + 24_000


@pytest.mark.parametrize("glide", [24_000, 480, 0])
def test_a_gain_that_cannot_return_in_time_is_left_out(glide: int, tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    settings = {"edit.mode": "insert", "edit.length_s": 0.5, "join.max_fade_s": 0.4}
    proposals = proposals_for(shots, settings, indexes=("A1:1",))
    length = proposals.proposals[0].candidates[0].length
    assert length is not None
    after = int(length * 48_000) - 1_000
    faded = with_joins(proposals, fade_before=0, fade_after=after, gain_db=3.0, glide=glide)
    written = apply(shots.edit, faded, tmp_path / "new.otio", bounce=True)
    assert [(f.gain_db, f.glide_samples) for f in written.bounces] == [(0.0, 0)]
    assert any("without the gain of +3.0 dB" in note for note in written.notes)
    assert not any("level match" in note for note in written.notes)
    assert check_exact(tmp_path / "new.otio") == 1


def test_a_shifted_sound_is_carried_to_the_end_of_its_shot(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE, slip=-137)
    (file,) = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True).bounces
    assert file.slip_samples == -137
    assert check_exact(tmp_path / "new.otio", slip=-137) == 1
    made = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    ((clip, at),) = bounce_clips(made)
    assert at + seconds(clip.duration()) == 4  # where the third shot begins
    assert [c.enabled for c in made.tracks[0] if not c.overlapping()] == [True, False, False, True]


def test_bounces_that_share_no_shot_do_not_limit_each_other(tmp_path: Path) -> None:
    shots = make_edit(tmp_path, names="abcdef")
    proposals = with_joins(proposals_for(shots, indexes=("A1:1", "A1:4")), **FADE, slip=-137)
    written = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    assert [f.slip_samples for f in written.bounces] == [-137, -137]
    assert check_exact(tmp_path / "new.otio", slip=-137) == 2
    made = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    assert [at + seconds(clip.duration()) for clip, at in bounce_clips(made)] == [4, 10]


def test_a_later_transition_keeps_the_sound_where_it_was(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    timeline = otio.adapters.read_from_file(str(shots.edit))
    half = otio.opentime.RationalTime(6, 24)
    timeline.tracks[0].insert(2, otio.schema.Transition("x", "SMPTE_Dissolve", half, half))
    timeline.to_json_file(str(shots.edit))
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE, slip=100)
    written = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    assert [f.slip_samples for f in written.bounces] == [0]
    assert any("a later transition uses" in note for note in written.notes)
    assert check_exact(tmp_path / "new.otio") == 1


def test_neighbouring_bounces_share_a_short_shot(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    settings = {"edit.mode": "align", "edit.ripple": True}
    proposals = with_joins(
        proposals_for(shots, settings), fade_before=9_600, fade_after=9_600, gain_db=3.0, glide=48_000, slip=50
    )
    written = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    assert len(written.bounces) == 2
    assert [f.slip_samples for f in written.bounces] == [0, 50]
    made = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    (one, at), (_, later) = bounce_clips(made)
    assert at + seconds(one.duration()) <= later
    assert len({c.parent().name for c, _ in bounce_clips(made)}) == 1


def test_dual_mono_gets_a_bounce_a_track(tmp_path: Path) -> None:
    shots = make_edit(tmp_path, tracks=2)
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE)
    written = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    assert [(f.track, f.channels, Path(f.path).name) for f in written.bounces] == [
        ("A1", 1, "new.A1-1.bounce.wav"),
        ("A2", 1, "new.A1-1.A2.bounce.wav"),
    ]
    made = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    assert [t.name for t in made.tracks] == ["sound 1", "sound 2", "A1 match cut bounce", "A2 match cut bounce"]
    assert check_exact(tmp_path / "new.otio", 0) == check_exact(tmp_path / "new.otio", 1) == 1


def test_surround_stays_surround(tmp_path: Path) -> None:
    shots = make_edit(tmp_path, channels=6)
    written = apply(shots.edit, with_joins(proposals_for(shots), **FADE), tmp_path / "new.otio", bounce=True)
    assert {f.channels for f in written.bounces} == {6}
    assert check_exact(tmp_path / "new.otio") >= 1


def test_peaks_of_the_blend_are_lowered_and_never_clipped(tmp_path: Path) -> None:
    shots = make_edit(tmp_path, level=0.99)
    proposals = with_joins(
        proposals_for(shots, indexes=("A1:1",)), fade_before=12_000, fade_after=12_000, gain_db=6.0, glide=20_000
    )
    written = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    (file,) = written.bounces
    assert file.lowered_db > 1
    assert any("over full scale" in note for note in written.notes)
    sound = read_24(file.path)
    assert file.fade_first_sample is not None
    assert file.fade_last_sample is not None
    fade = sound[:, file.fade_first_sample : file.fade_last_sample + 1]
    assert np.abs(fade).max() < 2**23
    # A clipped peak would be flat.
    assert np.count_nonzero(np.abs(fade) == np.abs(fade).max()) <= 2
    assert check_exact(tmp_path / "new.otio") == 1


def test_the_same_input_gives_the_same_files(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    proposals = with_joins(proposals_for(shots), **FADE)
    first = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    kept = [Path(f.path).read_bytes() for f in first.bounces] + [first.output.read_bytes()]
    again = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True, force=True)
    assert [Path(f.path).read_bytes() for f in again.bounces] + [again.output.read_bytes()] == kept


def test_a_cut_that_was_moved_for_its_format_leaves_the_sounds_where_they_were(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    proposals = proposals_for(shots, {"edit.offsets": "frames"}, indexes=("A1:1",))
    proposals = with_joins(proposals, fade_before=2_000, fade_after=18_000)
    written = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    assert written.changes[0].metadata["cut_moved_for_format_s"] == "1/6"
    assert check_exact(tmp_path / "new.otio") == 1
    exact = replace(proposals, settings=proposals.settings.replace({"edit.offsets": "exact"}))
    other = apply(shots.edit, exact, tmp_path / "exact.otio", bounce=True)
    for a, b in zip(written.bounces, other.bounces, strict=True):
        offsets = [(f.point_sample + f.time_reference, f.outgoing_sample - f.time_reference) for f in (a, b)]
        assert offsets[0] == offsets[1]


def test_a_shot_too_long_to_be_carried_is_bounced_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shots = make_edit(tmp_path)
    monkeypatch.setattr("amc_otio.bounce.plan.MOST_VALUES", 200_000)
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE, slip=30)
    written = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    assert [f.slip_samples for f in written.bounces] == [0]
    assert any("too long to be bounced" in note for note in written.notes)
    assert check_exact(tmp_path / "new.otio") == 1


def test_the_tracks_of_an_edit_are_held_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of two mono tracks would do by itself; what bounds memory is their sum."""
    shots = make_edit(tmp_path, tracks=2)
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE, slip=30)
    both = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True).bounces
    assert [f.slip_samples for f in both] == [30, 30]
    monkeypatch.setattr("amc_otio.bounce.plan.MOST_VALUES", sum(f.samples for f in both) - 1)
    held = apply(shots.edit, proposals, tmp_path / "held.otio", bounce=True).bounces
    assert [f.slip_samples for f in held] == [0, 0]


def test_a_shift_at_the_ends_of_the_media(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    timeline = otio.adapters.read_from_file(str(shots.edit))
    # The second shot plays its file from a frame after the start to the very end.
    used = helpers.TR(helpers.RT(0, 24), helpers.RT(144, 24))
    timeline.tracks[0][1].source_range = used
    timeline.to_json_file(str(shots.edit))
    settings = {"edit.mode": "align", "edit.ripple": True, "join.method": "concatenate"}
    proposals = proposals_for(shots, settings, indexes=("A1:1",))
    (point,) = proposals.proposals
    assert point.candidates
    early = with_joins(proposals, fade_before=0, fade_after=4_800, slip=-40_000)
    written = apply(shots.edit, early, tmp_path / "early.otio", bounce=True)
    assert [f.slip_samples for f in written.bounces] == [0]
    assert any("no sound so early" in note for note in written.notes)
    late = with_joins(proposals, fade_before=0, fade_after=4_800, slip=480)
    written = apply(shots.edit, late, tmp_path / "late.otio", bounce=True)
    assert [f.slip_samples for f in written.bounces] == [480]
    assert any("the last 10.0 ms of the shot are silent" in note for note in written.notes)
    assert not read_24(written.bounces[0].path)[:, -480:].any()


def test_waveforms_that_were_aligned_meet_sample_by_sample(tmp_path: Path) -> None:
    """At 29.97 the frames of the cut lie between samples; the slip was found on samples."""
    shots = make_edit(tmp_path, 30000 / 1001)
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE, slip=11)
    (file,) = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True).bounces
    best = proposals.proposals[0].candidates[0]
    apart = best.window_start + best.join.in_point + 11 - best.query_start - best.join.out_point
    assert file.incoming_sample - file.outgoing_sample == apart
    # The source itself, bit for bit, from the fade to the end of the shot.
    assert file.fade_last_sample is not None
    assert file.incoming is not None
    first = file.fade_last_sample + 1
    source = decode(file.incoming, file.incoming_sample + first, file.samples - first, sample_rate=48_000)
    np.testing.assert_array_equal(read_24(file.path)[:, first:], to_24_bit(source)[0])


def test_without_a_start_timecode_no_clock_runs_before_midnight(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    timeline = otio.adapters.read_from_file(str(shots.edit))
    timeline.global_start_time = None
    timeline.to_json_file(str(shots.edit))
    proposals = with_joins(proposals_for(shots, {"edit.min_frames": 2}, indexes=("A1:1",)), **FADE)
    (file,) = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True).bounces
    assert file.time_reference == file.outgoing_sample - 72_000 >= 0
    assert file.time_reference == 48_000 * seconds(
        bounce_clips_in(tmp_path / "new.otio")[0].available_range().start_time
    )


def bounce_clips_in(path: Path) -> list[otio.schema.Clip]:
    return [clip for clip, _ in bounce_clips(otio.adapters.read_from_file(str(path)))]


def test_tracks_that_count_samples(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    timeline = otio.adapters.read_from_file(str(shots.edit))
    for clip in timeline.tracks[0]:
        used = clip.source_range
        clip.source_range = helpers.TR(used.start_time.rescaled_to(48_000), used.duration.rescaled_to(48_000))
    timeline.to_json_file(str(shots.edit))
    apply(shots.edit, with_joins(proposals_for(shots), **FADE), tmp_path / "new.otio", bounce=True)
    assert check_exact(tmp_path / "new.otio") >= 1


def test_retrieved_sounds_have_no_say_in_the_rate(tmp_path: Path) -> None:
    shots = make_edit(tmp_path, rates=(44_100, 48_000, 48_000))
    for path in shots.sounds.iterdir():
        assert soundfile.info(path).samplerate == 44_100
    written = apply(shots.edit, with_joins(proposals_for(shots), **FADE), tmp_path / "new.otio", bounce=True)
    assert {f.rate for f in written.bounces} == {48_000}
    assert check_exact(tmp_path / "new.otio") >= 1
    # Resampled sound too is what reading it gives, bit for bit, where the same span is read.
    for file in written.bounces:
        first, last = file.fade_first_sample, file.fade_last_sample
        assert first is not None
        assert last is not None
        assert file.incoming is not None
        source = decode(file.incoming, file.incoming_sample + first, file.samples - first, sample_rate=48_000)
        np.testing.assert_array_equal(read_24(file.path)[:, last + 1 :], to_24_bit(source)[0][:, last + 1 - first :])


def test_the_rate_that_final_cut_states(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    timeline = otio.adapters.read_from_file(str(shots.edit))
    stated = {"samplecharacteristics": {"depth": "16", "samplerate": "96000"}}
    timeline.metadata["fcp_xml"] = {"media": {"audio": {"format": stated}}}
    timeline.to_json_file(str(shots.edit))
    written = apply(shots.edit, with_joins(proposals_for(shots), **FADE), tmp_path / "new.otio", bounce=True)
    assert {f.rate for f in written.bounces} == {96_000}
    for nonsense in ("no", "1", None, {}):
        timeline.metadata["fcp_xml"] = {
            "media": {"audio": {"format": {"samplecharacteristics": {"samplerate": nonsense}}}}
        }
        assert stated_audio_rate(timeline) is None


def test_a_nest_that_plays_at_the_cut(tmp_path: Path) -> None:
    """The outgoing item is a nest: the clip in it that is heard there is bounced, and the cuts in it are not."""
    shots = make_edit(tmp_path)
    timeline = otio.adapters.read_from_file(str(shots.edit))
    outer = timeline.tracks[0]
    inner = otio.schema.Track("inner", kind=otio.schema.TrackKind.Audio)
    first, second = outer[0].clone(), outer[0].clone()
    first.source_range = helpers.TR(helpers.RT(10, 24), helpers.RT(20, 24))
    inner.extend([first, second])
    nest = otio.schema.Stack("nest")
    nest.append(inner)
    outer[0] = nest
    timeline.to_json_file(str(shots.edit))
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE)
    (file,) = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True).bounces
    assert file.fade_first_sample is not None
    source = decode(shots.media[0], file.outgoing_sample, file.fade_first_sample, sample_rate=48_000)
    np.testing.assert_array_equal(read_24(file.path)[:, : file.fade_first_sample], to_24_bit(source)[0])
    # 20 frames in, the second clip begins at frame 36 of the file; it ends at the cut, 48 frames on.
    made = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    ((clip, at),) = bounce_clips(made)
    begins = seconds(clip.source_range.start_time) - seconds(clip.available_range().start_time)
    assert (file.outgoing_sample + begins * 48_000) / 48_000 == at - Fraction(20, 24) + Fraction(36, 24)
    inside = proposals_for(shots, {"edit.mode": "insert", "edit.length_s": 1.0}, indexes=("A1/1.A1:1",))
    written = apply(shots.edit, with_joins(inside, **FADE), tmp_path / "in.otio", bounce=True)
    assert not written.bounces
    assert any("is cut, not bounced" in note for note in written.notes)
    assert not list(tmp_path.glob("in.*.wav"))


def test_dual_mono_of_final_cut_keeps_its_channels(tmp_path: Path) -> None:
    shots = make_edit(tmp_path, tracks=2)
    timeline = otio.adapters.read_from_file(str(shots.edit))
    for number, track in enumerate(timeline.tracks, 1):
        track.metadata["fcp_xml"] = {"outputchannelindex": str(number), "locked": "FALSE"}
        for clip in track:
            del clip.metadata["Resolve_OTIO"]
            clip.metadata["fcp_xml"] = {"sourcetrack": {"mediatype": "audio", "trackindex": str(number)}}
    timeline.to_json_file(str(shots.edit))
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE)
    written = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    assert [(f.track, f.channels) for f in written.bounces] == [("A1", 1), ("A2", 1)]
    made = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    assert [t.metadata["fcp_xml"]["outputchannelindex"] for t in made.tracks] == ["1", "2", "1", "2"]
    for channel, file in enumerate(written.bounces):
        assert file.fade_first_sample is not None
        assert file.fade_last_sample is not None
        sound, first, last = read_24(file.path), file.fade_first_sample, file.fade_last_sample + 1
        for path, start, part in (
            (file.outgoing, file.outgoing_sample, slice(0, first)),
            (file.incoming, file.incoming_sample, slice(last, None)),
        ):
            assert path is not None
            source = decode(path, start, file.samples, sample_rate=48_000, channels=((0, channel),))
            np.testing.assert_array_equal(sound[:, part], to_24_bit(source)[0][:, part])


def test_a_linked_track_that_is_empty_before_the_cut(tmp_path: Path) -> None:
    shots = make_edit(tmp_path, tracks=2)
    timeline = otio.adapters.read_from_file(str(shots.edit))
    length = timeline.tracks[1][0].source_range
    timeline.tracks[1][0] = otio.schema.Gap(source_range=length)
    timeline.to_json_file(str(shots.edit))
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE)
    written = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    assert [f.outgoing is None for f in written.bounces] == [False, True]
    sound = read_24(written.bounces[1].path)
    first, last = written.bounces[1].fade_first_sample, written.bounces[1].fade_last_sample
    assert first is not None
    assert last is not None
    assert not sound[:, :first].any()
    assert sound[:, last:].any()
    made = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    assert all(child.enabled for child in made.tracks[1] if isinstance(child, otio.schema.Gap))
