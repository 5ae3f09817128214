#!/usr/bin/env python3
"""Draw the pictures of docs/joining.md: benchmarks/join_pictures.py SET [--scores FILE] [--out docs/pictures].

SET is a labelled set. From it come, as benchmarks/transition.py joins them with the same seed, one pair of impacts, one
of noises and one of tones: the first pair, in the order that is drawn, of the kind that is named, of the form that is
named on both sides, and from two packages. The kinds are chosen by eye, the pairs within them are not.

FILE is what benchmarks/transition.py --json wrote. Pictures of these names that are there already are replaced; the
same input gives the same bytes with the same versions of matplotlib and Pillow. Needs matplotlib, which comes with
pip install 'amc-otio[plot]'.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from figures import BLUE, GREEN, GREY, RED, new_figure, plain, tidy, to_png
from numpy.typing import NDArray
from score_picture import draw_scores, read_scores

from amc_otio.config import ANALYSIS_RATE, HOP, PRINTED, JoinSettings
from amc_otio.errors import AmcError, UsageError
from amc_otio.evaluation.labelled_set import read_labelled_set
from amc_otio.evaluation.output import write_files
from amc_otio.evaluation.plot import check_plot
from amc_otio.evaluation.records import LabelledSet
from amc_otio.evaluation.seam import STEP, profile
from amc_otio.evaluation.seam_pairs import LabelledPlan, labelled_plans
from amc_otio.evaluation.seam_scenes import Scene, levelled
from amc_otio.evaluation.transitions import PAPER, Joined, Method, join_scene
from amc_otio.joining.analysis import HOPS, MARGIN, WINDOW, analyse
from amc_otio.joining.fades import gains
from amc_otio.joining.spectra import adaptive_fade_s, best_pair, cosine_matrix, similarity_matrix

PAIRS = {
    "impact": ("metal/sword-clash", "one-shot"),
    "noise": ("water/flow", "continuous"),
    "tonal": ("siren/firetruck", "continuous"),
}
"""By the name of its picture: the kind and the form of a pair."""
JOINS = {
    "plain cut": PAPER[0],
    "paper": PAPER[-1],
    "fitted": Method("fitted", JoinSettings(method="fitted")),
}
"""The joins that are drawn, by what they are called."""
CENTRED = (JoinSettings.phi, JoinSettings.convention)
"""Phi and convention of equation (2) that are the defaults, beside the printed ones."""
FORMS = ("one-shot", "continuous")
SHOWN_S = 0.8
"""Seconds around a join that are drawn: a second of fade and what leads into it."""
DEPTH_DB = 60.0
"""What lies deeper below the loudest is not drawn; nor do the seam measures count it."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """A pair that is drawn: its scene, both sounds at one level, and the mel spectra of its two windows."""

    scene: Scene
    outgoing_mel: NDArray[np.float32]
    incoming_mel: NDArray[np.float32]

    def fade_s(self, phi: float, convention: str) -> float:
        """Equation (2), before anything bounds it."""
        return adaptive_fade_s(self.outgoing_mel, self.incoming_mel, phi, convention)


def main() -> int:
    """Choose, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path, nargs="?", help="a labelled set")
    parser.add_argument("--scores", type=Path, metavar="FILE", help="what benchmarks/transition.py --json wrote")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"), metavar="FOLDER")
    parser.add_argument("--pairs", type=int, default=300, metavar="N", help="pairs whose fade lengths are drawn")
    parser.add_argument(
        "--pair", action="append", default=[], metavar="NAME=KIND,FORM", help="another kind: impact=wood/chop,one-shot"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.set is None and arguments.scores is None:
        parser.error("give a labelled set, --scores FILE, or both")
    try:
        check_plot()
        files: dict[str, bytes] = {}
        if arguments.set is not None:
            wanted = PAIRS | dict(parse_pair(text) for text in arguments.pair)
            files |= pictures(read_labelled_set(arguments.set), wanted, arguments.pairs, arguments.seed)
        if arguments.scores is not None:
            files["scores.png"] = draw_scores(read_scores(arguments.scores))
        arguments.out.mkdir(parents=True, exist_ok=True)
        write_files({arguments.out / name: data for name, data in files.items()}, force=True)
    except AmcError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"error: {arguments.out}: cannot be made: {error.strerror}", file=sys.stderr)
        return 1
    for name, data in files.items():
        print(f"{arguments.out / name}: {len(data) / 1000:.0f} kB")
    return 0


