"""Evaluation from end to end: on the bundled sounds, on sets of nothing but names, and by the command."""

from __future__ import annotations

import builtins
import importlib.machinery
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from set_helpers import KINDS, made_set, random_vectors, set_folder, sounds_csv, write_csv

from amc_otio.cli import main
from amc_otio.errors import MediaError, OutputError, RepresentationError, UsageError
from amc_otio.evaluation import embed
from amc_otio.evaluation.clip_files import clip_paths, clip_samples, write_clip
from amc_otio.evaluation.evaluate import evaluate_set, evaluate_sets, score, vectors_of
from amc_otio.evaluation.judged import RepresentationSpec, by_vectors, distinct, parse_representation
from amc_otio.evaluation.labelled_set import read_labelled_set
from amc_otio.evaluation.markdown import to_markdown
from amc_otio.evaluation.output import rendered, write_files
from amc_otio.evaluation.protocols import tasks
from amc_otio.evaluation.records import Clip, restrict
from amc_otio.library import Library
from amc_otio.media.decode import decode_mono
from amc_otio.media.windows import iter_windows
from amc_otio.representations import create


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bundled sounds and ``queries.csv``."""
    folder = tmp_path_factory.mktemp("sounds")
    sounds_csv(folder, Path(__file__).resolve().parent.parent / "examples")
    return folder


# ---------------------------------------------------------------- protocols


def test_what_each_protocol_ranks():
    labelled = made_set()
    number = {clip.name: i for i, clip in enumerate(labelled.clips)}
    query = labelled.queries[0]
    paper, hard, cross, full, xfull = (tasks(labelled, p)[0] for p in ("paper", "hard", "cross", "full", "xfull"))

    def names(task: Any) -> set[str]:
        return {labelled.clips[i].name for i in task.candidates}

    assert names(paper) == {*query.positives, *query.negatives}
    assert names(hard) == {*query.positives, *query.negatives_same_package}
    assert names(cross) == {*labelled.cross_queries[0].positives, *labelled.cross_queries[0].negatives}
    assert names(full) == set(number) - {query.query, *query.ignore}
    assert names(xfull) == set(number) - {query.query, *labelled.cross_queries[0].ignore}
    assert {labelled.clips[i].name for i in full.positives} == set(query.positives)
    with pytest.raises(UsageError, match="protocol: there is none called 'fast'"):
        tasks(labelled, "fast")


def test_restricted_queries_need_enough_of_both():
    whole = made_set()
    part = restrict(whole, only=("A",))
    for protocol in ("paper", "hard", "full"):
        for task in tasks(part, protocol):
            assert len(task.positives) >= 2
            assert len(task.candidates) - len(task.positives) >= 20
    # Of 50 negatives a quarter remains: too few, though the gallery holds enough.
    assert tasks(part, "paper") == ()
    assert tasks(part, "full") != ()
    report = evaluate_set(part, similarities={"r": by_vectors(random_vectors(part))})
    assert [p.protocol for p in report.sets[0].protocols] == ["hard", "full"]
    assert f"made, paper: 0 of {len(part.queries)} queries have the 2 positives" in report.notes[0]
    with pytest.raises(UsageError, match=r"none of its .* for 'paper' has at least 2 positives and 20 negatives"):
        evaluate_set(part, similarities={"r": by_vectors(random_vectors(part))}, protocols=["paper"])
    with pytest.raises(UsageError, match="has no labels for 'cross'"):
        evaluate_set(part, similarities={"r": by_vectors(random_vectors(part))}, protocols=["cross"])


def test_the_report_says_how_many_queries_remain():
    whole = made_set()
    report = evaluate_set(
        whole, similarities={"r": by_vectors(random_vectors(restrict(whole, ("A", "B"))))}, packages="AB"
    )
    (made,) = report.sets
    assert made.packages == ("A", "B")
    assert made.clips == 60
    by_name = {p.protocol: p for p in made.protocols}
    assert by_name["cross"].queries == len(whole.cross_queries)
    assert 0 < by_name["cross"].judged == report.row("cross", "r").queries < by_name["cross"].queries
    assert any(f"{by_name['cross'].judged} of {len(whole.cross_queries)} queries" in note for note in report.notes)


# ---------------------------------------------------------------- similarities of one's own


def test_an_oracle_is_perfect_and_its_contrary_is_not():
    labelled = made_set()
    kinds = np.array([clip.kind for clip in labelled.clips])
    oracle = lambda q, c: (kinds[c] == kinds[q]).astype(float)  # noqa: E731
    report = evaluate_set(
        labelled, similarities={"oracle": oracle, "contrary": lambda q, c: -oracle(q, c)}, baseline="contrary"
    )
    row = report.row("paper", "oracle")
    assert row.metrics.r_map.value == row.metrics.hr_1.value == 1.0
    assert row.difference is not None
    assert row.difference.verdict == "better"
    assert row.metrics.p_5.value == pytest.approx(3 / 5)
    worst = report.row("paper", "contrary").metrics
    assert worst.hr_5.value == 0.0
    assert worst.r_map.value == pytest.approx(np.mean([1 / 51, 2 / 52, 3 / 53]))
    assert score(labelled, oracle, "paper") == {"queries": 40} | dict.fromkeys(
        ("r_map", "hr_1", "hr_2", "hr_5"), 1.0
    ) | {
        "p_5": pytest.approx(0.6),
        "p_10": pytest.approx(0.3),
    }
    assert {kind.kind for kind in row.kinds} == {f"k{i}" for i in range(5)}
    assert sum(kind.queries for kind in row.kinds) == row.queries


def test_vectors_by_name_are_cosines():
    labelled = made_set()
    vectors = random_vectors(labelled)
    long = {clip.name: vectors[i] * (i + 1) for i, clip in enumerate(labelled.clips)}
    report = evaluate_set(labelled, similarities={"rows": by_vectors(vectors), "names": long}, draws=10)
    for protocol in ("paper", "hard", "cross", "full", "xfull"):
        assert report.row(protocol, "rows").metrics == report.row(protocol, "names").metrics


def test_vectors_that_do_not_fit():
    labelled = made_set()
    good = {clip.name: np.ones(3) for clip in labelled.clips}
    for changed, says in (
        ({}, "v: there is no vector for 120 clips, 'A00' for one"),
        (good | {"A03": np.ones(4)}, r"v: the vector of 'A03' has the shape \(4,\)"),
        (good | {"A03": np.array([1, np.inf, 0])}, "v: the vector of 'A03' is not finite"),
    ):
        with pytest.raises(RepresentationError, match=says):
            evaluate_set(labelled, similarities={"v": changed})


def test_what_is_judged_has_names_of_its_own(tmp_path: Path):
    assert parse_representation("sfx") == RepresentationSpec("sfx")
    spec = parse_representation("split-and-contrast=~/a=b.safetensors")
    assert (spec.name, spec.weights) == ("split-and-contrast", Path("~/a=b.safetensors").expanduser())
    assert spec.label == "split-and-contrast=a=b.safetensors"
    one, two = distinct([parse_representation("x=a/m.st"), parse_representation("x=b/m.st")])
    assert (one.label, two.label) == (f"x={Path('a/m.st')}", f"x={Path('b/m.st')}")
    for text in ("", "=m", "sfx="):
        with pytest.raises(UsageError, match="is not NAME or NAME=WEIGHTS"):
            parse_representation(text)
    for given in (["mfcc", "mfcc"], []):
        with pytest.raises(UsageError):
            evaluate_set(made_set(), given)
    with pytest.raises(UsageError, match="baseline 'mel': is not one"):
        evaluate_set(made_set(), ["mfcc"], baseline="mel")
    with pytest.raises(RepresentationError, match="nosuch"):
        evaluate_set(made_set(), ["nosuch"])
    with pytest.raises(UsageError, match="the set 'made' is given twice"):
        evaluate_sets([made_set(), made_set(seed=1)], ["mfcc"])


# ---------------------------------------------------------------- sound


def test_a_clip_is_what_the_set_asks_for(examples: Path, tmp_path: Path):
    path = examples / "sounds" / "river.ogg"
    whole = decode_mono(path, 0, 48_000, 48_000)
    clip = Clip("river", path, content_s=0.25, shift=47_000)
    samples = clip_samples(clip)
    np.testing.assert_array_equal(samples[:12_000], whole[:12_000])
    assert not samples[12_000:].any()
    shifted = clip_samples(clip, shift=True)
    np.testing.assert_array_equal(np.roll(shifted, -47_000), samples)
    film = examples / "media" / "sintel_trailer.mp4"
    later = clip_samples(Clip("film@12.5", film, start=600_000))
    np.testing.assert_allclose(later, decode_mono(film, 600_000, 48_000, 48_000), atol=1e-6)
    # What is written is bit for bit what was meant, and the same at each time.
    for name in ("a.wav", "b.wav"):
        write_clip(tmp_path / name, later)
    np.testing.assert_array_equal(next(iter_windows(tmp_path / "a.wav", 48_000)).samples, [later])
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_a_clip_is_known_by_what_it_is_made_of(sounds: Path, examples: Path, tmp_path: Path):
    folder = Path("clips")
    of_a_csv = read_labelled_set(sounds)
    paths = clip_paths(of_a_csv, False, folder)
    assert len(set(paths)) == len(of_a_csv.clips)
    assert clip_paths(of_a_csv, True, folder) == paths  # it says no shifts
    # Half a second of the same files, and that half second elsewhere, are other clips.
    of_a_folder = read_labelled_set(set_folder(tmp_path, examples))
    others = clip_paths(of_a_folder, False, folder) + clip_paths(of_a_folder, True, folder)
    assert len({*paths, *others}) == 36


def test_shifted_clips_are_embedded_shifted(examples: Path, tmp_path: Path):
    labelled = read_labelled_set(set_folder(tmp_path / "set", examples))
    straight, shifted = (
        vectors_of(labelled, "mfcc", shift=shift, library=tmp_path / "lib", workers=1) for shift in (False, True)
    )
    encoder = create("mfcc")
    windows = np.stack([np.roll(clip_samples(clip), 12_000) for clip in labelled.clips])
    np.testing.assert_allclose(shifted, encoder.embed(windows), atol=1e-6)
    assert np.abs(shifted - straight).max() > 0.01
    with pytest.raises(UsageError, match="says no shift"):
        evaluate_set(sounds_csv(tmp_path / "csv", examples), ["mfcc"], shift=True)


def test_sfx_beats_random_on_the_bundled_sounds(sounds: Path):
    report = evaluate_set(sounds, ["random", "sfx"], baseline="random", workers=1)
    random, sfx = report.row("paper", "random"), report.row("paper", "sfx")
    assert sfx.queries == sum(len(names) for kind, names in KINDS.items() if kind != "other") == 10
    assert sfx.metrics.r_map.value > random.metrics.r_map.value
    assert {kind.kind for kind in sfx.kinds} == {"cymbal", "engine", "explosion", "water"}
    assert report.sets[0].silent == 0
    assert [made.name for made in report.representations] == ["random", "sfx"]
    assert report.representations[1].dimension == 512
    # By the vectors themselves, without library or labels format in between.
    labelled = read_labelled_set(sounds)
    encoder = create("sfx", threads=1)
    windows = [next(iter_windows(clip.path, encoder.sample_rate)).samples[0] for clip in labelled.clips]
    vectors = encoder.embed(np.stack(windows))
    assert score(labelled, by_vectors(vectors), "paper")["r_map"] == pytest.approx(sfx.metrics.r_map.value, abs=1e-9)


def test_a_library_is_not_filled_twice(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    told: list[embed.Progress] = []
    first = evaluate_set(sounds, ["mfcc"], library=tmp_path / "lib", workers=1, progress=told.append)
    assert {p.text for p in told} == {"reading clips", "embedding mfcc", "ranking"}
    assert all(0 <= p.done <= p.total for p in told)
    assert not (tmp_path / "lib" / embed.CLIPS_FOLDER).exists()
    written: list[Path] = []

    def counted(path: Path, samples: np.ndarray) -> None:
        written.append(path)
        write_clip(path, samples)

    monkeypatch.setattr(embed, "write_clip", counted)
    assert evaluate_set(sounds, ["mfcc"], library=tmp_path / "lib", workers=1) == first
    assert written == []
    # Another representation needs the sound again, and spoils nothing of the first.
    evaluate_set(sounds, ["mfcc", "mel"], library=tmp_path / "lib", workers=1)
    assert len(written) == 12
    assert evaluate_set(sounds, ["mfcc"], library=tmp_path / "lib", workers=1) == first
    assert len(written) == 12


def test_another_evaluation_may_take_clips_away(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first = evaluate_set(sounds, ["mfcc"], workers=1)
    index = Library.index
    calls: list[int] = []

    def taken_away(self: Library, paths: list[Path], *rest: Any, **more: Any) -> Any:
        calls.append(len(paths))
        if len(calls) == 1:
            for path in paths[:5]:
                path.unlink()
        return index(self, paths, *rest, **more)

    monkeypatch.setattr(Library, "index", taken_away)
    assert evaluate_set(sounds, ["mfcc"], library=tmp_path / "lib", workers=1) == first
    assert calls == [12, 5]


def test_a_damaged_shard_is_made_again(sounds: Path, tmp_path: Path):
    first = evaluate_set(sounds, ["mfcc"], library=tmp_path / "lib", workers=1)
    shard = sorted((tmp_path / "lib" / "vectors").rglob("*.safetensors"))[3]
    data = bytearray(shard.read_bytes())
    data[-9] ^= 0xFF
    shard.write_bytes(data)
    with pytest.warns(UserWarning, match="set aside"):
        assert evaluate_set(sounds, ["mfcc"], library=tmp_path / "lib", workers=1) == first


def test_a_file_that_changes_is_embedded_again(examples: Path, tmp_path: Path):
    folder = sounds_csv(tmp_path / "set", examples).parent
    labelled = read_labelled_set(folder)
    before = vectors_of(labelled, "mfcc", library=tmp_path / "lib", workers=1)
    (folder / "river.ogg").write_bytes((folder / "thunder.ogg").read_bytes())
    after = vectors_of(labelled, "mfcc", library=tmp_path / "lib", workers=1)
    names = [clip.name for clip in labelled.clips]
    changed = [name for name, a, b in zip(names, before, after, strict=True) if not np.array_equal(a, b)]
    assert changed == ["river.ogg"]
    np.testing.assert_array_equal(after[names.index("river.ogg")], after[names.index("thunder.ogg")])


class Level:
    """A representation of one's own that no registry knows: the level in eight parts of the second."""

    name, version, dimension, sample_rate, weights_hash = "level", "1", 8, 22_050, ""

    def embed(self, windows: np.ndarray) -> np.ndarray:
        parts = np.stack([np.abs(part).mean(axis=1) for part in np.array_split(windows, 8, axis=1)], axis=1)
        return (parts / np.linalg.norm(parts, axis=1, keepdims=True)).astype(np.float32)


