"""What each format keeps, measured: a small timeline is written and read back.

Nothing here is remembered. What an editor makes of a file on import cannot be told this way, and is not claimed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import opentimelineio as otio

from amc_otio.errors import one_line
from amc_otio.formats.base import Format, Target
from amc_otio.formats.otio_files import OtioBundle
from amc_otio.formats.registry import FORMATS
from amc_otio.formats.whole import tracks_of
from amc_otio.timeline.crossfade import crossfade_metadata
from amc_otio.timeline.gain_ramp import Ramp
from amc_otio.timeline.level_match import put
from amc_otio.timeline.links import find_links
from amc_otio.timeline.metadata import lookup
from amc_otio.timeline.rational import TimeRange, exact_rate, from_seconds, seconds
from amc_otio.timeline.read import quiet
from amc_otio.timeline.slots import duration_of
from amc_otio.timeline.walk import is_disabled, target_url

RATES: Final = {
    "23.976": Fraction(24000, 1001),
    "24": Fraction(24),
    "25": Fraction(25),
    "29.97": Fraction(30000, 1001),
    "30": Fraction(30),
}
"""Frame rates that are tried."""
_MARK: Final = "amc_otio"
_AUDIO: Final = otio.schema.TrackKind.Audio
_SECOND: Final = Fraction(2)
"""Where the cut of the little timeline lies, in seconds; each shot begins an hour into its media's clock."""
_HOUR: Final = 3600
# A read-back that is off by less than this is the same: two samples of 48 kHz would show.
_SAME: Final = Fraction(1, 40_000)


@dataclass(frozen=True)
class Kept:
    """What a format keeps of one small timeline.

    Attributes
    ----------
    suffix, label, writer
        Which format, and who writes it: the adapter's package, "OpenTimelineIO" or "amc-otio".
    problem
        Why nothing was measured, with what to install or the adapter's reason; else empty.
    crossfades
        Of the two audio crossfades of a stereo pair, how many are read back.
    offsets
        "exact" (sub-frame and unequal), "exact, cut in the middle", "whole frames", "equal whole frames" or "no".
    link
        Whether the picture and the sound of a shot are found to belong together.
    markers, metadata
        Whether a marker, and a clip's own metadata, are read back.
    media
        "with timecode", "yes" (the file alone) or "no".
    rates
        The frame rates at which the cut comes back where it was and at that rate.
    sound_tracks
        What becomes of a cut on audio tracks that count samples at 48 kHz: "exact", "to the frame" or "no".
    mute
        Whether a clip that is switched off stays so.
    gain
        Whether a level match is in the file: "yes", "of Resolve" (only where the timeline is one of Resolve's) or "no".
    """

    suffix: str
    label: str
    writer: str
    problem: str = ""
    crossfades: int = 0
    offsets: str = "no"
    link: bool = False
    markers: bool = False
    metadata: bool = False
    media: str = "no"
    rates: tuple[str, ...] = ()
    sound_tracks: str = "no"
    mute: bool = False
    gain: str = "no"


def measure_all(formats: Iterable[Format] = FORMATS) -> tuple[Kept, ...]:
    """Measure every format; one that cannot be written here gets its reason."""
    return tuple(measure(form) for form in formats)


def measure(form: Format) -> Kept:
    """Write small timelines in a format and read them back. Never raises for what an adapter does."""
    who = Kept(form.suffix, form.label, form.package or form.written_by)
    if not form.is_available:
        return _with(who, problem=f"not installed: pip install {form.package}")
    try:
        with tempfile.TemporaryDirectory(prefix="amc-formats-", ignore_cleanup_errors=True) as folder:
            return _measured(form, who, Path(folder))
    except OSError as error:
        return _with(who, problem=f"could not be tried: {error.strerror or error}")


def _measured(form: Format, who: Kept, folder: Path) -> Kept:
    frame = 1 / RATES["24"]
    try:
        read, gain = _through(form, little(RATES["24"], 6 * frame, 6 * frame), RATES["24"], folder, gain=True)
    except Exception as error:  # whatever an adapter raises is what there is to say of it
        return _with(who, problem=one_line(" ".join(str(error).split()) or type(error).__name__, 200))
    fades = _crossfades(read)
    clips = list(read.find_clips())
    return _with(
        who,
        crossfades=len(fades),
        offsets=_offsets(form, folder, frame),
        link=_linked(read),
        markers=any(marker.name == "here" for marker in _markers(read)),
        metadata=any(lookup(clip, _MARK, "note") == "kept" for clip in clips),
        media=_media(clips),
        rates=tuple(name for name, rate in RATES.items() if _keeps_rate(form, folder, rate)),
        sound_tracks=_sound_tracks(form, folder),
        mute=[is_disabled(clip) for clip in clips if clip.name == "off"] == [True],
        gain="yes" if gain else "of Resolve" if _gain_of_resolve(form, folder) else "no",
    )


