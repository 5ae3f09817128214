"""The main job on the bundled film and sounds, the way a user runs it: one command in, a new timeline out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
import soundfile

from amc_otio.cli import main
from amc_otio.timeline.equality import fields, same_fields
from amc_otio.timeline.rational import seconds

RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One library for the module: the example's sounds are embedded once."""
    return tmp_path_factory.mktemp("library") / "lib"


@pytest.fixture
def edit(examples: Path) -> Path:
    return examples / "match_cut.otio"


def run(*argv: object) -> int:
    return main([str(a) for a in argv])


def options(library: Path, examples: Path) -> list[object]:
    return ["--library", library, "--gallery", examples / "media", examples / "sounds"]


def read(path: Path) -> otio.schema.Timeline:
    return otio.adapters.read_from_file(str(path))


def transitions(timeline: otio.schema.Timeline) -> list[otio.schema.Transition]:
    return [c for t in timeline.tracks for c in t if isinstance(c, otio.schema.Transition)]


def test_the_demo_writes_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = tmp_path / "out"
    assert run("demo", "-o", folder) == 0
    said = capsys.readouterr().out
    new = read(folder / "match_cut.new.otio")
    made = transitions(new)
    assert made
    assert all(t.parent().kind == "Audio" for t in made)
    sidecar = json.loads((folder / "match_cut.new.otio.amc.json").read_text(encoding="utf-8"))
    assert len(sidecar["changes"]) == len(made) == len(new.tracks.markers) - 1
    waves = sorted(folder.glob("*.wav"))
    assert {w.name.split(".")[1] for w in waves} == {"before", "plain", "after"}
    for wave in waves:
        samples, rate = soundfile.read(wave)
        assert rate == 48_000
        assert samples.ndim == 2  # the films' own channels
        assert np.abs(samples).max() > 0.001
        assert wave.name in said
    # Every clip's media is found from the new file's folder.
    for clip in new.find_clips():
        url = clip.media_reference.target_url
        assert (folder / url).exists() or Path(url).exists() or url.startswith("file:///"), url


def test_the_same_input_gives_the_same_output(tmp_path: Path, edit: Path, library: Path, examples: Path):
    for name in ("one.otio", "two.otio"):
        assert run("match", edit, "-o", tmp_path / name, *options(library, examples)) == 0
    assert (tmp_path / "one.otio").read_bytes() == (tmp_path / "two.otio").read_bytes()


@pytest.mark.parametrize("ripple", [False, True])
@pytest.mark.parametrize("mode", ["replace", "align", "insert"])
def test_each_mode_and_back(mode: str, ripple: bool, tmp_path: Path, edit: Path, library: Path, examples: Path):
    before = edit.read_bytes()
    new, back = tmp_path / "new.otio", tmp_path / "back.otio"
    flags = ["--mode", mode, "--short", "keep", *(["--ripple"] if ripple else [])]
    assert run("match", edit, "-o", new, *flags, *options(library, examples)) == 0
    old, made = read(edit), read(new)
    assert transitions(made)
    video, audio = made.tracks[0], made.tracks[1]
    assert seconds(video.duration()) == pytest.approx(seconds(audio.duration()), abs=1e-6)
    if not ripple:
        assert seconds(made.duration()) == pytest.approx(seconds(old.duration()), abs=1e-6)
    check_handles(audio)
    assert run("revert", new, "-o", back, "--dry-run") == 0
    assert not back.exists()
    assert run("revert", new, "-o", back) == 0
    assert same_fields(fields(read(back)), fields(old))
    assert edit.read_bytes() == before


def check_handles(track: otio.schema.Track) -> None:
    """Every crossfade has the media that it plays: nothing before a file's start or after its end."""
    children = list(track)
    for index, child in enumerate(children):
        if not isinstance(child, otio.schema.Transition):
            continue
        outgoing, incoming = children[index - 1], children[index + 1]
        start = seconds(incoming.source_range.start_time) - seconds(child.in_offset)
        end = seconds(outgoing.source_range.end_time_exclusive()) + seconds(child.out_offset)
        assert start >= seconds(incoming.available_range().start_time) - 1e-6
        assert end <= seconds(outgoing.available_range().end_time_exclusive()) + 0.05


def test_propose_choose_listen_apply(
    tmp_path: Path, edit: Path, library: Path, examples: Path, capsys: pytest.CaptureFixture[str]
):
    proposals = tmp_path / "p.json"
    flags = [*options(library, examples), "--at", "01:00:01:22", "-k", "3", "--short", "keep"]
    assert run("propose", edit, "-o", proposals, *flags, "--show-refused") == 0
    said = capsys.readouterr().out
    assert "as it is" in said
    assert run("preview", proposals, "-o", tmp_path / "wav", "--choose", "1=2") == 0
    assert run("apply", edit, proposals, "-o", tmp_path / "new.otio", "--choose", "1=2") == 0
    held = json.loads(proposals.read_text(encoding="utf-8"))["proposals"][0]
    chosen = held["candidates"][1]
    new = read(tmp_path / "new.otio")
    (transition,) = transitions(new)
    note = transition.metadata["amc_otio"]
    assert note["rank"] == 2
    assert note["source"] == chosen["media"]["path"]
    # Similarities fall with the rank, and the join's samples are kept.
    ranked = [c["scores"]["similarity"] for c in held["candidates"]]
    assert ranked == sorted(ranked, reverse=True)
    assert note["out_sample"] == chosen["query_start"] + chosen["join"]["out_point"]


