"""Our FCP 7 XML in an editor that runs here: what stands in the editor's own project (docs/editors.md)."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from fractions import Fraction
from pathlib import Path

import ges
import opentimelineio as otio
import pytest

from amc_otio.config import Settings
from amc_otio.timeline.rational import seconds
from amc_otio.workflow import Sources, match

# Runs in the system's Python, where the engine's bindings are: loads a project and prints its clips.
ASK = """
import json, os, sys
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GES", "1.0")
from gi.repository import GES, GLib, Gst
Gst.init(None)
GES.init()
project, loop = GES.Project.new(sys.argv[1]), GLib.MainLoop()
project.connect("loaded", lambda *_: loop.quit())
timeline = project.extract()
GLib.timeout_add_seconds(40, loop.quit)
loop.run()
found = [
    {
        "fade": isinstance(clip, GES.TransitionClip),
        "kind": clip.get_supported_formats().value_nicks,
        "start": clip.get_start(),
        "duration": clip.get_duration(),
        "in": clip.get_inpoint(),
        "uri": clip.get_uri() if hasattr(clip, "get_uri") else None,
    }
    for layer in timeline.get_layers()
    for clip in layer.get_clips()
]
print("FOUND" + json.dumps(found), flush=True)
os._exit(0)
"""


@pytest.mark.slow
@pytest.mark.ges
def test_the_project_that_pitivi_edits_has_our_fcp7_clips_and_crossfades(examples: Path, tmp_path: Path):
    """Pitivi's project is a GES timeline; it reads FCP 7 XML through OpenTimelineIO's reader."""
    ges.need_ges()
    plan, output = tmp_path / "plan.otio", tmp_path / "new.xml"
    sources = Sources(gallery=(examples / "sounds", examples / "media"), library=tmp_path / "library", workers=1)
    match(examples / "match_cut.otio", output, sources)
    match(examples / "match_cut.otio", plan, sources, settings=Settings().replace({"edit.offsets": "frames"}))
    timeline = otio.adapters.read_from_file(str(plan))
    for clip in timeline.find_clips():
        reference = clip.media_reference
        reference.target_url = (tmp_path / reference.target_url.removeprefix("file://")).resolve().as_uri()

    fades, clips = [], []
    for track in timeline.tracks:
        at, before = Fraction(0), Fraction(0)
        children = list(track)
        for index, child in enumerate(children):
            if isinstance(child, otio.schema.Transition):
                before = seconds(child.in_offset)
                fades.append((at - before, at + seconds(child.out_offset)))
                continue
            after = children[index + 1] if index + 1 < len(children) else None
            tail = seconds(after.out_offset) if isinstance(after, otio.schema.Transition) else Fraction(0)
            source, length = child.source_range.start_time, seconds(child.source_range.duration)
            uri = child.media_reference.target_url
            clips.append((track.kind.lower(), uri, at - before, length + before + tail, seconds(source) - before))
            at, before = at + length, Fraction(0)
    assert len(fades) >= 3

    found = ask(output, tmp_path)
    frame = 1 / 24
    read = [(item["start"] / 1e9, (item["start"] + item["duration"]) / 1e9) for item in found if item["fade"]]
    assert len(read) == len(fades)
    for one, other in zip(sorted(read), sorted(fades), strict=True):
        assert one == pytest.approx([float(edge) for edge in other], abs=frame / 100)
    read = [
        (item["kind"][0], item["uri"], *(item[key] / 1e9 for key in ("start", "duration", "in")))
        for item in found
        if not item["fade"]
    ]
    assert len(read) == len(clips)
    for one, other in zip(sorted(read), sorted(clips), strict=True):
        assert one[:2] == other[:2]
        assert one[2:] == pytest.approx([float(value) for value in other[2:]], abs=frame / 100)


def ask(project: Path, folder: Path) -> list[dict]:
    """The clips and crossfades of a project as the engine holds them, in nanoseconds."""
    script = folder / "ask.py"
    script.write_text(ASK)
    environment = {**os.environ, "PATH": "/usr/bin:/bin", "PYTHONPATH": sysconfig.get_paths()["purelib"]}
    done = subprocess.run(
        ["timeout", "90", "/usr/bin/python3", str(script), project.as_uri()],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND")]
    if not lines and "No module named 'gi'" in done.stderr:
        pytest.skip("python3-gi is not installed for the system's Python")
    assert lines, done.stderr[-2000:]
    return json.loads(lines[0].removeprefix("FOUND"))
