"""A bounce is the join that was chosen, sample by sample, in its place on the timeline; what it replaces is silent."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import bounce_helpers as helpers
import numpy as np
import opentimelineio as otio
import pytest
import soundfile
from bounce_helpers import bounce_clips, check_exact, make_edit, proposals_for, read_24, with_joins

from amc_otio.bounce.files import file_name
from amc_otio.cli import main
from amc_otio.errors import AmcError, OutputError
from amc_otio.matching.media_table import MediaTable
from amc_otio.media.bwf import to_24_bit
from amc_otio.media.decode import decode
from amc_otio.media.locate import Locator
from amc_otio.media.probe import probe
from amc_otio.timeline.audio_rate import stated_audio_rate
from amc_otio.timeline.edit_points import find_edit_points
from amc_otio.timeline.equality import fields, same_fields
from amc_otio.timeline.rational import exact_rate, seconds
from amc_otio.timeline.read import read_timeline
from amc_otio.timeline.walk import is_disabled
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


def test_a_gain_that_cannot_return_in_time_is_left_out(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    settings = {"edit.mode": "insert", "edit.length_s": 0.5, "join.max_fade_s": 0.4}
    proposals = proposals_for(shots, settings, indexes=("A1:1",))
    length = proposals.proposals[0].candidates[0].length
    assert length is not None
    after = int(length * 48_000) - 1_000
    faded = with_joins(proposals, fade_before=0, fade_after=after, gain_db=3.0, glide=24_000)
    written = apply(shots.edit, faded, tmp_path / "new.otio", bounce=True)
    assert [(f.gain_db, f.glide_samples) for f in written.bounces] == [(0.0, 0)]
    assert any("without the gain of +3.0 dB" in note for note in written.notes)
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
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), fade_before=12_000, fade_after=12_000, gain_db=6.0)
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


@pytest.mark.parametrize("form", ["relative", "absolute", "url"])
def test_the_bounce_is_referred_to_as_the_other_media_are(form: str, tmp_path: Path) -> None:
    folder = tmp_path / "a b #1"
    shots = make_edit(folder, form=form)
    apply(shots.edit, with_joins(proposals_for(shots), **FADE), folder / "new cut.otio", bounce=True)
    made = otio.adapters.read_from_file(str(folder / "new cut.otio"))
    path = folder / "new cut.A1-1.bounce.wav"
    wanted = {"relative": path.name, "absolute": str(path), "url": path.as_uri()}[form]
    assert bounce_clips(made)[0][0].media_reference.target_url == wanted
    # A further run finds it.
    again = apply(
        folder / "new cut.otio", proposals_for(replace(shots, edit=folder / "new cut.otio")), folder / "2.otio"
    )
    assert again.changes


def test_a_second_run_leaves_the_bounce_alone(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    new = tmp_path / "new.otio"
    apply(shots.edit, with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE), new, bounce=True)
    made = otio.adapters.read_from_file(str(new))
    points = find_edit_points(made, exact_rate(24))
    refusals = {p.id: p.refusal or "" for p in points}
    assert "a bounce plays here" in refusals["A1:1"]
    assert [p.id for p in points if p.track_label == "A2"] == ["A2:1"]
    assert "a bounce that amc-otio made" in refusals["A2:1"]
    proposals = with_joins(proposals_for(replace(shots, edit=new)), **FADE)
    cut = [p.point.id for p in proposals.proposals if p.candidates]
    assert cut
    assert not any(
        f"{Path(c.media.path).name}".endswith(".bounce.wav") for p in proposals.proposals for c in p.candidates
    )
    written = apply(new, proposals, tmp_path / "two.otio", bounce=True)
    two = otio.adapters.read_from_file(str(tmp_path / "two.otio"))
    assert [t.name for t in two.tracks] == ["sound 1", "A1 match cut bounce", "A1 match cut bounce 2"]
    revert(tmp_path / "two.otio", tmp_path / "one.otio")
    assert same_fields(fields(otio.adapters.read_from_file(str(tmp_path / "one.otio"))), fields(made))
    assert written.bounces


def test_a_later_ripple_takes_the_bounce_along(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    one, two = tmp_path / "one.otio", tmp_path / "two.otio"
    apply(shots.edit, with_joins(proposals_for(shots, indexes=("A1:2",)), **FADE), one, bounce=True)
    again = replace(shots, edit=one)
    (refused,) = proposals_for(again, indexes=("A1:1",)).proposals
    assert "goes on in a bounce" in (refused.refusal or "")
    settings = {"edit.mode": "insert", "edit.ripple": True, "edit.length_s": 1.0}
    written = apply(one, proposals_for(again, settings, indexes=("A1:1",)), two)
    assert len(written.changes) == 1
    made = otio.adapters.read_from_file(str(two))
    ((clip, at),) = bounce_clips(made)
    ((_, before),) = bounce_clips(otio.adapters.read_from_file(str(one)))
    assert at > before
    helpers.muted_pair(made.tracks[0], at, at + seconds(clip.duration()))


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


def test_bounces_are_no_sounds_to_match_with(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    new = tmp_path / "new.otio"
    apply(shots.edit, with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE), new, bounce=True)
    loaded = read_timeline(new)
    table = MediaTable(loaded.timeline, Locator(base=loaded.base), loaded.rate)
    assert {path.name for path in table.paths} == {"a.wav", "s0.wav", "c.wav"}
    assert not table.offline


def test_a_bounce_track_that_was_edited_is_not_taken_away(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    new = tmp_path / "new.otio"
    apply(shots.edit, with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE), new, bounce=True)
    made = otio.adapters.read_from_file(str(new))
    made.tracks[1].append(made.tracks[0][0].clone())
    made.to_json_file(str(new))
    with pytest.raises(AmcError, match="track 'A1 match cut bounce' was edited"):
        revert(new, tmp_path / "back.otio")


def test_a_shot_too_long_to_be_carried_is_bounced_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shots = make_edit(tmp_path)
    monkeypatch.setattr("amc_otio.bounce.plan.MOST_VALUES", 200_000)
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE, slip=30)
    written = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    assert [f.slip_samples for f in written.bounces] == [0]
    assert any("too long to be bounced" in note for note in written.notes)
    assert check_exact(tmp_path / "new.otio") == 1


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


def test_gaps_where_they_are_asked_for(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE)
    apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True, mute="gap")
    made = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    assert [type(c).__name__ for c in made.tracks[0]] == ["Clip", "Gap", "Clip", "Clip"]
    ((clip, at),) = bounce_clips(made)
    assert at == seconds(made.tracks[0][0].duration())
    assert seconds(clip.duration()) == seconds(made.tracks[0][1].duration())
    revert(tmp_path / "new.otio", tmp_path / "back.otio")
    back = otio.adapters.read_from_file(str(tmp_path / "back.otio"))
    assert same_fields(fields(back), fields(otio.adapters.read_from_file(str(shots.edit))))


@pytest.mark.parametrize(
    ("suffix", "muted"), [("xml", "off"), ("xges", "gap"), ("fcpxml", "gap"), ("otioz", "off"), ("otiod", "off")]
)
def test_what_each_format_makes_of_the_mute(suffix: str, muted: str, tmp_path: Path) -> None:
    if suffix not in otio.adapters.suffixes_with_defined_adapters(write=True):
        pytest.skip(f"no adapter for .{suffix} is installed")
    shots = make_edit(tmp_path, form="url")
    timeline = otio.adapters.read_from_file(str(shots.edit))
    picture = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    for number in range(3):
        clip = timeline.tracks[0][number].clone()
        clip.name, clip.media_reference.target_url = f"picture {number}", (tmp_path / f"p{number}.mov").as_uri()
        picture.append(clip)
    timeline.tracks.insert(0, picture)
    timeline.to_json_file(str(shots.edit))
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), fade_before=9_600, fade_after=9_600)
    written = apply(shots.edit, proposals, tmp_path / f"new.{suffix}", bounce=True)
    assert {f.muted for f in written.bounces} == {muted}
    assert any("gaps are left" in note for note in written.notes) == (muted == "gap")
    read = otio.adapters.read_from_file(str(tmp_path / f"new.{suffix}"))
    clips = [c for c in read.find_clips() if c.media_reference and not is_disabled(c)]
    audio = [t for t in read.find_children(descended_from_type=otio.schema.Track) if t.kind == "Audio"]
    off = [c for t in audio for c in t if isinstance(c, otio.schema.Clip) and is_disabled(c)]
    assert len(off) == (2 if muted == "off" else 0)
    names = [c.media_reference.target_url for c in clips if hasattr(c.media_reference, "target_url")]
    assert any("new.A1-1.bounce.wav" in name for name in names), names
    # What the clip plays of the file is what the sidecar says, on whichever clock the format counts.
    (clip,) = [c for c in clips if "new.A1-1.bounce.wav" in getattr(c.media_reference, "target_url", "")]
    into = seconds(clip.source_range.start_time) - seconds(clip.media_reference.available_range.start_time)
    assert abs(into * 48_000 - written.bounces[0].plays_first_sample) < 0.01
    assert abs(seconds(clip.duration()) * 48_000 - written.bounces[0].plays_samples) < 0.01
    # Nothing that is not muted sounds under the bounce.
    points = find_edit_points(read, exact_rate(24))
    assert any("bounce" in (p.refusal or "") for p in points)


def test_bundles_hold_the_bounce(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE)
    apply(shots.edit, proposals, tmp_path / "new.otiod", bounce=True)
    inside = tmp_path / "new.otiod" / "media" / "new.A1-1.bounce.wav"
    assert inside.read_bytes() == (tmp_path / "new.A1-1.bounce.wav").read_bytes()


def test_the_sidecar_says_what_the_file_is(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    written = apply(shots.edit, with_joins(proposals_for(shots), **FADE), tmp_path / "new.otio", bounce=True)
    told = json.loads(written.sidecar.read_text(encoding="utf-8"))["bounces"]
    assert [b["path"] for b in told] == [f.path for f in written.bounces]
    for b in told:
        assert b["fade_last_sample"] - b["fade_first_sample"] + 1 == 16_004
        assert b["samples"] == soundfile.info(b["path"]).frames


def test_names_stay_in_their_folder() -> None:
    assert file_name(Path("d/new.v2.otio"), "A1:3", "A1", own=True) == "new.v2.A1-3.bounce.wav"
    assert file_name(Path("new.otio"), "A1/2.A1:3", "A2", own=False) == "new.A1-2.A1-3.A2.bounce.wav"
    hostile = file_name(Path("new.otio"), "../../etc/x:1", "A1", own=True)
    assert Path(hostile).name == hostile


def files_in(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}


def test_a_dry_run_writes_nothing_and_says_the_same(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    proposals = with_joins(proposals_for(shots), **FADE)
    before = files_in(tmp_path)
    dry = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True, dry_run=True)
    assert files_in(tmp_path) == before
    assert apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True) == dry


def test_what_goes_wrong_leaves_nothing_and_overwrites_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shots = make_edit(tmp_path)
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE)
    new, wave = tmp_path / "new.otio", tmp_path / "new.A1-1.bounce.wav"
    wave.write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"A1-1\.bounce\.wav: exists already"):
        apply(shots.edit, proposals, new, bounce=True)
    before = files_in(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    # The timeline cannot be written; the bounce that was there comes back.
    for name in (
        "amc_otio.timeline.write.Stage.commit",
        "amc_otio.workflow.write_json",
        "amc_otio.bounce.run.write_bwf",
    ):
        with monkeypatch.context() as patched:
            patched.setattr(name, full)
            with pytest.raises(OutputError, match="No space left on device"):
                apply(shots.edit, proposals, new, bounce=True, force=True)
        assert files_in(tmp_path) == before
        assert wave.read_bytes() == b"mine"
    apply(shots.edit, proposals, new, bounce=True, force=True)
    assert wave.read_bytes() != b"mine"


def test_media_of_the_timeline_is_never_overwritten(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    kept = tmp_path / "new.A1-1.bounce.wav"
    shots.media[0].rename(kept)
    timeline = otio.adapters.read_from_file(str(shots.edit))
    timeline.tracks[0][0].media_reference.target_url = kept.name
    timeline.to_json_file(str(shots.edit))
    held = kept.read_bytes()
    with pytest.raises(OutputError, match="is media of this timeline"):
        apply(shots.edit, with_joins(proposals_for(shots), **FADE), tmp_path / "new.otio", bounce=True, force=True)
    assert kept.read_bytes() == held


def test_media_that_went_offline_is_said(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    proposals = with_joins(proposals_for(shots), **FADE)
    before = files_in(tmp_path)
    shots.media[0].unlink()
    with pytest.raises(AmcError, match=r"a\.wav"):
        apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    assert files_in(tmp_path) == before - {"media/a.wav"}


def test_an_impossible_fade_of_a_changed_file_is_refused(tmp_path: Path) -> None:
    shots = make_edit(tmp_path)
    proposals = with_joins(proposals_for(shots), fade_before=480_000, fade_after=480_000)
    with pytest.raises(AmcError, match="reaches beyond the two shots"):
        apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    assert not list(tmp_path.glob("new*"))


def test_one_sound_track_is_left_to_picture_as_it_is(tmp_path: Path) -> None:
    """The picture is cut as without a bounce, and with --audio-only not at all."""
    shots = make_edit(tmp_path)
    timeline = otio.adapters.read_from_file(str(shots.edit))
    picture = timeline.tracks[0].clone()
    picture.kind, picture.name = otio.schema.TrackKind.Video, "V1"
    timeline.tracks.insert(0, picture)
    timeline.to_json_file(str(shots.edit))
    proposals = with_joins(proposals_for(shots, {"edit.audio_only": True}), **FADE)
    apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    made = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    assert same_fields(fields(made.tracks[0]), fields(timeline.tracks[0]))
    assert check_exact(tmp_path / "new.otio", 1) >= 1
    assert {f["track"] for f in (c.metadata["amc_otio"]["bounce"] for c, _ in bounce_clips(made))} == {"A1"}
    assert helpers.frame_rate(made) == 24


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


@pytest.mark.slow
def test_the_bundled_example_from_the_command_line(
    examples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A film's own AAC: seeking changes its noise a little, so the sources are met to -66 dB and not to the bit."""
    new = tmp_path / "new.otio"
    flags = ["--library", tmp_path / "library", "--gallery", examples / "media", examples / "sounds", "--bounce"]
    assert main([str(a) for a in ("match", examples / "match_cut.otio", "-o", new, *flags, "--json")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bounces"]
    for file in told["bounces"]:
        assert Path(file["path"]).parent == tmp_path
        sound = read_24(file["path"]) / 2**23
        first = file["fade_first_sample"]
        source = decode(file["outgoing"], file["outgoing_sample"], first, sample_rate=file["rate"])
        assert np.abs(sound[:, :first] - np.clip(source, -1, 1)).max() < 5e-4
    assert main(["revert", str(new), "-o", str(tmp_path / "back.otio")]) == 0
    assert "the bounces stay where they are: new.A1-" in capsys.readouterr().err


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


def test_a_picture_only_timeline(examples: Path, tmp_path: Path) -> None:
    """Its sound track is added first, then the bounce's; both go again."""
    shots = make_edit(tmp_path)
    timeline = otio.adapters.read_from_file(str(shots.edit))
    timeline.tracks[0].kind = otio.schema.TrackKind.Video
    film = examples / "media" / "sintel_trailer.mp4"
    for clip in timeline.tracks[0]:
        clip.media_reference = otio.schema.ExternalReference(
            str(film), helpers.TR(helpers.RT(0, 24), helpers.RT(1246, 24))
        )
        clip.source_range = helpers.TR(helpers.RT(300 + 200 * ord(clip.name) % 500, 24), helpers.RT(48, 24))
    timeline.to_json_file(str(shots.edit))
    proposals = with_joins(proposals_for(shots, {"match.silence_dbfs": -120.0}), fade_before=2_400, fade_after=2_400)
    new = tmp_path / "new.otio"
    written = apply(shots.edit, proposals, new, bounce=True)
    assert written.bounces
    made = otio.adapters.read_from_file(str(new))
    assert [t.kind for t in made.tracks] == ["Video", "Audio", "Audio"]
    revert(new, tmp_path / "back.otio")
    assert same_fields(fields(otio.adapters.read_from_file(str(tmp_path / "back.otio"))), fields(timeline))
