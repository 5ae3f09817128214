"""The media linker: offline references are found by path maps and search roots, as `Locator` finds them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import opentimelineio as otio

from amc_otio.errors import MediaError, UsageError
from amc_otio.media.locate import Locator, parse_path_map
from amc_otio.otio_hooks.arguments import RELINK, read_options
from amc_otio.otio_hooks.failing import as_otio_errors, respelled, say
from amc_otio.timeline.rational import seconds

_MOST_TOLD: Final = 1000
_LONGEST_SUFFIX: Final = 6
_kept = threading.local()


@dataclass
class _Relinking:
    """One reading of a timeline: its search roots are walked once, and what is not found is told once."""

    as_written: Locator
    locator: Locator
    by_name: bool
    quiet: bool
    told: set[str] = field(default_factory=set)

    def tell(self, text: str) -> None:
        if not self.quiet and text not in self.told and len(self.told) < _MOST_TOLD:
            self.told.add(text)
            say(f"note: {text}; left as it is")


def relinked(clip: otio.schema.Clip, argument_map: Mapping[str, Any] | None) -> Any:
    """The media reference that a clip gets, or None where it keeps its own.

    Parameters
    ----------
    argument_map
        Options of `RELINK`, as ``-M`` gives them.

    Raises
    ------
    AmcPluginError
        For an unknown option or a value that cannot be.
    """
    with as_otio_errors(""):
        run = _run_of(argument_map or {})
        reference = clip.media_reference
        if isinstance(reference, otio.schema.ExternalReference) and reference.target_url:
            return _found(run, reference, reference.target_url)
        if run.by_name and (reference is None or isinstance(reference, otio.schema.MissingReference)):
            for name in dict.fromkeys((getattr(reference, "name", ""), clip.name)):
                if _is_file_name(name) and (found := _found(run, reference, name)) is not None:
                    return found
        return None


def _run_of(argument_map: Mapping[str, Any]) -> _Relinking:
    """What was begun for this reading: OTIO hands each of its clips the same mapping."""
    known = getattr(_kept, "run", None)
    if known is not None and (_kept.argument_map is argument_map or not argument_map) and _kept.said == argument_map:
        return known  # type: ignore[no-any-return]
    options = read_options({str(key): value for key, value in argument_map.items()}, RELINK, "")
    base: Path | None = options.get("base")
    roots: tuple[Path, ...] = options.get("search_root", ())
    for name, folder in (*(("search_root", root) for root in roots), ("base", base)):
        if folder is not None and not folder.is_dir():
            raise UsageError(f"{name}={folder}", "is no folder", "give one that exists")
    maps = tuple(parse_path_map(pair) for pair in options.get("map_path", ()))
    run = _Relinking(
        Locator(base),
        Locator(base, maps, roots),
        options.get("by_name", False),
        options.get("quiet", False),
    )
    _kept.run, _kept.argument_map, _kept.said = run, argument_map, dict(argument_map)
    return run


def _found(run: _Relinking, reference: Any, url: str) -> Any:
    available = reference.available_range if reference is not None else None
    try:
        if isinstance(reference, otio.schema.ExternalReference) and _is_there(run.as_written, url):
            return None
        path = run.locator.locate(
            url,
            duration_s=float(seconds(available.duration)) if available is not None else None,
            start_s=float(seconds(available.start_time)) if available is not None else None,
        )
    except MediaError as error:
        run.tell(respelled(str(error), ""))
        return None
    if not isinstance(reference, otio.schema.ExternalReference):
        made = otio.schema.ExternalReference(path.as_uri(), available)
        if reference is not None:
            made.name = reference.name
            made.metadata.update(reference.metadata)
        return made
    made = reference.clone()
    made.target_url = _in_the_style_of(url, path)
    return made


def _is_there(locator: Locator, url: str) -> bool:
    try:
        locator.locate(url)
    except MediaError:
        return False
    return True


def _in_the_style_of(url: str, path: Path) -> str:
    """The path as the timeline writes its addresses: a URL, with ``localhost`` where it has that, or bare."""
    if url[:17].lower() == "file://localhost/":
        return path.as_uri().replace("file://", "file://localhost", 1)
    return path.as_uri() if url[:5].lower() == "file:" else str(path)


def _is_file_name(name: str) -> bool:
    suffix = Path(name).suffix if name and len(name) < 250 and not any(c in name for c in "/\\\0") else ""
    return 1 < len(suffix) <= _LONGEST_SUFFIX and suffix[1:].isalnum() and not suffix[1:].isdecimal()
