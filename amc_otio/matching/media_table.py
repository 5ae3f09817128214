"""Which files a timeline refers to, and what is known of each file that a proposal may use."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Protocol

import opentimelineio as otio

from amc_otio.errors import MediaError
from amc_otio.media.probe import MediaInfo, probe
from amc_otio.proposals import MediaRecord
from amc_otio.timeline.bounce_track import bounce_label
from amc_otio.timeline.rational import TimeRange, exact_rate, from_seconds, seconds


class Locates(Protocol):
    """Finds the file of a reference, as `amc_otio.media.locate.Locator` does."""

    def locate(self, target_url: str, *, duration_s: float | None = None, start_s: float | None = None) -> Path:
        """Return its path; `MediaError` when it is not there."""


class MediaTable:
    """Files by reference and by path; each is looked for and probed once.

    Parameters
    ----------
    timeline
        Whose clips refer to files.
    locator
        Finds them.
    rate
        The timeline's frame rate, in which sound without picture is counted.
    """

    def __init__(self, timeline: otio.schema.Timeline, locator: Locates, rate: Fraction) -> None:
        self._locator = locator
        self._rate = rate
        self._found: dict[str, Path | MediaError] = {}
        self._info: dict[Path, MediaInfo | MediaError] = {}
        self._referred: dict[Path, tuple[str, TimeRange | None]] = {}
        self._urls = False
        for clip in timeline.find_clips():
            reference = clip.media_reference
            if not isinstance(reference, otio.schema.ExternalReference) or not reference.target_url:
                continue
            url = reference.target_url
            self._urls = self._urls or url.startswith("file:")
            try:
                path = self.locate(url, reference.available_range)
            except MediaError:
                continue
            if bounce_label(clip) is not None:
                continue  # a blend of sounds that the timeline holds is no sound to match with
            known = self._referred.get(path)
            if known is None or known[1] is None:
                self._referred[path] = (url, reference.available_range)
        self._plain = bool(self._referred) and not self._urls

    @property
    def offline(self) -> tuple[MediaError, ...]:
        """One error for each reference whose file was not found."""
        return tuple(error for error in self._found.values() if isinstance(error, MediaError))

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that the timeline refers to and that are there, in order of appearance; bounces left out."""
        return tuple(self._referred)

    def locate(self, url: str, available: TimeRange | None = None) -> Path:
        """Find the file of a reference.

        Raises
        ------
        MediaError
            Offline or ambiguous.
        """
        if url not in self._found:
            duration = float(seconds(available.duration)) if available is not None else None
            start = float(seconds(available.start_time)) if available is not None else None
            try:
                self._found[url] = self._locator.locate(url, duration_s=duration, start_s=start)
            except MediaError as error:
                self._found[url] = error
        found = self._found[url]
        if isinstance(found, MediaError):
            raise found
        return found

    def available_range(self, url: str) -> TimeRange | None:
        """The range of a file on its own clock, for clips that do not state it; None when it cannot be had."""
        try:
            path = self.locate(url)
            info = self.info(path)
        except MediaError:
            return None
        rate = info.frame_rate if info.has_picture and info.frame_rate else self._rate
        return TimeRange(from_seconds(info.start_s or Fraction(0), rate), from_seconds(info.duration, rate))

    def info(self, path: Path) -> MediaInfo:
        """What a file holds.

        Raises
        ------
        MediaError
            When it cannot be read or has no sound.
        """
        if path not in self._info:
            try:
                info = probe(path)
                if not info.streams:
                    raise MediaError(path.name, "has no audio stream", "choose a file with sound")
                self._info[path] = info
            except MediaError as error:
                self._info[path] = error
        found = self._info[path]
        if isinstance(found, MediaError):
            raise found
        return found

    def record(self, path: Path) -> MediaRecord:
        """Facts on a file for a candidate.

        The file's clock and URL are those that the timeline already uses for it, if it does; else the clock starts
        at the embedded timecode, and the URL has the form of the timeline's others.

        Raises
        ------
        MediaError
            As `info`.
        """
        info = self.info(path)
        url, available = self._referred.get(path, (None, None))
        start, duration = info.start_s or Fraction(0), info.duration
        rate = info.frame_rate if info.has_picture and info.frame_rate else self._rate
        if available is not None:
            start = seconds(available.start_time)
            # An editor refuses a clip that leaves the range it states, and a picture may end before its sound.
            duration = min(duration, seconds(available.duration))
            if available.start_time.rate < 1000:
                rate = exact_rate(available.start_time.rate)
        absolute = path.absolute()
        return MediaRecord(
            path=str(absolute),
            target_url=url or (str(absolute) if self._plain else absolute.as_uri()),
            name=path.stem,
            start=start,
            duration=duration,
            rate=rate,
            has_picture=info.has_picture,
            channels=sum(stream.channels for stream in info.streams),
        )
