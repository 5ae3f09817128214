"""What networks share: silence never reaches them, a session is opened once, a failed opening is tried again."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from amc_otio.errors import RepresentationError
from amc_otio.models.sounds import windows
from amc_otio.representations.network import LazySession, embed_sounding


def test_only_sound_reaches_the_network_and_in_batches() -> None:
    batch = np.arange(1, 8, dtype=np.float32)[:, None] * np.ones(5, np.float32)
    batch[[0, 3]] = 0.0
    seen: list[list[float]] = []

    def run(some: np.ndarray) -> np.ndarray:
        seen.append(some[:, 0].tolist())
        return some[:, :2] * np.float32([3.0, 4.0])

    vectors = embed_sounding(batch, 2, 2, run, "some")
    assert seen == [[2.0, 3.0], [5.0, 6.0], [7.0]]
    np.testing.assert_allclose(vectors, np.where(batch[:, :1] > 0, [[0.6, 0.8]], 0.0), atol=1e-6)
    assert vectors.dtype == np.float32


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (np.ones((2, 3), np.float32), r"gives \(2, 3\), not 2 vectors of 2 numbers"),
        (np.ones((1, 2), np.float32), r"gives \(1, 2\), not 2 vectors"),
        (np.float32([[1, np.nan], [1, 1]]), "not finite"),
    ],
)
def test_what_is_no_vector_is_refused(given: np.ndarray, says: str) -> None:
    with pytest.raises(RepresentationError, match=f"some: its model gives .*{says.removeprefix('gives ')}"):
        embed_sounding(np.ones((2, 5), np.float32), 2, 8, lambda some: given, "some")


class Opened:
    def run(self, output: str, inputs: object) -> np.ndarray:
        return np.zeros(0, np.float32)


def test_many_threads_open_one_session() -> None:
    opened: list[Opened] = []
    together = threading.Barrier(8)

    def opener() -> Opened:
        time.sleep(0.01)
        opened.append(Opened())
        return opened[-1]

    lazy = LazySession(opener)
    assert not opened

    def ask(_: int) -> object:
        together.wait()
        return lazy.get()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {opened[0]}
    assert len(opened) == 1


def test_an_opening_that_failed_is_tried_again() -> None:
    answers = [RepresentationError("some", "cannot be opened", "try again"), Opened()]

    def opener() -> Opened:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    lazy = LazySession(opener)
    with pytest.raises(RepresentationError, match="cannot be opened"):
        lazy.get()
    assert isinstance(lazy.get(), Opened)


def test_windows_to_judge_by_come_at_any_rate() -> None:
    at_16 = windows(12, 16_000)
    assert at_16.shape == (12, 16_000) and at_16.dtype == np.float32 and at_16.flags.c_contiguous
    power = lambda some: np.mean(some.astype(np.float64) ** 2, axis=1)  # noqa: E731
    assert np.all(power(at_16) <= 1.001 * power(windows(12)))  # what lies above 8 kHz is gone, nothing is added
    assert len({one.tobytes() for one in at_16}) == 12
