"""laion-clap's own HTSAT code as the judge of our conversion.

``import laion_clap`` cannot be used: it fetches a tokenizer from the network, and it builds a text tower. Its one
module that matters here, ``laion_clap.clap_module.htsat``, needs only torch, torchlibrosa and h5py. It is imported by
itself: bare packages stand in for the two above it and for torchvision (of which one class is imported and never
used) while the import runs, and ``sys.modules`` is as before afterwards.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc_otio.errors import AmcError

INSTALL = "pip install 'amc-otio[clap]', or add --unverified"
_LOCK = threading.Lock()


def _bare(name: str, **attributes: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(attributes)
    return module


@contextmanager
def _stand_ins(package: Path) -> Iterator[None]:
    """The modules that the import of htsat meets; what was in ``sys.modules`` comes back at the end."""

    class FrozenBatchNorm2d:
        """Imported by laion_clap's utilities, which the audio tower does not use."""

    modules = {
        "laion_clap": _bare("laion_clap", __path__=[str(package)]),
        "laion_clap.clap_module": _bare("laion_clap.clap_module", __path__=[str(package / "clap_module")]),
        "torchvision": _bare("torchvision", __path__=[]),
        "torchvision.ops": _bare("torchvision.ops", __path__=[]),
        "torchvision.ops.misc": _bare("torchvision.ops.misc", FrozenBatchNorm2d=FrozenBatchNorm2d),
    }
    tops = ("laion_clap", "torchvision")
    held = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in tops}
    for name in held:
        del sys.modules[name]
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
            del sys.modules[name]
        sys.modules.update(held)


def _package() -> Path:
    spec = find_spec("laion_clap")  # a top-level name: finding it runs nothing of it
    if spec is None or not spec.submodule_search_locations:
        raise AmcError("laion-clap", "is not installed, so the model cannot be verified against it", INSTALL)
    return Path(next(iter(spec.submodule_search_locations)))


def _htsat() -> tuple[ModuleType, Path]:
    package = _package()
    try:
        import h5py  # noqa: F401 - before the stand-ins, so that what these import stays imported
        import torch  # noqa: F401
        import torchlibrosa  # noqa: F401
    except ImportError as error:
        raise AmcError("laion-clap", f"cannot be run ({error}), so the model cannot be verified", INSTALL) from error
    with _LOCK, _stand_ins(package):
        try:
            return import_module("laion_clap.clap_module.htsat"), package
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