def test_an_own_representation_is_judged(sounds: Path):
    report = evaluate_set(sounds, [Level(), "mfcc"], workers=1)
    assert [made.label for made in report.representations] == ["level", "mfcc"]
    assert 0.1 < report.row("paper", "level").metrics.r_map.value < 1

    class Wrong(Level):
        def embed(self, windows: np.ndarray) -> np.ndarray:
            return np.zeros((1, 3), np.float32)

    with pytest.raises(RepresentationError, match="level: its vectors are not finite and of shape"):
        evaluate_set(sounds, [Wrong()])


def test_seconds_of_a_film_are_clips(examples: Path, tmp_path: Path):
    (tmp_path / "film.mp4").write_bytes((examples / "media" / "bbb_opening_25fps.mp4").read_bytes())
    rows = [
        {"query": "film.mp4@0.5", "candidate": f"film.mp4@{second}", "relevant": int(second == 1.5)}
        for second in (1.5, 2.5, 3.25, 60)
    ]
    report = evaluate_set(write_csv(tmp_path / "film.csv", rows), ["mfcc"], workers=1)
    assert report.row("paper", "mfcc").queries == 1
    assert report.row("paper", "mfcc").metrics.r_map.low is None
    # The last second lies behind the film's end.
    assert report.sets[0].silent == 1
    assert "film: 1 clip(s) are silent" in report.notes[0]


