"""What a training leaves: the model file, a card that says what it is, and its loss as a picture."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import io
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np

from amc_otio import __version__
from amc_otio.config import TrainSettings
from amc_otio.errors import RepresentationError, one_line
from amc_otio.representations.split_and_contrast import FORMAT, KIND, NAME, FeaturesRecord, ModelRecord, read_model
from amc_otio.representations.tensor_file import encode
from amc_otio.training.checkpoint import put
from amc_otio.training.files import Files, exists
from amc_otio.training.initial import Start
from amc_otio.training.samples import DataSummary
from amc_otio.training.trainer import NOT_OF_THE_RESULT, Trained


def write(
    files: Files, start: Start, trained: Trained, settings: TrainSettings, data: DataSummary, weights_file: str = ""
) -> tuple[Path, ...]:
    """Write the model first, then the curve of its loss and its card; each of them whole or not at all.

    Parameters
    ----------
    files
        Where.
    start
        What training began from.
    trained
        What came of it.
    settings, data
        How, and on what.
    weights_file
        Name of the encoder's weights file, when it was not opened with its own.

    Returns
    -------
    tuple of Path
        What was written, the model first.

    Raises
    ------
    OutputError
        When something cannot be written.
    """
    model = encode(about(start, trained, settings, data, weights_file), trained.projection.tensors())
    curve = loss_curve(trained)
    put(files.model, model)
    if curve is not None:
        put(files.curve, curve)
    text = card(files, start, trained, settings, data, hashlib.sha256(model).hexdigest(), curve is not None)
    put(files.card, text.encode("utf-8", "replace"))
    return (files.model, files.card, files.curve) if curve is not None else (files.model, files.card)


def refuse_other(files: Files, start: Start, trained: Trained, force: bool) -> None:
    """Refuse to replace a model, unless it is this very one: what a run left that was killed while it wrote.

    The weights are compared, not the bytes: the last validation loss is measured again after a kill, and on a GPU it
    need not come out the same to the last bit.

    Raises
    ------
    OutputError
        When another file is there, and `force` does not allow it.
    """
    if force or not os.path.lexists(files.model):
        return
    try:
        there = read_model(files.model)
    except RepresentationError as error:
        raise exists(files.model) from error
    ours = trained.projection.tensors()
    held = there.projection.tensors()
    same = there.record.encoder == start.encoder and there.record.features.weights_hash == start.features.weights_hash
    if not same or held.keys() != ours.keys() or any(not np.array_equal(held[name], ours[name]) for name in ours):
        raise exists(files.model)


def about(
    start: Start, trained: Trained, settings: TrainSettings, data: DataSummary, weights_file: str = ""
) -> dict[str, Any]:
    """The header of a model file.

    Neither time nor machine nor a path is inside: the same training gives the same bytes, and a model that is passed
    on does not tell where its makers keep their media. The card does.
    """
    features = start.features
    record = ModelRecord(
        kind=KIND,
        format=FORMAT,
        encoder=start.encoder,
        features=FeaturesRecord(
            name=features.name,
            version=features.version,
            weights_hash=features.weights_hash,
            dimension=features.dimension,
            sample_rate=features.sample_rate,
            weights_file=weights_file,
        ),
        projection=trained.projection.kind,
        residual=trained.projection.residual,
        homogeneous=trained.projection.homogeneous,
    )
    return {
        "model": dataclasses.asdict(record),
        "training": {
            "code": __version__,
            "settings": {k: v for k, v in dataclasses.asdict(settings).items() if k not in NOT_OF_THE_RESULT},
            "data": {k: v for k, v in dataclasses.asdict(data).items() if k not in ("folders", "unreadable")},
            "losses": trained.losses.tolist(),
            "validation": trained.validation.tolist(),
            "epoch": trained.epoch,
        },
    }


def loss_curve(trained: Trained) -> bytes | None:
    """The loss over the epochs as a PNG; None without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        return None
    figure = Figure(figsize=(7, 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    steps = len(trained.step_losses)
    each = max(1, steps // max(1, len(trained.losses)))
    places = [(step + 0.5) / each for step in range(steps)]
    axes.plot(places, trained.step_losses, color="#b8c4d6", linewidth=0.8, label="training, each step")
    middles = [epoch + 0.5 for epoch in range(len(trained.losses))]
    marker = "o" if len(middles) < 60 else ""
    axes.plot(middles, trained.losses, color="#1f4e8c", marker=marker, markersize=3, label="training, each epoch")
    if len(trained.validation):
        ends = list(range(len(trained.validation)))
        axes.plot(
            ends,
            trained.validation,
            color="#c4501b",
            marker=marker,
            markersize=3,
            clip_on=False,
            label="held back, after each epoch",
        )
    if trained.epoch < len(trained.losses):
        axes.axvline(trained.epoch, color="#777777", linewidth=0.8, linestyle="--", label="the weights kept")
    axes.set_xlabel("epoch")
    axes.set_ylabel("Split-and-Contrast loss, equation (1)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(0, max(1, len(trained.losses)))
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=8)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def card(
    files: Files,
    start: Start,
    trained: Trained,
    settings: TrainSettings,
    data: DataSummary,
    sha256: str,
    has_curve: bool,
) -> str:
    """The model card, Markdown."""
    features, projection = start.features, trained.projection
    kind = {"linear": "one linear layer", "mlp": "Linear, ReLU, Linear"}[projection.kind]
    kind += ", added to the features" if projection.residual else ""
    folders = ", ".join(f"`{one_line(folder, 300)}`" for folder in data.folders)
    over = f"`{start.encoder}`" + (f" (its `{features.name}`)" if features.name != start.encoder else "")
    licence = getattr(features, "licence", "")
    lines = [
        f"# {one_line(files.model.name, 200)}",
        "",
        f"A Split-and-Contrast projection over the frozen encoder {over}, trained by amc-otio {__version__}.",
        "",
        "```sh",
        f"amc-otio match EDIT -o NEW --representation {NAME} --weights {files.model.name}",
        "```",
        "",
        "## Encoder",
        "",
        f"- {features.name} version {features.version}, {features.dimension} values at {features.sample_rate} Hz",
        f"- SHA-256 of its weights: {features.weights_hash or 'it has none'}",
        "- The model works with exactly this encoder; another is refused.",
        "",
        "## Projection",
        "",
        f"- {kind}; {projection.features} values in, {projection.dimension} out",
        f"- SHA-256 of `{one_line(files.model.name, 200)}`: {sha256}",
        "",
        "## Data",
        "",
        f"- {folders}",
        f"- {data.sources} sources with sound, {data.without_samples} of them without {settings.frames} usable seconds "
        f"in a row; {data.unreadable} files could not be read",
        f"- {data.windows} windows of one second in samples, {data.seconds:.0f} s ({data.seconds / 3600:.2f} h)",
        f"- {data.found} samples of {settings.frames} windows; {data.samples} trained on, {data.validation_samples} of "
        f"{data.validation_sources} other sources held back to watch the loss",
        "",
        "## Settings",
        "",
        "| setting | value |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in dataclasses.asdict(settings).items()),
        "",
        "## Loss",
        "",
        *_losses(trained, files.curve.name if has_curve else ""),
        "",
        "## Where",
        "",
        f"- {trained.device}, {trained.seconds:.0f} s"
        + (f"; resumed at step {trained.resumed_at}" if trained.resumed_at else ""),
        f"- Python {platform.python_version()}, torch {_installed('torch')}, NumPy {_installed('numpy')}",
        "",
        "## Licence",
        "",
        f"The encoder stays under its own terms ({licence or 'see NOTICE for the bundled one'}). The projection is "
        "derived from it and from the media named above: whether it may be passed on is for whoever "
        "trained it to know. amc-otio lays no claim to it.",
        "",
    ]
    return "\n".join(lines)


def _losses(trained: Trained, curve: str) -> list[str]:
    losses, validation = trained.losses, trained.validation
    lines = [f"- training: {losses[0]:.4f} in epoch 1, {losses[-1]:.4f} in epoch {len(losses)}"]
    if len(validation):
        lines.append(
            f"- validation: {validation[0]:.4f} before the first epoch, {validation[-1]:.4f} after the last, "
            f"{validation.min():.4f} at best (after epoch {validation.argmin()})"
        )
    if trained.stopped_early or trained.epoch < len(losses):
        lines.append(f"- the weights are those after epoch {trained.epoch}, where the validation loss was lowest")
    shown = f"![loss]({curve})" if curve else "No picture of the loss: matplotlib is not installed."
    return [*lines, "", shown]


def _installed(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