def pictures(labelled: LabelledSet, wanted: dict[str, tuple[str, str]], limit: int, seed: int) -> dict[str, bytes]:
    """Draw all that comes of a labelled set; by file name."""
    plans = labelled_plans(labelled, seed=seed)
    packages = {clip.name: clip.package for clip in labelled.clips}
    pairs = {}
    for name, (kind, form) in wanted.items():
        pairs[name] = choose(plans, packages, kind, form)
        print(f"{name}: {pairs[name].scene.name} ({kind}, {form})")
    files = {"similarity.png": draw_similarity(pairs)}
    files |= {f"join-{name}.png": draw_joins(name, pair.scene) for name, pair in pairs.items()}
    scenes = (plan.scene() for plan in plans[:limit])
    return files | {"fade-length.png": draw_lengths([pair_of(scene) for scene in scenes if scene is not None])}


def parse_pair(text: str) -> tuple[str, tuple[str, str]]:
    """Read ``NAME=KIND,FORM``."""
    name, _, rest = text.partition("=")
    kind, _, form = rest.rpartition(",")
    if name not in PAIRS or not kind or form not in FORMS:
        expected = f"write NAME=KIND,FORM: a name of {', '.join(PAIRS)}; a form of {', '.join(FORMS)}"
        raise UsageError(text, "names no pair", expected)
    return name, (kind, form)


def choose(plans: Sequence[LabelledPlan], packages: dict[str, str], kind: str, form: str) -> Pair:
    """Take the first pair of a kind and a form whose sides come from two packages, where the set has packages."""
    for plan in plans:
        here, there = packages[plan.query.name], packages[plan.match.name]
        if plan.kind != kind or (here == there and here):
            continue
        scene = plan.scene()
        if scene is None or scene.form != form:
            continue
        if all(join_scene(levelled(scene), method) is not None for method in JOINS.values()):
            return pair_of(scene)
    raise UsageError(f"{kind}, {form}", "no pair of two packages is of this kind and form", "choose with --pair")


def pair_of(scene: Scene) -> Pair:
    """Make a scene ready: both windows at one level, and their mel spectra."""
    even = levelled(scene)
    mels = []
    for sound, at in ((even.outgoing, even.outgoing_at), (even.incoming, even.incoming_at)):
        mels.append(analyse(sound[at - MARGIN : at + WINDOW + MARGIN], HOPS).window_mel)
    return Pair(even, mels[0], mels[1])


# --- similarity matrices ----------------------------------------------------------------------------------------


def draw_similarity(pairs: dict[str, Pair]) -> bytes:
    """Draw a row for each pair: inner products with the points, and the cosines that equation (2) takes."""
    figure = new_figure(2.9 * len(pairs) + 1.1, "compressed")
    axes = figure.subplots(len(pairs), 3, squeeze=False)
    for line, (name, pair) in zip(axes, pairs.items(), strict=True):
        products = similarity_matrix(pair.outgoing_mel, pair.incoming_mel)
        shown = show_matrix(line[0], decibels_below(products, 40.0), "magma", (-40.0, 0.0))
        highest = best_pair(products)
        assert highest is not None
        fitted = joined_by(pair.scene, "fitted").join
        mark(line[0], (highest[0] * HOP, highest[1] * HOP), "o", 11, "Max-SS point")
        mark(line[0], (fitted.out_point, fitted.in_point + fitted.slip), "x", 7, "point of fitted")
        line[0].set_title(f"{name}: {plain(pair.scene.kind)}\ninner product", loc="left")
        line[0].set_ylabel("outgoing window, s")
        for axis, (phi, convention) in zip(line[1:], (PRINTED, CENTRED), strict=True):
            cosine = cosine_matrix(pair.outgoing_mel, pair.incoming_mel, convention)
            cosines = show_matrix(axis, cosine, "RdBu_r", (-1.0, 1.0))
            axis.set_title(
                f"cosine, {convention}: variance {np.var(cosine):.2g}\n"
                f"equation (2), φ {phi:g}: {seconds(pair.fade_s(phi, convention))}",
                loc="left",
            )
            axis.tick_params(labelleft=False)
    for axis in axes[-1]:
        axis.set_xlabel("incoming window, s")
    for image, part, ends, label in (
        (shown, axes[:, 0], [-40, -20, 0], "dB from the highest"),
        (cosines, axes[:, 1:], [-1, -0.5, 0, 0.5, 1], "cosine"),
    ):
        figure.colorbar(image, ax=part, location="bottom", aspect=20, fraction=0.04, pad=0.03, ticks=ends, label=label)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2, frameon=False)
    return to_png(figure)


def show_matrix(axis: Any, matrix: FloatArray, colours: str, ends: tuple[float, float]) -> Any:
    """Draw a matrix over the two windows, the first time step at the upper left."""
    edge = HOP / ANALYSIS_RATE / 2
    extent = (-edge, matrix.shape[1] * 2 * edge - edge, matrix.shape[0] * 2 * edge - edge, -edge)
    axis.set_xticks([0, 0.5], ["0", "0.5"])
    axis.set_yticks([0, 0.5], ["0", "0.5"])
    return axis.imshow(matrix, cmap=colours, vmin=ends[0], vmax=ends[1], extent=extent, interpolation="nearest")


