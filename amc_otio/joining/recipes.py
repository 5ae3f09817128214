"""What a join is made of, part by part, and the recipe behind the name of each method.

A method is a name that an editor chooses; a recipe says which point it takes, how long its fade is and what it does
beside. Parts are apart so that each can be judged alone (docs/joining.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Recipe:
    """The parts of a join.

    Attributes
    ----------
    point
        ``"edit-point"`` keeps the cut where it is, ``"max-ss"`` takes the highest inner product (section 2.4),
        ``"steady"`` the pair among the high ones where both sounds change least (`amc_otio.joining.steady`).
    fade
        ``"none"``; ``"fixed"``, the length that is set; ``"equation"``, equation (2); ``"clear"``, 0.3 s, but across
        no onset of either sound that is more than 75 ms from the point (`amc_otio.joining.clear`).
    align
        Where the two sounds have a waveform in common, move the incoming one so that they run together: on the grid
        when cut, to the sample when bounced (`amc_otio.joining.align`).
    law
        ``"equal-power"``, or ``"correlation"``: by how much the two sides have in common.
    level
        Match the loudness of the incoming sound over the fade, within the limit that is set.
    """

    point: str = "max-ss"
    fade: str = "none"
    align: bool = False
    law: str = "equal-power"
    level: bool = False


RECIPES: Final[dict[str, Recipe]] = {
    "concatenate": Recipe("edit-point"),
    "crossfade": Recipe("edit-point", "fixed"),
    "max-ss": Recipe("max-ss"),
    "max-ss-adaptive": Recipe("max-ss", "equation"),
    "paper": Recipe("max-ss", "equation"),
    "fitted": Recipe("steady", "clear", align=True, law="correlation", level=True),
}
"""By method. ``paper`` is ``max-ss-adaptive`` with equation (2) as it is printed, whatever is set."""
