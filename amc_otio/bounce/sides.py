"""The files on both sides of a bounce: what they hold, which of their channels play, at which rate it is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from amc_otio.config import ANALYSIS_RATE
from amc_otio.errors import MediaError
from amc_otio.media.channels import layout_name
from amc_otio.media.decode import Channels
from amc_otio.media.probe import MediaInfo, probe
from amc_otio.timeline.shots import ALL_STREAMS


@dataclass(frozen=True)
class Side:
    """What one side of a bounce plays; `path` is None where nothing does, `channels` None for all of the file."""

    path: Path | None
    channels: Channels | None


class Facts:
    """What files hold; each is probed once."""

    def __init__(self) -> None:
        self._known: dict[Path, MediaInfo] = {}

    def of(self, path: Path) -> MediaInfo:
        """Facts on a file.

        Raises
        ------
        MediaError
            When it cannot be read or has no sound.
        """
        if path not in self._known:
            info = probe(path)
            if not info.streams:
                raise MediaError(path, "has no audio stream", "choose a file with sound")
            self._known[path] = info
        return self._known[path]

    def rates(self, paths: Iterable[Path]) -> list[int]:
        """The sample rate of each of these files that can be read, each file once."""
        found = []
        for path in dict.fromkeys(paths):
            try:
                found.append(self.of(path).streams[0].sample_rate)
            except MediaError:
                continue
        return found


def own_rate(side: Side, facts: Facts) -> int | None:
    """The sample rate of what a side plays; None where nothing does.

    Raises
    ------
    MediaError
        When the file has no such channels.
    """
    if side.path is None:
        return None
    info = facts.of(side.path)
    for stream, channel in side.channels or ():
        if not 0 <= stream < len(info.streams) or not 0 <= channel < info.streams[stream].channels:
            reason = f"it has no channel {channel + 1} in audio stream {stream + 1}"
            raise MediaError(side.path, reason, "check the clip's channel mapping")
    return info.streams[side.channels[0][0] if side.channels else 0].sample_rate


def rate_for(stated: int | None, rates: Sequence[int], own: int | None) -> int:
    """The rate of a bounce: what the timeline states, else what most of its sound files have.

    Parameters
    ----------
    stated
        Samples a second by the timeline itself, or None.
    rates
        Of its sound files, one each.
    own
        The outgoing file's, which decides a tie; None where nothing plays before the cut.
    """
    if stated is not None:
        return stated
    counted = Counter(rates).most_common()
    first = [rate for rate, number in counted if number == counted[0][1]]
    if own is not None and (own in first or not first):
        return own
    return max(first, default=ANALYSIS_RATE)


def mapped(wanted: tuple[tuple[int, int], ...] | None, info: MediaInfo) -> Channels | None:
    """The channels of a file that the retrieved clip plays, where it says so."""
    if wanted is None:
        return None
    every = [(stream, channel) for stream, found in enumerate(info.streams) for channel in range(found.channels)]
    found_channels = []
    for pair in wanted:
        # A retrieved clip's channels are counted through all streams, as those of Final Cut Pro 7 XML are.
        number = pair[1] if pair[0] in (0, ALL_STREAMS) and pair not in every else None
        found = every[number] if number is not None and number < len(every) else pair
        if found not in every:
            raise MediaError(info.path, f"it has no channel {pair[1] + 1}", "propose again")
        found_channels.append(found)
    return tuple(found_channels)


def format_of(side: Side, facts: Facts) -> tuple[int, str]:
    """Channels and layout of what a side plays."""
    if side.path is None:
        return 1, "mono"
    streams = facts.of(side.path).streams
    chosen = side.channels or tuple((s, c) for s, stream in enumerate(streams) for c in range(stream.channels))
    count, stream = len(chosen), chosen[0][0]
    whole = stream < len(streams) and chosen == tuple((stream, c) for c in range(streams[stream].channels))
    return count, streams[stream].layout if whole else layout_name(count)
