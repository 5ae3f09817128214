"""Every format that we know something of, by its suffix."""

from __future__ import annotations

from typing import Final

from amc_otio.formats.aaf import Aaf
from amc_otio.formats.any_adapter import any_format
from amc_otio.formats.base import EXACT, FRAMES, Format
from amc_otio.formats.edl import Edl
from amc_otio.formats.fcp7 import FinalCutPro7
from amc_otio.formats.kdenlive import Kdenlive
from amc_otio.formats.otio_files import OtioBundle, OtioFile
from amc_otio.formats.own_writer import own_or_adapter
from amc_otio.formats.xges import Xges

FORMATS: Final[tuple[Format, ...]] = (
    OtioFile(".otio", "OpenTimelineIO", offsets=EXACT),
    OtioBundle(".otioz", "OpenTimelineIO bundle, zipped", offsets=EXACT),
    OtioBundle(".otiod", "OpenTimelineIO bundle, a folder", offsets=EXACT),
    FinalCutPro7(".xml", "Final Cut Pro 7 XML", "otio-fcp-adapter"),
    Aaf(".aaf", "AAF", "otio-aaf-adapter", offsets=FRAMES),
    Edl(".edl", "EDL (CMX 3600)", "otio-cmx3600-adapter"),
    own_or_adapter(".fcpxml", "Final Cut Pro XML", "fcpxml", "otio-fcpx-xml-adapter"),
    own_or_adapter(".mlt", "MLT XML", "mlt", "otio-mlt-adapter", FRAMES),
    Kdenlive(".kdenlive", "Kdenlive", "otio-kdenlive-adapter"),
    Xges(".xges", "XGES (GStreamer Editing Services)", "otio-xges-adapter", offsets=EXACT),
)
_BY_SUFFIX: Final = {form.suffix: form for form in FORMATS}


def format_for(suffix: str) -> Format:
    """The format of files with a suffix, in any case, with its dot; one without a recipe where we know none."""
    suffix = suffix.lower()
    return _BY_SUFFIX.get(suffix) or any_format(suffix)
