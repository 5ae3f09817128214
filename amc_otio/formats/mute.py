"""Which formats keep that a clip is switched off."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import opentimelineio as otio

from amc_otio.formats.base import Target
from amc_otio.formats.registry import format_for
from amc_otio.timeline.muting import silenced
from amc_otio.timeline.rational import TimeRange
from amc_otio.timeline.walk import is_disabled


def keeps_mute(suffix: str) -> bool:
    """Whether a format keeps that a clip is switched off: a little timeline is written and read back."""
    return _keeps_mute(suffix.lower())


@lru_cache(maxsize=32)
def _keeps_mute(suffix: str) -> bool:
    time, span = (
        otio.opentime.RationalTime,
        TimeRange(otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(24, 24)),
    )
    track = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    for number in range(3):
        media = otio.schema.ExternalReference("file:///nothing/a.wav", TimeRange(span.start_time, time(240, 24)))
        clip = otio.schema.Clip(f"clip {number}", media, span)
        track.append(clip)
        if number == 1:
            silenced(clip, "")
    timeline = otio.schema.Timeline("mute", global_start_time=time(0, 24))
    timeline.tracks.append(track)
    try:
        with tempfile.TemporaryDirectory(prefix="amc-mute-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / f"mute{suffix}"
            form, target = format_for(suffix), Target(path, Fraction(24))
            form.write(form.prepare(timeline, target).timeline, path, target)
            read = form.read(path, target)
            return [is_disabled(clip) for clip in read.find_clips()] == [False, True, False]
    except Exception:  # whatever an adapter raises, or a full disk: then a gap, which every format has
        return False
