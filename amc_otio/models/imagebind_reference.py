"""Meta's own code as the judge of ImageBind's conversion, from the package ``imagebind`` or ``imagebind-unofficial``.

``import imagebind`` asks for torchaudio, torchvision and pytorchvideo, which its audio tower does not use. Its module
``imagebind.models.imagebind_model`` needs torch and einops; of timm, ftfy, regex and iopath only names, for which bare
modules stand in. The judge is given our log-mel: that does not depend on the checkpoint, and
`amc_otio.representations.imagebind.log_mel` says what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import AmcError
from amc_otio.models.stand_ins import bare, import_among, package_folder
from amc_otio.representations.imagebind import DIMENSION, log_mel

INSTALL = "pip install torch einops && pip install --no-deps imagebind-unofficial, or add --unverified"
_MODULE = "imagebind.models.imagebind_model"
_OTHERS = ("vision", "text", "depth", "thermal", "imu")


def _code() -> ModuleType:
    folder = package_folder("imagebind")
    if folder is None:
        raise AmcError("imagebind", "is not installed, so the model cannot be verified against it", INSTALL)
    try:
        import einops  # noqa: F401 - before the stand-ins
        import torch
    except ImportError as error:
        raise AmcError("imagebind", f"cannot be run ({error}), so the model cannot be verified", INSTALL) from error

    class DropPath(torch.nn.Identity):  # type: ignore[misc, unused-ignore]
        """Does nothing outside training."""

        def __init__(self, rate: float) -> None:
            super().__init__()

    layers = {"DropPath": DropPath, "trunc_normal_": torch.nn.init.trunc_normal_}
    stand_ins = {
        "imagebind": bare("imagebind", folder),
        "timm": bare("timm"),
        "timm.layers": bare("timm.layers", **layers),
        "timm.models": bare("timm.models"),
        "timm.models.layers": bare("timm.models.layers", **layers),
        "ftfy": bare("ftfy"),
        "regex": bare("regex"),
        "iopath": bare("iopath"),
        "iopath.common": bare("iopath.common"),
        "iopath.common.file_io": bare("iopath.common.file_io", g_pathmgr=None),
    }
    try:
        return import_among(_MODULE, stand_ins)
    except (ImportError, AttributeError) as error:
        raise AmcError("imagebind", f"its model does not load ({error})", INSTALL) from error


class ImageBindReference:
    """Meta's model with the audio tower of a checkpoint; its other modalities are as small as they go.

    Parameters
    ----------
    tensors
        As `amc_otio.models.imagebind_checkpoint.canonical` gives them.

    Raises
    ------
    amc_otio.errors.AmcError
        When torch, einops or Meta's code is missing, or its audio tower has other tensors.
    """

    def __init__(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        code = _code()
        import torch

        small: dict[str, int] = {}
        for modality in _OTHERS:
            small |= {f"{modality}_embed_dim": 16, f"{modality}_num_blocks": 1, f"{modality}_num_heads": 1}
        self.model = code.ImageBindModel(out_embed_dim=DIMENSION, audio_drop_path=0.1, imu_drop_path=0.7, **small)
        # The logit scale is a factor on the unit vector that training used; no tensor of the tower's.
        own = {
            name: value
            for name, value in self.model.state_dict().items()
            if name.split(".")[1] == "audio" and not name.endswith(".log_logit_scale")
        }
        ours, theirs = ({name: tuple(value.shape) for name, value in some.items()} for some in (tensors, own))
        if ours != theirs:
            odd = min(name for name, _ in ours.items() ^ theirs.items())
            raise AmcError(
                "imagebind", f"its audio tower and the checkpoint differ in {odd}", "use another version of it"
            )
        for name, value in tensors.items():
            own[name].copy_(torch.from_numpy(np.array(value)))
        self.model.eval()

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed windows of 16,000 samples.

        Parameters
        ----------
        windows
            Shape ``(n, 16000)``.

        Returns
        -------
        numpy.ndarray
            Shape ``(n, 1024)``, float32, unit rows.
        """
        return unit(self.tower(log_mel(windows)))

    def tower(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """What Meta's model gives for log-mel pictures, shape ``(n, 1, 128, 204)``: rows of one length, not unit."""
        import torch

        with torch.inference_mode():
            found = self.model({"audio": torch.from_numpy(pictures)})["audio"]
        return np.asarray(found.numpy(), dtype=np.float32)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows scaled to unit length."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def described() -> str:
    """Versions of what the judge is made of, for the manifest."""
    parts = []
    for names in (("imagebind", "imagebind-unofficial"), ("torch",)):
        for name in names:
            try:
                parts.append(f"{name} {metadata.version(name)}")
                break
            except metadata.PackageNotFoundError:
                continue
    return ", ".join(parts)
