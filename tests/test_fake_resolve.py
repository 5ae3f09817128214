"""The stand-in for Resolve: it refuses what is not documented, and what it writes is read rightly."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest
from fake_resolve import FREE_PYTHON, OLD, STUDIO, STUDIO_21_1, Faults, Media, Session, Shot, Timeline, Track
from fake_resolve.build import blank
from fake_resolve.writing import write
from resolve_helpers import film

from amc_otio.timeline.edit_points import find_edit_points
from amc_otio.timeline.links import find_links
from amc_otio.timeline.rational import seconds
from amc_otio.timeline.read import read_timeline

FILM = Media("/footage/A001.mov", "A001.mov", Fraction(24), 86400 * 10, 500)
INTERVIEW = Media("/footage/B 002.mxf", "B 002.mxf", Fraction(25), 90000, 900, channels=1)


def edit() -> Timeline:
    """Two linked shots of different rates, a compound, a track that ends early."""
    nest = Shot(48, Media("", "Compound 1", Fraction(24), 0, 48, kind="Compound"), "Compound 1")
    nest.nested = [Track("audio", "Audio 1", [Shot(48, FILM, "in the nest", 86400 * 10 + 100)])]
    shots = [Shot(48, FILM, "a", 86400 * 10 + 60, 1), Shot(48, INTERVIEW, "b", 90100, 2)]
    more = [Shot(48, FILM, "a", 86400 * 10 + 60, 1), Shot(48, INTERVIEW, "b", 90100, 2), nest]
    return Timeline("Reel 1", Fraction(24), 86400, [Track("video", "Video 1", shots), Track("audio", "Audio 1", more)])


def test_the_shape_that_resolve_writes_is_read_rightly(tmp_path: Path) -> None:
    write(edit(), tmp_path / "reel.otio")
    loaded = read_timeline(tmp_path / "reel.otio")
    points = find_edit_points(loaded.timeline, loaded.rate)
    assert [(p.id, p.timecode) for p in points] == [
        ("A1:1", "01:00:02:00"),
        ("A1:2", "01:00:04:00"),
        ("A1:3", "01:00:06:00"),
        ("A1/3.A1:1", ""),  # in the compound
    ]
    first = points[0].outgoing
    assert first.channels == ((0, 0), (0, 1)) and points[0].incoming.channels == ((0, 0),)
    assert seconds(first.source_range.start_time) == Fraction(86400 * 10 + 60, 24)
    assert points[0].incoming.source_range.start_time.rate == 25
    assert find_links(loaded.timeline) == {(0, 0): ((1, 0),), (1, 0): ((0, 0),), (0, 1): ((1, 1),), (1, 1): ((0, 1),)}
    video, audio = loaded.timeline.tracks
    assert isinstance(video[-1], otio.schema.Gap) and video.duration() == audio.duration()
    assert isinstance(audio[2], otio.schema.Stack)
    assert video[0].media_reference.target_url == "/footage/A001.mov"


def test_calls_that_are_not_documented_are_refused(examples: Path) -> None:
    session = film(examples, STUDIO)
    project = session.resolve.GetProjectManager().GetCurrentProject()
    timeline = project.GetCurrentTimeline()
    item = timeline.GetItemListInTrack("audio", 1)[0]
    assert hasattr(timeline, "Frobnicate") and "Frobnicate" not in dir(timeline) and not timeline.Frobnicate
    for wrong in (
        lambda: timeline.Frobnicate(),
        lambda: item.AddTransition({}),  # 21.1
        lambda: timeline.AddMarker("46", "Blue", "", "", 1),
        lambda: timeline.GetItemListInTrack("audio"),
        lambda: timeline.GetTrackCount("sound"),
        lambda: project.GetMediaPool().ImportTimelineFromFile("a.otio", {"name": "x"}),
        lambda: project.GetMediaPool().ImportTimelineFromFile("a.otio", {"importSourceClips": 1}),
    ):
        with pytest.raises(AssertionError):
            wrong()


def test_editions_differ_in_constants_calls_and_windows(examples: Path, tmp_path: Path) -> None:
    old, studio, new = (film(examples, e) for e in (OLD, STUDIO, STUDIO_21_1))
    assert "EXPORT_OTIO" not in dir(old.resolve) and old.resolve.EXPORT_NONE != studio.resolve.EXPORT_NONE
    timeline = studio.resolve.GetProjectManager().GetCurrentProject().GetCurrentTimeline()
    assert timeline.Export(str(tmp_path / "a.otio"), "EXPORT_OTIO", "EXPORT_NONE") is False
    assert timeline.Export(str(tmp_path / "a.otio"), new.resolve.EXPORT_OTIO, new.resolve.EXPORT_NONE) is False
    assert studio.fusion.UIManager and film(examples, FREE_PYTHON).fusion.UIManager is None


def pool(session: Session):  # type: ignore[no-untyped-def]
    return session.resolve.GetProjectManager().GetCurrentProject().GetMediaPool()


def test_an_import_is_strict(examples: Path, tmp_path: Path) -> None:
    session = film(examples, STUDIO, Faults())
    path = tmp_path / "a.otio"
    write(session.project.timelines[0], path)
    assert pool(session).ImportTimelineFromFile(str(path), {"timelineName": "Match cut"}) is None  # in use
    offline = pool(session).ImportTimelineFromFile(str(path), {"timelineName": "x", "importSourceClips": False})
    assert all(item.GetMediaPoolItem() is None for item in offline.GetItemListInTrack("video", 1))
    early = otio.adapters.read_from_file(str(path))
    for clip in early.find_clips():
        used = clip.source_range
        clip.source_range = type(used)(used.start_time - otio.opentime.RationalTime(5000, 24), used.duration)
    otio.adapters.write_to_file(early, str(path))
    assert pool(session).ImportTimelineFromFile(str(path), {"timelineName": "y"}) is None  # not on the timecode
    session.project.name = "Untitled Project"
    assert pool(session).ImportTimelineFromFile(str(path), {"timelineName": "z"}) is None


def test_no_project_and_no_timeline() -> None:
    assert Session(None).resolve.GetProjectManager().GetCurrentProject() is None
    assert Session(blank()).resolve.GetProjectManager().GetCurrentProject().GetCurrentTimeline() is None
