"""The catalogue keeps what it is told, over versions, processes and odd file names."""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from library_helpers import KEY

from amc_otio.errors import LibraryError
from amc_otio.library import catalogue as module
from amc_otio.library.catalogue import Catalogue, CatalogueDamaged, ShardRow, SourceRow, salvage_sources
from amc_otio.library.sources import content_key, find_sources
from amc_otio.media.files import full_hash

SHARD = ShardRow("a" * 64, KEY.digest, 3, 120_000, 999, "f" * 64, f"{KEY.folder}/{'a' * 64}.safetensors", ("odd",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.sqlite"


def test_what_is_noted_is_there_after_opening_again(path: Path, tmp_path: Path) -> None:
    source = SourceRow(tmp_path / "a b#?%é.wav", 10, 1_700_000_000_123_456_789, "a" * 64)
    catalogue = Catalogue(path)
    with catalogue.transaction():
        catalogue.put_shards(KEY, [SHARD])
        catalogue.put_sources([source])
        catalogue.put_failures([(tmp_path / "bad.wav", "no sound")], "2026-01-01T00:00:00+00:00")
    catalogue.close()
    catalogue = Catalogue(path)
    assert catalogue.source(source.path) == source
    assert catalogue.sources() == [source]
    assert catalogue.shard("a" * 64, KEY) == SHARD
    assert catalogue.shards() == [SHARD]
    assert catalogue.keys() == {KEY.digest: KEY}
    assert catalogue.failures() == [(tmp_path / "bad.wav", "no sound", "2026-01-01T00:00:00+00:00")]
    catalogue.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names that are not Unicode")
def test_a_file_name_that_is_not_unicode_is_kept(path: Path) -> None:
    name = Path(os.fsdecode(b"/media/\xff\xfe.wav"))
    catalogue = Catalogue(path)
    catalogue.put_sources([SourceRow(name, 1, 2, "a" * 64)])
    assert catalogue.source(name) is not None
    assert [row.path for row in catalogue.sources()] == [name]
    catalogue.close()


def test_a_source_that_works_again_is_no_longer_a_failure(path: Path, tmp_path: Path) -> None:
    catalogue = Catalogue(path)
    catalogue.put_failures([(tmp_path / "a.wav", "is offline")], "now")
    catalogue.put_sources([SourceRow(tmp_path / "a.wav", 1, 2, "a" * 64)])
    assert catalogue.failures() == []
    catalogue.close()


def test_half_a_transaction_is_none(path: Path) -> None:
    catalogue = Catalogue(path)
    with pytest.raises(RuntimeError), catalogue.transaction():
        catalogue.put_shards(KEY, [SHARD])
        raise RuntimeError
    assert catalogue.shards() == []
    catalogue.close()


def test_a_newer_schema_is_refused_in_words(path: Path) -> None:
    Catalogue(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(LibraryError, match="newer amc-otio"):
        Catalogue(path)


def test_an_older_schema_is_migrated_and_keeps_its_rows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = Catalogue(path)
    catalogue.put_shards(KEY, [SHARD])
    catalogue.close()
    step = "CREATE TABLE later (x INTEGER); INSERT INTO later VALUES (7)"
    monkeypatch.setattr(module, "MIGRATIONS", (*module.MIGRATIONS, step))
    for _ in range(2):  # the second time there is nothing left to do
        catalogue = Catalogue(path)
        assert catalogue._rows("SELECT x FROM later") == [(7,)]
        assert catalogue.shards() == [SHARD]
        catalogue.close()


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to be looked at" * 100, b"SQLite format 3\0x"]
)
def test_a_damaged_file_is_told_from_a_missing_one(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(CatalogueDamaged):
        Catalogue(path)
    assert salvage_sources(path) == []


def test_a_folder_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="cannot be written"):
        Catalogue(tmp_path / "gone" / "catalogue.sqlite")


@given(size=st.integers(0, 6), where=st.integers(0, 10**9))
def test_a_changed_byte_changes_the_key_of_a_small_file(
    tmp_path_factory: pytest.TempPathFactory, size: int, where: int
) -> None:
    path = tmp_path_factory.mktemp("key") / "x"
    data = bytearray(os.urandom(size * 400_000 + 1))
    path.write_bytes(data)
    key = content_key(path)
    assert content_key(path) == key
    data[where % len(data)] ^= 1
    path.write_bytes(data)
    assert content_key(path) != key


def test_the_key_sees_ends_and_probes_of_a_large_file_and_the_full_hash_sees_all(tmp_path: Path) -> None:
    path = tmp_path / "x"
    size = 20 << 20
    seen = {}
    for changed in (None, 0, size - 1, (1 << 20) + 5, 5_000_000):
        data = bytearray(size)
        if changed is not None:
            data[changed] = 1
        path.write_bytes(data)
        seen[changed] = (content_key(path), full_hash(path))
    assert len({key for key, _ in seen.values()}) == 4  # 5,000,000 lies between two probes
    assert seen[5_000_000][0] == seen[None][0]
    assert len({whole for _, whole in seen.values()}) == 5


def test_a_walk_finds_media_once_and_leaves_the_rest(tmp_path: Path) -> None:
    for name in ("b.WAV", "a.mov", "sub/c.flac", "._b.WAV", ".hidden/d.wav", "notes.txt", "lib/e.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    named = tmp_path / "notes.txt"
    sources, failed = find_sources(
        [tmp_path, named, tmp_path / "sub", tmp_path / "gone.wav"], leave_out=tmp_path / "lib"
    )
    assert [source.path.relative_to(tmp_path).as_posix() for source in sources] == [
        "a.mov",
        "b.WAV",
        "notes.txt",
        "sub/c.flac",
    ]
    assert failed == [(tmp_path / "gone.wav", "is offline: no such file")]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_linked_folders_are_walked_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.wav").write_bytes(b"x")
    (tmp_path / "real" / "loop").symlink_to(tmp_path)
    (tmp_path / "real" / "dangling.wav").symlink_to(tmp_path / "nowhere.wav")
    sources, failed = find_sources([tmp_path])
    assert [source.path.name for source in sources] == ["a.wav"]
    assert failed == []
