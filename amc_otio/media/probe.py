"""What a media file holds, or in plain words why it cannot be used."""

from __future__ import annotations

from pathlib import Path

from amc_otio.errors import MediaError
from amc_otio.media.sniff import sniff
from amc_otio.media.streams import AudioStream, MediaInfo, Reader

__all__ = ["AudioStream", "MediaInfo", "open_reader", "probe"]


def open_reader(path: Path) -> Reader:
    """Open `path` with soundfile where that can read it and with PyAV elsewhere. The caller closes it.

    Raises
    ------
    MediaError
        Missing, a folder, empty, a playlist in disguise, or not media.
    """
    # The decoders are imported here: their libraries take a while, and most commands open no media.
    kind = sniff(path)
    if kind.soundfile:
        from amc_otio.media.soundfile_reader import NotForSoundfileError, SoundfileReader

        try:
            return SoundfileReader(path, kind.container)
        except NotForSoundfileError:
            pass
    from amc_otio.media.pyav_reader import PyAVReader

    return PyAVReader(path)


def probe(path: Path | str) -> MediaInfo:
    """Read what `path` holds, without decoding it.

    A file without sound is no error: its `streams` are empty.

    Raises
    ------
    MediaError
        It is missing, a folder, empty, a playlist in disguise, text, or not media; the message says which.
    """
    path = Path(path)
    reader = open_reader(path)
    try:
        info = reader.info()
    finally:
        reader.close()
    if not info.streams and not info.has_picture:
        raise MediaError(
            path,
            "it is not a media file that can be read: no sound, no moving pictures",
            "relink the clip to a media file",
        )
    return info