def test_a_clip_that_cannot_be_read_ends_the_run(examples: Path, tmp_path: Path):
    folder = sounds_csv(tmp_path / "set", examples).parent
    (folder / "river.ogg").write_text("no sound at all")
    with pytest.raises(MediaError, match=r"river\.ogg"):
        evaluate_set(folder, ["mfcc"], library=tmp_path / "lib", workers=1)
    assert not (tmp_path / "lib" / embed.CLIPS_FOLDER).exists()
    with Library.open(tmp_path / "lib") as library:
        assert library.info().failures == ()


# ---------------------------------------------------------------- the command


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["evaluate", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture
def plain(sounds: Path) -> list[object]:
    return [sounds, "--representations", "random", "mfcc", "--workers", "1"]


def test_a_run(plain: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = [tmp_path / "r.md", tmp_path / "r.json"]
    arguments = [*plain, "--baseline", "random", "--per-kind", "-o", out[0], "-o", out[1]]
    code, printed, _ = run(capsys, *arguments)
    assert code == 0
    table = printed.splitlines()
    assert table[0].split()[:4] == ["protocol", "representation", "queries", "R-mAP"]
    assert table[2].split()[:3] == ["paper", "mfcc", "10"]
    assert any(line.split()[:3] == ["paper", "cymbal", "mfcc"] for line in table)
    page = out[0].read_text(encoding="utf-8")
    assert "| paper | mfcc | 10 |" in page
    assert "### paper, by kind of sound (R-mAP)" in page
    value = json.loads(out[1].read_text(encoding="utf-8"))
    assert (value["format"], value["version"]) == ("amc-otio evaluation", 1)
    figures = [row["metrics"]["r_map"]["value"] for row in value["rows"]]
    assert f"| paper | mfcc | 10 | {figures[1]:.3f} |" in page
    # The same again says the same, and replaces nothing unasked.
    before = [path.read_bytes() for path in out]
    code, _, error = run(capsys, *arguments)
    assert code == 8
    assert "exists already; name another file, or --force" in error
    assert run(capsys, *arguments, "--force")[0] == 0
    assert [path.read_bytes() for path in out] == before


def test_json_is_the_report(plain: list[object], capsys: pytest.CaptureFixture[str]):
    code, printed, error = run(capsys, *plain, "--json", "--protocols", "paper")
    assert (code, error) == (0, "")
    value = json.loads(printed)
    assert [row["representation"] for row in value["rows"]] == ["random", "mfcc"]
    assert value["rows"][0]["difference"] is None
    code, printed, error = run(capsys, *plain, "--quiet")
    assert (code, printed, error) == (0, "", "")


def test_a_plot_is_a_picture(plain: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("matplotlib")
    assert run(capsys, *plain, "--baseline", "random", "--plot", tmp_path / "p.png")[0] == 0
    data = (tmp_path / "p.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert run(capsys, *plain, "--baseline", "random", "--plot", tmp_path / "p.png", "--force")[0] == 0
    assert (tmp_path / "p.png").read_bytes() == data


def test_without_matplotlib(
    plain: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    found = importlib.machinery.PathFinder.find_spec

    def without(name: str, *rest: Any) -> Any:
        return None if name.partition(".")[0] == "matplotlib" else found(name, *rest)

    monkeypatch.setattr(importlib.machinery.PathFinder, "find_spec", without)
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    imports = builtins.__import__

    def no_matplotlib(name: str, *rest: Any, **more: Any) -> Any:
        assert not name.startswith("matplotlib")
        return imports(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", no_matplotlib)
    out = tmp_path / "r.md"
    code, printed, error = run(capsys, *plain, "-o", out, "--plot", tmp_path / "p.png")
    assert code == 1
    assert error == "amc-otio: matplotlib: is not installed, and plots need it; pip install 'amc-otio[plot]'\n"
    assert printed == ""
    assert list(tmp_path.iterdir()) == []
    assert run(capsys, *plain, "-o", out)[0] == 0


def test_nothing_is_written_where_one_file_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    synced: list[int] = []

    def second_fails(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 2:
            raise OSError(28, "No space left on device")

    labelled = made_set()
    report = evaluate_set(labelled, similarities={"r": by_vectors(random_vectors(labelled))})
    files = {path: rendered(report, path) for path in (tmp_path / "a.md", tmp_path / "b.json")}
    monkeypatch.setattr("amc_otio.evaluation.output.os.fsync", second_fails)
    with pytest.raises(OutputError, match=r"b\.json: cannot be written \(No space left"):
        write_files(files, False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["queries.csv", "river.ogg"])
def test_a_set_is_never_overwritten(name: str, examples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = sounds_csv(tmp_path / "set", examples).parent
    before = (folder / name).read_bytes()
    (tmp_path / "link.md").symlink_to(folder / name)
    code, _, error = run(capsys, folder, "-o", tmp_path / "link.md", "--force")
    assert code == 8
    assert "belongs to the set that is read, which is never overwritten" in error
    assert (folder / name).read_bytes() == before


def test_several_sets_in_one_run(sounds: Path, examples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rows = [
        {"query": "river.ogg", "candidate": f"{n}.ogg", "relevant": int(n == "waterfall")}
        for n in ("waterfall", "blast")
    ]
    sounds_csv(tmp_path / "other", examples)
    other = write_csv(tmp_path / "other" / "small.csv", rows)
    code, printed, _ = run(capsys, sounds, other, "--representations", "mfcc", "--workers", "1", "--json")
    assert code == 0
    value = json.loads(printed)
    assert [row["set"] for row in value["rows"]] == [sounds.name, "small"]
    pytest.importorskip("matplotlib")
    assert (
        run(capsys, sounds, other, "--representations", "mfcc", "--workers", "1", "--plot", tmp_path / "p.png")[0] == 0
    )


def test_sets_of_one_name_are_told_by_their_paths(examples: Path, tmp_path: Path):
    folders = [sounds_csv(tmp_path / place / "set", examples).parent for place in "ab"]
    report = evaluate_sets(folders, ["mfcc"], workers=1)
    assert [made.name for made in report.sets] == [str(folder.resolve()) for folder in folders]
    with pytest.raises(UsageError, match="is given twice"):
        evaluate_sets([folders[0], folders[0]], ["mfcc"])


def test_half_a_letter_in_labels_is_no_fault(examples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    others = {"negatives": [n for names in KINDS.values() for n in names if n not in ("river", "splash", "waterfall")]}
    folder = set_folder(tmp_path / "set", examples, kind="\ud800", ignore=[], **others)
    out = [tmp_path / "r.md", tmp_path / "r.json"]
    arguments = ["--representations", "mfcc", "--workers", "1", "--per-kind", "-o", out[0], "-o", out[1]]
    assert run(capsys, folder, *arguments, "--protocols", "full")[0] == 0
    assert json.loads(out[1].read_text(encoding="utf-8"))["rows"][0]["kinds"][0]["kind"] == "\ud800"
    assert "ud800 | 1 | 1 |" in out[0].read_text(encoding="utf-8")


def test_names_from_a_set_stay_text(sounds: Path):
    labelled = read_labelled_set(sounds)
    rows = {"a|b <script> `c` [d](e) # \x1b[31m": lambda q, c: -c.astype(float)}
    page = to_markdown(evaluate_set(labelled, similarities=rows), per_kind=True)
    assert "\\|b \\<script\\> \\`c\\` \\[d\\](e)" in page
    assert "\x1b" not in page
    assert page.count("\n## ") == 1
