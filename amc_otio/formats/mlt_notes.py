"""What an MLT file does not keep, collected while it is planned and said once for each kind of thing."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

SAMPLES: Final = 48_000
"""Samples a second in which the notes count."""
_NAMED: Final = 4


class Notes:
    """Collects what is lost or moved, and says it in words."""

    def __init__(self) -> None:
        self._named: dict[str, list[str]] = {}
        self._moved: dict[str, dict[str, Fraction]] = {}

    def add(self, what: str, name: str = "") -> None:
        """Note something, and of which thing it is true."""
        names = self._named.setdefault(what, [])
        if name and name not in names:
            names.append(name)

    def moved(self, what: str, name: str, by: Fraction) -> None:
        """Note that something was moved by so many seconds; nothing where that is less than half a sample."""
        if abs(by) * SAMPLES > Fraction(1, 2):
            held = self._moved.setdefault(what, {})
            held[name] = max(held.get(name, Fraction(0)), by, key=abs)

    def words(self) -> tuple[str, ...]:
        """All notes, each once."""
        said = []
        for what, by in self._moved.items():
            samples = max(abs(round(one * SAMPLES)) for one in by.values())
            most = max(by.values(), key=abs)
            said.append(
                f"{what} of {_some(list(by))} moved to whole frames, which is all that MLT counts: "
                f"by up to {samples} samples of 48 kHz ({abs(float(most)) * 1000:.1f} ms)"
            )
        for what, names in self._named.items():
            said.append(f"{what}: {_some(names)}" if names else what)
        return tuple(said)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
