"""The free edition's two clicks: the Lua scripts under real Lua interpreters, the watcher with the real workflow."""

from __future__ import annotations

import json
from pathlib import Path

import opentimelineio as otio
import pytest
from fake_resolve import FREE_LUA, Faults, Marker, Project, Session, Shot, Transition
from fake_resolve.build import blank, project_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lua_bridge import INTERPRETERS, Bridge

from amc_otio.cli import main
from amc_otio.resolve.exchange import Exchange, parse_request
from amc_otio.resolve.installing import menu_scripts

pytestmark = pytest.mark.skipif(not INTERPRETERS, reason="no luajit, lua5.1 or lua5.4 on this machine")

ENTRIES = {"playhead": "Send Playhead", "in-out": "Send In-Out", "markers": "Send Markers", "all": "Send All"}
SECOND_CUT = "01:00:04:12"  # 108 frames from the start: "Sintel listens" | "Ruined city"


class Desk:
    """An editor at the free edition: the menu, and the exchange folder."""

    def __init__(self, folder: Path, project: Project | None, interpreter: str, faults: Faults | None = None) -> None:
        self.menu, self.exchange = folder / "menu", Exchange(folder / "exchange")
        self.menu.mkdir(parents=True)
        self.exchange.make()
        for name, content in menu_scripts("lua", self.exchange.folder).items():
            (self.menu / name).write_bytes(content)
        self.session = Session(project, FREE_LUA, faults)
        self.bridge = Bridge(self.session, interpreter)
        self.project = project

    def send(self, what: str) -> str:
        """Click one of the Send entries."""
        return self.bridge.click(self.menu / f"Match Cut - {ENTRIES[what]}.lua")

    def bring_back(self) -> str:
        """Click Bring Back."""
        return self.bridge.click(self.menu / "Match Cut - Bring Back.lua")

    def watch(self, *options: str) -> int:
        """Let the watcher do what is there."""
        arguments = ["resolve", "watch", "--once", "--exchange", str(self.exchange.folder), "--workers", "1"]
        return main([*arguments, "--representation", "mfcc", *options])

    def requests(self) -> list[str]:
        """Names of what was exported."""
        return sorted(path.name for path in self.exchange.requests.iterdir())


@pytest.fixture
def film(examples: Path) -> Project:
    """The bundled example as a project; its playhead is on the second cut."""
    made = project_of(examples / "match_cut.otio", sorted((examples / "sounds").iterdir()))
    assert made.current is not None
    made.current.playhead = SECOND_CUT
    made.current.markers = {}
    return made


@pytest.fixture(params=INTERPRETERS)
def desk(request: pytest.FixtureRequest, tmp_path: Path, film: Project) -> Desk:
    """The editor, once for each interpreter."""
    return Desk(tmp_path, film, request.param)


@pytest.fixture
def one_desk(tmp_path: Path, film: Project) -> Desk:
    """The editor with the first interpreter."""
    return Desk(tmp_path, film, INTERPRETERS[0])


def fades(timeline: object) -> list[Transition]:
    """Transitions on audio tracks."""
    tracks = [track for track in timeline.tracks if track.kind == "audio"]  # type: ignore[attr-defined]
    return [item for track in tracks for item in track.items if isinstance(item, Transition)]


def names(timeline: object, kind: str = "audio") -> list[str]:
    """Names of the shots of the first track of a kind."""
    track = next(track for track in timeline.tracks if track.kind == kind)  # type: ignore[attr-defined]
    return [item.name for item in track.items if isinstance(item, Shot)]


