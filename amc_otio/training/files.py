"""Where a training writes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from amc_otio.errors import OutputError


@dataclass(frozen=True)
class Files:
    """Where a training writes: all beside the model.

    Attributes
    ----------
    model
        The safetensors file.
    """

    model: Path

    @property
    def card(self) -> Path:
        """The model card, Markdown."""
        return self.model.with_suffix(".md")

    @property
    def curve(self) -> Path:
        """The loss, PNG."""
        return self.model.with_suffix(".png")

    @property
    def checkpoint(self) -> Path:
        """The state while the training runs; it goes when the model is there."""
        return self.model.with_suffix(".checkpoint")

    def check(self, force: bool, restart: bool = False) -> None:
        """Refuse a place that cannot be written, or that holds something already.

        The model is written first and the checkpoint goes last. So a model beside a checkpoint may be what a run left
        that was killed between the two; whether it is can be said when the checkpoint was read (`result.refuse_other`).

        Parameters
        ----------
        force
            What is there may be replaced.
        restart
            The checkpoint will not be gone on from.

        Raises
        ------
        OutputError
        """
        folder = self.model.parent
        if self.model.suffix != ".safetensors":
            raise OutputError(self.model, "does not end in .safetensors", "name it like model.safetensors")
        if not folder.is_dir():
            raise OutputError(folder, "is no folder", "make it first or give another -o")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(self.model, f"{folder} may not be written to", "choose another folder with -o")
        for path in (self.model, self.card, self.curve, self.checkpoint):
            if os.path.lexists(path) and not path.is_file():
                raise OutputError(path, "is not a file", "move it away, or give another -o")
        unfinished = not restart and self.checkpoint.exists() and self.model.exists()
        for path in (self.model, self.card, self.curve):
            if os.path.lexists(path) and not force and not unfinished:
                raise exists(path)


def exists(path: Path) -> OutputError:
    """What is said of a file that would be replaced."""
    return OutputError(path, "exists already", "give another -o, or --force to replace it")
