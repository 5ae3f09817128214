"""Reading a timeline file of any kind that an installed OTIO adapter reads."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import opentimelineio as otio

from amc_otio.errors import TimelineError, one_line
from amc_otio.timeline.bundles import unpack
from amc_otio.timeline.guard import CONTENT, FCPXML_INFO, Limits, check_before_parsing
from amc_otio.timeline.metadata import items_of, lookup
from amc_otio.timeline.own_readers import own_reader
from amc_otio.timeline.rational import exact_rate
from amc_otio.timeline.timecode import rate_name
from amc_otio.timeline.validate import validate

_log = logging.getLogger(__name__)

_PACKAGES: Final = {
    "xml": "otio-fcp-adapter",
    "aaf": "otio-aaf-adapter",
    "edl": "otio-cmx3600-adapter",
    "xges": "otio-xges-adapter",
    "kdenlive": "otio-kdenlive-adapter",
    "ale": "otio-ale-adapter",
}
# What the readers of formats without a frame rate call it.
_RATE_ARGUMENT: Final = {"cmx_3600": "rate", "ale": "fps"}
_RATE_SUFFIX: Final = {".edl": "cmx_3600", ".ale": "ale"}
_SOUND_TRACK_ADDED: Final = "no audio track: the sound of the lowest picture track is used, on a new track A1"
_DEFAULT_RATE: Final = Fraction(24)
# Faster than any film, slower than any sound: what a timeline's rate may be when there is a choice.
_HIGHEST_FRAME_RATE: Final = 1000


@dataclass(frozen=True)
class LoadedTimeline:
    """A timeline and what was found out while reading it.

    Attributes
    ----------
    path
        The file, as given.
    timeline
        The timeline; hold on to it while you use its children.
    rate
        Its edit rate, exact, in frames a second.
    base
        The folder from which relative media is resolved.
    sha256
        Hash of the file's bytes (of an .otiod: of its content.otio), in hexadecimal.
    notes
        What a person should know, a line each.
    sound_track_added
        The file had no audio track, so that one was made from its picture (`ensure_sound_tracks`).
    """

    path: Path
    timeline: otio.schema.Timeline
    rate: Fraction
    base: Path
    sha256: str
    notes: tuple[str, ...]
    sound_track_added: bool


def read_timeline(
    path: Path | str,
    *,
    adapter: str | None = None,
    bundle_dir: Path | None = None,
    name: str | None = None,
    rate: Fraction | None = None,
    limits: Limits | None = None,
    sound_track: bool = True,
) -> LoadedTimeline:
    """Read, choose and check a timeline.

    Parameters
    ----------
    path
        .otio, .otioz, .otiod, what the package has a reader of its own for (`own_readers`), or anything that an
        installed OTIO adapter reads.
    adapter
        Name of the adapter to use instead of the one for the suffix.
    bundle_dir
        Where to unpack an .otioz; a folder in the user's cache when None.
    name
        Which timeline to take from a file that holds several: its name, or "#2" for the second.
    rate
        Frame rate of a file that does not say its own (EDL, ALE); 24 when None.
    limits
        Size and depth limits, for `guard.check_before_parsing`.
    sound_track
        Whether a timeline without audio tracks gets one (`ensure_sound_tracks`).

    Raises
    ------
    TimelineError
        For whatever keeps the file from being read, in one line with what to do next.
    """
    path = Path(path)
    check_before_parsing(path, limits)
    suffix = path.suffix.lower()
    base = path.absolute().parent
    source = path
    try:
        if suffix == ".otiod" and path.is_dir():
            base, source = path.absolute(), path / CONTENT
        elif suffix == ".fcpxmld" and path.is_dir():
            base, source = path.absolute(), path / FCPXML_INFO
        sha256 = _sha256(source)
    except OSError as error:
        raise TimelineError(path, f"cannot be read ({error.strerror or error})", "check its permissions") from error
    if suffix == ".otioz":
        base = unpack(path, sha256, bundle_dir)
        source = base / CONTENT
    if adapter is None and source.suffix.lower() == ".otio":
        adapter = "otio_json"

    notes: list[str] = []
    arguments = _rate_arguments(adapter or _RATE_SUFFIX.get(suffix, ""), rate, notes)
    own = own_reader(source.suffix) if adapter is None else None
    found = _parse(path, source, adapter, arguments) if own is None else _collection(own(source))
    timeline = _choose(path, found, name)
    if own is not None:
        notes.extend(str(note) for note in items_of(lookup(timeline, source.suffix.lower().lstrip("."), "notes")))
    notes.extend(validate_file(path, timeline))
    added = sound_track and ensure_sound_tracks(timeline)
    if added:
        notes.append(_SOUND_TRACK_ADDED)
    rate = edit_rate(timeline)
    _log.info("read %s (sha256 %s), %s frames a second, %d notes", path, sha256, rate, len(notes))
    return LoadedTimeline(path, timeline, rate, base, sha256, tuple(notes), added)


def loaded_timeline(
    edit: Path | LoadedTimeline, name: str | None = None, rate: Fraction | None = None
) -> LoadedTimeline:
    """Read a file, or take a copy of what is read already."""
    if isinstance(edit, LoadedTimeline):
        return replace(edit, timeline=edit.timeline.clone())
    return read_timeline(edit, name=name, rate=rate)


def in_memory(found: otio.core.SerializableObject, path: Path, name: str | None = None) -> LoadedTimeline:
    """Check a timeline that is in memory already, as `read_timeline` does; it is left as it is.

    Parameters
    ----------
    found
        A timeline, or anything that holds one.
    path
        A name for it; relative media is looked for in its folder. It need not exist.
    name
        Which timeline, where `found` holds several: its name, or "#2" for the second.

    Raises
    ------
    TimelineError
    """
    timeline = _choose(path, found, name)
    sha256 = hashlib.sha256(timeline.to_json_string(indent=0).encode("utf-8")).hexdigest()
    copy = timeline.clone()
    notes = list(validate_file(path, copy))
    added = ensure_sound_tracks(copy)
    if added:
        notes.append(_SOUND_TRACK_ADDED)
    return LoadedTimeline(path, copy, edit_rate(copy), path.absolute().parent, sha256, tuple(notes), added)


def validate_file(path: Path, timeline: otio.schema.Timeline) -> tuple[str, ...]:
    """Run `validate` and name the file in its errors."""
    try:
        return validate(timeline)
    except TimelineError as error:
        raise TimelineError(path, f"{error.thing} {error.reason}", error.remedy) from error


def edit_rate(timeline: otio.schema.Timeline) -> Fraction:
    """Return the rate at which a timeline counts its frames, exact (23.976 is 24000/1001).

    The global start's rate, else the first picture item's, else the first sound item's. A rate of sound (48000) is
    taken only where nothing else says a rate; a timeline that says none counts at 24.
    """
    rates: list[float] = []
    if timeline.global_start_time is not None:
        rates.append(timeline.global_start_time.rate)
    for kind in (otio.schema.TrackKind.Video, otio.schema.TrackKind.Audio, None):
        rates.extend(_item_rates(timeline.tracks, kind))
    usable = [rate for rate in rates if rate > 0]
    for rate in usable:
        if rate < _HIGHEST_FRAME_RATE:
            return exact_rate(rate)
    return exact_rate(usable[0]) if usable else _DEFAULT_RATE


def ensure_sound_tracks(timeline: otio.schema.Timeline) -> bool:
    """Give a timeline without any audio track one that mirrors its lowest picture track with clips.

    A cut list of picture clips means their sound too; the new track A1 gives its cuts and crossfades a place.
    Transitions of the picture are left out, clips and gaps are copied as they are.

    Returns
    -------
    bool
        Whether the track was added.
    """
    tracks = timeline.tracks
    if any(t.kind == otio.schema.TrackKind.Audio for t in _all_tracks(tracks)):
        return False
    for index, track in enumerate(tracks):
        if isinstance(track, otio.schema.Track) and any(
            isinstance(c, (otio.schema.Clip, otio.schema.Stack, otio.schema.Track)) for c in track
        ):
            sound = otio.schema.Track(
                name="A1", kind=otio.schema.TrackKind.Audio, source_range=track.source_range, metadata={}
            )
            sound.enabled = track.enabled
            sound.metadata["amc_otio"] = {"mirrors_track": index}
            for child in track:
                if not isinstance(child, otio.schema.Transition):
                    copy = child.deepcopy()
                    # A marker belongs to the picture; copied, it would be there twice.
                    del copy.markers[:]
                    sound.append(copy)
            tracks.append(sound)
            return True
    return False


def _all_tracks(container: Any) -> Iterator[Any]:
    todo = [container]
    while todo:
        current = todo.pop()
        for child in current:
            if isinstance(child, otio.schema.Track):
                yield child
            if isinstance(child, otio.core.Composition):
                todo.append(child)


def _item_rates(container: Any, kind: str | None) -> Iterator[float]:
    for track in container:
        if not isinstance(track, otio.schema.Track) or (kind is not None and track.kind != kind):
            continue
        for item in track:
            source_range = getattr(item, "source_range", None)
            if source_range is not None:
                yield source_range.duration.rate
            elif isinstance(item, otio.schema.Clip) and item.media_reference is not None:
                available = item.media_reference.available_range
                if available is not None:
                    yield available.duration.rate


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _rate_arguments(adapter: str, rate: Fraction | None, notes: list[str]) -> dict[str, Any]:
    argument = _RATE_ARGUMENT.get(adapter)
    if argument is None:
        return {}
    if rate is None:
        notes.append(f"this format does not say its frame rate: {rate_name(_DEFAULT_RATE)} is assumed")
    return {argument: float(rate or _DEFAULT_RATE)}


def _parse(path: Path, source: Path, adapter: str | None, arguments: dict[str, Any]) -> Any:
    try:
        with quiet():
            return otio.adapters.read_from_file(str(source), adapter_name=adapter, **arguments)
    except otio.exceptions.NoKnownAdapterForExtensionError as error:
        raise TimelineError(
            path, f"no installed OTIO adapter reads '{path.suffix}' files", _install(path.suffix)
        ) from error
    except otio.exceptions.ReadingNotSupportedError as error:
        raise TimelineError(path, "OTIO can write this format but not read it", "export an .otio") from error
    except (otio.exceptions.UnsupportedSchemaError, otio.exceptions.MisconfiguredPluginError) as error:
        raise _unsupported(path, source, error) from error
    except Exception as error:
        raise TimelineError(path, _reason(error), _advice(error)) from error


def _collection(timelines: Iterable[otio.schema.Timeline]) -> otio.schema.SerializableCollection:
    found = otio.schema.SerializableCollection()
    found.extend(timelines)
    return found


def _install(suffix: str) -> str:
    package = _PACKAGES.get(suffix.lower().lstrip("."))
    if package is None:
        return "export an .otio, or install the OTIO adapter for this format"
    return f"install it: pip install {package}"


def _unsupported(path: Path, source: Path, error: Exception) -> TimelineError:
    """Name the schema that this OTIO is too old for."""
    known = otio.core.type_version_map()
    newer: set[str] = set()
    with contextlib.suppress(OSError):
        for schema, version in re.findall(rb'"OTIO_SCHEMA"\s*:\s*"(\w+)\.(\d{1,9})"', source.read_bytes()):
            supported = known.get(schema.decode())
            if supported is not None and int(version) > supported:
                newer.add(f"{schema.decode()}.{int(version)}")
    if not newer:
        return TimelineError(path, _reason(error), _advice(error))
    return TimelineError(
        path,
        f"was written by a newer OpenTimelineIO than {otio.__version__} ({', '.join(sorted(newer))})",
        "pip install --upgrade opentimelineio, or export for an older version",
    )


def _reason(error: Exception) -> str:
    text = one_line(" ".join(str(error).split()), 300)
    if isinstance(error, KeyError):
        text = f"something is missing: {text}"
    return f"cannot be read as a timeline ({type(error).__name__}{': ' + text if text else ''})"


def _advice(error: Exception) -> str:
    text = str(error).lower()
    if "frame rate mismatch" in text:
        return "give the frame rate of the EDL"
    if isinstance(error, ImportError):
        return "install what its adapter needs: pip install 'amc-otio[formats]'"
    return "export it again from the editor, or as .otio"


def _choose(path: Path, found: Any, name: str | None) -> otio.schema.Timeline:
    candidates = _timelines_in(found)
    if not candidates:
        raise TimelineError(path, f"holds no timeline but {_kind_of(found)}", "export the timeline, not a part of it")
    names = ", ".join(f"#{i} '{t.name}'" for i, t in enumerate(candidates, 1))
    if name is not None:
        chosen = [t for t in candidates if t.name == name]
        if not chosen and re.fullmatch(r"#\d{1,6}", name) and 1 <= int(name[1:]) <= len(candidates):
            chosen = [candidates[int(name[1:]) - 1]]
        if len(chosen) != 1:
            reason = f"holds no timeline '{name}'" if not chosen else f"holds {len(chosen)} timelines '{name}'"
            raise TimelineError(path, reason, f"choose one of {names}")
        return chosen[0]
    if len(candidates) > 1:
        raise TimelineError(path, f"holds {len(candidates)} timelines: {names}", "choose one by its name or number")
    return candidates[0]


def _timelines_in(found: Any) -> list[otio.schema.Timeline]:
    """Every timeline in what an adapter returned; else its only stack, track or clip, wrapped in one."""
    timelines: list[Any] = []
    others: list[Any] = []
    todo = [found]
    while todo:
        thing = todo.pop(0)
        if isinstance(thing, otio.schema.Timeline):
            timelines.append(thing)
        elif isinstance(thing, otio.schema.SerializableCollection):
            todo[:0] = list(thing)
        elif isinstance(thing, (otio.schema.Stack, otio.schema.Track, otio.schema.Clip)):
            others.append(thing)
    return timelines or [_wrap(other) for other in others]


def _wrap(thing: Any) -> otio.schema.Timeline:
    timeline = otio.schema.Timeline(name=thing.name)
    thing = thing.deepcopy()
    if isinstance(thing, otio.schema.Stack):
        timeline.tracks = thing
        return timeline
    if isinstance(thing, otio.schema.Clip):
        track = otio.schema.Track(kind=otio.schema.TrackKind.Video)
        track.append(thing)
        thing = track
    timeline.tracks.append(thing)
    return timeline


def _kind_of(found: Any) -> str:
    if hasattr(found, "schema_name"):
        return f"a {found.schema_name()}"
    return {"AnyDictionary": "a bare JSON object", "AnyVector": "a bare JSON list"}.get(
        type(found).__name__, f"a {type(found).__name__}"
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what adapters print, warn and log on the way from mixing with this program's own output."""
    root = logging.getLogger()
    # Adapters call logging.warning(), which would set up a handler on stderr for good.
    guard = logging.NullHandler()
    disabled = logging.root.manager.disable
    printed = io.StringIO()
    root.addHandler(guard)
    logging.disable(max(disabled, logging.WARNING))
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(printed):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        root.removeHandler(guard)
        if printed.getvalue():
            _log.debug("the adapter printed: %s", one_line(printed.getvalue(), 500))
