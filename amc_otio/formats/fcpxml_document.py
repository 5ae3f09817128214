"""An FCPXML file as it is parsed: its resources by id, its projects, and what may be believed of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from amc_otio.errors import TimelineError
from amc_otio.formats.fcpxml_time import parse_time
from amc_otio.timeline.guard import FCPXML_INFO, check_before_parsing
from amc_otio.timeline.rational import exact_rate

_NAMED: Final = re.compile(r"FFVideoFormat\w*?\d[pi](\d{2,4})\b", re.ASCII)


@dataclass(frozen=True)
class Document:
    """A parsed file: its elements by id, and its projects in order."""

    path: Path
    version: str
    resources: dict[str, ET.Element]
    projects: tuple[ET.Element, ...]

    def resource(self, reference: str | None, tag: str) -> ET.Element | None:
        """Return the resource of an id, where it is there and of the kind that is asked for."""
        found = self.resources.get(reference or "")
        return found if found is not None and found.tag == tag else None

    def rate_of(self, reference: str | None) -> Fraction | None:
        """Return the frame rate of a format, or None where it says none."""
        found = self.resource(reference, "format")
        if found is None:
            return None
        text = found.get("frameDuration")
        if text is not None:
            length = parse_time(text, f"the frame duration of format '{reference}'")
            if not Fraction(1, 1000) <= length <= 1:
                raise TimelineError(self.path, f"a frame of format '{reference}' lasts {text}", "export it again")
            return exact_rate(float(1 / length))
        named = _NAMED.search(found.get("name", ""))
        if named is None:
            return None
        digits = named[1]
        return exact_rate(float(digits) / 100 if len(digits) == 4 else float(digits))


def load(path: Path) -> Document:
    """Parse a file, or the document in a bundle, after the checks of `timeline.guard`.

    Raises
    ------
    TimelineError
        When it is not sound XML, not FCPXML, or holds no project.
    """
    source = path / FCPXML_INFO if path.is_dir() and (path / FCPXML_INFO).is_file() else path
    check_before_parsing(source)
    try:
        root = ET.parse(source).getroot()
    except (ET.ParseError, ValueError, LookupError) as error:
        raise TimelineError(path, f"is not well-formed XML ({error})", "export the timeline again") from error
    except OSError as error:
        raise TimelineError(path, f"cannot be read ({error.strerror})", "check its permissions") from error
    if root.tag != "fcpxml":
        raise TimelineError(path, f"is not FCPXML: its first element is '{root.tag[:40]}'", "export it again")
    resources: dict[str, ET.Element] = {}
    for block in root.iter("resources"):
        resources.update((found, child) for child in block if (found := child.get("id")) is not None)
    projects = tuple(p for p in root.iter("project") if p.find("sequence") is not None)
    if not projects:
        raise TimelineError(
            path, "holds no project, only clips of the browser", "select the project, then File > Export XML"
        )
    return Document(path, root.get("version", ""), resources, projects)
