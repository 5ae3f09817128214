"""Edits to bounce, and a bounce compared with what the timeline's own clips say it must be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import soundfile

from amc_otio.config import Settings
from amc_otio.joining.fades import gains
from amc_otio.joining.render import to_channels
from amc_otio.media.bwf import to_24_bit
from amc_otio.media.decode import decode
from amc_otio.proposals import Proposals
from amc_otio.timeline.rational import exact_rate, seconds
from amc_otio.workflow import Sources, propose

RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange
NEAR = Fraction(1, 10**9)
"""Seconds that are nothing: what is no whole number of frames is a float of them."""
START_S = 3600
"""Seconds of timecode before the first frame of the edits that are made here."""


def noise(seconds: float, rate: int, channels: int, seed: int, level: float = 0.2) -> np.ndarray:
    """Coloured noise with beats, other in each channel: shape (channels, n), float32."""
    random = np.random.default_rng(seed)
    n = round(seconds * rate)
    white = random.standard_normal((channels, n))
    smooth = np.apply_along_axis(lambda x: np.convolve(x, np.hanning(9 + 4 * (seed % 5)), "same"), 1, white)
    smooth *= 1 + 0.5 * np.sin(2 * np.pi * (2 + seed) * np.arange(n) / rate)
    return (level * smooth / np.abs(smooth).max()).astype(np.float32)


@dataclass(frozen=True)
class Shots:
    """An edit, as files."""

    edit: Path
    media: tuple[Path, ...]
    sounds: Path


def make_edit(
    folder: Path,
    fps: float = 24.0,
    rates: tuple[int, int, int] = (48_000, 48_000, 48_000),
    channels: int = 2,
    subtype: str = "PCM_24",
    form: str = "relative",
    tracks: int = 1,
    level: float = 0.2,
    names: str = "abc",
) -> Shots:
    """Write an edit: 2 s of each of some 6 s files, with handles, and files to match with.

    Parameters
    ----------
    names
        One a file; `rates` are theirs in turn.
    form
        How the timeline refers to its files: relative, absolute or url.
    tracks
        Sound tracks that play the same cut; more than one plays a channel each.
    """
    frames = round(2 * fps)
    made = otio.schema.Timeline("edit", global_start_time=RT(round(START_S * round(fps)), fps))
    media = []
    for number, (name, rate) in enumerate(zip(names, cycle(rates), strict=False)):
        path = folder / "media" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise(6, rate, channels, number, level).T, rate, subtype=subtype)
        media.append(path)
    for number in range(3):
        path = folder / "sounds" / f"s{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise(5, rates[0], channels, number, level).T, rates[0], subtype=subtype)
    for track_number in range(tracks):
        track = otio.schema.Track(f"sound {track_number + 1}", kind=otio.schema.TrackKind.Audio)
        for path in media:
            url = {"relative": f"media/{path.name}", "absolute": str(path), "url": path.as_uri()}[form]
            available = TR(RT(0, fps), RT(int(6 * fps), fps))
            clip = otio.schema.Clip(
                path.stem, otio.schema.ExternalReference(url, available), TR(RT(round(1.5 * fps), fps), RT(frames, fps))
            )
            if tracks > 1:
                channel = {"Source Channel ID": track_number, "Source Track ID": 0}
                clip.metadata["Resolve_OTIO"] = {"Channels": [channel]}
            track.append(clip)
        made.tracks.append(track)
    edit = folder / "edit.otio"
    made.to_json_file(str(edit))
    return Shots(edit, tuple(media), folder / "sounds")


def _library(shots: Shots) -> Path:
    """One library for all cases of a run: files of one content are embedded once."""
    folder = next((p for p in shots.edit.parents if p.name.startswith("pytest-")), shots.edit.parent)
    return folder / "bounce-library"


def proposals_for(shots: Shots, settings: dict[str, Any] | None = None, **selection: Any) -> Proposals:
    """Propose with a quick representation."""
    from amc_otio.timeline.select import Selection

    chosen = Settings().replace(
        {"match.representation": "mfcc", "match.max_level_step_lu": 0.0, "match.k": 3, **(settings or {})}
    )
    sources = Sources(gallery=(shots.sounds,), library=_library(shots), workers=1)
    return propose(shots.edit, sources, Selection(**selection) if selection else None, chosen)


def with_joins(proposals: Proposals, **changes: Any) -> Proposals:
    """The same proposals, their joins changed."""
    return replace(
        proposals,
        proposals=tuple(
            replace(p, candidates=tuple(replace(c, join=replace(c.join, **changes)) for c in p.candidates))
            for p in proposals.proposals
        ),
    )


def read_24(path: Path | str) -> np.ndarray:
    """The samples of a 24-bit file: shape (channels, n), int32."""
    samples, _ = soundfile.read(path, dtype="int32", always_2d=True)
    return samples.T >> 8


def bounce_clips(timeline: otio.schema.Timeline) -> list[tuple[otio.schema.Clip, Fraction]]:
    """Every bounce of a timeline and its record time in seconds."""
    found = []
    for track in timeline.tracks:
        at = Fraction(0)
        for child in track:
            if isinstance(child, otio.schema.Transition):
                continue
            if "bounce" in dict(child.metadata.get("amc_otio", {})):
                found.append((child, at))
            at += seconds(child.duration())
    return found


def muted_pair(track: otio.schema.Track, start: Fraction, end: Fraction) -> list[tuple[otio.schema.Clip, Fraction]]:
    """The muted clips of a track that cover a stretch of it exactly, and where each begins."""
    found, at = [], Fraction(0)
    for child in track:
        if isinstance(child, otio.schema.Transition):
            continue
        length = seconds(child.duration())
        inside = start - Fraction(1, 10**6) <= at and at + length <= end + Fraction(1, 10**6)
        if inside and length:
            assert not child.enabled
            found.append((child, at))
        at += length
    assert abs(seconds_between(found) - (end - start)) < NEAR
    return found


def seconds_between(pieces: list[tuple[otio.schema.Clip, Fraction]]) -> Fraction:
    """The length of a run of clips."""
    return sum((seconds(clip.duration()) for clip, _ in pieces), Fraction(0))


def check_exact(output: Path, track: int = 0, slip: int = 0) -> int:
    """Hold every bounce of a timeline to what its muted clips play; return how many there are.

    All of it is told from the timeline: where the muted clips lie, and what of which file they play there.
    """
    timeline = otio.adapters.read_from_file(str(output))
    sounds = [i for i, t in enumerate(timeline.tracks) if t.kind == otio.schema.TrackKind.Audio]
    label = f"A{sounds.index(track) + 1}"
    checked = 0
    off = sum(seconds(c.duration()) for c in timeline.tracks[track] if not c.overlapping() and not c.enabled)
    plays = [
        seconds(c.duration()) for c, _ in bounce_clips(timeline) if c.metadata["amc_otio"]["bounce"]["track"] == label
    ]
    assert abs(off - sum(plays)) < NEAR
    for clip, at in bounce_clips(timeline):
        facts = clip.metadata["amc_otio"]["bounce"]
        if facts["track"] != label:
            continue
        url = clip.media_reference.target_url.removeprefix("file://")
        sound = read_24(output.parent / url)
        rate = facts["rate"]
        assert sound.shape == (facts["channels"], facts["samples"])
        pieces = muted_pair(timeline.tracks[track], at, at + seconds(clip.duration()))
        point, fade_first = facts["point_sample"], facts["fade_first_sample"]
        first = point if fade_first is None else fade_first
        stop = point if fade_first is None else facts["fade_last_sample"] + 1
        glided = stop + facts["glide_samples"]
        outgoing = _source(pieces[0], facts, output.parent, sound.shape, timeline, 0)
        incoming = _source(pieces[-1], facts, output.parent, sound.shape, timeline, Fraction(slip, 48_000))
        one, other = to_24_bit(outgoing)[0], to_24_bit(incoming)[0]
        np.testing.assert_allclose(sound[:, :first], one[:, :first], rtol=0, atol=_last_bit(facts, "outgoing"))
        np.testing.assert_allclose(sound[:, glided:], other[:, glided:], rtol=0, atol=_last_bit(facts, "incoming"))
        if stop > first and not facts["gain_db"] and not facts["lowered_db"]:
            fade_out, fade_in = gains(stop - first, facts["fade_law"])
            mixed = outgoing[:, first:stop] * fade_out + incoming[:, first:stop] * fade_in
            assert np.abs(mixed * 2**23 - sound[:, first:stop]).max() <= 1.01
        # The file's clock: its first sample, the timeline's clip and the BWF agree to half a sample.
        available = clip.media_reference.available_range
        assert abs(seconds(available.start_time) * rate - facts["time_reference"]) <= Fraction(1, 2)
        assert abs(seconds(clip.source_range.start_time) - seconds(timeline.global_start_time) - at) < NEAR
        assert abs(seconds(available.duration) * rate - facts["samples"]) <= 1
        assert available.start_time <= clip.source_range.start_time
        assert clip.source_range.end_time_exclusive() <= available.end_time_exclusive()
        checked += 1
    return checked


def _source(
    piece: tuple[otio.schema.Clip, Fraction],
    facts: Any,
    base: Path,
    shape: tuple[int, int],
    timeline: otio.schema.Timeline,
    later: Fraction,
) -> np.ndarray:
    """What a clip's file plays over the whole of a bounce's file, if it went on for ever."""
    clip, at = piece
    media = Path(clip.media_reference.target_url.removeprefix("file://"))
    channels = None
    mapped = dict(clip.metadata.get("Resolve_OTIO", {})).get("Channels")
    if mapped is not None:
        channels = tuple((int(c["Source Track ID"]), int(c["Source Channel ID"])) for c in mapped)
    in_file = seconds(clip.source_range.start_time) - seconds(clip.media_reference.available_range.start_time)
    absolute = seconds(timeline.global_start_time) + at
    offset = round((in_file + later - absolute) * facts["rate"])
    start = facts["time_reference"] + offset
    return to_channels(decode(base / media, start, shape[1], sample_rate=facts["rate"], channels=channels), shape[0])


def _last_bit(facts: Any, side: str) -> int:
    """0 where a file has the bounce's rate; 1 where it is resampled, which depends on where reading begins."""
    return int(soundfile.info(facts[side]).samplerate != facts["rate"])


def frame_rate(timeline: otio.schema.Timeline) -> Fraction:
    """Frames a second."""
    return exact_rate(timeline.global_start_time.rate)
