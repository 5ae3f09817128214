"""Indexing embeds what is new, once, and nothing that goes wrong with one file keeps the others out."""

from __future__ import annotations

import os
import pickle
import shutil
import warnings
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
import soundfile
from library_helpers import content_of, shard_files, write_tone

from amc_otio.errors import LibraryError, RepresentationError, UsageError
from amc_otio.library import jobs as jobs_module
from amc_otio.library.indexing import Progress
from amc_otio.library.layout import LibraryWarning
from amc_otio.library.library import Library
from amc_otio.library.sources import content_key
from amc_otio.representations import create


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    for seed in range(5):
        write_tone(folder / f"{seed}.wav", seconds=1.0 + seed / 2, seed=seed)
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Library:
    with Library.open(tmp_path / "lib") as library:
        yield library


def test_vectors_are_those_of_the_sound(library: Library, sounds: Path) -> None:
    report = library.index([sounds], "mfcc", workers=1)
    assert (report.embedded, report.reused, report.failed, report.windows) == (5, 0, (), 11)
    assert report.seconds == pytest.approx(10.0)
    searcher = library.searcher("mfcc")
    assert len(searcher) == 11
    mfcc = create("mfcc")
    for path in sorted(sounds.iterdir()):
        samples, rate = soundfile.read(path, dtype="float32")
        count = -(-len(samples) // rate)
        padded = np.zeros(count * rate, np.float32)
        padded[: len(samples)] = samples
        numbers = list(searcher.windows_of(path))
        np.testing.assert_allclose(searcher.vectors(numbers), mfcc.embed(padded.reshape(count, rate)), atol=2e-5)
        valid = [searcher.window(number).valid for number in numbers]
        assert sum(valid) == len(samples)
        peaks = [searcher.window(number).peak for number in numbers]
        assert max(peaks) == pytest.approx(np.abs(samples).max(), abs=1e-3)
        assert all(-40 < searcher.window(number).loudness < 0 for number in numbers)


def test_a_second_run_embeds_nothing_and_reads_no_source(
    library: Library, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = library.index([sounds], "mfcc", workers=1)
    monkeypatch.setattr("amc_otio.library.plan.content_key", None)
    monkeypatch.setattr("amc_otio.library.executors.embed_source", None)
    second = library.index([sounds], "mfcc", workers=1)
    assert (second.embedded, second.reused) == (0, 5)
    assert (second.windows, second.seconds) == (first.windows, first.seconds)


def test_only_what_is_new_or_has_changed_is_embedded(library: Library, sounds: Path) -> None:
    library.index([sounds], "mfcc", workers=1)
    write_tone(sounds / "new.wav", seed=10)
    write_tone(sounds / "0.wav", seed=11)
    report = library.index([sounds], "mfcc", workers=1)
    assert (report.embedded, report.reused) == (2, 4)


def test_a_moved_or_copied_or_touched_file_is_not_embedded_again(
    library: Library, sounds: Path, tmp_path: Path
) -> None:
    library.index([sounds], "mfcc", workers=1)
    shutil.copy(sounds / "0.wav", sounds / "copy.wav")
    (sounds / "1.wav").rename(tmp_path / "moved.wav")
    os.utime(sounds / "2.wav", (1, 1))
    report = library.index([sounds, tmp_path / "moved.wav"], "mfcc", workers=1)
    assert (report.embedded, report.reused) == (0, 6)
    assert len(shard_files(library.folder)) == 5


def test_copies_are_embedded_once_in_one_run(library: Library, sounds: Path) -> None:
    shutil.copy(sounds / "0.wav", sounds / "copy.wav")
    report = library.index([sounds], "mfcc", workers=1)
    assert (report.embedded, report.reused) == (5, 1)
    assert len(library.searcher("mfcc").paths) == 5


def test_each_representation_has_its_own_shards(library: Library, sounds: Path) -> None:
    library.index([sounds], "mfcc", workers=1)
    assert library.index([sounds], "random", workers=1).embedded == 5
    assert library.index([sounds], "mfcc", workers=1).embedded == 0
    assert len(shard_files(library.folder)) == 10


def test_small_files_grouped_or_alone_give_the_same_library(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = []
    for limit in (1, 64):
        monkeypatch.setattr("amc_otio.library.plan._GROUP_FILES", limit)
        monkeypatch.setattr("amc_otio.library.plan._JOBS_A_WORKER", 1)
        folder = tmp_path / f"lib{limit}"
        with Library.open(folder) as library:
            library.index([sounds], "mfcc", workers=1)
        contents.append(content_of(folder))
    assert contents[0] == contents[1]


def test_processes_and_threads_and_one_process_give_the_same_library(sounds: Path, tmp_path: Path) -> None:
    contents = []
    for name in ("one", "pool", "threads"):
        with Library.open(tmp_path / name) as library, ThreadPoolExecutor(2) as executor:
            options = {"one": {"workers": 1}, "pool": {"workers": 2}, "threads": {"executor": executor}}[name]
            assert library.index([sounds], "mfcc", **options).embedded == 5
        contents.append(content_of(tmp_path / name))
    assert contents[0] == contents[1] == contents[2]


def test_bad_files_are_named_and_the_rest_goes_on(library: Library, sounds: Path) -> None:
    (sounds / "empty.wav").write_bytes(b"")
    (sounds / "text.wav").write_text("no sound at all")
    (sounds / "cut.flac").write_bytes(b"fLaC\0\0\0\x22" + bytes(10))
    soundfile.write(sounds / "nothing.wav", np.zeros((0, 1)), 48_000)
    gone = sounds / "gone.wav"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = library.index([sounds, gone], "mfcc", workers=1)
    assert report.embedded == 5
    assert {path.name for path, _ in report.failed} == {"empty.wav", "text.wav", "cut.flac", "nothing.wav", "gone.wav"}
    for _, reason in report.failed:
        assert reason and "\n" not in reason
    assert {path.name for path, _, _ in library.info().failures} == {path.name for path, _ in report.failed}
    for name in ("empty.wav", "text.wav", "cut.flac", "nothing.wav", "gone.wav"):
        write_tone(sounds / name.replace("flac", "wav"), seed=20)
    (sounds / "cut.flac").unlink()
    report = library.index([sounds, gone], "mfcc", workers=1)
    assert report.failed == ()
    assert [path.name for path, _, _ in library.info().failures] == ["cut.flac"]


def test_silence_and_samples_that_are_not_finite_are_no_failure(library: Library, sounds: Path) -> None:
    soundfile.write(sounds / "silence.wav", np.zeros(96_000, np.float32), 48_000)
    bad = np.random.default_rng(0).standard_normal(96_000).astype(np.float32) * 0.1
    bad[1000] = np.nan
    bad[2000] = np.inf
    soundfile.write(sounds / "nan.wav", bad, 48_000, subtype="FLOAT")
    report = library.index([sounds], "mfcc", workers=1)
    assert report.failed == ()
    assert any("nan.wav" in problem for problem in report.problems)
    searcher = library.searcher("mfcc", [sounds / "silence.wav", sounds / "nan.wav"])
    silent = list(searcher.windows_of(sounds / "silence.wav"))
    assert not searcher.searchable[silent].any()
    assert np.isfinite(searcher.matrix).all()


def test_a_decoder_that_raises_anything_fails_its_own_file_only(
    library: Library, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = jobs_module.iter_windows

    def odd(path: Path, *rest: object, **options: object) -> object:
        if path.name == "2.wav":
            raise ZeroDivisionError("in some codec")
        return real(path, *rest, **options)

    monkeypatch.setattr(jobs_module, "iter_windows", odd)
    report = library.index([sounds], "mfcc", workers=1)
    assert report.embedded == 4
    assert [(path.name, reason) for path, reason in report.failed] == [
        ("2.wav", "cannot be decoded (ZeroDivisionError: in some codec)")
    ]


def test_a_file_that_changes_while_it_is_read_is_not_kept(
    library: Library, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = jobs_module.iter_windows

    def changing(path: Path, *rest: object, **options: object) -> object:
        yield from real(path, *rest, **options)
        if path.name == "2.wav":
            os.utime(path, (5, 5))

    monkeypatch.setattr(jobs_module, "iter_windows", changing)
    report = library.index([sounds], "mfcc", workers=1)
    assert [(path.name, "changed" in reason) for path, reason in report.failed] == [("2.wav", True)]


def test_a_full_disk_ends_the_run_in_words_and_keeps_what_was_done(
    library: Library, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amc_otio.library.plan._GROUP_FILES", 1)
    real = jobs_module.write_atomically
    written = []

    def filling(path: Path, *rest: object, **options: object) -> None:
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(path)
        real(path, *rest, **options)

    monkeypatch.setattr(jobs_module, "write_atomically", filling)
    with pytest.raises(LibraryError, match="the disk is full"):
        library.index([sounds], "mfcc", workers=1)
    monkeypatch.setattr(jobs_module, "write_atomically", real)
    report = library.index([sounds], "mfcc", workers=1)
    assert (report.embedded, report.reused) == (3, 2)


def test_progress_goes_from_nothing_to_all(library: Library, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amc_otio.library.plan._GROUP_FILES", 1)
    told: list[Progress] = []
    library.index([sounds, sounds / "gone.wav"], "mfcc", workers=1, progress=told.append)
    assert told[0].done == 1  # what is not there is soon done
    assert [p.done for p in told[1:]] == [2, 3, 4, 5, 6]
    assert {p.total for p in told} == {6}
    assert told[-1].seconds_done == pytest.approx(10.0)
    assert told[-1].eta_s == 0
    assert told[-1].path is not None


def test_a_damaged_shard_is_embedded_again_with_a_warning(library: Library, sounds: Path) -> None:
    library.index([sounds], "mfcc", workers=1)
    good = shard_files(library.folder)
    first, second = sorted((library.layout.vectors).rglob("*.safetensors"))[:2]
    first.write_bytes(first.read_bytes()[:-5])
    second.unlink()
    with pytest.warns(LibraryWarning, match="embedded again"):
        report = library.index([sounds], "mfcc", workers=1)
    assert report.embedded == 2
    assert len(report.problems) == 2
    assert shard_files(library.folder) == good


def test_verify_sees_damage_that_keeps_the_size(library: Library, sounds: Path) -> None:
    library.index([sounds], "mfcc", workers=1)
    good = shard_files(library.folder)
    shard = next(library.layout.vectors.rglob("*.safetensors"))
    data = bytearray(shard.read_bytes())
    data[-3] ^= 1
    shard.write_bytes(data)
    with pytest.warns(LibraryWarning, match="embedded again"):
        assert library.index([sounds], "mfcc", workers=1, verify=True).embedded == 1
    assert shard_files(library.folder) == good
    assert library.index([sounds], "mfcc", workers=1, verify=True).embedded == 0


def _twins(folder: Path) -> tuple[Path, Path]:
    """Two sounds of one size whose difference lies between the blocks that a content key reads."""
    sound = np.zeros(6_000_000, np.int16)
    sound[::97] = 3000
    paths = folder / "twin1.wav", folder / "twin2.wav"
    folder.mkdir(exist_ok=True)
    for path, place in zip(paths, (900_000, 900_500), strict=True):
        changed = sound.copy()
        changed[place : place + 300] = 15_000
        soundfile.write(path, changed, 48_000, subtype="PCM_16")
    assert content_key(paths[0]) == content_key(paths[1])
    return paths


def test_verify_tells_two_contents_with_one_key_apart(library: Library, tmp_path: Path) -> None:
    one, other = _twins(tmp_path / "twins")
    assert library.index([one], "mfcc", workers=1, verify=True).embedded == 1
    assert library.index([one, other], "mfcc", workers=1, verify=True).embedded == 1
    searcher = library.searcher("mfcc")
    assert len(searcher.paths) == 2
    assert library.index([one, other], "mfcc", workers=1).embedded == 0
    os.utime(other, (7, 7))  # once a twin is known, such files are always read whole
    assert library.index([one, other], "mfcc", workers=1).embedded == 0
    assert library.index([one, other], "mfcc", workers=1, verify=True).embedded == 0


def test_verify_tells_twins_of_one_run_apart(library: Library, tmp_path: Path) -> None:
    report = library.index([tmp_path / "twins", *_twins(tmp_path / "twins")], "mfcc", workers=1, verify=True)
    assert report.embedded == 2


def test_channels_have_their_own_vectors(library: Library, tmp_path: Path) -> None:
    left, right = (np.random.default_rng(i).standard_normal(48_000) * 0.1 for i in range(2))
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([left, right], axis=1), 48_000, subtype="FLOAT")
    library.index([path], "mfcc", workers=1)
    assert library.index([path], "mfcc", workers=1, channels=((0, 1),)).embedded == 1
    alone = tmp_path / "right.wav"
    soundfile.write(alone, right, 48_000, subtype="FLOAT")
    library.index([alone], "mfcc", workers=1)
    channel = library.searcher("mfcc", channels=((0, 1),)).matrix
    mono = library.searcher("mfcc", [alone]).matrix
    np.testing.assert_allclose(channel, mono, atol=1e-5)


def test_a_job_and_its_result_can_be_carried_anywhere(library: Library, sounds: Path) -> None:
    class Carrying(Executor):
        """Sends everything through bytes, as a farm does."""

        def submit(self, work: object, /, *arguments: object, **_: object) -> Future:  # type: ignore[type-arg,override]
            future: Future = Future()  # type: ignore[type-arg]
            work, arguments = pickle.loads(pickle.dumps((work, arguments)))  # noqa: S301
            future.set_result(pickle.loads(pickle.dumps(work(*arguments))))  # type: ignore[operator] # noqa: S301
            return future

    assert library.index([sounds], "mfcc", executor=Carrying()).embedded == 5


def test_a_farm_whose_workers_die_is_an_error_in_words(library: Library, sounds: Path) -> None:
    class Broken(Executor):
        def submit(self, *_: object, **__: object) -> Future:  # type: ignore[type-arg,override]
            future: Future = Future()  # type: ignore[type-arg]
            future.set_exception(BrokenProcessPool("gone"))
            return future

    with pytest.raises(LibraryError, match="workers died"):
        library.index([sounds], "mfcc", executor=Broken())


def test_a_decoder_that_crashes_its_process_fails_its_own_file_only(
    library: Library, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amc_otio.library.executors._embed_in_worker", crash_on_two)
    report = library.index([sounds], "mfcc", workers=2)
    assert report.embedded + report.reused == 4  # a shard may have been written just before the crash
    assert len(library.searcher("mfcc").paths) == 4
    assert [(path.name, reason) for path, reason in report.failed] == [("2.wav", "crashed the program that decodes it")]


def crash_on_two(job: jobs_module.Job) -> jobs_module.JobResult:
    if any(source.path.endswith("2.wav") for source in job.sources):
        os._exit(3)
    return jobs_module.embed_source(job)


def test_what_makes_no_sense_is_refused(library: Library, sounds: Path) -> None:
    with pytest.raises(RepresentationError):
        library.index([sounds], "telepathy")
    with pytest.raises(UsageError):
        library.index([sounds], "mfcc", workers=0)
    with pytest.raises(UsageError):
        library.index([sounds], "mfcc", threads=0)


def test_real_films_and_clips_are_indexed(library: Library, shared_data: Path) -> None:
    clips = sorted((shared_data / "retrieval-dev" / "clips").iterdir())[:40]
    report = library.index([shared_data / "video", *clips], "mfcc", workers=1)
    assert report.failed == ()
    assert report.embedded == 9 + 40
    assert report.seconds == pytest.approx(40 + 52 + 30 + 30 + 5.3 + 2 + 73 + 27, rel=0.1)
