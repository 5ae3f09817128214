"""Checkpoints that people publish: what they are, their licence, where to get them, whether they are run here.

Sizes are those that the publisher's page shows; a hash stands here only where it was seen on the publisher's own page.
"unknown" is said rather than guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from amc_otio.representations.imagebind import LICENCE as IMAGEBIND_LICENCE

UNKNOWN: Final = "unknown"
_LAION = "https://huggingface.co/lukewys/laion_clap/resolve/main/"
_HF = "https://huggingface.co/laion/"
_FUSION = "fusion: its tower also takes four views of sounds longer than ten seconds, which a window never is"


@dataclass(frozen=True)
class Known:
    """A published checkpoint.

    Attributes
    ----------
    name
        What the model is called here, and what ``models pull`` takes.
    kind
        The representation that runs it.
    file
        Its file name at the publisher's.
    url
        Where the file is.
    architecture
        For people.
    size
        As the publisher's page shows it, or ``"unknown"``.
    licence
        Of the weights, by the publisher's page, or ``"unknown"``.
    trained_on
        In a few words.
    refusal
        Why it is not run here, or an empty text.
    sha256
        Of the file, or an empty text where it is not known.
    """

    name: str
    kind: str
    file: str
    url: str
    architecture: str
    size: str
    licence: str
    trained_on: str
    refusal: str = ""
    sha256: str = ""


def _laion(file: str, architecture: str, size: str, trained_on: str, refusal: str = "") -> Known:
    return Known(
        file.removesuffix(".pt"), "clap", file, _LAION + file, architecture, size, "CC0-1.0", trained_on, refusal
    )


def _huggingface(name: str, architecture: str, size: str, licence: str, trained_on: str, refusal: str = "") -> Known:
    file = "pytorch_model.bin"
    return Known(
        name, "clap", file, f"{_HF}{name}/resolve/main/{file}", architecture, size, licence, trained_on, refusal
    )


CHECKPOINTS: Final[tuple[Known, ...]] = (
    _laion("630k-audioset-best.pt", "HTSAT-tiny", "1.86 GB", "LAION-Audio-630K and AudioSet"),
    _laion("630k-best.pt", "HTSAT-tiny", "1.86 GB", "LAION-Audio-630K"),
    _laion("music_audioset_epoch_15_esc_90.14.pt", "HTSAT-base", UNKNOWN, "music and AudioSet"),
    _laion("music_speech_audioset_epoch_15_esc_89.98.pt", "HTSAT-base", UNKNOWN, "music, speech and AudioSet"),
    _laion("music_speech_epoch_15_esc_89.25.pt", "HTSAT-base", UNKNOWN, "music and speech"),
    _laion("630k-audioset-fusion-best.pt", "HTSAT-tiny, fusion", "1.86 GB", "LAION-Audio-630K and AudioSet", _FUSION),
    _laion("630k-fusion-best.pt", "HTSAT-tiny, fusion", "1.86 GB", "LAION-Audio-630K", _FUSION),
    _huggingface("clap-htsat-unfused", "HTSAT-tiny", "615 MB", "Apache-2.0", "as 630k-audioset-best, LAION says"),
    _huggingface("larger_clap_general", "HTSAT-base", UNKNOWN, UNKNOWN, "general sound, music and speech"),
    _huggingface("larger_clap_music", "HTSAT-base", UNKNOWN, UNKNOWN, "music"),
    _huggingface("larger_clap_music_and_speech", "HTSAT-base", UNKNOWN, UNKNOWN, "music and speech"),
    _huggingface("clap-htsat-fused", "HTSAT-tiny, fusion", "615 MB", UNKNOWN, "as 630k-audioset-fusion-best", _FUSION),
    Known(
        "imagebind_huge",
        "imagebind",
        "imagebind_huge.pth",
        "https://dl.fbaipublicfiles.com/imagebind/imagebind_huge.pth",
        "ImageBind huge, audio tower",
        "4.5 GB",
        IMAGEBIND_LICENCE,
        "AudioSet and five other modalities",
    ),
)


def by_name(name: str) -> Known | None:
    """The checkpoint of that name, or ``None``."""
    return next((known for known in CHECKPOINTS if known.name == name), None)


def by_file(file: str, sha256: str, folder: str = "") -> Known | None:
    """The checkpoint that a file seems to be: by hash where it is known, else by the file's or its folder's name."""
    for known in CHECKPOINTS:
        if known.sha256 and known.sha256 == sha256:
            return known
    return next((known for known in CHECKPOINTS if file == known.file != "pytorch_model.bin"), None) or by_name(folder)
