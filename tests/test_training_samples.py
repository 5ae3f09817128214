"""Samples out of a library, and batches of them."""

from __future__ import annotations

import errno
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_helpers import SMALL, changed, recordings, write_media

from amc_otio.config import TrainSettings
from amc_otio.errors import MediaError, OutputError
from amc_otio.library import Library, LibraryWarning
from amc_otio.representations import create
from amc_otio.training import chance
from amc_otio.training.batches import SplitBatches
from amc_otio.training.samples import SampleSet, collect, starts_of

PLAIN = changed(SMALL, frames=3, encoder="mfcc", validation=0.0)


@given(good=st.lists(st.booleans(), max_size=40), frames=st.integers(2, 6), stride=st.integers(1, 7))
def test_samples_hold_usable_windows_only_and_none_is_missed(good: list[bool], frames: int, stride: int) -> None:
    starts = starts_of(np.array(good, np.bool_), frames, stride).tolist()
    assert starts == sorted(set(starts))
    for start in starts:
        assert all(good[start : start + frames])
        assert start + frames <= len(good)
    if stride == 1:
        assert starts == [i for i in range(len(good) - frames + 1) if all(good[i : i + frames])]
    if stride >= frames:
        assert all(b - a >= frames for a, b in pairwise(starts))


@given(count=st.integers(1, 200), seed=st.integers(0, 9))
def test_chance_is_a_permutation_and_follows_from_its_name(count: int, seed: int) -> None:
    order = chance.permutation(count, "order", seed)
    assert sorted(order.tolist()) == list(range(count))
    np.testing.assert_array_equal(order, chance.permutation(count, "order", seed))


def test_chance_is_even_and_the_same_on_every_machine() -> None:
    assert np.bincount([chance.below(9, "split", 0, 0, step) for step in range(9000)]).min() > 850
    assert chance.permutation(8, "order", 0, 0).tolist() == PERMUTATION


PERMUTATION = [1, 5, 7, 6, 2, 3, 4, 0]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_media(tmp_path_factory.mktemp("media") / "m", [7, 3, 2, 6, 4])


@pytest.fixture(scope="module")
def library(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    opened = Library.open(tmp_path_factory.mktemp("library") / "lib")
    opened.index([media], "mfcc", workers=1)
    return opened


def gathered(library: Library, media: Path, settings: TrainSettings = PLAIN) -> SampleSet:
    return collect(library, [media], create("mfcc"), settings)


def test_samples_are_consecutive_windows_of_one_source(library: Library, media: Path) -> None:
    found = gathered(library, media)
    # 7 and 6 s give two samples of three, 3 and 4 s one, 2 s none.
    assert (found.summary.sources, found.summary.without_samples, found.summary.samples) == (5, 1, 6)
    assert (found.summary.windows, found.summary.seconds) == (18, 18.0)
    vectors = {path: shard.vectors for path, shard in library.shards("mfcc", [media])}
    whole = {row.tobytes(): (path, i) for path, rows in vectors.items() for i, row in enumerate(rows)}
    for start in found.training:
        places = [whole[row.tobytes()] for row in found.features[start : start + 3]]
        assert len({path for path, _ in places}) == 1
        assert [i - places[0][1] for _, i in places] == [0, 1, 2]
        assert places[0][1] % 3 == 0


def test_stride_lets_samples_overlap_and_keeps_each_window_once(library: Library, media: Path) -> None:
    found = gathered(library, media, changed(PLAIN, stride=1))
    assert found.summary.samples == 5 + 1 + 4 + 2
    assert found.summary.windows == len(found.features) == 7 + 3 + 6 + 4


def test_a_subset_is_a_subset_and_keeps_its_features_only(library: Library, media: Path) -> None:
    every = gathered(library, media)
    some = gathered(library, media, changed(PLAIN, max_samples=3))
    assert (some.summary.found, some.summary.samples, len(some.features)) == (6, 3, 9)
    kept = {every.features[start].tobytes() for start in every.training}
    assert {some.features[start].tobytes() for start in some.training} < kept
    other = gathered(library, media, changed(PLAIN, max_samples=3, seed=8))
    assert other.summary.digest != some.summary.digest


def test_whole_sources_are_held_back(library: Library, media: Path) -> None:
    found = gathered(library, media, changed(PLAIN, validation=0.3))
    assert found.summary.validation_sources == 1
    assert found.summary.samples + found.summary.validation_samples == 6
    vectors = {path: shard.vectors for path, shard in library.shards("mfcc", [media])}
    whole = {row.tobytes(): path for path, rows in vectors.items() for row in rows}
    sides = [{whole[found.features[start].tobytes()] for start in side} for side in (found.training, found.validation)]
    assert not sides[0] & sides[1]
    assert len(sides[1]) == 1


def test_features_beyond_the_memory_are_mapped_and_the_same(library: Library, media: Path, tmp_path: Path) -> None:
    mapped = collect(library, [media], create("mfcc"), changed(PLAIN, memory_gb=0.0), scratch=tmp_path)
    assert isinstance(mapped.features, np.memmap)
    np.testing.assert_array_equal(mapped.features, gathered(library, media).features)
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".npy")]


