"""What each format keeps, as a table for a terminal or a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from amc_otio.formats.kept import RATES, Kept

HEADER: Final = (
    "format",
    "crossfade",
    "offsets",
    "picture-sound link",
    "markers",
    "metadata",
    "media",
    "rates",
    "48 kHz tracks",
    "mute",
    "clip gain",
    "written by",
)


def row(kept: Kept) -> tuple[str, ...]:
    """The cells of one format, under `HEADER`."""
    if kept.problem:
        return (kept.suffix, f"not measured: {kept.problem}", *[""] * (len(HEADER) - 3), kept.writer)
    return (
        kept.suffix,
        {0: "no", 2: "yes"}.get(kept.crossfades, f"{kept.crossfades} of 2"),
        kept.offsets,
        _yes(kept.link),
        _yes(kept.markers),
        _yes(kept.metadata),
        kept.media,
        "all" if len(kept.rates) == len(RATES) else ", ".join(kept.rates) or "none",
        kept.sound_tracks,
        _yes(kept.mute),
        kept.gain,
        kept.writer,
    )


def markdown(measured: Sequence[Kept]) -> str:
    """The table in Markdown, with a newline at its end."""
    rows = [HEADER, ("---",) * len(HEADER), *(row(kept) for kept in measured)]
    return "".join(f"| {' | '.join(_cell(cell) for cell in one)} |\n" for one in rows)


def _cell(text: str) -> str:
    text = text.replace("|", "\\|")
    return f"`{text}`" if text.startswith(".") else text


def _yes(value: bool) -> str:
    return "yes" if value else "no"