def test_two_clicks_make_a_new_timeline(desk: Desk, examples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = desk.project.current
    before, markers = names(old), dict(old.markers)
    said = desk.send("playhead")
    assert "now click Match Cut - Bring Back" in said
    (request,) = desk.requests()
    assert ".tc-01-00-04-12.default.Match_cut.otio" in request
    assert desk.watch("--gallery", str(examples / "sounds"), str(examples / "media")) == 0
    said = desk.bring_back()
    new = desk.project.current
    assert new is not old and new.name == "Match cut match cut" and len(desk.project.timelines) == 2
    assert "made the timeline 'Match cut match cut': 1 match cut; " in said and "offline" not in said
    assert "but" not in said, said
    # The shot behind the second cut is another now, with a crossfade; nothing else has changed.
    changed = [(a, b) for a, b in zip(before, names(new), strict=True) if a != b]
    assert [a for a, _ in changed] == ["Ruined city"]
    assert len(fades(new)) == 1 and fades(new)[0].name == "Cross Fade 0 dB"
    assert all(
        shot.media.online for track in new.tracks for shot in track.items if isinstance(shot, Shot) and shot.media
    )
    # The old timeline is as it was, the marker that remembered the job is gone, and the new one has none of it.
    assert names(old) == before and not fades(old) and old.markers == markers
    assert [m.name for m in new.markers.values() if m.name.startswith("Match Cut")] == []
    assert "nothing was sent" in desk.bring_back()


def test_two_jobs_are_brought_back_together(one_desk: Desk, examples: Path) -> None:
    one_desk.send("playhead")
    one_desk.project.current.playhead = "01:00:01:22"
    one_desk.send("playhead")
    old = one_desk.project.current
    assert len(one_desk.requests()) == 2 and len(old.markers) == 2
    assert one_desk.watch("--gallery", str(examples / "sounds"), str(examples / "media")) == 0
    one_desk.bring_back()
    assert [t.name for t in one_desk.project.timelines] == ["Match cut", "Match cut match cut", "Match cut match cut 2"]
    assert not old.markers


def test_the_name_of_every_timeline_is_looked_at(one_desk: Desk, examples: Path) -> None:
    for name in ("Match cut match cut", "Match cut match cut 2"):
        one_desk.project.timelines.append(blank_timeline(name))
    one_desk.send("playhead")
    one_desk.watch("--gallery", str(examples / "sounds"), str(examples / "media"))
    assert "made the timeline 'Match cut match cut 3'" in one_desk.bring_back()


def blank_timeline(name: str) -> object:
    """A timeline of nothing."""
    from fractions import Fraction

    from fake_resolve import Timeline

    return Timeline(name, Fraction(24), 86400)


# ------------------------------------------------------------------------------------------- which edit points, mode


@pytest.mark.parametrize(
    ("what", "where"), [("all", "all"), ("in-out", "range-100-200"), ("markers", "at-46_108"), ("playhead", "tc-01-")]
)
def test_what_is_sent_stands_in_the_name(one_desk: Desk, what: str, where: str) -> None:
    timeline = one_desk.project.current
    timeline.mark = {"audio": {"in": 100, "out": 200}}
    timeline.markers = {46.0: Marker("Green", "a", "", 1, ""), 108.0: Marker("Red", "b", "", 1, "")}
    timeline.markers[0.0] = Marker("Blue", "Match Cut", "mode=insert", 1, "")
    one_desk.send(what)
    (name,) = one_desk.requests()
    assert f".{where}" in name
    request = parse_request(name)
    assert request is not None and request.mode == "insert"
    if what == "markers":
        assert request.at == ("46", "108")
    if what == "in-out":
        assert request.range == ("100", "200")


def test_only_markers_of_a_colour(one_desk: Desk) -> None:
    timeline = one_desk.project.current
    timeline.markers = {46.0: Marker("Green", "a", "", 1, ""), 108.0: Marker("Red", "b", "", 1, "")}
    timeline.markers[0.0] = Marker("Blue", "Match Cut", "colour = red", 1, "")
    one_desk.send("markers")
    assert ".at-108." in one_desk.requests()[0]


def test_in_and_out_from_the_start_frame(one_desk: Desk) -> None:
    one_desk.project.current.mark = {"video": {"in": 86_500, "out": 86_600}}
    one_desk.send("in-out")
    assert ".range-100-200." in one_desk.requests()[0]


@pytest.mark.parametrize(
    ("what", "prepare", "says"),
    [
        ("in-out", lambda t: None, "set an in and an out point"),
        ("markers", lambda t: None, "has no marker"),
        (
            "markers",
            lambda t: t.markers.update({0.0: Marker("Red", "Match Cut", "color=Green", 1, "")}),
            "no green marker",
        ),
        (
            "markers",
            lambda t: t.markers.update({float(n): Marker("Red", "", "", 1, "") for n in range(99)}),
            "too many",
        ),
        ("all", lambda t: t.markers.update({0.0: Marker("Red", "Match Cut", "mode=x", 1, "")}), "mode=x"),
        ("playhead", lambda t: setattr(t, "playhead", ""), "does not say where the playhead is"),
        ("all", lambda t: t.tracks.clear(), "no sound to match"),
    ],
)
def test_what_cannot_be_sent_is_said(one_desk: Desk, what: str, prepare: object, says: str) -> None:
    prepare(one_desk.project.current)  # type: ignore[operator]
    assert says in one_desk.send(what)
    assert one_desk.requests() == []


# ----------------------------------------------------------------------------------------------------- what goes wrong


def test_no_result_yet(one_desk: Desk) -> None:
    one_desk.send("playhead")
    said = one_desk.bring_back()
    assert "amc-otio resolve watch" in said and "refused" in said
    assert len(one_desk.project.timelines) == 1
    assert len(one_desk.project.current.markers) == 1  # the job is still remembered


def test_export_is_true_and_nothing_arrives(tmp_path: Path, film: Project) -> None:
    desk = Desk(tmp_path, film, INTERPRETERS[0], Faults(export_without_file=True))
    desk.send("playhead")
    assert desk.watch() == 0
    assert f"must be in {desk.exchange.requests}; if none is there, click" in desk.bring_back()


def test_export_fails(tmp_path: Path, film: Project) -> None:
    desk = Desk(tmp_path, film, INTERPRETERS[0], Faults(export_fails=True))
    assert "could not export" in desk.send("playhead")
    assert not film.current.markers
    assert "nothing was sent" in desk.bring_back()


def test_import_gives_nothing(tmp_path: Path, film: Project, examples: Path) -> None:
    desk = Desk(tmp_path, film, INTERPRETERS[0], Faults(import_fails=True))
    desk.send("playhead")
    assert desk.watch("--gallery", str(examples / "sounds"), str(examples / "media")) == 0
    assert "Resolve refused it: import it by hand" in desk.bring_back()
    assert len(film.timelines) == 1


def test_media_that_comes_in_offline(one_desk: Desk, examples: Path) -> None:
    one_desk.send("playhead")
    one_desk.watch("--gallery", str(examples / "sounds"), str(examples / "media"))
    one_desk.session.faults.lost_media = {m.path for m in one_desk.project.every_clip() if m.path.endswith("25fps.mp4")}
    assert "1 audio clip came in offline: in the media pool, choose Relink" in one_desk.bring_back()


def test_offline_items_are_said_before(one_desk: Desk) -> None:
    for clip in one_desk.project.every_clip():
        clip.online = not clip.path.endswith("25fps.mp4")
    assert "1 audio clip of 7 are offline" in one_desk.send("all")


def test_markers_that_cannot_be_set(tmp_path: Path, film: Project) -> None:
    desk = Desk(tmp_path, film, INTERPRETERS[0], Faults(markers_fail=True))
    said = desk.send("playhead")
    assert "import the result by hand" in said and str(desk.exchange.results) in said


@pytest.mark.parametrize("name", ["Untitled Project", None])
def test_a_project_that_cannot_be_imported_into(tmp_path: Path, film: Project, name: str | None) -> None:
    desk = Desk(tmp_path, film, INTERPRETERS[0])
    if name is None:
        desk.session.project = None
    else:
        film.name = name
    said = desk.send("playhead")
    assert ("open a project first" if name is None else "save the project under a name first") in said
    assert desk.requests() == []


def test_no_timeline_is_open(tmp_path: Path) -> None:
    desk = Desk(tmp_path, blank(), INTERPRETERS[0])
    assert "open a timeline first" in desk.send("all")


def test_a_failed_job_says_why_in_resolve(desk: Desk, examples: Path) -> None:
    """Nothing can be found at a frame without a cut; the editor reads so, and no timeline stays behind."""
    old = desk.project.current
    old.playhead = "01:00:03:05"
    desk.send("playhead")
    assert desk.watch("--gallery", str(examples / "sounds"), str(examples / "media")) == 7
    said = desk.bring_back()
    assert "no match cut was made: time '01:00:03:05': has no edit point within 0.5 s; the nearest are A1:1" in said
    assert desk.project.timelines == [old] and desk.project.current is old
    assert not old.markers


def test_a_file_that_nobody_can_read_is_a_failed_job(one_desk: Desk) -> None:
    one_desk.send("playhead")
    (name,) = one_desk.requests()
    (one_desk.exchange.requests / name).write_text("{", encoding="utf-8")
    assert one_desk.watch() == 7
    request = parse_request(name)
    assert request is not None
    report = json.loads(one_desk.exchange.report(request.job).read_text("utf-8"))
    assert report["state"] == "failed" and "the exported timeline" in report["reason"]
    failed = otio.adapters.read_from_file(str(one_desk.exchange.failed(request.job)))
    assert report["reason"] in failed.name


def test_without_the_os_library(one_desk: Desk) -> None:
    one_desk.bridge.with_os = False
    one_desk.send("all")
    one_desk.send("all")
    assert len(one_desk.requests()) == 2


# ------------------------------------------------------------------------------------------------------ hostile names


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd",
        'a"b\\c',
        "C:\\x",
        "été 日本",
        "x" * 4000,
        "日" * 2000,
        "",
        "a\nb",
        "con.",
        "%s%d%%",
        "\udcff",
    ],
)
@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_hostile_names_stay_in_the_folder(tmp_path: Path, film: Project, interpreter: str, name: str) -> None:
    film.current.name = name
    desk = Desk(tmp_path, film, interpreter)
    desk.session.faults.export_without_file = True  # the stand-in writes UTF-8 only
    desk.send("all")
    exported = next(arguments[0] for call, arguments in desk.session.calls if call == "TimelineObject.Export")
    assert Path(exported).parent == desk.exchange.requests and len(Path(exported).name) < 128
    assert parse_request(Path(exported).name) is not None
    desk.bring_back()
    options = [a[1] for call, a in desk.session.calls if call == "MediaPool.ImportTimelineFromFile"]
    asked = options[0]["timelineName"]
    assert len(asked.encode("utf-8", "surrogateescape")) <= 90
    assert name.startswith(asked.removesuffix(" match cut"))  # never half a character


@given(name=st.text(max_size=200))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_makes_a_request(tmp_path_factory: pytest.TempPathFactory, film: Project, name: str) -> None:
    film.current.name, film.current.markers = name, {}
    desk = Desk(tmp_path_factory.mktemp("desk"), film, INTERPRETERS[0], Faults(export_without_file=True))
    desk.send("all")
    exported = next(arguments[0] for call, arguments in desk.session.calls if call == "TimelineObject.Export")
    assert parse_request(Path(exported).name) is not None
