#!/usr/bin/env python3
"""Where real engines play a join that lies at a known place: GES renders the OTIO, melt our MLT XML.

Two tones with a crossfade, at 23.976, 25 and 29.97 frames a second; run it from the repository's root. Prints a
Markdown table of the join and the ends of the crossfade, as written and as measured. An engine that is missing is left
out.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import ges
import melt

RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange
RATES = {"23.976": Fraction(24000, 1001), "25": Fraction(25), "29.97": Fraction(30000, 1001)}
OFFSETS = ((6, 6), (4, 10))
LOW, HIGH, CUT = 600.0, 1800.0, 50


def tones(folder: Path, rate: Fraction, before: int, after: int) -> otio.schema.Timeline:
    """Two tones of 50 frames each, and a crossfade around the cut between them."""
    track = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    for name, frequency in (("low", LOW), ("high", HIGH)):
        url = melt.tone(folder / f"{name}.wav", frequency, 10).as_uri()
        media = otio.schema.ExternalReference(url, TR(RT(0, float(rate)), RT(int(10 * rate), float(rate))))
        track.append(otio.schema.Clip(name, media, TR(RT(40, float(rate)), RT(CUT, float(rate)))))
    track.insert(1, otio.schema.Transition("fade", "SMPTE_Dissolve", RT(before, float(rate)), RT(after, float(rate))))
    made = otio.schema.Timeline("tones", global_start_time=RT(0, float(rate)))
    made.tracks.append(track)
    return made


def main() -> None:
    """Render and print."""
    engines = {}
    if shutil.which("ges-launch-1.0") and "xges" in otio.adapters.available_adapter_names():
        engines["GES"] = lambda made, folder, rate: ges.render(made, folder, exact=True)
    if shutil.which("melt"):
        engines["melt"] = melt.render
    print("| engine | rate | in, out (frames) | join, s | measured, s | error, ms | start, end: error, ms |")
    print("|---|---|---|---|---|---|---|")
    for engine, render in engines.items():
        for name, rate in RATES.items():
            for before, after in OFFSETS:
                with tempfile.TemporaryDirectory() as held:
                    folder = Path(held)
                    rendered = np.asarray(render(tones(folder, rate, before, after), folder, rate))[0]
                meant = (float((CUT - before) / rate), float((CUT + after) / rate))
                length = len(rendered)
                found = melt.measure(rendered, melt.quadrature(LOW, length), melt.quadrature(HIGH, length), meant)
                # The cut divides the fade as its offsets do.
                share = before / (before + after)
                join = found.start + share * (found.end - found.start)
                errors = [1000 * (a - b) for a, b in ((found.start, meant[0]), (found.end, meant[1]))]
                print(
                    f"| {engine} | {name} | {before}, {after} | {float(CUT / rate):.4f} | {join:.4f} "
                    f"| {1000 * (join - float(CUT / rate)):+.2f} | {errors[0]:+.2f}, {errors[1]:+.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
