"""Reading timelines: what comes out, from where media is resolved, and what is said when it cannot be."""

from __future__ import annotations

import hashlib
import json
import zipfile
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import opentimelineio as otio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timelines import RationalTime, clip, gap, span, stack, timeline, track, transition

from amc_otio.errors import TimelineError
from amc_otio.timeline.edit_points import find_edit_points
from amc_otio.timeline.read import edit_rate, ensure_sound_tracks, read_timeline
from amc_otio.timeline.select import markers_of


def write(path: Path, thing: Any) -> Path:
    path.write_text(otio.adapters.write_to_string(thing, "otio_json"), encoding="utf-8")
    return path


def refused(path: Path, words: str, **options: Any) -> str:
    with pytest.raises(TimelineError) as caught:
        read_timeline(path, **options)
    text = str(caught.value)
    assert words in text
    assert path.name in text
    assert "\n" not in text
    return text


def bundle(path: Path, edit: Any, media: bytes = b"RIFF") -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("version.txt", "1.0.0")
        file.writestr("content.otio", otio.adapters.write_to_string(edit, "otio_json"))
        file.writestr("media/a b.wav", media)
    return path


def test_an_otio_file(tmp_path: Path) -> None:
    path = write(tmp_path / "édit 1.otio", timeline(track(clip("a"), clip("b"))))
    loaded = read_timeline(path)
    assert [c.name for c in loaded.timeline.tracks[0]] == ["a", "b"]
    assert loaded.rate == 24
    assert loaded.base == tmp_path
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not loaded.sound_track_added
    assert loaded.notes == ()


def test_relative_paths_are_absolute_in_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.otio", timeline(track(clip("a"))))
    monkeypatch.chdir(tmp_path)
    assert read_timeline("a.otio").base == tmp_path


