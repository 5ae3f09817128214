"""A join found anew by another method is the one that proposing by that method finds."""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import opentimelineio as otio
import pytest
import random_edits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make_media import write_sound
from random_edits import Builder, Media, settings_of

from amc_otio.config import METHODS, Settings
from amc_otio.errors import AmcError, MediaError, NoMatchError, ProposalsError
from amc_otio.matching.rejoin import RecordedLocator
from amc_otio.proposals import Candidate, Proposal, Proposals, read_proposals, write_proposals
from amc_otio.workflow import Sources, propose
from amc_otio.workflow.rejoining import rejoin_for, rejoiner


@dataclass(frozen=True)
class Bench:
    media: dict[str, Media]
    sources: Sources
    folder: Path


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("rejoin")
    media = random_edits.make_media(folder / "media")
    return Bench(media, Sources(gallery=(folder / "media",), library=folder / "library", workers=1), folder)


def check_same(proposals: Proposals, edit: Path) -> int:
    """Every candidate is found again as it was proposed."""
    finds = rejoiner(proposals, edit)
    made = 0
    for proposal in proposals.proposals:
        for candidate in proposal.candidates:
            assert finds.rejoin(proposal, candidate, candidate.join.method) == candidate
            made += 1
    return made


def try_seed(bench: Bench, seed: int) -> int:
    path = bench.folder / "edit.otio"
    Builder(seed, bench.media).timeline().to_json_file(str(path))
    try:
        proposals = propose(path, bench.sources, settings=settings_of(seed))
    except NoMatchError:
        return 0
    return check_same(proposals, path)


@settings(
    deadline=None,
    max_examples=12,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**31))
def test_the_method_of_a_candidate_finds_it_again(bench: Bench, seed: int) -> None:
    try_seed(bench, seed)


MODES = {
    "replace": {"edit.mode": "replace"},
    "ripple": {"edit.mode": "replace", "edit.ripple": True},
    "refuse": {"edit.mode": "replace", "edit.short": "refuse"},
    "insert": {"edit.mode": "insert", "edit.length_s": 0.5},
    "align": {"edit.mode": "align"},
    "sound alone": {"edit.mode": "replace", "edit.audio_only": True},
    "search": {"edit.mode": "replace", "join.search_s": 0.7},
    "align with search": {"edit.mode": "align", "join.search_s": 0.7},
}


def example(examples: Path, folder: Path, **wanted: object) -> Proposals:
    """Proposals for the bundled timeline."""
    values = {
        "match.representation": "mfcc",
        "match.k": 4,
        "match.per_source": 1,
        "match.max_level_step_lu": 0.0,
        **wanted,
    }
    sources = Sources(gallery=(examples / "sounds", examples / "media"), library=folder, workers=1)
    return propose(examples / "match_cut.otio", sources, settings=Settings().replace(values))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("library")


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_another_method_finds_what_proposing_by_it_finds(mode: str, examples: Path, library: Path) -> None:
    """Where the other method proposes the same window, its join is the one that is found anew."""
    edit = examples / "match_cut.otio"
    base = example(examples, library, **{"edit.short": "keep", **MODES[mode], "join.method": "max-ss"})
    finds = rejoiner(base, edit)
    compared = 0
    methods = METHODS if mode == "replace" else ("fitted", "crossfade")
    for method in methods:
        other = example(examples, library, **{"edit.short": "keep", **MODES[mode], "join.method": method})
        for proposal, expected in zip(base.proposals, other.proposals, strict=True):
            windows = {(c.media.path, c.window_start): c for c in expected.candidates}
            for candidate in proposal.candidates:
                same = windows.get((candidate.media.path, candidate.window_start))
                if same is not None:
                    made = finds.rejoin(proposal, candidate, method)
                    assert made == replace(same, rank=candidate.rank)
                    compared += 1
    assert compared >= len(methods)
    assert check_same(base, edit)


def test_all_methods_at_once_are_each_of_them(examples: Path, library: Path) -> None:
    proposals = example(examples, library, **{"edit.short": "keep"})
    proposal = next(p for p in proposals.proposals if p.candidates)
    candidate = proposal.candidates[0]
    made = rejoiner(proposals, examples / "match_cut.otio").rejoin_all(proposal, candidate)
    assert tuple(made) == METHODS
    finds = rejoin_for(proposals, examples / "match_cut.otio")
    for method, one in made.items():
        assert isinstance(one, Candidate)
        assert one.join.method == method
        assert one == finds(proposal, candidate, method)
        assert one.scores.similarity == candidate.scores.similarity
        assert one.reasons[0] == candidate.reasons[0]
        assert sum(r.startswith("at the join: ") for r in one.reasons) == 1
    assert len({(c.join.out_point, c.join.in_point, c.join.fade_before) for c in made.values()}) > 2


