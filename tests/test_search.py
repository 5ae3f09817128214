"""`--search`: the best point may lie beyond the two windows, and never beyond what clips and handles allow."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import pytest
from joining_helpers import noise
from make_media import write_sound
from test_invariants import check_track
from timelines import clip, span, timeline, track

from amc_otio.config import ANALYSIS_RATE, METHODS, Settings
from amc_otio.proposals import Candidate, Proposal
from amc_otio.timeline.equality import fields, same_fields
from amc_otio.timeline.revert import revert
from amc_otio.workflow import Sources, apply, propose

FRAME = ANALYSIS_RATE // 24
STRUCK_GOING = 6.0
"""Where the one blow of the outgoing file lies, in seconds: 2 s after its window, which ends at 4 s."""
STRUCK_COMING = 9.5
GOING, COMING = 12.0, 20.0


@dataclass(frozen=True)
class Bench:
    """Two files with one blow each, and a library of them."""

    folder: Path
    going: Path
    coming: Path

    def sources(self, *gallery: Path) -> Sources:
        return Sources(gallery=gallery, library=self.folder / "library", workers=1)

    def edit(self, into: float = 11.0, length: float = 6.0, incoming: str = "coming", cut: float = 4.0) -> Path:
        """The outgoing file up to `cut`, then the incoming one from `into`."""
        children = []
        for name, start, seconds in (("going", cut - 2.0, 2.0), (incoming, into, length)):
            whole = span(0, round((GOING if name == "going" else COMING) * 24))
            url = str(self.folder / "media" / f"{name}.wav")
            children.append(clip(name, start * 24, seconds * 24, url=url, available=whole))
        path = self.folder / "edit.otio"
        timeline(track(*children)).to_json_file(str(path))
        return path


def struck(seconds: float, at: float, seed: int) -> np.ndarray:
    sound = noise(round(seconds * ANALYSIS_RATE), seed, 0.003)
    first = round(at * ANALYSIS_RATE)
    sound[first - 300 : first + 300] += noise(600, 99, 0.3) * np.hanning(600).astype(np.float32)
    return sound[None]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("search")
    (folder / "media").mkdir()
    paths = []
    for name, seconds, at, seed in (("going", GOING, STRUCK_GOING, 1), ("coming", COMING, STRUCK_COMING, 2)):
        sound = struck(seconds, at, seed)
        paths.append(write_sound(folder / "media" / f"{name}.wav", sound, ANALYSIS_RATE, "WAV", "PCM_24"))
    return Bench(folder, *paths)


def chosen(**changes: Any) -> Settings:
    values = {
        "match.representation": "mfcc",
        "match.k": 50,
        "match.per_source": 0,
        "match.max_level_step_lu": 0.0,
        "join.method": "max-ss",
    }
    return Settings().replace({**values, **{name.replace("__", "."): value for name, value in changes.items()}})


def proposed(bench: Bench, path: Path, *gallery: Path, **changes: Any) -> Proposal:
    (proposal,) = propose(path, bench.sources(*gallery), settings=chosen(**changes)).proposals
    return proposal


def seconds_of(candidate: Candidate) -> tuple[float, float]:
    """The point in each file."""
    out = candidate.query_start + candidate.join.out_point
    return out / ANALYSIS_RATE, (candidate.window_start + candidate.join.in_point) / ANALYSIS_RATE


@pytest.mark.parametrize("ripple", [False, True])
@pytest.mark.parametrize("mode", ["replace", "insert", "align"])
def test_the_two_blows_meet_beyond_their_windows(bench: Bench, mode: str, ripple: bool):
    path = bench.edit()
    changes = {"edit__mode": mode, "edit__ripple": ripple, "edit__length_s": 3.0}
    within = 0.5 / 24 + 0.001
    found = proposed(bench, path, bench.coming, join__search_s=3.0, **changes)
    reached = 0
    for candidate in found.candidates:
        start = candidate.window_start / ANALYSIS_RATE
        out, into = seconds_of(candidate)
        assert start - 3 <= into <= start + 4
        if start - 3 + 0.1 <= STRUCK_COMING <= start + 4 - 0.1:
            assert abs(out - STRUCK_GOING) <= within
            assert abs(into - STRUCK_COMING) <= within
            reached += not 0 <= candidate.join.in_point <= ANALYSIS_RATE
    assert reached
    if mode == "align":
        # The incoming clip begins in its head handle.
        assert found.candidates[0].in_shift == pytest.approx(-1.5, abs=1 / 24)
    # Without the search both points stay in their windows.
    for candidate in proposed(bench, path, bench.coming, **changes).candidates:
        assert 0 <= candidate.join.out_point <= ANALYSIS_RATE
        assert 0 <= candidate.join.in_point <= ANALYSIS_RATE


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("ripple", [False, True])
@pytest.mark.parametrize("mode", ["replace", "insert", "align"])
def test_what_is_written_of_a_search_is_a_valid_timeline(bench: Bench, mode: str, ripple: bool, method: str):
    path = bench.edit()
    changes = {"edit__mode": mode, "edit__ripple": ripple, "join__method": method, "match__k": 3}
    settings = chosen(join__search_s=3.0, join__max_gain_db=6.0, **changes)
    proposals = propose(path, bench.sources(bench.coming), settings=settings)
    before = otio.adapters.read_from_file(str(path))
    assert proposals.proposals[0].candidates
    for candidate in proposals.proposals[0].candidates:
        output = bench.folder / "new.otio"
        apply(path, proposals, output, {1: candidate.rank}, force=True)
        after = otio.adapters.read_from_file(str(output))
        tracks = list(after.tracks)
        check_track(tracks[0])
        if not ripple:
            assert tracks[0].duration() == before.tracks[0].duration()
        assert same_fields(fields(revert(after)), fields(before))


def test_a_search_stops_where_the_handles_do(bench: Bench):
    """The outgoing file ends half a second after its clip, the incoming one begins half a second before its own."""
    folder = bench.folder / "tight"
    folder.mkdir()
    rate = ANALYSIS_RATE
    sound = struck(GOING, STRUCK_GOING, 1)
    going = write_sound(folder / "going.wav", sound[:, : round(4.5 * rate)], rate, "WAV", "PCM_24")
    coming = write_sound(folder / "coming.wav", struck(9.0, 8.0, 2), rate, "WAV", "PCM_24")
    path = folder / "edit.otio"
    shots = [
        clip("going", 48, 48, url=str(going), available=span(0, 108)),
        clip("coming", 12, 48, url=str(coming), available=span(0, 216)),
    ]
    timeline(track(*shots)).to_json_file(str(path))
    for mode in ("align", "replace", "insert"):
        for ripple in (False, True):
            wanted = {"edit__mode": mode, "edit__ripple": ripple, "join__search_s": 5.0, "match__min_remaining_s": 0.25}
            found = proposed(bench, path, coming, **wanted).candidates
            assert found
            for candidate in found:
                out, into = seconds_of(candidate)
                assert 2.0 < out <= 4.5
                assert 0.0 <= into <= 9.0 - 2 / 24
                if mode == "align" or not ripple:
                    assert out < 6.0


def test_the_outgoing_source_never_meets_itself(bench: Bench):
    """Its own windows are searched within themselves, or the blow would meet the very same blow: no cut at all."""
    path = bench.edit(into=1.0, length=3.0, cut=11.0)
    found = proposed(bench, path, bench.going, match__neighbourhood_s=3.0, join__search_s=5.0)
    assert found.candidates
    for candidate in found.candidates:
        assert candidate.media.path == str(bench.going)
        assert 0 <= candidate.join.out_point <= ANALYSIS_RATE
        assert 0 <= candidate.join.in_point <= ANALYSIS_RATE
        out, into = seconds_of(candidate)
        assert abs(out - into) > 2.0


def test_a_match_too_late_for_the_record_length_can_be_cut_earlier(bench: Bench):
    path = bench.edit(into=1.0, length=14.0)
    strict = proposed(bench, path, bench.coming)
    late = {r.window_start for r in strict.refused if "too short for the record length" in r.reason}
    assert late
    wide = proposed(bench, path, bench.coming, join__search_s=3.0)
    windows = {c.window_start for c in wide.candidates}
    assert {c.window_start for c in strict.candidates} < windows
    assert windows & late
    for candidate in wide.candidates:
        _, into = seconds_of(candidate)
        assert into + 14.0 - float(candidate.cut_shift) <= COMING + 0.001


def test_a_short_insert_keeps_its_point_and_ends_before_its_fade_does(bench: Bench):
    """The shot is cut to what there is room for: the fade and the glide shorten, the points stay what they were."""
    path = bench.edit()
    wanted = {"edit__mode": "insert", "edit__length_s": 0.1, "match__min_remaining_s": 0.0, "join__max_gain_db": 12.0}
    for method in ("fitted", "max-ss-adaptive", "crossfade"):
        found = proposed(bench, path, bench.coming, join__method=method, **wanted)
        assert found.candidates
        for candidate in found.candidates:
            join = candidate.join
            assert candidate.length is not None
            ends = int(candidate.length * ANALYSIS_RATE)
            assert join.fade_after + join.glide <= ends
            out = candidate.query_start + join.out_point
            assert abs(Fraction(out, ANALYSIS_RATE) - 4 - candidate.cut_shift) < Fraction(1, 10_000)
            into = Fraction(candidate.window_start + join.in_point, ANALYSIS_RATE)
            assert abs(into - (candidate.in_time - candidate.media.start)) < Fraction(1, 10_000)
