"""What an editor hears in two windows, in words: the outgoing sound's value first, then the match's."""

from __future__ import annotations

import math

from amc_otio.descriptors.agreement import Agreements
from amc_otio.descriptors.describe import Descriptors

_AS_BRIGHT_OCTAVES = 1 / 6  # two semitones of centroid: hardly heard
_NOISIER_OCTAVES = math.log2(10.0)  # flatness apart by 10 dB
_SAME_SEMITONES = 0.5


def reasons(outgoing: Descriptors, match: Descriptors, agreed: Agreements) -> tuple[str, str, str]:
    """Say how two windows compare in timbre, pitch and rhythm.

    Parameters
    ----------
    outgoing, match
        Of one window each.
    agreed
        Their agreements.
    """
    return (
        f"timbre {float(agreed.timbre[0]):.2f}: {_timbre(outgoing, match)}",
        f"pitch {float(agreed.pitch[0]):.2f}: {_pitch(float(outgoing.f0[0]), float(match.f0[0]))}",
        f"rhythm {float(agreed.rhythm[0]):.2f}: {_rhythm(outgoing, match)}",
    )


def _timbre(a: Descriptors, b: Descriptors) -> str:
    from_hz, to_hz = float(a.centroid[0]), float(b.centroid[0])
    if min(from_hz, to_hz) <= 0.0:
        return "one of them is silent"
    step = math.log2(to_hz / from_hz)
    against = f"centroid {_hz(from_hz)} against {_hz(to_hz)}"
    if abs(step) < _AS_BRIGHT_OCTAVES:
        said = f"as bright, {against}"
    else:
        said = f"{'brighter' if step > 0 else 'darker'}, {against}"
    noise = math.log2(max(float(b.flatness[0]), 1e-8) / max(float(a.flatness[0]), 1e-8))
    if abs(noise) >= _NOISIER_OCTAVES:
        said += f", {'noisier' if noise > 0 else 'more tonal'}"
    return said


def _pitch(from_hz: float, to_hz: float) -> str:
    if math.isnan(from_hz) and math.isnan(to_hz):
        return "none in either"
    if math.isnan(from_hz) or math.isnan(to_hz):
        return " against ".join("none" if math.isnan(hz) else _hz(hz) for hz in (from_hz, to_hz))
    step = 12.0 * math.log2(to_hz / from_hz)
    against = f"{_hz(from_hz)} against {_hz(to_hz)}"
    if abs(step) < _SAME_SEMITONES:
        return f"{against}, the same"
    count = round(abs(step))
    return f"{against}, {_counted(count, 'semitone')} {'up' if step > 0 else 'down'}"


def _rhythm(a: Descriptors, b: Descriptors) -> str:
    counts = [int(d.onsets[0].sum()) for d in (a, b)]
    if not any(counts):
        said = ["no onset in either"]
    else:
        said = [f"{_counted(counts[0], 'onset')} against {counts[1] or 'none'}"]
    beats = [float(d.pulse[0]) for d in (a, b)]
    if not all(math.isnan(beat) for beat in beats):
        said.append("pulse " + " against ".join("none" if math.isnan(s) else f"{1 / s:.1f} Hz" for s in beats))
    for what, times in (("rises in", (a.attack, b.attack)), ("dies away in", (a.decay, b.decay))):
        held = [float(t[0]) for t in times]
        if not any(math.isnan(t) for t in held):
            said.append(f"{what} {_ms(held[0])} against {_ms(held[1])}")
    if math.isnan(float(a.decay[0])) != math.isnan(float(b.decay[0])):
        said.append(
            "goes on, the outgoing dies away" if math.isnan(float(b.decay[0])) else "dies away, the outgoing goes on"
        )
    return ", ".join(said)


def _counted(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def _hz(hz: float) -> str:
    return f"{hz / 1000.0:.1f} kHz" if hz >= 999.5 else f"{hz:.0f} Hz"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000.0:.0f} ms"