def test_an_otioz_bundle_is_unpacked_once(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a.otioz", timeline(track(clip("a", url="media/a b.wav"))))
    cache = tmp_path / "cache"
    first = read_timeline(path, bundle_dir=cache)
    assert (first.base / "media" / "a b.wav").read_bytes() == b"RIFF"
    assert first.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    stamp = (first.base / "media" / "a b.wav").stat().st_mtime_ns
    again = read_timeline(path, bundle_dir=cache)
    assert again.base == first.base
    assert (again.base / "media" / "a b.wav").stat().st_mtime_ns == stamp
    # Something deleted from the cache comes back; nothing else is left behind.
    (first.base / "media" / "a b.wav").unlink()
    read_timeline(path, bundle_dir=cache)
    assert (first.base / "media" / "a b.wav").is_file()
    assert list(cache.iterdir()) == [first.base]


def test_the_default_place_for_bundles_is_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    loaded = read_timeline(bundle(tmp_path / "a.otioz", timeline(track(clip("a")))))
    assert tmp_path in loaded.base.parents
    assert "amc-otio" in loaded.base.parts


def test_bundles_that_cannot_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    path = bundle(tmp_path / "a.otioz", timeline(track(clip("a"))))
    refused(path, "cannot be unpacked", bundle_dir=tmp_path / "file")
    data = bytearray(bundle(tmp_path / "b.otioz", timeline(track(clip("a"))), b"sound" * 100).read_bytes())
    at = data.find(b"soundsound")
    data[at : at + 5] = b"SOUND"
    (tmp_path / "b.otioz").write_bytes(bytes(data))
    refused(tmp_path / "b.otioz", "damaged", bundle_dir=tmp_path / "cache")
    assert not any((tmp_path / "cache").iterdir())


def test_an_otiod_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a.otiod"
    folder.mkdir()
    write(folder / "content.otio", timeline(track(clip("a", url="media/a.wav"))))
    loaded = read_timeline(folder)
    assert loaded.base == folder
    assert loaded.path == folder
    assert loaded.sha256 == hashlib.sha256((folder / "content.otio").read_bytes()).hexdigest()


@pytest.mark.parametrize("text", ["[]", "{}", "[1, 2]", '{"a": 1}', "1", "null", '"x"', "", "{", "nonsense", "\x00"])
def test_json_that_is_no_timeline(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.otio"
    path.write_text(text, encoding="utf-8")
    refused(path, "; ")


@pytest.mark.parametrize(
    "text",
    [
        '{"OTIO_SCHEMA": "Timeline.1"}',
        '{"OTIO_SCHEMA": "Timeline.1", "tracks": 5}',
        '{"OTIO_SCHEMA": "Timeline.1", "tracks": null, "name": null}',
        '{"OTIO_SCHEMA": "Stack.1", "children": [null]}',
        '{"OTIO_SCHEMA": "Nobody.1"}',
        '{"OTIO_SCHEMA": "RationalTime.1", "value": 1, "rate": 24}',
        '{"OTIO_SCHEMA": 7}',
    ],
)
def test_damaged_otio_never_gives_another_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.otio"
    path.write_text(text, encoding="utf-8")
    try:
        read_timeline(path)
    except TimelineError as error:
        assert "\n" not in str(error)


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The key path of every value in a JSON document."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(*at, key) for key, _ in children] + [p for key, inner in children for p in _places(inner, (*at, key))]


def _document() -> dict[str, Any]:
    nest = stack(track(clip("c"), clip("d")), source_range=span(3, 70))
    edit = timeline(
        track(clip("a"), transition(), clip("b"), gap(), nest),
        track(clip("a"), clip("b"), kind="Video"),
        start=RationalTime(86400, 24),
    )
    edit.tracks[0][0].metadata["fcp_xml"] = {"@id": "c1", "link": [{"linkclipref": "c2"}]}
    edit.tracks[0][2].metadata["Resolve_OTIO"] = {"Link Group ID": 3, "Channels": [{"Source Channel ID": 0}]}
    edit.tracks[0][0].markers.append(otio.schema.Marker("m", span(3, 1)))
    return dict(json.loads(otio.adapters.write_to_string(edit, "otio_json")))


_ODD = [None, 0, -1, 1, 1e308, 1e18, float("nan"), float("inf"), "", "x", [], {}, [None], True, 2**63 - 1]


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(_places(_document())), st.sampled_from(_ODD))
def test_any_damaged_value_gives_edit_points_or_one_line(place: tuple[Any, ...], odd: Any) -> None:
    document: Any = _document()
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = odd
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.otio"
        path.write_text(json.dumps(document))
        try:
            loaded = read_timeline(path)
            points = find_edit_points(loaded.timeline, loaded.rate)
            markers_of(loaded.timeline)
        except TimelineError as error:
            assert "\n" not in str(error)
        else:
            assert all(point.outgoing is not None for point in points)


def test_one_of_several_timelines_is_chosen_by_name(tmp_path: Path) -> None:
    several = otio.schema.SerializableCollection("project")
    for name in ("Reel 1", "Reel 2", "Reel 2"):
        made = timeline(track(clip(name)))
        made.name = name
        several.append(made)
    path = write(tmp_path / "a.otio", several)
    text = refused(path, "holds 3 timelines")
    assert "#1 'Reel 1'" in text
    assert read_timeline(path, name="Reel 1").timeline.name == "Reel 1"
    assert read_timeline(path, name="#3").timeline.tracks[0][0].name == "Reel 2"
    refused(path, "holds 2 timelines 'Reel 2'", name="Reel 2")
    refused(path, "holds no timeline 'Reel 9'", name="Reel 9")
    refused(path, "holds no timeline '#4'", name="#4")


@pytest.mark.parametrize(
    "thing", [clip("a"), track(clip("a")), stack(track(clip("a")))], ids=["clip", "track", "stack"]
)
def test_a_bare_part_is_wrapped(tmp_path: Path, thing: Any) -> None:
    loaded = read_timeline(write(tmp_path / "a.otio", thing))
    assert next(c.name for c in loaded.timeline.find_clips()) == "a"
    assert len(loaded.timeline.audio_tracks()) == 1


def test_a_missing_adapter_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "a.kdenlive").write_text("<mlt/>")
    refused(tmp_path / "a.kdenlive", "pip install otio-kdenlive-adapter")
    (tmp_path / "a.zzz").write_text("?")
    refused(tmp_path / "a.zzz", "no installed OTIO adapter")
    (tmp_path / "a.otio").write_text("{}")
    refused(tmp_path / "a.otio", "a.otio", adapter="nobody")


def test_a_newer_schema_is_named(tmp_path: Path) -> None:
    document = json.loads(otio.adapters.write_to_string(timeline(track(clip("a"))), "otio_json"))
    document["tracks"]["children"][0]["OTIO_SCHEMA"] = "Track.99"
    (tmp_path / "a.otio").write_text(json.dumps(document))
    text = refused(tmp_path / "a.otio", "newer OpenTimelineIO")
    assert "Track.99" in text


