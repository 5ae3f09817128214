"""Every format that we know something of, by its suffix."""

from __future__ import annotations

from typing import Final

from amc_otio.formats.aaf import Aaf
from amc_otio.formats.any_adapter import any_format
from amc_otio.formats.base import EQUAL_FRAMES, EXACT, FRAMES, Format
from amc_otio.formats.edl import Edl
from amc_otio.formats.fcp7 import FinalCutPro7
from amc_otio.formats.kdenlive import Kdenlive
from amc_otio.formats.otio_files import OtioBundle, OtioFile
from amc_otio.formats.own_writer import OwnFormat, Reader, Writer
from amc_otio.formats.xges import Xges


def _fcpxml() -> tuple[Writer, Reader]:
    from amc_otio.formats.fcpxml_read import read
    from amc_otio.formats.fcpxml_write import write

    return write, read


def _mlt() -> tuple[Writer, Reader]:
    from amc_otio.formats.mlt_read import read
    from amc_otio.formats.mlt_write import write

    return write, read


FORMATS: Final[tuple[Format, ...]] = (
    OtioFile(".otio", "OpenTimelineIO", offsets=EXACT),
    OtioBundle(".otioz", "OpenTimelineIO bundle, zipped", offsets=EXACT),
    OtioBundle(".otiod", "OpenTimelineIO bundle, a folder", offsets=EXACT),
    FinalCutPro7(".xml", "Final Cut Pro 7 XML", "otio-fcp-adapter"),
    Aaf(".aaf", "AAF", "otio-aaf-adapter", offsets=FRAMES),
    Edl(".edl", "EDL (CMX 3600)", "otio-cmx3600-adapter"),
    OwnFormat(".fcpxml", "Final Cut Pro XML", _fcpxml, EQUAL_FRAMES),
    OwnFormat(".mlt", "MLT XML", _mlt, FRAMES),
    Kdenlive(".kdenlive", "Kdenlive", "otio-kdenlive-adapter"),
    Xges(".xges", "XGES (GStreamer Editing Services)", "otio-xges-adapter", offsets=EXACT),
)
_BY_SUFFIX: Final = {form.suffix: form for form in FORMATS}


def format_for(suffix: str) -> Format:
    """The format of files with a suffix, in any case, with its dot; one without a recipe where we know none."""
    suffix = suffix.lower()
    return _BY_SUFFIX.get(suffix) or any_format(suffix)
