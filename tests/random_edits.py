"""Random timelines over a few tiny files, and what an editor relies on when an edit of one comes back.

Everything follows from a seed. The files hold noise bursts and tones, so that joins have something to find.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import soundfile
from make_media import write_av, write_sound
from test_probe import with_time_reference

from amc_otio.config import Settings

RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange
RATES = (Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(60))
LAYOUTS = ("picture", "picture+pair", "mono", "pair", "dual mono", "samples", "picture+samples", "two scenes")


@dataclass(frozen=True)
class Media:
    """A file of the test: its length and where its clock starts, in seconds; `rate` is of its picture, or None."""

    path: Path
    length: Fraction
    start: Fraction
    channels: int
    rate: Fraction | None = None


def bursts(seconds: float, rate: int, channels: int, seed: int) -> np.ndarray:
    """Noise bursts of different colour and tones over a quiet floor: shape (channels, n), float32."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate)
    out = 0.01 * rng.standard_normal((channels, n))
    at = 0
    while at < n:
        length = int(rng.uniform(0.08, 0.4) * rate)
        t = np.arange(min(length, n - at)) / rate
        burst = np.convolve(rng.standard_normal(len(t)), np.ones(int(rng.integers(1, 12))), "same")
        if rng.random() < 0.4:
            burst = np.sin(2 * np.pi * rng.uniform(150, 4000) * t)
        out[:, at : at + len(t)] += 0.12 * burst / (np.abs(burst).max() + 1e-9) * np.exp(-4 * t)
        at += int(length * rng.uniform(0.6, 1.5))
    return np.clip(out, -1, 1).astype(np.float32)


def make_media(folder: Path) -> dict[str, Media]:
    """The files, by name. ``copy`` is ``long`` again: quieter, 0.37 s later and through Vorbis."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Media] = {}

    def wave(name: str, seconds: float, rate: int, channels: int, seed: int) -> None:
        path = write_sound(folder / f"{name}.wav", bursts(seconds, rate, channels, seed), rate, "WAV", "PCM_16")
        found[name] = Media(path, Fraction(soundfile.info(path).frames, rate), Fraction(0), channels)

    wave("long", 8.0, 48_000, 1, 1)
    wave("stereo", 5.3, 44_100, 2, 2)
    wave("other", 4.0, 48_000, 2, 3)
    wave("short", 1.2, 44_100, 1, 4)
    wave("timecode", 6.0, 48_000, 1, 5)
    # Both ways of saying 01:00:00:00: in the file, and in the timeline's available range.
    with_time_reference(found["timecode"].path, 3600 * 48_000)
    found["timecode"] = Media(found["timecode"].path, Fraction(6), Fraction(3600), 1)
    write_sound(folder / "silence.wav", np.zeros((1, 3 * 48_000), np.float32), 48_000, "WAV", "PCM_16")
    film = write_av(folder / "film.mov", bursts(7.0, 48_000, 2, 6), 48_000, "pcm_s16le", "stereo", picture="mpeg4")
    found["film"] = Media(film, Fraction(7), Fraction(0), 2, Fraction(25))
    copy = np.pad(0.5 * bursts(8.0, 48_000, 1, 1), ((0, 0), (int(0.37 * 48_000), 0)))
    write_sound(folder / "copy.ogg", copy, 48_000, "OGG", "VORBIS")
    return found


class Builder:
    """Builds one timeline from a seed; every cut lies on the timeline's frames."""

    def __init__(self, seed: int, media: dict[str, Media]) -> None:
        self.random = random.Random(seed)
        self.media = media
        self.rate = self.random.choice(RATES)
        self.layout = self.random.choice(LAYOUTS)
        self.link = 1

    def timeline(self) -> otio.schema.Timeline:
        start = RT(float(86400), float(self.rate)) if self.random.random() < 0.5 else None
        made = otio.schema.Timeline("edit", global_start_time=start)
        kinds = {
            "picture": "VA",
            "picture+pair": "VAA",
            "mono": "A",
            "pair": "AA",
            "dual mono": "AA",
            "samples": "S",
            "picture+samples": "VS",
            "two scenes": "AB",
        }[self.layout]
        tracks = [otio.schema.Track(k, kind="Video" if k == "V" else "Audio") for k in kinds]
        for slot in self.slots():
            for position, (track, kind) in enumerate(zip(tracks, kinds, strict=True)):
                if kind != "B":
                    track.append(self.child(slot, kind, position))
        if self.layout == "two scenes":
            for slot in self.slots():
                tracks[1].append(self.child(slot, "A", 0))
        for track in tracks:
            self.add_transitions(track)
        music = otio.schema.Track("music", kind="Audio", metadata={"Resolve_OTIO": {"Locked": self.chance(0.3)}})
        music.append(self.plain(self.media["long"], Fraction(0), self.frames(self.media["long"].length), self.rate))
        made.tracks.extend([*tracks, music])
        return made

    def chance(self, p: float) -> bool:
        return self.random.random() < p

    def frames(self, seconds: Fraction) -> Fraction:
        """Seconds rounded down to the timeline's frames."""
        return Fraction(int(seconds * self.rate)) / self.rate

    def slots(self) -> list[dict[str, Any]]:
        found = []
        for _ in range(self.random.randint(2, 5)):
            kind = self.random.choices(["clip", "gap", "disabled", "nest"], [10, 2, 1, 2])[0]
            names = [n for n in self.media if not self.layout.startswith("picture") or self.media[n].rate]
            name = self.random.choice(names)
            length = self.frames(Fraction(self.random.choice([0.2, 0.5, 0.9, 1.5, 2.2, 3.0])))
            length = min(length, self.frames(self.media[name].length))
            room = self.media[name].length - length
            into = self.frames(room * Fraction(self.random.choice([0, 0, 0.3, 0.6, 1])))
            found.append({"kind": kind, "media": self.media[name], "into": into, "length": length, "link": self.link})
            self.link += 1
        return found

    def child(self, slot: dict[str, Any], kind: str, position: int) -> otio.core.Item:
        media: Media = slot["media"]
        rate = Fraction(48_000) if kind == "S" else self.rate
        if kind != "S" and media.rate and slot["link"] % 2:
            rate = media.rate  # in the media's own rate, as Resolve writes it
        if slot["kind"] == "gap":
            return otio.schema.Gap(source_range=self.range(Fraction(0), slot["length"], rate))
        clip = self.plain(media, slot["into"], slot["length"], rate)
        clip.metadata["Resolve_OTIO"] = {"Link Group ID": slot["link"]}
        if self.layout == "dual mono":
            channel = position % media.channels
            clip.metadata["Resolve_OTIO"]["Channels"] = [{"Source Channel ID": channel, "Source Track ID": 0}]
        clip.enabled = slot["kind"] != "disabled"
        if slot["kind"] == "nest":
            whole = self.plain(media, Fraction(0), media.length, rate)
            inner = otio.schema.Track("inner", kind="Video" if kind == "V" else "Audio")
            inner.append(whole)
            nest = otio.schema.Stack("nest", source_range=self.range(slot["into"], slot["length"], rate))
            nest.append(inner)
            nest.metadata["Resolve_OTIO"] = {"Link Group ID": slot["link"]}
            return nest
        return clip

    def range(self, start: Fraction, length: Fraction, rate: Fraction) -> otio.opentime.TimeRange:
        return TR(RT(float(start * rate), float(rate)), RT(float(length * rate), float(rate)))

    def plain(self, media: Media, into: Fraction, length: Fraction, rate: Fraction) -> otio.schema.Clip:
        return otio.schema.Clip(
            name=media.path.stem,
            media_reference=otio.schema.ExternalReference(str(media.path), self.range(media.start, media.length, rate)),
            source_range=self.range(media.start + into, length, rate),
        )

    def add_transitions(self, track: otio.schema.Track) -> None:
        """Dissolves at some of the cuts, within a third of each clip and within the media."""
        children = list(track)
        chosen = random.Random(self.link)  # the same cuts on every track
        busy = {i: Fraction(0) for i in range(len(children))}
        for index in range(len(children) - 2, -1, -1):
            one, other = children[index], children[index + 1]
            if chosen.random() >= 0.3:
                continue
            before = min(head(other), length_of(one) / 3, length_of(other) / 3, Fraction(1, 4))
            after = min(tail(one), length_of(one) / 3, length_of(other) / 3, Fraction(1, 4))
            before, after = self.frames(before), self.frames(after)
            if before + after > 0 and busy[index + 1] == 0:
                track.insert(
                    index + 1,
                    otio.schema.Transition(
                        "x",
                        "SMPTE_Dissolve",
                        RT(float(before * self.rate), float(self.rate)),
                        RT(float(after * self.rate), float(self.rate)),
                    ),
                )


