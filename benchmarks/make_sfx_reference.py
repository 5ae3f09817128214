"""Make ``tests/data/sfx_reference.npz``: what the aiSFX package's own code says about some real sounds.

    pip download --no-deps aisfx==0.1.2 && unzip aisfx-0.1.2-py2.py3-none-any.whl -d aisfx
    pip install torch librosa soundfile tqdm onnx
    python benchmarks/make_sfx_reference.py aisfx ../shared/data/retrieval-dev/clips

The spectrogram, its scaling and the network are the package's; only its cutting into blocks of 100 frames (with the
last one padded with zeros) is left out, since one second is one block of 44 frames. The sounds are those in
``examples/sounds`` and, where they are at hand, clips of the retrieval set. Every one of them is CC0 or CC BY by name.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from make_sfx_weights import CHECKPOINT, read_encoder

REPOSITORY = Path(__file__).resolve().parent.parent
CLIPS = """
d0004 d0030 d0044 d0054 d0083 d0091 d0290 d0506 d0593 d0599 d0677 d0714 d0790 d0859 d0873 d0970 d1021 d1151
d1348 d1465 d1527 d1581 d1654 d1853 d1901 d1970 d1973 d2018 d2150 d2194 d2309 d2506 d2538 d2693 d2780
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("package", type=Path, help="folder with the unzipped aisfx wheel")
    parser.add_argument("clips", type=Path, help="folder with the clips of the retrieval set")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "tests" / "data" / "sfx_reference.npz")
    arguments = parser.parse_args()

    sys.path.insert(0, str(arguments.package))
    from aisfx.models.cnn2d import EmbeddingNet
    from aisfx.preprocessing import spectrogram_normalize
    from aisfx.spectrogram.spectrogram_librosa import compute_spectrogram

    network = EmbeddingNet("max", 3, 1, 64)
    checkpoint = arguments.package / CHECKPOINT
    tensors = read_encoder(checkpoint.read_bytes(), checkpoint)
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()})
    network.eval()

    sounds = {path.stem: path for path in sorted((REPOSITORY / "examples" / "sounds").glob("*.ogg"))}
    sounds |= {name: arguments.clips / f"{name}.ogg" for name in CLIPS.split()}
    vectors = []
    for path in sounds.values():
        # The arguments are those of aisfx/inference.py.
        spectrogram = compute_spectrogram(
            filename=str(path), sr=44100.0, block_size=2048, hop_size=1024, n_mels=96, f_min=0.0, f_max=22050.0
        )
        frames = torch.Tensor(spectrogram_normalize(spectrogram).T[None])
        with torch.no_grad():
            vectors.append(network(frames)[0].numpy())
    rows = np.stack(vectors)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(arguments.out, names=np.array(list(sounds)), vectors=rows.astype(np.float16))
    print(f"{arguments.out}: {len(rows)} sounds, {arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