def mark(axis: Any, point: tuple[int, int], marker: str, size: float, label: str) -> None:
    """Mark an out point and an in point, in samples; light with a dark edge, to be seen on any colour."""
    y, x = (at / ANALYSIS_RATE for at in point)
    for colour, width, name in (("white", 4.5, None), (GREEN, 2.0, label)):
        axis.plot(
            x, y, marker, color=colour, markersize=size, markerfacecolor="none", mew=width, label=name, clip_on=False
        )


def seconds(length: float) -> str:
    """Write a length to be read."""
    return f"{length:.2f} s" if length < 10 else f"{length:.0f} s" if length < 1e5 else "without end"


# --- joins ------------------------------------------------------------------------------------------------------


def draw_joins(name: str, scene: Scene) -> bytes:
    """Draw a column for each way to join: the waveform with the fade, and the spectrogram, around the point."""
    figure = new_figure(4.1)
    axes = figure.subplots(2, len(JOINS), sharex=True, sharey="row", squeeze=False)
    found = {label: joined_by(scene, label) for label in JOINS}
    peak = max(float(np.abs(around(joined)[1]).max()) for joined in found.values())
    spectra = {label: profile(joined.samples).mel for label, joined in found.items()}
    loudest = max(float(mel.max()) for mel in spectra.values())
    for column, (label, joined) in enumerate(found.items()):
        upper, lower = axes[0][column], axes[1][column]
        show_waveform(upper, joined, peak)
        first = f"{name}, {plain(scene.kind)}\n" if column == 0 else "\n"
        upper.set_title(first + heading(label, joined), loc="left")
        shown = show_spectrogram(lower, joined, spectra[label], loudest)
        ends = [end / ANALYSIS_RATE for end in (-joined.join.fade_before, joined.join.fade_after) if end]
        upper.axvline(0, color="black", linewidth=1.2, linestyle=(0, (3, 2)))
        for end in ends:
            upper.axvline(end, color=GREY, linewidth=0.9)
        # Beside the spectrogram and not over it: a line would hide the very seam that is to be seen.
        above: dict[str, Any] = {"transform": lower.get_xaxis_transform(), "clip_on": False, "in_layout": False}
        lower.plot([0], [1.06], "v", color="black", markersize=6, **above)
        lower.plot(ends, [1.06] * len(ends), "|", color="black", markersize=7, mew=1.2, **above)
        lower.set_xlabel("s from the point")
        lower.set_xlim(-SHOWN_S, SHOWN_S)
    axes[0][0].set_ylabel("amplitude")
    axes[1][0].set_ylabel("Hz, mel scale")
    figure.colorbar(shown, ax=axes[1], location="right", aspect=14, label="dB from the loudest")
    handles, labels = axes[0][-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=5, frameon=False, handlelength=1.4)
    return to_png(figure)


def heading(label: str, joined: Joined) -> str:
    """Name a join and its fade."""
    fade = joined.join.fade_before + joined.join.fade_after
    return f"{label}: {fade / ANALYSIS_RATE:.2f} s of fade" if fade else label


def around(joined: Joined) -> tuple[FloatArray, NDArray[np.float32]]:
    """Return the times from the point in seconds, and the samples, that are drawn."""
    point = point_of(joined)
    first, last = (max(0, point + round(sign * SHOWN_S * ANALYSIS_RATE)) for sign in (-1, 1))
    samples = joined.samples[first:last]
    return (np.arange(len(samples)) + first - point) / ANALYSIS_RATE, samples


def point_of(joined: Joined) -> int:
    """Return the point's index: the seam is the middle of the fade, which has not always room to be centred."""
    return joined.moment - (joined.join.fade_after - joined.join.fade_before) // 2


def show_waveform(axis: Any, joined: Joined, peak: float) -> None:
    """Draw what is heard of the outgoing sound, of both and of the incoming one, and the two gains over the fade."""
    times, samples = around(joined)
    before, after = -joined.join.fade_before / ANALYSIS_RATE, joined.join.fade_after / ANALYSIS_RATE
    parts = (
        ("outgoing", BLUE, times < before),
        ("both", GREY, (times >= before) & (times < after)),
        ("incoming", RED, times >= after),
    )
    for part, colour, held in parts:
        if held.any():
            low, high, middle = envelope(times[held], samples[held] / np.float32(peak))
            axis.fill_between(middle, low, high, color=colour, linewidth=0.4, label=part)
    fade = joined.join.fade_before + joined.join.fade_after
    if fade:
        going, coming = gains(fade, joined.join.bounced.law)
        inside = before + (np.arange(fade) + 0.5) / ANALYSIS_RATE
        for gain, colour, label in ((going, BLUE, "gain out"), (coming, RED, "gain in")):
            axis.plot(inside, gain, color="white", linewidth=3.2)
            axis.plot(inside, gain, color=colour, linewidth=1.5, label=label)
    axis.set_ylim(-1.08, 1.08)
    axis.set_yticks([-1, 0, 1])