@pytest.mark.parametrize("call", ["posix_fallocate", "write"])
def test_features_that_the_disk_cannot_hold_are_said(
    call: str, library: Library, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A map of a sparse file would end in SIGBUS: the space is asked for first."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if call == "write":
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    monkeypatch.setattr(os, call, full, raising=False)
    with pytest.raises(OutputError, match=r"cannot hold the .* of features \(No space left.*--max-samples"):
        collect(library, [media], create("mfcc"), changed(PLAIN, memory_gb=0.0), scratch=tmp_path)


def test_a_disk_that_cannot_reserve_is_filled(
    library: Library, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "posix_fallocate", unknown, raising=False)
    mapped = collect(library, [media], create("mfcc"), changed(PLAIN, memory_gb=0.0), scratch=tmp_path)
    np.testing.assert_array_equal(mapped.features, gathered(library, media).features)


def test_moved_media_gives_the_same_samples(media: Path, library: Library, tmp_path: Path) -> None:
    moved = write_media(tmp_path / "elsewhere", [7, 3, 2, 6, 4])
    for number in range(5):
        (moved / f"s{number}.wav").rename(moved / f"z{9 - number}.wav")
    with Library.open(tmp_path / "lib") as other:
        other.index([moved], "mfcc", workers=1)
        found = gathered(other, moved)
    assert found.summary.digest == gathered(library, media).summary.digest


def test_silence_and_padding_break_a_run(tmp_path: Path) -> None:
    import soundfile

    rate = 48_000
    sound = (0.1 * np.random.default_rng(0).standard_normal(int(9.3 * rate))).astype(np.float32)
    sound[4 * rate : 5 * rate] = 0
    (tmp_path / "m").mkdir()
    soundfile.write(tmp_path / "m" / "a.wav", sound, rate, subtype="PCM_16")
    with Library.open(tmp_path / "lib") as opened:
        opened.index([tmp_path / "m"], "mfcc", workers=1)
        # Windows 0 to 3 and 5 to 8; 4 is silent and 9 holds 0.3 s.
        for settings, samples in (
            (changed(PLAIN, frames=4), 2),
            (changed(PLAIN, frames=4, stride=1), 2),
            (changed(PLAIN, frames=2), 4),
            (changed(PLAIN, frames=5, stride=1, min_sound_s=0.25), 1),
        ):
            if samples < 2:
                with pytest.raises(MediaError, match="1 source with sound give 1 sample of 5 windows"):
                    gathered(opened, tmp_path / "m", settings)
            else:
                assert gathered(opened, tmp_path / "m", settings).summary.samples == samples


def test_too_little_media_is_said_with_what_to_do(library: Library, media: Path) -> None:
    with pytest.raises(MediaError, match=r"5 sources .* no samples of 10 windows in a row.*fewer --frames"):
        gathered(library, media, changed(PLAIN, frames=10))


def test_a_damaged_shard_is_made_again(media: Path, tmp_path: Path) -> None:
    with Library.open(tmp_path / "lib") as opened:
        opened.index([media], "mfcc", workers=1)
        before = gathered(opened, media)
        shard = sorted(opened.layout.vectors.rglob("*.safetensors"))[0]
        shard.write_bytes(shard.read_bytes()[:-9])
        with pytest.warns(LibraryWarning, match="embedded again"):
            after = gathered(opened, media)
    assert after.summary == before.summary
    np.testing.assert_array_equal(after.features, before.features)


# ---------------------------------------------------------------- batches


@given(samples=st.integers(1, 50), frames=st.integers(2, 12), size=st.integers(1, 60), seed=st.integers(0, 5))
def test_an_epoch_has_every_sample_once_in_batches_of_equal_size(
    samples: int, frames: int, size: int, seed: int
) -> None:
    # A feature is the number of its row, so that a batch says what it holds.
    features = np.arange(samples * frames, dtype=np.float32)[:, None]
    source = SplitBatches(features, np.arange(samples) * frames, frames, size, seed)
    seen: list[float] = []
    sizes = []
    for step in range(source.steps):
        batch = source.batch(3, step)
        split = source.split(3, step)
        assert 1 <= split < frames
        sizes.append(len(batch.left))
        assert len(batch.alpha) == len(batch.left) * split
        assert len(batch.beta) == len(batch.left) * (frames - split)
        # A pair is the last frame on the left and the first on the right of one sample.
        pairs = batch.alpha[batch.left, 0], batch.beta[batch.right, 0]
        np.testing.assert_array_equal(pairs[0] + 1, pairs[1])
        np.testing.assert_array_equal(pairs[0] % frames, split - 1)
        seen += [*batch.alpha[:, 0], *batch.beta[:, 0]]
    assert sorted(seen) == features[:, 0].tolist()
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1


def test_batches_follow_from_numbers_and_not_from_the_order_of_asking() -> None:
    features = recordings(20, 4, 3)
    starts = np.arange(20) * 4
    one, other = (SplitBatches(features, starts, 4, 6, 1) for _ in range(2))
    there = [one.batch(*at) for at in ((0, 0), (1, 2), (0, 0), (2, 3))]
    back = [other.batch(*at) for at in ((2, 3), (0, 0), (1, 2), (0, 0))]
    for a, b in zip(there, [back[1], back[2], back[3], back[0]], strict=True):
        np.testing.assert_array_equal(a.alpha, b.alpha)
    assert not np.array_equal(there[0].left, there[3].left) or not np.array_equal(there[0].alpha, there[3].alpha)


def test_the_splits_of_batches_are_spread_over_the_sample() -> None:
    source = SplitBatches(recordings(2, 10, 3), np.array([0, 10]), 10, 1, 0)
    splits = [source.split(epoch, step) for epoch in range(50) for step in range(2)]
    assert set(splits) == set(range(1, 10))


def test_fixed_batches_are_the_same_in_every_epoch() -> None:
    source = SplitBatches(recordings(9, 4, 3), np.arange(9) * 4, 4, 5, 0, fixed=True)
    np.testing.assert_array_equal(source.batch(0, 1).alpha, source.batch(7, 1).alpha)
    assert source.split(0, 0) == source.split(5, 1) == 2


def test_a_fingerprint_names_data_seed_and_form() -> None:
    features, starts = recordings(9, 4, 3), np.arange(9) * 4
    made = [
        SplitBatches(features, starts, 4, 5, 0),
        SplitBatches(features + 1, starts, 4, 5, 0),
        SplitBatches(features, starts[1:], 4, 5, 0),
        SplitBatches(features, starts, 3, 5, 0),
        SplitBatches(features, starts, 4, 6, 0),
        SplitBatches(features, starts, 4, 5, 1),
        SplitBatches(features, starts, 4, 5, 0, fixed=True),
    ]
    assert len({source.fingerprint for source in made}) == len(made)
    assert SplitBatches(features.copy(), starts.copy(), 4, 5, 0).fingerprint == made[0].fingerprint