def test_an_edl_says_no_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("otio_cmx3600_adapter")
    path = tmp_path / "a.edl"
    path.write_text(
        "TITLE: t\n\n001  AX AA C 00:00:00:00 00:00:02:00 10:00:00:00 10:00:02:00\n* FROM CLIP NAME: a.wav\n"
        "002  AX AA C 00:00:00:00 00:00:01:24 10:00:02:00 10:00:03:24\n* FROM CLIP NAME: b.wav\n"
    )
    assert "frame rate" in refused(path, "Frame rate mismatch")
    loaded = read_timeline(path, rate=Fraction(25))
    assert loaded.rate == 25
    assert capsys.readouterr().out == ""


def test_errors_of_validation_name_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.otio", timeline(track(clip("a", frames=-3))))
    refused(path, "negative duration")


def test_adapters_cannot_print_on_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def loud(*_args: Any, **_kwargs: Any) -> Any:
        print("hello from the adapter")
        raise RuntimeError("two\nlines")

    path = write(tmp_path / "a.otio", timeline(track(clip("a"))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(otio.adapters, "read_from_file", loud)
        refused(path, "RuntimeError: two lines")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("rate", "exact"),
    [
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (23.976023976023978, Fraction(24000, 1001)),
        (24, Fraction(24)),
        (25, Fraction(25)),
        (29.97, Fraction(30000, 1001)),
        (30, Fraction(30)),
        (47.952, Fraction(48000, 1001)),
        (48, Fraction(48)),
        (50, Fraction(50)),
        (59.94, Fraction(60000, 1001)),
        (60, Fraction(60)),
        (12.5, Fraction(25, 2)),
    ],
)
def test_edit_rates_are_exact(rate: float, exact: Fraction) -> None:
    assert edit_rate(timeline(track(clip("a", rate=rate)))) == exact
    assert edit_rate(timeline(start=RationalTime(0, rate))) == exact


def test_the_rate_of_sound_is_no_edit_rate() -> None:
    sound = track(clip("a", rate=48000, frames=48000))
    assert edit_rate(timeline(sound.deepcopy(), start=RationalTime(0, 25))) == 25
    assert edit_rate(timeline(sound.deepcopy(), track(clip("v", rate=30), kind="Video"))) == 30
    assert edit_rate(timeline(sound.deepcopy(), track(gap(24, 25)))) == 25
    assert edit_rate(timeline(sound.deepcopy(), start=RationalTime(0, 48000))) == 48000
    assert edit_rate(timeline(track(clip("a", rate=50), name="A"), track(clip("v", rate=24), kind="Video"))) == 24
    assert edit_rate(timeline()) == 24


def test_a_cut_list_of_pictures_gets_a_sound_track() -> None:
    picture = track(clip("a"), transition(), clip("b"), gap(), stack(track(clip("c"), kind="Video")), kind="Video")
    edit = timeline(track(gap(), kind="Video"), picture, track(clip("z"), kind="Video"))
    assert ensure_sound_tracks(edit)
    sound = edit.tracks[3]
    assert (sound.kind, sound.name) == ("Audio", "A1")
    assert [type(c).__name__ for c in sound] == ["Clip", "Clip", "Gap", "Stack"]
    assert sound[0].source_range == picture[0].source_range
    assert sound[0].media_reference.target_url == picture[0].media_reference.target_url
    assert len(picture) == 5
    assert not ensure_sound_tracks(edit)


def test_timelines_with_sound_or_nothing_stay_as_they_are() -> None:
    assert not ensure_sound_tracks(timeline(track(clip("a"), kind="Video"), track()))
    assert not ensure_sound_tracks(timeline(track(gap(), kind="Video")))
    assert not ensure_sound_tracks(timeline(track(stack(track(clip("a"))), kind="Video")))
    assert not ensure_sound_tracks(timeline())


def test_reading_without_adding_a_sound_track(tmp_path: Path) -> None:
    path = write(tmp_path / "a.otio", timeline(track(clip("a", available=span(0, 500)), kind="Video")))
    assert not read_timeline(path, sound_track=False).timeline.audio_tracks()
    loaded = read_timeline(path)
    assert loaded.sound_track_added
    assert any("no audio track" in note for note in loaded.notes)
