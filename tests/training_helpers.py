"""What the tests of training share: small features with a structure, settings that take a moment, a model file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from amc_otio.config import TrainSettings
from amc_otio.representations import create
from amc_otio.representations.projection import Projection
from amc_otio.representations.split_and_contrast import FORMAT, KIND
from amc_otio.representations.tensor_file import encode

SMALL = TrainSettings(frames=4, batch=16, epochs=3, lr=1e-2, checkpoint_every=2, seed=7, device="cpu")


def recordings(count: int, windows: int, size: int, seed: int = 0) -> np.ndarray:
    """Unit features of recordings that wander: neighbours are alike, each recording has its own place."""
    generator = np.random.default_rng(seed)
    places = generator.standard_normal((count, 1, size))
    steps = 0.3 * generator.standard_normal((count, windows, size)).cumsum(axis=1)
    features = (places + steps).reshape(count * windows, size)
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)


def linear(size_in: int, size_out: int, seed: int = 0, **changes: Any) -> Projection:
    """A projection of one random layer."""
    generator = np.random.default_rng(seed)
    weight = generator.standard_normal((size_out, size_in)).astype(np.float32)
    layer = (weight, generator.standard_normal(size_out).astype(np.float32))
    return Projection((layer,), "linear", **changes)


def model_bytes(encoder: str = "random", projection: Projection | None = None, **changes: Any) -> bytes:
    """A model file over a bundled encoder; `changes` go into its record, ``features_*`` into the encoder's part."""
    known = create(encoder)
    projection = projection or linear(known.dimension, 8)
    features = {name: getattr(known, name) for name in ("name", "version", "weights_hash", "dimension", "sample_rate")}
    features |= {"weights_file": ""}
    record = {"kind": KIND, "format": FORMAT, "encoder": encoder, "projection": projection.kind}
    record |= {"residual": projection.residual, "homogeneous": projection.homogeneous}
    features |= {name[9:]: value for name, value in changes.items() if name.startswith("features_")}
    record |= {name: value for name, value in changes.items() if not name.startswith("features_")}
    return encode({"model": record | {"features": features}, "training": {}}, projection.tensors())


def write_media(folder: Path, seconds: list[int], rate: int = 48_000) -> Path:
    """Sounds whose seconds differ, one file a length."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, length in enumerate(seconds):
        generator = np.random.default_rng(100 + number)
        time = np.arange(length * rate) / rate
        sound = 0.2 * np.sin(2 * np.pi * (200 + 90 * number) * time * (1 + 0.05 * time))
        sound += 0.05 * generator.standard_normal(len(time))
        soundfile.write(folder / f"s{number}.wav", sound.astype(np.float32), rate, subtype="PCM_16")
    return folder


def changed(settings: TrainSettings, **values: Any) -> TrainSettings:
    """The settings with some others."""
    return dataclasses.replace(settings, **values)
