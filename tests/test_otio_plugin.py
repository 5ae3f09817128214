"""The plugins of adapters/ under OpenTimelineIO's own programs: the hook, and what is there in every process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import failure_cases
import ges
import opentimelineio as otio
import pytest
import timelines
from otio_tools import ROOT, convert, hook, run_tool

from amc_otio import otio_plugin
from amc_otio.cli import main
from amc_otio.otio_hooks import match_cuts
from amc_otio.otio_hooks.arguments import HOOK, hook_options
from amc_otio.otio_hooks.failing import AmcPluginError

FAST: dict[str, object] = {"gallery": "sounds", "representation": "mfcc", "workers": 1}
MATCH = ["--gallery", "sounds", "--representation", "mfcc", "--workers", "1"]


@pytest.fixture(autouse=True)
def good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an edit, its media and sounds to match with, as working folder."""
    failure_cases.prepare_good(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cuts(path: Path) -> list[Any]:
    """What a run did: clips with their ranges and media, transitions with their offsets, markers."""
    timeline = otio.adapters.read_from_file(str(path))
    found: list[Any] = [(m.name, str(m.marked_range), m.comment) for m in timeline.tracks.markers]
    for track in timeline.tracks:
        for child in track:
            if isinstance(child, otio.schema.Transition):
                found.append((child.transition_type, str(child.in_offset), str(child.out_offset)))
            elif isinstance(child, otio.schema.Clip):
                reference = child.media_reference
                found.append((child.name, str(child.source_range), getattr(reference, "target_url", None)))
            else:
                found.append((type(child).__name__, str(child.source_range)))
    return found


def with_picture(path: Path, name: str) -> None:
    """An edit with a picture track and two sound tracks, at 25 frames a second, for the formats that want picture."""
    shots = [
        timelines.clip(f"shot {n}", 12, 50, rate=25, url=f"media/{n}.wav", available=timelines.span(0, 125, 25))
        for n in "abc"
    ]
    made = timelines.timeline(
        timelines.track(*(s.deepcopy() for s in shots), kind="Video", name="V1"),
        timelines.track(*shots, name="A1"),
        start=otio.opentime.RationalTime(90_000, 25),
    )
    made.name = name
    if path.suffix == ".aaf":
        for clip in made.find_clips():
            clip.media_reference.target_url = (
                Path("media").absolute() / Path(clip.media_reference.target_url).name
            ).as_uri()
        otio.adapters.write_to_file(made, str(path), use_empty_mob_ids=True)
    elif path.suffix == ".edl":
        otio.adapters.write_to_file(made, str(path), rate=25)
    else:
        otio.adapters.write_to_file(made, str(path))


@pytest.mark.parametrize("suffix", [".otio", ".xml", ".aaf"])
def test_the_hook_cuts_what_match_cuts(suffix: str, good: Path) -> None:
    edit = good / f"in{suffix}"
    if suffix == ".otio":
        edit = good / "edit.otio"
    else:
        pytest.importorskip({".xml": "otio_fcp_adapter", ".aaf": "otio_aaf_adapter"}[suffix])
        with_picture(edit, "in")
    options = {"k": 3, "short": "keep", "max_level_step": 0}
    typed = ["-k", "3", "--short", "keep", "--max-level-step", "0"]
    assert main(["match", edit.name, "-o", "command.otio", *MATCH, *typed]) == 0
    code, err = convert(good, edit.name, "hook.otio", *hook(**FAST, **options))
    assert code == 0, err
    assert cuts(good / "hook.otio") == cuts(good / "command.otio")
    assert any("Dissolve" in str(row[0]) for row in cuts(good / "hook.otio"))
    assert "amc-otio: A1:" in err


def test_an_edl_is_relinked_read_at_its_rate_and_cut(good: Path) -> None:
    pytest.importorskip("otio_cmx3600_adapter")
    with_picture(good / "in.edl", "in")
    text = (good / "in.edl").read_text(encoding="utf-8")
    for n in "abc":
        text = text.replace(f"shot {n}", f"{n}.wav")
    (good / "in.edl").write_text(text, encoding="utf-8")
    relink = ["-m", "amc_relink", "-M", "search_root=media", "-M", "by_name=True"]
    code, err = convert(good, "in.edl", "linked.otio", "-a", "rate=25", *relink)
    assert code == 0, err
    assert main(["match", "linked.otio", "-o", "command.otio", *MATCH, "--short", "keep"]) == 0
    code, err = convert(good, "in.edl", "hook.otio", "-a", "rate=25", *relink, *hook(**FAST, short="keep"))
    assert code == 0, err
    assert cuts(good / "hook.otio") == cuts(good / "command.otio")


def test_options_come_as_one_mapping_too_and_amc_toml_counts(good: Path) -> None:
    assert convert(good, "edit.otio", "one.otio", *hook(**FAST, index="A1:2", k=1))[0] == 0
    mapping = {**FAST, "gallery": ["sounds"], "index": ["A1:2"]}
    (good / "amc.toml").write_text("[match]\nk = 1\n", encoding="utf-8")
    assert convert(good, "edit.otio", "two.otio", "-H", f"amc={mapping!r}")[0] == 0
    assert (good / "one.otio").read_bytes() == (good / "two.otio").read_bytes()
    assert "A1:2" in (good / "one.otio").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (hook(gal="sounds"), "amc_gal: is no option; known are all, at"),
        (hook(k="x"), "amc_k: must be a whole number, not 'x'"),
        (hook(k=0), "amc_k: 0 is out of range"),
        (hook(mode="swap"), "amc_mode: 'swap' is not known; choose one of replace"),
        (hook(weigh="pitch=x"), "amc_weigh pitch=x: 'x' is no weight"),
        (hook(weigh="pitch=99"), "amc_weigh pitch: 99.0 is out of range"),
        (hook(range="1"), "amc_range: must be two times, not 1"),
        (hook(ripple="perhaps"), "amc_ripple: must be True or False"),
        (hook(gallery="nowhere"), "nowhere: does not exist"),
        (hook(at="25:99"), "time '25:99'"),
        (hook(index="A9:1"), "A9:1"),
        (hook(format="doc"), "amc_format: no installed adapter writes '.doc'"),
        (hook(rate=25), "amc_rate: is no option"),
        (hook(map_path="x"), "amc_map_path x: is not of the form FROM=TO"),
        (hook(base="nowhere"), "amc_base=nowhere: is no folder"),
        (hook(config="none.toml"), "none.toml: cannot be read"),
        (["-H", "amc=worst"], "amc=worst: is not known; write amc=best"),
        (["-H", "amc_k=3"], "amc_k: is given, but amc is not; add amc=best"),
        (["-H", "amc={'k': 3}", "-H", "amc_k=3"], "amc_k: is given in amc too"),
        (["-H", "amc={'k': []}"], "amc_k: must be a whole number, not []"),
        (hook(base="sounds"), "relative media was looked for in"),
    ],
)
def test_what_cannot_be_is_one_line_and_nothing_is_written(arguments: list[str], says: str, good: Path) -> None:
    before = sorted(good.rglob("*"))
    code, err = convert(good, "edit.otio", "new.otio", *arguments)
    lines = err.strip().splitlines()
    assert code == 1
    assert lines[-1].startswith("ERROR: amc-otio: ")
    assert says in lines[-1]
    assert "Traceback" not in err
    assert not (good / "new.otio").exists()
    assert [p for p in sorted(good.rglob("*")) if p not in before and ".amc" not in p.parts] == []


