"""What makes OTIO's adapters write an audio crossfade as one: metadata that every transition of ours carries.

Without it the adapter for Final Cut Pro 7 XML writes a picture dissolve, and the one for AAF refuses the timeline. It
rides along in every format, so that ``otioconvert new.otio new.xml`` keeps the crossfade too.
"""

from __future__ import annotations

from typing import Any, Final

import opentimelineio as otio

FCP_CROSSFADE: Final = {
    "name": "Cross Fade (+3dB)",
    "effectid": "KGAudioTransCrossFade3dB",
    "effecttype": "transition",
    "effectcategory": "Audio Transitions",
    "mediatype": "audio",
}
"""The audio transition of Final Cut Pro 7 XML, as editors write it."""
AUDIO_DISSOLVE: Final = ("Audio Dissolve", "Sound", "0c3bea41-fc05-11d2-8a29-0050040ef7d2")
"""AAF's operation for one channel: name, data definition, identification (AAF object specification)."""
PICTURE_DISSOLVE: Final = ("Video Dissolve", "Picture", "0c3bea40-fc05-11d2-8a29-0050040ef7d2")
"""AAF's operation for picture."""


def crossfade_metadata(frames_before: int) -> dict[str, Any]:
    """Metadata of an audio crossfade.

    Parameters
    ----------
    frames_before
        Frames of the edit rate from its start to the cut, for AAF's cut point.
    """
    return {"fcp_xml": {"effect": dict(FCP_CROSSFADE)}, "AAF": aaf_dissolve(frames_before, AUDIO_DISSOLVE)}


def aaf_dissolve(frames_before: int, operation: tuple[str, str, str]) -> dict[str, Any]:
    """What OTIO's AAF adapter wants to know of a transition."""
    name, kind, identification = operation
    return {
        "CutPoint": frames_before,
        "PointList": [{"Time": "0/1", "Value": "0/1"}, {"Time": "1/1", "Value": "1/1"}],
        "OperationGroup": {
            "Operation": {
                "Name": name,
                "Description": "",
                "DataDefinition": {"Name": kind},
                "Identification": identification,
                "NumberInputs": 2,
                "IsTimeWarp": False,
                "Bypass": 0,
                "OperationCategory": "OperationCategory_Effect",
            }
        },
    }


def has_aaf(transition: otio.schema.Transition) -> bool:
    """Whether a transition holds what OTIO's AAF adapter insists on."""
    held = transition.metadata.get("AAF")
    return hasattr(held, "keys") and all(key in held for key in ("CutPoint", "PointList", "OperationGroup"))
