"""clap equals laion-clap's own code, window by window, through the whole of `models add`; transformers' too."""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import checkpoints as made
import numpy as np
import pytest
import soundfile

from amc_otio.representations import create

pytest.importorskip("onnx")
torch = pytest.importorskip("torch")
for _name in ("torchlibrosa", "h5py"):
    pytest.importorskip(_name)

from amc_otio.models import laion_reference  # noqa: E402
from amc_otio.models.add import LOWEST_COSINE, add  # noqa: E402
from amc_otio.models.sounds import windows  # noqa: E402
from amc_otio.models.stand_ins import package_folder  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(package_folder("laion_clap") is None, reason="laion-clap is not installed (amc-otio[clap])"),
    pytest.mark.filterwarnings("ignore"),
]


def saved(path: Path, tensors: dict[str, np.ndarray]) -> Path:
    """What LAION's training leaves: protocol 4, noted NumPy numbers, an optimizer, ``module.`` before every name."""
    state = OrderedDict((key, torch.from_numpy(np.array(value))) for key, value in made.laion_names(tensors).items())
    state._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
    optimizer = {"state": {0: {"step": 7, "exp_avg": torch.ones(3)}}, "param_groups": [{"lr": np.float64(1e-4)}]}
    whole = {"epoch": np.int64(45), "top": np.float64(0.9), "name": "x", "state_dict": state, "optimizer": optimizer}
    torch.save(whole, path, pickle_protocol=4)
    return path


@pytest.fixture(scope="module")
def tower() -> dict[str, np.ndarray]:
    return made.random_tower(made.TINY, seed=3)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, tower: dict[str, np.ndarray]) -> Path:
    folder = tmp_path_factory.mktemp("store")
    add(saved(folder / "laion.pt", tower), name="laion", folder=folder)
    return folder


@pytest.fixture(scope="module")
def reference(tower: dict[str, np.ndarray]) -> laion_reference.LaionReference:
    torch.set_num_threads(1)
    return laion_reference.LaionReference(tower, "tiny")


def alike(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.einsum("ij,ij->i", ours.astype(np.float64), theirs.astype(np.float64)).min())


def test_the_bundled_sounds(store: Path, reference: Any, examples: Path) -> None:
    sounds = np.stack([soundfile.read(p, dtype="float32")[0] for p in sorted((examples / "sounds").glob("*.ogg"))])
    ours = create("clap", threads=1, weights=store / "laion.onnx").embed(sounds)
    assert alike(ours, reference(sounds)) >= LOWEST_COSINE
    # The random tower tells sounds apart, so that the equality says something.
    others = ours @ ours.T - np.eye(len(ours))
    assert others.max() < 0.9999 and others.min() < 0.95


def test_sound_effects_of_many_packages(store: Path, reference: Any, shared_data: Path) -> None:
    paths = sorted((shared_data / "retrieval-dev" / "clips").glob("*.ogg"))[::125]
    sounds = np.stack([soundfile.read(path, dtype="float32")[0][:48_000] for path in paths])
    assert len(sounds) >= 20
    sounds = sounds[np.abs(sounds).max(axis=1) > 1e-4]
    ours = create("clap", threads=1, weights=store / "laion.onnx").embed(sounds)
    assert alike(ours, reference(sounds)) >= LOWEST_COSINE


def test_loud_quiet_and_clipped_sound(store: Path, reference: Any) -> None:
    sounds = windows(4) * np.array([[4.0], [1e-3], [1.0], [0.03]], np.float32)
    ours = create("clap", threads=1, weights=store / "laion.onnx").embed(sounds)
    assert alike(ours, reference(sounds)) >= LOWEST_COSINE


def test_the_manifest_says_what_was_compared(store: Path) -> None:
    manifest = create("clap", weights=store / "laion.onnx").model.manifest  # type: ignore[attr-defined]
    assert manifest.architecture == "HTSAT-tiny" and manifest.dimension == 512 and manifest.feature_dimension == 768
    assert manifest.verification.against.startswith("laion-clap ")
    assert LOWEST_COSINE <= manifest.verification.lowest_cosine <= 1.0


def test_hugging_faces_layout_gives_the_same_vectors(store: Path, tower: dict[str, np.ndarray], tmp_path: Path) -> None:
    place = tmp_path / "clap-htsat-unfused"
    place.mkdir()
    made.write_safetensors(place / "model.safetensors", made.huggingface_names(tower))
    add(place, folder=tmp_path / "store", unverified=True)
    sounds = windows(2)
    laion = create("clap", threads=1, weights=store / "laion.onnx").embed(sounds)
    face = create("clap", threads=1, weights=tmp_path / "store" / "clap-htsat-unfused.onnx").embed(sounds)
    np.testing.assert_array_equal(laion, face)


def test_the_larger_tower(tmp_path: Path) -> None:
    path = saved(tmp_path / "music_audioset_epoch_15_esc_90.14.pt", made.random_tower(made.BASE, seed=5))
    manifest = add(path, folder=tmp_path / "store").manifest  # refuses where it is not equal
    assert manifest.architecture == "HTSAT-base" and manifest.feature_dimension == 1024
    assert manifest.name == "music_audioset_epoch_15_esc_90.14"


def test_a_conversion_that_is_not_equal_is_refused(
    tower: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amc_otio.errors import RepresentationError
    from amc_otio.models import htsat_graph

    monkeypatch.setattr(htsat_graph, "MASKED", 0.0)  # a mistake: shifted windows look across their seams
    with pytest.raises(RepresentationError, match="does not give what laion-clap"):
        add(saved(tmp_path / "laion.pt", tower), folder=tmp_path / "store")
    assert list((tmp_path / "store").iterdir()) == []


def test_importing_the_reference_leaves_no_trace(reference: Any) -> None:
    assert not [name for name in sys.modules if name.partition(".")[0] == "laion_clap"]
    held = sys.modules.get("torchvision.ops.misc")
    laion_reference._htsat()
    assert sys.modules.get("torchvision.ops.misc") is held


def test_transformers_own_model(tmp_path: Path) -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    transformers = pytest.importorskip("transformers")
    model = transformers.ClapAudioModelWithProjection(transformers.ClapAudioConfig()).eval()
    tower = made.random_tower(made.TINY, seed=9)
    given = {key: torch.from_numpy(np.array(value)) for key, value in made.huggingface_names(tower).items()}
    missing, unexpected = model.load_state_dict(given, strict=False)
    assert not [key for key in missing if not key.endswith(("relative_position_index", "num_batches_tracked"))]
    assert unexpected == ["text_model.embeddings.word_embeddings.weight"]
    made.write_safetensors(tmp_path / "model.safetensors", made.huggingface_names(tower))
    add(tmp_path / "model.safetensors", name="hf", folder=tmp_path / "store", unverified=True)
    from amc_otio.representations import clap_mel

    sounds = windows(3)
    mel = torch.from_numpy(clap_mel.log_mel(sounds)[:, clap_mel.frame_places()])[:, None]
    with torch.no_grad():
        theirs = model(input_features=mel, is_longer=torch.zeros(3, 1, dtype=torch.bool)).audio_embeds.numpy()
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    assert alike(create("clap", weights=tmp_path / "store" / "hf.onnx").embed(sounds), theirs) >= LOWEST_COSINE
