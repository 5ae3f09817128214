"""A library opens, says what it holds, heals and tidies itself."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import warnings
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from library_helpers import child_environment, content_of, shard_files, write_tone

from amc_otio.errors import LibraryError, UsageError
from amc_otio.library import index as index_module
from amc_otio.library.index import annoy_available
from amc_otio.library.layout import LibraryWarning
from amc_otio.library.library import Library


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    for seed in range(4):
        write_tone(tmp_path / "sounds" / f"{seed}.wav", seed=seed)
    return tmp_path / "sounds"


@pytest.fixture
def folder(tmp_path: Path, sounds: Path) -> Path:
    """A library of four sounds, closed."""
    with Library.open(tmp_path / "lib") as library:
        library.index([sounds], "mfcc", workers=1)
    return tmp_path / "lib"


def test_a_library_is_made_where_nothing_is_and_found_again(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="no library here"):
        Library.open(tmp_path / "a" / "lib", create=False)
    Library.open(tmp_path / "a" / "lib").close()
    Library.open(tmp_path / "a" / "lib", create=False).close()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".DS_Store").touch()
    Library.open(tmp_path / "empty").close()


def test_a_folder_of_other_files_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(LibraryError, match=r"is not a library.*mine\.txt"):
        Library.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(LibraryError, match="is a file"):
        Library.open(tmp_path / "mine.txt")


def test_a_strangers_file_inside_a_library_does_no_harm(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    with Library.open(folder) as library:
        library.prune()
    assert (folder / "notes.txt").exists()


def test_a_newer_library_is_refused(folder: Path) -> None:
    (folder / "library.json").write_text(json.dumps({"kind": "amc-otio library", "format": 99}))
    with pytest.raises(LibraryError, match="newer amc-otio"):
        Library.open(folder)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_is_told_in_words(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(LibraryError, match="cannot be written"):
        Library.open(tmp_path / "lib")
    tmp_path.chmod(0o755)


@pytest.mark.parametrize(("number", "words"), [(30, "read-only"), (28, "the disk is full")])
def test_a_folder_that_cannot_be_written_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(LibraryError, match=words):
        Library.open(tmp_path / "lib")


def test_info_counts_what_is_there(folder: Path, sounds: Path) -> None:
    shutil.copy(sounds / "0.wav", sounds / "copy.wav")
    with Library.open(folder) as library:
        library.index([sounds], "mfcc", workers=1)
        library.index([sounds / "1.wav", sounds / "gone.wav"], "random", workers=1)
        info = library.info()
    assert (info.sources, info.contents) == (5, 4)
    assert [(r.key.representation, r.shards, r.windows) for r in info.representations] == [
        ("mfcc", 4, 12),
        ("random", 1, 3),
    ]
    assert info.representations[0].seconds == pytest.approx(10)
    assert info.bytes == sum(path.stat().st_size for path in (folder / "vectors").rglob("*.safetensors"))
    assert [(path.name, reason) for path, reason, _ in info.failures] == [("gone.wav", "is offline: no such file")]
    with pytest.raises(FrozenInstanceError):
        info.sources = 3  # type: ignore[misc]


def test_a_searcher_holds_what_was_asked_for(folder: Path, sounds: Path, tmp_path: Path) -> None:
    write_tone(tmp_path / "else" / "x.wav", seed=9)
    write_tone(tmp_path / "never.wav", seed=10)
    with Library.open(folder) as library:
        library.index([tmp_path / "else"], "mfcc", workers=1)
        assert len(library.searcher("mfcc").paths) == 5
        assert library.searcher("mfcc", [sounds]).paths == tuple(sorted(sounds.iterdir()))
        some = library.searcher("mfcc", [sounds / "2.wav", tmp_path / "else", tmp_path / "never.wav"])
        assert [path.name for path in some.paths] == ["x.wav", "2.wav"]
        assert some.missing == (tmp_path / "never.wav",)
        assert len(library.searcher("mfcc", [])) == 0
        assert len(library.searcher("random")) == 0


def test_each_window_finds_itself(folder: Path) -> None:
    with Library.open(folder) as library:
        searcher = library.searcher("mfcc")
    numbers = np.flatnonzero(searcher.searchable)
    indices, similarities = searcher.search(searcher.vectors(numbers), 1)
    np.testing.assert_array_equal(indices[:, 0], numbers)
    np.testing.assert_allclose(similarities[:, 0], 1, atol=1e-5)


def test_offline_media_is_still_searched_and_changed_media_is_not(folder: Path, sounds: Path) -> None:
    (sounds / "0.wav").unlink()
    write_tone(sounds / "1.wav", seed=30)
    with Library.open(folder) as library:
        searcher = library.searcher("mfcc", [sounds])
        assert [path.name for path in searcher.paths] == ["0.wav", "2.wav", "3.wav"]
        assert [path.name for path in searcher.missing] == ["1.wav"]


def test_a_damaged_shard_is_made_again_when_it_is_searched(folder: Path, sounds: Path) -> None:
    good = shard_files(folder)
    shards = sorted((folder / "vectors").rglob("*.safetensors"))
    data = bytearray(shards[0].read_bytes())
    data[-20] ^= 0x40
    shards[0].write_bytes(data)
    shards[1].write_bytes(b"")
    with Library.open(folder) as library:
        with pytest.warns(LibraryWarning, match="embedded again"):
            searcher = library.searcher("mfcc")
        assert len(searcher.paths) == 4
        assert len(searcher.problems) == 2
    assert shard_files(folder) == good


def test_a_damaged_shard_whose_media_is_offline_is_left_out(folder: Path, sounds: Path) -> None:
    next((folder / "vectors").rglob("*.safetensors")).write_bytes(b"x")
    shutil.rmtree(sounds)
    with Library.open(folder) as library:
        with pytest.warns(LibraryWarning, match="left out"):
            searcher = library.searcher("mfcc")
        assert (len(searcher.paths), len(searcher.missing)) == (3, 1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert len(library.searcher("mfcc").paths) == 3


def _overwrite(path: Path) -> None:
    path.write_bytes(b"this is no database " * 500)


def _break_a_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = os.urandom(64)
    path.write_bytes(data)


def _drop_a_table(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("DROP TABLE shards")
    db.commit()
    db.close()


@pytest.mark.parametrize(
    "harm", [_overwrite, _break_a_page, _drop_a_table, Path.unlink, lambda path: path.write_bytes(b"")]
)
def test_a_damaged_catalogue_is_built_again_from_the_shards(folder: Path, sounds: Path, harm: object) -> None:
    before = content_of(folder)
    harm(folder / "catalogue.sqlite")  # type: ignore[operator]
    with pytest.warns(LibraryWarning, match="built again"), Library.open(folder) as library:
        report = library.index([sounds], "mfcc", workers=1)
        assert (report.embedded, report.reused, report.windows) == (0, 4, 12)
    assert content_of(folder) == before


def test_what_a_damaged_catalogue_still_says_about_files_is_kept(folder: Path) -> None:
    _drop_a_table(folder / "catalogue.sqlite")
    with pytest.warns(LibraryWarning, match="built again"), Library.open(folder) as library:
        assert len(library.searcher("mfcc").paths) == 4


def test_a_catalogue_damaged_while_it_is_open_is_built_again(folder: Path, sounds: Path) -> None:
    with Library.open(folder) as library:
        library.catalogue._db.execute("DROP TABLE shards")
        with pytest.warns(LibraryWarning, match="built again"):
            assert library.index([sounds], "mfcc", workers=1).embedded == 0


def test_damaged_shards_do_not_come_into_a_new_catalogue(folder: Path, sounds: Path) -> None:
    good = shard_files(folder)
    next((folder / "vectors").rglob("*.safetensors")).write_bytes(b"x")
    (folder / "catalogue.sqlite").unlink()
    with pytest.warns(LibraryWarning, match="1 damaged"), Library.open(folder) as library:
        assert library.index([sounds], "mfcc", workers=1).embedded == 1
    assert shard_files(folder) == good


def test_verify_finds_damage_and_what_is_offline_or_changed(folder: Path, sounds: Path) -> None:
    with Library.open(folder) as library:
        assert library.verify().ok
        shard = library.catalogue.shard(
            library.catalogue.source(sounds / "0.wav").content_key, next(iter(library.catalogue.keys().values()))
        )
        assert shard is not None
        (folder / "vectors" / shard.file).write_bytes(b"x")
        (sounds / "1.wav").unlink()
        write_tone(sounds / "2.wav", seed=40)
        report = library.verify()
        assert not report.ok
        assert report.checked == 4
        assert [paths for paths, _ in report.damaged] == [(sounds / "0.wav",)]
        assert (report.offline, report.changed) == ((sounds / "1.wav",), (sounds / "2.wav",))
        assert library.index([sounds], "mfcc", workers=1).embedded == 2
        assert library.verify().ok


def test_prune_removes_what_nothing_needs(folder: Path, sounds: Path) -> None:
    key_folder = next(path for path in (folder / "vectors").iterdir())
    shutil.copy(next(key_folder.iterdir()), key_folder / ("0" * 64 + ".safetensors"))
    (folder / "damaged").mkdir()
    (folder / "damaged" / "old").write_bytes(b"x" * 10)
    (sounds / "0.wav").unlink()
    with Library.open(folder) as library:
        report = library.prune()
        assert (report.sources, report.shards, report.other_files) == (1, 1, 2)
        assert report.bytes > 0
        assert len(shard_files(folder)) == len(library.searcher("mfcc").paths) == 3
        assert library.prune().bytes == 0
        assert library.verify().ok


def test_prune_keeps_media_whose_disk_is_not_there(folder: Path, sounds: Path) -> None:
    sounds.rename(sounds.with_name("unplugged"))
    with Library.open(folder) as library:
        assert library.prune().sources == 0
        assert len(library.searcher("mfcc").paths) == 4


def test_kinds_of_search(folder: Path, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Library.open(folder) as library:
        with pytest.raises(UsageError):
            library.searcher("mfcc", kind="psychic")
        assert library.searcher("mfcc", kind="auto").kind == "exact"  # few windows
        monkeypatch.setattr("amc_otio.library.library.AUTO_FROM", 5)
        monkeypatch.setattr(index_module, "_most_effort", lambda _: 10**9)
        query = library.searcher("mfcc", kind="exact").matrix[:3]
        exact = library.searcher("mfcc", kind="exact").search(query, 5)
        if annoy_available():
            for kind in ("auto", "annoy"):
                searcher = library.searcher("mfcc", kind=kind)
                assert searcher.kind == "annoy"
                np.testing.assert_array_equal(searcher.search(query, 5)[0], exact[0])
            some = library.searcher("mfcc", [sounds / "0.wav", sounds / "1.wav"], kind="annoy")
            assert {some.window(int(i)).path.name for i in some.search(query, 6)[0].ravel() if i >= 0} <= {
                "0.wav",
                "1.wav",
            }
        monkeypatch.setattr(index_module, "_annoy", lambda: None)
        assert library.searcher("mfcc", kind="auto").kind == "exact"
        with pytest.raises(UsageError, match="not installed"):
            library.searcher("mfcc", kind="annoy")


def test_the_library_works_where_annoy_cannot_be_imported(folder: Path) -> None:
    code = (
        "import sys; sys.modules['annoy'] = None\n"
        "from amc_otio.library import Library, annoy_available\n"
        "searcher = Library.open(sys.argv[1]).searcher('mfcc')\n"
        "print(annoy_available(), searcher.kind, searcher.search(searcher.matrix[:1], 1)[0][0, 0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True, env=child_environment()
    )
    assert done.stdout.split() == ["False", "exact", "0"]