def envelope(
    times: FloatArray, samples: NDArray[np.float32], span: int = 96
) -> tuple[NDArray[Any], NDArray[Any], FloatArray]:
    """Lowest and highest sample, and the time, of each 2 ms."""
    edges = np.arange(0, len(samples), span)
    return np.minimum.reduceat(samples, edges), np.maximum.reduceat(samples, edges), times[edges]


def show_spectrogram(axis: Any, joined: Joined, mel: FloatArray, loudest: float) -> Any:
    """Draw the mel spectrogram that the seam measures see."""
    from amc_otio.representations.spectral import hz_to_mel

    level = 10.0 * np.log10(np.maximum(mel / loudest, 10.0 ** (-DEPTH_DB / 10.0)))
    point = point_of(joined)
    first = (-STEP / 2 - point) / ANALYSIS_RATE
    extent = (first, first + mel.shape[1] * STEP / ANALYSIS_RATE, -0.5, mel.shape[0] - 0.5)
    shown = axis.imshow(
        level, cmap="magma", vmin=-DEPTH_DB, vmax=0, origin="lower", extent=extent, aspect="auto", interpolation="none"
    )
    hz = np.array([500, 2000, 8000])
    top = hz_to_mel(np.array([ANALYSIS_RATE / 2.0]))[0]
    axis.set_yticks(hz_to_mel(hz) / top * (mel.shape[0] + 1) - 1.0, [str(value) for value in hz])
    return shown


# --- fade lengths -----------------------------------------------------------------------------------------------


def draw_lengths(pairs: Sequence[Pair]) -> bytes:
    """Draw the length of equation (2) for every pair, by form, as printed and with the defaults.

    Boxes are quartiles and the median, lines reach from the 5th to the 95th percentile.
    """
    shortest, longest = 0.08, 2000.0
    figure = new_figure(3.0)
    axis = figure.subplots()
    generator = np.random.default_rng(0)
    names, place = [], 0.0
    for phi, convention in (PRINTED, CENTRED):
        for form, colour in zip(FORMS, (RED, BLUE), strict=True):
            lengths = np.array([pair.fade_s(phi, convention) for pair in pairs if pair.scene.form == form])
            if not lengths.size:
                continue
            drawn = np.clip(lengths, shortest, longest)
            spread = place + generator.uniform(-0.22, 0.22, drawn.size)
            axis.plot(drawn, spread, ".", color=colour, markersize=4, alpha=0.45, markeredgewidth=0)
            ends = np.percentile(drawn, (5, 25, 50, 75, 95))
            axis.barh(place, ends[3] - ends[1], 0.62, ends[1], facecolor="none", edgecolor="black")
            axis.hlines([place, place], ends[[0, 3]], ends[[1, 4]], color="black", linewidth=1)
            axis.vlines(ends[[0, 2, 4]], place - 0.31, place + 0.31, color="black", linewidth=[1, 2.5, 1])
            over = 100.0 * np.mean(lengths >= 1.0)
            names.append((place, f"{convention}, φ {phi:g}:\n{lengths.size} {form}"))
            said = f"median {seconds(float(np.median(lengths)))}\n{over:.0f} % over 1 s"
            axis.text(longest * 1.5, place, said, va="center")
            place += 1.0
        place += 0.4
    axis.axvline(1.0, color="black", linewidth=1, linestyle=(0, (3, 2)))
    axis.set_xscale("log")
    axis.set_xlim(shortest * 0.9, longest * 1.2)
    axis.set_xticks([0.1, 1, 10, 100, 1000], ["0.1", "1", "10", "100", "1000"])
    axis.set_yticks([at for at, _ in names], [text for _, text in names])
    axis.invert_yaxis()
    axis.set_xlabel("length that equation (2) gives, s (the window holds 1 s)")
    tidy(axis, "x")
    return to_png(figure)


# --- all --------------------------------------------------------------------------------------------------------


def joined_by(scene: Scene, label: str) -> Joined:
    """Join a scene in one of the ways of `JOINS`; `choose` has seen that it can be."""
    joined = join_scene(scene, JOINS[label])
    assert joined is not None
    return joined


def decibels_below(power: FloatArray, depth: float) -> FloatArray:
    """Decibels below the highest, to a depth."""
    least = 10.0 ** (-depth / 10.0)
    return np.asarray(10.0 * np.log10(np.maximum(power / max(float(power.max()), 1e-30), least)))


if __name__ == "__main__":
    sys.exit(main())
