"""Channels: their layouts and how they become one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Where the low-frequency effects channel is, by the beginning of FFmpeg's layout name (its native channel order).
_LFE_INDEX = (("5.1", 3), ("6.1(front)", 2), ("6.1", 3), ("7.1", 3), ("4.1", 3), ("3.1", 3), ("2.1", 2))

#: WAVEFORMATEXTENSIBLE's speaker masks.
_MASK_LAYOUTS = {0x3F: "5.1", 0x60F: "5.1(side)", 0x63F: "7.1", 0xFF: "7.1(wide)", 0x0F: "3.1", 0x0B: "2.1"}

#: The other way round, with layouts that are only written.
_LAYOUT_MASKS = {
    **{layout: mask for mask, layout in _MASK_LAYOUTS.items()},
    **{"3.0": 0x07, "3.0(back)": 0x103, "4.0": 0x107, "quad": 0x33, "quad(side)": 0x603, "4.1": 0x10F},
    **{"5.0": 0x37, "5.0(side)": 0x607, "6.0": 0x707, "6.1": 0x70F, "7.0": 0x637},
}

#: Vorbis and Opus order of 3, 5, 6, 7 and 8 channels, as indices that give FFmpeg's native order
#: (Vorbis I specification, section 4.3.9; RFC 7845, section 5.1.1.2).
VORBIS_TO_NATIVE = {
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 5, 3, 4),
    7: (0, 2, 1, 6, 5, 3, 4),
    8: (0, 2, 1, 7, 5, 6, 3, 4),
}
_SPECIFIED_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


def layout_name(channels: int, *, mask: int = 0, specified: bool = False) -> str:
    """Name the layout of `channels` channels as FFmpeg does.

    Parameters
    ----------
    mask
        Speaker mask of a WAV file.
    specified
        True for FLAC, Vorbis and Opus, whose specifications say what N channels are. Otherwise six channels are
        ``6 channels``: a field recorder's six tracks are not 5.1.
    """
    if channels == 1:
        return "mono"
    if channels == 2:
        return "stereo"
    if mask in _MASK_LAYOUTS and mask.bit_count() == channels:
        return _MASK_LAYOUTS[mask]
    if specified:
        return _SPECIFIED_LAYOUTS.get(channels, f"{channels} channels")
    return f"{channels} channels"


def layout_mask(layout: str, channels: int) -> int:
    """Return the speaker mask of a layout by FFmpeg's name; 0 ("no speakers named") where it has none."""
    mask = _LAYOUT_MASKS.get(layout, 0)
    return mask if mask.bit_count() == channels else 0


def plain_layout(name: str, channels: int) -> str:
    """Return FFmpeg's layout name, with ``mono`` and ``stereo`` where the file leaves one or two channels unnamed."""
    return layout_name(channels) if channels <= 2 and name.endswith("channels") else name


def lfe_index(layout: str) -> int | None:
    """Return which channel of `layout` is the low-frequency effects channel, or None."""
    for prefix, index in _LFE_INDEX:
        if layout.startswith(prefix):
            return index
    return None


def mono_weights(layouts: Sequence[str], chosen: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
    """Return the weight of each chosen channel in the mono mix: equal, and 0 for LFE.

    Parameters
    ----------
    layouts
        Layout name of each audio stream.
    chosen
        Pairs (stream, channel in it).

    Returns
    -------
    ndarray, shape (len(chosen),), float32
        Sums to 1. When LFE channels are all that was chosen, they count.
    """
    keep = np.array([lfe_index(layouts[s]) != c for s, c in chosen], dtype=np.float32)
    if not keep.any():
        keep[:] = 1
    weights: NDArray[np.float32] = (keep / keep.sum()).astype(np.float32)
    return weights


def mono(samples: NDArray[np.float32], layout: str | None = None) -> NDArray[np.float32]:
    """Mean of the channels, the low-frequency effects channel of 5.1, 7.1 and their like left out.

    Parameters
    ----------
    samples : ndarray, shape (channels, n), float32
    layout
        FFmpeg's name of the layout, for example ``5.1(side)``; None means that every channel counts.

    Returns
    -------
    ndarray, shape (n,), float32
    """
    weights = mono_weights([layout or ""], [(0, c) for c in range(len(samples))])
    result: NDArray[np.float32] = (weights @ samples).astype(np.float32, copy=False)
    return result