def seconds_of(time: otio.opentime.RationalTime) -> Fraction:
    from amc_otio.timeline.rational import seconds

    return seconds(time)


def length_of(item: otio.core.Item) -> Fraction:
    return seconds_of(item.duration())


def holds(item: otio.core.Item) -> tuple[Fraction, Fraction] | None:
    """The range of an item's media on the clock that its source range is on; None for a gap."""
    if isinstance(item, otio.schema.Clip):
        available = item.available_range()
        return seconds_of(available.start_time), seconds_of(available.start_time) + seconds_of(available.duration)
    if isinstance(item, otio.schema.Stack):
        # A nest's own time starts at 0 and lasts as long as what it holds.
        return Fraction(0), max(seconds_of(track.duration()) for track in item)
    return None


def head(item: otio.core.Item) -> Fraction:
    """Media before the item's in point."""
    found = holds(item)
    return Fraction(10) if found is None else seconds_of(item.trimmed_range().start_time) - found[0]


def tail(item: otio.core.Item) -> Fraction:
    """Media after the item's out point."""
    found = holds(item)
    end = seconds_of(item.trimmed_range().start_time) + length_of(item)
    return Fraction(10) if found is None else found[1] - end


def settings_of(seed: int) -> Settings:
    """Settings at random."""
    r = random.Random(seed)
    return Settings().replace(
        {
            "match.representation": r.choice(["mfcc", "random"]),
            "match.k": r.choice([1, 3, 6]),
            "match.query": r.choice(["before", "before", "around", "after"]),
            "match.neighbourhood_s": r.choice([0.0, 0.5, 2.0, 5.0]),
            "match.same_source": r.random() < 0.8,
            "match.per_source": r.choice([0, 1, 2]),
            "match.min_remaining_s": r.choice([0.0, 0.25, 0.7]),
            "match.max_level_step_lu": r.choice([0.0, 12.0, 30.0]),
            "join.method": r.choice(["fitted", "fitted", "max-ss-adaptive", "max-ss", "crossfade", "concatenate"]),
            "join.fade_s": r.choice([0.25, 0.5, 1.0]),
            "join.max_fade_s": r.choice([0.1, 1.0]),
            "edit.mode": r.choice(["replace", "align", "insert"]),
            "edit.ripple": r.random() < 0.4,
            "edit.audio_only": r.random() < 0.2,
            "edit.length_s": r.choice([0.1, 0.5, 2.0]),
            "edit.short": r.choice(["refuse", "keep"]),
            "edit.offsets": r.choice(["auto", "exact", "frames"]),
            "join.search_s": r.choice([0.0, 0.0, 0.7, 5.0]),
            "join.max_gain_db": r.choice([0.0, 6.0]),
        }
    )