def test_the_installed_script_gives_one_line_too(good: Path) -> None:
    script = (
        "import sys\nfrom opentimelineio.console.otioconvert import main\n"
        "sys.argv = ['otioconvert', '-i', 'edit.otio', '-o', 'new.otio', '-H', 'amc=best', '-H', 'amc_k=x']\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=_environment(), check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "ERROR: amc-otio: amc_k: must be a whole number, not 'x'; mend it"


def test_amc_debug_shows_the_error_behind_it(good: Path) -> None:
    code, _, err = run_tool(
        "otioconvert", "-i", "edit.otio", "-o", "new.otio", *hook(k="x"), cwd=good, env={"AMC_DEBUG": "1"}
    )
    assert code == 1
    assert "amc_otio.errors.UsageError: amc_k" in err


def test_one_of_several_timelines_is_chosen_by_name(good: Path) -> None:
    collection = otio.schema.SerializableCollection("bin")
    for name in ("one", "two"):
        timeline = otio.adapters.read_from_file("edit.otio")
        timeline.name = name
        collection.append(timeline)
    otio.adapters.write_to_file(collection, "bin.otio")
    code, err = convert(good, "bin.otio", "new.otio", *hook(**FAST))
    assert code == 1
    assert "holds 2 timelines: #1 'one', #2 'two'; choose one by its name or number" in err
    code, err = convert(good, "bin.otio", "new.otio", *hook(**FAST, timeline="two"))
    assert code == 0
    assert otio.adapters.read_from_file("new.otio").name == "two"


def test_nothing_to_cut_is_an_error_unless_it_is_optional(good: Path) -> None:
    shutil.rmtree(good / "media")
    code, err = convert(good, "edit.otio", "new.otio", *hook(**FAST))
    assert code == 1
    assert "no match can be cut: A1:1" in err
    assert "relative media was looked for in" in err
    assert convert(good, "edit.otio", "plain.otio")[0] == 0
    code, err = convert(good, "edit.otio", "new.otio", *hook(**FAST, optional=True))
    assert code == 0
    assert "converted without match cuts" in err
    assert (good / "new.otio").read_bytes() == (good / "plain.otio").read_bytes()
    assert convert(good, "edit.otio", "new.otio", *hook(**FAST, optional=True, quiet=True)) == (0, "")


def test_the_output_says_which_offsets_and_so_does_amc_format(good: Path) -> None:
    pytest.importorskip("otio_fcp_adapter")
    for name, more in (("exact", {}), ("frames", {"format": "xml"})):
        assert convert(good, "edit.otio", f"{name}.otio", *hook(**FAST, **more, quiet=True)) == (0, "")
    exact, frames = (
        [row for row in cuts(good / f"{n}.otio") if "Dissolve" in str(row[0])] for n in ("exact", "frames")
    )
    assert exact and frames
    assert all(row[1] == row[2] for row in frames)
    assert exact != frames


def test_the_same_input_gives_the_same_output_also_on_a_timeline_with_a_run(good: Path) -> None:
    assert convert(good, "edit.otio", "first.otio", *hook(**FAST, index="A1:1"))[0] == 0
    for name in ("one.otio", "two.otio"):
        assert convert(good, "first.otio", name, *hook(**FAST, index="A1:2"))[0] == 0
    assert (good / "one.otio").read_bytes() == (good / "two.otio").read_bytes()
    assert main(["match", "first.otio", "-o", "command.otio", *MATCH, "--index", "A1:2"]) == 0
    assert cuts(good / "one.otio") == cuts(good / "command.otio")
    assert main(["revert", "one.otio", "-o", "back.otio"]) == 0
    assert cuts(good / "back.otio") == cuts(good / "first.otio")


def test_a_writer_that_hands_the_arguments_on_cuts_once(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    real = match_cuts._cut
    monkeypatch.setattr(match_cuts, "_cut", lambda *given: calls.append(given) or real(*given))
    timeline = otio.adapters.read_from_file("edit.otio")
    asked = {"amc": dict(FAST), "_filepath": "new.otio"}
    made = match_cuts.cut_on_write(timeline, asked)
    assert match_cuts.cut_on_write(made, asked) is made
    assert match_cuts.cut_on_write(made.clone(), asked).is_equivalent_to(made)
    assert len(calls) == 1
    match_cuts.forget()
    match_cuts.cut_on_write(made, asked)
    assert len(calls) == 2
    match_cuts.forget()


def test_formats_that_are_written_as_text_are_cut_once(good: Path) -> None:
    pytest.importorskip("otio_xges_adapter")
    code, err = convert(good, "edit.otio", "new.xges", *hook(**FAST))
    assert code == 0
    assert err.count("amc-otio: A1:") == 1


def test_a_timeline_is_left_as_it_is(good: Path) -> None:
    timeline = otio.adapters.read_from_file("edit.otio")
    before = timeline.to_json_string()
    otio.adapters.write_to_file(timeline, "new.otio", hook_function_argument_map={"amc": dict(FAST)})
    assert timeline.to_json_string() == before
    assert len(cuts(good / "new.otio")) > len(cuts(good / "edit.otio"))


# ---------------------------------------------------------------- in every other process


@pytest.mark.parametrize("arguments", [None, {}, [], {"adapter_arguments": {}}, {"burrito": 1}, {1: 2}, "amc"])
def test_a_conversion_that_does_not_ask_passes_through(arguments: Any) -> None:
    timeline = otio.adapters.read_from_file("edit.otio")
    manifest = _manifest()
    for script in manifest.hook_scripts:
        assert script.run(timeline, arguments) is timeline


@pytest.mark.parametrize("off", [None, False, "off", "no", 0])
def test_it_can_be_switched_off(off: object) -> None:
    assert hook_options({"amc": off, "amc_k": 3}) is None


def test_other_conversions_load_nothing_of_ours_and_print_nothing(good: Path) -> None:
    code = (
        "import sys\nimport opentimelineio as otio\n"
        "t = otio.adapters.read_from_file('edit.otio')\notio.adapters.write_to_file(t, 'plain.otio')\n"
        "otio.adapters.suffixes_with_defined_adapters(write=True)\n"
        "heavy = {'numpy', 'av', 'onnxruntime', 'soundfile', 'amc_otio.workflow', 'amc_otio.otio_hooks'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)), otio.plugins.ActiveManifest().source_files)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=_environment(), check=True)
    assert done.stderr == ""
    assert "LOADED []" in done.stdout
    assert str(ROOT / "amc_otio" / "otio_plugin.py") in done.stdout
    assert (good / "plain.otio").exists()


def test_otiopluginfo_lists_them(good: Path) -> None:
    code, out, _ = run_tool("otiopluginfo", cwd=good)
    assert code == 0
    for name in ("amc_proposals", "amc_relink", "amc_match_cuts", "amc_match_cuts_done"):
        assert name in out
    assert "ERROR" not in out


def test_a_half_installed_package_stops_nobody(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half = tmp_path / "half"
    shutil.copytree(ROOT / "adapters", half)
    (half / "amc_match_cuts.py").unlink()
    monkeypatch.setattr(otio_plugin, "bundled_folder", lambda *_: half)
    manifest = _manifest()
    assert [s.name for s in manifest.hook_scripts] == ["amc_match_cuts_done"]
    assert not list(manifest.hooks["pre_adapter_write"])
    (half / "plugin_manifest.json").write_text("{", encoding="utf-8")
    manifest = _manifest()
    assert not manifest.hook_scripts
    # The plugin file alone, where the package behind it is gone: silent, and one line when asked.
    code = (
        "import sys, importlib.util as u, opentimelineio as otio\nsys.modules['amc_otio'] = None\n"
        f"s = u.spec_from_file_location('x', {str(ROOT / 'adapters' / 'amc_match_cuts.py')!r})\n"
        "m = u.module_from_spec(s); s.loader.exec_module(m)\nt = otio.schema.Timeline()\n"
        "assert m.hook_function(t, {}) is t\n"
        "try: m.hook_function(t, {'amc': 'best'})\nexcept otio.exceptions.OTIOError as e: print(e)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=_environment(), check=True)
    assert done.stdout.startswith("amc-otio: is not installed completely")


@pytest.mark.ges
def test_it_is_silent_inside_ges(good: Path) -> None:
    ges.need_ges()
    timeline = otio.adapters.read_from_file("edit.otio")
    for clip in timeline.find_clips():
        clip.media_reference.target_url = (good / clip.media_reference.target_url).as_uri()
    assert ges.render(timeline, good).shape[1] > 4 * ges.RATE


def test_every_option_of_the_hook_is_documented() -> None:
    page = (ROOT / "docs" / "otio-plugin.md").read_text(encoding="utf-8")
    missing = [name for name in HOOK if f"`{name}`" not in page]
    assert not missing


def test_errors_are_of_opentimelineio() -> None:
    with pytest.raises(otio.exceptions.OTIOError, match="amc_k"):
        match_cuts.cut_on_write(otio.schema.Timeline(), {"amc": True, "amc_k": "x"})
    with pytest.raises(AmcPluginError, match="holds no timeline"):
        match_cuts.cut_on_write(otio.schema.Marker(), {"amc": True})


def _manifest() -> Any:
    return otio_plugin.plugin_manifest()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def test_the_manifest_is_json() -> None:
    assert json.loads((ROOT / "adapters" / otio_plugin.MANIFEST).read_text(encoding="utf-8"))["hooks"]
