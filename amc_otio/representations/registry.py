"""Representations by name; nothing is imported before it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from amc_otio.errors import RepresentationError

if TYPE_CHECKING:
    from amc_otio.representations.base import Representation

Factory = Callable[[int | None, Path | None], "Representation"]
"""Makes a representation from (threads, weights); either may be ``None``, which means the default."""


def _plain(module: str, attribute: str) -> Factory:
    """Factory of a built-in representation that has no threads of its own and no weights."""

    def make(threads: int | None, weights: Path | None) -> Representation:
        if weights is not None:
            raise RepresentationError(module, "it has no weights", "leave the weights out")
        made: Representation = getattr(import_module(f"amc_otio.representations.{module}"), attribute)()
        return made

    return make


def _sfx(threads: int | None, weights: Path | None) -> Representation:
    from amc_otio.representations.sfx import SfxRepresentation

    return SfxRepresentation(threads, weights)


def _sfx_match(threads: int | None, weights: Path | None) -> Representation:
    from amc_otio.representations.sfx_match import SfxMatchRepresentation

    return SfxMatchRepresentation(threads, weights)


def _imagebind(threads: int | None, weights: Path | None) -> Representation:
    from amc_otio.representations.imagebind import ImageBindRepresentation

    return ImageBindRepresentation(threads, weights)


def _split_and_contrast(threads: int | None, weights: Path | None) -> Representation:
    from amc_otio.representations.split_and_contrast import open_trained

    return open_trained(weights, lambda name, own: create(name, threads=threads, weights=own))


def _clap(precision: str, attribute: str = "ClapRepresentation") -> Factory:
    """Factory of LAION-CLAP in a precision, or of its features before the projection."""

    def make(threads: int | None, weights: Path | None) -> Representation:
        made: Representation = getattr(import_module("amc_otio.representations.clap"), attribute)(
            threads, weights, precision
        )
        return made

    return make


_factories: dict[str, Factory] = {
    "random": _plain("random", "RandomRepresentation"),
    "mfcc": _plain("mfcc", "MfccRepresentation"),
    "mel": _plain("mel", "MelRepresentation"),
    "sfx": _sfx,
    "sfx-match": _sfx_match,
    "clap": _clap("fp32"),
    "clap-int8": _clap("int8"),
    "clap-bf16": _clap("bf16"),
    "imagebind": _imagebind,
    "split-and-contrast": _split_and_contrast,
}
# What projections are trained on; no use for matching, so `names` does not offer them.
_features: dict[str, Factory] = {"clap-features": _clap("fp32", "ClapFeatures")}


def names() -> tuple[str, ...]:
    """Names of what can be matched by, plug-ins last. `create` knows those of `feature_names` too."""
    return tuple(_factories)


def feature_names() -> tuple[str, ...]:
    """Names of the features that projections are trained on (``amc-otio train``)."""
    return tuple(_features)


def create(name: str, *, threads: int | None = None, weights: Path | None = None) -> Representation:
    """Make the representation called `name`.

    Parameters
    ----------
    name
        One of `names` or `feature_names`.
    threads
        Processor threads for those that can use several; their own choice when ``None``.
    weights
        A weights file for those that have one; the bundled one when ``None``.

    Returns
    -------
    Representation
        Ready to embed. It belongs to this process: make another one in each worker.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When the name is unknown or the weights are missing or damaged.
    """
    factory = _factories.get(name) or _features.get(name)
    if factory is None:
        raise RepresentationError(
            name, "there is no representation of this name", f"choose one of {', '.join(_factories)}"
        )
    return factory(threads, weights)


def register(name: str, factory: Factory) -> None:
    """Add a representation under a new name.

    Parameters
    ----------
    name
        Letters, digits, ``-``, ``_`` and ``.``: it becomes part of file names in a library.
    factory
        Called as ``factory(threads, weights)`` each time that `create` is.

    Raises
    ------
    amc_otio.errors.RepresentationError
        When the name is taken or unfit.
    """
    if not name or not name[0].isalnum() or not all(c.isascii() and (c.isalnum() or c in "-_.") for c in name):
        raise RepresentationError(
            name, "the name is not fit for a file name", "use letters, digits, '-', '_' and '.', a letter first"
        )
    if name in _factories or name in _features:
        raise RepresentationError(name, "a representation of this name exists already", "choose another name")
    _factories[name] = factory
