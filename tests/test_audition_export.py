"""The audition page as one file: whole, the same every time, with nothing in it that a text could become."""

from __future__ import annotations

import base64
import dataclasses
import html.parser
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from audition_flow import HOSTILE, MARK, small

from amc_otio.audition import export
from amc_otio.audition.export import estimate, export_page
from amc_otio.audition.material import Material
from amc_otio.audition.one_file import FOLDER, alone, hash_of, in_script, policy
from amc_otio.audition.packing import compressed, flac, read_tensors
from amc_otio.audition.records import Told
from amc_otio.audition.told import told
from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import MediaError, OutputError, UsageError
from amc_otio.proposals import Decision, Proposals, decisions_for
from amc_otio.timeline.read import read_timeline


class Elements(html.parser.HTMLParser):
    """Every element with its attributes, and what is in scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.held: dict[str, str] = {}
        self.bodies: list[tuple[str, dict[str, str | None], str]] = []
        self._open: tuple[str, dict[str, str | None]] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._open = (tag, dict(attrs)) if tag in ("script", "style") else None

    def handle_endtag(self, tag: str) -> None:
        self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.bodies.append((*self._open, data))
            name = self._open[1].get("id")
            if name:
                self.held[name] = self.held.get(name, "") + data


@dataclasses.dataclass(frozen=True)
class Example:
    proposals: Proposals
    material: Material
    listed: Told


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    edit, proposals = small(tmp_path_factory.mktemp("example"), 2)
    return of(proposals, edit)


def of(proposals: Proposals, edit: Path | None) -> Example:
    loaded = None if edit is None else read_timeline(edit, name=proposals.timeline.name or None)
    material = Material(proposals, loaded)

    def stretch(id_: str) -> Any:
        return material.segments.stretch(id_) if id_ in material.segments else None

    return Example(proposals, material, told(proposals, stretch, file="P.json", live=True))


@pytest.fixture(scope="module")
def written(example: Example, tmp_path_factory: pytest.TempPathFactory) -> export.Exported:
    path = tmp_path_factory.mktemp("written") / "page.html"
    return export_page(example.material, example.listed, None, path, top=2, video=False)


@pytest.fixture(scope="module")
def elements(written: export.Exported) -> Elements:
    return Elements(written.path.read_text(encoding="utf-8"))


# ------------------------------------------------------------ what is in it


def test_it_holds_the_best_candidates_of_every_edit_point_and_all_that_they_need(
    written: export.Exported, elements: Elements, example: Example
):
    listed = json.loads(elements.held["amc-told"])
    assert listed["live"] is False
    assert [len(point["takes"]) for point in listed["points"]] == [2] * 6
    assert written.points == 6 and written.takes == 12 and written.notes == ()
    assert written.bytes == written.path.stat().st_size
    joins = json.loads(elements.held["amc-joins"])
    for point in listed["points"]:
        number = point["number"]
        stretches = [point["sound"], point["present"]["incoming"]]
        for take in point["takes"]:
            stretches += [take["outgoing"], take["incoming"]]
            assert f"amc-matrix-{number}/{take['rank']}" in elements.held
            assert joins[f"{number}/{take['rank']}"][take["meeting"]["method"]] == take["meeting"]
            if take["incoming"]["has_picture"]:
                picture = base64.b64decode(elements.held[f"amc-frame-{number}.{take['rank']}.in"])
                assert picture.startswith(b"\xff\xd8")
        for stretch in stretches:
            tensors, metadata = read_tensors(base64.b64decode(elements.held[f"amc-segment-{stretch['id']}"]))
            assert metadata["first"] == str(stretch["first"]) and metadata["count"] == str(stretch["count"])
            sound, rate = soundfile.read(io.BytesIO(tensors["flac"].tobytes()), dtype="int16", always_2d=True)
            assert rate == ANALYSIS_RATE and sound.shape == (stretch["count"], stretch["channels"])
    assert not [name for name in elements.held if name.startswith("amc-video")], "--no-video"


def test_its_sounds_are_those_of_the_server_to_16_bits(elements: Elements, example: Example):
    heard = 0.0
    for id_ in ("1.out", "1.1.in", "2.2.in"):
        live, _ = read_tensors(example.material.segment(id_))
        held, _ = read_tensors(base64.b64decode(elements.held[f"amc-segment-{id_}"]))
        sound, _ = soundfile.read(io.BytesIO(held["flac"].tobytes()), dtype="float64", always_2d=True)
        inside = np.clip(live["samples"].astype(np.float64), -1, 32767 / 32768)
        assert np.abs(sound.T - inside).max() <= 0.5 / 32768 + 1e-12
        assert (held["mel"] == live["mel"]).all()
        heard = max(heard, np.abs(sound).max())
    assert heard > 0.05


def test_flac_clips_what_is_beyond_full_scale_and_does_not_wrap():
    samples = np.array([[0.0, 1.5, -1.5, 0.5, -1.0, 1 / 65536, 3 / 65536]], np.float32)
    sound, _ = soundfile.read(io.BytesIO(flac(samples)), dtype="int16")
    assert sound.tolist() == [0, 32767, -32768, 16384, -32768, 0, 2]


def test_the_same_input_gives_the_same_bytes(example: Example, written: export.Exported, tmp_path: Path):
    again = export_page(example.material, example.listed, None, tmp_path / "other.html", top=2, video=False)
    assert again.path.read_bytes() == written.path.read_bytes()


def test_what_was_decided_goes_with_it(example: Example, tmp_path: Path):
    ids = [one.point.id for one in example.proposals.proposals]
    so_far = decisions_for(example.proposals, (Decision(ids[0], "chosen", 1, 2), Decision(ids[1], "kept")))
    path = tmp_path / "page.html"
    export_page(example.material, example.listed, so_far, path, top=1, video=False)
    held = json.loads(Elements(path.read_text(encoding="utf-8")).held["amc-decisions"])
    assert [(one["point"], one["state"], one["nudge_frames"]) for one in held["decisions"]] == [
        (ids[0], "chosen", 2),
        (ids[1], "kept", 0),
    ]


# ------------------------------------------------------------ nothing gets in or out


def test_it_asks_for_no_other_file_and_runs_only_what_its_policy_names(elements: Elements):
    policies = [a["content"] for tag, a in elements.found if tag == "meta" and a.get("http-equiv")]
    assert len(policies) == 1 and policies[0] is not None
    rules = dict(rule.split(" ", 1) for rule in policies[0].split("; "))
    assert rules["default-src"] == "'none'" and rules["connect-src"] == "'none'"
    for tag, attributes in elements.found:
        for name in ("src", "href"):
            address = attributes.get(name)
            assert address is None or address == "" or address[:1] == "#" or address.startswith("data:"), (tag, address)
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
    ran = [(a.get("type"), body) for tag, a, body in elements.bodies if tag == "script"]
    kinds = {"importmap", "module", "application/json", "text/plain"}
    assert {kind for kind, _ in ran} == kinds
    for kind, body in ran:
        if kind in ("importmap", "module"):
            assert hash_of(body) in rules["script-src"]
    styles = [body for tag, _, body in elements.bodies if tag == "style"]
    assert len(styles) == 1 and hash_of(styles[0]) in rules["style-src"]


def test_every_module_of_the_page_is_in_it_and_imports_only_those(elements: Elements):
    import_map = next(body for tag, a, body in elements.bodies if a.get("type") == "importmap")
    imports = json.loads(import_map)["imports"]
    names = {file.name for file in FOLDER.glob("*.js")}
    assert {f"amc/{name}" for name in names} == set(imports)
    for address in imports.values():
        text = base64.b64decode(address.removeprefix("data:text/javascript;base64,")).decode()
        wanted = re.findall(r'^(?:import|export)\b[^;]*?\bfrom\s+"([^"]+)";', text, re.MULTILINE)
        assert set(wanted) <= set(imports)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_ends_the_element_that_holds_it(text: str):
    held = in_script({"name": text})
    assert "<" not in held and held.isascii()
    assert json.loads(held) == {"name": text}


def test_names_of_clips_and_files_are_only_text(example: Example, tmp_path: Path):
    points = tuple(
        dataclasses.replace(
            point,
            outgoing=HOSTILE[i % len(HOSTILE)],
            incoming=HOSTILE[(i + 1) % len(HOSTILE)],
            takes=tuple(dataclasses.replace(t, name=HOSTILE[1], path=HOSTILE[0], reasons=HOSTILE) for t in point.takes),
        )
        for i, point in enumerate(example.listed.points)
    )
    bad = dataclasses.replace(example.listed, name=HOSTILE[1], file=HOSTILE[0], points=points)
    path = tmp_path / "page.html"
    export_page(example.material, bad, None, path, top=1, video=False)
    text = path.read_text(encoding="utf-8")
    elements = Elements(text)
    assert MARK in text, "the names are there"
    assert not [a for tag, a in elements.found if any(MARK in (value or "") for value in a.values())]
    assert [a["id"] for tag, a, body in elements.bodies if MARK in body] == ["amc-told"]
    assert json.loads(elements.held["amc-told"])["points"][0]["outgoing"] == HOSTILE[0]


@pytest.mark.parametrize(
    "text",
    [
        'import "./other.js";',
        'const other = await import("./other.js");',
        'import { a } from "./missing.js";',
        "import { a } from './other.js';",
        'context.audioWorklet.addModule("other.js");',
        "new Worker(address);",
        "new URL('x', import.meta.url);",
        'export { a } from "./sub/other.js";',
    ],
)
def test_a_module_that_one_file_cannot_hold_is_noticed(text: str):
    with pytest.raises(ValueError, match=r"one\.js"):
        alone("one.js", text, {"one.js", "other.js"})


def test_imports_become_names_of_the_import_map():
    text = 'import {\n  a,\n  b,\n} from "./other.js";\nexport { c } from "./other.js";\nconst s = "a from ./x";\n'
    made = alone("one.js", text.replace("./x", "x"), {"one.js", "other.js"})
    assert made.count('from "amc/other.js";') == 2 and "./" not in made


def test_the_policy_forbids_every_network():
    for rule in policy("p{}", "1").split("; "):
        assert not re.search(r"https?:|\*|'unsafe|'self'|\bws", rule), rule


# ------------------------------------------------------------ what cannot be


def test_it_is_never_written_over_another_file_unasked(example: Example, tmp_path: Path):
    path = tmp_path / "page.html"
    path.write_text("mine")
    with pytest.raises(OutputError, match="is there already"):
        export_page(example.material, example.listed, None, path, top=1, video=False)
    assert path.read_text() == "mine" and list(tmp_path.iterdir()) == [path]
    export_page(example.material, example.listed, None, path, top=1, video=False, force=True)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_what_no_browser_opens_readily_is_said_before_any_sound_is_read(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    points = tuple(dataclasses.replace(example.listed.points[0], number=n, id=f"A1:{n}") for n in range(1, 201))
    large = dataclasses.replace(example.listed, points=points)
    assert estimate(large, 4) > export.LARGEST
    monkeypatch.setattr(Material, "segment", lambda *_: pytest.fail("read"))
    with pytest.raises(UsageError, match=r"would have about \d+ MB.*--top.*--no-video.*--force"):
        export_page(example.material, large, None, tmp_path / "page.html", top=4)
    assert list(tmp_path.iterdir()) == []


def test_it_stops_where_it_grows_larger_than_was_expected(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(export, "estimate", lambda *_, **__: 0)
    monkeypatch.setattr(export, "LARGEST", 1_000_000)
    with pytest.raises(UsageError, match="more than"):
        export_page(example.material, example.listed, None, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_the_size_is_about_what_was_said(written: export.Exported, example: Example):
    assert 0.4 < written.bytes / estimate(example.listed, 2, video=False) < 1.2


def test_candidates_without_sound_are_left_out_with_a_note(example: Example, tmp_path: Path):
    class Offline(Material):
        def segment(self, id_: str, later: bool = False) -> bytes:
            if id_ in ("1.1.in", "2.out"):
                raise MediaError("gone.wav", "is not there any more", "relink it")
            return super().segment(id_)

    material = Offline(example.proposals, None)
    made = export_page(material, example.listed, None, tmp_path / "page.html", top=2, video=False)
    listed = json.loads(Elements(made.path.read_text(encoding="utf-8")).held["amc-told"])
    assert [take["rank"] for take in listed["points"][0]["takes"]] == [2]
    assert listed["points"][1]["takes"] == []
    assert made.points == 5 and made.takes == 9
    told_of = [note for note in made.notes if "gone.wav is not there any more" in note]
    assert len(told_of) == 2 and "edit point 1, candidate 1" in told_of[0]


def test_nothing_to_hear_is_an_error_and_no_file(example: Example, tmp_path: Path):
    class Offline(Material):
        def segment(self, id_: str, later: bool = False) -> bytes:
            raise MediaError("gone.wav", "is not there any more", "relink it")

    with pytest.raises(MediaError, match=r"nothing of it can be heard.*gone.wav is not there"):
        export_page(Offline(example.proposals, None), example.listed, None, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_no_candidate_at_all_is_an_error(example: Example, tmp_path: Path):
    with pytest.raises(UsageError, match="--top"):
        export_page(example.material, example.listed, None, tmp_path / "page.html", top=0)
    assert list(tmp_path.iterdir()) == []


def test_a_segment_keeps_its_clock_and_its_spectrogram(example: Example):
    live = example.material.segment("1.out")
    tensors, metadata = read_tensors(compressed(live))
    _, before = read_tensors(live)
    assert before.items() <= metadata.items()
    assert set(tensors) == {"flac", "mel"}