def test_the_rendered_join_equals_its_sources_outside_the_fade(
    tmp_path: Path, edit: Path, library: Path, examples: Path
):
    from amc_otio.media.decode import decode
    from amc_otio.preview import render_join
    from amc_otio.proposals import read_proposals

    proposals = tmp_path / "p.json"
    assert run("propose", edit, "-o", proposals, *options(library, examples), "--index", "A1:1", "-k", "1") == 0
    proposal = read_proposals(proposals).proposals[0]
    candidate = proposal.candidates[0]
    sound = render_join(proposal, candidate)
    join = candidate.join
    out_at = candidate.query_start + join.out_point
    start = max(out_at - 3 * 48_000, round((proposal.point.outgoing.used_from) * 48_000))
    alone = out_at - join.fade_before - start
    source = decode(Path(proposal.point.outgoing.path), start, alone, sample_rate=48_000)
    np.testing.assert_allclose(sound[:, :alone], source, atol=2e-4)


def test_equal_whole_frames_where_the_format_needs_them(tmp_path: Path, edit: Path, library: Path, examples: Path):
    if "fcp_xml" not in otio.adapters.available_adapter_names():
        pytest.skip("otio-fcp-adapter is not installed")
    exact, whole = tmp_path / "new.otio", tmp_path / "new.xml"
    flags = [*options(library, examples), "--index", "A1:1", "--method", "crossfade", "--fade", "0.3"]
    assert run("match", edit, "-o", exact, *flags) == 0
    assert run("match", edit, "-o", whole, *flags) == 0
    (fade,) = transitions(read(exact))
    assert seconds(fade.in_offset) + seconds(fade.out_offset) == pytest.approx(0.3, abs=1e-6)
    made = read(whole)
    kept = [t for t in transitions(made) if t.parent().kind == "Audio"]
    assert [(t.in_offset.value, t.out_offset.value) for t in kept] in ([(4.0, 4.0)], [(3.0, 3.0)])


@pytest.mark.parametrize("suffix", ["otioz", "otiod"])
def test_bundles_in_and_out(
    suffix: str, tmp_path: Path, edit: Path, library: Path, examples: Path, monkeypatch: pytest.MonkeyPatch
):
    # Relative media is found from the timeline's folder, wherever the command is run.
    monkeypatch.chdir(tmp_path)
    new = tmp_path / f"new.{suffix}"
    assert run("match", edit, "-o", new, *options(library, examples), "--index", "A1:1") == 0
    made = read(new)
    assert transitions(made)
    assert not [c.name for c in made.find_clips() if isinstance(c.media_reference, otio.schema.MissingReference)]
    # And a bundle is read again, its media inside.
    assert run("match", new, "-o", tmp_path / "again.otio", "--library", tmp_path / "l2", "--mode", "align") == 0


def test_a_bundle_says_which_media_it_lacks(
    tmp_path: Path, edit: Path, library: Path, examples: Path, capsys: pytest.CaptureFixture[str]
):
    timeline = read(edit)
    folder = tmp_path / "a b #1"
    folder.mkdir()
    for clip in timeline.find_clips():
        name = Path(clip.media_reference.target_url).name
        clip.media_reference.target_url = name if "sintel" in name else "gone.mp4"
        if "sintel" in name and not (folder / name).exists():
            (folder / name).write_bytes((examples / "media" / name).read_bytes())
    timeline.to_json_file(str(folder / "edit.otio"))
    flags = ["--library", library, "--gallery", folder, "--index", "A1:1"]
    assert run("match", folder / "edit.otio", "-o", tmp_path / "n.otioz", *flags) == 0
    assert "does not hold the media of 2 clips" in capsys.readouterr().err


def test_a_picture_only_timeline_gets_a_sound_track(tmp_path: Path, edit: Path, library: Path, examples: Path):
    timeline = read(edit)
    timeline.tracks.pop(1)
    for clip in timeline.find_clips():
        clip.media_reference.target_url = str(examples / clip.media_reference.target_url)
        del clip.metadata["Resolve_OTIO"]
    source, new, back = tmp_path / "v.otio", tmp_path / "new.otio", tmp_path / "back.otio"
    timeline.to_json_file(str(source))
    assert run("match", source, "-o", new, *options(library, examples)) == 0
    made = read(new)
    assert [t.kind for t in made.tracks] == ["Video", "Audio"]
    assert transitions(made)
    # Picture and sound are cut together.
    assert [c.name for c in made.tracks[0]] == [c.name for c in made.tracks[1] if not c.overlapping()]
    assert run("revert", new, "-o", back) == 0
    assert same_fields(fields(read(back)), fields(read(source)))


