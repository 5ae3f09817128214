"""Equation (1): blocks against a plain transcription in float64, value and gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from amc_otio.training.loss import contrast, split_and_contrast  # noqa: E402


def transcribed(z: torch.Tensor, split: int, temperature: float) -> torch.Tensor:
    """Equation (1) letter by letter, with loops; z is (N, n, d), float64."""
    samples, frames, _ = z.shape
    numerator = sum(torch.exp(z[k, split - 1] @ z[k, split] / temperature) for k in range(samples))
    denominator = torch.zeros((), dtype=torch.float64)
    for i in range(samples):
        for left in range(split):
            for j in range(samples):
                for right in range(split, frames):
                    denominator = denominator + torch.exp(z[i, left] @ z[j, right] / temperature)
    return -torch.log(numerator / denominator)


def frames(samples: int, count: int, size: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    drawn = np.random.default_rng(seed).standard_normal((samples, count, size))
    return torch.nn.functional.normalize(torch.tensor(drawn, dtype=dtype), dim=2)


@settings(max_examples=25)
@given(
    samples=st.integers(1, 4),
    alpha=st.integers(1, 4),
    beta=st.integers(1, 4),
    size=st.integers(1, 6),
    temperature=st.sampled_from([0.05, 0.1, 1.0]),
    seed=st.integers(0, 1000),
)
def test_value_and_gradient_are_those_of_the_equation(
    samples: int, alpha: int, beta: int, size: int, temperature: float, seed: int
) -> None:
    results = []
    for loss in (split_and_contrast, transcribed):
        z = frames(samples, alpha + beta, size, seed).requires_grad_()
        value = loss(z, alpha, temperature)
        value.backward()
        results.append((float(value.detach()), z.grad))
    assert results[0][0] == pytest.approx(results[1][0], abs=1e-12)
    torch.testing.assert_close(results[0][1], results[1][1], atol=1e-11, rtol=1e-9)


@pytest.mark.parametrize("split", [1, 4, 9])
def test_single_precision_is_close_to_double(split: int) -> None:
    double = frames(40, 10, 64, 3).requires_grad_()
    single = double.detach().float().requires_grad_()
    exact, found = split_and_contrast(double, split, 0.1), split_and_contrast(single, split, 0.1)
    exact.backward()
    found.backward()
    assert found.dtype == torch.float64
    assert float(found.detach()) == pytest.approx(float(exact.detach()), abs=1e-6)
    error = (single.grad - double.grad).norm() / double.grad.norm()
    assert float(error) < 2e-6


@pytest.mark.parametrize("block", [(1, 1), (3, 4), (7, 2), (100, 100)])
def test_blocks_change_nothing(block: tuple[int, int]) -> None:
    alpha, beta = frames(1, 13, 5, 1)[0].requires_grad_(), frames(1, 9, 5, 2)[0].requires_grad_()
    left, right = torch.tensor([0, 4, 12]), torch.tensor([8, 0, 3])
    whole = contrast(alpha, beta, left, right, 0.1)
    parts = contrast(alpha, beta, left, right, 0.1, block)
    assert float(parts.detach()) == pytest.approx(float(whole.detach()), abs=1e-12)
    torch.testing.assert_close(
        torch.autograd.grad(parts, (alpha, beta)), torch.autograd.grad(whole, (alpha, beta)), atol=1e-12, rtol=1e-9
    )


@pytest.mark.parametrize("pairs", [([0, 1, 2], [0, 1, 2]), ([0, 0, 2, 2], [1, 3, 3, 3])])
def test_gradcheck(pairs: tuple[list[int], list[int]]) -> None:
    # Pairs may share a row: several positives of one frame, for a contrast of kinds.
    generator = np.random.default_rng(5)
    alpha = torch.tensor(generator.standard_normal((3, 4)), requires_grad=True)
    beta = torch.tensor(generator.standard_normal((4, 4)), requires_grad=True)
    left, right = map(torch.tensor, pairs)
    assert torch.autograd.gradcheck(lambda a, b: contrast(a, b, left, right, 0.7, (2, 3)), (alpha, beta))


def test_only_the_left_side_may_need_a_gradient() -> None:
    alpha, beta = frames(1, 3, 4, 1)[0].requires_grad_(), frames(1, 3, 4, 2)[0]
    contrast(alpha, beta, torch.tensor([0]), torch.tensor([0]), 0.1).backward()
    assert bool(alpha.grad.abs().sum() > 0)
    assert beta.grad is None


def test_equal_frames_give_the_value_of_chance() -> None:
    # Every term is the same: log(N n_alpha N n_beta / N).
    z = torch.ones(6, 10, 1)
    assert float(split_and_contrast(z, 3, 0.1)) == pytest.approx(math.log(6 * 3 * 7), abs=1e-6)


def test_the_lowest_temperature_that_is_allowed_stays_in_range() -> None:
    z = torch.zeros(8, 4, 2)
    z[:, :2, 0], z[:, 2:, 0] = 1.0, -1.0  # every pair is opposite: terms of exp(-40)
    assert float(split_and_contrast(z, 2, 0.025)) == pytest.approx(math.log(8 * 2 * 2), abs=1e-5)
    z = torch.ones(8, 4, 1).requires_grad_()
    value = split_and_contrast(z, 2, 0.025)
    value.backward()
    assert float(value.detach()) == pytest.approx(math.log(8 * 2 * 2), abs=1e-5)
    assert bool(torch.isfinite(z.grad).all())


@pytest.mark.parametrize("split", [0, 10, -1])
def test_a_split_leaves_a_frame_on_both_sides(split: int) -> None:
    with pytest.raises(ValueError, match="cannot be split"):
        split_and_contrast(torch.ones(2, 10, 3), split, 0.1)


def test_training_pulls_neighbours_together_and_the_rest_apart() -> None:
    torch.manual_seed(0)
    z = torch.nn.Parameter(torch.randn(5, 4, 8))
    optimiser = torch.optim.Adam([z], lr=0.05)
    for _ in range(100):
        optimiser.zero_grad()
        split_and_contrast(torch.nn.functional.normalize(z, dim=2), 2, 0.1).backward()
        optimiser.step()
    unit = torch.nn.functional.normalize(z.detach(), dim=2)
    similarity = unit[:, :2].reshape(-1, 8) @ unit[:, 2:].reshape(-1, 8).t()
    adjacent = (unit[:, 1] * unit[:, 2]).sum(dim=1)
    assert float(adjacent.max()) > 0.9
    assert float(similarity.mean()) < 0.2
