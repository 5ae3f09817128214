"""The hook: match cuts in a timeline that OpenTimelineIO is about to write."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any

import opentimelineio as otio

from amc_otio.errors import AmcError, MediaError, NoMatchError, TimelineError, UsageError
from amc_otio.otio_hooks.arguments import hook_options
from amc_otio.otio_hooks.failing import as_otio_errors, respelled, say
from amc_otio.otio_hooks.recipes import ready_for
from amc_otio.run_options import selection_from, settings_from, sources_from
from amc_otio.timeline.write import is_relative

_NOTES_SHOWN = 5
_made = threading.local()
"""What this thread's conversion in progress has cut: a writer that hands our arguments on calls the hook again."""


def cut_on_write(found: otio.core.SerializableObject, argument_map: Mapping[str, Any]) -> Any:
    """Return `found` with match cuts where the arguments ask for them, else `found` itself; it is never changed.

    Parameters
    ----------
    found
        What is about to be written: a timeline, or a collection that holds one.
    argument_map
        What ``-H`` gave, and ``_filepath``, the output, where the caller knows it (OpenTimelineIO 0.18 says it when
        it writes to a file).

    Raises
    ------
    AmcPluginError
        In one line; nothing is written then.
    """
    with as_otio_errors("amc_"):
        options = hook_options(argument_map)
        if options is None:
            return found
    with as_otio_errors("amc_", options.get("quiet", False)):
        if _is_cut_already(found):
            return found
        output = _output(argument_map.get("_filepath"), options)
        made = _cut(found, output, options)
        if made is not found and "_filepath" in argument_map:
            _made.timeline, _made.digest = made, _digest(made)
        return made


def forget() -> None:
    """End the conversion in progress: an equal timeline that comes later is cut again."""
    _made.__dict__.clear()


def _is_cut_already(found: otio.core.SerializableObject) -> bool:
    made = getattr(_made, "timeline", None)
    return made is not None and (found is made or _digest(found) == _made.digest)


def _digest(found: otio.core.SerializableObject) -> str:
    return hashlib.sha256(found.to_json_string(indent=0).encode("utf-8")).hexdigest()


def _output(filepath: Any, options: Mapping[str, Any]) -> Path:
    """The file that the timeline is meant for, as far as anybody says."""
    path = Path(filepath) if isinstance(filepath, (str, PurePath)) else Path()
    if not path.name:
        path = options.get("base", Path()) / "timeline.otio"
    wanted = options.get("format")
    if wanted is None:
        return path
    known = otio.adapters.suffixes_with_defined_adapters(write=True)
    if wanted not in known:
        raise UsageError(
            "amc_format", f"no installed adapter writes '.{wanted}'", f"known are {', '.join(sorted(known))}"
        )
    return path.with_suffix(f".{wanted}")


def _cut(found: otio.core.SerializableObject, output: Path, options: Mapping[str, Any]) -> Any:
    base: Path = options.get("base", Path())
    if not base.is_dir():
        raise UsageError(f"amc_base={base}", "is no folder", "give the folder of the timeline that is read")
    given = {"workers": _workers(), **options}
    settings = settings_from(given, base, lambda option: f"amc_{option}")
    sources, selection = sources_from(given), selection_from(given)
    from amc_otio.workflow import match_timeline

    edit = base / _name_of(found)
    try:
        if not isinstance(found, otio.core.SerializableObject):
            raise TimelineError(edit, f"is no timeline but a {type(found).__name__}", "convert a timeline")
        matched = match_timeline(
            found, output, sources, selection, settings, edit=edit, timeline_name=options.get("timeline")
        )
    except (NoMatchError, MediaError) as error:
        if isinstance(error, NoMatchError) and options.get("optional"):
            if not options.get("quiet"):
                say(f"note: {respelled(str(_with_place(error, found, base)), 'amc_')}; converted without match cuts")
            return found
        raise _with_place(error, found, base) from error
    ready = ready_for(matched.timeline, output)
    if not options.get("quiet"):
        notes = [*ready.notes, *matched.notes]
        shown = notes if options.get("verbose") else notes[:_NOTES_SHOWN]
        for note in shown:
            say(f"note: {respelled(note, 'amc_')}")
        if len(notes) > len(shown):
            say(f"note: and {len(notes) - len(shown)} more (amc_verbose=True shows all)")
        if where := _looked_in(found, base):
            say(f"note: {where}")
        for change in matched.changes:
            instead = f" instead of {change.incoming}" if change.incoming else ""
            say(f"{change.edit_point} at {change.timecode}: {change.outgoing} -> {change.summary}{instead}")
    return ready.timeline


def _workers() -> int | None:
    """One a core in ``otioconvert``. A program of somebody else's may not bear new processes: none there."""
    return None if Path(sys.argv[0] if sys.argv else "").stem == "otioconvert" else 1


def _name_of(found: Any) -> str:
    """A file name for a timeline whose file nobody knows."""
    name = str(getattr(found, "name", "") or "")
    usable = 0 < len(name) <= 100 and name not in (".", "..") and not any(c in name for c in "/\\\0:")
    return name if usable else "timeline"


def _with_place(error: AmcError, found: Any, base: Path) -> AmcError:
    """The error, and where relative media was looked for if some was not there."""
    where = _looked_in(found, base)
    if not where:
        return error
    return type(error)(error.thing, error.reason, f"{error.remedy}; {where}" if error.remedy else where)


def _looked_in(found: Any, base: Path) -> str:
    if not hasattr(found, "find_clips"):
        return ""
    for clip in found.find_clips():
        url = getattr(clip.media_reference, "target_url", "") or ""
        with suppress(OSError, ValueError):
            if is_relative(url) and not (base / url).exists():
                return f"relative media was looked for in {base.absolute()} (amc_base=DIR names another folder)"
    return ""