def test_sound_tracks_that_count_samples(tmp_path: Path, edit: Path, library: Path, examples: Path):
    timeline = read(edit)
    for clip in timeline.tracks[1]:
        clip.media_reference.target_url = str(examples / clip.media_reference.target_url)
        used = clip.source_range
        clip.source_range = TR(used.start_time.rescaled_to(48000), used.duration.rescaled_to(48000))
    timeline.tracks.pop(0)
    source, new = tmp_path / "a.otio", tmp_path / "new.otio"
    timeline.to_json_file(str(source))
    assert run("match", source, "-o", new, *options(library, examples), "--index", "A1:1") == 0
    made = read(new)
    cut = made.tracks[0][0]
    assert cut.source_range.duration.rate == 48000
    assert cut.source_range.duration.value == int(cut.source_range.duration.value)


def test_one_offline_file_does_not_stop_the_rest(
    tmp_path: Path, edit: Path, library: Path, examples: Path, capsys: pytest.CaptureFixture[str]
):
    timeline = read(edit)
    for clip in timeline.find_clips():
        url = clip.media_reference.target_url
        clip.media_reference.target_url = str(examples / url) if "sintel" in url else "/gone/bunny #1.mp4"
    source = tmp_path / "o.otio"
    timeline.to_json_file(str(source))
    assert run("match", source, "-o", tmp_path / "new.otio", *options(library, examples)) == 0
    said = capsys.readouterr().err
    assert said.count("bunny #1.mp4") == 1
    # Relinked by a search root, it is there again.
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "bunny #1.mp4").write_bytes((examples / "media" / "bbb_opening_25fps.mp4").read_bytes())
    flags = ["--search-root", tmp_path / "found", "--force"]
    assert run("match", source, "-o", tmp_path / "new.otio", *options(library, examples), *flags) == 0
    assert "bunny #1.mp4" not in capsys.readouterr().err


@pytest.mark.parametrize(("suffix", "said"), [("edl", "dropped the audio tracks")])
def test_what_a_format_drops_is_said(
    suffix: str,
    said: str,
    tmp_path: Path,
    edit: Path,
    library: Path,
    examples: Path,
    capsys: pytest.CaptureFixture[str],
):
    if suffix not in otio.adapters.suffixes_with_defined_adapters(write=True):
        pytest.skip(f"no adapter for .{suffix} is installed")
    new = tmp_path / f"new.{suffix}"
    assert run("match", edit, "-o", new, *options(library, examples), "--index", "A1:1") == 0
    assert said in capsys.readouterr().err
    assert any(said in note for note in json.loads((tmp_path / f"new.{suffix}.amc.json").read_text())["notes"])


def test_a_real_editors_format_in(tmp_path: Path, edit: Path, library: Path, examples: Path):
    """FCP 7 XML in, OTIO out: what editors hand over is cut as well as OTIO's own format."""
    if "fcp_xml" not in otio.adapters.available_adapter_names():
        pytest.skip("otio-fcp-adapter is not installed")
    timeline = read(edit)
    for clip in timeline.find_clips():
        clip.media_reference.target_url = (examples / clip.media_reference.target_url).as_uri()
    source, new = tmp_path / "edit.xml", tmp_path / "new.otio"
    otio.adapters.write_to_file(timeline, str(source))
    assert run("match", source, "-o", new, *options(library, examples), "--index", "A1:1") == 0
    assert len(transitions(read(new))) == 1


def test_a_clip_that_plays_one_channel_is_heard_as_one(tmp_path: Path, edit: Path, library: Path, examples: Path):
    """An editor's export says which channels of the file a clip plays: matching and preview keep to them."""
    timeline = read(edit)
    for clip in timeline.find_clips():
        clip.media_reference.target_url = str(examples / clip.media_reference.target_url)
        clip.metadata["Resolve_OTIO"]["Channels"] = [{"Source Channel ID": 1, "Source Track ID": 0}]
    source, proposals = tmp_path / "mono.otio", tmp_path / "p.json"
    timeline.to_json_file(str(source))
    flags = [*options(library, examples), "--index", "A1:1", "-k", "1", "--short", "keep"]
    assert run("propose", source, "-o", proposals, *flags) == 0
    assert json.loads(proposals.read_text())["proposals"][0]["point"]["outgoing"]["channels"] == [[0, 1]]
    assert run("preview", proposals, "-o", tmp_path / "wav") == 0
    (wave,) = (tmp_path / "wav").glob("*.after.wav")
    assert soundfile.info(wave).channels == 1
