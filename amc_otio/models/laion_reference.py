"""laion-clap's own HTSAT code as the judge of our conversion.

``import laion_clap`` cannot be used: it fetches a tokenizer from the network, and it builds a text tower. Its one
module that matters here, ``laion_clap.clap_module.htsat``, needs only torch, torchlibrosa and h5py. It is imported by
itself (`amc_otio.models.stand_ins`): bare packages stand in for the two above it and for torchvision, of which one
class is imported and never used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import AmcError
from amc_otio.models.stand_ins import bare, import_among, package_folder

INSTALL = "pip install 'amc-otio[clap]', or add --unverified"


def _htsat() -> tuple[ModuleType, Path]:
    package = package_folder("laion_clap")
    if package is None:
        raise AmcError("laion-clap", "is not installed, so the model cannot be verified against it", INSTALL)
    try:
        import h5py  # noqa: F401 - before the stand-ins, so that what these import stays imported
        import torch  # noqa: F401
        import torchlibrosa  # noqa: F401
    except ImportError as error:
        raise AmcError("laion-clap", f"cannot be run ({error}), so the model cannot be verified", INSTALL) from error

    class FrozenBatchNorm2d:
        """Imported by laion_clap's utilities, which the audio tower does not use."""

    stand_ins = {
        "laion_clap": bare("laion_clap", package),
        "laion_clap.clap_module": bare("laion_clap.clap_module", package / "clap_module"),
        "torchvision": bare("torchvision"),
        "torchvision.ops": bare("torchvision.ops"),
        "torchvision.ops.misc": bare("torchvision.ops.misc", FrozenBatchNorm2d=FrozenBatchNorm2d),
    }
    try:
        return import_among("laion_clap.clap_module.htsat", stand_ins), package
    except ImportError as error:
        raise AmcError("laion-clap", f"its audio tower does not load ({error})", INSTALL) from error


class LaionReference:
    """laion-clap's audio tower and projection with the tensors of a checkpoint.

    Parameters
    ----------
    tensors
        As `amc_otio.models.clap_checkpoint.canonical` gives them.
    size
        ``"tiny"`` or ``"base"``.
    gradients
        Keep what gradients need, as laion-clap does when its README's example is run. Slower, and for benchmarks only.

    Raises
    ------
    amc_otio.errors.AmcError
        When torch or laion-clap is missing.
    """

    def __init__(self, tensors: Mapping[str, NDArray[np.float32]], size: str, gradients: bool = False) -> None:
        self.gradients = gradients
        module, package = _htsat()
        import torch

        settings = json.loads(
            (package / "clap_module" / "model_configs" / f"HTSAT-{size}.json").read_text(encoding="utf-8")
        )
        self.tower = module.create_htsat_model(SimpleNamespace(**settings["audio_cfg"]))
        own = self.tower.state_dict()
        given = {name: torch.from_numpy(np.array(value)) for name, value in tensors.items() if name in own}
        missing, _ = self.tower.load_state_dict(given, strict=False)
        # Its fixed spectrogram and index buffers, and the heads of a classifier that no embedding passes through.
        unused = ("spectrogram_extractor.", "logmel_extractor.", "tscam_conv.", "head.")
        lacking = [
            name
            for name in missing
            if not name.startswith(unused)
            and not name.endswith(("relative_position_index", "attn_mask", "batches_tracked"))
        ]
        if lacking:
            raise AmcError(
                "laion-clap", f"its audio tower also has {lacking[0]}", "use the version that you trained with"
            )
        first, second = tensors["audio_projection.0.weight"], tensors["audio_projection.2.weight"]
        self.projection = torch.nn.Sequential(
            torch.nn.Linear(first.shape[1], first.shape[0]),
            torch.nn.ReLU(),
            torch.nn.Linear(second.shape[1], second.shape[0]),
        )
        self.projection.load_state_dict(
            {
                name.removeprefix("audio_projection."): torch.from_numpy(np.array(value))
                for name, value in tensors.items()
                if name.startswith("audio_projection.")
            }
        )
        self.tower.eval()
        self.projection.eval()

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed windows of 48,000 samples the way laion-clap's ``get_audio_embedding_from_data`` does.

        Parameters
        ----------
        windows
            Shape ``(n, 48000)``.

        Returns
        -------
        numpy.ndarray
            Shape ``(n, 512)``, float32, unit rows.
        """
        import torch

        prepared = []
        for window in windows:
            quantised = (np.clip(window, -1.0, 1.0) * 32767.0).astype(np.int16)
            sound = torch.from_numpy((quantised / 32767.0).astype(np.float32)).float()
            prepared.append(sound.repeat(480_000 // len(sound)))
        with torch.set_grad_enabled(self.gradients):
            features = self.tower({"waveform": torch.stack(prepared)})["embedding"]
            embedded = torch.nn.functional.normalize(self.projection(features), dim=-1)
        return np.asarray(embedded.detach().numpy(), dtype=np.float32)


def described() -> str:
    """Versions of what the judge is made of, for the manifest."""
    return ", ".join(f"{name} {metadata.version(name)}" for name in ("laion-clap", "torch"))
