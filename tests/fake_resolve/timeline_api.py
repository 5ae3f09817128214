"""Timeline and TimelineItem."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fake_resolve.writing as writing
from amc_otio.timeline.timecode import format_timecode
from fake_resolve.markers import Markable
from fake_resolve.model import Media, Shot, Timeline, Track, Transition
from fake_resolve.strict import ApiObject, documented

AUDIO_FADES = ("Cross Fade +3 dB", "Cross Fade 0 dB", "Cross Fade -3 dB")


class TimelineItem(ApiObject):
    """An item on a track; a transition is none."""

    def __init__(self, session: Any, held: Timeline, track: Track, shot: Shot) -> None:
        super().__init__(session.edition, session.calls)
        self._session, self._timeline, self._track, self._shot = session, held, track, shot

    def _begin(self) -> int:
        frame = self._timeline.start
        for item in self._track.items:
            if item is self._shot:
                break
            frame += item.frames if isinstance(item, Shot) else 0
        return frame

    @documented()
    def GetName(self) -> str:
        return self._shot.name or (self._shot.media.name if self._shot.media else "")

    @documented(bool, optional=1)
    def GetStart(self, subframe: bool = False) -> int:
        return self._begin()

    @documented(bool, optional=1)
    def GetEnd(self, subframe: bool = False) -> int:
        return self._begin() + self._shot.frames

    @documented(bool, optional=1)
    def GetDuration(self, subframe: bool = False) -> int:
        return self._shot.frames

    @documented(bool, optional=1)
    def GetLeftOffset(self, subframe: bool = False) -> int:
        media = self._shot.media
        return int((self._shot.first - media.start) * self._timeline.rate / media.rate) if media else 0

    @documented(bool, optional=1)
    def GetRightOffset(self, subframe: bool = False) -> int:
        media = self._shot.media
        if media is None:
            return 0
        left = (self._shot.first - media.start) * self._timeline.rate / media.rate
        return int(media.frames * self._timeline.rate / media.rate - left) - self._shot.frames

    @documented()
    def GetMediaPoolItem(self) -> Any:
        media = self._shot.media
        return self._session.media(media) if media is not None and media.online else None

    @documented()
    def GetLinkedItems(self) -> list[Any]:
        if self._shot.link is None:
            return []
        return [
            TimelineItem(self._session, self._timeline, track, item)
            for track in self._timeline.tracks
            for item in track.items
            if isinstance(item, Shot) and item is not self._shot and item.link == self._shot.link
        ]

    @documented(dict, since=(21, 1), studio=True)
    def AddTransition(self, options: dict[str, Any]) -> Any:
        known = {"type", "category", "position", "alignment", "duration"}
        assert set(options) <= known, f"TimelineItem.AddTransition: undocumented keys {set(options) - known}"
        fits = (
            options.get("position") in ("start", "end")
            and options.get("alignment") in ("left", "center", "right")
            and options.get("category") == ("audio" if self._track.kind == "audio" else "simple")
            and isinstance(options.get("duration"), int)
        )
        if self._session.faults.transitions_fail or not fits:
            return None
        if self._track.kind == "audio" and options["type"] not in AUDIO_FADES:
            return None
        length = options["duration"]
        before = {"left": length, "center": length // 2, "right": 0}[options["alignment"]]
        place = self._track.items.index(self._shot) + (options["position"] == "end")
        made = Transition(options["type"], before, length - before)
        self._track.items.insert(place, made)
        return ApiObject(self._edition, self._calls)


class TimelineObject(Markable):
    """Timeline."""

    def __init__(self, session: Any, held: Timeline) -> None:
        super().__init__(session.edition, session.calls)
        self._session, self._timeline, self._held = session, held, held.markers
        self._refuses = session.faults.markers_fail

    def _tracks(self, kind: str) -> list[Track]:
        assert kind in ("audio", "video", "subtitle"), f"Timeline: there is no track type {kind!r}"
        return [track for track in self._timeline.tracks if track.kind == kind]

    def _length(self) -> int:
        sums = (sum(i.frames for i in t.items if isinstance(i, Shot)) for t in self._timeline.tracks)
        return max(sums, default=0)

    @documented()
    def GetName(self) -> str:
        return self._timeline.name

    @documented()
    def GetUniqueId(self) -> str:
        return f"timeline-{id(self._timeline)}"

    @documented()
    def GetStartFrame(self) -> int:
        return self._timeline.start

    @documented()
    def GetEndFrame(self) -> int:
        return self._timeline.start + self._length()

    @documented()
    def GetStartTimecode(self) -> str:
        return self._text(0)

    def _text(self, frame: int) -> str:
        from amc_otio.timeline.rational import from_frames

        rate = self._timeline.rate
        return format_timecode(from_frames(self._timeline.start + frame, rate), rate, self._timeline.drop)

    @documented()
    def GetCurrentTimecode(self) -> str:
        return self._timeline.playhead

    @documented(str)
    def GetTrackCount(self, kind: str) -> int:
        return len(self._tracks(kind))

    @documented(str, int)
    def GetTrackName(self, kind: str, index: int) -> str:
        return self._tracks(kind)[index - 1].name

    @documented(str, int)
    def GetIsTrackLocked(self, kind: str, index: int) -> bool:
        return self._tracks(kind)[index - 1].locked

    @documented(str, int)
    def GetItemListInTrack(self, kind: str, index: int) -> list[TimelineItem] | None:
        if not 1 <= index <= len(self._tracks(kind)):
            return None
        track = self._tracks(kind)[index - 1]
        return [
            TimelineItem(self._session, self._timeline, track, item)
            for item in track.items
            if isinstance(item, Shot) and (item.media is not None or item.nested)
        ]

    @documented(str)
    def GetSetting(self, name: str) -> str:
        rates = {"timelineFrameRate": f"{float(self._timeline.rate):.6g}"}
        return rates.get(name, "")

    @documented(since=(19, 1))
    def GetMarkInOut(self) -> dict[str, dict[str, int]]:
        return self._timeline.mark

    @documented(since=(20, 3))
    def GetMediaPoolItem(self) -> Any:
        return self._session.media(Media("", self._timeline.name, self._timeline.rate, 0, 0, kind="Timeline"))

    @documented(str, (float, str), (float, str), optional=1)
    def Export(self, path: str, kind: Any, subtype: Any = None) -> bool:
        session = self._session
        resolve = session.constants()
        # A text such as "EXPORT_OTIO", or another build's number, is refused in silence.
        if kind != resolve.get("EXPORT_OTIO") or subtype not in (None, resolve["EXPORT_NONE"]):
            return False
        if session.faults.export_fails or not Path(path).parent.is_dir():
            return False
        if not session.faults.export_without_file:
            writing.write(self._timeline, Path(path))
        return True
