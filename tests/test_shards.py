"""A shard file says what was put in, and any damage to it is seen."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library_helpers import KEY, make_shard, unit_rows
from safetensors.numpy import load_file

from amc_otio.errors import LibraryError
from amc_otio.library.layout import Layout, RunLock, os_error_in_words, sweep_temporaries, write_atomically
from amc_otio.library.shards import ShardDamage, ShardKey, decode, encode, read, shard_path


@given(n=st.integers(0, 20), d=st.integers(1, 16), seed=st.integers(0, 99), problem=st.text(max_size=20))
def test_what_is_written_is_read_back(n: int, d: int, seed: int, problem: str) -> None:
    vectors = unit_rows(n, d, seed)
    vectors[::3] = 0  # silence
    shard = make_shard(vectors, problems=(problem,), loudness=np.full(n, -np.inf, np.float32))
    back = decode(encode(shard))
    assert (back.content_key, back.key, back.problems) == (shard.content_key, shard.key, shard.problems)
    for name in ("vectors", "valid", "loudness", "rms", "peak"):
        np.testing.assert_array_equal(getattr(back, name), getattr(shard, name))


def test_the_same_shard_gives_the_same_bytes() -> None:
    assert len({encode(make_shard(unit_rows(5, 8))) for _ in range(20)}) == 1


def test_any_safetensors_reader_opens_a_shard(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(encode(make_shard(unit_rows(5, 8))))
    assert load_file(path)["vectors"].shape == (5, 8)


@settings(max_examples=300)
@given(position=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_never_gives_other_vectors(position: int, bit: int) -> None:
    shard = make_shard(unit_rows(4, 8))
    data = bytearray(encode(shard))
    data[position % len(data)] ^= 1 << bit
    try:
        back = decode(bytes(data), content_key=shard.content_key, key=shard.key)
    except ShardDamage:
        return
    # A bit of the header's own padding or of an equivalent spelling may flip without harm.
    np.testing.assert_array_equal(back.vectors, shard.vectors)
    np.testing.assert_array_equal(back.valid, shard.valid)


@given(length=st.integers(0, 10**6))
def test_a_file_cut_short_is_damage(length: int) -> None:
    data = encode(make_shard(unit_rows(4, 8)))
    with pytest.raises(ShardDamage):
        decode(data[: length % len(data)])


@given(data=st.binary(max_size=400))
def test_garbage_is_damage(data: bytes) -> None:
    with pytest.raises(ShardDamage):
        decode(data)


@pytest.mark.parametrize(
    "change",
    [
        {"vectors": np.full((3, 8), np.nan, np.float32)},
        {"vectors": np.full((3, 8), 2.0, np.float32)},
        {"vectors": unit_rows(3, 9)},
        {"valid": np.full(3, 48_001, np.int32)},
        {"valid": np.full(2, 48_000, np.int32)},
        {"peak": np.full(3, np.nan, np.float32)},
    ],
)
def test_a_shard_that_makes_no_sense_is_damage(change: dict[str, np.ndarray]) -> None:
    with pytest.raises(ShardDamage):
        decode(encode(make_shard(**{"vectors": unit_rows(3, 8), "key": KEY, **change})))


def test_the_shard_of_another_source_or_representation_is_damage() -> None:
    data = encode(make_shard(unit_rows(3, 8), key=KEY))
    with pytest.raises(ShardDamage):
        decode(data, content_key="b" * 64)
    with pytest.raises(ShardDamage):
        decode(data, key=replace(KEY, version="2"))
    decode(data, content_key="a" * 64, key=KEY)


def test_the_catalogues_hash_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(encode(make_shard(unit_rows(3, 8), key=KEY)))
    with pytest.raises(ShardDamage):
        read(path, sha256="0" * 64)
    with pytest.raises(ShardDamage):
        read(tmp_path / "gone.safetensors")


@pytest.mark.parametrize("field", ["representation", "version", "weights_hash", "sample_rate", "channels", "window"])
def test_everything_that_changes_vectors_changes_the_folder(field: str) -> None:
    value = getattr(KEY, field)
    other = replace(KEY, **{field: value + ("1" if isinstance(value, str) else 1)})
    assert other.folder != KEY.folder


def test_a_folder_name_holds_no_separator() -> None:
    key = ShardKey("../x/y:z", "1", "", 8, 48_000)
    assert shard_path(Path("v"), key, "a" * 64).parent.parent == Path("v")


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "x"
    write_atomically(target, b"old", "run-1")

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        write_atomically(target, b"new", "run-1")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize(("number", "words"), [(28, "the disk is full"), (30, "read-only"), (13, "cannot be written")])
def test_disk_errors_are_told_in_words(number: int, words: str) -> None:
    error = os_error_in_words("lib", OSError(number, "x"))
    assert isinstance(error, LibraryError)
    assert words in str(error)


def test_temporary_files_of_dead_runs_are_swept_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "lib")
    layout.prepare(create=True)
    folder = layout.vectors / KEY.folder
    folder.mkdir()
    (layout.locks / "run-1-dead.lock").touch()
    (folder / ".tmp-run-1-dead.x.safetensors").write_bytes(b"half")
    with RunLock(layout) as run:
        mine = folder / f".tmp-{run.run_id}.y.safetensors"
        mine.write_bytes(b"half")
        assert sweep_temporaries(layout) == 1
        assert [path for path in folder.iterdir()] == [mine]
    assert list(layout.locks.iterdir()) == []
