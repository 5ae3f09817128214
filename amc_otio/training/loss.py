"""Equation (1) of the paper, and its gradient, in blocks.

    L = -log( sum_k exp(z_kl . z_kr / t) / sum_i sum_j exp(z_ai . z_bj / t) )

The numerator sums over the pairs that meet at the split, the denominator over every pair of a left (alpha) and a right
(beta) frame of the whole batch, whatever sample they are from; t is the temperature.

The denominator of a batch of 2,048 samples has 10^8 terms. They are made block by block, and each block gives its part
of the sum and of both gradients at once, so that nothing is kept and nothing is computed twice: with p_ij a term over
the denominator and q_k one over the numerator,

    dL/dz_ai = (sum_j p_ij z_bj - sum_{k: kl = i} q_k z_kr) / t        and likewise for z_bj.

Three matrix products of equal size are the whole cost. No term is shifted before its exponential: unit vectors and a
temperature of at least 0.025 keep it within exp(+-40), sums of 10^8 of them within float32.
"""

from __future__ import annotations

from typing import Any

import torch

BLOCK = (1024, 2048)
"""Left and right frames in a block on the CPU: 8 MiB of terms stay in the cache."""
BLOCK_CUDA = (8192, 8192)


class _Contrast(torch.autograd.Function):  # type: ignore[misc]
    """The loss; its gradients are made in the forward pass, in the same blocks."""

    @staticmethod
    def forward(
        ctx: Any,
        alpha: torch.Tensor,
        beta: torch.Tensor,
        left: torch.Tensor,
        right: torch.Tensor,
        temperature: float,
        block: tuple[int, int],
    ) -> torch.Tensor:
        needs = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
        scaled = alpha / temperature
        for_alpha = torch.zeros_like(alpha) if needs else alpha
        for_beta = torch.zeros_like(beta) if needs else beta
        total = torch.zeros((), dtype=torch.float64, device=alpha.device)
        terms = alpha.new_empty(min(block[0], len(alpha)) * min(block[1], len(beta)))
        for first in range(0, len(beta), block[1]):
            right_frames = beta[first : first + block[1]]
            for start in range(0, len(alpha), block[0]):
                left_frames = scaled[start : start + block[0]]
                shape = (len(left_frames), len(right_frames))
                one = terms[: shape[0] * shape[1]].view(shape)
                torch.mm(left_frames, right_frames.t(), out=one)
                one.exp_()
                # Rows in the tensors' own precision, which torch sums pairwise; the many rows in double.
                total += one.sum(dim=1).sum(dtype=torch.float64)
                if needs:
                    for_alpha[start : start + block[0]].addmm_(one, right_frames)
                    for_beta[first : first + block[1]].addmm_(one.t(), left_frames)
        logits = (scaled[left] * beta[right]).sum(dim=1).double()
        numerator = torch.logsumexp(logits, dim=0)
        if needs:
            share = torch.exp(logits - numerator).to(alpha.dtype)[:, None] / temperature
            # for_beta has its 1/t already, from the scaled left frames.
            for_alpha /= (total * temperature).to(alpha.dtype)
            for_beta /= total.to(alpha.dtype)
            for_alpha.index_add_(0, left, share * beta[right], alpha=-1)
            for_beta.index_add_(0, right, share * alpha[left], alpha=-1)
            ctx.save_for_backward(for_alpha, for_beta)
        return torch.log(total) - numerator

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        for_alpha, for_beta = ctx.saved_tensors
        gradient = gradients[0].to(for_alpha.dtype)
        return for_alpha * gradient, for_beta * gradient, None, None, None, None


def contrast(
    alpha: torch.Tensor,
    beta: torch.Tensor,
    left: torch.Tensor,
    right: torch.Tensor,
    temperature: float,
    block: tuple[int, int] | None = None,
) -> torch.Tensor:
    """Contrast given pairs with all pairs of two sets of frames.

    Parameters
    ----------
    alpha, beta
        Shapes ``(a, d)`` and ``(b, d)``, float32 or float64; rows of unit length.
    left, right
        Shape ``(m,)``, int64: row ``left[k]`` of `alpha` and row ``right[k]`` of `beta` are a pair that should be
        alike. A row may be in several pairs.
    temperature
        At least 0.025 in float32.
    block
        Rows of `alpha` and of `beta` that are compared at once; chosen by the device when None.

    Returns
    -------
    torch.Tensor
        The loss, a scalar in float64; it can be differentiated once. The least it can be is 0 (no other pair has any
        weight); chance is about ``log(a * b / m)``.
    """
    if block is None:
        block = BLOCK_CUDA if alpha.is_cuda else BLOCK
    loss: torch.Tensor = _Contrast.apply(alpha, beta, left, right, temperature, block)
    return loss


def split_and_contrast(frames: torch.Tensor, split: int, temperature: float) -> torch.Tensor:
    """Equation (1) over a batch of samples that are all split at one index.

    Parameters
    ----------
    frames
        Shape ``(N, n, d)``: n consecutive frames of each of N samples, rows of unit length.
    split
        Frames to the left of the split, from 1 to n - 1.
    temperature
        See `contrast`.

    Returns
    -------
    torch.Tensor
        The loss, a scalar in float64.
    """
    samples, count, size = frames.shape
    if not 0 < split < count:
        raise ValueError(f"{count} frames cannot be split at {split}")
    each = torch.arange(samples, device=frames.device)
    alpha = frames[:, :split].reshape(-1, size)
    beta = frames[:, split:].reshape(-1, size)
    return contrast(alpha, beta, each * split + split - 1, each * (count - split), temperature)
