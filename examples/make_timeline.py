#!/usr/bin/env python3
"""Write match_cut.otio: a timeline of seven shots from the two bundled films (24 and 25 frames a second).

Run it from any folder; it writes beside itself. The cuts are those of the Sintel trailer, so that each shot is one
that its editor made.
"""

from pathlib import Path

import opentimelineio as otio

RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange
HERE = Path(__file__).resolve().parent

# name, file, media rate, media frames, first frame used, frames used
SHOTS = [
    ("Shaman", "media/sintel_trailer.mp4", 24, 1246, 288, 46),
    ("Sintel listens", "media/sintel_trailer.mp4", 24, 1246, 334, 62),
    ("Ruined city", "media/sintel_trailer.mp4", 24, 1246, 571, 50),
    ("Bunny wakes", "media/bbb_opening_25fps.mp4", 25, 131, 30, 50),
    ("Dragons", "media/sintel_trailer.mp4", 24, 1246, 621, 37),
    ("Sintel and dragon", "media/sintel_trailer.mp4", 24, 1246, 672, 46),
    ("Desert", "media/sintel_trailer.mp4", 24, 1246, 840, 72),
]


def shot(name: str, url: str, rate: int, length: int, first: int, frames: int) -> otio.schema.Clip:
    """One shot; a link group ties its picture and sound together, as an editor's export does."""
    return otio.schema.Clip(
        name=name,
        media_reference=otio.schema.ExternalReference(url, TR(RT(0, rate), RT(length, rate))),
        source_range=TR(RT(first, rate), RT(frames, rate)),
    )


def main() -> None:
    """Build and write the timeline."""
    timeline = otio.schema.Timeline("Match cut", global_start_time=RT(24 * 3600, 24))
    video = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    audio = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    for number, values in enumerate(SHOTS, 1):
        for track in (video, audio):
            clip = shot(*values)
            clip.metadata["Resolve_OTIO"] = {"Link Group ID": number}
            track.append(clip)
    timeline.tracks.extend([video, audio])
    timeline.tracks.markers.append(
        otio.schema.Marker("match here", TR(RT(46, 24), RT(1, 24)), otio.schema.MarkerColor.RED)
    )
    timeline.to_json_file(str(HERE / "match_cut.otio"))


if __name__ == "__main__":
    main()
