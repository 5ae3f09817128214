"""The marker calls of a timeline."""

from __future__ import annotations

from typing import Any

from fake_resolve.model import Marker
from fake_resolve.strict import ApiObject, documented

COLOURS = [
    "Blue",
    "Cyan",
    "Green",
    "Yellow",
    "Red",
    "Pink",
    "Purple",
    "Fuchsia",
    "Rose",
    "Lavender",
    "Sky",
    "Mint",
    "Lemon",
    "Sand",
    "Cocoa",
    "Cream",
]


class Markable(ApiObject):
    """What has markers; `_held` maps a frame to a `Marker`."""

    _held: dict[float, Marker]
    _refuses = False

    @documented(float, str, str, str, float, str, optional=1)
    def AddMarker(self, frame: float, color: str, name: str, note: str, duration: float, data: str = "") -> bool:
        if color not in COLOURS or duration < 1 or float(frame) in self._held or self._refuses:
            return False
        self._held[float(frame)] = Marker(color, name, note, float(duration), data)
        return True

    @documented()
    def GetMarkers(self) -> dict[float, dict[str, Any]]:
        return {
            frame: {
                "color": m.color,
                "duration": m.duration,
                "note": m.note,
                "name": m.name,
                "customData": m.custom_data,
            }
            for frame, m in self._held.items()
        }

    @documented(float)
    def GetMarkerCustomData(self, frame: float) -> str:
        return self._held[float(frame)].custom_data if float(frame) in self._held else ""

    @documented(float)
    def DeleteMarkerAtFrame(self, frame: float) -> bool:
        return self._held.pop(float(frame), None) is not None

    @documented(str)
    def DeleteMarkerByCustomData(self, data: str) -> bool:
        for frame, marker in self._held.items():
            if marker.custom_data == data:
                del self._held[frame]
                return True
        return False
