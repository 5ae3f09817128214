"""OpenTimelineIO's own files: .otio, and its bundles with the media, .otioz and .otiod."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import opentimelineio as otio

from amc_otio.errors import OutputError
from amc_otio.formats.any_adapter import AdapterFormat
from amc_otio.formats.base import Prepared, Target
from amc_otio.formats.resolve_volume import count_volumes, is_of_resolve, put_resolve_volume
from amc_otio.timeline.equality import fields, same_fields
from amc_otio.timeline.level_match import Recipe
from amc_otio.timeline.undo import external_references
from amc_otio.timeline.write import is_relative


class _OfOtio(AdapterFormat):
    @property
    def is_available(self) -> bool:
        """Always: OpenTimelineIO brings it."""
        return True

    def gain_recipe(self, timeline: otio.schema.Timeline, rate: Fraction) -> Recipe:
        """DaVinci Resolve's clip volume, where Resolve wrote the timeline; OTIO itself has no gain."""
        if is_of_resolve(timeline):
            return partial(put_resolve_volume, rate=rate)
        return super().gain_recipe(timeline, rate)

    def count_gains(self, timeline: otio.schema.Timeline) -> int:
        """How many clips have Resolve's volume."""
        return count_volumes(timeline)

    def count_written_gains(self, read: otio.core.SerializableObject, file: Path) -> int:
        """How many that were read back have it."""
        return count_volumes(read)


class OtioFile(_OfOtio):
    """OpenTimelineIO's JSON."""

    def write(self, timeline: otio.schema.Timeline, file: Path, target: Target) -> tuple[str, ...]:
        """Write it."""
        timeline.to_json_file(str(file))
        return ()

    def read(self, file: Path, target: Target) -> otio.core.SerializableObject:
        """Read it back."""
        return otio.adapters.read_from_file(str(file), adapter_name="otio_json")

    def check(self, timeline: otio.schema.Timeline, read: otio.core.SerializableObject, path: Path) -> None:
        """Every field must have been kept."""
        if not same_fields(fields(read), fields(timeline)):
            raise OutputError(path, "what was written does not read back equal", "report this as a bug")


class OtioBundle(_OfOtio):
    """A bundle: the timeline with its media files."""

    def arguments(self, target: Target) -> dict[str, Any]:
        """Media that is not there is left out, and said (`amc_otio.formats.lost`)."""
        return {"media_policy": "AllMissing" if target.rehearsal else "MissingIfNotFile"}

    def prepare(self, timeline: otio.schema.Timeline, target: Target) -> Prepared:
        """Give it absolute media references: OTIO's bundlers look for relative ones from the working folder."""
        return Prepared(_with_absolute_media(timeline, target.path.parent, target.media))


def _with_absolute_media(timeline: otio.schema.Timeline, base: Path, media: Mapping[str, Path]) -> otio.schema.Timeline:
    """A copy whose relative media references are absolute: OTIO's bundlers look for them from the working folder."""
    copy = timeline.clone()
    for reference in external_references(copy):
        url = reference.target_url
        if url in media:
            reference.target_url = media[url].absolute().as_uri()
            continue
        if not is_relative(url):
            continue
        for spelling in (url, unquote(url)):
            if (base / spelling).exists():
                reference.target_url = (base / spelling).resolve().as_uri()
                break
    return copy
