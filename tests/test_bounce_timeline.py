"""A bounced timeline: the track, what is muted, the files beside it, and what goes wrong."""

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
from amc_otio.errors import AmcError, OutputError, TimelineError
from amc_otio.formats.base import Target
from amc_otio.formats.registry import format_for
from amc_otio.matching.media_table import MediaTable
from amc_otio.media.decode import decode
from amc_otio.media.locate import Locator
from amc_otio.timeline.edit_points import find_edit_points
from amc_otio.timeline.equality import fields, same_fields
from amc_otio.timeline.rational import exact_rate, seconds
from amc_otio.timeline.read import read_timeline
from amc_otio.timeline.walk import is_disabled
from amc_otio.workflow import apply, revert

FADE = {"fade_before": 9_001, "fade_after": 7_003}


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
    ("suffix", "muted"), [("xml", "off"), ("xges", "gap"), ("fcpxml", "off"), ("otioz", "off"), ("otiod", "off")]
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
    new = tmp_path / f"new.{suffix}"
    read = format_for(new.suffix).read(new, Target(new, Fraction(24)))
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
    # What was put in refers to the bundle's own media now: nobody edited it, and the message does not say so.
    with pytest.raises(TimelineError, match="is a bundle with its own copies of the media") as caught:
        revert(tmp_path / "new.otiod", tmp_path / "back.otio")
    assert "edited" not in str(caught.value)
    assert not (tmp_path / "back.otio").exists()


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
        "amc_otio.formats.write.Stage.commit",
        "amc_otio.workflow.applying.write_json",
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


def test_a_bounce_that_the_timeline_plays_is_never_overwritten(tmp_path: Path) -> None:
    """Its name is free for a later run of the same output, whose edit point may be another."""
    shots = make_edit(tmp_path, names="abcd")
    new, again = tmp_path / "new.otio", tmp_path / "again.otio"
    (file,) = apply(shots.edit, with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE), new, bounce=True).bounces
    held = Path(file.path).read_bytes()
    new.rename(again)
    later = with_joins(proposals_for(replace(shots, edit=again)), **FADE)
    (one, *_) = [p for p in later.proposals if p.candidates]
    later = replace(later, proposals=(replace(one, point=replace(one.point, id="A1:1")),))
    with pytest.raises(OutputError, match=r"new\.A1-1\.bounce\.wav: is media of this timeline"):
        apply(again, later, new, bounce=True, force=True)
    assert Path(file.path).read_bytes() == held


def test_a_full_disk_is_said_of_the_file_that_was_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shots = make_edit(tmp_path)
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE)
    before = files_in(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("amc_otio.media.wav.os.fsync", full)
        with pytest.raises(OutputError, match="No space left on device") as caught:
            apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    assert caught.value.thing == str(tmp_path / "new.A1-1.bounce.wav")
    assert files_in(tmp_path) == before


def test_a_level_match_is_no_effect_and_has_returned_where_the_clip_goes_on(tmp_path: Path) -> None:
    """Resolve counts keyframes from a clip's start: what is left of the clip behind the bounce must not begin again."""
    shots = make_edit(tmp_path, tracks=2)
    proposals = with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE, gain_db=6.0, glide=12_000)
    written = apply(shots.edit, proposals, tmp_path / "new.otio", bounce=True)
    assert not any("carry effects" in note for note in written.notes)
    (note,) = [note for note in written.notes if "level match" in note]
    assert "only in the bounce" in note
    assert "--bounce" not in note
    made = otio.adapters.read_from_file(str(tmp_path / "new.otio"))
    muted, left = [c for c in made.tracks[0] if not c.overlapping() and c.effects]
    keys = [dict(c.effects[0].metadata["Resolve_OTIO"]["Parameters"][0]["Key Frames"]) for c in (muted, left)]
    assert not muted.enabled
    assert keys[0]["0"]["Value"] == 6.0
    assert left.enabled
    assert [key["Value"] for key in keys[1].values()] == [0.0]
    # An editor's own effect is one all the same.
    timeline = otio.adapters.read_from_file(str(shots.edit))
    timeline.tracks[0][0].effects.append(otio.schema.Effect("", effect_name="Reverb"))
    timeline.to_json_file(str(shots.edit))
    own = with_joins(proposals_for(shots, indexes=("A1:1",)), **FADE)
    notes = apply(shots.edit, own, tmp_path / "own.otio", bounce=True).notes
    assert [note for note in notes if "carry effects" in note] == [
        "A1:1: clips on A1 carry effects, which the bounce does not: it is the plain sound"
    ]


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
