"""Match cuts through FCPXML, as a user runs it: a Final Cut project in, its join out as Final Cut will read it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from fcpxml_checks import check_structure

from amc_otio.cli import main
from amc_otio.formats.fcpxml_read import read
from amc_otio.formats.fcpxml_write import write
from amc_otio.timeline.rational import seconds
from amc_otio.timeline.read import read_timeline
from amc_otio.timeline.select import markers_of
from amc_otio.timeline.walk import walk_tracks


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("library") / "lib"


def matched(source: Path, new: Path, library: Path, examples: Path) -> Any:
    gallery = ["--library", library, "--gallery", examples / "media", examples / "sounds"]
    assert main([str(a) for a in ("match", source, "-o", new, *gallery, "--index", "A1:1", "--force")]) == 0
    return otio.adapters.read_from_file(str(new), adapter_name="otio_json")


def join(timeline: Any) -> tuple[Fraction, Fraction, list[tuple[str, Fraction]]]:
    """The crossfade's first and last second, and both its clips with where their media's clock lies on the timeline."""
    (track,) = (t for t in walk_tracks(timeline) if t.kind == "Audio" and t.transitions)
    (fade,) = track.transitions
    first, last = fade.start - seconds(fade.item.in_offset), fade.start + seconds(fade.item.out_offset)
    clips = [
        (one.item.media_reference.target_url.rsplit("/", 1)[-1], one.start - seconds(one.item.source_range.start_time))
        for one in (track.items[fade.index - 1], track.items[fade.index + 1])
    ]
    return first, last, clips


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24000, 1001)])
def test_a_final_cut_project_is_matched_and_written(
    rate: Fraction, tmp_path: Path, library: Path, examples: Path
) -> None:
    edit = read_timeline(examples / "match_cut.otio")
    source = tmp_path / "edit.fcpxml"
    write(edit.timeline, source, rate, examples)
    assert read_timeline(source).rate == rate
    new = matched(source, tmp_path / "new.otio", library, examples)
    out = tmp_path / "new.fcpxml"
    notes = write(new, out, rate)
    check_structure(out)
    back = read(out)
    first, last, clips = join(new)
    one, other, same = join(back)
    frame = 1 / rate
    # The same sounds play at the same time; the ends of the crossfade lie on frames.
    assert [name for name, _ in same] == [name for name, _ in clips]
    tick = Fraction(1, 700_000)
    assert all(abs(a - b) < tick for (_, a), (_, b) in zip(clips, same, strict=True))
    assert abs(one - first) <= frame and abs(other - last) <= frame
    assert abs((other - one) - (last - first)) <= frame
    assert any("samples" in note for note in notes) == ((one, other) != (first, last))
    assert "Match cut A1:1" in [m.name for m in markers_of(back)]
    if rate == 24:
        # As from the same edit in OTIO's own format.
        assert join(matched(examples / "match_cut.otio", tmp_path / "plain.otio", library, examples)) == (
            first,
            last,
            clips,
        )