def _with(kept: Kept, **changes: Any) -> Kept:
    return Kept(**{**vars(kept), **changes})


def little(rate: Fraction, before: Fraction, after: Fraction, sound: Fraction | None = None) -> otio.schema.Timeline:
    """Two shots with picture and a stereo pair, a crossfade on each of the pair, and a switched off clip at the end.

    Parameters
    ----------
    rate
        Of the picture, and of the sound where `sound` is None.
    before, after
        The crossfades' offsets, in seconds.
    sound
        Rate at which the audio tracks count.
    """
    timeline = otio.schema.Timeline("kept", global_start_time=from_seconds(Fraction(0), rate))
    for name, kind in (("V1", otio.schema.TrackKind.Video), ("A1", _AUDIO), ("A2", _AUDIO)):
        own = sound if sound is not None and kind == _AUDIO else rate
        track = otio.schema.Track(name, kind=kind)
        track.append(_shot("one", own, rate, 48))
        if kind == _AUDIO and (before or after):
            fade = otio.schema.Transition(
                "Cross Fade",
                otio.schema.TransitionTypes.SMPTE_Dissolve,
                from_seconds(before, own),
                from_seconds(after, own),
                metadata=crossfade_metadata(round(before * rate)),
            )
            track.append(fade)
        track.append(_shot("two", own, rate, 60))
        if name == "A1":
            last = _shot("off", own, rate, 24)
            last.enabled = False
            last.metadata["fcp_xml"] = {"enabled": "FALSE"}
            track.append(last)
        timeline.tracks.append(track)
    here = TimeRange(from_seconds(Fraction(48) / rate, rate), from_seconds(1 / rate, rate))
    timeline.tracks.markers.append(otio.schema.Marker("here", here))
    return timeline


def _shot(name: str, rate: Fraction, frames: Fraction, length: int) -> otio.schema.Clip:
    hour = Fraction(_HOUR * round(frames)) / frames
    media = TimeRange(from_seconds(hour, rate), from_seconds(400 / frames, rate))
    start = hour + 100 / frames
    clip = otio.schema.Clip(
        name,
        otio.schema.ExternalReference(f"file:///media/{name}.mov", media),
        TimeRange(from_seconds(start, rate), from_seconds(length / frames, rate)),
    )
    clip.metadata[_MARK] = {"note": "kept"}
    return clip


def _through(
    form: Format, timeline: otio.schema.Timeline, rate: Fraction, folder: Path, gain: bool = False
) -> tuple[Any, bool]:
    folder = Path(tempfile.mkdtemp(dir=folder))
    file = folder / f"kept{form.suffix}"
    target = Target(file, rate)
    for clip in timeline.find_clips() if isinstance(form, OtioBundle) else ():  # which takes files along
        media = folder / f"{clip.name}.mov"
        media.write_bytes(b"x")
        clip.media_reference.target_url = media.as_uri()
    if gain:
        ramp = Ramp.around(Fraction(_HOUR) + 100 / rate, Fraction(1, 4), Fraction(1, 4), 3.0, Fraction(1))
        for track in timeline.tracks:
            for clip in track.find_clips() if track.kind == _AUDIO else ():
                if clip.name == "two":
                    put(form.gain_recipe(timeline, rate), clip, ramp)
    with quiet():
        form.write(form.prepare(timeline, target).timeline, file, target)
        read = form.read(file, target)
    wanted = form.count_gains(timeline)
    return read, bool(wanted) and form.count_written_gains(read, file) >= wanted


def _crossfades(read: Any) -> list[tuple[Fraction, Fraction, Fraction]]:
    """Of each audio crossfade: the cut in seconds on its track, and the offsets."""
    found = []
    for track in tracks_of(read.tracks):
        at = Fraction(0)
        for child in track if track.kind == _AUDIO else ():
            if isinstance(child, otio.schema.Transition):
                found.append((at, seconds(child.in_offset), seconds(child.out_offset)))
            else:
                at += duration_of(child) or Fraction(0)
    return found