# ---------------------------------------------------------------- what went away


@pytest.fixture
def moved(examples: Path, library: Path, tmp_path: Path) -> tuple[Proposals, Path]:
    """Proposals for a copy of the bundled timeline whose media can be taken away."""
    for name in ("match_cut.otio", "media", "sounds"):
        source = examples / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path / name)
    return example(tmp_path, tmp_path / "library", **{"edit.short": "keep"}), tmp_path / "match_cut.otio"


def a_sound(proposals: Proposals) -> tuple[Proposal, Candidate]:
    """A candidate that is no shot of the timeline."""
    return next((p, c) for p in proposals.proposals for c in p.candidates if Path(c.media.path).parent.name == "sounds")


def test_media_that_vanished_is_named(moved: tuple[Proposals, Path]) -> None:
    proposals, edit = moved
    proposal, candidate = a_sound(proposals)
    finds = rejoiner(proposals, edit)
    path = Path(candidate.media.path)
    path.rename(path.with_suffix(".gone"))
    with pytest.raises(MediaError, match=f"{path.name}: is not in .* any more; put it back"):
        finds.rejoin(proposal, candidate, "max-ss")
    path.with_suffix(".gone").rename(path)
    assert proposal.point.outgoing.path is not None
    Path(proposal.point.outgoing.path).unlink()
    with pytest.raises(MediaError, match=r"is not in .* any more"):
        rejoiner(proposals, edit).rejoin(proposal, candidate, "max-ss")


def test_media_that_was_changed_is_named(moved: tuple[Proposals, Path]) -> None:
    proposals, edit = moved
    proposal, candidate = a_sound(proposals)
    shorter = random_edits.bursts(0.5, 48_000, 1, 1)
    path = Path(candidate.media.path)
    path.unlink()
    write_sound(path, shorter, 48_000, "OGG", "VORBIS")
    with pytest.raises(MediaError, match=f"{path.name}: was changed since it was proposed; propose again"):
        rejoiner(proposals, edit).rejoin(proposal, candidate, "max-ss")


def test_another_timeline_is_refused(moved: tuple[Proposals, Path]) -> None:
    proposals, edit = moved
    made = otio.adapters.read_from_file(str(edit))
    made.metadata["changed"] = True
    made.to_json_file(str(edit))
    with pytest.raises(ProposalsError, match="is not the timeline that the proposals were made for"):
        rejoiner(proposals, edit)


def test_proposals_that_do_not_fit_are_refused(moved: tuple[Proposals, Path]) -> None:
    proposals, edit = moved
    proposal = next(p for p in proposals.proposals if p.candidates)
    candidate = proposal.candidates[0]
    finds = rejoiner(proposals, edit)
    elsewhere = dataclasses.replace(candidate, query_start=candidate.query_start + 1)
    with pytest.raises(ProposalsError, match="lies elsewhere in its sound now"):
        finds.rejoin(proposal, elsewhere, "max-ss")
    unknown = replace(proposal, point=replace(proposal.point, id="A9:9"))
    with pytest.raises(ProposalsError, match="is not in the timeline any more"):
        finds.rejoin(unknown, candidate, "max-ss")


def test_relinked_media_is_found_where_it_was_found(moved: tuple[Proposals, Path], tmp_path: Path) -> None:
    """Search roots are not in the proposals; the paths are."""
    _, edit = moved
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "media").rename(elsewhere)
    sources = Sources(
        gallery=(tmp_path / "sounds",), library=tmp_path / "library", workers=1, search_roots=(elsewhere,)
    )
    wanted = {"match.representation": "mfcc", "match.k": 2, "match.max_level_step_lu": 0.0, "edit.short": "keep"}
    made = propose(edit, sources, settings=Settings().replace(wanted))
    write_proposals(made, tmp_path / "p.json")
    assert check_same(read_proposals(tmp_path / "p.json"), edit) > 0


def test_what_is_not_known_is_looked_for_beside_the_timeline(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")
    finder = RecordedLocator({"b.wav": str(tmp_path / "b.wav")}, tmp_path)
    assert finder.locate("a.wav") == tmp_path / "a.wav"
    with pytest.raises(AmcError, match=r"b\.wav: is not in"):
        finder.locate("b.wav")
