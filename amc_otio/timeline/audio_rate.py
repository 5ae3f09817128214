"""The sample rate that a timeline states for its sound, where its editor wrote one; OTIO has no field for it."""

from __future__ import annotations

from typing import Final

import opentimelineio as otio

from amc_otio.timeline.metadata import lookup

LOWEST: Final = 8_000
HIGHEST: Final = 384_000


def stated_audio_rate(timeline: otio.schema.Timeline) -> int | None:
    """Samples a second that the timeline's editor stated, or None.

    Final Cut Pro 7 XML has them in its sequence, under media, audio, format, samplecharacteristics.
    """
    rate = lookup(timeline, "fcp_xml", "media", "audio", "format", "samplecharacteristics", "samplerate")
    try:
        found = int(str(rate))
    except ValueError:
        return None
    return found if LOWEST <= found <= HIGHEST else None