def _gain_of_resolve(form: Format, folder: Path) -> bool:
    timeline = little(RATES["24"], Fraction(1, 4), Fraction(1, 4))
    timeline.metadata["Resolve_OTIO"] = {"Resolve OTIO Meta Version": "1.0"}
    try:
        return _through(form, timeline, RATES["24"], folder, gain=True)[1]
    except Exception:  # as above
        return False


def _offsets(form: Format, folder: Path, frame: Fraction) -> str:
    tries = (
        ("exact", frame * Fraction(9, 2), frame * Fraction(41, 4)),
        ("whole frames", 4 * frame, 10 * frame),
        ("equal whole frames", 6 * frame, 6 * frame),
    )
    for name, before, after in tries:
        try:
            read, _ = _through(form, little(1 / frame, before, after), 1 / frame, folder)
            found = _crossfades(read)
        except Exception:  # what it cannot write it does not keep
            continue
        wanted = (48 * frame, before, after)
        if len(found) != 2:
            continue
        if all(_same(a, b) for one in found for a, b in zip(one, wanted, strict=True)):
            return name
        if all(_same(at - b, 48 * frame - before) and _same(at + a, 48 * frame + after) for at, b, a in found):
            return f"{name}, cut in the middle"
    return "no"


def _same(one: Fraction, other: Fraction) -> bool:
    return abs(one - other) < _SAME


def _keeps_rate(form: Format, folder: Path, rate: Fraction) -> bool:
    """Whether the picture's cut comes back in its place, counted at the rate."""
    try:
        read, _ = _through(form, little(rate, 6 / rate, 6 / rate), rate, folder)
        picture = next(track for track in tracks_of(read.tracks) if track.kind != _AUDIO)
        first = next(child for child in picture if isinstance(child, otio.schema.Clip))
        length = first.trimmed_range().duration
        return exact_rate(length.rate) == rate and _same(seconds(length), 48 / rate)
    except Exception:  # an adapter's refusal of a rate is the answer
        return False


def _sound_tracks(form: Format, folder: Path) -> str:
    """What becomes of sound that is cut between frames, on tracks that count samples."""
    rate, off = RATES["25"], Fraction(500, 48_000)
    timeline = little(rate, 6 / rate, 6 / rate, sound=Fraction(48_000))
    for track in timeline.tracks:
        if track.kind == _AUDIO:
            clip = track[0]
            length = seconds(clip.source_range.duration) + off
            clip.source_range = TimeRange(clip.source_range.start_time, from_seconds(length, Fraction(48_000)))
    try:
        read, _ = _through(form, timeline, rate, folder)
        tracks = [track for track in tracks_of(read.tracks) if track.kind == _AUDIO]
        lengths = [duration_of(track[0]) for track in tracks]
    except Exception:  # as above
        return "no"
    if len(lengths) != 2 or None in lengths:
        return "no"
    wanted = 48 / rate + off
    if all(_same(length or Fraction(0), wanted) for length in lengths):
        return "exact"
    return "to the frame" if all(abs((n or Fraction(0)) - wanted) <= Fraction(1, 2) / rate for n in lengths) else "no"


def _linked(read: otio.schema.Timeline) -> bool:
    kinds: dict[tuple[int, ...], str] = {}
    for number, track in enumerate(read.tracks):
        for index, child in enumerate(track):
            if isinstance(child, otio.schema.Clip):
                kinds[number, index] = track.kind
    return any(
        kinds.get(path) == otio.schema.TrackKind.Video and any(kinds.get(other) == _AUDIO for other in others)
        for path, others in find_links(read).items()
    )


def _markers(read: otio.schema.Timeline) -> list[otio.schema.Marker]:
    holders: list[Any] = [read.tracks, *tracks_of(read.tracks), *read.find_clips()]
    return [marker for holder in holders for marker in holder.markers]


def _media(clips: list[otio.schema.Clip]) -> str:
    ours = [clip for clip in clips if (target_url(clip) or "").endswith(("/one.mov", "/two.mov"))]
    if not ours:
        return "no"
    starts = [clip.media_reference.available_range for clip in ours]
    hour = all(span is not None and _same(seconds(span.start_time), Fraction(_HOUR)) for span in starts)
    return "with timecode" if hour else "yes"
