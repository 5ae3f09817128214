"""What a run on a timeline may be told, by the names of its options: one table for the command line and the OTIO hook.

The values come typed, as a parser of either side gives them; None is an option that was not given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from amc_otio.config import WEIGHED, load
from amc_otio.errors import UsageError, one_line

if TYPE_CHECKING:
    from amc_otio.config import Settings
    from amc_otio.timeline.select import Selection
    from amc_otio.workflow import Sources

SETTINGS: Final = {
    "match.representation": "representation",
    "match.weights": "weights",
    "match.k": "k",
    "match.query": "query",
    "match.neighbourhood_s": "neighbourhood",
    "match.per_source": "per_source",
    "match.min_remaining_s": "min_remaining",
    "match.max_level_step_lu": "max_level_step",
    "match.index": "index_kind",
    "match.pool": "pool",
    "join.method": "method",
    "join.fade_s": "fade",
    "join.phi": "phi",
    "join.convention": "convention",
    "join.search_s": "search",
    "join.max_gain_db": "max_gain",
    "edit.mode": "mode",
    "edit.length_s": "length",
    "edit.short": "short",
    "edit.offsets": "offsets",
}
"""Settings, and the options that give them."""
FLAGS: Final[dict[str, tuple[str, bool]]] = {
    "match.same_source": ("other_sources", False),
    "edit.ripple": ("ripple", True),
    "edit.audio_only": ("audio_only", True),
}
"""Settings, the options that give them by being set, and the value that they give."""
WEIGH: Final = "weigh"
"""The option that gives the settings ``match.weigh_…``."""
SELECTION: Final = {
    "at": "at",
    "track": "tracks",
    "index": "indexes",
    "marker": "markers",
    "range": "range",
    "all": "all",
}
"""Options that choose edit points, and the fields of `Selection` that they give."""


def settings_from(given: Mapping[str, Any], beside: Path, spelled: Callable[[str], str]) -> Settings:
    """The settings of a run: the options over amc.toml over the defaults.

    Parameters
    ----------
    given
        Values by option; besides those of the tables above ``config``, a path.
    beside
        The folder in which ``amc.toml`` is looked for first.
    spelled
        An option as its user writes it, for errors.

    Raises
    ------
    UsageError
    """
    settings = load(given.get("config"), beside)
    values = {setting: given.get(name) for setting, name in SETTINGS.items()}
    representation = values["match.representation"]
    if values["match.weights"] is not None:
        values["match.weights"] = str(values["match.weights"])
    elif representation is not None and representation != settings.match.representation:
        values["match.weights"] = ""  # those of amc.toml are another representation's
    weights = weights_of(given.get(WEIGH), spelled(WEIGH))
    values |= {f"match.weigh_{family}": weight for family, weight in weights.items()}
    values |= {setting: value if given.get(name) else None for setting, (name, value) in FLAGS.items()}
    try:
        return settings.replace(values)
    except UsageError as error:
        # A weight has no option of its own: match.weigh_pitch is what --weigh says of pitch.
        weight = spelled(error.thing.removeprefix("match.").replace("_", " "))
        name = spelled(SETTINGS[error.thing]) if error.thing in SETTINGS else weight
        raise UsageError(name, error.reason, error.remedy) from error


def selection_from(given: Mapping[str, Any]) -> Selection:
    """Which edit points."""
    from amc_otio.timeline.select import Selection

    values: dict[str, Any] = {}
    for name, field in SELECTION.items():
        value = given.get(name)
        if value:
            values[field] = value if name == "all" else tuple(value)
    return Selection(**values)


def sources_from(given: Mapping[str, Any]) -> Sources:
    """Where sound comes from; ``map_path`` is a list of texts FROM=TO."""
    from amc_otio.media.locate import parse_path_map
    from amc_otio.workflow import Sources

    return Sources(
        gallery=tuple(given.get("gallery") or ()),
        library=given.get("library"),
        path_maps=tuple(parse_path_map(text) for text in given.get("map_path") or ()),
        search_roots=tuple(given.get("search_root") or ()),
        workers=given.get("workers"),
    )


def weights_of(text: str | None, option: str = "--weigh") -> dict[str, float]:
    """``timbre=0.3,pitch=0.2`` as ``{family: weight}``; nothing when nothing is weighed."""
    if text is None:
        return {}
    option = one_line(f"{option} {text}", 60)
    weights: dict[str, float] = {}
    for part in text.split(","):
        family, equals, number = (side.strip() for side in part.partition("="))
        if not equals:
            raise UsageError(option, f"'{part}' is not FAMILY=W", "write it like timbre=0.3,pitch=0.2")
        if family not in WEIGHED:
            raise UsageError(option, f"'{family}' cannot be weighed", f"choose from {', '.join(WEIGHED)}")
        if family in weights:
            raise UsageError(option, f"{family} is named twice", "name it once")
        # Plain decimals only: float() would also take nan, inf and 1_0.
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}", number):
            raise UsageError(option, f"'{number}' is no weight", "write it like timbre=0.3,pitch=0.2")
        weights[family] = float(number)
    return weights
